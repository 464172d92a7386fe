"""What a batch has done, photo by photo, in a file that only grows: one line of JSON each.  Standard library only.

A line about a photo is written before its result is begun, and another when that is in its place or has failed.  So a
batch that ends at any moment, however it ends, knows which results are its own, and what is left to do.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from ...shared.errors import file_error
from ...shared.network import digest
from ...shared.strenum import StrEnum

NAME = "manifest.jsonl"


class Status(StrEnum):
    """What became of a photo."""

    BEGUN = "begun"  # a batch works on it, or was ended while it did
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line about a photo.

    result: the result's path, from the folder of the results on; photo: the photo's, as it was given.  recipe: the
    fingerprint of what was done.  photo_stamp, result_stamp: `stamp` of the files as they were, the latter also of an
    older result of ours that a failure has left there; photo_digest, mask_digest: SHA-256 of what was read.
    code, sentence: of a failure.  notes: sentences for the person.  seconds: of reading, working and writing.
    """

    result: str
    photo: str
    status: Status
    recipe: str = ""
    photo_stamp: str = ""
    photo_digest: str = ""
    mask_digest: str = ""
    result_stamp: str = ""
    code: str = ""
    sentence: str = ""
    notes: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()


class Manifest:
    """The manifest of one folder of results."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME

    def entries(self) -> dict[str, Entry]:
        """The last line about each result, by the result.  A line that a power cut has cut off counts as not written.

        Raises UserError.
        """
        try:
            lines = self.file.read_bytes().splitlines() if self.file.exists() else []
        except OSError as error:
            raise file_error(self.file, error) from None
        found = (entry for line in lines if (entry := of_json(line)))
        return {entry.result: entry for entry in found}

    @contextlib.contextmanager
    def open(self) -> Iterator["Writer"]:
        """Within, lines can be added.  Raises UserError."""
        try:
            with self.file.open("a+b", buffering=0) as opened:
                size = opened.seek(0, os.SEEK_END)
                opened.seek(max(0, size - 1))
                if opened.read(1) not in (b"", b"\n"):
                    opened.write(b"\n")  # what comes next is a line of its own
                yield Writer(self.file, cast(BinaryIO, opened))
        except OSError as error:
            raise file_error(self.file, error) from None


class Writer:
    """Adds lines to a manifest."""

    def __init__(self, file: Path, opened: BinaryIO) -> None:
        self._file, self._opened, self._is_flushed = file, opened, True

    def add(self, line: Entry | dict[str, object]) -> None:
        """Add a line, with the time.  It survives this process, and after `flush` a power cut.  Raises UserError."""
        written = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **as_dict(line)}
        try:
            content = json.dumps(written).encode() + b"\n"
            if self._opened.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise file_error(self._file, error) from None
        self._is_flushed = False

    def flush(self) -> None:
        """Wait until all lines are on the disk.  Raises UserError."""
        if not self._is_flushed:
            try:
                os.fsync(self._opened.fileno())
            except OSError as error:
                raise file_error(self._file, error) from None
            self._is_flushed = True


def as_dict(line: Entry | dict[str, object]) -> dict[str, object]:
    """What is written of a line: nothing that is empty."""
    found = asdict(line) if isinstance(line, Entry) else line
    return {key: value for key, value in found.items() if value not in ("", ())}


def of_json(line: bytes) -> Entry | None:
    """The entry of a line; None for any other line."""
    try:
        found = json.loads(line)
        known = {field.name for field in fields(Entry)}
        given = {key: value for key, value in found.items() if key in known}
        given |= {key: tuple(given[key]) for key in ("notes", "seconds") if key in given}
        return Entry(**{**given, "status": Status(given["status"])})
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def stamp(file: Path) -> str:
    """What tells cheaply whether a file is still the same: its size and its time; "" where there is none."""
    try:
        state = file.stat()
    except OSError:
        return ""
    return f"{state.st_size} {state.st_mtime_ns}"


def content(file: Path | None) -> str:
    """The SHA-256 of a file, "" where there is none to be read."""
    if file is None:
        return ""
    try:
        return digest(file)
    except OSError:
        return ""

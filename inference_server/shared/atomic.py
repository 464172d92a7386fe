"""Files that are whole at every moment.  Standard library only.

A new file is written beside the one it is to replace, under a name that nobody else uses, flushed to the disk, and
moved into its place in one step.  Whoever reads meanwhile, and whoever comes after a power cut, finds the old file or
the new one.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

CANNOT_FLUSH = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)  # what file systems answer that cannot be asked to
NEXT_TO_NOTHING = 2**20  # bytes: with fewer free, writing that failed for no reason failed for want of room
UNFINISHED = re.compile(r"\.(.*)\.[0-9a-f]{16}\.part", re.DOTALL)  # what a file is called while it is written
BUSY_SECONDS = 2.0  # that a file is waited for which somebody reads
FITS = 40  # characters of a name that fit into another's 255 bytes, in every script


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file so that whoever reads it meanwhile finds the old or the new one, never a part.

    private: only this user may read it (0600).  Raises OSError; the old file is then untouched.
    """

    def write(unfinished: Path) -> None:
        unfinished.write_bytes(content)

    def check(unfinished: Path) -> None:
        if unfinished.stat().st_size != len(content):
            raise OSError(errno.EIO, "Not all of it was written", str(path))

    replace_atomically(path, write, check=check, private=private)


def replace_atomically(
    path: Path,
    write: Callable[[Path], None],
    *,
    check: Callable[[Path], None] | None = None,
    overwrite: bool = True,
    private: bool = False,
) -> None:
    """Have write(unfinished) fill a file beside `path`, then put it in the place of `path`.

    write: is given an empty file.  check: looks at what was written, and raises where that is not well.  overwrite:
    whether a file that exists is replaced; it keeps its rights, and a link to it stays one.  private: only this user
    may read the new file (0600).

    Raises OSError (FileExistsError unless overwrite), and what `write` and `check` raise; the old file is then
    untouched and nothing unfinished stays.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    before = _state(target)
    if before and not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    unfinished = target.with_name(f".{target.name[:FITS]}.{secrets.token_hex(8)}.part")
    try:
        # What replaces a file is nobody else's until it has that one's rights.
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private or before else 0o666))
        write(unfinished)
        _flush(unfinished)
        if check:
            check(unfinished)
        if before and not private:
            _give_rights(unfinished, before)
        if overwrite:
            _put_in_place(unfinished, target)
        else:
            _move_to_free_name(unfinished, target)
    except BaseException as error:
        is_full = isinstance(error, OSError) and error.errno == errno.EIO and _free(target) < NEXT_TO_NOTHING
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    _flush_folder(target.parent)


def remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove what a process that was killed has left of files that it was to write.

    Only where no other process writes these files.
    """
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(path.name[:FITS])
    for folder, begun in names.items():
        with contextlib.suppress(OSError):
            for file in folder.iterdir():
                found = UNFINISHED.fullmatch(file.name)
                if found and found[1] in begun:
                    file.unlink(missing_ok=True)


def _state(target: Path) -> os.stat_result | None:
    """What is known of a file that exists.  Raises OSError where it is a folder or a device."""
    try:
        state = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "Not an ordinary file", str(target))
    return state


def _free(target: Path) -> int:
    """Bytes that are free where a file is to be."""
    try:
        return shutil.disk_usage(target.parent).free
    except OSError:
        return NEXT_TO_NOTHING


def _flush(file: Path) -> None:
    """Wait until a file is on its disk.  Raises OSError: some file systems say only here that they are full."""
    handle = os.open(file, os.O_RDWR)  # Windows flushes only what may be written
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANNOT_FLUSH:
            raise
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Have a file's new name on the disk too, where the system can; the file itself is."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _give_rights(file: Path, before: os.stat_result) -> None:
    """Give a file the owner, the group and the rights of another, as far as this user may."""
    if os.name != "posix":
        return
    mode = before.st_mode & 0o777
    with contextlib.suppress(OSError):  # only an administrator gives files away
        os.chown(file, before.st_uid, -1)
    try:
        os.chown(file, -1, before.st_gid)
    except OSError:
        mode &= ~0o070 | (mode & 0o007) << 3  # to this user's group it is a file like to anybody
    with contextlib.suppress(OSError):  # a disk without rights
        file.chmod(mode)


def _put_in_place(unfinished: Path, target: Path) -> None:
    """Rename a file, onto another if there is one.  Raises OSError.

    Windows refuses that while somebody reads the other, a virus scanner for one.
    """
    limit = time.monotonic() + (BUSY_SECONDS if sys.platform == "win32" else 0)
    while True:
        try:
            unfinished.replace(target)
            return
        except PermissionError:
            if time.monotonic() >= limit:
                raise
        time.sleep(0.01)


def _move_to_free_name(unfinished: Path, target: Path) -> None:
    """Rename a file, but never onto another.  Raises FileExistsError."""
    if os.name == "nt":
        unfinished.rename(target)  # which refuses there
        return
    try:
        target.hardlink_to(unfinished)  # which refuses too, where a rename would not
    except FileExistsError:
        raise
    except OSError:  # a disk without links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        unfinished.replace(target)
    else:
        unfinished.unlink()

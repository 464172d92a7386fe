"""Files that are whole at every moment.  Standard library only."""

import contextlib
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file so that whoever reads it meanwhile finds the old or the new one, never a part.

    private: only this user may read it (0600).  Raises OSError; the old file is then untouched.
    """

    def write(unfinished: Path) -> None:
        if private:
            unfinished.touch(0o600)
        unfinished.write_bytes(content)

    replace_atomically(path, write)


def replace_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Have write(unfinished) make a file beside `path`, then put it in the place of `path`.

    Raises OSError, and what `write` raises; the old file is then untouched and nothing unfinished stays.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.unlink(missing_ok=True)
        write(unfinished)
        unfinished.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise

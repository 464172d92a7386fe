"""Room on disks.  Standard library only."""

import shutil
from pathlib import Path

from .errors import ErrorCode, UserError
from .text import tr

MB = 2**20


def free(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be.  Raises OSError."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_space(folder: Path, needed: int) -> None:
    """Raise UserError where there is no room for so many bytes; OSError where that cannot be known."""
    left = free(folder)
    if left < needed:
        sizes = {"folder": folder, "needed": -(-needed // MB), "free": left // MB}
        sentence = tr("{needed} MB are needed, and the disk of {folder} has only {free} MB left.", **sizes)
        raise UserError(ErrorCode.DISK_FULL, sentence, "Free some space and try again.")

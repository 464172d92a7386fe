"""Where this user's files are, and the lock that makes a server the only one.  Standard library only.

Everything is in one private folder: a program in a sandbox needs access to that one alone.  What is ours in it:

    models/        downloaded weights
    venv/          the server's own Python environment
    python/        a Python for that, where the machine had none
    uv/            the installer of packages, where the machine had none
    keys/          CURVE key pairs, for when the server is reached over TCP
    server.sock    the socket, where the platform has Unix sockets
    server.json    how to reach the running server: address, public key, process id
    server.lock    held as long as a server runs
    server.log     what was done, and server.log.1 what was done before
    packages.log   what the installer of Python packages has said last
    setup.lock     held as long as something is being installed
    dialogs/       who holds the dialog of which image
    settings.json  the person's preferences
    embeddings/    what the models have seen of photos, where `serve --keep-embeddings` keeps it
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from .errors import ErrorCode, UserError, file_error
from .text import tr

FLATPAK = Path("/.flatpak-info")  # is there where this process runs in a Flatpak
HOME_VARIABLE = "INPAINT_ANYTHING_HOME"
EMBEDDINGS = "embeddings"
# All that is ever made in the private folder; the last are files that are being written.
OWN_NAMES = (
    *("models", "venv", "keys", "server.sock", "server.json", "server.lock", "server.log", "server.log.1"),
    *(
        "python",
        "uv",
        "setup.lock",
        "settings.json",
        "packages.log",
        "dialogs",
        EMBEDDINGS,
        ".server.json.*.part",
        ".settings.json.*.part",
    ),
    "server.start",  # of older versions
)


def home() -> Path:
    """The private folder: $INPAINT_ANYTHING_HOME, or the platform's usual place for a program's data."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "Inpaint Anything"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Inpaint Anything"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "inpaint-anything"


def private_folder(path: Path) -> Path:
    """Make `path` if need be and see to it that nobody but this user can look inside (0700).

    Raises UserError where it cannot be made, and where others can look into a folder that is not ours alone: its rights
    are not ours to change.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not is_private(path):
            strange = foreign(path) if path == home() else []
            if strange:
                raise UserError(
                    ErrorCode.NO_FOLDER,
                    tr(
                        "{folder} holds other files, {name} for one, and others can look into it.",
                        folder=path,
                        name=strange[0].name,
                    ),
                    tr("Choose a folder of its own in the variable {variable}.", variable=HOME_VARIABLE),
                )
            path.chmod(0o700)
    except OSError as error:
        raise file_error(path, error) from None
    return path


def is_private(path: Path) -> bool:
    """Whether nobody but this user can look into a folder, as far as the system tells.  Raises OSError."""
    if os.name != "posix":
        return True
    state = path.stat()
    return state.st_uid == os.getuid() and not state.st_mode & 0o077


def foreign(folder: Path) -> list[Path]:
    """What a private folder holds that is not ours.  Raises OSError."""
    return sorted(path for path in folder.iterdir() if not any(fnmatch(path.name, name) for name in OWN_NAMES))


def venv_python(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@contextmanager
def only_instance(path: Path) -> Iterator[bool]:
    """Hold the lock file `path`; yields False, without the lock, when another process has it.

    The lock belongs to the open file, so it ends with the process, however that ends.
    """
    with locked(path) as file:
        yield file is not None


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO | None]:
    """As `only_instance`, but yields the file, or None without the lock: a process that inherits it holds the lock too,
    where the system is POSIX."""
    with path.open("a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
        else:
            yield file


def server_runs() -> bool:
    """Whether some process holds the server's lock.  If none does, the endpoint that a killed one left is removed.

    Raises UserError.
    """
    lock = home() / "server.lock"
    if not lock.exists():
        return False
    try:
        with only_instance(lock) as free:
            if free:
                (home() / "server.json").unlink(missing_ok=True)
            return not free
    except OSError as error:
        raise file_error(error.filename or lock, error) from None

"""What the person has settled once for all photos: which server does the work.  Standard library only.

They are in settings.json of the private folder, which the plug-in and the server read.  A file that cannot be read
counts as none, and stays as it is until the person changes something.
"""

import errno
import json
import re
from dataclasses import asdict, dataclass

from . import paths
from .atomic import write_atomically
from .errors import ErrorCode, UserError, disk_full_error, wrong_input
from .text import tr

KEY = re.compile(r"[0-9A-Za-z.:+=^!/*?&<>()\[\]{}@%$#-]{40}")  # of CURVE, in Z85
_ADDRESS = re.compile(r"(?:tcp://)?((?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5})")
LONGEST_IDLE = 7 * 24 * 60


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """address: "tcp://HOST:PORT" of another machine's server, "" for this machine's own.  server_key: that server's
    public key.  idle_minutes: after so long without work this machine's own server leaves."""

    address: str = ""
    server_key: str = ""
    idle_minutes: int = 15


def checked(given: Preferences) -> Preferences:
    """`given`, its address written out in full.  Raises UserError for what cannot be meant."""
    address, key = given.address.strip(), given.server_key.strip()
    if address:
        found = _ADDRESS.fullmatch(address)
        if not found or not 0 < int(found[1].rpartition(":")[2]) < 1 << 16:
            raise wrong_input(
                tr("“{address}” is not the address of a server.", address=address),
                "It has a name or a number, a colon and a port: studio.local:5590.",
            )
        if not KEY.fullmatch(key):
            raise wrong_input(
                "That is not the key of a server, which has 40 letters, digits and signs.",
                "On the server's machine, “keys” on the command line prints it.",
            )
        address = f"tcp://{found[1]}"
    if not 1 <= given.idle_minutes <= LONGEST_IDLE:
        raise wrong_input(tr("The idle time is 1 to {longest} minutes.", longest=LONGEST_IDLE))
    return Preferences(address=address, server_key=key, idle_minutes=given.idle_minutes)


def of_code(text: str) -> tuple[str, str] | None:
    """The address and the key of the code that another machine's server is named by; None for any other text."""
    parts = text.split()
    if len(parts) != 2 or not _ADDRESS.fullmatch(parts[0]) or not KEY.fullmatch(parts[1]):
        return None
    return parts[0].removeprefix("tcp://"), parts[1]


def code(address: str, server_key: str) -> str:
    """What a person pastes elsewhere to use the server at an address."""
    return f"{address.removeprefix('tcp://')} {server_key}"


def read() -> Preferences:
    """The preferences that were written last, or the defaults."""
    try:
        content = json.loads((paths.home() / "settings.json").read_text("utf-8"))
        chosen = Preferences(**content)
        if [type(value) for value in asdict(chosen).values()] == [str, str, int]:
            return checked(chosen)
    except (OSError, ValueError, TypeError, RecursionError, UserError):
        pass
    return Preferences()


def write(chosen: Preferences) -> None:
    """Keep the preferences.  Raises UserError."""
    content = json.dumps(asdict(checked(chosen)), indent=1)
    file = paths.home() / "settings.json"
    try:
        paths.private_folder(file.parent)
        write_atomically(file, content.encode(), private=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full_error(file) from None
        raise UserError(
            ErrorCode.NO_SETTINGS, tr("{file} cannot be written: {error}.", file=file, error=error.strerror)
        ) from None

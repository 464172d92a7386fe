"""How a server is reached.  Standard library only."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from . import paths
from .atomic import write_atomically
from .messages import VERSION


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """address: "ipc://PATH" or "tcp://HOST:PORT".  server_key: its public CURVE key, "" where nothing is encrypted.

    remote: whether it is another machine's.  pid, version: of this machine's own server, its process and the version of
    the protocol it speaks.
    """

    address: str
    server_key: str = ""
    remote: bool = False
    pid: int = 0
    version: int = VERSION


def file() -> Path:
    """Where the running server writes how it is reached."""
    return paths.home() / "server.json"


def running() -> Endpoint | None:
    """The endpoint of this user's running server, or None where none runs."""
    if not paths.server_runs():
        return None
    try:
        found = Endpoint(**json.loads(file().read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found.address, str) and isinstance(found.server_key, str) else None


def publish(endpoint: Endpoint) -> None:
    """Let this user's programs know how the server is reached.  Raises OSError."""
    write_atomically(file(), json.dumps(asdict(endpoint)).encode(), private=True)


def withdraw() -> None:
    """Take `publish` back."""
    file().unlink(missing_ok=True)

"""The connection to the server: where it is installed, reaching it, and asking it about a photo."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from inference_server.shared import client as server_client
from inference_server.shared import keys, paths, processes
from inference_server.shared.client import Client, OpenLink
from inference_server.shared.endpoint import Endpoint
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Depth, R, Request
from inference_server.shared.monitor import UNWATCHED, Monitor
from inference_server.shared.relay_link import Relays
from inference_server.shared.text import tr
from inference_server.shared.wire import attach

if TYPE_CHECKING:
    from ..image.photo_layer import Proxy

RECORD = Path(__file__).parents[2] / "installation.json"  # which install.py has written

Partial = Callable[[Any, list[bytes]], None]  # (message, frames) of what comes before the last result


@dataclass(frozen=True, kw_only=True)
class PhotoRequest(Generic[R]):
    """A request that is answered with an R, with its frames.

    proxy: of the photo it is about, which is sent only to a server that does not know the photo; None where the request
    does not depend on what the photo shows.
    """

    message: Request[R]
    frames: Sequence[bytes] = ()
    proxy: "Proxy | None" = None

    def send(
        self, client: Client, *, monitor: Monitor = UNWATCHED, partial: Partial | None = None
    ) -> tuple[R, list[bytes]]:
        """Ask, and wait for the result and its frames; arguments as in `Client.request`.  Raises UserError."""
        try:
            return client.request(self.message, self.frames, monitor=monitor, partial=partial)
        except UserError as error:
            if error.code != ErrorCode.UNKNOWN_IMAGE or self.proxy is None:
                raise
        frames = [*self.frames]
        proxy = attach(frames, self.proxy.width, self.proxy.height, 3, Depth.UINT8, self.proxy.rgb)
        message: Any = self.message  # one of those that have an image
        message = replace(message, image=replace(message.image, proxy=proxy))
        return client.request(message, frames, monitor=monitor, partial=partial)


def ask(message: Request[R], *, monitor: Monitor = UNWATCHED, partial: Partial | None = None) -> R:
    """Ask a single request on a connection of its own, and wait for the result.  Raises UserError."""
    with connect(lambda _sentence: None) as client:
        return client.request(message, monitor=monitor, partial=partial)[0]


def connect(waiting: Callable[[str], None]) -> Client:
    """A connection to the server, which is started where none runs; waiting(sentence) is called meanwhile.

    Raises UserError.
    """
    return server_client.connect(command_of("serve"), waiting, _link_opener())


def to_server(found: Endpoint) -> Client:
    """A connection to a server that runs.  Raises UserError."""
    return Client(found, _link_opener())


def prepare() -> None:
    """Have what `connect` will need be started meanwhile."""
    with contextlib.suppress(UserError):  # which `connect` raises again
        if find_spec("zmq") is None:  # importing it would take as long as it is to save
            _relays().prepare()


def own_key() -> str:
    """This user's public key, made on first use.  Raises UserError."""
    try:
        return keys.kept(keys.OWN)[0]
    except UserError:  # there is none yet
        with contextlib.suppress(OSError):
            processes.run(command_of("keys"))
        return keys.kept(keys.OWN)[0]


def _link_opener() -> OpenLink:
    """What reaches the server from here: a socket where this Python has pyzmq, else a relay.  Raises UserError."""
    try:
        import zmq  # noqa: F401  whether it can be
    except ImportError:
        return _relays().open
    return server_client.own_socket


@cache
def _relays() -> Relays:
    return Relays(command_of("relay"))


def command_of(*words: str) -> list[str]:
    """The command line of one of the server's commands.  Raises UserError where it is not installed."""
    command = [server_python(), "-m", "inference_server", *words]
    if paths.FLATPAK.exists() and not _brings_server():  # install.py has put it outside GIMP's Flatpak
        return ["flatpak-spawn", "--host", f"--env={paths.HOME_VARIABLE}={paths.home()}", *command]
    return command


def _brings_server() -> bool:
    """Whether the plug-in was downloaded with its server, which Set Up installs: in a Flatpak, inside that."""
    return (RECORD.parent / "wheel").is_dir()


def server_python() -> str:
    """The server's Python: as install.py has recorded it, or where Set Up puts it.  Raises UserError where it is not
    installed."""
    if _brings_server():
        if (paths.home() / "venv" / "installed").is_file():
            return str(paths.venv_python(paths.home() / "venv"))
        remedy = "Open Filters > Inpaint Anything > Settings, which installs it."
        raise UserError(ErrorCode.NO_SERVER, "The inference server is not installed.", remedy)
    try:
        record = json.loads(RECORD.read_text("utf-8"))
        python, home = record["python"], record["home"]
    except (OSError, ValueError, LookupError):
        raise UserError(ErrorCode.NO_SERVER, "The inference server is not installed.", "Run install.py.") from None
    os.environ.setdefault(paths.HOME_VARIABLE, home)
    if not Path(python).exists() and not paths.FLATPAK.exists():
        sentence = tr("The inference server is gone: there is no {file}.", file=python)
        raise UserError(ErrorCode.NO_SERVER, sentence, "Run install.py again.")
    return str(python)

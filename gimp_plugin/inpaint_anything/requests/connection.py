"""The connection to the server: where it is installed, reaching it, and asking it about a photo."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic

from inference_server.shared import paths
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Depth, R, Request
from inference_server.shared.monitor import UNWATCHED, Monitor
from inference_server.shared.text import tr
from inference_server.shared.wire import attach

if TYPE_CHECKING:
    from inference_server.shared.client import Client

    from ..image.photo_layer import Proxy

FLATPAK = Path("/.flatpak-info")  # is there where GIMP runs as a Flatpak
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
        self, client: "Client", *, monitor: Monitor = UNWATCHED, partial: Partial | None = None
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


def connect(waiting: Callable[[str], None]) -> "Client":
    """A connection to the server, which is started where none runs; waiting(sentence) is called meanwhile.

    Raises UserError.
    """
    start_with = [server_python(), "-m", "inference_server", "serve"]
    if FLATPAK.exists():  # the server lives outside GIMP's Flatpak
        start_with = ["flatpak-spawn", "--host", f"--env={paths.HOME_VARIABLE}={paths.home()}", *start_with]
    connected: Client = client_module().connect(start_with, waiting)
    return connected


def client_module() -> ModuleType:
    """`inference_server.shared.client`, which needs pyzmq.  Raises UserError where GIMP's Python has none."""
    try:
        from inference_server.shared import client
    except ImportError:
        raise UserError(
            ErrorCode.NO_PYZMQ,
            "Inpaint Anything cannot talk to its server: GIMP's Python has no pyzmq.",
            "Run install.py again; on Debian, sudo apt install python3-zmq does it too.",
        ) from None
    return client


def server_python() -> str:
    """The server's Python, as install.py has recorded it.  Raises UserError where it is not installed."""
    try:
        record = json.loads(RECORD.read_text("utf-8"))
        python, home = record["python"], record["home"]
    except (OSError, ValueError, LookupError):
        raise UserError(ErrorCode.NO_SERVER, "The inference server is not installed.", "Run install.py.") from None
    os.environ.setdefault(paths.HOME_VARIABLE, home)
    if not Path(python).exists() and not FLATPAK.exists():
        sentence = tr("The inference server is gone: there is no {file}.", file=python)
        raise UserError(ErrorCode.NO_SERVER, sentence, "Run install.py again.")
    return str(python)

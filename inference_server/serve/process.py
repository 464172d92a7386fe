"""The server's process, and its log."""

import logging
import logging.handlers
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..shared import paths, preferences
from ..shared.errors import UserError, file_error
from . import server
from .worker import Launch

if TYPE_CHECKING:
    from .metrics_page import MetricsPage


def run(
    address: str | None,
    idle_seconds: float | None,
    launches: Sequence[Launch] = server.BEST_DEVICE,
    metrics_port: int | None = None,
) -> NoReturn:
    """Be this user's server, unless one runs already; leaves the process when it ends.

    address: as in `server.Server`, None for the private one; idle_seconds: after so long without work it leaves, None
    for what the preferences say; launches: as in `server.Server`; metrics_port: of loopback, on which it says what it
    does, None for nowhere.  Raises UserError.
    """
    home = paths.private_folder(paths.home())

    def idle() -> float:
        return preferences.read().idle_minutes * 60.0 if idle_seconds is None else idle_seconds

    try:
        _start_log(home)
        status = server.run(address, idle, launches, _page(metrics_port))
    except UserError as error:
        logging.getLogger("inference_server").error("not started: %s", error.code)
        raise
    except OSError as error:
        raise file_error(error.filename or home, error) from None
    logging.shutdown()
    os._exit(status)  # a download that waits for the network must not keep a stopped server alive


def _page(port: int | None) -> "MetricsPage | None":
    """The page on a port, if there is to be one.  Raises UserError."""
    if port is None:
        return None
    from .metrics_page import MetricsPage  # with http.server, which a server without a page does without

    return MetricsPage(port)


def _start_log(home: Path) -> None:
    """Photos' names and prompts are nobody's business: the log holds what was done and how long it took."""
    handler = logging.handlers.RotatingFileHandler(
        home / "server.log", maxBytes=1 << 20, backupCount=1, encoding="utf-8"
    )
    logging.raiseExceptions = False  # on a full disk it would print each line that it cannot write
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(message)s")

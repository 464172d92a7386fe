"""The server's process: its log, and the engine, which is loaded with the first request that needs it."""

import logging
import logging.handlers
import os
from typing import TYPE_CHECKING, NoReturn

from ..shared import messages, paths, preferences
from ..shared.errors import UserError
from ..shared.messages import ExpandPrompt, FetchModel, ImportModel, Job, ListModels, Locate, RemoveModel
from ..shared.monitor import Monitor
from . import model_requests, server
from .worker import Answer, Send

if TYPE_CHECKING:
    from ..engine import Engine


def run(address: str | None, idle_seconds: float | None) -> NoReturn:
    """Be this user's server, unless one runs already; leaves the process when it ends.

    address: as in `server.Server`, None for the private one; idle_seconds: after so long without work it leaves, None
    for what the preferences say.  Raises UserError.
    """
    _start_log()

    def idle() -> float:
        return preferences.read().idle_minutes * 60.0 if idle_seconds is None else idle_seconds

    try:
        status = server.run(Performer().perform, address, idle)
    except UserError as error:
        logging.getLogger("inference_server").error("%s", error)
        raise
    logging.shutdown()
    os._exit(status)  # a model in the middle of a long call must not keep a stopped server alive


class Performer:
    """Does what requests ask.  The engine and its libraries come with the first request that needs them, in the worker:
    Hello must be answered within a second, and a missing model be reported without waiting for them."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def perform(self, message: messages.AnyRequest, frames: list[bytes], monitor: Monitor, send: Send) -> Answer:
        """As `worker.Perform`."""
        match message:
            case ListModels() | FetchModel() | ImportModel() | RemoveModel():  # in threads of their own
                return model_requests.perform(message, monitor, send)
            case Locate(paints=True):
                _demand_painter(message.job, message.model)
            case ExpandPrompt():
                _demand_painter(message.job, message.paint.model)
        from ..engine import Engine
        from . import dispatch

        self._engine = self._engine or Engine()
        return dispatch.perform(self._engine, message, frames, monitor, send)


def _demand_painter(job: Job, model: str) -> None:
    """Raise UserError if `job` paints and lacks a model.  Needs the standard library alone, and milliseconds."""
    from ..fill import diffusion
    from ..models.store import Store

    if job in (Job.FILL, Job.REPLACE):
        diffusion.demand(Store(), job, model)


def _start_log() -> None:
    """Photos' names and prompts are nobody's business: the log holds what was done and how long it took."""
    home = paths.private_folder(paths.home())
    handler = logging.handlers.RotatingFileHandler(
        home / "server.log", maxBytes=1 << 20, backupCount=1, encoding="utf-8"
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(message)s")

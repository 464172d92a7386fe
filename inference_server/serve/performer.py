"""What a worker process does with requests: the engine and its libraries come with the first that needs them."""

import os
from typing import TYPE_CHECKING

from ..imaging.files import memory
from ..models.store import Store
from ..shared import messages
from ..shared.messages import ExpandPrompt, FetchModel, ImportModel, Job, ListModels, Locate, RemoveModel
from ..shared.monitor import Monitor
from . import worker_process
from .worker_process import Answer, Send

if TYPE_CHECKING:
    from ..engine import Engine

KEPT_VARIABLE = "INPAINT_ANYTHING_KEPT"  # megabytes of embeddings that a worker may keep on disk
MEGABYTE = 10**6
COPIES = 3  # of the pixels it is sent that a job holds at once, at least


class Performer:
    """Does what requests ask.  A missing model is reported without waiting for the engine's libraries."""

    def __init__(self, kept: int = 0, store: Store | None = None) -> None:
        """kept: megabytes of embeddings that may stay on disk for the processes after this one.  store: where models
        are, by default this user's."""
        self._kept, self._store = kept, store or Store()
        self._engine: Engine | None = None

    def perform(self, message: messages.AnyRequest, frames: list[bytes], monitor: Monitor, send: Send) -> Answer:
        """As `worker_process.Perform`."""
        match message:
            case ListModels() | FetchModel() | ImportModel() | RemoveModel():  # in processes of their own
                from . import model_requests

                return model_requests.perform(message, monitor, send)
            case Locate(paints=True):
                self._demand_painter(message.job, message.model)
            case ExpandPrompt():
                self._demand_painter(message.job, message.paint.model)
        memory.require(COPIES * sum(map(len, frames)), "this part of the photo")
        from . import dispatch

        self._engine = self._engine or self._new_engine()
        return dispatch.perform(self._engine, message, frames, monitor, send)

    def _new_engine(self) -> "Engine":
        from ..engine import Engine
        from ..select.kept_embeddings import KeptEmbeddings

        return Engine(self._store, kept=KeptEmbeddings(self._kept * MEGABYTE) if self._kept else None)

    def _demand_painter(self, job: Job, model: str) -> None:
        """Raise UserError if `job` paints and lacks a model.  Needs the standard library alone, and milliseconds."""
        from ..fill import diffusion

        diffusion.demand(self._store, job, model)


def kept_megabytes() -> int:
    """What this process was told of embeddings to keep."""
    told = os.environ.get(KEPT_VARIABLE, "")
    return int(told) if told.isdecimal() else 0


if __name__ == "__main__":
    worker_process.run(Performer(kept_megabytes()).perform)

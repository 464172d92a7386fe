"""A job that runs while a window stays alive: its steps on the main loop, its requests on a worker's thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gi.repository import GLib

from inference_server.shared.errors import UserError, cancelled_error
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Preview, Raster

from .background import internal_error
from .connection import PhotoRequest
from .worker import PendingRequest, RequestWorker

if TYPE_CHECKING:
    from ..image.layers import JobResult
    from .job_steps import Answer, PhotoJob


class JobRun:
    """The steps of one job.  The first is taken after the constructor has returned, and so is everything that follows:
    no callback is called before whoever starts a run has it."""

    def __init__(
        self,
        worker: RequestWorker,
        job: "PhotoJob",
        *,
        arrived: Callable[["JobResult"], None],
        preview: Callable[[Raster, list[bytes], Window], None],
        progress: Callable[[float, str], None],
        ended: Callable[[UserError | None], None],
    ) -> None:
        """arrived(result): for each result.  preview(picture, frames, window): what a window of the photo looks like by
        now.  progress(share, message).  ended(None) when all is done, else ended(error): the code is CANCELLED where
        the run was cancelled."""
        self._worker, self._job = worker, job
        self._arrived, self._preview, self._progress, self._ended = arrived, preview, progress, ended
        self._steps = job.steps(arrived)
        self._pending: PendingRequest[Any] | None = None
        self._cancelled = False
        worker.tasks.post(self._advance, None)

    def cancel(self) -> None:
        """End it as soon as may be."""
        self._cancelled = True
        if self._pending:
            self._pending.cancel()

    def _advance(self, answer: "Answer | None") -> None:
        """Take the next step."""
        self._pending = None
        try:
            if self._cancelled:
                raise cancelled_error()
            request = self._steps.send(answer)
        except StopIteration:
            self._ended(None)
        except UserError as error:
            self._ended(error)
        except Exception as error:
            self._ended(internal_error(error))
        else:
            if request is None:  # after drawing and whatever else waits
                self._worker.tasks.post(self._advance, None, priority=GLib.PRIORITY_DEFAULT_IDLE)
            else:
                self._ask(request)

    def _ask(self, request: PhotoRequest[Any]) -> None:
        def partial(message: object, frames: list[bytes]) -> None:
            if isinstance(message, Preview):
                window: Window = request.message.window  # type: ignore[attr-defined]  # an Inpaint: no other has previews
                self._preview(message.picture, frames, window)
            elif result := self._job.partial_result(message, frames):
                self._arrived(result)

        self._pending = self._worker.ask(
            request,
            lambda *answer: self._advance(answer),
            self._ended,
            progress=self._progress,
            partial=partial,
        )

"""A job done on the spot, without a window: the plug-in waits, and GIMP's own progress bar shows how far it is."""

from collections.abc import Callable

from gi.repository import Gimp

from inference_server.shared.messages import Job
from inference_server.shared.monitor import Monitor

from ..i18n import translated
from ..image.layers import JobResult
from .connection import connect
from .job_steps import WORKING, PhotoJob


class StatusBar:
    """GIMP's progress bar, whose Cancel button ends the plug-in."""

    def __init__(self, job: Job) -> None:
        Gimp.progress_init(WORKING[job])

    def __enter__(self) -> "StatusBar":
        return self

    def __exit__(self, *_: object) -> None:
        Gimp.progress_end()

    def waiting(self, sentence: str) -> None:
        """Show what is waited for, for as long as that takes."""
        Gimp.progress_set_text(translated(sentence))
        Gimp.progress_pulse()

    def progress(self, share: float, message: str) -> None:
        """Show that a share of the work, 0 to 1, is done."""
        Gimp.progress_set_text(translated(message))
        Gimp.progress_update(share)


def perform(job: PhotoJob, arrived: Callable[[JobResult], None]) -> None:
    """Do a job and wait for it; arrived(result) is called for each result.  Raises UserError."""

    def partial(message: object, frames: list[bytes]) -> None:
        if result := job.partial_result(message, frames):
            arrived(result)

    steps = job.steps(arrived)
    with StatusBar(job.settings.job) as bar, connect(bar.waiting) as client:
        monitor, answer = Monitor(on_progress=bar.progress), None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration:
                return
            answer = request.send(client, monitor=monitor, partial=partial) if request else None

"""A job done on the spot, without a window: the plug-in waits, and GIMP's own progress bar shows how far it is."""

from collections.abc import Callable

from gi.repository import Gimp

from inference_server.shared.monitor import Monitor

from ..expand_settings import ExpandSettings
from ..i18n import translated
from ..image.expansion import Expansion
from ..image.layers import JobResult, ResultLayers
from .connection import connect
from .job_steps import EXPANDING, WORKING, PhotoJob


class StatusBar:
    """GIMP's progress bar, whose Cancel button ends the plug-in."""

    def __init__(self, doing: str) -> None:
        """doing: what is done, for a person."""
        Gimp.progress_init(doing)

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


def perform(job: PhotoJob, arrived: Callable[[JobResult], None], doing: str = "") -> None:
    """Do a job and wait for it; arrived(result) is called for each result.  doing: what is done, where the job says
    it wrongly.  Raises UserError."""

    def partial(message: object, frames: list[bytes]) -> None:
        if result := job.partial_result(message, frames):
            arrived(result)

    steps = job.steps(arrived)
    with StatusBar(doing or WORKING[job.settings.job]) as bar, connect(bar.waiting) as client:
        monitor = Monitor(on_progress=lambda share, message: bar.progress(share, doing or message))
        answer = None
        while True:
            try:
                request = steps.send(answer)
            except StopIteration:
                return
            answer = request.send(client, monitor=monitor, partial=partial) if request else None


def expand(image: Gimp.Image, settings: ExpandSettings) -> ResultLayers:
    """Expand a photo and wait for it.  Raises UserError."""
    margins = settings.margins((image.get_width(), image.get_height()))
    with Expansion.of(image, margins) as expansion:
        results: list[JobResult] = []
        job = PhotoJob(photo=expansion.photo, target=expansion.target, settings=settings.job_settings)
        perform(job, results.append, "" if job.settings.paints else EXPANDING)
        return expansion.insert(results[-1], settings)

"""Getting models off the main loop, with progress and how long it will still take."""

import threading
import time
from collections.abc import Callable, Sequence

from inference_server.shared.errors import UserError
from inference_server.shared.messages import FetchModel, ImportModel
from inference_server.shared.monitor import Monitor

from ..i18n import time_left, translated
from ..requests import connection
from ..requests.background import BackgroundTasks

ESTIMATE_SECONDS = 3  # of a download before it is foretold how long it takes

Step = tuple[FetchModel | ImportModel, int]  # a request, and the bytes to download for it, 0 where that is not known


class Fetch:
    """Requests that bring models, asked one after the other as soon as this is made.  Lives on the main loop."""

    def __init__(
        self,
        tasks: BackgroundTasks,
        steps: Sequence[Step],
        *,
        progress: Callable[[float, str], None],
        ended: Callable[[UserError | None], None],
    ) -> None:
        """progress(share, text): how far it is, until it is cancelled.  ended(error): once; None when all have come,
        else why not, with the code CANCELLED where it was cancelled."""
        self._tasks, self._progress, self._ended = tasks, progress, ended
        self._cancelled = threading.Event()
        self._begun: tuple[float, float] | None = None  # time.monotonic() of its first progress, and the share then
        tasks.run(lambda: self._work(steps), lambda _nothing: ended(None), ended)

    def cancel(self) -> None:
        """End it; what has come is kept."""
        self._cancelled.set()

    def _work(self, steps: Sequence[Step]) -> None:
        monitor = Monitor(on_progress=self._report, is_cancelled=self._cancelled.is_set)
        weights = [max(1, size) for _message, size in steps]
        done, total = 0, sum(weights)
        for (message, _size), weight in zip(steps, weights, strict=True):
            monitor.check()
            connection.ask(message, monitor=monitor.part(done / total, (done + weight) / total))
            done += weight

    def _report(self, share: float, message: str) -> None:
        self._tasks.post(self._show, share, message)

    def _show(self, share: float, message: str) -> None:
        if not self._cancelled.is_set():
            self._progress(share, " · ".join(filter(None, (translated(message), self._time_left(share)))))

    def _time_left(self, share: float) -> str:
        """How long it will go on, "" while that is not known."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = (now, share) if share > 0 else None
            return ""
        passed, came = now - self._begun[0], share - self._begun[1]
        return time_left((1 - share) * passed / came) if passed > ESTIMATE_SECONDS and came > 0 else ""

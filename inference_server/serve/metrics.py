"""What the server has done so far, in Prometheus' text format 0.0.4: numbers, and the names of kinds and workers.

Nothing of it says what a photo shows, who asked, or where anything is.
"""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from .. import __version__
from ..shared.strenum import StrEnum
from .requests import QueuedRequest
from .worker import Worker

PREFIX = "inpaint_anything"
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # seconds, upper bounds


class Outcome(StrEnum):
    """What became of a request."""

    DONE = "done"
    FAILED = "failed"  # its result was a Failure, or its process ended
    CANCELLED = "cancelled"  # by its client, or as that has left
    REFUSED = "refused"  # it was never queued


class Metrics:
    """Counts, for the server's thread alone."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._waited: defaultdict[str, _Histogram] = defaultdict(_Histogram)
        self._worked: defaultdict[str, _Histogram] = defaultdict(_Histogram)

    @property
    def running(self) -> float:
        """Seconds since the server was started."""
        return time.monotonic() - self._begun

    def take(self, request: QueuedRequest, outcome: Outcome) -> None:
        """Take note of what has become of a request, once for each."""
        kind, now = request.envelope.kind, time.monotonic()
        self._requests[kind, outcome.value] += 1
        if outcome != Outcome.REFUSED:
            self._waited[kind].add((request.begun or now) - request.came)
        if request.begun and outcome in (Outcome.DONE, Outcome.FAILED):
            self._worked[kind].add(now - request.begun)

    def text(self, workers: Iterable[Worker]) -> str:
        """All of it as it is now."""
        lines = [
            *_family("info", "gauge", "The server's version.", [({"version": __version__}, 1)]),
            *_family("uptime_seconds", "gauge", "Since the server was started.", [({}, self.running)]),
            *_family(
                "requests_total",
                "counter",
                "Requests, and what became of them.",
                [({"kind": kind, "outcome": outcome}, n) for (kind, outcome), n in sorted(self._requests.items())],
            ),
            *_histograms("waited_seconds", "From a request's coming to its being begun.", self._waited),
            *_histograms("worked_seconds", "From a request's being begun to its result.", self._worked),
        ]
        labelled = [({"worker": worker.name, "device": worker.launch.device}, worker) for worker in workers]
        for name, kind, meaning, value in (
            ("worker_busy", "gauge", "Whether a worker works.", lambda worker: int(worker.current is not None)),
            ("worker_waiting", "gauge", "Requests that wait for a worker.", lambda worker: len([*worker.waiting])),
            ("worker_images", "gauge", "Photos whose embeddings a worker has.", lambda worker: len(worker.images)),
            ("worker_starts_total", "counter", "Processes a worker has had.", lambda worker: worker.starts),
        ):
            lines += _family(name, kind, meaning, [(labels, value(worker)) for labels, worker in labelled])
        return "\n".join([*lines, ""])


class _Histogram:
    """Seconds, counted by `BUCKETS`."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


Samples = Iterable[tuple[dict[str, str], float]]


def _family(name: str, kind: str, meaning: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {meaning}"
    yield f"# TYPE {PREFIX}_{name} {kind}"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _histograms(name: str, meaning: str, histograms: dict[str, _Histogram]) -> Iterator[str]:
    yield from _family(name, "histogram", meaning, [])
    for kind, histogram in sorted(histograms.items()):
        so_far = 0
        for bound, count in zip((*BUCKETS, "+Inf"), histogram.counts, strict=True):
            so_far += count
            yield _sample(f"{name}_bucket", {"kind": kind, "le": str(bound)}, so_far)
        yield _sample(f"{name}_sum", {"kind": kind}, histogram.sum)
        yield _sample(f"{name}_count", {"kind": kind}, so_far)


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    """One line.  Labels are this program's own words, in which nothing has to be escaped."""
    given = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{PREFIX}_{name}{{{given}}} {value}" if given else f"{PREFIX}_{name} {value}"

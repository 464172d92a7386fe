"""top: what the running server does, from its metrics: its workers, and the seconds of each kind of request."""

import re
import sys
import time
from collections.abc import Iterator, Sequence

from ..shared import client, endpoint
from ..shared.errors import ErrorCode, UserError
from ..shared.messages import AskMetrics

EVERY_SECONDS = 1.0
CLEAR = "\033[H\033[J"  # of a terminal's screen, as ECMA-48 has it
_SAMPLE = re.compile(r"inpaint_anything_(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Labels = dict[str, str]
Samples = list[tuple[str, Labels, float]]  # name, labels, value


def run(*, once: bool) -> int:
    """Show it once, or each second until Ctrl+C.  Raises UserError."""
    found = endpoint.running()
    if found is None:
        raise UserError(ErrorCode.NO_SERVER, "No server is running.", "GIMP starts one, and so does “serve”.")
    with client.Client(found) as connection:
        while True:
            shown = table(connection.request(AskMetrics())[0].text)
            if once:
                print(shown)
                return 0
            print(f"{CLEAR if sys.stdout.isatty() else ''}{shown}", flush=True)
            try:
                time.sleep(EVERY_SECONDS)
            except KeyboardInterrupt:
                return 0


def table(text: str) -> str:
    """What a person is shown of metrics."""
    samples = list(_samples(text))
    version = next((labels["version"] for name, labels, _ in samples if name == "info"), "")
    lines = [f"inference_server {version}, up {_sum(samples, 'uptime_seconds') / 60:.0f} min", ""]
    lines += _columns([("WORKER", "DEVICE", "STATE", "WAITING", "PHOTOS", "STARTS"), *_workers(samples)])
    kinds = [*_kinds(samples)]
    if kinds:
        titles = ("REQUEST", "DONE", "FAILED", "CANCELLED", "REFUSED", "WAITED", "WORKED")
        lines += ["", *_columns([titles, *kinds]), "", "Waited, worked: seconds, on average."]
    return "\n".join(lines)


def _workers(samples: Samples) -> Iterator[tuple[str, ...]]:
    for name, labels, busy in samples:
        if name == "worker_busy":
            numbers = (_sum(samples, f"worker_{what}", labels) for what in ("waiting", "images", "starts_total"))
            yield labels["worker"], labels["device"], "works" if busy else "idle", *(f"{n:.0f}" for n in numbers)


def _kinds(samples: Samples) -> Iterator[tuple[str, ...]]:
    for kind in sorted({labels["kind"] for name, labels, _ in samples if name == "requests_total"}):
        outcomes = ("done", "failed", "cancelled", "refused")
        counts = (_sum(samples, "requests_total", {"kind": kind, "outcome": outcome}) for outcome in outcomes)
        seconds = (_average(samples, f"{what}_seconds", {"kind": kind}) for what in ("waited", "worked"))
        yield kind, *(f"{count:.0f}" for count in counts), *seconds


def _average(samples: Samples, name: str, labels: Labels) -> str:
    count = _sum(samples, f"{name}_count", labels)
    return f"{_sum(samples, f'{name}_sum', labels) / count:.3f}" if count else ""


def _sum(samples: Samples, name: str, labels: Labels | None = None) -> float:
    """The sum of the samples with this name whose labels are among others these."""
    wanted = (labels or {}).items()
    return sum(value for other, given, value in samples if other == name and wanted <= given.items())


def _samples(text: str) -> Iterator[tuple[str, Labels, float]]:
    for line in text.splitlines():
        found = _SAMPLE.fullmatch(line)
        if found:
            yield found[1], dict(_LABEL.findall(found[2] or "")), float(found[3])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

"""What came of a soak: a table, a few sentences, and a plot (SVG), from the files that it has written."""

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from .campaign import FAULTS, HONEST, SAMPLES, Outcome, Sample

PLOT = "plot.svg"
SETTLED = 10  # minutes after which memory has to be flat
SOON = 2.0  # seconds in which all should be well again
WIDTH, HEIGHT, MARGIN = 760, 150, 50  # pixels of a panel, and around it
COLOURS = ("#1f6feb", "#d1242f")


def text(folder: Path) -> str:
    """The report.  Writes the plot."""
    outcomes = [Outcome(**json.loads(line)) for line in (folder / FAULTS).read_text().splitlines()]
    samples = [Sample(**json.loads(line)) for line in (folder / SAMPLES).read_text().splitlines()]
    if not samples:
        return "No fault has happened."
    (folder / PLOT).write_text(_plot(samples))
    return "\n".join([*_table(outcomes), "", *_summary(outcomes), *_over_time(samples), *_honest(folder), ""])


def _table(outcomes: Sequence[Outcome]) -> list[str]:
    head = ("fault", "times", "broken", "hello: median", "worst", "job: median", "worst", "MB: own", "all")
    rows = [head]
    for name in sorted({outcome.name for outcome in outcomes}):
        those = [outcome for outcome in outcomes if outcome.name == name]
        rows.append((name, *_row(those)))
    rows.append(("all", *_row(outcomes)))
    return ["| " + " | ".join(row) + " |" for row in (head, ("---", *["---:"] * (len(head) - 1)), *rows[1:])]


def _row(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    well = [outcome for outcome in outcomes if not outcome.broken]
    broken = str(len(outcomes) - len(well))
    if not well:
        return (str(len(outcomes)), broken, *["-"] * 6)
    hellos, jobs = [one.hello for one in well], [one.job for one in well]
    seconds = (statistics.median(hellos), max(hellos), statistics.median(jobs), max(jobs))
    memory = (max(one.own_peak for one in well), max(one.peak for one in well))
    return (str(len(outcomes)), broken, *(f"{one:.2f} s" for one in seconds), *(f"{one:.0f}" for one in memory))


def _summary(outcomes: Sequence[Outcome]) -> list[str]:
    late = [outcome for outcome in outcomes if outcome.job > SOON]
    broken = [outcome for outcome in outcomes if outcome.broken]
    calm = [outcome for outcome in outcomes if outcome.load <= 1 and not outcome.broken]
    load = statistics.median(outcome.load for outcome in outcomes)
    return [
        f"{len(outcomes)} faults in {max(one.at for one in outcomes) / 60:.0f} minutes, {len(broken)} promises broken.",
        f"The job after {len(late)} of them took more than {SOON:.0f} s.  For each processor there were {load:.1f} "
        f"processes (median); where there was no more than one, {sum(one.job > SOON for one in calm)} of {len(calm)} "
        f"took longer.",
        *(f"BROKEN after {one.at:.0f} s, {one.name}: {one.broken}" for one in broken),
    ]


def _over_time(samples: Sequence[Sample]) -> list[str]:
    """Memory at the tenth minute (or halfway, where it ended before) and at the end; files and threads since."""
    end = samples[-1].at
    middle = min(SETTLED * 60, end / 2)
    then = [one for one in samples if middle - 60 <= one.at <= middle + 60]
    last = [one for one in samples if one.at >= end - 120]
    later = [one for one in samples if one.at >= middle]

    def change(value: Callable[[Sample], float]) -> str:
        before, after = (statistics.median(map(value, some)) for some in (then, last))
        return f"{before:.1f} -> {after:.1f} MB ({100 * (after / before - 1):+.1f} %)"

    def span(value: Callable[[Sample], int]) -> str:
        values = [*map(value, later)]
        return f"{statistics.median(values):.0f} ({min(values)} to {max(values)})"

    return [
        f"The survivor's memory from minute {middle / 60:.0f} to the end: own process "
        f"{change(lambda one: one.memory)}, worker {change(lambda one: one.worker_memory)}.",
        f"Its open files since then: {span(lambda one: one.files)}, worker {span(lambda one: one.worker_files)}; "
        f"threads: {span(lambda one: one.threads)}, worker {span(lambda one: one.worker_threads)}.",
    ]


def _honest(folder: Path) -> list[str]:
    lines = [line.split("\t") for line in (folder / HONEST).read_text().splitlines()]
    answers = [line for line in lines if len(line) == 4]
    if not answers:
        return ["The honest client had no answer."]
    altered = sum(int(line[2]) for line in answers)
    failed = sorted({line[0] for line in answers} - {"done"})
    seconds = sorted(float(line[3]) for line in answers)
    return [
        f"The honest client beside it had {len(answers)} answers, {altered} pixels altered, median "
        f"{statistics.median(seconds):.2f} s, worst {seconds[-1]:.2f} s; failures: {', '.join(failed) or 'none'}.",
        *(f"BROKEN, the honest client: {line[0]}" for line in lines if len(line) != 4),
    ]


def _plot(samples: Sequence[Sample]) -> str:
    panels: list[tuple[str, tuple[Callable[[Sample], float], ...]]] = [
        ("memory, MB", (lambda one: one.memory, lambda one: one.worker_memory)),
        ("open files", (lambda one: one.files, lambda one: one.worker_files)),
        ("threads", (lambda one: one.threads, lambda one: one.worker_threads)),
    ]
    size = f'width="{WIDTH + 2 * MARGIN}" height="{len(panels) * (HEIGHT + MARGIN) + MARGIN}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    parts.append('<rect width="100%" height="100%" fill="white"/>')
    for k, (title, values) in enumerate(panels):
        lines = [[(one.at / samples[-1].at, value(one)) for one in samples] for value in values]
        parts += _panel(title, MARGIN + k * (HEIGHT + MARGIN), lines)
    minutes = samples[-1].at / 60
    below = len(panels) * (HEIGHT + MARGIN) + 20
    parts.append(f'<text x="{MARGIN}" y="{below}">0</text>')
    parts.append(f'<text x="{MARGIN + WIDTH}" y="{below}" text-anchor="end">{minutes:.0f} minutes</text>')
    for k, name in enumerate(("the server's own process", "its worker")):
        parts.append(f'<text x="{MARGIN + 200 + 220 * k}" y="{below}" fill="{COLOURS[k]}">{name}</text>')
    return "\n".join([*parts, "</svg>"])


def _panel(title: str, top: float, lines: list[list[tuple[float, float]]]) -> list[str]:
    """A panel of a plot.  lines: of each its points, as a share of the whole time and a value."""
    most = max(value for line in lines for _, value in line) * 1.1 or 1
    parts = [f'<rect x="{MARGIN}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>']
    parts.append(f'<text x="{MARGIN}" y="{top - 6}">{title}</text>')
    parts.append(f'<text x="{MARGIN - 6}" y="{top + 12}" text-anchor="end">{most:.0f}</text>')
    for line, colour in zip(lines, COLOURS, strict=True):
        points = " ".join(
            f"{MARGIN + share * WIDTH:.1f},{top + HEIGHT * (1 - value / most):.1f}" for share, value in line
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return parts

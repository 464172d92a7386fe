"""A batch beside a plain loop over the command line, killed and gone on with, and its memory.

    python bench/batch [FOLDER] [--photos 200] [--loop 20] [--kills 5] [--small 2000] [--engine local] [--seed 0]

Both remove what a box in the middle of each photo holds; the photos are made by varying those in FOLDER (without one,
balls are drawn).  The loop is over --loop of them, evenly spread, half before and half after the batch; its time is
scaled.  Its results, and those of a batch that was killed at random moments and finished, must be those of the batch,
bit for bit.  Memory is that of all processes of a batch of --small tiny pictures.  The seconds mean something on a
machine that does nothing else: the share of its processor that others had is said.  The table at the end has what was
promised; with a line that is not kept the status is 1.  On two cores it takes 15 minutes, with --photos 10 --loop 4
--small 200 two.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]

import runs
import varied

BOX = 0.4, 0.4, 0.6, 0.6
RECIPE = f'job = "remove"\n[object]\nbox = {list(BOX)}\nunit = "relative"\n'
SMALL = 'job = "remove"\n[object]\narea = [0.4, 0.4, 0.5, 0.5]\nunit = "relative"\n'
TENTHS = 10
TIMES = 1.6  # that a plain loop is to take as long, at least
FLAT = 1.1  # times the memory of the second tenth of the run, that a later one may take


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where everything is, and the words that a batch here ends with."""

    scratch: Path
    photos: list[Path]
    words: tuple[str, ...]
    table: list["Line"] = field(default_factory=list)

    def batch(self, folder: str) -> list[str]:
        """The words of a batch of all photos."""
        return ["batch", str(self.recipe), *map(str, self.photos), "-o", str(self.scratch / folder), *self.words]

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.scratch / "recipe.toml"

    def judge(self, what: str, found: str, *, kept: bool) -> None:
        """Take a line into the table."""
        self.table.append(Line(what=what, found=found, kept=kept))


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was promised, what was found, and whether the promise is kept."""

    what: str
    found: str
    kept: bool


def main() -> int:
    """Measure, and say what came of it; 1 where a promise was broken."""
    given = _arguments()
    words = ("-q", "--engine", given.engine, *(("--workers", str(given.workers)) if given.workers else ()))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bases = varied.bases_in(Path(given.folder)) if given.folder else []
        setup = Setup(scratch=scratch, photos=varied.photos(scratch / "photos", given.photos, bases), words=words)
        setup.recipe.write_text(RECIPE)
        whole = _side_by_side(setup, given.loop)
        if given.kills:
            _killed(setup, given.kills, random.Random(given.seed), whole.wall)
        if given.small:
            _memory(setup, given.small)
    width = max((len(line.what) for line in setup.table), default=0)
    print()
    for line in setup.table:
        print(f"{line.what:{width}}  {'kept      ' if line.kept else 'NOT KEPT  '}{line.found}")
    return 0 if all(line.kept for line in setup.table) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    for name, default in (("photos", 200), ("loop", 20), ("kills", 5), ("small", 2000), ("workers", 0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--engine", default="local")
    return parser.parse_args()


def _side_by_side(setup: Setup, count: int) -> runs.Cost:
    """What the batch costs, beside a plain loop over so many of the photos, half before it and half after it."""
    photos = setup.photos[:: max(1, len(setup.photos) // max(1, count))][:count]
    half = len(photos) // 2
    costs = [_alone(setup, photo) for photo in photos[:half]]
    whole = runs.run(setup.batch("whole"))
    steps = f"steps, each with its waits: {_steps(setup.scratch / 'whole')}"
    _say("a batch", f"{_rate(whole, len(setup.photos))}; {steps}; others had {whole.others:.0%}")
    costs += [_alone(setup, photo) for photo in photos[half:]]
    if costs:
        loop = runs.Cost(wall=sum(cost.wall for cost in costs), processor=sum(cost.processor for cost in costs))
        others = statistics.fmean(cost.others for cost in costs)
        _say("a plain loop", f"{_rate(loop, len(photos))}; others had {others:.0%}")
        share = len(setup.photos) / len(photos)
        times, processor = loop.wall / whole.wall * share, loop.processor / whole.processor * share
        said = f"{times:.2f} times as long, {processor:.2f} times the processor's time"
        setup.judge(f"a plain loop takes {TIMES} times as long", said, kept=times >= TIMES)
        _compare(setup, "loop", [photo.name for photo in photos])
    return whole


def _alone(setup: Setup, photo: Path) -> runs.Cost:
    """One photo of the plain loop."""
    return runs.run(["remove", str(photo), "--box", _box(photo), "-o", f"{setup.scratch / 'loop'}/", "-q"])


def _killed(setup: Setup, kills: int, chance: random.Random, wall: float) -> None:
    """A batch that is killed and finished."""
    place, at = setup.scratch / "killed", list[int]()
    for _ in range(kills):
        process = runs.started(setup.batch(place.name))
        time.sleep(chance.uniform(0, wall / kills))
        process.kill()
        process.wait()
        at.append(runs.done(place).total())
    last = runs.run(setup.batch(place.name))
    done = runs.done(place)
    _say("killed -9", f"after {', '.join(map(str, at))} photos; then finished in {last.wall:.0f} s")
    _compare(setup, place.name, [photo.name for photo in setup.photos])
    again = sum(n > 1 for n in done.values())
    once = f"{len(done)} results done, {again} of them more than once"
    setup.judge("killed: each output once", once, kept=len(done) == len(setup.photos) and not again)
    left = {file.name for file in place.iterdir()} - set(done) - {"manifest.jsonl", ".batch.lock"}
    setup.judge("killed: nothing is left behind", ", ".join(sorted(left)) or "nothing", kept=not left)


def _compare(setup: Setup, folder: str, names: list[str]) -> None:
    """Judge whether these results are those of the batch."""
    place, whole = setup.scratch / folder, setup.scratch / "whole"
    others = [name for name in names if not _alike(place / name, whole / name)]
    found = f"{len(names) - len(others)} of {len(names)} {', '.join(others)}"
    setup.judge(f"{folder}: bit-identical to the batch", found, kept=not others)


def _alike(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() == other.read_bytes()


def _memory(setup: Setup, count: int) -> None:
    """The memory of a batch of so many small pictures, as time goes by."""
    recipe = setup.scratch / "small.toml"
    recipe.write_text(SMALL)
    photos = map(str, varied.small(setup.scratch / "small", count))
    words = ["batch", str(recipe), *photos, "-o", str(setup.scratch / "little"), *setup.words]
    cost = runs.run(words)
    _say(f"{count} small", _rate(cost, count))
    parts = np.array_split(np.array(cost.memory, float) / 1e6, TENTHS)
    medians = [float(np.median(part)) for part in parts if len(part)]
    by_tenths = " ".join(f"{median:.0f}" for median in medians)
    found = f"MB of all processes, by tenths of the run: {by_tenths}; at most {max(cost.memory) / 1e6:.0f}"
    first, *later = medians[1:-1] or medians  # it begins, and ends, with fewer processes
    setup.judge(f"memory is flat over {count} small photos", found, kept=max([first, *later]) <= FLAT * first)


def _steps(folder: Path) -> str:
    """Medians of the seconds of each step."""
    steps = [entry.seconds for entry in runs.entries(folder)]
    medians = (f"{statistics.median(step):.2f}" for step in zip(*steps, strict=True))
    return "read {}, work {}, write {} s".format(*medians)


def _box(photo: Path) -> str:
    """The box in pixels of a photo, as the recipe has it of any."""
    height, width = cv2.imread(str(photo)).shape[:2]
    return ",".join(str(share * side) for share, side in zip(BOX, (width, height) * 2, strict=True))


def _rate(cost: runs.Cost, count: int) -> str:
    return f"{cost.wall / count:.2f} s a photo, {cost.processor / count:.2f} s of the processor"


def _say(what: str, told: str) -> None:
    print(f"{what:14} {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

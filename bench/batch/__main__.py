"""A batch beside a plain loop over the command line, killed and gone on with, and its memory.

    python bench/batch [FOLDER] [--photos 200] [--loop 20] [--kills 5] [--small 2000] [--engine local] [--seed 0]

Both remove what a box in the middle of each photo holds; the photos are made by varying those in FOLDER (without one,
balls are drawn).  The loop is over --loop of them, evenly spread; its time is scaled.  Its results, and those of a
batch that was killed at random moments and finished, must be those of the batch, bit for bit.  Memory is that of all
processes of a batch of --small tiny pictures.  The seconds mean something on a machine that does nothing else.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where everything is, and the words that a batch here ends with."""

    scratch: Path
    photos: list[Path]
    words: tuple[str, ...]

    def batch(self, folder: str) -> list[str]:
        """The words of a batch of all photos."""
        return ["batch", str(self.recipe), *map(str, self.photos), "-o", str(self.scratch / folder), *self.words]

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.scratch / "recipe.toml"


def main() -> int:
    """Measure, and say what came of it; 1 where a promise was broken."""
    given = _arguments()
    words = ("-q", "--engine", given.engine, *(("--workers", str(given.workers)) if given.workers else ()))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bases = varied.bases_in(Path(given.folder)) if given.folder else []
        setup = Setup(scratch=scratch, photos=varied.photos(scratch / "photos", given.photos, bases), words=words)
        setup.recipe.write_text(RECIPE)
        whole = runs.run(setup.batch("whole"))
        _say("a batch", f"{_rate(whole, given.photos)}; steps, each with its waits: {_steps(scratch / 'whole')}")
        broken = _loop(setup, given.loop, whole) if given.loop else 0
        broken += _killed(setup, given.kills, random.Random(given.seed), whole.wall) if given.kills else 0
        if given.small:
            _memory(scratch, given.small, words)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    for name, default in (("photos", 200), ("loop", 20), ("kills", 5), ("small", 2000), ("workers", 0), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--engine", default="local")
    return parser.parse_args()


def _loop(setup: Setup, count: int, whole: runs.Cost) -> int:
    """A plain loop over some of the photos; returns how many of its results are not the batch's."""
    photos = setup.photos[:: max(1, len(setup.photos) // count)][:count]
    place = setup.scratch / "loop"
    costs = [runs.run(["remove", str(photo), "--box", _box(photo), "-o", f"{place}/", "-q"]) for photo in photos]
    loop = runs.Cost(wall=sum(cost.wall for cost in costs), processor=sum(cost.processor for cost in costs))
    _say("a plain loop", _rate(loop, len(photos)))
    share = len(setup.photos) / len(photos)
    times, processor = loop.wall / whole.wall * share, loop.processor / whole.processor * share
    _say("a loop takes", f"{times:.2f} times as long as the batch, and {processor:.2f} times the processor's time")
    return _compared(setup, "loop", [photo.name for photo in photos])


def _killed(setup: Setup, kills: int, chance: random.Random, wall: float) -> int:
    """A batch that is killed and finished; returns how many of its results are not the batch's."""
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
    _say("manifest", f"{len(done)} results done, {sum(n > 1 for n in done.values())} of them more than once")
    left = {file.name for file in place.iterdir()} - set(done) - {"manifest.jsonl", ".batch.lock"}
    _say("left behind", ", ".join(sorted(left)) or "nothing")
    return _compared(setup, place.name, [photo.name for photo in setup.photos]) + len(left)


def _compared(setup: Setup, folder: str, names: list[str]) -> int:
    """How many results are not those of the batch."""
    place, whole = setup.scratch / folder, setup.scratch / "whole"
    others = [name for name in names if not _alike(place / name, whole / name)]
    _say("identical", f"{len(names) - len(others)} of {len(names)} {', '.join(others)}")
    return len(others)


def _alike(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() == other.read_bytes()


def _memory(scratch: Path, count: int, words: tuple[str, ...]) -> None:
    recipe = scratch / "small.toml"
    recipe.write_text(SMALL)
    photos = map(str, varied.small(scratch / "small", count))
    cost = runs.run(["batch", str(recipe), *photos, "-o", str(scratch / "little"), *words], watched=True)
    parts = [part for part in np.array_split(np.array(cost.memory, float) / 1e6, TENTHS) if len(part)]
    _say(f"{count} small", f"{_rate(cost, count)}; MB of all processes, by tenths of the run:")
    _say("", " ".join(f"{np.median(part):.0f}" for part in parts) + f", at most {max(cost.memory) / 1e6:.0f}")


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

"""What a batch costs beside a plain loop over the command line, on small photos.

    python bench/batch [COUNT [WORKERS]]

Both remove the same object, found by a click, from COUNT photos of 320 x 213 pixels (200 unless said).  CPU seconds are
those of all processes, also where other programs slow the clock on the wall.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "inference_server"]
RECIPE = 'job = "remove"\n[object]\nclicks = [[0.5, 0.5]]\nunit = "relative"\n'
SIZE = 320, 213


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    workers = sys.argv[2] if len(sys.argv) > 2 else "2"
    with tempfile.TemporaryDirectory() as folder:
        photos = [str(_photo(Path(folder), k)) for k in range(count)]
        recipe = Path(folder, "recipe.toml")
        recipe.write_text(RECIPE)
        place = Path(folder, "results")
        batch = [[*COMMAND, "batch", str(recipe), *photos, "-o", str(place / "batch"), "--workers", workers, "-q"]]
        click = f"{SIZE[0] // 2},{SIZE[1] // 2}"
        loop = [[*COMMAND, "remove", photo, "--click", click, "-o", f"{place}/loop/", "-q"] for photo in photos]
        seconds = {name: _timed(commands) for name, commands in (("loop", loop), ("batch", batch))}
    for name, (wall, processor) in seconds.items():
        print(f"{name:6} {wall / count:6.2f} s a photo, {processor / count:6.2f} CPU s a photo")
    ratios = [a / b for a, b in zip(seconds["loop"], seconds["batch"], strict=True)]
    print(f"the loop takes {ratios[0]:.2f} times as long, and {ratios[1]:.2f} times the CPU")


def _photo(folder: Path, number: int) -> Path:
    """A photo of a ball on a wall, none like another."""
    chance = np.random.default_rng(number)
    wall = chance.normal(130, 6, (SIZE[1], SIZE[0], 3)) + np.linspace(-40, 40, SIZE[0])[:, None]
    cv2.circle(wall, (SIZE[0] // 2, SIZE[1] // 2), 30 + number % 9, (60, 40, 200), -1, cv2.LINE_AA)
    file = folder / f"photo{number}.jpg"
    assert cv2.imwrite(str(file), wall.clip(0, 255).astype(np.uint8))
    return file


def _timed(commands: list[list[str]]) -> tuple[float, float]:
    """Seconds on the wall, and of the processor, that commands take one after the other."""
    begun, before = time.monotonic(), _processor()
    for command in commands:
        subprocess.run(command, check=True, cwd=REPOSITORY, env=dict(os.environ))
    return time.monotonic() - begun, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

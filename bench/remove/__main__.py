"""What removing costs and how good it is: beside what else can be installed, in large photos, and with LaMa.

    python bench/remove               on a few photos with an object laid over them, so that the truth is known
    python bench/remove INDEX.json    the comparison, on a list of {"name", "image", "gt", "mask"}, files beside it

What is compared is taken in turn on each picture, so that a machine that slows down slows all.  Of the pixels in the
hole: PSNR against the truth, in decibels, and sharpness, the mean change from pixel to pixel over the truth's.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

import large
from peers import methods, read

from inference_server.imaging import masks
from tests import photographs

OBJECT = 140  # pixels across: what is laid over a photo
SHAPES = ("smooth", "rounded", "star", "smooth")
RIM = 3  # pixels that the mask reaches beyond the object, so that nothing of its soft edge is left
BUNDLED = ("coffee.png", "chelsea.png", "motorcycle_left.png")  # photos in scikit-image's package


class Case(NamedTuple):
    """image, truth: (H, W, 3) uint8, RGB; mask: (H, W) uint8, 0 or 255."""

    image: np.ndarray
    truth: np.ndarray
    mask: np.ndarray


def main(arguments: list[str]) -> int:
    if arguments:
        compare(list(listed(Path(arguments[0]))))
        return 0
    photos = found_photos()
    compare([composed(photos[k % len(photos)], k) for k in range(len(SHAPES))])
    large.report(photos[0])
    if find_spec("torch") is None:
        print("LaMa, the usual layout against ours: left out, torch is not installed")
        return 0
    import lama_speed

    print("LaMa, the usual layout (eager) against ours")
    lama_speed.report()
    return 0


# -- pictures ---------------------------------------------------------------------------------------------------------


def listed(index: Path) -> Iterator[Case]:
    for case in json.loads(index.read_text("utf-8")):
        image, truth = (read(index.parent / case[key]) for key in ("image", "gt"))
        mask = cv2.imread(str(index.parent / case["mask"]), cv2.IMREAD_GRAYSCALE)
        yield Case(image, truth, np.where(mask > 127, np.uint8(255), np.uint8(0)))


def found_photos() -> list[np.ndarray]:
    """The photo that INPAINT_ANYTHING_PHOTO names and those of scikit-image; else what the README shows."""
    named = os.environ.get("INPAINT_ANYTHING_PHOTO")
    files = [Path(named)] if named else []
    if package := find_spec("skimage"):
        files += [Path(package.origin or "").parent / "data" / name for name in BUNDLED]
    photos = [read(file) for file in files if file.is_file()]
    return photos or [read(REPOSITORY / "docs/demo.jpg")[-300:, :470]]


def composed(photo: np.ndarray, number: int) -> Case:
    """The photo with a shape in another colour on it, `number` deciding what and where."""
    side = OBJECT + 16
    room = np.array(photo.shape[1::-1]) - side
    x, y = (int(n) for n in room * np.random.default_rng(number).uniform(0.15, 0.85, 2))
    shape = photographs.drawn(photographs.outline(SHAPES[number], OBJECT, number) + side / 2, (side, side))
    pixels = 255 - photo[y : y + side, x : x + side]
    image, alpha, _ = photographs.laid_over(photo.copy(), pixels, shape, (x, y), number)
    truth = photographs.grainy(photo.copy(), number)
    return Case(image, truth, masks.grow_and_feather(np.where(alpha > 0, np.uint8(255), np.uint8(0)), RIM, 0))


# -- the comparison ---------------------------------------------------------------------------------------------------


def compare(cases: list[Case]) -> None:
    """Print a line for each method: seconds, PSNR and sharpness."""
    works = methods()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for case in cases:
        for name, work in works.items():
            begun = time.perf_counter()
            result = work(case.image, case.mask)
            seconds[name].append(time.perf_counter() - begun)
            scores[name].append((psnr(result, case), sharpness(result, case)))
    print(f"{len(cases)} pictures of {statistics.mean(c.mask.size for c in cases) / 1e6:.2f} megapixels", end=", ")
    print(f"{100 * statistics.mean(c.mask.mean() / 255 for c in cases):.0f} % of it to be filled")
    print(f"{'':28} {'seconds':>8} {'PSNR':>6} {'sharpness':>10}")
    for name in works:
        good, sharp = (statistics.mean(column) for column in zip(*scores[name], strict=True))
        print(f"{name:28} {statistics.median(seconds[name]):8.2f} {good:6.2f} {sharp:10.2f}", flush=True)


def psnr(result: np.ndarray, case: Case) -> float:
    hole = case.mask > 0
    off = (result[hole].astype(float) - case.truth[hole]) ** 2
    return float(10 * np.log10(255**2 / max(off.mean(), 1e-9)))


def sharpness(result: np.ndarray, case: Case) -> float:
    """Where the hole's rim does not count."""
    inside = cv2.erode(case.mask, np.ones((3, 3), np.uint8)) > 0
    return float(change(result)[inside].mean() / max(change(case.truth)[inside].mean(), 1e-9))


def change(image: np.ndarray) -> np.ndarray:
    """The gradient (H, W) of what is seen."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(*(cv2.Sobel(grey, cv2.CV_32F, *way, ksize=1) for way in ((1, 0), (0, 1))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

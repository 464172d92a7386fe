"""What the constants of inference_server/imaging/focus.py were chosen by.  None of them is fitted by a computer.

    python3 bench/fit/focus.py DATA        a second or two for each photograph

The surroundings of each outlined object are measured as they are, and once everything was blurred with a disc and has
its grain again: what comes out should be the deviation of both blurs together.  Then the object, with its mask as
Remove and Fill grow it: where it is sharp and its surroundings seem not to be, they are out of focus, or only soft.
"""

import sys

import cv2
import numpy as np
from labelled import Labelled, photographs

from inference_server.fill import filling
from inference_server.imaging import focus, windows
from inference_server.shared.geometry import default_grow

RADII = 1.5, 3.0, 6.0, 12.0  # pixels
GRAIN = 1.5  # levels
LEAST_HOLE = 400  # pixels


def main() -> int:
    rows = [row for photo in photographs() if (row := measured(photo))]
    table = np.array(rows, float)
    print(f"{len(table)} photographs; around the object: known in {share(~np.isnan(table[:, 0]))}")
    for k, radius in enumerate(RADII):
        truth = np.hypot(table[:, 0], radius / 2)
        both = ~np.isnan(truth) & ~np.isnan(table[:, 2 + k])
        off = table[both, 2 + k] / truth[both]
        known = share(~np.isnan(table[~np.isnan(table[:, 0]), 2 + k]))
        spread = np.quantile(off, (0.1, 0.5, 0.9)) if off.size else []
        print(f"    radius {radius:4}: still known in {known}; found, of the truth: {np.round(spread, 2)}")
    around, item = table[:, 0], table[:, 1]
    both = ~np.isnan(around) & ~np.isnan(item)
    apart = [focus.missing(a, i) > 0 for a, i in zip(around[both], item[both], strict=True)]
    print(f"    object and surroundings known in {share(both)}; of these the object is sharper in {share(apart)}")
    return 0


def measured(photo: Labelled) -> list[float] | None:
    """The deviation around the object, of it, and around it after each blur; nan where it is not known."""
    height, width = photo.truth.shape
    grow = default_grow(width, height)
    hole = cv2.dilate((photo.truth != 0).astype(np.uint8), np.ones((2 * grow + 1,) * 2, np.uint8)) > 0
    bounds = windows.bounds(hole)
    if bounds is None or bounds.area < LEAST_HOLE or hole.all():
        return None
    reach = max(filling.NEAREST, round(filling.NEAR * min(bounds.width, bounds.height)))
    there = bounds.grown(reach, reach, width, height).slices
    image, near = photo.image[there], hole[there]

    def seen(picture: np.ndarray, where: np.ndarray) -> float:
        found = focus.measure(picture, where, 255.0)
        return np.nan if found is None else found

    return [seen(image, ~near), seen(image, near), *(seen(blurred(image, radius), ~near) for radius in RADII)]


def blurred(image: np.ndarray, radius: float) -> np.ndarray:
    light = np.square(image.astype(np.float32) / 255)
    soft = 255 * np.sqrt(cv2.filter2D(light, -1, focus.disc(radius)).clip(0, None))
    grain = np.random.default_rng(0).normal(scale=GRAIN, size=soft.shape)
    return np.rint(soft + grain).clip(0, 255).astype(np.uint8)


def share(where: np.ndarray | list[bool]) -> str:
    return f"{np.count_nonzero(where)} of {len(where)}"


if __name__ == "__main__":
    sys.exit(main())

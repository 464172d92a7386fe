"""Photographs in which one object each is outlined: the data of the fits in this folder.

They are not in the repository.  GrabCut (Rother, Kolmogorov and Blake 2004) and COCO (Lin et al. 2014) are such data.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

NEEDED = (
    "{script} needs a folder of photographs, NAME.jpg or NAME.png, each beside NAME.mask.png of the same size (grey: "
    "255 the object, 128 not counted, 0 the rest); every folder in it counts as a data set of its own."
)


class Labelled(NamedTuple):
    """image: (h, w, 3) uint8 RGB; truth: (h, w) int8, 1 the object, 0 the rest, -1 not counted."""

    data_set: str
    name: str
    image: np.ndarray
    truth: np.ndarray

    def overlap(self, mask: np.ndarray) -> float:
        """The IoU of mask (h, w) bool with the object, among the pixels that count."""
        item, counted = self.truth == 1, self.truth >= 0
        either = int(np.count_nonzero((mask | item) & counted))
        return int(np.count_nonzero(mask & item)) / either if either else 1.0


def deepest(part: np.ndarray) -> tuple[float, tuple[int, int]]:
    """How deep the deepest pixel of part (h, w) bool lies in it, in pixels, and that pixel (x, y)."""
    padded = np.pad(part.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    _, most, _, (x, y) = cv2.minMaxLoc(depth)
    return most, (x, y)


def drawn(part: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """A pixel (x, y) of part (h, w) bool as a person might click it: the likelier, the deeper it lies."""
    padded = np.pad(part.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1].astype(float)
    y, x = np.unravel_index(rng.choice(depth.size, p=depth.ravel() / depth.sum()), depth.shape)
    return int(x), int(y)


def photographs() -> list[Labelled]:
    """Those in the folder that the command line names; ends the program with a sentence where there are none."""
    found = []
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    for mask_file in sorted(folder.rglob("*.mask.png")) if folder else ():
        name = mask_file.name.removesuffix(".mask.png")
        files = (mask_file.with_name(name + suffix) for suffix in (".jpg", ".png"))
        image = next((cv2.imread(str(file)) for file in files if file.exists()), None)
        grey = cv2.imread(str(mask_file), cv2.IMREAD_GRAYSCALE)
        if image is not None and grey is not None:
            truth = np.select([grey == 128, grey > 128], [-1, 1]).astype(np.int8)
            found.append(Labelled(mask_file.parent.name, name, np.ascontiguousarray(image[..., ::-1]), truth))
    if not found:
        sys.exit(NEEDED.format(script=Path(sys.argv[0]).name))
    return found

"""A photo on a larger canvas, for what is beyond its borders to be painted.  Pure functions."""

from typing import NamedTuple

import numpy as np

from ..shared.errors import wrong_input
from ..shared.geometry import Window

MOST = 1.0  # of the photo's width or height, that is added at a side: further out nothing says what goes on


class Margins(NamedTuple):
    """Pixels that are added at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def enlarged(image: np.ndarray, margins: Margins) -> tuple[np.ndarray, np.ndarray]:
    """image (H, W, C) on its larger canvas, and what is new of that, (h, w) uint8, 255 = new.

    New pixels are 0, and so transparent where there is an alpha.  Raises UserError for margins that are negative, all
    0, or longer than the photo.
    """
    height, width = image.shape[:2]
    if min(margins) < 0 or not any(margins):
        raise wrong_input("Nothing says how far the photo is to be expanded.", "Give pixels for at least one side.")
    if max(margins.left, margins.right) > MOST * width or max(margins.top, margins.bottom) > MOST * height:
        raise wrong_input(
            "A photo can be expanded at each side by no more than its own length.", "Expand it less, or twice."
        )
    size = margins.top + height + margins.bottom, margins.left + width + margins.right
    old = Window(margins.left, margins.top, width, height).slices
    canvas, new = np.zeros((*size, image.shape[2]), image.dtype), np.full(size, 255, np.uint8)
    canvas[old], new[old] = image, 0
    return canvas, new

"""A photo on a larger canvas, for what is beyond its borders to be painted.  Pure functions."""

import numpy as np

from ..shared.margins import Margins


def enlarged(image: np.ndarray, margins: Margins) -> tuple[np.ndarray, np.ndarray]:
    """image (H, W, C) on its larger canvas, and what is new of that, (h, w) uint8, 255 = new.

    New pixels are 0, and so transparent where there is an alpha.  Raises UserError as `Margins.check` does.
    """
    size = image.shape[1], image.shape[0]
    margins.check(size)
    width, height = margins.canvas(size)
    old = margins.inner(size).slices
    canvas, new = np.zeros((height, width, image.shape[2]), image.dtype), np.full((height, width), 255, np.uint8)
    canvas[old], new[old] = image, 0
    return canvas, new

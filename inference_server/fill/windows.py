"""Which window of an image a diffusion model sees, and at which size.  Pure functions."""

import math
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..shared.geometry import Size, Window, scaled_size

LEAST_WINDOW = 512  # pixels of the image that a model sees at least, along each axis, where nothing else is said
MOST_ASPECT = 2  # of a window, where the image is large enough
LONGEST = 2  # sides of the model that a picture may be long


class Canvas(NamedTuple):
    """How a window comes before a model: scaled to `content` (width, height), and padded to `size`."""

    content: Size
    size: Size


def window(bounds: Window, hole: Window, width: int, height: int, least: int = LEAST_WINDOW) -> Window:
    """What a model should see of an image of this size to fill `hole`, which was grown from an object in `bounds`.

    At least half the object's size around it on each side, and `least` pixels along each axis, as far as the image
    goes, and no thin strip: a wide window is made high, where there is more of the image above or below.
    """
    seen = windows.context_window(bounds, width, height).union(hole)
    least_of_both = max(least, seen.height // MOST_ASPECT), max(least, seen.width // MOST_ASPECT)
    return seen.widened(*least_of_both, width, height)


def canvas(width: int, height: int, side: int, multiple: int, sizes: tuple[Size, ...] = ()) -> Canvas:
    """The canvas for a window of this size, for a model that was trained on side x side pixels.

    Its content has the window's aspect to the pixel, whatever that is; its size is a multiple of `multiple`, or, where
    there are `sizes`, that of them whose aspect is nearest.
    """
    if sizes:
        size = min(sizes, key=lambda each: abs(math.log(each[0] * height / (each[1] * width))))
        content = scaled_size(width, height, min(size[0] / width, size[1] / height))
        return Canvas((min(content[0], size[0]), min(content[1], size[1])), size)
    scale = min(side / math.sqrt(width * height), LONGEST * side / max(width, height))
    content = scaled_size(width, height, scale)
    return Canvas(content, padded_size(content, side, multiple))


def padded_size(size: Size, side: int, multiple: int) -> Size:
    """Each length, or half the model's side if that is more, rounded up to a multiple."""
    width, height = (-(-max(length, side // 2) // multiple) * multiple for length in size)
    return width, height


def whole_cells(hole: np.ndarray, side: int) -> np.ndarray:
    """hole (h, w) bool grown to whole cells of side x side pixels: a cell is all in it if any of its pixels is.

    Cells begin at the upper left corner.  Models are told of a hole once for each cell of latents; by diffusers that is
    the cell's first pixel alone, so that thin holes and their right and lower rims would count as known.
    """
    height, width = hole.shape
    down, across = -height % side, -width % side
    padded = cv2.copyMakeBorder(hole.astype(np.uint8), 0, down, 0, across, cv2.BORDER_CONSTANT, value=0)
    cells = padded.reshape(-(-height // side), side, -1, side).any(axis=(1, 3))
    return cells.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]


def dilated(mask: np.ndarray, side: int, dilation: float) -> np.ndarray:
    """mask (h, w) bool, of a window, dilated with a square for a model that was trained on side x side pixels.

    dilation: the length of the square, as a share of the model's side.
    """
    height, width = mask.shape
    content, _ = canvas(width, height, side, 1)
    reach = round(dilation * side / 2 * width / content[0])
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0

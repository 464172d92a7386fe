"""Many small holes, such as dust and sensor spots: each is healed in a few milliseconds from one place.

The ring around the spot is compared with every place in its window, and the one most like it is copied as a whole, its
light brought to that of the ring (Pérez et al. 2003, "Poisson Image Editing", section 3, seamless cloning).
"""

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import to_depth
from ..imaging.sampling import extrapolate
from ..shared.geometry import Window

RING = 6  # pixels around a spot that are compared
CONTEXT = 32  # pixels around a spot, besides its own size on each side
RIM = 2  # pixels around it that the light is taken from
MOST_ACROSS = 96  # pixels: what is larger is no spot
ALIKE = 60 / 255  # the usual difference of the rings, up to which a place will do


def window(bounds: Window, width: int, height: int) -> Window:
    """The window of an image in which a spot with these bounds finds places to be healed from."""
    return bounds.grown(bounds.width + CONTEXT, bounds.height + CONTEXT, width, height)


def heal(photo: np.ndarray, hole: np.ndarray, usable: np.ndarray, white: float) -> np.ndarray | None:
    """New pixels (n, 3) for the True values of hole (h, w) bool; None where no place is like its surroundings.

    photo: (h, w, 3) uint8, uint16 or float32; usable: (h, w) bool, the pixels that may be copied; white: as in
    `sampling.reduced`.
    """
    inner = windows.bounds(hole)
    assert inner is not None
    box = inner.grown(RING, RING, hole.shape[1], hole.shape[0]).slices
    rgb, known = photo.astype(np.float32) / np.float32(white), usable & ~hole
    spot, around = hole[box], known[box] & (_dilated(hole[box], RING))
    place = _most_alike(rgb, rgb[box], around, known)
    if place is None:
        return None
    copied = rgb[place]
    rim = around & _dilated(spot, RIM)
    light = cv2.blur((rgb[box] - copied) * rim[..., None], (RING, RING))
    light /= np.maximum(cv2.blur(rim.astype(np.float32), (RING, RING)), 1e-6)[..., None]
    return to_depth((copied + extrapolate(light, rim))[spot], photo.dtype, white)


def _dilated(where: np.ndarray, radius: int) -> np.ndarray:
    return cv2.dilate(where.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8)) > 0


def _most_alike(
    rgb: np.ndarray, wanted: np.ndarray, around: np.ndarray, known: np.ndarray
) -> tuple[slice, slice] | None:
    """Where rgb (h, w, 3) is most like `wanted` (a, b, 3) in the pixels `around` (a, b); None where nowhere alike.

    known: (h, w) bool, of which the whole place must be.
    """
    rows, columns = around.shape
    weights = np.repeat(around[..., None], 3, axis=2).astype(np.float32)
    apart = cv2.matchTemplate(rgb, wanted, cv2.TM_SQDIFF, mask=weights)
    free = cv2.erode(known.astype(np.uint8), np.ones((rows, columns), np.uint8), anchor=(0, 0))
    apart[free[: apart.shape[0], : apart.shape[1]] == 0] = np.inf
    row, column = divmod(int(np.argmin(apart)), apart.shape[1])
    if not around.any() or not apart[row, column] <= ALIKE**2 * weights.sum():
        return None
    return slice(row, row + rows), slice(column, column + columns)

"""Smooth filling: a hole continued from its rim, and what surrounds it taken for a smooth surface.  Pure functions."""

import cv2
import numpy as np

from ..imaging.sampling import distance_inside, extrapolate

AVERAGE = 7  # pixels, over which grain is averaged out
ENOUGH = 3000  # pixels to know a surface by
LEAST_AROUND = 16  # pixels around a hole that say whether it is part of a smooth surface
SMOOTH = 3 / 255  # how far such a surface may be off anywhere, grain averaged out …
GRAINY, COARSEST = 5, 8 / 255  # … and how many times what is left of the grain more; grain that may be
EVEN_RADIUS = 16  # pixels that a faint step is drawn out over
FAINT = 6 / 255  # of a step twice this high half is left
GRAIN = 16  # pixels of a square of such a surface's grain


def surface(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> np.ndarray | None:
    """A smooth surface in place of rgb (h, w, 3), where the hole's surroundings are one but for grain: a sky, a wall.

    None where they are not.  A quadratic surface is fitted to what lies as near as the hole is deep; what that leaves
    is spread.
    """
    calm = cv2.erode((usable & ~hole).astype(np.uint8), np.ones((AVERAGE, AVERAGE), np.uint8), borderValue=1) > 0
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    near = calm & (away < max(LEAST_AROUND, float(np.max(distance_inside(hole)))))
    if np.count_nonzero(near) < ENOUGH:
        return None
    y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in hole.shape), indexing="ij")
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)
    even = cv2.blur(rgb, (AVERAGE, AVERAGE))
    factors = np.linalg.lstsq(terms[near], even[near], rcond=None)[0]
    rest = even - terms @ factors
    grain = min(COARSEST, float(np.std((rgb - even)[near])))
    if np.abs(rest[near]).max() > SMOOTH + GRAINY * grain / AVERAGE:
        return None
    return terms @ factors + extrapolate(rest, calm)


def evened(rgb: np.ndarray) -> np.ndarray:
    """rgb (h, w, 3) float32 without the faint steps that are left where copied pieces of a sky or a wall meet.

    A guided filter, guided by each channel itself (He et al. 2010, "Guided Image Filtering", section 3.4).  What it
    takes away of grain and soft detail comes back with the photo's own (`detail`), for which it takes away the same
    where that is copied from.
    """
    size = (2 * EVEN_RADIUS + 1,) * 2
    mean = cv2.blur(rgb, size)
    variance = cv2.blur(rgb * rgb, size) - mean * mean
    factor = variance / (variance + FAINT**2)
    return cv2.blur(factor, size) * rgb + cv2.blur(mean - factor * mean, size)


def scattered(hole: np.ndarray, usable: np.ndarray, seed: int) -> np.ndarray:
    """Offsets (h, w, 2) int32 that take each square of the hole from a usable place, whichever."""
    offsets = np.zeros((*hole.shape, 2), np.int32)
    free = cv2.erode(usable.astype(np.uint8), np.ones((GRAIN, GRAIN), np.uint8), anchor=(0, 0), borderValue=0)
    places = np.argwhere(free)
    if not len(places):
        return offsets
    random = np.random.default_rng(seed)
    for y in range(0, hole.shape[0], GRAIN):
        for x in range(0, hole.shape[1], GRAIN):
            offsets[y : y + GRAIN, x : x + GRAIN] = places[random.integers(len(places))] - (y, x)
    return offsets

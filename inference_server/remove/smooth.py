"""Holes in smooth surroundings, such as a sky or a wall, and seams between copied pieces of them.  Pure functions."""

import cv2
import numpy as np

from ..imaging.sampling import distance_inside, extrapolate

AVERAGE = 7  # pixels of the square that is averaged to remove grain
ENOUGH = 3000  # pixels that are needed to fit a surface
LEAST_AROUND = 16  # pixels around a hole, at least, in which its surroundings must be smooth
MAX_ERROR = 3 / 255  # between a smooth surface and its averaged pixels, plus …
GRAIN_ERRORS, MAX_GRAIN = 5, 8 / 255  # … so many times what averaging leaves of the grain, which counts up to MAX_GRAIN
SEAM_RADIUS = 16  # pixels that a faint seam is spread over
FAINT = 6 / 255  # a step of twice this height is halved
GRAIN_SIDE = 16  # pixels of the squares of grain that are copied


def surface(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> np.ndarray | None:
    """rgb (h, w, 3) as a smooth surface, where the hole's surroundings are smooth apart from grain: a sky, a wall.

    None where they are not.  A quadratic surface is fitted to the pixels as near to the hole as the hole is deep; the
    residuals are extrapolated into the hole.
    """
    averaged = cv2.erode((usable & ~hole).astype(np.uint8), np.ones((AVERAGE, AVERAGE), np.uint8), borderValue=1) > 0
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    near = averaged & (distance < max(LEAST_AROUND, float(np.max(distance_inside(hole)))))
    if np.count_nonzero(near) < ENOUGH:
        return None
    y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in hole.shape), indexing="ij")
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)
    even = cv2.blur(rgb, (AVERAGE, AVERAGE))
    factors = _fitted(terms[near], even[near])
    residual = even - terms @ factors
    grain = min(MAX_GRAIN, float(np.std((rgb - even)[near])))
    if np.abs(residual[near]).max() > MAX_ERROR + GRAIN_ERRORS * grain / AVERAGE:
        return None
    return terms @ factors + extrapolate(residual, averaged)


def _fitted(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The factors (k, c) float32 by which terms (n, k) come nearest to values (n, c): linear least squares.

    By the normal equations: `einsum` adds up the rows in their own order, LAPACK in one that depends on its threads.
    """
    terms, values = terms.astype(np.float64), values.astype(np.float64)
    squares = np.einsum("nk,nl->kl", terms, terms)
    return np.linalg.solve(squares, np.einsum("nk,nc->kc", terms, values)).astype(np.float32)


def without_seams(rgb: np.ndarray) -> np.ndarray:
    """rgb (h, w, 3) float32 without the faint steps that remain where copied pieces of a sky or a wall meet.

    A guided filter, guided by each channel itself (He et al. 2010, "Guided Image Filtering", section 3.4).  The grain
    and soft detail it removes come back with the photo's own (`detail.detailed`), which subtracts this picture at the
    place it copies from.
    """
    size = (2 * SEAM_RADIUS + 1,) * 2
    mean = cv2.blur(rgb, size)
    variance = cv2.blur(rgb * rgb, size) - mean * mean
    factor = variance / (variance + FAINT**2)
    return cv2.blur(factor, size) * rgb + cv2.blur(mean - factor * mean, size)


def random_offsets(hole: np.ndarray, usable: np.ndarray, seed: int) -> np.ndarray:
    """Offsets (h, w, 2) int32, in y and x, from each square of the hole to a random usable square to copy grain from.

    0 where no square is usable as a whole.
    """
    offsets = np.zeros((*hole.shape, 2), np.int32)
    free = cv2.erode(usable.astype(np.uint8), np.ones((GRAIN_SIDE, GRAIN_SIDE), np.uint8), anchor=(0, 0), borderValue=0)
    places = np.argwhere(free)
    if not len(places):
        return offsets
    random = np.random.default_rng(seed)
    for y in range(0, hole.shape[0], GRAIN_SIDE):
        for x in range(0, hole.shape[1], GRAIN_SIDE):
            offsets[y : y + GRAIN_SIDE, x : x + GRAIN_SIDE] = places[random.integers(len(places))] - (y, x)
    return offsets

"""Holes in smooth surroundings, such as a sky or a wall, and seams between copied pieces of them.  Pure functions."""

import cv2
import numpy as np

from ..imaging.sampling import distance_inside, extrapolate, resize

AVERAGE = 7  # pixels of the square that is averaged to remove grain
ENOUGH = 3000  # pixels that are needed to fit a surface
LEAST_AROUND = 16  # pixels around a hole, at least, in which its surroundings must be smooth
MAX_ERROR = 3 / 255  # between a smooth surface and its averaged pixels, plus …
GRAIN_ERRORS, MAX_GRAIN = 5, 8 / 255  # … so many times what averaging leaves of the grain, which counts up to MAX_GRAIN
SEAM_RADIUS = 16  # pixels that a faint seam is spread over
FAINT = 6 / 255  # a step of twice this height is halved
STEP = 7  # pixels that the step between two copied pieces takes, as patches overlap
MAX_STEP = 0.15  # that may be a difference in light; what differs much more is another thing
LIGHT_REACH = 64.0  # pixels that a difference in light is spread over
BUSY = 4 / 255  # differences between neighbouring pixels, on the whole, among which a seam is hardly seen
CYCLES, SWEEPS, DAMPING = 3, 2, np.float32(0.8)  # of the multigrid method, which leave a few hundredths of the error
HALVED = 32  # what a side is a multiple of, so that it can be halved five times
NEIGHBOURS = (np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :])  # each pixel, and the next one: right, below
CROSS = np.array(((0, 1, 0), (1, 0, 1), (0, 1, 0)), np.float32)
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


def joined(picture: np.ndarray, steps: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """picture (h, w, 3) float32 with light added in the hole, so that neighbouring pixels differ as `steps` says.

    steps: (h, w, 6) float32, the wanted difference of the next pixel to the right from this one, and of the one below.
    The light is the solution of a screened Poisson equation (Bhat et al. 2008, "Fourier Analysis of the 2D Screened
    Poisson Equation for Gradient Domain Problems"); it is 0 around the hole.
    """
    wanted = np.zeros_like(picture)
    calm = 1 / (1 + (cv2.GaussianBlur((steps**2).mean(axis=2), (0, 0), STEP) / BUSY**2) ** 2)
    for axis, (one, next_) in enumerate(NEIGHBOURS):
        differences = steps[one][..., 3 * axis : 3 * axis + 3]
        missed = (differences - (picture[next_] - picture[one])) * (hole[one] | hole[next_])[..., None]
        step = cv2.blur(missed, ((STEP, 1), (1, STEP))[axis]) * STEP
        missed /= 1 + (np.abs(step).max(axis=2, keepdims=True) / MAX_STEP) ** 4
        missed *= np.where(hole[one] & hole[next_], calm[one], 1)[..., None]
        wanted[next_] += missed
        wanted[one] -= missed
    height, width = hole.shape
    margin = (0, -height % HALVED), (0, -width % HALVED)
    wanted, hole = np.pad(wanted, (*margin, (0, 0))), np.pad(hole, margin, mode="edge")
    light = np.zeros_like(wanted)
    for _ in range(CYCLES):
        light = _cycle(light, wanted, hole, LIGHT_REACH**-2)
    return picture + light[:height, :width]


def _cycle(light: np.ndarray, wanted: np.ndarray, hole: np.ndarray, screen: float) -> np.ndarray:
    """Bring light (h, w, 3) nearer to the solution, by a V-cycle of the multigrid method (Briggs et al. 2000).

    wanted: (h, w, 3), by how much a pixel must exceed its neighbours, all together.  screen: of its own light, what it
    loses beside that.  Half as large, what is still missed is four times as much, as is the screen.
    """
    count = _neighbours(np.ones(hole.shape, np.float32)) + np.float32(screen)
    light = _relaxed(light, wanted, hole, count)
    if hole.shape[0] % 2 or hole.shape[1] % 2:
        return light
    half = hole.shape[1] // 2, hole.shape[0] // 2
    missed = (wanted + _neighbours(light) - count[..., None] * light) * hole[..., None]
    coarse_hole = resize(hole.astype(np.float32), half) > 0.999
    if coarse_hole.any():
        coarse = _cycle(np.zeros((*half[::-1], 3), np.float32), 4 * resize(missed, half), coarse_hole, 4 * screen)
        light = light + cv2.resize(coarse, hole.shape[::-1]) * hole[..., None]
    return _relaxed(light, wanted, hole, count)


def _relaxed(light: np.ndarray, wanted: np.ndarray, hole: np.ndarray, count: np.ndarray) -> np.ndarray:
    """light after some damped steps of the Jacobi method; count: (h, w), what it is divided by."""
    share = (hole / count)[..., None]
    for _ in range(SWEEPS):
        light = light + DAMPING * ((_neighbours(light) + wanted) * share - light)
    return light


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The sum of each pixel's four neighbours, of those within the picture."""
    return cv2.filter2D(values, -1, CROSS, borderType=cv2.BORDER_CONSTANT)


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

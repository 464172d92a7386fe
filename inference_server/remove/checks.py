"""Whether a filled hole looks right, without knowing what was there.  Pure functions.

Three questions: is it as rich as its surroundings, does anything repeat in it, and is the mask's edge seen?
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from ..imaging.sampling import distance_inside

SIDE = 512  # pixels on the long side of a window, at which it is checked
BAND_SCALES = (1, 2, 4, 8)  # pixels: the bands of detail lie between these standard deviations
AREA = 8  # pixels: standard deviation of the area in which contrast is measured
CALM = 0.1  # quantile of the contrast in the hole and around it that is compared: a plate is calmer than what is calm
FAINT = 0.5 / 255  # contrast that is not seen
SHIFT = 6  # pixels that a repetition lies apart, at least
OVERLAP = 0.25  # of the hole that must overlap with itself when shifted
NEAR = 3  # pixels on both sides of an edge
LEAST_SHARE = 0.02  # of such a side that must be known
LEAST_RICH, MOST_REPEATED, MOST_EDGE = 0.8, 0.35, 1.9  # bounds that 35 of 38 untouched photos pass


@dataclass(frozen=True, kw_only=True)
class Check:
    """rich: contrast in the hole over that of its calmer surroundings, in the band that lacks most, up to 1.  repeated:
    how much more its fine detail is like itself some pixels away than that around it, -1 to 1.  edge: the step in light
    across the mask's edge over that across lines around it.  contrast: that of the whole hole over that around it, the
    mean of the bands."""

    rich: float
    repeated: float
    edge: float
    contrast: float

    @property
    def passed(self) -> bool:
        return self.rich >= LEAST_RICH and self.repeated <= MOST_REPEATED and self.edge <= MOST_EDGE

    @property
    def score(self) -> float:
        """The higher the better, up to 0: what is too much or too little, and the logarithm of what contrast lacks.

        Of two ways that pass, or nearly, the one with more contrast is as a rule the richer one: copying blurs, and
        prefers what is calm.
        """
        excess = self.repeated / MOST_REPEATED - 1, self.edge / MOST_EDGE - 1, 1 - self.rich / LEAST_RICH
        return min(0.0, float(np.log(self.contrast))) - sum(max(0.0, each) for each in excess)


FAULTLESS = Check(rich=1.0, repeated=0.0, edge=0.0, contrast=1.0)


def check(picture: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> Check:
    """Check a picture (h, w, 3) float32, 0 to 1, whose hole (h, w) bool is filled.

    usable: (h, w) bool, the pixels that it is compared with.  A hole too narrow to tell has no faults.
    """
    if float(np.max(distance_inside(hole))) < AREA:
        return FAULTLESS
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    around = usable & ~hole & (distance <= 2 * max(AREA, float(np.max(distance_inside(hole)))))
    bands = _bands(grey)
    return Check(
        rich=_rich(bands, hole, around),
        repeated=_repeated(grey, hole, around),
        edge=_edge(grey, hole, around, distance),
        contrast=_whole_contrast(bands, hole, around),
    )


def _bands(grey: np.ndarray) -> list[np.ndarray]:
    """The squares (h, w) of the detail in each band, fine to coarse."""
    blurred = [grey, *(cv2.GaussianBlur(grey, (0, 0), scale) for scale in BAND_SCALES)]
    return [(fine - coarse) ** 2 for fine, coarse in pairwise(blurred)]


def _rich(bands: list[np.ndarray], hole: np.ndarray, around: np.ndarray) -> float:
    ratios = [1.0]
    for energy in bands:
        inside, outside = (_contrast(energy, where) for where in (hole, around))
        if len(inside) and len(outside):
            ratios.append(float((np.quantile(inside, CALM) + FAINT) / (np.quantile(outside, CALM) + FAINT)))
    return min(ratios)


def _whole_contrast(bands: list[np.ndarray], hole: np.ndarray, around: np.ndarray) -> float:
    if not around.any():
        return 1.0
    inside, outside = (np.sqrt([energy[where].mean() for energy in bands]) for where in (hole, around))
    return float(np.exp(np.log((inside + FAINT) / (outside + FAINT)).mean()))


def _contrast(energy: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The standard deviations (n,) of a band in areas around the pixels where `where` is true, of those alone."""
    share = cv2.GaussianBlur(where.astype(np.float32), (0, 0), AREA)
    return np.sqrt((cv2.GaussianBlur(energy * where, (0, 0), AREA) / np.maximum(share, 1e-6))[where])


def _repeated(grey: np.ndarray, hole: np.ndarray, around: np.ndarray) -> float:
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 3)
    return _likeness(fine, hole) - max(0.0, _likeness(fine, around))


def _likeness(fine: np.ndarray, where: np.ndarray) -> float:
    """The highest correlation of fine detail with itself, shifted by at least SHIFT pixels; 0 where there is none."""
    if np.count_nonzero(where) < 16 * SHIFT**2:
        return 0.0
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    known = where[part].astype(np.float32)
    detail = (fine[part] - fine[part][where[part]].mean()) * known
    size = tuple(cv2.getOptimalDFTSize(2 * n) for n in known.shape)

    def correlated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.fft.irfft2(np.fft.rfft2(a, size) * np.conj(np.fft.rfft2(b, size)), size)

    count, same = correlated(known, known), correlated(detail, detail)
    energy = correlated(detail**2, known)
    other = np.roll(energy[::-1, ::-1], (1, 1), (0, 1))
    y, x = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    far = (y[:, None] ** 2 + x**2 >= SHIFT**2) & (count > OVERLAP * known.sum())
    return float((same / np.sqrt(np.maximum(energy * other, 1e-9)))[far].max(initial=0))


def _edge(grey: np.ndarray, hole: np.ndarray, around: np.ndarray, distance: np.ndarray) -> float:
    outwards, known = distance - distance_inside(hole), hole | around
    elsewhere = max(_step(grey, known, outwards, line) for line in (-2 * NEAR, 2 * NEAR, 4 * NEAR))
    return (_step(grey, known, outwards, 0) + 2 * FAINT) / (elsewhere + 2 * FAINT)


def _step(grey: np.ndarray, known: np.ndarray, outwards: np.ndarray, line: float) -> float:
    """The mean step in light across a line around the hole: where `outwards`, the distance from its edge, is `line`."""
    sides = known & (outwards > line - NEAR) & (outwards <= line), known & (outwards > line) & (outwards <= line + NEAR)
    shares = [cv2.GaussianBlur(side.astype(np.float32), (0, 0), NEAR) for side in sides]
    one, other = (
        cv2.GaussianBlur(grey * side, (0, 0), NEAR) / np.maximum(share, 1e-6)
        for side, share in zip(sides, shares, strict=True)
    )
    seen = (np.minimum(*shares) > LEAST_SHARE) & (np.abs(outwards - line) <= 1)
    return float(np.abs(one - other)[seen].mean()) if seen.any() else 0.0

"""The contact shadow of an object: the dark, soft band on the ground where it stands.  Pure functions.

Near its foot an object hides much of the sky from the ground, which is the darker, the nearer it is, in any light
(ambient occlusion: Zhukov, Iones and Kronin 1998, "An ambient light illumination model", section 2).  So the ground
beside the foot is compared with that farther out: by how much the light falls, how softly and how evenly all along the
foot, in which colour, and whether it falls so elsewhere, too: along the object's sides, and where the foot's outline is
laid on other ground of the picture.  A logistic regression weighs this (bench/fit/contacts.py).
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import log_light, to_uint8
from ..imaging.sampling import resize, smoothed_within
from ..shared.geometry import Window, fit_within

BREADTH = 96  # pixels that the shorter side of the object's bounds is reduced to …
SIDE = 512  # … and the most on the long side of the picture that is searched
RIM = 2  # pixels around the mask that may belong to the object
LOWEST = 0.22  # of the object's height, from below: where it may stand

# Lengths from here on are shares of the shorter side of the object's bounds.
AROUND = 0.9  # how far the ground is looked at
BESIDE, BEYOND, FAR = (0.0, 0.08), (0.2, 0.38), (0.38, 0.6)  # from the foot: what may be darker, and what it is not
STEPS = (0.0, 0.05, 0.09, 0.13, 0.17, 0.21, 0.25)  # from the foot: between these the light is compared
SMOOTH, SPREAD, BROAD = 0.015, 0.05, 0.35  # the deviations by which light is smoothed, its fall, and what it falls from
LAID = tuple((x, y) for y in (0.0, 0.5, -0.5) for x in (-1.4, -0.9, -0.45, 0.45, 0.9, 1.4) if abs(x) > 0.5 or y)
PARTS = 8  # of the foot's width
LEAST_PART = 4  # pixels that are compared

NOISE = 0.04  # of the light, in logarithms
CLEAR = 0.35  # a fall of at least this is no faint one
KEPT, FAINTEST = 0.3, 0.04  # share of the fall beside the foot, and logarithm, from which a pixel is in the shadow


class Evidence(NamedTuple):
    """What makes it likely, or unlikely, that a shadow lies where the object stands; falls in logarithms."""

    faint: float  # how much less than CLEAR the light falls
    ahead: float  # how much more it falls than at most places where the foot is laid elsewhere
    steady: float  # the mean fall beside the foot's parts, in deviations of these
    sides: float  # how much more it falls than along the object's sides
    green: float  # how far green falls differently from red and blue
    abrupt: float  # the largest part of the fall between two of STEPS
    back: float  # how much of it there is in the wrong direction
    even: float  # share of the foot's parts beside which it falls by much


class Ground(NamedTuple):
    """Where an object stands.

    light: (h, w, 3) float32, smoothed logarithms of RGB; free: (h, w) bool, the object is not; away, apart: (h, w)
    float32, how far from the foot, and from the object; columns: (h, w) int, which of PARTS of the foot's width;
    scale: pixels of the shorter side of the object's bounds.
    """

    light: np.ndarray
    free: np.ndarray
    away: np.ndarray
    apart: np.ndarray
    columns: np.ndarray
    scale: float


BIAS = -0.47
WEIGHTS = Evidence(faint=-0.85, ahead=-0.76, steady=0.56, sides=0.16, green=-2.34, abrupt=0.74, back=0.59, even=1.01)
LIKELY, SURE = 1.2, 2.3  # the odds, as logarithms, from which it is one, and from which it is for certain


def find(pixels: np.ndarray, mask: np.ndarray, *, only_sure: bool = False) -> np.ndarray:
    """The contact shadow (h, w) uint8, 255 or 0, of the object in mask (h, w) uint8, 255 = the object; never over it.

    pixels: (h, w, 3|4), of any depth: the object, and the ground where it stands.  All 0 where none is found; a
    doubtful one is none, and with only_sure one that is merely likely, too.
    """
    found = np.zeros_like(mask)
    window = searched(mask)
    if window is None:
        return found
    rgb, item = to_uint8(pixels[window.slices][..., :3]), mask[window.slices]
    ground = standing(*reduced(rgb, item))
    seen = evidence(ground) if ground is not None else None
    if ground is None or seen is None or BIAS + float(np.dot(WEIGHTS, seen)) <= (SURE if only_sure else LIKELY):
        return found
    share = resize(shaded(ground).astype(np.float32), (window.width, window.height), cv2.INTER_LINEAR)
    found[window.slices] = np.where((share > 0.5) & (item <= 127), np.uint8(255), np.uint8(0))
    return found


def searched(mask: np.ndarray) -> Window | None:
    """The window around the lower half of the object in mask (h, w) uint8, and the ground there.

    None where there is no object, or it is cut off below.
    """
    bounds = windows.bounds(mask > 127)
    if bounds is None or bounds.y + bounds.height >= mask.shape[0] - RIM:
        return None
    reach = round(AROUND * min(bounds.width, bounds.height)) + RIM
    x, y, width, height = bounds.grown(reach, reach, mask.shape[1], mask.shape[0])
    top = bounds.y + bounds.height // 2
    return Window(x, top, width, y + height - top)


def reduced(rgb: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, (h, w, …) uint8, at the size at which they are searched."""
    height, width = item.shape
    bounds = windows.bounds(item > 127)
    assert bounds is not None
    breadth = min(bounds.width, 2 * bounds.height)
    side = min(SIDE, max(width, height) * min(1.0, BREADTH / breadth))
    size = fit_within(width, height, max(1, round(side)))
    return resize(rgb, size), resize(item, size)


def standing(pixels: np.ndarray, mask: np.ndarray) -> Ground | None:
    """The ground around the foot of an object whose lower half is in mask (h, w) uint8; None where it has no foot.

    pixels: (h, w, 3) uint8.
    """
    item, taken = mask > 127, cv2.dilate((mask > 30).astype(np.uint8), np.ones((2 * RIM + 1,) * 2, np.uint8)) > 0
    bounds = windows.bounds(item)
    if bounds is None or bounds.y + bounds.height >= len(item) - RIM:
        return None
    scale = float(min(bounds.width, 2 * bounds.height))
    lowest = len(item) - 1 - item[::-1].argmax(axis=0)
    stands = item.any(axis=0) & (lowest >= bounds.y + bounds.height - max(1, 2 * LOWEST * bounds.height))
    columns = np.flatnonzero(stands)
    foot = np.ones(item.shape, np.uint8)
    foot[lowest[columns], columns] = 0
    free = ~taken
    light = log_light(pixels)
    parts = (np.arange(item.shape[1]) - columns[0]) * PARTS // (int(np.ptp(columns)) + 1)
    return Ground(
        light=smoothed_within(light, free.astype(np.float32), max(0.5, SMOOTH * scale)),
        free=free,
        away=cv2.distanceTransform(foot, cv2.DIST_L2, 5) / scale,
        apart=cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5) / scale,
        columns=np.broadcast_to(parts.clip(0, PARTS - 1), item.shape),
        scale=scale,
    )


def evidence(ground: Ground) -> Evidence | None:
    """The evidence on whether a shadow lies there; None where there is too little ground to say."""
    here = _falls(ground, ground.away, ground.columns, ground.free)
    if not len(here):
        return None
    fall = np.median(here, axis=0)
    dark, parts = float(fall.mean()), here.mean(axis=1)
    elsewhere = ground.free & (ground.away > BEYOND[0])
    others = [_falls(ground, *_moved(ground, step), elsewhere) for step in LAID]
    usual = np.array([float(np.median(each.mean(axis=1))) for each in others if len(each)] or [0.0])
    sides = _falls(ground, ground.apart, ground.columns, elsewhere)
    steps, whole = -np.diff(_profile(ground)), max(dark, NOISE)
    return Evidence(
        faint=max(0.0, float(np.log((CLEAR + 0.02) / (max(dark, 0) + 0.02)))),
        ahead=dark - float(np.quantile(usual, 0.75)),
        steady=float(np.clip(parts.mean() / (parts.std() + NOISE), -2, 6)),
        sides=dark - (float(np.median(sides.mean(axis=1))) if len(sides) else 0.0),
        green=abs(float(fall[1]) - dark),
        abrupt=float(np.clip(steps.max(initial=0) / whole, 0, 2)),
        back=float(np.clip(-steps[steps < 0].sum() / whole, 0, 2)),
        even=float((parts > 0.5 * whole).mean()),
    )


def shaded(ground: Ground) -> np.ndarray:
    """Where (h, w) bool the shadow lies, up to the object: as far from the foot as it is usually seen, where it is."""
    falls = _profile(ground)
    dark, reach = falls > KEPT * falls[0], STEPS[1:]
    far = reach[len(dark) - 1 if dark.all() else max(0, int(np.argmin(dark)) - 1)]
    grey = ground.light.mean(axis=2)
    lit = ground.free & (ground.away > BEYOND[0]) & (ground.away <= FAR[1])
    lit_share, free_share = (part.astype(np.float32) for part in (lit, ground.free))
    fall = smoothed_within(grey, lit_share, BROAD * ground.scale) - smoothed_within(
        grey, free_share, SPREAD * ground.scale
    )
    shadow = ground.free & (ground.away <= far) & (fall > max(FAINTEST, KEPT * falls[0] / 2))
    return shadow | (~ground.free & (ground.away <= BESIDE[1]))


def _falls(
    ground: Ground,
    away: np.ndarray,
    columns: np.ndarray,
    free: np.ndarray,
    near: tuple[float, float] = BESIDE,
    far: tuple[float, float] = BEYOND,
) -> np.ndarray:
    """By how much each channel of the light is less near something than farther away from it: (n, 3), for each part of
    the foot that can be compared.

    away, columns: (h, w), as in `Ground`; free: (h, w) bool, what is compared.
    """
    means, known = [], np.ones(PARTS, bool)
    for least, most in (near, far):
        strip = free & (away > least) & (away <= most)
        where, light = columns[strip], ground.light[strip]
        counts = np.bincount(where, minlength=PARTS)
        sums = np.stack([np.bincount(where, light[:, k], PARTS) for k in range(3)], axis=1)
        known &= counts >= LEAST_PART
        means.append(sums / np.maximum(counts, 1)[:, None])
    falls: np.ndarray = (means[1] - means[0])[known]
    return falls


def _profile(ground: Ground) -> np.ndarray:
    """By how much the light (n,) is less between STEPS than beyond; the median of the foot's parts.

    Between those that hold no pixel, as the first ones of a small object's, as in the next.
    """
    each = [_falls(ground, ground.away, ground.columns, ground.free, strip) for strip in pairwise(STEPS)]
    medians, last = list[float](), 0.0
    for falls in reversed(each):
        last = float(np.median(falls.mean(axis=1))) if len(falls) else last
        medians.insert(0, last)
    return np.array(medians)


def _moved(ground: Ground, step: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """`away` and `columns` of a foot that lies elsewhere by this share (x, y) of the scale."""
    shift = np.array([[1, 0, step[0] * ground.scale], [0, 1, step[1] * ground.scale]])
    size = ground.away.shape[::-1]
    away = cv2.warpAffine(ground.away, shift, size, borderMode=cv2.BORDER_CONSTANT, borderValue=9)
    columns = cv2.warpAffine(ground.columns.astype(np.int16), shift, size, flags=cv2.INTER_NEAREST)
    return away, columns.astype(int)

"""Which of several shapes beside an object is its shadow, if one of them is.  Pure functions.

Shapes come from two sides: dark pieces of the surroundings (`shadows`), and the object's outline laid on the ground
(`silhouettes`).  Each has odds of its own; which one it is shows in what they say of each other, and in the light: it
falls at the shadow's edge and no farther out, the ground's colours stay the same (Finlayson, Hordley and Drew 2002,
"Removing shadows from images", section 2), and it is darkest where the object stands.

One of them is the shadow, or none: a conditional logit (McFadden 1974, "Conditional logit analysis of qualitative
choice behavior", section II), in which “none” has odds of 1, weighs all that against the others
(bench/fit/shadow_ranking.py).  Many of the shapes are much the same, so that the odds are divided among them: what is
taken is the shape with the most of them around it, not the one that has the most by itself.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.products import matmul
from ..shared.geometry import Window

BAND, BANDS = (
    0.06,
    (3.0, 10.0),
)  # of the object's height: how wide the bands at an edge are; pixels, at least and at most
INSIDE, NEAR, NEXT = 0.3, (0.3, 1.0), (1.0, 2.0)  # bands: of an edge that is left out, and two outside it
SMOOTH = 0.03  # of the object's height: what the light is smoothed by before it is compared in these
TOUCHING = 0.12  # of the object's height: how far from it a shadow is darkest
UPPER = 0.6  # of the object's height, from its top: a shadow that lies beside this is none
FAINTEST, DEEPER, DEEPEST = 0.1, 0.9, 1.4  # falls of the light, in logarithms: what is darker than the last is none
LEAST, LEAST_BAND = 30, 12  # pixels, of a shape and of a band
COLOURS, SPREAD = 24, 0.6  # bins of colours' logarithms, and how far from their median they reach
SAME, SHARE = 0.35, 0.3  # the IoU of shapes that are much the same, and the share of their votes that a pixel needs
ODDS = (-12.0, 8.0)  # odds, as logarithms, beyond which they say no more
CERTAIN = 2.0  # odds of a dark piece, as a logarithm, from which it may be certain by itself


class Signs(NamedTuple):
    """What speaks for a shape, or against it; falls of the light in logarithms."""

    laid: float  # the odds of the laid outline that is most like it …
    moved: float  # … the same by the first regression there …
    outside: float  # … how the light varies along it, outside, in falls …
    alike: float  # … and the first of these, from the least on, times the IoU with it
    dark: float  # the odds of the dark piece that is most like it …
    certain: float  # … and how much more they are than CERTAIN, times the IoU with it
    agreed: float  # its IoU with all outlines, the likelier ones weighing more
    beyond: float  # how much more the light falls a band farther out, as a share of its fall
    foot: float  # how much lighter it is where it touches the object
    colours: float  # the share of the colours around it that it has, too
    deep: float  # how much darker it is than DEEPER
    above: float  # the share of it that lies beside the object's upper part


class Ground(NamedTuple):
    """An object and the ground around it.

    light: (h, w, 3) float32, smoothed logarithms of RGB; smooth: (h, w) float32, the same in grey, smoothed by SMOOTH;
    item, free: (h, w) bool, the object, and where it is not; away: (h, w) float32, pixels from it; bounds: its own.
    """

    light: np.ndarray
    smooth: np.ndarray
    item: np.ndarray
    free: np.ndarray
    away: np.ndarray
    bounds: Window


class Shapes(NamedTuple):
    """n laid outlines, then m dark pieces.

    whole: (n + m, h, w) bool, as they were found; taken: (n + m, h, w) bool, what would be taken of them.  laid, moved,
    outside: (n,), as in `Signs`; dark: (m,), the odds of the pieces.
    """

    whole: np.ndarray
    taken: np.ndarray
    laid: np.ndarray
    moved: np.ndarray
    outside: np.ndarray
    dark: np.ndarray


BIAS = -5.94
WEIGHTS = Signs(
    laid=0.281,
    moved=0.351,
    outside=0.087,
    alike=0.165,
    dark=0.125,
    certain=0.152,
    agreed=2.18,
    beyond=-0.73,
    foot=-1.21,
    colours=1.94,
    deep=-2.75,
    above=-3.08,
)


def likeliest(ground: Ground, shapes: Shapes) -> tuple[np.ndarray, float] | None:
    """The likeliest shape (h, w) bool, and its odds, as `voted` has them; None where no shape can be compared."""
    found = signs(ground, shapes)
    if not found:
        return None
    odds = np.array([BIAS + float(np.dot(WEIGHTS, seen)) for seen in found.values()])
    return voted(shapes.taken[list(found)] & ground.free, odds)


def voted(taken: np.ndarray, odds: np.ndarray) -> tuple[np.ndarray, float]:
    """Of shapes (n, h, w) bool with these odds (n,) against none, as logarithms, the likeliest, and its odds.

    Those that are much the same count together: the shape is taken around which most is likely, not the one that is
    likeliest by itself, and where it ends is put to a vote of those that count with it.
    """
    weights, alike = np.exp(odds), _overlaps(taken) >= SAME
    counted = weights * alike[np.argmax(alike @ weights)]
    votes = sum(counted[k] * taken[k] for k in np.flatnonzero(counted))
    return votes > SHARE * counted.sum(), float(np.log(counted.sum()))


def ground_of(light: np.ndarray, item: np.ndarray, taken: np.ndarray, away: np.ndarray) -> Ground:
    """light, item, taken, away: as in `shadows.Scene`; the object is not empty."""
    bounds = windows.bounds(item)
    assert bounds is not None
    free, deviation = (~taken).astype(np.float32), max(0.7, SMOOTH * bounds.height)
    share = np.maximum(cv2.GaussianBlur(free, (0, 0), deviation), 1e-3)
    smooth = cv2.GaussianBlur(light.mean(axis=2) * free, (0, 0), deviation) / share
    return Ground(light, smooth, item, ~taken, away, bounds)


def signs(ground: Ground, shapes: Shapes) -> dict[int, Signs]:
    """The signs of each shape that can be compared, by its number."""
    if not len(shapes.taken):
        return {}
    outlines, overlaps = len(shapes.laid), _overlaps(shapes.whole)
    likely = np.exp(shapes.laid - shapes.laid.max(initial=0.0))
    found = {}
    for k, shape in enumerate(shapes.taken):
        light = _light(ground, shape & ground.free)
        if light is None:
            continue
        laid, dark = overlaps[k, :outlines], overlaps[k, outlines:]
        one = k if k < outlines else int(np.argmax(laid)) if outlines else None
        odds = ODDS[0] if one is None else float(np.clip(shapes.laid[one], *ODDS))
        piece = float(np.clip(shapes.dark[np.argmax(dark)], *ODDS)) if len(dark) else ODDS[0]
        found[k] = Signs(
            laid=odds,
            moved=0.0 if one is None else float(shapes.moved[one]),
            outside=0.0 if one is None else float(shapes.outside[one]),
            alike=0.0 if one is None else (odds - ODDS[0]) * float(laid[one]),
            dark=piece,
            certain=max(0.0, piece - CERTAIN) * float(dark.max(initial=0.0)),
            agreed=float(likely @ laid / max(likely.sum(), 1e-9)),
            **light,
        )
    return found


def _light(ground: Ground, shape: np.ndarray) -> dict[str, float] | None:
    """The signs of a shape (h, w) bool that the light gives; None where it is no shadow, or cannot be compared."""
    box = windows.bounds(shape)
    if box is None or np.count_nonzero(shape) < LEAST:
        return None
    height, band = ground.bounds.height, float(np.clip(BAND * ground.bounds.height, *BANDS))
    margin = int(3 * band) + 6
    near = box.grown(margin, margin, shape.shape[1], shape.shape[0])
    inside, free = shape[near.slices], ground.free[near.slices]
    light, smooth, away = (plane[near.slices] for plane in (ground.light, ground.smooth, ground.away))
    padded = np.pad((inside | ~free).astype(np.uint8), 1, mode="edge")
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    apart = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    core = inside & (depth > max(1.5, INSIDE * band))
    ring = free & ~inside & (apart > INSIDE * band + 1) & (apart <= NEXT[1] * band)
    core = core if np.count_nonzero(core) >= LEAST_BAND else inside
    if np.count_nonzero(ring) < LEAST_BAND:
        return None
    fall = float((light[ring].mean(axis=0) - light[core].mean(axis=0)).mean())
    if fall > DEEPEST:
        return None
    beside, beyond = (free & ~inside & (apart > a * band) & (apart <= b * band) for a, b in (NEAR, NEXT))
    known = min(np.count_nonzero(beside), np.count_nonzero(beyond)) >= LEAST_BAND
    grown = float(smooth[beyond].mean() - smooth[beside].mean()) if known else 0.0
    touching = inside & (away <= TOUCHING * height)
    grey = light.mean(axis=2)
    rows = np.nonzero(shape)[0]
    return {
        "beyond": grown / max(fall, FAINTEST),
        "foot": float(grey[touching].mean() - grey[core].mean()) if np.count_nonzero(touching) >= LEAST_BAND else 0.0,
        "colours": min(_shared(*(light[part][:, k] - light[part][:, 1] for part in (core, ring))) for k in (0, 2)),
        "deep": max(0.0, fall - DEEPER),
        "above": float((rows < ground.bounds.y + UPPER * height).mean()),
    }


def _shared(some: np.ndarray, others: np.ndarray) -> float:
    """The share that two sets of numbers have in common, as smoothed histograms around the median of the others."""
    middle, smooth = float(np.median(others)), np.array([0.25, 0.5, 0.25])
    reach = middle - SPREAD, middle + SPREAD
    counts = [np.histogram(each.clip(*reach), COLOURS, reach)[0] / len(each) for each in (some, others)]
    first, second = (np.convolve(each, smooth, "same") for each in counts)
    return float(np.minimum(first, second).sum())


def _overlaps(shapes: np.ndarray) -> np.ndarray:
    """The IoU (n, n) of shapes (n, h, w) bool with each other, from every other row and column."""
    flat = shapes[:, ::2, ::2].reshape(len(shapes), -1).astype(np.float32)
    both, areas = matmul(flat, flat.T), flat.sum(axis=1)
    return both / np.maximum(areas[:, None] + areas - both, 1)

"""How the light falls along the outline of what may be a shadow.  Pure functions.

All along a shadow's outline the light falls by one factor, and the colours stay (Finlayson, Hordley and Drew 2002,
"Removing shadows from images", section 2).  How much a fall says depends on the ground at that point: on a pavement a
small one is sure, in grass a large one is nothing.  So each is measured by what places as far apart usually differ by
around there.  As such differences have long tails, the fall of the whole outline is the likeliest one under Laplace
distributions, which a few points on another ground do not move; at each point it is likelier than none, or less likely.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import log_light
from ..imaging.sampling import smoothed_within
from ..shared.geometry import Window
from .contours import trace, values_at

POINTS, LEAST_POINTS = 128, 10  # of an outline; that can be compared
SOFTNESS = 2.0  # pixels: what a shape is smoothed by before the direction across its outline is taken
APART, LEAST_APART = 0.025, 1.2  # of the object's height, and pixels: how far from the outline the light is compared
AREA, LEAST_AREA = 0.2, 4.0  # of its height, and pixels: the deviation of the area in which something is usual
NOISE = 0.015  # of what is usual, in logarithms
BLUE = (-0.02, 0.25)  # by how much red may fall more than blue in a shadow, in logarithms: skylight is blue
GREEN = (-0.03, 0.03)  # the same of green, more than both
FALLS = (0.04, 1.25)  # of a shadow's light, in logarithms
WITHIN = FALLS, BLUE, GREEN
DEEPEST = 1.4  # a fall, in logarithms: what is darker is no shadow, which the sky, or the room, lights too
MOST = 4.0  # times what is usual that a point counts at most


class EdgeSigns(NamedTuple):
    """How the light falls across an outline; falls in logarithms."""

    support: float  # share of the points at which its fall is likelier than none
    fall: float  # logarithm of its likeliest fall
    red: float  # how far red falls differently from blue, against what is usual …
    green: float  # … and green from both
    spread: float  # the deviation of that
    step: float  # the mean fall
    length: float  # logarithm of how many points can tell something of their own


class Lighting(NamedTuple):
    """The light around an object, ready to be compared `apart` pixels from outlines.

    bounds: the object's; free: (h, w) float32, 1 where it is not.  planes: (h, w, 3) float32, the smoothed light, red
    against blue, and green against both, as logarithms; usual: (h, w, 3) float32, what these usually differ by, twice
    as far apart.
    """

    apart: float
    bounds: Window
    free: np.ndarray
    planes: np.ndarray
    usual: np.ndarray


def lighting_around(pixels: np.ndarray, item: np.ndarray, taken: np.ndarray) -> Lighting:
    """pixels: (h, w, 3) uint8; item, taken: (h, w) bool, the object, which is not empty, and with its rim."""
    bounds = windows.bounds(item)
    assert bounds is not None
    apart, area = max(LEAST_APART, APART * bounds.height), max(LEAST_AREA, AREA * bounds.height)
    shares = (~taken).astype(np.float32)
    smooth = smoothed_within(log_light(pixels), shares, apart / 2)
    red, green, blue = (smooth[..., k] for k in range(3))
    planes = np.dstack((smooth.mean(axis=2), red - blue, green - (red + blue) / 2))
    return Lighting(apart, bounds, shares, planes, _usual(planes, shares, 2 * apart, area))


def edge_signs(near: Lighting, shape: np.ndarray) -> EdgeSigns | None:
    """What shape (h, w) bool, without the object, has for an edge; None where too little of it can be compared."""
    inside = (shape & (near.free > 0)).astype(np.uint8)
    if not inside.any():
        return None
    contour = trace(inside, POINTS, SOFTNESS)
    away = near.apart * contour.normals
    sides = np.stack((contour.points + away, contour.points - away))
    outer, inner = values_at(inside, sides, cv2.INTER_NEAREST) > 0
    known = (values_at(near.free, sides) > 0.9).all(axis=0) & ~outer & inner
    if np.count_nonzero(known) < LEAST_POINTS:
        return None
    lit, shaded = values_at(near.planes, sides)[:, known]
    falls, usual = (lit - shaded).T, values_at(near.usual, contour.points[None])[0, known].T + NOISE
    whole = [_likeliest(each, by, within) for each, by, within in zip(falls, usual, WITHIN, strict=True)]
    unlike = ((np.abs(falls - np.array(whole)[:, None]) + NOISE) / usual).clip(0, MOST).mean(axis=1)
    return EdgeSigns(
        support=float((falls[0] > whole[0] / 2).mean()),
        fall=float(np.log(whole[0])),
        red=float(unlike[1]),
        green=float(unlike[2]),
        spread=float(falls[2].std()),
        step=float(falls[0].mean()),
        length=float(np.log(max(1.0, float(known.mean()) * contour.length / (2 * near.apart)))),
    )


def _likeliest(falls: np.ndarray, usual: np.ndarray, within: tuple[float, float]) -> float:
    """The likeliest fall of an outline within bounds: the weighted median of those (n,) at its points, by what is usual
    (n,) there."""
    order = np.argsort(falls)
    weights = np.cumsum(1 / usual[order])
    return float(np.clip(falls[order][np.searchsorted(weights, weights[-1] / 2)], *within))


def _usual(planes: np.ndarray, free: np.ndarray, apart: float, area: float) -> np.ndarray:
    """What places of planes (h, w, 3) this far apart, aside or down, differ by: (h, w, 3), the mean of an area around
    each.

    free: (h, w) float32, 1 where the planes count; area: its deviation in pixels.  0 where nothing counts.
    """
    step = max(1, round(apart))
    differences, counts = np.zeros_like(planes), np.zeros_like(free)
    for axis in (0, 1):
        if free.shape[axis] <= step:
            continue
        pairs = np.moveaxis(planes, axis, 0), np.moveaxis(free, axis, 0)
        (first, second), (known, too) = ((each[:-step], each[step:]) for each in pairs)
        both, middle = known * too, slice(step // 2, step // 2 + len(known))
        np.moveaxis(differences, axis, 0)[middle] += np.abs(first - second) * both[..., None]
        np.moveaxis(counts, axis, 0)[middle] += both
    smooth, share = (cv2.GaussianBlur(each, (0, 0), area) for each in (differences, counts))
    return smooth / np.maximum(share, 1e-4)[..., None]

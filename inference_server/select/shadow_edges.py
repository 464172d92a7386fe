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
from ..imaging.sampling import smoothed_within
from ..shared.geometry import Window
from .contours import trace, values_at

POINTS, LEAST_POINTS = 128, 10  # of an outline; that can be compared
SOFTNESS = 2.0  # pixels: what a shape is smoothed by before the direction across its outline is taken
APART, LEAST_APART = 0.025, 1.2  # of the object's height, and pixels: how far from the outline the light is compared
AREA, LEAST_AREA = 0.2, 4.0  # of its height, and pixels: the deviation of the area in which something is usual
BLACK = 8  # added to 8-bit values before their logarithm: reduces the noise of the darkest
NOISE = 0.015  # of what is usual, in logarithms
BLUER, GREENER = (-0.02, 0.25), (-0.03, 0.03)  # by how much red falls more than blue, and green than both, in a shadow
FALLS = (0.04, 1.25)  # of a shadow's light, in logarithms
WITHIN = FALLS, BLUER, GREENER
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

    bounds: the object's; free: (h, w) float32, 1 where it is not.  planes: (3, h, w) float32, the smoothed light, red
    against blue, and green against both, as logarithms; usual: (3, h, w) float32, what these usually differ by, twice
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
    smooth = smoothed_within(np.log(pixels.astype(np.float32) + BLACK), shares, apart / 2)
    red, green, blue = (smooth[..., k] for k in range(3))
    planes = np.stack((smooth.mean(axis=2), red - blue, green - (red + blue) / 2))
    return Lighting(
        apart, bounds, shares, planes, np.stack([_usual(plane, shares, 2 * apart, area) for plane in planes])
    )


def edge_signs(near: Lighting, shape: np.ndarray) -> EdgeSigns | None:
    """What shape (h, w) bool, without the object, has for an edge; None where too little of it can be compared."""
    inside = (shape & (near.free > 0)).astype(np.uint8)
    if not inside.any():
        return None
    contour = trace(inside, POINTS, SOFTNESS)
    away = near.apart * contour.normals
    sides, known = [], np.ones(POINTS, bool)
    for places, within in ((contour.points + away, False), (contour.points - away, True)):
        known &= values_at(near.free, places[None])[0] > 0.9
        known &= (values_at(inside, places[None], cv2.INTER_NEAREST)[0] > 0) == within
        sides.append(_of_planes(near.planes, places))
    if np.count_nonzero(known) < LEAST_POINTS:
        return None
    falls, usual = (sides[0] - sides[1])[:, known], _of_planes(near.usual, contour.points)[:, known] + NOISE
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


def _of_planes(planes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """planes (k, h, w) at places (n, 2): (k, n)."""
    return np.stack([values_at(plane, places[None])[0] for plane in planes])


def _likeliest(falls: np.ndarray, usual: np.ndarray, within: tuple[float, float]) -> float:
    """The likeliest fall of an outline within bounds: the weighted median of those (n,) at its points, by what is usual
    (n,) there."""
    order = np.argsort(falls)
    weights = np.cumsum(1 / usual[order])
    return float(np.clip(falls[order][np.searchsorted(weights, weights[-1] / 2)], *within))


def _usual(plane: np.ndarray, free: np.ndarray, apart: float, area: float) -> np.ndarray:
    """What places of plane (h, w) this far apart, aside or down, differ by: (h, w), the mean of an area around each.

    free: (h, w) float32, 1 where the plane counts; area: its deviation in pixels.  0 where nothing counts.
    """
    step = max(1, round(apart))
    differences, counts = np.zeros_like(plane), np.zeros_like(plane)
    for axis in (0, 1):
        if plane.shape[axis] <= step:
            continue
        pairs = np.moveaxis(plane, axis, 0), np.moveaxis(free, axis, 0)
        (first, second), (known, too) = ((each[:-step], each[step:]) for each in pairs)
        middle = slice(step // 2, step // 2 + len(first))
        np.moveaxis(differences, axis, 0)[middle] += np.abs(first - second) * known * too
        np.moveaxis(counts, axis, 0)[middle] += known * too
    smooth, share = (cv2.GaussianBlur(each, (0, 0), area) for each in (differences, counts))
    return smooth / np.maximum(share, 1e-4)

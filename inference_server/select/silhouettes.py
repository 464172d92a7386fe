"""An object's outline, laid on the ground, and moved to where its shadow falls.  Pure functions.

All along the outline of a shadow the light falls by the same factor, while the ground's colour and texture stay.  So
the light is compared on both sides of each laid outline, point by point: how much it falls, how evenly, whether the
colour and the texture stay, and how usual such a fall is in this picture.  `casts` compares areas, which is surer on
grass; this is surer where the ground is of many colours.

1. Every direction is tried, and the odds of each come from a logistic regression on `Traits` and their squares.
2. The likeliest that differ are moved until their odds rise no more.
3. A second regression, fitted to what was moved in this way, gives the odds that count (in `shadow_ranking`).

bench/fit/silhouettes.py fits both to objects pasted into photographs, with a shadow and without.
"""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import log_light
from ..imaging.sampling import resize, smoothed_within
from ..shared.geometry import fit_within
from .contours import of_length_one, trace, values_at
from .shadow_edges import BLUE

LENGTHS = (-0.5, -0.38, -0.28, -0.2, -0.14, -0.09, 0.1, 0.15, 0.21, 0.29, 0.39, 0.52, 0.68)  # of the object's height
LEANS = tuple(0.22 * k for k in range(-7, 8))  # of its height, to the left
WIDTHS = (0.75, 0.95, 1.2)  # of its own
POINTS = 96  # of an outline
BESIDE = 0.05  # of the height: how far from the outline the light is compared …
SMOOTH = 0.03  # … and the standard deviation of what it is smoothed by before
NOISE = 0.05  # of the light, in logarithms, besides its own deviation
LEAST_POINTS, LEAST_STEP = 12, 0.02  # of an outline that can be compared; by how much it must be darker
MOST_UNUSUAL = 6.0  # deviations: more is no more likely a shadow
STRONG = 0.6, 0.3  # shares of the mean step, from which a point's is a strong one, or one at all

SMALL = 64  # pixels on the long side of the pictures in which silhouettes are compared with each other
TRIED, ALIKE = 16, 0.65  # how many are moved, and the IoU of two from which only the likelier one is
MOVES = (1.0, 1.0, 0.6, 0.4)  # how far in each round, as a share of MOVED
MOVED = ((3, 0.16), (1, 0.12), (0, 0.12), (4, 0.06), (5, 0.04), (2, 0.08))  # which of a laying's six, and how far
MOST = (np.inf, np.inf, 0.2, np.inf, 0.12, 0.06)  # of each of the six, either way
GAIN = 0.02  # in the odds, for which it is worth moving

WIDER = 0.07  # of the object's size: how far a shadow's outline may be off the silhouette's
BLUR = 2.0  # pixels: what the light is smoothed by before its outline is sought
SAME = 0.5  # the IoU of both, from which the outline that follows the light is taken


class Traits(NamedTuple):
    """How the light falls across each of n outlines; all (n,), falls in logarithms."""

    steady: np.ndarray | float  # the mean fall, in deviations
    step: np.ndarray | float  # the mean fall
    share: np.ndarray | float  # of the points with a fall
    valid: np.ndarray | float  # share of the points that can be compared
    length: np.ndarray | float  # logarithm of their length in heights
    tint: np.ndarray | float  # how far the difference between red and blue lies outside BLUE
    green: np.ndarray | float  # how far green falls differently from red and blue …
    colour: np.ndarray | float  # … and the deviation of that
    texture: np.ndarray | float  # logarithm of the deviation along the inside, against that along the outside
    inside: np.ndarray | float  # the deviation along the inside, in falls
    outside: np.ndarray | float  # the same along the outside
    matched: np.ndarray | float  # the deviation of the fall, against those along both sides
    unusual: np.ndarray | float  # the mean fall, in deviations of the falls across all outlines
    busier: np.ndarray | float  # how much more detail there is outside, as a logarithm
    strong: np.ndarray | float  # share of the points with much of the fall


class Moved(NamedTuple):
    """Of silhouettes that were moved, besides their traits."""

    laid: np.ndarray | float  # the odds as they were laid, as a logarithm, by the first regression
    odds: np.ndarray | float  # the same when they were moved
    area: np.ndarray | float  # logarithm of the share of the object's area that is seen of it


FIRST_BIAS = -10.57
FIRST_WEIGHTS = Traits(
    steady=1.423,
    step=6.241,
    share=0.7515,
    valid=3.992,
    length=0.3308,
    tint=-10.22,
    green=-13.23,
    colour=4.205,
    texture=1.114,
    inside=-0.4685,
    outside=0.9302,
    matched=1.01,
    unusual=0.7219,
    busier=2.416,
    strong=6.804,
)
FIRST_SQUARES = Traits(
    steady=-0.1261,
    step=-8.108,
    share=0.5127,
    valid=-2.241,
    length=0.07035,
    tint=8.689,
    green=31.76,
    colour=-6.213,
    texture=0.4054,
    inside=-0.01979,
    outside=-0.02088,
    matched=-0.02907,
    unusual=0.01335,
    busier=-1.741,
    strong=-1.981,
)

BIAS = -4.305
WEIGHTS = Traits(
    steady=-0.9004,
    step=2.316,
    share=5.463,
    valid=-2.327,
    length=0.4402,
    tint=-7.676,
    green=-4.702,
    colour=1.056,
    texture=0.02499,
    inside=-0.3066,
    outside=0.4269,
    matched=-0.4515,
    unusual=-0.1714,
    busier=-0.7229,
    strong=1.721,
)
MOVED_WEIGHTS = Moved(laid=0.2019, odds=0.8773, area=0.9407)
NEVER = -99.0  # the odds of one that cannot be compared


class Around(NamedTuple):
    """An object's outline, and the picture around it, ready to be compared.

    light: (h, w, 3) float32, smoothed logarithms of RGB; busy: (h, w) float32, the logarithm of its detail; free:
    (h, w) float32, 1 where the object is not; mask: (h, w) uint8, 1 the object; points, normals: (POINTS, 2) float32,
    (x, y) of its outline and the direction out of it; foot: (x, y); height: pixels; length: the outline's, in heights.
    """

    light: np.ndarray
    busy: np.ndarray
    free: np.ndarray
    mask: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    foot: tuple[float, float]
    height: float
    length: float


class Considered(NamedTuple):
    """The n silhouettes that were moved.

    layings: (n, 6), as in `_matrices`; evidence: (n, 18), `Traits` and `Moved`; comparable: (n,) bool.
    """

    layings: np.ndarray
    evidence: np.ndarray
    comparable: np.ndarray


def around(pixels: np.ndarray, item: np.ndarray, taken: np.ndarray) -> Around:
    """pixels: (h, w, 3) uint8; item, taken: (h, w) bool, the object, which is not empty, and with its rim."""
    bounds = windows.bounds(item)
    assert bounds is not None
    height, free = float(bounds.height), (~taken).astype(np.float32)
    light = log_light(pixels)
    grey = light.mean(axis=2)
    detail = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2))
    busy = np.log(smoothed_within(detail, free, max(1.5, BESIDE * height)) + 0.01)
    mask = (cv2.GaussianBlur(item.astype(np.float32), (0, 0), max(0.6, 0.02 * height)) > 0.5).astype(np.uint8)
    mask = mask if mask.any() else item.astype(np.uint8)
    contour = trace(mask, POINTS, max(1, 0.02 * height))
    return Around(
        light=smoothed_within(light, free, max(0.7, SMOOTH * height)),
        busy=busy,
        free=free,
        mask=mask,
        points=contour.points,
        normals=contour.normals,
        foot=(bounds.x + bounds.width / 2, float(bounds.y + bounds.height)),
        height=height,
        length=contour.length / height,
    )


class Outlines(NamedTuple):
    """The n silhouettes that were moved and can be compared.

    shapes: (n, h, w) bool; odds: (n,), as logarithms.
    """

    shapes: np.ndarray
    odds: np.ndarray


def outlines(near: Around) -> Outlines:
    """The likeliest silhouettes, moved, and how likely each is."""
    considered = moved(near)
    layings, evidence = considered.layings[considered.comparable], considered.evidence[considered.comparable]
    shapes = np.array([shape(near, laying) for laying in layings], bool).reshape(-1, *near.mask.shape)
    return Outlines(shapes, BIAS + evidence @ np.array((*WEIGHTS, *MOVED_WEIGHTS)))


def shape(near: Around, laying: np.ndarray) -> np.ndarray:
    """The object laid in this way (6,), (h, w) bool."""
    (matrix,) = _matrices(near, laying[None])
    return (cv2.warpAffine(near.mask, matrix, near.mask.shape[::-1]) > 0) & (near.free > 0)


def moved(near: Around) -> Considered:
    """The likeliest silhouettes, moved until they are likelier no more."""
    layings = lattice()
    traits, comparable, usual = compared(near, layings)
    odds = _first_odds(traits, comparable)
    chosen = _different(near, layings, odds)
    if not len(chosen):
        nothing = np.zeros((0, len(Traits._fields) + len(Moved._fields)))
        return Considered(layings[:0], nothing, np.zeros(0, bool))
    found = layings[chosen]
    for share in MOVES:
        tried = _near(found, share)
        values = _first_odds(*compared(near, tried.reshape(-1, 6), usual)[:2]).reshape(tried.shape[:2])
        values[:, 1:] -= GAIN
        found = tried[np.arange(len(found)), values.argmax(axis=1)]
    traits, comparable, _ = compared(near, found, usual)
    seen = np.array([np.count_nonzero(shape(near, laying)) for laying in found])
    area = np.log(seen / np.count_nonzero(near.mask) + 0.02)
    evidence = np.column_stack((traits, odds[chosen], _first_odds(traits, comparable), area))
    return Considered(found, evidence, comparable)


def lattice() -> np.ndarray:
    """The layings (n, 6) that are tried at first."""
    sizes = np.array(list(product(LENGTHS, LEANS, WIDTHS)), np.float32)
    none = np.zeros(len(sizes), np.float32)
    return np.stack((sizes[:, 2], -sizes[:, 1], none, -sizes[:, 0], none, none), axis=1)


def compared(near: Around, layings: np.ndarray, usual: float | None = None) -> tuple[np.ndarray, np.ndarray, float]:
    """The traits (n, 15) of layings (n, 6), which of them can be compared (n,) bool, and `usual`.

    usual: the deviation of the falls across all outlines; None to take it from these.
    """
    matrices = _matrices(near, layings)
    back = np.linalg.inv(matrices[:, :, :2])
    outline = near.points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    apart = BESIDE * near.height * of_length_one(near.normals @ back)
    lights, details, known = [], [], np.ones(outline.shape[:2], bool)
    for places, within in ((outline + apart, 0), (outline - apart, 1)):
        at = (places - matrices[:, None, :, 2]) @ back.transpose(0, 2, 1)
        known &= (values_at(near.mask, at, cv2.INTER_NEAREST) == within) & (values_at(near.free, places) > 0.9)
        lights.append(values_at(near.light, places))
        details.append(values_at(near.busy, places))
    counted = known.astype(np.float32)
    falls = lights[0] - lights[1]
    if usual is None:
        usual = float(falls.mean(axis=2)[known].std()) if known.any() else 0.0
    traits = _traits(lights, falls, details[0] - details[1], counted, max(usual, NOISE), near.length)
    comparable = (counted.sum(axis=1) >= LEAST_POINTS) & (traits[:, 1] > LEAST_STEP)
    return traits, comparable, usual


def _traits(
    lights: list[np.ndarray], falls: np.ndarray, busier: np.ndarray, counted: np.ndarray, usual: float, length: float
) -> np.ndarray:
    """lights: outside and inside (n, m, 3); falls: (n, m, 3); busier, counted: (n, m); returns (n, 15)."""
    points, grey = np.maximum(counted.sum(axis=1), 1), falls.mean(axis=2)
    step, variance = _moments(grey, counted)
    (_, outside), (_, inside) = (_moments(light.mean(axis=2), counted) for light in lights)
    channels = np.stack([_moments(falls[..., k], counted)[0] for k in range(3)], axis=1)
    bluer, least, some = channels[:, 0] - channels[:, 2], np.maximum(step, 0.05)[:, None], np.maximum(step, 0.1)
    strong, any_ = (((grey > share * least) * counted).sum(axis=1) / points for share in STRONG)
    traits = Traits(
        steady=np.clip(step / np.sqrt(variance + NOISE**2), -1, 8),
        step=step.clip(-1, 2),
        share=any_,
        valid=counted.mean(axis=1),
        length=np.log(counted.mean(axis=1) * length + 0.05),
        tint=np.maximum(np.maximum(BLUE[0] - bluer, bluer - BLUE[1]), 0),
        green=np.abs(channels[:, 1] - channels.mean(axis=1)),
        colour=np.sqrt(_moments(falls[..., 1] - grey, counted)[1]),
        texture=0.5 * np.log((inside + 1e-3) / (outside + 1e-3)),
        inside=np.sqrt(inside) / some,
        outside=np.sqrt(outside) / some,
        matched=np.sqrt(variance) / np.sqrt(inside + outside + 1e-3),
        unusual=(step / usual).clip(-2, MOST_UNUSUAL),
        busier=_moments(busier, counted)[0].clip(-2, 2),
        strong=strong,
    )
    return np.stack(traits, axis=1)


def _moments(values: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (n,) and the variance (n,) of values (n, m), where each counts as `counted` (n, m) says."""
    points = np.maximum(counted.sum(axis=1), 1e-6)
    mean = (values * counted).sum(axis=1) / points
    return mean, ((values - mean[:, None]) ** 2 * counted).sum(axis=1) / points


def _first_odds(traits: np.ndarray, comparable: np.ndarray) -> np.ndarray:
    odds = FIRST_BIAS + traits @ np.array(FIRST_WEIGHTS) + traits**2 @ np.array(FIRST_SQUARES)
    return np.where(comparable, odds, NEVER)


def _matrices(near: Around, layings: np.ndarray) -> np.ndarray:
    """The affine maps (n, 2, 3) of layings (n, 6): xx, xy, yx, yy, and by how many heights the foot (x, y) moves."""
    linear = layings[:, :4].reshape(-1, 2, 2).astype(np.float32)
    foot = np.array(near.foot, np.float32)
    shift = foot + layings[:, 4:] * near.height - linear @ foot
    return np.concatenate((linear, shift[..., None]), axis=2).astype(np.float32)


def _near(layings: np.ndarray, share: float) -> np.ndarray:
    """layings (n, 6) and twelve near each, (n, 13, 6)."""
    tried = np.repeat(layings[:, None], 1 + 2 * len(MOVED), axis=1)
    for k, (which, far) in enumerate(MOVED):
        for column, way in ((2 * k + 1, share * far), (2 * k + 2, -share * far)):
            tried[:, column, which] += way * (tried[:, column, which] if which in (0, 3) else 1)
    most = np.array(MOST, np.float32)
    return np.clip(tried, -most, most)


def _different(near: Around, layings: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Which (k,) of the layings are the likeliest, of those alike only one."""
    size = fit_within(near.mask.shape[1], near.mask.shape[0], SMALL)
    scale = np.diag([size[0] / near.mask.shape[1], size[1] / near.mask.shape[0], 1]).astype(np.float32)
    free = resize(near.free, size) > 0.5
    mask, chosen, shapes = resize(near.mask.astype(np.float32), size, cv2.INTER_AREA), list[int](), list[np.ndarray]()
    for k in np.argsort(-odds, kind="stable").tolist():
        if len(chosen) == TRIED or odds[k] <= NEVER:
            break
        full = np.vstack((_matrices(near, layings[k : k + 1])[0], [0, 0, 1]))
        laid = (cv2.warpAffine(mask, (scale @ full @ np.linalg.inv(scale))[:2], size) > 0.5) & free
        if all(np.count_nonzero(laid & one) <= ALIKE * np.count_nonzero(laid | one) for one in shapes):
            chosen.append(k)
            shapes.append(laid)
    return np.array(chosen, int)


def outlined(laid: np.ndarray, light: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """About the silhouette `laid` (h, w) bool, but with its outline where the light changes: (h, w) bool.

    light: (h, w) float32, logarithms; taken: as in `shadows.Scene`.  As laid where that is not much the same.
    """
    free = ~taken
    reach = max(3, round(WIDER * float(np.sqrt(np.count_nonzero(taken)))))
    square = np.ones((2 * reach + 1,) * 2, np.uint8)
    zone = cv2.dilate(laid.astype(np.uint8), square)
    core, beside = laid & free, (cv2.dilate(zone, square) > zone) & free
    if not core.any() or not beside.any():
        return core
    middle = (light[core].mean() + light[beside].mean()) / 2
    found = (zone > 0) & free & (smoothed_within(light, free.astype(np.float32), BLUR) < middle)
    found = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    alike = np.count_nonzero(found & core) >= SAME * np.count_nonzero(found | core)
    return found if alike else core

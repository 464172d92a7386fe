"""Where an object's shadow may fall: its silhouette, laid on the ground in all directions.  Pure functions.

On grass or tiles a shadow is no darker, pixel by pixel, than what lies beside it; but it is so on the whole.  So the
light in each laid silhouette is compared with that around it, as a matched filter does (Turin 1960, "An introduction to
matched filters").  A silhouette that leans and is flattened is what a distant light makes of a flat thing that stands
on level ground; of others it is near enough to find the shadow, whose outline then follows the light.

The weights are fitted, by a logistic regression, to silhouettes laid around 114 objects pasted into photographs, with a
shadow and without (bench/fit/shadows.py makes them).
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.products import matmul
from ..imaging.sampling import resize, smoothed_within
from ..shared.geometry import fit_within

SIDE = 128  # pixels on the long side of the picture in which all directions are tried
LENGTHS = (-0.55, -0.42, -0.3, -0.2, -0.13, 0.13, 0.2, 0.3, 0.4, 0.52, 0.7)  # of the object's height; towards us
LEANS = tuple(k / 4 for k in range(-6, 7))  # of its height, to the right
WIDTHS = (0.8, 1.0, 1.25)  # of its own
STRIP = 0.08  # of its height: how wide the strips are that are compared
NOISE = 0.05  # of the light, in logarithms, besides its own deviation
LEAST, LEAST_STRIP = 30, 12  # pixels, at SIDE, of a silhouette and of a strip
TRIED, ALIKE = 6, 0.6  # how many are outlined, and the IoU of two from which only the likelier one is
WIDER = 0.07  # of the object's size: how far a shadow's outline may be off the silhouette's
BLURS = (1.0, 3.0)  # pixels: what the light is smoothed by before its outline is sought


class Contrast(NamedTuple):
    """How the light in each of n silhouettes differs from that around it; all (n,), differences in deviations."""

    clear: np.ndarray | float  # by how much it is darker
    step: np.ndarray | float  # the same, of narrow strips on both sides of the outline
    size: np.ndarray | float  # logarithm of the square root of the strips' pixels
    tinted: np.ndarray | float  # how far a channel's step is from that of all, in logarithms
    beyond: np.ndarray | float  # the step between the outer strip and one farther out
    ahead: np.ndarray | float  # by how much it is clearer than most


BIAS = -4.74
WEIGHTS = Contrast(clear=0.15, step=1.95, size=0.82, tinted=-3.56, beyond=-0.24, ahead=0.31)
NEVER = -10.0  # the odds of one that cannot be compared


class Casts(NamedTuple):
    """shapes: (n, h, w) uint8, 1 in a laid silhouette, without the object; areas: (n,), their pixels; odds: (n,),
    logarithms, that it is the shadow."""

    shapes: np.ndarray
    areas: np.ndarray
    odds: np.ndarray


def laid(light: np.ndarray, item: np.ndarray, taken: np.ndarray) -> Casts:
    """The silhouettes of an object.  light: (h, w, 3) float32, logarithms; item, taken: as in `shadows.Scene`."""
    shapes, contrast, comparable = compared(light, item, taken)
    odds = np.where(comparable, BIAS + np.dot(WEIGHTS, contrast), NEVER)
    return Casts(shapes, shapes.sum(axis=(1, 2), dtype=np.float32), odds)


def compared(light: np.ndarray, item: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, Contrast, np.ndarray]:
    """The silhouettes as in `Casts.shapes`, their contrast, and which can be compared (n,) bool.  Arguments: `laid`."""
    size = fit_within(item.shape[1], item.shape[0], SIDE)
    free = resize((~taken).astype(np.float32), size)
    mean = resize(light * ~taken[..., None], size) / np.maximum(free, 1e-6)[..., None]
    known, small = free > 0.5, resize(item.astype(np.float32), size)
    bounds = windows.bounds(small > 0.5) or windows.bounds(small > 0)
    assert bounds is not None
    whole = np.stack(list(_silhouettes(small, (bounds.x + bounds.width / 2, bounds.y + bounds.height))))
    square = np.ones((2 * max(2, round(STRIP * bounds.height)) + 1,) * 2, np.uint8)
    wider = np.stack([cv2.dilate(shape, square) for shape in whole]).astype(bool)
    widest = np.stack([cv2.dilate(shape, square) for shape in wider.astype(np.uint8)]).astype(bool)
    core = np.stack([cv2.erode(shape, square, borderValue=1) for shape in whole]).astype(bool)
    shapes = whole.astype(bool)
    parts = [(part & known).astype(np.uint8) for part in (shapes, shapes & ~core, wider & ~shapes, widest & ~wider)]
    return parts[0], *_contrast(*(_moments(mean, part) for part in parts))


def _silhouettes(item: np.ndarray, foot: tuple[float, float]) -> Iterator[np.ndarray]:
    """An object (h, w) float32 laid in each direction (h, w) uint8; its foot (x, y) stays where it is."""
    x, y = foot
    for length, lean, width in product(LENGTHS, LEANS, WIDTHS):
        lying = np.array([[width, -lean, (1 - width) * x + lean * y], [0, -length, (1 + length) * y]])
        yield (cv2.warpAffine(item, lying, item.shape[::-1]) > 0.5).astype(np.uint8)


class _Moments(NamedTuple):
    """Of n parts: the mean (n, 3) of the light, the variance of its mean (n,), and how many pixels (n,) they have."""

    mean: np.ndarray
    variance: np.ndarray
    pixels: np.ndarray


def _moments(light: np.ndarray, parts: np.ndarray) -> _Moments:
    """light: (h, w, 3); parts: (n, h, w) uint8."""
    flat, grey = parts.reshape(len(parts), -1).astype(np.float32), light.mean(axis=2).reshape(-1, 1)
    values = np.column_stack((light.reshape(-1, 3), grey, grey**2, np.ones_like(grey)))
    sums = matmul(flat, values)
    means = sums[:, :5] / np.maximum(sums[:, 5:], 1)
    return _Moments(means[:, :3], np.maximum(means[:, 4] - means[:, 3] ** 2, 0), sums[:, 5])


def _contrast(whole: _Moments, inner: _Moments, outer: _Moments, far: _Moments) -> tuple[Contrast, np.ndarray]:
    deviation = np.sqrt((inner.variance + outer.variance) / 2 + NOISE**2)
    steps = outer.mean - inner.mean
    step, clear = steps.mean(axis=1), (outer.mean - whole.mean).mean(axis=1) / deviation
    least = np.minimum(inner.pixels, outer.pixels)
    comparable = (least >= LEAST_STRIP) & (whole.pixels >= LEAST)
    contrast = Contrast(
        clear=clear,
        step=step / deviation,
        size=np.log(np.sqrt(np.maximum(least, 1))),
        tinted=np.abs(steps - step[:, None]).max(axis=1),
        beyond=np.where(far.pixels >= LEAST_STRIP, (far.mean - outer.mean).mean(axis=1) / deviation, 0),
        ahead=clear - (np.median(clear[comparable]) if comparable.any() else 0),
    )
    return contrast, comparable


def likeness(casts: Casts, piece: np.ndarray) -> tuple[float, float]:
    """The highest IoU of piece (h, w) bool with a silhouette, and the odds of that."""
    height, width = casts.shapes.shape[1:]
    small = resize(piece.astype(np.float32), (width, height)) > 0.5
    both = casts.shapes[:, small].sum(axis=1, dtype=np.float32)
    either = casts.areas + np.count_nonzero(small) - both
    alike = both / np.maximum(either, 1)
    most = int(np.argmax(alike))
    return float(alike[most]), float(casts.odds[most])


def outlined(casts: Casts, light: np.ndarray, taken: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces (h, w) bool: the likeliest silhouettes, and about the same with outlines where the light changes.

    light: (h, w) float32, logarithms; taken: as in `shadows.Scene`.
    """
    size, free = light.shape[::-1], ~taken
    smoothed = [smoothed_within(light, free.astype(np.float32), blur) for blur in BLURS]
    reach = max(3, round(WIDER * float(np.sqrt(np.count_nonzero(taken)))))
    square = np.ones((2 * reach + 1,) * 2, np.uint8)
    for k in _likeliest(casts):
        shape = (resize(casts.shapes[k].astype(np.float32), size, cv2.INTER_LINEAR) > 0.5).astype(np.uint8)
        zone = cv2.dilate(shape, square)
        core, beside = (shape > 0) & free, (cv2.dilate(zone, square) > zone) & free
        yield core
        if core.any() and beside.any():
            middle = (light[core].mean() + light[beside].mean()) / 2
            for smooth in smoothed:
                yield (zone > 0) & free & (smooth < middle)


def _likeliest(casts: Casts) -> list[int]:
    """The likeliest silhouettes, and of those alike one."""
    chosen: list[int] = []
    for k in np.argsort(-casts.odds):
        if len(chosen) == TRIED or casts.odds[k] <= NEVER:
            break
        if not any(_overlap(casts.shapes[j], casts.shapes[k]) > ALIKE for j in chosen):
            chosen.append(int(k))
    return chosen


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The IoU of two shapes (h, w) of 0 and 1."""
    both, either = int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))
    return both / either if either else 0.0

"""How much out of focus a part of a photo is, and putting a picture as much out of focus.  Pure functions.

An edge that a lens has blurred by a deviation of s has, once blurred by t more, a gradient in proportion to 1 / sqrt(s²
+ t²); so two gradients of it give s (Zhuo and Sim 2011, "Defocus map estimation from a single image", section 3.1).
The steepest edges count: many another is soft because what is shown is.  Where all are, as in clouds, what is fine is
faint and what is coarse is strong: a lens has blurred them only if a pair of coarser gradients says the same of them as
a pair of finer ones.

What a lens leaves of a point is a disc (as in `replace.defocus`), whose deviation along an axis is half its radius.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ..shared.geometry import Window
from . import windows
from .sampling import resize

DEVIATIONS = 1.0, 2.0, 4.0  # pixels: of the blurs before gradients; the first two are a pair, and the last two
TAKEN = 1 / 3  # pixels²: how much the difference of two neighbours of a pixel blurs, as a variance
HALVED = 1 / 16  # the same of the mean of two pixels, in those of the halved picture
REACH = 8  # pixels from what is not known that are not looked at
EDGES = 40  # pixels of edges that there must be
STEEPEST = 0.25  # of the edges, whose median deviation counts
CLEAR = 2.5  # pixels: a larger deviation is measured in a smaller picture
SHARP = 1.0  # pixels: nobody asks whether a lens has made an edge as sharp
AGREE = 1.15  # times: so much larger a coarser pair may find it
FAINTEST, STRONG = (
    0.004,
    0.03,
)  # of the range a pixel: gradients that may be an edge's, and that surely are no grain's …
CALM, GRAIN = 0.1, 5.0  # … between these it is so many times that of the calmest parts, which is this quantile
CELL = 8  # pixels of such a part
SIDE, PIECES = 1024, 6  # pixels, and how many pieces of a large part are looked at
LEVELS = 6  # pictures, each half as large as the one before
NO_EDGES = np.zeros((0, 3), np.float32)
SCALE = 16384  # of gradients as whole numbers

MORE = 1.25  # times as blurred: less is no difference that one sees
LEAST = 1.0  # pixels of a disc's radius, too
FINEST = 0.7  # pixels: a smaller disc is none
PER_OCTAVE = 2  # radii of discs that a picture is mixed from
BAND = 256  # rows at once


class _Piece(NamedTuple):
    """A part of a photo, halved a few times: grey (h, w) float32, 0 to 1, and which of it is known, (h, w) bool."""

    grey: np.ndarray
    known: np.ndarray

    def halved(self) -> "_Piece | None":
        """None where it would be too small to show an edge."""
        size = self.grey.shape[1] // 2, self.grey.shape[0] // 2
        if min(size) <= 2 * REACH:
            return None
        even = np.s_[: 2 * size[1], : 2 * size[0]]
        share = resize(self.known[even].astype(np.uint8) * np.uint8(255), size)
        return _Piece(resize(self.grey[even], size), share == 255)

    def edges(self) -> np.ndarray:
        """Of its edges (n, 3): how steep they are, and what they are blurred by, as the finer and as the coarser pair
        of gradients says it."""
        usable = cv2.erode(self.known.astype(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8), borderValue=1) > 0
        if not usable.any():
            return NO_EDGES
        along = [_gradient(self.grey, deviation) for deviation in DEVIATIONS]
        fine, middle, coarse = (np.hypot(*gradient) for gradient in along)
        least = SCALE * float(np.clip(GRAIN * _calmest(fine, usable), FAINTEST, STRONG))
        across, down = ((SCALE * each).clip(-32767, 32767).astype(np.int16) for each in along[0])
        edges = (cv2.Canny(across, down, least, least, L2gradient=True) > 0) & usable
        steep, less, least_steep = fine[edges], middle[edges], coarse[edges]
        blurs = _blur(steep, less, DEVIATIONS[:2]), _blur(less, least_steep, DEVIATIONS[1:])
        return np.stack((steep, *blurs), axis=1)


def measure(image: np.ndarray, where: np.ndarray, white: float) -> float | None:
    """By how much a lens has blurred what lies `where` (H, W) bool: a deviation in pixels; None where nothing tells.

    image: (H, W, 3|4) uint8, uint16 or float32, finite; white: its value for 1.  Only pixels of `where` are used, and
    of a large part some pieces.
    """
    pieces, taken = list(_pieces(image, where, white)), 0.0
    for level in range(LEVELS):
        found = np.concatenate([NO_EDGES, *(piece.edges() for piece in pieces)])
        if len(found) >= EDGES:
            steep = found[:, 0] >= np.quantile(found[:, 0], 1 - STEEPEST)
            seen, coarser = (float(each) for each in np.median(found[steep, 1:], axis=0))
            if seen <= CLEAR:
                is_known = seen <= SHARP or coarser <= AGREE * seen
                return 2**level * max(0.0, seen**2 - taken) ** 0.5 if is_known else None
        pieces = [smaller for piece in pieces if (smaller := piece.halved())]
        taken = taken / 4 + HALVED
    return None


def _pieces(image: np.ndarray, where: np.ndarray, white: float) -> Iterator[_Piece]:
    """The parts of an image that have most of `where` (H, W) bool."""
    bounds = windows.bounds(where)
    if bounds is None:
        return
    places = [
        Window(x, y, SIDE, SIDE).intersection(bounds)
        for y in range(bounds.y, bounds.y + bounds.height, SIDE)
        for x in range(bounds.x, bounds.x + bounds.width, SIDE)
    ]
    slices = [place.slices for place in places if place]
    for there in sorted(slices, key=lambda each: -np.count_nonzero(where[each]))[:PIECES]:
        rgb = image[there][..., :3].astype(np.float32) / np.float32(white)
        yield _Piece(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).clip(0, 1), where[there])


def _gradient(grey: np.ndarray, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of a picture (h, w), blurred by this, a pixel: across and down."""
    smooth = cv2.GaussianBlur(grey, (0, 0), deviation)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *axis, ksize=1, scale=0.5) for axis in ((1, 0), (0, 1)))
    return across, down


def _calmest(gradient: np.ndarray, usable: np.ndarray) -> float:
    """How large a gradient (h, w) is in the calmest parts that are usable (h, w) bool."""
    share = cv2.blur(usable.astype(np.float32), (CELL, CELL))[::CELL, ::CELL]
    mean = cv2.blur(np.where(usable, gradient, np.float32(0)), (CELL, CELL))[::CELL, ::CELL]
    whole = share > 1 - 1e-3
    return float(np.quantile(mean[whole], CALM)) if whole.any() else 0.0


def _blur(large: np.ndarray, small: np.ndarray, deviations: tuple[float, ...]) -> np.ndarray:
    """The deviation (n,) by which edges are blurred that have these gradients (n,) after a blur by these two more."""
    first, second = (deviation**2 + TAKEN for deviation in deviations)
    ratio = np.square(large / np.maximum(small, 1e-9))
    return np.sqrt(np.maximum(0, second - ratio * first) / np.maximum(ratio - 1, 1e-6))


def missing(there: float | None, own: float | None) -> float:
    """The radius in pixels of the discs that what is blurred by a deviation of `own` lacks to be blurred as `there`.

    0 where one of them is not known, or little is missing: nothing is ever made sharper.
    """
    if there is None or own is None or there < MORE * own:
        return 0.0
    radius = 2 * (there**2 - own**2) ** 0.5
    return radius if radius >= LEAST else 0.0


def disc(radius: float) -> np.ndarray:
    """A disc with a soft edge, of sum 1."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    made = (radius + 0.5 - np.hypot(x, y)).clip(0, 1)
    return (made / made.sum()).astype(np.float32)


def radii(largest: float) -> list[float]:
    """The radii in pixels of the discs that a picture is mixed from, falling from the largest."""
    sizes = [largest]
    while (smaller := sizes[-1] * 2 ** (-1 / PER_OCTAVE)) >= FINEST:
        sizes.append(smaller)
    return sizes


def places(radius: np.ndarray, sizes: list[float]) -> np.ndarray:
    """Where in `sizes` radii lie, between two as near as to each; one after the last is as sharp as the picture."""
    discs = PER_OCTAVE * np.log2(sizes[0] / np.maximum(radius, FINEST / 2))
    return np.where(radius >= sizes[-1], discs, len(sizes) - radius / sizes[-1])


def blurred(light: np.ndarray, radius: np.ndarray, check: Callable[[], None] = lambda: None) -> np.ndarray:
    """light (h, w, C) float32, C up to 4, blurred with discs of these radii (h, w) in pixels: a new array.

    Where the radius is 0 it stays as it is.  A slope stays what it is up to the picture's borders.  check: called now
    and then, to raise what ends it.
    """
    sizes = radii(max(FINEST, float(radius.max())))
    reach = int(np.ceil(sizes[0]))
    # What lies beyond a border goes on as the picture does up to it: a mirror image would bend a slope there.
    framed = np.pad(light, ((reach, reach), (reach, reach), (0, 0)), "reflect", reflect_type="odd")
    result = light.copy()
    for top in range(0, len(light), BAND):
        part = radius[top : top + BAND]
        if not part.any():
            continue
        here = places(part, sizes)
        rows = framed[top : top + len(part) + 2 * reach]
        mixed = np.zeros((*part.shape, light.shape[2]), np.float32)
        for k in range(len(sizes) + 1):
            share = (1 - np.abs(here - k)).clip(0, 1).astype(np.float32)[..., None]
            if share.any():
                check()
                made = rows if k == len(sizes) else cv2.filter2D(rows, -1, disc(sizes[k])).reshape(rows.shape)
                mixed += share * made[reach:-reach, reach:-reach]
        np.copyto(result[top : top + BAND], mixed, where=part[..., None] > 0)
    return result

"""Removing: from a photo and a hole to a photo whose hole goes on as its surroundings do.

1. Holes that lie apart get windows of their own, each with as much of its surroundings as it is large.
2. The window is filled at a size that shows its structure and is quick to fill (`inpainters`).
3. The photo's own detail and grain are brought in (`inpainters.detail`), so that a large hole is as sharp as a small
   one and as deep, in bits, as the photo.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import usable_colours, white_value
from ..imaging.sampling import extrapolate, reduced
from ..shared.errors import wrong_input
from ..shared.geometry import Window
from . import detail
from .inpainters import Inpainter
from .patchmatch import Filled

OVERVIEW = 1024  # pixels on the long side, in which holes are told apart
SEVERAL = 64  # holes, from which they are one


class Hole(NamedTuple):
    """bounds: what is to be new; window: what is to be looked at for that."""

    bounds: Window
    window: Window


def holes(mask: np.ndarray, alpha: np.ndarray) -> list[Hole]:
    """The parts that alpha (H, W) uint8, which is not empty, is best filled in.

    mask: (H, W) uint8, what alpha was grown from: its bounds decide how much is looked at, so that this does not depend
    on how far it was grown.
    """
    height, width = alpha.shape
    found = [_hole(mask, alpha, part, width, height) for part in _apart(alpha)]
    if len(found) > SEVERAL:
        found = [_hole(mask, alpha, Window(0, 0, width, height), width, height)]
    while pair := _cheaper_as_one(found):
        both = found[pair[0]].bounds.union(found[pair[1]].bounds)
        found = [hole for k, hole in enumerate(found) if k not in pair]
        found.append(_hole(mask, alpha, both, width, height))
    return found


def _apart(alpha: np.ndarray) -> Iterator[Window]:
    """Windows around the pieces of alpha (H, W); in an overview, so a piece may be two that lie side by side."""
    height, width = alpha.shape
    step = max(1, -(-max(height, width) // OVERVIEW))
    whole = windows.bounds(alpha)
    assert whole is not None
    (top, bottom), (left, right) = ((s.start // step, -(-s.stop // step)) for s in whole.slices)
    rows, columns = bottom - top, right - left
    padded = np.zeros((rows * step, columns * step), np.uint8)
    there = alpha[top * step : bottom * step, left * step : right * step]
    padded[: there.shape[0], : there.shape[1]] = there
    overview = np.zeros((-(-height // step), -(-width // step)), np.uint8)
    bands = padded.reshape(rows, step, -1).max(axis=1)  # in two steps: both at once is six times slower
    overview[top:bottom, left:right] = bands.reshape(rows, columns, step).max(axis=2)
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.minimum(overview, 1), connectivity=8)
    for x, y, w, h, _ in stats[1:]:
        yield Window(int(x) * step, int(y) * step, int(w) * step, int(h) * step).grown(0, 0, width, height)


def _hole(mask: np.ndarray, alpha: np.ndarray, part: Window, width: int, height: int) -> Hole:
    def within(image: np.ndarray) -> Window | None:
        inner = windows.bounds(image[part.slices])
        return inner and Window(inner.x + part.x, inner.y + part.y, inner.width, inner.height)

    bounds = within(alpha)
    assert bounds is not None
    return Hole(bounds, window(within(mask) or bounds, bounds, width, height))


def window(bounds: Window, hole: Window, width: int, height: int) -> Window:
    """What is looked at to remove an object in `bounds` whose mask has grown to `hole`."""
    return windows.context_window(bounds, width, height).union(hole)


def _cheaper_as_one(found: list[Hole]) -> tuple[int, int] | None:
    """Two holes whose windows together are no smaller than one around both."""
    for k, one in enumerate(found):
        for other in range(k):
            both = one.window.union(found[other].window)
            if both.area <= one.window.area + found[other].window.area:
                return other, k
    return None


def fill_part(
    image: np.ndarray,
    alpha: np.ndarray,
    part: Hole,
    pixels: np.ndarray,
    bounds: Window,
    inpainter: Inpainter,
    seed: int,
    step: Callable[[float], None],
) -> None:
    """Put new pixels for one part of the hole into `pixels`, which are those of `bounds` of image (H, W, 3|4).

    alpha: (H, W) uint8, over 0 in all parts.  Raises UserError where the part's window is all hole.
    """
    there, inner = part.window, part.bounds
    hole = np.zeros((there.height, there.width), bool)
    hole[inner.seen_from(there).slices] = alpha[inner.slices] > 0
    new = filled(image[there.slices], hole, alpha[there.slices] == 0, inpainter, seed, step)
    target = pixels[inner.seen_from(bounds).slices]
    target[alpha[inner.slices] > 0] = new


def filled(
    source: np.ndarray,
    hole: np.ndarray,
    usable: np.ndarray,
    inpainter: Inpainter,
    seed: int,
    step: Callable[[float], None],
) -> np.ndarray:
    """New pixels (n, 3|4) for the True values of hole (h, w) bool in source (h, w, 3|4) uint8, uint16 or float32.

    usable: (h, w) bool, what may be copied from.  What is transparent or not a number is not copied either, unless
    nothing else is there.  Raises UserError where the hole is everything.
    """
    if hole.all():
        raise wrong_input(
            "The mask covers everything: nothing is left to fill it from.",
            "Make it smaller, or let it grow less.",
        )
    photo, usable = usable_colours(source, usable)
    white = white_value(photo)
    picture, small_hole = reduced(photo, hole, white, inpainter.side)
    small_usable = _reduced_all(usable | hole, picture.shape) & ~small_hole
    found = inpainter.fill(picture, small_hole, small_usable, seed, step)
    pixels = detail.detailed(photo, hole, usable, white, found)
    if source.shape[2] == 4:
        pixels = np.concatenate((pixels, _opacity(source[..., 3:], hole, white, inpainter.side)), axis=1)
    return pixels


def _opacity(opacity: np.ndarray, hole: np.ndarray, white: float, side: int) -> np.ndarray:
    """A smooth continuation (n, 1) of opacity (h, w, 1) into the True values of hole (h, w) bool."""
    opacity = np.nan_to_num(opacity)
    known = opacity[~hole]
    if (known == known[0]).all():
        return np.full((np.count_nonzero(hole), 1), known[0])
    grey = opacity.repeat(3, axis=2)
    smaller, small_hole = reduced(grey, hole, white, side)
    smooth = extrapolate(smaller, ~small_hole)
    nothing = Filled(smooth, np.zeros((*small_hole.shape, 2), np.int32))
    return detail.detailed(grey, hole, np.zeros_like(hole), white, nothing)[:, :1]


def _reduced_all(wanted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool at a smaller shape: true where all of it is."""
    return cv2.resize(wanted.astype(np.uint8) * np.uint8(255), shape[1::-1], interpolation=cv2.INTER_AREA) == 255

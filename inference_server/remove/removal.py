"""Removing an object: new pixels for a hole in a photo, which continue its surroundings.

1. Separate holes are filled separately, each in a window with as much of its surroundings as it is large.
2. The window is filled at a reduced size that shows its structure and is quick to fill (`inpainters`).
3. Detail and grain are copied from the photo itself (`detail`), so that a large hole is as sharp as a small one, and as
   deep, in bits, as the photo.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import model_white, usable_colours
from ..imaging.sampling import extrapolate, reduced
from ..shared.errors import wrong_input
from ..shared.geometry import Window, whole
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr
from . import detail
from .inpainters import Inpainter
from .patchmatch import Filled

OVERVIEW = 1024  # pixels on the long side of the overview in which separate holes are found
MAX_HOLES = 64  # more holes than these are filled as one


class Hole(NamedTuple):
    """bounds: the pixels that are replaced, and some between them; window: the part of the photo it is filled from."""

    bounds: Window
    window: Window


def remove_object(
    image: np.ndarray,
    mask: np.ndarray,
    alpha: np.ndarray,
    inpainter: Inpainter,
    *,
    seed: int,
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The pixels of the bounds of `alpha`, with new ones where it is over 0.

    image: (H, W, 3|4) uint8, uint16 or float32; mask: (H, W) uint8, the object; alpha: (H, W) uint8, not empty: the
    mask grown and feathered.  Raises UserError where the mask covers everything.
    """
    bounds = windows.bounds(alpha)
    assert bounds is not None
    pixels = image[bounds.slices].copy()
    holes = find_holes(mask, alpha)
    for k, hole in enumerate(holes):
        message = tr("Removing object {k} of {count}", k=k + 1, count=len(holes))
        if len(holes) == 1:
            message = tr("Removing the object")
        part = monitor.part(k / len(holes), (k + 1) / len(holes), message)
        part.report(0.0)
        new = _fill_hole(image, alpha, hole, inpainter, seed, part)
        target = pixels[hole.bounds.seen_from(bounds).slices]
        target[alpha[hole.bounds.slices] > 0] = new
    return pixels


def window(bounds: Window, hole: Window, width: int, height: int) -> Window:
    """What of an image is needed to remove an object in `bounds`, whose mask has grown to `hole`."""
    return windows.context_window(bounds, width, height).union(hole)


# -- where the holes are -----------------------------------------------------------------------------------------------


def find_holes(mask: np.ndarray, alpha: np.ndarray) -> list[Hole]:
    """The holes that alpha (H, W) uint8, which is not empty, is best filled as.

    mask: (H, W) uint8, before it was grown to alpha: its bounds determine the windows, so that these do not depend on
    how far it was grown.
    """
    height, width = alpha.shape
    found = [_hole(mask, alpha, piece) for piece in _pieces(alpha)]
    if len(found) > MAX_HOLES:
        found = [_hole(mask, alpha, whole(width, height))]
    while pair := _cheaper_as_one(found):
        both = found[pair[0]].bounds.union(found[pair[1]].bounds)
        found = [hole for k, hole in enumerate(found) if k not in pair]
        found.append(_hole(mask, alpha, both))
    return found


def _pieces(alpha: np.ndarray) -> Iterator[Window]:
    """Windows around the connected components of alpha (H, W) in an overview, where close ones may be one."""
    height, width = alpha.shape
    step = max(1, -(-max(height, width) // OVERVIEW))
    bounds = windows.bounds(alpha)
    assert bounds is not None
    (top, bottom), (left, right) = ((s.start // step, -(-s.stop // step)) for s in bounds.slices)
    rows, columns = bottom - top, right - left
    padded = np.zeros((rows * step, columns * step), np.uint8)
    inside = alpha[top * step : bottom * step, left * step : right * step]
    padded[: inside.shape[0], : inside.shape[1]] = inside
    overview = np.zeros((-(-height // step), -(-width // step)), np.uint8)
    bands = padded.reshape(rows, step, -1).max(axis=1)  # one axis at a time: both at once is six times slower
    overview[top:bottom, left:right] = bands.reshape(rows, columns, step).max(axis=2)
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.minimum(overview, 1), connectivity=8)
    for x, y, w, h, _ in stats[1:]:
        yield Window(int(x) * step, int(y) * step, int(w) * step, int(h) * step).grown(0, 0, width, height)


def _hole(mask: np.ndarray, alpha: np.ndarray, piece: Window) -> Hole:
    """The hole that lies in a piece of the image."""

    def bounds_of(image: np.ndarray) -> Window | None:
        inner = windows.bounds(image[piece.slices])
        return inner and Window(inner.x + piece.x, inner.y + piece.y, inner.width, inner.height)

    height, width = alpha.shape
    bounds = bounds_of(alpha)
    assert bounds is not None
    return Hole(bounds, window(bounds_of(mask) or bounds, bounds, width, height))


def _cheaper_as_one(holes: list[Hole]) -> tuple[int, int] | None:
    """The indices of two holes whose windows together are at least as large as one window around both."""
    for k, one in enumerate(holes):
        for other in range(k):
            both = one.window.union(holes[other].window)
            if both.area <= one.window.area + holes[other].window.area:
                return other, k
    return None


# -- filling -----------------------------------------------------------------------------------------------------------


def _fill_hole(
    image: np.ndarray, alpha: np.ndarray, hole: Hole, inpainter: Inpainter, seed: int, monitor: Monitor
) -> np.ndarray:
    """New pixels (n, 3|4) for the places in the hole's bounds where alpha (H, W) uint8 is over 0.

    What alpha covers elsewhere in the hole's window is not copied from.
    """
    place, bounds = hole.window, hole.bounds
    missing = np.zeros((place.height, place.width), bool)
    missing[bounds.seen_from(place).slices] = alpha[bounds.slices] > 0
    return fill_window(image[place.slices], missing, alpha[place.slices] == 0, inpainter, seed, monitor)


def fill_window(
    source: np.ndarray, hole: np.ndarray, usable: np.ndarray, inpainter: Inpainter, seed: int, monitor: Monitor
) -> np.ndarray:
    """New pixels (n, 3|4) for the True values of hole (h, w) bool in source (h, w, 3|4) uint8, uint16 or float32.

    usable: (h, w) bool, the pixels that may be copied from.  Pixels that are transparent or not a number are not copied
    either, unless there are no others.  Raises UserError where the hole is everything.
    """
    if hole.all():
        raise wrong_input(
            "The mask covers everything: nothing is left to fill it from.",
            "Make it smaller, or let it grow less.",
        )
    photo, usable = usable_colours(source, usable)
    white = model_white(photo)
    picture, reduced_hole = reduced(photo, hole, white, inpainter.side)
    reduced_usable = _reduced_where_all(usable | hole, picture.shape) & ~reduced_hole
    filled = inpainter.fill(picture, reduced_hole, reduced_usable, seed, monitor)
    pixels = detail.detailed(photo, hole, usable, white, filled)
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
    picture, reduced_hole = reduced(grey, hole, white, side)
    smooth = Filled(extrapolate(picture, ~reduced_hole), np.zeros((*reduced_hole.shape, 2), np.int32))
    return detail.detailed(grey, hole, np.zeros_like(hole), white, smooth)[:, :1]


def _reduced_where_all(wanted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """wanted (H, W) bool at a smaller shape: true where all of a reduced pixel is wanted."""
    return cv2.resize(wanted.astype(np.uint8) * np.uint8(255), shape[1::-1], interpolation=cv2.INTER_AREA) == 255

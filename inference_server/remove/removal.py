"""Removing an object: new pixels for a hole in a photo, which continue its surroundings.

1. Separate holes are filled separately, each in a window with as much of its surroundings as it is large; long thin
   ones in parts.
2. The window is filled at a reduced size that shows its structure and is quick to fill (`inpainters`).
3. Detail and grain are copied from the photo itself (`detail`), so that a large hole is as sharp as a small one, and as
   deep, in bits, as the photo.
4. The result is checked (`checks`); where it does not pass, other ways are tried, and the best is taken.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import tones, usable_colours
from ..imaging.sampling import extrapolate, reduced, resize
from ..shared.errors import UserError, wrong_input
from ..shared.geometry import Window, fit_within
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr
from . import checks, detail, rims, spots
from .checks import Check
from .inpainters import Inpainter
from .patchmatch import Filled

OVERVIEW = 1024  # pixels on the long side of the overview in which separate holes are found
MAX_HOLES = 256  # where there are more, those close together are filled as one
MANY = 12  # holes, from which on the small ones are healed as spots
UNCLEAN = 0.15  # of a hole's rim: where the object has left more than this beside its mask, the last way is the first …
SURELY_UNCLEAN = 0.25  # … but up to here the others are tried too, as the rim may be clean all the same
DOUBT = 0.05  # by so much a later way must have a better score than the first, which is the better one on average
BESIDE = 4  # times as wide as a hole that is as high as the image: what is seen on each side of it
PART, THIN = (
    384,
    0.05,
)  # pixels across, and share of its bounds: a hole that is larger but less of them is taken in parts


class Hole(NamedTuple):
    """bounds: the pixels that are replaced, and some between them; window: the part of the photo it is filled from."""

    bounds: Window
    window: Window

    @property
    def is_spot(self) -> bool:
        return max(self.bounds.width, self.bounds.height) <= spots.MOST_ACROSS


class Masks(NamedTuple):
    """What is removed from an image, all (H, W).

    mask: uint8, the object; alpha: uint8, not empty: the mask grown and feathered.  spared: bool, what is beside it and
    not to be copied; None for nothing.
    """

    mask: np.ndarray
    alpha: np.ndarray
    spared: np.ndarray | None = None


class Filling(NamedTuple):
    """pixels: (n, 3|4), new for the True values of a hole; score: how well they passed their check (`Check.score`)."""

    pixels: np.ndarray
    score: float


def remove_object(
    image: np.ndarray,
    masks: Masks,
    inpainter: Inpainter,
    *,
    seed: int,
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The best of `variations`, where other ways are tried only for a hole that does not pass its check.

    The seeds after it give the runners-up, and the next one starts anew: with two ways, 0 and 2 each give the best of
    two, 1 and 3 the other.
    """
    ways = 1 + len(inpainter.others)
    rank = seed % ways
    count = ways if rank else 1
    return variations(image, masks, inpainter, seed=seed - rank, count=count, monitor=monitor)[rank].pixels


def variations(
    image: np.ndarray,
    masks: Masks,
    inpainter: Inpainter,
    *,
    seed: int,
    count: int,
    monitor: Monitor = UNWATCHED,
) -> list[Filling]:
    """`count` ways to remove an object, the best first.

    Each is the pixels of the bounds of the masks' alpha, with new ones where it is over 0.

    image: (H, W, 3|4) uint8, uint16 or float32.  The score is that of the worst hole.  Raises UserError where the mask
    covers everything.
    """
    mask, alpha, spared = masks
    usable_anywhere = alpha == 0 if spared is None else (alpha == 0) & ~spared
    bounds = windows.bounds(alpha)
    assert bounds is not None
    made = [image[bounds.slices].copy() for _ in range(count)]
    scores = np.zeros(count)
    open_, holes = alpha.copy(), find_holes(mask, alpha)
    for k, hole in enumerate(holes):
        message = tr("Removing object {k} of {count}", k=k + 1, count=len(holes))
        if len(holes) == 1:
            message = tr("Removing the object")
        part = monitor.part(k / len(holes), (k + 1) / len(holes), message)
        part.report(0.0)
        place = hole.window
        source, missing, usable = (
            _with(image, made[0], bounds, place),
            open_[place.slices] > 0,
            usable_anywhere[place.slices],
        )
        wanted = np.zeros_like(missing)
        inner = hole.bounds.seen_from(place).slices
        wanted[inner] = missing[inner]
        found = _healed(source, wanted, usable) * count if len(holes) > MANY and hole.is_spot else []
        if not found:
            filled = fill_window(source, missing, usable, inpainter, seed, part, count=count)
            found = [filling._replace(pixels=filling.pixels[wanted[missing]]) for filling in filled]
        for pixels, filling in zip(made, found, strict=True):
            pixels[hole.bounds.seen_from(bounds).slices][wanted[inner]] = filling.pixels
        scores = np.minimum(scores, [filling.score for filling in found])
        open_[hole.bounds.slices] = 0
    return [Filling(pixels, float(score)) for pixels, score in zip(made, scores, strict=True)]


def window(bounds: Window, hole: Window, width: int, height: int) -> Window:
    """What of an image is needed to remove an object in `bounds`, whose mask has grown to `hole`.

    What is as high as the image, such as a canvas made wider, goes on as what lies beside it (`outward`): much of that.
    """
    beside = BESIDE * hole.width if hole.height == height else 0
    return windows.context_window(bounds, width, height).union(hole.grown(beside, 0, width, height))


# -- where the holes are -----------------------------------------------------------------------------------------------


def find_holes(mask: np.ndarray, alpha: np.ndarray) -> list[Hole]:
    """The holes that alpha (H, W) uint8, which is not empty, is best filled as.

    mask: (H, W) uint8, before it was grown to alpha: its bounds determine the windows, so that these do not depend on
    how far it was grown.
    """
    height, width = alpha.shape
    step = max(1, -(-max(height, width) // OVERVIEW))
    pieces = list(windows.pieces(alpha, step))
    while len(pieces) > MAX_HOLES:
        step *= 2
        pieces = list(windows.pieces(alpha, step))
    waiting, found = [_hole(mask, alpha, piece) for piece in pieces], list[Hole]()
    small = [hole for hole in waiting if hole.is_spot]
    if len(small) > MANY:
        found = [hole._replace(window=spots.window(hole.bounds, width, height)) for hole in small]
        waiting = [hole for hole in waiting if not hole.is_spot]
    while waiting:
        one = waiting.pop()
        same = next((k for k, other in enumerate(found) if _cheaper_as_one(one, other)), None)
        if same is None:
            found.append(one)
        else:
            waiting.append(_hole(mask, alpha, one.bounds.union(found.pop(same).bounds)))
    return [part for hole in found for part in _parts(alpha, hole)]


def _hole(mask: np.ndarray, alpha: np.ndarray, piece: Window) -> Hole:
    """The hole that lies in a piece of the image."""

    def bounds_of(image: np.ndarray) -> Window | None:
        inner = windows.bounds(image[piece.slices])
        return inner and Window(inner.x + piece.x, inner.y + piece.y, inner.width, inner.height)

    height, width = alpha.shape
    bounds = bounds_of(alpha)
    assert bounds is not None
    return Hole(bounds, window(bounds_of(mask) or bounds, bounds, width, height))


def _cheaper_as_one(one: Hole, other: Hole) -> bool:
    """Whether the windows of two holes together are at least as large as one window around both."""
    return one.window.union(other.window).area <= one.window.area + other.window.area


def _parts(alpha: np.ndarray, hole: Hole) -> Iterator[Hole]:
    """The hole, or where it is long and thin, like a wire, parts of it that need not be reduced to be filled."""
    height, width = alpha.shape
    across = max(hole.bounds.width, hole.bounds.height)
    if across <= PART or np.count_nonzero(alpha[hole.bounds.slices]) > THIN * hole.bounds.area:
        yield hole
        return
    x, y, w, h = hole.bounds
    first = Window(x, y, w // 2, h) if w > h else Window(x, y, w, h // 2)
    second = Window(x + w // 2, y, w - w // 2, h) if w > h else Window(x, y + h // 2, w, h - h // 2)
    for half in (first, second):
        inner = windows.bounds(alpha[half.slices])
        if inner is not None:
            bounds = Window(half.x + inner.x, half.y + inner.y, inner.width, inner.height)
            around = bounds.grown(windows.LEAST_CONTEXT, windows.LEAST_CONTEXT, width, height)
            yield from _parts(alpha, Hole(bounds, around))


# -- filling -----------------------------------------------------------------------------------------------------------


def _with(image: np.ndarray, pixels: np.ndarray, bounds: Window, place: Window) -> np.ndarray:
    """The window `place` of the image, with `pixels` where it meets their bounds."""
    left, top = max(bounds.x, place.x), max(bounds.y, place.y)
    right, bottom = (
        min(bounds.x + bounds.width, place.x + place.width),
        min(bounds.y + bounds.height, place.y + place.height),
    )
    both = Window(left, top, right - left, bottom - top)
    result = image[place.slices].copy()
    result[both.seen_from(place).slices] = pixels[both.seen_from(bounds).slices]
    return result


def _healed(source: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> list[Filling]:
    """The one filling of a spot as in `fill_window`; none where it cannot be healed, or has an opacity to fill too."""
    if source.shape[2] == 4:
        return []
    photo, usable = usable_colours(source, usable)
    light = tones(photo)
    pixels = spots.heal(light.compressed(photo), hole, usable, light.white)
    return [] if pixels is None else [Filling(light.restored(pixels), 0.0)]


def nothing_left_error() -> UserError:
    """The error for a hole that is the whole picture."""
    return wrong_input(
        "The mask covers everything: nothing is left to fill it from.",
        "Make it smaller, or let it grow less.",
    )


def fill_window(
    source: np.ndarray,
    hole: np.ndarray,
    usable: np.ndarray,
    inpainter: Inpainter,
    seed: int,
    monitor: Monitor,
    *,
    count: int,
) -> list[Filling]:
    """`count` fillings of the True values of hole (h, w) bool in source (h, w, 3|4) uint8, uint16 or float32.

    The best comes first; it is sought among all the inpainter's ways where the first does not pass its check.
    usable: (h, w) bool, the pixels that may be copied from.  Pixels that are transparent or not a number are not copied
    either, unless there are no others.  Raises UserError where the hole is everything.
    """
    if hole.all():
        raise nothing_left_error()
    photo, usable = usable_colours(source, usable)
    light = tones(photo)
    photo, white = light.compressed(photo), light.white
    picture, reduced_hole = reduced(photo, hole, white, inpainter.side)
    reduced_usable = _reduced_where_all(usable | hole, picture.shape) & ~reduced_hole
    covered = resize(photo, picture.shape[1::-1]).astype(np.float32) / np.float32(white)
    left = rims.object_colours(picture, covered, reduced_hole, reduced_usable)
    unknown, free = reduced_hole | left, reduced_usable & ~left
    monitor.check()
    changed = rims.changed_light(picture, unknown, free)
    ways, found = [inpainter.fill, *inpainter.others], list[Filling]()
    unclean = rims.share(changed | left, reduced_hole) if inpainter.needs_clean_rim else 0.0
    unsure, passed = UNCLEAN < unclean <= SURELY_UNCLEAN, False
    if unclean > UNCLEAN:
        ways.reverse()
    for k in range(max(count, len(ways))):
        if k >= count and passed and not unsure:
            break
        part = monitor.part(1 - 0.5**k, 1 - 0.5 ** (k + 1))
        filled = ways[k % len(ways)](picture, unknown, free & ~changed, seed + k, part)
        pixels = detail.detailed(photo, hole, usable, white, filled, part)
        part.check()
        its_check = _checked(photo, hole, usable, white, pixels)
        part.check()
        passed |= its_check.passed
        found.append(Filling(pixels, its_check.score - (DOUBT if k else 0.0)))
    found = sorted(found, key=lambda filling: -filling.score)[:count]
    found = [filling._replace(pixels=light.restored(filling.pixels)) for filling in found]
    if source.shape[2] == 4:
        opacity = _opacity(source[..., 3:], hole, white, inpainter.side)
        found = [filling._replace(pixels=np.concatenate((filling.pixels, opacity), axis=1)) for filling in found]
    return found


def _checked(photo: np.ndarray, hole: np.ndarray, usable: np.ndarray, white: float, pixels: np.ndarray) -> Check:
    """The check of a photo's window with new pixels in its hole."""
    size = fit_within(hole.shape[1], hole.shape[0], checks.SIDE)
    shown = photo.copy()
    shown[hole] = pixels
    picture = resize(shown, size).astype(np.float32) / np.float32(white)
    small_hole, small_usable = (
        resize(where.astype(np.float32), size) > least for where, least in ((hole, 0.5), (usable, 0.99))
    )
    return checks.check(picture, small_hole, small_usable)


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

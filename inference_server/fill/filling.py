"""Filling: from a photo, a hole and a prompt to new pixels at the photo's own resolution.

1. The window around the hole, in native pixels, is never squashed: it is brought to about as many pixels as the model
   was trained for, whatever its shape, and padded with its own mirror image where the model wants round numbers.
2. The model paints the hole there; what it makes of the surroundings is compared with the photo, and the difference,
   which every autoencoder leaves, is taken out of the hole too.
3. Where the window is larger than that, the result is only a sketch: it is enlarged and looked at again in tiles, at
   the photo's resolution (as Podell et al. 2023, "SDXL", section 2.5, refine: some noise, and the last steps again).
   A tile gives the detail alone; what is coarser stays the sketch's, so that no seam and no second object can come up.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging import grain, windows
from ..imaging.pixels import to_depth, to_uint8, usable_colours, white_value
from ..imaging.sampling import extrapolate, reduced, resize
from ..shared.geometry import Window
from ..shared.text import Translatable, tr

if TYPE_CHECKING:
    from .diffusion.painter import Painter, Step
    from .prompts import Prompt

LEAST_WINDOW = 512  # pixels of the photo that a model sees at least, along each axis
MOST_ASPECT = 2  # of a window, where the photo is large enough
LONGEST = 2  # sides of the model that a picture may be long
WORTH_ANOTHER_LOOK = 1.25  # times as many pixels a side as the model painted
OVERLAP = 8  # of a tile's side, as a divisor
MOST_TILES = 30  # of a second look; beyond, it is taken at less than the photo's resolution
COARSE = 24  # of a tile's side, as a divisor: detail is finer than that
RING = 16  # of the model's side, as a divisor: how far around the hole its picture is compared with the photo
CALM = 9  # pixels that this is averaged over
MOST_OFF = 0.12  # of the range; a larger difference is not the autoencoder's
PREVIEW = 256  # pixels on the long side
ENOUGH = 1024  # pixels a side of what was painted, to know its grain by
BAND = 512  # rows of the photo that are finished at a time


class Brush(NamedTuple):
    """What is painted with: the model, the words, the seed and the quality."""

    painter: "Painter"
    prompt: "Prompt"
    seed: int
    quality: str


class Report(NamedTuple):
    """Whom to tell: progress(share, word); watch(), which raises to cancel; preview(picture (h, w, 3) uint8)."""

    progress: Callable[[float, str], None]
    watch: Callable[[], None]
    preview: Callable[[np.ndarray], None]


class View(NamedTuple):
    """What is seen: photo (H, W, 3), white its value for 1, hole and what of the photo is known, (H, W) bool."""

    photo: np.ndarray
    hole: np.ndarray
    known: np.ndarray
    white: float

    def of(self, part: Window) -> "View":
        there = part.slices
        return View(self.photo[there], self.hole[there], self.known[there], self.white)


class Canvas(NamedTuple):
    """How a window comes before a model: scaled to `content` (width, height), and padded to `size`."""

    content: tuple[int, int]
    size: tuple[int, int]


def window(bounds: Window, hole: Window, width: int, height: int) -> Window:
    """What a model should see of a photo of this size to fill `hole`, which has grown from an object in `bounds`.

    At least half the object's size around it on each side, as far as the photo goes, and no thin strip: one that is
    wide is made high, where there is more of the photo above or below.
    """
    seen = windows.context_window(bounds, width, height).union(hole)
    least = max(LEAST_WINDOW, seen.height // MOST_ASPECT), max(LEAST_WINDOW, seen.width // MOST_ASPECT)
    return seen.widened(*least, width, height)


def canvas(width: int, height: int, side: int, multiple: int) -> Canvas:
    """The canvas for a window of this size, for a model that was trained on side x side pixels.

    Its content has the window's aspect to the pixel, whatever that is.
    """
    scale = min(side / math.sqrt(width * height), LONGEST * side / max(width, height))
    content = max(1, round(width * scale)), max(1, round(height * scale))
    return Canvas(content, (_padded(content[0], side, multiple), _padded(content[1], side, multiple)))


def fill(source: np.ndarray, hole: np.ndarray, brush: Brush, report: Report) -> np.ndarray:
    """New pixels (h, w, 3|4), of the photo's depth, for the bounds of hole (H, W) bool, which is not empty.

    source: (H, W, 3|4) uint8, uint16 or float32, the window that is seen.  Those pixels of the bounds that are not in
    the hole are not to be used.
    """
    bounds = windows.bounds(hole)
    assert bounds is not None
    photo, known = usable_colours(source, ~hole)
    view = View(photo, hole, known, white_value(photo))
    tiles = _tiles(hole, brush.painter)
    total = brush.painter.count(brush.quality) + brush.painter.count(brush.quality, again=True) * len(tiles.tiles)
    painted = _sketch(view, brush, report, total)
    there = Window(0, 0, hole.shape[1], hole.shape[0])
    if tiles.tiles:
        painted = _looked_at_again(view, painted, tiles, brush, report, total)
        there = tiles.near
    elif painted.size > photo.size:
        painted = resize(painted, (there.width, there.height))
    noise = _lacking(view, painted, bounds.seen_from(there), there)
    result = np.empty((bounds.height, bounds.width, source.shape[2]), source.dtype)
    for top in range(0, bounds.height, BAND):
        band = Window(bounds.x, bounds.y + top, bounds.width, min(BAND, bounds.height - top))
        report.watch()
        found = _part(painted, band.seen_from(there), there, (band.width, band.height))
        found += grain.rows(noise, top, band.height, band.width)
        result[top : top + BAND, :, :3] = to_depth(found.clip(0, 1), source.dtype, view.white)
    result[..., 3:] = view.white if source.dtype != np.float32 else 1  # what is painted is not transparent
    return result


# -- the sketch -------------------------------------------------------------------------------------------------------


def _sketch(view: View, brush: Brush, report: Report, total: int) -> np.ndarray:
    """The whole window as the model paints it, (h, w, 3) float32."""
    painter = brush.painter
    height, width = view.hole.shape
    content, size = canvas(width, height, painter.side, painter.multiple)
    picture, unknown, small_hole = _seen(view, content)
    picture[unknown] = extrapolate(picture, ~unknown)[unknown] if not unknown.all() else 0.5

    def after(step: "Step") -> None:
        share = step.done / step.steps * painter.count(brush.quality) / total
        report.progress(share, _words(tr("Painting"), step, painter))
        if step.preview is not None:
            forming = resize(step.preview, size, cv2.INTER_LINEAR)[: content[1], : content[0]]
            report.preview(_overview(np.where(small_hole[..., None], forming, picture)))

    painted = _painted(picture, small_hole, size, brush, brush.seed, False, after, report)
    return painted + _difference(picture, painted, small_hole, painter.side)


def _seen(view: View, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A view at size (width, height): the picture (h, w, 3) float32, what of it is unknown, and the hole."""
    picture, unknown = reduced(view.photo, ~view.known, view.white, max(size))
    picture, unknown = (
        resize(picture, size, cv2.INTER_CUBIC),
        resize(unknown.astype(np.uint8), size, cv2.INTER_NEAREST) > 0,
    )
    small_hole = resize(view.hole.astype(np.uint8) * np.uint8(255), size) > 0
    return picture.clip(0, 1), unknown | small_hole, small_hole


def _painted(
    picture: np.ndarray,
    hole: np.ndarray,
    size: tuple[int, int],
    brush: Brush,
    seed: int,
    again: bool,
    after: Callable[["Step"], None],
    report: Report,
) -> np.ndarray:
    """The picture with its hole painted, padded to `size` for it."""
    height, width = hole.shape
    border = 0, size[1] - height, 0, size[0] - width
    framed = cv2.copyMakeBorder(picture, *border, cv2.BORDER_REFLECT).clip(0, 1)
    framed_hole = cv2.copyMakeBorder(hole.astype(np.uint8), *border, cv2.BORDER_REFLECT) > 0
    painted = brush.painter.paint(
        framed,
        framed_hole,
        brush.prompt,
        seed,
        brush.quality,
        again,
        step=after,
        watch=report.watch,
    )
    return painted[:height, :width]


def _difference(picture: np.ndarray, painted: np.ndarray, hole: np.ndarray, side: int) -> np.ndarray:
    """What the photo is more than the painted picture around the hole, continued into it: (h, w, 3) float32.

    As Poisson blending has it (Pérez et al. 2003, section 3), but for what is smooth and small alone.
    """
    if hole.all():
        return np.zeros_like(picture)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    ring = (away > 0) & (away <= side / RING)
    weight = cv2.blur(ring.astype(np.float32), (CALM, CALM))
    off = cv2.blur(np.where(ring[..., None], picture - painted, np.float32(0)), (CALM, CALM))
    off = off / np.maximum(weight, np.float32(1e-6))[..., None]
    return extrapolate(off.clip(-MOST_OFF, MOST_OFF), ring)


# -- the second look --------------------------------------------------------------------------------------------------


class Tiles(NamedTuple):
    """A second look: at `near` of the window, scaled to size (width, height), in tiles of it; none: not worth it."""

    near: Window
    size: tuple[int, int]
    tiles: tuple[Window, ...]


def _tiles(hole: np.ndarray, painter: "Painter") -> Tiles:
    """What of a window with this hole (H, W) bool is worth another look."""
    height, width = hole.shape
    bounds = windows.bounds(hole)
    assert bounds is not None
    side = painter.side // painter.multiple * painter.multiple
    content = canvas(width, height, painter.side, painter.multiple).content
    scale = 1.0
    while _count(bounds, scale, side) > MOST_TILES:
        scale *= 0.95
    if scale * max(width, height) < WORTH_ANOTHER_LOOK * max(content):
        return Tiles(bounds, (bounds.width, bounds.height), ())
    # A tile wants to be full: where the hole is small there is photo around it.
    margin = math.ceil(side / 2 / scale)
    near = bounds.grown(margin, margin, width, height)
    size = max(1, round(near.width * scale)), max(1, round(near.height * scale))
    scales = size[0] / near.width, size[1] / near.height
    (left, top), (across, down) = (_times(pair, scales) for pair in (bounds.seen_from(near)[:2], bounds[2:]))
    there = Window(0, 0, *size)
    tiles = (
        Window(x, y, side, side).intersection(there)
        for y in _starts(top, top + down, size[1], side)
        for x in _starts(left, left + across, size[0], side)
    )
    return Tiles(near, size, tuple(tile for tile in tiles if tile and _holds(hole, tile, near, scales)))


def _holds(hole: np.ndarray, tile: Window, near: Window, scales: tuple[float, float]) -> bool:
    """Whether any of the hole lies in a tile of `near`, scaled by this."""
    x, y = (near[k] + math.floor(tile[k] / scales[k]) for k in (0, 1))
    w, h = (math.ceil(tile[2 + k] / scales[k]) + 1 for k in (0, 1))
    return bool(hole[y : y + h, x : x + w].any())


def _count(bounds: Window, scale: float, side: int) -> int:
    inner = side - side // OVERLAP
    return math.ceil(bounds.width * scale / inner) * math.ceil(bounds.height * scale / inner)


def _starts(first: float, last: float, size: int, side: int) -> list[int]:
    """Where tiles begin along an axis of `size` pixels, so that they cover first to last and overlap."""
    inner = side - side // OVERLAP
    count = max(1, math.ceil((last - first) / inner))
    begin = (first + last - count * inner) / 2 - side // OVERLAP / 2
    return sorted({round(min(max(0.0, begin + k * inner), max(0, size - side))) for k in range(count)})


def _looked_at_again(
    view: View, sketch: np.ndarray, tiles: Tiles, brush: Brush, report: Report, total: int
) -> np.ndarray:
    """What is near the hole, (h, w, 3) float32 of the tiles' size, with the detail that the sketch has no room for."""
    near, size, painter = tiles.near, tiles.size, brush.painter
    picture, unknown, large_hole = _seen(view.of(near), size)
    whole = Window(0, 0, *view.hole.shape[::-1])
    cv2.copyTo(_part(sketch, near, whole, size), unknown.astype(np.uint8), picture)
    each = painter.count(brush.quality, again=True)
    done = np.zeros(large_hole.shape, bool)
    shown = _overview(sketch)
    for k, tile in enumerate(tiles.tiles):
        there = tile.slices
        before, hole = picture[there], large_hole[there]
        fits = _padded(tile.width, painter.side, painter.multiple), _padded(tile.height, painter.side, painter.multiple)
        place = _place(tile, near, size, whole, shown.shape)

        def after(step: "Step", k=k, tile=tile, hole=hole, fits=fits, place=place, shown=shown) -> None:
            share = total - each * (len(tiles.tiles) - k - step.done / step.steps)
            what = tr("Adding detail, part {part} of {parts}", part=k + 1, parts=len(tiles.tiles))
            report.progress(share / total, _words(what, step, painter))
            if step.preview is not None:
                forming = resize(step.preview, fits, cv2.INTER_LINEAR)[: tile.height, : tile.width]
                report.preview(_with(shown, forming, hole, place))

        # Another seed for each, for the same noise in every tile would show as a pattern.
        seed = (brush.seed + 7919 * (k + 1)) % 2**53
        painted = _painted(before, hole, fits, brush, seed, True, after, report)
        painted += cv2.GaussianBlur(before - painted, (0, 0), painter.side / COARSE)
        weight = _ramps(done[there], painter.side // OVERLAP)[..., None]
        weight = np.where(hole[..., None], weight, np.float32(0))
        picture[there] = before + (painted - before) * weight
        done[there] = True
        shown = _with(shown, picture[there], hole, place)
    return picture


def _ramps(done: np.ndarray, width: int) -> np.ndarray:
    """How much of a tile is to be seen, (h, w) float32: it fades in over `width` pixels beyond what is done already."""
    if not done.any():
        return np.ones(done.shape, np.float32)
    fresh = cv2.distanceTransform(done.astype(np.uint8), cv2.DIST_L2, 5)  # 0 where nothing was painted yet
    return (1 - fresh / max(1, width)).clip(0, 1)


def _lacking(view: View, painted: np.ndarray, bounds: Window, there: Window) -> np.ndarray:
    """The grain (see `grain.noise`) that the photo has and what is painted in `bounds` lacks."""
    fine = grain.sample(view.photo, ~view.known, view.white)
    if fine is None:
        return grain.noise(None)
    shown = bounds._replace(width=min(bounds.width, ENOUGH), height=min(bounds.height, ENOUGH))
    middle = shown._replace(
        x=bounds.x + (bounds.width - shown.width) // 2, y=bounds.y + (bounds.height - shown.height) // 2
    )
    part = _part(painted, middle, there, (middle.width, middle.height))
    own = grain.sample(part, np.zeros(part.shape[:2], bool), 1.0)
    has, lacks = 0.0 if own is None else float(own.std()), float(fine.std())
    return grain.noise(fine * np.float32(max(0.0, 1 - (has / max(lacks, 1e-9)) ** 2) ** 0.5))


def _place(tile: Window, near: Window, size: tuple[int, int], whole: Window, shape: tuple[int, ...]) -> Window:
    """Where in an overview (h, w) of `whole` a tile of `near` lies that has been scaled to size (width, height)."""
    start, length = [], []
    for k in (0, 1):
        factor = shape[1 - k] / whole[2 + k]
        first = (near[k] + tile[k] * near[2 + k] / size[k]) * factor
        last = first + tile[2 + k] * near[2 + k] / size[k] * factor
        start.append(min(int(first), shape[1 - k] - 1))
        length.append(max(1, min(round(last), shape[1 - k]) - start[k]))
    return Window(*start, *length)


def _with(shown: np.ndarray, part: np.ndarray, hole: np.ndarray, place: Window) -> np.ndarray:
    """An overview (h, w, 3) uint8 with the hole of a part, (H, W, 3) float32, at its place."""
    size = place.width, place.height
    there = resize(hole.astype(np.uint8) * np.uint8(255), size)[..., None] > 127
    result = shown.copy()
    result[place.slices] = np.where(there, to_uint8(resize(part, size)), shown[place.slices])
    return result


# -- helpers ----------------------------------------------------------------------------------------------------------


def _part(picture: np.ndarray, part: Window, whole: Window, size: tuple[int, int]) -> np.ndarray:
    """`part` of what the picture shows, at size (width, height), float32.  whole: what all of it shows; its place does
    not matter.  For enlarging, or as it is."""
    sx, sy = picture.shape[1] / whole.width, picture.shape[0] / whole.height
    dx, dy = part.width * sx / size[0], part.height * sy / size[1]
    transform = np.array([[dx, 0, part.x * sx + dx / 2 - 0.5], [0, dy, part.y * sy + dy / 2 - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _times(pair: tuple[int, int], scales: tuple[float, float]) -> tuple[float, float]:
    return pair[0] * scales[0], pair[1] * scales[1]


def _padded(length: int, side: int, multiple: int) -> int:
    """length, or half the model's side if that is more, brought up to a multiple."""
    return -(-max(length, side // 2) // multiple) * multiple


def _words(what: Translatable, step: "Step", painter: "Painter") -> Translatable:
    values = {"what": what, "step": step.done, "steps": step.steps}
    if painter.slowed:
        return tr("{what}, step {step} of {steps} (memory ran short: a slower way)", **values)
    return tr("{what}, step {step} of {steps}", **values)


def _overview(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32 as uint8, of at most PREVIEW pixels."""
    height, width = picture.shape[:2]
    factor = min(1.0, PREVIEW / max(width, height))
    return to_uint8(resize(picture, (max(1, round(width * factor)), max(1, round(height * factor)))))

"""The second pass: what the model painted too small, refined in tiles at the image's own resolution.

As Podell et al. 2023, "SDXL", section 2.5, refine: some noise is added and the last steps are taken again.  A tile
gives the detail alone; what is coarser stays that of the first pass, so that no seam and no second object can come up.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.sampling import smoothed
from ..shared.geometry import Size, Window, scaled_size, whole
from ..shared.monitor import Monitor
from ..shared.text import tr
from .painting import Region, Sampler, Scene, crop, overview, paint, rim_error, step_message, with_part
from .windows import canvas, padded_size, whole_cells

if TYPE_CHECKING:
    from .diffusion.painter import Painter, Step

WORTH_REFINING = 1.25  # times as many pixels a side as the model painted
OVERLAP = 8  # of a tile's side, as a divisor
MOST_TILES = 30  # beyond, it is refined at less than the image's resolution
COARSE = 24  # of a tile's side, as a divisor: detail is finer than that
SEED_STEP = 7919  # between the seeds of two tiles: the same noise in each would show as a pattern


class Tiles(NamedTuple):
    """What is refined: the window `near`, scaled to size (width, height), in tiles of it; none: not worth it."""

    near: Window
    size: Size
    tiles: tuple[Window, ...]


def plan(hole: np.ndarray, painter: "Painter") -> Tiles:
    """What of a window with this hole (H, W) bool is worth refining."""
    height, width = hole.shape
    bounds = windows.bounds(hole)
    assert bounds is not None
    side = painter.side // painter.multiple * painter.multiple
    content = canvas(width, height, painter.side, painter.multiple).content
    scale = 1.0
    while _count(bounds, scale, side) > MOST_TILES:
        scale *= 0.95
    if painter.edits or scale * max(width, height) < WORTH_REFINING * max(content):
        return Tiles(bounds, (bounds.width, bounds.height), ())
    # A tile should be full: where the hole is small there is image around it.
    margin = math.ceil(side / 2 / scale)
    near = bounds.grown(margin, margin, width, height)
    size = scaled_size(near.width, near.height, scale)
    scales = size[0] / near.width, size[1] / near.height
    (left, top), (across, down) = (_times(pair, scales) for pair in (bounds.seen_from(near)[:2], bounds[2:]))
    tiles = (
        Window(x, y, side, side).intersection(whole(*size))
        for y in _starts(top, top + down, size[1], side)
        for x in _starts(left, left + across, size[0], side)
    )
    return Tiles(near, size, tuple(tile for tile in tiles if tile and _holds(hole, tile, near, scales)))


def refine(
    scene: Scene, sketch: np.ndarray, tiles: Tiles, sampler: Sampler, monitor: Monitor, first_steps: int
) -> np.ndarray:
    """What is near the hole, (h, w, 3) float32 of the tiles' size, with the detail that the sketch has no room for.

    sketch: the first pass over the scene, (h, w, 3) float32, which took `first_steps` of all the steps.
    """
    painter, count = sampler.painter, len(tiles.tiles)
    picture, unknown, hole = scene.part(tiles.near).at_size(tiles.size)
    everything = whole(*scene.hole.shape[::-1])
    cv2.copyTo(crop(sketch, tiles.near, everything, tiles.size), unknown.astype(np.uint8), picture)
    each = painter.count(sampler.quality, refine=True)
    total = first_steps + each * count
    done = np.zeros(hole.shape, bool)
    shown = overview(sketch)
    for number, tile in enumerate(tiles.tiles):
        there = tile.slices
        size = padded_size((tile.width, tile.height), painter.side, painter.multiple)
        region = Region(picture[there], hole[there], size)
        preview = _Preview(shown, _place(tile, tiles, everything, shown.shape))

        def on_step(step: "Step", number: int = number, region: Region = region, preview: _Preview = preview) -> None:
            what = tr("Adding detail, part {part} of {parts}", part=number + 1, parts=count)
            steps = first_steps + each * (number + step.done / step.steps)
            monitor.report(steps / total, step_message(what, step, painter))
            if step.preview is not None:
                monitor.on_preview(preview.with_region(region.forming(step), region.hole))

        seed = (sampler.seed + SEED_STEP * (number + 1)) % 2**53
        painted = paint(region, sampler, seed=seed, refine=True, on_step=on_step, check=monitor.check)
        painted += smoothed(region.picture - painted, painter.side / COARSE)
        painted += rim_error(region.picture, painted, whole_cells(region.hole, painter.cell), painter.side)
        weight = _fade_in(done[there], painter.side // OVERLAP)[..., None]
        weight = np.where(region.hole[..., None], weight, np.float32(0))
        picture[there] = region.picture + (painted - region.picture) * weight
        done[there] = True
        shown = preview.with_region(picture[there], region.hole)
    return picture


class _Preview(NamedTuple):
    """An overview (h, w, 3) uint8, and where a tile lies in it."""

    shown: np.ndarray
    place: Window

    def with_region(self, picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return with_part(self.shown, picture, hole, self.place)


def _fade_in(done: np.ndarray, width: int) -> np.ndarray:
    """The weight (h, w) float32 of a tile: it fades in over `width` pixels beyond what is done already."""
    if not done.any():
        return np.ones(done.shape, np.float32)
    fresh = cv2.distanceTransform(done.astype(np.uint8), cv2.DIST_L2, 5)  # 0 where nothing was painted yet
    return (1 - fresh / max(1, width)).clip(0, 1)


def _place(tile: Window, tiles: Tiles, everything: Window, shape: tuple[int, ...]) -> Window:
    """Where in an overview of shape (h, w, 3) of `everything` a tile lies."""
    start, length = [], []
    for k in (0, 1):
        factor = shape[1 - k] / everything[2 + k]
        first = (tiles.near[k] + tile[k] * tiles.near[2 + k] / tiles.size[k]) * factor
        last = first + tile[2 + k] * tiles.near[2 + k] / tiles.size[k] * factor
        start.append(min(int(first), shape[1 - k] - 1))
        length.append(max(1, min(round(last), shape[1 - k]) - start[k]))
    return Window(*start, *length)


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


def _times(pair: tuple[int, int], scales: tuple[float, float]) -> tuple[float, float]:
    return pair[0] * scales[0], pair[1] * scales[1]

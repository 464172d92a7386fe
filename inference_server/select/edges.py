"""From a mask the segmenter found on the proxy to one whose edge lies where the full-resolution image has it.

1. The segmenter encodes the object's own window at native resolution and is asked for the same object again, with the
   points, a box and the mask it gave before.  Its answer is used only if it is the same object.
2. The edge is moved onto the image's own edge by a guided filter with a colour guide (He, Sun, Tang 2010, "Guided Image
   Filtering", section 3), coarse to fine: at four pixels a mask cell first, then at twice the size each time.  Only
   tiles that hold an edge are filtered, so time grows with the edge's length and memory with the tile.
3. Specks and small holes go, and the edge is antialiased, or softened for hair and fur (`matting`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import to_proxy, to_uint8
from ..shared.geometry import Size, Window, proxy_size, whole
from ..shared.messages import ObjectPrompt
from ..shared.monitor import UNWATCHED, Monitor
from . import matting, rendering

if TYPE_CHECKING:
    from .segmenters import Segmenter
    from .segmenters.vitmatte import VitMatte

# The object's own window.
CONTEXT = 0.25  # of the object's size, on each side
WORTH_ENCODING = 1.2  # times as many pixels a side as the proxy had there
SAME_OBJECT = 0.7  # IoU with the mask found before, from which the answer counts as the same object

# Following the edge: at the first size a mask cell is up to FIRST_PIXELS wide.
FIRST_PIXELS = 4
FIRST_RADIUS = 2  # mask cells
FINE_RADIUS = 4  # pixels, at each further size
EPS = 1e-4  # squared difference in colour, 0 to 1, that counts as an edge
FIRST_ROUNDS, ROUNDS = 4, 2  # where the filter has moved an edge, it may find a better one from there

# A soft edge, for hair and fur.
HAIR = 11  # mask cells that it may reach to each side
GRID = 256  # cells along the window that a mask is refined in; of a ready mask as of a segmenter's
LONGEST_HAIR = 60  # pixels
SMOOTHING = 3  # pixels: radius of the filter after matting, which goes pixel by pixel
LOOSE = 24  # of 255: through what is fainter nothing hangs together
FADE = 2  # pixels beside a hair in which it fades
HAZE = 0.02  # alpha below this, which comes of grain, becomes 0; the same at the other end

TILE = 256  # pixels a side; only tiles with an edge in them are filtered
MATTE_TILE = 1536  # larger, because more around a tile is looked at
NETWORK_TILE, NETWORK_REACH = 512, 96  # the same for a network that attends to all of a tile at once
BAND_ROWS = 512  # rows converted to 8 bits at a time


@dataclass(frozen=True, kw_only=True)
class LowResMask:
    """A mask as fine as a segmenter's grid.

    logits: (h, w) float32, positive inside; cells: grid cells per pixel of the image it lies on, in x and y; size: that
    image's (width, height).
    """

    logits: np.ndarray
    cells: tuple[float, float]
    size: Size


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What an edge may be like.

    is_soft: whether alpha may fall slowly, as hair and fur need it; otherwise it falls within two pixels.  matter: the
    network that finds it then; without one it is `matting`.
    """

    is_soft: bool = False
    matter: "VitMatte | None" = None


CRISP = Edge()


def window_for(bounds: Window, size: Size) -> Window:
    """The native window in which to refine an object.

    bounds: the low-resolution mask's, in image pixels; size: the image's (width, height).
    """
    # Two cells, because the bounds are no more precise than that.
    least = max(windows.LEAST_CONTEXT, max(size) // 128)
    dx, dy = (max(round(CONTEXT * side), least) for side in bounds[2:])
    return bounds.grown(dx, dy, *size)


def refine(
    segmenter: "Segmenter",
    pixels: np.ndarray,
    window: Window,
    low_res: LowResMask,
    prompt: ObjectPrompt,
    *,
    edge: Edge = CRISP,
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The mask of a window at full resolution: alpha (h, w) uint8, over 127 = the object.

    pixels: (h, w, 3|4) uint8, uint16 or float32, the window's own; window: where they lie in the image (`window_for`);
    low_res: the mask found on the proxy; prompt: its points are in image pixels.  Raises UserError when cancelled.
    """
    rgb = _to_rgb8(pixels)
    monitor.report(0.0, "Looking at the object")
    mask, start = low_res, window
    # Where the window has few more pixels than it had in the proxy, encoding it adds nothing.
    window_scale, image_scale = (proxy_size(*size)[0] / size[0] for size in (window[2:], low_res.size))
    if window_scale > WORTH_ENCODING * image_scale:
        closer = _decode_in_window(segmenter, rgb, window, low_res, prompt, monitor)
        if closer is not None:
            mask, start = closer, whole(*window[2:])
    monitor.report(0.5, "Following the edge")
    points = [(x - window.x, y - window.y) for x, y in prompt.points]
    alpha = follow(rgb, mask.logits, mask.cells, start, monitor)
    alpha = rendering.tidy(alpha, points, prompt.labels)
    if edge.is_soft:
        return _softened(rgb, alpha, round(HAIR / min(mask.cells)), monitor, edge.matter)
    return rendering.antialiased(alpha)


def soften(pixels: np.ndarray, mask: np.ndarray, matter: "VitMatte | None", monitor: Monitor = UNWATCHED) -> np.ndarray:
    """The alpha (h, w) uint8 of any mask (h, w) uint8 around whose edge there may be hair or fur.

    pixels: (h, w, 3|4) of any depth, those under the mask; matter: as in `Edge`.  Raises UserError when cancelled.
    """
    hard = np.where(mask > 127, np.uint8(255), np.uint8(0))
    found = windows.bounds(hard)
    if found is None:
        return mask  # which was painted half transparent
    window = window_for(found, (mask.shape[1], mask.shape[0]))
    return _softened(_to_rgb8(pixels), hard, round(HAIR * max(window[2:]) / GRID), monitor, matter)


def refine_within(
    pixels: np.ndarray,
    mask: np.ndarray,
    unknown: np.ndarray,
    matter: "VitMatte | None",
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The mask (h, w) uint8 with alpha found anew where it is unknown, (h, w) bool; elsewhere as it is.

    pixels, matter: as in `soften`.  Raises UserError when cancelled.
    """
    result, place = mask.copy(), windows.bounds(unknown)
    if place is None:
        return result
    depth = matting.depth(unknown[place.grown(1, 1, *reversed(mask.shape)).slices])
    reach = 2 * int(depth) + matting.REACH if matter is None else NETWORK_REACH
    side = MATTE_TILE if matter is None else NETWORK_TILE
    part = place.grown(reach, reach, *reversed(mask.shape)).slices
    rgb, before, where, found = _to_rgb8(pixels[part]), mask[part], unknown[part], result[part]
    for tile, wide in _tiles(where.shape, side, reach, monitor):
        if not where[tile.slices].any():
            continue
        if matter is None:
            alpha = matting.matte_within(rgb[wide.slices], before[wide.slices], where[wide.slices])
        else:
            known = np.where(before[wide.slices] > 127, np.float32(1), np.float32(0))
            alpha = matter.matte(rgb[wide.slices], np.where(where[wide.slices], np.float32(0.5), known), monitor)
        inner = np.rint(alpha[tile.seen_from(wide).slices] * 255).astype(np.uint8)
        np.copyto(found[tile.slices], inner, where=where[tile.slices])
    if matter is None:
        np.copyto(found, _attached(_smoothed(rgb, found, monitor), before), where=where)
    return result


def follow(
    rgb: np.ndarray,
    logits: np.ndarray,
    cells: tuple[float, float],
    window: Window,
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The mask (h, w) uint8, over 127 inside, of `logits` in a window, its edge moved onto that of rgb (h, w, 3) uint8.

    logits, cells: as in `rendering.sampled`, in whose pixels `window` is.  Finds an edge that lies within about two
    cells.
    """
    height, width = rgb.shape[:2]
    per_cell = 1 / min(cells)
    halvings = max(0, int(np.ceil(np.log2(per_cell / FIRST_PIXELS))))
    levels = [rgb]
    for _ in range(halvings):
        h, w = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], ((w + 1) // 2, (h + 1) // 2), interpolation=cv2.INTER_AREA))
    h, w = levels[-1].shape[:2]
    first = rendering.sampled(logits, cells, window, (w, h), (width / w, height / h))
    share = np.rint(255 / (1 + np.exp(-first.clip(-30, 30)))).astype(np.uint8)
    radius = max(1, round(FIRST_RADIUS * per_cell / 2**halvings))
    # Corners that a coarse cell cuts off take more rounds; in an image that has no more detail they cost IoU.
    rounds = FIRST_ROUNDS if halvings else ROUNDS
    while levels:
        share = _follow_level(levels.pop(), share, radius, rounds, monitor)
        radius, rounds = FINE_RADIUS, ROUNDS
    return share


def guided(guide: np.ndarray, mask: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """The guided filter with a colour guide (He, Sun, Tang 2010, equations 14 to 16).

    The result (h, w) float32 is, locally, the linear function of guide (h, w, 3) float32, 0 to 1, that fits mask (h, w)
    float32 best; for a mask of 0 to 1 it is mostly 0 to 1.  radius in pixels; eps: how much colours must vary, squared,
    to count as an edge.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    r, g, b = channels = cv2.split(guide - np.float32(0.5))  # nearer to 0 less is lost in mean squares
    mr, mg, mb = (mean(channel) for channel in channels)
    average = mean(mask)
    cr, cg, cb = (mean(c * mask) - m * average for c, m in zip(channels, (mr, mg, mb), strict=True))
    rr, gg, bb = (mean(c * c) - m * m + np.float32(eps) for c, m in zip(channels, (mr, mg, mb), strict=True))
    rg, rb, gb = mean(r * g) - mr * mg, mean(r * b) - mr * mb, mean(g * b) - mg * mb
    # The inverse of the covariance, by cofactors: it is symmetric.
    i_rr, i_rg, i_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    i_gg, i_gb, i_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * i_rr + rg * i_rg + rb * i_rb
    ar = (i_rr * cr + i_rg * cg + i_rb * cb) / determinant
    ag = (i_rg * cr + i_gg * cg + i_gb * cb) / determinant
    ab = (i_rb * cr + i_gb * cg + i_bb * cb) / determinant
    rest = average - ar * mr - ag * mg - ab * mb
    return mean(ar) * r + mean(ag) * g + mean(ab) * b + mean(rest)


def _decode_in_window(
    segmenter: "Segmenter",
    rgb: np.ndarray,
    window: Window,
    low_res: LowResMask,
    prompt: ObjectPrompt,
    monitor: Monitor,
) -> LowResMask | None:
    """The segmenter's mask of the same object from rgb (h, w, 3) uint8, the window's pixels.

    None where its answer is another object than `low_res` is there, or where `low_res` is empty there.  Raises
    UserError when cancelled.
    """
    proxy = to_proxy(rgb)
    scale = proxy.shape[1] / window.width, proxy.shape[0] / window.height
    embedding = segmenter.encode(proxy, monitor)
    cells = embedding.cells[0] * scale[0], embedding.cells[1] * scale[1]
    rows, columns = embedding.grid
    side = max(rows, columns)
    before = rendering.sampled(low_res.logits, low_res.cells, window, (side, side), (1 / cells[0], 1 / cells[1]))
    found = windows.bounds(before[:rows, :columns] > 0)
    if found is None:
        return None
    points, labels = _prompt_inside(prompt, window)
    edges = found.x, found.y, found.x + found.width, found.y + found.height
    x0, y0, x1, y1 = (edge / c for edge, c in zip(edges, 2 * embedding.cells, strict=True))
    logits = segmenter.decode(embedding, points * scale, labels, (x0, y0, x1, y1), before)[0][0]
    old, new = before[:rows, :columns] > 0, logits[:rows, :columns] > 0
    if np.count_nonzero(old & new) < SAME_OBJECT * np.count_nonzero(old | new):
        return None
    x, y = np.minimum((points * cells).astype(int), (columns - 1, rows - 1)).T
    wrong_before, wrong_now = (np.count_nonzero(mask[y, x] != labels) for mask in (old, new))
    if wrong_now > wrong_before:
        return None
    return LowResMask(logits=rendering.fill_holes(logits), cells=cells, size=(window.width, window.height))


def _prompt_inside(prompt: ObjectPrompt, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, 2) float of a prompt that lie in a window, counted from its top left, and their labels (n,)."""
    inside = [
        ((x - window.x, y - window.y), label)
        for (x, y), label in zip(prompt.points, prompt.labels, strict=True)
        if window.x <= x < window.x + window.width and window.y <= y < window.y + window.height
    ]
    points = np.array([point for point, _ in inside], float).reshape(-1, 2)
    return points, np.array([label for _, label in inside], int)


def _follow_level(rgb: np.ndarray, share: np.ndarray, radius: int, rounds: int, monitor: Monitor) -> np.ndarray:
    """A mask (h, w) uint8, 0 to 255, of any size at the size of rgb (h, w, 3) uint8, its edge moved onto rgb's."""

    def pull(guide: np.ndarray, mask: np.ndarray) -> np.ndarray:
        for _ in range(rounds):
            mask = _filtered(guide, mask, radius)
        return mask

    height, width = rgb.shape[:2]
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return _by_tiles(rgb, share, 3 * radius * rounds, pull, monitor)


def _softened(
    rgb: np.ndarray, mask: np.ndarray, radius: int, monitor: Monitor, matter: "VitMatte | None" = None
) -> np.ndarray:
    """Alpha (h, w) uint8 for a mask (h, w) uint8 around whose edge lie hairs of up to `radius` pixels."""
    alpha = np.zeros_like(mask)
    band = windows.bounds(mask > 127)
    if band is None:
        return alpha
    radius = max(FINE_RADIUS, min(radius, LONGEST_HAIR))
    reach, side = (radius + matting.REACH, MATTE_TILE) if matter is None else (NETWORK_REACH, NETWORK_TILE)
    part = band.grown(reach, reach, *reversed(mask.shape)).slices

    def matte(guide: np.ndarray, piece: np.ndarray) -> np.ndarray:
        if matter is None:
            found = matting.matte(guide, piece, radius)
        else:
            found = matter.matte(guide, matting.trimap(piece, radius), monitor)
        return np.rint(found * 255).astype(np.uint8)

    matted = _by_tiles(rgb[part], mask[part], reach, matte, monitor, side=side)
    alpha[part] = _attached(_smoothed(rgb[part], matted, monitor), mask[part]) if matter is None else matted
    return alpha


def _attached(alpha: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """alpha (h, w) uint8 without what does not hang together with the object in the mask (h, w) uint8: hairs grow on
    it, and what only has its colours does not."""
    count, labels = cv2.connectedComponents((alpha > LOOSE).astype(np.uint8))
    held = np.zeros(count, bool)
    held[labels[(mask > 127) & (alpha > 127)]] = True
    held[0] = False
    near = cv2.dilate(held[labels].astype(np.uint8), np.ones((2 * FADE + 1,) * 2, np.uint8))
    return np.where(near > 0, alpha, np.uint8(0))


def _smoothed(rgb: np.ndarray, alpha: np.ndarray, monitor: Monitor) -> np.ndarray:
    """alpha (h, w) uint8 with its soft values filtered by rgb (h, w, 3) uint8, and without haze."""
    share = alpha.astype(np.float32) / 255
    soft = (alpha > 0) & (alpha < 255)
    for tile, wide in _tiles(alpha.shape, TILE, 2 * SMOOTHING, monitor):
        if (where := soft[tile.slices]).any():
            guide, part = rgb[wide.slices].astype(np.float32) / 255, alpha[wide.slices].astype(np.float32) / 255
            share[tile.slices][where] = guided(guide, part, SMOOTHING, EPS)[tile.seen_from(wide).slices][where]
    return np.rint(((share - HAZE) * (255 / (1 - 2 * HAZE))).clip(0, 255)).astype(np.uint8)


def _filtered(guide: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """The mask (h, w) uint8 cut at half and filtered within `radius` of its edge; elsewhere 0 or 255."""
    binary = np.where(mask > 127, np.uint8(255), np.uint8(0))
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    near = cv2.dilate(binary, kernel) != cv2.erode(binary, kernel)
    band = windows.bounds(near)
    if band is None:
        return binary
    part = band.grown(2 * radius, 2 * radius, *reversed(mask.shape)).slices
    answer = guided(guide[part].astype(np.float32) / 255, binary[part].astype(np.float32) / 255, radius, EPS)
    binary[part][near[part]] = np.rint(answer[near[part]].clip(0, 1) * 255).astype(np.uint8)
    return binary


def _by_tiles(
    rgb: np.ndarray,
    mask: np.ndarray,
    reach: int,
    work: Callable[[np.ndarray, np.ndarray], np.ndarray],
    monitor: Monitor,
    side: int = TILE,
) -> np.ndarray:
    """work(rgb, mask) on every tile with an edge in it and on its surroundings up to `reach`; 0 or 255 in the others.

    rgb: (h, w, 3) uint8; mask: (h, w) uint8; side: of a tile.  Returns (h, w) uint8.
    """
    result = np.empty_like(mask)
    for tile, wide in _tiles(mask.shape, side, reach, monitor):
        part = mask[wide.slices]
        low, high = part.min() > 127, part.max() > 127
        if low == high:
            result[tile.slices] = 255 * high
        else:
            result[tile.slices] = work(rgb[wide.slices], part)[tile.seen_from(wide).slices]
    return result


def _tiles(shape: tuple[int, ...], side: int, reach: int, monitor: Monitor) -> Iterator[tuple[Window, Window]]:
    """The tiles of a mask of this shape (h, w), and each with its surroundings up to `reach`."""
    height, width = shape
    for y in range(0, height, side):
        monitor.check()
        for x in range(0, width, side):
            tile = Window(x, y, min(side, width - x), min(side, height - y))
            yield tile, tile.grown(reach, reach, width, height)


def _to_rgb8(pixels: np.ndarray) -> np.ndarray:
    """pixels (h, w, 3|4) of any depth as (h, w, 3) uint8; the same array where it is that already."""
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return pixels
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for y in range(0, len(rgb), BAND_ROWS):  # in bands: a whole large window at twice its depth would not fit
        rgb[y : y + BAND_ROWS] = to_uint8(pixels[y : y + BAND_ROWS, :, :3])
    return rgb

"""From the mask a segmenter found on the proxy to one whose edge lies where the full-resolution photo has it.

The steps and their constants are named at the top of `masks`.  Here is how each is done:

1. The segmenter looks at the object's native window and is asked for the same object again: clicks, box and the mask
   it gave before.  What it answers is taken only if it is the same object.
2. The edge is pulled onto the photo's own edge by a guided filter with colour guide (He, Sun, Tang 2010, "Guided Image
   Filtering", section 3), coarse to fine: at four pixels a mask cell first, then at twice the size each time.  Only
   tiles that hold an edge are filtered, so time follows the edge's length and memory the tile.
3. Specks go, holes are filled, and the edge is made crisp, or soft for hair and fur (ibid., section 4, feathering).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging import masks, windows
from ..imaging.pixels import to_proxy, to_uint8
from ..shared.geometry import Window, proxy_size
from ..shared.monitor import stop_if

if TYPE_CHECKING:
    from .segmenters import Segmenter


TILE = 256  # pixels, of which only tiles with an edge in them are worked on
BAND_ROWS = 512  # rows brought to 8 bits at a time


class Coarse(NamedTuple):
    """A mask that is only as fine as the proxy: logits (h, w) float32, positive inside; cells: grid cells per photo
    pixel, in x and y; size: the photo's (width, height)."""

    logits: np.ndarray
    cells: tuple[float, float]
    size: tuple[int, int]


def window_for(bounds: Window, size: tuple[int, int]) -> Window:
    """The native window in which to refine an object.

    bounds: the coarse mask's, in photo pixels; size: the photo's (width, height).
    """
    # Two cells, because the coarse bounds are no better than that.
    least = max(windows.LEAST_CONTEXT, max(size) // 128)
    dx, dy = (max(round(masks.CONTEXT * side), least) for side in bounds[2:])
    return bounds.grown(dx, dy, *size)


def refine(
    segmenter: "Segmenter",
    pixels: np.ndarray,
    window: Window,
    coarse: Coarse,
    points: Sequence[tuple[float, float]] = (),
    labels: Sequence[int] = (),
    soft_edge: bool = False,
    progress: Callable[[float, str], None] = lambda share, word: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """The mask of a window at full resolution: alpha (h, w) uint8, over 127 = the object.

    pixels: (h, w, 3|4) uint8, uint16 or float32, the window's own; window: where they lie in the photo (`window_for`);
    coarse: the mask found on the proxy; points, labels: the clicks, in photo pixels.  soft_edge: whether alpha may fall
    slowly, as hair and fur need it; else it falls within two pixels.  Raises UserError where it is cancelled.
    """
    rgb = _eight_bits(pixels)
    progress(0.0, "Looking at the object")
    logits, cells = coarse.logits, coarse.cells
    start = window
    # Where the window has few more pixels than it had in the proxy, a second look shows nothing new.
    shown, known = (proxy_size(*size)[0] / size[0] for size in (window[2:], coarse.size))
    if shown > masks.WORTH_A_LOOK * known:
        again = _second_look(segmenter, rgb, window, coarse, points, labels)
        if again is not None:
            logits, cells = again
            start = Window(0, 0, *window[2:])
    progress(0.5, "Following the edge")
    inside = [(x - window.x, y - window.y) for x, y in points]
    alpha = follow(rgb, logits, cells, start, cancelled)
    alpha = masks.tidy(alpha, inside, labels)
    if soft_edge:
        return _softened(rgb, alpha, round(masks.HAIR / min(cells)), cancelled)
    return masks.antialiased(alpha)


def follow(
    rgb: np.ndarray,
    logits: np.ndarray,
    cells: tuple[float, float],
    window: Window,
    cancelled: Callable[[], bool] = lambda: False,
) -> np.ndarray:
    """The mask (h, w) uint8, over 127 inside, of `logits` in a window, its edge brought to that of rgb (h, w, 3) uint8.

    logits, cells: as in `masks.sampled`, in whose pixels `window` is.  It finds an edge that lies within about two
    cells.
    """
    height, width = rgb.shape[:2]
    per_cell = 1 / min(cells)
    halvings = max(0, int(np.ceil(np.log2(per_cell / masks.FIRST_PIXELS))))
    levels = [rgb]
    for _ in range(halvings):
        h, w = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], ((w + 1) // 2, (h + 1) // 2), interpolation=cv2.INTER_AREA))
    h, w = levels[-1].shape[:2]
    first = masks.sampled(logits, cells, window, (w, h), (width / w, height / h))
    share = np.rint(255 / (1 + np.exp(-first.clip(-30, 30)))).astype(np.uint8)
    radius = max(1, round(masks.FIRST_RADIUS * per_cell / 2**halvings))
    # Corners that a coarse cell cuts off take more rounds; in a photo that has no more to show they cost IoU.
    rounds = masks.FIRST_ROUNDS if halvings else masks.ROUNDS
    while levels:
        share = _followed(levels.pop(), share, radius, rounds, cancelled)
        radius, rounds = masks.FINE_RADIUS, masks.ROUNDS
    return share


def guided(guide: np.ndarray, mask: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """mask (h, w) float32 as the locally linear function of guide (h, w, 3) float32, 0 to 1, that fits it best.

    The guided filter with a colour guide (He, Sun, Tang 2010, equations 14 to 16).  radius in pixels; eps: how much
    colours must vary, squared, to count as an edge.  Returns (h, w) float32, mostly 0 to 1 for such a mask.
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


def _second_look(
    segmenter: "Segmenter",
    rgb: np.ndarray,
    window: Window,
    coarse: Coarse,
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
) -> tuple[np.ndarray, tuple[float, float]] | None:
    """What the segmenter says of rgb, the window's pixels: logits, and cells a window pixel.

    None where it sees another object than `coarse` there, or where `coarse` has none.
    """
    seen = to_proxy(rgb)
    scale = seen.shape[1] / window.width, seen.shape[0] / window.height
    embedding = segmenter.encode(seen)
    cells = embedding.cells[0] * scale[0], embedding.cells[1] * scale[1]
    valid = [max(1, int(np.ceil(n * c))) for n, c in zip(window[2:], cells, strict=True)]
    side = max(valid)
    before = masks.sampled(coarse.logits, coarse.cells, window, (side, side), (1 / cells[0], 1 / cells[1]))
    found = windows.bounds(before[: valid[1], : valid[0]] > 0)
    if found is None:
        return None
    within = [
        ((x - window.x, y - window.y), label)
        for (x, y), label in zip(points, labels, strict=True)
        if window.x <= x < window.x + window.width and window.y <= y < window.y + window.height
    ]
    spots = np.array([spot for spot, _ in within], float).reshape(-1, 2)
    signs = np.array([label for _, label in within], int)
    x0, y0, x1, y1 = (
        edge / c
        for edge, c in zip(
            (found.x, found.y, found.x + found.width, found.y + found.height), 2 * embedding.cells, strict=True
        )
    )
    logits = segmenter.decode(embedding, spots * scale, signs, (x0, y0, x1, y1), before)[0][0]
    there = tuple(slice(n) for n in reversed(valid))
    old, new = before[there] > 0, logits[there] > 0
    if np.count_nonzero(old & new) < masks.SAME_OBJECT * np.count_nonzero(old | new):
        return None
    columns, rows = (spots * cells).astype(int).T
    wrong = [np.count_nonzero(mask[rows, columns] != signs) for mask in (old, new)]
    return (masks.fill_holes(logits), cells) if wrong[1] <= wrong[0] else None


def _followed(
    rgb: np.ndarray, share: np.ndarray, radius: int, rounds: int, cancelled: Callable[[], bool]
) -> np.ndarray:
    """A mask (h, w) uint8, 0 to 255, of any size brought to that of rgb (h, w, 3) uint8, and its edge to rgb's."""

    def pull(guide: np.ndarray, mask: np.ndarray) -> np.ndarray:
        for _ in range(rounds):
            mask = _filtered(guide, mask, radius)
        return mask

    height, width = rgb.shape[:2]
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return _by_tiles(rgb, share, 3 * radius * rounds, pull, cancelled)


def _softened(rgb: np.ndarray, mask: np.ndarray, radius: int, cancelled: Callable[[], bool]) -> np.ndarray:
    """Alpha (h, w) uint8 for a mask (h, w) uint8 around whose edge lie hairs of up to `radius` pixels."""
    radius = max(masks.FINE_RADIUS, min(radius, masks.LONGEST_HAIR))

    def matted(guide: np.ndarray, part: np.ndarray) -> np.ndarray:
        alpha = _filtered(guide, part, radius).astype(np.float32) / 255
        stretched = (alpha - masks.HAZE) / (1 - 2 * masks.HAZE)
        return np.rint(stretched.clip(0, 1) * 255).astype(np.uint8)

    return _by_tiles(rgb, mask, 3 * radius, matted, cancelled)


def _filtered(guide: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """The mask (h, w) uint8 cut at half and filtered within `radius` of its edge; elsewhere 0 or 255."""
    binary = np.where(mask > 127, np.uint8(255), np.uint8(0))
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    near = cv2.dilate(binary, kernel) != cv2.erode(binary, kernel)
    band = windows.bounds(near)
    if band is None:
        return binary
    there = band.grown(2 * radius, 2 * radius, *reversed(mask.shape)).slices
    answer = guided(guide[there].astype(np.float32) / 255, binary[there].astype(np.float32) / 255, radius, masks.EPS)
    binary[there][near[there]] = np.rint(answer[near[there]].clip(0, 1) * 255).astype(np.uint8)
    return binary


def _by_tiles(
    rgb: np.ndarray,
    mask: np.ndarray,
    reach: int,
    work: Callable[[np.ndarray, np.ndarray], np.ndarray],
    cancelled: Callable[[], bool],
) -> np.ndarray:
    """`work` done on every tile with an edge in it and on its surroundings up to `reach`; 0 or 255 in the others.

    rgb: (h, w, 3) uint8; mask: (h, w) uint8.  Returns (h, w) uint8.
    """
    height, width = mask.shape
    result = np.empty_like(mask)
    for y in range(0, height, TILE):
        stop_if(cancelled)
        for x in range(0, width, TILE):
            tile = Window(x, y, min(TILE, width - x), min(TILE, height - y))
            wide = tile.grown(reach, reach, width, height)
            part = mask[wide.slices]
            low, high = part.min() > 127, part.max() > 127
            if low == high:
                result[tile.slices] = 255 * high
            else:
                result[tile.slices] = work(rgb[wide.slices], part)[tile.seen_from(wide).slices]
    return result


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    """pixels (h, w, 3|4) of any depth as (h, w, 3) uint8; the same array where it is that already."""
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return pixels
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for y in range(0, len(rgb), BAND_ROWS):  # or a large window would be there once more at twice its depth
        rgb[y : y + BAND_ROWS] = to_uint8(pixels[y : y + BAND_ROWS, :, :3])
    return rgb

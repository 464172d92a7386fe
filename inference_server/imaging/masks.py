"""What happens to a mask between the segmenter and the inpainter.  Pure functions over (H, W) uint8, 255 = the object.

The order is always: look again, follow the edge, tidy, make the edge crisp or soft (all of it in `edges`), grow,
feather.  Holes are filled because SAM leaves gaps, grown because a mask that ends on the object's edge leaves its rim
and its halo (Inpaint Anything, Yu et al. 2023, section 3.2: "dilation matters"), feathered so that grain and light meet
softly.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..shared.errors import wrong_input
from ..shared.geometry import Window
from .windows import bounds

# Look again: at the object and its surroundings, in native pixels.
CONTEXT = 0.25  # of the object's size, on each side
WORTH_A_LOOK = 1.2  # times as many pixels a side as the proxy had there
SAME_OBJECT = 0.7  # IoU with the mask found before, from which the answer counts as the same object

# Follow the edge, coarse to fine: at the first size a mask cell is up to FIRST_PIXELS wide.
FIRST_PIXELS = 4
FIRST_RADIUS = 2  # mask cells
FINE_RADIUS = 4  # pixels, at each further size
EPS = 1e-4  # the square of the difference in colour, 0 to 1, that is an edge
FIRST_ROUNDS, ROUNDS = 4, 2  # where the filter has moved an edge, it may find a better one from there

# Tidy: smaller pieces and smaller holes than this share of the object go.
SPECK = 0.005

# A soft edge, for hair and fur.
HAIR = 8  # mask cells to each side that it may reach
LONGEST_HAIR = 60  # pixels
HAZE = 0.1  # alpha of less than this, which the filter gives to grain, is none; the same at the other end

LEAST_GROW = 7  # the paper's code dilates with a 15-pixel kernel


def default_grow(width: int, height: int) -> int:
    """Pixels to grow by in a photo of this size: some times what an edge that was followed is off on average, for what
    the lens has spread of the object."""
    return max(LEAST_GROW, round(max(width, height) / 400))


def default_feather(grow: int) -> int:
    """Pixels of soft edge that go with a growth."""
    return max(1, grow // 3) if grow else 0


def suited(grow: int | None, feather: int | None, size: tuple[int, int]) -> tuple[int, int]:
    """grow and feather, where they are None what suits a photo of this (width, height)."""
    grow = default_grow(*size) if grow is None else grow
    return grow, default_feather(grow) if feather is None else feather


def feathered_inwards(mask: np.ndarray, feather: int, scale: float = 1.0) -> np.ndarray:
    """mask (H, W) uint8 falling to 0 at its edge within `feather` pixels; scale as in `grow_and_feather`."""
    return np.uint8(255) - grow_and_feather(np.uint8(255) - mask, 0, feather, scale)


def fill_holes(logits: np.ndarray, largest: float = SPECK) -> np.ndarray:
    """logits (h, w) float32 with the holes made positive that are smaller than `largest` of the object's cells.

    A doughnut keeps its hole; the gaps SAM leaves inside an object go.
    """
    outside = np.pad(logits <= 0, 1, constant_values=True)  # one frame joins all that is not a hole
    _, labels = cv2.connectedComponents(
        outside.astype(np.uint8), connectivity=4
    )  # with statistics it takes twice as long
    small = np.bincount(labels.astype(np.int32, copy=False).ravel()) <= largest * np.count_nonzero(logits > 0)
    small[0] = small[labels[0, 0]] = False  # neither the object nor what lies around it
    if not small.any():
        return logits
    return np.where(small[labels[1:-1, 1:-1]], np.abs(logits) + np.float32(0.5), logits)


def sampled(
    logits: np.ndarray,
    cells: tuple[float, float],
    window: Window,
    size: tuple[int, int],
    step: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """The logits of a window of the photo at (width, height) points: (height, width) float32.

    logits: (h, w) float32 on the segmenter's grid; cells: grid cells per photo pixel, in x and y.  step: photo pixels
    from one point to the next, in x and y; each point lies in the middle of its step.
    """
    scale = [c * s for c, s in zip(cells, step, strict=True)]
    x_offset, y_offset = ((start + s / 2) * c - 0.5 for start, c, s in zip(window[:2], cells, step, strict=True))
    transform = np.array([[scale[0], 0, x_offset], [0, scale[1], y_offset]])
    return cv2.warpAffine(
        logits,
        transform,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def render(logits: np.ndarray, cells: tuple[float, float], window: Window) -> np.ndarray:
    """The mask (height, width) uint8, 0 or 255, of a window of the photo.  logits, cells: as in `sampled`.

    The logits, not the mask, are interpolated, so the edge comes out smooth at any size.
    """
    shown = sampled(logits, cells, window, (window.width, window.height))
    return np.asarray(cv2.threshold(shown, 0, 255, cv2.THRESH_BINARY)[1].astype(np.uint8))


def tidy(mask: np.ndarray, points: Sequence[tuple[float, float]] = (), labels: Sequence[int] = ()) -> np.ndarray:
    """mask (H, W) uint8 cut at half, without specks and small holes (`SPECK`): 0 or 255.

    points (x, y), labels: clicks, which save what they are in: 1 a speck, 0 a hole.  Outlines are looked at, not areas,
    so the memory it takes follows the edge.
    """
    result = np.where(mask > 127, np.uint8(255), np.uint8(0))
    limit = SPECK * np.count_nonzero(result)
    contours, tree = cv2.findContours(result, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = [int(links[3]) for links in tree[0]] if contours else []  # the outline that a hole is in, or -1
    # Pick's theorem: an outline runs through the object's own pixels, around a hole too.
    small = [
        cv2.contourArea(contour) + 1 + (0.5 if parent < 0 else -0.5) * len(contour) < limit
        for contour, parent in zip(contours, parents, strict=True)
    ]
    # Holes last: there may be specks in them.
    for k in sorted(np.flatnonzero(small).tolist(), key=lambda k: parents[k] >= 0):
        hole = parents[k] >= 0
        if hole and small[parents[k]]:
            continue
        meant = [point for point, label in zip(points, labels, strict=True) if label != hole]
        if all(cv2.pointPolygonTest(contours[k], (float(x), float(y)), False) < 0 for x, y in meant):
            cv2.drawContours(result, contours, k, 255 if hole else 0, cv2.FILLED)
    return result


def antialiased(mask: np.ndarray) -> np.ndarray:
    """mask (H, W) uint8, 0 or 255, with an edge that falls within two pixels; over 127 is what was 255."""
    soft = cv2.GaussianBlur(mask, (3, 3), 0)
    cv2.max(soft, mask & 128, dst=soft)
    cv2.min(soft, mask | 127, dst=soft)
    return soft


def grow_and_feather(mask: np.ndarray, grow: int, feather: int, scale: float = 1.0) -> np.ndarray:
    """The alpha (H, W) uint8 of an inpainted patch.

    255 on the object and up to `grow` pixels (Euclidean) from it, falling to 0 over the next `feather` pixels.
    grow = feather = 0 gives the mask as it is, its own soft values included.  scale: pixels of the mask a pixel that is
    meant, at most 1, for a mask that is smaller than the photo.  Raises UserError for less than 0.
    """
    if grow < 0 or feather < 0:
        raise wrong_input("Grow and feather cannot be negative.")
    result = np.zeros(mask.shape, np.uint8)  # its memory is taken where it is written to
    found = bounds(mask)
    if found is None:
        return result
    reach = math.ceil((grow + feather + 0.5) * scale + 0.5) if grow or feather else 0
    there = found.grown(reach, reach, mask.shape[1], mask.shape[0]).slices
    if not reach:
        result[there] = mask[there]
        return result
    # Among masks that are only looked at, what is off by a hundredth will do.
    precision = cv2.DIST_MASK_PRECISE if scale == 1 else cv2.DIST_MASK_5
    distance = cv2.distanceTransform((mask[there] <= 127).astype(np.uint8), cv2.DIST_L2, precision)
    # From the middle of a pixel to that of the object's nearest, of which half a pixel is the object's own.
    away = (distance - np.float32(0.5)) / np.float32(scale) + np.float32(0.5)
    result[there] = np.rint(np.clip(1 - (away - grow) / (feather + 1), 0, 1) * 255)
    return result

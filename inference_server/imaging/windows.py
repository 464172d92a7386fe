"""Windows of an image.  Pure functions.

Three spaces have three names: the *image* at full resolution, a *window* of it in its own pixels, and the *proxy*, the
whole image scaled down (`geometry.proxy_size`), which is all that a segmenter is given.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from ..shared.geometry import Window

LEAST_CONTEXT = 64  # pixels: a tiny object too needs surroundings to be filled from


def bounds(mask: np.ndarray) -> Window | None:
    """The smallest window that holds every non-zero pixel of mask (H, W); None where there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return Window(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


def context_window(object_bounds: Window, width: int, height: int) -> Window:
    """The window an inpainter is given: the object and, on each side, at least half its size again.

    In the image's own pixels and cut at the image's edge, never padded: an inpainter that sees black paints black.
    """
    dx = max((object_bounds.width + 1) // 2, LEAST_CONTEXT)
    dy = max((object_bounds.height + 1) // 2, LEAST_CONTEXT)
    return object_bounds.grown(dx, dy, width, height)


def pieces(mask: np.ndarray, step: int) -> Iterator[Window]:
    """Windows around the connected components of mask (H, W) uint8; those closer than `step` pixels may be one."""
    height, width = mask.shape
    found = bounds(mask)
    if found is None:
        return
    (top, bottom), (left, right) = ((s.start // step, -(-s.stop // step)) for s in found.slices)
    rows, columns = bottom - top, right - left
    padded = np.zeros((rows * step, columns * step), np.uint8)
    inside = mask[top * step : bottom * step, left * step : right * step]
    padded[: inside.shape[0], : inside.shape[1]] = inside
    overview = np.zeros((-(-height // step), -(-width // step)), np.uint8)
    bands = padded.reshape(rows, step, -1).max(axis=1)  # one axis at a time: both at once is six times slower
    overview[top:bottom, left:right] = bands.reshape(rows, columns, step).max(axis=2)
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.minimum(overview, 1), connectivity=8)
    for x, y, w, h, _ in stats[1:]:
        yield Window(int(x) * step, int(y) * step, int(w) * step, int(h) * step).grown(0, 0, width, height)

"""The edge of an object in the photo's own pixels, from a mask that is only as fine as the proxy.

Two steps.  The segmenter looks again, at the object's window alone, where that shows it more than the proxy did
(`_look_again`).  Then the edge is followed from coarse to fine: at each scale, twice as fine as the one before, a
guided filter (He, Sun and Tang 2010, "Guided Image Filtering", with colours as the guide) moves it to the photo's edge,
in tiles along the edge only, so that cost grows with the edge's length and not with the area.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from . import masks, picking, region
from .region import Window
from .segmenters import Segmenter

CONTEXT = 0.3  # of the object's size, on each side
LEAST_CONTEXT = 32  # pixels
START = 1024  # pixels on the window's long side at the coarsest scale, which is what a segmenter sees
MORE = 1.2  # the segmenter looks again where the window has this many times the pixels that the proxy had
SAME = 0.75  # IoU below which it saw another object; it is not asked again then

RADIUS = 8  # of the guided filter after a second look, in pixels: two cells of the segmenter
UNSEEN = 2  # and without one, in cells of the mask so far, which colours have settled
FINER = 4  # and at finer scales: what halving a pixel leaves open
SMOOTH = 1e-3  # how little contrast counts as an edge, in squared colour values of 0 to 1
TILE = 192
SOFT_RADIUS = 24  # of the band that may be hair or fur, in pixels of the finest scale
SOFT_SMOOTH = 1e-5


def window_for(bounds: Window, size: tuple[int, int]) -> Window:
    """The window of the photo whose native pixels `refine` wants for an object.  size: the photo's (width, height)."""
    dx, dy = (max(round(CONTEXT * side), LEAST_CONTEXT) for side in bounds[2:])
    return bounds.grown(dx, dy, *size)


def refine(
    segmenter: Segmenter,
    pixels: np.ndarray,
    window: Window,
    logits: np.ndarray,
    cells: tuple[float, float],
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
    soft_edge: bool = False,
) -> np.ndarray:
    """The mask (h, w) uint8 of a window, 255 = the object.

    pixels: (h, w, 3|4) of any depth, the window's own; logits: (gh, gw) float32, the mask so far, with `cells` grid
    cells per photo pixel; points: (x, y) in pixels of the photo; labels: 1 this, 0 not this.  soft_edge: values between
    0 and 255 where hair or fur mixes with what is behind it; without, only along the last pixel of the edge.
    """
    width, height = window.width, window.height
    scale = min(1.0, START / max(width, height))
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = region.to_uint8(cv2.resize(pixels[..., :3], (w, h), interpolation=cv2.INTER_AREA))
    shown = masks.resample(logits, cells, window, (w, h))
    radius = max(1, round(UNSEEN * scale / max(cells)))
    if w * h > MORE * width * height * cells[0] * cells[1]:
        radius = RADIUS
        local = [((x - window.x) * scale, (y - window.y) * scale) for x, y in points]
        shown = _look_again(segmenter, coarse, shown, local, labels)
    share = _to_share(masks.fill_holes(shown))
    share = _followed(coarse, share, radius, SMOOTH)
    while (w, h) != (width, height):
        w, h = (min(2 * w, width), min(2 * h, height)) if 2 * max(w, h) < max(width, height) else (width, height)
        finer = cv2.resize(share, (w, h), interpolation=cv2.INTER_LINEAR)
        guide = pixels if (w, h) == (width, height) else cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA)
        share = _followed(guide, finer, FINER, SMOOTH)
    if soft_edge:
        return _followed(pixels, share, SOFT_RADIUS, SOFT_SMOOTH)
    return np.where(share > 127, np.uint8(255), np.uint8(0))


def _look_again(
    segmenter: Segmenter,
    pixels: np.ndarray,
    shown: np.ndarray,
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
) -> np.ndarray:
    """The logits (h, w) float32 of the same object by a second look at (h, w, 3) uint8.

    The segmenter is given the mask so far, its box and the clicks; asked for less, it finds another object too often.
    """
    height, width = shown.shape
    found = region.bounds(shown > 0)
    if found is None:
        return shown
    here = [k for k, (x, y) in enumerate(points) if 0 <= x < width and 0 <= y < height]
    box = (found.x, found.y, found.x + found.width, found.y + found.height)
    embedding = segmenter.encode(pixels)
    cx, cy = embedding.cells
    rows, columns = max(1, round(height * cy)), max(1, round(width * cx))
    side = max(rows, columns)
    before = np.full((side, side), -8.0, np.float32)
    before[:rows, :columns] = cv2.resize(shown, (columns, rows), interpolation=cv2.INTER_AREA)
    answer, _ = segmenter.decode(
        embedding,
        np.array([points[k] for k in here], float).reshape(-1, 2),
        np.array([labels[k] for k in here]),
        box,
        before,
    )
    again = masks.resample(answer[0], (cx, cy), Window(0, 0, width, height))
    return again if picking.overlap(again > 0, shown > 0) >= SAME else shown


def _to_share(logits: np.ndarray) -> np.ndarray:
    """How much of each pixel is the object, (h, w) uint8, from logits."""
    return np.rint(255 / (1 + np.exp(-np.clip(logits, -20, 20)))).astype(np.uint8)


def _followed(guide: np.ndarray, share: np.ndarray, radius: int, smooth: float) -> np.ndarray:
    """share (h, w) uint8 with its edge moved to that of guide (h, w, 3|4), in tiles where there is one."""
    height, width = share.shape
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    result = share.copy()
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            tile = Window(x, y, min(TILE, width - x), min(TILE, height - y))
            around = tile.grown(2 * radius, 2 * radius, width, height)
            part = share[around.slices]
            band = cv2.dilate(part, kernel) != cv2.erode(part, kernel)
            inner = Window(x - around.x, y - around.y, *tile[2:]).slices
            if not band[inner].any():
                continue
            colours = region.to_uint8(guide[around.slices][..., :3]).astype(np.float32) / 255
            moved = _guided(colours, part.astype(np.float32) / 255, radius, smooth)
            moved = np.rint(moved.clip(0, 1) * 255).astype(np.uint8)
            result[tile.slices] = np.where(band, moved, part)[inner]
    return result


def _guided(guide: np.ndarray, share: np.ndarray, radius: int, smooth: float) -> np.ndarray:
    """He et al. 2010, section 3.3: the share (h, w) float32 as a local linear function of guide (h, w, 3) float32."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    r, g, b = channels = cv2.split(guide)
    mr, mg, mb = means = [mean(channel) for channel in channels]
    average = mean(share)
    vr, vg, vb = (mean(channel * share) - m * average for channel, m in zip(channels, means, strict=True))
    rr, gg, bb = (mean(channel * channel) - m * m + smooth for channel, m in zip(channels, means, strict=True))
    rg, rb, gb = mean(r * g) - mr * mg, mean(r * b) - mr * mb, mean(g * b) - mg * mb
    # The inverse of the symmetric 3 x 3 covariance, by cofactors: many times faster than a solver for each pixel.
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    whole = rr * c00 + rg * c01 + rb * c02
    ar = (c00 * vr + c01 * vg + c02 * vb) / whole
    ag = (c01 * vr + c11 * vg + c12 * vb) / whole
    ab = (c02 * vr + c12 * vg + c22 * vb) / whole
    offset = average - ar * mr - ag * mg - ab * mb
    return mean(ar) * r + mean(ag) * g + mean(ab) * b + mean(offset)

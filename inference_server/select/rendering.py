"""From the segmenter's logits to a mask (H, W) uint8, 255 = the object.  Pure functions.

Holes in the logits are filled, because SAM leaves gaps; they are rendered at the image's size, the edge is refined
(`edges`), specks and small holes are removed, and the edge is antialiased or softened.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ..shared.geometry import Point, Size, Window

SPECK = 0.005  # smaller pieces and smaller holes than this share of the object are removed


def fill_holes(logits: np.ndarray, largest: float = SPECK) -> np.ndarray:
    """logits (h, w) float32, made positive in the holes that are smaller than `largest` of the object's cells.

    The hole of a doughnut stays; the small gaps SAM leaves inside an object are closed.
    """
    outside = np.pad(logits <= 0, 1, constant_values=True)  # the frame joins everything that is not a hole
    # Counted here: with OpenCV's own statistics it takes twice as long.
    _, labels = cv2.connectedComponents(outside.astype(np.uint8), connectivity=4)
    small = np.bincount(labels.astype(np.int32, copy=False).ravel()) <= largest * np.count_nonzero(logits > 0)
    small[0] = small[labels[0, 0]] = False  # neither the object nor its surroundings
    if not small.any():
        return logits
    return np.where(small[labels[1:-1, 1:-1]], np.abs(logits) + np.float32(0.5), logits)


def sampled(
    logits: np.ndarray,
    cells: tuple[float, float],
    window: Window,
    size: Size,
    step: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """The logits of a window of the image at (width, height) points: (height, width) float32.

    logits: (h, w) float32 on the segmenter's grid; cells: grid cells per image pixel, in x and y.  step: image pixels
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
    """The mask (height, width) uint8, 0 or 255, of a window of the image.  logits, cells: as in `sampled`.

    The logits, not the mask, are interpolated, so that the edge is smooth at any size.
    """
    interpolated = sampled(logits, cells, window, (window.width, window.height))
    return np.asarray(cv2.threshold(interpolated, 0, 255, cv2.THRESH_BINARY)[1].astype(np.uint8))


def tidy(mask: np.ndarray, points: Sequence[Point] = (), labels: Sequence[int] = ()) -> np.ndarray:
    """mask (H, W) uint8 cut at half: 0 or 255, without specks and small holes (`SPECK`).

    points (x, y), labels: point prompts; a speck with a point labelled 1 in it stays, and so does a hole with a point
    labelled 0.  Works on outlines, not areas, so its memory grows with the length of the edge.
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
        is_hole = parents[k] >= 0
        if is_hole and small[parents[k]]:
            continue
        keeping = [point for point, label in zip(points, labels, strict=True) if label != is_hole]
        if all(cv2.pointPolygonTest(contours[k], (float(x), float(y)), measureDist=False) < 0 for x, y in keeping):
            cv2.drawContours(result, contours, k, 255 if is_hole else 0, cv2.FILLED)
    return result


def antialiased(mask: np.ndarray) -> np.ndarray:
    """mask (H, W) uint8, 0 or 255, with an edge that falls within two pixels; what was 255 stays over 127."""
    soft = cv2.GaussianBlur(mask, (3, 3), 0)
    cv2.max(soft, mask & 128, dst=soft)
    cv2.min(soft, mask | 127, dst=soft)
    return soft

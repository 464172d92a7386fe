"""Where the segmenter is unsure, the photo's colours decide: GrabCut (Rother, Kolmogorov and Blake 2004).  Pure.

SAM's logits say what is surely the object and what surely is not; colours, edges and the clicks themselves settle the
rest (mean IoU on GrabCut after five clicks: .943 without, .959 with; on COCO .911 and .915).
"""

from collections.abc import Sequence

import cv2
import numpy as np

from . import picking, region

UNSURE = 2.0  # logits this near to 0 may change side …
REACH = 0.2  # … within this distance of the edge, in square roots of the object's area
AROUND = 0.3  # what is looked at around the object, in the same unit
ROUNDS = 2
TRUST = 0.85  # a result that overlaps less with the segmenter's mask is another object: it is not taken
CLICK = 2  # pixels around a click that are surely what it says


def settle(
    pixels: np.ndarray, logits: np.ndarray, points: Sequence[tuple[float, float]], labels: Sequence[int]
) -> np.ndarray:
    """The logits (h, w) float32 with the sign that colours give them.

    pixels: (h, w, 3) uint8, of the same size; points: (x, y) in these pixels; labels: 1 this, 0 not this.  Where
    nothing is unsure, or colours would choose another object, the logits come back as they are.
    """
    inside = logits > 0
    unit = np.sqrt(np.count_nonzero(inside))
    if not unit or inside.all():
        return logits
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    depth = depth + cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    unsure = (np.abs(logits) <= UNSURE) & (depth <= REACH * unit)
    state = np.where(inside, cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
    state[unsure & inside], state[unsure & ~inside] = cv2.GC_PR_FGD, cv2.GC_PR_BGD
    for (x, y), label in zip(points, labels, strict=True):
        cv2.circle(state, (round(x), round(y)), CLICK, cv2.GC_FGD if label else cv2.GC_BGD, -1)
    height, width = inside.shape
    concerned = region.bounds(state != cv2.GC_BGD)
    if concerned is None:
        return logits
    margin = round(AROUND * unit) + 5
    part = concerned.grown(margin, margin, width, height).slices
    window = np.ascontiguousarray(state[part])
    chosen = np.isin(window, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if chosen.all() or not chosen.any():
        return logits
    cv2.setRNGSeed(0)  # GrabCut starts its colour models with k-means
    cv2.grabCut(
        np.ascontiguousarray(pixels[part][..., ::-1]),
        window,
        (0, 0, 1, 1),  # not read
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    settled = inside.copy()
    settled[part] = np.isin(window, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if picking.overlap(settled, inside) <= TRUST:
        return logits
    return np.where(settled == inside, logits, np.where(settled, 1, -1) * np.maximum(np.abs(logits), 0.5)).astype(
        np.float32
    )

"""Which of the segmenter's masks is meant.  Pure functions over logits (N, h, w) float32, positive inside.

The segmenter's own scores choose among part, subpart and whole hardly better than chance would (mean IoU of the first
mask: GrabCut .68, COCO .60, where the best of three has .86 and .78).  Where people click is better evidence: a single
click is mostly on the middle of the object, so a mask is the likelier the nearer its deepest point lies to the click,
and the less of the image's border it covers (.80 and .72).  The weights below are a ridge regression of IoU on 130
photos, 50 of GrabCut and 80 of COCO (bench/fit/mask_ranking.py); their cross-validated figures differ from the fitted
ones by less than .01.
"""

import cv2
import numpy as np

from ..shared.geometry import Point
from . import rendering

# Expected IoU = BASE + HEADS[output] - CENTRED * log(CLOSE + distance / depth) - BORDER * share of the border covered.
BASE = 0.44
HEADS = (0.0, -0.084, 0.042, -0.038)  # the single-mask output; part, subpart, whole
CENTRED = 0.155
CLOSE = 0.03  # distances below this share of the depth count as none
BORDER = 0.374
GAPS = 0.1  # holes of up to this share of the object are filled before its depth is measured

STROKE_POINTS = 3

OLD = 0.2  # weight of the mask before a further point in the one after it


def expected_overlap(logits: np.ndarray, click: Point) -> np.ndarray:
    """The IoU (N,) to expect of each mask with the object that one click means.

    logits: without the segmenter's padding.  click: (x, y) in cells, the middle of the first being 0, 0.
    """
    expected = np.empty(len(logits))
    for k, mask in enumerate(logits):
        off_centre, border = features(mask, click)
        head = HEADS[k] if k < len(HEADS) else 0.0
        expected[k] = BASE + head - CENTRED * off_centre - BORDER * border
    return expected.clip(0, 1)


def features(mask: np.ndarray, click: Point) -> tuple[float, float]:
    """What the ranking uses of one mask (h, w): log(CLOSE + distance / depth), and the share of the border it covers.

    distance: from the click to the mask's deepest point; depth: of that point, both in cells.
    """
    x, y = click
    inside = rendering.fill_holes(mask, GAPS) > 0
    depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    _, deepest, _, (deepest_x, deepest_y) = cv2.minMaxLoc(depth)
    distance = min(np.hypot(deepest_x - x, deepest_y - y) / (deepest + 1), 5)
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]]).mean()
    return np.log(CLOSE + distance), border


def best_three(logits: np.ndarray, expected: np.ndarray) -> list[int]:
    """Up to three outputs to propose for one click, best first, hardly two of the same mask.

    Output 0 is mostly the same mask as one of the others; of the two, the one with the lower expectation is left out.
    """
    order = [int(k) for k in np.argsort(-expected, kind="stable")]
    if len(order) > 3:
        inside = logits > 0
        twin = max(range(1, len(order)), key=lambda k: overlap(inside[0], inside[k]))
        order.remove(twin if order.index(0) < order.index(twin) else 0)
    return order[:3]


def points_in(rough_mask: np.ndarray) -> list[Point]:
    """Up to STROKE_POINTS points (x, y) deep inside a rough mask (h, w) uint8 and far from each other.

    The segmenter finds more with these than with a brush stroke or a rough selection as a mask prompt (mean IoU of
    GrabCut and COCO: a loose cover .81 and .74, a stroke within the object .66 and .25).
    """
    inside = (rough_mask > 127).astype(np.uint8)
    room = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    found: list[Point] = []
    while len(found) < STROKE_POINTS:
        _, deepest, _, (x, y) = cv2.minMaxLoc(room)
        if deepest <= 0:
            break
        found.append((float(x), float(y)))
        others = np.ones_like(inside)
        others[y, x] = 0
        room = np.minimum(room, cv2.distanceTransform(others, cv2.DIST_L2, 5))
    return found


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks (h, w) bool; 1 where both are empty."""
    either = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / either if either else 1.0


def after_point(answer: np.ndarray, before: np.ndarray, point: Point, label: int) -> np.ndarray:
    """The logits (h, w) after a further point: the segmenter's answer, averaged with some of the mask before it.

    With the answer alone, a point on one edge too often changes the far side of the object (COCO, three points: mean
    IoU .83 without, .87 with).  Not where the average would put the point on the wrong side.  point: (x, y) in cells.
    """
    average = (1 - OLD) * answer + OLD * before
    height, width = answer.shape
    at = min(max(round(point[1]), 0), height - 1), min(max(round(point[0]), 0), width - 1)
    return answer if (average[at] > 0) != label == (answer[at] > 0) else average

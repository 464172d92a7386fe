"""Which of the segmenter's masks is meant.  Pure functions over logits (N, h, w) float32, positive inside.

The segmenter's own scores choose among part, subpart and whole little better than chance would.  Where the click lies
in a mask says more, but only for clicks on the very middle, as evaluations make them (the deepest pixel of the object):
people click anywhere inside.  So the mask is chosen by what holds for both: how deep the click lies in the mask, how
stable the mask is (Kirillov et al. 2023, "Segment Anything", section 5), how large beside the others, how much of the
image's border it takes, and the score.  A linear choice model of these was fitted to 370 photographs, each clicked in
nine places (bench/fit/mask_ranking.py, which also shows what it gains on photographs and data sets left out).
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ..imaging import windows
from ..shared.geometry import Point
from . import rendering

Cell = tuple[int, int]  # row and column

# A mask is the likelier meant, the larger HEADS[output] + WEIGHTS @ features.
HEADS = (0.0, -2.95, -1.75, -1.84)  # the single-mask output; part, subpart, whole
WEIGHTS = (10.13, 7.26, 5.38, -1.01, -12.64, 1.35, -2.75)
GAPS = 0.1  # holes of up to this share of the object are filled before it is measured
SURE = 1.0  # logits that are this far from 0 count as stable
CLOSE = 0.1  # distances below this share of the depth hardly count
ACROSS = 0.97  # of the image's width and height: what covers more is the background

MOST_OFFERED = 3
SAME = 0.8  # IoU from which on only one of two masks is offered; at .75 to .9 the best offered is as good

STROKE_POINTS = 3

EDGE = 0.2  # of a mask's greatest depth, up to which a point lies at its edge

DISC = 1  # cells: the radius of what a point means where no mask fits; 2 is too much for a thin thing
INSIDE, OUTSIDE = 1.0, -20.0  # logits in it and elsewhere
STABLE, MORE_ALIKE = 0.7, 0.3  # stability, and IoU more with the mask before, of a mask that is taken for output 0
OLD = 0.2  # weight of the mask before a further point in the one after it


def likelihoods(logits: np.ndarray, scores: np.ndarray, click: Point) -> np.ndarray:
    """How likely each mask is meant by one click: (N,), 0 to 1, together 1.

    logits: without the segmenter's padding.  scores: (N,), the segmenter's own.  click: (x, y) in cells, the middle of
    the first being 0, 0.
    """
    heads = np.array([HEADS[k] if k < len(HEADS) else 0.0 for k in range(len(logits))])
    utility = heads + features(logits, scores, click) @ np.array(WEIGHTS)
    odds = np.exp(utility - utility.max())
    return np.asarray(odds / odds.sum())


def features(logits: np.ndarray, scores: np.ndarray, click: Point) -> np.ndarray:
    """What the ranking uses of each mask: (N, 7).

    Its score; its stability, the share of the cells over -SURE that are over SURE; how deep the click lies in it, as a
    share of its greatest depth; log(CLOSE + distance from the click to the deepest point / depth of that point); the
    share of the border it covers; log of its area beside the largest mask's; whether it reaches across the image.
    """
    at = cell_at(click, logits[0])
    measured = [_measured(mask, click, at) for mask in logits]
    table = np.array(measured, float)
    largest = max(table[:, 4].max(), 1)
    size = np.log(np.maximum(table[:, 4], 1) / largest)
    return np.column_stack([scores.clip(0, 1), table[:, :4], size, table[:, 5]])


def best_after(logits: np.ndarray, before: np.ndarray) -> int:
    """Which of the masks is meant by a point that is not the first; before: the logits (h, w) before that point.

    Output 0 is trained for several points.  But where another mask is stable and far more like the mask before, output
    0 would make another thing of it: the point is as ambiguous as a first one is.
    """
    likeness = np.array([overlap(mask > 0, before > 0) for mask in logits])
    likely = [k for k in np.flatnonzero(likeness >= likeness[0] + MORE_ALIKE) if stability(logits[k]) >= STABLE]
    return int(max(likely, key=likeness.__getitem__, default=0))


def _measured(mask: np.ndarray, click: Point, at: tuple[int, int]) -> tuple[float, ...]:
    """Of one mask (h, w): stability, depth, distance and border as in `features`, area, whether it reaches across."""
    stable = stability(mask)
    inside = rendering.fill_holes(mask, GAPS) > 0
    depth = depths(inside)
    _, deepest, _, (deepest_x, deepest_y) = cv2.minMaxLoc(depth)
    distance = min(math.dist((deepest_x, deepest_y), click) / (deepest + 1), 5.0)
    border = float(np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]]).mean())
    found = windows.bounds(inside)
    height, width = mask.shape
    across = found is not None and min(found.width / width, found.height / height) > ACROSS
    deep = float(depth[at] + 1) / (deepest + 1)
    return stable, deep, math.log(CLOSE + distance), border, int(np.count_nonzero(inside)), across


def stability(mask: np.ndarray) -> float:
    """How little a mask (h, w) of logits depends on where it is cut: as in `features`."""
    return int(np.count_nonzero(mask > SURE)) / max(int(np.count_nonzero(mask > -SURE)), 1)


def offered(logits: np.ndarray, order: Sequence[int]) -> list[int]:
    """Up to MOST_OFFERED of the outputs in `order`, which begins with the best: no two of the same mask, no empty one.

    The best is always among them.  Of too many, the one goes that is most like another: the least likely one is the
    best of all too often (mean IoU of the best offered .84 instead of .88, 25 photographs of GrabCut).
    """
    inside = logits > 0
    kept = [order[0]]
    for k in order[1:]:
        if inside[k].any() and all(overlap(inside[k], inside[other]) < SAME for other in kept):
            kept.append(k)

    def likeness(k: int) -> float:
        return max(overlap(inside[k], inside[other]) for other in kept if other != k)

    while len(kept) > MOST_OFFERED:
        kept.remove(max(kept[1:], key=likeness))
    return kept


def points_in(rough_mask: np.ndarray) -> list[Point]:
    """Up to STROKE_POINTS points (x, y) deep inside a rough mask (h, w) uint8 and far from each other.

    The segmenter finds more with these than with a brush stroke or a rough selection as a mask prompt (mean IoU of
    GrabCut and COCO: a loose cover .81 and .74, a stroke within the object .66 and .25).
    """
    inside = rough_mask > 127
    room = depths(inside)
    found: list[Point] = []
    while len(found) < STROKE_POINTS:
        _, deepest, _, (x, y) = cv2.minMaxLoc(room)
        if deepest <= 0:
            break
        found.append((float(x), float(y)))
        others = np.ones(inside.shape, np.uint8)
        others[y, x] = 0
        room = np.minimum(room, cv2.distanceTransform(others, cv2.DIST_L2, 5))
    return found


def meant_alone(logits: np.ndarray, at: Cell, left_out: Sequence[Cell], largest: int) -> np.ndarray:
    """The smallest of the masks (N, h, w) that has the cell `at`, none of the cells `left_out`, and at most `largest`
    cells: its logits (h, w).  Where none is so, a disc of a few cells."""
    sizes = {k: np.count_nonzero(mask > 0) for k, mask in enumerate(logits) if mask[at] > 0}
    fitting = [k for k, size in sizes.items() if size <= largest and not any(logits[k][cell] > 0 for cell in left_out)]
    if fitting:
        return np.asarray(logits[min(fitting, key=sizes.__getitem__)])
    return disc(at, logits[0])


def disc(at: Cell, grid: np.ndarray) -> np.ndarray:
    """The logits of a few cells around one, of the shape and type of a grid (h, w)."""
    logits = np.full_like(grid, OUTSIDE)
    cv2.circle(logits, at[::-1], DISC, INSIDE, cv2.FILLED)
    return logits


def cell_at(point: Point, grid: np.ndarray) -> Cell:
    """The cell of a grid (h, w) that is nearest to a point (x, y) in cells."""
    height, width = grid.shape
    return min(max(round(point[1]), 0), height - 1), min(max(round(point[0]), 0), width - 1)


def depths(inside: np.ndarray) -> np.ndarray:
    """How far each cell of a mask (h, w) bool is from its edge, in cells: (h, w) float32, 0 outside."""
    return cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def is_at_edge(mask: np.ndarray, at: Cell) -> bool:
    """Whether a cell lies near the edge of a mask (h, w) of logits, on either side, beside how deep the mask is."""
    inside = rendering.fill_holes(mask, GAPS) > 0
    depth = depths(inside)
    distance = depth if inside[at] else cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    return bool(distance[at] < EDGE * (depth.max() + 1))


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
    at = cell_at(point, answer)
    return answer if (average[at] > 0) != label == (answer[at] > 0) else average

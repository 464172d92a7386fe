"""All the objects of an image at once, none over another, so that a pointer can hover over them.

Method: after Kirillov et al. 2023, "Segment Anything", section 4 (fully automatic stage) and appendix B: a point prompt
at every point of a grid; unstable masks are dropped, near duplicates kept once.  Two things differ.  The grid goes from
coarse to fine, and fine only where no object is certain yet: some 60 prompts instead of 1024.  And masks are ranked by
how many of the points inside them find them again, not by the model's score alone, which for a single point often
prefers a part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..shared.geometry import Point, Size, Window
from ..shared.monitor import UNWATCHED, Monitor
from . import rendering

if TYPE_CHECKING:
    from .segmenters import Embedding, Segmenter

ALONG = 8  # points of the coarse grid on the image's long side; the fine grid has another between any two
LEAST_SCORE = 0.5  # this and the next are low: they only remove what is no object at all, the ranking does the rest
LEAST_STABILITY = 0.5
LEAST_CELLS = 8  # anything smaller is hard to point at
SAME = 0.6  # IoU from which two masks are the same object
CERTAIN = 0.65  # agreement from which the fine grid leaves an object alone
LEAST_FREE = 0.5  # share of a mask that better ones must have left over
SPECK = 0.05  # share of an object below which a separate piece is dropped


@dataclass(frozen=True)
class Objects:
    """Which object is where in an image.

    labels: (gh, gw) uint16 on the segmenter's grid: number of the object in each cell, counted from 1, 0 = none.
    logits: (n, gh, gw) float32, one object each, positive inside; no two are positive at the same place, at any
    resolution.  scores: (n,) float32, 0 to 1, falling: the agreement of the points inside on this object.
    cells: grid cells per image pixel, in x and y.  size: the image's (width, height).
    """

    labels: np.ndarray
    logits: np.ndarray
    scores: np.ndarray
    cells: tuple[float, float]
    size: Size

    def __len__(self) -> int:
        return len(self.logits)

    def at(self, x: float, y: float) -> int | None:
        """Index of the object at a pixel of the image, or None."""
        if not (0 <= x < self.size[0] and 0 <= y < self.size[1]):
            return None
        number = int(self.labels[_cell(x + 0.5, y + 0.5, self.cells, self.labels.shape)])
        return number - 1 if number else None

    def inside(self, index: int, window: Window) -> np.ndarray:
        """An object's mask (height, width) uint8, 0 or 255, in a window of the image, without making the rest."""
        return rendering.render(self.logits[index], self.cells, window)


class _Found(NamedTuple):
    """A mask that a point has found: logits (gh, gw) float16, the model's score for it, and the point's number."""

    logits: np.ndarray
    score: float
    point: int


def find(segmenter: "Segmenter", embedding: "Embedding", size: Size, monitor: Monitor = UNWATCHED) -> Objects:
    """The objects of the image that was encoded.  size: its (width, height) at full resolution.

    Takes at most (2 ALONG - 1)² passes of the decoder, mostly a third of that.  Raises UserError when cancelled.
    """
    found: list[_Found] = []
    asked: list[Point] = []

    def ask(points: list[Point], start: float, share: float) -> None:
        for k, point in enumerate(points):
            monitor.report(start + share * k / len(points), "Finding all objects")
            found.extend(_masks_at(segmenter, embedding, point, len(asked)))
            asked.append(point)

    coarse, fine = _grids(embedding.size)
    ask(coarse, 0.2, 0.5)
    labels, chosen, agreement = _arrange(found, asked, embedding)
    certain = np.array([0, *agreement[chosen]]) >= CERTAIN  # the 0 is for where no object is
    ask([p for p in fine if not certain[labels[_cell(*p, embedding.cells, labels.shape)]]], 0.7, 0.3)
    labels, chosen, agreement = _arrange(found, asked, embedding)
    cells = embedding.cells[0] * embedding.size[0] / size[0], embedding.cells[1] * embedding.size[1] / size[1]
    return Objects(labels, _disjoint([found[k].logits for k in chosen], labels), agreement[chosen], cells, size)


def _grids(size: Size) -> tuple[list[Point], list[Point]]:
    """The points (x, y) of the coarse grid, and those that the fine grid adds, for an image of size (width, height)."""
    nx, ny = (min(n, max(1, round(ALONG * n / max(size)))) for n in size)
    points = [
        (k * size[0] / (2 * nx), j * size[1] / (2 * ny), bool(j % 2 and k % 2))
        for j in range(1, 2 * ny)
        for k in range(1, 2 * nx)
    ]
    return [p[:2] for p in points if p[2]], [p[:2] for p in points if not p[2]]


def _cell(x: float, y: float, cells: tuple[float, float], shape: tuple[int, ...]) -> tuple[int, int]:
    """Row and column of the cell that holds the place (x, y), whose corner (0, 0) is that of the first pixel."""
    return min(int(y * cells[1]), shape[0] - 1), min(int(x * cells[0]), shape[1] - 1)


def _masks_at(segmenter: "Segmenter", embedding: "Embedding", point: Point, number: int) -> Iterator[_Found]:
    """The usable masks that the point with this number finds."""
    logits, scores = segmenter.decode(embedding, np.array([point]), np.array([1]))
    rows, columns = embedding.grid
    three = slice(1, None) if len(logits) > 1 else slice(None)  # output 0 is not meant for a single point
    for mask, score in zip(logits[three, :rows, :columns], scores[three], strict=True):
        sure, possible = np.count_nonzero(mask > 1), np.count_nonzero(mask > -1)
        if score >= LEAST_SCORE and sure >= LEAST_CELLS and sure >= LEAST_STABILITY * possible:
            yield _Found(rendering.fill_holes(mask).astype(np.float16), min(float(score), 1.0), number)


def _agreement(found: list[_Found], points: list[Point], embedding: "Embedding") -> np.ndarray:
    """(n,) float32, 0 to 1: the share of the points inside each mask that found the same one, weighted by their score.

    Half of a mask's own score counts as one point more, for masks with few points inside.
    """
    shape = found[0].logits.shape
    scores = np.array([f.score for f in found], np.float32)
    # Every other cell is enough to compare two masks.
    flat = np.array([f.logits[::2, ::2].ravel() > 0 for f in found], np.float32)
    both, areas = flat @ flat.T, flat.sum(axis=1)
    same = both >= SAME * np.maximum(areas[:, None] + areas - both, 1)
    votes = np.zeros((len(found), len(points)), np.float32)
    for k, f in enumerate(found):
        votes[:, f.point] = np.maximum(votes[:, f.point], same[:, k] * f.score)
    where = tuple(np.array([_cell(*p, embedding.cells, shape) for p in points]).T)
    within = np.array([f.logits[where] > 0 for f in found])
    return ((votes * within).sum(axis=1) + scores / 2) / (within.sum(axis=1) + 1)


def _arrange(
    found: list[_Found], points: list[Point], embedding: "Embedding"
) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Labels as in `Objects`, which of `found` the objects are, and the agreement on all found.

    The best masks come first and take their cells; one of which better ones have taken most is no further object.
    """
    labels = np.zeros(embedding.grid, np.uint16)
    chosen: list[int] = []
    if not found:
        return labels, chosen, np.zeros(0, np.float32)
    agreement = _agreement(found, points, embedding)
    for k in np.argsort(-agreement, kind="stable"):
        mask = found[k].logits > 0
        free = _without_specks(mask & (labels == 0))
        if np.count_nonzero(free) >= max(LEAST_CELLS, LEAST_FREE * np.count_nonzero(mask)):
            chosen.append(int(k))
            labels[free] = len(chosen)
    return labels, chosen, agreement


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """mask (h, w) bool without the pieces smaller than SPECK of it."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= SPECK * np.count_nonzero(mask)
    large[0] = False
    return large[pieces]


def _disjoint(logits: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """The objects' logits as in `Objects`, from the model's own for each.

    Each is made negative outside its label and then lowered by half of the strongest of the others, so that no two sum
    to more than 0, which interpolation preserves.
    """
    field = np.zeros((len(logits), *labels.shape), np.float32)
    for k, own in enumerate(logits):
        strength = np.abs(own.astype(np.float32))
        field[k] = np.where(labels == k + 1, strength, -strength)
    if len(field) < 2:
        return field
    second, first = np.partition(field, -2, axis=0)[-2:]
    for own in field:
        rival = np.where(own == first, second, first)
        np.minimum(own, (own - rival) / 2, out=own)
    return field

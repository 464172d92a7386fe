"""All the objects of a photo at once, none over another, so that a pointer can hover over them.

Method: after Kirillov et al. 2023, "Segment Anything", section 4 (fully automatic stage) and appendix B: a click on
every point of a grid, unstable masks dropped, near equal ones taken once.  Two things differ.  The grid goes from
coarse to fine and only where no object is certain yet: some 60 clicks instead of 1024.  And masks are ranked by how
many of the clicks inside them find them again, not by the model's score alone, which for a single click often prefers
a part.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging import masks
from ..shared.geometry import Window
from ..shared.monitor import stop_if

if TYPE_CHECKING:
    from .segmenters import Embedding, Segmenter

ALONG = 8  # clicks of the coarse grid on the photo's long side; the fine grid has another between any two
LEAST_SCORE = 0.5  # low: these only weed out what is no object at all, the ranking does the rest
LEAST_STABILITY = 0.5
LEAST_CELLS = 8  # nobody can point at less
SAME = 0.6  # IoU from which two masks are the same object
CERTAIN = 0.65  # agreement from which the fine grid leaves an object alone
LEAST_FREE = 0.5  # share of a mask that better ones must have left over
SPECK = 0.05  # share of an object below which a piece that lies apart is dropped


@dataclass(frozen=True)
class Objects:
    """What lies where in a photo.

    labels: (gh, gw) uint16 on the segmenter's grid: number of the object in each cell, counted from 1, 0 = none.
    logits: (n, gh, gw) float32, one object each, positive inside; no two are positive at the same place, at any
    resolution.  scores: (n,) float32, 0 to 1, falling: the agreement of the clicks inside on this object.
    cells: grid cells per photo pixel, in x and y.  size: the photo's (width, height).
    """

    labels: np.ndarray
    logits: np.ndarray
    scores: np.ndarray
    cells: tuple[float, float]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.logits)

    def at(self, x: float, y: float) -> int | None:
        """Index of the object at a pixel of the photo, or None."""
        if not (0 <= x < self.size[0] and 0 <= y < self.size[1]):
            return None
        number = int(self.labels[_cell(x + 0.5, y + 0.5, self.cells, self.labels.shape)])
        return number - 1 if number else None

    def inside(self, index: int, window: Window) -> np.ndarray:
        """An object's mask (height, width) uint8, 0 or 255, in a window of the photo, without making the rest."""
        return masks.render(self.logits[index], self.cells, window)


class _Found(NamedTuple):
    """A mask that a click brought up: logits (gh, gw) float16, the model's score for it, and the click's number."""

    logits: np.ndarray
    score: float
    click: int


def find(
    segmenter: "Segmenter",
    embedding: "Embedding",
    size: tuple[int, int],
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> Objects:
    """The objects of the photo that was encoded.  size: its (width, height) at full resolution.

    Takes at most (2 ALONG - 1)² decodings, mostly a third of that.  Raises UserError when cancelled.
    """
    found: list[_Found] = []
    clicks: list[tuple[float, float]] = []

    def look(points: list[tuple[float, float]], start: float, share: float) -> None:
        for k, point in enumerate(points):
            stop_if(cancelled)
            progress(start + share * k / len(points), "Finding all objects")
            found.extend(_click(segmenter, embedding, point, len(clicks)))
            clicks.append(point)

    coarse, fine = _grids(embedding.size)
    look(coarse, 0.2, 0.5)
    labels, chosen, agreement = _arrange(found, clicks, embedding)
    certain = np.array([0, *agreement[chosen]]) >= CERTAIN  # the 0 is for where no object is
    look([p for p in fine if not certain[labels[_cell(*p, embedding.cells, labels.shape)]]], 0.7, 0.3)
    labels, chosen, agreement = _arrange(found, clicks, embedding)
    cells = embedding.cells[0] * embedding.size[0] / size[0], embedding.cells[1] * embedding.size[1] / size[1]
    return Objects(labels, _apart([found[k].logits for k in chosen], labels), agreement[chosen], cells, size)


def _grids(size: tuple[int, int]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
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


def _valid(embedding: "Embedding") -> tuple[int, int]:
    """Rows and columns of the grid that lie on the image; the rest is padding."""
    columns, rows = (max(1, math.ceil(n * c - 1e-6)) for n, c in zip(embedding.size, embedding.cells, strict=True))
    return rows, columns


def _click(segmenter: "Segmenter", embedding: "Embedding", point: tuple[float, float], number: int) -> Iterator[_Found]:
    logits, scores = segmenter.decode(embedding, np.array([point]), np.array([1]))
    rows, columns = _valid(embedding)
    three = slice(1, None) if len(logits) > 1 else slice(None)  # the first is no answer to a single click
    for mask, score in zip(logits[three, :rows, :columns], scores[three], strict=True):
        sure, possible = np.count_nonzero(mask > 1), np.count_nonzero(mask > -1)
        if score >= LEAST_SCORE and sure >= LEAST_CELLS and sure >= LEAST_STABILITY * possible:
            yield _Found(masks.fill_holes(mask).astype(np.float16), min(float(score), 1.0), number)


def _agreement(found: list[_Found], clicks: list[tuple[float, float]], embedding: "Embedding") -> np.ndarray:
    """(n,) float32, 0 to 1: the share of the clicks inside each mask that brought up the same one, by their score.

    A mask with few clicks inside cannot be told by them; half of its own score, as one click more, stands in.
    """
    shape = found[0].logits.shape
    scores = np.array([f.score for f in found], np.float32)
    # Every other cell is enough to tell two masks apart.
    flat = np.array([f.logits[::2, ::2].ravel() > 0 for f in found], np.float32)
    both, areas = flat @ flat.T, flat.sum(axis=1)
    same = both >= SAME * np.maximum(areas[:, None] + areas - both, 1)
    votes = np.zeros((len(found), len(clicks)), np.float32)
    for k, f in enumerate(found):
        votes[:, f.click] = np.maximum(votes[:, f.click], same[:, k] * f.score)
    where = tuple(np.array([_cell(*p, embedding.cells, shape) for p in clicks]).T)
    within = np.array([f.logits[where] > 0 for f in found])
    return ((votes * within).sum(axis=1) + scores / 2) / (within.sum(axis=1) + 1)


def _arrange(
    found: list[_Found], clicks: list[tuple[float, float]], embedding: "Embedding"
) -> tuple[np.ndarray, list[int], np.ndarray]:
    """A place for each object: labels as in `Objects`, which of `found` they are, and the agreement on all found.

    The best come first and take their cells; a mask of which others have taken most is theirs, or a part of one.
    """
    labels = np.zeros(_valid(embedding), np.uint16)
    chosen: list[int] = []
    if not found:
        return labels, chosen, np.zeros(0, np.float32)
    agreement = _agreement(found, clicks, embedding)
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


def _apart(logits: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """The objects' logits as in `Objects`, from what the model gave for them.

    Each is made negative where its label is not, then loses half the strongest of the others.  Two of them never sum
    to more than 0, and interpolation keeps that.
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

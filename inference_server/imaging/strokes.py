"""Brush strokes and lassos over a mask (H, W) uint8, 255 = the object.  Pure functions over `messages.Stroke`."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import cv2
import numpy as np

from ..shared.geometry import Size, Window, whole
from ..shared.messages import Stroke
from .masks import grow_and_feather

FRACTION_BITS = 4  # of the coordinates that OpenCV draws with: a sixteenth of a pixel
RIM = 0.5  # pixels: OpenCV also fills the pixels that an edge runs through


class Drawn(NamedTuple):
    """A mask with strokes drawn over it (h, w) uint8, and where alpha is unknown (h, w) uint8, 0 or 255; None where
    nowhere."""

    mask: np.ndarray
    unknown: np.ndarray | None


def with_strokes(mask: np.ndarray, strokes: Sequence[Stroke], feather: int = 0) -> np.ndarray:
    """mask (H, W) uint8 with strokes drawn over it in their order, the last one on top: a new array, of the same shape,
    where there are any.

    strokes: in the mask's pixels; what lies outside the mask is cut off.  Where they leave alpha unknown, the mask is
    taken, which was refined there (`drawn`).  feather: pixels over which what a brush added falls to 0 outside its
    edge; what one erased is erased with a hard edge, so that nothing painted reaches into it.
    """
    result, unknown = drawn(mask, strokes, feather)
    return result if unknown is None else np.where(unknown > 0, mask, result)


def drawn(mask: np.ndarray, strokes: Sequence[Stroke], feather: int = 0) -> Drawn:
    """As `with_strokes`, but with what the brushes drew kept where alpha is unknown: there it is to be refined."""
    result, unknown = mask, None
    for (refines, adds), run in groupby(strokes, lambda stroke: (stroke.refines, stroke.adds)):
        there = _touched(run, whole(mask.shape[1], mask.shape[0]))
        if refines:
            before = np.zeros_like(mask) if unknown is None else unknown
            unknown = cv2.max(before, there) if adds else cv2.min(before, 255 - there)
            continue
        if unknown is not None:
            unknown = cv2.min(unknown, 255 - there)
        if adds:
            result = cv2.max(result, grow_and_feather(there, 0, feather) if feather else there)
        else:
            result = cv2.min(result, 255 - there)
    return Drawn(result, unknown if unknown is not None and unknown.any() else None)


def bounds(strokes: Iterable[Stroke], size: Size) -> Window | None:
    """The part of an image of this (width, height) that strokes add to, or refine; None where they do neither there."""
    reached: Window | None = None
    for stroke in strokes:
        if stroke.adds and (reach := _reach(stroke, whole(*size))):
            reached = reach.union(reached) if reached else reach
    return reached


def _touched(strokes: Iterable[Stroke], window: Window) -> np.ndarray:
    """(h, w) uint8, 255 where one of the strokes was drawn, else 0."""
    canvas = np.zeros((window.height, window.width), np.uint8)
    for stroke in strokes:
        reach = _reach(stroke, window)
        if reach:
            # OpenCV does not cut long shapes at the edge of large arrays quickly: it is given the part they reach.
            part = np.zeros((reach.height, reach.width), np.uint8)
            points = np.reshape(stroke.path, (-1, 3)) - (reach.x + 0.5, reach.y + 0.5, 0)  # from a pixel's middle
            _draw(part, points, filled=stroke.filled)
            there = canvas[reach.slices]
            cv2.max(there, part, dst=there)
    return canvas


def _draw(canvas: np.ndarray, points: np.ndarray, *, filled: bool) -> None:
    """Draw a path, points (n, 3) as x, y, radius, with 255."""
    if filled:
        _fill(canvas, points[:, :2])
        return
    points = np.column_stack([points[:, :2], (points[:, 2] - RIM).clip(min=0)])
    for x, y, radius in np.rint(points * (1 << FRACTION_BITS)).astype(int).tolist():
        cv2.circle(canvas, (x, y), radius, 255, -1, cv2.LINE_8, FRACTION_BITS)
    for (x0, y0, r0), (x1, y1, r1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        if length:
            across = np.array([y0 - y1, x1 - x0]) / length
            a, b = np.array([x0, y0]), np.array([x1, y1])
            _fill(canvas, np.array([a + across * r0, b + across * r1, b - across * r1, a - across * r0]))


def _fill(canvas: np.ndarray, corners: np.ndarray) -> None:
    polygon = np.rint(corners * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(canvas, [polygon], 255, cv2.LINE_8, FRACTION_BITS)


def _reach(stroke: Stroke, window: Window) -> Window | None:
    """The part of a window that a stroke may reach; None where it passes by."""
    if not stroke.path:
        return None
    left, top, right, bottom = stroke.box
    x0, y0 = math.floor(left) - 1, math.floor(top) - 1
    x1, y1 = math.ceil(right) + 1, math.ceil(bottom) + 1
    return Window(x0, y0, x1 - x0, y1 - y0).intersection(window)

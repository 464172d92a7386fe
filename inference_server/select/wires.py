"""Wires before the sky, each by itself: found without a model.

A wire is a thin line with the same ground on both sides.  What is thin is what a morphological opening or closing takes
away; of that, straight pieces with nothing beside them are found by an oriented filter (compare Freeman and Adelson
1991, "The Design and Use of Steerable Filters"), and each is followed along a parabola, as a wire hangs, as far as it
goes on.  Before trees and houses nothing is found: there nobody tells a wire from a branch or a joint without knowing
what it is.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

SIDE = 1200  # pixels on the long side that are looked at
WIDEST = 5  # pixels across, there
LEAST = 9.0  # levels of 255 by which a wire differs from its ground
ALONG = 31  # pixels of a straight piece
DIRECTIONS = 16
COVERED = 0.85  # share of its pixels on the line
BESIDE, FREE = 7, 0.3  # pixels to each side, where no more than this share is
SAME_GROUND = 14.0  # levels of 255 between the grounds on the two sides
SEED = 0.05  # of the long side: a piece that is followed
STEP, GOES_ON = 0.05, 0.5  # of the long side, and the share of it that is on the line, where it is followed further
LEAST_STEP, ROUNDS = 2.0, 40  # pixels, and how often it is followed further at most
MOST_SEEDS = 80  # the longest
NEAR = 2.0  # pixels from the parabola
LONG, WHOLE = 0.25, 0.75  # of the long side, and the share of its length that is seen: what counts as a wire
STEEP = 0.9  # sine of the angle from which a line is no wire, but a mast or the frame of a window
BEND = 0.06  # of its length: the most it sags
SKY_ROWS = 8  # at the top, that the sky reaches
UPPER = 0.4  # of the height: where all of a column is of the sky's colour, what is below may be snow, water or a floor
BEFORE_SKY = 0.8  # share of a wire's length that has sky on both sides: a horizon or the edge of a hull has not
GREY, BLUE, LIGHT, COLOURLESS = 128, 4, 140, 14  # Lab, 0 to 255: a sky is blue, or light and without much colour
MOST = 20  # wires


class Wire(NamedTuple):
    """places: rows and columns (n, 2) of the pixels that are on it; path: those (n, 2) of its middle, also where
    something hides it."""

    places: np.ndarray
    path: np.ndarray


def find(picture: np.ndarray) -> list[np.ndarray]:
    """The masks (h, w) bool of the wires in a picture (h, w, 3) uint8, sRGB, of at most SIDE pixels, longest first."""
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    ground = cv2.medianBlur(colours, 4 * WIDEST + 1)
    sky = _sky(ground)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * WIDEST + 1,) * 2)
    found: list[np.ndarray] = []
    for thin in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        line = (cv2.morphologyEx(colours[..., 0], thin, kernel) >= LEAST) & sky
        found += _wires(line, ground[..., 0].astype(np.float32), sky) if line.any() else []
    return sorted(found, key=np.count_nonzero, reverse=True)[:MOST]


def _wires(line: np.ndarray, ground: np.ndarray, sky: np.ndarray) -> list[np.ndarray]:
    """The masks of the wires among thin lines (h, w) bool before a ground (h, w) float32 and a sky (h, w) bool."""
    side = max(line.shape)
    places = np.argwhere(line)
    taken = np.zeros_like(line)
    found: list[np.ndarray] = []
    for seed in sorted(_seeds(line, ground), key=len, reverse=True)[:MOST_SEEDS]:
        if taken[tuple(seed.T)].mean() > 0.5:
            continue
        wire = _followed(places, seed, side)
        if wire is not None and _is_before(sky, wire.path):
            mask = np.zeros(line.shape, np.uint8)
            mask[tuple(wire.places.T)] = 1
            cv2.polylines(mask, [np.rint(wire.path[:, ::-1]).astype(np.int32)], isClosed=False, color=1)
            found.append(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0)
            taken |= found[-1]
    return found


def _seeds(line: np.ndarray, ground: np.ndarray) -> Iterator[np.ndarray]:
    """Straight pieces of a line (h, w) bool: the rows and columns (n, 2) of each."""
    for piece in _pieces(line, ground):
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(piece.astype(np.uint8))
        for k in range(1, count):
            x, y, width, height, _area = boxes[k]
            if max(width, height) >= SEED * max(line.shape):
                yield np.argwhere(labels[y : y + height, x : x + width] == k) + np.array((y, x))


def _pieces(line: np.ndarray, ground: np.ndarray) -> Iterator[np.ndarray]:
    """Where a line (h, w) bool goes on straight in each of the directions, with nothing beside it: (h, w) bool."""
    share = cv2.dilate(line.astype(np.float32), np.ones((3, 3), np.uint8))  # a line a pixel off is on it
    for k in range(DIRECTIONS):
        angle = np.pi * k / DIRECTIONS
        x, y = np.cos(angle), np.sin(angle)
        kernel, middle = np.zeros((ALONG, ALONG), np.float32), ALONG // 2
        ends = [(round(middle + sign * middle * x), round(middle + sign * middle * y)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1)
        on = cv2.filter2D(share, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
        beside, grounds = (
            [_moved(values, -sign * BESIDE * y, sign * BESIDE * x) for sign in (-1, 1)] for values in (on, ground)
        )
        alike = np.abs(grounds[0] - grounds[1]) <= SAME_GROUND
        yield line & (on >= COVERED) & (np.maximum(*beside) <= FREE) & alike


def _moved(values: np.ndarray, dx: float, dy: float) -> np.ndarray:
    height, width = values.shape
    shift = np.array([[1, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(values, shift, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _followed(places: np.ndarray, seed: np.ndarray, side: int) -> Wire | None:
    """The wire of a piece (n, 2) among the places (n, 2) of thin lines; None where that is no wire."""
    middle = seed.mean(axis=0)
    axes = np.linalg.svd((seed - middle).T @ (seed - middle))[0]
    if abs(axes[0, 0]) > STEEP:
        return None
    along, across = ((places - middle) @ axes).T
    places, along, across = (each[np.abs(across) <= BEND * side + NEAR] for each in (places, along, across))
    t = (seed - middle) @ axes[:, 0]
    low, high, step = float(np.min(t)), float(np.max(t)), STEP * side
    curve = np.polyfit(t, (seed - middle) @ axes[:, 1], 1)
    for _ in range(ROUNDS):
        near = np.abs(across - np.polyval(curve, along)) <= NEAR
        before, after = (
            _seen(along[near & (along >= a) & (along < a + step)]) >= GOES_ON * step for a in (low - step, high)
        )
        low, high = low - step * before, high + step * after
        inside = near & (along >= low) & (along <= high)
        if np.count_nonzero(inside) < SEED * side / 2:  # it is too crooked
            return None
        curve = np.polyfit(along[inside], across[inside], 2)
        if not (before or after):
            step /= 2
            if step < LEAST_STEP:
                break
    length = float(np.ptp(along[inside]))
    is_wire = length >= LONG * side and _seen(along[inside]) >= WHOLE * length
    bent = abs(curve[0]) * length**2 / 4 > BEND * length
    thick = np.count_nonzero(inside) > WIDEST * length
    if not is_wire or bent or thick:
        return None
    t = np.linspace(along[inside].min(), along[inside].max(), round(length) + 1)
    return Wire(places[inside], middle + np.column_stack([t, np.polyval(curve, t)]) @ axes.T)


def _is_before(sky: np.ndarray, path: np.ndarray) -> bool:
    """Whether a path (n, 2) of rows and columns has sky (h, w) bool on both sides."""
    along = np.gradient(path, axis=0)
    across = along[:, ::-1] * (-BESIDE, BESIDE) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    both = np.ones(len(path), bool)
    for beside in (path - across, path + across):
        row, column = np.rint(beside).astype(int).T
        inside = (row >= 0) & (row < sky.shape[0]) & (column >= 0) & (column < sky.shape[1])
        both &= inside & sky[row.clip(0, sky.shape[0] - 1), column.clip(0, sky.shape[1] - 1)]
    return bool(both.mean() >= BEFORE_SKY)


def _seen(along: np.ndarray) -> int:
    """On how many pixels of its length there is something of a line, whose places along it are given."""
    return len(np.unique(np.floor(along)))


def _sky(ground: np.ndarray) -> np.ndarray:
    """Where a picture (h, w, 3) uint8 Lab without its thin lines may be the sky: (h, w) bool, from the top on."""
    light, red, yellow = cv2.split(ground.astype(np.int16))
    colourless = np.maximum(np.abs(red - GREY), np.abs(yellow - GREY)) <= COLOURLESS
    alike = ((GREY - yellow >= BLUE) | ((light >= LIGHT) & colourless)).astype(np.uint8)
    _, labels = cv2.connectedComponents(cv2.erode(alike, np.ones((5, 5), np.uint8)))
    from_top = np.isin(labels, np.unique(labels[:SKY_ROWS])) & (labels > 0)
    from_top[:SKY_ROWS] |= from_top[:SKY_ROWS].any(axis=0)
    # What is below something else may be a hull or a road of the sky's colour.
    above = np.logical_and.accumulate(from_top, axis=0)
    above[round(UPPER * len(above)) :, above[-1]] = False
    return cv2.dilate(above.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0

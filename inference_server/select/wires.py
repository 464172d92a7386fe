"""Wires before the sky, each by itself: found without a model.

A wire is a thin line with the same ground on both sides.  What is thin is what a morphological opening or closing takes
away; of that, straight pieces with nothing beside them are found by an oriented filter (compare Freeman and Adelson
1991, "The Design and Use of Steerable Filters"), and each is followed along a parabola, as a wire hangs, as far as it
goes on.  Before trees and houses nothing is found: there nobody tells a wire from a branch or a joint without knowing
what it is.

What else is thin before what has a sky's colour is told from a wire by what a wire is: sharp (the edges of clouds and
waves are not), thinner than a beam, of one ground (a horizon parts two), fastened somewhere, and crossed by few others
(joints of tiles and bars of windows are crossed by many).
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
SAME_GROUND = 14.0  # levels of 255 between the grounds on the two sides of a piece …
ALIKE = (12.0, 5.0, 5.0)  # … and of a whole wire, Lab
AROUND, AT_ITS_SIDE, FARTHER = 4, (5, 6, 7), (6, 8, 10)  # pixels from the middle of a wire
CLEAR = 4.0  # times by which it differs from its ground more than the ground at its side does
THICK, THICKEST = 3.0, 0.004  # pixels, or of the long side: what is thicker is a beam, or the edge of a cloud
FASTENED = 0.04  # of the long side: from one of its ends to what is no sky
CROSSED, APART = 3, 0.05  # by so many lines, so far apart along it (of the long side), it is a lattice's …
AWAY, ACROSS = 0.3, 0.7  # … no farther away (of the long side), and the sine of the angle from which they cross it
HALO = 9  # pixels across: what goes along a wire so near is the same, or what sharpening has left beside it
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
BEFORE_SKY = 0.8  # share of a wire's length that has sky on both sides: the edge of a hull has not
GREY, BLUE, LIGHT, COLOURLESS = 128, 4, 140, 14  # Lab, 0 to 255: a sky is blue, or light and without much colour
MOST = 20  # wires


class Wire(NamedTuple):
    """places: rows and columns (n, 2) of the pixels that are on it; path: those (m, 2) of its middle, a pixel apart,
    also where something hides it; strength: levels of 255 by which it differs from its ground."""

    places: np.ndarray
    path: np.ndarray
    strength: float = 0.0

    def drawn(self, shape: tuple[int, ...]) -> np.ndarray:
        """Its mask (h, w) bool."""
        mask = np.zeros(shape, np.uint8)
        mask[tuple(self.places.T)] = 1
        cv2.polylines(mask, [np.rint(self.path[:, ::-1]).astype(np.int32)], isClosed=False, color=1)
        return cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0


class Photo(NamedTuple):
    """colours: (h, w, 3) float32 Lab, 0 to 255; ground: lightness (h, w) float32 without thin lines; sky: (h, w) bool;
    depth: (h, w) float32, how far in the sky each pixel is."""

    colours: np.ndarray
    ground: np.ndarray
    sky: np.ndarray
    depth: np.ndarray

    @property
    def side(self) -> int:
        return max(self.sky.shape)


def find(picture: np.ndarray) -> list[np.ndarray]:
    """The masks (h, w) bool of the wires in a picture (h, w, 3) uint8, sRGB, of at most SIDE pixels, longest first."""
    colours = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    ground = cv2.medianBlur(colours, 4 * WIDEST + 1)
    sky = _sky(ground)
    depth = cv2.distanceTransform(np.pad(sky, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    photo = Photo(colours.astype(np.float32), ground[..., 0].astype(np.float32), sky, depth)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * WIDEST + 1,) * 2)
    wires: list[Wire] = []
    for thin, sign in ((cv2.MORPH_BLACKHAT, -1), (cv2.MORPH_TOPHAT, 1)):
        line = (cv2.morphologyEx(colours[..., 0], thin, kernel) >= LEAST) & sky
        wires += _wires(line, photo, sign) if line.any() else []
    taken, found = np.zeros(sky.shape, bool), list[np.ndarray]()
    for wire in sorted(wires, key=lambda wire: -wire.strength * len(wire.path)):
        if _at(taken, wire.path).mean() <= 0.5:
            found.append(wire.drawn(sky.shape))
            taken |= cv2.dilate(found[-1].astype(np.uint8), np.ones((HALO, HALO), np.uint8)) > 0
    return sorted(found, key=np.count_nonzero, reverse=True)[:MOST]


def _wires(line: np.ndarray, photo: Photo, sign: int) -> Iterator[Wire]:
    """The wires among thin lines (h, w) bool, darker (sign -1) or lighter (1) than their ground; some of them twice."""
    places = np.argwhere(line)
    taken = np.zeros_like(line)
    pieces = sorted(_seeds(line, photo.ground), key=len, reverse=True)
    for seed in pieces[:MOST_SEEDS]:
        if taken[tuple(seed.T)].mean() > 0.5:
            continue
        followed = _followed(places, seed, photo.side)
        wire = followed and _seen_clearly(followed, photo, sign)
        if wire is None or not _is_before(photo.sky, wire.path) or not _is_fastened(wire.path, photo):
            continue
        if not _is_crossed(wire.path, pieces, photo):
            yield wire
            taken |= wire.drawn(line.shape)


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


def _seen_clearly(wire: Wire, photo: Photo, sign: int) -> Wire | None:
    """The part of a line that is thin and sharp, before one ground on both sides; None if that is not much of it."""
    farther = [np.mean([_beside(photo.colours, wire.path, side * k) for k in FARTHER], axis=0) for side in (-1, 1)]
    ground, lightness = (farther[0] + farther[1])[:, 0] / 2, photo.colours[..., 0]

    def differs(k: int) -> np.ndarray:
        return np.asarray(_beside(lightness, wire.path, k) - ground)

    profile = np.array([sign * differs(k) for k in range(-AROUND, AROUND + 1)]).clip(min=0)
    beside = np.array([np.abs(differs(side * k)) for k in AT_ITS_SIDE for side in (-1, 1)])
    strength = profile[AROUND - 2 : AROUND + 3].max(axis=0)
    clear = strength >= np.maximum(np.median(strength) / 2, CLEAR / 2 * np.median(beside, axis=0))
    length = round(STEP * photo.side)
    along = np.flatnonzero(cv2.blur(clear[None].astype(np.float32), (length, 1))[0] >= GOES_ON)
    if len(along) < LONG * photo.side:
        return None
    part = slice(along[0], along[-1] + 1)
    across = np.median(profile[:, part], axis=1)
    differ = np.abs(np.median((farther[0] - farther[1])[part], axis=0))
    strongest = float(np.median(strength[part]))
    is_thin = across.sum() <= max(THICK, THICKEST * photo.side) * across.max()
    if not is_thin or (differ > ALIKE).any() or strongest < CLEAR * (np.median(beside[:, part]) + 1):
        return None
    path = wire.path[part]
    ends = path[-1] - path[0]
    t = (wire.places - path[0]) @ ends / (ends @ ends)
    return Wire(wire.places[(t >= 0) & (t <= 1)], path, strongest)


def _is_before(sky: np.ndarray, path: np.ndarray) -> bool:
    """Whether a path (n, 2) of rows and columns has sky (h, w) bool on both sides."""
    return bool((_beside(sky, path, -BESIDE) & _beside(sky, path, BESIDE)).mean() >= BEFORE_SKY)


def _is_fastened(path: np.ndarray, photo: Photo) -> bool:
    """Whether a line (n, 2) ends at the border or at something, at one end at least."""
    return bool(_at(photo.depth, path[[0, -1]]).min() <= FASTENED * photo.side)


def _is_crossed(path: np.ndarray, pieces: list[np.ndarray], photo: Photo) -> bool:
    """Whether straight pieces (m, 2) of CROSSED different lines cross a line (n, 2), or would further on."""
    ends = path[-1] - path[0]
    along = ends / np.linalg.norm(ends)
    crossed = set()
    for piece in pieces:
        middle, own = piece.mean(axis=0), piece[-1] - piece[0]
        off = np.hypot(*(path - middle).T)
        is_across = abs(own[0] * along[1] - own[1] * along[0]) >= ACROSS * np.linalg.norm(own)
        if is_across and off.min() <= AWAY * photo.side:
            crossed.add(int(np.argmin(off) / (APART * photo.side)))
    return len(crossed) >= CROSSED


def _beside(values: np.ndarray, path: np.ndarray, off: float) -> np.ndarray:
    """The values (h, w, …) so many pixels to one side of a path (n, 2): (n, …)."""
    along = np.gradient(path, axis=0)
    across = along[:, ::-1] * (-1, 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    return _at(values, path + off * across)


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values (h, w, …) at places (n, 2), rows and columns; beyond the border those at it: (n, …)."""
    rows, columns = np.rint(places).astype(int).T
    return np.asarray(values[rows.clip(0, values.shape[0] - 1), columns.clip(0, values.shape[1] - 1)])


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

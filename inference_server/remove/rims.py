"""What of an object is left around its mask: a soft shadow, a halo, a part that the mask misses.  Pure functions.

Taken for the surroundings, it would be copied into the hole, or its light spread over it: a shadow a few pixels wide
made a plate of a whole wall.  So a shadow is not copied, nor is the light in the hole brought to it while patches are
matched; and a part of the object is filled like the hole, though only what the mask holds is shown.
"""

import cv2
import numpy as np

from ..imaging.sampling import distance_inside

WIDTH, WIDTHS = 0.15, (4.0, 16.0)  # of the rim whose light is looked at: of the hole's depth; pixels, least and most
LEAST_CHANGE = 3 / 255  # in light, towards the mask, that is a shadow or a halo …
USUAL_CHANGES = 2.5  # … and how many times as large as farther away it must be
RIM = 4  # pixels
BINS = 12  # of each channel, in the histograms of the object's and the surroundings' colours
LIKELIER = 10.0  # how many times likelier a colour is the object's than the surroundings', where it is the object
LEAST_OWN = 0.3  # of an object must have such colours, or they are those of something behind or before it
UNSEEN = 1e-4  # the likelihood of a colour that the surroundings do not have
REACH = 1.0  # times the hole's depth: what reaches farther from the mask is not a part of the object that it misses
EDGE = 4.0  # pixels of the mask, from its edge, that may show the surroundings
LEAST_PART = 5  # pixels across: anything thinner is a line of the surroundings
SOFT_EDGE = 9  # pixels across: what such a part is grown by


def changed_light(picture: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Where it gets darker or lighter towards the mask, more than anywhere else along a line around it."""
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    known = usable & ~hole
    width = float(np.clip(WIDTH * np.max(distance_inside(hole)), *WIDTHS))
    grey, area = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (2 * round(2 * width) + 1,) * 2

    def mean(least: float, most: float) -> tuple[np.ndarray, np.ndarray]:
        band = (known & (distance > least) & (distance <= most)).astype(np.float32)
        share = cv2.blur(band, area)
        return cv2.blur(grey * band, area) / np.maximum(share, 1e-6), share > 1e-3

    def change(start: float) -> tuple[np.ndarray, np.ndarray]:
        (inner, inner_known), (outer, outer_known) = (
            mean(start, start + width / 2),
            mean(start + width, start + 2 * width),
        )
        return inner - outer, inner_known & outer_known

    elsewhere, compared = change(2 * width)
    compared &= (distance > 2 * width) & (distance <= 2.5 * width)
    if not compared.any():
        return np.zeros_like(known)
    usual = float(np.sqrt(np.mean(elsewhere[compared] ** 2)))
    here, compared = change(0)
    changed = compared & (np.abs(here) > max(LEAST_CHANGE, USUAL_CHANGES * usual))
    return changed & known & (distance <= width)


def object_colours(picture: np.ndarray, covered: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """What touches the mask and has colours that are the object's much rather than the surroundings'."""
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    depth = distance_inside(hole)
    deepest = float(np.max(depth))
    far = usable & ~hole & (distance > REACH * deepest)
    if deepest <= EDGE or not far.any():
        return np.zeros_like(hole)
    own = _colours(covered, depth > EDGE)
    likelihood = own / (_colours(picture, far) + UNSEEN)
    if own[likelihood > LIKELIER].sum() < LEAST_OWN:
        return np.zeros_like(hole)
    shade = np.minimum((cv2.GaussianBlur(picture, (0, 0), 1).clip(0, 1) * BINS).astype(np.int32), BINS - 1)
    alike = (likelihood[tuple(np.moveaxis(shade, 2, 0))] > LIKELIER) & ~hole
    alike = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((LEAST_PART,) * 2, np.uint8))
    _, labels = cv2.connectedComponents(alike)
    touching = np.unique(labels[(alike > 0) & (distance < LEAST_PART)])
    too_far = distance > REACH * deepest
    too_far[[0, -1]] = too_far[:, [0, -1]] = True
    left = np.isin(labels, np.setdiff1d(touching, labels[too_far])).astype(np.uint8)
    return (cv2.dilate(left, np.ones((SOFT_EDGE,) * 2, np.uint8)) > 0) & ~hole


def _colours(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The smoothed histogram (BINS, BINS, BINS) of a picture's colours where `where` (h, w) bool; its sum is 1."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1).clip(0, 1 - 1e-6)
    counts = cv2.calcHist([smooth], [0, 1, 2], where.astype(np.uint8), [BINS] * 3, [0, 1] * 3)
    for axis in range(3):
        line = np.moveaxis(counts, axis, 0)
        padded = np.pad(line, ((1, 1), (0, 0), (0, 0)))
        counts = np.moveaxis((padded[:-2] + 2 * line + padded[2:]) / 4, 0, axis)
    return counts / max(1.0, float(counts.sum()))


def share(where: np.ndarray, hole: np.ndarray) -> float:
    """How much of a hole's rim, RIM pixels around it, is `where` (h, w) bool: 0 to 1."""
    rim = (cv2.dilate(hole.astype(np.uint8), np.ones((2 * RIM + 1,) * 2, np.uint8)) > 0) & ~hole
    return float(where[rim].mean()) if rim.any() else 0.0

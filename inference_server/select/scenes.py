"""What a photograph shows, without a click: its subject, and its sky.  Pure functions over answers of `Ask`.

*Subject*: a photographer makes it stand out, so its colours are not those along the photo's borders (Wei et al. 2012,
"Geodesic saliency using background priors"), it is sharp, and it is near the middle.  The segmenter is asked at the few
places that stand out most.  Of all its masks the one is the subject that takes in most of what stands out and little
else, that several of the places agree on, and that the segmenter finds good itself.

*Sky*: the segmenter is asked along the upper border.  Masks that touch it, are smooth, and are much lighter than the
rest, or blue where that is not, are the sky, all of them together.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..shared.geometry import Point, Size, fit_within
from . import mask_ranking

# From a point (x, y) of the picture to the segmenter's logits (N, h, w) float32, without padding, and scores (N,).
Ask = Callable[[Point], tuple[np.ndarray, np.ndarray]]

SIDE = 64  # pixels on the long side of the map of what stands out
DETAIL_SIDE = 512  # pixels on the long side of the picture whose sharpness is measured
CENTRE = 0.35  # of the picture's sides, as a standard deviation: how far from the middle subjects are
PLACES = 8
APART = 0.14  # of the map's long side, between two places
AROUND = 4  # pixels of the map that are compared with a mask
BLUR = 2  # pixels of the map
GRAIN = 30.0  # variance of a Lab colour, 0 to 255, that says nothing
SAME = 0.6  # IoU from which two masks are the same thing
WEIGHTS = (5.1, 2.2, 0.8, -5.8, 3.6, 2.3, 1.3)  # of `features`: bench/fit/subjects.py

ALONG_THE_TOP, BELOW_THE_TOP = (0.1, 0.3, 0.5, 0.7, 0.9), 0.06  # shares of the width, and of the height
MUCH_OF_THE_TOP = 0.1  # of the upper border, that a mask of the sky covers
SMOOTH = 6.0  # the most detail that clouds have, levels of 255
GREY, BLUE, LIGHTER = 128, 4, 40  # Lab, 0 to 255: blue is below grey; what is not blue is lighter than the rest
UNLIKE = 15, 10  # what is blue is so much lighter or bluer than the rest
GREEN, GREENEST = 6, 0.75  # the most green there is in a sky, and beside its blue: it is not turquoise


class Found(NamedTuple):
    """logits: (h, w) float32, positive inside; score: 0 to 1, how sure it is."""

    logits: np.ndarray
    score: float


class Candidate(NamedTuple):
    """A mask as the segmenter gave it, its score, the same as (mh, mw) bool in the map, and its point's number."""

    logits: np.ndarray
    score: float
    inside: np.ndarray
    place: int


def subject(picture: np.ndarray, ask: Ask) -> Found | None:
    """What a picture (h, w, 3) uint8 is of; None where nothing stands out.  Asks at most PLACES times."""
    candidates, table = candidates_for_subject(picture, ask)
    if not candidates:
        return None
    best = candidates[int(np.argmax(table @ np.array(WEIGHTS)))]
    return Found(best.logits, best.score)


def candidates_for_subject(picture: np.ndarray, ask: Ask) -> tuple[list["Candidate"], np.ndarray]:
    """The masks (n) that may be the subject, and what the choice depends on (`features`)."""
    prominence = standing_out(picture)
    points = places(prominence)
    candidates = _asked(picture, points, prominence.shape, ask)
    return candidates, features(candidates, points, prominence)


def sky(picture: np.ndarray, ask: Ask) -> Found | None:
    """The sky in a picture (h, w, 3) uint8; None where there is none.  Asks at the points of ALONG_THE_TOP."""
    height, width = picture.shape[:2]
    size = fit_within(width, height, SIDE)
    colours = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    detail = _detail(picture, size)
    points = [(share * size[0] - 0.5, BELOW_THE_TOP * size[1] - 0.5) for share in ALONG_THE_TOP]
    found = [each for each in _asked(picture, points, size[::-1], ask) if _is_sky(each.inside, colours, detail)]
    if not found:
        return None
    return Found(np.max([each.logits for each in found], axis=0), max(each.score for each in found))


def _is_sky(inside: np.ndarray, colours: np.ndarray, detail: np.ndarray) -> bool:
    """Whether a mask (h, w) bool is of the sky.  colours: (h, w, 3) uint8 Lab; detail: (h, w) float32."""
    _, red, yellow = colours[inside].mean(axis=0)
    lighter, _, yellower = colours[inside].mean(axis=0) - colours[~inside].mean(axis=0)
    blue = GREY - yellow >= BLUE and (lighter >= UNLIKE[0] or -yellower >= UNLIKE[1])
    green = GREY - red > max(GREEN, GREENEST * (GREY - yellow))
    touches = inside[0].mean() >= MUCH_OF_THE_TOP and not inside[-1].any()
    return bool(touches and detail[inside].mean() <= SMOOTH and not green and (blue or lighter >= LIGHTER))


def standing_out(picture: np.ndarray) -> np.ndarray:
    """How much each place of a picture (h, w, 3) uint8 stands out: (mh, mw) float32, 0 to 1, SIDE on the long side."""
    height, width = picture.shape[:2]
    size = fit_within(width, height, SIDE)
    colours = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    borders = colours[:1], colours[-1:], colours[:, :1], colours[:, -1:]
    unlike = np.mean([_unlike(colours.astype(np.float32), border.reshape(-1, 3)) for border in borders], axis=0)
    rows, columns = ((np.arange(n) + 0.5) / n - 0.5 for n in size[::-1])
    central = np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * CENTRE**2))
    prominence = (_to_one(unlike) + _to_one(np.sqrt(cv2.GaussianBlur(_detail(picture, size), (0, 0), BLUR)))) * central
    return np.asarray(_to_one(cv2.GaussianBlur(prominence, (0, 0), 1)).astype(np.float32))


def places(prominence: np.ndarray) -> list[Point]:
    """Up to PLACES points (x, y) of a map (h, w) that stand out most and are APART; none where nothing does."""
    left = prominence.copy()
    found: list[Point] = []
    while len(found) < PLACES:
        _, most, _, (x, y) = cv2.minMaxLoc(left)
        if most <= 0:
            break
        found.append((float(x), float(y)))
        cv2.circle(left, (x, y), round(APART * max(prominence.shape)), 0, cv2.FILLED)
    return found


def features(candidates: Sequence["Candidate"], points: Sequence[Point], prominence: np.ndarray) -> np.ndarray:
    """What the choice of the subject depends on, of each mask: (n, 7).

    How much more stands out in it than around it; the share it has of all that stands out; log of its area's share; the
    share of the border it covers; its score; its stability; the share of the points in it that found it again.
    """
    return np.array([_features(each, candidates, points, prominence) for each in candidates]).reshape(-1, 7)


def _features(
    candidate: "Candidate", candidates: Sequence["Candidate"], points: Sequence[Point], prominence: np.ndarray
) -> tuple[float, ...]:
    inside, logits = candidate.inside, candidate.logits
    around = cv2.dilate(inside.astype(np.uint8), np.ones((2 * AROUND + 1,) * 2, np.uint8)).astype(bool) & ~inside
    contrast = prominence[inside].mean() - (prominence[around].mean() if around.any() else 0)
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]]).mean()
    stable = int(np.count_nonzero(logits > 1)) / max(int(np.count_nonzero(logits > -1)), 1)
    within = {number for number, (x, y) in enumerate(points) if inside[int(y), int(x)]}
    again = {each.place for each in candidates if mask_ranking.overlap(each.inside, inside) >= SAME}
    agreement = len(again & within) / (len(within) or 1)
    share = prominence[inside].sum() / max(float(prominence.sum()), 1e-6)
    return contrast, share, np.log(inside.mean()), border, candidate.score, stable, agreement


def _asked(picture: np.ndarray, points: Sequence[Point], shape: tuple[int, ...], ask: Ask) -> list["Candidate"]:
    """What the segmenter finds at points of a map of the picture."""
    scale = picture.shape[1] / shape[1], picture.shape[0] / shape[0]
    found = []
    for number, (x, y) in enumerate(points):
        for logits, score in zip(*ask(((x + 0.5) * scale[0], (y + 0.5) * scale[1])), strict=True):
            inside = cv2.resize(logits, shape[::-1], interpolation=cv2.INTER_AREA) > 0
            if inside.any() and not inside.all():
                found.append(Candidate(logits, float(np.clip(score, 0, 1)), inside, number))
    return found


def _unlike(colours: np.ndarray, border: np.ndarray) -> np.ndarray:
    """How many standard deviations each of the colours (h, w, 3) is from those of a border (n, 3)."""
    middle, spread = border.mean(axis=0), np.cov(border.T.astype(float), bias=True) + GRAIN * np.eye(3)
    off = colours - middle
    return np.sqrt(np.einsum("hwc,cd,hwd->hw", off, np.linalg.inv(spread), off))


def _detail(picture: np.ndarray, size: Size) -> np.ndarray:
    """How much grey changes from pixel to pixel, 0 to 255, as means at this size: (height, width) float32."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, fit_within(width, height, DETAIL_SIDE), interpolation=cv2.INTER_AREA)
    return cv2.resize(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), size, interpolation=cv2.INTER_AREA)


def _to_one(values: np.ndarray) -> np.ndarray:
    """values, from 0 for the least to 1 for the greatest; all 0 where they are the same."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)

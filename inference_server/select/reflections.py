"""The mirror image of an object, in water or on a polished floor.  Pure functions.

A mirror image is the object upside down below the place where it stands, paler, and blurred by waves.  So the object is
turned over and its colours are compared with what lies there by their correlation (Lewis 1995, "Fast normalized
cross-correlation"): once as they are, and once without what varies slowly, as light that grows downwards in both is no
mirror image.  bench/fit/reflections.py measures how many are found.
"""

from itertools import product

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import log_light, to_uint8
from ..imaging.sampling import resize
from ..shared.geometry import Window, fit_within

REACH = 1.0  # of the object's height: how far below it is searched
SIDE = 320  # pixels on the long side of the picture that is searched
RIM = 2  # pixels around the mask that may belong to the object
FINE, COARSE = 0.02, 0.12  # of the height: detail between these two is compared, besides the colours
HEIGHTS = (0.8, 0.88, 0.96, 1.04)  # of the mirror image, of the object's; we look down on water
BELOW = (-0.04, -0.02, 0.0, 0.03, 0.07)  # of the height: how far it begins below the object
SEEN, LEAST = 0.3, 60  # share of the object, and pixels, that must be seen of it
ALIKE, SURE = 1.2, 1.4  # the sum of both correlations from which it is a mirror image, and for certain
WIDER = 0.02  # of the height: how far waves carry it beyond its outline


def find(pixels: np.ndarray, mask: np.ndarray, *, only_sure: bool = False) -> np.ndarray:
    """The mirror image (h, w) uint8, 255 or 0, of the object in mask (h, w) uint8, 255 = the object; never over it.

    pixels: (h, w, 3|4), of any depth: the object and at least its own height below it, where the image has it.  All 0
    where none is found; a doubtful one is none, and with only_sure one that is merely likely, too.
    """
    found = np.zeros_like(mask)
    if not (mask > 127).any():
        return found
    window = searched(mask)
    rgb, item = to_uint8(pixels[window.slices][..., :3]), mask[window.slices]
    image = _mirror_image(*reduced(rgb, item), SURE if only_sure else ALIKE)
    if image is not None:
        share = resize(image.astype(np.float32), (window.width, window.height), cv2.INTER_LINEAR)
        found[window.slices] = np.where((share > 0.5) & (item <= 127), np.uint8(255), np.uint8(0))
    return found


def searched(mask: np.ndarray) -> Window:
    """The window around the object in mask (h, w) uint8, which is not empty, and what lies below it."""
    bounds = windows.bounds(mask > 127)
    assert bounds is not None
    x, y, width, height = bounds.grown(RIM, round(REACH * bounds.height), mask.shape[1], mask.shape[0])
    top = max(y, bounds.y - RIM)
    return Window(x, top, width, y + height - top)


def reduced(rgb: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, (h, w, …) uint8, at the size at which they are searched."""
    size = fit_within(item.shape[1], item.shape[0], SIDE)
    return resize(rgb, size), resize(item, size)


def _mirror_image(pixels: np.ndarray, mask: np.ndarray, least: float) -> np.ndarray | None:
    """Where (h, w) bool the mirror image lies, up to the object; None where there is none.

    pixels: (h, w, 3) uint8; mask: (h, w) uint8; least: the score that it needs.
    """
    score, best = likeliest(pixels, mask)
    if best is None or score <= least:
        return None
    bounds = windows.bounds(mask > 127)
    assert bounds is not None
    wider = 2 * max(1, round(WIDER * bounds.height)) + 1
    grown = cv2.dilate(best.astype(np.uint8), np.ones((2 * RIM + wider, wider), np.uint8)) > 0
    return grown & (mask <= 127)


def likeliest(pixels: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray | None]:
    """The sum of both correlations where it is highest, and the mirror image (h, w) bool there.

    pixels: (h, w, 3) uint8; mask: (h, w) uint8.  None where too little of it would be seen.
    """
    item, best, most = mask > 127, None, -np.inf
    bounds = windows.bounds(item)
    if bounds is None:
        return most, best
    free, inner = _dilated(mask > 30) == 0, cv2.erode(item.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    light = log_light(pixels)
    seen, own = (_colours_and_detail(light, part, bounds.height) for part in (free, inner))
    least, foot = max(LEAST, SEEN * np.count_nonzero(item)), bounds.y + bounds.height
    for height, below in product(HEIGHTS, BELOW):
        turned = np.array([[1, 0, 0], [0, -height, foot * (1 + height) + below * bounds.height - height]], np.float32)
        there = (_turned(inner.astype(np.float32), turned) > 0.5) & free
        if np.count_nonzero(there) < least:
            continue
        mirrored = _turned(own, turned)[there]
        score = sum(_correlation(mirrored[:, part], seen[there][:, part]) for part in (slice(3), slice(3, 6)))
        if score > most:
            most, best = score, there
    return float(most), best


def _colours_and_detail(light: np.ndarray, part: np.ndarray, height: int) -> np.ndarray:
    """The colours of light (h, w, 3), smoothed, and what is finer than COARSE in them, (h, w, 6); of the part alone."""
    weights, smoothed = part.astype(np.float32), []
    for blur in (max(0.8, FINE * height), max(2.0, COARSE * height)):
        share = np.maximum(cv2.GaussianBlur(weights, (0, 0), blur), 1e-3)[..., None]
        smoothed.append(cv2.GaussianBlur(light * weights[..., None], (0, 0), blur) / share)
    return np.dstack((smoothed[0], smoothed[0] - smoothed[1]))


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of two sets (n, k) of colours, -1 to 1; 0 where one of them is even."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-6))


def _turned(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(image, matrix, image.shape[1::-1])


def _dilated(where: np.ndarray) -> np.ndarray:
    return cv2.dilate(where.astype(np.uint8), np.ones((2 * RIM + 1,) * 2, np.uint8))

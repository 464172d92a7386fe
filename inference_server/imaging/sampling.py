"""Resampling, and extrapolating an image smoothly to where it is not known.  Pure functions."""

import cv2
import numpy as np

from ..shared.geometry import Size, fit_within
from .products import matmul

COLUMNS = 1024  # of the tables given to cv2.remap, which may have at most 32767 rows and columns
SMOOTHING_ROUNDS = 8  # at each size
LEAST_SHARE = 1e-3  # of what is smoothed that counts: farther from what does the values fall to 0


def resize(image: np.ndarray, size: Size, interpolation: int = cv2.INTER_AREA) -> np.ndarray:
    """image (h, w) or (h, w, C), with C up to 4, at another size (width, height)."""
    return cv2.resize(image, size, interpolation=interpolation).reshape(size[1], size[0], *image.shape[2:])


def reduced(photo: np.ndarray, hole: np.ndarray, white: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo as a picture (h, w, 3) float32, 0 to 1, of at most `side` pixels on the long side, and its hole (h, w).

    photo: (H, W, 3) uint8, uint16 or float32; white: its value for 1; hole: (H, W) bool, pixels that are left out of
    the means.  The reduced hole has every pixel that any of the hole falls into.
    """
    size = fit_within(hole.shape[1], hole.shape[0], side)
    known = (~hole).astype(np.uint8)
    picture = cv2.resize(cv2.copyTo(photo, known), size, interpolation=cv2.INTER_AREA)  # 0 in the hole
    share = cv2.resize(known * np.uint8(255), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    picture = picture.astype(np.float32) / (np.maximum(share, 1 / 255)[..., None] * np.float32(white))
    return picture, share < 1


def sample_at(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The colours (n, 3) of a picture (h, w, 3) at places (n, 2), interpolated linearly.

    places: y and x in pixels; (0.5, 0.5) is the middle of the first pixel.
    """
    count = len(places)
    y, x = (
        np.resize(places[:, k].astype(np.float32) - np.float32(0.5), (-(-count // COLUMNS), COLUMNS)) for k in (0, 1)
    )
    found = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, 3)[:count]


def distance_inside(hole: np.ndarray) -> np.ndarray:
    """The distance (h, w) float32, in pixels, from each pixel of a hole (h, w) bool to what is outside it.

    Beyond the picture counts as outside; outside the hole the distance is 0.
    """
    return cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def extrapolate(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """values (h, w, C) float32 where `known` (h, w) bool; elsewhere a smooth continuation, about as heat spreads.

    C may be up to 4.  From coarse to fine: each size starts with the result of the one half as large.  All is 0 where
    nothing is known.
    """
    share = known.astype(np.float32)
    sizes = [(values * share[..., None], share)]
    while max(sizes[-1][1].shape) > 1 and np.min(sizes[-1][1]) == 0:
        width, height = ((n + 1) // 2 for n in sizes[-1][1].shape[::-1])
        sizes.append((resize(sizes[-1][0], (width, height)), resize(sizes[-1][1], (width, height))))
    result = np.zeros((1, 1, values.shape[2]), np.float32)
    for sums, share in sizes[::-1]:
        height, width = share.shape
        result = resize(result, (width, height), cv2.INTER_LINEAR)
        unknown = share <= 0
        result[~unknown] = sums[~unknown] / share[~unknown][:, None]
        where = unknown.astype(np.uint8)
        for _ in range(SMOOTHING_ROUNDS):
            cv2.copyTo(cv2.blur(result, (3, 3)), where, result)
    return result


def smoothed(values: np.ndarray, deviation: float) -> np.ndarray:
    """values (h, w, C) float32 without what is finer than a Gaussian of this deviation, in pixels.

    By local linear regression along each axis (Fan and Gijbels 1996, "Local Polynomial Modelling and Its Applications",
    section 3.2), so that a slope stays what it is up to the edge, where a blur of what is mirrored there bends it.
    """
    height, width, channels = values.shape
    down, across = _linear_weights(height, deviation), _linear_weights(width, deviation)
    rows = matmul(down, values.reshape(height, -1)).reshape(values.shape)
    columns = np.ascontiguousarray(rows.transpose(1, 0, 2)).reshape(width, -1)
    return np.ascontiguousarray(matmul(across, columns).reshape(width, height, channels).transpose(1, 0, 2))


def smoothed_within(image: np.ndarray, shares: np.ndarray, deviation: float) -> np.ndarray:
    """image (h, w) or (h, w, C) float32 smoothed by a Gaussian of this deviation, in pixels, each pixel counting as
    shares (h, w) float32, 0 to 1, say."""
    share = np.maximum(cv2.GaussianBlur(shares, (0, 0), deviation), LEAST_SHARE)
    weights, share = (shares, share) if image.ndim == 2 else (shares[..., None], share[..., None])
    return cv2.GaussianBlur(image * weights, (0, 0), deviation) / share


def _linear_weights(length: int, deviation: float) -> np.ndarray:
    """What each of `length` pixels in a row weighs for each: (length, length) float32, of sum 1."""
    away = np.arange(length, dtype=np.float32)[None] - np.arange(length, dtype=np.float32)[:, None]
    weight = np.exp(-0.5 * np.square(away / np.float32(deviation)))
    moments = [(weight * away**k).sum(axis=1, keepdims=True) for k in range(3)]
    level = moments[0] * moments[2] - moments[1] ** 2
    if length < 2 or level.min() <= 0:  # a pixel has no slope
        return weight / moments[0]
    return (weight * (moments[2] - away * moments[1]) / level).astype(np.float32)

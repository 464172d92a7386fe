"""Resampling, and continuing an image smoothly where it is not known.  Pure functions."""

import cv2
import numpy as np

COLUMNS = 1024  # of the tables that OpenCV looks pixels up by, which may have 32767 of each
SETTLE = 8  # rounds of smoothing at each size


def resize(image: np.ndarray, size: tuple[int, int], how: int = cv2.INTER_AREA) -> np.ndarray:
    """image (h, w) or (h, w, C) at another (width, height), whatever C is."""
    return cv2.resize(image, size, interpolation=how).reshape(size[1], size[0], *image.shape[2:])


def reduced(photo: np.ndarray, hole: np.ndarray, white: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture (h, w, 3) float32 and the hole (h, w) bool at no more than `side` pixels on the long side.

    photo: (H, W, 3) uint8, uint16 or float32, white: its value for 1; hole: (H, W) bool, whose pixels do not count.
    """
    height, width = hole.shape
    scale = max(1.0, max(height, width) / side)
    size = max(1, round(width / scale)), max(1, round(height / scale))
    known = (~hole).astype(np.uint8)
    picture = cv2.resize(cv2.copyTo(photo, known), size, interpolation=cv2.INTER_AREA)  # 0 in the hole
    share = cv2.resize(known * np.uint8(255), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    picture = picture.astype(np.float32) / (np.maximum(share, 1 / 255)[..., None] * np.float32(white))
    return picture, share < 1


def sample_at(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of a picture (h, w, 3) at places (n, 2), row and column, where (0.5, 0.5) is the first pixel."""
    count = len(places)
    y, x = (
        np.resize(places[:, k].astype(np.float32) - np.float32(0.5), (-(-count // COLUMNS), COLUMNS)) for k in (0, 1)
    )
    found = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, 3)[:count]


def distance_inside(hole: np.ndarray) -> np.ndarray:
    """How many pixels (h, w) float32 a pixel lies inside a hole (h, w) bool; beyond the picture is outside."""
    return cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def extrapolate(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """values (h, w, C) float32 where `known` (h, w) bool, and smoothly continued elsewhere: about as heat would.

    Coarse to fine: each size begins with what the one half as large has come to.  0 where nothing is known.
    """
    share = known.astype(np.float32)
    sizes = [(values * share[..., None], share)]
    while max(sizes[-1][1].shape) > 1 and np.min(sizes[-1][1]) == 0:
        width, height = ((n + 1) // 2 for n in sizes[-1][1].shape[::-1])
        sizes.append((resize(sizes[-1][0], (width, height)), resize(sizes[-1][1], (width, height))))
    now = np.zeros((1, 1, values.shape[2]), np.float32)
    for sums, share in sizes[::-1]:
        height, width = share.shape
        now = resize(now, (width, height), cv2.INTER_LINEAR)
        free = share <= 0
        now[~free] = sums[~free] / share[~free][:, None]
        for _ in range(SETTLE):
            now[free] = cv2.blur(now, (3, 3)).reshape(now.shape)[free]
    return now

"""From a filled picture at reduced size to the photo's own pixels, with its grain and its sharpness.  Pure functions.

What the reduced picture cannot hold, the difference between the photo and its own reduced picture, is copied to each
pixel of the hole from the place that `patches` found to be alike (as Yi et al. 2020, "Contextual Residual Aggregation
for Ultra High-Resolution Image Inpainting", section 3.2, do with a network's attention).  At full size it is what a
slight blur takes away: the grain, which averaging patches has lost.
"""

import cv2
import numpy as np

from .patchmatch import Filled

BLUR = 1.0  # pixels of the reduced picture: what is finer comes from the photo
COLUMNS = 1024  # of the tables that OpenCV looks pixels up by, which may have 32767 of each
BATCH = 1 << 18  # pixels at once
ROWS = 256  # at once


def cleaned(source: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours (H, W, 3) of source (H, W, 3|4) without what is not a number, and what is left of usable (H, W) bool.

    What is transparent is not usable either, unless nothing else is there.
    """
    photo = source[..., :3]
    if photo.dtype == np.float32:
        numbers = np.isfinite(photo).all(axis=2)
        usable = usable & numbers
        photo = np.where(numbers[..., None], photo, np.float32(0))
    if source.shape[2] == 4:
        opaque = usable & (source[..., 3] > 0)
        usable = opaque if opaque.any() else usable
    return photo, usable


def white(image: np.ndarray) -> float:
    """The value of image (H, W, 3|4) that stands for 1; of one with headroom, over 1, its largest."""
    if image.dtype != np.float32:
        return float(np.iinfo(image.dtype).max)
    rows = (image[y : y + ROWS, :, :3] for y in range(0, len(image), ROWS))
    return max(1.0, *(float(np.max(part, where=np.isfinite(part), initial=1.0)) for part in rows))


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


def detailed(photo: np.ndarray, hole: np.ndarray, usable: np.ndarray, white: float, filled: Filled) -> np.ndarray:
    """The pixels (n, 3) of the photo's hole, in the order of its True values and of the photo's depth.

    photo, hole, white: as in `reduced`; usable: (H, W) bool, the pixels that detail may be copied from; filled: the
    reduced picture's.
    """
    height, width = hole.shape
    h, w = filled.offsets.shape[:2]
    scale = np.array((height / h, width / w))
    soft = cv2.GaussianBlur(filled.pixels, (0, 0), BLUR)
    places = np.flatnonzero(hole)
    result = np.empty((len(places), 3), photo.dtype)
    for some in (slice(k, k + BATCH) for k in range(0, len(places), BATCH)):
        at = np.stack(np.divmod(places[some], width), 1)
        small = (at + 0.5) / scale
        cell = np.minimum(small.astype(np.int32), (h - 1, w - 1))
        source = at + np.rint(filled.offsets[cell[:, 0], cell[:, 1]] * scale).astype(np.int32)
        source = source.clip(0, (height - 1, width - 1))
        there = source[:, 0], source[:, 1]
        value = photo[there].astype(np.float32) / np.float32(white) - sampled(soft, (source + 0.5) / scale)
        value[~usable[there]] = 0
        value += sampled(soft, small)
        result[some] = from_float(value, photo.dtype, white)
    return result


def from_float(value: np.ndarray, depth: np.dtype, white: float) -> np.ndarray:
    """float32 as samples of a photo, whose value for 1 is `white`."""
    if depth == np.float32:
        return value * np.float32(white)
    return np.rint(value.clip(0, 1) * np.float32(white)).astype(depth)


def sampled(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of a picture (h, w, 3) at places (n, 2), row and column, where (0.5, 0.5) is the first pixel."""
    count = len(places)
    y, x = (
        np.resize(places[:, k].astype(np.float32) - np.float32(0.5), (-(-count // COLUMNS), COLUMNS)) for k in (0, 1)
    )
    found = cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, 3)[:count]

"""Samples of an image: depths, channels, and laying pixels over an image.  Pure functions.

Images are (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA.
"""

import cv2
import numpy as np

from ..shared.geometry import Window, proxy_size

ROWS = 256  # looked at at once


def to_proxy(image: np.ndarray) -> np.ndarray:
    """The proxy (h, w, 3) uint8 of image (H, W, 3|4) uint8, uint16 or float32."""
    height, width = image.shape[:2]
    size = proxy_size(width, height)
    small = image
    # By halves as far as that goes: an even factor is many times faster than an odd one.
    while min(width / size[0], height / size[1]) >= 2 and width % 2 == height % 2 == 0:
        width, height = width // 2, height // 2
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
    if size != (width, height):
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return to_uint8(small[..., :3])


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Grey (H, W, 1), or grey and alpha (H, W, 2), as RGB or RGBA; anything else as it is."""
    return image[..., {1: [0, 0, 0], 2: [0, 0, 0, 1]}[image.shape[2]]] if image.shape[2] < 3 else image


def from_rgb(image: np.ndarray, channels: int) -> np.ndarray:
    """The reverse of `to_rgb`: image (H, W, 3|4) with as many channels as there were."""
    return image[..., {1: [0], 2: [0, 3]}[channels]] if channels < 3 else image


def to_uint8(image: np.ndarray) -> np.ndarray:
    """image brought to 8 bits a channel, contiguous.  float32 is taken as 0 to 1, NaN as 0, and clipped."""
    if image.dtype == np.uint16:
        image = (image.astype(np.uint32) * 255 + 32767) // 65535
    elif image.dtype == np.float32:
        image = np.clip(np.nan_to_num(image), 0, 1) * 255 + 0.5
    return np.ascontiguousarray(image, dtype=np.uint8)


def white_value(image: np.ndarray) -> float:
    """The value of image (H, W, 3|4) that stands for 1; of one with headroom, over 1, its largest."""
    if image.dtype != np.float32:
        return float(np.iinfo(image.dtype).max)
    rows = (image[y : y + ROWS, :, :3] for y in range(0, len(image), ROWS))
    return max(1.0, *(float(np.max(part, where=np.isfinite(part), initial=1.0)) for part in rows))


def to_depth(value: np.ndarray, depth: np.dtype, white: float) -> np.ndarray:
    """float32 as samples of a photo, whose value for 1 is `white`."""
    if depth == np.float32:
        return value * np.float32(white)
    return np.rint(value.clip(0, 1) * np.float32(white)).astype(depth)


def usable_colours(source: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def blend(image: np.ndarray, patch: np.ndarray, alpha: np.ndarray, window: Window) -> np.ndarray:
    """image (H, W, C) with patch (h, w, C) laid over `window` through alpha (h, w) uint8; a new array.

    Where alpha is 0 the result is the image bit for bit; where it is 255, the patch.
    """
    result = image.copy()
    target = result[window.slices]
    soft = (alpha > 0) & (alpha < 255)
    np.copyto(target, patch, where=(alpha == 255)[..., None])
    weight = alpha[soft].astype(np.float64)[:, None] / 255
    mixed = target[soft] * (1 - weight) + patch[soft] * weight
    target[soft] = mixed if image.dtype == np.float32 else np.rint(mixed)
    return result

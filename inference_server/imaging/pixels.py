"""The samples of an image: depths, channels, and laying pixels over an image.  Pure functions.

Images are (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from ..shared.geometry import PROXY_SIDE, Window, fit_within

ROWS = 256  # that are read at once, to bound memory
SPARKS = 0.01  # of the pixels may be brighter than what a model sees as white
SAMPLES = 1 << 18  # pixels that are looked at to know what that is
KNEE = 0.8  # of the range: what is darker a model sees as it is
BRIGHTEST = 1000.0  # that is told apart; beyond, 32 bits are too few for a shoulder
HEADROOM = 8  # times as bright as the brightest a restored value may be
BLACK = 8  # added to 8-bit values before their logarithm: reduces the noise of the darkest


def to_proxy(image: np.ndarray, side: int = PROXY_SIDE) -> np.ndarray:
    """The proxy (h, w, 3) uint8 of image (H, W, 3|4) uint8, uint16 or float32.

    side: pixels of its long side, at most.
    """
    if image.strides[0] < image.strides[1]:  # a turned view, which OpenCV would copy first
        return np.ascontiguousarray(to_proxy(image.swapaxes(0, 1), side).swapaxes(0, 1))
    flips = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in image.strides[:2])
    if image.strides[0] < 0 or image.strides[1] < 0:
        return np.ascontiguousarray(to_proxy(image[flips], side)[flips])
    height, width = image.shape[:2]
    size = fit_within(width, height, side)
    small = image
    # Halved as often as possible: resizing by an even factor is many times faster than by an odd one.
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
    """The reverse of `to_rgb`: image (H, W, 3|4) with so many channels."""
    return image[..., {1: [0], 2: [0, 3]}[channels]] if channels < 3 else image


def to_uint8(image: np.ndarray) -> np.ndarray:
    """image with 8 bits a channel, contiguous.  float32 values are clipped to 0..1; NaN becomes 0."""
    if image.dtype == np.uint16:
        image = (image.astype(np.uint32) * 255 + 32767) // 65535
    elif image.dtype == np.float32:
        image = np.clip(np.nan_to_num(image), 0, 1) * 255 + 0.5
    return np.ascontiguousarray(image, dtype=np.uint8)


def log_light(pixels: np.ndarray) -> np.ndarray:
    """The logarithms, float32, of pixels (…) uint8, in which a shadow is a difference, on any ground the same."""
    return np.log(pixels.astype(np.float32) + BLACK)


def to_uint16(image: np.ndarray) -> np.ndarray:
    """image with 16 bits a channel, contiguous.  float32 values are clipped to 0..1; NaN becomes 0."""
    if image.dtype == np.uint8:
        image = image.astype(np.uint16) * np.uint16(257)
    elif image.dtype == np.float32:
        image = np.clip(np.nan_to_num(image), 0, 1) * np.float32(65535) + np.float32(0.5)
    return np.ascontiguousarray(image, dtype=np.uint16)


def full_value(depth: np.dtype) -> float:
    """The value of an opaque sample of this depth, and of white: the largest of the type; 1 for float32."""
    return 1.0 if depth == np.float32 else float(np.iinfo(depth).max)


def white_value(image: np.ndarray) -> float:
    """The value of image (H, W, 3|4) that stands for 1: the largest of the type; for float32 the largest colour, if
    that is over 1."""
    if image.dtype != np.float32:
        return full_value(image.dtype)
    rows = (image[y : y + ROWS, :, :3] for y in range(0, len(image), ROWS))
    return max(1.0, *(float(np.max(part, where=np.isfinite(part), initial=1.0)) for part in rows))


class Tones(NamedTuple):
    """How an image's values are brought into the range that models know, and back.

    white: the value that stands for 1 then, the largest of the type, or 1 for float32.  float32 values are divided by
    `exposure`; of what is over KNEE the rest of the range is made, by x -> x / (1 + bend x), a shoulder whose slope
    begins with 1 (as Reinhard et al. 2002, "Photographic tone reproduction", equation 3, for the bright values alone).
    So a bright sky or a lamp leaves everything else as it is.
    """

    white: float
    exposure: float = 1.0
    bend: float = 0.0

    def compressed(self, image: np.ndarray) -> np.ndarray:
        """image (h, w, 3) as models are to see it: all but sparks from 0 to `white`."""
        if image.dtype != np.float32 or (self.exposure, self.bend) == (1, 0):
            return image
        values = image / np.float32(self.exposure)
        over = values > KNEE
        beyond = values[over] - np.float32(KNEE)
        values[over] = np.float32(KNEE) + beyond / (1 + np.float32(self.bend) * beyond)
        return values

    def restored(self, pixels: np.ndarray) -> np.ndarray:
        """The reverse, for pixels (..., 3) of the image's type."""
        if pixels.dtype != np.float32 or (self.exposure, self.bend) == (1, 0):
            return pixels
        values = pixels.copy()
        over = values > KNEE
        beyond = values[over] - np.float32(KNEE)
        least = np.float32((1 - self.bend * (1 - KNEE)) / HEADROOM)
        values[over] = np.float32(KNEE) + beyond / np.maximum(1 - np.float32(self.bend) * beyond, least)
        return values * np.float32(self.exposure)


def tones(image: np.ndarray) -> Tones:
    """The tones of image (H, W, 3|4).  Of float32 the brightest hundredth of the pixels does not count: one spark
    changes nothing."""
    white = full_value(image.dtype)
    if image.dtype != np.float32:
        return Tones(white)
    step = max(1, math.isqrt(image.shape[0] * image.shape[1] // SAMPLES))
    brightness = image[::step, ::step, :3].max(axis=2)
    brightness = brightness[np.isfinite(brightness)]
    if not brightness.size:
        return Tones(white)
    middle, brightest = np.quantile(brightness, (0.5, 1 - SPARKS))
    exposure = max(1.0, float(middle))
    most = min(max(1.0, float(brightest) / exposure), BRIGHTEST)
    return Tones(white, exposure, 1 / (1 - KNEE) - 1 / (most - KNEE))


def to_depth(value: np.ndarray, depth: np.dtype, white: float) -> np.ndarray:
    """float32 values, 0 to 1, as samples of an image in which `white` stands for 1."""
    if depth == np.float32:
        return value * np.float32(white)
    return np.rint(value.clip(0, 1) * np.float32(white)).astype(depth)


def usable_colours(source: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours (H, W, 3) of source (H, W, 3|4), and which of its usable pixels (H, W) bool have a colour.

    Colours that are not numbers become 0 and are not usable.  Transparent pixels are not usable either, unless there
    are no others.
    """
    photo = source[..., :3]
    if photo.dtype == np.float32:
        finite = np.isfinite(photo).all(axis=2)
        usable = usable & finite
        photo = np.where(finite[..., None], photo, np.float32(0))
    if source.shape[2] == 4:
        opaque = usable & (source[..., 3] > 0)
        usable = opaque if opaque.any() else usable
    return photo, usable


def blend(image: np.ndarray, patch: np.ndarray, alpha: np.ndarray, window: Window) -> np.ndarray:
    """A new image (H, W, C) with patch (h, w, C) laid over the window of `image` through alpha (h, w) uint8.

    Where alpha is 0 the result is the image bit for bit; where it is 255, the patch.
    """
    result = image.copy()
    lay_over(result, patch, alpha, window)
    return result


def lay_over(image: np.ndarray, patch: np.ndarray, alpha: np.ndarray, window: Window) -> None:
    """`blend` into the image itself."""
    target = image[window.slices]
    soft = (alpha > 0) & (alpha < 255)
    np.copyto(target, patch, where=(alpha == 255)[..., None])
    weight = alpha[soft].astype(np.float64)[:, None] / 255
    mixed = target[soft] * (1 - weight) + patch[soft] * weight
    target[soft] = mixed if image.dtype == np.float32 else np.rint(mixed)

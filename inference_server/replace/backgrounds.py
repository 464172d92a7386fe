"""Backgrounds that need no model: another photo, a colour or a gradient, the image's own background out of focus."""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging.pixels import full_value, to_depth, white_value
from ..shared.errors import wrong_input
from ..shared.monitor import Monitor
from ..shared.text import tr
from . import defocus

BAND = 256  # rows at once
PAPER = 1.0  # white, which a photo with transparency is laid over


class Gradient(NamedTuple):
    """From the colour of the top row to that of the bottom row, (r, g, b) from 0 to 1 as the image encodes it.

    Of a plain colour both are the same.
    """

    top: tuple[float, float, float]
    bottom: tuple[float, float, float]


class Blur(NamedTuple):
    """The image's own background.  strength: from 0, as it is, to 1, as with a very fast lens."""

    strength: float


Background = np.ndarray | Gradient | Blur


def render(
    image: np.ndarray,
    alpha: np.ndarray,
    background: Background,
    monitor: Monitor,
    nearness: np.ndarray | None = None,
) -> np.ndarray:
    """The pixels (H, W, 3) of a background, of image's dtype.

    image: (H, W, 3|4) uint8, uint16 or float32; alpha: (H, W) uint8, 255 = the object.  background: a photo (h, w, 3|4)
    of any size and of these dtypes is scaled to cover the image and cut to its middle; where it is transparent it lies
    over white.  nearness: for a blur, as in `defocus.out_of_focus`.  Raises UserError for a wrong colour, strength or
    photo.
    """
    monitor.report(0.0)
    if isinstance(background, Gradient):
        return _gradient(image, background, monitor)
    if isinstance(background, Blur):
        if not 0 <= background.strength <= 1:
            raise wrong_input("The strength of a blur must be between 0 and 1.")
        return defocus.out_of_focus(image, alpha, background.strength, white_value(image), monitor, nearness)
    if background.ndim != 3 or background.shape[2] not in (3, 4) or not background.size:
        raise wrong_input("The background must be an array (height, width, 3 or 4), and not empty.")
    if background.dtype not in (np.uint8, np.uint16, np.float32):
        sentence = tr("The background must be uint8, uint16 or float32, not {type}.", type=background.dtype)
        raise wrong_input(sentence)
    return _photo(image, background, monitor)


def _gradient(image: np.ndarray, gradient: Gradient, monitor: Monitor) -> np.ndarray:
    top, bottom = (np.array(colour, np.float64) for colour in gradient)
    if any(c.shape != (3,) or not ((c >= 0) & (c <= 1)).all() for c in (top, bottom)):
        raise wrong_input("A colour must have three values between 0 and 1.")
    height, width = image.shape[:2]
    full = full_value(image.dtype)
    share = np.linspace(0, 1, height)[:, None] if height > 1 else np.array([[0.5]])
    colours = (top + (bottom - top) * share) * full
    if image.dtype == np.float32:
        return np.repeat(colours.astype(np.float32)[:, None], width, axis=1)
    random = np.random.default_rng(0)
    result = np.empty((height, width, 3), image.dtype)
    for y in range(0, height, BAND):
        monitor.report(y / height)
        rows = colours[y : y + BAND, None]
        # Half a level up or down, at random, before rounding: the mean is exact, and no two rows make a band.
        dither = random.random((len(rows), width, 1), np.float32)
        result[y : y + BAND] = np.where(top == bottom, np.rint(rows), np.floor(rows + dither).clip(0, full))
    return result


def _photo(image: np.ndarray, photo: np.ndarray, monitor: Monitor) -> np.ndarray:
    height, width = image.shape[:2]
    scale = max(height / photo.shape[0], width / photo.shape[1])
    rows, columns = (min(n, max(1, round(m / scale))) for n, m in zip(photo.shape[:2], (height, width), strict=True))
    y, x = (photo.shape[0] - rows) // 2, (photo.shape[1] - columns) // 2
    part = _opaque(photo[y : y + rows, x : x + columns], monitor)
    if part.shape[:2] != (height, width):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        part = cv2.resize(part, (width, height), interpolation=how)
    monitor.report(0.8)
    if part.dtype == np.float32:
        np.clip(part, 0, None, out=part)  # a cubic overshoots
    if part.dtype == image.dtype:
        return part
    full, ours = full_value(photo.dtype), full_value(image.dtype)
    result = np.empty(part.shape, image.dtype)
    for k in range(0, height, BAND):
        monitor.report(0.8 + 0.2 * k / height)
        result[k : k + BAND] = to_depth(part[k : k + BAND] * np.float32(1 / full), image.dtype, ours)
    return result


def _opaque(photo: np.ndarray, monitor: Monitor) -> np.ndarray:
    """photo (h, w, 3|4) of any depth as a new (h, w, 3) of the same, over white, without what is not a number."""
    full = full_value(photo.dtype)
    result = np.empty((*photo.shape[:2], 3), photo.dtype)
    brightest = white_value(photo) if photo.dtype == np.float32 else 0.0
    for y in range(0, len(photo), BAND):
        monitor.report(0.5 * y / len(photo))
        rows = photo[y : y + BAND]
        colour = rows[..., :3]
        if photo.dtype == np.float32:
            colour = np.nan_to_num(colour, nan=0, posinf=brightest, neginf=0)
        if photo.shape[2] == 4:
            share = np.nan_to_num(rows[..., 3:].astype(np.float32) / np.float32(full)).clip(0, 1)
            mixed = colour * share + np.float32(PAPER * full) * (1 - share)
            colour = mixed if photo.dtype == np.float32 else np.rint(mixed)
        result[y : y + BAND] = colour
    return result

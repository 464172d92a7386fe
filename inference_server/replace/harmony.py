"""The object's light drawn to that of its new background: its colour, brightness and contrast.  Pure functions.

The object was lit as its old background was.  So what light made of the old background and makes of the new one is what
would have been made of the object: the colour of the light, by shades of grey (Finlayson and Trezzi 2004, "Shades of
gray and colour constancy"), its brightness and its contrast, by the logarithm of lightness as Reinhard et al. 2001,
"Color transfer between images", do, but by its quantiles, which what is cut off at black and white does not move.  That
the backgrounds differ in what they show is mistaken for light too: so each step has a limit, and the person a strength.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging.pixels import full_value, to_depth
from ..shared.geometry import fit_within
from ..shared.monitor import Monitor
from .light import BACKGROUND

SIDE = 512  # pixels on the long side in which light is measured
NORM = 6  # of Minkowski: between the mean, 1, and the brightest pixel
TOO_DARK, TOO_BRIGHT = 0.02, 0.98  # of the range: what is cut off there says nothing
FEWEST = 64  # pixels that light is measured by
BLACK = 1e-4  # light that is added, so that black has a logarithm
DARK = 1e-3  # the same where contrast is measured: below, noise is most of it
QUANTILE = 0.8  # and the other as far from the median
MOST_COLOUR = 0.5  # natural logarithm of a channel's factor
MOST_BRIGHTNESS = 1.0  # the same of lightness: 1.4 stops
LEAST_CONTRAST, MOST_CONTRAST = 0.7, 1.4
LIGHTNESS = np.array((0.2126, 0.7152, 0.0722), np.float32)
BAND = 128  # rows at once


class Light(NamedTuple):
    """colour: logarithm of each channel, (3,), of mean 0; brightness: median of the logarithm of lightness; contrast:
    how far apart its quantiles at QUANTILE are."""

    colour: np.ndarray
    brightness: float
    contrast: float


def matched(
    image: np.ndarray, alpha: np.ndarray, background: np.ndarray, strength: float, monitor: Monitor
) -> np.ndarray:
    """image (H, W, 3|4) with its object in the light of the background (H, W, 3) of the same type.

    alpha: (H, W) uint8, 255 = the object; where it is 0 the image stays as it is, bit for bit.  strength: 0 changes
    nothing, 1 takes the whole difference.  Values are taken for sRGB's.  Raises UserError where the monitor cancels it.
    """
    around = alpha <= BACKGROUND
    old, new = measure(image, around), measure(background, around)
    if old is None or new is None:
        return image
    colour = (new.colour - old.colour).clip(-MOST_COLOUR, MOST_COLOUR)
    brightness = np.clip(new.brightness - old.brightness, -MOST_BRIGHTNESS, MOST_BRIGHTNESS)
    contrast = np.clip(new.contrast / max(old.contrast, 1e-3), LEAST_CONTRAST, MOST_CONTRAST) ** strength
    offset = (strength * (colour + brightness) + (1 - contrast) * old.brightness).astype(np.float32)
    result, white = image.copy(), full_value(image.dtype)
    for top in range(0, len(image), BAND):
        monitor.check()
        rows = slice(top, top + BAND)
        where = alpha[rows] > 0
        light = _light(image[rows][where][:, :3], white)
        light = np.exp(np.log(light + np.float32(BLACK)) * np.float32(contrast) + offset) - np.float32(BLACK)
        result[rows, :, :3][where] = to_depth(_encoded(light), image.dtype, white)
    return result


def measure(image: np.ndarray, where: np.ndarray) -> Light | None:
    """The light of the pixels of image (H, W, 3|4) that `where` (H, W) bool names; None where they say nothing."""
    size = fit_within(image.shape[1], image.shape[0], SIDE)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    share = cv2.resize(where.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA).reshape(size[::-1])
    values = small[share == 255][:, :3].astype(np.float32) / np.float32(full_value(image.dtype))
    values = values[np.isfinite(values).all(axis=1)]
    usable = (values.max(axis=1, initial=0) > TOO_DARK) & (values.max(axis=1, initial=0) < TOO_BRIGHT)
    if np.count_nonzero(usable) < FEWEST:
        return None
    light = _light(values, 1.0).astype(np.float64)
    colour = np.log((light[usable] ** NORM).mean(axis=0) ** (1 / NORM) + BLACK)
    low, middle, high = np.quantile(np.log(light @ LIGHTNESS + DARK), (1 - QUANTILE, 0.5, QUANTILE))
    return Light(colour - colour.mean(), float(middle), float(high - low))


def _light(values: np.ndarray, white: float) -> np.ndarray:
    """Linear light (n, 3) float32 of sRGB's values (n, 3), whose `white` is 1."""
    x = np.nan_to_num(values.astype(np.float32) / np.float32(white), nan=0, posinf=1, neginf=0).clip(0, None)
    return np.where(x <= 0.04045, x / np.float32(12.92), ((x + np.float32(0.055)) / np.float32(1.055)) ** 2.4)


def _encoded(light: np.ndarray) -> np.ndarray:
    """The reverse, 1 for white."""
    x = light.clip(0, None)
    return np.where(x <= 0.0031308, x * np.float32(12.92), np.float32(1.055) * x ** (1 / 2.4) - np.float32(0.055))

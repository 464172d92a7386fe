"""The shadow that the object casts on the old ground, carried over to the new background.  Pure functions.

How much darker the old ground is in its cast shadow, and where the object stands beside that, than around them.  What
is dark where no shadow is cast may be anything, and stays behind.
"""

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import to_uint8
from ..imaging.sampling import extrapolate, resize
from ..shared.geometry import fit_within
from ..shared.monitor import Monitor
from . import defocus

BACKGROUND = 5  # alpha up to which a pixel is the background's alone
BAND = 256  # rows at once
SIDE = 512  # pixels on the long side in which shadows are measured
CONTACT = 0.15  # of the object's width: how far from where it stands the ground may be darkened
FLAT = 3.0  # a shadow on the ground is seen this much flatter than wide
FOOT = 0.25  # of the object's height: what is below may stand on the ground
DARKEST = 0.25  # what is left of the ground's encoded brightness in the darkest shadow: a sixteenth of its light
EVEN = 0.01  # of the object's longer side, over which texture is averaged out
SHADED = 4  # pixels of that around a shadow that are not taken for lit ground


def shading(image: np.ndarray, alpha: np.ndarray, cast_shadow: np.ndarray) -> np.ndarray | None:
    """What the object leaves of the ground's brightness: (h, w) float32, up to 1, at reduced size.

    image: (H, W, 3|4) of any depth; alpha: (H, W) uint8, the object's; cast_shadow: (H, W) uint8, 255 where it lies.
    None where no shadow lies, or the object's ground is not in the image.
    """
    standing = defocus.ground(alpha)
    bounds = windows.bounds(alpha > 127)
    if standing is None or bounds is None or not cast_shadow.any():
        return None
    height, width = alpha.shape
    size, scale = fit_within(width, height, SIDE), min(1.0, SIDE / max(height, width))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    cast = cv2.resize(cast_shadow, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    rgb = to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., :3])
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] + 1
    contact = _contact(small) * _near(cast > 0, CONTACT * bounds.width * scale)
    free = small <= BACKGROUND
    near = cv2.dilate(((contact > 0) | (cast > 0)).astype(np.uint8), np.ones((2 * SHADED + 1,) * 2, np.uint8)) > 0
    if not (free & ~near).any():
        return None
    lit = extrapolate(light, free & ~near)[..., 0]
    ratio = np.where(free, light[..., 0] / lit, 0).astype(np.float32)
    deviation = max(0.5, EVEN * max(bounds.width, bounds.height) * scale)
    weight = cv2.GaussianBlur(free.astype(np.float32), (0, 0), deviation)
    even = cv2.GaussianBlur(ratio, (0, 0), deviation) / np.maximum(weight, 1e-6)
    even = extrapolate(even[..., None], weight > 0.05)[..., 0].clip(DARKEST, 1)
    fade = np.maximum(contact, cv2.GaussianBlur(cast, (0, 0), deviation))
    return 1 - fade * (1 - even)


def darken(pixels: np.ndarray, factor: np.ndarray, monitor: Monitor) -> None:
    """Darken pixels (H, W, 3|4) in place by factor (h, w) float32, of a smaller size."""
    height, width = pixels.shape[:2]
    at = ((np.arange(height) + 0.5) * len(factor) / height - 0.5).clip(0, len(factor) - 1)
    low = at.astype(int)
    high, weight = np.minimum(low + 1, len(factor) - 1), (at - low).astype(np.float32)[:, None]
    for y in range(0, height, BAND):
        monitor.report(0.2 + 0.2 * y / height)
        rows = slice(y, y + BAND)
        lines = factor[low[rows]] * (1 - weight[rows]) + factor[high[rows]] * weight[rows]
        if lines.min() < 1:
            wide = cv2.resize(lines, (width, len(lines)), interpolation=cv2.INTER_LINEAR)
            value = pixels[rows, :, :3] * wide[..., None]
            pixels[rows, :, :3] = value if pixels.dtype == np.float32 else np.rint(value)


def _near(part: np.ndarray, reach: float) -> np.ndarray:
    """How near (h, w) float32 a pixel is to a part (h, w) bool: 1 in it, falling to 0 at `reach` pixels from it."""
    away = cv2.distanceTransform((~part).astype(np.uint8), cv2.DIST_L2, 5)
    return (1 - away / max(2.0, reach)).clip(0, 1)


def _contact(alpha: np.ndarray) -> np.ndarray:
    """How near (h, w) float32 a pixel is to where the object of alpha (h, w) uint8 stands: 1 there, falling to 0."""
    height, width = alpha.shape
    item = alpha > 127
    bounds = windows.bounds(item)
    if bounds is None:
        return np.zeros(alpha.shape, np.float32)
    low = height - 1 - item[::-1].argmax(axis=0)
    rows = np.arange(height)[:, None]
    foot = bounds.y + (1 - FOOT) * bounds.height
    # Its lower outline, as far as it is low enough to stand on the ground.
    stands = item & (rows >= low - 1) & (rows >= foot)
    reach = max(2.0, CONTACT * bounds.width)
    tall = resize(stands.astype(np.uint8), (width, max(1, round(height * FLAT))), cv2.INTER_NEAREST)
    away = cv2.distanceTransform(1 - tall, cv2.DIST_L2, 5)
    away = cv2.resize(away, (width, height), interpolation=cv2.INTER_AREA)
    return np.square((1 - away / reach).clip(0, 1))

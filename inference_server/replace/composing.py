"""Replacing the background: the object's own pixels, and another background around them.

1. In the rim, where a pixel is a mixture of object and background, I = aF + (1-a)B (Porter and Duff 1984, "Compositing
   digital images"), the old background is taken out and the new one put in: aF + (1-a)B'.  F and B are smooth
   continuations of what lies on either side, made coarse to fine, then shared out between so that they explain the
   pixel (after Germer et al. 2020, "Fast multi-level foreground estimation", section 3).
2. The light that the object takes from the ground goes with it: how much darker the old ground was near its foot, and
   in its cast shadow (`shadows`), than it is around.
"""

from collections.abc import Callable

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import to_depth, to_uint8, white_value
from ..imaging.sampling import extrapolate, reduced, resize, sample_at
from ..select import shadows
from ..shared.errors import wrong_input
from . import defocus

SURE, NONE = 250, 5  # alpha from which a pixel is the object's alone, and up to which it is the background's
SIDE = 1024  # pixels on the long side in which colours are continued
FAITH = 0.1  # how much the continued colours are trusted against the pixel itself
BATCH = 1 << 18  # pixels of the rim at once
BAND = 256  # rows at once
REACH = 64  # pixels around the rim that its colours are continued from

SHADOW_SIDE = 512  # pixels on the long side in which shadows are looked at
CONTACT = 0.15  # of the object's width: how far from where it stands the ground may be darkened
FLAT = 3.0  # a shadow on the ground is seen this much flatter than wide
FOOT = 0.25  # of the object's height: what is below may stand on the ground
DARKEST = 0.25  # what is left of the ground's encoded brightness in the darkest shadow: a sixteenth of its light
EVEN = 0.01  # of the longer side of what is looked at, over which texture is averaged out
SHADED = 4  # pixels of that around a shadow that are not taken for lit ground


def laid_behind(
    image: np.ndarray,
    alpha: np.ndarray,
    background: np.ndarray,
    include_shadow: bool,
    step: Callable[[float], None],
) -> tuple[np.ndarray, np.ndarray]:
    """A layer that puts `background` behind the object: pixels (H, W, 3|4) like image's, and their alpha (H, W) uint8.

    `region.blend` with both is the finished picture: image bit for bit where alpha is 255, and where it is 0 the
    background, darkened by the object's shadow.  The layer's alpha is 255 - alpha; more in the rim where no colour of
    the layer could make up for the photo's.

    image: (H, W, 3|4) uint8, uint16 or float32; alpha: (H, W) uint8, 255 = the object, soft values where it is mixed
    with its surroundings.  background: (H, W, 3) of image's dtype (`backdrops.backdrop`).  include_shadow: carry the
    object's shadow over; not for a blur of the photo itself, which has it.  step: called often with the share that is
    done; what it raises ends this.  Raises UserError where the mask is empty or leaves nothing to replace.
    """
    if not alpha.any():
        raise wrong_input("The mask is empty: there is no object to keep.", "Click on an object.")
    if alpha.min() == 255:
        raise wrong_input("The mask covers everything: there is no background to replace.")
    step(0.0)
    full = white_value(image)
    opaque = full if image.dtype != np.float32 else 1.0
    pixels = np.full(image.shape, opaque, image.dtype)
    pixels[..., :3] = background
    if include_shadow:
        _shade(pixels, _shadow(image, alpha), step)
    step(0.4)
    shown = 255 - alpha
    _unmix(image, alpha, pixels, shown, full, step)
    return pixels, shown


def _unmix(
    image: np.ndarray,
    alpha: np.ndarray,
    pixels: np.ndarray,
    shown: np.ndarray,
    full: float,
    step: Callable[[float], None],
) -> None:
    """Put the rim's colours into pixels (H, W, 3|4), which are the new background, and into `shown` (H, W) uint8, which
    is 255 - alpha, what they are shown through.  full: image's value for 1."""
    rim = (alpha > 0) & (alpha < 255)
    there = windows.bounds(rim)
    if there is None:
        return
    there = there.grown(REACH, REACH, alpha.shape[1], alpha.shape[0])
    photo, part, new = image[there.slices], alpha[there.slices], pixels[there.slices]
    usable = np.ones(part.shape, bool)
    colour = np.ascontiguousarray(photo[..., :3])
    if image.dtype == np.float32:
        usable = np.isfinite(colour).all(axis=2)
        colour = np.where(usable[..., None], colour, np.float32(0))
    if image.shape[2] == 4:
        usable &= photo[..., 3] > 0
    # A hard mask's outermost pixels are mixed too: they are not taken for one or the other.
    inside, outside = (_eroded(side) & usable for side in (part >= SURE, part <= NONE))
    object_colour = _continued(colour, inside, full)
    step(0.6)
    old_colour = _continued(colour, outside, full)
    step(0.8)
    if object_colour is None or old_colour is None:
        return
    scale = np.array(part.shape) / object_colour.shape[:2]
    places = np.flatnonzero(rim[there.slices] & usable)
    for some in (places[k : k + BATCH] for k in range(0, len(places), BATCH)):
        step(0.8 + 0.2 * float(some[0]) / part.size)
        at = np.divmod(some, part.shape[1])
        small = (np.stack(at, 1) + 0.5) / scale
        f, b = sample_at(object_colour, small), sample_at(old_colour, small)
        seen = colour[at].astype(np.float32) / np.float32(full)
        a = part[at].astype(np.float32)[:, None] / 255
        off = (seen - a * f - (1 - a) * b) / (a**2 + (1 - a) ** 2 + np.float32(FAITH))
        f, b = (f + a * off).clip(0, 1), (b + (1 - a) * off).clip(0, 1)
        # What is explained neither by F nor by B is the object's: a I + (1 - a) (B' + a (F - B)).
        behind = new[at][:, :3].astype(np.float32) / np.float32(full)
        wanted = (a * seen + (1 - a) * (behind + a * (f - b))).clip(0, 1)
        # Blending gives (1 - m) I + m P.  With m = 1 - a, P may be out of range: then m is as much larger as it must.
        room = np.where(wanted > seen, 1 - seen, seen)
        least = np.abs(wanted - seen) / np.maximum(room, 1e-6)
        m = np.ceil(255 * np.maximum(1 - a, least.clip(0, 1)).max(axis=1) - 1e-3)
        shown[there.slices][at] = m
        value = seen + (wanted - seen) * (255 / m[:, None])
        new[(*at, slice(3))] = to_depth(value.clip(0, 1), image.dtype, full)


def _eroded(part: np.ndarray) -> np.ndarray:
    """part (h, w) bool without its outermost pixels."""
    return cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).reshape(part.shape) > 0


def _continued(photo: np.ndarray, known: np.ndarray, full: float) -> np.ndarray | None:
    """photo (h, w, 3) at reduced size, float32 with 1 for `full`, continued from where it is known (h, w) bool."""
    picture, unknown = reduced(photo, ~known, full, SIDE)
    return None if unknown.all() else extrapolate(picture, ~unknown)


def _shade(pixels: np.ndarray, factor: np.ndarray | None, step: Callable[[float], None]) -> None:
    """Darken pixels (H, W, 3|4) by factor (h, w) float32, of a smaller size."""
    if factor is None:
        return
    height, width = pixels.shape[:2]
    at = ((np.arange(height) + 0.5) * len(factor) / height - 0.5).clip(0, len(factor) - 1)
    low = at.astype(int)
    high, weight = np.minimum(low + 1, len(factor) - 1), (at - low).astype(np.float32)[:, None]
    for y in range(0, height, BAND):
        step(0.2 + 0.2 * y / height)
        rows = slice(y, y + BAND)
        lines = factor[low[rows]] * (1 - weight[rows]) + factor[high[rows]] * weight[rows]
        if lines.min() < 1:
            wide = cv2.resize(lines, (width, len(lines)), interpolation=cv2.INTER_LINEAR)
            value = pixels[rows, :, :3] * wide[..., None]
            pixels[rows, :, :3] = value if pixels.dtype == np.float32 else np.rint(value)


def _shadow(image: np.ndarray, alpha: np.ndarray) -> np.ndarray | None:
    """What the object leaves of the ground's brightness (h, w) float32, up to 1, at reduced size; None for an object
    that stands on nothing seen."""
    standing = defocus.ground(alpha)
    bounds = windows.bounds(alpha > 127)
    if standing is None or bounds is None:
        return None
    height, width = alpha.shape
    scale = min(1.0, SHADOW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    cast = cv2.resize(shadows.find(image, alpha), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    rgb = to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., :3])
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] + 1
    contact = _contact(small)
    free = small <= NONE
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

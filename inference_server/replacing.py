"""Replacing the background: the object's own pixels, and another background around them.

1. The mask's outermost pixels that look like the old background are given to it.
2. In the rim, where a pixel is a mixture of object and background, I = aF + (1-a)B (Porter and Duff 1984, "Compositing
   digital images"), the old background is taken out and the new one put in: aF + (1-a)B'.  F and B are smooth
   continuations of what lies on either side, made coarse to fine, then shared out between so that they explain the
   pixel (after Germer et al. 2020, "Fast multi-level foreground estimation", section 3).
3. The light that the object takes from the ground goes with it: how much darker the old ground was near its foot, and
   in its cast shadow (`shadows`), than it is around.
"""

from collections.abc import Callable

import cv2
import numpy as np

from . import lens, region, shadows
from .backdrops import white
from .errors import UserError
from .inpainters import detail
from .inpainters.smooth import scaled, spread

SURE, NONE = 250, 5  # alpha from which a pixel is the object's alone, and up to which it is the background's
SIDE = 2048  # pixels on the long side in which colours are continued
FAITH = 0.1  # how much the continued colours are trusted against the pixel itself
BATCH = 1 << 18  # pixels of the rim at once
BAND = 256  # rows at once

PULL = 0.001  # of the photo's long side: how far the mask may be pulled in …
TOLD_APART = 0.1  # … where the object and what lies around it differ by this, of 0 to 1

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

    `region.blend` with both is the finished picture; it is image bit for bit where the layer's alpha is 0, and
    background where it is 255, darkened by the object's shadow.

    image: (H, W, 3|4) uint8, uint16 or float32; alpha: (H, W) uint8, 255 = the object, soft values where it is mixed
    with its surroundings.  background: (H, W, 3) of image's dtype (`backdrops.backdrop`).  include_shadow: carry the
    object's shadow over; not for a blur of the photo itself, which has it.  step: called often with the share that is
    done; what it raises ends this.  Raises UserError where the mask is empty or leaves nothing to replace.
    """
    if not alpha.any():
        raise UserError("wrong-input", "The mask is empty: there is no object to keep.", "Click on an object.")
    if alpha.min() == 255:
        raise UserError("wrong-input", "The mask covers everything: there is no background to replace.")
    step(0.0)
    full = white(image)
    opaque = full if image.dtype != np.float32 else 1.0
    pixels = np.full(image.shape, opaque, image.dtype)
    pixels[..., :3] = background
    if include_shadow:
        _shade(pixels, _shadow(image, alpha), step)
    step(0.4)
    alpha = _mixed(image, alpha, pixels, full, step)
    return pixels, 255 - alpha


def _mixed(
    image: np.ndarray, alpha: np.ndarray, pixels: np.ndarray, full: float, step: Callable[[float], None]
) -> np.ndarray:
    """Put the rim's colours into pixels (H, W, 3|4), which are the new background; the alpha (H, W) that goes with it."""
    binary = np.where(alpha > 127, np.uint8(255), np.uint8(0))
    reach = max(1, int(PULL * max(alpha.shape)))
    edge = cv2.erode(binary, np.ones((2 * reach + 1,) * 2, np.uint8), borderValue=255) != binary
    rim = (alpha > 0) & ((alpha < 255) | edge)
    there = region.bounds(rim)
    if there is None:
        return alpha
    # What the rim's colours are continued from lies around it.
    around = there.grown(4 * reach + 32, 4 * reach + 32, alpha.shape[1], alpha.shape[0])
    inner, outer = around.slices, rim[around.slices]
    photo = image[inner]
    part = alpha[inner]
    usable = np.isfinite(photo[..., :3]).all(axis=2) if image.dtype == np.float32 else np.ones(part.shape, bool)
    if image.shape[2] == 4:
        usable &= photo[..., 3] > 0
    colour = np.ascontiguousarray(photo[..., :3])
    if image.dtype == np.float32:
        colour = np.where(usable[..., None], colour, np.float32(0))
    object_colour = _continued(colour, usable & (part >= SURE) & ~edge[inner], full)
    step(0.6)
    old_colour = _continued(colour, usable & (part <= NONE), full)
    step(0.8)
    result = alpha.copy()
    if object_colour is None or old_colour is None:
        return result
    scale = np.array(part.shape) / object_colour.shape[:2]
    places = np.flatnonzero(outer & usable)
    for some in (places[k : k + BATCH] for k in range(0, len(places), BATCH)):
        step(0.8 + 0.2 * float(some[0]) / part.size)
        at = np.divmod(some, part.shape[1])
        small = (np.stack(at, 1) + 0.5) / scale
        f, b = detail.sampled(object_colour, small), detail.sampled(old_colour, small)
        seen = colour[at].astype(np.float32) / np.float32(full)
        at = at[0] + around.y, at[1] + around.x
        a = _pulled_in(alpha[at], edge[at], seen, f, b)
        result[at] = a
        share = a.astype(np.float32)[:, None] / 255
        off = (seen - share * f - (1 - share) * b) / (share**2 + (1 - share) ** 2 + np.float32(FAITH))
        f, b = (f + share * off).clip(0, 1), (b + (1 - share) * off).clip(0, 1)
        new = pixels[at][:, :3].astype(np.float32) / np.float32(full)
        # blend gives a I + (1-a) P, which is to be a F + (1-a) B'.
        value = detail.from_float((new + share * (f - b)).clip(0, 1), image.dtype, full)
        pixels[(*at, slice(3))] = np.where((a > 0)[:, None], value, pixels[at][:, :3])
    return result


def _pulled_in(alpha: np.ndarray, edge: np.ndarray, seen: np.ndarray, f: np.ndarray, b: np.ndarray) -> np.ndarray:
    """alpha (n,) uint8, less where the colours (n, 3) `seen` at the mask's edge (n,) bool are nearer to b's than f's.

    Only where they clearly are: the share of f that explains the colour, taken for less than a half, counts twice.
    """
    apart = f - b
    size = (apart**2).sum(axis=1)
    share = ((seen - b) * apart).sum(axis=1) / np.maximum(size, 1e-6)
    off = np.linalg.norm(seen - b - share[:, None] * apart, axis=1)
    told = edge & (size > TOLD_APART**2) & (off < np.sqrt(size) / 4)
    limit = np.where(told, np.rint(share.clip(0, 0.5) * 510), 255).astype(np.uint8)
    return np.minimum(alpha, limit)


def _continued(photo: np.ndarray, known: np.ndarray, full: float) -> np.ndarray | None:
    """photo (h, w, 3) at reduced size, float32 with 1 for `full`, continued from where it is known (h, w) bool."""
    picture, unknown = detail.reduced(photo, ~known, full, SIDE)
    return None if unknown.all() else spread(picture, ~unknown)


def _shade(pixels: np.ndarray, factor: np.ndarray | None, step: Callable[[float], None]) -> None:
    """Darken pixels (H, W, 3|4) by factor (h, w) float32, of a smaller size."""
    if factor is None:
        return
    height, width = pixels.shape[:2]
    scale = np.array(factor.shape) / (height, width)
    columns = ((np.arange(width) + 0.5) * scale[1] - 0.5).astype(np.float32)
    for y in range(0, height, BAND):
        step(0.2 + 0.2 * y / height)
        part = pixels[y : y + BAND, :, :3]
        rows = ((np.arange(y, y + len(part)) + 0.5) * scale[0] - 0.5).astype(np.float32)
        # A row at a time would do; a table for both, so that bands meet without a step.
        low = np.clip(np.floor(rows).astype(int), 0, factor.shape[0] - 1)
        high = np.minimum(low + 1, factor.shape[0] - 1)
        weight = (rows - np.floor(rows))[:, None]
        lines = factor[low] * (1 - weight) + factor[high] * weight
        if lines.min() >= 1:
            continue
        wide = cv2.resize(lines, (width, len(part)), interpolation=cv2.INTER_LINEAR)[..., None]
        value = part * wide
        part[:] = value if pixels.dtype == np.float32 else np.rint(value)
    del columns


def _shadow(image: np.ndarray, alpha: np.ndarray) -> np.ndarray | None:
    """What the object leaves of the ground's brightness (h, w) float32, up to 1, at reduced size; None for an object
    that stands on nothing seen."""
    standing = lens.ground(alpha)
    bounds = region.bounds(alpha > 127)
    if standing is None or bounds is None:
        return None
    height, width = alpha.shape
    scale = min(1.0, SHADOW_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    cast = cv2.resize(shadows.find(image, alpha), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    rgb = region.to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., :3])
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] + 1
    contact = _contact(small)
    free = small <= NONE
    near = cv2.dilate(((contact > 0) | (cast > 0)).astype(np.uint8), np.ones((2 * SHADED + 1,) * 2, np.uint8)) > 0
    if not (free & ~near).any():
        return None
    lit = spread(light, free & ~near)[..., 0]
    ratio = np.where(free, light[..., 0] / lit, 0).astype(np.float32)
    deviation = max(0.5, EVEN * max(bounds.width, bounds.height) * scale)
    weight = cv2.GaussianBlur(free.astype(np.float32), (0, 0), deviation)
    even = cv2.GaussianBlur(ratio, (0, 0), deviation) / np.maximum(weight, 1e-6)
    even = spread(even[..., None], weight > 0.05)[..., 0].clip(DARKEST, 1)
    fade = np.maximum(contact, cv2.GaussianBlur(cast, (0, 0), deviation))
    return 1 - fade * (1 - even)


def _contact(alpha: np.ndarray) -> np.ndarray:
    """How near (h, w) float32 a pixel is to where the object of alpha (h, w) uint8 stands: 1 there, falling to 0."""
    height, width = alpha.shape
    item = alpha > 127
    bounds = region.bounds(item)
    if bounds is None:
        return np.zeros(alpha.shape, np.float32)
    low = height - 1 - item[::-1].argmax(axis=0)
    rows = np.arange(height)[:, None]
    foot = bounds.y + (1 - FOOT) * bounds.height
    # Its lower outline, and what is above that, as far as it is low enough to stand on the ground.
    stands = item & (rows >= np.minimum(low - 1, height)) & (rows >= foot)
    reach = max(2.0, CONTACT * bounds.width)
    tall = scaled(stands.astype(np.uint8), (width, max(1, round(height * FLAT))), cv2.INTER_NEAREST)
    away = cv2.distanceTransform(1 - tall, cv2.DIST_L2, 5)
    away = cv2.resize(away, (width, height), interpolation=cv2.INTER_AREA)
    return np.square((1 - away / reach).clip(0, 1))

"""Composing: the object's own pixels, and another background around them.  Pure functions.

1. In the rim, where a pixel is a mixture of object and background, I = aF + (1-a)B (Porter and Duff 1984, "Compositing
   digital images"), the old background is taken out and the new one put in: aF + (1-a)B'.  F and B are smooth
   continuations of what lies on either side, made coarse to fine, then shared out between so that they explain the
   pixel (after Germer et al. 2020, "Fast multi-level foreground estimation", section 3).
2. The shadow that the object casts goes with it (`light`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import full_value, to_depth, white_value
from ..imaging.sampling import extrapolate, reduced, sample_at
from ..shared.errors import wrong_input
from ..shared.monitor import UNWATCHED, Monitor
from . import light

OBJECT = 250  # alpha from which a pixel is the object's alone
SIDE = 1024  # pixels on the long side in which colours are continued
FAITH = 0.1  # how much the continued colours are trusted against the pixel itself
BATCH = 1 << 18  # pixels of the rim at once
REACH = 64  # pixels around the rim that its colours are continued from


def compose(
    image: np.ndarray,
    alpha: np.ndarray,
    background: np.ndarray,
    cast_shadow: np.ndarray | None,
    monitor: Monitor,
) -> tuple[np.ndarray, np.ndarray]:
    """A layer that puts `background` behind the object: pixels (H, W, 3|4) like image's, and their alpha (H, W) uint8.

    `pixels.blend` with both is the finished picture: image bit for bit where alpha is 255, and where it is 0 the
    background, darkened by the object's shadow.  The layer's alpha is 255 - alpha; more in the rim where no colour of
    the layer could make up for the image's.

    image: (H, W, 3|4) uint8, uint16 or float32; alpha: (H, W) uint8, 255 = the object, soft values where it is mixed
    with its surroundings.  background: (H, W, 3) of image's dtype (`backgrounds.render`).  cast_shadow: (H, W) uint8,
    255 where the object's shadow lies, to carry its shadow over; None leaves it behind, as for a blur of the image
    itself, which still shows it.  Raises UserError where the mask is empty or leaves nothing to replace.
    """
    if not alpha.any():
        raise wrong_input("The mask is empty: there is no object to keep.", "Click on an object.")
    if alpha.min() == 255:
        raise wrong_input("The mask covers everything: there is no background to replace.")
    monitor.report(0.0)
    pixels = np.full(image.shape, full_value(image.dtype), image.dtype)
    pixels[..., :3] = background
    if cast_shadow is not None:
        factor = light.shading(image, alpha, cast_shadow)
        if factor is not None:
            light.darken(pixels, factor, monitor)
    monitor.report(0.4)
    shown = 255 - alpha
    _unmix_rim(image, alpha, pixels, shown, monitor)
    monitor.report(1.0)
    return pixels, shown


class _Rim(NamedTuple):
    """The part of the image around the rim: colour (h, w, 3), alpha (h, w) uint8, and which pixels are usable and which
    are the rim's, (h, w) bool.  white: the image's value for 1."""

    colour: np.ndarray
    alpha: np.ndarray
    usable: np.ndarray
    rim: np.ndarray
    white: float

    def continued(self, side: np.ndarray) -> np.ndarray | None:
        """The colours of `side` (h, w) bool at reduced size, float32, 1 for white, continued everywhere."""
        # A hard mask's outermost pixels are mixed too: they are not taken for one side or the other.
        picture, unknown = reduced(self.colour, ~(_eroded(side) & self.usable), self.white, SIDE)
        return None if unknown.all() else extrapolate(picture, ~unknown)


def _rim(photo: np.ndarray, alpha: np.ndarray, rim: np.ndarray, white: float) -> _Rim:
    usable = np.ones(alpha.shape, bool)
    colour = np.ascontiguousarray(photo[..., :3])
    if photo.dtype == np.float32:
        usable = np.isfinite(colour).all(axis=2)
        colour = np.where(usable[..., None], colour, np.float32(0))
    if photo.shape[2] == 4:
        usable &= photo[..., 3] > 0
    return _Rim(colour, alpha, usable, rim, white)


def _unmix_rim(image: np.ndarray, alpha: np.ndarray, pixels: np.ndarray, shown: np.ndarray, monitor: Monitor) -> None:
    """Put the rim's colours into pixels (H, W, 3|4), which are the new background, and what they are shown through into
    `shown` (H, W) uint8, which is 255 - alpha."""
    white = white_value(image)
    for mixed in _mixed(image, alpha, monitor):
        behind = pixels[mixed.at][:, :3].astype(np.float32) / np.float32(white)
        value, shown[mixed.at] = _remixed(mixed, behind)
        pixels[(*mixed.at, slice(3))] = to_depth(value, image.dtype, white)


def object_colours(image: np.ndarray, alpha: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
    """image (H, W, 3|4) with the object's own colours where alpha (H, W) uint8 is soft, to be shown through alpha: a
    cut-out that has nothing of its old background in its edge."""
    result, white = image.copy(), white_value(image)
    for mixed in _mixed(image, alpha, monitor):
        result[(*mixed.at, slice(3))] = to_depth(_unmixed(mixed)[0], image.dtype, white)
    return result


class _Mixed(NamedTuple):
    """Some pixels of the rim.

    at: their rows and columns; seen: the image's colours; a: (n, 1), how much of a pixel is the object; front, behind:
    what object and old background are expected to be.  All colours (n, 3) float32, 1 for white.
    """

    at: tuple[np.ndarray, np.ndarray]
    seen: np.ndarray
    a: np.ndarray
    front: np.ndarray
    behind: np.ndarray


def _mixed(image: np.ndarray, alpha: np.ndarray, monitor: Monitor) -> Iterator[_Mixed]:
    """The pixels of the rim; none where the image shows nothing of the object alone, or of the background alone."""
    rim = (alpha > 0) & (alpha < 255)
    window = windows.bounds(rim)
    if window is None:
        return
    around = window.grown(REACH, REACH, alpha.shape[1], alpha.shape[0])
    there = around.slices
    part = _rim(image[there], alpha[there], rim[there], white_value(image))
    object_colour = part.continued(part.alpha >= OBJECT)
    monitor.report(0.6)
    old_colour = part.continued(part.alpha <= light.BACKGROUND)
    monitor.report(0.8)
    if object_colour is None or old_colour is None:
        return
    width, scale = part.alpha.shape[1], np.array(part.alpha.shape) / object_colour.shape[:2]
    places = np.flatnonzero(part.rim & part.usable)
    for some in (places[k : k + BATCH] for k in range(0, len(places), BATCH)):
        monitor.report(0.8 + 0.2 * float(some[0]) / part.alpha.size)
        at = np.divmod(some, width)
        small = (np.stack(at, 1) + 0.5) / scale
        yield _Mixed(
            at=(at[0] + around.y, at[1] + around.x),
            seen=part.colour[at].astype(np.float32) / np.float32(part.white),
            a=part.alpha[at].astype(np.float32)[:, None] / 255,
            front=sample_at(object_colour, small),
            behind=sample_at(old_colour, small),
        )


def _unmixed(mixed: _Mixed) -> tuple[np.ndarray, np.ndarray]:
    """What object and old background are, (n, 3) float32, 0 to 1, so that they explain what is seen."""
    _at, seen, a, f, b = mixed
    off = (seen - a * f - (1 - a) * b) / (a**2 + (1 - a) ** 2 + np.float32(FAITH))
    return (f + a * off).clip(0, 1), (b + (1 - a) * off).clip(0, 1)


def _remixed(mixed: _Mixed, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours (n, 3), 0 to 1, to lay over the image, and the values (n,), 0 to 255, to show them through.

    behind: the new background's, (n, 3) float32.
    """
    f, b = _unmixed(mixed)
    seen, a = mixed.seen, mixed.a
    # What is explained neither by F nor by B is the object's: a I + (1 - a) (B' + a (F - B)).
    wanted = (a * seen + (1 - a) * (behind + a * (f - b))).clip(0, 1)
    # Blending gives (1 - m) I + m P.  With m = 1 - a, P may be out of range: then m is as much larger as it must.
    room = np.where(wanted > seen, 1 - seen, seen)
    least = np.abs(wanted - seen) / np.maximum(room, 1e-6)
    m = np.ceil(255 * np.maximum(1 - a, least.clip(0, 1)).max(axis=1) - 1e-3)
    value = seen + (wanted - seen) * (255 / m[:, None])
    return value.clip(0, 1), m


def _eroded(part: np.ndarray) -> np.ndarray:
    """part (h, w) bool without its outermost pixels."""
    return cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).reshape(part.shape) > 0

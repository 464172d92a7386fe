"""An object as much out of focus as its new background is where it stands.  Pure functions.

Both are measured by their sharpest edges (`focus`): the object by its own, the background by those of the ground on
either side of where the object stands.  What is blurred is the photo and the object's alpha together, so that the
object's edge is as soft as the rest of it.
"""

import math

import numpy as np

from ..imaging import focus, grain, windows
from ..imaging.pixels import to_depth, white_value
from ..shared.monitor import Monitor
from . import defocus

OBJECT = 250  # alpha from which a pixel is the object's alone
ABOVE, BELOW, BESIDE = 0.1, 0.1, 0.5  # of the object's height and width: what is looked at around where it stands
LEAST = 48  # pixels of these, at least
MOST = 0.05  # of the object's smaller side: the radius of discs, at most


def matched(
    image: np.ndarray, alpha: np.ndarray, background: np.ndarray, monitor: Monitor
) -> tuple[np.ndarray, np.ndarray]:
    """image (H, W, 3|4) and alpha (H, W) uint8 with the object as much out of focus as the background where it stands.

    background: (H, W, 3) of image's dtype.  Both are given back as they are where the background is as sharp as the
    object or sharper, or nothing tells.  Raises UserError where the monitor cancels it.
    """
    radius = _missing(image, alpha, background)
    bounds = windows.bounds(alpha)
    if not radius or bounds is None:
        return image, alpha
    reach = math.ceil(radius) + 1
    there = bounds.grown(reach, reach, *alpha.shape[::-1]).slices
    white = np.float32(white_value(image))
    colours = np.nan_to_num(image[there][..., :3].astype(np.float32) / white, posinf=1, neginf=0).clip(0, None)
    light = np.concatenate((np.square(colours), alpha[there][..., None].astype(np.float32)), axis=2)
    blurred = focus.blurred(light, np.full(light.shape[:2], radius, np.float32), monitor.check).clip(0, None)
    noise = grain.noise(grain.sample(background, np.zeros(alpha.shape, bool), float(white)))
    lost = np.float32(min(1.0, radius / 2))  # of the grain, as in `defocus`
    soft, softened = image.copy(), alpha.copy()
    colours = np.sqrt(blurred[..., :3]) + lost * grain.rows(noise, there[0].start, *light.shape[:2])
    soft[there][..., :3] = to_depth(colours.clip(0, None), image.dtype, float(white))
    softened[there] = np.rint(blurred[..., 3].clip(0, 255))
    return soft, softened


def _missing(image: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> float:
    """The radius in pixels of the discs that the object lacks; 0 where it does not stand on anything."""
    ground, bounds = defocus.ground(alpha), windows.bounds(alpha > 127)
    if ground is None or bounds is None:
        return 0.0
    top = int(ground.near - max(LEAST, ABOVE * bounds.height))
    bottom = int(ground.near + max(LEAST, BELOW * bounds.height))
    beside = int(max(LEAST, BESIDE * bounds.width))
    foot = np.zeros(alpha.shape, bool)
    foot[max(0, top) : bottom, max(0, bounds.x - beside) : bounds.x + bounds.width + beside] = True
    usable = np.isfinite(image[..., :3]).all(axis=2) if image.dtype == np.float32 else True
    own = focus.measure(image, (alpha >= OBJECT) & usable, white_value(image))
    there = focus.measure(background, foot, white_value(background))
    return min(focus.missing(there, own), MOST * min(bounds.width, bounds.height))

"""Masks on their way to the inpainter.  Pure functions over (H, W) uint8, 255 = the object.

A mask is grown because one that ends on the object's edge leaves its rim and its halo (Inpaint Anything, Yu et al.
2023, section 3.2: "dilation matters"), and feathered so that grain and light blend.
"""

import math

import cv2
import numpy as np

from ..shared.errors import wrong_input
from ..shared.geometry import Size, Window, default_feather, default_grow
from .windows import bounds, pieces

STEP = 16  # pixels: parts of a mask that are closer may be grown as one piece


def suited(grow: int | None, feather: int | None, size: Size) -> tuple[int, int]:
    """grow and feather; where they are None, what suits an image of this (width, height)."""
    grow = default_grow(*size) if grow is None else grow
    return grow, default_feather(grow) if feather is None else feather


def feathered_inwards(mask: np.ndarray, feather: int, scale: float = 1.0) -> np.ndarray:
    """mask (H, W) uint8 that falls to 0 over the `feather` pixels inside its edge; scale as in `grow_and_feather`."""
    result = np.zeros(mask.shape, np.uint8)
    found = bounds(mask)
    if found is not None:  # the nearest pixel outside lies in the row or column beside the bounds, if not within them
        near = found.grown(1, 1, mask.shape[1], mask.shape[0]).slices
        result[near] = np.uint8(255) - grow_and_feather(np.uint8(255) - mask[near], 0, feather, scale)
    return result


def grow_and_feather(mask: np.ndarray, grow: int, feather: int, scale: float = 1.0) -> np.ndarray:
    """The alpha (H, W) uint8 of an inpainted patch.

    255 on the object and up to `grow` pixels (Euclidean) from it, falling to 0 over the next `feather` pixels.  A mask
    that is nowhere over 127 was painted half transparent, and so is its alpha.  grow = feather = 0 gives the mask as it
    is, its own soft values included.  scale: for the mask of a reduced image, its pixels per pixel of grow and feather,
    at most 1.  Raises UserError for amounts below 0.
    """
    if grow < 0 or feather < 0:
        raise wrong_input("Grow and feather cannot be negative.")
    result = np.zeros(mask.shape, np.uint8)  # only what is written to takes memory
    object_bounds = bounds(mask)
    if object_bounds is None:
        return result
    if not (grow or feather):
        result[object_bounds.slices] = mask[object_bounds.slices]
        return result
    peak = int(mask[object_bounds.slices].max())
    reach = math.ceil((grow + feather + 0.5) * scale + 0.5)
    for place in _places(mask, object_bounds, reach):
        near = place.slices
        shape = mask[near] > (127 if peak > 127 else peak / 2)
        if not shape.any():
            continue
        grown = _grown(shape, grow, feather, scale)
        if peak <= 127:
            grown = np.rint(grown * np.float32(peak / 255)).astype(np.uint8)
        np.maximum(result[near], grown, out=result[near])
    return result


def _places(mask: np.ndarray, object_bounds: Window, reach: int) -> list[Window]:
    """Windows of mask (H, W) that hold all within `reach` pixels of its pieces: one, or where that is less, many."""
    height, width = mask.shape
    whole = object_bounds.grown(reach, reach, width, height)
    apart = [piece.grown(reach, reach, width, height) for piece in pieces(mask, STEP)]
    return apart if sum(place.area for place in apart) < whole.area / 2 else [whole]


def _grown(shape: np.ndarray, grow: int, feather: int, scale: float) -> np.ndarray:
    """shape (h, w) bool, grown and feathered: (h, w) uint8."""
    # A reduced mask is only for previews, where an error of a hundredth does not matter.
    precision = cv2.DIST_MASK_PRECISE if scale == 1 else cv2.DIST_MASK_5
    distance = cv2.distanceTransform((~shape).astype(np.uint8), cv2.DIST_L2, precision)
    # From the middle of a pixel to the middle of the nearest object pixel, half of which is the object itself.
    from_object = (distance - np.float32(0.5)) / np.float32(scale) + np.float32(0.5)
    return np.asarray(np.rint(np.clip(1 - (from_object - grow) / (feather + 1), 0, 1) * 255).astype(np.uint8))

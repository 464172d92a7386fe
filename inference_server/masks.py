"""What happens to a mask between the segmenter and the inpainter.  Pure functions over (H, W) uint8, 255 = the object.

The order is always: fill holes, grow, feather.  Holes are filled because SAM leaves gaps, grown because a mask
that ends on the object's edge leaves its rim and its halo (Inpaint Anything, Yu et al. 2023, section 3.2: "dilation
matters"), feathered so that grain and light meet softly.
"""

import cv2
import numpy as np

from .region import Window

LEAST_GROW = 7  # the paper's code dilates with a 15-pixel kernel


def default_grow(width: int, height: int) -> int:
    """Pixels to grow by in a photo of this size: one cell of SAM's 256 across, which is how well it knows an edge."""
    return max(LEAST_GROW, round(max(width, height) / 256))


def default_feather(grow: int) -> int:
    """Pixels of soft edge that go with a growth."""
    return max(1, grow // 3) if grow else 0


def fill_holes(logits: np.ndarray, largest: float = 0.005) -> np.ndarray:
    """logits (h, w) float32 with the holes made positive that are smaller than `largest` of the object's cells.

    A doughnut keeps its hole; the gaps SAM leaves inside an object go.
    """
    outside = np.pad(logits <= 0, 1, constant_values=True)  # one frame joins all that is not a hole
    _, labels, stats, _ = cv2.connectedComponentsWithStats(outside.astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= largest * np.count_nonzero(logits > 0)
    small[0] = small[labels[0, 0]] = False  # neither the object nor what lies around it
    return np.where(small[labels[1:-1, 1:-1]], np.abs(logits) + np.float32(0.5), logits)


def resample(
    logits: np.ndarray, cells: tuple[float, float], window: Window, size: tuple[int, int] | None = None
) -> np.ndarray:
    """The logits float32 of a window of the photo, at `size` (width, height) or in the photo's own pixels.

    logits: (h, w) float32 on the segmenter's grid; cells: grid cells per photo pixel, in x and y.
    """
    size = size or (window.width, window.height)
    steps = [c * n / m for c, n, m in zip(cells, window[2:], size, strict=True)]
    offsets = [start * c + 0.5 * step - 0.5 for start, c, step in zip(window[:2], cells, steps, strict=True)]
    transform = np.array([[steps[0], 0, offsets[0]], [0, steps[1], offsets[1]]])
    return cv2.warpAffine(
        logits,
        transform,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def render(logits: np.ndarray, cells: tuple[float, float], window: Window) -> np.ndarray:
    """The mask (height, width) uint8, 0 or 255, of a window of the photo.

    logits, cells: as in `resample`.  The logits, not the mask, are interpolated, so the edge comes out smooth at any
    size.
    """
    return np.where(resample(logits, cells, window) > 0, np.uint8(255), np.uint8(0))


def grow_and_feather(mask: np.ndarray, grow: int, feather: int) -> np.ndarray:
    """The alpha (H, W) uint8 of an inpainted patch.

    255 on the object and up to `grow` pixels (Euclidean) from it, falling to 0 over the next `feather` pixels.
    grow = feather = 0 gives the mask as it is, its own soft values included.
    """
    if not grow and not feather:
        return mask.copy()
    distance = cv2.distanceTransform((mask <= 127).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = 1 - (distance - grow) / (feather + 1)
    return np.rint(np.clip(ramp, 0, 1) * 255).astype(np.uint8)

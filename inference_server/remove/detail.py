"""From a filled picture at reduced size to the photo's own pixels, with its grain and its sharpness.  Pure functions.

What the reduced picture cannot hold, the difference between the photo and its own reduced picture, is copied to each
pixel of the hole from the place that `patches` found to be alike (as Yi et al. 2020, "Contextual Residual Aggregation
for Ultra High-Resolution Image Inpainting", section 3.2, do with a network's attention).  At full size it is what a
slight blur takes away: the grain, which averaging patches has lost.
"""

import cv2
import numpy as np

from ..imaging.pixels import to_depth
from ..imaging.sampling import sample_at
from .patchmatch import Filled

BLUR = 1.0  # pixels of the reduced picture: what is finer comes from the photo
BATCH = 1 << 18  # pixels at once


def detailed(photo: np.ndarray, hole: np.ndarray, usable: np.ndarray, white: float, filled: Filled) -> np.ndarray:
    """The pixels (n, 3) of the photo's hole, in the order of its True values and of the photo's depth.

    photo, hole, white: as in `reduced`; usable: (H, W) bool, the pixels that detail may be copied from; filled: the
    reduced picture's.
    """
    height, width = hole.shape
    h, w = filled.offsets.shape[:2]
    scale = np.array((height / h, width / w))
    soft = cv2.GaussianBlur(filled.pixels, (0, 0), BLUR)
    places = np.flatnonzero(hole)
    result = np.empty((len(places), 3), photo.dtype)
    for some in (slice(k, k + BATCH) for k in range(0, len(places), BATCH)):
        at = np.stack(np.divmod(places[some], width), 1)
        small = (at + 0.5) / scale
        cell = np.minimum(small.astype(np.int32), (h - 1, w - 1))
        source = at + np.rint(filled.offsets[cell[:, 0], cell[:, 1]] * scale).astype(np.int32)
        source = source.clip(0, (height - 1, width - 1))
        there = source[:, 0], source[:, 1]
        value = photo[there].astype(np.float32) / np.float32(white) - sample_at(soft, (source + 0.5) / scale)
        value[~usable[there]] = 0
        value += sample_at(soft, small)
        result[some] = to_depth(value, photo.dtype, white)
    return result

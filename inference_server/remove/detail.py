"""From a filled picture at reduced size to the photo's own pixels, with its grain and its sharpness.  Pure functions.

The reduced picture lacks the fine detail: the difference between the photo and its own reduced picture.  For each pixel
of the hole this difference is copied from the similar place that `patchmatch` found (as Yi et al. 2020, "Contextual
Residual Aggregation for Ultra High-Resolution Image Inpainting", section 3.2, do with a network's attention).  At full
size the difference is what a slight blur removes: the grain, which averaging patches has lost.
"""

import cv2
import numpy as np

from ..imaging.pixels import to_depth
from ..imaging.sampling import sample_at
from ..shared.monitor import UNWATCHED, Monitor
from .patchmatch import Filled

BLUR = 1.0  # pixels of the reduced picture: detail finer than this comes from the photo
BATCH = 1 << 18  # pixels processed at once, to bound memory


def detailed(
    photo: np.ndarray,
    hole: np.ndarray,
    usable: np.ndarray,
    white: float,
    filled: Filled,
    monitor: Monitor = UNWATCHED,
) -> np.ndarray:
    """The pixels (n, 3) of the photo's hole, in the order of its True values and of the photo's depth.

    photo, hole, white: as in `sampling.reduced`; usable: (H, W) bool, the pixels that detail may be copied from;
    filled: of the reduced picture.  Raises UserError when cancelled.
    """
    height, width = hole.shape
    h, w = filled.offsets.shape[:2]
    scale = np.array((height / h, width / w))
    blurred = cv2.GaussianBlur(filled.pixels, (0, 0), BLUR)
    indices = np.flatnonzero(hole)
    result = np.empty((len(indices), 3), photo.dtype)
    for batch in (slice(k, k + BATCH) for k in range(0, len(indices), BATCH)):
        monitor.check()
        target = np.stack(np.divmod(indices[batch], width), 1)
        reduced_target = (target + 0.5) / scale
        cell = np.minimum(reduced_target.astype(np.int32), (h - 1, w - 1))
        source = target + np.rint(filled.offsets[cell[:, 0], cell[:, 1]] * scale).astype(np.int32)
        source = source.clip(0, (height - 1, width - 1))
        source_index = source[:, 0], source[:, 1]
        value = photo[source_index].astype(np.float32) / np.float32(white)
        value -= sample_at(blurred, (source + 0.5) / scale)
        value[~usable[source_index]] = 0
        value += sample_at(blurred, reduced_target)
        result[batch] = to_depth(value, photo.dtype, white)
    return result

"""The contrast that averaging patches has taken from a filled hole.  A pure function.

Where patches that do not quite agree are averaged, waves of a few pixels become weaker than in any of them: water
becomes calmer, grass a green haze.  How strong they were, the places say that were copied.  So the picture is divided
into bands of frequencies, as in a Laplacian pyramid (Burt and Adelson 1983) that is not reduced; and where a band is
weaker in the hole than at what was copied, it is amplified, as Heeger and Bergen 1995 ("Pyramid-Based Texture
Analysis/Synthesis") match the bands of whole pictures, here place by place.
"""

from itertools import pairwise

import cv2
import numpy as np

from ..imaging import windows

BANDS = (0.0, 1.0, 2.0, 4.0, 8.0)  # pixels: standard deviations of the blurs that the bands lie between
WIDE = 1.5  # times the blur that ends a band: the deviation of the window in which its strength is measured
MOST = 1.6  # by which a band is amplified
LEAST = 1e-8  # strength that is amplified
NEAR = 5  # pixels of the square around what was copied that has all its colours: none beyond these is made
RIM = 1.5  # pixels over which the hole's rim stays as it is, so that it fits its surroundings


def restored(rgb: np.ndarray, offsets: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """rgb (h, w, 3) float32, with as much contrast in its hole as what that was copied from has.

    offsets: (h, w, 2) int32, in y and x, from a pixel to the one that it was copied from; hole: (h, w) bool, not empty;
    usable: (h, w) bool, the pixels that may have been copied.
    """
    bounds = windows.bounds(hole)
    assert bounds is not None
    height, width = hole.shape
    reach = round(3 * (1 + WIDE) * BANDS[-1])
    part = bounds.grown(reach, reach, width, height).slices
    y, x = np.mgrid[part]
    source = (y + offsets[part][..., 0]).clip(0, height - 1), (x + offsets[part][..., 1]).clip(0, width - 1)
    changed, grey = rgb[part], rgb.mean(axis=2)
    copied = (usable[source] & hole[part]).astype(np.float32)
    inside = np.maximum(2 * _blurred(hole[part].astype(np.float32), RIM) - 1, 0) * hole[part]
    result = rgb.copy()
    blurs = [(_blurred(changed, deviation), _blurred(grey, deviation)) for deviation in BANDS]
    for deviation, (fine, coarse) in zip(BANDS[1:], pairwise(blurs), strict=True):
        band, wanted = fine[0] - coarse[0], (fine[1] - coarse[1])[source]
        window = WIDE * deviation
        squares = [_blurred(values**2 * copied, window) for values in (wanted, band.mean(axis=2))]
        gain = np.sqrt(squares[0] / np.maximum(squares[1], LEAST)).clip(1, MOST)
        result[part] += ((_blurred(gain, window) - 1) * inside)[..., None] * band
    near = np.ones((NEAR, NEAR), np.uint8)
    least, most = cv2.erode(rgb, near)[source], cv2.dilate(rgb, near)[source]
    result[part] = result[part].clip(np.minimum(changed, least), np.maximum(changed, most))
    return result


def _blurred(values: np.ndarray, deviation: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), deviation) if deviation else values

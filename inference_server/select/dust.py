"""Dust on the sensor, and other small dark spots on an even ground, such as the sky: found without a model.

A spot is darker than the median of its surroundings, as much in each colour, is about round, and lies where little else
differs from that median (compare Zhou and Lin 2007, "Removal of Image Artifacts Due to Sensor Dust", section 3: dust
shows as round, smooth attenuation on smooth ground).  What is lighter are snow and reflections, what has a colour of
its own belongs to the thing it is on.  Where there is texture nothing is found: there spots do not disturb, and are
told from it by nobody.
"""

import cv2
import numpy as np

from ..shared.geometry import Window

SIDE = 2400  # pixels on the long side that are looked at
LARGEST = 24  # pixels across, there: 60 in a photo of 24 megapixels
GROUND = 10 * LARGEST + 1  # pixels across that a spot is compared with
RIM = 3  # pixels of a spot that fade into the ground
LEAST = 4.0  # levels of 255 by which a spot differs from its ground
TIMES = 6.0  # the ground's own mean difference
CALM = 2.5  # levels of 255: a ground that differs more from its own median is texture
ROUND = 0.7  # share of its bounding circle that a spot fills
GREY = 0.02, 0.3  # share of the light by which the colours may differ in what is taken away, and of what is
DARKEST = 40  # levels of 255: dust takes light away, and a darker ground has little, but a JPEG's blocks
MOST_OF_GROUND = 0.8  # share of its surroundings, which differ less from their median than a spot does
AWAY = 3  # pixels from a spot, where its surroundings begin
BORDER = 3  # pixels: nearer to the border a corner that is darker looks like a spot


def find(picture: np.ndarray) -> np.ndarray:
    """The mask (h, w) uint8, 0 or 255, of the spots in a picture (h, w, 3) uint8, sRGB, of at most SIDE pixels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32)
    around = cv2.medianBlur(grey, 2 * LARGEST + 1).astype(np.float32)
    darker = cv2.GaussianBlur(around, (0, 0), RIM) - smooth
    ground = cv2.blur(np.minimum(np.abs(darker), 4 * CALM), (GROUND, GROUND))
    seeds = (darker > np.maximum(TIMES * ground, LEAST)) & (ground < CALM) & (around >= DARKEST)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((darker > LEAST / 2).astype(np.uint8))
    seeded = np.zeros(count, bool)
    seeded[labels[seeds]] = True
    seeded[0] = False
    width, height, area = (boxes[:, k] for k in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    across = np.maximum(width, height)
    seeded &= (across <= LARGEST) & (across >= 3) & (area >= ROUND * np.pi / 4 * across**2)
    left, top = boxes[:, cv2.CC_STAT_LEFT], boxes[:, cv2.CC_STAT_TOP]
    seeded &= (np.minimum(left, top) >= BORDER) & (left + width <= grey.shape[1] - BORDER)
    seeded &= top + height <= grey.shape[0] - BORDER
    for k in np.flatnonzero(seeded):
        seeded[k] = _is_dust(picture, labels, int(k), Window(*boxes[k, :4].tolist()))
    return seeded[labels].astype(np.uint8) * np.uint8(255)


def _is_dust(picture: np.ndarray, labels: np.ndarray, k: int, bounds: Window) -> bool:
    """Whether the spot that is k in labels (h, w) takes as much of each colour of its surroundings away, and much more
    than these differ among themselves."""
    near = bounds.grown(2 * AWAY, 2 * AWAY, picture.shape[1], picture.shape[0]).slices
    inside, colours = labels[near] == k, cv2.GaussianBlur(picture[near], (0, 0), 1.0).astype(np.float32)
    apart = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5) > AWAY
    ground = np.median(colours[apart], axis=0)
    left = colours[inside].mean(axis=0) / np.maximum(ground, 1)
    dark = float((ground - colours[inside]).mean())
    uneven = float(np.quantile(np.abs(colours[apart] - ground).mean(axis=1), MOST_OF_GROUND))
    return bool(np.ptp(left) <= GREY[0] + GREY[1] * max(1 - float(left.mean()), 0)) and dark >= uneven

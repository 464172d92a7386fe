"""Dust on the sensor, and other small spots on an even ground, such as the sky: found without a model.

A spot differs from the median of its surroundings, is about round, and lies where little else differs from it (compare
Zhou and Lin 2007, "Removal of Image Artifacts Due to Sensor Dust", section 3: dust shows as round, smooth attenuation
on smooth ground).  Where there is texture nothing is found: there spots do not disturb, and are told from it by nobody.
"""

import cv2
import numpy as np

SIDE = 2400  # pixels on the long side that are looked at
LARGEST = 24  # pixels across, there: 60 in a photo of 24 megapixels
GROUND = 10 * LARGEST + 1  # pixels across that a spot is compared with
RIM = 3  # pixels of a spot that fade into the ground
LEAST = 4.0  # levels of 255 by which a spot differs from its ground
TIMES = 6.0  # the ground's own mean difference
CALM = 2.5  # levels of 255: a ground that differs more from its own median is texture
ROUND = 0.55  # share of its bounding circle that a spot fills
DARKEST = 40  # levels of 255: dust takes light away, and a darker ground has little, but a JPEG's blocks
BORDER = 3  # pixels: nearer to the border a corner that is darker looks like a spot


def find(picture: np.ndarray) -> np.ndarray:
    """The mask (h, w) uint8, 0 or 255, of the spots in a picture (h, w, 3) uint8, sRGB, of at most SIDE pixels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.float32)
    around = cv2.medianBlur(grey, 2 * LARGEST + 1).astype(np.float32)
    differs = np.abs(smooth - cv2.GaussianBlur(around, (0, 0), RIM))
    ground = cv2.blur(np.minimum(differs, 4 * CALM), (GROUND, GROUND))
    seeds = (differs > np.maximum(TIMES * ground, LEAST)) & (ground < CALM) & (around >= DARKEST)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((differs > LEAST / 2).astype(np.uint8))
    seeded = np.zeros(count, bool)
    seeded[labels[seeds]] = True
    seeded[0] = False
    width, height, area = (boxes[:, k] for k in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    across = np.maximum(width, height)
    seeded &= (across <= LARGEST) & (across >= 3) & (area >= ROUND * np.pi / 4 * across**2)
    left, top = boxes[:, cv2.CC_STAT_LEFT], boxes[:, cv2.CC_STAT_TOP]
    seeded &= (np.minimum(left, top) >= BORDER) & (left + width <= grey.shape[1] - BORDER)
    seeded &= top + height <= grey.shape[0] - BORDER
    return seeded[labels].astype(np.uint8) * np.uint8(255)

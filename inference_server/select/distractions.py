"""What one may want gone from a photograph, each thing as a mask of its own.

Without a model: wires before the sky (`wires`), and the spots on an even ground all together (`dust`).  Where SAM 3 is
installed also signs, and people who are not the photograph's subject.
"""

import cv2
import numpy as np

from ..shared.geometry import fit_within
from . import dust, wires

BY_NAME = ("person", "sign", "wire")  # for a model that finds things by their names
PEOPLE = BY_NAME[0]
MUCH = 0.3  # of a person that is in the subject, or of a thing that was found before


def without_model(proxy: np.ndarray) -> list[np.ndarray]:
    """The masks (h, w) bool of wires, the longest first, and of all spots, in a proxy (h, w, 3) uint8."""
    height, width = proxy.shape[:2]
    small = cv2.resize(proxy, fit_within(width, height, wires.SIDE), interpolation=cv2.INTER_AREA)
    found = [_at_size(mask, proxy.shape) for mask in wires.find(small)]
    spots = dust.find(proxy) > 0
    return [*found, spots] if spots.any() else found


def is_new(mask: np.ndarray, others: list[np.ndarray]) -> bool:
    """Whether a mask (h, w) bool is mostly outside each of others."""
    area = int(np.count_nonzero(mask))
    return area > 0 and all(np.count_nonzero(mask & other) <= MUCH * area for other in others)


def _at_size(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    resized = cv2.resize(mask.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(resized > 0.3)  # a wire is thinner than a pixel of a smaller picture

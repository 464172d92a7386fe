"""How many mirror images inference_server/select/reflections.py finds, for each ALIKE.

    python3 bench/fit/reflections.py DATA        about a second for each photograph

As in shadows.py beside this, an object is pasted into another photograph; here what lies below it shows it upside down:
paler, flatter, blurred and moved by waves.  Without that, nothing is to be found.
"""

import sys
from typing import NamedTuple

import cv2
import numpy as np
import shadows as composites
from labelled import photographs

from inference_server.imaging import windows
from inference_server.select import mask_ranking, reflections

FOUND = 0.5  # IoU with the mirror image, from which it is found
FALSE = (0.0, 0.01, 0.03, 0.1)  # of the pictures without one, in which one may be found
HEIGHT = 0.8, 1.05  # of the mirror image, of the object's
SHARE, DARKER = (0.3, 0.85), (0.7, 1.0)  # how much of what is seen it is, and how light
WAVES, BLUR = (0.0, 0.025), (0.003, 0.02)  # of the object's height


class Tried(NamedTuple):
    """The score with a mirror image and without, and the IoU of what is found with it."""

    score: float
    overlap: float
    without: float


def main() -> int:
    rng, tried = np.random.default_rng(0), list[Tried]()
    for composite, _, _ in composites.all_composites(photographs(), rounds=1):
        if not composite.shadow.any():
            image, truth = with_mirror_image(composite, rng)
            (score, found), (without, _) = (considered(pixels, composite.mask) for pixels in (image, composite.image))
            tried.append(Tried(score, mask_ranking.overlap(found, truth), without))
    for false in FALSE:
        least = float(np.quantile([one.without for one in tried], 1 - false))
        share = np.mean([one.score > least and one.overlap >= FOUND for one in tried])
        print(f"of {len(tried)} found {share:.2f} where {false:.0%} are false, with ALIKE = {least:.2f}")
    share = np.mean([one.score > reflections.ALIKE and one.overlap >= FOUND for one in tried])
    wrong = np.mean([one.without > reflections.ALIKE for one in tried])
    print(f"as the product has it: found {share:.2f}, false {wrong:.3f}")
    return 0


def considered(image: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray]:
    """The score of the likeliest mirror image in (h, w, 3) uint8, -9 for none, and where (h, w) bool it is."""
    window = reflections.searched(mask)
    item = mask[window.slices]
    score, image_of = reflections.likeliest(*reflections.reduced(image[window.slices], item))
    found = np.zeros(mask.shape, bool)
    if image_of is not None:
        found[window.slices] = cv2.resize(image_of.astype(np.float32), item.shape[::-1]) > 0.5
    return max(score, -9.0), found


def with_mirror_image(composite: composites.Composite, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The composite (h, w, 3) uint8 with the object's mirror image below it, and where (h, w) bool that is."""
    item = composite.mask > 127
    bounds = windows.bounds(item)
    assert bounds is not None
    (height, width), foot, flat = item.shape, bounds.y + bounds.height, rng.uniform(*HEIGHT)
    turned = np.array([[1, 0, 0], [0, -flat, foot * (1 + flat) - flat]], np.float32)
    mirrored = cv2.warpAffine(composite.image.astype(np.float32), turned, (width, height))
    share = cv2.warpAffine(item.astype(np.float32), turned, (width, height))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = rng.normal(0, 1, item.shape).astype(np.float32)
    waves = cv2.GaussianBlur(noise, (0, 0), 0.06 * bounds.height, None, 0.015 * bounds.height)
    farther = 0.3 + ((y - foot) / bounds.height).clip(0, 1)
    moved = x + waves / waves.std() * np.float32(rng.uniform(*WAVES) * bounds.height) * farther
    blur = max(0.5, rng.uniform(*BLUR) * bounds.height)
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), blur, None, 2 * blur)
    shown, share = (cv2.remap(plane, moved, y, cv2.INTER_LINEAR) for plane in (mirrored, share))
    share = cv2.GaussianBlur(share, (0, 0), 1) * ~item * np.float32(rng.uniform(*SHARE))
    light = composite.image * (1 - share[..., None]) + share[..., None] * shown * rng.uniform(*DARKER)
    return np.rint(light.clip(0, 255)).astype(np.uint8), share > 0.15


if __name__ == "__main__":
    sys.exit(main())

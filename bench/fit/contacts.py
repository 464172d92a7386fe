"""Fits BIAS and WEIGHTS of inference_server/select/contacts.py, and shows LIKELY and SURE.

    python3 bench/fit/contacts.py DATA        about a second for each photograph

As in shadows.py beside this, an object is pasted into another photograph; here it darkens the ground where it stands,
in a soft band: as much as what is just above a point hides of the sky there.  Without that, nothing is to be found.
Nothing is fitted to the data set HELD.
"""

import sys
from typing import NamedTuple

import cv2
import numpy as np
import shadows as composites
from labelled import photographs

from inference_server.imaging import windows
from inference_server.select import contacts, mask_ranking

FOUND = 0.5  # IoU with the band, from which it is found
FALSE = (0.0, 0.01, 0.03, 0.05, 0.1)  # of the pictures without one, in which one may be found
HELD = "held"  # the data set that nothing is fitted to
LOWEST = 0.22, 0.2  # of the object's height, where it may stand; of its scale, what hides the sky there
WIDE = 0.03, 0.1  # of the shorter side of its bounds: the deviation of the band
LEFT, BLUER = (0.3, 0.7), (0.0, 0.12)  # of the ground's brightness in it; as in shadows.py
SHADED = 0.3  # share of the darkest, from which a pixel belongs to it


class Tried(NamedTuple):
    """The evidence with a band and without, None for too little, and the IoU of what would be taken with the band."""

    data_set: str
    evidence: contacts.Evidence | None
    overlap: float
    without: contacts.Evidence | None


def main() -> int:
    rng = np.random.default_rng(0)
    tried = [
        considered(composite, data_set, rng)
        for composite, data_set, _ in composites.all_composites(photographs(), rounds=1)
        if not composite.shadow.any()
    ]
    learned, held = ([one for one in tried if (one.data_set == HELD) == wanted] for wanted in (False, True))
    fitted = fit(learned)
    named = zip(contacts.Evidence._fields, fitted.weights, strict=True)
    print(f"BIAS = {fitted.bias:.2f}\nWEIGHTS = Evidence({', '.join(f'{name}={value:.2f}' for name, value in named)})")
    product = composites.Weights(contacts.BIAS, np.array(contacts.WEIGHTS))
    for name, some in (("where it is fitted", learned), (f"in {HELD}", held)):
        for whose, weights in (("fitted", fitted), ("the product's", product)):
            if some:
                print(f"{name}, {whose}: {curve(some, weights)}")
    return 0


def considered(composite: composites.Composite, data_set: str, rng: np.random.Generator) -> Tried:
    image, truth = with_contact(composite, rng)
    (seen, found), (without, _) = (_seen(pixels, composite.mask) for pixels in (image, composite.image))
    return Tried(data_set, seen, mask_ranking.overlap(found, truth), without)


def _seen(image: np.ndarray, mask: np.ndarray) -> tuple[contacts.Evidence | None, np.ndarray]:
    """The evidence in an image (h, w, 3) uint8, and what (h, w) bool would be taken."""
    found, window = np.zeros(mask.shape, bool), contacts.searched(mask)
    ground = contacts.standing(*contacts.reduced(image[window.slices], mask[window.slices])) if window else None
    seen = contacts.evidence(ground) if ground else None
    if window is not None and ground is not None and seen is not None:
        share = cv2.resize(contacts.shaded(ground).astype(np.float32), (window.width, window.height))
        found[window.slices] = (share > 0.5) & (mask[window.slices] <= 127)
    return seen, found


def with_contact(composite: composites.Composite, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The composite (h, w, 3) uint8 with a dark band where the object stands, and where (h, w) bool that is."""
    item = composite.mask > 127
    bounds = windows.bounds(item)
    assert bounds is not None
    scale, rows = min(bounds.width, bounds.height), np.arange(len(item))[:, None]
    lowest = len(item) - 1 - item[::-1].argmax(axis=0)
    stands = item.any(axis=0) & (lowest >= bounds.y + (1 - LOWEST[0]) * bounds.height)
    hides = item & stands & (rows > lowest - max(1.0, LOWEST[1] * scale))
    wide = max(0.6, rng.uniform(*WIDE) * scale)
    moved = cv2.warpAffine(hides.astype(np.float32), np.array([[1, 0, 0], [0, 1, 0.4 * wide]]), item.shape[::-1])
    share = cv2.GaussianBlur(moved, (0, 0), 1.4 * wide, None, 0.8 * wide)
    share /= max(1e-6, float(share[~item].max(initial=0)))
    bluer = rng.uniform(*BLUER)
    left = rng.uniform(*LEFT) * np.exp([-bluer / 2, 0, bluer / 2])
    ground = (share.clip(0, 1) * (1 - cv2.GaussianBlur(item.astype(np.float32), (0, 0), 0.7)))[..., None]
    light = composite.image * (1 - ground * (1 - left))
    return np.rint(light).astype(np.uint8), (share > SHADED) & ~item


def fit(tried: list[Tried]) -> composites.Weights:
    x = [one.evidence for one in tried if one.evidence] + [one.without for one in tried if one.without]
    y = np.arange(len(x)) < sum(one.evidence is not None for one in tried)
    return composites.logistic(np.array(x), y, np.ones(len(x)))


def curve(tried: list[Tried], weights: composites.Weights) -> str:
    """The share of the bands that are found, for each share of pictures without one in which something is."""

    def odds(evidence: contacts.Evidence | None) -> float:
        return -99.0 if evidence is None else weights.bias + float(np.dot(weights.weights, evidence))

    none, parts = [odds(one.without) for one in tried], []
    for false in FALSE:
        least = float(np.quantile(none, 1 - false))
        there = [odds(one.evidence) > least for one in tried]
        found = np.mean([is_there and one.overlap >= FOUND for is_there, one in zip(there, tried, strict=True)])
        parts.append(f"{found:.2f} ({np.mean(there):.2f} in any outline) at {false:.0%} false (odds {least:.2f})")
    overlap = np.mean([one.overlap for one in tried])
    return f"of {len(tried)} found " + ", ".join(parts) + f"; mean IoU {overlap:.2f}"


if __name__ == "__main__":
    sys.exit(main())

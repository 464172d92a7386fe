"""Whether hair or fur crosses the edge of a mask.  Pure functions.

The photo is unrolled along the outline, so that what crosses the edge runs across the strip.  Strands are what varies
along the outline just outside it, goes on from one row of the strip to the next, is more than what varies further out,
and has the object's own colours; and no step lies at the edge itself.  A linear model of these says of each piece of
the outline whether strands cross it: fitted to fur and to smooth shapes that were laid over photographs
(bench/fit/hair.py).
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

INSIDE, OUTSIDE = 16, 32  # pixels that the strip reaches to each side of the outline
NEAR, FURTHER, FAR = (slice(INSIDE + k, INSIDE + k + 8) for k in (3, 6, 20))  # rows of the strip
PIECE = 24  # pixels of outline that are judged together
LEAST_PIECES = 16  # fewer say nothing of an object
SHORTEST = 60  # pixels of outline: shorter ones are left out
SMOOTH = 4.0  # pixels: what is finer than this of an outline is no direction
STEEP = 0.1  # gradient of the smoothed mask: about .8 at an edge, 0 where the picture's border cuts the object off
BETWEEN = 5.0  # pixels along the outline: what varies more slowly is no strand
COLOURS = 8.0  # pixels along the outline from which its colours are taken
FAINT = 30.0  # squared levels of 255: colours that are no further apart cannot be told
LITTLE = 0.03  # variation that counts as none

# A piece is the likelier crossed, the larger WEIGHTS[0] + WEIGHTS[1:] @ features.
WEIGHTS = (5.58, 1.65, 1.54, 1.04, 0.58, -3.49, -6.22, 0.11)
SURE = 0.7  # share of the pieces that are likelier crossed than not, from which it is said that there is hair


def crosses(rgb: np.ndarray, mask: np.ndarray) -> bool:
    """Whether hair is seen to cross the edge of a mask (h, w) uint8 over rgb (h, w, 3) uint8, of a proxy's size."""
    return is_seen(likelihoods(features(rgb, mask)))


def is_seen(likely: np.ndarray) -> bool:
    """Whether there is hair, from how likely each piece (n,) is crossed: by their number, as sparse strands are never
    certain."""
    return len(likely) >= LEAST_PIECES and float((likely > 0.5).mean()) > SURE


def likelihoods(found: np.ndarray, weights: Sequence[float] = WEIGHTS) -> np.ndarray:
    """How likely each piece of an outline is crossed by strands, (n,), 0 to 1.  found: its `features`."""
    return np.asarray(1 / (1 + np.exp(-(weights[0] + found @ np.array(weights[1:])))))


def features(rgb: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What tells strands, of each piece of the mask's outline that lies within the picture: (n, 7) float.

    How much varies along the outline near it, as log of the ratio to what varies far from it and as a log; how far this
    goes on outwards, as a correlation, and how much further than it does far away; the share of the object's colour
    near the outline; how much of that falls at the outline; log of how far the colours of both sides are apart.
    """
    found = [_of_strip(*strip) for strip in _strips(rgb, mask)]
    return np.concatenate(found) if found else np.zeros((0, 7))


def _strips(rgb: np.ndarray, mask: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Along each outline the colours from INSIDE pixels inside to OUTSIDE outside, (length, INSIDE + OUTSIDE, 3)
    float32, and whether a place lies within the picture, (length, INSIDE + OUTSIDE) bool."""
    height, width = mask.shape
    soft = cv2.GaussianBlur((mask > 127).astype(np.float32), (0, 0), SMOOTH)
    down, right = (cv2.Sobel(soft, cv2.CV_32F, *axis) for axis in ((0, 1), (1, 0)))
    outlines, _ = cv2.findContours((soft > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    steps = np.arange(-INSIDE, OUTSIDE, dtype=np.float32)
    for outline in outlines:
        x, y = outline[:, 0].T
        if len(x) < SHORTEST:
            continue
        outwards = _along(-np.stack([right[y, x], down[y, x]], axis=1), SMOOTH)
        steepness = np.linalg.norm(outwards, axis=1, keepdims=True)
        outwards /= np.maximum(steepness, 1e-6)
        across, below = (start[:, None] + steps * outwards[:, k, None] for k, start in enumerate((x, y)))
        across, below = across.astype(np.float32), below.astype(np.float32)
        colours = cv2.remap(rgb, across, below, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        within = (across >= 0) & (across <= width - 1) & (below >= 0) & (below <= height - 1) & (steepness >= STEEP)
        yield colours.astype(np.float32), within


def _of_strip(colours: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The `features` of the pieces of one outline, from its strip."""
    front, behind = (_along(colours[:, rows].mean(axis=1), COLOURS) for rows in (slice(6, 13), FAR))
    apart = front - behind
    squares = (apart * apart).sum(axis=1, keepdims=True)
    share = (((colours - behind[:, None]) * apart[:, None]).sum(axis=2) / (squares + FAINT)).clip(-0.5, 1.5)
    fine = share - _along(share, BETWEEN)

    count = len(share) // PIECE

    def pieces(values: np.ndarray) -> np.ndarray:
        return values[: count * PIECE].reshape(count, PIECE, -1)

    def varies(rows: slice) -> np.ndarray:
        return np.log(pieces(fine[:, rows]).std(axis=(1, 2)) + LITTLE)

    def goes_on(rows: slice, further: slice) -> np.ndarray:
        one, other = pieces(fine[:, rows]), pieces(fine[:, further])
        sizes = (one * one).mean(axis=(1, 2)) * (other * other).mean(axis=(1, 2))
        return np.asarray((one * other).mean(axis=(1, 2)) / (np.sqrt(sizes) + 1e-3))

    near, on = varies(NEAR), goes_on(NEAR, FURTHER)
    far_on = goes_on(FAR, slice(FAR.start + 3, FAR.stop + 3))
    shares = pieces(share[:, NEAR]).mean(axis=(1, 2))
    at, beside = (pieces(share[:, INSIDE + k : INSIDE + k + 4]).mean(axis=(1, 2)) for k in (-3, 3))
    step = at - beside
    contrast = np.log(np.sqrt(pieces(squares).mean(axis=(1, 2))) + 1)
    table = [near - varies(FAR), near, on.clip(0, 1), on - far_on, shares.clip(-0.2, 0.6), step.clip(0, 1), contrast]
    return np.column_stack(table)[pieces(within).all(axis=(1, 2))]


def _along(values: np.ndarray, sigma: float) -> np.ndarray:
    """Values (n, …) smoothed along a closed outline."""
    reach = min(round(3 * sigma), len(values) - 1)
    wrapped = np.concatenate([values[-reach:], values, values[:reach]]).astype(np.float32)
    flat = cv2.GaussianBlur(wrapped.reshape(len(wrapped), -1), (1, 2 * reach + 1), 0, sigmaY=sigma)
    return np.asarray(flat.reshape(wrapped.shape)[reach : len(flat) - reach])

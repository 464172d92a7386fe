"""The photo's grain: taken from where the photo is calm, and put where there is none.  Pure functions."""

import cv2
import numpy as np

TILE = 512  # pixels after which the noise repeats
PATCH = 32  # pixels of the pieces whose grain is looked at
REACH = 3  # pixels that it is correlated over
SOFT = 1.0  # pixels, the deviation of the blur that tells grain from what is under it
CALM = 0.03  # of these pieces are calmer than the one whose grain is taken
MOST = 2.5 / 255  # stronger is texture
UNCLIPPED = 0.03, 0.97  # between these means a piece shows its grain
PIECES = 1024  # about as many are looked at


def sample(image: np.ndarray, left_out: np.ndarray, white: float) -> np.ndarray | None:
    """The grain (PATCH, PATCH, 3) float32 of a calm piece of image (H, W, 3|4); None where nothing shows it.

    left_out: (H, W) bool, what is not looked at; white: the image's value for 1.
    """
    height, width = left_out.shape
    found = []
    pace = max(PATCH, int(np.sqrt(height * width / PIECES)))
    for y in range(0, height - PATCH + 1, pace):
        for x in range(0, width - PATCH + 1, pace):
            there = slice(y, y + PATCH), slice(x, x + PATCH)
            if left_out[there].any():
                continue
            piece = image[there][..., :3].astype(np.float32) / np.float32(white)
            if np.isfinite(piece).all() and UNCLIPPED[0] < float(piece.mean()) < UNCLIPPED[1]:
                fine = piece - cv2.GaussianBlur(piece, (0, 0), SOFT)
                found.append((float(fine.std()), fine))
    return sorted(found, key=lambda one: one[0])[int(CALM * len(found))][1] if found else None


def noise(fine: np.ndarray | None) -> np.ndarray:
    """Noise (TILE, TILE, 3) float32 like the grain of a sample; 0 where there is none."""
    if fine is None:
        return np.zeros((TILE, TILE, 3), np.float32)
    # The kernel with this grain's spectrum, cut short: what is left out is the grid of JPEG's blocks.
    window = np.hanning(PATCH)
    spectrum = np.abs(np.fft.fft2(fine * window[:, None, None] * window[:, None], axes=(0, 1)))
    kernel = np.fft.fftshift(np.fft.ifft2(spectrum, axes=(0, 1)).real, axes=(0, 1))
    near = slice(PATCH // 2 - REACH, PATCH // 2 + REACH + 1)
    kernel = kernel[near, near] * np.outer(*(np.hanning(2 * REACH + 3)[1:-1],) * 2)[..., None]
    # One noise for all channels keeps them together, as light falling on a sensor's neighbouring pixels does.
    random = np.random.default_rng(0).normal(size=(TILE, TILE))
    made = np.dstack([cv2.filter2D(random, -1, kernel[..., k]) for k in range(3)])
    made = made - made.mean(axis=(0, 1))
    return (made * (min(MOST, float(fine.std())) / max(1e-12, float(made.std())))).astype(np.float32)


def rows(made: np.ndarray, top: int, count: int, width: int) -> np.ndarray:
    """`noise` repeated over a picture: its rows from `top` on, (count, width, 3)."""
    there = np.arange(top, top + count) % TILE
    return np.tile(made[there], (1, -(-width // TILE), 1))[:, :width]

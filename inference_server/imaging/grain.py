"""An image's grain: measured in a calm piece of it, and synthesised where there is none.  Pure functions."""

import cv2
import numpy as np

TILE = 512  # pixels after which the noise repeats
PATCH = 32  # pixels a side of the pieces in which grain is measured
REACH = 3  # pixels over which grain is correlated
SOFT = 1.0  # pixels: standard deviation of the blur that separates grain from what is under it
CALM = 0.03  # quantile of the pieces, by how much they vary, whose grain is taken
MOST = 2.5 / 255  # standard deviation, of 1; anything stronger is texture
UNCLIPPED = 0.03, 0.97  # a piece whose mean is outside has lost its grain to clipping
PIECES = 1024  # about as many are measured


def sample(image: np.ndarray, excluded: np.ndarray, white: float) -> np.ndarray | None:
    """The grain (PATCH, PATCH, 3) float32 of a calm piece of image (H, W, 3|4); None where no piece shows any.

    excluded: (H, W) bool, pixels that do not count; white: the image's value for 1.
    """
    height, width = excluded.shape
    measured = []
    stride = max(PATCH, int(np.sqrt(height * width / PIECES)))
    for y in range(0, height - PATCH + 1, stride):
        for x in range(0, width - PATCH + 1, stride):
            where = slice(y, y + PATCH), slice(x, x + PATCH)
            if excluded[where].any():
                continue
            piece = image[where][..., :3].astype(np.float32) / np.float32(white)
            if np.isfinite(piece).all() and UNCLIPPED[0] < float(piece.mean()) < UNCLIPPED[1]:
                fine = piece - cv2.GaussianBlur(piece, (0, 0), SOFT)
                measured.append((float(fine.std()), fine))
    return sorted(measured, key=lambda each: each[0])[int(CALM * len(measured))][1] if measured else None


def noise(grain: np.ndarray | None) -> np.ndarray:
    """Noise (TILE, TILE, 3) float32 with the spectrum of a `sample`; 0 where that is None."""
    if grain is None:
        return np.zeros((TILE, TILE, 3), np.float32)
    # The kernel with this grain's spectrum, cut short so that the grid of JPEG's blocks is left out.
    window = np.hanning(PATCH)
    spectrum = np.abs(np.fft.fft2(grain * window[:, None, None] * window[:, None], axes=(0, 1)))
    kernel = np.fft.fftshift(np.fft.ifft2(spectrum, axes=(0, 1)).real, axes=(0, 1))
    middle = slice(PATCH // 2 - REACH, PATCH // 2 + REACH + 1)
    kernel = kernel[middle, middle] * np.outer(*(np.hanning(2 * REACH + 3)[1:-1],) * 2)[..., None]
    # The same white noise for all channels: grain is correlated between them.
    white_noise = np.random.default_rng(0).normal(size=(TILE, TILE))
    made = np.dstack([cv2.filter2D(white_noise, -1, kernel[..., k]) for k in range(3)])
    made = made - made.mean(axis=(0, 1))
    return (made * (min(MOST, float(grain.std())) / max(1e-12, float(made.std())))).astype(np.float32)


def rows(tile: np.ndarray, top: int, count: int, width: int) -> np.ndarray:
    """Rows of `noise` repeated over an image: `count` of them from row `top` on, (count, width, 3)."""
    where = np.arange(top, top + count) % TILE
    return np.tile(tile[where], (1, -(-width // TILE), 1))[:, :width]

"""Images as input of the torch families: scaled as Pillow and torchvision scale, without needing either."""

import numpy as np
import torch


def scaled(image: np.ndarray, height: int, width: int) -> torch.Tensor:
    """image (h, w, 3) uint8 at another size: (1, 3, height, width) uint8, bilinear, antialiased where it shrinks."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(pixels, (height, width), mode="bilinear", antialias=True)


def squashed(
    image: np.ndarray, side: int, mean: tuple[float, float, float], std: tuple[float, float, float], device: str
) -> torch.Tensor:
    """image (h, w, 3) uint8 scaled to a square, aspect not kept: (1, 3, side, side) float32 on `device`, normalised.

    mean, std: of each channel, from 0 to 1.
    """
    middle, spread = (torch.tensor(channels).view(1, 3, 1, 1) * 255 for channels in (mean, std))
    return ((scaled(image, side, side) - middle) / spread).to(device)

"""Images as input of the torch families: scaled as Pillow and torchvision scale, without needing either."""

import numpy as np
import torch

# Of each channel, from 0 to 1.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
    return _normalised(scaled(image, side, side), mean, std).to(device)


def padded(
    image: np.ndarray, side: int, mean: tuple[float, float, float], std: tuple[float, float, float], device: str
) -> tuple[torch.Tensor, tuple[int, int]]:
    """image (h, w, 3) uint8 with its long side scaled to `side`, the rest of the square padded: (1, 3, side, side)
    float32 on `device`, normalised, and the (height, width) of the image in it.  mean, std: as in `squashed`.
    """
    h, w = (max(1, int(n * side / max(image.shape[:2]) + 0.5)) for n in image.shape[:2])
    picture = _normalised(scaled(image, h, w), mean, std)
    return torch.nn.functional.pad(picture, (0, side - w, 0, side - h)).to(device), (h, w)


def _normalised(
    picture: torch.Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> torch.Tensor:
    middle, spread = (torch.tensor(channels).view(1, 3, 1, 1) * 255 for channels in (mean, std))
    return (picture - middle) / spread

"""ViTMatte, which tells hair and fur from what is behind them, with `transformers`.

Method: Yao et al. 2024, "ViTMatte: Boosting image matting with pre-trained plain vision transformers", section 3.  Not
a `Segmenter`: it takes a trimap instead of points.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import VitMatteForImageMatting

from ...models.devices import best, half, stoppable
from ...shared.monitor import UNWATCHED, Monitor
from .pretrained import read

DIVISOR = 32  # sides of its input are multiples of this
MEAN, STD = 0.5, 0.5


class VitMatte:
    """Finds how much of each pixel is the object."""

    def __init__(self, model: Any, device: str) -> None:
        """model: a VitMatteForImageMatting on `device`."""
        self._model, self._device = model, device

    @torch.inference_mode()
    def matte(self, rgb: np.ndarray, trimap: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """Alpha (h, w) float32, 0 to 1.  Time and memory grow fast with the picture: it is meant for tiles.

        rgb: (h, w, 3) uint8; trimap: (h, w) float32, 1 for the object, 0 for the background, 0.5 where it is unknown.
        Raises UserError soon after it is cancelled.
        """
        height, width = trimap.shape
        given = np.dstack([(rgb.astype(np.float32) / 255 - MEAN) / STD, trimap]).transpose(2, 0, 1)
        picture = torch.from_numpy(np.ascontiguousarray(given))[None].to(self._device)
        padded = torch.nn.functional.pad(picture, (0, -width % DIVISOR, 0, -height % DIVISOR))
        with half(self._device), stoppable(monitor):
            alphas = self._model(pixel_values=padded).alphas
        alpha = alphas[0, 0, :height, :width].float().cpu().numpy()
        return np.where(trimap == 0.5, alpha, trimap)


def load(files: dict[str, Path]) -> VitMatte:
    """files: config.json and model.safetensors, in one folder.  Raises UserError where they are not a ViTMatte."""
    device = best()
    return VitMatte(read(VitMatteForImageMatting, files["config.json"].parent, device), device)

"""SAM 2.1, for single images, with `transformers`.

Method: Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", section 4.  Interface: see the package.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Sam2Model

from ...models.devices import best, half, stoppable
from ...shared.geometry import Box
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding
from .pixels import IMAGENET_MEAN, IMAGENET_STD, squashed
from .pretrained import read

STRONGEST = 32.0  # logits that are fed back are clipped to this, as in its makers' own predictor


class Sam2:
    """A `Segmenter`."""

    def __init__(self, model: Any, device: str) -> None:
        """model: a Sam2Model on `device`."""
        self._model, self._device = model, device
        self._side = model.config.prompt_encoder_config.image_size
        self._cells = model.prompt_encoder.mask_input_size[0]

    @torch.inference_mode()
    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB, which is scaled to a square (1024)."""
        height, width = image.shape[:2]
        picture = squashed(image, self._side, IMAGENET_MEAN, IMAGENET_STD, self._device)
        with half(self._device), stoppable(monitor):
            features = [level.float() for level in self._model.get_image_embeddings(picture)]
        cells = self._cells / width, self._cells / height
        return Embedding(features, (width, height), cells, sum(level.nbytes for level in features))

    @torch.inference_mode()
    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: Box | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Four masks (4, 256, 256) over the whole image: the single-mask token's, then the three."""
        scale = self._side / np.array(embedding.size)
        has_points = len(points) > 0
        answer = self._model(
            image_embeddings=embedding.features,
            input_points=self._tensor(np.asarray(points) * scale) if has_points else None,
            input_labels=self._tensor(labels).int() if has_points else None,
            input_boxes=None if box is None else self._tensor(np.array(box) * np.tile(scale, 2)),
            input_masks=None if previous is None else self._tensor(previous.clip(-STRONGEST, STRONGEST)),
            multimask_output=False,
        )
        return answer.pred_masks[0, 0].cpu().numpy(), answer.iou_scores[0, 0].cpu().numpy()

    def to_arrays(self, features: list[torch.Tensor]) -> dict[str, np.ndarray]:
        """As `Segmenter.to_arrays`."""
        return {str(number): level.cpu().numpy() for number, level in enumerate(features)}

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> list[torch.Tensor]:
        """As `Segmenter.from_arrays`."""
        return [torch.as_tensor(arrays[str(number)], device=self._device) for number in range(len(arrays))]

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        """array for one image and one object."""
        return torch.as_tensor(array, dtype=torch.float32, device=self._device)[None, None]


def load(files: dict[str, Path]) -> Sam2:
    """files: config.json and model.safetensors, in one folder.  Raises UserError where they are not a SAM 2."""
    return from_folder(Sam2Model, files["config.json"].parent)


def from_folder(kind: Any, folder: Path) -> Sam2:
    """kind: the class Sam2Model, or one with its interface; folder: as in `pretrained.read`, which raises UserError."""
    device = best()
    model = read(kind, folder, device)
    # The decoder computes four masks and then returns three, or one: the single mask, or the best of the three where
    # that is not stable.  All four are needed, and a second pass would double what a click waits for: so its choice is
    # replaced by one that keeps them all.
    model.mask_decoder.dynamic_multimask_via_stability = True
    model.mask_decoder._dynamic_multimask_via_stability = lambda masks, scores: (masks, scores)
    return Sam2(model, device)

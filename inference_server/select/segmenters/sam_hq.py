"""HQ-SAM, whose masks have finer edges, with `transformers`.

Method: Ke et al. 2023, "Segment Anything in High Quality", section 3: one more mask, made of an early layer's features
too, is added to each of SAM's own.  Interface: see the package.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import SamHQModel

from ...models.devices import best, half, stoppable
from ...shared.geometry import Box
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding
from .pixels import IMAGENET_MEAN, IMAGENET_STD, padded
from .pretrained import read

LEVELS = "last", "early"  # layers of the encoder


class SamHq:
    """A `Segmenter`."""

    def __init__(self, model: Any, device: str) -> None:
        """model: a SamHQModel on `device`."""
        self._model, self._device = model, device
        self._side = model.config.prompt_encoder_config.image_size
        self._cells = 4 * model.config.prompt_encoder_config.image_embedding_size
        self._seen = _Seen(model.mask_decoder)

    @torch.inference_mode()
    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB; its long side is scaled to the model's (1024) and the rest padded."""
        height, width = image.shape[:2]
        picture, (h, w) = padded(image, self._side, IMAGENET_MEAN, IMAGENET_STD, self._device)
        with half(self._device), stoppable(monitor):
            last, early = self._model.get_image_embeddings(picture)
        features = last.float(), early[0].float()  # of the early layers the decoder reads the first alone
        cells = w / width * self._cells / self._side, h / height * self._cells / self._side
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
        """Four masks (4, 256, 256) over the padded square: the single-mask token's, then the three."""
        scale = np.array(embedding.cells) * self._side / self._cells
        last, early = embedding.features
        has_points = len(points) > 0
        fine = self._model(
            image_embeddings=last,
            intermediate_embeddings=[early],
            input_points=self._tensor(np.asarray(points) * scale)[None, None] if has_points else None,
            input_labels=self._tensor(labels)[None, None].int() if has_points else None,
            input_boxes=None if box is None else self._tensor(np.array(box) * np.tile(scale, 2))[None, None],
            input_masks=None if previous is None else self._tensor(previous)[None, None],
            hq_token_only=True,
        ).pred_masks
        masks, scores = self._seen.masks()
        return (masks + fine[0, 0]).cpu().numpy(), scores.cpu().numpy()

    def to_arrays(self, features: tuple[torch.Tensor, torch.Tensor]) -> dict[str, np.ndarray]:
        """As `Segmenter.to_arrays`."""
        return {name: level.cpu().numpy() for name, level in zip(LEVELS, features, strict=True)}

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """As `Segmenter.from_arrays`."""
        last, early = (self._tensor(arrays[name]) for name in LEVELS)
        return last, early

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self._device)


class _Seen:
    """SAM's own four masks and scores of the decoder's last pass.

    It computes all of them, and returns one, or three in another order.  All four are needed, in their own order, and a
    second pass would double what a click waits for: so what they are made of is read as it goes by.
    """

    def __init__(self, decoder: Any) -> None:
        """decoder: a SamHQMaskDecoder."""
        heads = decoder.output_hypernetworks_mlps
        self._weights: list[torch.Tensor] = [torch.empty(0)] * len(heads)
        self._features = self._scores = torch.empty(0)
        for k, head in enumerate(heads):
            head.register_forward_hook(lambda _, __, weights, k=k: self._keep_weights(k, weights))
        decoder.mask_conv1.register_forward_pre_hook(lambda _, given: self._keep_features(given[0]))
        decoder.iou_prediction_head.register_forward_hook(lambda _, __, scores: self._keep_scores(scores))

    def masks(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (4, 256, 256) and scores (4,)."""
        weights = torch.stack([each[0, 0] for each in self._weights])
        channels, rows, columns = self._features.shape[1:]
        return (weights @ self._features.reshape(channels, -1)).reshape(-1, rows, columns), self._scores[0, 0]

    def _keep_weights(self, k: int, weights: torch.Tensor) -> None:
        self._weights[k] = weights

    def _keep_features(self, features: torch.Tensor) -> None:
        self._features = features

    def _keep_scores(self, scores: torch.Tensor) -> None:
        self._scores = scores


def load(files: dict[str, Path]) -> SamHq:
    """files: config.json and model.safetensors, in one folder.  Raises UserError where they are not an HQ-SAM."""
    device = best()
    return SamHq(read(SamHQModel, files["config.json"].parent, device), device)

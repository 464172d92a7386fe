"""SAM 3, which finds everything in an image that a phrase names, with `transformers`.

Method: Carion et al. 2025, "SAM 3: Segment Anything with Concepts", section 3.  Not a `Segmenter`: it takes
text instead of points.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPTokenizer, Sam3Model

from ...models.devices import best, half, stoppable
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error
from .pixels import squashed
from .pretrained import read

MEAN = STD = (0.5, 0.5, 0.5)
TOKENS = 32  # the length of a phrase
LEAST_SCORE = 0.3  # the library's own threshold for a mask


class Sam3:
    """Finds objects by text."""

    def __init__(self, model: Any, tokenizer: Any, device: str) -> None:
        """model: a Sam3Model on `device`; tokenizer: its CLIPTokenizer."""
        self._model, self._tokenizer, self._device = model, tokenizer, device
        self._side = model.config.image_size
        self._cells = model.config.vision_config.backbone_feature_sizes[0][0]

    @torch.inference_mode()
    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB, which is scaled to a square (1008)."""
        height, width = image.shape[:2]
        with half(self._device), stoppable(monitor):
            encoded = self._model.get_vision_features(squashed(image, self._side, MEAN, STD, self._device))
        # Only what `find` reads is kept: three levels, and the position encoding of the coarsest of them.
        levels = [level.float() for level in encoded.fpn_hidden_states[:-1]]
        positions = encoded.fpn_position_encoding[len(levels) - 1].float()
        features = type(encoded)(
            fpn_hidden_states=(*levels, None), fpn_position_encoding=(*[None] * (len(levels) - 1), positions, None)
        )
        cells = self._cells / width, self._cells / height
        return Embedding(features, (width, height), cells, sum(kept.nbytes for kept in (*levels, positions)))

    @torch.inference_mode()
    def find(self, embedding: Embedding, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Everything that `text` names, a mask for each object: logits (N, 288, 288) float32, scores (N,), best first.

        The logits cover the whole image and are positive inside.  N is 0 where there is no such object.
        """
        tokens = self._tokenizer(
            text, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
        ).to(self._device)
        answer = self._model(
            vision_embeds=embedding.features, input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        # How well each mask fits, times how likely such an object is in the image at all.
        scores = (answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid())[0]
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] > LEAST_SCORE]
        return answer.pred_masks[0, order].cpu().numpy(), scores[order].cpu().numpy()


def load(files: dict[str, Path]) -> Sam3:
    """files: config.json, model.safetensors, tokenizer.json and tokenizer_config.json, in one folder.

    Raises UserError where they are not a SAM 3.
    """
    folder, device = files["config.json"].parent, best()
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as in `pretrained.read`
        raise unreadable_error(folder, "CLIPTokenizer", error, "transformers") from None
    return Sam3(read(Sam3Model, folder, device), tokenizer, device)

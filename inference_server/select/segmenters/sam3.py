"""SAM 3, which finds everything in a photo that a phrase names, with `transformers`.

Method: Carion et al. 2025, "SAM 3: Segment Anything with Concepts", section 3.  Not a `Segmenter`: it takes no clicks.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPTokenizer, Sam3Model

from ...models.devices import best, half
from . import Embedding, no_such_model
from .pixels import squashed
from .pretrained import read

MEAN = STD = (0.5, 0.5, 0.5)
WORDS = 32  # the length of a phrase, in tokens
SURE_ENOUGH = 0.3  # the score from which the library takes a mask to be meant


class Sam3:
    """model: a Sam3Model on `device`; tokenizer: its CLIPTokenizer."""

    def __init__(self, model: Any, tokenizer: Any, device: str):
        self._model, self._tokenizer, self._device = model, tokenizer, device
        self._side = model.config.image_size
        self._cells = model.config.vision_config.backbone_feature_sizes[0][0]

    @torch.inference_mode()
    def encode(self, image: np.ndarray) -> Embedding:
        """image: (h, w, 3) uint8 RGB, which is squashed to a square (1008)."""
        height, width = image.shape[:2]
        with half(self._device):
            seen = self._model.get_vision_features(squashed(image, self._side, MEAN, STD, self._device))
        # Only what is read again is kept: three levels, and the places of the coarsest of them.
        levels = [level.float() for level in seen.fpn_hidden_states[:-1]]
        places = seen.fpn_position_encoding[len(levels) - 1].float()
        features = type(seen)(
            fpn_hidden_states=(*levels, None), fpn_position_encoding=(*[None] * (len(levels) - 1), places, None)
        )
        cells = self._cells / width, self._cells / height
        return Embedding(features, (width, height), cells, sum(kept.nbytes for kept in (*levels, places)))

    @torch.inference_mode()
    def find(self, embedding: Embedding, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Everything that `text` names, a mask for each thing: logits (N, 288, 288) float32, scores (N,), best first.

        The logits lie over the whole image and are positive inside.  N is 0 where nothing of the kind is seen.
        """
        words = self._tokenizer(text, padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt").to(
            self._device
        )
        answer = self._model(
            vision_embeds=embedding.features, input_ids=words["input_ids"], attention_mask=words["attention_mask"]
        )
        # How well each mask fits, times how sure the model is that there is such a thing at all.
        scores = (answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid())[0]
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] > SURE_ENOUGH]
        return answer.pred_masks[0, order].cpu().numpy(), scores[order].cpu().numpy()


def load(files: dict[str, Path]) -> Sam3:
    """files: config.json, model.safetensors, tokenizer.json and tokenizer_config.json, in one folder.

    Raises UserError where they are no SAM 3.
    """
    folder, device = files["config.json"].parent, best()
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as with the model itself
        raise no_such_model(folder, "CLIPTokenizer", error, "transformers") from None
    return Sam3(read(Sam3Model, folder, device), tokenizer, device)

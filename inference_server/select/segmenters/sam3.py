"""SAM 3, which finds everything of a kind in an image, with `transformers`.

Method: Carion et al. 2025, "SAM 3: Segment Anything with Concepts", section 3: a phrase, boxes around examples of what
is meant and of what is not ("exemplars"), or both.  Not a `Segmenter`: it takes no points.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPTokenizer, Sam3Model

from ...models import packages
from ...models.devices import best, half, stoppable
from ...shared.geometry import Box
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error
from .pixels import squashed
from .pretrained import read

MEAN = STD = (0.5, 0.5, 0.5)
UNNAMED = "visual"  # the phrase that the library gives for examples alone
EXAMPLES_NEED = ("torchvision",)  # what the library cuts boxes out of features with
TOKENS = 32  # the length of a phrase
LEAST_SCORE = 0.3  # the library's own threshold for a mask


class Sam3:
    """Finds objects by text and by examples."""

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
    def find(
        self, embedding: Embedding, text: str, like: Sequence[Box] = (), unlike: Sequence[Box] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Everything of a kind, a mask for each object: logits (N, 288, 288) float32, scores (N,), best first.

        text: what it is called, "" for what examples say alone; like, unlike: boxes around examples of it, and of what
        it is not, in pixels of the image that was encoded.  The logits cover the whole image and are positive inside.
        N is 0 where there is no such object.  Raises UserError where examples need a package that is missing.
        """
        examples = {}
        if like or unlike:
            packages.demand(EXAMPLES_NEED, "sam3")
            examples = self._examples(embedding, [*like, *unlike], [1] * len(like) + [0] * len(unlike))
        text = text or UNNAMED
        tokens = self._tokenizer(
            text, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
        ).to(self._device)
        answer = self._model(
            vision_embeds=embedding.features,
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            **examples,
        )
        # How well each mask fits, times how likely such an object is in the image at all.
        scores = (answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid())[0]
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] > LEAST_SCORE]
        return answer.pred_masks[0, order].cpu().numpy(), scores[order].cpu().numpy()

    def _examples(self, embedding: Embedding, boxes: list[Box], labels: list[int]) -> dict[str, torch.Tensor]:
        """The model's arguments for boxes, which it takes by their middles and sizes as shares of the image's."""
        width, height = embedding.size
        corners = torch.tensor([boxes], dtype=torch.float32, device=self._device)
        corners = corners / corners.new_tensor([width, height, width, height])
        low, high = corners[..., :2], corners[..., 2:]
        return {
            "input_boxes": torch.cat([(low + high) / 2, high - low], dim=-1),
            "input_boxes_labels": torch.tensor([labels], device=self._device),
        }


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

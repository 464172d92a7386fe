"""Meta's first Segment Anything, ViT-B, ViT-L and ViT-H, with the `segment-anything` package.

Method: Kirillov et al. 2023, "Segment Anything", section 3 and appendix A.  Interface: see the package.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...models.devices import best, half, stoppable
from ...shared.geometry import Box
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error
from .pixels import scaled

BY_WIDTH = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # channels of the encoder -> its name in the package


class SamVit:
    """A `Segmenter`."""

    def __init__(self, sam: Any, device: str) -> None:
        """sam: a `segment_anything` Sam whose parameters are on `device`."""
        self._sam, self._device = sam, device
        self._side = sam.image_encoder.img_size
        self._cells = 4 * sam.prompt_encoder.image_embedding_size[0]

    @torch.inference_mode()
    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB; its long side is scaled to the model's (1024) and the rest padded."""
        height, width = image.shape[:2]
        h, w = (max(1, int(n * self._side / max(height, width) + 0.5)) for n in (height, width))
        picture = self._sam.preprocess(scaled(image, h, w).to(self._device))
        with half(self._device), stoppable(monitor):
            features = self._sam.image_encoder(picture).float()
        cells = w / width * self._cells / self._side, h / height * self._cells / self._side
        return Embedding(features, (width, height), cells, features.nbytes)

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
        point_prompt = None
        if len(points):
            point_prompt = self._tensor(np.asarray(points) * scale)[None], self._tensor(labels)[None]
        sparse, dense = self._sam.prompt_encoder(
            points=point_prompt,
            boxes=None if box is None else self._tensor(np.array(box) * np.tile(scale, 2))[None],
            masks=None if previous is None else self._tensor(previous)[None, None],
        )
        masks, scores = self._sam.mask_decoder.predict_masks(
            image_embeddings=embedding.features,
            image_pe=self._sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
        )
        return masks[0].cpu().numpy(), scores[0].cpu().numpy()

    def to_arrays(self, features: torch.Tensor) -> dict[str, np.ndarray]:
        """As `Segmenter.to_arrays`."""
        return {"features": features.cpu().numpy()}

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> torch.Tensor:
        """As `Segmenter.from_arrays`."""
        return self._tensor(arrays["features"])

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self._device)


def load(files: dict[str, Path]) -> SamVit:
    """files: one checkpoint as Meta publishes them, sam_vit_….pth.  Raises UserError where it is not one."""
    (path,) = files.values()
    device = best()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        kind = BY_WIDTH[weights["image_encoder.pos_embed"].shape[-1]]
        with torch.device("meta"):  # filling ViT-H with random numbers takes ten seconds
            sam = _library().sam_model_registry[kind]()
        sam.load_state_dict(weights, assign=True)
    except Exception as error:  # torch has an exception of its own for each way in which a file can be wrong
        raise unreadable_error(path, "Sam", error, "torch segment-anything") from None
    # Checkpoints do not have these two.
    sam.pixel_mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    sam.pixel_std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    return SamVit(sam.to(device).eval().requires_grad_(requires_grad=False), device)


def _library() -> Any:
    """The module `segment_anything.build_sam`, without running the package's own __init__.

    That imports the automatic mask generator, and with it a torchvision that must be built for this very torch; the
    models need torch alone.  So the package's folder is imported under another name.
    """
    alias = f"{__name__}_library"
    if alias not in sys.modules:
        found = find_spec("segment_anything")
        assert found is not None and found.submodule_search_locations is not None
        spec = ModuleSpec(alias, None, is_package=True)
        spec.submodule_search_locations = list(found.submodule_search_locations)
        sys.modules[alias] = module_from_spec(spec)
    return import_module(f"{alias}.build_sam")

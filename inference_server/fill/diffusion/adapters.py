"""A picture beside the words, for Stable Diffusion: IP-Adapter.

Ye et al. 2023, "IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models", section 3.2.

The adapter's own layers lie in the denoising network.  What they are given of a picture is the work of an encoder, CLIP
with a ViT-H of 2.5 GB: it is read when a picture comes, sees it once, on the processor, and goes again, so that the
device has the room that it has without a picture, but for the adapter's layers.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from ...imaging.pixels import to_uint8
from . import pipelines
from .families import shapes

SCALE = 0.6  # of what it adds to the words; what its makers take beside words ("multimodal prompts" in their examples)
HEAD = 80  # values of a head of attention in OpenCLIP's ViT-H
TITLE = "IP-Adapter"
ENCODER = "image_encoder/model.safetensors"  # of the catalogue's entry


def load(pipeline: Any, file: Path) -> None:
    """Put an adapter's layers into a pipeline that lies in the computer's memory."""
    pipeline.disable_attention_slicing()  # for which diffusers does not know how to exchange layers
    pipeline.load_ip_adapter(
        file.parent, subfolder="", weight_name=file.name, image_encoder_folder=None, local_files_only=True
    )
    pipeline.set_ip_adapter_scale(SCALE)


def encode(pipeline: Any, encoder: Path, picture: np.ndarray, *, guided: bool) -> list[torch.Tensor]:
    """What the adapter in a pipeline is given of a picture (h, w, 3) float32, 0 to 1, on the processor.

    encoder: the file of its weights.  guided: whether what it would be given without a picture comes first.  Raises
    UserError where the computer's memory does not hold the encoder.
    """
    pipelines.demand_memory(TITLE, pipelines.weight(pipelines.Source(encoder, "other"), torch.float32))
    pipeline.register_modules(image_encoder=_encoder(encoder))
    try:
        with torch.inference_mode():
            given: list[torch.Tensor] = pipeline.prepare_ip_adapter_image_embeds(
                to_uint8(picture), None, torch.device("cpu"), 1, guided
            )
    finally:
        pipeline.register_modules(image_encoder=None)
    return [each.clone() for each in given]  # no inference tensors, which moving refuses


def _encoder(file: Path) -> Any:
    """The encoder in a file, whose shapes say how large its layers are."""
    found = {name.removeprefix("vision_model."): shape for name, shape in shapes(file).items()}
    width, _colours, patch, _ = found["embeddings.patch_embedding.weight"]
    places, _ = found["embeddings.position_embedding.weight"]
    config = transformers.CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=found["encoder.layers.0.mlp.fc1.weight"][0],
        projection_dim=found["visual_projection.weight"][0],
        num_hidden_layers=sum(name.endswith("mlp.fc1.weight") for name in found),
        num_attention_heads=width // HEAD,
        image_size=patch * math.isqrt(places - 1),
        patch_size=patch,
        hidden_act="gelu",
    )
    return transformers.CLIPVisionModelWithProjection.from_pretrained(
        file.parent, config=config, dtype=torch.float32, use_safetensors=True, local_files_only=True
    ).eval()

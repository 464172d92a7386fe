"""EdgeTAM, SAM 2 with a small encoder for phones, for single images, with `transformers`.

Method: Zhou et al. 2025, "EdgeTAM: On-Device Track Anything Model", section 3: RepViT (Wang et al. 2024) in the place
of Hiera.  All but the encoder is SAM 2's.
"""

from pathlib import Path

from transformers import EdgeTamModel

from .sam2 import Sam2, from_folder


def load(files: dict[str, Path]) -> Sam2:
    """files: config.json and model.safetensors, in one folder.  Raises UserError where they are not an EdgeTAM."""
    return from_folder(EdgeTamModel, files["config.json"].parent)

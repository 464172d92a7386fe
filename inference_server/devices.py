"""Which device torch models run on, and in which precision."""

import os
from contextlib import AbstractContextManager, nullcontext

os.environ.setdefault(
    "PYTORCH_ENABLE_MPS_FALLBACK", "1"
)  # what Metal lacks runs on the CPU; torch reads this at import
import torch


def best() -> str:
    """ "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def half(device: str) -> AbstractContextManager:
    """Within it, matrix products run in 16 bits on a CUDA device.  Elsewhere they gain nothing from it."""
    if device != "cuda":
        return nullcontext()
    return torch.autocast("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)

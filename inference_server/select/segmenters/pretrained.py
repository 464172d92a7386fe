"""Reading a model of `transformers` from its folder."""

from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from . import unreadable_error


def read(kind: Any, folder: Path, device: str) -> Any:
    """The model of class `kind` in `folder` (config.json, model.safetensors), on `device`, in evaluation mode.

    Raises UserError where the folder does not hold a complete one.
    """
    logging.set_verbosity_error()  # it would warn that the file holds more than this class needs: the video half
    logging.disable_progress_bar()
    try:
        model, found = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        if lacking := sorted(found["missing_keys"]):  # they would be random numbers
            raise ValueError(f"{len(lacking)} weights are missing, {lacking[0]} for one")
    except Exception as error:  # the library does not say which exceptions a wrong file raises
        raise unreadable_error(folder, kind.__name__, error, "torch transformers") from None
    return model.to(device).eval().requires_grad_(requires_grad=False)

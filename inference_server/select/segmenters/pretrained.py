"""Reading a model that `transformers` knows from its folder."""

from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from . import no_such_model


def read(kind: Any, folder: Path, device: str) -> Any:
    """The model of class `kind` in `folder` (config.json, model.safetensors), on `device`, ready to be asked.

    Raises UserError where the folder does not hold one, whole.
    """
    logging.set_verbosity_error()  # it would say that the file holds more than this class needs: the video half
    logging.disable_progress_bar()
    try:
        model, found = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        if lacking := sorted(found["missing_keys"]):  # or it would go on with random numbers in their place
            raise ValueError(f"{len(lacking)} weights are missing, {lacking[0]} for one")
    except Exception as error:  # whatever a wrong file or setting brings about comes through
        raise no_such_model(folder, kind.__name__, error, "torch transformers") from None
    return model.to(device).eval().requires_grad_(requires_grad=False)

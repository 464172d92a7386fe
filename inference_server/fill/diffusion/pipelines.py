"""From files to a pipeline of diffusers, and nothing but weights is read from them: safetensors alone, no code.

A model is a folder in diffusers' layout or a single .safetensors file as they are shared; the latter holds only
weights, so its settings and its tokenizer are taken from the family's installed model.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from ...models.catalogue import ranked
from ...models.hub import INDEX
from ...models.store import Store
from ...shared.command_lines import command, run
from ...shared.errors import ErrorCode, UserError
from ...shared.messages import Job
from ...shared.text import tr
from .families import FAMILIES, shapes

HALF = ".fp16"  # in the names of weights that are published in 16 bits
# Nothing judges the pictures: they are the photographer's own, and stay on this machine.
UNJUDGED = {"safety_checker": None, "feature_extractor": None}
FIRST = "model.diffusion_model.input_blocks.0.0.weight"  # in a single file: (channels made, channels read, 3, 3)

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def read(place: Path, family: str, dtype: torch.dtype, store: Store) -> Any:
    """The inpainting pipeline at a place, on the CPU.  Raises UserError where it cannot be read as one."""
    try:
        pipeline = _read_folder(place, dtype) if place.is_dir() else _read_file(place, family, dtype, store)
    except UserError:
        raise
    except Exception as error:  # every library has kinds of its own for each way in which a file can be wrong
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(
            ErrorCode.MODEL_CORRUPT,
            tr("{place} cannot be read as a diffusion model for inpainting: {reason}.", place=place, reason=reason),
            "Only whole models of safetensors files are read; nothing in them is run.",
        ) from None
    pipeline.set_progress_bar_config(disable=True)
    for network in pipeline.components.values():
        if isinstance(network, torch.nn.Module):
            # Channels last in memory: convolutions take less than half the time on a processor, and less on a GPU too.
            network.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
    return pipeline


def _read_folder(place: Path, dtype: torch.dtype) -> Any:
    name = json.loads((place / INDEX).read_text("utf-8"))["_class_name"]
    ready = isinstance(name, str) and name.endswith(("InpaintPipeline", "FillPipeline"))
    return (diffusers.DiffusionPipeline if ready else diffusers.AutoPipelineForInpainting).from_pretrained(
        place,
        dtype=dtype,
        variant="fp16" if any(HALF in file.name for file in place.rglob("*.safetensors")) else None,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        **(UNJUDGED if name in FAMILIES["sd15"].pipelines else {}),
    )


def _read_file(place: Path, family: str, dtype: torch.dtype, store: Store) -> Any:
    model = next(known.name for known in ranked(Job.FILL) if known.family == family)
    if store.missing(model):
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{file} holds weights alone: its settings come with {model}, which is not installed.",
                file=place.name,
                model=model,
            ),
            run(command(f"models fetch {model}")),
        )
    kind = getattr(diffusers, FAMILIES[family].pipelines[0])
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch, "settings")
        weights = shutil.ignore_patterns("*.safetensors")
        shutil.copytree(store.folder_of(model), settings, ignore=weights)
        unet = settings / "unet" / "config.json"
        channels = shapes(place)[FIRST][1]
        unet.write_text(json.dumps({**json.loads(unet.read_text("utf-8")), "in_channels": channels}), "utf-8")
        without = UNJUDGED if family == "sd15" else {}
        return kind.from_single_file(place, config=str(settings), dtype=dtype, local_files_only=True, **without)

"""From files to a pipeline of diffusers, and nothing but weights is read from them: safetensors alone, no code.

A model is a folder in diffusers' layout or a single .safetensors file as they are shared; the latter holds only
weights, so its settings and its tokenizer are taken from the family's installed model, but for what that model changed:
it may bring a decoder that bears 16 bits, and others do not.
"""

import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import safe_open

from ...imaging.files import memory
from ...models.catalogue import ranked
from ...models.hub import INDEX
from ...models.store import Store
from ...shared.command_lines import command, run
from ...shared.errors import ErrorCode, UserError
from ...shared.messages import Job
from ...shared.text import tr
from .families import FAMILIES, shapes
from .memory import Weights, is_lacking, lacking

DENOISER = "transformer"  # the folder of a large network that takes the noise away
HALF = ".fp16"  # in the names of weights that are published in 16 bits
# Nothing judges the pictures: they are the photographer's own, and stay on this machine.
UNJUDGED = {"safety_checker": None, "feature_extractor": None}
# What Stable Diffusion XL was trained with, as its makers publish it; whoever trained it on has kept this or says so.
XL_SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
# How a file says that its network predicts velocity, and that it was trained down to noise alone: empty tensors, or a
# field of what is written beside the tensors.
VELOCITY, ALL_NOISE, PREDICTION = "v_pred", "ztsnr", "modelspec.prediction_type"
DECODER = "decoder.conv_in.weight"  # a tensor by which two autoencoders are told apart
FIRST = "model.diffusion_model.input_blocks.0.0.weight"  # in a single file: (channels made, channels read, 3, 3)

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def read(place: Path, family: str, dtype: torch.dtype, store: Store, *, in_four_bits: bool = False) -> Any:
    """The inpainting pipeline at a place, on the CPU.  Raises UserError where it cannot be read as one, or where the
    computer's memory does not hold it.

    in_four_bits: the transformer and the largest text encoder of a folder come onto the card in 4 bits a weight, and
    compute in `dtype`.
    """
    try:
        _require_memory(place, family, dtype, in_four_bits=in_four_bits)
        without = left_out(family)
        if place.is_dir():
            more = dict.fromkeys(without) | (_four_bits(place, dtype, without) if in_four_bits else {})
            pipeline = _read_folder(place, dtype, **more)
        else:
            pipeline = _read_file(place, family, dtype, store)
    except UserError:
        raise
    except Exception as error:  # every library has kinds of its own for each way in which a file can be wrong
        if is_lacking(error):
            raise lacking() from None
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(
            ErrorCode.MODEL_CORRUPT,
            tr("{place} cannot be read as a diffusion model for inpainting: {reason}.", place=place, reason=reason),
            "Only whole models of safetensors files are read; nothing in them is run.",
        ) from None
    pipeline.set_progress_bar_config(disable=True)
    for network in pipeline.components.values():
        if isinstance(network, torch.nn.Module):
            network.eval().requires_grad_(requires_grad=False)
            for part in network.modules():
                if isinstance(part, torch.nn.Conv2d):
                    # Channels last in memory: they take less than half the time on a processor, and less on a GPU too.
                    part.to(memory_format=torch.channels_last)
    return pipeline


def _read_folder(place: Path, dtype: torch.dtype, **more: Any) -> Any:
    name = json.loads((place / INDEX).read_text("utf-8"))["_class_name"]
    return _kind(name).from_pretrained(
        place,
        dtype=dtype,
        variant="fp16" if any(HALF in file.name for file in place.rglob("*.safetensors")) else None,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        **(UNJUDGED if name in FAMILIES["sd15"].pipelines else {}),
        **more,
    )


def left_out(family: str) -> tuple[str, ...]:
    """The parts of a folder that a family does without: what encodes a prompt, where it comes encoded."""
    return ("text_encoder", "tokenizer") if FAMILIES[family].ready_prompt else ()


def _four_bits(place: Path, dtype: torch.dtype, without: tuple[str, ...]) -> dict[str, Any]:
    """What has the transformer and the largest text encoder of a folder read in 4 bits; they come onto the card."""
    told = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    mapping: dict[str, Any] = {DENOISER: diffusers.BitsAndBytesConfig(**told)}
    sizes = _sizes(place, dtype, without)
    if encoders := [part for part in sizes if part.startswith("text_encoder")]:
        mapping[max(encoders, key=lambda part: sizes[part])] = transformers.BitsAndBytesConfig(**told)
    return {"quantization_config": diffusers.PipelineQuantizationConfig(quant_mapping=mapping)}


def _kind(name: Any) -> Any:
    """The class of diffusers that paints into a hole with what a folder says is a pipeline of the class `name`."""
    if family := next((family for family in FAMILIES.values() if name in family.pipelines), None):
        return getattr(diffusers, family.pipelines[0])
    ready = isinstance(name, str) and name.endswith(("InpaintPipeline", "FillPipeline"))
    return diffusers.DiffusionPipeline if ready else diffusers.AutoPipelineForInpainting


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
        write_settings(place, family, store.place(model), settings)
        without = UNJUDGED if family == "sd15" else {}
        return kind.from_single_file(place, config=str(settings), dtype=dtype, local_files_only=True, **without)


def write_settings(place: Path, family: str, installed: Path, settings: Path) -> None:
    """Make a folder of the settings of a single file: those of the family's installed model, and what differs."""
    shutil.copytree(installed, settings, ignore=shutil.ignore_patterns("*.safetensors"))
    tensors = shapes(place)
    _change(settings / "unet" / "config.json", in_channels=tensors[FIRST][1])
    scheduler = settings / "scheduler" / "scheduler_config.json"
    if family == "sdxl":
        scheduler.write_text(json.dumps(XL_SCHEDULER), "utf-8")
        if not _same_decoder(place, installed):
            # In 16 bits the decoder that XL was published with gives no numbers.
            _change(settings / "vae" / "config.json", force_upcast=True)
    with safe_open(place, "pt") as file:
        predicted = str((file.metadata() or {}).get(PREDICTION, ""))
    is_velocity = VELOCITY in tensors or predicted.lower() in ("v", "v_prediction")
    _change(scheduler, prediction_type="v_prediction" if is_velocity else "epsilon")
    if ALL_NOISE in tensors:
        _change(scheduler, rescale_betas_zero_snr=True, timestep_spacing="trailing")


def _change(file: Path, **values: object) -> None:
    """Set values of a file of settings."""
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **values}), "utf-8")


def _same_decoder(place: Path, installed: Path) -> bool:
    """Whether a single file has the installed model's decoder, so that the same is known of it."""
    found = sorted((installed / "vae").glob("*.safetensors"))
    if not found:
        return False
    with safe_open(place, "pt") as one, safe_open(found[0], "pt") as other:
        name = f"first_stage_model.{DECODER}"
        if name not in one.keys() or DECODER not in other.keys():  # noqa: SIM118 - it is no dictionary
            return False
        return torch.equal(one.get_tensor(name).half(), other.get_tensor(DECODER).half())


def _require_memory(place: Path, family: str, dtype: torch.dtype, *, in_four_bits: bool) -> None:
    """Raise UserError where the computer's memory does not hold the model's weights."""
    without = left_out(family)
    four_bits = weights(place, dtype, without).in_four_bits.all if in_four_bits else 0
    demand_memory(place.name, four_bits or weight(place, dtype, without))


def demand_memory(model: str, needed: int) -> None:
    """Raise UserError where a model needs more bytes of the computer's memory than can be had without harm."""
    free = memory.available()
    if free is not None and needed > free:
        sizes = {"needed": f"{needed / 1e9:.1f}", "free": f"{free / 1e9:.1f}"}
        raise UserError(
            ErrorCode.NO_MEMORY,
            tr(
                "{model} takes {needed} GB of this computer's memory, and {free} GB are free.",
                model=model,
                **sizes,
            ),
            "Close other programs, or choose a smaller model, such as sd15-inpainting.",
        )


def weight(place: Path, dtype: torch.dtype, without: tuple[str, ...] = ()) -> int:
    """Bytes that the weights of a model take in this precision, by their files' headers.

    without: names of the folders that are not read.
    """
    return sum(_sizes(place, dtype, without).values())


def weights(place: Path, dtype: torch.dtype, without: tuple[str, ...] = ()) -> Weights:
    """The same by network, of a folder with a transformer."""
    sizes = _sizes(place, dtype, without)
    others = max((size for part, size in sizes.items() if part != DENOISER), default=0)
    return Weights(sum(sizes.values()), max(sizes.values()), others, sizes.get(DENOISER, 0))


def _sizes(place: Path, dtype: torch.dtype, without: tuple[str, ...]) -> dict[str, int]:
    """Bytes by the name of the folder that a file lies in."""
    files = [place]
    if place.is_dir():
        # What lies beside the networks' own folders is the same once more, for other programs.
        files = [file for file in place.glob("*/*.safetensors") if file.is_file() and file.parent.name not in without]
        halved = {file.parent for file in files if HALF in file.name}
        files = [file for file in files if HALF in file.name or file.parent not in halved]
    sizes: dict[str, int] = {}
    for file in files:
        count = sum(math.prod(shape) for shape in shapes(file).values())
        sizes[file.parent.name] = sizes.get(file.parent.name, 0) + count * dtype.itemsize
    return sizes

"""From files to a pipeline of diffusers, and nothing but weights is read from them: safetensors alone, no code.

A model is a folder in diffusers' layout or a single .safetensors file as they are shared; the latter holds only
weights, so its settings and its tokenizer are taken from the family's installed model, but for what that model changed:
it may bring a decoder that bears 16 bits, and others do not.  A .gguf file is a quantised transformer in the place of
that of the family's installed model, whose other parts are read as they are.
"""

import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
import transformers
from safetensors import safe_open

from ...imaging.files import memory
from ...models.catalogue import GGUF, MODELS
from ...models.hub import INDEX
from ...models.store import Store
from ...shared.command_lines import command, run
from ...shared.errors import ErrorCode, UserError
from ...shared.text import tr
from . import gguf_files
from .families import FAMILIES, READING, shapes
from .memory import Weights, is_lacking, lacking

DENOISER = "transformer"  # the folder of a large network that takes the noise away
# How the blocks of a transformer in a .gguf file are named, and what says their number in diffusers' settings.
BLOCKS = {"double_blocks.": "num_layers", "single_blocks.": "num_single_layers"}
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


class Source(NamedTuple):
    """Where a model is read from.  place: a folder, or a single file; family: its name in FAMILIES; transformer: a
    .gguf file that is read in the place of the folder's own, None without one."""

    place: Path
    family: str
    transformer: Path | None = None

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return (self.transformer or self.place).name


def source(place: Path, family: str, store: Store) -> Source:
    """What the model at a place is read from.  Raises UserError where a .gguf file's other parts are not here, or do
    not fit it."""
    if place.suffix != GGUF or place.is_dir():
        return Source(place, family)
    folder = store.place(_settings_of(place, family, store, without=DENOISER))
    config = json.loads((folder / DENOISER / "config.json").read_text("utf-8"))
    names = shapes(place)
    blocks = [len({name.split(".")[1] for name in names if name.startswith(kind)}) for kind in BLOCKS]
    made_for = config["num_attention_heads"] * config["attention_head_dim"], *(config[key] for key in BLOCKS.values())
    if (names[READING][0], *blocks) != made_for:
        raise UserError(
            ErrorCode.MODEL_CORRUPT,
            tr(
                "{file} has another size than {model}, with whose other parts it would paint.",
                file=place.name,
                model=FAMILIES[family].title,
            ),
            "Choose a file that was made of that model.",
        )
    return Source(folder, family, place)


def read(source: Source, dtype: torch.dtype, store: Store, *, in_four_bits: bool = False) -> Any:
    """The inpainting pipeline of a model, on the CPU.  Raises UserError where it cannot be read as one, or where the
    computer's memory does not hold it.

    in_four_bits: the transformer, unless it is a .gguf file, and the largest text encoder of a folder come onto the
    card in 4 bits a weight, and compute in `dtype`.
    """
    place, family, transformer = source
    try:
        _require_memory(source, dtype, in_four_bits=in_four_bits)
        if place.is_dir():
            more = dict.fromkeys(left_out(family)) | (_four_bits(source, dtype) if in_four_bits else {})
            if transformer:
                more[DENOISER] = _quantised(transformer, place, dtype)
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
            tr(
                "{place} cannot be read as a diffusion model for inpainting: {reason}.",
                place=transformer or place,
                reason=reason,
            ),
            "Only whole models of safetensors files and transformers in .gguf files are read; nothing in them is run.",
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


def _quantised(file: Path, folder: Path, dtype: torch.dtype) -> Any:
    """The transformer in a .gguf file, with the settings of a folder; its weights are brought to `dtype` where they
    compute.  Raises UserError where it lacks some."""
    name = json.loads((folder / INDEX).read_text("utf-8"))[DENOISER][1]
    try:
        return getattr(diffusers, name).from_single_file(
            str(file),
            config=str(folder / DENOISER),
            quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            dtype=dtype,
            local_files_only=True,
        )
    except NotImplementedError:  # weights that were not in the file have no values, and are moved
        sentence = tr("{file} lacks some of the transformer's weights.", file=file.name)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence) from None


def _four_bits(source: Source, dtype: torch.dtype) -> dict[str, Any]:
    """What has the transformer and the largest text encoder of a folder read in 4 bits; they come onto the card."""
    told = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    mapping: dict[str, Any] = {} if source.transformer else {DENOISER: diffusers.BitsAndBytesConfig(**told)}
    sizes = _sizes(source, dtype)
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
    model = _settings_of(place, family, store)
    kind = getattr(diffusers, FAMILIES[family].pipelines[0])
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch, "settings")
        write_settings(place, family, store.place(model), settings)
        without = UNJUDGED if family == "sd15" else {}
        return kind.from_single_file(place, config=str(settings), dtype=dtype, local_files_only=True, **without)


def _settings_of(place: Path, family: str, store: Store, without: str = "") -> str:
    """The name of the model that a single file's settings come with.  Raises UserError where it is not installed.

    without: as in `Store.missing`.
    """
    known = (known for known in MODELS.values() if known.family == family and not known.base)
    model = next(known.name for known in known)
    if store.missing(model, without):
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{file} holds weights alone: its settings come with {model}, which is not installed.",
                file=place.name,
                model=model,
            ),
            run(command(f"models fetch {model}")),
        )
    return model


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


def _require_memory(source: Source, dtype: torch.dtype, *, in_four_bits: bool) -> None:
    """Raise UserError where the computer's memory does not hold the model's weights."""
    four_bits = weights(source, dtype).in_four_bits.all if in_four_bits else 0
    demand_memory(source.name, four_bits or weight(source, dtype))


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


def weight(source: Source, dtype: torch.dtype) -> int:
    """Bytes that the weights of a model take in this precision, by their files' headers.  Raises UserError."""
    return sum(_sizes(source, dtype).values())


def weights(source: Source, dtype: torch.dtype) -> Weights:
    """The same by network, of a folder with a transformer."""
    sizes = _sizes(source, dtype)
    others = max((size for part, size in sizes.items() if part != DENOISER), default=0)
    all_, largest, is_packed = sum(sizes.values()), max(sizes.values()), bool(source.transformer)
    return Weights(all_, largest, others, sizes.get(DENOISER, 0), is_packed=is_packed)


def _sizes(source: Source, dtype: torch.dtype) -> dict[str, int]:
    """Bytes by the name of the folder that a file lies in; of a .gguf file as they are, in the transformer's place."""
    place, without = source.place, left_out(source.family)
    files = [place]
    if source.transformer:
        without += (DENOISER,)
    if place.is_dir():
        # What lies beside the networks' own folders is the same once more, for other programs.
        files = [file for file in place.glob("*/*.safetensors") if file.is_file() and file.parent.name not in without]
        halved = {file.parent for file in files if HALF in file.name}
        files = [file for file in files if HALF in file.name or file.parent not in halved]
    sizes = {DENOISER: gguf_files.size(source.transformer)} if source.transformer else {}
    for file in files:
        count = sum(math.prod(shape) for shape in shapes(file).values())
        sizes[file.parent.name] = sizes.get(file.parent.name, 0) + count * dtype.itemsize
    return sizes

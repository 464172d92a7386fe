"""What is known of each family of diffusion models: data, not code.  Standard library only.

Steps and guidance are what each family's makers publish.  The few-step presets need the LoRA that is named with them
(Luo et al. 2023, "LCM-LoRA"); where that is not installed, "fast" takes a few more steps of the family's own scheduler.
"""

import json
import struct
from pathlib import Path
from typing import NamedTuple

from ...models.hub import INDEX
from ...shared.errors import ErrorCode, UserError, wrong_input
from ...shared.messages import Quality
from ...shared.text import tr

LONGEST_HEADER = 100 << 20  # bytes; the format's own limit


class Preset(NamedTuple):
    """steps: of the scheduler; guidance: the scale of classifier-free guidance (Ho and Salimans 2022).

    scheduler: "dpm" is DPM-Solver++ with Karras' noise levels (Lu et al. 2022, Karras et al. 2022), "lcm" that of
    latent consistency models (Luo et al. 2023), "" the one that the files name.
    """

    steps: int
    guidance: float
    scheduler: str = ""
    lora: str = ""  # a name in the catalogue


class Family(NamedTuple):
    """before, after: words that help a short prompt; avoid: what a picture should not have, where that can be said."""

    title: str
    pipelines: tuple[str, ...]  # the classes of diffusers that a model_index.json may name
    presets: dict[Quality, Preset]
    few_steps: Preset | None = None  # what "fast" is with a LoRA made for few steps
    before: str = ""
    after: str = ""
    avoid: str = ""
    strength: float = 1.0  # how much of what is in the hole becomes noise at first; some fail with all of it
    half: str = "float16"  # what its weights are published in
    masks_pixels: bool = False  # whether it is told of each pixel of the hole, and not of cells of latents alone


SD15 = Family(
    title="Stable Diffusion",
    pipelines=("StableDiffusionInpaintPipeline", "StableDiffusionPipeline"),
    presets={
        Quality.FAST: Preset(10, 6.0, "dpm"),
        Quality.BALANCED: Preset(20, 7.0, "dpm"),
        Quality.BEST: Preset(40, 7.5, "dpm"),
    },
    few_steps=Preset(4, 1.0, "lcm", "lcm-lora-sd15"),
    before="a photo of ",
    after=", natural light, sharp focus, detailed",
    avoid="blurry, low quality, deformed, cartoon, drawing, frame, border, text, watermark",
)
SDXL = Family(
    title="Stable Diffusion XL",
    pipelines=("StableDiffusionXLInpaintPipeline", "StableDiffusionXLPipeline"),
    presets={
        Quality.FAST: Preset(10, 5.0, "dpm"),
        Quality.BALANCED: Preset(20, 6.0, "dpm"),
        Quality.BEST: Preset(40, 7.0, "dpm"),
    },
    few_steps=Preset(5, 1.0, "lcm", "lcm-lora-sdxl"),
    before="a photo of ",
    after=", natural light, detailed",
    avoid="blurry, deformed, cartoon, frame, text, watermark",
    strength=0.99,  # as its makers say, who were left with a pale hole at 1
)
FLUX = Family(
    title="FLUX.1 Fill",
    pipelines=("FluxFillPipeline",),
    presets={Quality.FAST: Preset(14, 30.0), Quality.BALANCED: Preset(28, 30.0), Quality.BEST: Preset(50, 30.0)},
    few_steps=Preset(8, 30.0, lora="flux1-turbo"),
    before="A photo of ",
    after=".",
    half="bfloat16",
    masks_pixels=True,
)
# Whatever else diffusers can inpaint with: its own scheduler, and words that suit any model.
OTHER = Family(
    title="a model of your own",
    pipelines=(),
    presets={Quality.FAST: Preset(10, 5.0), Quality.BALANCED: Preset(25, 5.0), Quality.BEST: Preset(50, 5.0)},
    before="a photo of ",
    half="bfloat16",
)
FAMILIES = {"sd15": SD15, "sdxl": SDXL, "flux": FLUX, "other": OTHER}
# What identifies the family of a single file: a tensor that only it has.
LANDMARKS = {
    "sdxl": "conditioner.embedders.1.model.ln_final.weight",
    "sd15": "cond_stage_model.transformer.text_model.final_layer_norm.weight",
}


def family_of(place: Path) -> str:
    """The name in FAMILIES of the model at a place, a folder or a file.  Raises UserError where it is none."""
    if place.is_dir():
        try:
            name = json.loads((place / INDEX).read_text("utf-8"))["_class_name"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            raise wrong_input(
                tr("{place} is not a diffusion model: it has no {file} that can be read.", place=place, file=INDEX),
                "Choose a folder in diffusers' layout, or a .safetensors file.",
            ) from None
        return next((key for key, family in FAMILIES.items() if name in family.pipelines), "other")
    if place.suffix != ".safetensors":
        raise wrong_input(
            tr("{file} is not a .safetensors file.", file=place.name),
            "Other kinds may hold programs, and are not read.",
        )
    names = shapes(place)
    found = next((key for key, landmark in LANDMARKS.items() if landmark in names), None)
    if found is None:
        raise wrong_input(
            tr("{file} is not a whole Stable Diffusion 1.5 or XL model.", file=place.name),
            "Choose a file with all its parts, or a folder in diffusers' layout.",
        )
    return found


def shapes(place: Path) -> dict[str, list[int]]:
    """Names and shapes of the tensors in a .safetensors file, from its header alone.  Raises UserError."""
    try:
        with place.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, LONGEST_HEADER)))
        return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):
        sentence = tr("{file} is damaged, or no .safetensors file.", file=place.name)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence) from None

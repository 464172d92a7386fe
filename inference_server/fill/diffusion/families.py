"""What is known of each family of diffusion models: data, not code.  Standard library only.

Steps and guidance are what each family's makers publish.  The few-step presets need the LoRA that is named with them
(Luo et al. 2023, "LCM-LoRA"); where that is not installed, "fast" takes a few more steps of the family's own scheduler.
"""

import json
import math
import re
import struct
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ...models.catalogue import GGUF, IP_ADAPTER
from ...models.hub import INDEX
from ...models.store import Store
from ...shared.errors import ErrorCode, UserError, wrong_input
from ...shared.geometry import Size
from ...shared.messages import Quality
from ...shared.text import tr
from . import gguf_files

LONGEST_HEADER = 100 << 20  # bytes; the format's own limit


class Encoder(Enum):
    """How a family reads a prompt.

    CLIP: in chunks of 77 tokens, which may follow each other; T5: at once, up to 512 tokens, and CLIP beside it; CHAT:
    as what a person says to a language model, up to 512 tokens; READY: not at all, its one prompt comes encoded with
    its weights; UNKNOWN: the pipeline is given the words.
    """

    CLIP = "clip"
    T5 = "t5"
    CHAT = "chat"
    READY = "ready"
    UNKNOWN = "unknown"


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
    """before, after: words that help a short prompt; avoid: what a picture should not have, where that can be said;
    goes_on: what an empty prompt asks for: to go on as the surroundings do; what a model that removes is always told.
    like: the same where a picture says what it is to look like.
    """

    title: str
    # The classes of diffusers that a model_index.json may name; the first one paints into a hole.
    pipelines: tuple[str, ...]
    presets: dict[Quality, Preset]
    few_steps: Preset | None = None  # what "fast" is with a LoRA made for few steps
    before: str = ""
    after: str = ""
    avoid: str = ""
    goes_on: str = "the same place, nothing else"
    like: str = "a detailed photo"
    needs_picture: bool = False  # whether it fails where it begins with noise alone, and nothing of the hole's picture
    encoder: Encoder = Encoder.UNKNOWN
    casts: bool = False  # whether its denoising network's weights bear 8 bits, where memory is short
    half: str = "float16"  # what its weights are published in
    masks_pixels: bool = False  # whether it is told of each pixel of the hole, and not of cells of latents alone
    share: float = 1.0  # of the side that its files say: at which it was trained
    patch: int = 1  # cells of latents a side that become one token, and are hole or known together
    # Whether it changes a picture of which it sees all, the hole's content too.  What it made is not refined in tiles,
    # which it would leave as they are.
    edits: bool = False
    takes_reference: bool = False  # whether a picture can say what it is to look like
    adapter: str = ""  # the file of the catalogue's IP_ADAPTER with which one can
    # Whether it is shown the mask as a second picture, white on black, and makes all of the picture anew.
    takes_mask_as_picture: bool = False
    ready_prompt: str = ""  # the file beside a LoRA that has its one prompt, encoded
    dilation: float = 0.0  # of the model's side: how much wider than the object the mask is that it was trained with
    sizes: tuple[Size, ...] = ()  # of the pictures that it was trained with, where it takes no others
    guided_by: str = "guidance_scale"  # what its pipeline calls a preset's guidance
    takes_bytes: bool = False  # whether its pipeline takes pictures of 8 bits alone
    window: int = 512  # pixels of the image that it sees at least, along each axis


CONTINUE = "Remove what is in the middle, with its shadow, and continue the background"
# What Kontext's pipeline brings every picture to, as its makers advise; the portraits, and the landscapes.
_UPRIGHT = ((672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104))
KONTEXT_SIZES: tuple[Size, ...] = (*_UPRIGHT, (1024, 1024), *((height, width) for width, height in _UPRIGHT))


def nearest_area(aspect: float, side: int = 1024, step: int = 32) -> Size:
    """What Qwen-Image-Edit's pipeline brings a picture to: of about side x side pixels, in whole steps."""
    width = math.sqrt(side * side * aspect)
    return round(width / step) * step, round(width / aspect / step) * step


_LENGTHS = range(512, 2049, 32)
# Those that it leaves as they are.
QWEN_SIZES: tuple[Size, ...] = tuple(
    (width, height) for width in _LENGTHS for height in _LENGTHS if nearest_area(width / height) == (width, height)
)


SD15 = Family(
    title="Stable Diffusion",
    pipelines=("StableDiffusionInpaintPipeline", "StableDiffusionPipeline"),
    presets={
        Quality.FAST: Preset(10, 6.0, "dpm"),
        Quality.BALANCED: Preset(20, 7.0, "dpm"),
        Quality.BEST: Preset(40, 7.5, "dpm"),
    },
    few_steps=Preset(4, 1.0, "lcm", "lcm-lora-sd15"),
    adapter="ip-adapter-plus_sd15.safetensors",
    before="a photo of ",
    after=", natural light, sharp focus, detailed",
    avoid="blurry, low quality, deformed, cartoon, drawing, frame, border, text, watermark",
    encoder=Encoder.CLIP,
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
    adapter="ip-adapter-plus_sdxl_vit-h.safetensors",
    before="a photo of ",
    after=", natural light, detailed",
    avoid="blurry, deformed, cartoon, frame, text, watermark",
    needs_picture=True,  # as its makers say, who were left with a pale hole without it
    encoder=Encoder.CLIP,
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
    encoder=Encoder.T5,
    casts=True,
)
# The model that was distilled to four steps and no guidance, as its makers' card says; the better qualities take more.
# It understands what is to be there as well as an instruction.
FLUX2 = Family(
    title="FLUX.2 [klein]",
    pipelines=("Flux2KleinInpaintPipeline", "Flux2KleinPipeline"),
    presets={Quality.FAST: Preset(4, 1.0), Quality.BALANCED: Preset(6, 1.0), Quality.BEST: Preset(8, 1.0)},
    goes_on=CONTINUE,
    like="What the reference image shows",
    half="bfloat16",
    encoder=Encoder.CHAT,
    casts=True,
    share=31 / 32,  # padded, its pictures have less than the megapixel from which the pipeline would reduce them
    patch=2,
    edits=True,
    takes_reference=True,
)
# Made of XL to remove what the mask covers (Li et al. 2025, "RORem: Training a Robust Object Remover with
# Human-in-the-Loop").  Settings and words are those of its makers' code; they dilate masks by 20 of 512 pixels.
ROREM = Family(
    title="RORem",
    pipelines=(),  # its files name XL's
    presets={Quality.FAST: Preset(15, 1.0), Quality.BALANCED: Preset(25, 1.0), Quality.BEST: Preset(50, 1.0)},
    goes_on="4K, high quality, masterpiece, Highly detailed, Sharp focus, Professional, photorealistic, realistic",
    needs_picture=True,
    encoder=Encoder.CLIP,
    share=0.5,
    dilation=20 / 512,
)
# FLUX.2 [klein] with a LoRA that removes what a second picture, the mask, shows in white.  Settings, sizes and the
# words, which come encoded, are those of its makers' card; their program grows masks by 2 % of the picture.
FLUX2_ERASE = Family(
    title="erase-v1",
    pipelines=(),  # its base's files name FLUX.2's
    presets=dict.fromkeys(Quality, Preset(4, 1.0)),
    goes_on="Remove the object under the white area of the mask (second image), including its shadow and reflection, "
    "and fill that area naturally with the surrounding background.",
    half="bfloat16",
    encoder=Encoder.READY,
    casts=True,
    share=31 / 32,
    patch=2,
    edits=True,
    takes_mask_as_picture=True,
    ready_prompt="prompt_embeds.safetensors",
    dilation=0.04,
    window=992,
)
# A FLUX.1 that changes a picture as it is told (Labs et al. 2025, "FLUX.1 Kontext: Flow Matching for In-Context Image
# Generation and Editing in Latent Space"): beside the noise it sees the picture, or the reference in its place.
KONTEXT = Family(
    title="FLUX.1 Kontext",
    pipelines=("FluxKontextInpaintPipeline", "FluxKontextPipeline"),
    presets={Quality.FAST: Preset(14, 2.5), Quality.BALANCED: Preset(28, 2.5), Quality.BEST: Preset(50, 2.5)},
    goes_on=CONTINUE,
    half="bfloat16",
    encoder=Encoder.T5,
    casts=True,
    edits=True,
    takes_reference=True,
    sizes=KONTEXT_SIZES,
)
# The language model that reads the instruction sees the picture too (Wu et al. 2025, "Qwen-Image Technical Report",
# section 2.2), so that it is encoded anew for each.
QWEN_EDIT = Family(
    title="Qwen-Image-Edit",
    pipelines=("QwenImageEditInpaintPipeline", "QwenImageEditPipeline"),
    presets={Quality.FAST: Preset(15, 4.0), Quality.BALANCED: Preset(30, 4.0), Quality.BEST: Preset(50, 4.0)},
    avoid=" ",  # what a person names, and nothing besides
    goes_on=CONTINUE,
    half="bfloat16",
    casts=True,
    edits=True,
    sizes=QWEN_SIZES,
    guided_by="true_cfg_scale",
    takes_bytes=True,
)
# Whatever else diffusers can inpaint with: its own scheduler, and words that suit any model.
OTHER = Family(
    title="a model of your own",
    pipelines=(),
    presets={Quality.FAST: Preset(10, 5.0), Quality.BALANCED: Preset(25, 5.0), Quality.BEST: Preset(50, 5.0)},
    before="a photo of ",
    half="bfloat16",
)
FAMILIES = {
    "sd15": SD15,
    "sdxl": SDXL,
    "flux": FLUX,
    "flux2": FLUX2,
    "rorem": ROREM,
    "flux2_erase": FLUX2_ERASE,
    "kontext": KONTEXT,
    "qwen_edit": QWEN_EDIT,
    "other": OTHER,
}
TEXT = "attn2.to_k.weight"  # the end of the name of a tensor that text embeddings are multiplied with
ADAPTER_OF_TEXT = re.compile(r"^ip_adapter\.\d+\.to_k_ip\.weight$")  # (channels, their length)
LORA_OF_TEXT = re.compile(r"attn2[._](processor\.)?to_[kv][._]lora(_A|_down|\.down)\.")  # (rank, their length)
# What identifies the family of a single file: a tensor that only it has.
LANDMARKS = {
    "sdxl": "conditioner.embedders.1.model.ln_final.weight",
    "sd15": "cond_stage_model.transformer.text_model.final_layer_norm.weight",
}
# The same of a transformer in a .gguf file, named as its makers name them; what reads the picture, and what makes it.
FLUX2_IN_GGUF, FLUX_IN_GGUF = "single_stream_modulation.lin.weight", "double_blocks.0.img_mod.lin.weight"
READING, MAKING = "img_in.weight", "final_layer.linear.weight"


def family_of(place: Path) -> str:
    """The name in FAMILIES of the model at a place, a folder or a file.  Raises UserError where it is none.

    A .gguf file is the transformer alone of a model of the family.
    """
    if place.is_dir():
        try:
            name = json.loads((place / INDEX).read_text("utf-8"))["_class_name"]
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            raise wrong_input(
                tr("{place} is not a diffusion model: it has no {file} that can be read.", place=place, file=INDEX),
                "Choose a folder in diffusers' layout, or a .safetensors file.",
            ) from None
        return next((key for key, family in FAMILIES.items() if name in family.pipelines), "other")
    if place.suffix not in (".safetensors", GGUF):
        raise wrong_input(
            tr("{file} is neither a .safetensors nor a .gguf file.", file=place.name),
            "Other kinds may hold programs, and are not read.",
        )
    names = shapes(place)
    if place.suffix == GGUF:
        return _family_of_transformer(place, names)
    found = next((key for key, landmark in LANDMARKS.items() if landmark in names), None)
    if found is None:
        raise wrong_input(
            tr("{file} is not a whole Stable Diffusion 1.5 or XL model.", file=place.name),
            "Choose a file with all its parts, or a folder in diffusers' layout.",
        )
    return found


def _family_of_transformer(place: Path, tensors: dict[str, list[int]]) -> str:
    """The family of a .gguf file.  FLUX.1 Fill reads the hole beside the picture; Kontext is made like others."""
    if {READING, MAKING} <= tensors.keys():
        if FLUX2_IN_GGUF in tensors:
            return "flux2"
        if FLUX_IN_GGUF in tensors and tensors[READING][-1] > tensors[MAKING][0]:
            return "flux"
        if FLUX_IN_GGUF in tensors and "kontext" in place.stem.lower():
            return "kontext"
    raise wrong_input(
        tr("{file} is not the transformer of a model that paints into a hole.", file=place.name),
        "Choose one of FLUX.2 [klein], of FLUX.1 Fill, or of FLUX.1 Kontext, with “kontext” in the file's name.",
    )


def few_steps(family: Family, place: Path, store: Store) -> Preset | None:
    """What "fast" is for the model at a place, where the LoRA that it takes is installed and fits; else None."""
    few = family.few_steps
    if few is None or store.missing(few.lora):
        return None
    (lora,) = store.files(few.lora) or ()
    return few if lora_fits(store.place(few.lora) / lora.name, place) else None


def adapter(family: Family, place: Path, store: Store) -> Path | None:
    """The IP-Adapter with which the model at a place can be shown a picture, where it is installed and fits."""
    if not family.adapter or store.missing(IP_ADAPTER):
        return None
    file = store.folder_of(IP_ADAPTER) / family.adapter
    made_for = next((shape[1] for name, shape in shapes(file).items() if ADAPTER_OF_TEXT.search(name)), None)
    return file if _is_as_wide(place, made_for) else None


def lora_fits(lora: Path, place: Path) -> bool:
    """Whether a LoRA, a .safetensors file, is made for models as wide as the one at a place.

    Of one family there are several, such as Stable Diffusion 1.5 and 2, whose text embeddings differ in length.  Where
    either does not say how long they are, it fits.
    """
    return _is_as_wide(
        place, next((shape[1] for name, shape in shapes(lora).items() if LORA_OF_TEXT.search(name)), None)
    )


def _is_as_wide(place: Path, made_for: int | None) -> bool:
    """Whether the text embeddings of the model at a place have the length that something is made for."""
    try:
        is_folder = place.is_dir()
        width = (
            json.loads((place / "unet" / "config.json").read_text("utf-8"))["cross_attention_dim"]
            if is_folder
            else (next(shape[1] for name, shape in shapes(place).items() if name.endswith(TEXT)))
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError, StopIteration):
        return True
    return made_for is None or not isinstance(width, int) or width == made_for


def shapes(place: Path) -> dict[str, list[int]]:
    """Names and shapes of the tensors in a .safetensors or a .gguf file, from its header alone.  Raises UserError."""
    if place.suffix == GGUF:
        return {name: tensor.shape for name, tensor in gguf_files.tensors(place).items()}
    try:
        with place.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, LONGEST_HEADER)))
        return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error):
        sentence = tr("{file} is damaged, or no .safetensors file.", file=place.name)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence) from None

"""A diffusion model that paints into a hole of a small picture, from a prompt.

Method: latent diffusion (Rombach et al. 2022), conditioned on the picture around the hole (section 4.5 there), through
the pipelines of `diffusers`.  This file decides about steps, seeds, memory and cancelling; they decide about pixels.
"""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import numpy as np
import PIL.Image
import torch

from ...imaging.files import memory as computer
from ...imaging.pixels import to_uint8
from ...models import devices
from ...models.catalogue import IP_ADAPTER
from ...models.store import Store
from ...shared.errors import ErrorCode, UserError
from ...shared.messages import Quality
from ...shared.text import Translatable, tr
from ..prompts import Prompt
from ..windows import whole_cells
from . import adapters, memory, pipelines, schedule, texts
from .families import FAMILIES, Preset, few_steps
from .pace import Pace
from .preview import Preview
from .schedule import Start
from .texts import Text

REFINE_NOISE = 0.6  # times as much noise as picture is put back when a sketch is refined
PREFILL_NOISE = (
    4.0  # the same over a hole in which the surroundings go on: their structure is kept, their detail is not
)
SIDE = 1024  # pixels of a picture that a model which bears 8 bits paints
REFINE_STEPS = 0.4  # of the steps of a quality


class Sampling(NamedTuple):
    """How a picture is painted.

    refine: what is in the hole is a first sketch, to be kept but for its detail; is_prefilled: it is how the
    surroundings may go on, to be kept in its structure alone.  reference: a picture (h, w, 3) float32, 0 to 1, of what
    it is to look like, where the family takes one.
    """

    prompt: Prompt
    seed: int
    quality: Quality
    refine: bool = False
    is_prefilled: bool = False
    reference: np.ndarray | None = None


class Step(NamedTuple):
    """How far a picture is: `done` of `steps`, and what it looks like, (h, w, 3) float32 of a small size, or None."""

    done: int
    steps: int
    preview: np.ndarray | None


class Painter:
    """A pipeline, laid out so that it fits the device.  Not to be shared between threads."""

    def __init__(self, place: Path, family: str, store: Store, device: str | None = None, lora: str = "") -> None:
        """place: a folder, or a single file; lora: the name in the catalogue of the one that makes the model at the
        place one of the family.

        Raises UserError where there is no model of the family at the place.
        """
        self.family = FAMILIES[family]
        self.device = device or devices.best()
        self._source = pipelines.source(place, family, store)
        self._place, self._family_name, self._store, self._lora = self._source.place, family, store, lora
        self._check: Callable[[], None] = lambda: None
        self.slowed = False  # whether memory ran out, and a slower plan that takes less is used since
        self._was_widened = False  # whether it had to be read again in 32 bits
        self._lacks_lora = False  # whether "fast" goes without its LoRA, which does not fit
        self._is_cut = False  # whether the last prompt was too long
        self._pace = Pace()
        self._may_slow = False  # whether a slower plan is left for the picture that is painted
        self._open(_precision(self.family.half, self.device))
        scale = self._pipeline.vae_scale_factor
        # Pixels a side that it is told of as hole or known.
        self.cell = 1 if self.family.masks_pixels else scale * self.family.patch
        self.edits, self.sizes = self.family.edits, self.family.sizes
        network = self._network
        said = (getattr(self._pipeline, "default_sample_size", None) or network.config.sample_size) * scale
        self.side = round(said * self.family.share)
        levels = len(getattr(network, "down_blocks", ())) or 2
        self.multiple = max(8, scale * 2 ** (levels - 1))  # of 8 pixels whatever the network is, say the pipelines

    def _open(self, dtype: torch.dtype) -> None:
        """Read the pipeline from its files, and watch it; the one that is here goes first, as both would hardly fit."""
        for name in ("_pipeline", "_preview"):
            self.__dict__.pop(name, None)
        memory.empty(self.device)
        self._dtype = dtype
        self._in_four_bits = self._wants_four_bits(dtype)
        self._pipeline: Any = pipelines.read(self._source, dtype, self._store, in_four_bits=self._in_four_bits)
        self._scheduler = self._pipeline.scheduler
        self._ready = self._lay_over() if self._lora else None
        self._has_lora = False  # whether the LoRA for few steps is loaded
        self._preview = Preview(self._pipeline)
        self._plan: int | None = None
        self._texts: dict[tuple[Prompt, bool], Text] = {}
        self._starts: dict[tuple[Preset, bool, bool, int], Start] = {}
        self._picture: tuple[object, list[torch.Tensor]] = None, []  # the last one, by what it is, as an adapter has it
        self._check_between_blocks()

    def _lay_over(self) -> Text | None:
        """Lay the LoRA that makes the family over the pipeline; its one prompt, where it comes encoded with it."""
        files = self._store.need(self._lora)
        prompt = files.pop(self.family.ready_prompt, None)
        (weights,) = files.values()
        self._pipeline.load_lora_weights(weights.parent, weight_name=weights.name, adapter_name="family")
        return texts.ready(prompt, self._dtype) if prompt else None

    def _wants_four_bits(self, dtype: torch.dtype) -> bool:
        """Whether the pipeline is to be read in 4 bits, for want of memory."""
        if not (self.family.casts and self._place.is_dir() and memory.can_read_four_bits(self.device)):
            return False
        held = pipelines.weights(self._source, dtype)
        card = devices.total(self.device)
        return memory.wants_four_bits(held, card, computer.available(), SIDE**2)

    @property
    def _network(self) -> Any:
        """The denoising network."""
        return memory.denoiser(self._pipeline)

    @property
    def remarks(self) -> tuple[Translatable, ...]:
        """What a person should know of how it paints now."""
        said = (
            (self.slowed, tr("memory ran short: a slower way")),
            (self._in_four_bits, tr("memory is short: weights in 4 bits")),
            (self._was_widened, tr("16 bits gave no picture: with 32")),
            (self._lacks_lora, tr("the LoRA for few steps does not fit this model: without it")),
            (self._is_cut, tr("the prompt is too long: without its end")),
        )
        return tuple(remark for holds, remark in said if holds)

    def preset(self, quality: Quality) -> Preset:
        """Steps and guidance of a quality; few steps where the LoRA they need is installed and fits."""
        few = few_steps(self.family, self._place, self._store) if quality == Quality.FAST else None
        return few or self.family.presets[quality]

    def count(self, quality: Quality, *, refine: bool = False) -> int:
        """How many steps a picture takes; progress is weighted by it."""
        steps = self.preset(quality).steps
        return max(1, round(steps * REFINE_STEPS)) if refine else steps

    def has_room(self) -> bool:
        """Whether it is on the device already, or would fit there as a whole."""
        return self._plan is not None or self._fitting(self.side**2) == 0

    def release_for(self, needed: int) -> None:
        """Leave the device if it has fewer bytes than `needed` left; the next picture brings the model back."""
        if self._plan is not None and devices.free(self.device) < needed:
            memory.take_off(self._pipeline)
            self._plan = None
            memory.empty(self.device)

    def paint(
        self,
        picture: np.ndarray,
        hole: np.ndarray,
        sampling: Sampling,
        *,
        on_step: Callable[[Step], None] = lambda step: None,
        check: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """The picture with the hole painted, (h, w, 3) float32, 0 to 1; around the hole it is only nearly the same.

        picture: (h, w, 3) float32, 0 to 1, h and w multiples of `multiple`; hole: (h, w) bool, which is grown to whole
        cells (`whole_cells`).  on_step is called after each step, check often in between: either may raise, which ends
        it.  Where memory runs out, the next slower plan is tried once (`slowed`); where 16 bits do not suffice, 32.
        Raises UserError where that is not enough either.
        """
        self._check = check
        painted = self._painted(picture, hole, sampling, on_step)
        if not np.isfinite(painted).all() and self._dtype != torch.float32:
            self._widen()
            painted = self._painted(picture, hole, sampling, on_step)
        if not np.isfinite(painted).all():
            raise UserError(
                ErrorCode.MODEL_CORRUPT,
                "The model gives no picture: what it computes are no numbers.",
                "Fetch it again, or choose another model.",
            )
        return painted

    def _painted(
        self, picture: np.ndarray, hole: np.ndarray, sampling: Sampling, on_step: Callable[[Step], None]
    ) -> np.ndarray:
        """The picture, by a slower plan where memory runs out once."""
        preset = self._prepare(sampling.quality)
        self._show(sampling.reference, preset)
        plan = self._plan
        if plan is None:
            memory.empty(self.device)
            plan = self._fitting(hole.size)

        def attempt(plan: int, *, is_last: bool) -> np.ndarray | None:
            if not sampling.refine:
                self._preview.forget()
            self._may_slow = not is_last
            self._pace.begin((plan, hole.size, preset.guidance > 1))
            return self._attempt(plan, lambda: self._inputs(picture, hole, sampling, preset, on_step))

        painted = attempt(plan, is_last=plan + 1 == len(self._plans()))
        if painted is None:
            # Outside of the except clause: there, the frames that hold the tensors would still be alive.
            memory.empty(self.device)
            if plan + 1 == len(self._plans()):
                raise memory.lacking()
            self.slowed = True
            painted = attempt(plan + 1, is_last=True)
            if painted is None:
                memory.empty(self.device)
                raise memory.lacking()
        return painted

    def _inputs(
        self,
        picture: np.ndarray,
        hole: np.ndarray,
        sampling: Sampling,
        preset: Preset,
        on_step: Callable[[Step], None],
    ) -> dict[str, Any]:
        """What the pipeline is called with."""
        height, width = hole.shape
        start = self._start(sampling, preset, height, width)
        shown, told = sampling.reference, whole_cells(hole, self.cell)
        if self.family.takes_mask_as_picture:
            shown, told = np.repeat(hole[..., None], 3, axis=2).astype(np.float32), np.ones_like(hole)

        def after_step(pipeline: Any, k: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(Step(k + 1, pipeline.num_timesteps, self._preview.show(tensors["latents"], width, height)))
            is_slow = self._pace.is_slow()
            if self._may_slow and memory.is_swapping(self.device, is_slow=is_slow):
                raise MemoryError  # as it would be elsewhere
            return tensors

        inputs = {
            **self._encoded(sampling.prompt, preset),
            "image": PIL.Image.fromarray(to_uint8(picture)) if self.family.takes_bytes else _tensor(picture),
            **self._shown(shown),
            "mask_image": torch.from_numpy(told.astype(np.float32))[None, None],
            "height": height,
            "width": width,
            "strength": start.strength,
            "num_inference_steps": start.total,
            **({"timesteps": list(start.timesteps)} if start.timesteps else {}),
            self.family.guided_by: preset.guidance,
            # On the CPU, so that a seed means the same noise on every device.
            "generator": torch.Generator("cpu").manual_seed(sampling.seed),
            "output_type": "pt",
            "callback_on_step_end": after_step,
        }
        known = inspect.signature(self._pipeline.__call__).parameters
        return {name: value for name, value in inputs.items() if name in known}

    def _start(self, sampling: Sampling, preset: Preset, height: int, width: int) -> Start:
        """Where the schedule begins for a picture of this size; sought once, for there may be many tiles."""
        patch = 2 * self._pipeline.vae_scale_factor  # pixels a side that become one token, where there are any
        tokens = (height // patch) * (width // patch)
        key = preset, sampling.refine, sampling.is_prefilled, tokens
        if key not in self._starts:
            steps, scheduler = self.count(sampling.quality, refine=sampling.refine), self._pipeline.scheduler
            if sampling.refine:
                self._starts[key] = schedule.from_noise(scheduler, steps, REFINE_NOISE, tokens)
            elif sampling.is_prefilled:
                self._starts[key] = schedule.from_noise(scheduler, steps, PREFILL_NOISE, tokens)
            elif self.family.needs_picture:
                self._starts[key] = schedule.from_most_noise(scheduler, steps)
            else:
                self._starts[key] = schedule.from_pure_noise(steps)
        return self._starts[key]

    def _encoded(self, prompt: Prompt, preset: Preset) -> dict[str, Any]:
        """The prompt as the pipeline takes it, encoded once."""
        key = prompt, preset.guidance > 1
        if key not in self._texts:
            self._texts.clear()
            self._texts[key] = self._ready or texts.encode(
                self._pipeline, self.family.encoder, prompt, guided=preset.guidance > 1
            )
        self._is_cut = self._texts[key].is_cut
        device = self._pipeline._execution_device
        inputs = self._texts[key].inputs
        return {name: each.to(device) if isinstance(each, torch.Tensor) else each for name, each in inputs.items()}

    def _show(self, picture: np.ndarray | None, preset: Preset) -> None:
        """Have the pipeline ready to be shown a picture (h, w, 3) float32, or none.  Raises UserError."""
        if not self.family.adapter:
            return
        if memory.has_adapter(self._network) != (picture is not None):
            memory.take_off(self._pipeline)  # what moves layers would not know of those that come
            self._plan = None
            if picture is None:
                self._pipeline.unload_ip_adapter()
            else:
                adapters.load(self._pipeline, self._store.need(IP_ADAPTER)[self.family.adapter])
        key = picture is not None and (hashlib.sha256(picture.tobytes()).digest(), preset.guidance > 1)
        if picture is not None and self._picture[0] != key:
            encoder = self._store.need(IP_ADAPTER)[adapters.ENCODER]
            self._picture = key, adapters.encode(self._pipeline, encoder, picture, guided=preset.guidance > 1)

    def _shown(self, picture: np.ndarray | None) -> dict[str, Any]:
        """A picture (h, w, 3) float32 as the pipeline takes it, after `_show`."""
        if picture is None:
            return {}
        if not self.family.adapter:
            return {"image_reference": _tensor(picture)}
        device = self._pipeline._execution_device
        return {"ip_adapter_image_embeds": [each.to(device, self._dtype) for each in self._picture[1]]}

    def _attempt(self, plan: int, inputs: Callable[[], dict[str, Any]]) -> np.ndarray | None:
        """The picture painted by a plan, or None where memory ran out."""
        try:
            if self._plan != plan:
                self._lay_out(plan)
            # Not in inference mode: weights that offloading moves would become tensors that it cannot move again.
            images = self._pipeline(**inputs()).images
        except (RuntimeError, MemoryError) as error:
            if not memory.is_lacking(error):
                raise
            return None
        return images[0].permute(1, 2, 0).float().cpu().numpy().clip(0, 1)

    def _widen(self) -> None:
        """Read the pipeline again, in 32 bits: some cards, and some models, give no numbers in 16."""
        narrow = self._dtype
        try:
            self._open(torch.float32)
        except UserError:
            self._open(narrow)
            raise
        self._was_widened = True

    def _prepare(self, quality: Quality) -> Preset:
        """Give the pipeline the scheduler and the LoRA of a quality."""
        preset, few = self.preset(quality), self.family.few_steps
        self._lacks_lora = quality == Quality.FAST and bool(few and few != preset and not self._store.missing(few.lora))
        if preset.lora and not self._has_lora:
            if memory.is_cast(self._network):  # it came since then, and would be cast to 8 bits itself
                self._open(self._dtype)
            self._load_lora(preset.lora)
        if self._has_lora:
            (self._pipeline.enable_lora if preset.lora else self._pipeline.disable_lora)()
        config = self._scheduler.config
        match preset.scheduler:
            case "dpm":
                scheduler = diffusers.DPMSolverMultistepScheduler.from_config(config, use_karras_sigmas=True)
            case "lcm":
                scheduler = diffusers.LCMScheduler.from_config(config)
            case _:
                scheduler = self._scheduler
        self._pipeline.scheduler = scheduler
        return preset

    def _load_lora(self, name: str) -> None:
        (file,) = self._store.need(name).values()
        memory.take_off(self._pipeline)  # what moves layers would not know of those that come
        self._plan = None
        self._pipeline.load_lora_weights(file.parent, weight_name=file.name, adapter_name="few-steps")
        self._has_lora = True

    def _plans(self) -> tuple[memory.Plan, ...]:
        is_packed = self._source.transformer is not None
        return memory.possible(
            self.device, casts=self.family.casts, in_four_bits=self._in_four_bits, is_packed=is_packed
        )

    def _fitting(self, pixels: int) -> int:
        """The plan for a picture of so many pixels and what is free now."""
        return memory.choose(self._plans(), devices.free(self.device), memory.weights(self._pipeline), pixels)

    def _lay_out(self, plan: int) -> None:
        laid, few = self._plans()[plan], few_steps(self.family, self._place, self._store)
        if laid.cast and few and not self._has_lora:  # while the weights are still what it was made for
            self._load_lora(few.lora)
            self._pipeline.disable_lora()
        memory.lay_out(self._pipeline, laid, self.device)
        self._plan = plan

    def _check_between_blocks(self) -> None:
        """Have `check` called between the blocks of each network, so that a slow step can be cancelled midway."""
        for network in self._pipeline.components.values():
            if isinstance(network, torch.nn.Module):
                for block in (b for part in network.modules() if isinstance(part, torch.nn.ModuleList) for b in part):
                    block.register_forward_pre_hook(lambda *_: self._check())


def _tensor(picture: np.ndarray) -> torch.Tensor:
    """picture (h, w, 3) as (1, 3, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def _precision(half: str, device: str) -> torch.dtype:
    """16 bits on a GPU, and on a processor that is faster with them; else 32."""
    if device == "cpu":
        return torch.bfloat16 if devices.multiplies_bfloat16(device) else torch.float32
    if half == "bfloat16" and not devices.has_bfloat16(device):
        return torch.float32  # float16 overflows in these
    return getattr(torch, half)

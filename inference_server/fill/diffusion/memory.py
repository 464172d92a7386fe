"""How a pipeline is laid out so that it fits into the device's memory.

Plans, each slower and smaller than the one before: everything on the device; the same, but large pictures decoded in
tiles; only the network that works now on the device; only the layers that work now, the next ones on their way while
one computes; only the layer that works now.  The first that fits what is free is taken, and the next one where the
estimate was wrong.

Of the large transformers whose weights bear it, 8 bits are kept instead of 16, before layers have to be moved: each is
brought back to 16 when it computes (diffusers' layerwise casting).  Where that does not suffice either, or the
computer's memory does not hold 16 bits, they are read in 4 bits (NF4 of Dettmers et al. 2023, "QLoRA", section 3, by
bitsandbytes), as far as that package is here.  A transformer from a .gguf file keeps the bits that it has there.
"""

import gc
import platform
import re
from typing import Any, NamedTuple

import torch

from ...imaging.files import memory as computer
from ...models import devices, packages
from ...models.catalogue import FOUR_BITS_PACKAGE
from ...shared.errors import ErrorCode, UserError

DECODING = 4000  # bytes per pixel that the decoder takes, in 32 bits, as some must; measured on a processor
DENOISING = 2000  # about the most that the large network takes
TILE = 512  # pixels
LEAST_WORK = 300 << 20  # whatever the size: kernels, buffers
LAYERS = 400 << 20  # the most that is there at a time when one layer works after the other
EIGHT_BITS = torch.float8_e4m3fn
# Also what CUDA's libraries say where they could not get the memory that they work in, and Intel's driver.
LACKING = re.compile(
    r"out of memory|not enough memory|OUT_OF_(DEVICE|HOST)_MEMORY|OUT_OF_RESOURCES"
    r"|CU(BLAS|DNN|FFT|SOLVER|SPARSE)(_STATUS)?_(ALLOC_FAILED|NOT_INITIALIZED|INTERNAL_ERROR_HOST_ALLOCATION)"
)
SPARE = 0.9  # of the free memory; the rest is the desktop's
DRIVERS = 1 / 12  # of a card: what the driver and the desktop have of it, about
FULL = 0.03  # of a card that is free where it is full
FOUR_BITS = 0.29  # of 16: 4 bits a weight, a scale of 32 for each 64 of them, and what stays as it is


class Plan(NamedTuple):
    """offload: "" keeps all on the device, "model" one network, "group" and "sequential" one layer at a time.

    cast: the denoising network's weights are kept in 8 bits.
    """

    offload: str = ""
    tiled: bool = False
    cast: bool = False


WHOLE = (Plan(), Plan(tiled=True))
PLANS = (*WHOLE, Plan("model", tiled=True), Plan("group", tiled=True), Plan("sequential", tiled=True))
CASTING = (
    *WHOLE,
    Plan("model", tiled=True),
    *(Plan(way, tiled=True, cast=True) for way in ("model", "group", "sequential")),
)
READ_IN_FOUR = (*WHOLE, Plan("model", tiled=True))  # moving layers of such weights has not been tried on any card
PACKED = PLANS[:-1]  # accelerate, which moves single layers, does not know such weights
ADAPTED = "ip_image_proj"  # what a network's configuration says of its texts once an IP-Adapter lies in it
GROUPED = ("group_offloading", "layer_execution_tracker", "lazy_prefetch_group_offloading")  # diffusers' hooks


class Weights(NamedTuple):
    """Bytes of all the networks, of the largest, and of the largest but for the one that denoises, as they lie in
    memory; denoiser: of that one; is_cast: whether its weights are in 8 bits already; is_packed: whether they come
    quantised."""

    all: int
    largest: int
    other: int = 0
    denoiser: int = 0
    is_cast: bool = False
    is_packed: bool = False

    @property
    def largest_cast(self) -> int:
        """Bytes of the largest network once the weights of the one that denoises are in 8 bits."""
        return max(self.other, self.denoiser if self.is_cast else self.denoiser // 2)

    @property
    def in_four_bits(self) -> "Weights":
        """The same, of weights in 16 bits, if the two largest networks are read in 4, but for one that is quantised."""
        other = round(self.other * FOUR_BITS)
        denoiser = self.denoiser if self.is_packed else round(self.denoiser * FOUR_BITS)
        small = self.all - self.denoiser - self.other
        return Weights(small + denoiser + other, max(denoiser, other), other, denoiser, is_packed=self.is_packed)


def denoiser(pipeline: Any) -> Any:
    """The network that takes the noise away."""
    found = getattr(pipeline, "unet", None)
    return pipeline.transformer if found is None else found


def networks(pipeline: Any) -> list[torch.nn.Module]:
    return [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]


def weights(pipeline: Any) -> Weights:
    """What a pipeline's networks weigh."""
    first = denoiser(pipeline)
    sizes = {part: sum(p.numel() * p.element_size() for p in part.parameters()) for part in networks(pipeline)}
    others = max(size for part, size in sizes.items() if part is not first)
    return Weights(sum(sizes.values()), max(sizes.values()), others, sizes[first], is_cast(first))


def need(plan: Plan, held: Weights, pixels: int) -> int:
    """Bytes of device memory that a picture of so many pixels takes, about."""
    largest = held.largest_cast if plan.cast else held.largest
    there = held.all if not plan.offload else largest if plan.offload == "model" else min(LAYERS, largest)
    decoded = min(pixels, TILE**2) if plan.tiled else pixels
    return there + max(LEAST_WORK, decoded * DECODING, pixels * DENOISING)


def choose(plans: tuple[Plan, ...], free: int, held: Weights, pixels: int) -> int:
    """The first of the plans that fits into `free` bytes, or the last."""
    return next((k for k, plan in enumerate(plans) if need(plan, held, pixels) < free * SPARE), len(plans) - 1)


def possible(
    device: str, *, casts: bool = False, in_four_bits: bool = False, is_packed: bool = False
) -> tuple[Plan, ...]:
    """The plans for a device: where it shares the computer's own memory, there is nowhere to offload to.

    casts: whether the denoising network bears 8 bits; in_four_bits: whether a network was read in 4; is_packed: whether
    the denoising network came quantised.
    """
    if device not in devices.CARDS:
        return WHOLE
    if in_four_bits:
        return READ_IN_FOUR
    if is_packed:
        return PACKED
    return CASTING if casts else PLANS


def wants_four_bits(held: Weights, card: int, free: int | None, pixels: int) -> bool:
    """Whether a model that bears 8 bits is read in 4: where that keeps it from being moved layer by layer, or refused.

    held: its weights in 16 bits.  card: bytes of the memory of the card, all of them, as what is free changes with what
    else is loaded, and this is not undone.  free: bytes that can be had of the computer, None where that is unknown.
    """
    usable, smaller = round(card * (1 - DRIVERS)), held.in_four_bits
    if need(READ_IN_FOUR[-1], smaller, pixels) >= usable * SPARE or smaller.all >= usable:  # all comes onto the card
        return False
    if free is not None and free < held.all:
        return True
    plans = PACKED if held.is_packed else CASTING
    return plans[choose(plans, usable, held, pixels)].offload in ("group", "sequential")


def can_read_four_bits(device: str) -> bool:
    """Whether there is what reads weights in 4 bits, for this device."""
    return device in devices.CARDS and not packages.missing([FOUR_BITS_PACKAGE])


def lay_out(pipeline: Any, plan: Plan, device: str) -> None:
    """Put a pipeline where the plan wants it.  Weights that were cast to 8 bits once stay so."""
    take_off(pipeline)
    _set_tiles(pipeline, plan, device)
    network = denoiser(pipeline)
    if plan.cast and not is_cast(network):
        network.enable_layerwise_casting(storage_dtype=EIGHT_BITS, compute_dtype=network.dtype)
    if plan.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif plan.offload == "group":
        streams = device in devices.CARDS
        free = computer.available()
        pipeline.enable_group_offload(
            torch.device(device),
            offload_type="leaf_level",
            use_stream=streams,
            non_blocking=streams,
            # Else copies are made that stay where they are in the computer's memory: faster, and as large.
            low_cpu_mem_usage=streams and free is not None and free < weights(pipeline).all,
        )
    elif plan.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)


def take_off(pipeline: Any) -> None:
    """Bring a pipeline back into the computer's memory, without what moved it."""
    pipeline.remove_all_hooks()
    for part in networks(pipeline):
        for module in part.modules():
            if registry := getattr(module, "_diffusers_hook", None):
                for name in GROUPED:
                    registry.remove_hook(name, recurse=False)
    pipeline.to("cpu")


def _set_tiles(pipeline: Any, plan: Plan, device: str) -> None:
    vae = pipeline.vae
    if hasattr(vae, "tile_latent_min_size"):  # AutoencoderKL's; others keep what they are
        vae.tile_sample_min_size = min(vae.config.sample_size, TILE)
        vae.tile_latent_min_size = vae.tile_sample_min_size // pipeline.vae_scale_factor
    if hasattr(vae, "enable_tiling"):
        (vae.enable_tiling if plan.tiled else vae.disable_tiling)()
    # Cards' attention never holds the whole matrix; that of an adapter cannot be done in parts.
    if device not in devices.CARDS and not has_adapter(denoiser(pipeline)):
        (pipeline.enable_attention_slicing if plan.tiled else pipeline.disable_attention_slicing)()


def is_cast(network: torch.nn.Module) -> bool:
    """Whether a network's weights are in 8 bits."""
    return any(p.dtype == EIGHT_BITS for p in network.parameters())


def has_adapter(network: Any) -> bool:
    """Whether an IP-Adapter lies in a network."""
    return getattr(network.config, "encoder_hid_dim_type", None) == ADAPTED


def is_lacking(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(LACKING.search(str(error)))


def is_swapping(device: str, *, is_slow: bool) -> bool:
    """Whether a card's driver uses the computer's memory instead of saying that there is no more, as Windows' do.

    is_slow: whether a step took many times as long as others like it (`pace`).
    """
    if platform.system() != "Windows" or device not in devices.CARDS:
        return False
    total = devices.total(device)
    return getattr(torch, device).memory_reserved() > total or (is_slow and devices.free(device) < FULL * total)


def empty(device: str) -> None:
    """Give what nobody holds any more back to the device."""
    gc.collect()
    if device in ("cuda", "xpu", "mps"):
        getattr(torch, device).empty_cache()


def lacking() -> UserError:
    """What a person is told when the smallest plan did not fit either."""
    return UserError(
        ErrorCode.NO_MEMORY,
        "There is not enough memory for this model, not even in small pieces.",
        "Close other programs, take a smaller model (sd15-inpainting), or work on a smaller part of the photo.",
    )

"""How a pipeline is laid out so that it fits into the device's memory.

Four plans, each slower and smaller than the one before: everything on the device; the same, but large pictures decoded
in tiles; only the network that works now on the device; only the layer that works now.  The first that fits what is
free is taken, and the next one where the estimate was wrong.
"""

import gc
import re
from typing import Any, NamedTuple

import torch

from ...shared.errors import ErrorCode, UserError

DECODING = 4000  # bytes per pixel that the decoder takes, in 32 bits, as some must; measured on a processor
DENOISING = 2000  # about the most that the large network takes
TILE = 512  # pixels
LEAST_WORK = 300 << 20  # whatever the size: kernels, buffers
LAYERS = 400 << 20  # the most that is there at a time when one layer works after the other
SPARE = 0.9  # of the free memory; the rest is the desktop's


class Plan(NamedTuple):
    """offload: "" keeps all on the device, "model" one network, "sequential" one layer at a time."""

    offload: str = ""
    tiled: bool = False


PLANS = (Plan(), Plan(tiled=True), Plan("model", tiled=True), Plan("sequential", tiled=True))


class Weights(NamedTuple):
    """Bytes of all the networks and of the largest, as they lie in memory."""

    all: int
    largest: int


def weights(pipeline: Any) -> Weights:
    """What a pipeline's networks weigh."""
    networks = (part for part in pipeline.components.values() if isinstance(part, torch.nn.Module))
    sizes = [sum(p.numel() * p.element_size() for p in network.parameters()) for network in networks]
    return Weights(sum(sizes), max(sizes))


def need(plan: Plan, held: Weights, pixels: int) -> int:
    """Bytes of device memory that a picture of so many pixels takes, about."""
    there = {"": held.all, "model": held.largest, "sequential": min(LAYERS, held.largest)}[plan.offload]
    decoded = min(pixels, TILE**2) if plan.tiled else pixels
    return there + max(LEAST_WORK, decoded * DECODING, pixels * DENOISING)


def choose(free: int, held: Weights, pixels: int, device: str) -> int:
    """The first of the PLANS that fits into `free` bytes, or the last that the device has."""
    here = possible(device)
    return next((k for k, plan in enumerate(here) if need(plan, held, pixels) < free * SPARE), len(here) - 1)


def possible(device: str) -> tuple[Plan, ...]:
    """The plans for a device: where it shares the computer's own memory, there is nowhere to offload to."""
    return PLANS if device == "cuda" else PLANS[:2]


def lay_out(pipeline: Any, plan: Plan, device: str) -> None:
    """Put a pipeline where the plan wants it."""
    pipeline.remove_all_hooks()
    vae = pipeline.vae
    if hasattr(vae, "tile_latent_min_size"):  # AutoencoderKL's; others keep what they are
        vae.tile_sample_min_size = min(vae.config.sample_size, TILE)
        vae.tile_latent_min_size = vae.tile_sample_min_size // pipeline.vae_scale_factor
    if hasattr(vae, "enable_tiling"):
        (vae.enable_tiling if plan.tiled else vae.disable_tiling)()
    if device != "cuda":  # whose attention never holds the whole matrix
        (pipeline.enable_attention_slicing if plan.tiled else pipeline.disable_attention_slicing)()
    if plan.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif plan.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)


def is_lacking(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(re.search(r"out of memory|not enough memory", str(error)))


def empty(device: str) -> None:
    """Give what nobody holds any more back to the device."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def lacking() -> UserError:
    """What a person is told when the smallest plan did not fit either."""
    return UserError(
        ErrorCode.NO_MEMORY,
        "There is not enough memory for this model, not even in small pieces.",
        "Close other programs, take a smaller model (sd15-inpainting), or work on a smaller part of the photo.",
    )

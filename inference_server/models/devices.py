"""Which device torch models run on, in which precision, and how much memory it has.

python -m inference_server.models.devices      prints it for a program that does not import torch (`overview`)
python -m inference_server.models.devices all  prints the names of all devices that there are (`device_choice`)
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ..shared.monitor import Monitor
from .device_choice import KIND_VARIABLE

# What Metal lacks runs on the processor.  torch reads this when it is imported.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
import torch

torch.backends.cudnn.deterministic = True  # the same photo, mask and seed give the same pixels


CARDS = ("cuda", "xpu")  # devices with a memory of their own


def best() -> str:
    """ "cuda" (NVIDIA, AMD), "xpu" (Intel), "mps" (Apple) or "cpu"."""
    chosen = os.environ.get(KIND_VARIABLE)
    if chosen:
        return chosen
    for card in CARDS:
        if getattr(torch, card).is_available():
            return card
    return "mps" if torch.backends.mps.is_available() else "cpu"


def half(device: str) -> AbstractContextManager[object]:
    """A context in which matrix products run in 16 bits on a card.  Other devices gain nothing from it."""
    if device not in CARDS:
        return nullcontext()
    return torch.autocast(device, torch.bfloat16 if getattr(torch, device).is_bf16_supported() else torch.float16)


@contextmanager
def stoppable(monitor: Monitor) -> Iterator[None]:
    """Within, a pass of any network ends at its next layer once it is cancelled.  Raises the UserError then."""
    hook = torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: monitor.check())
    try:
        yield
    finally:
        hook.remove()


def multiplies_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "xpu":
        return torch.xpu.is_bf16_supported(including_emulation=False)
    return device == "cpu" and torch.cpu._is_avx512_bf16_supported()


def has_bfloat16(device: str) -> bool:
    """Whether the device computes with bfloat16 at all, without making it of float32."""
    if device == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    return multiplies_bfloat16(device)


def name(device: str) -> str:
    """What the maker calls the GPU; "" for the processor."""
    if device in CARDS:
        return getattr(torch, device).get_device_name()
    return "Apple GPU" if device == "mps" else ""


def total(device: str) -> int:
    """Bytes of memory that a GPU has; 0 for the processor."""
    if device in CARDS:
        return getattr(torch, device).mem_get_info()[1]
    return torch.mps.recommended_max_memory() if device == "mps" else 0


def computer_memory() -> int:
    """Bytes of memory that the computer has, whatever is in them now."""
    import psutil  # only painting asks for this, and needs psutil installed anyway

    return psutil.virtual_memory().total


def free(device: str) -> int:
    """Bytes of memory that are free on the device."""
    if device in CARDS:
        return getattr(torch, device).mem_get_info()[0]
    if device == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    import psutil  # only painting asks for this, and needs psutil installed anyway

    return psutil.virtual_memory().available


def describe() -> tuple[str, int, int]:
    """The best device's name, its memory and what is free of it, in bytes; ("", 0, 0) for the processor."""
    device = best()
    return (name(device), total(device), free(device)) if device != "cpu" else ("", 0, 0)


def present() -> list[str]:
    """The names of all devices, as `device_choice.parse` takes them."""
    cards = [f"{kind}:{number}" for kind in CARDS for number in range(getattr(torch, kind).device_count())]
    return [*cards, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


if __name__ == "__main__":
    print(json.dumps(present() if sys.argv[1:] else describe()))

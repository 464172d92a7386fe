"""What there is to work with: the device, and of every model whether it is installed, advised, or lacks something.

Imports no torch: where it is needed to know the device, a process of its own is asked.
"""

import functools
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..shared.messages import ModelInfo
from ..shared.text import Translatable, tr
from . import catalogue, packages, speeds
from .catalogue import MODELS, Model
from .store import Store, left_out, licence_remedy, weights_without

TIMEOUT = 60  # seconds for a process to import torch from a cold disk and name the device
INTELS = "+xpu"  # the end of the version of torch's build for Intel's cards, whose driver is on every desktop
# What Linux has where there is a driver that torch may compute with: NVIDIA's, AMD's, and Windows' below Linux.
DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))


class Device(NamedTuple):
    """What models run on.  name: the GPU's, "" for the processor; memory and free: bytes of it, 0 if unknown."""

    name: str
    memory: int
    free: int

    @property
    def gpu_memory(self) -> int:
        """Bytes of memory of the GPU, 0 where there is none."""
        return self.memory if self.name else 0


def device_is_known() -> bool:
    """Whether `device` answers at once."""
    if "torch" in sys.modules or find_spec("torch") is None or not may_have_gpu():
        return True
    return _ask_process.cache_info().currsize > 0


def device() -> Device:
    """The best device of this machine.  It takes seconds the first time."""
    if "torch" in sys.modules:
        from . import devices

        found = Device(*devices.describe())
    elif find_spec("torch"):
        found = _ask_process() if may_have_gpu() else Device("", 0, 0)
    else:  # what torch would compute on if it came, so that what is advised suits that
        found = Device(*(packages.nvidia_gpu() or ("", 0, 0)))
    return found if found.name else _processor()


def may_have_gpu() -> bool:
    """False where torch would find no GPU, which it needs seconds of a core to say, while people begin to click."""
    if sys.platform == "darwin" or packages.gpu_maker() or any(driver.exists() for driver in DRIVERS):
        return True
    try:
        return find_spec("torch") is not None and version("torch").endswith(INTELS)
    except PackageNotFoundError:  # it was brought in an unusual way: only torch knows
        return True


def _processor() -> Device:
    if find_spec("psutil"):
        import psutil

        memory = psutil.virtual_memory()
        return Device("", memory.total, memory.available)
    sysconf = getattr(os, "sysconf", lambda name: 0)  # Windows has none
    return Device("", sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE"), 0)


@functools.cache
def _ask_process() -> Device:
    """The GPU that a process of its own finds: importing torch here would block everything for seconds, and stay."""
    command = [sys.executable, "-m", "inference_server.models.devices"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
        name, memory, free = json.loads(output)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Device("", 0, 0)
    return Device(str(name), int(memory), int(free))


def describe(store: Store, device: Device | None) -> tuple[ModelInfo, ...]:
    """Every model of the catalogue, and every other one that is installed.

    device: the one they are to run on; None where it is not known yet: then no model is advised, or said to be used.
    """
    models = (*MODELS.values(), *store.fetched())
    installed = [model.name for model in models if not store.missing(model.name)]
    usable = [name for name in installed if not packages.missing(store.packages(name))]
    seconds = {} if device is None else speeds.read(store.folder, device.gpu_memory)
    memory = _processor().memory
    helped = [model.name for model in models if model.help and not packages.missing(model.help.packages)]
    advised: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    if device is not None:
        comes = bool(packages.gpu_maker())
        advised = catalogue.advised(device.gpu_memory, installed, memory, seconds, helped=comes)
        used = catalogue.used(device.gpu_memory, usable, memory, seconds, helped=helped)
    return tuple(
        _info(
            store,
            model,
            installed=model.name in installed,
            advised=model.name in advised,
            used=model.name in used,
        )
        for model in models
    )


def _info(store: Store, model: Model, *, installed: bool, advised: bool, used: bool) -> ModelInfo:
    lacking = packages.missing(store.packages(model.name))
    fetched_with_token = bool(model.hub and os.environ.get("HF_TOKEN"))
    return ModelInfo(
        name=model.name,
        title=model.title,
        use=Translatable.of(model.use),
        job=None if model.accelerates or model.helps else model.job,
        licence=model.licence,
        size=_size(store, model),
        memory=0 if model.accelerates else model.memory,
        installed=installed,
        page=model.licence_page,
        by_hand=Translatable.of("" if fetched_with_token else licence_remedy(model)),
        lacks=_lacks(lacking),
        advised=advised,
        short=Translatable.of(model.short),
        packages_size=packages.download_size(lacking),
        used=used,
    )


def _size(store: Store, model: Model, without: str = "") -> int:
    """Bytes of a model's files, about, where they are not listed yet; with those of a model that comes with it.

    without: as in `Store.missing`.
    """
    listed = store.files(model.name)
    own = sum(file.size for file in listed or model.files if not left_out(file, without))
    comes = [MODELS[model.base]] if model.base and store.missing(model.base, model.instead) else []
    own = max(own, 0 if listed else weights_without(model, without))
    return own + sum(_size(store, base, model.instead) for base in comes)


def _lacks(lacking: list[str]) -> Translatable:
    """What is said of packages that a model needs and this Python lacks; "" where there are none."""
    if not lacking:
        return Translatable("")
    return tr("Needs packages, which come with it: {packages}.", packages=", ".join(lacking))

"""What there is to work with: the device, and of every model whether it is installed, advised, or lacks something.

Imports no torch: where it is needed to know the device, a process of its own is asked.
"""

import functools
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import NamedTuple

from ..shared.messages import Job, ModelInfo
from ..shared.text import Translatable, tr
from . import packages
from .catalogue import MODELS, Model, ranked
from .store import Store, licence_remedy

TIMEOUT = 60  # seconds for a process to import torch from a cold disk and name the device


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
    return "torch" in sys.modules or find_spec("torch") is None or _ask_process.cache_info().currsize > 0


def device() -> Device:
    """The best device of this machine.  It takes seconds the first time."""
    if "torch" in sys.modules:
        from . import devices

        found = Device(*devices.describe())
    elif find_spec("torch"):
        found = _ask_process()
    else:
        found = Device("", 0, 0)
    return found if found.name else _processor()


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

    device: the one they are to run on; None where it is not known yet: then no model is advised.
    """
    best = () if device is None else advised(device)
    return tuple(_info(store, model, advised=model.name in best) for model in (*MODELS.values(), *store.fetched()))


def advised(device: Device) -> tuple[str, ...]:
    """The models that suit a device best: one for each job, and what makes the one that paints faster.

    Models whose licence must be accepted by hand are left out.
    """
    best = [
        next(model for model in ranked(job) if not model.licence_page and model.suits(device.gpu_memory))
        for job in (Job.SELECT, Job.REMOVE, Job.FILL)
    ]
    families = {model.family for model in best}
    accelerators = [model for model in MODELS.values() if model.accelerates in families]
    return tuple(model.name for model in (*best, *accelerators))


def _info(store: Store, model: Model, *, advised: bool) -> ModelInfo:
    files = store.files(model.name) or model.files
    fetched_with_token = bool(model.hub and os.environ.get("HF_TOKEN"))
    return ModelInfo(
        name=model.name,
        title=model.title,
        use=Translatable.of(model.use),
        job=None if model.accelerates else model.job,
        licence=model.licence,
        size=sum(file.size for file in files),
        memory=0 if model.accelerates else model.memory,
        installed=not store.missing(model.name),
        page=model.licence_page,
        by_hand=Translatable.of("" if fetched_with_token else licence_remedy(model)),
        lacks=_lacks(model),
        advised=advised,
    )


def _lacks(model: Model) -> Translatable:
    """What to do about a package that the model needs and this Python lacks; "" where there is none."""
    missing = packages.missing(model.packages)
    if not missing:
        return Translatable("")
    return tr("Needs {package} in the server's Python: run install.py without --starter.", package=missing[0])

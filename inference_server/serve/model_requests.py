"""What the server has to work with: its device, and its models, which are fetched and discarded here.

Knows no engine: that takes the best model that is here whenever it starts on a photo.
"""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from ..fill import diffusion
from ..models.catalogue import MODELS, Model
from ..models.store import Store, licensed
from ..select import segmenters
from ..shared.messages import FetchModel, ListModels, Message, ModelFetched, ModelList, ModelRemoved, RemoveModel
from ..shared.messages import ModelInfo as Described
from ..shared.text import Translatable, tr
from ..shared.wire import ProtocolError

Device = tuple[str, int, int]  # the GPU's name, "" for the processor; its memory, and what is free of it, in bytes
ASKING_SECONDS = 60  # torch from a cold disk


def perform(
    message: Message,
    frames: Sequence[bytes],
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
    send: Callable[[Message, list[bytes]], None],
) -> tuple[Message, list[bytes]]:
    """Do what a request about models asks, as `jobs.perform` does the others.  Raises UserError."""
    store = Store()
    match message:
        case ListModels():
            progress(0.0, "Looking what is installed")
            if not _device_known():
                send(ModelList("", 0, 0, described(store, None), more=1), [])
            device = _device()
            return ModelList(*device, described(store, device)), []
        case FetchModel():
            store.fetch(message.name, progress, cancelled)
            return ModelFetched(), []
        case RemoveModel():
            store.remove(message.name, progress, cancelled)
            return ModelRemoved(), []
    raise ProtocolError(f"{type(message).__name__} is not about models")


def described(store: Store, device: Device | None) -> tuple[Described, ...]:
    """Every model that can be had or is here.  device: the one they are to run on, if that is known."""
    best = () if device is None else advised(device)
    found = []
    for model in (*MODELS.values(), *store.fetched()):
        files = store.files(model.name) or model.files
        helps = model.family.endswith("-lora")
        found.append(
            Described(
                name=model.name,
                title=model.title,
                use=Translatable.of(model.use),
                job="helper" if helps else model.job,
                licence=model.licence,
                size=sum(file.size for file in files),
                memory=0 if helps else model.memory,
                installed=not store.missing(model.name),
                page=model.page,
                by_hand=Translatable("")
                if model.hub and os.environ.get("HF_TOKEN")
                else Translatable.of(licensed(model)),
                lacks=_lacks(model),
                advised=model.name in best,
            )
        )
    return tuple(found)


def advised(device: Device) -> tuple[str, ...]:
    """The models that suit a device best: one for each purpose, and what makes the one that paints faster."""
    name, memory, _ = device
    finder = (segmenters.ON_GPU if name else segmenters.ON_CPU)[0]
    open_to_all = [model for model in diffusion.PREFERRED if not MODELS[model].page]
    painter = next(model for model in open_to_all if diffusion.PREFERRED[model] <= (memory if name else 0))
    helpers = [model.name for model in MODELS.values() if model.family == f"{MODELS[painter].family}-lora"]
    return finder, "big-lama", painter, *helpers


def _lacks(model: Model) -> Translatable:
    """What to say of a model that needs packages which the server's Python has not."""
    if model.job == "select":
        packages: tuple[str, ...] = segmenters.PACKAGES[model.family]
    else:
        packages = diffusion.PACKAGES if model.job == "fill" else ("torch",) if model.files else ()
    lacking = [package for package in packages if find_spec(package) is None]
    if not lacking:
        return Translatable("")
    return tr("Needs {package} in the server's Python: run install.py without --starter.", package=lacking[0])


def _device_known() -> bool:
    return "torch" in sys.modules or find_spec("torch") is None or _asked_apart.cache_info().currsize > 0


def _device() -> Device:
    if "torch" in sys.modules:
        from ..models import devices

        found = devices.described()
    else:
        found = _asked_apart() if find_spec("torch") else ("", 0, 0)
    return found if found[0] else _processor()


def _processor() -> Device:
    if find_spec("psutil"):
        import psutil

        memory = psutil.virtual_memory()
        return "", memory.total, memory.available
    pages = getattr(os, "sysconf", lambda name: 0)  # not on Windows
    return "", pages("SC_PHYS_PAGES") * pages("SC_PAGE_SIZE"), 0


@functools.cache
def _asked_apart() -> Device:
    """What a process of its own says, which takes seconds: here torch would hold up everybody, and stay."""
    command = [sys.executable, "-m", "inference_server.models.devices"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=ASKING_SECONDS, check=True).stdout
        name, memory, free = json.loads(said)
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", 0, 0
    return str(name), int(memory), int(free)

"""Models that paint from a prompt: Stable Diffusion, FLUX and similar ones.

    painter = diffusion.load(store, Job.FILL, "", monitor)      # the best that is installed; this imports torch

`demand`, which says what is missing, needs no torch and takes milliseconds.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ...models import packages
from ...models.catalogue import IP_ADAPTER, MODELS, ranked, used
from ...models.store import Store
from ...shared.command_lines import command
from ...shared.errors import ErrorCode, UserError, wrong_input
from ...shared.messages import PAINTING_JOBS, Job, PaintOptions, Quality
from ...shared.monitor import UNWATCHED, Monitor
from ...shared.text import tr
from .families import FAMILIES, Family, Preset, adapter, family_of, few_steps

if TYPE_CHECKING:
    from .painter import Painter


def demand(store: Store, job: Job, model: str = "") -> None:
    """Raise the UserError that says what is missing for `job`, if it is one that paints and anything is.

    model: a name in the catalogue, one that was fetched from a hub ("ORG/NAME"), the path of a folder, a .safetensors
    file or a .gguf file, or "" for the best that is installed.
    """
    if job not in PAINTING_JOBS:
        return
    if not model:
        if not store.installed(Job.FILL):
            store.demand(ranked(Job.FILL)[-1].name, job)  # the one that needs least
    elif not is_path(model):
        store.demand(model, job)
    lacking = packages.missing(store.packages(model))
    if lacking:
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "Painting from a prompt needs packages that the server's Python does not have: {packages}.",
                packages=", ".join(lacking),
            ),
            packages.install_command(lacking),
        )


def load(store: Store, job: Job, model: str = "", monitor: Monitor = UNWATCHED) -> "Painter":
    """The painter that `model` names, as in `demand`.  Raises UserError where it is missing or damaged."""
    demand(store, job, model)
    model = chosen(store, model)
    if not is_path(model):
        store.need(model, monitor)  # which may read gigabytes to check them
    monitor.report(0.0, tr("Loading the model that paints"))
    from .painter import Painter

    return Painter(place(store, model), _family_name(store, model), store, lora=laid_over(model))


def family(store: Store, job: Job, model: str = "") -> Family:
    """What is known of the family of the model that `model` names.  Raises UserError as `demand` does."""
    demand(store, job, model)
    return FAMILIES[_family_name(store, model)]


def demand_reference(store: Store, job: Job, model: str = "") -> None:
    """Raise the UserError for a model that is told in words alone what to paint, and not by a picture."""
    if takes_reference(store, job, model):
        return
    found = family(store, job, model)
    others = ", ".join(
        entry.name for entry in MODELS.values() if entry.family in FAMILIES and FAMILIES[entry.family].takes_reference
    )
    if found.adapter and store.missing(IP_ADAPTER):
        fetch = command(f"models fetch {IP_ADAPTER}")
        remedy = tr(
            "Leave the picture out, choose one of these models: {models}, or run: {command}",
            models=others,
            command=fetch,
        )
    else:
        remedy = tr("Leave the picture out, or choose one of these models: {models}.", models=others)
    raise wrong_input(tr("{model} is told by words alone what to paint, not by a picture.", model=found.title), remedy)


def takes_reference(store: Store, job: Job, model: str = "") -> bool:
    """Whether the model that `model` names can be shown a picture of what it is to paint.  Raises UserError as `demand`
    does."""
    found = family(store, job, model)
    return found.takes_reference or adapter(found, place(store, model), store) is not None


def preset(store: Store, job: Job, paint: PaintOptions) -> Preset:
    """Steps and guidance that the model and the quality of `paint` mean.  Raises UserError as `demand` does."""
    found, fast = family(store, job, paint.model), paint.quality == Quality.FAST
    return (few_steps(found, place(store, paint.model), store) if fast else None) or found.presets[paint.quality]


def chosen(store: Store, model: str) -> str:
    """The name, or the path, of the model that `model` names, as in `demand`, which must have found it."""
    return model or _best(store)


def place(store: Store, model: str) -> Path:
    """The path of the model that `model` names, as in `demand`, which must have found it: a folder or a file.

    Of a LoRA that makes another model of one it is that one's.
    """
    name = chosen(store, model)
    if is_path(name):
        return Path(name)
    name = MODELS[name].base if laid_over(name) else name
    files = store.files(name) or ()
    return store.place(name) / files[0].name if len(files) == 1 else store.place(name)


def removing_family(model: str) -> Family | None:
    """The family of the model of the catalogue of this name, where it is a diffusion model made for removing."""
    known = MODELS.get(model)
    return FAMILIES.get(known.family) if known and known.job == Job.REMOVE else None


def laid_over(model: str) -> str:
    """`model` where it is the name of a LoRA that makes another model of one, else ""."""
    return model if model in MODELS and MODELS[model].base and not MODELS[model].instead else ""


def _family_name(store: Store, model: str) -> str:
    """The name in FAMILIES of the model that `model` names, as in `demand`.  Raises UserError where it is none."""
    known = MODELS.get(model)
    return known.family if known and known.family else family_of(place(store, model))


def _best(store: Store) -> str:
    """The best of those installed that this machine and its GPU have the memory for, else the one that needs least.

    All the memory counts: how much is free changes when a model is loaded, and the answer should not.
    """
    from ...models import devices
    from . import memory

    here, device = [model.name for model in store.installed(Job.FILL)], devices.best()
    helped = here if memory.can_read_four_bits(device) else ()
    (best,) = used(devices.total(device), here, devices.computer_memory(), helped=helped)
    return best


def is_path(model: str) -> bool:
    """Whether `model` is a file or a folder of the person's own."""
    try:
        return bool(model) and model not in MODELS and Path(model).exists()
    except OSError:  # it is too long for a path
        return False

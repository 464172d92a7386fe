"""Models that paint from a prompt: Stable Diffusion and its kin.

    painter = diffusion.load(store, "fill", "")             # the best that is installed; torch comes with it
    painted = painter.paint(picture, hole, prompt, seed, "balanced")

Which one that is can be asked for (`demand`) without torch, and within milliseconds.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...models.catalogue import MODELS
from ...models.store import Store
from ...shared.command_lines import run, this_python
from ...shared.errors import ErrorCode, UserError
from ...shared.monitor import never, quiet
from ...shared.text import tr
from .families import FAMILIES, Family, family_of

if TYPE_CHECKING:
    from .painter import Painter

Report = Callable[[float, str], None]

# Best first; bytes of memory of a GPU from which it is worth its time.  Without a GPU the smallest is.
PREFERRED = {"flux1-fill": 20 << 30, "sdxl-inpainting": 7 << 30, "sd15-inpainting": 0}
STARTER = "sd15-inpainting"
PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "accelerate", "peft", "psutil")


def demand(store: Store, job: str, model: str = "") -> None:
    """Raise the UserError that says what `job` ("fill" or "replace") lacks, if it lacks anything.

    model: a name in the catalogue, one that was fetched from a hub ("ORG/NAME"), the path of a folder or of a
    .safetensors file, or "" for the best that is installed.
    """
    if not model:
        if not _installed(store):
            store.demand(STARTER, job)
    elif not _is_place(model):
        store.demand(model, job)
    lacking = [package for package in PACKAGES if find_spec(package) is None]
    if lacking:
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "Painting from a prompt needs packages that the server's Python does not have: {packages}.",
                packages=", ".join(lacking),
            ),
            run(f"{this_python()} -m pip install {' '.join(lacking)}"),
        )


def load(
    store: Store, job: str, model: str = "", progress: Report = quiet, cancelled: Callable[[], bool] = never
) -> "Painter":
    """The painter that `model` names, as in `demand`.  Raises UserError where it is missing or damaged."""
    demand(store, job, model)
    if not _is_place(model):
        model = model or _best(store)
        store.need(model, progress, cancelled)  # which may read gigabytes to be sure of them
    progress(0.0, "Loading the model that paints")
    from .painter import Painter

    there = place(store, model)
    return Painter(there, family_of(there), store)


def family(store: Store, job: str, model: str = "") -> Family:
    """What is known of the family of the model that `model` names.  Raises UserError as `demand` does."""
    demand(store, job, model)
    return FAMILIES[family_of(place(store, model))]


def place(store: Store, model: str) -> Path:
    """Where the model is that `model` names, as in `demand`, which must have found it."""
    return Path(model) if _is_place(model) else store.folder_of(model or _best(store))


def _best(store: Store) -> str:
    """The best of those installed that this machine's GPU has the memory for, or the smallest.

    By all its memory: what is free changes while a model is there, and the answer should not.
    """
    from ...models import devices

    here, total = _installed(store), devices.total(devices.best())
    return next((name for name in here if PREFERRED[name] <= total), here[-1])


def _is_place(model: str) -> bool:
    return bool(model) and model not in MODELS and Path(model).exists()


def _installed(store: Store) -> list[str]:
    return [name for name in PREFERRED if name in MODELS and not store.missing(name)]

"""Models that paint from a prompt: Stable Diffusion and its kin.

    painter = diffusion.load(store, "fill", "")             # the best that is installed; torch comes with it
    painted = painter.paint(picture, hole, prompt, seed, "balanced")

Which one that is can be asked for (`demand`) without torch, and within milliseconds.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError, this_python
from ..models.catalogue import MODELS
from ..models.store import Store
from .families import FAMILIES, Family, family_of

if TYPE_CHECKING:
    from .painter import Painter

# Best first; bytes of free memory on a GPU from which it is worth its time.  Without a GPU the smallest is.
PREFERRED = {"flux1-fill": 16 << 30, "sdxl-inpainting": 5 << 30, "sd15-inpainting": 0}
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
            "no-model",
            f"Painting from a prompt needs {' and '.join(lacking)} in the server's Python, not installed there.",
            f"Run: {this_python()} -m pip install {' '.join(lacking)}",
        )


def load(store: Store, job: str, model: str = "") -> "Painter":
    """The painter that `model` names, as in `demand`.  Raises UserError where it is missing or damaged."""
    demand(store, job, model)
    from .painter import Painter

    place = _place(store, model)
    return Painter(place, family_of(place), store)


def family(store: Store, job: str, model: str = "") -> Family:
    """What is known of the family of the model that `model` names.  Raises UserError as `demand` does."""
    demand(store, job, model)
    return FAMILIES[family_of(_place(store, model))]


def _place(store: Store, model: str) -> Path:
    """Where the model is that `model` names, or the best one for this machine."""
    if not model:
        from .. import devices

        device = devices.best()
        here, free = _installed(store), 0 if device == "cpu" else devices.free(device)
        model = next((name for name in here if PREFERRED[name] <= free), here[-1])
    if _is_place(model):
        return Path(model)
    store.need(model)
    return store.folder_of(model)


def _is_place(model: str) -> bool:
    return model not in MODELS and Path(model).exists()


def _installed(store: Store) -> list[str]:
    return [name for name in PREFERRED if name in MODELS and not store.missing(name)]

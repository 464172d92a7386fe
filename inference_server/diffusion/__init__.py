"""Models that paint from a prompt: Stable Diffusion and its kin."""

from typing import NoReturn

from ..errors import UserError
from ..models.store import Store
from ..protocol import TITLES

MODEL = "sd15-inpainting"


def load(store: Store, job: str) -> NoReturn:
    """Raise the UserError that says what `job` ("fill" or "replace") lacks."""
    store.demand(MODEL, job)
    raise UserError("no-model", f"{TITLES[job]} is not part of this version yet.", "Update Inpaint Anything.")

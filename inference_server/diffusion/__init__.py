"""Models that paint from a prompt: Stable Diffusion and its kin."""

from typing import NoReturn

from ..errors import UserError, command
from ..models.catalogue import TITLES
from ..models.store import Store

MODEL = "sd15-inpainting"


def load(store: Store, job: str) -> NoReturn:
    """Raise the UserError that says what `job` ("fill" or "replace") lacks."""
    if store.missing(MODEL):
        raise UserError(
            "no-model",
            f"{TITLES[job]} needs the model {MODEL}, which is not installed.",
            f"Run: {command(f'models fetch {MODEL}')}",
        )
    raise UserError("no-model", f"{TITLES[job]} is not part of this version yet.", "Update Inpaint Anything.")

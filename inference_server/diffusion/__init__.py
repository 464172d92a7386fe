"""Models that paint from a prompt: Stable Diffusion and its kin.  None is in the catalogue yet."""

from typing import NoReturn

from ..errors import UserError
from ..models.store import Store

DEFAULT = "sd15-inpainting"

JOB_WORDS = {"fill": "Fill", "replace": "Replace Background"}


def load(store: Store, job: str) -> NoReturn:
    """Raise the UserError that says which model `job` needs and what brings it."""
    raise UserError(
        "no-model",
        f"{JOB_WORDS[job]} needs the model {DEFAULT}, which is not installed.",
        f"Run: python -m inference_server models fetch {DEFAULT}",
    )

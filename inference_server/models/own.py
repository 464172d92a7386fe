"""Files that a person brings: whether they are a model of the catalogue, and what a model of their own is called."""

import re
from pathlib import Path

from ..shared.errors import wrong_input
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr
from .catalogue import MODELS, OWN, Model
from .download import matches

LONGEST = 100  # characters of a file's name that a model is called by


def listed(given: Path, monitor: Monitor = UNWATCHED) -> str | None:
    """The name of the catalogue's model that a file is, or that all files in a folder are; None where there is none.

    Sizes are compared first: a file is only read whole where one has the same.  Raises UserError for a file that is
    one of several of a model, and OSError.
    """
    if given.is_dir():
        return next((model.name for model in MODELS.values() if _holds(given, model, monitor)), None)
    for model in MODELS.values():
        if any(matches(given, file, monitor) for file in model.files):
            if len(model.files) > 1 or model.hub:
                sentence = tr("{file} is one of several files of {model}.", file=given.name, model=model.title)
                raise wrong_input(sentence, "Choose the folder that they are all in.")
            return model.name
    return None


def _holds(folder: Path, model: Model, monitor: Monitor) -> bool:
    """Whether a folder has all the files of a model that are certain, by their names, sizes and content."""
    return bool(model.files) and all(matches(folder / file.name, file, monitor) for file in model.files)


def name_for(given: Path) -> str:
    """What a model is called that a person brings as a file or a folder, by that one's name: OWN/NAME."""
    plain = re.sub(r"(?:[^\w.]|-)+", "-", given.stem if given.is_file() else given.name, flags=re.ASCII)
    return f"{OWN}/{plain.strip('-.')[:LONGEST].rstrip('-.') or 'model'}"

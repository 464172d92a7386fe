"""What a recipe means, as JSON: for the GIMP plug-in, which does it to images that are open.  Standard library only."""

import json
from dataclasses import asdict
from pathlib import Path

from ...shared.errors import UserError, wrong_input
from ...shared.messages import Job
from ..photo_arguments import BackgroundSettings, Colour
from . import recipes
from .recipes import Recipe

# Which model removes, and how GIMP's settings call it.
METHODS = {
    "": "best",
    "patchmatch": "copies",
    "big-lama": "lama",
    "migan": "migan",
    "rorem": "rorem",
    "flux2-erase": "erase",
}
AUTOMATIC = -1  # pixels, there


def told(file: Path) -> str:
    """A recipe's job, its prompt, and the settings as those of GIMP's procedures.  Raises UserError."""
    recipe = recipes.parse(recipes.text_of(file), str(file), file.absolute().parent)
    pointing = recipe.pointing
    if not pointing.is_prompt or pointing.everything:
        raise _not_in_gimp("says which object is meant by an area, a mask, spots or “all”")
    prompt = {name: value for name, value in asdict(pointing.prompt).items() if value}
    settings = _settings(recipe) | (_background(recipe.background) if recipe.background else {})
    return json.dumps({"job": recipe.job, "prompt": prompt, "unit": pointing.unit, "settings": settings})


def _settings(recipe: Recipe) -> dict[str, object]:
    options, paint = recipe.options, recipe.paint
    settings: dict[str, object] = {
        "grow": AUTOMATIC if options.grow is None else options.grow,
        "feather": AUTOMATIC if options.feather is None else options.feather,
        "soft_edge": options.soft_edge,
        "include_shadow": options.include_shadow,
        "seed": recipe.seed,
    }
    if recipe.job == Job.REPLACE:
        settings["match_light"] = round(100 * recipe.match_light)
    if recipe.job in (Job.FILL, Job.REPLACE):
        settings["match_focus"] = recipe.match_focus
    if recipe.is_painted:
        shown = {"reference": recipe.reference.absolute().as_uri()} if recipe.reference else {}
        return settings | asdict(paint) | shown | {"background": "prompt"}
    if recipe.job == Job.REMOVE:
        if paint.model not in METHODS:
            raise _not_in_gimp(f"removes with {paint.model}")
        settings["method"] = METHODS[paint.model]
    return settings


def _background(background: BackgroundSettings) -> dict[str, object]:
    if background.photo:
        return {"background": "photo", "photo": background.photo.absolute().as_uri()}
    if background.blur is not None:
        return {"background": "blur", "blur": round(100 * background.blur)}
    first, *more = map(_hexadecimal, background.colours)
    if more:
        return {"background": "gradient", "colour": first, "second_colour": more[0]}
    return {"background": "colour", "colour": first}


def _hexadecimal(colour: Colour) -> str:
    return "#" + bytes(round(255 * share) for share in colour).hex()


def _not_in_gimp(what: str) -> UserError:
    return wrong_input(f"The recipe {what}, which cannot be done in GIMP.", "Run it with: inpaint-anything batch")

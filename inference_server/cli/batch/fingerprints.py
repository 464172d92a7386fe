"""What a result depends on beside its photo: the recipe's meaning, the models and this program's version."""

import hashlib
import json
from dataclasses import asdict, replace

from ... import __version__
from ...fill import diffusion
from ...models import packages
from ...models.catalogue import DEPTH, MATTING, MODELS
from ...models.store import Store
from ...remove import inpainters
from ...select import segmenters
from ...shared.messages import Job
from . import manifest
from .recipes import Recipe

DIGITS = 16  # of a fingerprint


def models(recipe: Recipe, store: Store) -> list[str]:
    """The names of the models that do what a recipe says.  Raises UserError where one is missing.

    A starter that is missing is fetched.
    """
    names = []
    if recipe.pointing.prompt.text or recipe.pointing.prompt.like:
        store.demand("sam3", Job.SELECT)
        packages.demand(MODELS["sam3"].packages, "sam3")
        names.append("sam3")
    elif recipe.pointing.is_prompt:
        names.append(segmenters.choose(store))
        store.need(names[-1])
    masked = recipe.pointing.mask or recipe.pointing.masks
    if (names or masked) and recipe.options.soft_edge and segmenters.can_load(store, MATTING):
        names.append(MATTING)
    if recipe.job == Job.REMOVE:
        asked = recipe.paint.model
        names.append(inpainters.demand(store, asked) if asked else inpainters.choose(store))
    if recipe.background and recipe.background.blur is not None and segmenters.can_load(store, DEPTH):
        names.append(DEPTH)
    if recipe.is_painted:
        diffusion.demand(store, recipe.job, recipe.paint.model)
        names.append(diffusion.chosen(store, recipe.paint.model))
    return names


def of_model(store: Store, name: str) -> str:
    """What tells a model's files from others, of a model in the catalogue or at a path."""
    if diffusion.is_path(name):
        return manifest.stamp(diffusion.place(store, name))
    digests = store.digests(name)
    return _short(digests) if digests else ""


def of(recipe: Recipe, digests: dict[str, str]) -> str:
    """The fingerprint of a recipe that is done with models of these digests."""
    pointing, background = recipe.pointing, recipe.background
    meaning = replace(
        recipe,
        pointing=replace(pointing, mask=None, masks=None),
        background=background and replace(background, photo=None),
        reference=None,
    )
    read = {
        "mask": manifest.content(pointing.mask),
        "has masks": pointing.masks is not None,
        "background": manifest.content(background.photo if background else None),
        "reference": manifest.content(recipe.reference),
    }
    return _short({"version": __version__, "recipe": asdict(meaning), "models": digests, **read})


def _short(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:DIGITS]

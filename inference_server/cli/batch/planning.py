"""What a batch is to do with each photo, and why, before anything is begun."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...imaging.files import writing
from ...imaging.files.photograph import Format
from ...shared.errors import UserError, wrong_input
from ...shared.messages import Job
from ...shared.strenum import StrEnum
from ..results import INSTEAD, SUFFIX
from . import manifest
from .arguments import Again
from .manifest import Entry, Status
from .recipes import Pointing, Recipe, called_by

MASK_SUFFIXES = tuple(writing.SUFFIXES)


class Reason(StrEnum):
    """Why a photo is worked on, or is not, for a person."""

    NEW = "new"
    PHOTO_CHANGED = "the photo has changed"
    RECIPE_CHANGED = "the recipe has changed"
    RESULT_GONE = "its result is gone"
    INTERRUPTED = "was interrupted"
    AGAIN = "failed before, and is tried again"
    UNCHANGED = "is done already"
    FAILED = "failed before"

    @property
    def is_work(self) -> bool:
        """Whether the photo is worked on."""
        return self not in (Reason.UNCHANGED, Reason.FAILED)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A photo, and what is to be done with it.

    result: from the folder of the results on.  overwrite: whether a file that is there may be replaced: it is of this
    batch, or the person said so.
    """

    photo: Path
    result: str
    reason: Reason
    overwrite: bool


def plan(recipe: Recipe, fingerprint: str, photos: Iterable[Path], folder: Path, again: Again) -> list[Planned]:
    """What is to be done, in the photos' order.  Raises UserError where two results would have one name, or one would
    replace a photo."""
    named = [(photo, result_of(recipe, photo)) for photo in photos]
    _demand_apart(named, folder)
    entries = manifest.Manifest(folder).entries()
    planned = []
    for photo, name in named:
        before, there = entries.get(name), manifest.stamp(folder / name)
        ours = before is not None and (before.status == Status.BEGUN or before.result_stamp == there)
        reason = _reason(recipe.pointing, fingerprint, photo, there, before, again)
        overwrite = again.overwrite or ours
        planned.append(Planned(photo=photo, result=name, reason=reason, overwrite=overwrite))
    return planned


def result_of(recipe: Recipe, photo: Path) -> str:
    """The path of a photo's result, from the folder of the results on, with / between its parts.

    Its suffix is the photo's own where that is of the result's format.  Raises UserError where nothing says a format.
    """
    parts = {"stem": photo.stem, "folder": photo.absolute().parent.name, "job": recipe.job.value}
    called, own = called_by(recipe.output.name, parts), writing.format_of(photo)
    if recipe.output.format or recipe.job == Job.SELECT:
        wanted = Format(recipe.output.format or Format.PNG)
    else:
        wanted = own or INSTEAD[Format.HEIC]
    keeps = own == wanted and recipe.job != Job.SELECT
    return Path(called + (photo.suffix if keeps else SUFFIX[wanted])).as_posix()


def spread(planned: list[Planned], count: int) -> list[Planned]:
    """So many of them, or all, evenly spread."""
    step = len(planned) / max(1, min(count, len(planned)))
    return [planned[int(k * step)] for k in range(min(count, len(planned)))]


def _reason(
    pointing: Pointing, fingerprint: str, photo: Path, there: str, before: Entry | None, again: Again
) -> Reason:
    """Why a photo is worked on or not.  there: the stamp of its result; before: its last line in the manifest."""
    if before is None:
        return Reason.NEW
    if before.recipe != fingerprint:
        return Reason.RECIPE_CHANGED
    if before.status == Status.BEGUN:
        return Reason.INTERRUPTED
    if not _is_same(pointing, photo, before):
        return Reason.PHOTO_CHANGED
    if before.status == Status.FAILED:
        return Reason.AGAIN if again.failed or again.overwrite else Reason.FAILED
    return Reason.UNCHANGED if there else Reason.RESULT_GONE


def _is_same(pointing: Pointing, photo: Path, before: Entry) -> bool:
    """Whether a photo, and the mask that is its own, are as they were."""
    now = manifest.stamp(photo)
    if now != before.photo_stamp and not (now and manifest.content(photo) == before.photo_digest):
        return False
    try:
        mask = pointing.mask_for(photo, MASK_SUFFIXES) if pointing.masks else None
    except UserError:
        mask = None
    return manifest.content(mask) == before.mask_digest


def _demand_apart(named: list[tuple[Path, str]], folder: Path) -> None:
    taken: dict[str, Path] = {}
    inputs = {_identity(photo) for photo, _ in named}
    for photo, name in named:
        key = os.path.normcase(name)
        if key in taken:
            sentence = f"The results of {taken[key]} and {photo} would both be {folder / name}."
            raise wrong_input(sentence, 'Call them apart in the recipe: name = "{folder}/{stem}".')
        taken[key] = photo
        if (there := _identity(folder / name)) and there in inputs:
            raise wrong_input(f"{folder / name} would be overwritten.", "Choose another folder for the results.")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def summary(planned: Iterable[Planned]) -> Mapping[Reason, int]:
    """How many photos there are for each reason."""
    return Counter(each.reason for each in planned)

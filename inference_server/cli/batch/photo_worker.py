"""One worker's part of a batch: a recipe, an `Engine`, and one photo after the other."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...engine import Engine
from ...imaging.files.photograph import Photograph
from ...models.store import Store
from ...replace.backgrounds import Blur, Gradient
from ...shared.errors import UserError, wrong_input
from ...shared.geometry import Box, Size
from ...shared.monitor import UNWATCHED
from .. import photos
from ..photo_arguments import OutputSettings, PhotoSettings
from ..photos import Made, Opened
from ..results import Results
from . import manifest
from .manifest import Entry, Status
from .planning import MASK_SUFFIXES
from .recipes import Recipe

STAGES = 3  # reading, working, writing: so many photos keep a worker busy


@dataclass(frozen=True, kw_only=True)
class Task:
    """One photo to be done: as in `planning.Planned`."""

    photo: str
    result: str
    overwrite: bool

    def to_json(self) -> str:
        """For another process; `of_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, line: str) -> "Task":
        """A task from another process of the batch."""
        return cls(**json.loads(line))


def settings_for(recipe: Recipe, task: Task, folder: Path) -> PhotoSettings:
    """What the command line does to one photo alone, for a recipe; its prompt is still in the recipe's unit.

    folder: of the results.  Raises UserError.
    """
    photo, target, pointing = Path(task.photo), folder / task.result, recipe.pointing
    if target.is_dir():
        raise wrong_input(f"{target} is a folder.", "Give another folder for the results.")
    quality = recipe.output.quality
    return PhotoSettings(
        job=recipe.job,
        photos=(photo,),
        output=OutputSettings(place=target, is_folder=False, format="", quality=quality, overwrite=task.overwrite),
        prompt=pointing.prompt,
        everything=pointing.everything,
        mask=pointing.mask_for(photo, MASK_SUFFIXES),
        options=recipe.options,
        paint=recipe.paint,
        background=recipe.background,
        match_light=recipe.match_light,
        match_focus=recipe.match_focus,
        seeds=(recipe.seed,),
        quiet=True,
        reference=recipe.reference,
    )


class PhotoWorker:
    """Does photos as a recipe says.

    Several threads may call `do`: while one works on its photo, another reads the next one, and a third writes the last
    one.  Each of these steps is done by one thread at a time, for which the `Engine` is made.
    """

    def __init__(self, recipe: Recipe, folder: Path, store: Store | None) -> None:
        """folder: of the results.  store: as in `Engine`."""
        self._recipe, self._folder = recipe, folder
        self._engine = Engine(store)
        self._reading, self._working, self._writing = (threading.Lock() for _ in range(STAGES))

    def do(self, task: Task) -> Entry:
        """Do one photo; the line for the manifest, without the recipe's fingerprint."""
        photo, notes, seconds = Path(task.photo), list[str](), list[float]()
        entry = Entry(result=task.result, photo=task.photo, status=Status.DONE)
        try:
            with _timed(self._reading, seconds):
                entry = replace(entry, photo_stamp=manifest.stamp(photo), photo_digest=manifest.content(photo))
                settings = settings_for(self._recipe, task, self._folder)
                if self._recipe.pointing.masks:
                    entry = replace(entry, mask_digest=manifest.content(settings.mask))
                results = Results(settings)
                opened = photos.open_photo(settings, results, photo, notes.append)
            with _timed(self._working, seconds):
                made = self._make(settings, opened, notes)
            with _timed(self._writing, seconds):
                results.save(made.target, made.write)
        except Exception as error:
            told = error if isinstance(error, UserError) else photos.fault(error)
            entry = replace(entry, status=Status.FAILED, code=told.code.value, sentence=str(told))
        target = self._folder / task.result
        there = manifest.stamp(target) if task.overwrite or entry.status == Status.DONE else ""
        return replace(entry, result_stamp=there, notes=tuple(notes), seconds=tuple(seconds))

    def _make(self, settings: PhotoSettings, opened: Opened, notes: list[str]) -> Made:
        """The result; the photograph itself holds it from then on.  Raises UserError."""
        mask = self._mask(settings, opened, notes)
        (made,) = photos.make(self._engine, settings, self._background, opened, mask, UNWATCHED)
        return made

    def _mask(self, settings: PhotoSettings, opened: Opened, notes: list[str]) -> np.ndarray:
        """The mask (H, W) uint8 of what the recipe points at in a photo.  Raises UserError."""
        image, pointing = opened.photograph.pixels, self._recipe.pointing
        size = image.shape[1], image.shape[0]
        if pointing.spots:
            mask = self._engine.find_spots(image, profile=opened.photograph.profile)
            if not mask.any():
                raise wrong_input(f"There are no spots in {opened.file}.")
            return mask
        area = pointing.area_in(size)
        if area:
            return _area_mask(area, size)
        settings = replace(settings, prompt=pointing.prompt_in(size))
        return photos.find_mask(self._engine, settings, opened, UNWATCHED.on_progress, notes.append)

    @cached_property
    def _background(self) -> Photograph | Gradient | Blur | None:
        background = self._recipe.background
        return None if background is None else photos.read_background(background)


@contextmanager
def _timed(lock: threading.Lock, seconds: list[float]) -> Iterator[None]:
    """Within, the lock is held; the time that takes is added to `seconds`."""
    with lock:
        begun = time.monotonic()
        try:
            yield
        finally:
            seconds.append(round(time.monotonic() - begun, 3))


def _area_mask(area: Box, size: Size) -> np.ndarray:
    """The mask (H, W) uint8 of a rectangle in an image of this (width, height)."""
    x0, y0, x1, y1 = map(round, area)
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask

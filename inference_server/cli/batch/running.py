"""The command `batch`: from a recipe and photos to results, a manifest and a summary."""

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ... import __version__
from ...imaging.files import memory
from ...models.catalogue import MODELS
from ...models.store import Store
from ...serve import ray_cluster
from ...shared import atomic, paths
from ...shared.errors import ErrorCode, UserError, file_error
from ..progress_bar import Bar
from . import contact_sheet, fingerprints, planning, ray_crew, recipes
from .arguments import BatchSettings
from .crew import Crew, LocalCrew
from .manifest import Entry, Manifest, Status
from .planning import Planned
from .recipes import Recipe
from .work import Work
from .worker_process import Start

LOCK = ".batch.lock"  # in the folder of the results
LOCK_SECONDS = 10.0  # that are waited for the workers of a batch that was killed
POLL = 0.1
SHEET = "sample.html"
ROOM = 1 << 30  # bytes for the photos of a worker, besides its models


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the batch is about.  text: the recipe's; digests: of the models, by name."""

    text: str
    recipe: Recipe
    digests: dict[str, str]
    fingerprint: str


def run(settings: BatchSettings) -> int:
    """Do a batch; returns the exit status.  Raises UserError where nothing can be done at all."""
    if settings.ray is not None:
        ray_cluster.demand()
    known = _known(settings)
    if settings.dry_run:
        for each in _planned(settings, known):
            print(f"{each.photo} -> {settings.folder / each.result}: {each.reason}")
        return 0
    _planned(settings, known)  # nothing is begun where that is refused
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
        with _locked(settings.folder) as lock:
            return _run(settings, known, _planned(settings, known), lock)
    except OSError as error:
        raise file_error(error.filename or settings.folder, error) from None


def _known(settings: BatchSettings) -> _Known:
    text = recipes.text_of(settings.recipe)
    recipe = recipes.parse(text, str(settings.recipe), settings.recipe.parent)
    store = Store()
    digests = {name: fingerprints.of_model(store, name) for name in fingerprints.models(recipe, store)}
    return _Known(text=text, recipe=recipe, digests=digests, fingerprint=fingerprints.of(recipe, digests))


def _planned(settings: BatchSettings, known: _Known) -> list[Planned]:
    planned = planning.plan(known.recipe, known.fingerprint, settings.photos, settings.folder, settings.again)
    return planning.spread(planned, settings.sample) if settings.sample else planned


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Within, this is the only batch in a folder; gives the lock's file descriptor.  Raises UserError and OSError."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        with paths.locked(folder / LOCK) as file:
            if file:
                yield file.fileno()
                return
        if time.monotonic() > until:
            raise UserError(ErrorCode.TAKEN, f"Another batch is at work in {folder}.", "Wait for its end, or stop it.")
        time.sleep(POLL)


def _run(settings: BatchSettings, known: _Known, planned: list[Planned], lock: int) -> int:
    """Do what is planned.  Raises UserError."""
    todo = [each for each in planned if each.reason.is_work]
    atomic.remove_unfinished(settings.folder / each.result for each in planned)
    tally = _Tally(len(todo), quiet=settings.quiet)
    manifest = Manifest(settings.folder)
    if todo:
        with manifest.open() as writer, tally, _rays_words_left_out(settings):
            crew = _crew(settings, known, len(todo), lock)
            try:
                writer.add(_heading(settings, known, len(planned), len(todo), crew.slots))
                Work(crew, known.recipe, known.fingerprint, settings.folder, writer, tally.take).do(todo)
            finally:
                crew.close()
                atomic.remove_unfinished(settings.folder / each.result for each in todo)
    if settings.sample:
        _write_sheet(settings, manifest.entries(), planned)
    return tally.conclude(planned)


@contextlib.contextmanager
def _rays_words_left_out(settings: BatchSettings) -> Iterator[None]:
    """Within, Ray prints nothing: of a machine that is lost it would show a page of its innards, amid the progress."""
    if settings.ray is None:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _crew(settings: BatchSettings, known: _Known, photos: int, lock: int) -> Crew:
    """The workers for so many photos.  Raises UserError."""
    models = [MODELS.get(name) for name in known.digests]
    use_device = any(model is None or model.uses_device for model in models)
    start = Start(
        text=known.text,
        name=str(settings.recipe),
        base=str(settings.recipe.parent),
        folder=str(settings.folder),
        threads=1,
        here=str(Path.cwd()),
    )
    if settings.ray is not None:
        crew = ray_crew.RayCrew(start, settings.ray, settings.workers, on_gpus=use_device)
        if crew.dashboard and not settings.quiet:
            print(f"Ray's dashboard: http://{crew.dashboard}", file=sys.stderr)
        return crew
    needed = sum(model.memory for model in models if model)
    slots = min(photos, settings.workers or _slots(needed, on_gpu=use_device and _has_gpu()))
    return LocalCrew(replace(start, threads=max(1, _cores() // slots)), slots, lock)


def _heading(settings: BatchSettings, known: _Known, photos: int, todo: int, slots: int) -> dict[str, object]:
    """The manifest's line about the batch as a whole."""
    return {
        "version": __version__,
        "recipe file": str(settings.recipe),
        "recipe": known.fingerprint,
        "models": known.digests,
        "photos": photos,
        "to do": todo,
        "workers": slots,
    }


def _write_sheet(settings: BatchSettings, entries: dict[str, Entry], planned: list[Planned]) -> None:
    file = settings.folder / SHEET
    pairs = [
        (each.photo, settings.folder / each.result, entry.sentence if (entry := entries.get(each.result)) else "")
        for each in planned
    ]
    contact_sheet.write(file, f"{settings.recipe.name}: {len(pairs)} photos", pairs)
    print(f"Look at {file}")


def _cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _has_gpu() -> bool:
    """Whether models that can run on a GPU do."""
    from ...models import devices

    return devices.best() != "cpu"


def _slots(needed: int, *, on_gpu: bool) -> int:
    """How many workers suit this machine: one for a GPU, else one for each core, as memory allows.

    needed: bytes that the models of a worker take.
    """
    there = memory.available()
    fit = _cores() if there is None else there // (ROOM + needed)
    return 1 if on_gpu else max(1, min(_cores(), fit))


class _Tally:
    """Counts what has been done, and says it."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._quiet = total, quiet
        self._bar = Bar("batch", steps=False, quiet=quiet)
        self._begun = time.monotonic()
        self._count: Counter[Status] = Counter()
        self._failed: list[str] = []

    def __enter__(self) -> "_Tally":
        self._bar(0.0, f"0 of {self._total}")
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.__exit__(*raised)

    def take(self, entry: Entry) -> None:
        """Count a photo, and say how far the batch is."""
        self._count[entry.status] += 1
        for note in entry.notes:
            self._bar.say(note)
        if entry.status == Status.FAILED:
            self._failed.append(entry.photo)
            self._bar.clear()
            said = entry.sentence if entry.photo in entry.sentence else f"{entry.photo}: {entry.sentence}"
            print(said, file=sys.stderr, flush=True)
        done = self._count.total()
        self._bar(done / self._total, how_far(done, self._total, time.monotonic() - self._begun))

    def conclude(self, planned: list[Planned]) -> int:
        """Say what has become of all photos; returns the exit status."""
        reasons = planning.summary(planned)
        before, failed = reasons[planning.Reason.UNCHANGED], len(self._failed) + reasons[planning.Reason.FAILED]
        said = [f"{self._count[Status.DONE]} photos done"]
        said += [f"{before} done before"] if before else []
        said += [f"{failed} not done: --retry-failed tries them again"] if failed else []
        if not self._quiet or failed:
            print(f"{', '.join(said)}.", file=sys.stderr)
        return 1 if failed else 0


def how_far(done: int, total: int, seconds: float) -> str:
    """ "37 of 200, 1.4 a second, 2 min left": done in so many seconds."""
    rate = done / max(seconds, 1e-3)
    speed = f"{rate:.1f} a second" if rate >= 1 else f"{1 / rate:.1f} s a photo"
    left = (total - done) / rate
    words = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
    return f"{done} of {total}, {speed}, {words} left"

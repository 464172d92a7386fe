"""Where results go: their names, what may be written there, and saving them whole or not at all."""

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyvips

from ..imaging.files import writing
from ..imaging.files.memory import memory_needed
from ..imaging.files.photograph import Format
from ..shared.atomic import replace_atomically
from ..shared.errors import ErrorCode, UserError, disk_full_error, wrong_input
from ..shared.messages import Job
from ..shared.strenum import StrEnum
from .interruptions import held_back
from .photo_arguments import PhotoSettings

SUFFIX = {format: suffix for suffix, format in reversed(writing.SUFFIXES.items())}  # the shortest of each format
INSTEAD = {Format.HEIC: Format.JPEG}  # what a photo becomes in whose own format nothing is written
STANDARD_INPUT, STANDARD_OUTPUT = "standard input", "standard output"
LONGEST_NAME = 255  # bytes; more fit on no disk
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Kind(StrEnum):
    """What lies at a path."""

    NOTHING = ""
    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"


def kind(path: Path) -> Kind:
    """What lies at a path; nothing where it cannot be looked at."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return Kind.NOTHING
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER


class Results:
    """The places of a command's results."""

    def __init__(self, settings: PhotoSettings) -> None:
        """Raises UserError for what is wrong with the command as a whole, whatever the photos hold."""
        self._settings, output = settings, settings.output
        self._place, self._format = output.place, Format(output.format) if output.format else None
        several = len(settings.photos) > 1
        self._is_folder = self._place is not None and (output.is_folder or several or kind(self._place) == Kind.FOLDER)
        if self._place is None:
            _demand_pipe(settings)
        elif not self._is_folder:
            _demand_format(self._place, self._format)
        elif kind(self._place) == Kind.FILE:
            raise wrong_input(f"{self._place} is a file.", "Give a folder for the results.")
        _demand_input(settings)
        photo = settings.background.photo if settings.background else None
        self._inputs = [file for file in (*settings.photos, settings.mask, photo) if file]
        self._taken: dict[str, Path | None] = {}  # which photo's result has this name
        for photo in settings.photos:
            for target in self._named(photo) or ():
                self._take(target, photo)

    def check(self, photo: Path | None) -> None:
        """Raise UserError where a photo's result cannot be saved, as far as that is known before it is read."""
        for target in self._named(photo) or ():
            self._demand_free(target)

    def chosen(self, photo: Path | None) -> Format | None:
        """The format that the arguments and the names say; None where the photo's own is meant."""
        if self._place and not self._is_folder:
            return self._format or writing.format_of(self._place)
        if self._format or self._settings.job == Job.SELECT:
            return self._format or Format.PNG
        return writing.format_of(photo) if photo and self._place else None

    def of(self, photo: Path | None, read: Format) -> tuple[Format, list[Path | None]]:
        """The format and the places of a photo's results: one for each seed; None is standard output.

        read: the photo's own format.  Raises UserError where nothing can be saved there.
        """
        chosen = self.chosen(photo)
        if chosen:
            return chosen, self._targets(photo, chosen)
        chosen = INSTEAD.get(read, read)
        targets = self._targets(photo, chosen)
        for target in targets:
            self._take(target, photo)
            self._demand_free(target)
        return chosen, targets

    def save(self, target: Path | None, write: Callable[[Path], None]) -> None:
        """Have write(file) fill a file, and put it there when it is whole.  Raises UserError; nothing stays then."""
        write, check = held_back()(write), held_back()(_demand_whole)
        try:
            if target is None:
                _to_standard_output(write, check)
            else:
                with _folder(target.parent):
                    replace_atomically(target, write, check=check, overwrite=self._settings.output.overwrite)
        except UserError as error:
            if error.code != ErrorCode.NO_MEMORY:
                raise
            raise memory_needed(str(target or STANDARD_OUTPUT)) from None  # not what it is called while unfinished
        except FileExistsError:
            raise _exists_error(target) from None
        except BrokenPipeError:
            raise wrong_input("The program that was to read the result has ended.") from None
        except OSError as error:
            raise _unwritten_error(target, error) from None

    def _named(self, photo: Path | None) -> list[Path | None] | None:
        """The places that are known before the photo is read."""
        chosen = self.chosen(photo)
        return self._targets(photo, chosen) if chosen else None

    def _targets(self, photo: Path | None, chosen: Format) -> list[Path | None]:
        target, seeds = self._place, self._settings.seeds
        if target and self._is_folder:
            keeps_suffix = photo and self._settings.job != Job.SELECT and writing.format_of(photo) == chosen
            suffix = photo.suffix if photo and keeps_suffix else SUFFIX[chosen]
            target = target / ((photo.stem if photo else "stdin") + suffix)
        if target is None or len(seeds) == 1:
            return [target]
        return [target.with_stem(f"{target.stem}-seed{seed}") for seed in seeds]

    def _take(self, target: Path | None, photo: Path | None) -> None:
        """Raises UserError where a result would have another's name, or be one of the files that are read."""
        if target is None:
            return
        name = os.path.normcase(target)
        if name in self._taken:
            other, this = self._taken[name] or STANDARD_INPUT, photo or STANDARD_INPUT
            sentence = f"The results of {other} and {this} would both be {target}."
            raise wrong_input(sentence, "Work on them one after the other, in different folders.")
        self._taken[name] = photo
        with contextlib.suppress(OSError):  # there is none yet
            if any(target.samefile(file) for file in self._inputs if kind(file)):
                raise wrong_input(f"{target} would be overwritten.", "Choose another place for the result.")

    def _demand_free(self, target: Path | None) -> None:
        """Raises UserError where there is a file that is not to be replaced, or no place for a new one."""
        if target is None:
            return
        there = kind(target)
        if there and not self._settings.output.overwrite:
            raise _exists_error(target)
        if there and there != Kind.FILE:
            raise wrong_input(f"{target} is not a file.", "Choose another name for the result.")
        if there and not os.access(target, os.W_OK):
            raise wrong_input(f"{target} may not be changed.", "Choose another name for the result.")
        if len(os.fsencode(target.name)) > LONGEST_NAME:
            raise wrong_input(f"{target} cannot be written: the name is too long.")
        folder = next(folder for folder in target.absolute().parents if kind(folder))
        if kind(folder) != Kind.FOLDER:
            raise wrong_input(f"{target} cannot be written: {folder} is not a folder.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise wrong_input(f"{target} cannot be written: nothing may be saved in {folder}.")


# -- what is wrong with the command as a whole ------------------------------------------------------------------------


def _demand_pipe(settings: PhotoSettings) -> None:
    if len(settings.photos) > 1 or len(settings.seeds) > 1:
        raise wrong_input("Only one picture can go to standard output.", "Give a folder with -o.")
    if sys.stdout.isatty():
        raise wrong_input("A terminal cannot show the result.", "Give a file with -o, or add: > FILE")


def _demand_input(settings: PhotoSettings) -> None:
    if settings.photos.count(None) > 1:
        raise wrong_input("Only one photo can come from standard input.")
    if None in settings.photos and sys.stdin.isatty():
        raise wrong_input("No photo comes from a terminal.", "Give a file, or add: < FILE")


def _demand_format(place: Path, chosen: Format | None) -> None:
    said = writing.format_of(place)
    if not said and not chosen:
        remedy = f"End the name in {', '.join(writing.SUFFIXES)}, or give --format."
        raise wrong_input(f"A picture cannot be saved as {place.name}.", remedy)
    if said and chosen and said != chosen:
        raise wrong_input(f"--format says {chosen}, and the name {place.name} says {said}.", "Change one of them.")


# -- saving -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """A folder, with those it lies in, made if need be; what was made goes again where nothing came into it."""
    made = [each for each in (folder, *folder.parents) if not kind(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()
        raise


def _to_standard_output(write: Callable[[Path], None], check: Callable[[Path], None]) -> None:
    """Raises OSError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result"
        file.touch()
        write(file)
        check(file)
        # Not by way of sys.stdout, which would try again at the end what failed here.
        with file.open("rb") as source, open(sys.stdout.fileno(), "wb", closefd=False) as destination:
            shutil.copyfileobj(source, destination)


def _demand_whole(file: Path) -> None:
    """Read through a picture that was written.  Raises OSError: not every writer notices that a disk is full."""
    try:
        pyvips.Image.new_from_file(os.fsencode(file), access="sequential", fail_on="error").avg()
    except pyvips.Error:
        raise OSError(errno.EIO, "It cannot be read again", str(file)) from None


def _exists_error(target: Path | None) -> UserError:
    return wrong_input(f"{target} exists already.", "Give --overwrite or another name.")


def _unwritten_error(target: Path | None, error: OSError) -> UserError:
    """What to tell a person whose result could not be saved."""
    place = target or STANDARD_OUTPUT
    if error.errno in NO_ROOM:
        return disk_full_error(place)
    if error.errno == errno.EFBIG:
        return wrong_input(f"{place} cannot be written: it is larger than a file may be there.", "Choose another disk.")
    return wrong_input(f"{place} cannot be written: {error.strerror or error}.")

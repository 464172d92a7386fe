"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from ..engine import Engine, OnProgress, Patch
from ..fill.prompts import Prompt
from ..imaging.canvas import enlarged
from ..imaging.colour import ColourSpace
from ..imaging.files import memory, reading, writing
from ..imaging.files.photograph import Format, Photograph
from ..imaging.pixels import lay_over, to_proxy
from ..replace.backgrounds import Background, Blur, Gradient
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.margins import Margins
from ..shared.messages import Job, PaintOptions, Scene
from ..shared.monitor import Monitor
from .interruptions import held_back
from .photo_arguments import BackgroundSettings, PhotoSettings
from .progress_bar import Bar
from .results import STANDARD_INPUT, Kind, Results, kind

# What keeps one photo from being done keeps the next from it too.
HOPELESS = (ErrorCode.CANCELLED, ErrorCode.MODEL_CORRUPT, ErrorCode.NO_MODEL, ErrorCode.NO_NETWORK)
LARGE = 256 << 20  # bytes of a photo, beside which the memory of a model that is not used counts


def run(settings: PhotoSettings) -> int:
    """Work through the photos; one of several that cannot be done is named, and the others are done.

    Returns the exit status.  Raises UserError where nothing can be done at all.
    """
    results = Results(settings)
    if settings.mask and not kind(settings.mask):
        raise wrong_input(f"There is no file {settings.mask}.")
    background = None if settings.background is None else read_background(settings.background)
    engine, undone = Engine(), []
    for photo in settings.photos:
        name = str(photo or STANDARD_INPUT)
        try:
            with Bar(photo.name if photo else name, steps=False, quiet=settings.quiet) as bar:
                prompt = _work(engine, settings, results, background, photo, bar)
            if not settings.quiet:
                _tell(prompt, settings)
        except Exception as error:
            told = error if isinstance(error, UserError) else fault(error)
            if len(settings.photos) == 1 or told.code in HOPELESS:
                raise told from None
            undone.append(name)
            print(_of(photo, str(told)), file=sys.stderr, flush=True)
            del told  # its traceback would keep the photo in memory
    if undone:
        done, were = len(settings.photos) - len(undone), "was" if len(undone) == 1 else "were"
        summary = f"{done} of {len(settings.photos)} photos done; {len(undone)} {were} not: {', '.join(undone)}"
        print(summary, file=sys.stderr)
    return 1 if undone else 0


def _of(photo: Path | None, sentence: str) -> str:
    """A sentence about a photo, with its name unless it has it."""
    name = str(photo or STANDARD_INPUT)
    return sentence if name in sentence else f"{name}: {sentence}"


def _tell(prompt: Prompt, settings: PhotoSettings) -> None:
    """Say what a model was given, if one was asked."""
    if prompt.positive:
        negative = f"\nBut not: {prompt.negative}" if prompt.negative else ""
        place = sys.stdout if settings.output.place else sys.stderr
        print(f"The model was told: {prompt.positive}{negative}", file=place)


def fault(error: Exception) -> UserError:
    """What a person is told of an exception that nobody foresaw."""
    if memory.is_lack(error):
        remedy = "Close other programs, or work on a smaller photo."
        return UserError(ErrorCode.NO_MEMORY, "There is not enough memory for this.", remedy)
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}, {Path(place.filename).name} line {place.lineno}"
    return UserError(ErrorCode.INTERNAL, f"Something went wrong that nobody foresaw ({what}).", "Please report it.")


def _work(
    engine: Engine,
    settings: PhotoSettings,
    results: Results,
    background: Photograph | Gradient | Blur | None,
    photo: Path | None,
    bar: Bar,
) -> Prompt:
    """Do the job to one photo; returns what a model was given, if one was asked."""
    opened = open_photo(settings, results, photo, bar.say)
    if settings.margins:
        canvas, mask = enlarged(opened.photograph.pixels, Margins(*settings.margins))
        opened = replace(opened, photograph=replace(opened.photograph, pixels=canvas))
    else:
        mask = find_mask(engine, settings, opened, bar, bar.say)
    prompt = Prompt("")
    for made in make(engine, settings, background, opened, mask, Monitor(on_progress=bar)):
        results.save(made.target, made.write)
        prompt = made.prompt
    return prompt


# -- the steps of the work on one photo -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A photo that was read.  file: None is standard input; format, targets: of its results, one for each seed."""

    file: Path | None
    photograph: Photograph
    format: Format
    targets: list[Path | None]


@dataclass(frozen=True, kw_only=True)
class Made:
    """A result.  write(file) fills a file with it; prompt: what a model was given, if one was asked."""

    target: Path | None
    write: Callable[[Path], None]
    prompt: Prompt


def open_photo(settings: PhotoSettings, results: Results, photo: Path | None, say: Callable[[str], None]) -> Opened:
    """Read a photo, once it is known that its result can be saved.  say: is told what a person should know.

    Raises UserError.
    """
    results.check(photo)
    photograph = _read(photo)
    format, targets = results.of(photo, photograph.format)
    if format != photograph.format and not results.chosen(photo):
        say(_of(photo, f"{photograph.format.upper()} is only read: the result is a {format.upper()}."))
    for note in _notes(settings, photograph, format, targets):
        say(_of(photo, note))
    return Opened(file=photo, photograph=photograph, format=format, targets=targets)


def find_mask(
    engine: Engine, settings: PhotoSettings, opened: Opened, progress: OnProgress, say: Callable[[str], None]
) -> np.ndarray:
    """The object's mask (H, W) uint8: from its file, or from what points at the object.  Raises UserError."""
    image, notes = opened.photograph.pixels, cast(Sequence[str], ())
    if settings.mask:
        with held_back():
            mask, notes = reading.read_mask(settings.mask, (image.shape[1], image.shape[0]))
        if settings.options.soft_edge:
            mask = engine.soften_edge(image, mask, Monitor(on_progress=progress))
    else:
        prompt = settings.prompt
        everything = settings.everything or prompt.scene == Scene.DISTRACTIONS
        found = engine.segment(
            image,
            prompt.points,
            prompt.labels,
            prompt.box,
            text=prompt.text,
            like=prompt.like,
            unlike=prompt.unlike,
            scene=prompt.scene,
            soft_edge=settings.options.soft_edge,
            profile=opened.photograph.profile,
            progress=progress,
        )
        mask = reduce(np.maximum, (each.alpha for each in found[: None if everything else 1]))
    for note in notes:
        say(_of(opened.file, note))
    return mask


def make(
    engine: Engine,
    settings: PhotoSettings,
    background: Photograph | Gradient | Blur | None,
    opened: Opened,
    mask: np.ndarray,
    monitor: Monitor,
) -> Iterator[Made]:
    """The results for an object's mask (H, W) uint8, one for each seed.

    The photograph itself holds each of them until the next one is asked for, and the last one for good.
    Raises UserError.
    """
    photograph = opened.photograph
    if settings.options.include_shadow and settings.job != Job.REPLACE:  # which deals with the shadow itself
        mask = engine.with_shadow(photograph.pixels, mask)
    if photograph.pixels.nbytes > LARGE:
        engine.release_segmenter()
    if settings.job == Job.SELECT:
        write = partial(writing.write_mask, mask=mask, format=opened.format)
        yield Made(target=opened.targets[0], write=write, prompt=Prompt(""))
        return
    behind = settings.paint if background is None else _in_colour(background, ColourSpace(photograph.profile))
    shown = _Shown(behind, _reference(settings.reference))
    write = partial(_write, photograph, opened.format, settings.output.quality)
    for seed, target in zip(settings.seeds, opened.targets, strict=True):
        patch, prompt = _patch(engine, settings, shown, photograph, mask, seed, monitor)
        with _laid_over(photograph.pixels, patch, for_good=seed == settings.seeds[-1]):
            yield Made(target=target, write=write, prompt=prompt)


@contextlib.contextmanager
def _laid_over(image: np.ndarray, patch: Patch, *, for_good: bool) -> Iterator[None]:
    """Within, the image itself has the patch, for a photo may be as large as half the memory."""
    target = image[patch.window.slices]
    under = None if for_good else target.copy()
    lay_over(image, patch.pixels, patch.alpha, patch.window)
    yield
    if under is not None:
        target[...] = under


def _write(photograph: Photograph, format: Format, quality: int | None, file: Path) -> None:
    writing.write(file, photograph, format, quality)


def _read(photo: Path | None) -> Photograph:
    """Raises UserError."""
    if photo is None:
        data = sys.stdin.buffer.read()
        with held_back():
            return reading.read(data, STANDARD_INPUT)
    if kind(photo) == Kind.FOLDER:
        raise wrong_input(f"{photo} is a folder.", f"Give the photos in it: {photo / '*.jpg'}")
    if not kind(photo):
        raise wrong_input(f"There is no file {photo}.")
    with held_back():
        return reading.read(photo)


def _notes(
    settings: PhotoSettings, photograph: Photograph, format: Format, targets: Sequence[Path | None]
) -> Sequence[str]:
    """What a person should know before the work.  Raises UserError where the result cannot be saved."""
    result = photograph
    if settings.job == Job.SELECT:
        grey = np.broadcast_to(np.uint8(0), (*photograph.pixels.shape[:2], 3))
        result = Photograph(pixels=grey, format=Format.PNG, is_grey=True)
    writing.check(str(targets[0] or "The result"), format, result)
    return *photograph.notes, *writing.losses(format, result)


class _Shown(NamedTuple):
    """What is behind the object, or says how to paint it, and a picture of what is to be painted, if there is one."""

    behind: Background | PaintOptions
    reference: np.ndarray | None


def _patch(
    engine: Engine,
    settings: PhotoSettings,
    shown: _Shown,
    photograph: Photograph,
    mask: np.ndarray,
    seed: int,
    monitor: Monitor,
) -> tuple[Patch, Prompt]:
    """New pixels, and what a model was given, if one was asked."""
    image, options, colour = photograph.pixels, settings.options, ColourSpace(photograph.profile)
    if settings.job == Job.FILL:
        return engine.fill_patch(
            image,
            mask,
            settings.paint,
            options,
            reference=shown.reference,
            match_focus=settings.match_focus,
            seed=seed,
            colour=colour,
            monitor=monitor,
        )
    if settings.job == Job.REPLACE:
        return engine.replace_patch(
            image,
            mask,
            shown.behind,
            options,
            match_light=settings.match_light,
            match_focus=settings.match_focus,
            reference=shown.reference,
            seed=seed,
            colour=colour,
            monitor=monitor,
        )
    model = settings.paint.model
    patch = engine.remove_patch(image, mask, options, model=model, seed=seed, colour=colour, monitor=monitor)
    return patch, Prompt("")


def _reference(photo: Path | None) -> np.ndarray | None:
    """The picture of what is to be painted, small and in sRGB, where there is one.  Raises UserError."""
    if photo is None:
        return None
    photograph = _read(photo)
    return ColourSpace(photograph.profile).to_srgb(to_proxy(photograph.pixels))


def read_background(settings: BackgroundSettings) -> Photograph | Gradient | Blur:
    """A background that needs no model.  Raises UserError."""
    if settings.photo:
        with held_back():
            return reading.read(settings.photo)
    if settings.blur is not None:
        return Blur(settings.blur)
    return Gradient(settings.colours[0], settings.colours[-1])


def _in_colour(background: Photograph | Gradient | Blur, colour: ColourSpace) -> Background:
    """A background whose colours, as they look, are those of a photo in this colour space."""
    if isinstance(background, Photograph):
        own = ColourSpace(background.profile)
        return background.pixels if own == colour else colour.from_srgb(own.to_srgb(background.pixels))
    if isinstance(background, Gradient):
        top, bottom = colour.from_srgb(np.array([background], np.float32))[0].tolist()
        return Gradient(tuple(top), tuple(bottom))
    return background

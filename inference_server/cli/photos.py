"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

import contextlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import cast

import numpy as np

from ..engine import Engine, Patch
from ..fill.prompts import Prompt
from ..imaging.colour import ColourSpace
from ..imaging.files import memory, reading, writing
from ..imaging.files.photograph import Format, Photograph
from ..imaging.pixels import lay_over
from ..replace.backgrounds import Background, Blur, Gradient
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.messages import Job, PaintOptions
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
    background = None if settings.background is None else _background(settings.background)
    engine, undone = Engine(), []
    for photo in settings.photos:
        name = str(photo or STANDARD_INPUT)
        try:
            with Bar(photo.name if photo else name, steps=False, quiet=settings.quiet) as bar:
                prompt = _work(engine, settings, results, background, photo, bar)
            if not settings.quiet:
                _tell(prompt, settings)
        except Exception as error:
            told = error if isinstance(error, UserError) else _fault(error)
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


def _fault(error: Exception) -> UserError:
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
    results.check(photo)
    photograph, prompt = _read(photo), Prompt("")
    format, targets = results.of(photo, photograph.format)
    if format != photograph.format and not results.chosen(photo):
        bar.say(_of(photo, f"{photograph.format.upper()} is only read: the result is a {format.upper()}."))
    for note in _notes(settings, photograph, format, targets):
        bar.say(_of(photo, note))
    mask, notes = _mask(engine, settings, photograph, bar)
    if photograph.pixels.nbytes > LARGE:
        engine.release_segmenter()
    for note in notes:
        bar.say(_of(photo, note))
    if settings.job == Job.SELECT:
        results.save(targets[0], lambda file: writing.write_mask(file, mask, format))
        return prompt
    behind = settings.paint if background is None else _in_colour(background, ColourSpace(photograph.profile))
    for seed, target in zip(settings.seeds, targets, strict=True):
        monitor = Monitor(on_progress=bar)
        patch, prompt = _patch(engine, settings, behind, photograph, mask, seed, monitor)
        is_last = seed == settings.seeds[-1]
        with _laid_over(photograph.pixels, patch, for_good=is_last):
            results.save(target, partial(_write, photograph, format, settings.output.quality))
    return prompt


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


def _mask(
    engine: Engine, settings: PhotoSettings, photograph: Photograph, bar: Bar
) -> tuple[np.ndarray, Sequence[str]]:
    """The object's mask (H, W) uint8, with its shadow if that is asked for; a replacement deals with it itself.

    With it comes what a person should know of the mask's file.
    """
    image, notes = photograph.pixels, cast(Sequence[str], ())
    if settings.mask:
        with held_back():
            mask, notes = reading.read_mask(settings.mask, (image.shape[1], image.shape[0]))
    else:
        prompt, soft_edge = settings.prompt, settings.options.soft_edge
        found = engine.segment(
            image,
            prompt.points,
            prompt.labels,
            prompt.box,
            text=prompt.text,
            scene=prompt.scene,
            soft_edge=soft_edge,
            profile=photograph.profile,
            progress=bar,
        )
        mask = reduce(np.maximum, (each.alpha for each in found[: None if settings.everything else 1]))
    if settings.options.include_shadow and settings.job != Job.REPLACE:
        mask = engine.with_shadow(image, mask)
    return mask, notes


def _patch(
    engine: Engine,
    settings: PhotoSettings,
    behind: Background | PaintOptions,
    photograph: Photograph,
    mask: np.ndarray,
    seed: int,
    monitor: Monitor,
) -> tuple[Patch, Prompt]:
    """New pixels, and what a model was given, if one was asked."""
    image, options, colour = photograph.pixels, settings.options, ColourSpace(photograph.profile)
    if settings.job == Job.FILL:
        return engine.fill_patch(image, mask, settings.paint, options, seed=seed, colour=colour, monitor=monitor)
    if settings.job == Job.REPLACE:
        return engine.replace_patch(image, mask, behind, options, seed=seed, colour=colour, monitor=monitor)
    return engine.remove_patch(image, mask, options, seed=seed, colour=colour, monitor=monitor), Prompt("")


def _background(settings: BackgroundSettings) -> Photograph | Gradient | Blur:
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

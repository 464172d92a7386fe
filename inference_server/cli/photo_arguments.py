"""segment, remove, fill and replace: their arguments, and the settings that these make.  Standard library only."""

import argparse
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..shared.errors import wrong_input
from ..shared.geometry import Box, Point
from ..shared.messages import MAX_VARIATIONS, Job, MaskOptions, ObjectPrompt, PaintOptions, Quality, Scene

COMMANDS = {
    Job.SELECT: ("segment", "write the mask of the object that clicks point at"),
    Job.REMOVE: ("remove", "remove an object from photos"),
    Job.FILL: ("fill", "put something else in an object's place"),
    Job.REPLACE: ("replace", "put another world around an object"),
}
EXAMPLES = {
    Job.SELECT: (
        "photo.jpg --click 412,230 -o mask.png",
        "*.tif --scene subject --soft-edge -o masks/",
        "photo.jpg --mask rough.png --soft-edge -o hair.png",
    ),
    Job.REMOVE: ("photo.jpg --click 412,230 -o clean.jpg", "*.tif --mask mask.png --format png -o clean/"),
    Job.FILL: (
        'photo.jpg --click 412,230 --prompt "a wooden bench" -o bench.jpg',
        "photo.tif --mask mask.png --variations 4 --seed 7 -o fill.tif",
    ),
    Job.REPLACE: (
        "photo.jpg --click 412,230 --blur 0.6 -o portrait.jpg",
        "- --mask mask.png --background-photo beach.jpg -o - < photo.png > new.png",
    ),
}
AFTERWORD = """
PHOTO and OUT: PNG, TIFF, JPEG, WebP, AVIF; PHOTO also HEIC, which becomes JPEG unless OUT or --format says otherwise.
What the format holds of the photo's depth, colour profile and details of the shot is kept.  No photo is overwritten.

exit status: 0 done; 1 something was not done, and why is said; 2 wrong use; 130 interrupted
"""
SIDES = ("left", "top", "right", "bottom")
FORMATS = ("png", "tiff", "jpeg", "webp", "avif")
ALIASES = {"tif": "tiff", "jpg": "jpeg"}
PIPE = "-"  # standard input among the photos, standard output as the result

Colour = tuple[float, float, float]  # red, green, blue, 0 to 1


@dataclass(frozen=True, kw_only=True)
class BackgroundSettings:
    """A background that needs no model, one of these: another photo's file; one colour, or two from the top to the
    bottom; the strength of a blur, 0 to 1."""

    photo: Path | None = None
    colours: tuple[Colour, ...] = ()
    blur: float | None = None


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """How results are saved.

    place: a file, or a folder if there are several photos; None is standard output.  is_folder: whether it was written
    like one.  format: one of FORMATS, "" where names say it.  quality: of lossy formats, 1 to 100; None is the photo's
    own.  overwrite: whether results that exist are replaced.
    """

    place: Path | None
    is_folder: bool
    format: str
    quality: int | None
    overwrite: bool


@dataclass(frozen=True, kw_only=True)
class PhotoSettings:
    """What to do with which photos.

    photos: None is standard input.  everything: all that a text prompt names, not only the likeliest.  mask: the file
    of a ready mask, which takes the place of the prompt.  background: None where a model paints it, as `paint` says.
    match_light: how far the object's light is drawn to its, 0 to 1.  match_focus: as in `messages.Inpaint`.  seeds: a
    result each.  quiet: only what goes wrong is said.  margins: pixels that are added at the left, top, right and
    bottom; these are the mask then.  reference: a picture of what is to be painted.
    """

    job: Job
    photos: tuple[Path | None, ...]
    output: OutputSettings
    prompt: ObjectPrompt
    everything: bool
    mask: Path | None
    options: MaskOptions
    paint: PaintOptions
    background: BackgroundSettings | None
    match_light: float
    match_focus: bool
    seeds: tuple[int, ...]
    quiet: bool
    margins: tuple[int, int, int, int] | None = None
    reference: Path | None = None


# -- the parser -------------------------------------------------------------------------------------------------------


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]", job: Job) -> argparse.ArgumentParser:
    """Add the command that does a job to photos."""
    name, text = COMMANDS[job]
    examples = "\n".join(f"    %(prog)s {example}" for example in EXAMPLES[job])
    command = group.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"examples:\n{examples}\n{AFTERWORD}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture file; - is standard input")
    _add_prompt(command)
    _add_output(command, job)
    _add_mask(command, job)
    if job in (Job.FILL, Job.REPLACE):
        _add_paint(command)
        _add_focus(command, job)
    if job == Job.REPLACE:
        _add_background(command)
    return command


def add_expand(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command that makes photos larger."""
    command = group.add_parser(
        "expand",
        help="make photos larger: what is beyond their borders is continued, or painted",
        description="Make photos larger.  Without a prompt what is at their borders is continued: sky, walls, water.",
        epilog=f"examples:\n    %(prog)s photo.jpg --right 400 -o wide.jpg\n{AFTERWORD}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture file; - is standard input")
    for side in SIDES:
        command.add_argument(f"--{side}", type=int, default=0, metavar="PIXELS", help=f"so much more at the {side}")
    _add_output(command, Job.FILL)
    _add_paint(command)
    command.add_argument("--seed", type=int, default=0, metavar="N")
    command.set_defaults(mask=None, prompt=None)
    return command


def _add_prompt(command: argparse.ArgumentParser) -> None:
    command.add_argument("--click", action="append", default=[], metavar="X,Y", help="a pixel of the object")
    command.add_argument(
        "--not", action="append", default=[], metavar="X,Y", dest="exclude", help="a pixel to leave out"
    )
    command.add_argument("--box", metavar="X0,Y0,X1,Y1", help="a box around the object")
    command.add_argument("--text", default="", metavar="WORDS", help="what it is called (needs the model sam3)")
    for name, what in (("--like", "an example of what is meant"), ("--unlike", "an example of what is not meant")):
        command.add_argument(
            name, action="append", default=[], metavar="X0,Y0,X1,Y1", help=f"a box around {what} (needs sam3)"
        )
    command.add_argument(
        "--all", action="store_true", help="everything that --text names, or --like shows, not only the likeliest"
    )
    command.add_argument(
        "--scene",
        choices=[scene.value for scene in Scene if scene != Scene.DISTRACTIONS],
        help="what is found without pointing at it",
    )
    command.add_argument(
        "--distractions",
        action="store_const",
        dest="scene",
        const=Scene.DISTRACTIONS.value,
        help="wires before the sky and spots; with the model sam3 also people in the background and signs",
    )


def _add_output(command: argparse.ArgumentParser, job: Job) -> None:
    command.set_defaults(output_quality=None)
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file; a folder if it ends in / or there are several photos; - is standard output",
    )
    command.add_argument("--overwrite", action="store_true", help="replace results that exist")
    command.add_argument(
        "--format",
        default="",
        type=lambda text: ALIASES.get(text.lower(), text.lower()),
        choices=FORMATS,
        help="what the results are, where their names do not say it (default: as the photo; a mask: png)",
    )
    if job != Job.SELECT:
        names = ("--output-quality", *(("--quality",) if job == Job.REMOVE else ()))
        lossy = "of a JPEG, WebP or AVIF, 1 to 100 (default: as the photo's)"
        command.add_argument(*names, type=int, metavar="N", dest="output_quality", help=lossy)
    command.add_argument("-q", "--quiet", action="store_true", help="say only what goes wrong")


def _add_mask(command: argparse.ArgumentParser, job: Job) -> None:
    """What is done to the mask; arguments that a command lacks have the value they would have if left out."""
    command.set_defaults(soft_edge=False, mask=None, shadow=False, grow=None, feather=None, seed=0, variations=1)
    command.set_defaults(match_light=0.0, match_focus=False, reference=None)
    if job in (Job.SELECT, Job.REPLACE):
        command.add_argument("--soft-edge", action="store_true", help="soft values for hair and fur")
    command.add_argument("--mask", metavar="FILE", help="a ready mask instead of clicks, white = the object")
    if job != Job.REPLACE:
        command.add_argument("--shadow", action="store_true", help="also the shadow it casts")
    if job in (Job.REMOVE, Job.FILL):
        command.add_argument("--grow", type=int, metavar="PIXELS", help="grow the mask (default: by the photo's size)")
    if job != Job.SELECT:
        command.add_argument("--feather", type=int, metavar="PIXELS", help="soften its edge")
        command.add_argument("--seed", type=int, default=0, metavar="N")


def _add_paint(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prompt", default="", help="what to paint")
    command.add_argument("--negative", default="", metavar="PROMPT", help="what should not be there")
    command.add_argument("--plain-prompt", action="store_true", help="add no words of ours to the prompt")
    command.add_argument(
        "--quality",
        choices=[quality.value for quality in Quality],
        default="balanced",
        help="how long the model may take; the file's is --output-quality",
    )
    command.add_argument("--model", default="", help="a name, or the path of one of yours (default: the best here)")
    like_this = "a picture of what it is to look like, for models that take one (flux2-klein, or any with ip-adapter)"
    command.add_argument("--reference", metavar="FILE", help=like_this)
    command.add_argument(
        "--variations",
        type=int,
        default=1,
        metavar="N",
        help="so many results with the seeds from --seed on: OUT-seed0.png, OUT-seed1.png, …",
    )


def _add_focus(command: argparse.ArgumentParser, job: Job) -> None:
    what = {
        Job.FILL: "what is painted is as much out of focus as the photo is there (the default)",
        Job.REPLACE: "the object is as much out of focus as another photo is where it stands",
    }
    is_default = job == Job.FILL
    command.add_argument("--match-focus", action=argparse.BooleanOptionalAction, default=is_default, help=what[job])


def _add_background(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--background-photo", metavar="FILE", help="another photo behind the object, instead of a prompt"
    )
    command.add_argument(
        "--colour", action="append", default=[], metavar="#RRGGBB", help="a colour behind it; twice: from top to bottom"
    )
    command.add_argument("--blur", type=float, metavar="0..1", help="its own background, so far out of focus")
    light = "draw the object's light so far to the background's (default: 0, the object stays as it is)"
    command.add_argument("--match-light", type=float, default=0.0, metavar="0..1", help=light)
    command.add_argument("--no-shadow", action="store_true", help="leave the object's shadow behind")


# -- what was given ---------------------------------------------------------------------------------------------------


def needs_painter(given: argparse.Namespace) -> bool:
    """Whether a diffusion model is needed."""
    return given.job == Job.FILL or (given.job == Job.REPLACE and not _has_background(given))


def settings(given: argparse.Namespace) -> PhotoSettings:
    """The settings that the arguments make.  Raises UserError."""
    prompt, mask = _prompt(given), Path(given.mask) if given.mask else None
    is_prompted = prompt != ObjectPrompt()
    if mask and is_prompted:
        raise wrong_input("Clicks and a ready mask were both given.", "Give one or the other.")
    if not mask and not is_prompted:
        raise wrong_input(
            "Nothing says which object is meant.",
            "Give --click X,Y (or --box, --text, --like, --scene, --distractions or --mask).",
        )
    if mask and given.job == Job.SELECT and not (given.soft_edge or given.shadow):
        raise wrong_input("A ready mask is the result already.", "Add --soft-edge to refine it, or --shadow.")
    if given.all and not prompt.of_a_kind:
        raise wrong_input("--all is for what is named, or like something.", "Give --text WORDS, or --like.")
    return PhotoSettings(
        job=given.job,
        photos=tuple(None if photo == PIPE else Path(photo) for photo in given.photos),
        output=_output(given),
        prompt=prompt,
        everything=given.all,
        mask=mask,
        options=_options(given),
        paint=_paint(given) if given.job in (Job.FILL, Job.REPLACE) else PaintOptions(),
        background=_background(given) if given.job == Job.REPLACE else None,
        match_light=given.match_light,
        match_focus=given.match_focus,
        seeds=_seeds(given),
        quiet=given.quiet,
        reference=Path(given.reference) if given.reference else None,
    )


def expand_settings(given: argparse.Namespace) -> PhotoSettings:
    """The settings of the command that makes photos larger.  Raises UserError."""
    is_painted = given.prompt is not None
    return PhotoSettings(
        job=Job.FILL if is_painted else Job.REMOVE,
        photos=tuple(None if photo == PIPE else Path(photo) for photo in given.photos),
        output=_output(given),
        prompt=ObjectPrompt(),
        everything=False,
        mask=None,
        options=MaskOptions(grow=0, feather=0),
        paint=_paint(given) if is_painted else PaintOptions(),
        background=None,
        match_light=0.0,
        match_focus=is_painted,
        seeds=_seeds(given),
        quiet=given.quiet,
        margins=(given.left, given.top, given.right, given.bottom),
        reference=Path(given.reference) if given.reference else None,
    )


def _prompt(given: argparse.Namespace) -> ObjectPrompt:
    points = tuple(_point(text) for text in (*given.click, *given.exclude))
    labels = (1,) * len(given.click) + (0,) * len(given.exclude)
    return ObjectPrompt(
        points=points,
        labels=labels,
        box=_box(given.box) if given.box else None,
        text=given.text,
        like=tuple(map(_box, given.like)),
        unlike=tuple(map(_box, given.unlike)),
        scene=Scene(given.scene) if given.scene else None,
    )


def _output(given: argparse.Namespace) -> OutputSettings:
    if given.output_quality is not None and not 1 <= given.output_quality <= 100:
        raise wrong_input("The quality of a picture file must be between 1 and 100.")
    return OutputSettings(
        place=None if given.output == PIPE else Path(given.output),
        is_folder=given.output.endswith(("/", os.sep)),
        format=given.format,
        quality=given.output_quality,
        overwrite=given.overwrite,
    )


def _options(given: argparse.Namespace) -> MaskOptions:
    if min(given.grow or 0, given.feather or 0) < 0:
        raise wrong_input("Grow and feather cannot be negative.")
    return MaskOptions(
        grow=given.grow,
        feather=given.feather,
        soft_edge=given.soft_edge,
        include_shadow=not given.no_shadow if given.job == Job.REPLACE else given.shadow,
    )


def _paint(given: argparse.Namespace) -> PaintOptions:
    return PaintOptions(
        prompt=given.prompt,
        negative=given.negative,
        help_prompt=not given.plain_prompt,
        quality=Quality(given.quality),
        model=given.model,
    )


def _has_background(given: argparse.Namespace) -> bool:
    """Whether something comes behind the object for which no model is needed."""
    return bool(given.background_photo or given.colour or given.blur is not None)


def _background(given: argparse.Namespace) -> BackgroundSettings | None:
    """What comes behind the object, unless a model paints it.  Raises UserError unless exactly one thing does."""
    sources = [given.prompt or given.reference, given.background_photo, given.colour, given.blur is not None]
    if sum(map(bool, sources)) != 1:
        what = "Nothing says" if not any(sources) else "Several things say"
        remedy = "Give one of --prompt, --background-photo, --colour and --blur."
        raise wrong_input(f"{what} what should be around the object.", remedy)
    if not _has_background(given):
        return None
    colours = tuple(colour(text) for text in given.colour)
    if len(colours) > 2:
        raise wrong_input("There can be one colour, or two: that at the top and that at the bottom.")
    if given.blur is not None and not 0 <= given.blur <= 1:
        raise wrong_input("The strength of a blur must be between 0 and 1.")
    photo = Path(given.background_photo) if given.background_photo else None
    return BackgroundSettings(photo=photo, colours=colours, blur=given.blur)


def _seeds(given: argparse.Namespace) -> tuple[int, ...]:
    if not 1 <= given.variations <= MAX_VARIATIONS:
        raise wrong_input(f"There can be 1 to {MAX_VARIATIONS} variations.")
    if given.seed < 0:
        raise wrong_input("The seed must be a whole number from 0 on.")
    return tuple(given.seed + k for k in range(given.variations))


def colour(text: str) -> Colour:
    """The colour that #RRGGBB names.  Raises UserError."""
    if not re.fullmatch("#[0-9A-Fa-f]{6}", text):
        raise wrong_input(f"{text!r} is not a colour of the form #RRGGBB.")
    red, green, blue = bytes.fromhex(text[1:])
    return red / 255, green / 255, blue / 255


def _point(text: str) -> Point:
    x, y = _numbers(text, "X,Y")
    return x, y


def _box(text: str) -> Box:
    x0, y0, x1, y1 = _numbers(text, "X0,Y0,X1,Y1")
    return x0, y0, x1, y1


def _numbers(text: str, form: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not all(map(math.isfinite, numbers)):
        raise wrong_input(f"{text!r} is not of the form {form}.")
    return numbers

"""Recipes: what is to be done to each of many photos, as a small TOML file.  Standard library only.

    job = "remove"                      # or "segment", "fill", "replace"

    [object]                            # what says which object is meant, in every photo:
    clicks = [[0.31, 0.42]]             #   clicks, with `not` for what to leave out, and a box
    unit = "relative"                   #   0 to 1 of the photo's width and height, or "pixels"
    # text = "the red car"              #   or what it is called; all = true for everything that is
    # like = [[0.1, 0.2, 0.3, 0.4]]     #   or boxes around examples of it, with `unlike` for what is not meant
    # area = [0.8, 0.9, 1.0, 1.0]       #   or a rectangle, taken as it is
    # mask = "mask.png"                 #   or one mask for all photos
    # masks = "masks"                   #   or a folder: masks/a.png for a.jpg
    # find = "spots"                    #   or dust on the sensor

    [settings]                          # as the job's options on the command line
    [background]                        # of "replace": photo, colours or blur
    [output]                            # name, format, quality

Paths are relative to the recipe's folder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...shared.errors import UserError, wrong_input
from ...shared.geometry import Box, Size
from ...shared.messages import MOST, Job, MaskOptions, ObjectPrompt, PaintOptions, Quality, Scene
from ...shared.strenum import StrEnum
from ..photo_arguments import ALIASES, COMMANDS, FORMATS, BackgroundSettings, Colour, colour
from . import toml_text
from .toml_text import Table

LONGEST = 1 << 20  # bytes of a recipe
LARGEST = 1 << 16  # pixels to grow or feather by
MOST_SEED = 2**53 - 1
NAME_PARTS = ("stem", "folder", "job")
JOBS = {name: job for job, (name, _) in COMMANDS.items()}
TABLES = ("job", "object", "settings", "background", "output")
PROMPTS = ("clicks", "not", "box")
NAMING = ("text", "like")
SPOTS = "spots"
KINDS = ("clicks", "box", *NAMING, "area", "mask", "masks", "find")  # of which one says which object is meant
PAINT = ("prompt", "negative", "help_prompt", "quality", "model")
SETTINGS = {
    Job.SELECT: ("soft_edge", "shadow"),
    Job.REMOVE: ("grow", "feather", "shadow", "seed", "model"),
    Job.FILL: ("grow", "feather", "shadow", "seed", "match_focus", "reference", *PAINT),
    Job.REPLACE: ("soft_edge", "feather", "shadow", "seed", "match_light", "match_focus", "reference", *PAINT),
}


_PATTERN = re.compile(rf"(?:[^{{}}]|\{{(?:{'|'.join(NAME_PARTS)})\}})+")


class Unit(StrEnum):
    """What coordinates are counted in."""

    PIXELS = "pixels"  # of the photo, the way up it is shown
    RELATIVE = "relative"  # shares of its width and height


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """What says which object is meant in a photo: one of these.

    prompt: clicks, a box, a text, examples or a part of the scene, which a model makes a mask of; everything: all that
    the text names or the examples show.  area: a rectangle that is the mask.  mask: the file
    of a mask for every photo.  masks: the folder of a mask for each photo, by its name.
    spots: whether dust on the sensor and its like are meant.  unit: of the prompt's and the area's coordinates.
    """

    prompt: ObjectPrompt
    everything: bool = False
    area: Box | None = None
    mask: Path | None = None
    masks: Path | None = None
    spots: bool = False
    unit: Unit = Unit.PIXELS

    @property
    def is_prompt(self) -> bool:
        """Whether a model has to find the object."""
        return not (self.area or self.mask or self.masks or self.spots)

    def prompt_in(self, size: Size) -> ObjectPrompt:
        """The prompt in pixels of a photo of this (width, height)."""
        x_scale, y_scale = self._scale(size)
        return self.prompt.mapped(
            lambda point: (point[0] * x_scale, point[1] * y_scale), lambda box: self._scaled(box, size)
        )

    def area_in(self, size: Size) -> Box | None:
        """The area in pixels of a photo of this (width, height)."""
        return self.area and self._scaled(self.area, size)

    def mask_for(self, photo: Path, suffixes: tuple[str, ...]) -> Path | None:
        """The file of a photo's mask, where there is one at all.  Raises UserError where the folder lacks it."""
        if not self.masks:
            return self.mask
        found = [path for suffix in suffixes if (path := self.masks / (photo.stem + suffix)).is_file()]
        if len(found) != 1:
            what = "no mask" if not found else "more than one mask"
            raise wrong_input(f"There is {what} for {photo} in {self.masks}.", f"It should be {photo.stem}.png.")
        return found[0]

    def _scale(self, size: Size) -> tuple[float, float]:
        return (float(size[0]), float(size[1])) if self.unit == Unit.RELATIVE else (1.0, 1.0)

    def _scaled(self, box: Box, size: Size) -> Box:
        x, y = self._scale(size)
        return box[0] * x, box[1] * y, box[2] * x, box[3] * y


@dataclass(frozen=True, kw_only=True)
class RecipeOutput:
    """How results are called and saved.  name: with NAME_PARTS in braces, without a suffix; format: one of FORMATS, ""
    for the photo's own; quality: of a lossy one, None for the photo's own."""

    name: str = "{stem}"
    format: str = ""
    quality: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is to be done to each photo.

    background: of REPLACE; None where a model paints it.  match_light: how far the object's light is drawn to its, 0 to
    1.  match_focus: as in `messages.Inpaint`.  paint.model: of REMOVE too.  reference: the file of a picture of what is
    to be painted.
    """

    job: Job
    pointing: Pointing
    options: MaskOptions
    paint: PaintOptions
    background: BackgroundSettings | None
    match_light: float
    match_focus: bool
    seed: int
    output: RecipeOutput
    reference: Path | None = None

    @property
    def is_painted(self) -> bool:
        """Whether a diffusion model is needed."""
        return self.job == Job.FILL or (self.job == Job.REPLACE and self.background is None)


def text_of(file: Path) -> str:
    """The text of a recipe's file, for `parse`.  Raises UserError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise wrong_input(f"{file} is too long for a recipe.", "Give the recipe first, and then the photos.")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise wrong_input(f"The recipe {file} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise wrong_input(f"{file} is no text in UTF-8.", "Give the recipe first, and then the photos.") from None


def parse(text: str, name: str, folder: Path) -> Recipe:
    """The recipe in a text.  name: what to call it; folder: what its paths are relative to.  Raises UserError."""
    return toml_text.read(text, name, lambda table: _recipe(table, folder))


def called_by(pattern: str, parts: Mapping[str, str]) -> str:
    """A pattern of `RecipeOutput.name` with its braces filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], pattern)


def _recipe(table: Table, folder: Path) -> Recipe:
    table.demand_known(TABLES, "a recipe")
    job = table.choice("job", JOBS)
    if job is None:
        raise table.fault("job", "Nothing says what is to be done.", f"Begin with job = one of: {', '.join(JOBS)}.")
    settings = table.table("settings")
    settings.demand_known(SETTINGS[job], f"the job {COMMANDS[job][0]!r}")
    return Recipe(
        job=job,
        pointing=_pointing(table.table("object"), job, folder),
        options=_options(settings, job),
        paint=_paint(settings),
        background=_background(table.table("background"), settings, job, folder),
        match_light=settings.number("match_light", 0, 1) or 0.0,
        match_focus=settings.flag("match_focus", default=job == Job.FILL),
        seed=settings.whole("seed", 0, MOST_SEED) or 0,
        output=_output(table.table("output"), job),
        reference=_path(settings, "reference", folder, is_folder=False),
    )


def _pointing(table: Table, job: Job, folder: Path) -> Pointing:
    table.demand_known((*KINDS, "not", "unlike", "all", "unit"), "an object")
    kind = _kind(table, job)
    unit = table.choice("unit", {unit.value: unit for unit in Unit}) or Unit.PIXELS
    found: Scene | str | None = table.choice("find", {SPOTS: SPOTS} | {scene.value: scene for scene in Scene})
    pointed, named = _pointed(table, kind, unit), _named(table, kind, unit)
    scene = found if isinstance(found, Scene) else None
    return Pointing(
        prompt=replace(pointed, text=named.text, like=named.like, unlike=named.unlike, scene=scene),
        everything=table.flag("all", default=False),
        area=_box(table, "area", unit),
        mask=_path(table, "mask", folder, is_folder=False),
        masks=_path(table, "masks", folder, is_folder=True),
        spots=found == SPOTS,
        unit=unit,
    )


def _kind(table: Table, job: Job) -> str:
    """Which of KINDS says what is meant: "clicks" for all of PROMPTS, "text" for all of NAMING."""
    given = [key for key in table if key in KINDS]
    kinds = {"clicks" if key in PROMPTS else "text" if key in NAMING else key for key in given}
    if not kinds:
        raise table.fault("", "Nothing says which object is meant.", f"Give one of: {', '.join(KINDS)}.")
    if len(kinds) > 1:
        raise table.fault(given[-1], f"{given[0]!r} and {given[-1]!r} were both given.", "Leave one of them out.")
    (kind,) = kinds
    if job == Job.SELECT and kind in ("mask", "masks", "area"):
        raise table.fault(given[0], "A mask is what this job makes.", "Give clicks, a box or a text.")
    return kind


def _pointed(table: Table, kind: str, unit: Unit) -> ObjectPrompt:
    """The clicks and the box of an object."""
    clicks, excluded = (table.points(key, MOST["ObjectPrompt.points"] // 2) for key in ("clicks", "not"))
    if excluded and kind != "clicks":
        raise table.fault("not", "'not' belongs to clicks.", "Leave it out, or give clicks.")
    if kind == "clicks" and not clicks and "box" not in table:
        raise table.fault("clicks", "There is no click in it.", "Give at least one [X, Y].")
    for key, points in (("clicks", clicks), ("not", excluded)):
        _demand_inside(table, key, [number for point in points for number in point], unit)
    labels = (1,) * len(clicks) + (0,) * len(excluded)
    return ObjectPrompt(points=(*clicks, *excluded), labels=labels, box=_box(table, "box", unit))


def _named(table: Table, kind: str, unit: Unit) -> ObjectPrompt:
    """What an object is called, and the examples of it."""
    for key in ("unlike", "all"):
        if key in table and kind != "text":
            raise table.fault(key, f"{key!r} belongs to a text or to examples.", "Leave it out, or give a text.")
    text = table.text("text")
    if "text" in table and not text.strip():
        raise table.fault("text", "The text is empty.", "Say what the object is called.")
    if len(text) > MOST["ObjectPrompt.text"]:
        raise table.fault("text", f"The text is longer than {MOST['ObjectPrompt.text']} characters.")
    like, unlike = (table.boxes(key, MOST[f"ObjectPrompt.{key}"]) for key in ("like", "unlike"))
    if "like" in table and not like:
        raise table.fault("like", "There is no example in it.", "Give at least one [X0, Y0, X1, Y1].")
    for key, boxes in (("like", like), ("unlike", unlike)):
        for box in boxes:
            _demand_box(table, key, box, unit)
    return ObjectPrompt(text=text, like=like, unlike=unlike)


def _box(table: Table, key: str, unit: Unit) -> Box | None:
    found = table.numbers(key, "X0, Y0, X1, Y1")
    if found is None:
        return None
    x0, y0, x1, y1 = found
    _demand_box(table, key, (x0, y0, x1, y1), unit)
    return x0, y0, x1, y1


def _demand_box(table: Table, key: str, box: Box, unit: Unit) -> None:
    _demand_inside(table, key, box, unit)
    x0, y0, x1, y1 = box
    if x0 >= x1 or y0 >= y1:
        raise table.fault(key, f"{key!r} is empty.", "Give the left, the top, the right and the bottom, in this order.")


def _demand_inside(table: Table, key: str, numbers: list[float] | tuple[float, ...], unit: Unit) -> None:
    if min(numbers, default=0.0) < 0:
        raise table.fault(key, f"{key!r} lies outside the photo: it is negative.")
    if unit == Unit.RELATIVE and max(numbers, default=0.0) > 1:
        raise table.fault(
            key, f"{key!r} lies outside the photo: relative numbers end at 1.", 'Or give: unit = "pixels".'
        )


def _options(table: Table, job: Job) -> MaskOptions:
    return MaskOptions(
        grow=table.whole("grow", 0, LARGEST),
        feather=table.whole("feather", 0, LARGEST),
        soft_edge=table.flag("soft_edge", default=False),
        include_shadow=table.flag("shadow", default=job == Job.REPLACE),
    )


def _paint(table: Table) -> PaintOptions:
    for key in ("prompt", "negative", "model"):
        if len(table.text(key)) > MOST[f"PaintOptions.{key}"]:
            raise table.fault(key, f"{key!r} is longer than {MOST[f'PaintOptions.{key}']} characters.")
    return PaintOptions(
        prompt=table.text("prompt"),
        negative=table.text("negative"),
        help_prompt=table.flag("help_prompt", default=True),
        quality=table.choice("quality", {quality.value: quality for quality in Quality}) or Quality.BALANCED,
        model=table.text("model"),
    )


def _background(table: Table, settings: Table, job: Job, folder: Path) -> BackgroundSettings | None:
    if job != Job.REPLACE:
        table.demand_known((), f"the job {COMMANDS[job][0]!r}")
        return None
    table.demand_known(("photo", "colours", "blur"), "a background")
    given = [key for key in table if key in ("photo", "colours", "blur")]
    if len(given) + bool(settings.text("prompt") or "reference" in settings) != 1:
        what = "Several things say" if given else "Nothing says"
        remedy = "Give one of settings.prompt, background.photo, background.colours and background.blur."
        raise table.fault(given[-1] if given else "", f"{what} what should be around the object.", remedy)
    if not given:
        return None
    colours = tuple(_colour(table, text) for text in table.texts("colours", 2))
    if "colours" in table and not colours:
        raise table.fault("colours", "There is no colour in it.", 'Give one or two, such as "#336699".')
    photo = _path(table, "photo", folder, is_folder=False)
    return BackgroundSettings(photo=photo, colours=colours, blur=table.number("blur", 0, 1))


def _colour(table: Table, text: str) -> Colour:
    try:
        return colour(text)
    except UserError as error:
        raise table.fault("colours", error.sentence) from None


def _output(table: Table, job: Job) -> RecipeOutput:
    table.demand_known(("name", "format", "quality"), "an output")
    if job == Job.SELECT and "quality" in table:
        raise table.fault("quality", "A mask has no quality.", "Leave it out.")
    names = {name: name for name in FORMATS} | ALIASES
    name = table.text("name", RecipeOutput.name)
    if not _PATTERN.fullmatch(name):
        remedy = f"Known in braces: {', '.join(NAME_PARTS)}."
        raise table.fault("name", f"{name!r} is no pattern for a name.", remedy)
    called = called_by(name, dict.fromkeys(NAME_PARTS, "x"))
    parts = Path(called).parts
    if not called.strip() or called.endswith(("/", "\\")) or Path(called).is_absolute() or ".." in parts:
        remedy = 'Give a name such as "{stem}-clean" or "{folder}/{stem}".'
        raise table.fault("name", f"{name!r} does not lead to a file in the folder of the results.", remedy)
    return RecipeOutput(name=name, format=table.choice("format", names) or "", quality=table.whole("quality", 1, 100))


def _path(table: Table, key: str, folder: Path, *, is_folder: bool) -> Path | None:
    if key not in table:
        return None
    path = folder / table.text(key)
    if not (path.is_dir() if is_folder else path.is_file()):
        raise table.fault(key, f"There is no {'folder' if is_folder else 'file'} {path}.")
    return path

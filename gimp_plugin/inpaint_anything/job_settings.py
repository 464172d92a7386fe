"""The settings of a job as the plug-in uses them, read from GIMP's procedure config (`arguments`)."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402  gi wants the versions first

from inference_server.shared.messages import Job, MaskOptions, PaintOptions, Quality  # noqa: E402
from inference_server.shared.strenum import StrEnum  # noqa: E402

from . import arguments  # noqa: E402
from .arguments import AUTOMATIC  # noqa: E402
from .covering import Covering  # noqa: E402


class Source(StrEnum):
    """What a job works on."""

    VISIBLE = "visible"  # all layers as they are seen
    LAYER = "layer"  # the selected one alone


class BackgroundKind(StrEnum):
    """What comes behind an object whose background is replaced."""

    PROMPT = "prompt"  # what a model paints
    PHOTO = "photo"
    COLOUR = "colour"
    GRADIENT = "gradient"  # from one colour to another
    BLUR = "blur"  # the photo's own


class Method(StrEnum):
    """What continues the surroundings of an object that is removed."""

    BEST = "best"  # of the models that are installed
    COPIES = "copies"  # of other parts of the photo
    LAMA = "lama"
    MIGAN = "migan"
    ROREM = "rorem"
    ERASE = "erase"


MODELS = {  # as the catalogue names them
    Method.BEST: "",
    Method.COPIES: "patchmatch",
    Method.LAMA: "big-lama",
    Method.MIGAN: "migan",
    Method.ROREM: "rorem",
    Method.ERASE: "flux2-erase",
}


class SelectionTarget(StrEnum):
    """What an object that is selected becomes."""

    REPLACE = "replace"  # the selection
    ADD = "add"  # part of the selection
    SUBTRACT = "subtract"  # no part of the selection
    INTERSECT = "intersect"  # what is left of the selection
    LAYER_MASK = "layer-mask"
    CHANNEL = "channel"
    PATH = "path"
    LAYER = "layer"


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What a person has chosen for a job.  A setting that the job does not have keeps its default.

    grow, feather: pixels of the photo, None for what suits its size.  include_shadow: None where it is taken in the
    dialog alone, and there where one sees that it is found for certain.  blur, match_light, photo_size, photo_across,
    photo_down: per cent.  reference_layer: as `image.open_pictures` names it, "" for none.  The other fields that have
    the name of one in `MaskOptions` or `PaintOptions` mean the same.
    """

    job: Job
    grow: int | None = None
    feather: int | None = None
    soft_edge: bool = False
    include_shadow: bool | None = False
    prompt: str = ""
    reference: Gio.File | None = None
    reference_layer: str = ""
    negative: str = ""
    help_prompt: bool = True
    quality: Quality = Quality.BALANCED
    model: str = ""
    variations: int = 1
    seed: int = 0
    method: Method = Method.BEST
    background: BackgroundKind = BackgroundKind.PROMPT
    photo: Gio.File | None = None
    photo_flip: bool = False
    photo_size: float = 100.0
    photo_across: float = 0.0
    photo_down: float = 0.0
    colour: Gegl.Color | None = None
    second_colour: Gegl.Color | None = None
    blur: int = 50
    match_light: int = 0
    match_focus: bool = True
    result_as: SelectionTarget = SelectionTarget.REPLACE
    source: Source = Source.VISIBLE

    @property
    def paints(self) -> bool:
        """Whether a diffusion model is to paint."""
        return self.job == Job.FILL or (self.job == Job.REPLACE and self.background == BackgroundKind.PROMPT)

    @property
    def says_what_to_paint(self) -> bool:
        """Whether the person has said it, in words or by a picture."""
        return bool(self.prompt.strip()) or self.is_shown_what_to_paint

    @property
    def is_shown_what_to_paint(self) -> bool:
        """Whether a picture says it."""
        return bool(self.reference or self.reference_layer)

    @property
    def covering(self) -> Covering:
        """Where the photo lies that comes behind."""
        across, down = self.photo_across / 100, self.photo_down / 100
        return Covering(scale=self.photo_size / 100, across=across, down=down, flipped=self.photo_flip)

    @property
    def light_matched(self) -> float:
        """How far the object's light is drawn to the background's, 0 to 1: to one that shows a scene."""
        shows_scene = self.job == Job.REPLACE and self.background in (BackgroundKind.PROMPT, BackgroundKind.PHOTO)
        return self.match_light / 100 if shows_scene else 0.0

    @property
    def focus_matched(self) -> bool:
        """Whether what is painted, or the object before another photo, is put out of focus as what is around it is."""
        is_photo = self.job == Job.REPLACE and self.background == BackgroundKind.PHOTO
        return self.match_focus and (is_photo or self.job == Job.FILL)

    @property
    def mask_options(self) -> MaskOptions:
        """What is done to the object's mask."""
        return MaskOptions(
            grow=self.grow, feather=self.feather, soft_edge=self.soft_edge, include_shadow=self.include_shadow
        )

    @property
    def paint_options(self) -> PaintOptions:
        """What a model is to paint; which model removes, for a job that asks no diffusion model."""
        if not self.paints:
            return PaintOptions(model=MODELS[self.method])
        return PaintOptions(
            prompt=self.prompt,
            negative=self.negative,
            help_prompt=self.help_prompt,
            quality=self.quality,
            model=self.model,
        )


def write_covering(covering: Covering, config: Gimp.ProcedureConfig) -> None:
    """Put where the photo lies that comes behind into a config of a job that has one."""
    config.set_properties(
        photo_flip=covering.flipped,
        photo_size=100 * covering.scale,
        photo_across=100 * covering.across,
        photo_down=100 * covering.down,
    )


# -- GIMP's config ----------------------------------------------------------------------------------------------------


def create_config(job: str) -> Gimp.ProcedureConfig:
    """A config of the job's procedure, a key of `arguments.ARGUMENTS`, with every setting's default."""
    procedure = Gimp.get_pdb().lookup_procedure(arguments.PREFIX + job)
    assert procedure is not None  # it is the plug-in's own
    config = procedure.create_config()
    for name in arguments.names(job):
        if name in arguments.DEFAULT_COLOURS:  # GIMP hands them on as black
            config.set_property(name, Gegl.Color.new(arguments.DEFAULT_COLOURS[name]))
    return config


def read(job: Job, config: Gimp.ProcedureConfig) -> JobSettings:
    """The settings in a config of the job's procedure."""
    values = {_field(name): config.get_property(name) for name in arguments.names(job)}
    for field, convert in _FROM_CONFIG.items():
        if field in values:
            values[field] = convert(values[field])
    return JobSettings(job=job, **values)


def write(settings: JobSettings, config: Gimp.ProcedureConfig) -> None:
    """Put settings into a config of their job's procedure."""
    for name in arguments.names(settings.job):
        config.set_property(name, _config_value(settings, name))


def _field(name: str) -> str:
    """The field of `JobSettings` for an argument."""
    return name.replace("-", "_")


def _config_value(settings: JobSettings, name: str) -> object:
    value = getattr(settings, _field(name))
    if name in ("grow", "feather", "include-shadow") and value is None:
        return AUTOMATIC
    return (
        str(value.value) if isinstance(value, Quality | Method | BackgroundKind | SelectionTarget | Source) else value
    )


def _pixels(value: int) -> int | None:
    return None if value == AUTOMATIC else value


def _yes_or_no(value: int) -> bool | None:
    return None if value == AUTOMATIC else bool(value)


def _text(value: str | None) -> str:
    return value or ""  # GIMP has None where nobody has written anything


_FROM_CONFIG: dict[str, Callable[[Any], Any]] = {
    "grow": _pixels,
    "feather": _pixels,
    "include_shadow": _yes_or_no,
    "prompt": _text,
    "reference_layer": _text,
    "negative": _text,
    "model": _text,
    "quality": Quality,
    "method": Method,
    "background": BackgroundKind,
    "result_as": SelectionTarget,
    "source": Source,
}


# -- JSON -------------------------------------------------------------------------------------------------------------


def to_json(settings: JobSettings) -> dict[str, object]:
    """The settings that the job has, as JSON can hold them: a file as its address, a colour as #rrggbb."""
    return {_field(name): _json_value(_config_value(settings, name)) for name in arguments.names(settings.job)}


def from_json(job: Job, values: Mapping[str, object]) -> JobSettings:
    """What `to_json` gave, perhaps in an older version.  What is missing or does not fit has its default."""
    config = create_config(job)
    for name in arguments.names(job):
        if _field(name) in values:
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                config.set_property(name, _from_json_value(config, name, values[_field(name)]))
    return read(job, config)


def _json_value(value: object) -> object:
    if isinstance(value, Gio.File):
        return value.get_uri()
    if isinstance(value, Gegl.Color):
        return "#" + bytes(value.get_bytes(Babl.format("R'G'B' u8")).get_data()).hex()
    return value


def _from_json_value(config: Gimp.ProcedureConfig, name: str, value: object) -> object:
    setting = config.find_property(name)
    match setting.value_type.name if setting else "", value:
        case "GFile", str():
            return Gio.File.new_for_uri(value) if value else None
        case "GeglColor", str():
            return Gegl.Color.new(value)
    return value

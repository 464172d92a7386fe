"""How a photo is expanded, as the plug-in uses it, read from GIMP's procedure config (`arguments`)."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

from inference_server.shared.geometry import Size  # noqa: E402
from inference_server.shared.margins import Margins  # noqa: E402
from inference_server.shared.messages import Job, Quality  # noqa: E402
from inference_server.shared.strenum import StrEnum  # noqa: E402

from . import arguments, job_settings  # noqa: E402
from .job_settings import JobSettings, Method  # noqa: E402

NAME = "expand"  # of the procedure, and of its settings in a file


class Unit(StrEnum):
    """What margins are counted in."""

    PIXELS = "pixels"
    PER_CENT = "per-cent"  # of the photo's width or height


class PaintedBy(StrEnum):
    """What makes up what is beyond the borders."""

    COPIES = "copies"  # of the photo
    MODEL = "model"  # one that paints from a prompt


@dataclass(frozen=True, kw_only=True)
class ExpandSettings:
    """What a person has chosen.  left, right, top, bottom: in `unit`; the rest as in `JobSettings`."""

    left: float = 0.0
    right: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    unit: Unit = Unit.PIXELS
    painted_by: PaintedBy = PaintedBy.COPIES
    prompt: str = ""
    negative: str = ""
    quality: Quality = Quality.BALANCED
    model: str = ""
    seed: int = 0

    def margins(self, size: Size) -> Margins:
        """The pixels that are added to a photo of this (width, height)."""
        across, down = (length / 100 if self.unit is Unit.PER_CENT else 1.0 for length in size)
        return Margins(*map(round, (self.left * across, self.top * down, self.right * across, self.bottom * down)))

    @property
    def job_settings(self) -> JobSettings:
        """The job that paints what is new, whose mask is exact already."""
        if self.painted_by is PaintedBy.COPIES:
            return JobSettings(job=Job.REMOVE, method=Method.COPIES, grow=0, feather=0, seed=self.seed)
        return JobSettings(
            job=Job.FILL,
            grow=0,
            feather=0,
            prompt=self.prompt,
            negative=self.negative,
            quality=self.quality,
            model=self.model,
            seed=self.seed,
        )


def read(config: Gimp.ProcedureConfig) -> ExpandSettings:
    """The settings in a config of the procedure."""
    values = {field: config.get_property(name) for name, field in _fields()}
    # GIMP has None where nobody has written anything.
    values |= {field: values[field] or "" for field in ("prompt", "negative", "model")}
    kinds = {"unit": Unit, "painted_by": PaintedBy, "quality": Quality}
    return ExpandSettings(**(values | {field: kind(values[field]) for field, kind in kinds.items()}))


def write(settings: ExpandSettings, config: Gimp.ProcedureConfig) -> None:
    """Put settings into a config of the procedure."""
    for name, field in _fields():
        value = getattr(settings, field)
        config.set_property(name, str(value.value) if isinstance(value, StrEnum) else value)


def to_json(settings: ExpandSettings) -> dict[str, object]:
    """The settings as JSON can hold them."""
    return asdict(settings)


def from_json(values: Mapping[str, object]) -> ExpandSettings:
    """What `to_json` gave, perhaps in an older version.  What is missing or does not fit has its default."""
    config = job_settings.create_config(NAME)
    for name, field in _fields():
        if field in values:
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                config.set_property(name, values[field])
    return read(config)


def _fields() -> list[tuple[str, str]]:
    """Each argument's name, and the field it has here."""
    return [(name, name.replace("-", "_")) for name in arguments.names(NAME)]

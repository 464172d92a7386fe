"""What a job's group is called: what was done, as a person says it who looks for it among the layers."""

import itertools
from pathlib import Path

from gi.repository import Gimp, Gio

from inference_server.shared.messages import Job
from inference_server.shared.text import tr

from ..expand_settings import ExpandSettings, PaintedBy
from ..i18n import _
from ..job_settings import BackgroundKind, JobSettings
from . import open_pictures

LONGEST = 32  # characters of a prompt in a name


def title(settings: JobSettings) -> str:
    """What was done, in a few words of the person's language: “Removed: object”, “Fill: a red ball”."""
    match settings.job:
        case Job.SELECT:
            return _("Selected: object")
        case Job.REMOVE:
            return _("Removed: object")
        case Job.FILL if settings.says_what_to_paint:
            return tr(_("Fill: {prompt}"), prompt=_what(settings))
        case Job.FILL:
            return _("Fill: the surroundings")
    return _background(settings)


def _background(settings: JobSettings) -> str:
    match settings.background:
        case BackgroundKind.PHOTO if settings.photo:
            return tr(_("Background: {prompt}"), prompt=_called(settings.photo))
        case BackgroundKind.COLOUR:
            return _("Background: a colour")
        case BackgroundKind.GRADIENT:
            return _("Background: two colours")
        case BackgroundKind.BLUR:
            return _("Background: out of focus")
    return tr(_("Background: {prompt}"), prompt=_what(settings))


def _what(settings: JobSettings) -> str:
    """What is painted: as it was written or, where nothing was, what the picture of it is called."""
    if settings.prompt.strip() or not settings.is_shown_what_to_paint:
        return shortened(settings.prompt)
    return (
        _called(settings.reference) if settings.reference else shortened(open_pictures.shown(settings.reference_layer))
    )


def _called(file: Gio.File) -> str:
    return shortened(Path(file.get_parse_name()).name)


def title_of_expansion(settings: ExpandSettings) -> str:
    """What was done to a photo that was expanded."""
    if settings.painted_by is PaintedBy.MODEL and settings.prompt.strip():
        return tr(_("Expanded: {prompt}"), prompt=shortened(settings.prompt))
    return _("Expanded: the surroundings")


def shortened(text: str) -> str:
    """Text in one line, cut where a word ends if it is longer than LONGEST characters."""
    line = " ".join(text.split())
    if len(line) <= LONGEST:
        return line
    cut = line[: LONGEST - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,.;:") + "…"


def unused(name: str, image: Gimp.Image, besides: Gimp.Layer | None = None) -> str:
    """The name or, where a layer of the image has it, the first of “name 2”, “name 3” … that none has.

    besides: a layer that will be gone.
    """
    taken = {layer.get_name() for layer in _all(image.get_layers()) if layer != besides}
    numbered = (f"{name} {number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in taken)


def _all(layers: list[Gimp.Layer]) -> list[Gimp.Layer]:
    """These layers and those in them."""
    found = list(layers)
    for layer in layers:
        if isinstance(layer, Gimp.GroupLayer):
            found += _all([child for child in layer.get_children() if isinstance(child, Gimp.Layer)])
    return found

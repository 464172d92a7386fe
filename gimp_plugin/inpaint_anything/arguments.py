"""The settings of each job, and of expanding, as GIMP knows them: arguments of its procedure, declared once for the
dialog, scripts and the last values.

GIMP reads this when it starts, before it is known whether everything is installed: there is no import of
inference_server here, and jobs, qualities and backgrounds go by their names.  In `job_settings` they are types.

Underlined letters are used once in the dialog, whose own are C, F, K, L, O, R and S.
"""

from collections.abc import Callable
from dataclasses import dataclass

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, GObject  # noqa: E402  gi wants the versions first

from .i18n import _  # noqa: E402

PREFIX = "inpaint-anything-"  # of the names of procedures
AUTOMATIC = -1
MAX_PIXELS = 1000  # to grow or to feather by
MAX_VARIATIONS = 16
MAX_MARGIN = 100_000.0  # pixels or per cent at a side
FLAGS = GObject.ParamFlags.READWRITE
NONE_OK, HAS_ALPHA = True, False  # of a file and of a colour
SIZE_LIMITS, SHIFT_LIMITS = (100.0, 1000.0), (-100.0, 100.0)  # per cent, of a photo that comes behind


# value: its label and what it means
QUALITIES = {
    "fast": (_("Fast"), _("Few steps, to try words out")),
    "balanced": (_("Balanced"), _("As many steps as mostly suffice")),
    "best": (_("Best"), _("Twice as many steps")),
}
BACKGROUNDS = {
    "prompt": (_("What the prompt says"), _("Painted by a model")),
    "photo": (_("Another photo"), _("Scaled to cover this one")),
    "colour": (_("A colour"), _("The same everywhere")),
    "gradient": (_("Two colours"), _("One at the top, the other at the bottom")),
    "blur": (_("Out of focus"), _("This photo's own background, blurred")),
}
SELECTION_TARGETS = {
    "replace": (_("The selection"), _("In place of what is selected")),
    "add": (_("Added to the selection"), _("What is selected, and the object")),
    "subtract": (_("Taken from the selection"), _("What is selected, without the object")),
    "intersect": (_("Only within the selection"), _("What is selected of the object")),
    "layer-mask": (_("A layer mask"), _("Of the photo's layer, which then shows the object alone")),
    "channel": (_("A channel"), _("Beside the layers, to be selected again at any time")),
    "path": (_("A path"), _("The object's outline, for the Paths tool")),
    "layer": (_("A new layer"), _("The object alone, cut out")),
}
SOURCES = {
    "visible": (_("What is visible"), _("All layers as they are seen; the result comes on top")),
    "layer": (_("This layer"), _("The selected layer alone, whatever covers it")),
}
METHODS = {
    "best": (_("The best installed"), _("What suits photos best of the models that are there")),
    "copies": (_("Good: copies from the photo"), _("As sharp and as grainy as what is around; needs no model")),
    "lama": (_("Better: LaMa"), _("Invents what must be behind; see Settings")),
    "migan": (_("Quick: MI-GAN"), _("Invents it too, and is small; see Settings")),
    "rorem": (_("Painted: RORem"), _("For a graphics card; see Settings")),
    "erase": (_("Painted: FLUX.2"), _("With its shadow and reflection; for a graphics card; see Settings")),
}
PAINTED_BY = {
    "copies": (_("Without a model"), _("The photo's own texture goes on: sky, grass, water, walls")),
    "model": (_("A model that paints"), _("What the prompt says; without one, what the surroundings suggest")),
}
UNITS = {
    "pixels": (_("Pixels"), _("Of the photo")),
    "per-cent": (_("Per cent"), _("Of the photo's width or height")),
}
DEFAULT_COLOURS = {"colour": "white", "second-colour": "gray"}


# -- kinds of arguments -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Argument:
    """A setting.  add: declares it as an argument of a procedure."""

    name: str
    add: Callable[[Gimp.Procedure], None]


def _boolean(name: str, label: str, blurb: str, *, default: bool) -> Argument:
    return Argument(name, lambda procedure: procedure.add_boolean_argument(name, label, blurb, default, FLAGS))


def _integer(name: str, label: str, blurb: str, *, limits: tuple[int, int], default: int) -> Argument:
    return Argument(name, lambda procedure: procedure.add_int_argument(name, label, blurb, *limits, default, FLAGS))


def _number(name: str, label: str, blurb: str, *, limits: tuple[float, float], default: float) -> Argument:
    return Argument(name, lambda procedure: procedure.add_double_argument(name, label, blurb, *limits, default, FLAGS))


def _margin(name: str, label: str, blurb: str) -> Argument:
    return _number(name, label, blurb, limits=(0.0, MAX_MARGIN), default=0.0)


def _string(name: str, label: str, blurb: str) -> Argument:
    return Argument(name, lambda procedure: procedure.add_string_argument(name, label, blurb, "", FLAGS))


def _choice(name: str, label: str, blurb: str, *, options: dict[str, tuple[str, str]], default: str) -> Argument:
    def add(procedure: Gimp.Procedure) -> None:
        choice = Gimp.Choice.new()
        for k, (value, (title, meaning)) in enumerate(options.items()):
            choice.add(value, k, title, meaning)
        procedure.add_choice_argument(name, label, blurb, choice, default, FLAGS)

    return Argument(name, add)


def _file(name: str, label: str, blurb: str) -> Argument:
    def add(procedure: Gimp.Procedure) -> None:
        procedure.add_file_argument(name, label, blurb, Gimp.FileChooserAction.OPEN, NONE_OK, None, FLAGS)

    return Argument(name, add)


def _colour(name: str, label: str, blurb: str) -> Argument:
    def add(procedure: Gimp.Procedure) -> None:
        Babl.init()  # which colours need
        procedure.add_color_argument(name, label, blurb, HAS_ALPHA, Gegl.Color.new(DEFAULT_COLOURS[name]), FLAGS)

    return Argument(name, add)


# -- the arguments ----------------------------------------------------------------------------------------------------

_SEED = _integer(
    "seed",
    _("S_eed"),
    _("Another number gives another result; the same one the same"),
    limits=(0, 2**31 - 1),
    default=0,
)
_GROW = _integer(
    "grow",
    _("_Grow"),
    _("Pixels to grow the mask by; -1: what suits the photo's size"),
    limits=(AUTOMATIC, MAX_PIXELS),
    default=AUTOMATIC,
)
_FEATHER = _integer(
    "feather",
    _("Feat_her"),
    _("Pixels of soft edge; -1: what suits the photo's size"),
    limits=(AUTOMATIC, MAX_PIXELS),
    default=AUTOMATIC,
)
_SHADOW = _integer(
    "include-shadow",
    _("Also its sha_dow"),
    _("1: take the shadow that the object casts along with it; -1: in the dialog, where it is found for certain"),
    limits=(AUTOMATIC, 1),
    default=AUTOMATIC,
)
_SOURCE = _choice("source", _("Work on"), _("What is changed"), options=SOURCES, default="visible")
_HAIR = _("Follow hair and fur with soft values")
_PROMPT = _string("prompt", _("_Prompt"), _("What to paint, in a few words"))
_NEGATIVE = _string("negative", _("But _not"), _("What should not be there"))
_QUALITY = _choice("quality", _("_Quality"), _("How long it may take"), options=QUALITIES, default="balanced")
_MODEL = _string("model", _("_Model"), _("A model's name, or the path of one of your own; empty: the best installed"))
_PAINTING = (
    _PROMPT,
    _file(
        "reference",
        _("Like a picture"),
        _("A picture of what is to be painted, for models that can be shown one, beside the prompt or in its place"),
    ),
    _string(
        "reference-layer",
        _("Like a layer"),
        _("The same by the name of a layer, or of another open image, as in “photo.jpg/”, where no file is given"),
    ),
    _NEGATIVE,
    _boolean(
        "help-prompt", _("_Improve the prompt"), _("Add words that help; the model is told what is shown"), default=True
    ),
    _QUALITY,
    _MODEL,
    _integer(
        "variations",
        _("_Variations"),
        _("How many results, each with the next seed"),
        limits=(1, MAX_VARIATIONS),
        default=1,
    ),
    _SEED,
)

# The arguments of each job's procedure, and of expanding, in their order.
ARGUMENTS: dict[str, tuple[Argument, ...]] = {
    "select": (
        _choice(
            "result-as",
            _("Result _as"),
            _("What becomes of the object"),
            options=SELECTION_TARGETS,
            default="replace",
        ),
        _boolean("soft-edge", _("Soft _edge"), _HAIR, default=False),
        _SHADOW,
        _SOURCE,
    ),
    "remove": (
        _choice("method", _("_Quality"), _("What continues the surroundings"), options=METHODS, default="best"),
        _SEED,
        _GROW,
        _FEATHER,
        _SHADOW,
        _SOURCE,
    ),
    "fill": (
        *_PAINTING,
        _boolean(
            "match-focus",
            _("Match focus"),
            _("What is painted is as much out of focus as the photo is there, never sharper; grain it has anyway"),
            default=True,
        ),
        _GROW,
        _FEATHER,
        _SHADOW,
        _SOURCE,
    ),
    "replace": (
        _choice(
            "background",
            _("_Background"),
            _("What comes around"),
            options=BACKGROUNDS,
            default="prompt",
        ),
        *_PAINTING,
        _file("photo", _("Pho_to"), _("The photo that comes behind")),
        _boolean(
            "photo-flip", _("Flip it"), _("Exchange left and right of the photo that comes behind"), default=False
        ),
        _number(
            "photo-size",
            _("Its size"),
            _("Per cent of the size at which it just covers"),
            limits=SIZE_LIMITS,
            default=100.0,
        ),
        _number(
            "photo-across",
            _("Across"),
            _("What is seen of it where it is wider, from -100, its left edge, to 100, its right one"),
            limits=SHIFT_LIMITS,
            default=0.0,
        ),
        _number(
            "photo-down",
            _("Down"),
            _("What is seen of it where it is higher, from -100, its upper edge, to 100, its lower one"),
            limits=SHIFT_LIMITS,
            default=0.0,
        ),
        _colour("colour", _("Colo_ur"), _("The background's colour, or that at its top")),
        _colour("second-colour", _("Colour _at the bottom"), _("Where the two colours end")),
        _integer("blur", _("Ho_w blurred"), _("0: not at all; 100: no more than colours"), limits=(0, 100), default=50),
        _integer(
            "match-light",
            _("Match light"),
            _("How far the object's light is drawn to what comes behind; 0: its pixels stay as they are"),
            limits=(0, 100),
            default=0,
        ),
        _boolean(
            "match-focus",
            _("Match focus"),
            _("The object is as much out of focus as the photo behind it is where it stands, never sharper"),
            default=False,
        ),
        _boolean("soft-edge", _("Soft ed_ge"), _HAIR, default=False),
        _integer(
            "feather",
            _("Feat_her"),
            _("Pixels by which the object's edge is softened besides"),
            limits=(0, MAX_PIXELS),
            default=0,
        ),
        _boolean("include-shadow", _("Keep its sha_dow"), _("The object's shadow falls on what is new"), default=True),
        _SOURCE,
    ),
    "expand": (
        _margin("left", _("_Left"), _("How much is added at the left")),
        _margin("right", _("_Right"), _("How much is added at the right")),
        _margin("top", _("_Top"), _("How much is added at the top")),
        _margin("bottom", _("_Bottom"), _("How much is added at the bottom")),
        _choice("unit", _("_Unit"), _("What these four are counted in"), options=UNITS, default="pixels"),
        _choice(
            "painted-by",
            _("Painted b_y"),
            _("What makes up what is beyond the borders"),
            options=PAINTED_BY,
            default="copies",
        ),
        _PROMPT,
        _NEGATIVE,
        _QUALITY,
        _MODEL,
        _SEED,
    ),
}

# Those that one seldom changes, and that the dialog therefore shows on demand.
SELDOM = (
    *("negative", "help-prompt", "model", "variations", "seed", "grow", "feather", "source"),
    *("photo-size", "photo-across", "photo-down"),
)

# The arguments that a choice needs, beside those that all have: by its name and its value.
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "background": {
        "prompt": (*(argument.name for argument in _PAINTING), "match-light"),
        "photo": ("photo", "photo-flip", "photo-size", "photo-across", "photo-down", "match-light", "match-focus"),
        "colour": ("colour",),
        "gradient": ("colour", "second-colour"),
        "blur": ("blur",),
    },
    "painted-by": {"copies": (), "model": ("prompt", "negative", "quality", "model")},
}


def declare(procedure: Gimp.Procedure, job: str) -> None:
    """Add the arguments of a job to its procedure."""
    for argument in ARGUMENTS[job]:
        argument.add(procedure)


def names(job: str) -> list[str]:
    """The names of a job's arguments, in their order."""
    return [argument.name for argument in ARGUMENTS[job]]

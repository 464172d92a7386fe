"""A procedure's settings: the one list that the dialog, scripts and the last values use.

Underlined letters are used once in the dialog, whose own are C, F, K, L, O, R and S.
"""

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, GObject  # noqa: E402  gi wants the versions first

from .i18n import _  # noqa: E402

AUTOMATIC = -1
FURTHEST = 1000
MOST_VARIATIONS = 16
FLAGS = GObject.ParamFlags.READWRITE
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
COLOURS = {"colour": "white", "second-colour": "gray"}  # before anybody chooses
# What each background needs, beside the settings that all have.
PAINTING = ("prompt", "negative", "help-prompt", "quality", "model", "variations", "seed")
NEEDED = {
    "prompt": PAINTING,
    "photo": ("photo",),
    "colour": ("colour",),
    "gradient": ("colour", "second-colour"),
    "blur": ("blur",),
}


def declare(procedure: Gimp.Procedure, job: str) -> None:
    """Add the settings of a job to its procedure."""
    if job == "select":
        procedure.add_boolean_argument(
            "soft-edge", _("Soft _edge"), _("Follow hair and fur with soft values"), False, FLAGS
        )
        _shadow(procedure)
        return
    if job == "replace":
        choice = _choice(BACKGROUNDS)
        procedure.add_choice_argument("background", _("_Background"), _("What comes around"), choice, "prompt", FLAGS)
    if job in ("fill", "replace"):
        _painting(procedure)
    procedure.add_int_argument(
        "seed", _("S_eed"), _("Another number gives another result; the same one the same"), 0, 2**31 - 1, 0, FLAGS
    )
    if job == "replace":
        _backdrops(procedure)
        procedure.add_boolean_argument(
            "soft-edge", _("Soft ed_ge"), _("Follow hair and fur with soft values"), False, FLAGS
        )
        procedure.add_int_argument(
            "feather", _("Feat_her"), _("Pixels by which the object's edge is softened besides"), 0, FURTHEST, 0, FLAGS
        )
        procedure.add_boolean_argument(
            "include-shadow", _("Keep its sha_dow"), _("The object's shadow falls on what is new"), True, FLAGS
        )
        return
    for name, label, blurb in (
        ("grow", _("_Grow"), _("Pixels to grow the mask by; -1: what suits the photo's size")),
        ("feather", _("Feat_her"), _("Pixels of soft edge; -1: what suits the photo's size")),
    ):
        procedure.add_int_argument(name, label, blurb, AUTOMATIC, FURTHEST, AUTOMATIC, FLAGS)
    _shadow(procedure)


def names(procedure: Gimp.Procedure) -> list[str]:
    """The names of a procedure's own settings, in the order in which they were declared."""
    every = (argument.get_name() for argument in procedure.get_arguments())
    return [name for name in every if name not in ("run-mode", "image", "drawables")]


def read(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> dict:
    """The settings by name, with underscores."""
    settings = {name.replace("-", "_"): config.get_property(name) for name in names(procedure)}
    # An empty string that nobody has touched comes as None.
    return settings | {name: settings[name] or "" for name in ("prompt", "negative", "model") if name in settings}


def _shadow(procedure) -> None:
    procedure.add_boolean_argument(
        "include-shadow", _("Also its sha_dow"), _("Take the shadow that the object casts along with it"), False, FLAGS
    )


def _painting(procedure) -> None:
    procedure.add_string_argument("prompt", _("_Prompt"), _("What to paint, in a few words"), "", FLAGS)
    procedure.add_string_argument("negative", _("But _not"), _("What should not be there"), "", FLAGS)
    procedure.add_boolean_argument(
        "help-prompt", _("_Improve the prompt"), _("Add words that help; the model is told what is shown"), True, FLAGS
    )
    procedure.add_choice_argument(
        "quality", _("_Quality"), _("How long it may take"), _choice(QUALITIES), "balanced", FLAGS
    )
    procedure.add_string_argument(
        "model", _("_Model"), _("A model's name, or the path of one of your own; empty: the best installed"), "", FLAGS
    )
    procedure.add_int_argument(
        "variations", _("_Variations"), _("How many results, each with the next seed"), 1, MOST_VARIATIONS, 1, FLAGS
    )


def _backdrops(procedure) -> None:
    procedure.add_file_argument(
        "photo", _("Pho_to"), _("The photo that comes behind"), Gimp.FileChooserAction.OPEN, True, None, FLAGS
    )
    Babl.init()  # which colours need
    for name, label, blurb in (
        ("colour", _("Colo_ur"), _("The background's colour, or that at its top")),
        ("second-colour", _("Colour _at the bottom"), _("Where the two colours end")),
    ):
        procedure.add_color_argument(name, label, blurb, False, Gegl.Color.new(COLOURS[name]), FLAGS)
    procedure.add_int_argument(
        "blur", _("Ho_w blurred"), _("0: not at all; 100: no more than colours"), 0, 100, 50, FLAGS
    )


def _choice(options: dict[str, tuple[str, str]]) -> Gimp.Choice:
    choice = Gimp.Choice.new()
    for k, (name, (label, text)) in enumerate(options.items()):
        choice.add(name, k, label, text)
    return choice

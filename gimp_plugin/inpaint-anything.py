#!/usr/bin/env python3
"""Inpaint Anything for GIMP 3: the procedures and their menu entries, nothing else.

What GIMP executes must always get as far as registering its menu entries, so everything that can be missing on a
machine (pyzmq, the server) is imported when a procedure runs, and explained then.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402  gi wants the version first

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.append(str(HERE / "vendor"))  # pyzmq, for a GIMP whose Python has none

AUTOMATIC = -1
FURTHEST = 1000

# name: menu label, what it does, longer help
JOBS = {
    "select": (
        "_Select Object…",
        "Select the object that was clicked",
        "Finds the object under the clicks and selects it. The mask also comes as a hidden layer.",
    ),
    "remove": (
        "_Remove Object…",
        "Remove the object that was clicked",
        "Finds the object under the clicks and continues its surroundings in its place, on a new layer.",
    ),
    "fill": (
        "_Fill…",
        "Put something else in the place of the object that was clicked",
        "Finds the object under the clicks and paints what the prompt describes in its place, on a new layer.",
    ),
    "replace": (
        "Replace _Background…",
        "Put another world around the object that was clicked",
        "Finds the object under the clicks and paints what the prompt describes around it, on a new layer.",
    ),
}
WHERE_CLICKS_COME_FROM = (
    " Clicks come from the selected path: one anchor is one click on the object, a closed stroke is a box around it,"
    " and paths whose name starts with “-” or “not” say what to leave out. With no path, the selection is the object."
)


class InpaintAnything(Gimp.PlugIn):
    def do_query_procedures(self):
        return [f"inpaint-anything-{job}" for job in JOBS]

    def do_set_i18n(self, name):
        return False

    def do_create_procedure(self, name):
        job = name.removeprefix("inpaint-anything-")
        label, blurb, text = JOBS[job]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, job)
        # Indexed images are let in: a sentence explains more than a greyed-out entry.
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(label)
        procedure.add_menu_path("<Image>/Filters/Inpaint Anything")
        procedure.set_documentation(blurb, text + WHERE_CLICKS_COME_FROM, name)
        procedure.set_attribution("Inpaint Anything for GIMP", "Inpaint Anything for GIMP", "2026")
        add_arguments(procedure, job)
        readable = GObject.ParamFlags.READWRITE
        procedure.add_layer_return_value(
            "group", "Group", "The layer group with the result and the mask", True, readable
        )
        procedure.add_double_return_value(
            "score", "Score", "How well the mask fits, as the model sees it", 0, 1, 0, readable
        )
        return procedure


def add_arguments(procedure, job):
    """Declare a procedure's settings: the one list that the dialog, scripts and the last values use.

    Underlined letters are those GIMP's own buttons leave free: S, L, R, H, C and O are taken.
    """
    flags = GObject.ParamFlags.READWRITE
    if job == "select":
        procedure.add_boolean_argument("soft-edge", "Soft _edge", "Follow hair and fur with soft values", False, flags)
    if job in ("select", "remove"):
        procedure.add_boolean_argument(
            "include-shadow", "Also its sha_dow", "Take the shadow that the object casts along with it", False, flags
        )
    if job in ("fill", "replace"):
        procedure.add_string_argument("prompt", "_Prompt", "What to paint, in a few words", "", flags)
    edges = [("feather", "_Feather (-1: automatic)", "Pixels of soft edge; -1: what suits the photo's size")]
    if job in ("remove", "fill"):
        edges.insert(
            0, ("grow", "_Grow (-1: automatic)", "Pixels to grow the mask by; -1: what suits the photo's size")
        )
    if job != "select":
        for name, label, blurb in edges:
            procedure.add_int_argument(name, label, blurb, AUTOMATIC, FURTHEST, AUTOMATIC, flags)
        procedure.add_int_argument(
            "seed", "_Variation", "Another number gives another result; the same one the same", 0, 2**31 - 1, 0, flags
        )


def run(procedure, run_mode, image, drawables, config, job):
    """What GIMP calls.  Whatever goes wrong becomes one sentence in GIMP's error box."""
    try:
        from inference_server.errors import UserError
    except ImportError:
        return refuse(procedure, "Inpaint Anything is not completely installed. Run install.py again.")
    try:
        import canvas
        import session

        photo = canvas.Photo.of(image, drawables)
        pointed = canvas.pointed_at(photo, job)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            if pointed.clicks:
                session.look_ahead(photo)
            import dialog  # brings GTK with it: a script need not wait for that

            if not dialog.ask(procedure, config, pointed.in_words):
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        settings = {
            name: config.get_property(name)
            for name in ("prompt", "soft_edge", "include_shadow", "grow", "feather", "seed")
            if config.find_property(name)
        }
        result = session.perform(job, photo, pointed, settings)
        group = canvas.insert(photo, result)
    except UserError as error:
        if error.code == "cancelled":
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        return refuse(procedure, str(error))
    except Exception as error:
        import traceback

        traceback.print_exc()  # for whoever started GIMP from a terminal to look into it
        return refuse(
            procedure,
            f"Something went wrong in the plug-in ({type(error).__name__}: {error}). "
            "Please report it; nothing was changed.",
        )
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, group))
    values.remove(2)
    values.insert(2, GObject.Value(GObject.TYPE_DOUBLE, result.score))
    return values


def refuse(procedure, sentence):
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)


Gimp.main(InpaintAnything.__gtype__, sys.argv)

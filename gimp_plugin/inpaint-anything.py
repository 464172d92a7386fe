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

import arguments  # noqa: E402  which lies beside this file

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
        "Finds the object under the clicks and puts something else around it, on a new layer: what the prompt"
        " describes, another photo, a colour, two colours, or its own background out of focus.",
    ),
}
SETTINGS = "inpaint-anything-settings"
WHERE_CLICKS_COME_FROM = (
    " Clicks come from the selected path: one anchor is one click on the object, a closed stroke is a box around it,"
    " and paths whose name starts with “-” or “not” say what to leave out. With no path, the selection is the object."
)


class InpaintAnything(Gimp.PlugIn):
    def do_query_procedures(self):
        return [*(f"inpaint-anything-{job}" for job in JOBS), SETTINGS]

    def do_set_i18n(self, name):
        return False

    def do_create_procedure(self, name):
        if name == SETTINGS:
            return settings_procedure(self)
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
        arguments.declare(procedure, job)
        readable = GObject.ParamFlags.READWRITE
        procedure.add_layer_return_value(
            "group", "Group", "The layer group with the result and the mask", True, readable
        )
        procedure.add_double_return_value(
            "score", "Score", "How well the mask fits, as the model sees it", 0, 1, 0, readable
        )
        return procedure


def settings_procedure(plug_in):
    """The settings; they can be opened without an image."""
    procedure = Gimp.Procedure.new(plug_in, SETTINGS, Gimp.PDBProcType.PLUGIN, open_settings, None)
    procedure.set_menu_label("S_ettings…")
    procedure.add_menu_path("<Image>/Filters/Inpaint Anything")
    procedure.set_documentation(
        "Choose the models and the computer that find and paint objects",
        "Shows what the inference server has to work with, gets and removes models, and says which server is used.",
        SETTINGS,
    )
    procedure.set_attribution("Inpaint Anything for GIMP", "Inpaint Anything for GIMP", "2026")
    procedure.add_enum_argument(
        "run-mode",
        "Run mode",
        "The run mode",
        Gimp.RunMode,
        Gimp.RunMode.INTERACTIVE,
        GObject.ParamFlags.READWRITE,
    )
    return procedure


def open_settings(procedure, config, _):
    if config.get_property("run-mode") != Gimp.RunMode.INTERACTIVE:
        return refuse(procedure, "The settings are a window, which only a person can use.")

    def show():
        import setup_dialog

        setup_dialog.show(procedure)
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)

    return explained(procedure, show)


def run(procedure, run_mode, image, drawables, config, job):
    """What GIMP calls for a job."""

    def do():
        results = work(procedure, run_mode == Gimp.RunMode.INTERACTIVE, image, drawables, config, job)
        values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
        values.remove(1)
        values.insert(1, GObject.Value(Gimp.Layer, results.group))
        values.remove(2)
        values.insert(2, GObject.Value(GObject.TYPE_DOUBLE, results.score))
        return values

    return explained(procedure, do)


def explained(procedure, do):
    """What `do` returns.  Whatever goes wrong in it becomes one sentence in GIMP's error box."""
    try:
        from inference_server.errors import UserError
    except ImportError:
        return refuse(procedure, "Inpaint Anything is not completely installed. Run install.py again.")
    try:
        return do()
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


def work(procedure, interactive, image, drawables, config, job):
    """Do a job on the active layer; returns the `layers.Results` that came of it.  Raises UserError."""
    import canvas
    import layers
    import session

    from inference_server.errors import UserError, cancelled_by_user

    photo = canvas.Photo.of(image, drawables)
    pointed = canvas.pointed_at(photo, job)
    if interactive:
        import dialog  # brings GTK with it: a script need not wait for that

        if not dialog.ask(procedure, config, job, pointed, session.Aside(photo)):
            raise cancelled_by_user()
    settings = arguments.read(procedure, config)
    if interactive and session.paints(job, settings):
        import progress

        show = progress.Window(session.WORDS[job])
    else:
        show = session.StatusBar(job)
    with layers.Results(photo, job, settings, pointed.clicks) as results, show:
        try:
            session.perform(job, photo, pointed, settings, show, results.add)
        except UserError as error:
            if not results.count:
                raise
            if error.code != "cancelled":  # who cancels knows that what has come is kept
                kept = f"{results.count} of {settings['variations']} results had come and are kept."
                raise UserError(error.code, f"{error.sentence.removesuffix(' Nothing was changed.')} {kept}") from None
    return results


def refuse(procedure, sentence):
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)


Gimp.main(InpaintAnything.__gtype__, sys.argv)

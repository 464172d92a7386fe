#!/usr/bin/env python3
"""Inpaint Anything for GIMP 3: the procedures and their menu entries, nothing else.

What GIMP executes must always get as far as registering its menu entries, so everything that can be missing on a
machine (pyzmq, the server, cairo) is imported when a procedure runs, and explained then.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject  # noqa: E402  gi wants the version first

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.append(str(HERE / "vendor"))  # pyzmq, for a GIMP whose Python has none

from inpaint_anything import arguments  # noqa: E402
from inpaint_anything.i18n import _, in_words, translated  # noqa: E402

from inference_server.shared.errors import ErrorCode

NAME = "inpaint-anything-"
MENU = "<Image>/Filters/Inpaint Anything"
# name: menu label, what it does, longer help
JOBS = {
    "select": (
        _("_Select Object…"),
        _("Select the object that is clicked"),
        _("Finds the object under the clicks and selects it. The mask also comes as a hidden layer."),
    ),
    "remove": (
        _("_Remove Object…"),
        _("Remove the object that is clicked"),
        _("Finds the object under the clicks and continues its surroundings in its place, on a new layer."),
    ),
    "fill": (
        _("_Fill…"),
        _("Put something else in the place of the object that is clicked"),
        _("Finds the object under the clicks and paints what the prompt describes in its place, on a new layer."),
    ),
    "replace": (
        _("Replace _Background…"),
        _("Put another world around the object that is clicked"),
        _(
            "Finds the object under the clicks and puts something else around it, on a new layer: what the prompt"
            " describes, another photo, a colour, two colours, or its own background out of focus."
        ),
    ),
}
QUICK = (
    _("Remove Object (_Last Settings)"),
    _("Remove the object of the path or the selection at once"),
    _("As Remove Object, with the settings it was last used with, and without a dialog."),
)
EDIT = (
    _("_Edit Inpainting…"),
    _("Change a result: its clicks, its mask, its settings"),
    _(
        "Opens the dialog with the clicks, the mask and the settings of the group that is selected, and puts the new"
        " result in its place. A mask that was painted on is taken as it is."
    ),
)
SETTINGS = NAME + "settings"
WHERE_CLICKS_COME_FROM = _(
    "Clicks come from the selected path: one anchor is one click on the object, a closed stroke is a box around it,"
    " and paths whose name starts with “-” or “not” say what to leave out. With no path, the selection is the object."
    " In the dialog, one clicks on the photo itself."
)


class InpaintAnything(Gimp.PlugIn):
    def do_query_procedures(self):
        return [*(NAME + name for name in (*JOBS, "remove-again", "edit")), SETTINGS]

    def do_set_i18n(self, name):
        return False  # `words` looks into our own catalogues

    def do_create_procedure(self, name):
        if name == SETTINGS:
            return settings_procedure(self)
        job = name.removeprefix(NAME)
        label, blurb, text = {**JOBS, "remove-again": QUICK, "edit": EDIT}[job]
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, job)
        # Indexed images are let in: a sentence explains more than a greyed-out entry.
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(label)
        procedure.add_menu_path(MENU)
        procedure.set_documentation(blurb, f"{text} {WHERE_CLICKS_COME_FROM}", name)
        procedure.set_attribution("Inpaint Anything for GIMP", "Inpaint Anything for GIMP", "2026")
        if job in JOBS:
            arguments.declare(procedure, job)
        readable = GObject.ParamFlags.READWRITE
        procedure.add_layer_return_value(
            "group", _("Group"), _("The layer group with the result and the mask"), True, readable
        )
        procedure.add_double_return_value(
            "score", _("Score"), _("How well the mask fits, as the model sees it"), 0, 1, 0, readable
        )
        return procedure


def settings_procedure(plug_in):
    """The settings; they can be opened without an image."""
    procedure = Gimp.Procedure.new(plug_in, SETTINGS, Gimp.PDBProcType.PLUGIN, open_settings, None)
    procedure.set_menu_label(_("S_ettings…"))
    procedure.add_menu_path(MENU)
    procedure.set_documentation(
        _("Choose the models and the computer that find and paint objects"),
        _("Shows what the inference server has to work with, gets and removes models, and says which server is used."),
        SETTINGS,
    )
    procedure.set_attribution("Inpaint Anything for GIMP", "Inpaint Anything for GIMP", "2026")
    procedure.add_enum_argument(
        "run-mode",
        _("Run mode"),
        _("The run mode"),
        Gimp.RunMode,
        Gimp.RunMode.INTERACTIVE,
        GObject.ParamFlags.READWRITE,
    )
    return procedure


def open_settings(procedure, config, _data):
    if config.get_property("run-mode") != Gimp.RunMode.INTERACTIVE:
        return refuse(procedure, _("The settings are a window, which only a person can use."))

    def show():
        from inpaint_anything.settings import dialog

        dialog.show()
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)

    return explained(procedure, show)


def run(procedure, run_mode, image, drawables, config, name):
    """What GIMP calls for a job."""

    def do():
        results = work(procedure, run_mode, image, drawables, config, name)
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
        from inference_server.shared.errors import UserError
        from inference_server.shared.text import tr
    except ImportError:
        return refuse(procedure, _("Inpaint Anything is not completely installed. Run install.py again."))
    try:
        return do()
    except UserError as error:
        if error.code == "cancelled":
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        return refuse(procedure, in_words(error))
    except Exception as error:
        import traceback

        traceback.print_exc()  # for whoever started GIMP from a terminal to look into it
        what = f"{type(error).__name__}: {error}"
        sentence = tr(
            "Something went wrong in the plug-in ({error}). Please report it; nothing was changed.", error=what
        )
        return refuse(procedure, translated(sentence))


def work(procedure, run_mode, image, drawables, config, name):
    """Do a job on the active layer; returns the `layers.Results` that came of it.  Raises UserError."""
    from inpaint_anything.image import last_settings, layers, photo_layer
    from inpaint_anything.requests import job_steps

    from inference_server.shared.errors import UserError
    from inference_server.shared.text import tr

    if name == "edit":
        return edit(image, drawables)
    photo = photo_layer.Photo.of(image, drawables)
    if run_mode == Gimp.RunMode.INTERACTIVE and name in JOBS:
        try:
            pointed = photo_layer.pointed_at(photo, name)
        except UserError:
            pointed = None  # nothing yet: that is what the dialog is for
        return insert(photo, ask(name, photo, pointed, {}))
    job = "remove" if name == "remove-again" else name
    if run_mode != Gimp.RunMode.NONINTERACTIVE or name != job:
        procedure = Gimp.get_pdb().lookup_procedure(NAME + job)
        config = procedure.create_config()
        last_settings.restore(config, last_settings.last(job))
    settings = arguments.read(procedure, config)
    pointed = photo_layer.pointed_at(photo, job)
    with layers.Results(photo, job, settings, pointed.clicks) as results, job_steps.StatusBar(job) as show:
        try:
            job_steps.perform(job, photo, pointed, settings, show, results.add)
        except UserError as error:
            if not results.count:
                raise
            sentence = tr(
                "Only {count} of {total} results came; they are kept.",
                count=results.count,
                total=settings["variations"],
            )
            raise UserError(error.code, sentence, error.remedy) from None
    return results


def edit(image, drawables):
    """Do the job anew that the selected group came from."""
    from inpaint_anything.image import previous_job

    former = previous_job.former(image, drawables)
    return insert(former.photo, ask(former.job, former.photo, former.pointed, former.settings), former.group)


def ask(job, photo, pointed, settings):
    """What the person wants, from the dialog.  Raises UserError."""
    from inference_server.shared.errors import UserError, cancelled_error

    try:
        gi.require_foreign("cairo")
    except ImportError:
        raise UserError(
            ErrorCode.NO_CAIRO,
            "The dialog cannot be drawn: GIMP's Python has no pycairo.",
            "On Debian and Ubuntu, sudo apt install python3-gi-cairo brings it.",
        ) from None
    from inpaint_anything.dialog import controller  # brings GTK with it: a script need not wait for that

    outcome = controller.ask(job, photo, pointed, settings)
    if outcome is None:
        raise cancelled_error()
    return outcome


def insert(photo, outcome, former=None):
    """Put what was chosen in the dialog into the image, in the place of a former result if there is one."""
    from inpaint_anything.image import layers

    with layers.Results(photo, outcome.job, outcome.settings, outcome.pointed.clicks, outcome.shown, former) as results:
        for result in outcome.results:
            results.add(result)
    return results


def refuse(procedure, sentence):
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)


Gimp.main(InpaintAnything.__gtype__, sys.argv)

"""The plug-in's procedures and their menu entries: one `ProcedureDeclaration` each, in one table.

GIMP must always get as far as registering them.  Everything that can be missing on a machine (inference_server, pyzmq,
cairo) is therefore imported when a procedure runs, and explained then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib, GObject  # noqa: E402  gi wants the versions first

from . import arguments  # noqa: E402
from .arguments import FLAGS, PREFIX  # noqa: E402
from .i18n import _, in_words, translated  # noqa: E402

if TYPE_CHECKING:
    from inference_server.shared.messages import Job

    from .dialog.controller import OpenPhoto, Outcome
    from .image.layers import ResultLayers
    from .image.photo_layer import PhotoLayer
    from .image.target import ObjectTarget
    from .job_settings import JobSettings, Source

MENU = "<Image>/Filters/Inpaint Anything"
AUTHOR = "Inpaint Anything for GIMP"
YEAR = "2026"
HELP = Path(__file__).parents[1] / "help"
HELP_DOMAIN = "inpaint-anything"
NONE_OK = True  # of a layer that is returned
CLICKS = _(
    "Clicks come from the selected path: one anchor is one click on the object, a closed stroke is a box around it,"
    " and paths whose name starts with “-” or “not” say what to leave out. With no path, the selection is the object."
    " In the dialog, one clicks on the photo itself."
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a procedure gets.  image: None for one that needs none; job, scene: as in `ProcedureDeclaration`."""

    run_mode: Gimp.RunMode
    config: Gimp.ProcedureConfig
    job: str
    scene: str
    image: Gimp.Image | None = None
    drawables: list[Gimp.Drawable]


# -- what they do -----------------------------------------------------------------------------------------------------


def _do_job(call: Call) -> "ResultLayers":
    """One of the four jobs: in the dialog, or at once with the settings given or those last used."""
    from inference_server.shared.errors import UserError
    from inference_server.shared.messages import Job

    from . import job_settings
    from .image import last_settings
    from .image.target import read_target

    job = Job(call.job)
    given = call.run_mode == Gimp.RunMode.NONINTERACTIVE
    settings = job_settings.read(job, call.config) if given else last_settings.last(job)
    if call.run_mode != Gimp.RunMode.INTERACTIVE:
        return _perform(_photo(call, settings.source), settings)

    def open_photo(source: "Source") -> "tuple[PhotoLayer, ObjectTarget | None]":
        photo = _photo(call, source)
        try:
            return photo, read_target(photo, job)
        except UserError:
            return photo, None  # nothing yet: that is what the dialog is for

    return _ask(call, job, open_photo, settings)


def _select_scene(call: Call) -> "ResultLayers":
    """Select a part of the scene without a dialog, with the settings given or those last used."""
    from inference_server.shared.messages import Job, ObjectPrompt, Scene

    from . import job_settings
    from .image import last_settings
    from .image.target import ObjectTarget

    given = call.run_mode == Gimp.RunMode.NONINTERACTIVE
    settings = job_settings.read(Job.SELECT, call.config) if given else last_settings.last(Job.SELECT)
    target = ObjectTarget(prompts=(ObjectPrompt(scene=Scene(call.scene)),))
    return _perform(_photo(call, settings.source), settings, target)


def _refine(call: Call) -> "ResultLayers":
    """Find hair at the edge of the selection, or of the layer's mask: in the dialog, or at once with the settings given
    or those last used."""
    from dataclasses import replace

    from inference_server.shared.messages import Job

    from . import job_settings
    from .image import last_settings
    from .image.photo_layer import PhotoLayer
    from .image.target import read_mask
    from .image.visible import selected
    from .requests import connection

    connection.prepare()
    image = call.image
    assert image is not None  # it is a procedure of images
    given = call.run_mode == Gimp.RunMode.NONINTERACTIVE
    settings = job_settings.read(Job.SELECT, call.config) if given else last_settings.last(Job.SELECT)
    settings = replace(settings, soft_edge=True)
    if selected(image) is None:
        whose, masked = job_settings.Source.LAYER, job_settings.SelectionTarget.LAYER_MASK
        settings = replace(settings, source=whose, result_as=masked)
    # Where the layer's mask is edited, GIMP gives that.
    layers = [(isinstance(each, Gimp.LayerMask) and Gimp.Layer.from_mask(each)) or each for each in call.drawables]

    def open_photo(source: "Source") -> "tuple[PhotoLayer, ObjectTarget]":
        photo = PhotoLayer.of(image, layers, source)
        return photo, read_mask(photo)

    if call.run_mode != Gimp.RunMode.INTERACTIVE:
        photo, target = open_photo(settings.source)
        return _perform(photo, settings, target)
    return _ask(call, Job.SELECT, open_photo, settings)


def _remove_again(call: Call) -> "ResultLayers":
    """Remove an object without a dialog, with the settings last used."""
    from inference_server.shared.messages import Job

    from .image import last_settings

    settings = last_settings.last(Job.REMOVE)
    return _perform(_photo(call, settings.source), settings)


def _expand(call: Call) -> "ResultLayers":
    """Make the photo larger: in the dialog, or at once with the settings given or those last used."""
    from . import expand_settings
    from .image import last_settings
    from .requests import connection

    connection.prepare()
    assert call.image is not None  # it is a procedure of images
    given = call.run_mode == Gimp.RunMode.NONINTERACTIVE
    settings = expand_settings.read(call.config) if given else last_settings.last_expansion()
    if call.run_mode != Gimp.RunMode.INTERACTIVE:
        from .requests.perform import expand

        return expand(call.image, settings)
    from .dialog import expanding

    return expanding.ask(call.image, settings)


def _edit(call: Call) -> "ResultLayers":
    """Do the job anew that the selected group came from."""
    from .image.previous_job import previous_job

    assert call.image is not None  # it is a procedure of images
    previous = previous_job(call.image, call.drawables)

    def open_photo(_source: "Source") -> "tuple[PhotoLayer, ObjectTarget | None]":
        return previous.photo, previous.target

    return _ask(call, previous.settings.job, open_photo, previous.settings, previous.group)


def _run_recipe(call: Call) -> None:
    """Do what a recipe says to all images that are open; what cannot be done to one does not stop the others."""
    from inference_server.shared.errors import ErrorCode, UserError, wrong_input
    from inference_server.shared.text import tr

    from .image.photo_layer import PhotoLayer
    from .requests import recipes
    from .requests.background import internal_error

    images = Gimp.get_images()
    if not images:
        raise wrong_input("No image is open.", "Open the photos first.")
    recipe, failed = recipes.read(_recipe_file(call)), []
    for image in images:
        try:
            photo = PhotoLayer.of(image, [*image.get_selected_layers()], recipe.settings.source)
            _perform(photo, recipe.settings, recipe.target_in(photo))
        except UserError as error:
            failed.append(f"{image.get_name()}: {in_words(error)}")
        except Exception as error:
            failed.append(f"{image.get_name()}: {in_words(internal_error(error))}")
    if failed:
        count, total = len(failed), len(images)
        sentence = tr("{count} of {total} images could not be done.", count=count, total=total)
        raise UserError(ErrorCode.FAILED, sentence, tr("Not done:\n{images}", images="\n".join(failed)))


def _recipe_file(call: Call) -> Gio.File | None:
    """The file that was given, or that the person chooses.  Raises UserError."""
    if call.run_mode != Gimp.RunMode.INTERACTIVE:
        given: Gio.File | None = call.config.get_property("recipe")
        return given
    from .dialog import recipe_files  # brings GTK with it

    return recipe_files.ask_which()


def _open_settings(call: Call) -> None:
    from inference_server.shared.errors import wrong_input

    if call.run_mode != Gimp.RunMode.INTERACTIVE:
        raise wrong_input("The settings are a window, which only a person can use.")
    from .settings import dialog

    dialog.show()


def _open_help(_call: Call) -> None:
    from . import help as pages

    pages.show(pages.Page.CONTENTS)


def _photo(call: Call, source: "Source") -> "PhotoLayer":
    from .image.photo_layer import PhotoLayer
    from .requests import connection

    connection.prepare()
    assert call.image is not None  # it is a procedure of images
    return PhotoLayer.of(call.image, call.drawables, source)


def _ask(
    call: Call,
    job: "Job",
    open_photo: "OpenPhoto",
    settings: "JobSettings",
    previous: Gimp.GroupLayer | None = None,
) -> "ResultLayers":
    """What the person does in the dialog, which begins with these: the last layers that came of it.

    previous: the group whose place the result takes.  Raises UserError, also where nothing came of it.
    """
    from inference_server.shared.errors import cancelled_error

    from .setup import cairo

    if error := cairo.missing():
        raise error
    from .dialog import controller  # brings GTK with it: a script need not wait for that

    layers: list[ResultLayers] = []

    def insert(photo: "PhotoLayer", outcome: "Outcome") -> None:
        layers.append(_insert(photo, outcome, previous))

    assert call.image is not None  # it is a procedure of images
    controller.ask(call.image.get_id(), job, open_photo, insert, settings, is_edit=previous is not None)
    if not layers:
        raise cancelled_error()
    return layers[-1]


def _insert(photo: "PhotoLayer", outcome: "Outcome", previous: Gimp.GroupLayer | None) -> "ResultLayers":
    """Put what was chosen in the dialog into the image, in the place of a previous group if there is one."""
    from .image.layers import ResultLayers

    layers = ResultLayers(photo, outcome.settings, outcome.target, visible=outcome.visible, previous=previous)
    with layers:
        for result in outcome.results:
            layers.add(result)
    return layers


def _perform(photo: "PhotoLayer", settings: "JobSettings", target: "ObjectTarget | None" = None) -> "ResultLayers":
    """Do a job without a dialog, where a shadow is taken along only if somebody has said so.  target: None for what the
    image points at.  Raises UserError.
    """
    from dataclasses import replace

    from inference_server.shared.errors import UserError
    from inference_server.shared.text import tr

    from .image.layers import ResultLayers
    from .image.target import read_target
    from .requests.job_steps import PhotoJob
    from .requests.perform import perform

    settings = replace(settings, include_shadow=bool(settings.include_shadow))
    with photo:
        target = target or read_target(photo, settings.job)
        with ResultLayers(photo, settings, target) as layers:
            try:
                perform(PhotoJob(photo=photo, target=target, settings=settings), layers.add)
            except UserError as error:
                if not layers.count:
                    raise
                came, total = layers.count, settings.variations
                sentence = tr("Only {count} of {total} results came; they are kept.", count=came, total=total)
                raise UserError(error.code, sentence, error.remedy) from None
    return layers


# -- their declarations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ProcedureDeclaration:
    """A procedure: name (after PREFIX), menu label, what it does in a line and in a few sentences, and the function.

    The line is found by GIMP's action search, so it has the words that people look for it by: segment, erase, heal,
    inpaint and so on. Translations need their language's (tests/action_search.py).
    job: whose settings are its arguments, a key of `arguments.ARGUMENTS`, "" for none.  scene: the name of what it
    finds without clicks, "" for none.
    is_about_clicks: whether it is about what an image points at.
    needs_image: whether it works on a layer of an image, and returns the group it made.  needs_server: whether it can
    do nothing without the server.  takes_recipe: whether its argument is a recipe's file.
    """

    name: str
    label: str
    blurb: str
    help: str
    run: Callable[[Call], "ResultLayers | None"]
    job: str = ""
    scene: str = ""
    needs_image: bool = True
    needs_server: bool = True
    is_about_clicks: bool = True
    takes_recipe: bool = False

    @property
    def needs_clicks(self) -> bool:
        """Whether it is about what the path or the selection says."""
        return self.needs_image and self.is_about_clicks and not self.scene

    def create(self, plug_in: Gimp.PlugIn) -> Gimp.Procedure:
        """The procedure as GIMP registers it."""
        name, kind = PREFIX + self.name, Gimp.PDBProcType.PLUGIN
        procedure: Gimp.Procedure
        if self.needs_image:
            procedure = Gimp.ImageProcedure.new(plug_in, name, kind, _called_on_image, self)
            # Indexed images are let in: a sentence explains more than a greyed-out entry.
            procedure.set_image_types("*")
            procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        else:
            procedure = Gimp.Procedure.new(plug_in, name, kind, _called, self)
        procedure.set_menu_label(self.label)
        procedure.add_menu_path(MENU)
        procedure.set_documentation(self.blurb, f"{self.help} {CLICKS}" if self.needs_clicks else self.help, name)
        procedure.set_attribution(AUTHOR, AUTHOR, YEAR)
        if self.job:
            arguments.declare(procedure, self.job)
        if self.needs_image:
            procedure.add_layer_return_value(
                "group", _("Group"), _("The layer group with the result and the mask"), NONE_OK, FLAGS
            )
            procedure.add_double_return_value(
                "score", _("Score"), _("How well the mask fits, as the model sees it"), 0, 1, 0, FLAGS
            )
        else:
            modes = Gimp.RunMode, Gimp.RunMode.INTERACTIVE
            procedure.add_enum_argument("run-mode", _("Run mode"), _("The run mode"), *modes, FLAGS)
        if self.takes_recipe:  # after the run mode: else GIMP shows it in no menu
            open_ = Gimp.FileChooserAction.OPEN
            procedure.add_file_argument("recipe", _("Recipe"), _("A recipe's file"), open_, NONE_OK, None, FLAGS)
        return procedure


_DECLARATIONS = (
    ProcedureDeclaration(
        name="select",
        label=_("_Select Object…"),
        blurb=_("Segment, select, mask or cut out the object that is clicked"),
        help=_(
            "Finds the object under the clicks and selects it, or makes a layer mask, a channel, a path or a layer of"
            " it. The mask also comes as a hidden layer."
        ),
        run=_do_job,
        job="select",
    ),
    ProcedureDeclaration(
        name="select-subject",
        label=_("Select Sub_ject"),
        blurb=_("Segment, select, mask or cut out what the photo is of, without a click"),
        help=_("As Select Object, with the settings it was last used with, for what stands out in the photo."),
        run=_select_scene,
        job="select",
        scene="subject",
    ),
    ProcedureDeclaration(
        name="select-background",
        label=_("Select Back_ground"),
        blurb=_("Segment, select, mask or cut out all but what the photo is of, without a click"),
        help=_("As Select Subject, for all that is around it."),
        run=_select_scene,
        job="select",
        scene="background",
    ),
    ProcedureDeclaration(
        name="select-sky",
        label=_("Select S_ky"),
        blurb=_("Segment, select, mask or cut out the sky, without a click"),
        help=_("As Select Subject, for the sky."),
        run=_select_scene,
        job="select",
        scene="sky",
    ),
    ProcedureDeclaration(
        name="refine-selection",
        label=_("Refine Selectio_n (Hair)…"),
        blurb=_("Refine the edge of any selection or layer mask for hair, fur and glass: matting, alpha"),
        help=_(
            "Takes the selection, or the mask of the layer where nothing is selected, as the object, and finds its edge"
            " anew, with values between selected and not selected for hair and fur. In the dialog one paints where hair"
            " reaches further."
        ),
        run=_refine,
        job="select",
        is_about_clicks=False,
    ),
    ProcedureDeclaration(
        name="remove",
        label=_("_Remove Object…"),
        blurb=_("Erase the object that is clicked and heal the photo in its place, by inpainting"),
        help=_("Finds the object under the clicks and continues its surroundings in its place, on a new layer."),
        run=_do_job,
        job="remove",
    ),
    ProcedureDeclaration(
        name="fill",
        label=_("_Fill…"),
        blurb=_("Put something else in the place of the object that is clicked: inpainting, generative fill"),
        help=_("Finds the object under the clicks and paints what the prompt describes in its place, on a new layer."),
        run=_do_job,
        job="fill",
    ),
    ProcedureDeclaration(
        name="replace",
        label=_("Replace _Background…"),
        blurb=_(
            "Inpaint another background around the object that is clicked, or put a photo, a colour or a blur there"
        ),
        help=_(
            "Finds the object under the clicks and puts something else around it, on a new layer: what the prompt"
            " describes, another photo, a colour, two colours, or its own background out of focus."
        ),
        run=_do_job,
        job="replace",
    ),
    ProcedureDeclaration(
        name="expand",
        label=_("E_xpand…"),
        blurb=_("Enlarge the canvas and continue the photo beyond its borders: outpainting, generative expand"),
        help=_(
            "Adds canvas at the sides and paints there, on a new layer, how the photo goes on: by its own texture, or"
            " what a prompt describes. The photo's layer stays as it is."
        ),
        run=_expand,
        job="expand",
        is_about_clicks=False,
    ),
    ProcedureDeclaration(
        name="remove-again",
        label=_("Remove Object (_Last Settings)"),
        blurb=_("Erase the object of the path or the selection at once and heal the photo in its place, by inpainting"),
        help=_("As Remove Object, with the settings it was last used with, and without a dialog."),
        run=_remove_again,
    ),
    ProcedureDeclaration(
        name="edit",
        label=_("_Edit Inpainting…"),
        blurb=_("Change a result of inpainting: its object, its clicks, its mask, its settings"),
        help=_(
            "Opens the dialog with the clicks, the mask and the settings of the group that is selected, and puts the"
            " new result in its place. A mask that was painted on is taken as it is."
        ),
        run=_edit,
    ),
    ProcedureDeclaration(
        name="run-recipe",
        label=_("Run a Reci_pe on All Open Images…"),
        blurb=_("Do to many photos what was done to one: batch, recipe, as the dialog saves it"),
        help=_(
            "Does what a recipe says to every image that is open, on new layers, as the jobs do. The dialog saves"
            " recipes. An image that it cannot be done to is named at the end."
        ),
        run=_run_recipe,
        needs_image=False,
        takes_recipe=True,
    ),
    ProcedureDeclaration(
        name="settings",
        label=_("S_ettings…"),
        blurb=_("Choose the models and the computer that segment and inpaint objects"),
        help=_(
            "Shows what the inference server has to work with, gets and removes models, and says which server is used."
        ),
        run=_open_settings,
        needs_image=False,
    ),
    ProcedureDeclaration(
        name="help",
        label=_("_Help"),
        blurb=_("How to select, remove, fill or replace an object: the help of Inpaint Anything"),
        help=_("Opens the help pages, which come with the plug-in, in the browser."),
        run=_open_help,
        needs_image=False,
        needs_server=False,
    ),
)
PROCEDURES = {PREFIX + declaration.name: declaration for declaration in _DECLARATIONS}


class InpaintAnything(Gimp.PlugIn):
    """What GIMP asks for the procedures."""

    def do_query_procedures(self) -> list[str]:
        """Their names."""
        self.set_help_domain(HELP_DOMAIN, Gio.File.new_for_path(str(HELP)))
        return list(PROCEDURES)

    def do_set_i18n(self, _name: str) -> bool:
        """False: `i18n` looks into catalogues of our own."""
        return False

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """The one of this name."""
        return PROCEDURES[name].create(self)


# -- how GIMP calls them ----------------------------------------------------------------------------------------------


def _called_on_image(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    declaration: ProcedureDeclaration,
) -> Gimp.ValueArray:
    call = Call(
        run_mode=run_mode,
        config=config,
        job=declaration.job,
        scene=declaration.scene,
        image=image,
        drawables=drawables,
    )
    return _answer(procedure, declaration, call)


def _called(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, declaration: ProcedureDeclaration
) -> Gimp.ValueArray:
    call = Call(
        run_mode=config.get_property("run-mode"),
        config=config,
        job=declaration.job,
        scene=declaration.scene,
        drawables=[],
    )
    return _answer(procedure, declaration, call)


def _answer(procedure: Gimp.Procedure, declaration: ProcedureDeclaration, call: Call) -> Gimp.ValueArray:
    """Run a procedure.  Whatever goes wrong becomes one sentence in GIMP's error box."""
    try:
        from inference_server.shared.errors import ErrorCode, UserError, cancelled_error
        from inference_server.shared.text import tr
    except ImportError:
        return _refusal(procedure, _("Inpaint Anything is not completely installed. Run install.py again."))
    try:
        layers = declaration.run(call) if _is_set_up(declaration, call) else None
        if layers is None and declaration.needs_image:
            raise cancelled_error()
    except UserError as error:
        if error.code == ErrorCode.CANCELLED:
            return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        return _refusal(procedure, in_words(error))
    except Exception as error:
        import traceback

        traceback.print_exc()  # for whoever started GIMP from a terminal to look into it
        what = f"{type(error).__name__}: {error}"
        sentence = tr(
            "Something went wrong in the plug-in ({error}). Please report it; nothing was changed.", error=what
        )
        return _refusal(procedure, translated(sentence))
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)
    if layers is not None:
        _set_value(values, 1, Gimp.Layer, layers.group)
        _set_value(values, 2, GObject.TYPE_DOUBLE, layers.score)
    return values


def _is_set_up(declaration: ProcedureDeclaration, call: Call) -> bool:
    """Whether the server is installed that came with the plug-in, which a person may do now.  Raises UserError."""
    if not declaration.needs_server or call.run_mode != Gimp.RunMode.INTERACTIVE:
        return True  # a script hears what is missing when it is needed
    from .setup import installation

    bundled = installation.bundled()
    if bundled is None or bundled.is_current():
        return True
    from .setup import dialog

    return dialog.show(bundled)


def _set_value(values: Gimp.ValueArray, k: int, kind: Any, value: object) -> None:
    values.remove(k)
    values.insert(k, GObject.Value(kind, value))


def _refusal(procedure: Gimp.Procedure, sentence: str) -> Gimp.ValueArray:
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence, 0)
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, error)

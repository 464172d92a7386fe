"""The files of recipes: one that the dialog saves what it does as, for many photos (`recipe`), and one to be done."""

from collections.abc import Mapping
from pathlib import Path

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gio, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.atomic import write_atomically  # noqa: E402
from inference_server.shared.errors import cancelled_error, file_error, wrong_input  # noqa: E402
from inference_server.shared.geometry import Size  # noqa: E402
from inference_server.shared.messages import Job  # noqa: E402

from .. import job_settings  # noqa: E402
from ..i18n import _  # noqa: E402
from ..image.target import ObjectTarget  # noqa: E402
from ..job_settings import BackgroundKind, JobSettings  # noqa: E402
from ..recipe import Recipe, Value  # noqa: E402

SUFFIX = ".toml"


def ask_for_file(parent: Gtk.Window, job: Job) -> Path | None:
    """Where the person wants the recipe; None where they think better of it."""
    chooser = Gtk.FileChooserNative(
        title=_("Save as a recipe"), transient_for=parent, action=Gtk.FileChooserAction.SAVE, modal=True
    )
    chooser.set_do_overwrite_confirmation(True)
    chooser.set_current_name(job.value + SUFFIX)
    answer, path = chooser.run(), chooser.get_filename()
    chooser.destroy()
    return Path(path) if answer == Gtk.ResponseType.ACCEPT and path else None


def ask_which() -> Gio.File:
    """The recipe that the person chooses.  Raises UserError where they choose none."""
    GimpUi.init("inpaint-anything")
    chooser = Gtk.FileChooserNative(title=_("Choose a recipe"), action=Gtk.FileChooserAction.OPEN, modal=True)
    shown = Gtk.FileFilter()
    shown.add_pattern("*" + SUFFIX)
    chooser.set_filter(shown)
    answer, file = chooser.run(), chooser.get_file()
    chooser.destroy()
    if answer != Gtk.ResponseType.ACCEPT or file is None:
        raise cancelled_error()
    return file


def save(file: Path, size: Size, target: ObjectTarget, settings: JobSettings) -> None:
    """Write the recipe of a job on a photo of this (width, height).  Raises UserError."""
    text = _recipe(size, target, settings).text()
    try:
        write_atomically(file, text.encode())
    except OSError as error:
        raise file_error(file, error) from None


def _recipe(size: Size, target: ObjectTarget, settings: JobSettings) -> Recipe:
    return Recipe(
        job=settings.job,
        size=size,
        prompts=target.prompts,
        has_more=bool(target.mask or target.strokes),
        options=settings.mask_options,
        paint=settings.paint_options if settings.paints or settings.job == Job.REMOVE else None,
        seed=settings.seed,
        background=_background(settings) if settings.job == Job.REPLACE else {},
        match_light=settings.light_matched,
        match_focus=settings.focus_matched,
        reference=_reference(settings) if settings.paints else "",
    )


def _reference(settings: JobSettings) -> str:
    """The path of the picture of what is to be painted, "" for none.  Raises UserError where no recipe can hold it."""
    if settings.reference:
        return _path_of(settings.reference)
    if settings.reference_layer:
        sentence = "A recipe can hold a picture's file, but no layer."
        raise wrong_input(sentence, "Save the layer as a file, and choose that under “Like a picture”.")
    return ""


def _background(settings: JobSettings) -> Mapping[str, Value]:
    """Raises UserError where no recipe can hold it."""
    colours = job_settings.to_json(settings)
    match settings.background:
        case BackgroundKind.PROMPT:
            return {}
        case BackgroundKind.PHOTO:
            return {"photo": _path_of(settings.photo)}
        case BackgroundKind.BLUR:
            return {"blur": settings.blur / 100}
    names = ("colour", "second_colour") if settings.background == BackgroundKind.GRADIENT else ("colour",)
    return {"colours": [str(colours[name]) for name in names]}


def _path_of(file: Gio.File | None) -> str:
    """Raises UserError where it is not on this computer."""
    path = file.get_path() if file else None
    if path is None:
        raise wrong_input("A recipe needs a photo of this computer.", "Choose one as the background.")
    return path

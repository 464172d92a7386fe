"""The dialog of a job: its settings, as GIMP draws them from the procedure's arguments."""

import arguments
import gi
import session
from canvas import Pointed

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk, Pango  # noqa: E402  gi wants the versions first

THINKING_MS = 300  # without a key before the server is asked: who types on would not read the answer
TELLS = ("prompt", "negative", "help-prompt", "model", "background")


def ask(procedure, config, job: str, pointed: Pointed, aside: session.Aside) -> bool:
    """Show the settings; True when the person chose to go on.  Meanwhile the server looks at the photo."""
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, procedure.get_menu_label().replace("_", "").rstrip("…"))
    dialog.get_content_area().pack_start(_line(f"The object: {pointed.in_words}."), False, False, 6)
    fields = arguments.names(procedure)
    if "prompt" in fields:
        told = _wrapped(dialog.get_label("told", " ", False, False))
        fields.insert(fields.index("help-prompt") + 1, "told")
        _keep_telling(procedure, config, job, aside, told)
    if pointed.clicks:
        aside.look()
    dialog.fill(fields)
    _enter_means_ok(dialog)
    if job == "replace":
        _only_what_is_needed(dialog)
    chosen = dialog.run()
    dialog.destroy()
    return chosen


def _line(text: str) -> Gtk.Label:
    return _wrapped(Gtk.Label(label=text, visible=True))


def _wrapped(label: Gtk.Label) -> Gtk.Label:
    label.set_properties(xalign=0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, max_width_chars=48, selectable=True)
    return label


def _enter_means_ok(widget: Gtk.Widget) -> None:
    """Who has written a prompt presses Enter, which in GIMP's own entries does nothing."""
    if isinstance(widget, Gtk.Entry):
        widget.set_activates_default(True)
    elif isinstance(widget, Gtk.Container):
        widget.foreach(_enter_means_ok)


def _only_what_is_needed(dialog) -> None:
    """A field is sensitive while a background is chosen that needs it."""
    for name in dict.fromkeys(name for needed in arguments.NEEDED.values() for name in needed):
        values = Gimp.ValueArray.new(len(arguments.NEEDED))
        for background, needed in arguments.NEEDED.items():
            if name in needed:
                values.append(GObject.Value(GObject.TYPE_STRING, background))
        dialog.set_sensitive_if_in(name, None, "background", values, True)


def _keep_telling(procedure, config, job: str, aside: session.Aside, label: Gtk.Label) -> None:
    """Show in label what the model would be told, or why there is none, as the settings stand."""
    waiting, open_yet = 0, True

    def tell(text: str) -> bool:
        if open_yet:
            label.set_text(text)
        return GLib.SOURCE_REMOVE

    def look() -> bool:
        nonlocal waiting
        waiting = 0
        settings = arguments.read(procedure, config)
        if not session.paints(job, settings):
            aside.forget()
            tell("")
        else:
            aside.suggest(job, session.wish(settings), lambda text: GLib.idle_add(tell, text))
        return GLib.SOURCE_REMOVE

    def changed(*_) -> None:
        nonlocal waiting
        if waiting:
            GLib.source_remove(waiting)
        waiting = GLib.timeout_add(THINKING_MS, look)

    def gone(*_) -> None:
        nonlocal open_yet
        open_yet = False
        if waiting:
            GLib.source_remove(waiting)
        for handler in handlers:
            config.disconnect(handler)

    handlers = [config.connect(f"notify::{name}", changed) for name in TELLS if config.find_property(name)]
    label.connect("destroy", gone)
    look()

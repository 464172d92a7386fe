"""The few widgets that the plug-in's own windows are made of."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402  gi wants the version first

from inference_server.shared.errors import UserError  # noqa: E402

from .i18n import in_words  # noqa: E402

GOOD, BAD, NEWS = "object-select-symbolic", "dialog-error-symbolic", "dialog-information-symbolic"


def label(text: str = "", selectable: bool = False, **properties) -> Gtk.Label:
    """Text from the start of the line, wrapped where it is long."""
    return Gtk.Label(
        label=text, xalign=0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, selectable=selectable, **properties
    )


def heading(text: str) -> Gtk.Label:
    made = Gtk.Label(xalign=0)
    made.set_markup(f"<b>{GLib.markup_escape_text(text)}</b>")
    return made


def row(*widgets: Gtk.Widget, spacing: int = 6) -> Gtk.Box:
    """Widgets beside each other, the last of them taking the room that is left."""
    box = Gtk.Box(spacing=spacing)
    for widget in widgets:
        box.pack_start(widget, widget is widgets[-1], widget is widgets[-1], 0)
    return box


def named(widget: Gtk.Widget, name: str) -> Gtk.Widget:
    """The widget, called so by a screen reader."""
    widget.get_accessible().set_name(name)
    return widget


class Remark(Gtk.Box):
    """A sentence with an icon that says whether it is good or bad; nothing is there while there is nothing to say."""

    def __init__(self):
        super().__init__(spacing=6, no_show_all=True)
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self._label = label(selectable=True, can_focus=False)
        self.pack_start(self._icon, False, False, 0)
        self.pack_start(self._label, True, True, 0)

    def say(self, text: str, icon: str = NEWS) -> None:
        self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
        self._label.set_text(text)
        for widget in (self, self._icon, self._label):
            widget.set_visible(bool(text))

    def failed(self, error: UserError) -> None:
        self.say(in_words(error), BAD)

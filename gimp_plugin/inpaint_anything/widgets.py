"""The few widgets that the plug-in's own windows are made of."""

from typing import Any, TypeVar

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402  gi wants the version first

from inference_server.shared.errors import UserError  # noqa: E402

from .i18n import in_words  # noqa: E402

SUCCESS, ERROR, INFORMATION = "object-select-symbolic", "dialog-error-symbolic", "dialog-information-symbolic"  # icons

W = TypeVar("W", bound=Gtk.Widget)


def label(text: str = "", *, selectable: bool = False, **properties: Any) -> Gtk.Label:
    """Text from the start of the line, wrapped where it is long."""
    return Gtk.Label(
        label=text, xalign=0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, selectable=selectable, **properties
    )


def heading(text: str) -> Gtk.Label:
    """Bold text."""
    made = Gtk.Label(xalign=0)
    made.set_markup(f"<b>{GLib.markup_escape_text(text)}</b>")
    return made


def row(*widgets: Gtk.Widget, spacing: int = 6) -> Gtk.Box:
    """Widgets beside each other, the last of them taking the room that is left."""
    box = Gtk.Box(spacing=spacing)
    for widget in widgets:
        last = widget is widgets[-1]
        box.pack_start(widget, expand=last, fill=last, padding=0)
    return box


def column(*widgets: Gtk.Widget, spacing: int = 6, **properties: Any) -> Gtk.Box:
    """Widgets below each other, each as high as it needs to be."""
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=spacing, **properties)
    for widget in widgets:
        box.pack_start(widget, expand=False, fill=False, padding=0)
    return box


def named(widget: W, name: str) -> W:
    """The widget, with the name that a screen reader gives it."""
    widget.get_accessible().set_name(name)
    return widget


def confirmed(parent: Gtk.Window, question: str, more: str, *, yes: str, no: str) -> bool:
    """Whether the person answers yes; Enter and Esc answer no."""
    asked = Gtk.MessageDialog(
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.QUESTION,
        text=question,
        secondary_text=more,
        title=question,
    )
    asked.add_button(no, Gtk.ResponseType.CANCEL)
    asked.add_button(yes, Gtk.ResponseType.ACCEPT)
    asked.set_default_response(Gtk.ResponseType.CANCEL)
    answer = asked.run()
    asked.destroy()
    return answer == Gtk.ResponseType.ACCEPT


class Notice(Gtk.Box):
    """A sentence with an icon that says whether it is good or bad; not seen while there is no text."""

    def __init__(self) -> None:
        super().__init__(spacing=6, no_show_all=True)
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self._label = label(selectable=True, can_focus=False)
        self.pack_start(self._icon, expand=False, fill=False, padding=0)
        self.pack_start(self._label, expand=True, fill=True, padding=0)

    def set_text(self, text: str, icon: str = INFORMATION) -> None:
        """Show a sentence; "" for none."""
        self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
        self._label.set_text(text)
        for widget in (self, self._icon, self._label):
            widget.set_visible(bool(text))

    def set_error(self, error: UserError) -> None:
        """Show what was wrong, and what to do about it."""
        self.set_text(in_words(error), ERROR)

"""The few widgets that the plug-in's own windows are made of."""

from collections.abc import Callable
from typing import Any, TypeVar

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402  gi wants the version first

from inference_server.shared.command_lines import is_for_a_terminal  # noqa: E402
from inference_server.shared.errors import UserError  # noqa: E402

from .i18n import _, in_words, translated  # noqa: E402

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


def icon_button(icon: str, words: str, clicked: Callable[[], None]) -> Gtk.Button:
    """A button with an icon; words: what it does, for the tooltip and for screen readers."""
    button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
    named(button, words).set_tooltip_text(words)
    button.connect("clicked", lambda _button: clicked())
    return button


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


class ErrorNotice(Gtk.Box):
    """What came of something: a sentence with an icon, and for an error what can be done about it.

    Not seen while there is no text.
    """

    def __init__(self, max_chars: int = -1) -> None:
        """max_chars: how wide a text asks to be, in characters; it is wrapped where it has less room.  -1: a line."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6, no_show_all=True)
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self._label = label(selectable=True, can_focus=False, max_width_chars=max_chars)
        self._callbacks: dict[Gtk.Button, Callable[[], None] | None] = {}
        self._retry, self._settings = self._button(_("Retry")), self._button(_("Settings"))
        self._details = label(selectable=True, can_focus=False, margin_start=24, max_width_chars=max_chars)
        self._expander = Gtk.Expander(label=_("Details"))
        self._expander.add(self._details)
        sentence = row(self._icon, self._label)
        sentence.set_valign(Gtk.Align.CENTER)
        first = row(sentence)
        for button in (self._settings, self._retry):
            first.pack_end(button, expand=False, fill=False, padding=0)
        self.pack_start(first, expand=False, fill=False, padding=0)
        self.pack_start(self._expander, expand=False, fill=False, padding=0)
        for widget in (first, sentence, self._icon, self._label, self._details):
            widget.show()

    @property
    def text(self) -> str:
        """The sentence that is shown; "" for none."""
        return self._label.get_text()

    def set_text(self, text: str, icon: str = INFORMATION, *, details: str = "") -> None:
        """Show a sentence; "" for none.  details: what is shown to those who want to know."""
        self._show(text, icon, details)
        self._offer(self._retry, None)
        self._offer(self._settings, None)

    def set_error(
        self,
        error: UserError,
        *,
        retry: Callable[[], None] | None = None,
        settings: Callable[[], None] | None = None,
    ) -> None:
        """Show what was wrong, and what to do about it: a button for each callback that is given.

        What is to be done in a terminal is among the details.
        """
        hidden = is_for_a_terminal(error.remedy)
        text = translated(error.sentence) if hidden else in_words(error)
        self._show(text, ERROR, translated(error.remedy) if hidden else "")
        self._offer(self._retry, retry)
        self._offer(self._settings, settings)

    def _show(self, text: str, icon: str, details: str) -> None:
        self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
        self._label.set_text(text)
        if details != self._details.get_text():  # else who reads them goes on reading
            self._details.set_text(details)
            self._expander.set_expanded(False)
        self._expander.set_visible(bool(details))
        self.set_visible(bool(text))

    def _button(self, text: str) -> Gtk.Button:
        """A button, without a letter of its own: any number of notices may be in a window."""
        button = Gtk.Button(label=text, valign=Gtk.Align.START, no_show_all=True)
        button.connect("clicked", self._clicked)
        return button

    def _offer(self, button: Gtk.Button, callback: Callable[[], None] | None) -> None:
        self._callbacks[button] = callback
        button.set_visible(callback is not None)

    def _clicked(self, button: Gtk.Button) -> None:
        callback = self._callbacks[button]
        if callback:
            callback()


class ProgressLine(Gtk.Box):
    """A bar, with a line of text above it."""

    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=3)
        self._text, self.bar = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.MIDDLE), Gtk.ProgressBar()
        self.pack_start(self._text, expand=False, fill=False, padding=0)
        self.pack_start(self.bar, expand=False, fill=False, padding=0)
        self._text.show()
        self.bar.show()

    def show_progress(self, share: float, text: str) -> None:
        """Show how far it is, 0 to 1, and what is being done."""
        self.bar.set_fraction(share)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show something else above the bar."""
        self._text.set_text(text)

"""The objects that are marked, in a row: which of them clicks go to, one more, one less."""

from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  gi wants the version first

from inference_server.shared.messages import Scene  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _  # noqa: E402
from ..widgets import icon_button, named  # noqa: E402
from . import events  # noqa: E402
from .state import DialogState  # noqa: E402
from .toolbar import Dispatch  # noqa: E402

SCENES = {
    Scene.SUBJECT: _("Subject"),
    Scene.BACKGROUND: _("Background"),
    Scene.SKY: _("Sky"),
    Scene.DISTRACTIONS: _("Distractions"),
}
# What one often wants gone, and what a model that finds things by their names calls it.
PRESETS = {
    "people": _("people"),
    "wires": _("wires"),
    "signs": _("signs"),
    "cars": _("cars"),
}


class ObjectsRow(Gtk.Box):
    """A button for each object, those that begin another one and remove the one at hand, those that find a part of the
    scene, and a field for names."""

    def __init__(self, dispatch: Dispatch) -> None:
        """dispatch: called with what the person wants."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._dispatch = dispatch
        self._shown: tuple[int, int] | None = None  # how many objects, and which is at hand
        self._numbers = Gtk.Box()
        self._numbers.get_style_context().add_class("linked")
        scrolled = Gtk.ScrolledWindow(vscrollbar_policy=Gtk.PolicyType.NEVER, hscrollbar_policy=Gtk.PolicyType.EXTERNAL)
        scrolled.add(self._numbers)
        self._next = Gtk.Button(label=_("Another object"))
        self._next.set_tooltip_text(_("Further clicks are about another object (N, or Shift and a click)"))
        self._next.connect("clicked", lambda _button: dispatch(events.NextObject()))
        words = _("Leave this object out")
        self._remove = icon_button("edit-delete-symbolic", words, lambda: dispatch(events.RemoveCurrent()))
        self._remove.set_tooltip_text(_("Leave this object out (Delete)"))
        row = Gtk.Box(spacing=6)
        row.pack_start(scrolled, expand=True, fill=True, padding=0)
        row.pack_end(self._remove, expand=False, fill=False, padding=0)
        row.pack_end(self._next, expand=False, fill=False, padding=0)
        self._scenes = self._scene_buttons()
        self._names = self._name_field()
        for each in (row, self._scenes, self._names):
            self.pack_start(each, expand=False, fill=False, padding=0)

    def show_state(self, state: DialogState) -> None:
        """Show the objects of a state."""
        annotation = state.annotation
        count = len(annotation.objects)
        self._next.set_sensitive(state.can_mark and annotation.active < count)
        self._remove.set_sensitive(state.can_mark and (annotation.active < count or bool(annotation.strokes)))
        self._numbers.set_sensitive(state.can_mark)
        self._scenes.set_sensitive(state.can_mark)
        self._names.set_sensitive(state.can_mark)
        if self._shown != (count, annotation.active):
            self._shown = count, annotation.active
            self._draw(max(count, annotation.active + 1), annotation.active)

    def _scene_buttons(self) -> Gtk.Widget:
        words = _("Find it without pointing at it; clicks then add to it or take away from it")
        each = _("Wires before the sky, spots and, with the model sam3, people in the background and signs")
        buttons = Gtk.Box()
        buttons.get_style_context().add_class("linked")
        for scene, label in SCENES.items():
            button = Gtk.Button(label=label)
            button.set_tooltip_text(words if scene != Scene.DISTRACTIONS else each)
            button.connect("clicked", lambda _button, scene=scene: self._dispatch(events.SceneChosen(scene)))
            buttons.pack_start(button, expand=True, fill=True, padding=0)
        return buttons

    def _name_field(self) -> Gtk.ComboBoxText:
        names = Gtk.ComboBoxText.new_with_entry()
        for text, label in PRESETS.items():
            names.append(text, label)
        entry: Any = names.get_child()
        words = _("Or name it, in English: everything that is called so is found, or with a box, what looks like it")
        entry.set_placeholder_text(_("Or name it: people, wires…"))
        named(entry, words).set_tooltip_text(words)
        entry.connect("activate", lambda entry: self._dispatch(events.NameEntered(_in_english(entry.get_text()))))
        names.connect("changed", self._preset_chosen)
        return names

    def _preset_chosen(self, names: Gtk.ComboBoxText) -> None:
        text = names.get_active_id()
        if text:
            self._dispatch(events.NameEntered(text))

    def _draw(self, count: int, active: int) -> None:
        for child in self._numbers.get_children():
            child.destroy()
        first: Gtk.RadioButton | None = None
        for k in range(count):
            button = Gtk.RadioButton.new_with_label_from_widget(first, str(k + 1))
            first = first or button
            button.set_mode(False)
            button.set_active(k == active)
            name = tr(_("Object {number}"), number=k + 1)
            named(button, name).set_tooltip_text(name)
            button.connect("toggled", self._toggled, k)
            button.show()
            self._numbers.pack_start(button, expand=False, fill=False, padding=0)

    def _toggled(self, button: Gtk.RadioButton, k: int) -> None:
        if button.get_active():
            self._dispatch(events.ObjectChosen(k))


def _in_english(text: str) -> str:
    """What a model calls it, where it is a preset in the person's language."""
    return next((english for english, label in PRESETS.items() if label == text), text)

"""The tools at the photo's left edge: what the pointer does, the brush's size, steps back, how the mask is shown."""

from collections.abc import Callable
from typing import NamedTuple

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  gi wants the version first

from ..i18n import _  # noqa: E402
from ..photo_view.behind import AnotherPhoto  # noqa: E402
from ..photo_view.tool import RADII, MaskView, Tool, resized  # noqa: E402
from ..widgets import icon_button, named  # noqa: E402
from . import events  # noqa: E402
from .state import DialogState  # noqa: E402
from .tint_button import TintButton  # noqa: E402


class _Look(NamedTuple):
    """How a button looks and what it says."""

    icon: str
    words: str


TOOLS = {
    Tool.INCLUDE: _Look("list-add-symbolic", _("Click on the object, or drag a box around it (P)")),
    Tool.EXCLUDE: _Look("list-remove-symbolic", _("Click on what is not the object (X)")),
    Tool.BOX: _Look("gimp-tool-rect-select", _("Drag a box around an object (R)")),
    Tool.BRUSH: _Look("gimp-tool-paintbrush", _("Paint what belongs to the mask; right button: erase (B)")),
    Tool.ERASER: _Look("gimp-tool-eraser", _("Erase what does not belong to the mask (E)")),
    Tool.LASSO: _Look("gimp-tool-free-select", _("Draw around what belongs to the mask (L)")),
    Tool.REFINE: _Look("gimp-tool-smudge", _("Refine here: paint over hair, fur or glass at the object's edge (S)")),
    Tool.PLACE: _Look("gimp-tool-move", _("Move the photo that comes behind; wheel: its size; H: flip it (V)")),
}
MASK_VIEWS = {
    MaskView.OVERLAY: _("The mask is shown as a colour over the photo (M: another way)"),
    MaskView.MASK: _("The mask is shown in black and white (M: another way)"),
    MaskView.CUTOUT: _("The object is shown alone (M: another way)"),
    MaskView.WHITE: _("The object is shown on white (M: another way)"),
    MaskView.BEHIND: _("The object is shown before its new background, roughly (M: another way)"),
}
TOOL_KEYS = {
    "p": Tool.INCLUDE,
    "x": Tool.EXCLUDE,
    "r": Tool.BOX,
    "b": Tool.BRUSH,
    "e": Tool.ERASER,
    "l": Tool.LASSO,
    "s": Tool.REFINE,
    "v": Tool.PLACE,
}
SCALE_HEIGHT = 90  # pixels
STEPS = 42  # of the brush, from the finest to the widest

Dispatch = Callable[[events.Event], None]


class Toolbar(Gtk.Box):
    """A column of buttons.  It decides nothing."""

    def __init__(self, dispatch: Dispatch) -> None:
        """dispatch: called with what the person wants."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=3)
        self._dispatch = dispatch
        self._showing = False  # a state, so that nobody has pressed anything
        self._tools = self._tool_buttons()
        self._size = self._size_scale()
        self._undo = self._button(_Look("edit-undo-symbolic", _("Undo (Ctrl+Z)")), events.Undo())
        self._redo = self._button(_Look("edit-redo-symbolic", _("Redo (Ctrl+Shift+Z)")), events.Redo())
        self._clear = self._button(_Look("edit-clear-all-symbolic", _("Take all marks away")), events.ClearAll())
        self._snap = self._button(
            _Look("edit-find-symbolic", _("Find what I painted over: objects instead of strokes (F)")),
            events.SnapPressed(),
        )
        self._view = self._button(_Look("view-reveal-symbolic", ""), events.NextMaskView())
        self._tint = TintButton(lambda tint: dispatch(events.TintChosen(tint)))
        for widget in (self._undo, self._redo, self._clear, self._snap, self._view, self._tint):
            self.pack_start(widget, expand=False, fill=False, padding=0)
        last = self._tools[Tool.PLACE]  # which comes and goes
        last.set_no_show_all(True)
        self.reorder_child(last, -1)

    def show_state(self, state: DialogState) -> None:
        """Show what can be done, and with which tool it is."""
        self._showing = True
        for tool, button in self._tools.items():
            button.set_active(tool is state.tool)
            button.set_sensitive(state.can_mark)
        self._tools[Tool.PLACE].set_sensitive(state.can_place)
        self._tools[Tool.PLACE].set_visible(isinstance(state.behind, AnotherPhoto))
        self._size.set_value(_step_of(state.brush))
        self._size.set_sensitive(state.can_mark and state.tool.has_size)
        self._undo.set_sensitive(state.can_mark and bool(state.past))
        self._redo.set_sensitive(state.can_mark and bool(state.future))
        self._clear.set_sensitive(state.can_mark and not state.annotation.is_empty)
        self._snap.set_sensitive(state.can_snap)
        self._view.set_sensitive(state.can_mark)
        self._tint.set_sensitive(state.can_mark)
        self._tint.show_tint(state.tint)
        self._view.set_tooltip_text(MASK_VIEWS[state.mask_view])
        named(self._view, MASK_VIEWS[state.mask_view])
        self._showing = False

    def _tool_buttons(self) -> dict[Tool, Gtk.RadioButton]:
        buttons: dict[Tool, Gtk.RadioButton] = {}
        for tool, look in TOOLS.items():
            button = Gtk.RadioButton.new_from_widget(next(iter(buttons.values()), None))
            button.set_mode(False)
            button.set_image(Gtk.Image.new_from_icon_name(look.icon, Gtk.IconSize.BUTTON))
            named(button, look.words).set_tooltip_text(look.words)
            button.connect("toggled", self._toggled, tool)
            self.pack_start(button, expand=False, fill=False, padding=0)
            buttons[tool] = button
        return buttons

    def _toggled(self, button: Gtk.RadioButton, tool: Tool) -> None:
        if button.get_active() and not self._showing:
            self._dispatch(events.ToolChosen(tool))

    def _size_scale(self) -> Gtk.Scale:
        """How wide the brush is, in equal steps of growth."""
        scale = Gtk.Scale.new_with_range(Gtk.Orientation.VERTICAL, 0, STEPS, 1)
        scale.set_properties(inverted=True, draw_value=False, height_request=SCALE_HEIGHT)
        words = _("How wide the brush is ([ and ], or Shift and the wheel)")
        named(scale, words).set_tooltip_text(words)
        scale.connect("value-changed", self._sized)
        self.pack_start(scale, expand=False, fill=False, padding=0)
        return scale

    def _sized(self, scale: Gtk.Scale) -> None:
        if not self._showing:
            self._dispatch(events.BrushResized(resized(RADII[0], round(scale.get_value()))))

    def _button(self, look: _Look, event: events.Event) -> Gtk.Button:
        return icon_button(look.icon, look.words, lambda: self._dispatch(event))


def _step_of(radius: float) -> int:
    """The step that is nearest to a brush's radius."""
    return min(range(STEPS + 1), key=lambda step: abs(resized(RADII[0], step) - radius))

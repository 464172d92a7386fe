"""The button at the photo's left edge that opens a choice of the mask's colour, and how much of the photo it leaves."""

from collections.abc import Callable
from typing import Any

import cairo
import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402  gi wants the versions first

from ..i18n import _  # noqa: E402
from ..photo_view import marks  # noqa: E402
from ..photo_view.tool import FIRST_TINT, Tint  # noqa: E402
from ..widgets import column, named  # noqa: E402

# Far apart, and far from what most photos are made of: magenta, red, orange, green, cyan, blue.
COLOURS = (FIRST_TINT.colour, (0.9, 0.1, 0.1), (1.0, 0.6, 0.0), (0.1, 0.85, 0.25), (0.0, 0.8, 0.95), (0.15, 0.25, 1.0))
OPACITIES = 10, 90  # per cent: what is covered stays seen, and what covers it too
SCALE_WIDTH, SWATCH = 160, 16  # pixels


class TintButton(Gtk.MenuButton):
    """Opens a small popover.  It decides nothing."""

    def __init__(self, chosen: Callable[[Tint], None]) -> None:
        """chosen: called with what the person wants."""
        super().__init__(direction=Gtk.ArrowType.RIGHT)
        self._report, self._tint = chosen, FIRST_TINT
        self._showing = False  # a tint, so that nobody has chosen one
        words = _("The colour of the mask")
        named(self, words).set_tooltip_text(words)
        self.set_image(Gtk.Image())
        self._show_swatch()
        self._colours: Any = Gtk.ColorChooserWidget(use_alpha=False)
        self._colours.add_palette(Gtk.Orientation.HORIZONTAL, len(COLOURS), [_rgba(colour) for colour in COLOURS])
        self._colours.connect("notify::rgba", lambda *_: self._changed())
        self._opacity = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, *OPACITIES, 1)
        self._opacity.set_properties(draw_value=True, value_pos=Gtk.PositionType.RIGHT, width_request=SCALE_WIDTH)
        self._opacity.connect("format-value", lambda _scale, value: f"{value:.0f} %")
        self._opacity.connect("value-changed", lambda _scale: self._changed())
        title = Gtk.Label(label=_("How much it covers"), xalign=0, mnemonic_widget=self._opacity)
        content = column(self._colours, title, self._opacity, border_width=12)
        content.show_all()
        popover = Gtk.Popover(relative_to=self)
        popover.add(content)
        popover.connect("show", lambda _popover: self._colours.set_properties(show_editor=False))
        self.set_popover(popover)

    def show_tint(self, tint: Tint) -> None:
        """Show which it is."""
        if tint == self._tint and self._colours.get_rgba().equal(_rgba(tint.colour)):
            return
        self._showing, self._tint = True, tint
        self._colours.set_rgba(_rgba(tint.colour))
        self._opacity.set_value(100 * tint.opacity)
        self._showing = False
        self._show_swatch()

    def _changed(self) -> None:
        if self._showing:
            return
        rgba = self._colours.get_rgba()
        self._tint = Tint((rgba.red, rgba.green, rgba.blue), self._opacity.get_value() / 100)
        self._show_swatch()
        self._report(self._tint)

    def _show_swatch(self) -> None:
        """Have the button's image be the colour."""
        surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, SWATCH, SWATCH)
        cr = cairo.Context(surface)
        cr.rectangle(1, 1, SWATCH - 2, SWATCH - 2)
        cr.set_source_rgb(*self._tint.colour)
        cr.fill_preserve()
        cr.set_source_rgba(*marks.WHITE, 0.8)
        cr.set_line_width(1)
        cr.stroke()
        image: Any = self.get_image()
        image.set_from_surface(surface)


def _rgba(colour: tuple[float, float, float]) -> Gdk.RGBA:
    return Gdk.RGBA(*colour, 1.0)

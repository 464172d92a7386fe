"""Draws a scene onto the widget, as few of its parts anew as it can."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cairo
import gi

from inference_server.shared.messages import Stroke

from ..i18n import _
from . import marks
from .backdrop import Backdrop
from .picture import Picture, checkerboard
from .scene import HoverOverlay, MaskOverlay, Placement, Scene, draw_stroke
from .tool import MaskView
from .viewport import Viewport

gi.require_version("Gtk", "3.0")
gi.require_version("PangoCairo", "1.0")
from gi.repository import Gtk, PangoCairo  # noqa: E402  gi wants the versions first

UNKNOWN = "unknown"  # the layer that shows where the edge is to be found anew
PADDING = 12  # logical pixels around a word on the photo


@dataclass(frozen=True)
class _Layer:
    """Something as it was drawn once, on a surface of the widget's size."""

    element: object
    placement: Placement
    surface: cairo.ImageSurface


class ScenePainter:
    """Draws a scene.  What does not change from one frame to the next is drawn once, and kept."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}  # of the last frame; while one is drawn, of this one so far
        self._last_layers: dict[str, _Layer] = {}

    def draw(self, cr: cairo.Context, scene: Scene, placement: Placement, widget: Gtk.Widget) -> None:
        """cr: scaled to the widget's logical pixels."""
        self._last_layers, self._layers = self._layers, {}
        cr.save()
        cr.scale(1 / placement.density, 1 / placement.density)
        self._paint_photo(cr, "photo", scene.picture, placement)
        if not scene.before:
            self._paint_over(cr, scene, placement, widget)
        cr.restore()
        if scene.result and not scene.before:
            _draw_slider(cr, scene, placement, widget)
        elif not scene.preview and not scene.before:
            if scene.shows_behind:
                left, top, right, _bottom = (edge / placement.density for edge in placement.viewport.visible())
                _draw_word(cr, widget, _("Rough preview"), (left, right, top), Gtk.Align.START)
            for mark in (scene.band, scene.lasso, scene.clicks, scene.brush, scene.cross):
                if mark:
                    mark.draw(cr, placement)
        self._last_layers = {}

    def draw_stroke(self, stroke: Stroke, placement: Placement) -> None:
        """Draw a piece of a stroke into the mask as it is shown, at once; until the scene has another mask."""
        mask = self._layers.get("mask")
        if mask and stroke.refines and UNKNOWN not in self._layers:
            self._layers[UNKNOWN] = replace(mask, surface=_empty(placement))
        layer = self._layers.get(UNKNOWN if stroke.refines else "mask")
        if layer:
            draw_stroke(cairo.Context(layer.surface), stroke, placement.viewport)

    def redraw_photos(self) -> None:
        """More is known of the photo, or of the result: draw them anew the next time."""
        for name in ("photo", "result"):
            self._layers.pop(name, None)

    def redraw_mask(self) -> None:
        """What was drawn of a stroke is not meant: draw the mask anew the next time."""
        for name in ("mask", UNKNOWN):
            self._layers.pop(name, None)

    # -- layers, in screen pixels

    def _paint_photo(self, cr: cairo.Context, name: str, picture: Picture, placement: Placement) -> None:
        def draw(layer: cairo.Context) -> None:
            picture.paint(layer, placement.viewport)
            if picture.transparent:
                checkerboard(layer, placement.viewport)

        self._paint(cr, name, picture, placement, draw)

    def _paint_over(self, cr: cairo.Context, scene: Scene, placement: Placement, widget: Gtk.Widget) -> None:
        """What lies over the photo and has layers."""
        if scene.result:
            self._paint_result(cr, scene, scene.result, placement, widget)
        elif scene.preview:
            scene.preview.draw(cr, placement)
        else:
            if scene.mask:
                self._paint_mask(cr, scene, scene.mask, placement)
            if scene.hovered:
                self._paint_hover(cr, scene.hovered, placement)

    def _paint_mask(self, cr: cairo.Context, scene: Scene, overlay: MaskOverlay, placement: Placement) -> None:
        mask = self._layer("mask", overlay, placement, lambda layer: overlay.draw_mask(layer, placement))
        if scene.backdrop and scene.shows_behind:
            behind = self._behind(scene.backdrop, scene.picture.small, overlay, placement)
            overlay.paint_behind(cr, mask, placement.viewport, behind)
        else:
            overlay.paint(cr, mask, placement.viewport)
            if overlay.view in (MaskView.OVERLAY, MaskView.BEHIND):
                self._paint(cr, "outlines", overlay, placement, lambda layer: overlay.draw_outlines(layer, placement))
        self._paint_unknown(cr, overlay, placement)

    def _paint_unknown(self, cr: cairo.Context, overlay: MaskOverlay, placement: Placement) -> None:
        """Hatch where the edge is to be found anew and is not yet, also of a stroke that is under way."""
        last = self._last_layers.get(UNKNOWN)
        if (overlay.refines and not overlay.alpha) or (last and last.element == overlay):
            unknown = self._layer(UNKNOWN, overlay, placement, lambda layer: overlay.draw_unknown(layer, placement))
            cr.set_source(marks.hatching(placement.density))
            cr.mask_surface(unknown, 0, 0)

    def _behind(
        self, backdrop: Backdrop, small: cairo.ImageSurface, overlay: MaskOverlay, placement: Placement
    ) -> cairo.ImageSurface:
        """What comes behind, as a layer."""

        def draw_mask(cr: cairo.Context, view: Viewport) -> None:
            overlay.draw_mask(cr, Placement(view, 1))

        def draw(layer: cairo.Context) -> None:
            view = placement.viewport
            backdrop.draw(layer, view, small, draw_mask, overlay.bounds(view.photo))

        element = (backdrop, small, overlay) if backdrop.follows_mask else backdrop
        return self._layer("behind", element, placement, draw)

    def _paint_hover(self, cr: cairo.Context, overlay: HoverOverlay, placement: Placement) -> None:
        self._paint(cr, "hovered", overlay, placement, lambda layer: overlay.draw(layer, placement))

    def _paint_result(
        self, cr: cairo.Context, scene: Scene, result: Picture, placement: Placement, widget: Gtk.Widget
    ) -> None:
        """The result, on the side of the slider where reading ends."""
        (width, height), at = placement.viewport.size, scene.slider_at(placement.viewport)
        cr.save()
        if widget.get_direction() == Gtk.TextDirection.RTL:
            cr.rectangle(0, 0, at, height)
        else:
            cr.rectangle(at, 0, width - at, height)
        cr.clip()
        self._paint_photo(cr, "result", result, placement)
        cr.restore()

    def _paint(
        self,
        cr: cairo.Context,
        name: str,
        element: object,
        placement: Placement,
        draw: Callable[[cairo.Context], None],
    ) -> None:
        """Put a layer onto cr."""
        cr.set_source_surface(self._layer(name, element, placement, draw), 0, 0)
        cr.get_source().set_filter(cairo.FILTER_NEAREST)
        cr.paint()

    def _layer(
        self, name: str, element: object, placement: Placement, draw: Callable[[cairo.Context], None]
    ) -> cairo.ImageSurface:
        """A layer, drawn anew where it was of another element or place."""
        layer = self._last_layers.get(name)
        if layer is None or layer.element != element or layer.placement != placement:
            surface = _empty(placement)
            draw(cairo.Context(surface))
            layer = _Layer(element, placement, surface)
        self._layers[name] = layer
        return layer.surface


def _empty(placement: Placement) -> cairo.ImageSurface:
    """A surface of the widget's size with nothing on it."""
    return cairo.ImageSurface(cairo.FORMAT_ARGB32, *placement.viewport.size)


# -- before and after, in logical pixels ------------------------------------------------------------------------------


def _draw_slider(cr: cairo.Context, scene: Scene, placement: Placement, widget: Gtk.Widget) -> None:
    density = placement.density
    left, top, right, bottom = (edge / density for edge in placement.viewport.visible())
    at = scene.slider_at(placement.viewport) / density
    words = [_("Before"), _("After")]
    if widget.get_direction() == Gtk.TextDirection.RTL:
        words.reverse()
    _draw_word(cr, widget, words[0], (left, at, top), Gtk.Align.START)
    _draw_word(cr, widget, words[1], (at, right, top), Gtk.Align.END)
    marks.slider(cr, at, top, bottom, focused=widget.has_visible_focus())


def _draw_word(
    cr: cairo.Context, widget: Gtk.Widget, word: str, room: tuple[float, float, float], side: Gtk.Align
) -> None:
    """A word on one side of the room (left, right, top) for it, where that is wide enough."""
    left, right, top = room
    text = widget.create_pango_layout(word)
    width, height = text.get_pixel_size()
    plate = width + 2 * PADDING
    if right - left < PADDING + plate + marks.HANDLE_RADIUS:
        return
    x = left + PADDING if side == Gtk.Align.START else right - PADDING - plate
    marks.plate(cr, x, top + PADDING, plate, height + PADDING)
    cr.move_to(x + PADDING, top + PADDING * 1.5)
    PangoCairo.show_layout(cr, text)

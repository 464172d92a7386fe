"""Everything that is seen in the view, drawn: the photo, what was found, what was pointed at, what came of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cairo
import gi

from ..i18n import _
from . import marks
from .picture import Picture, checkerboard, sampling
from .viewport import Box, Point, Viewport

gi.require_version("Gtk", "3.0")
gi.require_version("PangoCairo", "1.0")
from gi.repository import Gtk, PangoCairo  # noqa: E402  gi wants the versions first

from inference_server.shared import messages  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402

PADDING = 12  # around a word on the photo


@dataclass(frozen=True)
class Shape:
    """What was found, as `protocol.Shape`, unpacked.

    place: (x, y, width, height) in pixels of the proxy, mask: its bytes, row by row; outlines: closed polygons
    x0, y0, x1, y1, … in pixels of the photo.
    """

    score: float
    place: Window
    mask: bytes
    outlines: tuple[tuple[float, ...], ...]


@dataclass
class Scene:
    """result: what lies beyond the slider, which stands at a share of the part of the photo that is seen, counted from
    the left; forming: a small picture and its window; points and boxes are the photo's.

    What depends on where the photo lies alone is drawn once for each place: `forget` says that it has changed.
    """

    picture: Picture
    proxy: tuple[int, int]
    result: Picture | None = None
    shape: Shape | None = None
    hover: Shape | None = None
    clicks: messages.ObjectPrompt | None = None
    forming: tuple[cairo.ImageSurface, Window] | None = None
    band: Box | None = None
    cross: Point | None = None
    slider: float = 0.5
    _layers: dict[str, cairo.ImageSurface] = field(default_factory=dict)

    def forget(self, *names: str) -> None:
        """Draw these layers anew the next time, or all: "photo", "result", "shape", "hover"."""
        for name in names or list(self._layers):
            self._layers.pop(name, None)

    def covers(self, name: str, view: Viewport, density: int) -> list[Box]:
        """Boxes in logical pixels, outside which nothing of what has this name is seen."""

        def around(box: Box, margin: float) -> Box:
            (x0, y0), (x1, y1) = view.to_screen(*box[:2]), view.to_screen(*box[2:])
            (left, right), (top, bottom) = sorted((x0, x1)), sorted((y0, y1))
            return tuple(
                edge / density + side * margin
                for edge, side in zip((left, top, right, bottom), (-1, -1, 1, 1), strict=True)
            )

        what = getattr(self, name)
        if what is None:
            return []
        match name:
            case "shape" | "hover":
                across, down = (whole / small for whole, small in zip(view.photo, self.proxy, strict=True))
                x, y, width, height = what.place
                # Colours are spread, and outlines cut, by up to a pixel of the proxy.
                return [
                    around(((x - 1) * across, (y - 1) * down, (x + width + 1) * across, (y + height + 1) * down), 3)
                ]
            case "clicks":
                boxes = [around(what.box, marks.REACH)] if what.box else []
                return boxes + [around((*point, *point), marks.REACH) for point in what.points]
            case "cross":
                return [around((*what, *what), marks.REACH)]
            case "band":
                return [around(what, marks.REACH)]
        return [(0, 0, view.size[0] / density, view.size[1] / density)]

    def draw(self, cr: cairo.Context, view: Viewport, widget: Gtk.Widget) -> None:
        """cr: scaled to the widget's logical pixels."""
        density = widget.get_scale_factor()
        cr.save()
        cr.scale(1 / density, 1 / density)
        self._lay(cr, "photo", view, lambda layer: _photo(layer, self.picture, view))
        if self.result:
            self._after(cr, view, widget)
        elif self.forming:
            _forming(cr, *self.forming, view)
        else:
            if self.shape:
                self._lay(cr, "shape", view, lambda layer: self._chosen(layer, self.shape, view, density))
            if self.hover:
                self._lay(cr, "hover", view, lambda layer: self._hovered(layer, self.hover, view, density))
        cr.restore()
        if self.result:
            self._slider(cr, view, widget, density)
        elif not self.forming:
            self._pointed(cr, view, density)

    def _lay(self, cr: cairo.Context, name: str, view: Viewport, draw: Callable[[cairo.Context], None]) -> None:
        """Put a layer onto cr, which is scaled to screen pixels."""
        layer = self._layers.get(name)
        if layer is None:
            layer = self._layers[name] = cairo.ImageSurface(cairo.FORMAT_ARGB32, *view.size)
            draw(cairo.Context(layer))
        cr.set_source_surface(layer, 0, 0)
        cr.get_source().set_filter(cairo.FILTER_NEAREST)
        cr.paint()

    # -- layers, in screen pixels

    def _chosen(self, cr: cairo.Context, shape: Shape, view: Viewport, density: int) -> None:
        self._cover(cr, shape, view, (*marks.OBJECT, marks.COVER))
        self._outline(cr, shape, view, density, 1.5)

    def _hovered(self, cr: cairo.Context, shape: Shape, view: Viewport, density: int) -> None:
        self._cover(cr, shape, view, (*marks.WHITE, marks.BRIGHTER))
        self._outline(cr, shape, view, density, 1.0)

    def _cover(self, cr: cairo.Context, shape: Shape, view: Viewport, colour: tuple[float, ...]) -> None:
        """Paint a colour through the shape's mask, at the mask's own size first: cairo scales colours much faster."""
        x, y, width, height = shape.place
        if not (width and height):
            return
        cover = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
        paint = cairo.Context(cover)
        paint.set_source_rgba(*colour)
        paint.mask_surface(_alpha(width, height, shape.mask), 0, 0)
        cr.save()
        cr.translate(*view.origin)
        across, down = (whole * view.zoom / small for whole, small in zip(view.photo, self.proxy, strict=True))
        cr.scale(across, down)
        cr.set_source_surface(cover, x, y)
        cr.get_source().set_filter(cairo.FILTER_NEAREST if across == 1 else cairo.FILTER_BILINEAR)
        cr.paint()
        cr.restore()

    def _outline(self, cr: cairo.Context, shape: Shape, view: Viewport, density: int, width: float) -> None:
        x, y = view.origin
        cr.scale(density, density)
        marks.trace(cr, shape.outlines, view.zoom / density, (x / density, y / density))
        marks.dashes(cr, width)

    # -- before and after

    def _after(self, cr: cairo.Context, view: Viewport, widget: Gtk.Widget) -> None:
        """What came of it, on the side of the slider where reading ends."""
        at = self._slider_at(view)
        cr.save()
        if widget.get_direction() == Gtk.TextDirection.RTL:
            cr.rectangle(0, 0, at, view.size[1])
        else:
            cr.rectangle(at, 0, view.size[0] - at, view.size[1])
        cr.clip()
        self._lay(cr, "result", view, lambda layer: _photo(layer, self.result, view))
        cr.restore()

    def _slider_at(self, view: Viewport) -> int:
        left, _top, right, _bottom = view.shows()
        return round(left + self.slider * (right - left))

    def _slider(self, cr: cairo.Context, view: Viewport, widget: Gtk.Widget, density: int) -> None:
        left, top, right, bottom = (edge / density for edge in view.shows())
        at = self._slider_at(view) / density
        words = [_("Before"), _("After")]
        if widget.get_direction() == Gtk.TextDirection.RTL:
            words.reverse()
        for word, low, high, start in ((words[0], left, at, True), (words[1], at, right, False)):
            text = widget.create_pango_layout(word)
            wide, high_enough = text.get_pixel_size()
            room = PADDING + wide + 2 * PADDING + marks.HANDLE
            if high - low < room:
                continue
            x = low + PADDING if start else high - PADDING - wide - 2 * PADDING
            marks.plate(cr, x, top + PADDING, wide + 2 * PADDING, high_enough + PADDING)
            cr.move_to(x + PADDING, top + PADDING * 1.5)
            PangoCairo.show_layout(cr, text)
        marks.slider(cr, at, top, bottom, widget.has_visible_focus())

    # -- what was pointed at, in logical pixels

    def _pointed(self, cr: cairo.Context, view: Viewport, density: int) -> None:
        def place(x: float, y: float) -> Point:
            x, y = view.to_screen(x, y)
            return x / density, y / density

        for box in (self.clicks.box if self.clicks else None, self.band):
            if box:
                marks.frame(cr, place(*box[:2]), place(*box[2:]))
        if self.clicks:
            for point, label in zip(self.clicks.points, self.clicks.labels, strict=True):
                marks.click(cr, place(*point), bool(label))
        if self.cross:
            marks.cross(cr, place(*self.cross))


def _photo(cr: cairo.Context, picture: Picture, view: Viewport) -> None:
    picture.paint(cr, view)
    if picture.transparent:
        checkerboard(cr, view)


def _forming(cr: cairo.Context, surface: cairo.ImageSurface, window: Window, view: Viewport) -> None:
    """A picture over a window of the photo, with a thin frame."""
    (x0, y0), (x1, y1) = (
        view.to_screen(*corner) for corner in (window[:2], (window[0] + window[2], window[1] + window[3]))
    )
    x0, y0, x1, y1 = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
    cr.save()
    cr.rectangle(x0, y0, x1 - x0, y1 - y0)
    cr.clip()
    cr.translate(x0, y0)
    enlarged = (x1 - x0) / surface.get_width()
    cr.scale(enlarged, (y1 - y0) / surface.get_height())
    pattern = cairo.SurfacePattern(surface)
    pattern.set_filter(sampling(min(enlarged, 2.0)))
    pattern.set_extend(cairo.EXTEND_PAD)
    cr.set_source(pattern)
    cr.paint()
    cr.restore()
    for colour, inside in ((marks.BLACK, 0.5), (marks.WHITE, 1.5)):
        cr.rectangle(x0 + inside, y0 + inside, x1 - x0 - 2 * inside, y1 - y0 - 2 * inside)
        cr.set_source_rgba(*colour, 0.6)
        cr.set_line_width(1)
        cr.stroke()


def _alpha(width: int, height: int, mask: bytes) -> cairo.ImageSurface:
    """A mask as a surface that owns its bytes; cairo wants its rows longer than they are."""
    surface = cairo.ImageSurface(cairo.FORMAT_A8, width, height)
    surface.flush()
    rows, stride = surface.get_data(), surface.get_stride()
    for y in range(height):
        rows[y * stride : y * stride + width] = mask[y * width : (y + 1) * width]
    surface.mark_dirty()
    return surface

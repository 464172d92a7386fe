"""What is seen of a photo and over it, one class each: where on the widget it is, and how it is drawn."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import cairo

from inference_server.shared.geometry import Box, Point, Size, Window
from inference_server.shared.messages import ObjectPrompt

from . import marks
from .picture import Picture, sampling
from .viewport import Viewport

OUTLINE_MARGIN = 3.0  # logical pixels around a mask in which its outline may be seen


@dataclass(frozen=True)
class Placement:
    """Where the photo lies on a widget, whose logical pixels are `density` screen pixels wide."""

    viewport: Viewport
    density: int

    def to_logical(self, x: float, y: float) -> Point:
        """Where a photo's point is drawn, in logical pixels."""
        x, y = self.viewport.to_screen(x, y)
        return x / self.density, y / self.density

    def around(self, box: Box, margin: float) -> Box:
        """A box of the photo with a margin, both in logical pixels."""
        (x0, y0), (x1, y1) = self.to_logical(*box[:2]), self.to_logical(*box[2:])
        return x0 - margin, y0 - margin, x1 + margin, y1 + margin


@dataclass(frozen=True)
class MaskShape:
    """A proposal of the server (`messages.MaskProposal`), unpacked.

    score: 0 to 1; place: the mask's window, in pixels of the proxy; mask: its bytes, row by row, 255 for the object;
    outlines: closed polygons, each x0, y0, x1, y1, … in pixels of the photo.
    """

    score: float
    place: Window
    mask: bytes
    outlines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class MaskStyle:
    """colour, opacity: of what covers the object; line: the outline's width, in logical pixels."""

    colour: marks.Colour
    opacity: float
    line: float


CHOSEN = MaskStyle((0.93, 0.13, 0.80), 0.36, 1.5)  # a magenta that hardly any photo has
HOVERED = MaskStyle(marks.WHITE, 0.16, 1.0)  # brightened a little


@dataclass(frozen=True)
class MaskOverlay:
    """A mask, covered with a colour and outlined.  proxy: the size of the photo's proxy."""

    shape: MaskShape
    proxy: Size
    style: MaskStyle

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        across, down = (whole / small for whole, small in zip(placement.viewport.photo, self.proxy, strict=True))
        x, y, width, height = self.shape.place
        # Colours are spread, and outlines cut, by up to a pixel of the proxy.
        box = (x - 1) * across, (y - 1) * down, (x + width + 1) * across, (y + height + 1) * down
        return [placement.around(box, OUTLINE_MARGIN)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to screen pixels."""
        self._cover(cr, placement.viewport)
        view, density = placement.viewport, placement.density
        x, y = view.origin
        cr.scale(density, density)
        marks.trace(cr, self.shape.outlines, view.zoom / density, (x / density, y / density))
        marks.dashes(cr, self.style.line)

    def _cover(self, cr: cairo.Context, view: Viewport) -> None:
        """Paint the colour through the mask, at the mask's own size first: cairo scales colours much faster."""
        x, y, width, height = self.shape.place
        if not (width and height):
            return
        cover = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
        paint = cairo.Context(cover)
        paint.set_source_rgba(*self.style.colour, self.style.opacity)
        paint.mask_surface(_alpha_surface(width, height, self.shape.mask), 0, 0)
        cr.save()
        cr.translate(*view.origin)
        across, down = (whole * view.zoom / small for whole, small in zip(view.photo, self.proxy, strict=True))
        cr.scale(across, down)
        cr.set_source_surface(cover, x, y)
        cr.get_source().set_filter(cairo.FILTER_NEAREST if across == 1 else cairo.FILTER_BILINEAR)
        cr.paint()
        cr.restore()


@dataclass(frozen=True)
class ClickMarks:
    """The clicks and the box of a prompt."""

    prompt: ObjectPrompt

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        boxes = [self.prompt.box] if self.prompt.box else []
        boxes += [(*point, *point) for point in self.prompt.points]
        return [placement.around(box, marks.REACH) for box in boxes]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        if self.prompt.box:
            _draw_frame(cr, self.prompt.box, placement)
        for point, label in zip(self.prompt.points, self.prompt.labels, strict=True):
            marks.click(cr, placement.to_logical(*point), on_object=bool(label))


@dataclass(frozen=True)
class RubberBand:
    """A box while it is drawn, in pixels of the photo."""

    box: Box

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        return [placement.around(self.box, marks.REACH)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        _draw_frame(cr, self.box, placement)


@dataclass(frozen=True)
class Cross:
    """Where the keyboard points, in pixels of the photo."""

    at: Point

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        return [placement.around((*self.at, *self.at), marks.REACH)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        marks.cross(cr, placement.to_logical(*self.at))


@dataclass(frozen=True)
class PreviewPicture:
    """A result as it forms: a small picture over a window of the photo, with a thin frame."""

    surface: cairo.ImageSurface
    window: Window

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to screen pixels."""
        (left, top, width, height), view = self.window, placement.viewport
        x0, y0 = map(math.floor, view.to_screen(left, top))
        x1, y1 = map(math.ceil, view.to_screen(left + width, top + height))
        cr.save()
        cr.rectangle(x0, y0, x1 - x0, y1 - y0)
        cr.clip()
        cr.translate(x0, y0)
        enlarged = (x1 - x0) / self.surface.get_width()
        cr.scale(enlarged, (y1 - y0) / self.surface.get_height())
        pattern = cairo.SurfacePattern(self.surface)
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


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is to be seen of a photo.

    proxy: the size of the photo's proxy; chosen: the mask that is meant; hovered: what a click would take; result: what
    is compared with the photo, beyond the slider; slider: where that stands, as a share of the part of the photo that
    is seen, from the left.  With a result nothing but it and the slider lies over the photo, else with a preview
    nothing but the preview.
    """

    picture: Picture
    proxy: Size
    chosen: MaskOverlay | None = None
    hovered: MaskOverlay | None = None
    clicks: ClickMarks | None = None
    band: RubberBand | None = None
    cross: Cross | None = None
    preview: PreviewPicture | None = None
    result: Picture | None = None
    slider: float = 0.5

    def changed_areas(self, before: "Scene", placement: Placement) -> Iterator[Box]:
        """Boxes in logical pixels outside which this scene looks as the one before did."""
        for each in fields(self):
            old, new = getattr(before, each.name), getattr(self, each.name)
            if old != new:
                yield from _extents(old, placement)
                yield from _extents(new, placement)

    def slider_at(self, view: Viewport) -> int:
        """The slider's column of the screen."""
        left, _top, right, _bottom = view.visible()
        return round(left + self.slider * (right - left))


def _extents(element: object, placement: Placement) -> list[Box]:
    """Boxes in logical pixels outside which an element is not seen: all of the widget where it does not know better."""
    match element:
        case None:
            return []
        case MaskOverlay() | ClickMarks() | RubberBand() | Cross():
            return element.extents(placement)
    width, height = placement.viewport.size
    return [(0, 0, width / placement.density, height / placement.density)]


def _draw_frame(cr: cairo.Context, box: Box, placement: Placement) -> None:
    marks.frame(cr, placement.to_logical(*box[:2]), placement.to_logical(*box[2:]))


def _alpha_surface(width: int, height: int, mask: bytes) -> cairo.ImageSurface:
    """A mask as a surface that owns its bytes; cairo wants its rows longer than they are."""
    surface = cairo.ImageSurface(cairo.FORMAT_A8, width, height)
    surface.flush()
    rows, stride = surface.get_data(), surface.get_stride()
    for y in range(height):
        rows[y * stride : y * stride + width] = mask[y * width : (y + 1) * width]
    surface.mark_dirty()
    return surface

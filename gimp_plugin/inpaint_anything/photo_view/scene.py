"""What is seen of a photo and over it, one class each: where on the widget it is, and how it is drawn."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import cairo

from inference_server.shared.geometry import PROXY_SIDE, Box, Point, Size, Window
from inference_server.shared.messages import Stroke

from . import marks
from .backdrop import Backdrop
from .picture import Picture, checks, clip_whole_pixels, sampling
from .tool import FIRST_TINT, MaskView, Tint
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
    outlines: closed polygons, each x0, y0, x1, y1, … in pixels of the photo.  has_hair: whether hair crosses its edge;
    has_shadow: whether a shadow is in it.
    """

    score: float
    place: Window
    mask: bytes
    outlines: tuple[tuple[float, ...], ...]
    has_hair: bool = False
    has_shadow: bool = False

    @cached_property
    def area(self) -> int:
        """How many pixels of the proxy it covers."""
        return self.mask.translate(COVERED).count(b"1")

    def resembles(self, other: "MaskShape") -> bool:
        """Whether nobody would see a difference, judged by one row of `EVERY`."""
        most = max(self.area, other.area)
        if abs(self.area - other.area) > UNSEEN * most or not self.place.intersection(other.place):
            return False
        return EVERY * (self._rows ^ other._rows).bit_count() <= UNSEEN * most

    @cached_property
    def _rows(self) -> int:
        """Which pixels of the proxy's compared rows it covers, a bit each, from the last row up."""
        x, y, width, height = self.place
        covered = self.mask.translate(COVERED)
        rows = range(-y % EVERY, height, EVERY)
        left, first = b"0" * x, (y + rows.start) // EVERY
        bits = [(left + covered[row * width : (row + 1) * width]).ljust(PROXY_SIDE, b"0") for row in reversed(rows)]
        return int(b"".join(bits) or b"0", 2) << first * PROXY_SIDE


EVERY = 4  # rows: one of so many is compared
COVERED = b"0" * 128 + b"1" * 128  # by a mask's value
UNSEEN = 0.03  # share of a mask's area in which another differs that looks the same
UNMARKED = 0.6  # opacity of what comes behind while nothing says before what
HOVER_OPACITY = 0.16  # of white: brightened a little
LINE, FAINT_LINE = 1.5, 1.0  # logical pixels: outlines of the object at hand, and of the others


@dataclass(frozen=True)
class MaskOverlay:
    """What is meant: the masks of objects, that at hand the last, with strokes drawn over them; and, where strokes say
    that the edge is to be found anew, the alpha found there, or until it is there a hatching.

    alpha: a mask of everything, to be shown there.  proxy: the size of the photo's proxy.  keeps: whether it is what is
    around the mask that will change.  at_hand: whether the last of the shapes is the one that clicks go to.  tint: of
    what will change.
    """

    shapes: tuple[MaskShape, ...]
    strokes: tuple[Stroke, ...]
    proxy: Size
    view: MaskView = MaskView.OVERLAY
    keeps: bool = False
    at_hand: bool = True
    tint: Tint = FIRST_TINT
    alpha: MaskShape | None = None

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        if self.keeps or self.view is not MaskView.OVERLAY:
            width, height = placement.viewport.size
            return [(0, 0, width / placement.density, height / placement.density)]
        boxes = [_shape_box(shape, self.proxy, placement) for shape in self.shapes]
        boxes += [stroke.box for stroke in self.strokes]
        return [placement.around(box, OUTLINE_MARGIN) for box in boxes]

    def draw_mask(self, cr: cairo.Context, placement: Placement) -> None:
        """Draw the mask alone, in white on nothing.  cr: scaled to screen pixels."""
        for shape in self.shapes:
            _draw_shape(cr, shape, self.proxy, placement.viewport)
        for stroke in self.strokes:
            if not stroke.refines:
                draw_stroke(cr, stroke, placement.viewport)
        if self.alpha and self.refines:
            self._draw_alpha(cr, self.alpha, placement)

    def _draw_alpha(self, cr: cairo.Context, alpha: MaskShape, placement: Placement) -> None:
        """Draw the alpha that was found in the place of the mask where the edge was to be found anew."""
        groups = []
        for draw in (self.draw_unknown, lambda cr, at: _draw_shape(cr, alpha, self.proxy, at.viewport)):
            cr.push_group()
            draw(cr, placement)
            groups.append(cr.pop_group())
        there, found = groups
        cr.save()
        cr.set_source(there)
        cr.set_operator(cairo.OPERATOR_DEST_OUT)
        cr.paint()
        cr.set_source(found)
        cr.set_operator(cairo.OPERATOR_ADD)  # with which no line is left at its border
        cr.mask(there)
        cr.restore()

    @property
    def refines(self) -> bool:
        """Whether the edge is to be found anew anywhere."""
        return any(stroke.refines for stroke in self.strokes)

    def draw_unknown(self, cr: cairo.Context, placement: Placement) -> None:
        """Draw where that is, in white on nothing: not where a later stroke says what is there.  As `draw_mask`."""
        for stroke in self.strokes:
            draw_stroke(cr, replace(stroke, adds=stroke.adds and stroke.refines), placement.viewport)

    def draw_outlines(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to screen pixels."""
        cr.save()
        cr.scale(placement.density, placement.density)
        for shape in self.shapes:
            width = LINE if self.at_hand and shape is self.shapes[-1] else FAINT_LINE
            _draw_outline(cr, shape, placement, width, self.tint.colour)
        cr.restore()
        for stroke in self.strokes:
            if not (stroke.adds or stroke.refines):
                draw_stroke(cr, stroke, placement.viewport)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is meant yet."""
        return not self.shapes and all(stroke.refines for stroke in self.strokes)

    def bounds(self, photo: Size) -> Box:
        """A box around it, in pixels of a photo of this size; all of that where nothing is meant."""
        boxes = [stroke.box for stroke in self.strokes if stroke.adds_to_mask]
        boxes += [_photo_box(shape, self.proxy, photo, 0) for shape in self.shapes]
        left, top, right, bottom = zip(*(boxes or [(0, 0, *photo)]), strict=True)
        return min(left), min(top), max(right), max(bottom)

    def paint(self, cr: cairo.Context, mask: cairo.ImageSurface, view: Viewport) -> None:
        """Show the photo that cr holds as `view` says.  mask: what `draw_mask` has drawn, of cr's size."""
        colour, opacity = self.tint.colour, self.tint.opacity
        if self.is_empty:  # a first stroke may be under way
            cr.set_source_rgba(*colour, opacity)
            cr.mask_surface(mask, 0, 0)
            return
        match self.view:
            case MaskView.OVERLAY | MaskView.BEHIND if self.keeps:
                _paint_around(cr, mask, view, cairo.SolidPattern(*colour), opacity)
            case MaskView.OVERLAY | MaskView.BEHIND:
                cr.set_source_rgba(*colour, opacity)
                cr.mask_surface(mask, 0, 0)
            case MaskView.MASK:
                _paint_all(cr, view, marks.BLACK)
                cr.set_source_rgb(*marks.WHITE)
                cr.mask_surface(mask, 0, 0)
            case MaskView.CUTOUT:
                _paint_around(cr, mask, view, checks(), 1.0)
            case MaskView.WHITE:
                _paint_around(cr, mask, view, cairo.SolidPattern(*marks.WHITE), 1.0)

    def paint_behind(
        self, cr: cairo.Context, mask: cairo.ImageSurface, view: Viewport, behind: cairo.ImageSurface
    ) -> None:
        """Show what is meant, of the photo that cr holds, before what `Backdrop.draw` has drawn."""
        _paint_around(cr, mask, view, cairo.SurfacePattern(behind), UNMARKED if self.is_empty else 1.0)


@dataclass(frozen=True)
class HoverOverlay:
    """What a click would take, brightened a little and outlined.  proxy: the size of the photo's proxy."""

    shape: MaskShape
    proxy: Size

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        return [placement.around(_shape_box(self.shape, self.proxy, placement), OUTLINE_MARGIN)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to screen pixels."""
        _draw_shape(cr, self.shape, self.proxy, placement.viewport, HOVER_OPACITY)
        cr.scale(placement.density, placement.density)
        _draw_outline(cr, self.shape, placement, FAINT_LINE)


class PlacedClick(NamedTuple):
    """A click on the photo: of which object and which of its entries, where, what it says, and whether further clicks
    are about the same object."""

    object: int
    entry: int
    x: float
    y: float
    on_object: bool
    at_hand: bool


@dataclass(frozen=True)
class ClickMarks:
    """The clicks and boxes that mark objects, in pixels of the photo."""

    clicks: tuple[PlacedClick, ...]
    boxes: tuple[Box, ...]

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        boxes = [*self.boxes, *((click.x, click.y, click.x, click.y) for click in self.clicks)]
        return [placement.around(box, marks.REACH) for box in boxes]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        for box in self.boxes:
            _draw_frame(cr, box, placement)
        for click in self.clicks:
            marks.click(cr, placement.to_logical(click.x, click.y), on_object=click.on_object, at_hand=click.at_hand)

    def at(self, x: float, y: float, reach: float) -> PlacedClick | None:
        """The click that is nearest to a point of the photo, at most `reach` of its pixels away."""
        near = min(self.clicks, key=lambda click: math.dist((click.x, click.y), (x, y)), default=None)
        return near if near and math.dist((near.x, near.y), (x, y)) <= reach else None

    def with_click_at(self, moved: PlacedClick, x: float, y: float) -> "ClickMarks":
        """The same while one of the clicks is dragged."""
        clicks = (click._replace(x=x, y=y) if click == moved else click for click in self.clicks)
        return replace(self, clicks=tuple(clicks))


@dataclass(frozen=True)
class BrushCircle:
    """The brush where the pointer is: its middle and its radius, in pixels of the photo."""

    at: Point
    radius: float

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        (x, y), radius = self.at, self.radius
        return [placement.around((x - radius, y - radius, x + radius, y + radius), OUTLINE_MARGIN)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        radius = self.radius * placement.viewport.zoom / placement.density
        marks.circle(cr, placement.to_logical(*self.at), radius)


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
class LassoLine:
    """What a lasso encloses while it is drawn: corners in pixels of the photo."""

    corners: tuple[Point, ...]

    def extents(self, placement: Placement) -> list[Box]:
        """Boxes in logical pixels outside which nothing of it is seen."""
        xs, ys = zip(*self.corners, strict=True)
        return [placement.around((min(xs), min(ys), max(xs), max(ys)), marks.REACH)]

    def draw(self, cr: cairo.Context, placement: Placement) -> None:
        """cr: scaled to logical pixels."""
        for corner in self.corners:
            cr.line_to(*placement.to_logical(*corner))
        marks.dashes(cr, LINE)


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

    proxy: the size of the photo's proxy; mask: what is meant; backdrop: what comes behind that; hovered: what a click
    would take; lasso: the corners of one while it is drawn; result: what is compared with the photo, beyond the slider;
    slider: where that stands, as a share of the part of the photo that is seen, from the left.  With a result nothing
    but it and the slider lies over the photo, else with a preview nothing but the preview.  before: whether the photo
    is to be seen alone.
    """

    picture: Picture
    proxy: Size
    mask: MaskOverlay | None = None
    backdrop: Backdrop | None = None
    hovered: HoverOverlay | None = None
    clicks: ClickMarks | None = None
    band: RubberBand | None = None
    lasso: LassoLine | None = None
    brush: BrushCircle | None = None
    cross: Cross | None = None
    preview: PreviewPicture | None = None
    result: Picture | None = None
    slider: float = 0.5
    before: bool = False

    @property
    def shows_behind(self) -> bool:
        """Whether what is meant is seen before what comes behind, and no tint."""
        return bool(self.backdrop and self.mask and self.mask.view is MaskView.BEHIND)

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
        case MaskOverlay() | HoverOverlay() | ClickMarks() | RubberBand() | LassoLine() | BrushCircle() | Cross():
            return element.extents(placement)
    width, height = placement.viewport.size
    return [(0, 0, width / placement.density, height / placement.density)]


def _draw_frame(cr: cairo.Context, box: Box, placement: Placement) -> None:
    marks.frame(cr, placement.to_logical(*box[:2]), placement.to_logical(*box[2:]))


def draw_stroke(cr: cairo.Context, stroke: Stroke, view: Viewport) -> None:
    """Add a stroke to the mask that cr holds, or take it out.  cr: scaled to screen pixels."""
    points = [(*view.to_screen(x, y), radius * view.zoom) for x, y, radius in stroke.points]
    cr.save()
    cr.set_operator(cairo.OPERATOR_OVER if stroke.adds else cairo.OPERATOR_DEST_OUT)
    cr.set_source_rgb(*marks.WHITE)
    cr.set_line_cap(cairo.LINE_CAP_ROUND)
    cr.set_line_join(cairo.LINE_JOIN_ROUND)
    if stroke.filled:
        for x, y, _radius in points:
            cr.line_to(x, y)
        cr.fill()
    elif len({radius for _x, _y, radius in points}) == 1:
        _draw_even_stroke(cr, points)
    else:
        _draw_uneven_stroke(cr, points)
    cr.restore()


def _draw_even_stroke(cr: cairo.Context, points: list[tuple[float, float, float]]) -> None:
    cr.set_line_width(2 * points[0][2])
    cr.move_to(*points[0][:2])
    for x, y, _radius in points:
        cr.line_to(x, y)
    cr.stroke()


def _draw_uneven_stroke(cr: cairo.Context, points: list[tuple[float, float, float]]) -> None:
    """One that pressure makes wider and narrower: discs, and what lies between them."""
    for x, y, radius in points:
        cr.arc(x, y, radius, 0, marks.FULL)
        cr.fill()
    for (x0, y0, r0), (x1, y1, r1) in pairwise(points):
        length = math.dist((x0, y0), (x1, y1))
        if length:
            dx, dy = (y0 - y1) / length, (x1 - x0) / length
            cr.move_to(x0 + dx * r0, y0 + dy * r0)
            cr.line_to(x1 + dx * r1, y1 + dy * r1)
            cr.line_to(x1 - dx * r1, y1 - dy * r1)
            cr.line_to(x0 - dx * r0, y0 - dy * r0)
            cr.fill()


def _shape_box(shape: MaskShape, proxy: Size, placement: Placement) -> Box:
    # Colours are spread, and outlines cut, by up to a pixel of the proxy.
    return _photo_box(shape, proxy, placement.viewport.photo, 1)


def _photo_box(shape: MaskShape, proxy: Size, photo: Size, margin: int) -> Box:
    """Where a mask is, with a margin in pixels of the proxy, in pixels of the photo."""
    across, down = (whole / small for whole, small in zip(photo, proxy, strict=True))
    x, y, width, height = shape.place
    return (x - margin) * across, (y - margin) * down, (x + width + margin) * across, (y + height + margin) * down


def _draw_shape(cr: cairo.Context, shape: MaskShape, proxy: Size, view: Viewport, opacity: float = 1.0) -> None:
    """Paint white through a mask, at the mask's own size first: cairo scales colours much faster."""
    x, y, width, height = shape.place
    if not (width and height):
        return
    cover = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
    paint = cairo.Context(cover)
    paint.set_source_rgba(*marks.WHITE, opacity)
    paint.mask_surface(alpha_surface(width, height, shape.mask), 0, 0)
    cr.save()
    cr.translate(*view.origin)
    across, down = (whole * view.zoom / small for whole, small in zip(view.photo, proxy, strict=True))
    cr.scale(across, down)
    cr.set_source_surface(cover, x, y)
    cr.get_source().set_filter(cairo.FILTER_NEAREST if across == 1 else cairo.FILTER_BILINEAR)
    cr.paint()
    cr.restore()


def _draw_outline(
    cr: cairo.Context, shape: MaskShape, placement: Placement, width: float, colour: marks.Colour = marks.WHITE
) -> None:
    """cr: scaled to logical pixels, as the width is."""
    view, density = placement.viewport, placement.density
    x, y = view.origin
    marks.trace(cr, shape.outlines, view.zoom / density, (x / density, y / density))
    marks.dashes(cr, width, colour)


def _paint_all(cr: cairo.Context, view: Viewport, colour: marks.Colour) -> None:
    """Cover all of the photo."""
    cr.save()
    clip_whole_pixels(cr, view)
    cr.set_source_rgb(*colour)
    cr.paint()
    cr.restore()


def _paint_around(
    cr: cairo.Context, mask: cairo.ImageSurface, view: Viewport, pattern: cairo.Pattern, opacity: float
) -> None:
    """Cover what of the photo lies outside the mask."""
    cr.save()
    clip_whole_pixels(cr, view)
    cr.push_group()
    cr.set_source(pattern)
    cr.paint()
    cr.set_operator(cairo.OPERATOR_DEST_OUT)
    cr.set_source_surface(mask, 0, 0)
    cr.paint()
    cr.pop_group_to_source()
    cr.paint_with_alpha(opacity)
    cr.restore()


def alpha_surface(width: int, height: int, mask: bytes) -> cairo.ImageSurface:
    """A mask as a surface that owns its bytes; cairo wants its rows longer than they are."""
    surface = cairo.ImageSurface(cairo.FORMAT_A8, width, height)
    surface.flush()
    rows, stride = surface.get_data(), surface.get_stride()
    for y in range(height):
        rows[y * stride : y * stride + width] = mask[y * width : (y + 1) * width]
    surface.mark_dirty()
    return surface

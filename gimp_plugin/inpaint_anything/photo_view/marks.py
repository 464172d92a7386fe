"""The marks over the photo as cairo draws them: outlines, clicks, boxes, the keyboard's cross, the slider.

All in logical pixels of the widget, for cairo contexts scaled so.  Every mark has a light and a dark part, so that it
is seen on any photo, and its form alone says what it means.
"""

import math
from collections.abc import Iterable, Sequence

import cairo

from inference_server.shared.geometry import Point

Colour = tuple[float, float, float]  # red, green, blue, 0 to 1

WHITE, BLACK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
ON_OBJECT, NOT_OBJECT = (0.06, 0.46, 0.88), (0.83, 0.26, 0.05)  # of clicks
ARROWS = (0.2, 0.2, 0.2)  # of the slider's handle
DASH = 4.0
CLICK_RADIUS = 8.0
HANDLE_RADIUS = 17.0
CROSS, GAP = 15.0, 4.0  # how far the cross's arms reach from its point, and where they begin
REACH = 18.0  # how far from its place any mark is seen, at most: the cross and its border
FULL = 2 * math.pi
DARK = 0.2  # luminance up to which a colour is not seen beside black
HATCH = 8  # logical pixels from one slanted line to the next
HATCHED, HATCH_OPACITY = (1.0, 0.78, 0.1), 0.3  # the colour between them, which no tint has at first
FAINT = 0.6  # opacity of the clicks of objects that are not at hand


def luminance(colour: Colour) -> float:
    """How bright a colour looks, 0 to 1, by the weights of ITU-R BT.709."""
    red, green, blue = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def trace(cr: cairo.Context, outlines: Iterable[Sequence[float]], zoom: float, origin: Point) -> None:
    """Make closed polygons of the photo the path; corners less than a pixel from the one before are left out.

    outlines: x0, y0, x1, y1, … in pixels of the photo; zoom: logical pixels per photo pixel; origin: where the photo
    begins.
    """
    left, top = origin
    for outline in outlines:
        x, y = outline[0] * zoom + left, outline[1] * zoom + top
        cr.move_to(x, y)
        for k in range(2, len(outline) - 1, 2):
            next_x, next_y = outline[k] * zoom + left, outline[k + 1] * zoom + top
            if abs(next_x - x) + abs(next_y - y) >= 1.0:
                x, y = next_x, next_y
                cr.line_to(x, y)
        cr.close_path()


def dashes(cr: cairo.Context, width: float, colour: Colour = WHITE) -> None:
    """Draw the path in a colour and black or, where the colour is dark, white."""
    cr.set_antialias(cairo.ANTIALIAS_FAST)
    cr.set_line_join(cairo.LINE_JOIN_BEVEL)
    cr.set_line_width(width)
    cr.set_source_rgb(*colour)
    cr.stroke_preserve()
    cr.set_dash([DASH, DASH])
    cr.set_source_rgb(*(BLACK if luminance(colour) > DARK else WHITE))
    cr.stroke()
    cr.set_dash([])


def click(cr: cairo.Context, at: Point, *, on_object: bool, at_hand: bool = True) -> None:
    """A plus sign in a circle for a click on the object, a minus sign for one on what is not the object.

    at_hand: whether further clicks are about the same object; otherwise it is drawn fainter.
    """
    x, y = round(at[0]), round(at[1])
    if not at_hand:
        cr.push_group()
        click(cr, at, on_object=on_object)
        cr.pop_group_to_source()
        cr.paint_with_alpha(FAINT)
        return
    cr.arc(x, y, CLICK_RADIUS + 1.5, 0, FULL)
    cr.set_source_rgba(*BLACK, 0.45)
    cr.fill()
    cr.arc(x, y, CLICK_RADIUS + 0.75, 0, FULL)
    cr.set_source_rgb(*WHITE)
    cr.fill()
    cr.arc(x, y, CLICK_RADIUS - 0.75, 0, FULL)
    cr.set_source_rgb(*(ON_OBJECT if on_object else NOT_OBJECT))
    cr.fill()
    cr.set_source_rgb(*WHITE)
    cr.rectangle(x - 4, y - 1, 8, 2)
    if on_object:
        cr.rectangle(x - 1, y - 4, 2, 8)
    cr.fill()


def hatching(density: int) -> cairo.Pattern:
    """Slanted lines of a colour of their own, light and dark by turns, so that they are seen on any photo and any tint.

    density: screen pixels of a logical one.
    """
    side = HATCH * density
    tile = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
    lines = cairo.Context(tile)
    lines.set_source_rgba(*HATCHED, HATCH_OPACITY)
    lines.paint()
    lines.set_line_width(density)
    for colour, shift in ((WHITE, 0.0), (BLACK, density)):
        lines.set_source_rgba(*colour, 0.7)
        for start in (-side, 0, side):  # so that the corners are covered, too
            lines.move_to(start + shift, side)
            lines.line_to(start + shift + side, 0)
            lines.stroke()
    pattern = cairo.SurfacePattern(tile)
    pattern.set_extend(cairo.EXTEND_REPEAT)
    return pattern


def circle(cr: cairo.Context, at: Point, radius: float) -> None:
    """The edge of a brush."""
    for colour, opacity, width in ((BLACK, 0.6, 3), (WHITE, 1.0, 1)):
        cr.new_sub_path()
        cr.arc(*at, max(radius, 1.0), 0, FULL)
        cr.set_source_rgba(*colour, opacity)
        cr.set_line_width(width)
        cr.stroke()


def frame(cr: cairo.Context, corner: Point, other: Point) -> None:
    """A box between two corners."""
    x0, y0, x1, y1 = (round(edge) for edge in (*corner, *other))
    for colour, opacity, width in ((BLACK, 0.55, 4), (WHITE, 1.0, 2)):
        cr.rectangle(x0, y0, x1 - x0, y1 - y0)
        cr.set_source_rgba(*colour, opacity)
        cr.set_line_width(width)
        cr.stroke()


def cross(cr: cairo.Context, at: Point) -> None:
    """Where the keyboard points: four arms around a point, which itself stays visible."""
    x, y = round(at[0]), round(at[1])
    for colour, opacity, wide in ((BLACK, 0.6, 2), (WHITE, 1.0, 1)):
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            cr.move_to(x + dx * (GAP - wide + 1), y + dy * (GAP - wide + 1))
            cr.line_to(x + dx * (CROSS + wide - 1), y + dy * (CROSS + wide - 1))
        cr.set_source_rgba(*colour, opacity)
        cr.set_line_width(2 * wide)
        cr.stroke()


def slider(cr: cairo.Context, x: float, top: float, bottom: float, *, focused: bool) -> None:
    """The line between before and after, with its handle.  focused: whether the keyboard moves it."""
    x, y = round(x), round((top + bottom) / 2)
    for colour, opacity, width in ((BLACK, 0.3, 4), (WHITE, 1.0, 2)):
        cr.rectangle(x - width / 2, top, width, bottom - top)
        cr.set_source_rgba(*colour, opacity)
        cr.fill()
    for spread in (4, 3, 2, 1):  # a soft shadow
        cr.arc(x, y + 1, HANDLE_RADIUS + spread, 0, FULL)
        cr.set_source_rgba(*BLACK, 0.09)
        cr.fill()
    cr.arc(x, y, HANDLE_RADIUS, 0, FULL)
    cr.set_source_rgb(*WHITE)
    cr.fill()
    if focused:
        cr.arc(x, y, HANDLE_RADIUS - 2, 0, FULL)
        cr.set_source_rgb(*ON_OBJECT)
        cr.set_line_width(2)
        cr.stroke()
    _arrows(cr, x, y)


def _arrows(cr: cairo.Context, x: float, y: float) -> None:
    """One to either side, on the slider's handle."""
    cr.set_source_rgb(*ARROWS)
    cr.set_line_width(2)
    cr.set_line_cap(cairo.LINE_CAP_ROUND)
    cr.set_line_join(cairo.LINE_JOIN_ROUND)
    for side in (-1, 1):
        cr.move_to(x + side * 4, y - 5)
        cr.line_to(x + side * 9, y)
        cr.line_to(x + side * 4, y + 5)
        cr.stroke()


def focus(cr: cairo.Context, width: float, height: float) -> None:
    """A ring around the whole widget: a theme's own dotted line would not be seen on a photo."""
    for colour, inside in ((ON_OBJECT, 1.0), (WHITE, 2.5)):
        cr.rectangle(inside, inside, width - 2 * inside, height - 2 * inside)
        cr.set_source_rgb(*colour)
        cr.set_line_width(2 if colour is ON_OBJECT else 1)
        cr.stroke()


def plate(cr: cairo.Context, x: float, y: float, width: float, height: float) -> None:
    """A dark background for text on the photo; the source is the text's colour afterwards."""
    radius = height / 2
    cr.new_sub_path()
    cr.arc(x + width - radius, y + radius, radius, -FULL / 4, FULL / 4)
    cr.arc(x + radius, y + radius, radius, FULL / 4, -FULL / 4)
    cr.close_path()
    cr.set_source_rgba(*BLACK, 0.6)
    cr.fill()
    cr.set_source_rgb(*WHITE)

"""Where a photo lies in the widget that shows it: zooming, panning, boxes, and the parts to fetch.  Pure; knows no GTK.

Points of the photo are in its pixels, the first of which reaches from 0 to 1; points of the screen are in device pixels
from the widget's top left.
"""

import math
from dataclasses import dataclass, replace

from inference_server.shared.geometry import Box, Point, Size, Window

MAX_FIT_ZOOM = 4.0  # a small photo is not enlarged further than this to fill the widget
MAX_ZOOM = 32.0
STEPS_PER_DOUBLING = 2  # zooms from one power of two to the next, with the keys


@dataclass(frozen=True)
class Viewport:
    """What a widget shows of a photo.

    photo, size: of the photo and of the widget; zoom: screen pixels per photo pixel; middle: the photo's point in the
    widget's middle; margin: how many screen pixels may be seen beyond the photo's edge.
    """

    photo: Size
    size: Size
    zoom: float
    middle: Point
    margin: int = 0

    @property
    def origin(self) -> tuple[int, int]:
        """The screen pixel at which the photo's top left corner is drawn: a whole one, or its pixels would blur."""
        x, y = (round(edge / 2 - at * self.zoom) for edge, at in zip(self.size, self.middle, strict=True))
        return x, y

    def to_screen(self, x: float, y: float) -> Point:
        """Where a photo's point is drawn."""
        return x * self.zoom + self.origin[0], y * self.zoom + self.origin[1]

    def to_photo(self, x: float, y: float) -> Point:
        """The photo's point at a point of the screen; it may lie beside the photo."""
        (width, height), (middle_x, middle_y) = self.size, self.middle
        return middle_x + (x - width / 2) / self.zoom, middle_y + (y - height / 2) / self.zoom

    def on_photo(self, x: float, y: float) -> bool:
        """Whether one of the photo's points lies on the photo."""
        return 0 <= x < self.photo[0] and 0 <= y < self.photo[1]

    def visible(self) -> Box:
        """The part of the screen that the photo covers."""
        (left, top), (right, bottom) = self.to_screen(0, 0), self.to_screen(*self.photo)
        return max(0, left), max(0, top), min(self.size[0], right), min(self.size[1], bottom)


def fit(photo: Size, size: Size, margin: int = 0) -> Viewport:
    """The whole photo in the middle."""
    room = (max(1, edge - 2 * margin) / whole for edge, whole in zip(size, photo, strict=True))
    return Viewport(photo, size, min(*room, MAX_FIT_ZOOM), (photo[0] / 2, photo[1] / 2), margin)


def zoomed(view: Viewport, zoom: float, about: Point) -> Viewport:
    """At another zoom, as far as there is one, with what is at the screen's point `about` staying there."""
    whole = fit(view.photo, view.size, view.margin).zoom
    zoom = min(max(zoom, min(whole, 1.0)), max(whole, MAX_ZOOM))
    x, y = view.to_photo(*about)
    (width, height), (at_x, at_y) = view.size, about
    return _clamped(replace(view, zoom=zoom, middle=(x - (at_x - width / 2) / zoom, y - (at_y - height / 2) / zoom)))


def panned(view: Viewport, dx: float, dy: float) -> Viewport:
    """With the photo moved by so many screen pixels to the right and down, as far as it goes."""
    x, y = view.middle
    return _clamped(replace(view, middle=(x - dx / view.zoom, y - dy / view.zoom)))


def resized(view: Viewport, size: Size) -> Viewport:
    """In a widget of another size, with the same point in the middle."""
    return zoomed(replace(view, size=size), view.zoom, (size[0] / 2, size[1] / 2))


def following(view: Viewport, x: float, y: float, inside: float) -> Viewport:
    """Moved just so far that the photo's point is at least `inside` screen pixels from the widget's edge, or as near to
    that as the photo's own edge allows."""
    at = (
        point * view.zoom + edge / 2 - middle * view.zoom
        for point, edge, middle in zip((x, y), view.size, view.middle, strict=True)
    )
    moves = []
    for point, edge in zip(at, view.size, strict=True):
        least = min(inside, edge / 2)
        moves.append(min(max(point, least), edge - least) - point)
    return panned(view, *moves)


def stepped(zoom: float, steps: int) -> float:
    """The zoom so many steps upwards, or downwards where negative, of those there are for the keys; 100 % is one."""
    at = math.log2(zoom) * STEPS_PER_DOUBLING
    near = round(at)
    if abs(at - near) > 1e-6:
        near = math.floor(at) if steps > 0 else math.ceil(at)
    return float(2.0 ** ((near + steps) / STEPS_PER_DOUBLING))


def box_between(photo: Size, corner: Point, other: Point) -> Box | None:
    """The box between two corners, clipped to the photo; None where nothing of the photo is in it."""
    (x0, x1), (y0, y1) = (
        (min(max(low, 0.0), edge), min(max(high, 0.0), edge))
        for low, high, edge in (
            (*sorted(ends), edge) for *ends, edge in zip(corner, other, map(float, photo), strict=True)
        )
    )
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def needed(view: Viewport) -> tuple[Window, float]:
    """The part of the photo that is seen, in pixels of the photo scaled by a factor, and that factor: never over 1."""
    scale = min(1.0, view.zoom)
    left, top, right, bottom = view.visible()
    ends = []
    for low, high, origin, whole in zip((left, top), (right, bottom), view.origin, view.photo, strict=True):
        most = max(1, math.floor(whole * scale + 1e-6))
        first = min(max(0, math.floor((low - origin) / view.zoom * scale + 1e-6)), most - 1)
        ends.append((first, min(most, max(first + 1, math.ceil((high - origin) / view.zoom * scale - 1e-6)))))
    (x0, x1), (y0, y1) = ends
    return Window(x0, y0, x1 - x0, y1 - y0), scale


def beside(window: Window, there: Window) -> list[Window]:
    """The parts of a window that another does not cover, none of which overlap."""
    common = window.intersection(there)
    if common is None:
        return [window]
    x, y, w, h = window
    x0, y0 = common.x, common.y
    x1, y1 = x0 + common.width, y0 + common.height
    parts = [
        Window(x, y, w, y0 - y),
        Window(x, y1, w, y + h - y1),
        Window(x, y0, x0 - x, y1 - y0),
        Window(x1, y0, x + w - x1, y1 - y0),
    ]
    return [part for part in parts if part.area]


def pieces(window: Window, most: int) -> list[Window]:
    """A window in strips of at most `most` pixels each, or of one row."""
    x, y, w, h = window
    rows = max(1, most // w)
    return [Window(x, top, w, min(rows, y + h - top)) for top in range(y, y + h, rows)]


def _clamped(view: Viewport) -> Viewport:
    """Moved so far that no more than the margin is seen beyond the photo's edge; in the middle where it is small."""
    middle = []
    for at, whole, edge in zip(view.middle, view.photo, view.size, strict=True):
        half = max(0.0, edge / 2 - view.margin) / view.zoom
        middle.append(whole / 2 if 2 * half >= whole else min(max(at, half), whole - half))
    return replace(view, middle=(middle[0], middle[1]))

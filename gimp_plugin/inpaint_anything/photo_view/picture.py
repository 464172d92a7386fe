"""A photo at any zoom: its small copy at once, and a moment later its own pixels for the part that is seen."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import cairo

from inference_server.shared.geometry import Window

from .viewport import Viewport, beside, needed, pieces

PIECE = 1 << 20  # pixels fetched at a time: a few milliseconds
PIXELATED = 4.0  # from this zoom on pixels are seen as squares
SMOOTH = 2.0  # any zoom at which they are not
SQUARE = 8  # screen pixels of the checkerboard behind what is transparent
LIGHT, DARK = 0.6, 0.4

# (window, scale): the pixels of a window of the photo scaled by `scale`, a surface of the window's size.
Detail = Callable[[Window, float], cairo.ImageSurface]


@dataclass(frozen=True)
class _Part:
    """Part of the photo: `window`, in pixels of the photo scaled by `scale`."""

    surface: cairo.ImageSurface
    window: Window
    scale: float


class Picture:
    """A photo, and what has been fetched of its own pixels.  transparent: whether anything shines through it."""

    def __init__(self, width: int, small: cairo.ImageSurface, detail: Detail) -> None:
        """width: of the photo; small: all of it, scaled down."""
        self._small, self._detail = small, detail
        self._scale = small.get_width() / width  # the zoom up to which the small copy is sharp
        self._part: _Part | None = None
        self._missing: list[Window] = []  # of that part, not fetched yet
        self.transparent = _transparent(small)

    @property
    def small(self) -> cairo.ImageSurface:
        """All of it, scaled down."""
        return self._small

    def paint(self, cr: cairo.Context, view: Viewport) -> None:
        """Draw what is known of the photo in the place of what is there.  cr: scaled to screen pixels."""
        x, y = view.origin
        width, height = (edge * view.zoom for edge in view.photo)
        cr.save()
        cr.rectangle(x, y, width, height)
        cr.clip()
        cr.set_operator(cairo.OPERATOR_SOURCE)
        cr.translate(x, y)
        cr.save()
        cr.scale(width / self._small.get_width(), height / self._small.get_height())
        # Only the photo's own pixels are ever seen as squares.
        enlarged = view.zoom / self._scale
        _paint(cr, self._small, enlarged if self._scale >= 1 else min(enlarged, SMOOTH))
        cr.restore()
        if self._part:
            left, top, wide, high = self._part.window
            cr.scale(view.zoom / self._part.scale, view.zoom / self._part.scale)
            cr.translate(left, top)
            cr.rectangle(0, 0, wide, high)
            cr.clip()
            _paint(cr, self._part.surface, view.zoom / self._part.scale)
        cr.restore()

    def prepare(self, view: Viewport) -> bool:
        """See what must be fetched of the part that is seen now; whether it is anything."""
        if view.zoom <= self._scale * 1.001 or self._scale >= 1:
            self._part, self._missing = None, []
            return False
        window, scale = needed(view)
        before = self._part
        if before and before.scale == scale and not self._missing:
            self._missing = beside(window, before.window)
            if not self._missing:
                return False
        else:
            self._missing = [window]
        self._missing = [piece for part in self._missing for piece in pieces(part, PIECE)]
        x, y, width, height = window
        surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
        now = Viewport(view.photo, (width, height), scale, ((x + width / 2) / scale, (y + height / 2) / scale))
        self.paint(cairo.Context(surface), now)  # until its own pixels come
        self._part = _Part(surface, window, scale)
        return True

    def fetch(self) -> bool:
        """Fetch one piece of that; whether more is missing."""
        if self._missing and self._part:
            x, y, width, height = piece = self._missing.pop(0)
            left, top, _, _ = self._part.window
            cr = cairo.Context(self._part.surface)
            cr.set_operator(cairo.OPERATOR_SOURCE)
            cr.rectangle(x - left, y - top, width, height)
            cr.clip()
            cr.set_source_surface(self._detail(piece, self._part.scale), x - left, y - top)
            cr.paint()
        return bool(self._missing)


def clip_whole_pixels(cr: cairo.Context, view: Viewport) -> None:
    """Draw on the photo alone, and on all of the pixels that it covers a part of: nothing of it shines through there.

    cr: scaled to screen pixels.
    """
    left, top, right, bottom = view.visible()
    x, y = math.floor(left), math.floor(top)
    cr.rectangle(x, y, math.ceil(right) - x, math.ceil(bottom) - y)
    cr.clip()


def checks() -> cairo.Pattern:
    """A checkerboard, which says that there is nothing, in screen pixels."""
    tile = cairo.ImageSurface(cairo.FORMAT_RGB24, 2 * SQUARE, 2 * SQUARE)
    squares = cairo.Context(tile)
    for at in ((0, 0), (0, 1), (1, 0), (1, 1)):
        squares.set_source_rgb(*[DARK if sum(at) % 2 else LIGHT] * 3)
        squares.rectangle(at[0] * SQUARE, at[1] * SQUARE, SQUARE, SQUARE)
        squares.fill()
    pattern = cairo.SurfacePattern(tile)
    pattern.set_extend(cairo.EXTEND_REPEAT)
    return pattern


def checkerboard(cr: cairo.Context, view: Viewport) -> None:
    """Draw one behind what is transparent of the photo.  cr: scaled to screen pixels."""
    cr.save()
    x, y = view.origin
    cr.rectangle(x, y, view.photo[0] * view.zoom, view.photo[1] * view.zoom)
    cr.clip()
    cr.set_operator(cairo.OPERATOR_DEST_OVER)
    cr.set_source(checks())
    cr.paint()
    cr.restore()


def sampling(zoom: float) -> cairo.Filter:
    """The filter to show pixels with that are enlarged by `zoom`."""
    if zoom == 1 or zoom >= PIXELATED:
        return cairo.FILTER_NEAREST
    return cairo.FILTER_GOOD if zoom < 1 else cairo.FILTER_BILINEAR


def _paint(cr: cairo.Context, surface: cairo.ImageSurface, zoom: float) -> None:
    pattern = cairo.SurfacePattern(surface)
    pattern.set_filter(sampling(zoom))
    pattern.set_extend(cairo.EXTEND_PAD)  # so that the edge does not fade
    cr.set_source(pattern)
    cr.paint()


def _transparent(surface: cairo.ImageSurface) -> bool:
    """Whether anything shines through."""
    if surface.get_format() != cairo.FORMAT_ARGB32:
        return False
    surface.flush()
    alpha = bytes(surface.get_data()[3 if sys.byteorder == "little" else 0 :: 4])
    return alpha.count(255) < len(alpha)

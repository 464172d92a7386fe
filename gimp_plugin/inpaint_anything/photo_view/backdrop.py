"""Draws what comes behind an object, at screen size and within a frame: roughly as a server will make it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cairo

from inference_server.shared.geometry import Box, Size

from .behind import AnotherPhoto, Behind, Blurred, Colours
from .picture import clip_whole_pixels
from .viewport import Viewport

SIDE = 512  # pixels on the long side of the picture that is blurred: no more is seen of it
# As in the server's `defocus`, which says why:
LARGEST = 0.03  # of the photo's long side: the radius at full strength
CUT, FLOATS = 0.01, 0.5  # of the photo's height: an object that ends so near to its lower border, or so high
DEPTH, HORIZON = 0.1, 0.5  # of the object's height: as deep is the ground in focus, and so far the horizon above it
OPAQUE = 12  # times that something faint is laid over itself
STOPS = 48  # of the gradients that say how much of a row is blurred

DrawMask = Callable[[cairo.Context, Viewport], None]


@dataclass(frozen=True)
class Backdrop:
    """What comes behind.  picture: of `AnotherPhoto`, all of it, as large as is useful on a screen."""

    behind: Behind
    picture: cairo.ImageSurface | None = None

    @property
    def follows_mask(self) -> bool:
        """Whether it looks different for another mask."""
        return isinstance(self.behind, Blurred)

    def draw(
        self, cr: cairo.Context, view: Viewport, small: cairo.ImageSurface, draw_mask: DrawMask, bounds: Box
    ) -> None:
        """Draw it over all of the photo; what stays as the photo is, stays empty.

        cr: scaled to screen pixels.  small: all of the photo.  draw_mask: draws what is meant, as a viewport shows it;
        bounds: what that covers, in pixels of the photo.
        """
        cr.save()
        clip_whole_pixels(cr, view)
        cr.translate(*view.origin)
        cr.scale(view.zoom, view.zoom)
        match self.behind:
            case Colours() as colours:
                _draw_colours(cr, colours, view.photo[1])
            case Blurred(strength) if strength > 0:
                _draw_blurred(cr, view.photo, small, draw_mask, _Rows.of(view.photo, bounds, strength))
            case AnotherPhoto() as another if self.picture:
                _draw_photo(cr, another, self.picture, view.photo)
        cr.restore()


def _draw_colours(cr: cairo.Context, colours: Colours, height: int) -> None:
    gradient = cairo.LinearGradient(0, 0, 0, height)
    gradient.add_color_stop_rgb(0, *colours.top)
    gradient.add_color_stop_rgb(1, *colours.bottom)
    cr.set_source(gradient)
    cr.paint()


def _draw_photo(cr: cairo.Context, another: AnotherPhoto, picture: cairo.ImageSurface, photo: Size) -> None:
    width = picture.get_width()
    x0, y0, x1, _y1 = another.covering.part(photo, (width, picture.get_height()))
    factor = photo[0] / (x1 - x0)
    cr.scale(factor, factor)
    cr.translate(-x0, -y0)
    if another.covering.flipped:
        cr.translate(width, 0)
        cr.scale(-1, 1)
    _set_source(cr, picture)
    cr.paint()


# -- out of focus -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """How unsharp each row is, as the server's `defocus.radii` has it.

    height: of the photo; side: its longer side; largest: the radius where nothing is in focus; near, far: the rows
    between which all is in focus, and horizon: the one from which on nothing is; None where nothing is anywhere.  In
    pixels of the photo.
    """

    height: int
    side: int
    largest: float
    ground: tuple[float, float, float] | None

    @classmethod
    def of(cls, photo: Size, bounds: Box, strength: float) -> "_Rows":
        """bounds: of the object."""
        height, (_, top, _, bottom) = photo[1], bounds
        ground = None
        if FLOATS * height <= bottom < (1 - CUT) * height:
            far = bottom - DEPTH * (bottom - top)
            ground = bottom, far, far - max(1.0, HORIZON * (bottom - top))
        return cls(height, max(photo), strength * LARGEST * max(photo), ground)

    def level(self, row: float) -> float:
        """How often a picture of `SIDE` is to be halved until a pixel is as large as the radius; -1 for sharp."""
        share = 1.0
        if self.ground:
            near, far, horizon = self.ground
            share = min(1.0, max(0.0, far - row, row - near) / (far - horizon))
        radius = share * self.largest * min(1.0, SIDE / self.side)
        return max(-1.0, math.log2(max(radius, 0.1)))

    def gradient(self, height: float, first: float, step: float) -> cairo.LinearGradient:
        """What to draw through onto a picture of this height: `first` of a row at level 0, `step` more at the next."""
        gradient = cairo.LinearGradient(0, 0, 0, height)
        for k in range(STOPS + 1):
            level = self.level(self.height * k / STOPS)
            gradient.add_color_stop_rgba(k / STOPS, 0, 0, 0, min(1.0, max(0.0, first + step * level)))
        return gradient


def _draw_blurred(cr: cairo.Context, photo: Size, small: cairo.ImageSurface, draw_mask: DrawMask, rows: _Rows) -> None:
    """cr: scaled to pixels of the photo."""
    levels = _filled(_halved(_without_object(photo, small, draw_mask)))
    deepest = max(rows.level(rows.height * k / STOPS) for k in range(STOPS + 1))
    first = min(len(levels) - 1, max(0, math.ceil(deepest)))
    blurred = levels[first]
    for k in range(first - 1, -1, -1):
        finer = _resized(blurred, levels[k])
        mixed = cairo.Context(finer)
        mixed.set_source_surface(levels[k])
        mixed.mask(rows.gradient(levels[k].get_height(), k + 1, -1))
        blurred = finer
    width, height = blurred.get_width(), blurred.get_height()
    cr.scale(photo[0] / width, photo[1] / height)
    _set_source(cr, blurred)
    cr.mask(rows.gradient(height, 1, 1))


def _without_object(photo: Size, small: cairo.ImageSurface, draw_mask: DrawMask) -> cairo.ImageSurface:
    """The photo with a hole where the object is, at most `SIDE` pixels on its long side."""
    scale = min(1.0, SIDE / max(small.get_width(), small.get_height()))
    size = tuple(max(1, round(edge * scale)) for edge in (small.get_width(), small.get_height()))
    picture, mask = (cairo.ImageSurface(cairo.FORMAT_ARGB32, *size) for _ in range(2))
    draw_mask(
        cairo.Context(mask), Viewport(photo, (size[0], size[1]), size[0] / photo[0], (photo[0] / 2, photo[1] / 2))
    )
    cr = cairo.Context(picture)
    cr.save()
    cr.scale(size[0] / small.get_width(), size[1] / small.get_height())
    _set_source(cr, small)
    cr.paint()
    cr.restore()
    cr.set_operator(cairo.OPERATOR_DEST_OUT)
    cr.set_source_surface(mask)
    cr.paint()
    return picture


def _halved(picture: cairo.ImageSurface) -> list[cairo.ImageSurface]:
    """A picture, and each time half as large until it is a pixel: known colours are averaged, holes become fainter."""
    levels = [picture]
    while max(width := levels[-1].get_width(), height := levels[-1].get_height()) > 1:
        half = cairo.ImageSurface(cairo.FORMAT_ARGB32, (width + 1) // 2, (height + 1) // 2)
        levels.append(_resized(levels[-1], half))
    return levels


def _filled(levels: list[cairo.ImageSurface]) -> list[cairo.ImageSurface]:
    """The same with the holes filled from the coarser ones (as "pull-push", Gortler et al. 1996, "The lumigraph")."""
    coarsest = cairo.Context(levels[-1])
    for _ in range(OPAQUE):
        coarsest.set_source_surface(levels[-1])
        coarsest.paint()
    filled = [levels[-1]]
    for level in reversed(levels[:-1]):
        filled.append(_resized(filled[-1], level))
        cr = cairo.Context(filled[-1])
        cr.set_source_surface(level)
        cr.paint()
    return filled[::-1]


def _resized(picture: cairo.ImageSurface, like: cairo.ImageSurface) -> cairo.ImageSurface:
    """A picture in the size of another."""
    width, height = like.get_width(), like.get_height()
    resized = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
    cr = cairo.Context(resized)
    cr.scale(width / picture.get_width(), height / picture.get_height())
    cr.set_operator(cairo.OPERATOR_SOURCE)
    _set_source(cr, picture)
    cr.paint()
    return resized


def _set_source(cr: cairo.Context, picture: cairo.ImageSurface) -> None:
    """Draw with a picture next, which goes on at its edges instead of fading."""
    pattern = cairo.SurfacePattern(picture)
    pattern.set_filter(cairo.FILTER_BILINEAR)
    pattern.set_extend(cairo.EXTEND_PAD)
    cr.set_source(pattern)

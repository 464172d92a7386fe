"""Draws what comes behind an object, at screen size and within a frame: roughly as a server will make it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress

import cairo

from inference_server.shared.geometry import Box, Size

from .behind import AnotherPhoto, Behind, Blurred, Colours, Nearness
from .picture import clip_whole_pixels
from .viewport import Viewport

SIDE = 512  # pixels on the long side of the picture that is blurred: no more is seen of it
# As in the server's `defocus`, which says why:
LARGEST = 0.03  # of the photo's long side: the radius at full strength
CUT, FLOATS = 0.01, 0.5  # of the photo's height: an object that ends so near to its lower border, or so high
DEPTH, HORIZON = 0.1, 0.5  # of the object's height: as deep is the ground in focus, and so far the horizon above it
# Of depth that was measured, as there, too:
RIM = 0.01  # of the long side around the object in which its depth and that of what is behind are mixed
THICK, FARTHEST, LEAST_DEPTH = 0.1, 0.02, 0.25
OPAQUE = 12  # times that something faint is laid over itself
STOPS = 48  # of the gradients that say how much of a row is blurred

DrawMask = Callable[[cairo.Context, Viewport], None]


@dataclass(frozen=True)
class Backdrop:
    """What comes behind.  picture: of `AnotherPhoto`, all of it, as large as is useful on a screen.  nearness: of the
    photo, for `Blurred`; without it how deep the background is, is guessed."""

    behind: Behind
    picture: cairo.ImageSurface | None = None
    nearness: Nearness | None = None

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
                if self.nearness:
                    focus: _Focus = _Measured.of(view.photo, self.nearness, draw_mask, strength)
                else:
                    focus = _Rows.of(view.photo, bounds, strength)
                _draw_blurred(cr, view.photo, small, draw_mask, focus)
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

    @property
    def deepest(self) -> float:
        """The level of what is most unsharp."""
        return max(self._level(self.height * k / STOPS) for k in range(STOPS + 1))

    def pattern(self, size: Size, first: float, step: float) -> cairo.Pattern:
        """What to draw through onto a picture of this size: `first` of a row at level 0, `step` more at the next."""
        gradient = cairo.LinearGradient(0, 0, 0, size[1])
        for k in range(STOPS + 1):
            level = self._level(self.height * k / STOPS)
            gradient.add_color_stop_rgba(k / STOPS, 0, 0, 0, min(1.0, max(0.0, first + step * level)))
        return gradient

    def _level(self, row: float) -> float:
        share = 1.0
        if self.ground:
            near, far, horizon = self.ground
            share = min(1.0, max(0.0, far - row, row - near) / (far - horizon))
        return _level(share * self.largest, self.side)


@dataclass(frozen=True)
class _Measured:
    """How unsharp each place is, as the server's `defocus.unsharpness` has it.

    size: of a small picture of the photo; behind: its rows, a byte a pixel: how near the background is there, continued
    behind the object; levels: of each of these values.
    """

    size: Size
    behind: bytes
    levels: tuple[float, ...]

    @classmethod
    def of(cls, photo: Size, nearness: Nearness, draw_mask: DrawMask, strength: float) -> "_Measured":
        size, values = nearness.size, nearness.values
        mask = _mask(photo, size, draw_mask)
        alpha = _channel(mask, 3)
        rim = _widened(mask, max(1, round(RIM * max(size))))
        known = _channel(rim, 3).translate(bytes([1]) + bytes(255))
        most = max(alpha)
        object_values = sorted(compress(values, alpha.translate(bytes(value == most for value in range(256)))))
        background = sorted(compress(values, known))
        levels = [
            _level(share * strength * LARGEST * max(photo), max(photo)) for share in _shares(object_values, background)
        ]
        return cls(size, _continued(values, rim), tuple(levels))

    @property
    def deepest(self) -> float:
        """As in `_Rows`."""
        return max(self.levels[value] for value in set(self.behind))

    def pattern(self, size: Size, first: float, step: float) -> cairo.Pattern:
        """As in `_Rows`."""
        width, height = self.size
        table = bytes(round(255 * min(1.0, max(0.0, first + step * level))) for level in self.levels)
        stride = cairo.ImageSurface.format_stride_for_width(cairo.FORMAT_A8, width)
        shares, gap = self.behind.translate(table), bytes(stride - width)
        rows = bytearray(b"".join(shares[y * width : (y + 1) * width] + gap for y in range(height)))
        surface = cairo.ImageSurface.create_for_data(rows, cairo.FORMAT_A8, width, height, stride)
        return _pattern(surface, cairo.Matrix(width / size[0], 0, 0, height / size[1], 0, 0))


_Focus = _Rows | _Measured


def _level(radius: float, side: int) -> float:
    """How often a picture of `SIDE` is to be halved until a pixel is as large as the radius, in pixels of the photo,
    whose longer side this is; -1 for sharp."""
    return max(-1.0, math.log2(max(radius * min(1.0, SIDE / side), 0.1)))


def _shares(object_values: list[int], background: list[int]) -> list[float]:
    """How unsharp the background is, 0 to 1, where it is as near as each of 256 values; both lists are sorted."""
    if not background:
        return [1.0] * 256
    last, first = _quantile(object_values, THICK), _quantile(object_values, 1 - THICK)
    farthest, nearest = _quantile(background, FARTHEST), _quantile(background, 1 - FARTHEST)
    depth = max(last - farthest, LEAST_DEPTH * (nearest - farthest), 1e-6)
    return [min(1.0, max(0, last - value, value - first) / depth) for value in range(256)]


def _quantile(values: list[int], share: float) -> int:
    return values[round(share * (len(values) - 1))]


def _continued(values: bytes, rim: cairo.ImageSurface) -> bytes:
    """A small picture, a byte a pixel, with what a surface covers continued from around it."""
    opaque = bytearray(4 * len(values))
    opaque[0::4] = opaque[1::4] = opaque[2::4] = values
    opaque[3::4] = b"\xff" * len(values)
    width, height = rim.get_width(), rim.get_height()
    picture = cairo.ImageSurface.create_for_data(opaque, cairo.FORMAT_ARGB32, width, height, 4 * width)
    _cut_out(picture, rim)
    return _channel(_filled(_halved(picture))[0], 0)


def _channel(picture: cairo.ImageSurface, k: int) -> bytes:
    """One byte of each pixel of an ARGB32 surface, row by row; 3 is alpha where it is little-endian."""
    picture.flush()
    return bytes(picture.get_data())[k::4]


def _widened(mask: cairo.ImageSurface, reach: int) -> cairo.ImageSurface:
    """A mask that reaches so many pixels further; roughly, for what is thinner than these."""
    wide = cairo.ImageSurface(cairo.FORMAT_ARGB32, mask.get_width(), mask.get_height())
    cr = cairo.Context(wide)
    for dx in (-reach, 0, reach):
        for dy in (-reach, 0, reach):
            cr.set_source_surface(mask, dx, dy)
            cr.paint()
    return wide


def _draw_blurred(
    cr: cairo.Context, photo: Size, small: cairo.ImageSurface, draw_mask: DrawMask, focus: _Focus
) -> None:
    """cr: scaled to pixels of the photo."""
    levels = _filled(_halved(_without_object(photo, small, draw_mask)))
    first = min(len(levels) - 1, max(0, math.ceil(focus.deepest)))
    blurred = levels[first]
    for k in range(first - 1, -1, -1):
        finer = _resized(blurred, levels[k])
        mixed = cairo.Context(finer)
        mixed.set_source_surface(levels[k])
        mixed.mask(focus.pattern((levels[k].get_width(), levels[k].get_height()), k + 1, -1))
        blurred = finer
    width, height = blurred.get_width(), blurred.get_height()
    cr.scale(photo[0] / width, photo[1] / height)
    _set_source(cr, blurred)
    cr.mask(focus.pattern((width, height), 1, 1))


def _without_object(photo: Size, small: cairo.ImageSurface, draw_mask: DrawMask) -> cairo.ImageSurface:
    """The photo with a hole where the object is, at most `SIDE` pixels on its long side."""
    scale = min(1.0, SIDE / max(small.get_width(), small.get_height()))
    width, height = (max(1, round(edge * scale)) for edge in (small.get_width(), small.get_height()))
    picture = cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)
    cr = cairo.Context(picture)
    cr.scale(width / small.get_width(), height / small.get_height())
    _set_source(cr, small)
    cr.paint()
    _cut_out(picture, _mask(photo, (width, height), draw_mask))
    return picture


def _mask(photo: Size, size: Size, draw_mask: DrawMask) -> cairo.ImageSurface:
    """What is meant of a photo, in a picture of all of it of this size."""
    mask = cairo.ImageSurface(cairo.FORMAT_ARGB32, *size)
    draw_mask(cairo.Context(mask), Viewport(photo, size, size[0] / photo[0], (photo[0] / 2, photo[1] / 2)))
    return mask


def _cut_out(picture: cairo.ImageSurface, mask: cairo.ImageSurface) -> None:
    """Have a hole in a picture where a mask of its size covers it."""
    cr = cairo.Context(picture)
    cr.set_operator(cairo.OPERATOR_DEST_OUT)
    cr.set_source_surface(mask)
    cr.paint()


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
    cr.set_source(_pattern(picture))


def _pattern(picture: cairo.ImageSurface, matrix: cairo.Matrix | None = None) -> cairo.SurfacePattern:
    """A picture that goes on at its edges; matrix: from where it is drawn to its pixels."""
    pattern = cairo.SurfacePattern(picture)
    pattern.set_filter(cairo.FILTER_BILINEAR)
    pattern.set_extend(cairo.EXTEND_PAD)
    if matrix:
        pattern.set_matrix(matrix)
    return pattern

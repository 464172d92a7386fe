"""What the dialog shows, as cairo draws it: the photo, what was found in it, results that are not in the image yet."""

import math

import cairo
from gi.repository import Gegl

from inference_server.shared import messages
from inference_server.shared.geometry import Window, proxy_size
from inference_server.shared.wire import extract

from ..image.layers import Result
from ..image.photo_layer import Photo
from ..photo_view.view import Shape

THUMBNAIL = 84  # pixels
TINT = 0.1, 0.5, 1.0, 0.55  # of what is meant, in a thumbnail


def proxy(photo: Photo) -> cairo.ImageSurface:
    """The whole photo at the size of its proxy."""
    width, height = proxy_size(photo.width, photo.height)
    return part(photo, (0, 0, width, height), max(width, height) / max(photo.width, photo.height))


def part(photo: Photo, window: Window, scale: float) -> cairo.ImageSurface:
    """A window of the photo, in pixels of the photo scaled by `scale`."""
    return _surface(photo.picture(window, scale), *window[2:])


def shape(found: messages.MaskProposal, frames: list[bytes]) -> Shape:
    """A shape that came, to be shown."""
    return Shape(found.score, found.place, extract(found.mask, frames), found.outlines)


def forming(picture: messages.Raster, frames: list[bytes]) -> cairo.ImageSurface:
    """The picture of a `protocol.Preview`."""
    rgb, count = extract(picture, frames), picture.width * picture.height
    rows = bytearray(b"\xff") * (4 * count)
    for k in range(3):
        rows[k::4] = rgb[2 - k :: 3]
    return _surface(rows, picture.width, picture.height)


class Composed:
    """The photo as the layers that `layers.Results` makes of a result would show it.

    Made on any thread; `picture` is for GIMP's own.  before: the photo's `proxy`.  whole: the same with the result.
    """

    def __init__(self, photo: Photo, before: cairo.ImageSurface, result: Result):
        self._photo, self.window = photo, result.window
        self._pixels = _buffer(result.window, photo.format, result.pixels)
        self._alpha = _buffer(result.window, "Y u8", result.alpha)
        width, height = before.get_width(), before.get_height()
        self.whole = self._laid_over(before, (0, 0, width, height), max(width, height) / max(photo.width, photo.height))

    def picture(self, window: Window, scale: float) -> cairo.ImageSurface:
        """A window of it, in pixels of the photo scaled by `scale`."""
        if window == (0, 0, self.whole.get_width(), self.whole.get_height()):
            return self.whole
        return self._laid_over(part(self._photo, window, scale), window, scale)

    def _laid_over(self, before: cairo.ImageSurface, window: Window, scale: float) -> cairo.ImageSurface:
        shown = cairo.ImageSurface(cairo.FORMAT_ARGB32, *window[2:])
        context = cairo.Context(shown)
        context.set_source_surface(before)
        context.paint()
        # Only where there is something new: GEGL takes half a second for what lies beside a buffer.
        x, y, w, h = self.window
        left, top = max(window[0], int(x * scale)), max(window[1], int(y * scale))
        right = min(window[0] + window[2], math.ceil((x + w) * scale))
        bottom = min(window[1] + window[3], math.ceil((y + h) * scale))
        if left < right and top < bottom:
            width, height = right - left, bottom - top
            there = Gegl.Rectangle.new(left, top, width, height)
            new = bytes(self._pixels.get(there, scale, "cairo-ARGB32", Gegl.AbyssPolicy.CLAMP))
            alpha = bytes(self._alpha.get(there, scale, "Y u8", Gegl.AbyssPolicy.NONE))
            context.set_source_surface(_surface(new, width, height), left - window[0], top - window[1])
            context.mask_surface(_mask(alpha, width, height), left - window[0], top - window[1])
        return shown


def thumbnail(photo: Photo, whole: cairo.ImageSurface, of: Shape | Composed) -> cairo.ImageSurface:
    """A small picture to choose by.  whole: the photo's `proxy`."""
    scale = whole.get_width() / photo.width
    if isinstance(of, Shape):
        x, y, w, h = of.place
    else:
        x, y, w, h = (round(edge * scale) for edge in of.window)
    side = max(w, h, 8) * 1.3
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    small = cairo.ImageSurface(cairo.FORMAT_ARGB32, THUMBNAIL, THUMBNAIL)
    context = cairo.Context(small)
    context.scale(THUMBNAIL / side, THUMBNAIL / side)
    context.translate(-left, -top)
    context.set_source_surface(whole if isinstance(of, Shape) else of.whole)
    context.paint()
    if isinstance(of, Shape):
        context.set_source_rgba(*TINT)
        context.mask_surface(_mask(of.mask, w, h), x, y)
    return small


def _surface(data: bytes | bytearray, width: int, height: int) -> cairo.ImageSurface:
    """Rows of BGRA, premultiplied, as a picture to draw."""
    return cairo.ImageSurface.create_for_data(bytearray(data), cairo.FORMAT_ARGB32, width, height)


def _mask(data: bytes, width: int, height: int) -> cairo.ImageSurface:
    stride = cairo.ImageSurface.format_stride_for_width(cairo.FORMAT_A8, width)
    rows = data
    if stride != width:
        gap = bytes(stride - width)
        rows = b"".join(data[row * width : (row + 1) * width] + gap for row in range(height))
    return cairo.ImageSurface.create_for_data(bytearray(rows), cairo.FORMAT_A8, width, height, stride)


def _buffer(window: Window, pixel_format: str, pixels: bytes) -> Gegl.Buffer:
    buffer = Gegl.Buffer.new(pixel_format, *window)
    buffer.set(Gegl.Rectangle.new(*window), pixel_format, pixels)
    return buffer

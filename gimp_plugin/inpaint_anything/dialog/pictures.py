"""What the dialog shows, as cairo draws it: the photo, proposals, results that are not in the image yet."""

import math

import cairo
import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl  # noqa: E402  gi wants the version first

from inference_server.shared import messages  # noqa: E402
from inference_server.shared.geometry import Size, Window, whole  # noqa: E402
from inference_server.shared.messages import Raster  # noqa: E402
from inference_server.shared.wire import extract  # noqa: E402

from ..image.layers import JobResult  # noqa: E402
from ..image.photo_layer import PhotoLayer  # noqa: E402
from ..photo_view.marks import Colour  # noqa: E402
from ..photo_view.scene import MaskShape, alpha_surface  # noqa: E402

THUMBNAIL = 84  # pixels
TINT = 0.5  # opacity of what covers the proposed object in a thumbnail


def proxy_picture(photo: PhotoLayer) -> cairo.ImageSurface:
    """The whole photo at the size of its proxy."""
    return photo_part(photo, whole(*photo.proxy_size), photo.proxy_scale)


def photo_part(photo: PhotoLayer, window: Window, scale: float) -> cairo.ImageSurface:
    """A window of the photo scaled by `scale`, in pixels of the scaled photo."""
    return _surface(photo.cairo_pixels(window, scale), (window.width, window.height))


def mask_shape(proposal: messages.MaskProposal, frames: list[bytes]) -> MaskShape:
    """A proposal as the photo view draws it."""
    mask = extract(proposal.mask, frames)
    hints = {"has_hair": proposal.has_hair, "has_shadow": proposal.has_shadow}
    return MaskShape(proposal.score, proposal.place, mask, proposal.outlines, **hints)


def preview_picture(picture: Raster, frames: list[bytes]) -> cairo.ImageSurface:
    """The picture of a `messages.Preview`."""
    return rgb_surface(extract(picture, frames), (picture.width, picture.height))


def rgb_surface(rgb: bytes, size: Size) -> cairo.ImageSurface:
    """Rows of RGB as a picture to draw."""
    rows = bytearray(b"\xff") * (4 * math.prod(size))
    for k in range(3):
        rows[k::4] = rgb[2 - k :: 3]
    return _surface(rows, size)


class ComposedResult:
    """The photo as the layers that `layers.ResultLayers` makes of a result would show it.

    window: of the photo, where the result is.  whole: all of it at the size of the proxy.
    """

    def __init__(self, photo: PhotoLayer, before: cairo.ImageSurface, result: JobResult) -> None:
        """before: the photo at the size of its proxy.  result: one with pixels.

        On a thread of its own, so that no method of GIMP may be called here: of the photo only fields are read.
        """
        assert result.pixels is not None and result.alpha is not None
        self._photo, self.window = photo, result.window
        self._pixels = _buffer(result.window, photo.pixel_format, result.pixels)
        self._alpha = _buffer(result.window, "Y u8", result.alpha)
        size = before.get_width(), before.get_height()
        self.whole = self._laid_over(before, whole(*size), max(size) / max(photo.width, photo.height))

    def picture(self, window: Window, scale: float) -> cairo.ImageSurface:
        """A window of it scaled by `scale`, in pixels of the scaled photo.  For GIMP's own thread."""
        if tuple(window) == (0, 0, self.whole.get_width(), self.whole.get_height()):
            return self.whole
        return self._laid_over(photo_part(self._photo, window, scale), window, scale)

    def _laid_over(self, before: cairo.ImageSurface, window: Window, scale: float) -> cairo.ImageSurface:
        shown = cairo.ImageSurface(cairo.FORMAT_ARGB32, window.width, window.height)
        context = cairo.Context(shown)
        context.set_source_surface(before)
        context.paint()
        # Only where there is something new: GEGL takes half a second for what lies beside a buffer.
        x, y, w, h = self.window
        left, top = max(window.x, int(x * scale)), max(window.y, int(y * scale))
        right = min(window.x + window.width, math.ceil((x + w) * scale))
        bottom = min(window.y + window.height, math.ceil((y + h) * scale))
        if left < right and top < bottom:
            size = right - left, bottom - top
            there = Gegl.Rectangle.new(left, top, *size)
            new = bytes(self._pixels.get(there, scale, "cairo-ARGB32", Gegl.AbyssPolicy.CLAMP))
            alpha = bytes(self._alpha.get(there, scale, "Y u8", Gegl.AbyssPolicy.NONE))
            context.set_source_surface(_surface(new, size), left - window.x, top - window.y)
            context.mask_surface(alpha_surface(*size, alpha), left - window.x, top - window.y)
        return shown


def thumbnail(
    photo: PhotoLayer, proxy: cairo.ImageSurface, choice: MaskShape | ComposedResult, around: Window, colour: Colour
) -> cairo.ImageSurface:
    """A small picture to choose a proposal or a result by.

    proxy: the photo's `proxy_picture`.  around: what of it is to be seen, in its pixels: the same for all the proposals
    of a row, so that one sees which is larger.  colour: of what covers a proposal.
    """
    source = proxy if isinstance(choice, MaskShape) else choice.whole
    x, y, w, h = around
    side = max(w, h, 8) * 1.3
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    small = cairo.ImageSurface(cairo.FORMAT_ARGB32, THUMBNAIL, THUMBNAIL)
    context = cairo.Context(small)
    context.scale(THUMBNAIL / side, THUMBNAIL / side)
    context.translate(-left, -top)
    context.set_source_surface(source)
    context.paint()
    if isinstance(choice, MaskShape):
        x, y, w, h = choice.place
        context.set_source_rgba(*colour, TINT)
        context.mask_surface(alpha_surface(w, h, choice.mask), x, y)
    return small


def place_in_proxy(photo: PhotoLayer, choice: MaskShape | ComposedResult) -> Window:
    """Where a proposal or a result is, in pixels of the photo's proxy."""
    if isinstance(choice, MaskShape):
        return choice.place
    scale = photo.proxy_scale
    x, y, w, h = (round(edge * scale) for edge in choice.window)
    return Window(x, y, max(w, 1), max(h, 1))


def _surface(data: bytes | bytearray, size: Size) -> cairo.ImageSurface:
    """Rows of BGRA, premultiplied, as a picture to draw."""
    return cairo.ImageSurface.create_for_data(bytearray(data), cairo.FORMAT_ARGB32, *size)


def _buffer(window: Window, pixel_format: str, pixels: bytes) -> Gegl.Buffer:
    buffer = Gegl.Buffer.new(pixel_format, *window)
    buffer.set(Gegl.Rectangle.new(*window), pixel_format, pixels)
    return buffer

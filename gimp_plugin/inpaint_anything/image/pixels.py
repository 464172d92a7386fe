"""Reading pixels of GIMP's drawables."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402  gi wants the versions first

from inference_server.shared.geometry import Window  # noqa: E402

STRIP_PIXELS = 1 << 18  # read at once, so that a window stays alive meanwhile


def read_pixels(
    drawable: Gimp.Drawable,
    window: Window,
    scale: float,
    pixel_format: str,
    abyss: Gegl.AbyssPolicy = Gegl.AbyssPolicy.CLAMP,
) -> bytes:
    """The pixels of a window of a drawable that is scaled by `scale`, from the top row down, in a Babl format.

    window: in pixels of the scaled drawable.  abyss: what there is beside the drawable: its edge's pixels (CLAMP), or
    zeros (NONE).
    """
    Gegl.init(None)  # without it a scaled read is silently black; it takes 50 ms, so that it is not done at the start
    return bytes(drawable.get_buffer().get(Gegl.Rectangle.new(*window), scale, pixel_format, abyss))


def strips(window: Window) -> list[Window]:
    """The window cut into strips of about STRIP_PIXELS pixels, from the top down."""
    rows = max(1, STRIP_PIXELS // window.width)
    return [
        Window(window.x, window.y + top, window.width, min(rows, window.height - top))
        for top in range(0, window.height, rows)
    ]


def write_pixels(drawable: Gimp.Drawable, window: Window, pixel_format: str, pixels: bytes) -> None:
    """Set the pixels of a window of a drawable, as far as the drawable reaches; as `read_pixels` gives them."""
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(*window), pixel_format, pixels)
    buffer.flush()
    drawable.update(*window)

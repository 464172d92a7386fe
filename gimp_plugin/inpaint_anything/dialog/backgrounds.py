"""What comes behind an object, as the dialog shows it before a server is asked."""

import cairo
import gi

gi.require_version("Babl", "0.1")
gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, GdkPixbuf, Gegl, Gimp, Gio, GLib  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import UserError, wrong_input  # noqa: E402
from inference_server.shared.geometry import fit_within  # noqa: E402
from inference_server.shared.messages import Job  # noqa: E402

from ..image.background import layer_proxy  # noqa: E402
from ..image.photo_layer import PhotoLayer  # noqa: E402
from ..job_settings import BackgroundKind, JobSettings  # noqa: E402
from ..photo_view.behind import AnotherPhoto, Behind, Blurred, Colours  # noqa: E402
from .events import LAYER, PhotoBehind, Reference  # noqa: E402
from .pictures import rgb_surface  # noqa: E402

SMALL = 64  # pixels on the long side of a picture of what is to be painted
SIDE = 1280  # pixels on the long side of a photo that comes behind: about what a screen shows of it
WHITE = 0xFFFFFF


def behind_of(photo: PhotoLayer, settings: JobSettings) -> Behind | None:
    """What the settings say is to come behind; None where nothing is, or a model is to paint it."""
    if settings.job != Job.REPLACE:
        return None
    match settings.background:
        case BackgroundKind.COLOUR:
            colour = _seen(photo, settings.colour)
            return Colours(colour, colour)
        case BackgroundKind.GRADIENT:
            return Colours(_seen(photo, settings.colour), _seen(photo, settings.second_colour))
        case BackgroundKind.BLUR:
            return Blurred(settings.blur / 100)
        case BackgroundKind.PHOTO if settings.photo:
            return AnotherPhoto(settings.photo.get_uri(), settings.covering)
    return None


def photo_behind(address: str) -> PhotoBehind:
    """A photo as it is seen, upright, as large as is useful.  For any thread: neither GIMP nor GDK is asked.

    Raises UserError where it is of a kind that only GIMP can read, or no photo.
    """
    picture = _picture(address, SIDE)
    return PhotoBehind(address, (picture.get_width(), picture.get_height()), picture)


def reference_of(settings: JobSettings) -> str:
    """The address of the picture of what is to be painted; "" for none."""
    if settings.reference:
        return settings.reference.get_uri()
    return LAYER + settings.reference_layer if settings.reference_layer else ""


def reference_in(here: Gimp.Image, address: str) -> Reference:
    """The picture of what is to be painted, small: a layer or an image that is open, as an image calls it."""
    try:
        width, height, rgb = layer_proxy(address.removeprefix(LAYER), here)
    except UserError:
        return Reference(address, is_gone=True)
    size = fit_within(width, height, SMALL)
    picture = cairo.ImageSurface(cairo.FORMAT_RGB24, *size)
    cr = cairo.Context(picture)
    cr.scale(size[0] / width, size[1] / height)
    cr.set_source_surface(rgb_surface(rgb, (width, height)))
    cr.paint()
    return Reference(address, picture)


def reference_at(address: str) -> Reference:
    """The picture of what is to be painted, small, without one where only GIMP can read it.  For any thread."""
    try:
        return Reference(address, _picture(address, SMALL))
    except UserError:
        return Reference(address, is_gone=not Gio.File.new_for_uri(address).query_exists())


def _picture(address: str, side: int) -> cairo.ImageSurface:
    """What a file shows, upright, with so many pixels on its long side.  Raises UserError as `photo_behind` does."""
    path = Gio.File.new_for_uri(address).get_path()
    try:
        read = GdkPixbuf.Pixbuf.new_from_file_at_scale(path or "", side, side, True)  # noqa: FBT003  its proportions
    except GLib.Error:
        read = None
    upright = read.apply_embedded_orientation() if read else None
    if upright is None:
        raise wrong_input("The photo that comes behind cannot be shown before it is used.")
    width, height = size = upright.get_width(), upright.get_height()
    if upright.get_has_alpha():  # it lies over white, as on the server
        upright = upright.composite_color_simple(*size, GdkPixbuf.InterpType.NEAREST, 255, 8, WHITE, WHITE)
        assert upright is not None  # unless memory is short
    pixels, stride = bytes(upright.read_pixel_bytes().get_data() or b""), upright.get_rowstride()
    rgb = b"".join(pixels[y * stride : y * stride + 3 * width] for y in range(height))
    return rgb_surface(rgb, size)


def _seen(photo: PhotoLayer, colour: Gegl.Color | None) -> tuple[float, float, float]:
    """A colour as a screen shows it, grey where the photo is."""
    assert colour is not None  # GIMP's arguments have one
    samples = "Y' float" if photo.grey else "R'G'B' float"
    values = memoryview(colour.get_bytes(Babl.format(samples)).get_data()).cast("f")
    red, green, blue = (min(1.0, max(0.0, value)) for value in ([values[0]] * 3 if photo.grey else values))
    return red, green, blue

"""Pictures as a request holds them: what comes behind an object, and what something is to look like."""

import contextlib
from collections.abc import Iterator

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio, GLib  # noqa: E402  gi wants the versions first

from inference_server.shared import wire  # noqa: E402
from inference_server.shared.errors import UserError, wrong_input  # noqa: E402
from inference_server.shared.geometry import Size, Window, scaled_size  # noqa: E402
from inference_server.shared.messages import Background, Depth, Raster  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..covering import Covering  # noqa: E402
from ..job_settings import BackgroundKind, JobSettings  # noqa: E402
from . import open_pictures  # noqa: E402
from .photo_layer import PhotoLayer, Proxy  # noqa: E402
from .pixels import read_pixels  # noqa: E402
from .visible import is_opaque, shown_without, visible_layers  # noqa: E402


def read_background(photo: PhotoLayer, settings: JobSettings, frames: list[bytes]) -> Background | None:
    """The background that is chosen, with its pixels appended to `frames`; None where a model is to paint it.

    Raises UserError for a photo that cannot be read.
    """
    match settings.background:
        case BackgroundKind.PHOTO:
            return Background(picture=_picture(photo, settings, frames))
        case BackgroundKind.COLOUR:
            return Background(colours=(_colour(photo, settings.colour),))
        case BackgroundKind.GRADIENT:
            return Background(colours=(_colour(photo, settings.colour), _colour(photo, settings.second_colour)))
        case BackgroundKind.BLUR:
            return Background(blur=settings.blur / 100)
    return None


def read_reference(here: Gimp.Image, settings: JobSettings, frames: list[bytes]) -> Raster | None:
    """The picture of what is to be painted, small and in sRGB, with its pixels appended to `frames`; None where none is
    chosen.  here: the image that is worked on.  Raises UserError for one that cannot be read."""
    if not settings.is_shown_what_to_paint:
        return None
    file = settings.reference
    with _opened(file) if file else open_pictures.copied(settings.reference_layer, here) as image:
        width, height, rgb = _proxy(image)
    return wire.attach(frames, width, height, 3, Depth.UINT8, rgb)


def layer_proxy(name: str, here: Gimp.Image) -> Proxy:
    """What a layer or an image that is open shows, by its name in an image (`open_pictures`).  Raises UserError."""
    with open_pictures.copied(name, here) as image:
        return _proxy(image)


def _proxy(image: Gimp.Image) -> Proxy:
    """What an image shows, over white; the image is changed."""
    if image.get_base_type() != Gimp.ImageBaseType.RGB:
        image.convert_rgb()
    _lay_over_white(image)
    with PhotoLayer.canvas(image) as picture:
        return picture.proxy


def _lay_over_white(image: Gimp.Image) -> None:
    """Have white where an RGB image is transparent."""
    size = image.get_width(), image.get_height()
    white = Gimp.Layer.new(image, "", *size, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    white.fill(Gimp.FillType.WHITE)
    image.insert_layer(white, None, len(image.get_layers()))


def _picture(photo: PhotoLayer, settings: JobSettings, frames: list[bytes]) -> Raster:
    """What a file shows, in the photo's own colours and depth: only the part that is seen as it is placed, and no
    larger than the photo."""
    if settings.photo is None:
        raise wrong_input("There is no photo to put behind the object.", "Choose its file.")
    with _opened(settings.photo) as image:
        if settings.covering.flipped:
            image.flip(Gimp.OrientationType.HORIZONTAL)
        # Not merged: GIMP would say in its status bar that it merges layers, and go on saying so.
        layer, alpha = shown_without(image, None), not is_opaque(image, visible_layers(image))
        part, scale = _seen_part(photo, settings.covering, (layer.get_width(), layer.get_height()))
        pixels = read_pixels(layer, part, scale, Babl.get_name(photo.colour_format(alpha=alpha)))
        layer.delete()
        return wire.attach(frames, part.width, part.height, (1 if photo.grey else 3) + alpha, photo.depth, pixels)


@contextlib.contextmanager
def _opened(file: Gio.File) -> Iterator[Gimp.Image]:
    """A picture as GIMP opens it, upright; something of it is seen.  Raises UserError where it cannot be read."""
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    except GLib.Error:
        image = None
    if image is None:
        raise _unreadable(file)
    try:
        image.policy_rotate(False)  # noqa: FBT003  nobody is asked: as a photo is held, unless GIMP is set to keep it so
        if not visible_layers(image):
            raise _unreadable(file)
        yield image
    finally:
        image.delete()


def _seen_part(photo: PhotoLayer, covering: Covering, size: Size) -> tuple[Window, float]:
    """Which window of a picture of this size is seen behind the photo, in pixels of it scaled by a factor, and that."""
    x0, y0, x1, y1 = covering.part((photo.width, photo.height), size)
    scale = min(1.0, photo.width / (x1 - x0))
    whole = scaled_size(*size, scale)
    left, top = (min(round(edge * scale), most - 1) for edge, most in zip((x0, y0), whole, strict=True))
    right, bottom = (min(max(round(edge * scale), 1), most) for edge, most in zip((x1, y1), whole, strict=True))
    return Window(left, top, max(right - left, 1), max(bottom - top, 1)), scale


def _unreadable(file: Gio.File) -> UserError:
    sentence = tr("{file} is not a picture that GIMP can open.", file=file.get_parse_name())
    if not file.query_exists():
        sentence = tr("The picture {file} is no longer there.", file=file.get_parse_name())
    return wrong_input(sentence, "Choose another photo.")


def _colour(photo: PhotoLayer, colour: Gegl.Color | None) -> tuple[float, float, float]:
    """A colour as the photo would hold it, 0 to 1: red, green and blue, alike where the photo is grey."""
    assert colour is not None  # GIMP's arguments have one
    values = memoryview(colour.get_bytes(photo.colour_format("float")).get_data()).cast("f")
    red, green, blue = (min(1.0, max(0.0, value)) for value in ([values[0]] * 3 if photo.grey else values))
    return red, green, blue

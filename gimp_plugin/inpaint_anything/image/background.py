"""What comes behind an object whose background is replaced, as a request holds it."""

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio, GLib  # noqa: E402  gi wants the versions first

from inference_server.shared import wire  # noqa: E402
from inference_server.shared.errors import UserError, wrong_input  # noqa: E402
from inference_server.shared.geometry import Size, Window, scaled_size  # noqa: E402
from inference_server.shared.messages import Background, Raster  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..covering import Covering  # noqa: E402
from ..job_settings import BackgroundKind, JobSettings  # noqa: E402
from .photo_layer import PhotoLayer  # noqa: E402
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


def _picture(photo: PhotoLayer, settings: JobSettings, frames: list[bytes]) -> Raster:
    """What a file shows, as GIMP opens it, in the photo's own colours and depth: only the part that is seen as it is
    placed, and no larger than the photo."""
    file = settings.photo
    if file is None:
        raise wrong_input("There is no photo to put behind the object.", "Choose its file.")
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    except GLib.Error:
        image = None
    if image is None:
        raise _unreadable(file)
    try:
        image.policy_rotate(False)  # noqa: FBT003  nobody is asked: as a photo is held, unless GIMP is set to keep it so
        seen = visible_layers(image)
        if not seen:
            raise _unreadable(file)
        if settings.covering.flipped:
            image.flip(Gimp.OrientationType.HORIZONTAL)
        # Not merged: GIMP would say in its status bar that it merges layers, and go on saying so.
        layer, alpha = shown_without(image, None), not is_opaque(image, seen)
        part, scale = _seen_part(photo, settings.covering, (layer.get_width(), layer.get_height()))
        pixels = read_pixels(layer, part, scale, Babl.get_name(photo.colour_format(alpha=alpha)))
        layer.delete()
        return wire.attach(frames, part.width, part.height, (1 if photo.grey else 3) + alpha, photo.depth, pixels)
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
    return wrong_input(sentence, "Choose another photo.")


def _colour(photo: PhotoLayer, colour: Gegl.Color | None) -> tuple[float, float, float]:
    """A colour as the photo would hold it, 0 to 1: red, green and blue, alike where the photo is grey."""
    assert colour is not None  # GIMP's arguments have one
    values = memoryview(colour.get_bytes(photo.colour_format("float")).get_data()).cast("f")
    red, green, blue = (min(1.0, max(0.0, value)) for value in ([values[0]] * 3 if photo.grey else values))
    return red, green, blue

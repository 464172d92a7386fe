"""What GIMP holds -> what a request needs.  Knows no server.

Three spaces: GIMP's *image* (where paths and the selection live), the *photo*, which is the active layer with its own
top left as origin, and a *window* of the photo.  Only this file converts between image and photo.
"""

import hashlib
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp, Gio, GLib  # noqa: E402  gi wants the versions first

from inference_server.shared import messages, wire  # noqa: E402
from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Window, proxy_size
from inference_server.shared.text import tr  # noqa: E402

STRIP = 1 << 20  # pixels read at once, so that a window stays alive meanwhile: 4 to 15 ms
HOW_TO_POINT = "Click on the object with the Paths tool (B), one anchor a click, or select it, and try again."


@dataclass(frozen=True)
class Photo:
    """The layer to work on.  offset: its top left in the image.  depth: the samples its pixels are sent as."""

    image: Gimp.Image
    layer: Gimp.Layer
    offset: tuple[int, int]
    width: int
    height: int
    depth: str
    channels: int

    @classmethod
    def of(cls, image, drawables) -> "Photo":
        """The one active layer.  Raises UserError for what cannot be worked on."""
        if len(drawables) != 1:
            raise wrong_input("Inpaint Anything works on one layer at a time.", "Select a single layer.")
        layer = drawables[0]
        if not isinstance(layer, Gimp.Layer):
            raise wrong_input(
                "Inpaint Anything works on layers, not on masks or channels.",
                "Select the photo's layer.",
            )
        if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
            raise wrong_input("Inpaint Anything cannot work on indexed images.", "Choose Image > Mode > RGB first.")
        _, x, y = layer.get_offsets()
        depth = {"u8": "uint8", "u16": "uint16"}.get(image.get_precision().value_nick.split("-")[0], "float32")
        channels = (1 if layer.is_gray() else 3) + layer.has_alpha()
        return cls(image, layer, (x, y), layer.get_width(), layer.get_height(), depth, channels)

    @property
    def format(self) -> str:
        """The Babl format pixels travel in: non-linear, in the layer's own colour space, so that nothing is converted
        on the way but linear light."""
        return Babl.get_name(self.babl({1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}[self.channels]))

    def babl(self, model: str, samples: str = "") -> Babl.Object:
        """A colour model in the layer's own colour space, in `depth` unless other samples are wanted."""
        samples = samples or {"uint8": "u8", "uint16": "u16", "float32": "float"}[self.depth]
        return Babl.format_with_space(f"{model} {samples}", Babl.format_get_space(self.layer.get_format()))

    def reading(self, window: Window) -> Generator[None, None, bytes]:
        """The native pixels of a window, read a strip at a time."""
        strips = []
        for strip in _strips(window):
            strips.append(_read(self.layer, strip, 1.0, self.format))
            yield
        return strips[0] if len(strips) == 1 else b"".join(strips)

    def picture(self, window: Window, scale: float) -> bytes:
        """What a window of the photo scaled by `scale` looks like, window in the scaled photo's pixels: rows of BGRA,
        premultiplied, as cairo wants them for ARGB32 on little-endian machines."""
        return _read(self.layer, window, scale, "cairo-ARGB32")

    @cached_property
    def proxy(self) -> tuple[int, int, bytes]:
        """Width, height and sRGB bytes of the photo scaled to `protocol.proxy_size`; GEGL does the scaling.

        Not GIMP's own thumbnails, which would be quicker: GIMP 3.0 gives wrong colours for them, and they are a
        picture of an icon where previews are switched off.
        """
        width, height = proxy_size(self.width, self.height)
        scale = max(width, height) / max(self.width, self.height)
        return width, height, _read(self.layer, (0, 0, width, height), scale, "R'G'B' u8")

    @cached_property
    def described(self) -> messages.ImageRef:
        """The photo as a request names it that the server needs the whole of it for."""
        return messages.ImageRef(self.width, self.height, messages.image_key(*self.proxy))


@dataclass(frozen=True)
class Pointed:
    """What the person pointed at, in the photo's own pixels: clicks, or what `mask` covers within bounds.

    mask: the selection, or a layer that holds a mask.  rough: whether it is only a hint at what is meant, which
    `clicks` then frame, and not the mask itself.
    """

    clicks: messages.ObjectPrompt | None = None
    bounds: Window | None = None
    mask: Gimp.Drawable | None = None
    rough: bool = False


def pointed_at(photo: Photo, job: str) -> Pointed:
    """Read the selected path or, with no path, the selection.  Raises UserError when nothing was pointed at."""
    this, not_this = _paths(photo.image)
    clicks = _clicks(photo, this, not_this)
    if clicks:
        return Pointed(clicks)
    if Gimp.Selection.is_empty(photo.image):
        raise wrong_input("Nothing says which object is meant: there is no path and no selection.", HOW_TO_POINT)
    touches, x, y, width, height = photo.layer.mask_intersect()
    if not touches:
        raise wrong_input("The selection is outside the layer.", "Select part of the layer, or another layer.")
    selection = photo.image.get_selection()
    if job == "select":
        return Pointed(messages.ObjectPrompt(box=(x, y, x + width, y + height)), mask=selection, rough=True)
    return Pointed(bounds=(x, y, width, height), mask=selection)


def packed_mask(photo: Photo, mask: Gimp.Drawable, window: Window) -> Generator[None, None, bytes]:
    """What a mask covers of a window of the photo, one byte a pixel, as a zlib stream; read a strip at a time."""
    packer, parts = zlib.compressobj(1), []
    x, y = _seen_from(mask, photo)
    for left, top, width, height in _strips(window):
        there = x + left, y + top, width, height
        parts.append(packer.compress(_read(mask, there, 1.0, _mask_format(mask), Gegl.AbyssPolicy.NONE)))
        yield
    return b"".join(parts) + packer.flush()


def rough_mask(photo: Photo, mask: Gimp.Drawable) -> tuple[int, int, bytes]:
    """Width, height and bytes of a mask over the photo, scaled to `protocol.proxy_size`."""
    width, height = proxy_size(photo.width, photo.height)
    scale = max(width, height) / max(photo.width, photo.height)
    left, top = (round(offset * scale) for offset in _seen_from(mask, photo))
    return width, height, _read(mask, (left, top, width, height), scale, _mask_format(mask), Gegl.AbyssPolicy.NONE)


def mask_digest(mask: Gimp.Layer) -> str:
    """What tells whether somebody has painted on a layer that holds a mask."""
    whole = 0, 0, mask.get_width(), mask.get_height()
    return hashlib.sha256(_read(mask, whole, 1.0, _mask_format(mask))).hexdigest()


def mask_bounds(photo: Photo, mask: Gimp.Layer) -> Window | None:
    """Where in the photo a layer that holds a mask lies; None where it lies outside."""
    x, y = _seen_from(mask, photo)
    width, height = mask.get_width(), mask.get_height()
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(photo.width, width - x), min(photo.height, height - y)
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None


def _seen_from(mask: Gimp.Drawable, photo: Photo) -> tuple[int, int]:
    """Where the photo's top left is in a mask."""
    _, x, y = mask.get_offsets()
    return photo.offset[0] - x, photo.offset[1] - y


def _mask_format(mask: Gimp.Drawable) -> str:
    """As what a mask's values are read: a layer's as they are painted, a channel's as they select."""
    return "Y' u8" if isinstance(mask, Gimp.Layer) else "Y u8"


def backdrop(photo: Photo, settings: dict, frames: list[bytes]) -> messages.Background | None:
    """What comes behind the object, from the settings, its pixels in frames; None where a model is to paint it.

    Raises UserError for a photo that cannot be read.
    """
    match settings["background"]:
        case "photo":
            return messages.Background(picture=_picture(photo, settings["photo"], frames))
        case "colour":
            return messages.Background(colours=(_colour(photo, settings["colour"]),))
        case "gradient":
            return messages.Background(
                colours=(_colour(photo, settings["colour"]), _colour(photo, settings["second_colour"]))
            )
        case "blur":
            return messages.Background(blur=settings["blur"] / 100)
    return None


def _picture(photo: Photo, file: Gio.File | None, frames: list[bytes]) -> messages.Raster:
    """What a file shows, as GIMP opens it, in the photo's own colours and depth; no larger than covers the photo."""
    if file is None:
        raise wrong_input("There is no photo to put behind the object.", "Choose its file.")
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    except GLib.Error:
        image = None
    shown = image and image.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
    if not shown:
        sentence = tr("{file} is not a picture that GIMP can open.", file=file.get_parse_name())
        raise wrong_input(sentence, "Choose another photo.")
    try:
        shown.resize_to_image_size()
        width, height, alpha = shown.get_width(), shown.get_height(), shown.has_alpha()
        scale = min(1.0, max(photo.width / width, photo.height / height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        model, channels = ("Y'", 1) if photo.layer.is_gray() else ("R'G'B'", 3)
        travels = Babl.get_name(photo.babl(model + "A" * alpha))
        pixels = _read(shown, (0, 0, width, height), scale, travels)
        return wire.attach(frames, width, height, channels + alpha, photo.depth, pixels)
    finally:
        image.delete()


def _colour(photo: Photo, colour: Gegl.Color) -> tuple[float, float, float]:
    """A colour as the photo would hold it, 0 to 1, red, green and blue alike where the photo is grey."""
    grey = photo.layer.is_gray()
    values = memoryview(colour.get_bytes(photo.babl("Y'" if grey else "R'G'B'", "float")).get_data()).cast("f")
    red, green, blue = (min(1.0, max(0.0, value)) for value in ([values[0]] * 3 if grey else values))
    return red, green, blue


def _strips(window: Window) -> list[Window]:
    x, y, width, height = window
    rows = max(1, STRIP // width)
    return [(x, y + top, width, min(rows, height - top)) for top in range(0, height, rows)]


def _read(
    drawable: Gimp.Drawable,
    window: Window,
    scale: float,
    pixel_format: str,
    abyss: Gegl.AbyssPolicy = Gegl.AbyssPolicy.CLAMP,
) -> bytes:
    """The pixels of a window of a drawable, both scaled; beside the drawable they are its edge's, or none."""
    Gegl.init(None)  # without it a scaled read is black, and says nothing; it takes 50 ms, which not every call has to
    return bytes(drawable.get_buffer().get(Gegl.Rectangle.new(*window), scale, pixel_format, abyss))


# -- paths ------------------------------------------------------------------------------------------------------------


def _leaves_out(path: Gimp.Path) -> bool:
    name = path.get_name().strip().lower()
    return name.startswith(("-", "not"))


def _paths(image) -> tuple[list, list]:
    """(paths that point at the object, paths that say what to leave out).

    Leaving out goes by the name alone.  Pointing goes by being selected; where only a path that leaves out is selected
    (the last one drawn, usually), the topmost other path points.
    """
    everything, selected = image.get_paths(), image.get_selected_paths()
    not_this = [path for path in everything if _leaves_out(path)]
    this = [path for path in selected if not _leaves_out(path)]
    if not this and selected:
        this = [path for path in everything if not _leaves_out(path)][:1]
    return this, not_this if this else []


def _clicks(photo: Photo, this: list, not_this: list) -> messages.ObjectPrompt | None:
    """The clicks of paths, in photo pixels; None where they hold no anchor.  Raises UserError."""
    points, labels, boxes = [], [], []
    for label, paths in ((1, this), (0, not_this)):
        for path in paths:
            for stroke in path.get_strokes():
                anchors, closed = _anchors(photo, path, stroke)
                if closed and label and len(anchors) > 1:
                    boxes.append(anchors)
                else:
                    points += anchors
                    labels += [label] * len(anchors)
    if not boxes and 1 not in labels:
        return None
    for x, y in points:
        if not (0 <= x < photo.width and 0 <= y < photo.height):
            there = {"x": round(x + photo.offset[0]), "y": round(y + photo.offset[1])}
            raise wrong_input(
                tr("A click at {x}, {y} is outside the layer.", **there),
                "Move it onto the object, or select the layer it belongs to.",
            )
    if len(boxes) > 1:
        raise wrong_input("There are several boxes (closed strokes).", "Draw one box around one object.")
    box = None
    if boxes:
        xs, ys = zip(*boxes[0], strict=True)
        box = min(xs), min(ys), max(xs), max(ys)
    return messages.ObjectPrompt(tuple(points), tuple(labels), box)


def _anchors(photo: Photo, path: Gimp.Path, stroke: int) -> tuple[list[tuple[float, float]], bool]:
    """The anchors of one stroke, without their handles, and whether it is closed."""
    _, numbers, closed = path.stroke_get_points(stroke)
    x_offset, y_offset = photo.offset
    return [(x - x_offset, y - y_offset) for x, y in zip(numbers[2::6], numbers[3::6], strict=True)], closed

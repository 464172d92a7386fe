"""What GIMP holds -> what a request needs; a result -> layers.  Knows no server.

Three spaces: GIMP's *image* (where paths and the selection live), the *photo*, which is the active layer with its own
top left as origin, and a *window* of the photo.  Only this file converts between image and photo.
"""

import json
from dataclasses import asdict, dataclass, field

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  gi wants the versions first

from inference_server import protocol  # noqa: E402
from inference_server.errors import UserError  # noqa: E402

Gegl.init(None)  # without it a scaled read is black, and says nothing

PARASITE = "inpaint-anything-job"

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
            raise UserError("wrong-input", "Inpaint Anything works on one layer at a time.", "Select a single layer.")
        layer = drawables[0]
        if not isinstance(layer, Gimp.Layer):
            raise UserError(
                "wrong-input",
                "Inpaint Anything works on layers, not on masks or channels.",
                "Select the photo's layer.",
            )
        if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
            raise UserError(
                "wrong-input", "Inpaint Anything cannot work on indexed images.", "Choose Image > Mode > RGB first."
            )
        _, x, y = layer.get_offsets()
        depth = {"u8": "uint8", "u16": "uint16"}.get(image.get_precision().value_nick.split("-")[0], "float32")
        channels = (1 if layer.is_gray() else 3) + layer.has_alpha()
        return cls(image, layer, (x, y), layer.get_width(), layer.get_height(), depth, channels)

    @property
    def format(self) -> str:
        """The Babl format pixels travel in: non-linear, in the layer's own colour space, so that nothing is converted
        on the way but linear light."""
        model = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}[self.channels]
        samples = {"uint8": "u8", "uint16": "u16", "float32": "float"}[self.depth]
        space = Babl.format_get_space(self.layer.get_format())
        return Babl.get_name(Babl.format_with_space(f"{model} {samples}", space))

    def pixels(self, window: protocol.Window) -> bytes:
        """The native pixels of a window."""
        return bytes(self.layer.get_buffer().get(Gegl.Rectangle.new(*window), 1.0, self.format, Gegl.AbyssPolicy.CLAMP))

    def proxy(self) -> tuple[int, int, bytes]:
        """Width, height and sRGB bytes of the photo scaled to `protocol.proxy_size`; GEGL does the scaling.

        Not GIMP's own thumbnails, which would be quicker: GIMP 3.0 gives wrong colours for them, and they are a
        picture of an icon where previews are switched off.
        """
        width, height = protocol.proxy_size(self.width, self.height)
        scale = max(width, height) / max(self.width, self.height)
        rectangle = Gegl.Rectangle.new(0, 0, width, height)
        return width, height, bytes(self.layer.get_buffer().get(rectangle, scale, "R'G'B' u8", Gegl.AbyssPolicy.CLAMP))


@dataclass(frozen=True)
class Pointed:
    """What the person pointed at, in the photo's own pixels: clicks, or the selection within bounds.

    rough: whether the selection is only a hint at what is meant, which `clicks` then frame, and not the mask itself.
    """

    in_words: str
    clicks: protocol.Clicks | None = None
    bounds: protocol.Window | None = None
    rough: bool = False


@dataclass(frozen=True)
class Result:
    """What came back: for `window` of the photo, the object's mask and, unless it was only to be selected, new pixels
    with the alpha that shows them."""

    job: str
    window: protocol.Window
    score: float
    mask: bytes
    pixels: bytes | None = None
    alpha: bytes | None = None
    settings: dict = field(default_factory=dict)
    clicks: protocol.Clicks | None = None


def pointed_at(photo: Photo, job: str) -> Pointed:
    """Read the selected path or, with no path, the selection.  Raises UserError when nothing was pointed at."""
    this, not_this = _paths(photo.image)
    clicks = _clicks(photo, this, not_this)
    if clicks:
        count = len(clicks.points)
        words = ([f"{count} click{'s' if count > 1 else ''}"] if count else []) + (["a box"] if clicks.box else [])
        names = ", ".join(f"“{path.get_name()}”" for path in (*this, *not_this))
        return Pointed(f"{' and '.join(words)} from the path {names}", clicks)
    if Gimp.Selection.is_empty(photo.image):
        raise UserError(
            "wrong-input", "Nothing says which object is meant: there is no path and no selection.", HOW_TO_POINT
        )
    touches, x, y, width, height = photo.layer.mask_intersect()
    if not touches:
        raise UserError(
            "wrong-input", "The selection is outside the layer.", "Select part of the layer, or another layer."
        )
    if job == "select":
        return Pointed("what is roughly selected", protocol.Clicks(box=(x, y, x + width, y + height)), rough=True)
    return Pointed("the selection", bounds=(x, y, width, height))


def selection_mask(photo: Photo, window: protocol.Window) -> bytes:
    """The selection inside a window of the photo, one byte a pixel."""
    x, y, width, height = window
    rectangle = Gegl.Rectangle.new(x + photo.offset[0], y + photo.offset[1], width, height)
    return bytes(photo.image.get_selection().get_buffer().get(rectangle, 1.0, "Y u8", Gegl.AbyssPolicy.NONE))


def rough_selection(photo: Photo) -> tuple[int, int, bytes]:
    """Width, height and bytes of the selection over the photo, scaled to `protocol.proxy_size`."""
    width, height = protocol.proxy_size(photo.width, photo.height)
    scale = max(width, height) / max(photo.width, photo.height)
    left, top = (round(offset * scale) for offset in photo.offset)
    rectangle = Gegl.Rectangle.new(left, top, width, height)
    buffer = photo.image.get_selection().get_buffer()
    return width, height, bytes(buffer.get(rectangle, scale, "Y u8", Gegl.AbyssPolicy.NONE))


def insert(photo: Photo, result: Result) -> Gimp.GroupLayer:
    """Put a result above the photo's layer, in one undo step: a group with the new pixels under a layer mask and,
    hidden, the object's mask.  The photo's layer is not touched.  Returns the group.

    Everything that can fail happens before the image is changed.
    """
    image = photo.image
    group = Gimp.GroupLayer.new(image, protocol.TITLES[result.job])
    shown = _result_layer(photo, result) if result.pixels is not None else None
    mask = _mask_layer(photo, result)
    chosen = _selection_channel(photo, result) if result.job == "select" else None
    job = {
        "job": result.job,
        "layer": photo.layer.get_name(),
        "settings": result.settings,
        "score": result.score,
        "clicks": asdict(result.clicks) if result.clicks else None,
    }
    flags = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    # Before the group is in the image: GIMP undoes attaching to one that is with a critical error of its own.
    group.attach_parasite(Gimp.Parasite.new(PARASITE, flags, list(json.dumps(job).encode())))

    parent, position = photo.layer.get_parent(), image.get_item_position(photo.layer)
    image.undo_group_start()
    try:
        if not image.insert_layer(group, parent, position):
            raise UserError("wrong-input", f"GIMP does not take the result: {Gimp.get_pdb().get_last_error()}")
        _blend_as_computed(group, image)
        image.insert_layer(mask, group, 0)
        if shown:
            image.insert_layer(shown, group, 0)
        if chosen:
            image.insert_channel(chosen, None, 0)
            image.select_item(Gimp.ChannelOps.REPLACE, chosen)
            image.remove_channel(chosen)
        image.set_selected_layers([photo.layer])
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return group


def _result_layer(photo: Photo, result: Result) -> Gimp.Layer:
    layer = _layer(
        photo, result, "Result", photo.layer.type_with_alpha() if photo.layer.has_alpha() else photo.layer.type()
    )
    _paint(layer, result, photo.format, result.pixels)
    _blend_as_computed(layer, photo.image)
    mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    _paint(mask, result, "Y u8", result.alpha)
    layer.add_mask(mask)
    layer.set_edit_mask(False)
    return layer


def _mask_layer(photo: Photo, result: Result) -> Gimp.Layer:
    gray = photo.image.get_base_type() == Gimp.ImageBaseType.GRAY
    layer = _layer(photo, result, "Mask", Gimp.ImageType.GRAY_IMAGE if gray else Gimp.ImageType.RGB_IMAGE)
    _paint(layer, result, "Y' u8", result.mask)
    layer.set_visible(False)
    return layer


def _layer(photo: Photo, result: Result, name: str, kind: Gimp.ImageType) -> Gimp.Layer:
    x, y, width, height = result.window
    layer = Gimp.Layer.new(photo.image, name, width, height, kind, 100, Gimp.LayerMode.NORMAL)
    layer.set_offsets(photo.offset[0] + x, photo.offset[1] + y)
    return layer


def _selection_channel(photo: Photo, result: Result) -> Gimp.Channel:
    """A channel of the image's size that holds the mask at its place."""
    image, (x, y, width, height) = photo.image, result.window
    channel = Gimp.Channel.new(
        image, protocol.TITLES["select"], image.get_width(), image.get_height(), 100, Gegl.Color.new("black")
    )
    buffer = channel.get_buffer()
    buffer.set(Gegl.Rectangle.new(photo.offset[0] + x, photo.offset[1] + y, width, height), "Y u8", result.mask)
    buffer.flush()
    return channel


def _paint(drawable: Gimp.Drawable, result: Result, pixel_format: str, pixels: bytes) -> None:
    _, _, width, height = result.window
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), pixel_format, pixels)
    buffer.flush()
    drawable.update(0, 0, width, height)


def _blend_as_computed(layer: Gimp.Layer, image: Gimp.Image) -> None:
    """Mix in the values the image holds, which need no conversion, so that what the mask hides is shown bit for bit.

    The server mixes in non-linear values; in a linear image the soft edge differs by a hair, and only there.
    """
    linear = not image.get_precision().value_nick.endswith("non-linear")
    space = Gimp.LayerColorSpace.RGB_LINEAR if linear else Gimp.LayerColorSpace.RGB_NON_LINEAR
    layer.set_blend_space(space)
    layer.set_composite_space(space)


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


def _clicks(photo: Photo, this: list, not_this: list) -> protocol.Clicks | None:
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
            raise UserError(
                "wrong-input",
                f"A click at {x + photo.offset[0]:.0f}, {y + photo.offset[1]:.0f} is outside the layer.",
                "Move it onto the object, or select the layer it belongs to.",
            )
    if len(boxes) > 1:
        raise UserError("wrong-input", "There are several boxes (closed strokes).", "Draw one box around one object.")
    box = None
    if boxes:
        xs, ys = zip(*boxes[0], strict=True)
        box = min(xs), min(ys), max(xs), max(ys)
    return protocol.Clicks(tuple(points), tuple(labels), box)


def _anchors(photo: Photo, path: Gimp.Path, stroke: int) -> tuple[list[tuple[float, float]], bool]:
    """The anchors of one stroke, without their handles, and whether it is closed."""
    _, numbers, closed = path.stroke_get_points(stroke)
    x_offset, y_offset = photo.offset
    return [(x - x_offset, y - y_offset) for x, y in zip(numbers[2::6], numbers[3::6], strict=True)], closed

"""What becomes of an object that was selected: GIMP's selection, a layer mask, a channel, a path or a layer."""

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import wrong_input  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _  # noqa: E402
from ..job_settings import SelectionTarget  # noqa: E402
from .photo_layer import PhotoLayer  # noqa: E402
from .pixels import read_pixels, write_pixels  # noqa: E402

OPERATIONS = {
    SelectionTarget.REPLACE: Gimp.ChannelOps.REPLACE,
    SelectionTarget.ADD: Gimp.ChannelOps.ADD,
    SelectionTarget.SUBTRACT: Gimp.ChannelOps.SUBTRACT,
    SelectionTarget.INTERSECT: Gimp.ChannelOps.INTERSECT,
}
CHANNEL_OPACITY = 50  # per cent, as of GIMP's own
TRACE = "plug-in-sel2path"  # GIMP's own plug-in, which makes a path of the selection


class SelectedObject:
    """An object's mask, ready to become what the person has chosen.

    Making one leaves the image as it is; `put` changes it, in an undo step that the caller has begun.
    """

    def __init__(
        self,
        photo: PhotoLayer,
        window: Window,
        mask: bytes,
        target: SelectionTarget,
        *,
        colours: bytes | None = None,
        source: Gimp.Drawable | None = None,
    ) -> None:
        """mask: uint8, of the window, which is one of the photo.  colours: of a cut-out, of the window, in the photo's
        own format; None for the photo's.  source: what the mask was made from: a layer mask is replaced.

        Raises UserError where the target cannot be had.
        """
        self._photo, self._target = photo, target
        self._window, self._mask = window, mask
        self._channel = _channel(photo, window, mask)
        self._layer = _layer_to_mask(photo, source) if target is SelectionTarget.LAYER_MASK else None
        self._cut_out = _cut_out(photo, window, colours) if target is SelectionTarget.LAYER else None

    def put(self, group: Gimp.GroupLayer) -> None:
        """Make of it what was chosen.  group: the job's, whose name a channel or a path gets too."""
        image, channel = self._photo.image, self._channel
        if self._layer:
            if self._layer.get_mask():
                self._layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
            self._layer.add_mask(_mask_of(self._layer, self._photo, self._window, self._mask))
            self._layer.set_edit_mask(False)
            return
        if self._cut_out:
            image.insert_layer(self._cut_out, group, 0)
            self._cut_out.add_mask(_mask_of(self._cut_out, self._photo, self._window, self._mask))
            self._cut_out.remove_mask(Gimp.MaskApplyMode.APPLY)
            return
        image.insert_channel(channel, None, 0)
        if self._target is SelectionTarget.CHANNEL:
            channel.set_name(group.get_name())
            return
        if self._target is SelectionTarget.PATH:
            _trace(image, channel, group.get_name())
        else:
            image.select_item(OPERATIONS[self._target], channel)
        image.remove_channel(channel)


def _channel(photo: PhotoLayer, window: Window, mask: bytes) -> Gimp.Channel:
    """A channel of the image's size that holds the mask at its place; not in the image yet."""
    image, (x, y) = photo.image, photo.offset
    black = Gegl.Color.new("black")
    channel = Gimp.Channel.new(image, _("Mask"), image.get_width(), image.get_height(), CHANNEL_OPACITY, black)
    channel.set_visible(False)
    # Values are selected as the channel stores them, non-linear or not.
    values = "Y' u8" if Babl.get_name(channel.get_format()).startswith("Y'") else "Y u8"
    write_pixels(channel, Window(x + window.x, y + window.y, window.width, window.height), values, mask)
    return channel


def _layer_to_mask(photo: PhotoLayer, source: Gimp.Drawable | None) -> Gimp.Layer:
    """The layer that gets a layer mask: the photo's, or the selected one where the photo is all that is visible.

    Raises UserError where there is none, or it has a mask that is not `source`.
    """
    selected = photo.image.get_selected_layers()
    if photo.below is None and len(selected) != 1:
        raise wrong_input("It is not clear which layer is to get the layer mask.", "Select a single layer.")
    layer = selected[0] if photo.below is None else photo.layer
    if layer.get_mask() not in (None, source):
        sentence = tr("The layer {name} has a layer mask already.", name=layer.get_name())
        raise wrong_input(sentence, "Apply or delete that mask, or have the object made a channel.")
    return layer


def _mask_of(layer: Gimp.Layer, photo: PhotoLayer, window: Window, mask: bytes) -> Gimp.LayerMask:
    """A layer mask that shows only what the mask of the photo's window covers."""
    made = layer.create_mask(Gimp.AddMaskType.BLACK)
    _found, x, y = layer.get_offsets()
    there = Window(photo.offset[0] + window.x - x, photo.offset[1] + window.y - y, window.width, window.height)
    write_pixels(made, there, "Y u8", mask)
    return made


def _cut_out(photo: PhotoLayer, window: Window, colours: bytes | None) -> Gimp.Layer:
    """A layer with alpha that shows a window of the photo, or other colours there; not in the image yet."""
    layer = photo.new_layer(window, _("Object"), photo.image_type)
    layer.add_alpha()
    whole = Window(0, 0, window.width, window.height)
    colours = colours or read_pixels(photo.layer, window, 1.0, photo.pixel_format)
    write_pixels(layer, whole, photo.pixel_format, colours)
    return layer


def _trace(image: Gimp.Image, channel: Gimp.Channel, name: str) -> None:
    """Make a path of this name of a channel's outline; the selection and the selected paths stay.

    GIMP's plug-in traces the selection, which is set for it and set back.
    """
    before, selected = image.get_paths(), image.get_selected_paths()
    kept = None if Gimp.Selection.is_empty(image) else Gimp.Selection.save(image)
    image.select_item(Gimp.ChannelOps.REPLACE, channel)
    procedure = Gimp.get_pdb().lookup_procedure(TRACE)
    if procedure:
        config = procedure.create_config()
        config.set_property("image", image)
        procedure.run(config)
    if kept:
        image.select_item(Gimp.ChannelOps.REPLACE, kept)
        image.remove_channel(kept)
    else:
        Gimp.Selection.none(image)
    for path in image.get_paths():
        if path not in before:
            path.set_name(name)
            path.set_visible(True)
    image.set_selected_paths(selected)  # a path that is selected says what the next job works on

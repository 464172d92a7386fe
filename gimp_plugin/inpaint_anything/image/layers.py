"""A job's results -> layers: one group above the photo's layer, one undo step.  Knows no server."""

from dataclasses import asdict, dataclass

from gi.repository import Gegl, Gimp

from inference_server.shared import messages
from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Window
from inference_server.shared.text import tr

from ..i18n import _
from .last_settings import as_json
from .photo_layer import Photo, mask_digest

PARASITE = "inpaint-anything-job"
FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


@dataclass(frozen=True)
class Result:
    """What came back: for `window` of the photo, the object's mask and, unless it was only to be selected, new pixels
    with the alpha that shows them.  told: what a model painted it with: seed, prompt, negative, model, quality."""

    window: Window
    score: float
    mask: bytes
    pixels: bytes | None = None
    alpha: bytes | None = None
    told: dict | None = None


class Results:
    """The group that the results of one job come into, each as it arrives.  The photo's layer is not touched.

    With the first result come the group and, hidden in it, the object's mask.  Of several variations one is visible and
    the others are hidden: two at once would mix where their edges are soft, and a picture that changes by itself is
    hard to compare.  All is one undo step, which ends with `close`.
    """

    def __init__(
        self,
        photo: Photo,
        job: str,
        settings: dict,
        clicks: messages.ObjectPrompt | None,
        shown: int = 0,
        instead_of: Gimp.GroupLayer | None = None,
    ):
        """shown: which of several results is to be visible.  instead_of: a former group, whose place this one takes."""
        self._photo, self._job, self._shown, self._former = photo, job, shown, instead_of
        self._about = {
            "job": job,
            "layer": photo.layer.get_name(),
            "tattoo": photo.layer.get_tattoo(),
            "settings": settings,
            "clicks": asdict(clicks) if clicks else None,
        }
        self.group: Gimp.GroupLayer | None = None
        self.count = 0
        self.score = 0.0

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, result: Result) -> None:
        """Put one more result into the image and show it.  Raises UserError where the photo is gone."""
        photo, image = self._photo, self._photo.image
        if not (image.is_valid() and photo.layer.is_valid()):
            raise wrong_input("The photo was closed while its result was made.")
        # Everything that can fail happens before the image is changed.
        shown = self._result_layer(result) if result.pixels is not None else None
        chosen = _selection_channel(photo, result) if self._job == "select" else None
        selected = image.get_selected_layers()
        if self.group is None:
            self._open(result)
        if shown:
            image.insert_layer(shown, self.group, self.count)
        if chosen:
            image.insert_channel(chosen, None, 0)
            image.select_item(Gimp.ChannelOps.REPLACE, chosen)
            image.remove_channel(chosen)
        image.set_selected_layers([layer for layer in selected if layer.is_valid()] or [self.group])
        self.count += 1
        Gimp.displays_flush()

    def close(self) -> None:
        """End the undo step."""
        if self.group is not None and self._photo.image.is_valid():
            self._photo.image.undo_group_end()

    def _open(self, result: Result) -> None:
        """Begin the undo step with the group and the mask in it."""
        photo, image = self._photo, self._photo.image
        group = Gimp.GroupLayer.new(image, _(messages.TITLES[self._job]))
        mask = _mask_layer(photo, result)
        # Before the group is in the image: GIMP undoes attaching to one that is with a critical error of its own.
        _note(group, {**self._about, "score": result.score})
        image.undo_group_start()
        above = self._former or photo.layer
        if not image.insert_layer(group, above.get_parent(), image.get_item_position(above)):
            image.undo_group_end()
            reason = Gimp.get_pdb().get_last_error()
            raise wrong_input(tr("GIMP does not take the result: {reason}", reason=reason))
        self.group, self.score = group, result.score
        if self._former:
            _take_place(group, self._former)
        else:
            _blend_as_computed(group, image)
        image.insert_layer(mask, group, 0)

    def _result_layer(self, result: Result) -> Gimp.Layer:
        photo, told = self._photo, result.told
        name = tr(_("Result, seed {seed}"), seed=told["seed"]) if told else _("Result")
        kind = photo.layer.type_with_alpha() if photo.layer.has_alpha() else photo.layer.type()
        layer = _layer(photo, result, name, kind)
        _paint(layer, result, photo.format, result.pixels)
        _blend_as_computed(layer, photo.image)
        mask = layer.create_mask(Gimp.AddMaskType.BLACK)
        _paint(mask, result, "Y u8", result.alpha)
        layer.add_mask(mask)
        layer.set_edit_mask(False)
        layer.set_visible(self.count == self._shown)
        if told:
            _note(layer, {"job": self._job, **told})
        return layer


def _note(item: Gimp.Item, about: dict) -> None:
    """Leave a note of what a layer is with it, as JSON."""
    item.attach_parasite(Gimp.Parasite.new(PARASITE, FLAGS, list(as_json(about).encode())))


def _take_place(group: Gimp.GroupLayer, former: Gimp.GroupLayer) -> None:
    """What the person may have changed of the former group is kept; then it leaves."""
    group.set_name(former.get_name())
    group.set_visible(former.get_visible())
    group.set_opacity(former.get_opacity())
    group.set_mode(former.get_mode())
    group.set_blend_space(former.get_blend_space())
    group.set_composite_space(former.get_composite_space())
    former.get_image().remove_layer(former)


def _mask_layer(photo: Photo, result: Result) -> Gimp.Layer:
    gray = photo.image.get_base_type() == Gimp.ImageBaseType.GRAY
    layer = _layer(photo, result, _("Mask"), Gimp.ImageType.GRAY_IMAGE if gray else Gimp.ImageType.RGB_IMAGE)
    _paint(layer, result, "Y' u8", result.mask)
    layer.set_visible(False)
    _note(layer, {"mask": mask_digest(layer)})
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
        image, _(messages.TITLES["select"]), image.get_width(), image.get_height(), 100, Gegl.Color.new("black")
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

"""A job's results as layers: one group above what it covers, one undo step."""

from dataclasses import dataclass

from gi.repository import Gimp

from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Job
from inference_server.shared.text import tr

from ..i18n import _
from ..job_settings import JobSettings
from . import names, notes
from .notes import JobNote, PaintedWith
from .photo_layer import PhotoLayer
from .pixels import write_pixels
from .selection import SelectedObject
from .target import ObjectTarget, mask_digest


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What came back for `window` of the photo; all pixels are of the window's size, from the top row down.

    score: of the mask, 0 to 1.  mask: uint8, the object.  pixels: new ones, in the photo's own format, with the alpha,
    uint8, that shows them; both None where the object was only to be selected, alpha alone where it was cut out.
    painted_with: None where no model painted.
    """

    window: Window
    score: float
    mask: bytes
    pixels: bytes | None = None
    alpha: bytes | None = None
    painted_with: PaintedWith | None = None


class ResultLayers:
    """The group that the results of one job come into, each as it arrives.  The photo's layer is not touched.

    With the first result come the group and, hidden in it, the object's mask.  Of several variations one is visible and
    the others are hidden: two at once would mix where their edges are soft, and a picture that changes by itself is
    hard to compare.  All is one undo step, which ends with `close`.
    """

    def __init__(
        self,
        photo: PhotoLayer,
        settings: JobSettings,
        target: ObjectTarget,
        *,
        visible: int = 0,
        previous: Gimp.GroupLayer | None = None,
        title: str = "",
    ) -> None:
        """visible: which of the results is to be seen.  previous: a group whose place this one takes.  title: of the
        group, "" for what the job calls it."""
        self._photo, self._settings, self._target = photo, settings, target
        self._visible, self._previous = visible, previous
        self._title = title or names.title(settings)
        self.group: Gimp.GroupLayer | None = None
        self.count = 0
        self.score = 0.0

    def __enter__(self) -> "ResultLayers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, result: JobResult) -> None:
        """Put one more result into the image and show it.  Raises UserError where the photo is gone."""
        if not self._photo.is_valid:
            raise wrong_input("The photo was closed while its result was made.")
        image = self._photo.image
        # Everything that can fail happens before the image is changed.
        layer = self._result_layer(result)
        selected_object = self._selected_object(result)
        selected = image.get_selected_layers()
        group = self.group or self._open(result)
        if layer:
            image.insert_layer(layer, group, self.count)
        if selected_object:
            selected_object.put(group)
        image.set_selected_layers([layer for layer in selected if layer.is_valid()] or [group])
        self.count += 1
        Gimp.displays_flush()

    def close(self) -> None:
        """End the undo step."""
        if self.group is not None and self._photo.image.is_valid():
            self._photo.image.undo_group_end()

    def _open(self, result: JobResult) -> Gimp.GroupLayer:
        """Begin the undo step with the group, which is returned, and the mask in it."""
        photo, image = self._photo, self._photo.image
        name = names.unused(self._title, image, besides=self._previous)
        group = Gimp.GroupLayer.new(image, name)
        mask = _mask_layer(photo, result)
        # Before the group is in the image: GIMP undoes attaching to one that is with a critical error of its own.
        notes.note_job(group, self._note(name, result.score))
        image.undo_group_start()
        below = self._previous or photo.below
        parent = below.get_parent() if below else None
        parent = parent if isinstance(parent, Gimp.Layer) else None
        if not image.insert_layer(group, parent, image.get_item_position(below) if below else 0):
            image.undo_group_end()
            reason = Gimp.get_pdb().get_last_error()
            raise wrong_input(tr("GIMP does not take the result: {reason}", reason=reason))
        self.group, self.score = group, result.score
        if self._previous:
            _take_place(group, self._previous, name)
        else:
            _blend_as_computed(group, image)
        image.insert_layer(mask, group, 0)
        return group

    def _note(self, name: str, score: float) -> JobNote:
        ready = self._target.mask is not None and not self._target.rough
        return JobNote(
            name=name,
            job=self._settings.job,
            layer=self._photo.name,
            tattoo=self._photo.tattoo,
            origin=self._photo.offset,
            settings=self._settings,
            prompts=self._target.prompts,
            strokes=() if ready else self._target.strokes,  # which are in the mask then
            score=score,
        )

    def _selected_object(self, result: JobResult) -> SelectedObject | None:
        """The object of Select; None of another job.  Raises UserError."""
        if self._settings.job != Job.SELECT:
            return None
        return SelectedObject(
            self._photo,
            result.window,
            result.mask,
            self._settings.result_as,
            colours=result.pixels,
            source=self._target.mask,
        )

    def _result_layer(self, result: JobResult) -> Gimp.Layer | None:
        """The layer with the new pixels; None where there are none."""
        if result.pixels is None or result.alpha is None:
            return None
        photo, painted_with = self._photo, result.painted_with
        name = _("Result")
        if painted_with:
            name = tr(_("Result {number} (seed {seed})"), number=self.count + 1, seed=painted_with.seed)
        layer = photo.new_layer(result.window, name, photo.image_type)
        _fill(layer, photo.pixel_format, result.pixels)
        _blend_as_computed(layer, photo.image)
        mask = layer.create_mask(Gimp.AddMaskType.BLACK)
        _fill(mask, "Y u8", result.alpha)
        layer.add_mask(mask)
        layer.set_edit_mask(False)
        layer.set_visible(self.count == self._visible)
        if painted_with:
            notes.note_result(layer, self._settings.job, painted_with)
        return layer


def _take_place(group: Gimp.GroupLayer, previous: Gimp.GroupLayer, name: str) -> None:
    """Keep what the person may have changed of the previous group, and remove it.

    name: that of the new one, unless the person has given the previous one another than its job did.
    """
    note, former = notes.job_of(previous), previous.get_name()
    group.set_visible(previous.get_visible())
    group.set_opacity(previous.get_opacity())
    group.set_mode(previous.get_mode())
    group.set_blend_space(previous.get_blend_space())
    group.set_composite_space(previous.get_composite_space())
    previous.get_image().remove_layer(previous)
    group.set_name(name if note and note.name == former else former)


def _mask_layer(photo: PhotoLayer, result: JobResult) -> Gimp.Layer:
    grey = photo.image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAY_IMAGE if grey else Gimp.ImageType.RGB_IMAGE
    layer = photo.new_layer(result.window, _("Mask"), kind)
    # As the layer has them: from another format Babl would search its way for half a second.
    _fill(layer, photo.opaque_format("u8"), result.mask if grey else _thrice(result.mask))
    layer.set_visible(False)
    notes.note_mask(layer, mask_digest(layer))
    return layer


def _thrice(values: bytes) -> bytes:
    """Each value three times: grey pixels as RGB has them."""
    samples = bytearray(3 * len(values))
    for channel in range(3):
        samples[channel::3] = values
    return bytes(samples)


def _fill(drawable: Gimp.Drawable, pixel_format: str, pixels: bytes) -> None:
    """Set all pixels of a drawable."""
    write_pixels(drawable, Window(0, 0, drawable.get_width(), drawable.get_height()), pixel_format, pixels)


def _blend_as_computed(layer: Gimp.Layer, image: Gimp.Image) -> None:
    """Mix in the values the image holds, which need no conversion, so that what the mask hides is shown bit for bit.

    The server mixes in non-linear values; in a linear image the soft edge differs by a hair, and only there.
    """
    linear = not image.get_precision().value_nick.endswith("non-linear")
    space = Gimp.LayerColorSpace.RGB_LINEAR if linear else Gimp.LayerColorSpace.RGB_NON_LINEAR
    layer.set_blend_space(space)
    layer.set_composite_space(space)

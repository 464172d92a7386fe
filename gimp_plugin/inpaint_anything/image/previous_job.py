"""A job that was done before, read from the group it left in the image."""

from dataclasses import dataclass

from gi.repository import Gimp

from inference_server.shared.errors import UserError, wrong_input

from ..job_settings import JobSettings, Source
from . import notes
from .notes import JobNote
from .photo_layer import PhotoLayer
from .target import ObjectTarget, mask_bounds, mask_digest
from .visible import place_of


@dataclass(frozen=True, kw_only=True)
class PreviousJob:
    """A job that was done.  target: what was marked or, where the person has painted on it since, its mask."""

    group: Gimp.GroupLayer
    photo: PhotoLayer
    settings: JobSettings
    target: ObjectTarget


def previous_job(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> PreviousJob:
    """The job whose group, or a layer of whose group, is selected.  Raises UserError."""
    group = _group(drawables)
    note = notes.job_of(group)
    if note is None:
        raise _nothing_here()
    if note.settings.source is Source.VISIBLE:
        mask = _mask(group)
        photo = PhotoLayer.visible(image, above=group, meant=place_of(mask) if mask else None)
    else:
        photo = PhotoLayer.of(image, [_photo_layer(image, note, group)], Source.LAYER)
    target = _target(photo, group, note)
    return PreviousJob(group=group, photo=photo, settings=note.settings, target=target)


def _nothing_here() -> UserError:
    return wrong_input(
        "This is no result of Inpaint Anything.",
        "Select the group that one of its jobs made, or a layer in it.",
    )


def _group(drawables: list[Gimp.Drawable]) -> Gimp.GroupLayer:
    """The innermost group around what is selected that a job has made."""
    if len(drawables) != 1:
        raise _nothing_here()
    item: Gimp.Item | None = drawables[0]
    if isinstance(item, Gimp.LayerMask):
        item = Gimp.Layer.from_mask(item)
    while item is not None:
        if isinstance(item, Gimp.GroupLayer) and notes.is_job(item):
            return item
        item = item.get_parent()
    raise _nothing_here()


def _photo_layer(image: Gimp.Image, note: JobNote, group: Gimp.GroupLayer) -> Gimp.Layer:
    """The layer the job was done on.  Raises UserError where it is gone."""
    layer = image.get_layer_by_tattoo(note.tattoo) if note.tattoo > 0 else None
    layer = layer or (image.get_layer_by_name(note.layer) if note.layer else None)
    if layer is None or layer == group:
        raise wrong_input("The layer this was made from is no longer in the image.", "Do it anew.")
    return layer


def _target(photo: PhotoLayer, group: Gimp.GroupLayer, note: JobNote) -> ObjectTarget:
    """What was marked, or the mask where nothing was or somebody has painted on it.  Raises UserError."""
    mask = _mask(group)
    if mask and (not note.is_marked or mask_digest(mask) != notes.mask_digest_of(mask)):
        bounds = mask_bounds(photo, mask)
        if bounds is None:
            raise wrong_input("The mask is outside the photo's layer.", "Move it back, or do it anew.")
        return ObjectTarget(mask=mask, bounds=bounds)
    if not note.is_marked:
        raise wrong_input("The mask this was made with is no longer in the group.", "Do it anew.")
    origin = note.origin or photo.offset
    dx, dy = origin[0] - photo.offset[0], origin[1] - photo.offset[1]
    return ObjectTarget(
        prompts=tuple(prompt.moved(dx, dy) for prompt in note.prompts),
        strokes=tuple(stroke.moved(dx, dy) for stroke in note.strokes),
    )


def _mask(group: Gimp.GroupLayer) -> Gimp.Layer | None:
    """The layer that holds the job's mask; None where it is gone."""
    children = [layer for layer in group.get_children() if isinstance(layer, Gimp.Layer)]
    return next((layer for layer in children if notes.mask_digest_of(layer) is not None), None)

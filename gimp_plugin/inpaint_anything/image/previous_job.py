"""What was done before, from what it left in the image: `layers` wrote it, this reads it."""

import json
from dataclasses import dataclass

from gi.repository import Gimp

from inference_server.shared.errors import wrong_input
from inference_server.shared.messages import TITLES, ObjectPrompt

from .layers import PARASITE
from .photo_layer import Photo, Pointed, mask_bounds, mask_digest

NOTHING_HERE = wrong_input(
    "This is no result of Inpaint Anything.",
    "Select the group that one of its jobs made, or a layer in it.",
)


@dataclass(frozen=True)
class Former:
    """A job that was done.  pointed: its clicks or, where the person has painted on it since, its mask."""

    group: Gimp.GroupLayer
    photo: Photo
    job: str
    settings: dict
    pointed: Pointed


def former(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> Former:
    """The job whose group, or a layer of whose group, is selected.  Raises UserError."""
    if len(drawables) != 1:
        raise NOTHING_HERE
    group = drawables[0]
    if isinstance(group, Gimp.LayerMask):
        group = Gimp.Layer.from_mask(group)
    while group is not None and not (isinstance(group, Gimp.GroupLayer) and "job" in _note(group)):
        group = group.get_parent()
    if group is None:
        raise NOTHING_HERE
    about = _note(group)
    layer = _photo_layer(image, about, group)
    photo = Photo.of(image, [layer])
    job, settings = about["job"], about.get("settings")
    if job not in TITLES or not isinstance(settings, dict):
        raise NOTHING_HERE
    return Former(group, photo, job, settings, _pointed(photo, group, about))


def _note(item: Gimp.Item) -> dict:
    parasite = item.get_parasite(PARASITE)
    try:
        found = json.loads(bytes(parasite.get_data())) if parasite else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _photo_layer(image: Gimp.Image, about: dict, group: Gimp.GroupLayer) -> Gimp.Layer:
    """The layer the job was done on.  Raises UserError where it is gone."""
    tattoo, name = about.get("tattoo"), about.get("layer")
    layer = image.get_layer_by_tattoo(tattoo) if isinstance(tattoo, int) and tattoo > 0 else None
    layer = layer or (image.get_layer_by_name(name) if isinstance(name, str) else None)
    if layer is None or layer == group:
        raise wrong_input("The layer this was made from is no longer in the image.", "Do it anew.")
    return layer


def _pointed(photo: Photo, group: Gimp.GroupLayer, about: dict) -> Pointed:
    masks = [layer for layer in group.get_children() if "mask" in _note(layer)]
    clicks = _clicks(about.get("clicks"))
    if masks and (clicks is None or mask_digest(masks[0]) != _note(masks[0])["mask"]):
        bounds = mask_bounds(photo, masks[0])
        if bounds is None:
            raise wrong_input("The mask is outside the photo's layer.", "Move it back, or do it anew.")
        return Pointed(bounds=bounds, mask=masks[0])
    if clicks is None:
        raise wrong_input("The mask this was made with is no longer in the group.", "Do it anew.")
    return Pointed(clicks)


def _clicks(noted: object) -> ObjectPrompt | None:
    """The clicks as JSON gave them; None where there were none, or they cannot be read."""
    if not isinstance(noted, dict):
        return None
    try:
        return ObjectPrompt(
            tuple((float(x), float(y)) for x, y in noted["points"]),
            tuple(int(label) for label in noted["labels"]),
            tuple(map(float, noted["box"])) if noted["box"] else None,
            chosen=tuple(int(k) for k in noted.get("chosen", ())),
        )
    except (LookupError, TypeError, ValueError):
        return None

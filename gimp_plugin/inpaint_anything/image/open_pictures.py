"""Layers and images that are open in GIMP, by names that settings and notes can hold.

LAYER is a layer of the image that is worked on; IMAGE/ is another image as it is seen, and IMAGE/LAYER a layer of it.
GIMP gives no two layers of an image the same name.  An image is called as its file is, without folders.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

from inference_server.shared.errors import UserError, wrong_input  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..job_settings import JobSettings  # noqa: E402
from . import notes  # noqa: E402
from .visible import visible_layers  # noqa: E402

OF = "/"  # between an image's name and a layer's


class OpenPicture(NamedTuple):
    """layer: None for all of the image, as it is seen."""

    image: Gimp.Image
    layer: Gimp.Layer | None = None


def offered(here: Gimp.Image) -> tuple[list[str], list[str]]:
    """The names of an image's layers, from the top down, without what is in a job's group; and of the other images that
    are open, each name once."""
    others = [name_of(image) + OF for image in Gimp.get_images() if image.get_id() != here.get_id()]
    return [layer.get_name() for layer in _layers(here.get_layers(), notes.is_job)], list(dict.fromkeys(others))


def find(name: str, here: Gimp.Image) -> OpenPicture | None:
    """What a name means in an image; None where that is no longer open.  Raises UserError where two images have it."""
    if layer := _called(name, here):
        return OpenPicture(here, layer)
    its, of, inner = name.partition(OF)
    images = [image for image in Gimp.get_images() if name_of(image) == its] if of else []
    if len(images) > 1:
        raise wrong_input(tr("Two images that are open are called {image}.", image=its), "Close one of them.")
    layer = _called(inner, images[0]) if images and inner else None
    return OpenPicture(images[0], layer) if images and (layer or not inner) else None


@contextlib.contextmanager
def copied(name: str, here: Gimp.Image) -> Iterator[Gimp.Image]:
    """An image of its own with what a name means in an image, something of which is seen.  Raises UserError."""
    found = find(name, here)
    if found is None:
        sentence = tr("The layer or image {name} is no longer there.", name=shown(name))
        raise wrong_input(sentence, "Choose another picture.")
    image = found.image.duplicate() if found.layer is None else _of_layer(found.layer)
    try:
        if not visible_layers(image):
            raise wrong_input(tr("Nothing is visible in {name}.", name=shown(name)), "Choose another picture.")
        yield image
    finally:
        image.delete()


def without_what_is_gone(settings: JobSettings, here: Gimp.Image) -> JobSettings:
    """Settings that were used with another image, maybe: without a layer that this one has not."""
    try:
        is_here = not settings.reference_layer or find(settings.reference_layer, here)
    except UserError:
        is_here = None
    return settings if is_here else replace(settings, reference_layer="")


def name_of(image: Gimp.Image) -> str:
    """What an image is called as a part of a name; one without a file with the number that GIMP's windows show, too."""
    file = image.get_file() or image.get_imported_file()
    return (file.get_basename() if file else None) or f"{image.get_name()}-{image.get_id()}"


def shown(name: str) -> str:
    """A name as a person reads it."""
    return name.removesuffix(OF)


def _called(name: str, image: Gimp.Image) -> Gimp.Layer | None:
    return next((layer for layer in _layers(image.get_layers()) if layer.get_name() == name), None)


def _layers(
    layers: list[Gimp.Layer], is_closed: Callable[[Gimp.Layer], bool] = lambda layer: False
) -> Iterator[Gimp.Layer]:
    """These layers and those in them, but for what is in one that is closed."""
    for layer in layers:
        yield layer
        if isinstance(layer, Gimp.GroupLayer) and not is_closed(layer):
            yield from _layers([child for child in layer.get_children() if isinstance(child, Gimp.Layer)], is_closed)


def _of_layer(layer: Gimp.Layer) -> Gimp.Image:
    """An image of the layer's size that shows it alone, wholly."""
    image = Gimp.Image.new(layer.get_width(), layer.get_height(), Gimp.ImageBaseType.RGB)
    copy = Gimp.Layer.new_from_drawable(layer, image)
    image.insert_layer(copy, None, 0)
    copy.set_offsets(0, 0)
    copy.set_visible(True)
    copy.set_opacity(100)
    copy.set_mode(Gimp.LayerMode.NORMAL)
    return image

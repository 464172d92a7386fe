"""What a person sees of an image: which layers, and a copy of how they look together."""

import contextlib
from collections.abc import Iterator

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

from inference_server.shared.geometry import Window  # noqa: E402

NORMAL = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)


def visible_layers(image: Gimp.Image, above: Gimp.Layer | None = None) -> list[Gimp.Layer]:
    """The layers that are seen, from the top down, those of groups among them.  above: as in `shown_without`."""
    hidden = _from(image, above)
    return list(_seen(layer for layer in image.get_layers() if layer not in hidden))


def shown_without(image: Gimp.Image, above: Gimp.Layer | None) -> Gimp.Layer:
    """A copy of what is seen, of the image's size, which is not in the image.

    above: this layer and those above it are not seen, for the moment.
    """
    with _hidden(image, _from(image, above)):
        return Gimp.Layer.new_from_visible(image, image, "")


def is_opaque(image: Gimp.Image, seen: list[Gimp.Layer]) -> bool:
    """Whether one of the layers that are seen covers all of the image."""
    return any(_covers(layer, image) for layer in seen)


def selected(image: Gimp.Image) -> Window | None:
    """The part of the image that the selection reaches; None where nothing is selected."""
    if Gimp.Selection.is_empty(image):
        return None
    _, _some, left, top, right, bottom = Gimp.Selection.bounds(image)
    return Window(left, top, right - left, bottom - top)


def place_of(layer: Gimp.Layer) -> Window:
    """Where a layer lies in its image."""
    _, x, y = layer.get_offsets()
    return Window(x, y, layer.get_width(), layer.get_height())


def _seen(layers: Iterator[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    for layer in layers:
        if not layer.get_visible():
            continue
        if isinstance(layer, Gimp.GroupLayer):
            yield from _seen(child for child in layer.get_children() if isinstance(child, Gimp.Layer))
        else:
            yield layer


def _covers(layer: Gimp.Layer, image: Gimp.Image) -> bool:
    if layer.get_parent() or layer.has_alpha() or layer.get_mask() or layer.get_opacity() < 100:
        return False
    _, x, y = layer.get_offsets()
    right, bottom = x + layer.get_width(), y + layer.get_height()
    return layer.get_mode() in NORMAL and x <= 0 >= y and right >= image.get_width() and bottom >= image.get_height()


def _from(image: Gimp.Image, above: Gimp.Layer | None) -> list[Gimp.Layer]:
    """The layers from the top of the image down to the one that `above` is, or is in."""
    if above is None:
        return []
    while isinstance(parent := above.get_parent(), Gimp.Layer):
        above = parent
    layers = image.get_layers()
    return layers[: layers.index(above) + 1]


@contextlib.contextmanager
def _hidden(image: Gimp.Image, layers: list[Gimp.Layer]) -> Iterator[None]:
    """Hides layers for the moment; GIMP's history of what was done does not hear of it."""
    shown = [layer for layer in layers if layer.get_visible()]
    if not shown:
        yield
        return
    image.undo_freeze()
    try:
        for layer in shown:
            layer.set_visible(False)
        yield
    finally:
        for layer in shown:
            layer.set_visible(True)
        image.undo_thaw()

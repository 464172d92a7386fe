"""A photo on a larger canvas: as a job needs it before the image has that canvas, and the result as layers."""

from dataclasses import dataclass, replace

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import wrong_input  # noqa: E402
from inference_server.shared.geometry import Size, Window, whole  # noqa: E402
from inference_server.shared.margins import Margins  # noqa: E402

from ..expand_settings import ExpandSettings  # noqa: E402
from . import names  # noqa: E402
from .layers import JobResult, ResultLayers  # noqa: E402
from .photo_layer import PhotoLayer  # noqa: E402
from .target import ObjectTarget  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """What is visible of an image on a larger canvas, which is not the image's yet.

    size: the image's (width, height), before.  photo: the whole of the larger canvas, with its top left as the origin;
    target: what is new of it.  To be released.
    """

    image: Gimp.Image
    size: Size
    margins: Margins
    photo: PhotoLayer
    target: ObjectTarget

    @classmethod
    def of(cls, image: Gimp.Image, margins: Margins) -> "Expansion":
        """Raises UserError for margins that cannot be, and for an image that cannot be worked on."""
        size = image.get_width(), image.get_height()
        margins.check(size)
        seen = PhotoLayer.canvas(image)
        large = seen.new_layer(whole(*margins.canvas(size)), "", seen.layer.type())
        buffer, there = large.get_buffer(), Gegl.Rectangle.new(*margins.inner(size))
        seen.layer.get_buffer().copy(Gegl.Rectangle.new(0, 0, *size), Gegl.AbyssPolicy.NONE, buffer, there)
        buffer.flush()
        seen.release()
        photo = replace(seen, layer=large, width=large.get_width(), height=large.get_height())
        target = ObjectTarget(mask=_new_parts(photo, margins, size), bounds=_bounds(margins, size))
        return cls(image=image, size=size, margins=margins, photo=photo, target=target)

    def __enter__(self) -> "Expansion":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of the copies that it is made of."""
        self.photo.release()
        if self.target.mask is not None and self.target.mask.is_valid():
            self.target.mask.delete()

    def insert(self, result: JobResult, settings: ExpandSettings) -> ResultLayers:
        """Enlarge the image's canvas and put the result there, as one undo step.

        Raises UserError where the image is gone, or is not what it was; then it stays as it is.
        """
        image = self.image
        if not image.is_valid():
            raise wrong_input("The photo was closed while its result was made.")
        if (image.get_width(), image.get_height()) != self.size:
            raise wrong_input("The photo's size was changed while it was expanded.", "Expand it again.")
        title = names.title_of_expansion(settings)
        layers = ResultLayers(self.photo, settings.job_settings, self.target, title=title)
        image.undo_group_start()
        image.resize(*self.margins.canvas(self.size), self.margins.left, self.margins.top)
        try:
            with layers:
                layers.add(result)
        finally:
            if not layers.count:
                image.resize(*self.size, -self.margins.left, -self.margins.top)
            image.undo_group_end()
            Gimp.displays_flush()
        return layers


def _bounds(margins: Margins, size: Size) -> Window:
    """The smallest window that holds all that is new of the larger photo."""
    width, height = margins.canvas(size)
    strips = (
        Window(0, 0, margins.left, height),
        Window(0, 0, width, margins.top),
        Window(width - margins.right, 0, margins.right, height),
        Window(0, height - margins.bottom, width, margins.bottom),
    )
    first, *others = (strip for strip in strips if strip.area)
    for strip in others:
        first = first.union(strip)
    return first


def _new_parts(photo: PhotoLayer, margins: Margins, size: Size) -> Gimp.Layer:
    """The mask of what is new of the larger photo, as a layer that is in no image."""
    grey = photo.image.get_base_type() == Gimp.ImageBaseType.GRAY
    mask = photo.new_layer(
        whole(photo.width, photo.height), "", Gimp.ImageType.GRAY_IMAGE if grey else Gimp.ImageType.RGB_IMAGE
    )
    buffer = mask.get_buffer()
    buffer.set_color(Gegl.Rectangle.new(0, 0, photo.width, photo.height), Gegl.Color.new("white"))
    buffer.set_color(Gegl.Rectangle.new(*margins.inner(size)), Gegl.Color.new("black"))
    buffer.flush()
    return mask

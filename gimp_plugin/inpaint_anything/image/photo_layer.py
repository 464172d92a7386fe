"""What a job works on, as requests need it: one layer, or all that is visible.

There are three spaces: GIMP's *image*, where paths and the selection are; the *photo*, which is the layer, or what is
visible, with its own top left as the origin; and a *window* of the photo.  Only the modules of this room convert
between image and photo.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gimp  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import wrong_input  # noqa: E402
from inference_server.shared.geometry import Size, Window, proxy_size  # noqa: E402
from inference_server.shared.messages import Depth, ImageRef, image_key  # noqa: E402

from ..job_settings import Source  # noqa: E402
from .pixels import read_pixels, strips  # noqa: E402
from .visible import is_opaque, place_of, selected, shown_without, visible_layers  # noqa: E402

_DEPTHS = {"u8": Depth.UINT8, "u16": Depth.UINT16}  # of GIMP's precisions; all others travel as float32
_TYPES = {  # by the number of channels
    1: Gimp.ImageType.GRAY_IMAGE,
    2: Gimp.ImageType.GRAYA_IMAGE,
    3: Gimp.ImageType.RGB_IMAGE,
    4: Gimp.ImageType.RGBA_IMAGE,
}
_SAMPLES = {Depth.UINT8: "u8", Depth.UINT16: "u16", Depth.FLOAT32: "float"}  # as Babl names them


class Proxy(NamedTuple):
    """A photo scaled to `geometry.proxy_size`.  rgb: sRGB, uint8, (height, width, 3)."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True, kw_only=True)
class PhotoLayer:
    """The photo to work on.

    layer: what its pixels are read from: the photographer's layer, or a copy of what is visible, which is not in the
    image.  name, tattoo: of the photographer's layer, as a note needs them.  below: the layer that results come above;
    None where they come above all others.

    offset: its top left in the image.  depth, channels: of the pixels as they travel.  grey: whether it has one colour
    channel.  space: its colour space.  pixel_format: the Babl format its pixels travel in: non-linear, in the layer's
    own colour space, so that nothing but linear light is converted.

    The fields may be read on any thread; the methods call GIMP and belong on the main loop's.
    """

    image: Gimp.Image
    layer: Gimp.Layer
    name: str
    tattoo: int
    below: Gimp.Layer | None
    offset: tuple[int, int]
    width: int
    height: int
    depth: Depth
    channels: int
    grey: bool
    space: Babl.Object
    pixel_format: str

    @classmethod
    def of(cls, image: Gimp.Image, drawables: list[Gimp.Drawable], source: Source) -> "PhotoLayer":
        """What is to be worked on.  Raises UserError for what cannot be."""
        if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
            raise wrong_input("Inpaint Anything cannot work on indexed images.", "Choose Image > Mode > RGB first.")
        if source is Source.VISIBLE:
            return cls.visible(image, meant=selected(image))
        if len(drawables) != 1:
            raise wrong_input("Inpaint Anything works on one layer at a time.", "Select a single layer.")
        layer = drawables[0]
        if not isinstance(layer, Gimp.Layer):
            raise wrong_input(
                "Inpaint Anything works on layers, not on masks or channels.",
                "Select the photo's layer.",
            )
        return cls._of(image, layer, layer)

    @classmethod
    def visible(cls, image: Gimp.Image, above: Gimp.Layer | None = None, meant: Window | None = None) -> "PhotoLayer":
        """What is visible: a single layer itself, or a copy of how all look.  Raises UserError where nothing is.

        above: a layer that does not count, nor do those above it.  meant: what is to be painted of the image, which may
        be canvas beside a single layer: then it is a copy too.  A copy is to be released.
        """
        seen = visible_layers(image, above)
        if len(seen) == 1 and (meant is None or meant.intersection(place_of(seen[0])) == meant):
            return cls._of(image, seen[0], seen[0])
        return cls.canvas(image, above)

    @classmethod
    def canvas(cls, image: Gimp.Image, above: Gimp.Layer | None = None) -> "PhotoLayer":
        """A copy of how all of the image's canvas looks, as in `visible`.  Raises UserError."""
        if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
            raise wrong_input("Inpaint Anything cannot work on indexed images.", "Choose Image > Mode > RGB first.")
        seen = visible_layers(image, above)
        if not seen:
            raise wrong_input("Nothing is visible in this image.", "Make the photo's layer visible.")
        return cls._of(image, shown_without(image, above), seen[0], opaque=is_opaque(image, seen), is_copy=True)

    @classmethod
    def _of(
        cls,
        image: Gimp.Image,
        layer: Gimp.Layer,
        photographers: Gimp.Layer,
        *,
        opaque: bool = False,
        is_copy: bool = False,
    ) -> "PhotoLayer":
        """opaque: whether its alpha, if it has one, says nothing."""
        _, x, y = layer.get_offsets()
        depth = _DEPTHS.get(image.get_precision().value_nick.split("-")[0], Depth.FLOAT32)
        grey, alpha = layer.is_gray(), layer.has_alpha() and not opaque
        space = Babl.format_get_space(layer.get_format())
        model = ("Y'" if grey else "R'G'B'") + "A" * alpha
        return cls(
            image=image,
            layer=layer,
            name=photographers.get_name(),
            tattoo=photographers.get_tattoo(),
            below=None if is_copy else layer,
            offset=(x, y),
            width=layer.get_width(),
            height=layer.get_height(),
            depth=depth,
            channels=(1 if grey else 3) + alpha,
            grey=grey,
            space=space,
            pixel_format=Babl.get_name(Babl.format_with_space(f"{model} {_SAMPLES[depth]}", space)),
        )

    def __enter__(self) -> "PhotoLayer":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of the copy of what is visible, if it is one."""
        if self.below is None and self.layer.is_valid():
            self.layer.delete()

    @property
    def image_type(self) -> Gimp.ImageType:
        """The type of a layer that holds its pixels."""
        return _TYPES[self.channels]

    def new_layer(self, window: Window, name: str, kind: Gimp.ImageType) -> Gimp.Layer:
        """An empty layer over a window of the photo, not in the image yet."""
        layer = Gimp.Layer.new(self.image, name, window.width, window.height, kind, 100, Gimp.LayerMode.NORMAL)
        layer.set_offsets(self.offset[0] + window.x, self.offset[1] + window.y)
        return layer

    @property
    def is_valid(self) -> bool:
        """Whether GIMP still has the image and the layer."""
        return self.image.is_valid() and self.layer.is_valid()

    def colour_format(self, samples: str = "", *, alpha: bool = False) -> Babl.Object:
        """The Babl format of a colour as the photo holds it: of its colour space, grey where the photo is.

        samples: "u8", "u16" or "float", the photo's own where none are given.
        """
        model = ("Y'" if self.grey else "R'G'B'") + "A" * alpha
        return Babl.format_with_space(f"{model} {samples or _SAMPLES[self.depth]}", self.space)

    def opaque_format(self, samples: str) -> str:
        """The name of a format as `colour_format` gives it, without alpha."""
        return Babl.get_name(self.colour_format(samples))

    @property
    def profile(self) -> bytes | None:
        """The ICC profile of `window_pixels`; None where they are sRGB."""
        return None if Babl.get_name(self.space) == "sRGB" else Babl.space_get_icc(self.space)

    def window_pixels(self, window: Window) -> Generator[None, None, bytes]:
        """The native pixels of a window, in `pixel_format`; yields after each strip that was read."""
        pixels = bytearray()
        for strip in strips(window):
            pixels += read_pixels(self.layer, strip, 1.0, self.pixel_format)  # joined at the end, they take too long
            yield
        return cast(bytes, pixels)  # nobody changes it any more

    def cairo_pixels(self, window: Window, scale: float) -> bytes:
        """What a window of the photo scaled by `scale` looks like, in pixels of the scaled photo: rows of BGRA,
        premultiplied, as cairo wants them for ARGB32 on little-endian machines."""
        return read_pixels(self.layer, window, scale, "cairo-ARGB32")

    @property
    def proxy_size(self) -> Size:
        """Width and height of the proxy."""
        return proxy_size(self.width, self.height)

    @property
    def proxy_scale(self) -> float:
        """Pixels of the proxy for a pixel of the photo."""
        return max(self.proxy_size) / max(self.width, self.height)

    @cached_property
    def proxy(self) -> Proxy:
        """The whole photo at the size of its proxy; GEGL does the scaling.

        Not GIMP's own thumbnails, which would be quicker: GIMP 3.0 gives wrong colours for them, and they are a
        picture of an icon where previews are switched off.
        """
        width, height = self.proxy_size
        return Proxy(width, height, read_pixels(self.layer, Window(0, 0, width, height), self.proxy_scale, "R'G'B' u8"))

    @cached_property
    def ref(self) -> ImageRef:
        """The photo in a request that is about what it shows."""
        return ImageRef(width=self.width, height=self.height, key=image_key(*self.proxy))

    @property
    def size_ref(self) -> ImageRef:
        """The photo in a request that needs its size only: no pixel is read for it."""
        return ImageRef(width=self.width, height=self.height, key="")

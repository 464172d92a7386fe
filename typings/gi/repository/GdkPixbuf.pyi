# Written by typings/generate.py; do not edit.
# ruff: noqa
# fmt: off
# mypy: disable-error-code="override, misc"
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypedDict, TypeVar, Unpack, overload

import cairo

_T = TypeVar("_T")
from gi.repository import GObject, Gio


class Colorspace(GObject.GEnum):
    RGB: ClassVar[Colorspace]

class InterpType(GObject.GEnum):
    NEAREST: ClassVar[InterpType]
    TILES: ClassVar[InterpType]
    BILINEAR: ClassVar[InterpType]
    HYPER: ClassVar[InterpType]

class Pixbuf(GObject.Object, Gio.Icon, Gio.LoadableIcon):
    def add_alpha(self, substitute_color: bool, r: int, g: int, b: int) -> Pixbuf | None: ...
    def apply_embedded_orientation(self) -> Pixbuf | None: ...
    def copy(self) -> Pixbuf | None: ...
    def fill(self, pixel: int) -> None: ...
    def flip(self, horizontal: bool) -> Pixbuf | None: ...
    def get_height(self) -> int: ...
    def get_width(self) -> int: ...
    @classmethod
    def new(cls, colorspace: Colorspace, has_alpha: bool, bits_per_sample: int, width: int, height: int) -> Pixbuf | None: ...
    @classmethod
    def new_from_file_at_scale(cls, filename: str, width: int, height: int, preserve_aspect_ratio: bool) -> Pixbuf | None: ...
    def scale(self, dest: Pixbuf, dest_x: int, dest_y: int, dest_width: int, dest_height: int, offset_x: float, offset_y: float, scale_x: float, scale_y: float, interp_type: InterpType) -> None: ...

class PixbufAnimation(GObject.Object): ...

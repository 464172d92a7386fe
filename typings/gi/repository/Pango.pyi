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


class AttrList: ...

class Context(GObject.Object): ...

class Direction(GObject.GEnum):
    LTR: ClassVar[Direction]
    RTL: ClassVar[Direction]
    TTB_LTR: ClassVar[Direction]
    TTB_RTL: ClassVar[Direction]
    WEAK_LTR: ClassVar[Direction]
    WEAK_RTL: ClassVar[Direction]
    NEUTRAL: ClassVar[Direction]

class EllipsizeMode(GObject.GEnum):
    NONE: ClassVar[EllipsizeMode]
    START: ClassVar[EllipsizeMode]
    MIDDLE: ClassVar[EllipsizeMode]
    END: ClassVar[EllipsizeMode]

class FontMap(GObject.Object, Gio.ListModel): ...

class Layout(GObject.Object):
    def set_markup(self, text: str, length: int = ...) -> None: ...
    def set_text(self, text: str, length: int = ...) -> None: ...
    def copy(self) -> Layout: ...
    def get_direction(self, index: int) -> Direction: ...
    def get_height(self) -> int: ...
    def get_pixel_size(self) -> tuple[int, int]: ...
    def get_size(self) -> tuple[int, int]: ...
    def get_text(self) -> str: ...
    def get_width(self) -> int: ...
    @classmethod
    def new(cls, context: Context) -> Layout: ...

class TabArray: ...

class WrapMode(GObject.GEnum):
    WORD: ClassVar[WrapMode]
    CHAR: ClassVar[WrapMode]
    WORD_CHAR: ClassVar[WrapMode]
    NONE: ClassVar[WrapMode]

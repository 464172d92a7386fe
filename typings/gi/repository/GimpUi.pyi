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
from gi.repository import GLib, GObject, Gtk

def init(prog_name: str) -> None: ...
def prop_color_select_new(config: GObject.Object, property_name: str, width: int, height: int, type: ColorAreaType) -> Gtk.Widget: ...
def window_set_transient(window: Gtk.Window) -> None: ...

class ColorAreaType(GObject.GEnum):
    FLAT: ClassVar[ColorAreaType]
    SMALL_CHECKS: ClassVar[ColorAreaType]
    LARGE_CHECKS: ClassVar[ColorAreaType]

class _DialogProperties(Gtk._DialogProperties, total=False):
    help_func: Any
    help_id: str | None
class Dialog(Gtk.Dialog):
    def __init__(self, **properties: Unpack[_DialogProperties]) -> None: ...
    def add_button(self, button_text: str, response_id: int) -> Gtk.Widget: ...
    def get_native_handle(self) -> GLib.Bytes: ...
    def run(self) -> int: ...
    def set_alternative_button_order_from_array(self, order: Sequence[int]) -> None: ...

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
from gi.repository import Pango

def show_layout(cr: cairo.Context, layout: Pango.Layout) -> None: ...

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

def format(encoding: str) -> Object: ...
def format_get_space(format: Object) -> Object: ...
def format_with_space(encoding: str, space: Object) -> Object: ...
def get_name(babl: Object) -> str: ...
def init() -> None: ...

class Object: ...

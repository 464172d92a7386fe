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

TYPE_BOOLEAN: GType
TYPE_DOUBLE: GType
TYPE_INT: GType
TYPE_STRING: GType
_TypeLike: TypeAlias = GType | type

class Binding(Object):
    def get_source(self) -> Object | None: ...

class BindingFlags(GFlags):
    DEFAULT: ClassVar[BindingFlags]
    BIDIRECTIONAL: ClassVar[BindingFlags]
    SYNC_CREATE: ClassVar[BindingFlags]
    INVERT_BOOLEAN: ClassVar[BindingFlags]

class GEnum(int):
    __gtype__: GType
    value_name: str
    value_nick: str

class GFlags(int):
    __gtype__: GType
    value_names: list[str]
    value_nicks: list[str]
    @overload
    def __and__(self, other: Self) -> Self: ...
    @overload
    def __and__(self, other: int) -> int: ...
    @overload
    def __or__(self, other: Self) -> Self: ...
    @overload
    def __or__(self, other: int) -> int: ...
    @overload
    def __xor__(self, other: Self) -> Self: ...
    @overload
    def __xor__(self, other: int) -> int: ...

class GInterface:
    __gtype__: GType

class GType:
    name: str
    parent: GType
    def is_a(self, other: _TypeLike) -> bool: ...

class InitiallyUnowned(Object):
    __gtype__: GType

class Object:
    __gtype__: GType
    props: Any
    def __init__(self, **properties: Any) -> None: ...
    def bind_property(
        self,
        source_property: str,
        target: Object,
        target_property: str,
        flags: BindingFlags = ...,
        transform_to: Callable[..., Any] | None = ...,
        transform_from: Callable[..., Any] | None = ...,
        user_data: Any = ...,
    ) -> Binding: ...
    def connect(self, detailed_signal: str, handler: Callable[..., Any], *user_data: Any) -> int: ...
    def connect_after(self, detailed_signal: str, handler: Callable[..., Any], *user_data: Any) -> int: ...
    def disconnect(self, handler_id: int) -> None: ...
    def disconnect_by_func(self, handler: Callable[..., Any]) -> None: ...
    def emit(self, signal_name: str, *arguments: Any) -> Any: ...
    @classmethod
    def find_property(cls, name: str) -> ParamSpec | None: ...
    def freeze_notify(self) -> AbstractContextManager[None]: ...
    def get_properties(self, *names: str) -> tuple[Any, ...]: ...
    def get_property(self, name: str) -> Any: ...
    def handler_block(self, handler_id: int) -> AbstractContextManager[None]: ...
    def handler_block_by_func(self, handler: Callable[..., Any]) -> int: ...
    def handler_is_connected(self, handler_id: int) -> bool: ...
    def handler_unblock(self, handler_id: int) -> None: ...
    def handler_unblock_by_func(self, handler: Callable[..., Any]) -> int: ...
    @classmethod
    def list_properties(cls) -> list[ParamSpec]: ...
    def notify(self, property_name: str) -> None: ...
    def set_properties(self, **properties: Any) -> None: ...
    def set_property(self, name: str, value: Any) -> None: ...
    def stop_emission_by_name(self, detailed_signal: str) -> None: ...
    def weak_ref(self, callback: Callable[..., Any] = ..., *user_data: Any) -> Any: ...
    def get_data(self, key: str) -> Any: ...
    def ref(self) -> Object: ...

class ParamFlags(GFlags):
    READABLE: ClassVar[ParamFlags]
    WRITABLE: ClassVar[ParamFlags]
    READWRITE: ClassVar[ParamFlags]
    CONSTRUCT: ClassVar[ParamFlags]
    CONSTRUCT_ONLY: ClassVar[ParamFlags]
    LAX_VALIDATION: ClassVar[ParamFlags]
    STATIC_NAME: ClassVar[ParamFlags]
    PRIVATE: ClassVar[ParamFlags]
    STATIC_NICK: ClassVar[ParamFlags]
    STATIC_BLURB: ClassVar[ParamFlags]
    EXPLICIT_NOTIFY: ClassVar[ParamFlags]
    DEPRECATED: ClassVar[ParamFlags]

class ParamSpec:
    __gtype__: GType
    name: str
    nick: str
    blurb: str
    flags: ParamFlags
    value_type: GType
    owner_type: GType
    def get_default_value(self) -> Any: ...
    def get_blurb(self) -> str | None: ...
    def get_name(self) -> str: ...
    def get_nick(self) -> str: ...

class ParamSpecBoolean(ParamSpec):
    default_value: bool

class ParamSpecDouble(ParamSpec):
    default_value: float
    maximum: float
    minimum: float

class ParamSpecInt(ParamSpec):
    default_value: int
    maximum: int
    minimum: int

class ParamSpecString(ParamSpec):
    default_value: str | None

class SignalFlags(GFlags):
    RUN_FIRST: ClassVar[SignalFlags]
    RUN_LAST: ClassVar[SignalFlags]
    RUN_CLEANUP: ClassVar[SignalFlags]
    NO_RECURSE: ClassVar[SignalFlags]
    DETAILED: ClassVar[SignalFlags]
    ACTION: ClassVar[SignalFlags]
    NO_HOOKS: ClassVar[SignalFlags]
    MUST_COLLECT: ClassVar[SignalFlags]
    DEPRECATED: ClassVar[SignalFlags]
    ACCUMULATOR_FIRST_RUN: ClassVar[SignalFlags]

class Value:
    __gtype__: GType
    def __init__(self, value_type: _TypeLike | None = ..., py_value: Any = ...) -> None: ...
    def get_value(self) -> Any: ...
    def set_value(self, py_value: Any) -> None: ...
    def copy(self, dest_value: Any) -> None: ...

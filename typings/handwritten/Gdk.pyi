# ruff: noqa: F821  the classes named here are in what is introspected
# What PyGObject writes in Python.
from collections.abc import Iterator

class Cursor:
    def __init__(self, cursor_type: CursorType) -> None: ...

class RGBA:
    def __init__(self, red: float = ..., green: float = ..., blue: float = ..., alpha: float = ...) -> None: ...
    def __iter__(self) -> Iterator[float]: ...

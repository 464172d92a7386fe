"""The definitions of GIMP's Python modules, as a stub has them: written by hand, or else introspected.

`handwritten/` has what introspection does not know: what PyGObject writes in Python, and where the libraries'
annotations are wrong.
"""

import ast
import functools
import keyword
import textwrap
from pathlib import Path
from types import FunctionType
from typing import Any

from gi import _gi
from introspection import MODULES, VERSIONS, Item, Types, fields, function, info_of, methods, runtime, type_info, values

HANDWRITTEN = Path(__file__).resolve().parent / "handwritten"
UNKNOWN = "*args: Any, **kwargs: Any) -> Any"
WRITABLE = 2  # a property's flag


class Handwritten:
    """The definitions in `handwritten/`: by qualified name, "GLib.idle_add" or "Gtk.Widget.style_get_property"."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.bases: dict[str, list[str]] = {}
        self.members: dict[str, list[str]] = {}
        for file in sorted(HANDWRITTEN.glob("*.pyi")):
            source = file.read_text("utf-8")
            for node in ast.parse(source).body:
                self._add(file.stem, source, node)

    def _add(self, namespace: str, source: str, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef):
            qualified = f"{namespace}.{node.name}"
            self.bases[qualified] = [ast.unparse(base) for base in node.bases]
            names = self.members[qualified] = []
            for member in node.body:
                for name in _names(member):
                    names.append(name)
                    self._put(namespace, f"{qualified}.{name}", source, member)
            return
        for name in _names(node):
            self._put(namespace, f"{namespace}.{name}", source, node)

    def _put(self, namespace: str, key: str, source: str, node: ast.stmt) -> None:
        """Overloads have one name: they follow each other."""
        before = self.items.get(key)
        text = f"{before.text}\n{_source(source, node)}" if before else _source(source, node)
        self.items[key] = Item(text, taken=_references(namespace, node) | (before.taken if before else frozenset()))


def _source(source: str, node: ast.stmt) -> str:
    """The lines of a definition, with its decorators."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _references(namespace: str, node: ast.AST) -> frozenset[str]:
    found = set()
    for part in ast.walk(node):
        match part:
            case ast.Attribute(value=ast.Name(id=other), attr=name) if other in VERSIONS:
                found.add(f"{other}.{name}")
            case ast.Name(id=name) if isinstance(runtime(f"{namespace}.{name}"), type):
                found.add(f"{namespace}.{name}")
    return frozenset(found)


HAND = Handwritten()


def is_class(qualified: str) -> bool:
    return isinstance(runtime(qualified), type) or qualified in HAND.bases


def is_enumeration(qualified: str) -> bool:
    return isinstance(info_of(qualified), _gi.EnumInfo) and qualified not in HAND.bases


@functools.cache
def bases(qualified: str) -> list[str]:
    """The qualified names of a class's bases."""
    if HAND.bases.get(qualified):
        namespace = qualified.split(".")[0]
        local = (f"{namespace}.{base}" if hasattr(MODULES[namespace], base) else base for base in HAND.bases[qualified])
        return list(local)
    info = info_of(qualified)
    match info:
        case _gi.EnumInfo():
            return ["GObject.GFlags" if info.is_flags() else "GObject.GEnum"]
        case _gi.InterfaceInfo():
            return ["GObject.GInterface"]
        case _gi.ObjectInfo():
            parent = info.get_parent()
            while parent and parent.get_namespace() not in VERSIONS:
                parent = parent.get_parent()
            inherited = _interfaces(parent) if parent else set()
            own = [each for each in map(_qualified, info.get_interfaces()) if each not in inherited]
            return [*([_qualified(parent)] if parent else []), *own]
    return []


def _interfaces(info: Any) -> set[str]:
    found: set[str] = set()
    while info:
        found |= {_qualified(interface) for interface in info.get_interfaces()}
        info = info.get_parent()
    return found


def _qualified(info: Any) -> str:
    return f"{info.get_namespace()}.{info.get_name()}"


def constant(qualified: str) -> Item | None:
    """A constant or a function of a namespace."""
    if qualified in HAND.items:
        return HAND.items[qualified]
    namespace, name = qualified.split(".")
    value = runtime(qualified)
    if value is None:
        return None
    if isinstance(value, _gi.FunctionInfo):
        return function(namespace, "", name, value)
    if isinstance(value, FunctionType):
        return _wrapped(namespace, "", name, value)
    types = Types(namespace)
    kind = type(value)
    info = getattr(kind, "__info__", None)
    text = types.named(*_qualified(info).split(".")) if info else kind.__name__
    return Item(f"{name}: {text}", taken=frozenset(types.seen))


def _wrapped(namespace: str, owner: str, name: str, value: FunctionType) -> Item:
    """A function that PyGObject has written in Python.  Only of those that hide the success is the type known."""
    inside = getattr(value, "__wrapped__", None)
    if isinstance(inside, _gi.FunctionInfo) and value.__code__.co_qualname.startswith("strip_boolean_result."):
        return function(namespace, owner, name, inside, hides_success=True)
    return Item(f"def {name}({'self, ' if owner else ''}{UNKNOWN}: ...")


def member(qualified: str, name: str) -> Item | None:
    """One member of a class; None where it has none of that name."""
    if f"{qualified}.{name}" in HAND.items:
        return HAND.items[f"{qualified}.{name}"]
    namespace, owner = qualified.split(".")
    if is_enumeration(qualified):
        return Item(f"{name}: ClassVar[{owner}]") if name in values(qualified) else None
    if name == "__init__":
        return _constructor(qualified)
    found = methods(qualified).get(name)
    if isinstance(found, FunctionType):
        return _wrapped(namespace, owner, name, found)
    if found is not None:
        return function(namespace, owner, name, found)
    if name in fields(qualified):
        types = Types(namespace)
        python = types.python(type_info(fields(qualified)[name]), argument=False)
        return Item(f"{name}: {'Any' if python == 'None' else python}", taken=frozenset(types.seen))
    return None


def _constructor(qualified: str) -> Item | None:
    """A GObject is made with any of its properties."""
    if not is_object(qualified):
        return None
    return Item(f"def __init__(self, **properties: Unpack[{properties_name(qualified)}]) -> None: ...")


def is_object(qualified: str) -> bool:
    cls = runtime(qualified)
    return isinstance(cls, type) and issubclass(cls, _gi.GObject) and info_of(qualified) is not None


def properties_name(qualified: str) -> str:
    return f"_{qualified.split('.')[1]}Properties"


@functools.cache
def properties(qualified: str) -> dict[str, Any]:
    """The properties that can be given to a class's constructor, without those of its bases."""
    info = info_of(qualified)
    if not isinstance(info, (_gi.ObjectInfo, _gi.InterfaceInfo)) or qualified == "GObject.Object":
        return {}
    every = {each.get_name().replace("-", "_"): each for each in info.get_properties()}
    return {
        name: each
        for name, each in every.items()
        if int(each.get_flags()) & WRITABLE and not keyword.iskeyword(name) and not _is_inherited(qualified, name)
    }


@functools.cache
def _is_inherited(qualified: str, name: str) -> bool:
    return any(name in properties(base) or _is_inherited(base, name) for base in bases(qualified))


def property_(qualified: str, name: str) -> Item | None:
    info = properties(qualified).get(name)
    if info is None:
        return None
    types = Types(qualified.split(".")[0])
    python = types.python(type_info(info), argument=True)
    plain = python in ("bool", "int", "float", "Any") or any(map(is_enumeration, types.seen))
    return Item(f"{name}: {python}{'' if plain else ' | None'}", given=frozenset(types.seen))

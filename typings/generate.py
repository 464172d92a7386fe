"""Write type stubs for GIMP, GTK and the libraries below them, as far as the plug-in uses them.

GIMP's Python modules exist only where GIMP is installed, and they say nothing about types. This script reads both from
the introspection data of an installed GIMP, so that mypy can check the plug-in on any machine:

    python3 typings/generate.py            write typings/gi/repository/*.pyi
    python3 typings/generate.py --check    list what the written stubs say that does not hold in the GIMP installed here

Run it with the Python that GIMP uses. The stubs are written with the oldest GIMP that the plug-in supports, since it
must not use what that one lacks; newer ones are for checking.

A stub holds the classes that our code names, with all their members and base classes; the classes that these refer to,
with only those members whose names occur in our code; and the functions and constants that our code names. A mistyped
name is therefore an error for mypy.
"""

import ast
import enum
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from definitions import (
    HAND,
    UNKNOWN,
    bases,
    constant,
    is_class,
    is_enumeration,
    is_object,
    member,
    properties,
    properties_name,
    property_,
)
from gi import _gi
from introspection import MODULES, VERSIONS, Item, fields, methods, runtime, values

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STUBS = HERE / "gi" / "repository"
OLDEST_GIMP = (3, 0)

# The classes that our code names are written with all their members in these; in the others they would be too large.
WHOLE_NAMESPACES = {"Gdk", "Gegl", "Gimp", "GimpUi", "Gtk"}
# Classes that are written although no code names them: they are what a dialog of GTK is usually made of.
USUAL = {
    "GObject": ("ParamSpecBoolean", "ParamSpecDouble", "ParamSpecInt", "ParamSpecString"),
    "Gdk": ("Event", "EventButton", "EventConfigure", "EventCrossing", "EventFocus", "EventKey", "EventTouch", "RGBA"),
    "Gimp": ("Display", "PDB", "ValueArray"),
    "Gtk": (
        *("AccelFlags", "AccelGroup", "CssProvider", "Dialog", "EventBox", "Expander", "Frame", "HeaderBar", "ListBox"),
        *("ListBoxRow", "MenuButton", "Overlay", "Paned", "Popover", "PropagationPhase", "ReliefStyle", "Revealer"),
        *("Scale", "SelectionMode", "Separator", "Spinner", "StackSwitcher", "StateFlags", "StyleContext", "Switch"),
        *("TextView", "ToggleButton"),
    ),
}

HEADER = """# Written by typings/generate.py; do not edit.
# ruff: noqa
# fmt: off
# mypy: disable-error-code="override, misc"
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypedDict, TypeVar, Unpack, overload

import cairo

_T = TypeVar("_T")
"""


class Extent(enum.IntEnum):
    """How much of a class is written."""

    NAME = 0
    USED = 1
    WHOLE = 2


@dataclass
class Usage:
    """What our code names: "Gtk.Box", and all the attributes and virtual methods, of whatever object."""

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    @classmethod
    def of_our_code(cls) -> "Usage":
        usage = cls()
        for folder in ("gimp_plugin", "tests", "bench", "docs"):
            for file in sorted((ROOT / folder).rglob("*.py")):
                source = file.read_text("utf-8")
                if folder == "gimp_plugin" or "from gi.repository import" in source:
                    usage.read(ast.parse(source))
        return usage

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=namespace), attr=name) if namespace in VERSIONS:
                    self.names.add(f"{namespace}.{name}")
                case ast.Attribute(attr=name):
                    self.attributes.add(name)
                case ast.FunctionDef(name=name) if name.startswith("do_"):
                    self.attributes.add(name)


class Stubs:
    """The lines of the stubs: by qualified name those of classes, functions and constants."""

    def __init__(self, usage: Usage):
        self._attributes = usage.attributes
        self.singles: dict[str, Item] = {}
        self.classes: dict[str, Extent] = {}
        usual = {f"{namespace}.{name}" for namespace, names in USUAL.items() for name in names}
        self._pending = [
            (name, Extent.WHOLE if name.split(".")[0] in WHOLE_NAMESPACES else Extent.USED)
            for name in sorted(usage.names | usual)
        ]
        while self._pending:
            self._add(*self._pending.pop())

    def _add(self, qualified: str, extent: Extent) -> None:
        if not is_class(qualified):
            self._add_single(qualified)
            return
        if qualified.startswith("GObject."):
            extent = min(extent, Extent.USED)
        if self.classes.get(qualified, -1) >= extent:
            return
        self.classes[qualified] = extent
        self._pending += [(base, extent) for base in bases(qualified) if "." in base]
        for name, item in self.members(qualified).items():
            taken = Extent.USED if name in self._attributes or extent is Extent.USED else Extent.NAME
            self._refer(item, taken)
        if extent is Extent.WHOLE:
            for name in properties(qualified):
                self._refer(property_(qualified, name), Extent.NAME)

    def _add_single(self, qualified: str) -> None:
        if qualified in self.singles:
            return
        item = constant(qualified)
        if item is None:
            sys.exit(f"{qualified} is used, but is not in the GIMP or the libraries installed here")
        self.singles[qualified] = item
        self._refer(item, Extent.USED)

    def _refer(self, item: Item, taken: Extent) -> None:
        self._pending += [(name, taken) for name in sorted(item.taken)]
        self._pending += [(name, Extent.NAME) for name in sorted(item.given)]

    def members(self, qualified: str) -> dict[str, Item]:
        """Those of a class that are written."""
        found = {name: member(qualified, name) for name in self._member_names(qualified)}
        return {name: item for name, item in found.items() if item}

    def _member_names(self, qualified: str) -> list[str]:
        if is_enumeration(qualified):
            return values(qualified)
        extent, own = self.classes[qualified], HAND.members.get(qualified, [])
        every = methods(qualified)
        if extent is Extent.WHOLE:
            kept = [*fields(qualified), "__init__", *(name for name in every if self._is_kept(name, every[name]))]
        elif extent is Extent.USED:
            kept = [name for name in (*fields(qualified), *every) if name in self._attributes]
        else:
            kept = []
        return [*own, *sorted({*kept} - {*own}, key=lambda name: (name in every, name))]

    def _is_kept(self, name: str, info: Any) -> bool:
        """Virtual and deprecated methods only where they are used."""
        plain = getattr(info, "__wrapped__", info)
        rare = isinstance(plain, _gi.VFuncInfo) or (isinstance(plain, _gi.FunctionInfo) and plain.is_deprecated())
        return name in self._attributes or not rare

    # -- text

    def text(self, namespace: str) -> str:
        """The stub of a namespace."""
        own = f"{namespace}."
        singles = [self.singles[name].text for name in sorted(self.singles) if name.startswith(own)]
        classes = [self._class(name) for name in sorted(self.classes) if name.startswith(own)]
        body = "\n".join([*singles, "", *classes])
        others = [other for other in VERSIONS if other != namespace and f"{other}." in body]
        imports = f"from gi.repository import {', '.join(others)}\n" if others else ""
        return HEADER + imports + "\n" + body

    def _class(self, qualified: str) -> str:
        members = self.members(qualified).values()
        lines = [line for item in members for line in item.text.splitlines()]
        head = _class_line(qualified.split(".")[1], qualified, bases(qualified))
        return self._properties(qualified) + _block(head, lines)

    def _properties(self, qualified: str) -> str:
        if self.classes[qualified] is not Extent.WHOLE or not _has_properties(qualified):
            return ""
        lines = [item.text for name in sorted(properties(qualified)) if (item := property_(qualified, name))]
        above = [base.replace(".", "._") + "Properties" for base in bases(qualified) if _has_properties(base)]
        head = _class_line(properties_name(qualified), qualified, [*(above or ["TypedDict"]), "total=False"])
        return _block(head, lines)


def _has_properties(qualified: str) -> bool:
    return not qualified.startswith("GObject.") and (is_object(qualified) or bool(properties(qualified)))


def _class_line(name: str, qualified: str, above: list[str]) -> str:
    local = [base.removeprefix(qualified.split(".")[0] + ".") for base in above]
    return f"class {name}({', '.join(local)}):" if local else f"class {name}:"


def _block(head: str, lines: list[str]) -> str:
    return head + "".join(f"\n    {line}" for line in lines) + "\n" if lines else f"{head} ...\n"


# -- whether what is written holds here -------------------------------------------------------------------------------


def differences() -> Iterator[str]:
    """What the written stubs say that does not hold in the GIMP installed here. It may have more than they say."""
    for namespace in VERSIONS:
        for node in ast.parse((STUBS / f"{namespace}.pyi").read_text("utf-8")).body:
            match node:
                case ast.ClassDef(name=name) if name.startswith("_"):
                    owner = f"{namespace}.{name.removeprefix('_').removesuffix('Properties')}"
                    yield from _compared(owner, node, property_)
                case ast.ClassDef(name=name):
                    yield from _class_differences(f"{namespace}.{name}", node)
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    here = constant(f"{namespace}.{name}")
                    yield from _difference(f"{namespace}.{name}", [node], here)


def _class_differences(qualified: str, node: ast.ClassDef) -> Iterator[str]:
    if runtime(qualified) is None:
        yield f"{qualified} is missing"
        return
    here = _class_line(node.name, qualified, bases(qualified))
    if here != ast.unparse(ast.ClassDef(node.name, node.bases, [], [], [])):
        yield f"{qualified} is {here.removesuffix(':')} here"
    yield from _compared(qualified, node, member)


def _compared(owner: str, node: ast.ClassDef, here: Callable[[str, str], Item | None]) -> Iterator[str]:
    """The differences in the members of a class, each of which `here` gives as it is here."""
    members: dict[str, list[ast.stmt]] = {}
    for part in node.body:
        match part:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                members.setdefault(name, []).append(part)
    for name, written in members.items():
        yield from _difference(f"{owner}.{name}", written, here(owner, name))


def _difference(key: str, written: list[ast.stmt], here: Item | None) -> Iterator[str]:
    if here is None or not _is_there(key, written[0]):
        yield f"{key} is missing"
        return
    if UNKNOWN in here.text:
        return
    now = ast.parse(here.text).body
    for before, after in zip(written, now, strict=False):
        if isinstance(before, ast.FunctionDef) and isinstance(after, ast.FunctionDef):
            _forget_what_is_also_taken(before.args, after.args)
    texts = ["\n".join(map(ast.unparse, nodes)).replace(":\n    ...", ": ...") for nodes in (written, now)]
    if texts[0] != texts[1]:
        yield f"{key} is written as\n{texts[0]}\nand is here\n{texts[1]}"


def _forget_what_is_also_taken(written: ast.arguments, here: ast.arguments) -> None:
    """Newer libraries take None for more arguments; what the stub allows is allowed there all the same."""
    for before, after in zip(written.args, here.args, strict=False):
        if before.annotation and after.annotation:
            strict = ast.unparse(before.annotation)
            if ast.unparse(after.annotation) == f"{strict} | None":
                after.annotation = before.annotation
    here.defaults = here.defaults[len(here.defaults) - len(written.defaults) :]


def _is_there(key: str, node: ast.stmt) -> bool:
    """Whether a function that is written by hand exists. What is no function may be in the class's objects alone."""
    namespace, *names = key.split(".")
    found: Any = MODULES[namespace]
    for name in names:
        found = getattr(found, name, None)
    return found is not None or not isinstance(node, ast.FunctionDef)


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(differences()) or None)
    gimp = MODULES["Gimp"]
    if (gimp.MAJOR_VERSION, gimp.MINOR_VERSION) != OLDEST_GIMP:
        sys.exit(f"The stubs are written with GIMP {OLDEST_GIMP}; with this one they can be checked.")
    stubs = Stubs(Usage.of_our_code())
    for namespace in VERSIONS:
        (STUBS / f"{namespace}.pyi").write_text(stubs.text(namespace), "utf-8")


if __name__ == "__main__":
    main()

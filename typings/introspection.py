"""What GIMP's Python modules have, and with which types, from the introspection data that PyGObject itself works with.

A qualified name is "Gtk.Box" or "Gtk.main".
"""

import ast
import builtins
import functools
import importlib
import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import gi
from gi import _gi  # the only interface to introspection that is the same in all versions of PyGObject

HERE = Path(__file__).resolve().parent

VERSIONS = {
    "Atk": "1.0",
    "Babl": "0.1",
    "GLib": "2.0",
    "GObject": "2.0",
    "Gdk": "3.0",
    "GdkPixbuf": "2.0",
    "Gegl": "0.4",
    "Gimp": "3.0",
    "GimpUi": "3.0",
    "Gio": "2.0",
    "Gtk": "3.0",
    "Pango": "1.0",
    "PangoCairo": "1.0",
}
PLAIN = {
    "gboolean": "bool",
    **dict.fromkeys((f"g{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "int"),
    **dict.fromkeys(("gfloat", "gdouble"), "float"),
    **dict.fromkeys(("utf8", "filename", "gunichar"), "str"),
}
NEVER_NONE = {*PLAIN, "array", "glist", "gslist"} - {"utf8", "filename"}  # as results; an empty list stands for NULL
IN, OUT = 0, 1  # the direction of an argument; the third one is both


# -- what there is ----------------------------------------------------------------------------------------------------


def _modules() -> dict[str, Any]:
    for namespace, version in VERSIONS.items():
        gi.require_version(namespace, version)
    return {namespace: importlib.import_module(f"gi.repository.{namespace}") for namespace in VERSIONS}


MODULES = _modules()


def runtime(qualified: str) -> Any:
    """What Python has under a qualified name; None where it has nothing."""
    namespace, name = qualified.split(".")
    return getattr(MODULES[namespace], name, None)


def info_of(qualified: str) -> Any:
    """The introspected class; None for one that PyGObject alone has."""
    return getattr(runtime(qualified), "__info__", None)


def _layers(qualified: str) -> Iterator[type]:
    """A class, and the introspected one that it may have been put over under the same name."""
    namespace, name = qualified.split(".")
    for layer in getattr(runtime(qualified), "__mro__", ()):
        if (layer.__module__, layer.__name__) in (
            (f"gi.overrides.{namespace}", name),
            (f"gi.repository.{namespace}", name),
        ):
            yield layer


@functools.cache
def methods(qualified: str) -> dict[str, Any]:
    """The methods of a class by name: introspected ones, and Python's own."""
    found: dict[str, Any] = {}
    for layer in _layers(qualified):
        for name, value in vars(layer).items():
            plain = getattr(value, "__func__", value)
            if getattr(plain, "__name__", "_").startswith("_") or name.startswith("_"):
                continue  # what PyGObject has put out of use is called _unsupported_method
            if isinstance(plain, (_gi.FunctionInfo, _gi.VFuncInfo, FunctionType)):
                found.setdefault(name, plain)
    return found


@functools.cache
def fields(qualified: str) -> dict[str, Any]:
    info = info_of(qualified)
    if not isinstance(info, (_gi.StructInfo, _gi.UnionInfo)) or qualified == "GLib.Error":
        return {}
    every = {each.get_name(): each for each in info.get_fields()}
    return {name: each for name, each in every.items() if name.isidentifier() and not name.startswith("_")}


def values(qualified: str) -> list[str]:
    """The names of an enumeration's values."""
    names = (value.get_name_unescaped().upper().replace("-", "_") for value in info_of(qualified).get_values())
    return [name for name in names if name.isidentifier()]


# -- types ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One line of a stub, and the qualified names ("Gtk.Box") in the types it gives to and takes from its caller."""

    text: str
    given: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()


def _cairo_names() -> set[str]:
    return {node.name for node in ast.parse((HERE / "cairo.pyi").read_text("utf-8")).body if hasattr(node, "name")}


CAIRO = _cairo_names()


def type_info(info: Any) -> Any:
    return info.get_type_info() if hasattr(info, "get_type_info") else info.get_type()


def _index(info: Any, what: str) -> int:
    """The index of another argument that belongs to this one: "array_length", "closure" or "destroy"; -1 for none."""
    get = getattr(info, f"get_{what}_index", None) or getattr(info, f"get_{what}")
    found = get()
    return -1 if found is None else found


class Types:
    """Python's names of introspected types, as they are written in the stub of one namespace."""

    def __init__(self, namespace: str, owner: str = ""):
        self._namespace = namespace
        self._hidden = _hidden_builtins(f"{namespace}.{owner}") if owner else frozenset()
        self.seen: set[str] = set()

    def python(self, info: Any, *, argument: bool) -> str:
        """What PyGObject makes of a value of this type, or takes as an argument of it."""
        tag = info.get_tag_as_string()
        if tag in PLAIN:
            return self._builtin(PLAIN[tag])
        match tag:
            case "void":
                return "Any" if info.is_pointer() else "None"
            case "GType":
                return self.named("GObject", "_TypeLike" if argument else "GType")
            case "error":
                return self.named("GLib", "Error")
            case "array":
                return self._array(info, argument=argument)
            case "glist" | "gslist":
                return self._list(info, argument=argument)
            case "ghash":
                key, value = (self._inside(info, number, argument=argument) for number in (0, 1))
                return f"{self._builtin('dict')}[{key}, {value}]"
            case "interface":
                return self._interface(info.get_interface())
        raise ValueError(f"no Python type is known for {tag}")

    def named(self, namespace: str, name: str) -> str:
        if namespace == "cairo":
            return f"cairo.{name}" if name in CAIRO else "Any"
        if namespace not in VERSIONS:
            return "Any"
        self.seen.add(f"{namespace}.{name}")
        return name if namespace == self._namespace else f"{namespace}.{name}"

    def _inside(self, info: Any, number: int, *, argument: bool) -> str:
        inside = self.python(info.get_param_type(number), argument=argument)
        return "Any" if inside == "None" else inside

    def _array(self, info: Any, *, argument: bool) -> str:
        if info.get_param_type(0).get_tag_as_string() == "guint8":
            return self._builtin("bytes")
        return self._list(info, argument=argument)

    def _list(self, info: Any, *, argument: bool) -> str:
        return f"{'Sequence' if argument else self._builtin('list')}[{self._inside(info, 0, argument=argument)}]"

    def _builtin(self, name: str) -> str:
        return f"builtins.{name}" if name in self._hidden else name

    def _interface(self, interface: Any) -> str:
        namespace, name = interface.get_namespace(), interface.get_name()
        if isinstance(interface, _gi.CallbackInfo):
            answer = self.python(interface.get_return_type(), argument=False)
            return f"Callable[..., {'object' if answer == 'None' else answer}]"
        if (namespace, name) == ("GObject", "Closure"):
            return "Callable[..., object]"
        if (namespace, name) == ("GObject", "Value"):
            return "Any"  # PyGObject wraps and unwraps them itself
        return self.named(namespace, name)


def _hidden_builtins(qualified: str) -> frozenset[str]:
    """The built-in types whose names are those of a class's own methods, which therefore hide them in its stub."""
    return frozenset(vars(builtins)) & frozenset(methods(qualified))


# -- functions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arguments:
    """The arguments of a C function, sorted into those that Python gives and those that it gets back."""

    given: list[Any]
    taken: list[Any]
    user_data: set[str]  # the names of those given that are handed on to a callback

    @classmethod
    def of(cls, info: Any) -> "Arguments":
        every = info.get_arguments()
        hidden = {_index(info.get_return_type(), "array_length")}
        closures = set()
        for argument in every:
            hidden.add(_index(type_info(argument), "array_length"))
            if _index(argument, "closure") >= 0:
                closures.add(_index(argument, "closure"))
                hidden.add(_index(argument, "destroy"))
        shown = [(k, argument) for k, argument in enumerate(every) if k not in hidden]
        return cls(
            [argument for _, argument in shown if argument.get_direction() != OUT],
            [argument for _, argument in shown if argument.get_direction() != IN],
            {a.get_name() for k, a in shown if k in closures and not _is_callback(a)},
        )


def _is_callback(argument: Any) -> bool:
    info = type_info(argument)
    return info.get_tag_as_string() == "interface" and isinstance(info.get_interface(), _gi.CallbackInfo)


def _parameters(arguments: Arguments, types: Types) -> list[str]:
    """Those that may be None have a default where no other one follows."""
    written: list[str] = []
    optional = True
    for argument in reversed(arguments.given):
        name = argument.get_name() + "_" * keyword.iskeyword(argument.get_name())
        if argument.get_name() in arguments.user_data:
            written.append(f"{name}: Any = ..." if written else f"*{name}: Any")
            continue
        python = types.python(type_info(argument), argument=True)
        optional = optional and argument.may_be_null()
        nullable = " | None" if argument.may_be_null() and python != "Any" else ""
        written.append(f"{name}: {python}{nullable}{' = ...' if optional else ''}")
    return written[::-1]


def _result(info: Any, arguments: Arguments, types: Types, *, hides_success: bool) -> str:
    every = [] if info.skip_return() else [(info.get_return_type(), info.may_return_null())]
    every += [(type_info(argument), argument.may_be_null()) for argument in arguments.taken]
    results = [(types.python(each, argument=False), each.get_tag_as_string(), nullable) for each, nullable in every]
    written = [
        python + " | None" * (nullable and python != "Any" and tag not in NEVER_NONE)
        for python, tag, nullable in results
        if python != "None"
    ]
    if hides_success:
        del written[0]
    text = f"tuple[{', '.join(written)}]" if len(written) > 1 else written[0] if written else "None"
    return text + " | None" * hides_success


def function(namespace: str, owner: str, name: str, info: Any, *, hides_success: bool = False) -> Item:
    """A function or, with an owner, a method of that class.

    hides_success: where the C function says whether it succeeded, PyGObject gives its result or None instead.
    """
    given, taken = Types(namespace, owner), Types(namespace, owner)
    arguments = Arguments.of(info)
    parameters = _parameters(arguments, given)
    result = _result(info, arguments, taken, hides_success=hides_success)
    decorator = ""
    if isinstance(info, _gi.VFuncInfo):
        parameters = ["self", *parameters, "/"] if parameters else ["self"]
    elif info.is_method():
        parameters.insert(0, "self")
    elif owner and info.is_constructor():
        decorator = "@classmethod\n"
        parameters.insert(0, "cls")
        result = owner + " | None" * info.may_return_null()
    elif owner:
        decorator = "@staticmethod\n"
    text = f"{decorator}def {name}({', '.join(parameters)}) -> {result}: ..."
    return Item(text, frozenset(given.seen), frozenset(taken.seen))

"""What holds for all of the code: which room may import which, no circles, and functions that fit on a screen."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SERVER, PLUG_IN = "inference_server", "inpaint_anything"
ROOTS = {SERVER: REPOSITORY / SERVER, PLUG_IN: REPOSITORY / "gimp_plugin" / PLUG_IN}
LONGEST = 50  # lines of a function

JOBS = ("select", "remove", "fill", "replace")
# Which rooms a room may import, beside itself.  A module that lies in no room is one of its own.
MAY_IMPORT = {
    SERVER: {
        "shared": set(),
        "models": {"imaging", "shared"},
        "imaging": {"shared"},
        "select": {"imaging", "models", "shared"},
        "remove": {"imaging", "models", "shared"},
        "fill": {"imaging", "models", "shared"},
        "replace": {"imaging", "models", "shared"},
        "engine": {*JOBS, "imaging", "models", "shared"},
        "serve": {"engine", *JOBS, "imaging", "models", "shared"},
        "cli": {"serve", "engine", *JOBS, "imaging", "models", "shared"},
        "__main__": {"cli"},
        "": {"engine", "shared"},
    },
    PLUG_IN: {
        "i18n": set(),
        "covering": set(),
        "recipe": set(),
        "help": {"i18n"},
        "widgets": {"i18n"},
        "arguments": {"i18n"},
        "job_settings": {"i18n", "arguments", "covering"},
        "expand_settings": {"i18n", "job_settings", "arguments"},
        "image": {"i18n", "job_settings", "expand_settings", "arguments", "covering"},
        "requests": {"i18n", "image", "job_settings", "expand_settings", "arguments"},
        "photo_view": {"i18n", "widgets", "covering"},
        "setup": {"i18n", "widgets", "requests"},
        "settings": {"i18n", "widgets", "help", "requests", "setup"},
        "dialog": {
            "i18n",
            "widgets",
            "help",
            "job_settings",
            "expand_settings",
            "arguments",
            "covering",
            "recipe",
            "image",
            "requests",
            "photo_view",
            "settings",
        },
        "procedures": {
            "i18n",
            "help",
            "job_settings",
            "expand_settings",
            "arguments",
            "image",
            "requests",
            "dialog",
            "settings",
            "setup",
        },
        "": set(),
    },
}


def modules(root: str) -> dict[str, ast.Module]:
    """The syntax of each module of a package, by its dotted name."""
    found = {}
    for file in sorted(ROOTS[root].rglob("*.py")):
        parts = [root, *file.relative_to(ROOTS[root]).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(file.read_text("utf-8"))
    return found


def imported(name: str, tree: ast.Module, known: dict[str, ast.Module], *, packages: set[str]) -> Iterator[str]:
    """The modules of the same package that a module imports, wherever in it; also those for the type checker alone."""
    package = name if name in packages else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{origin}.{alias.name}"
                yield from (target for target in (full, origin) if target in known and target != name)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def graph(root: str) -> dict[str, set[str]]:
    known = modules(root)
    packages = {name for name in known if (ROOTS[root].parent / name.replace(".", "/")).is_dir()}
    found = {name: set(imported(name, tree, known, packages=packages)) for name, tree in known.items()}
    # A module that imports a sibling runs its package too, which is not what a circle means here.
    return {name: {other for other in others if not name.startswith(f"{other}.")} for name, others in found.items()}


def room(name: str) -> str:
    return [*name.split("."), ""][1]


@pytest.mark.parametrize("root", ROOTS)
def test_rooms_import_only_what_lies_below_them(root):
    wrong = {
        f"{name} -> {other}"
        for name, others in graph(root).items()
        for other in others
        if room(other) != room(name) and room(other) and room(other) not in MAY_IMPORT[root][room(name)]
    }
    assert not wrong


@pytest.mark.parametrize("root", ROOTS)
def test_no_module_imports_itself_by_way_of_others(root):
    try:
        TopologicalSorter(graph(root)).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_plug_in_needs_of_the_server_what_is_shared_alone():
    for name, tree in modules(PLUG_IN).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == SERVER:
                version = [alias.name for alias in node.names] == ["__version__"]  # which is copied too
                assert version or node.module.startswith(f"{SERVER}.shared"), name


def test_functions_fit_on_a_screen():
    long = {}
    for file in (
        *(file for root in ROOTS.values() for file in root.rglob("*.py")),
        *(file for folder in ("bench", "docs", "typings") for file in (REPOSITORY / folder).rglob("*.py")),
        REPOSITORY / "install.py",
    ):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno >= LONGEST:
                long[f"{file.name}: {node.name}"] = node.end_lineno - node.lineno + 1
    assert not long

"""The catalogues of translations: what can be read in the plug-in, found in its source, said in each language.

    python3 install.py translations            update the template and every language's catalogue, and compile them
    python3 install.py translations fr         the same, and begin French
    python3 install.py translations --check    change nothing; say what is missing or wrong

A translator edits gimp_plugin/locale/LANGUAGE/LC_MESSAGES/inpaint-anything.po and runs the first.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

REPOSITORY = Path(__file__).resolve().parents[1]
PLACES = ("gimp_plugin", "inference_server")
# What is read in a terminal alone, which speaks English.
IN_A_TERMINAL = ("inference_server/cli/", "inference_server/imaging/files/")
DOMAIN = "inpaint-anything"
LOCALE = REPOSITORY / "gimp_plugin" / "locale"
COMPLETE = ("de", "vi")  # the languages in which nothing may be missing

# The functions, and with a dot before them the methods, whose arguments at these places a person will read.
READ = {
    "_": (0,),
    "ngettext": (0, 1),
    "tr": (0,),
    "wrong_input": (0, 1),
    "UserError": (1, 2),
    "on_progress": (1,),
    ".on_progress": (1,),
    ".report": (1,),
    ".part": (2,),
    "waiting": (0,),
    ".waiting": (0,),
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """The name and the syntax of every file in which there are words for a person in the plug-in."""
    for place in PLACES:
        for file in sorted((REPOSITORY / place).rglob("*.py")):
            name = file.relative_to(REPOSITORY).as_posix()
            if not name.startswith(IN_A_TERMINAL):
                yield name, ast.parse(file.read_text("utf-8"))


def called(call: ast.Call) -> str:
    """The name of the function that is called, ".name" of a method."""
    return f".{call.func.attr}" if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def read(tree: ast.Module) -> Iterator[tuple[ast.expr, ...]]:
    """What is given where a person will read it: one expression, or two for a singular and its plural."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(targets[0], ast.Name) and node.value:
            assigned.setdefault(targets[0].id, []).append(node.value)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if called(node) == "ngettext":
            yield tuple(node.args[:2])
        else:
            for k in READ.get(called(node), ()):
                for given in node.args[k : k + 1]:
                    yield from ((choice,) for choice in _choices(given, assigned))
    for titles in assigned.get("TITLES", []):
        if isinstance(titles, ast.Dict):
            yield from ((title,) for title in titles.values)


def _choices(given: ast.expr, assigned: dict[str, list[ast.expr]]) -> Iterator[ast.expr]:
    """What an expression may be: either branch of a condition, whatever is assigned to a name in its file."""
    match given:
        case ast.IfExp(body=one, orelse=other):
            parts = [one, other]
        case ast.BoolOp(values=parts):
            pass
        case ast.Name(id=name) if name in assigned:
            parts, assigned = assigned[name], {key: assigned[key] for key in assigned if key != name}
        case _:
            yield given
            return
    for part in parts:
        yield from _choices(part, assigned)


def template() -> Catalog:
    """All that can be read, in the order of the sources."""
    catalog = _empty()
    for name, tree in sources():
        for words in sorted(read(tree), key=lambda words: (words[0].lineno, words[0].col_offset)):
            texts = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            if len(texts) == len(words) and texts[0]:
                catalog.add(texts[0] if len(texts) == 1 else tuple(texts), locations=[(name, 1)])
    return catalog


def languages() -> list[str]:
    return sorted(file.parts[-3] for file in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def catalogue(language: str) -> Catalog:
    """What is translated into a language; nothing, where that is yet to begin."""
    file = _file(language, "po")
    if not file.exists():
        return _empty(language)
    with file.open("rb") as opened:
        return read_po(opened, language, DOMAIN)


def update(begun: list[str]) -> None:
    """Write the template, and the catalogues of all languages and of those to begin."""
    new, file = template(), LOCALE / f"{DOMAIN}.pot"
    if file.exists():
        with file.open("rb") as opened:
            new.creation_date = read_po(opened).creation_date
        if _text(new) != file.read_bytes():
            new.creation_date = datetime.now(UTC)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(_text(new))
    for language in sorted({*languages(), *begun}):
        # What resembles a sentence is no translation of it: who reads it would be told something else.
        catalog = catalogue(language)
        catalog.update(new, no_fuzzy_matching=True)
        _file(language, "po").parent.mkdir(parents=True, exist_ok=True)
        _file(language, "po").write_bytes(_text(catalog))
        _file(language, "mo").write_bytes(compiled(language))


def problems(language: str, wanted: Catalog) -> Iterator[str]:
    """What is missing or wrong in a language's catalogue."""
    catalog = catalogue(language)
    for message in (message for message in wanted if message.id):
        found = catalog.get(message.id)
        if found is None:
            yield f"not in the catalogue (run install.py translations): {_name(message)}"
        elif found.fuzzy:
            yield f"fuzzy: {_name(message)}"
        elif all(_forms(found)):
            yield from (f"{fault}: {_name(message)}" for fault in faults(found))
        elif language in COMPLETE or any(_forms(found)):
            yield f"untranslated: {_name(message)}"
    gone = [message for message in catalog if message.id and not wanted.get(message.id)]
    for message in [*gone, *catalog.obsolete.values()]:
        yield f"obsolete (run install.py translations): {_name(message)}"
    if not _file(language, "mo").exists() or _file(language, "mo").read_bytes() != compiled(language):
        yield "the .mo is not of this .po (run install.py translations)"


def faults(message: Message) -> Iterator[str]:
    """What a translation has lost or made up: names in braces, the underlined letter, the ellipsis."""
    original = message.id[-1] if message.pluralizable else message.id
    for form in _forms(message):
        if _braced(form) != _braced(original):
            yield "other names in braces"
        if form.count("_") != original.count("_"):
            yield "not as many underlines"
        if form.count("…") != original.count("…"):
            yield "not as many ellipses"


def check() -> list[str]:
    """All that is missing or wrong, in the template and in every language."""
    wanted = template()
    with (LOCALE / f"{DOMAIN}.pot").open("rb") as opened:
        kept = read_po(opened)
    ours, theirs = ({_name(message) for message in catalog if message.id} for catalog in (wanted, kept))
    found = [f"the template is out of date (run install.py translations): {name}" for name in sorted(ours ^ theirs)]
    for language in sorted({*languages(), *COMPLETE}):
        found += [f"{language}: {problem}" for problem in problems(language, wanted)]
    return found


def compiled(language: str) -> bytes:
    """The .mo of a language's catalogue, of what is wholly translated: Babel would fill in English forms."""
    catalog, into = catalogue(language), io.BytesIO()
    for message in catalog:
        if message.id and not all(_forms(message)):
            message.string = ""
    write_mo(into, catalog)
    return into.getvalue()


def untranslated(language: str) -> int:
    return sum(not (all(_forms(message)) and not message.fuzzy) for message in catalogue(language) if message.id)


def _empty(language: str | None = None) -> Catalog:
    about = {"project": "Inpaint Anything for GIMP", "version": "3", "charset": "utf-8", "fuzzy": False}
    return Catalog(language, DOMAIN, header_comment="# What can be read in Inpaint Anything for GIMP.", **about)


def _text(catalog: Catalog) -> bytes:
    into = io.BytesIO()
    write_po(into, catalog, width=120, ignore_obsolete=True, include_lineno=False)
    return into.getvalue()


def _file(language: str, ending: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def _forms(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if message.pluralizable else (message.string,)


def _braced(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def _name(message: Message) -> str:
    return repr(message.id[0] if message.pluralizable else message.id)


if __name__ == "__main__":
    if "--check" in sys.argv:
        wrong = check()
        print("\n".join(wrong) or "nothing is missing")
        sys.exit(bool(wrong))
    update(sys.argv[1:])
    for name in languages():
        print(f"{name}  {untranslated(name)} of {len(catalogue(name))} untranslated")

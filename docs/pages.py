"""Pages of the site that nobody writes: those of the plug-in's help, and every message with what to do about it.

mkdocs calls `on_config` (mkdocs.yml, hooks).  Both kinds of pages come in each language that the plug-in speaks.
"""

import ast
import atexit
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

from tests import translations

HELP = REPOSITORY / "gimp_plugin" / "help"
OF_SITE = "index.html"  # which has one of its own
# The picture that a page of the help gets on the site, below its title.
PICTURES = {"select": "select", "remove": "dialog", "fill": "fill", "replace": "replace", "edit": "edit"}
PICTURES |= {"settings": "settings"}
ENGLISH = "en"
WORDS = {  # title, introduction, and the table's head
    "en": (
        "Messages",
        "Every message of the plug-in and its server, and what to do. An ellipsis stands for what differs.",
        "It says",
        "What to do",
    ),
    "de": (
        "Meldungen",
        "Alle Meldungen des Plug-ins und seines Servers, und was zu tun ist. Drei Punkte stehen für Wechselndes.",
        "Die Meldung",
        "Was zu tun ist",
    ),
    "vi": (
        "Thông báo",
        "Mọi thông báo của plug-in và máy chủ của nó, và việc cần làm. Dấu ba chấm thay cho phần thay đổi.",
        "Thông báo",
        "Việc cần làm",
    ),
}
CALLS = {"UserError": 1, "wrong_input": 0}  # what makes a message, and which of its arguments is the sentence


@event_priority(100)  # before the plug-in that sorts pages by language
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have the site built from a copy of docs/ with these pages in it."""
    config.docs_dir = str(sources())
    return config


@cache
def sources() -> Path:
    """A folder with all pages, which is gone with this process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    for file in (file for file in (REPOSITORY / "docs").iterdir() if file.suffix in (".md", ".jpg")):
        shutil.copy(file, folder)
    for language in WORDS:
        pages = [*help_pages(language), ("messages", messages_page(language))]
        for name, text in pages:
            (folder / page_name(name, language)).write_text(text, "utf-8")
    return folder


def page_name(name: str, language: str) -> str:
    """The file of a page in a language."""
    return f"{name}.md" if language == ENGLISH else f"{name}.{language}.md"


def help_pages(language: str) -> Iterator[tuple[str, str]]:
    """The name and the Markdown of each page of the help: its own HTML, with headings that the site finds."""
    for file in sorted((HELP / language).glob("*.html")):
        if file.name == OF_SITE:
            continue
        (body,) = re.findall(r"<body>(.*)</body>", file.read_text("utf-8"), re.DOTALL)
        body = re.sub(r'<p class="back">.*?</p>', "", body)
        for level in (1, 2):
            body = re.sub(rf"<h{level}>(.*?)</h{level}>", rf"\n\n{'#' * level} \1\n\n", body)
        if picture := PICTURES.get(file.stem):
            body = re.sub(r"^# (.*)\n", rf"# \1\n\n![\1]({picture}.jpg)\n", body, count=1, flags=re.MULTILINE)
        yield file.stem, body


def messages_page(language: str) -> str:
    """The Markdown of the list of messages."""
    title, introduction, *head = WORDS[language]
    catalogue = translations.catalogue(language)

    def said(text: str) -> str:
        found = catalogue.get(text)
        return cell(str(found.string) if found and found.string else text)

    rows = sorted({(said(sentence), said(remedy)) for sentence, remedy in messages()})
    lines = [f"# {title}", "", introduction, "", f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {sentence} | {remedy} |" for sentence, remedy in rows), ""])


def cell(text: str) -> str:
    """A text in a cell of a table, with an ellipsis for each value."""
    text = re.sub(r"\{\w*\}", "…", text)
    return re.sub(r"([|<>*_`\[\]])", r"\\\1", text).replace("\n", " ")


def messages() -> Iterator[tuple[str, str]]:
    """Each sentence of an error, and its remedy, as the code has them; an ellipsis where a remedy is put together."""
    for _name, tree in translations.sources():
        for call, function in calls(tree):
            yield from pairs(call, [function, tree])


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.AST]]:
    """Each call that makes an error, and the innermost function that it is in, or the module."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    inside: dict[ast.AST, ast.AST] = {}
    for scope in (tree, *functions):  # what lies in another comes after that
        inside |= dict.fromkeys(ast.walk(scope), scope)
    for node, scope in inside.items():
        if isinstance(node, ast.Call) and translations.called(node) in CALLS:
            yield node, scope


def pairs(call: ast.Call, scopes: Sequence[ast.AST]) -> Iterator[tuple[str, str]]:
    """What a call that makes an error may say: a sentence, and its remedy.  scopes: where names may be assigned."""
    first = CALLS[translations.called(call)]
    sentence, remedy, *_ = [*call.args[first : first + 2], ast.Constant("")]
    remedies = list(texts(remedy, scopes)) or ["…"]
    yield from ((text, other) for text in texts(sentence, scopes) for other in remedies)


def texts(given: ast.expr, scopes: Sequence[ast.AST]) -> Iterator[str]:
    """What an expression may say: either branch of a condition, what a name was assigned last before it."""
    match given:
        case ast.Constant(value=str() as text):
            yield text
        case ast.Call(args=[words, *_]) if translations.called(given) in ("tr", "_"):
            yield from texts(words, scopes)
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one, scopes)
            yield from texts(other, scopes)
        case ast.Name(id=name, lineno=line):
            for k, scope in enumerate(scopes):
                assigned = [
                    node
                    for node in ast.walk(scope)
                    if isinstance(node, ast.Assign)
                    and isinstance(node.targets[0], ast.Name)
                    and node.targets[0].id == name
                    and node.lineno < line
                ]
                if assigned:
                    last = max(assigned, key=lambda node: node.lineno)
                    yield from texts(last.value, scopes[k:])
                    return

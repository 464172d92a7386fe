"""The help pages that come with the plug-in: all are there, in each language, and what they point at is."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from . import action_search

PLUG_IN = Path(__file__).resolve().parents[1] / "gimp_plugin"
LANGUAGES = sorted(file.parent for file in (PLUG_IN / "help").glob("*/index.html"))
VOID = {"meta", "link", "br", "img"}  # elements that have no end


class Reader(HTMLParser):
    """What a page points at, and whether each element ends where it must."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.language = ""
        self._open: list[str] = []
        self.feed(page.read_text("utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [address for name in ("href", "src") if (address := given.get(name))]
        self.language = given.get("lang") or self.language
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{self.getpos()}: </{tag}>"


def pages() -> set[str]:
    """The names of the pages that the plug-in opens (`help.Page`)."""
    tree = ast.parse((PLUG_IN / "inpaint_anything" / "help.py").read_text("utf-8"))
    (listed,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Page")
    return {ast.literal_eval(node.value) for node in listed.body if isinstance(node, ast.Assign)}


def test_there_is_english():
    assert PLUG_IN / "help" / "en" in LANGUAGES


@pytest.mark.parametrize("folder", LANGUAGES, ids=lambda folder: folder.name)
def test_a_language_has_every_page_and_gimp_finds_that_of_each_procedure(folder):
    assert {file.stem for file in folder.glob("*.html")} == pages()
    items = ElementTree.parse(folder / "gimp-help.xml").getroot().findall("help-item")
    procedures = {f"inpaint-anything-{name}" for name in action_search.entries()}
    assert {item.get("id") for item in items} == procedures
    assert all((folder / item.get("ref", "")).is_file() for item in items)


@pytest.mark.parametrize(
    "page", [page for folder in LANGUAGES for page in sorted(folder.glob("*.html"))], ids=lambda p: f"{p.parts[-2:]}"
)
def test_a_page_is_whole_and_points_at_nothing_that_is_not_shipped(page):
    read = Reader(page)
    assert read.language == page.parent.name
    for link in read.links:
        assert not re.match(r"\w+:|/", link) and (page.parent / link).is_file(), link

"""The help pages that come with the plug-in: all are there, in each language, and what they point at is."""

import ast
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from . import action_search, translations

PLUG_IN = Path(__file__).resolve().parents[1] / "gimp_plugin"
LANGUAGES = sorted(file.parent for file in (PLUG_IN / "help").glob("*/index.html"))
VOID = {"meta", "link", "br", "img"}  # elements that have no end
STRESS = {"b", "i"}  # elements that are a translator's choice
ENGLISH = PLUG_IN / "help" / "en"
TRANSLATED = [page for folder in LANGUAGES if folder != ENGLISH for page in sorted(folder.glob("*.html"))]
# What keys are called, in the languages in which they are not called as in English.
KEYS = {
    "de": {"Ctrl": "Strg", "Shift": "Umschalt", "Delete": "Entf", "Backspace": "Rücktaste", "Space": "Leertaste"},
    "vi": {"Space": "Phím cách"},
}


class Reader(HTMLParser):
    """What a page points at, its elements with their words, and whether each ends where it must."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: Counter[str] = Counter()
        self.words: dict[str, list[str]] = {}  # by element
        self.language = ""
        self._open: list[str] = []
        self.feed(page.read_text("utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [address for name in ("href", "src") if (address := given.get(name))]
        self.language = given.get("lang") or self.language
        self.elements[tag] += 1
        self.words.setdefault(tag, []).append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self.words[self._open[-1]][-1] += data

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{self.getpos()}: </{tag}>"


def pages() -> set[str]:
    """The names of the pages that the plug-in opens (`help.Page`)."""
    tree = ast.parse((PLUG_IN / "inpaint_anything" / "help.py").read_text("utf-8"))
    (listed,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Page")
    return {ast.literal_eval(node.value) for node in listed.body if isinstance(node, ast.Assign)}


def label(text: str) -> str:
    """What is seen of a label: no underlines, and in one line and without its ellipsis as on a page."""
    return " ".join(text.replace("_", "").rstrip("…").split())


def labels(language: str) -> dict[str, set[str]]:
    """What a label, as it is seen in English, may be called in a language."""
    found: dict[str, set[str]] = {}
    for message in translations.catalogue(language):
        if isinstance(message.id, str) and isinstance(message.string, str):
            found.setdefault(label(message.id), set()).add(label(message.string))
    return found


def test_there_is_english():
    assert ENGLISH in LANGUAGES


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


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: f"{page.parts[-2:]}")
def test_a_translated_page_says_all_that_the_english_one_says(page):
    language = page.parent.name
    read, english = Reader(page), Reader(ENGLISH / page.name)
    assert Counter(read.links) == Counter(english.links)
    keys = [KEYS.get(language, {}).get(key, key) for key in english.words.get("kbd", [])]
    assert Counter(read.words.get("kbd", [])) == Counter(keys)
    ours, theirs = (
        {tag: count for tag, count in each.elements.items() if tag not in STRESS} for each in (read, english)
    )
    assert ours == theirs, "another number of headings, steps, rows, …"


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: f"{page.parts[-2:]}")
def test_a_translated_page_calls_what_is_in_the_dialogs_as_these_do(page):
    read, english, called = Reader(page), Reader(ENGLISH / page.name), labels(page.parent.name)
    there = {label(words) for element in ("b", "h1") for words in read.words.get(element, [])}
    for words in (*english.words["h1"], *english.words.get("b", [])):
        names = called.get(label(words))  # of what is in GIMP's own menus there are none
        assert names is None or names & there, f"{words} is {names}"

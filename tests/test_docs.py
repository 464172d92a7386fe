"""The site of docs/: it builds without a warning, what its pages point at is there, and it knows every message."""

import ast
import importlib.util
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from . import translations

pytest.importorskip("mkdocs")

REPOSITORY = Path(__file__).resolve().parents[1]
# They pass on what another error says, which is listed where that is made.
PASSED_ON = {
    "gimp_plugin/inpaint_anything/requests/recipes.py",
    "gimp_plugin/inpaint_anything/setup/failures.py",
    "inference_server/shared/client.py",
    "inference_server/shared/errors.py",
    "inference_server/shared/relay_link.py",
}


@pytest.fixture(scope="module")
def pages():
    """The module that makes pages."""
    described = importlib.util.spec_from_file_location("pages", REPOSITORY / "docs" / "pages.py")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Links(HTMLParser):
    """What a page points at, and what in it can be pointed at."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("href", "src"):
                self.to.append(value)
            elif value and name in ("id", "name"):
                self.anchors.add(value)


def test_what_the_pages_point_at_is_there(site):
    found = {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert {page.parent.name for page in found} == {site.name, "de", "vi"}
    lost = []
    for page, links in found.items():
        for address in map(urlsplit, links.to):
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (target in found and address.fragment not in found[target].anchors):
                lost.append(f"{page.relative_to(site)}: {address.geturl()}")
    assert not lost


def test_it_knows_every_message(pages, site):
    unknown = {
        name
        for name, tree in translations.sources()
        for call, function in pages.calls(tree)
        if not list(pages.pairs(call, [function, tree]))
    }
    assert unknown == PASSED_ON
    listed = (site / "messages.html").read_text("utf-8")
    assert "The inference server is not installed." in listed
    assert "Der Inferenz-Server ist nicht installiert." in (site / "de" / "messages.html").read_text("utf-8")


def test_a_message_is_found_however_it_is_made(pages):
    code = """
HINT = "Click on it."
def find(image):
    sentence = "Not this one."
    sentence = tr("No {thing} is here.", thing=image) if image else "Nothing is here."
    raise wrong_input(sentence, HINT)
    sentence = "Nor this one."
def save():
    raise UserError(ErrorCode.DISK_FULL, "The disk is full.")
def run(command):
    raise UserError(ErrorCode.FAILED, "It has failed.", remedy(command))
"""
    tree = ast.parse(code)
    said = {pair for call, function in pages.calls(tree) for pair in pages.pairs(call, [function, tree])}
    assert said == {
        ("No {thing} is here.", "Click on it."),
        ("Nothing is here.", "Click on it."),
        ("The disk is full.", ""),
        ("It has failed.", "…"),
    }

"""The help pages open in the person's browser, from inside a real GIMP."""

import os
import shutil
from pathlib import Path

import pytest

from ..virtual_screen import skip_without, virtual_screen, wait_for
from .conftest import IN_GIMP, SCENARIOS

pytestmark = IN_GIMP
MODULES = SCENARIOS.with_name("plugin_modules.py")
BROWSER = """[Desktop Entry]
Type=Application
Name=Browser
Exec={program} %u
MimeType=text/html;
"""


@pytest.fixture
def browser(tmp_path) -> tuple[dict[str, str], Path]:
    """The environment of a GIMP that has a browser, and the file with the addresses that it was given."""
    given, program, data = tmp_path / "given", tmp_path / "browser", tmp_path / "data"
    program.write_text(f'#!/bin/sh\necho "$1" >> {given}\n')
    program.chmod(0o755)
    applications = data / "applications"
    applications.mkdir(parents=True)
    (applications / "browser.desktop").write_text(BROWSER.format(program=program))
    (applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")
    return {"XDG_DATA_HOME": str(data), "NO_AT_BRIDGE": "1"}, given


def test_a_page_opens_in_the_browser_in_english_where_a_language_has_none(gimp, browser, few_plug_ins, tmp_path):
    skip_without(["Xvfb"])
    environment, given = browser
    profile = tmp_path / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    with (profile / "gimprc").open("a") as file:
        file.write(f"\n{few_plug_ins}")
    with virtual_screen(640, 480) as display:
        environment |= {"DISPLAY": display, "LANGUAGE": "eo", "GIMP3_DIRECTORY": str(profile)}
        assert gimp("help_shown", file=MODULES, environment=environment, page="fill") == ""
        wait_for(given.exists, 20, "no browser was opened")
    assert given.read_text().strip().endswith("/plug-ins/inpaint-anything/help/en/fill.html")


def test_without_a_browser_it_is_said_where_the_page_lies(gimp):
    sentence = gimp("help_shown", file=MODULES, environment={"DISPLAY": ""}, page="index")
    assert sentence.startswith("No browser could be opened for the help. Open /")
    assert sentence.endswith("/help/en/index.html yourself.")

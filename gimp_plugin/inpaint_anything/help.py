"""The help pages that come with the plug-in, in help/LANGUAGE beside this package."""

from enum import Enum
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import wrong_input  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from .i18n import LANGUAGES  # noqa: E402

HELP = Path(__file__).parents[1] / "help"
ENGLISH = "en"
BROWSER = "plug-in-web-browser"  # GIMP's own, which knows how to open an address on each platform


class Page(Enum):
    """A page, by the name of its file; those of jobs have the jobs' names."""

    CONTENTS = "index"
    SELECT = "select"
    REMOVE = "remove"
    FILL = "fill"
    REPLACE = "replace"
    EXPAND = "expand"
    EDIT = "edit"
    SETTINGS = "settings"
    KEYBOARD = "keyboard"


def file(page: Page) -> Path:
    """The page's file, in the first of the person's languages that has it, else in English."""
    found = (HELP / language / f"{page.value}.html" for language in (*LANGUAGES, ENGLISH))
    return next(each for each in found if each.is_file() or each.parent.name == ENGLISH)


def show(page: Page) -> None:
    """Open a page in the person's browser.  Raises UserError where that cannot be done."""
    there = file(page)
    browser = Gimp.get_pdb().lookup_procedure(BROWSER)
    if browser:
        config = browser.create_config()
        config.set_property("url", Gio.File.new_for_path(str(there)).get_uri())
        if browser.run(config).index(0) == Gimp.PDBStatusType.SUCCESS:
            return
    raise wrong_input("No browser could be opened for the help.", tr("Open {file} yourself.", file=there))

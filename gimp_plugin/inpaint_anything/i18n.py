"""The language the person reads: `_` for the plug-in's own text, `translated` for what comes from the server.

The catalogues are in locale/LANGUAGE/LC_MESSAGES beside this package; `install.py words` makes them.
"""

import gettext
import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from gi.repository import GLib

if TYPE_CHECKING:
    from inference_server.shared.errors import UserError

DOMAIN = "inpaint-anything"
LOCALE = Path(__file__).parents[1] / "locale"

# GLib knows the languages on every platform, in order; GIMP puts the one chosen in its preferences first.  There is no
# catalogue of English: without this, who prefers it would get the language after it.
LANGUAGES = [*takewhile(lambda name: re.split("[_.@]", name)[0] not in ("en", "C", "POSIX"), GLib.get_language_names())]
_catalogue = gettext.translation(DOMAIN, LOCALE, LANGUAGES, fallback=True)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext


def translated(text: str) -> str:
    """Text in the person's language: the template of a `Translatable` is looked up, and so is each of its values."""
    # Here, so that a plug-in without inference_server can still say that it lacks it.
    from inference_server.shared.text import Translatable

    if not text:
        return ""  # gettext would give the head of the catalogue
    english = Translatable.of(text)
    values = {
        name: translated(value) if isinstance(value, Translatable) else value for name, value in english.values.items()
    }
    return Translatable(_(english.template), values)


def in_words(error: "UserError") -> str:
    """What was wrong and what to do about it, in the person's language."""
    return f"{translated(error.sentence)} {translated(error.remedy)}".strip()


def time_left(seconds: float) -> str:
    """That work will go on for so long, as precisely as that can be known."""
    from inference_server.shared.text import Translatable

    count, minutes = _rounded(seconds)
    if minutes:
        text = ngettext("about {count} minute left", "about {count} minutes left", count)
    else:
        text = ngettext("about {count} second left", "about {count} seconds left", count)
    return Translatable(text, {"count": count})


def time_taken(seconds: float) -> str:
    """That work took so long."""
    from inference_server.shared.text import Translatable

    count, minutes = _rounded(seconds)
    if minutes:
        text = ngettext("{count} minute the last time", "{count} minutes the last time", count)
    else:
        text = ngettext("{count} second the last time", "{count} seconds the last time", count)
    return Translatable(text, {"count": count})


def _rounded(seconds: float) -> tuple[int, bool]:
    """As many seconds, or minutes, and whether it is minutes."""
    if seconds >= 60:
        return round(seconds / 60), True
    return max(1, round(seconds / 5) * 5 if seconds > 10 else round(seconds)), False

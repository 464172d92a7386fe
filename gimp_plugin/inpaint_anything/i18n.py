"""The language the person reads: `_` for what the plug-in says, `translated` for what comes from the server.

The catalogues are in locale/LANGUAGE/LC_MESSAGES beside this file; `install.py words` makes them.
"""

import gettext
import re
from itertools import takewhile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import GLib  # noqa: E402  gi wants the version first

DOMAIN = "inpaint-anything"
PLACE = Path(__file__).parents[1] / "locale"

# GLib knows the languages on every platform, in order; GIMP puts the one chosen in its preferences first.  There is no
# catalogue of English: without this, who prefers it would get the language after it.
_languages = takewhile(lambda name: re.split("[_.@]", name)[0] not in ("en", "C", "POSIX"), GLib.get_language_names())
_catalogue = gettext.translation(DOMAIN, PLACE, list(_languages), fallback=True)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext


def translated(words: str) -> str:
    """What is said, in the person's language: its template is looked up, then so is each value."""
    from inference_server.shared.text import (
        Translatable,  # here, so that a plug-in without it can still say that it lacks it
    )

    if not words:
        return ""  # which gettext has another use for
    said = Translatable.of(words)
    values = {
        name: translated(value) if isinstance(value, Translatable) else value for name, value in said.values.items()
    }
    return Translatable(_(said.template), values)


def in_words(error) -> str:
    """What was wrong, a `UserError`, and what to do about it, in the person's language."""
    return f"{translated(error.sentence)} {translated(error.remedy)}".strip()


def time_left(seconds: float) -> str:
    """That work will go on for so long, as precisely as that can be known."""
    from inference_server.shared.text import Translatable

    if seconds < 60:
        count = max(1, round(seconds / 5) * 5 if seconds > 10 else round(seconds))
        return Translatable(
            ngettext("about {count} second left", "about {count} seconds left", count), {"count": count}
        )
    count = round(seconds / 60)
    return Translatable(ngettext("about {count} minute left", "about {count} minutes left", count), {"count": count})

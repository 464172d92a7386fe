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
PLACE = Path(__file__).with_name("locale")

# GLib knows the languages on every platform, in order; GIMP puts the one chosen in its preferences first.  There is no
# catalogue of English: without this, who prefers it would get the language after it.
_languages = takewhile(lambda name: re.split("[_.@]", name)[0] not in ("en", "C", "POSIX"), GLib.get_language_names())
_catalogue = gettext.translation(DOMAIN, PLACE, list(_languages), fallback=True)
_ = _catalogue.gettext
ngettext = _catalogue.ngettext


def translated(words: str) -> str:
    """What is said, in the person's language: its template is looked up, then so is each value."""
    from inference_server.errors import Said  # here, so that a plug-in without it can still say that it lacks it

    if not words:
        return ""  # which gettext has another use for
    said = Said.of(words)
    values = {name: translated(value) if isinstance(value, Said) else value for name, value in said.values.items()}
    return Said(_(said.template), values)


def time_left(share: float, seconds: float) -> str:
    """How long work will go on that got so far, 0 to 1, in so many seconds; "" where that cannot be known yet."""
    if seconds < 2 or not 0.05 < share < 1:
        return ""
    from inference_server.errors import Said

    left = seconds * (1 - share) / share
    if left < 60:
        count = max(1, round(left / 5) * 5 if left > 10 else round(left))
        return Said(ngettext("about {count} second left", "about {count} seconds left", count), {"count": count})
    count = round(left / 60)
    return Said(ngettext("about {count} minute left", "about {count} minutes left", count), {"count": count})

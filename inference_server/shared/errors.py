"""The one exception that is meant for a person.  Standard library only: the plug-in uses it too."""

import re
import sys
from collections.abc import Callable

_NAMED = re.compile(r"\{(\w+)\}")  # not str.format's syntax, which reaches into objects: templates come over a socket


class Said(str):
    """Words for a person, in English, which remember what they were made of, so that they can be said in another
    language: a template with names in braces, and the values that stand for them, which may be `Said` themselves."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, values: dict[str, object] | None = None):
        values = values or {}
        made = super().__new__(cls, _NAMED.sub(lambda found: str(values.get(found[1], found[0])), template))
        made.template, made.values = template, values
        return made

    @classmethod
    def of(cls, words: str) -> "Said":
        """`words` as such."""
        return words if isinstance(words, cls) else cls(words)


def say(template: str, **values: object) -> Said:
    """`template` with the values in the places that it names in braces."""
    return Said(template, values)


class UserError(Exception):
    """Something a person can understand and act on; shown as it is, never with a traceback.

    code:     a short fixed word for programs, e.g. "no-model" (see `protocol.Failure`)
    sentence: what was wrong
    remedy:   what to do about it, possibly empty
    """

    def __init__(self, code: str, sentence: str, remedy: str = ""):
        super().__init__(f"{sentence} {remedy}".strip())
        self.code, self.sentence, self.remedy = code, Said.of(sentence), Said.of(remedy)


def run(line: str) -> Said:
    """The remedy that is a command line."""
    return say("Run: {command}", command=line)


def command(words: str) -> str:
    """How to run this program's command line from any terminal: with the Python that runs now."""
    return f"{this_python()} -m inference_server {words}"


def this_python() -> str:
    """The Python that runs now, as a terminal takes it."""
    return f'"{sys.executable}"' if " " in sys.executable else sys.executable


def cancelled_by_user() -> UserError:
    return UserError("cancelled", "Cancelled.", "Nothing was changed.")


def stop_if(cancelled: Callable[[], bool]) -> None:
    """Raise what ends a job that was cancelled."""
    if cancelled():
        raise cancelled_by_user()


def quiet(share: float, word: str) -> None:
    """The progress of a job that nobody watches."""


def never() -> bool:
    """Whether a job was cancelled that nobody can cancel."""
    return False


def disk_full(path: object) -> UserError:
    return UserError(
        "disk-full", say("There is no room left on the disk for {path}.", path=path), "Free some space and try again."
    )

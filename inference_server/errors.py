"""The one exception that is meant for a person.  Standard library only: the plug-in uses it too."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something a person can understand and act on; shown as it is, never with a traceback.

    code:     a short fixed word for programs, e.g. "no-model" (see `protocol.Failure`)
    sentence: what was wrong
    remedy:   what to do about it, possibly empty
    """

    def __init__(self, code: str, sentence: str, remedy: str = ""):
        super().__init__(f"{sentence} {remedy}".strip())
        self.code, self.sentence, self.remedy = code, sentence, remedy


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
    return UserError("disk-full", f"There is no room left on the disk for {path}.", "Free some space and try again.")

"""The one exception that is meant for a person.  Standard library only: the plug-in uses it too."""

import sys


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
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m inference_server {words}"


def cancelled_by_user() -> UserError:
    return UserError("cancelled", "Cancelled.", "Nothing was changed.")


def disk_full(path: object) -> UserError:
    return UserError("disk-full", f"There is no room left on the disk for {path}.", "Free some space and try again.")

"""Asking the server on threads of their own, so that a window never waits for it."""

import threading
from collections.abc import Callable
from typing import TypeVar

from gi.repository import GLib

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.text import tr

T = TypeVar("T")


def broken(error: Exception) -> UserError:
    """What nobody has foreseen, as something to be said: a thread that died of it would leave a window that waits."""
    sentence = tr("Something went wrong in the plug-in ({error}).", error=repr(error))
    return UserError(ErrorCode.INTERNAL, sentence, "Please report it.")


class Errands:
    """Work that is done apart; what comes of it is told in the window's own thread, as long as the window is open."""

    def __init__(self):
        self._open = True

    def send(self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[UserError], None]) -> None:
        """Call `then` with what `work` returns, or `failed` with the reason why there is nothing."""

        def run() -> None:
            try:
                result = work()
            except UserError as error:
                self.tell(failed, error)
            except Exception as error:
                self.tell(failed, broken(error))
            else:
                self.tell(then, result)

        threading.Thread(target=run, daemon=True).start()

    def tell(self, hear: Callable, *news: object) -> None:
        """Call `hear` with the news in the window's thread, soon."""

        def now() -> bool:
            if self._open:
                hear(*news)
            return GLib.SOURCE_REMOVE

        GLib.idle_add(now)

    def close(self) -> None:
        """Nobody wants to hear anything any more."""
        self._open = False

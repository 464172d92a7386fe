"""Work off the main loop, and its results back on it: the only way there is for a window."""

import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

from gi.repository import GLib

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.text import tr

T = TypeVar("T")


def internal_error(error: Exception) -> UserError:
    """The error shown for an exception that nobody foresaw; its traceback goes to the terminal."""
    traceback.print_exception(type(error), error, error.__traceback__)
    sentence = tr("Something went wrong in the plug-in ({error}).", error=repr(error))
    return UserError(ErrorCode.INTERNAL, sentence, "Please report it.")


class BackgroundTasks:
    """Runs work on threads, and calls back on GLib's main loop until it is closed.

    Once `close` has returned no callback is called any more, whichever way it was asked for.  `close` belongs on the
    main loop's thread, the other methods may be called on any.  Work must not call GIMP, which answers its plug-in's
    main thread only.
    """

    def __init__(self, report: Callable[[UserError], None]) -> None:
        """report: is called with every error that has no other receiver: of a callback, and of work without one for
        its failure."""
        self._report = report
        self._closed = False

    def run(
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[UserError], None] | None = None
    ) -> None:
        """Call work() on a thread of its own, then done(result) or failed(error) on the main loop."""

        def run() -> None:
            try:
                result = work()
            except UserError as error:
                self.post(failed or self._report, error)
            except Exception as error:
                self.post(failed or self._report, internal_error(error))
            else:
                self.post(done, result)

        threading.Thread(target=run, daemon=True).start()

    def post(self, callback: Callable[..., object], *arguments: object, priority: int = GLib.PRIORITY_DEFAULT) -> None:
        """Call callback(*arguments) on the main loop, soon, and in the order of the posts of one priority."""
        GLib.idle_add(self._deliver, callback, arguments, priority=priority)

    def close(self) -> None:
        """Call nobody back any more.  Threads that still work end by themselves."""
        self._closed = True

    def _deliver(self, callback: Callable[..., object], arguments: tuple[object, ...]) -> bool:
        if not self._closed:
            try:
                callback(*arguments)
            except UserError as error:
                self._report(error)
            except Exception as error:
                self._report(internal_error(error))
        return GLib.SOURCE_REMOVE

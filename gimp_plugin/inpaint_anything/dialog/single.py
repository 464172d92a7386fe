"""One dialog for an image: opening it again brings the one there is to the front."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gi.repository import GLib

from inference_server.shared import paths
from inference_server.shared.errors import UserError

FOLDER = "dialogs"  # in the private folder
CAN_CALL = sys.platform != "win32"  # whether one process can call another by a signal


@contextmanager
def only_dialog(image: int) -> Iterator[bool]:
    """Whether no other process has a dialog for the image of this id in the same GIMP; none can have until this ends.

    Where there is one, it comes to the front, if the system has signals.
    """
    if not paths.home().is_dir():
        yield True  # nothing is installed, which is what will be said
        return
    with contextlib.ExitStack() as held:
        alone = True
        with contextlib.suppress(OSError, UserError):  # a full disk is no reason to refuse
            folder = paths.private_folder(paths.home() / FOLDER)
            lock, holder = (folder / f"{os.getppid()}-{image}.{kind}" for kind in ("lock", "pid"))
            alone = held.enter_context(paths.only_instance(lock))
            if alone:
                _ignore_signal()
                holder.write_text(str(os.getpid()), "utf-8")
                held.callback(lock.unlink, missing_ok=True)
                held.callback(holder.unlink, missing_ok=True)
            else:
                _call_to_the_front(int(holder.read_text("utf-8") or 0))
        yield alone


def when_called(come_to_the_front: Callable[[], object]) -> None:
    """Have this called on the main loop when another process wants the same dialog."""

    def called(*_signal: object) -> None:
        GLib.idle_add(come_to_the_front)

    if sys.platform != "win32":
        signal.signal(signal.SIGUSR1, called)


def _ignore_signal() -> None:
    """A signal that comes before `when_called` must not end the process."""
    if sys.platform != "win32":
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def _call_to_the_front(process: int) -> None:
    """process: holds the lock, so that its number is not another's by now."""
    if sys.platform != "win32" and process > 0:
        os.kill(process, signal.SIGUSR1)

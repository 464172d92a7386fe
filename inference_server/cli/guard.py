"""A job in a process of its own, so that a library which ends that for want of memory does not have the last word.

Standard library only.  The process is a copy of this one, made before anything large is loaded.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence

from ..shared.errors import ErrorCode, UserError
from .photo_arguments import COMMANDS

LACK_OF_MEMORY = ("SIGABRT", "SIGBUS", "SIGKILL", "SIGSEGV")  # how a process ends that got none
PASSED_ON = (signal.SIGINT, signal.SIGTERM)
DIE_WITH_PARENT = 1  # of prctl.h
FROM_A_PROCESS = 0  # the highest code of signals that another process has sent, and not the terminal


def is_needed(arguments: Sequence[str]) -> bool:
    """Whether this command line is a job, and the system can do so."""
    return sys.platform == "linux" and bool(arguments) and arguments[0] in [name for name, _ in COMMANDS.values()]


def run(work: Callable[[], int]) -> int:
    """The exit status of `work`, done in a copy of this process.

    Returns twice: in the copy too.  A copy that was ended for want of memory counts as refused, with a sentence.
    """
    waited_for = {*PASSED_ON, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    parent, child = os.getpid(), os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
        return work() if os.getppid() == parent else 1
    while True:
        came = signal.sigwaitinfo(waited_for)
        if came.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return _exit_status(status)
        elif came.si_code <= FROM_A_PROCESS:  # from the terminal, the copy has had it too
            os.kill(child, came.si_signo)


def _exit_status(status: int) -> int:
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    if signal.Signals(number).name not in LACK_OF_MEMORY:
        return 128 + number
    sentence, remedy = "A library has ended the job, most likely for want of memory.", "Work on a smaller photo."
    print(UserError(ErrorCode.NO_MEMORY, sentence, remedy), file=sys.stderr)
    return 1

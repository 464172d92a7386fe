"""A conversation with the server on a thread of its own, for a window that must never freeze.

Everything here but the thread runs on GTK's main loop: questions are asked there, answers and news are heard there.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from gi.repository import GLib

from inference_server.shared import messages
from inference_server.shared.errors import UserError, cancelled_error
from inference_server.shared.geometry import Window
from inference_server.shared.text import tr

from . import job_steps
from .background import broken
from .job_steps import Question, Steps

Message = messages.Message
Failed = Callable[[UserError], None]


@dataclass(eq=False)
class Asked:
    """A question on its way.  Whatever it would still be told is not told once it is dropped."""

    question: Question
    answered: Callable[[Message, list[bytes]], None]
    failed: Failed
    progress: Callable[[float, str], None]
    partial: Callable[[Message, list[bytes]], None]
    line: str
    dropped: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Have the server stop; the answer is then the failure "cancelled"."""
        self.stopped.set()

    def drop(self) -> None:
        """Nobody wants to know any more."""
        self.stopped.set()
        self.dropped.set()


class Talk:
    """Asks one question after the other.  A server that is gone is started again, and asked again, once."""

    def __init__(self):
        self._queue: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._newest: dict[str, Asked] = {}
        self._client = None  # touched by the thread only
        threading.Thread(target=self._work, name="talk", daemon=True).start()

    def ask(
        self,
        question: Question,
        answered: Callable[[Message, list[bytes]], None],
        failed: Failed,
        progress: Callable[[float, str], None] = lambda share, word: None,
        partial: Callable[[Message, list[bytes]], None] = lambda message, frames: None,
        line: str = "",
    ) -> Asked:
        """Ask; one of answered and failed is called, progress and partial before that.

        line: a name under which only the newest question counts; those before it are dropped.
        """
        asked = Asked(question, answered, failed, progress, partial, line)
        if line:
            self.forget(line)
            self._newest[line] = asked
        self._queue.put(asked)
        return asked

    def forget(self, line: str) -> None:
        """Drop what was asked under this name."""
        if line in self._newest:
            self._newest.pop(line).drop()

    def close(self) -> None:
        for line in [*self._newest]:
            self.forget(line)
        self._queue.put(None)

    def _work(self) -> None:
        while (asked := self._queue.get()) is not None:
            if asked.dropped.is_set():
                continue
            try:
                self._tell(asked, asked.answered, *self._answer(asked))
            except UserError as error:
                self._tell(asked, asked.failed, error)
            except Exception as error:
                self._tell(asked, asked.failed, broken(error))
        self._leave()

    def _answer(self, asked: Asked) -> job_steps.Answer:
        known_server = self._client is not None
        while True:
            try:
                if self._client is None:
                    self._client = job_steps.connect(lambda sentence: self._tell(asked, asked.progress, 0.0, sentence))
                return asked.question.asked_of(
                    self._client,
                    progress=lambda share, word: self._tell(asked, asked.progress, share, word),
                    cancelled=asked.stopped.is_set,
                    partial=lambda message, frames: self._tell(asked, asked.partial, message, frames),
                )
            except UserError as error:
                if error.code in ("server-gone", "silent"):
                    self._leave()
                if error.code != "server-gone" or not known_server or asked.stopped.is_set():
                    raise
                known_server = False
                again = tr("The inference server stopped. It is started again…")
                self._tell(asked, asked.progress, 0.0, again)

    def _leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _tell(self, asked: Asked, hear: Callable[..., None], *news) -> None:
        def told() -> bool:
            if not asked.dropped.is_set():
                hear(*news)
            return GLib.SOURCE_REMOVE

        GLib.idle_add(told, priority=GLib.PRIORITY_DEFAULT)


class Run:
    """A job's steps, taken on GTK's main loop while the window stays alive."""

    def __init__(
        self,
        talk: Talk,
        steps: Steps,
        ended: Callable[[UserError | None], None],
        progress: Callable[[float, str], None],
        partial: Callable[[Message, list[bytes]], None],
    ):
        """ended(None) when all is done, or ended(error): UserError, "cancelled" where it was stopped."""
        self._talk, self._steps, self._ended = talk, steps, ended
        self._progress, self._partial = progress, partial
        self._asked: Asked | None = None
        self._stopped = False
        self._go_on(None)

    @property
    def window(self) -> Window:
        """The part of the photo that is worked on."""
        return self._asked.question.message.window

    def stop(self) -> None:
        """End it as soon as may be."""
        self._stopped = True
        if self._asked:
            self._asked.stop()

    def _go_on(self, answer: job_steps.Answer | None) -> bool:
        self._asked = None
        try:
            if self._stopped:
                raise cancelled_error()
            question = self._steps.send(answer)
        except StopIteration:
            self._ended(None)
        except UserError as error:
            self._ended(error)
        except Exception as error:
            self._ended(broken(error))
        else:
            if question is None:
                GLib.idle_add(self._go_on, None, priority=GLib.PRIORITY_DEFAULT_IDLE)
            else:
                self._asked = self._talk.ask(
                    question,
                    lambda *answer: self._go_on(answer) and None,
                    self._ended,
                    self._progress,
                    self._partial,
                )
        return GLib.SOURCE_REMOVE

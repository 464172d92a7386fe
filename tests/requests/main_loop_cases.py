"""The plug-in's requests on a real GLib main loop.  Run by GIMP's own Python, which has gi (`test_main_loop`)."""

import sys
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "gimp_plugin"), str(HERE.parents[2])]

from gi.repository import GLib  # noqa: E402
from inpaint_anything.requests import background, worker  # noqa: E402
from inpaint_anything.requests.background import BackgroundTasks  # noqa: E402
from inpaint_anything.requests.connection import PhotoRequest  # noqa: E402
from inpaint_anything.requests.job_run import JobRun  # noqa: E402
from inpaint_anything.requests.worker import RequestWorker  # noqa: E402

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error, wrong_input  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.messages import (  # noqa: E402
    Depth,
    Encoded,
    EncodeImage,
    Hello,
    ImageRef,
    Inpaint,
    Job,
    Preview,
    Raster,
    Target,
    Welcome,
)

SECONDS = 20  # far more than anything here takes
REFUSED = wrong_input("There is no photo to put behind the object.", "Choose its file.")
PICTURE = Raster(1, 1, 3, Depth.UINT8, 0)
INPAINT = Inpaint(
    job=Job.REMOVE,
    image=ImageRef(width=64, height=48, key=""),
    target=Target(),
    window=Window(8, 8, 16, 16),
    pixels=PICTURE,
)
WELCOME = Welcome(server="1", pid=1, jobs_waiting=0)


def turn_until(happened: Callable[[], object]) -> None:
    """Run the main loop until something has happened."""
    limit = time.monotonic() + SECONDS
    while not happened():
        if time.monotonic() > limit:
            raise AssertionError("it does not happen")
        GLib.MainContext.default().iteration(False)
        time.sleep(0.001)


def turn_out() -> None:
    """Run the main loop until nothing waits."""
    while GLib.MainContext.default().iteration(False):
        pass


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.reported: list[UserError] = []
        self.tasks = BackgroundTasks(self.reported.append)
        self.enterContext(mock.patch.object(background.traceback, "print_exception"))  # the terminal stays quiet


class BackgroundTasksCase(Case):
    def test_work_is_done_on_another_thread_and_its_result_comes_on_the_main_one(self) -> None:
        seen: list[int] = []
        self.tasks.run(threading.get_ident, lambda worker: seen.extend((worker, threading.get_ident())))
        turn_until(lambda: seen)
        self.assertNotEqual(seen[0], threading.get_ident())
        self.assertEqual(seen[1], threading.get_ident())

    def test_whoever_wants_to_hear_of_a_failure_does(self) -> None:
        failures: list[UserError] = []

        def refuse() -> None:
            raise REFUSED

        def stumble() -> None:
            raise KeyError("photo")

        for work in (refuse, stumble):
            self.tasks.run(work, self.fail, failures.append)
            turn_until(lambda: failures)
        turn_until(lambda: len(failures) == 2)
        self.assertEqual([error.code for error in failures], [ErrorCode.WRONG_INPUT, ErrorCode.INTERNAL])
        self.assertIn("KeyError('photo')", failures[1].sentence)
        self.assertEqual(self.reported, [])

    def test_a_failure_that_nobody_wants_to_hear_of_is_reported(self) -> None:
        def refuse() -> None:
            raise REFUSED

        self.tasks.run(refuse, self.fail)
        turn_until(lambda: self.reported)
        self.assertEqual(self.reported, [REFUSED])

    def test_an_exception_in_a_callback_is_reported(self) -> None:
        def stumble(_result: object) -> None:
            raise ValueError("a callback's")

        self.tasks.run(lambda: 1, stumble)
        turn_until(lambda: self.reported)
        self.tasks.post(stumble, 2)
        turn_until(lambda: len(self.reported) == 2)
        for error in self.reported:
            self.assertEqual(error.code, ErrorCode.INTERNAL)
            self.assertIn("a callback's", error.sentence)

    def test_posts_come_in_their_order(self) -> None:
        seen: list[int] = []
        for k in range(5):
            self.tasks.post(seen.append, k)
        turn_out()
        self.assertEqual(seen, [0, 1, 2, 3, 4])

    def test_nothing_is_delivered_once_it_is_closed(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            go_on.wait(SECONDS)

        def refuse() -> None:
            work()
            raise REFUSED

        for what in (work, refuse):
            self.tasks.run(what, self.fail, self.fail)
            self.assertTrue(begun.wait(SECONDS))
            begun.clear()
        self.tasks.post(self.fail)
        self.tasks.close()
        go_on.set()
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(SECONDS)
        self.tasks.post(self.fail)
        turn_out()
        self.assertEqual(self.reported, [])


class Client:
    """Stands in for `client.Client`: answer(message, frames, monitor, partial) is the server's part."""

    def __init__(self, answer: Callable) -> None:
        self._answer = answer
        self.closed = threading.Event()

    def request(self, message, frames, *, monitor, partial):
        return self._answer(message, frames, monitor, partial)

    def close(self) -> None:
        self.closed.set()


class CaseWithServer(Case):
    def connect(self, *clients: Client) -> RequestWorker:
        """A worker that reaches these servers, one after the other."""
        waiting = iter(clients)
        self.enterContext(mock.patch.object(worker, "connect", lambda _waiting: next(waiting)))
        made = RequestWorker(self.tasks)
        self.addCleanup(made.close)
        return made


class RequestWorkerCase(CaseWithServer):
    def test_an_answer_comes_after_its_progress_on_the_main_thread(self) -> None:
        def answer(_message, _frames, monitor, _partial):
            monitor.report(0.5, "Finding")
            return WELCOME, [b"frame"]

        seen: list[object] = []
        self.connect(Client(answer)).ask(
            PhotoRequest(message=Hello(client="test")),
            lambda *answer: seen.extend((*answer, threading.get_ident())),
            self.fail,
            progress=lambda *news: seen.append(news),
        )
        turn_until(lambda: len(seen) == 4)
        self.assertEqual(seen, [(0.5, "Finding"), WELCOME, [b"frame"], threading.get_ident()])

    def test_only_the_newest_request_of_a_slot_is_answered(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def answer(message, _frames, monitor, _partial):
            begun.set()
            go_on.wait(SECONDS)
            monitor.check()
            return message.client, []

        asking, seen = self.connect(Client(answer)), []
        for name in ("first", "second", "third"):
            asking.ask(
                PhotoRequest(message=Hello(client=name)), lambda *answer: seen.append(answer), self.fail, slot="slot"
            )
            self.assertTrue(begun.wait(SECONDS))
        go_on.set()
        turn_until(lambda: seen)
        self.assertEqual(seen, [("third", [])])
        asking.ask(PhotoRequest(message=Hello(client="fourth")), self.fail, self.fail, slot="slot")
        asking.cancel("slot")
        asking.ask(PhotoRequest(message=Hello(client="fifth")), lambda *answer: seen.append(answer), self.fail)
        turn_until(lambda: len(seen) == 2)
        self.assertEqual(seen[1], ("fifth", []))

    def test_a_cancelled_request_ends_with_that_and_nothing_else(self) -> None:
        for late in (False, True):  # whether the server had its answer by then
            with self.subTest(late=late):
                begun, cancelled = threading.Event(), threading.Event()

                def answer(_message, _frames, monitor, partial, begun=begun, cancelled=cancelled, late=late):
                    begun.set()
                    cancelled.wait(SECONDS)
                    assert monitor.is_cancelled()
                    partial(WELCOME, [])
                    if not late:
                        monitor.check()
                    return WELCOME, []

                ends: list[UserError] = []
                asked = self.connect(Client(answer)).ask(
                    PhotoRequest(message=Hello(client="test")),
                    self.fail,
                    ends.append,
                    progress=self.fail,
                    partial=self.fail,
                )
                self.assertTrue(begun.wait(SECONDS))
                asked.cancel()
                cancelled.set()
                turn_until(lambda ends=ends: ends)
                turn_out()
                self.assertEqual([error.code for error in ends], [ErrorCode.CANCELLED])

    def test_closing_cancels_what_is_under_way_and_delivers_nothing(self) -> None:
        begun, saw_cancel = threading.Event(), threading.Event()

        def answer(_message, _frames, monitor, _partial):
            begun.set()
            while not monitor.is_cancelled():
                time.sleep(0.001)
            saw_cancel.set()
            raise cancelled_error()

        client = Client(answer)
        asking = self.connect(client)
        for name in ("first", "second"):
            asking.ask(PhotoRequest(message=Hello(client=name)), self.fail, self.fail, progress=self.fail)
        self.assertTrue(begun.wait(SECONDS))
        asking.close()
        self.assertTrue(saw_cancel.wait(SECONDS))
        self.assertTrue(client.closed.wait(SECONDS))
        turn_out()
        self.assertEqual(self.reported, [])

    def test_a_server_that_dies_is_started_again_once(self) -> None:
        def healthy(_message, _frames, _monitor, _partial):
            return WELCOME, []

        alive = True

        def mortal(*asked):
            if not alive:
                raise UserError(ErrorCode.SERVER_GONE, "The inference server stopped while it was working.")
            return healthy(*asked)

        first, second = Client(mortal), Client(mortal)
        asking, seen, news = self.connect(first, second, Client(healthy)), [], []
        hello = PhotoRequest(message=Hello(client="test"))
        ask = (hello, lambda *answer: seen.append(answer), lambda error: seen.append(error.code))
        asking.ask(*ask)
        turn_until(lambda: seen)
        alive = False
        asking.ask(*ask, progress=lambda _share, sentence: news.append(sentence))
        turn_until(lambda: len(seen) == 2)
        self.assertEqual(seen[1], ErrorCode.SERVER_GONE)
        self.assertEqual(news, ["The inference server stopped. It is started again…"])
        self.assertTrue(first.closed.is_set() and second.closed.is_set())
        asking.ask(*ask)
        turn_until(lambda: len(seen) == 3)
        self.assertEqual(seen[2], (WELCOME, []))

    def test_a_photo_that_the_server_does_not_know_is_sent(self) -> None:
        sent: list[tuple] = []

        def answer(message, frames, _monitor, _partial):
            sent.append((message.image.proxy, frames))
            if message.image.proxy is None:
                raise UserError(ErrorCode.UNKNOWN_IMAGE, "The server has no such image.")
            return Encoded(), []

        seen: list[object] = []
        image = ImageRef(width=2, height=1, key="key")
        proxy = SimpleNamespace(width=2, height=1, rgb=b"abcdef")
        asking = self.connect(Client(answer))
        request = PhotoRequest(message=EncodeImage(image=image), frames=[b"other"], proxy=proxy)
        asking.ask(request, lambda *answer: seen.append(answer), self.fail)
        turn_until(lambda: seen)
        self.assertEqual(sent, [(None, [b"other"]), (Raster(2, 1, 3, Depth.UINT8, 1), [b"other", b"abcdef"])])


class FakeJob:
    """Stands in for `job_steps.PhotoJob`."""

    def __init__(self, steps: Callable) -> None:
        self.steps = steps

    def partial_result(self, message, frames):
        return ("partial", message, frames)


class JobRunCase(CaseWithServer):
    def setUp(self) -> None:
        super().setUp()
        self.ends: list[UserError | None] = []
        self.arrived: list[object] = []
        self.previews: list[object] = []

    def start(self, asking: RequestWorker, steps: Callable, ended: Callable | None = None) -> JobRun:
        return JobRun(
            asking,
            FakeJob(steps),
            arrived=self.arrived.append,
            preview=lambda *preview: self.previews.append(preview),
            progress=lambda *_news: None,
            ended=ended or self.ends.append,
        )

    def test_a_first_step_that_fails_ends_a_run_that_its_starter_has(self) -> None:
        for error, code in ((REFUSED, ErrorCode.WRONG_INPUT), (KeyError("photo"), ErrorCode.INTERNAL)):
            with self.subTest(code=code):

                def steps(_arrived, error=error):
                    raise error
                    yield

                dialog = SimpleNamespace(run=None, error=None)

                def ended(error, dialog=dialog):
                    dialog.run, dialog.error = None, error

                dialog.run = self.start(self.connect(), steps, ended)
                self.assertIsNone(dialog.error)
                turn_until(lambda dialog=dialog: dialog.error)
                self.assertEqual(dialog.error.code, code)
                self.assertIsNone(dialog.run, "a run that has ended locks the dialog")

    def test_steps_are_taken_on_the_main_thread_and_results_arrive(self) -> None:
        def answer(_message, _frames, _monitor, partial):
            partial(Preview(picture=PICTURE), [b"rgb"])
            partial("variation", [])
            return "last", []

        threads: list[int] = []

        def steps(arrived):
            threads.append(threading.get_ident())
            yield None
            threads.append(threading.get_ident())
            arrived((yield PhotoRequest(message=INPAINT)))
            threads.append(threading.get_ident())

        self.start(self.connect(Client(answer)), steps)
        turn_until(lambda: self.ends)
        self.assertEqual(threads, [threading.get_ident()] * 3)
        self.assertEqual(self.arrived, [("partial", "variation", []), ("last", [])])
        self.assertEqual(self.previews, [(PICTURE, [b"rgb"], INPAINT.window)])
        self.assertEqual(self.ends, [None])

    def test_a_run_can_be_cancelled_at_every_step(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def answer(_message, _frames, _monitor, _partial):
            begun.set()
            go_on.wait(SECONDS)
            return "answer", []

        def steps(_arrived):
            taken.append("first")
            yield None
            taken.append("second")
            yield PhotoRequest(message=INPAINT)
            taken.append("third")

        for when in ("at once", "between", "while the server works"):
            with self.subTest(when=when):
                taken: list[str] = []
                self.ends.clear()
                run = self.start(self.connect(Client(answer)), steps)
                if when == "between":
                    turn_until(lambda taken=taken: taken)
                elif when == "while the server works":
                    turn_until(begun.is_set)
                run.cancel()
                go_on.set()
                turn_until(lambda: self.ends)
                turn_out()
                self.assertEqual([error.code for error in self.ends], [ErrorCode.CANCELLED])
                self.assertNotIn("third", taken)

    def test_what_goes_wrong_in_whoever_hears_the_end_is_reported(self) -> None:
        def steps(_arrived):
            return
            yield

        def ended(_error):
            raise ValueError("the dialog's own")

        self.start(self.connect(), steps, ended)
        turn_until(lambda: self.reported)
        self.assertIn("the dialog's own", self.reported[0].sentence)


if __name__ == "__main__":
    unittest.main()

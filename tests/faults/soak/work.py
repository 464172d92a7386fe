"""What honest clients ask for, and whether the answer is the right one."""

import os
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from inference_server.shared import client, messages
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Background, Inpaint, Inpainted, Job, Segment, Target
from inference_server.shared.monitor import UNWATCHED, Monitor

from ... import asking
from .. import obedient

HOLE = Window(40, 40, 40, 40)
PLACE = Window(250, 120, 140, 140)  # of the photo: the window that the jobs are sent
IDLE = 5  # of the time of a client that makes pauses: one in so many parts is work, so that others have their turn
VARIANTS = 8  # photos that differ, so that they are looked at anew

Work = tuple[messages.AnyRequest, list[bytes]]


@cache
def photo(variant: int = 0) -> np.ndarray:
    """The photograph (427, 640, 3) uint8; the other variants are a little brighter at one corner."""
    found = np.ascontiguousarray(cv2.imread(os.environ["INPAINT_ANYTHING_PHOTO"])[..., ::-1])
    found[:64, :64] = np.minimum(found[:64, :64], 255 - variant) + np.uint8(variant)
    return found


def removal() -> Work:
    """A small hole to be filled: what is quickest."""
    return _inpaint(Job.REMOVE)


def replacement() -> Work:
    """A background out of focus."""
    return _inpaint(Job.REPLACE, background=Background(blur=0.5))


def selection(variant: int) -> Work:
    """The rocket's mask, in a photo that the server may not have seen."""
    image, frames = asking.image_ref(photo(variant))
    pixels = asking.attach_pixels(photo(variant)[PLACE.slices], frames)
    return Segment(image=image, target=Target(prompts=(asking.AT_ROCKET,)), window=PLACE, pixels=pixels), frames


def preview(variant: int) -> Work:
    """The masks that may be meant, for the overlay."""
    image, frames = asking.image_ref(photo(variant))
    return asking.preview_masks(Job.REMOVE, image, asking.AT_ROCKET), frames


def _inpaint(job: Job, **options: object) -> Work:
    image, frames = asking.image_ref(photo())
    mask = np.zeros((PLACE.height, PLACE.width), np.uint8)
    mask[HOLE.slices] = 255
    pixels = asking.attach_pixels(photo()[PLACE.slices], frames)
    target = Target(mask=asking.attach_mask(mask, frames))
    message = Inpaint(job=job, image=image, target=target, window=PLACE, pixels=pixels)
    return replace(message, **options), frames


def order() -> Work:
    """Something for a worker without an engine."""
    return obedient.order("work 0.3"), []


WORKS = {"remove": removal, "replace": replacement}
WORKS |= {f"select {k}": lambda k=k: selection(k) for k in range(VARIANTS)}
WORKS |= {f"preview {k}": lambda k=k: preview(k) for k in range(0, VARIANTS, 4)}
WORKS["order"] = order


class References:
    """What each work comes to, learned the first time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def altered(self, name: str, answer: asking.Answer) -> int:
        """How many pixels are other than the first time."""
        found, file = _picture(*answer), self._folder / f"{name}.npy"
        if not file.exists():
            part = file.with_suffix(f".{os.getpid()}.npy")
            np.save(part, found)
            part.replace(file)
        expected = np.load(file)
        if found.shape != expected.shape:
            return max(found.size, expected.size)
        different = found != expected
        return int(np.count_nonzero(different.any(axis=-1) if different.ndim > 2 else different))


def _picture(message: messages.Message, frames: list[bytes]) -> np.ndarray:
    """What a person would have after an answer: the photo with the new pixels in it, or the mask."""
    if isinstance(message, Inpainted):
        after = photo().copy()
        alpha = asking.as_array(message.alpha, frames)[..., None] / 255
        part = after[message.window.slices]
        part[:] = np.rint(part * (1 - alpha) + asking.as_array(message.pixels, frames) * alpha)
        return after
    return np.concatenate([np.frombuffer(frame, np.uint8) for frame in frames] or [np.zeros(0, np.uint8)])


def failure_of(work: Work, connection: client.Client, monitor: Monitor = UNWATCHED) -> UserError | asking.Answer:
    """The answer, or the error that takes its place."""
    try:
        return connection.request(*work, monitor=monitor)
    except UserError as error:
        assert error.sentence.endswith(".") and "\n" not in error.sentence, f"no sentence: {error}"
        return error


class Asker(threading.Thread):
    """Somebody who asks for a work over a connection of their own, while something else happens."""

    def __init__(self, connection: client.Client, name: str, references: References) -> None:
        super().__init__(daemon=True)
        self._connection, self._name, self._references = connection, name, references
        self.stop = threading.Event()  # has the job cancelled
        self._outcome: UserError | asking.Answer | None = None
        self._fault: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            with self._connection as connection:
                self._outcome = failure_of(WORKS[self._name](), connection, Monitor(is_cancelled=self.stop.is_set))
        except BaseException as fault:
            self._fault = fault

    def check(self, *codes: ErrorCode) -> None:
        """Wait for the answer, which has to be the right one, or an error with one of these codes."""
        self.join(120)
        assert not self.is_alive(), "a request was never answered"
        if self._fault:
            raise self._fault
        if isinstance(self._outcome, UserError):
            assert self._outcome.code in codes, f"{self._name}: {self._outcome.code}: {self._outcome}"
        else:
            assert self._outcome is not None
            altered = self._references.altered(self._name, self._outcome)
            assert not altered, f"{self._name}: {altered} pixels altered"


def ask_for_ever(folder: Path, pause: float) -> None:
    """Be a client that asks for one work after the other, until it is killed; prints a line for each outcome."""
    from inference_server.shared import endpoint

    references, names = References(folder), sorted(WORKS.keys() - {"order"})
    random = np.random.default_rng(os.getpid())
    while True:
        found = endpoint.running()
        assert found, "the server has left"
        with client.Client(found) as connection:
            for name in random.permutation(names):
                begun = time.monotonic()
                answer = failure_of(WORKS[str(name)](), connection)
                failed = isinstance(answer, UserError)
                altered = 0 if failed else references.altered(str(name), answer)
                outcome = str(answer.code) if isinstance(answer, UserError) else "done"
                taken = time.monotonic() - begun
                print(f"{outcome}\t{name}\t{altered}\t{taken:.3f}", flush=True)
                time.sleep(max(pause, taken * (IDLE - 1) if pause else 0))

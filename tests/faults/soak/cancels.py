"""Cancels at random moments of every job, in photos of 12 and 24 megapixels, in a fresh server and one that is warm.

Two times count: until the client has its answer, and until the process that works does the next job.
"""

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from inference_server.models.store import Store
from inference_server.shared import messages
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Window, whole
from inference_server.shared.messages import Background, ImageRef, Inpaint, Job, Locate, ObjectPrompt, Segment, Target
from inference_server.shared.monitor import Monitor

from ... import asking
from ...asking import CLICK
from . import homes
from .homes import Home
from .work import Work, failure_of, photo

SIZES = {"12 MP": (4240, 2829), "24 MP": (6000, 4003)}
SQUARE = 16  # pixels of a corner whose colour makes a photo another one
# Needs nothing but the process that works.
NEXT = Locate(
    job=Job.REPLACE,
    image=ImageRef(width=9, height=9, key=""),
    target=Target(bounds=Window(0, 0, 1, 1)),
    paints=False,
)


class Cancel(NamedTuple):
    """Seconds from a cancel until its answer, and until the next job was done."""

    answer: float
    free: float


def run(count: int, seed: int) -> None:
    """`count` cancels of each job, and a table of what they took."""
    chance, found = random.Random(seed), dict[tuple[str, str, str], list[Cancel]]()
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "home")
        homes.put_models(home, Store().folder)
        try:
            for size in SIZES:
                for state in ("warm", "cold"):
                    for name in JOBS:
                        times = -(-count // (2 * len(SIZES)))
                        those = found[name, size, state] = _cancelled(home, name, size, state, times, chance)
                        print(_line(f"{name}, {size}, {state}", those), flush=True)
        finally:
            home.stop()
    everything = [cancel for those in found.values() for cancel in those]
    for name in JOBS:
        print(_line(f"{name}, all", [one for key, those in found.items() if key[0] == name for one in those]))
    print(_line("all", everything))


def _cancelled(home: Home, name: str, size: str, state: str, times: int, chance: random.Random) -> list[Cancel]:
    """Cancel a job so many times, at random moments of the time that it takes when it is not cancelled."""
    width, height = SIZES[size]
    begun = time.monotonic()
    _start(home, state)
    with home.connect() as connection:
        answer = failure_of(JOBS[name](_picture(width, height, chance)), connection)
        assert not isinstance(answer, UserError), answer
    usual, found = time.monotonic() - begun, list[Cancel]()
    while len(found) < times:
        _start(home, state)
        cancel = _cancel(home, JOBS[name](_picture(width, height, chance)), chance.uniform(0, usual))
        if cancel is not None:
            found.append(cancel)
    return found


def _start(home: Home, state: str) -> None:
    if state == "cold":
        home.stop()
        return
    with home.connect() as connection:
        connection.request(*JOBS["encode"](photo()))


def _cancel(home: Home, work: Work, after: float) -> Cancel | None:
    """Cancel a job after so many seconds; None where it was done before."""
    with home.connect() as connection, home.connect() as other:
        begun, asked = time.monotonic(), list[float]()

        def is_cancelled() -> bool:
            if time.monotonic() - begun > after:
                asked.append(time.monotonic())
            return bool(asked)

        answer = failure_of(work, connection, Monitor(is_cancelled=is_cancelled))
        ended = time.monotonic()
        if not isinstance(answer, UserError):
            return None
        assert answer.code == ErrorCode.CANCELLED, answer
        other.request(NEXT)
        return Cancel(ended - asked[0], time.monotonic() - asked[0])


def _line(name: str, cancels: Sequence[Cancel]) -> str:
    def text(seconds: list[float]) -> str:
        seconds = sorted(seconds)
        p99 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
        return (
            f"median {1000 * seconds[len(seconds) // 2]:.0f}, p99 {1000 * p99:.0f}, worst {1000 * seconds[-1]:.0f} ms"
        )

    answers, free = ([getattr(one, field) for one in cancels] for field in Cancel._fields)
    return f"{name}: {len(cancels)} cancels answered after {text(answers)}; next job done after {text(free)}"


# -- the jobs


def _picture(width: int, height: int, chance: random.Random) -> np.ndarray:
    """The photograph (height, width, 3) uint8, other than any before."""
    found = cv2.resize(photo(), (width, height))
    found[:SQUARE, :SQUARE] = [chance.randrange(256) for _ in range(3)]
    return found


def _prompt(picture: np.ndarray) -> ObjectPrompt:
    scale = picture.shape[1] / photo().shape[1]
    return ObjectPrompt(points=((CLICK[0] * scale, CLICK[1] * scale),), labels=(1,))


def _place(picture: np.ndarray) -> Window:
    """The window around the object that a job is sent."""
    height, width = picture.shape[:2]
    return Window(width * 3 // 8, height // 4, width // 4, height // 2)


def _encode(picture: np.ndarray) -> Work:
    image, frames = asking.image_ref(picture)
    return messages.EncodeImage(image=image), frames


def _preview(picture: np.ndarray) -> Work:
    image, frames = asking.image_ref(picture)
    return asking.preview_masks(Job.REMOVE, image, _prompt(picture), include_shadow=True), frames


def _select(picture: np.ndarray) -> Work:
    image, frames = asking.image_ref(picture)
    place = _place(picture)
    pixels = asking.attach_pixels(picture[place.slices], frames)
    return Segment(image=image, target=Target(prompts=(_prompt(picture),)), window=place, pixels=pixels), frames


def _inpaint(picture: np.ndarray, job: Job, place: Window, background: Background | None) -> Work:
    image, frames = asking.image_ref(picture)
    mask = np.zeros((place.height, place.width), np.uint8)
    mask[place.height // 4 : -place.height // 4, place.width // 4 : -place.width // 4] = 255
    pixels = asking.attach_pixels(picture[place.slices], frames)
    target = Target(mask=asking.attach_mask(mask, frames))
    return Inpaint(job=job, image=image, target=target, window=place, pixels=pixels, background=background), frames


def _remove(picture: np.ndarray) -> Work:
    return _inpaint(picture, Job.REMOVE, _place(picture), None)


def _replace(picture: np.ndarray) -> Work:
    return _inpaint(picture, Job.REPLACE, whole(picture.shape[1], picture.shape[0]), Background(blur=0.7))


JOBS: dict[str, Callable[[np.ndarray], Work]] = {
    "encode": _encode,
    "preview": _preview,
    "select": _select,
    "remove": _remove,
    "replace": _replace,
}

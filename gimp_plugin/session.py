"""The plug-in's conversation with the server, from what was pointed at to the results.  Changes nothing in GIMP."""

import json
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import canvas
from canvas import Photo, Pointed, rough_selection, selection_mask
from gi.repository import Gimp
from layers import Result

from inference_server import places, protocol
from inference_server.errors import UserError
from inference_server.protocol import Inpaint, Inpainted, Locate, Look, Preview, Segment, Suggest
from inference_server.wire import attach, extract

AUTOMATIC = -1
WORDS = {
    "select": "Selecting the object",
    "remove": "Removing the object",
    "fill": "Filling",
    "replace": "Replacing the background",
}
TOLD = ("seed", "prompt", "negative")


class StatusBar:
    """Shows how a job goes in GIMP's own progress bar, whose Cancel button ends the plug-in."""

    def __init__(self, job: str):
        Gimp.progress_init(WORDS[job])

    def __enter__(self) -> "StatusBar":
        return self

    def __exit__(self, *_: object) -> None:
        Gimp.progress_end()

    def waiting(self, sentence: str) -> None:
        Gimp.progress_set_text(sentence)
        Gimp.progress_pulse()

    def progress(self, share: float, word: str) -> None:
        Gimp.progress_set_text(word)
        Gimp.progress_update(share)

    def picture(self, width: int, height: int, rgb: bytes) -> None:
        """There is no room for one."""

    def cancelled(self) -> bool:
        return False


class Aside:
    """What is asked while the person still thinks, on a thread of its own.

    Whatever goes wrong with it is said in a suggestion's place, or when the job itself is asked for.
    """

    def __init__(self, photo: Photo):
        self._photo = photo
        self._asked: queue.SimpleQueue[tuple[protocol.Request, Callable[[str], None]]] = queue.SimpleQueue()
        self._newest: protocol.Request | None = None
        threading.Thread(target=self._work, daemon=True).start()

    @cached_property
    def _proxy(self) -> tuple[int, int, bytes]:
        return self._photo.proxy()

    @cached_property
    def _described(self) -> protocol.Photo:
        """The photo; first read by whoever asks, because GIMP answers its plug-in's main thread only."""
        return _described(self._photo, self._proxy)

    def look(self) -> None:
        """Have the server start, and look at the photo."""
        self._asked.put((Look(self._described), lambda _: None))

    def suggest(self, job: str, wish: protocol.Wish, tell: Callable[[str], None]) -> None:
        """tell, on the thread, what a model would be told, unless something else is asked before that is known."""
        self._newest = Suggest(job, self._described, wish)
        self._asked.put((self._newest, tell))

    def forget(self) -> None:
        """Nobody wants to hear the last suggestion any more."""
        self._newest = None

    def _work(self) -> None:
        while True:
            message, tell = self._asked.get()
            if isinstance(message, Suggest) and message is not self._newest:
                continue
            try:
                with connect(lambda sentence: None) as client:
                    answer, _ = _ask(client, message, [], self._proxy)
                text = _in_words(message, answer) if isinstance(message, Suggest) else ""
            except (UserError, OSError) as error:
                text = str(error)
            if message is self._newest:
                tell(text)


def _in_words(asked: Suggest, told: protocol.Suggested) -> str:
    if asked.job == "replace" and not asked.wish.prompt.strip():
        return "Write in the prompt what should be around the object."
    return f"The model is told: {told.prompt}" + (f"\nBut not: {told.negative}" if told.negative else "")


def paints(job: str, settings: dict) -> bool:
    """Whether a model is to paint from a prompt."""
    return job == "fill" or (job == "replace" and settings["background"] == "prompt")


def wish(settings: dict) -> protocol.Wish:
    return protocol.Wish(*(settings[name] for name in ("prompt", "negative", "help_prompt", "quality", "model")))


def perform(job: str, photo: Photo, pointed: Pointed, settings: dict, show, arrived: Callable[[Result], None]) -> None:
    """Have the server find the object and paint; `arrived` gets each result, `show` (as `StatusBar`) how it goes.

    Raises UserError, when cancelled too.
    """
    frames: list[bytes] = []
    backdrop = canvas.backdrop(photo, settings, frames) if job == "replace" else None
    with connect(show.waiting) as client:
        if paints(job, settings):
            _demand(client, job, photo, settings["model"])
        if job == "replace" and backdrop is None and not settings["prompt"].strip():
            raise UserError(
                "wrong-input",
                "Nothing says what should be around the object.",
                "Write a prompt, or choose another background.",
            )
        _converse(client, job, photo, pointed, settings, backdrop, frames, show, arrived)


def _demand(client, job: str, photo: Photo, model: str) -> None:
    """Raise UserError where there is no model, before a pixel is read: bounds need none."""
    nothing_seen = protocol.Photo(photo.width, photo.height, key="")
    client.request(Locate(job, nothing_seen, bounds=(0, 0, photo.width, photo.height), model=model))


def connect(waiting):
    """A connection to the server, which is started where none runs."""
    start_with = [installation(), "-m", "inference_server", "serve"]
    if Path("/.flatpak-info").exists():  # the server lives outside GIMP's Flatpak
        start_with = ["flatpak-spawn", "--host", f"--env={places.HOME_VARIABLE}={places.home()}", *start_with]
    return client_module().connect(start_with, waiting)


def _described(photo: Photo, proxy: tuple[int, int, bytes]) -> protocol.Photo:
    return protocol.Photo(photo.width, photo.height, protocol.photo_key(*proxy))


def _converse(client, job, photo, pointed, settings, backdrop, frames, show, arrived) -> None:
    grow, feather = (
        None if settings.get(name, AUTOMATIC) == AUTOMATIC else settings[name] for name in ("grow", "feather")
    )
    painting = paints(job, settings)
    proxy = photo.proxy() if pointed.clicks else (1, 1, b"\0\0\0")
    described = _described(photo, proxy)
    hint: list[bytes] = []
    rough = None
    if pointed.rough:
        wide, high, covered = rough_selection(photo)
        rough = attach(hint, wide, high, 1, "uint8", covered, pack=True)
    margin, shadow = (grow or 0) + (feather or 0), settings.get("include_shadow", False)
    model = settings.get("model", "")
    where = Locate(job, described, pointed.clicks, pointed.bounds, margin, rough, shadow, painting, model)
    located, _ = _ask(client, where, hint, proxy, show)
    window = located.window
    if job == "select":
        frames = [*hint]
        pixels = attach(frames, *window[2:], photo.channels, photo.depth, photo.pixels(window))
        request = Segment(described, pointed.clicks, window, pixels, rough, settings["soft_edge"], shadow)
        found, answer = _ask(client, request, frames, proxy, show)
        arrived(Result(found.window, found.score, extract(found.mask, answer)))
        return

    def took(message: Preview | Inpainted, answer: list[bytes]) -> None:
        if isinstance(message, Preview):
            show.picture(message.picture.width, message.picture.height, extract(message.picture, answer))
        else:
            arrived(_result(message, answer, settings if painting else None))

    _, _, w, h = window
    request = Inpaint(
        job,
        described,
        window,
        pixels=attach(frames, w, h, photo.channels, photo.depth, photo.pixels(window)),
        clicks=pointed.clicks,
        mask=None if pointed.clicks else attach(frames, w, h, 1, "uint8", selection_mask(photo, window), pack=True),
        wish=wish(settings) if painting else protocol.Wish(),
        backdrop=backdrop,
        grow=grow,
        feather=feather,
        seed=settings["seed"],
        variations=settings["variations"] if painting else 1,
        soft_edge=settings.get("soft_edge", False),
        include_shadow=shadow,
    )
    took(*_ask(client, request, frames, proxy, show, took))


def _result(message: Inpainted, answer: list[bytes], settings: dict | None) -> Result:
    """settings: those that a model painted with, if one did."""
    told = {name: getattr(message, name) for name in TOLD}
    return Result(
        message.window,
        message.score,
        mask=extract(message.mask, answer),
        pixels=extract(message.pixels, answer),
        alpha=extract(message.alpha, answer),
        told={**told, **{name: settings[name] for name in ("model", "quality")}} if settings else None,
    )


def _ask(client, message, frames: list[bytes], proxy: tuple[int, int, bytes], show=None, partial=None):
    """The answer to a request about a photo; the photo's proxy is sent only to a server that asks for it."""
    reports = {"progress": show.progress, "cancelled": show.cancelled, "partial": partial} if show else {}
    try:
        return client.request(message, frames, **reports)
    except UserError as error:
        if error.code != "unknown-photo":
            raise
    width, height, pixels = proxy
    frames = [*frames]
    seen = replace(message.photo, proxy=attach(frames, width, height, 3, "uint8", pixels))
    return client.request(replace(message, photo=seen), frames, **reports)


def client_module():
    """`inference_server.client`, which needs pyzmq.  Raises UserError where GIMP's Python has none."""
    try:
        from inference_server import client
    except ImportError:
        raise UserError(
            "no-pyzmq",
            "Inpaint Anything cannot talk to its server: GIMP's Python has no pyzmq.",
            "Run install.py again; on Debian, sudo apt install python3-zmq does it too.",
        ) from None
    return client


def installation() -> str:
    """The server's Python, as install.py noted it down beside this file.  Raises UserError."""
    record = Path(__file__).with_name("installation.json")
    try:
        noted = json.loads(record.read_text("utf-8"))
        python, home = noted["python"], noted["home"]
    except (OSError, ValueError, LookupError):
        raise UserError("no-server", "The inference server is not installed.", "Run install.py.") from None
    os.environ.setdefault(places.HOME_VARIABLE, home)
    if not Path(python).exists() and not Path("/.flatpak-info").exists():
        raise UserError("no-server", f"The inference server is gone: there is no {python}.", "Run install.py again.")
    return python

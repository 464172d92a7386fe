"""The plug-in's conversation with the server, from what was pointed at to the result.  Changes nothing in GIMP."""

import contextlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

from canvas import Photo, Pointed, Result, rough_selection, selection_mask
from gi.repository import Gimp

from inference_server import places, protocol
from inference_server.errors import UserError
from inference_server.protocol import Inpaint, Locate, Look, Segment, attach, extract

AUTOMATIC = -1
WORDS = {
    "select": "Selecting the object",
    "remove": "Removing the object",
    "fill": "Filling",
    "replace": "Replacing the background",
}


def look_ahead(photo: Photo) -> None:
    """Have the server start, and look at the photo, while the person still thinks.  Returns at once.

    Whatever goes wrong is said when the job itself is asked for.
    """
    proxy = photo.proxy()  # GIMP is asked from its own thread

    def look() -> None:
        with contextlib.suppress(UserError, OSError), _connect(lambda sentence: None) as client:
            _ask(client, Look(_described(photo, proxy)), [], proxy, lambda share, word: None)

    threading.Thread(target=look, daemon=True).start()


def perform(job: str, photo: Photo, pointed: Pointed, settings: dict) -> Result:
    """Have the server find the object and paint.  Shows progress in GIMP.  Raises UserError."""
    Gimp.progress_init(WORDS[job])
    with _connect(_waiting) as client:
        try:
            return _converse(client, job, photo, pointed, settings)
        finally:
            Gimp.progress_end()


def _connect(waiting):
    """A connection to the server, which is started where none runs."""
    client_module = _client_module()
    start_with = [_installation(), "-m", "inference_server", "serve"]
    if Path("/.flatpak-info").exists():  # the server lives outside GIMP's Flatpak
        start_with = ["flatpak-spawn", "--host", f"--env={places.HOME_VARIABLE}={places.home()}", *start_with]
    return client_module.connect(start_with, waiting)


def _described(photo: Photo, proxy: tuple[int, int, bytes]) -> protocol.Photo:
    return protocol.Photo(photo.width, photo.height, protocol.photo_key(*proxy))


def _converse(client, job: str, photo: Photo, pointed: Pointed, settings: dict) -> Result:
    grow, feather = (
        None if settings.get(name, AUTOMATIC) == AUTOMATIC else settings[name] for name in ("grow", "feather")
    )
    proxy = photo.proxy() if pointed.clicks else (1, 1, b"\0\0\0")
    described = _described(photo, proxy)
    hint: list[bytes] = []
    rough = None
    if pointed.rough:
        wide, high, covered = rough_selection(photo)
        rough = attach(hint, wide, high, 1, "uint8", covered, pack=True)
    margin, shadow = (grow or 0) + (feather or 0), settings.get("include_shadow", False)
    where = Locate(job, described, pointed.clicks, pointed.bounds, margin, rough, shadow)
    located, _ = _ask(client, where, hint, proxy)
    window = located.window
    frames: list[bytes] = [*hint]
    if job == "select":
        pixels = attach(frames, *window[2:], photo.channels, photo.depth, photo.pixels(window))
        request = Segment(described, pointed.clicks, window, pixels, rough, settings["soft_edge"], shadow)
        found, answer = _ask(client, request, frames, proxy)
        return Result(
            job, found.window, found.score, extract(found.mask, answer), settings=settings, clicks=pointed.clicks
        )

    _, _, w, h = window
    painting = Inpaint(
        job,
        described,
        window,
        pixels=attach(frames, w, h, photo.channels, photo.depth, photo.pixels(window)),
        clicks=pointed.clicks,
        mask=None if pointed.clicks else attach(frames, w, h, 1, "uint8", selection_mask(photo, window), pack=True),
        prompt=settings.get("prompt", ""),
        grow=grow,
        feather=feather,
        seed=settings["seed"],
        include_shadow=shadow,
    )
    painted, answer = _ask(client, painting, frames, proxy)
    return Result(
        job,
        painted.window,
        painted.score,
        mask=extract(painted.mask, answer),
        pixels=extract(painted.pixels, answer),
        alpha=extract(painted.alpha, answer),
        settings=settings,
        clicks=pointed.clicks,
    )


def _ask(client, message, frames: list[bytes], proxy: tuple[int, int, bytes], progress=None):
    """The answer to a request about a photo; the photo's proxy is sent only to a server that asks for it."""
    try:
        return client.request(message, frames, progress=progress or _show)
    except UserError as error:
        if error.code != "unknown-photo":
            raise
    width, height, pixels = proxy
    frames = [*frames]
    seen = replace(message.photo, proxy=attach(frames, width, height, 3, "uint8", pixels))
    return client.request(replace(message, photo=seen), frames, progress=progress or _show)


def _waiting(sentence: str) -> None:
    Gimp.progress_set_text(sentence)
    Gimp.progress_pulse()


def _show(share: float, word: str) -> None:
    Gimp.progress_set_text(word)
    Gimp.progress_update(share)


def _client_module():
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


def _installation() -> str:
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

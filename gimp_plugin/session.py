"""The plug-in's conversation with the server, from what was pointed at to the result.  Changes nothing in GIMP."""

import json
import os
from dataclasses import replace
from pathlib import Path

from canvas import Photo, Pointed, Result, selection_mask
from gi.repository import Gimp

from inference_server import places, protocol
from inference_server.errors import UserError
from inference_server.protocol import Inpaint, Locate, Segment, attach, extract

AUTOMATIC = -1
WORDS = {
    "select": "Selecting the object",
    "remove": "Removing the object",
    "fill": "Filling",
    "replace": "Replacing the background",
}


def perform(job: str, photo: Photo, pointed: Pointed, settings: dict) -> Result:
    """Have the server find the object and paint.  Shows progress in GIMP.  Raises UserError."""
    client_module = _client_module()
    python = _installation()
    Gimp.progress_init(WORDS[job])
    start_with = [python, "-m", "inference_server", "serve"]
    if Path("/.flatpak-info").exists():  # the server lives outside GIMP's Flatpak
        start_with = ["flatpak-spawn", "--host", f"--env={places.HOME_VARIABLE}={places.home()}", *start_with]
    with client_module.connect(start_with, _waiting) as client:
        try:
            return _converse(client, job, photo, pointed, settings)
        finally:
            Gimp.progress_end()


def _converse(client, job: str, photo: Photo, pointed: Pointed, settings: dict) -> Result:
    grow, feather = (
        None if settings.get(name, AUTOMATIC) == AUTOMATIC else settings[name] for name in ("grow", "feather")
    )
    proxy = photo.proxy() if pointed.clicks else (1, 1, b"\0\0\0")
    described = protocol.Photo(photo.width, photo.height, protocol.photo_key(*proxy))
    where = Locate(job, described, pointed.clicks, pointed.bounds, margin=(grow or 0) + (feather or 0))
    located, _ = _ask(client, where, [], proxy)
    window = located.window
    if job == "select":
        segmented, answer = _ask(client, Segment(described, pointed.clicks, window), [], proxy)
        return Result(job, window, segmented.score, extract(segmented.mask, answer), clicks=pointed.clicks)

    frames: list[bytes] = []
    _, _, w, h = window
    request = Inpaint(
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
    )
    painted, answer = _ask(client, request, frames, proxy)
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


def _ask(client, message, frames: list[bytes], proxy: tuple[int, int, bytes]):
    """The answer to a request about a photo; the photo's proxy is sent only to a server that asks for it."""
    try:
        return client.request(message, frames, progress=_show)
    except UserError as error:
        if error.code != "unknown-photo":
            raise
    width, height, pixels = proxy
    frames = [*frames]
    seen = replace(message.photo, proxy=attach(frames, width, height, 3, "uint8", pixels))
    return client.request(replace(message, photo=seen), frames, progress=_show)


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

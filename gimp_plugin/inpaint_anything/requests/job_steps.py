"""What is asked of the server for a job, step by step, from what was pointed at to the results.  Leaves GIMP as it is.

A job is a generator of questions.  GIMP answers its plug-in's main thread only, so the steps run there and read pixels
there, a strip at a time; who asks the questions may be anywhere: `perform` asks them on the spot and waits,
`talk.Talk` on a thread of its own while a window stays alive.
"""

import json
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gi.repository import Gimp

from inference_server.shared import messages, paths
from inference_server.shared.errors import ErrorCode, UserError, wrong_input
from inference_server.shared.messages import Inpaint, Inpainted, Locate, Preview, PreviewMasks, Raster, Segment
from inference_server.shared.text import tr
from inference_server.shared.wire import attach, extract

from ..arguments import AUTOMATIC
from ..i18n import _, translated
from ..image import photo_layer
from ..image.layers import Result
from ..image.photo_layer import Photo, Pointed, packed_mask, rough_mask

WORDS = {
    "select": _("Selecting the object"),
    "remove": _("Removing the object"),
    "fill": _("Filling"),
    "replace": _("Replacing the background"),
}
TOLD = ("seed", "prompt", "negative")
NO_PROXY = 1, 1, b"\0\0\0"

Answer = tuple[messages.Message, list[bytes]]


@dataclass(frozen=True)
class Question:
    """A request and its frames.  proxy: the photo it is about, sent only to a server that has not seen it."""

    message: messages.Request
    frames: Sequence[bytes] = ()
    proxy: tuple[int, int, bytes] = NO_PROXY

    def asked_of(self, client, **reports) -> Answer:
        """The answer of the server at the other end of a `client.Client`.  Raises UserError."""
        try:
            return client.request(self.message, self.frames, **reports)
        except UserError as error:
            if error.code != "unknown-photo":
                raise
        width, height, pixels = self.proxy
        frames = [*self.frames]
        seen = replace(self.message.photo, proxy=attach(frames, width, height, 3, "uint8", pixels))
        return client.request(replace(self.message, photo=seen), frames, **reports)


# Questions, and None where a window may do what waits; the result of each question is sent in.
Steps = Generator[Question | None, Answer | None, None]


class StatusBar:
    """Shows how a job goes in GIMP's own progress bar, whose Cancel button ends the plug-in."""

    def __init__(self, job: str):
        Gimp.progress_init(WORDS[job])

    def __enter__(self) -> "StatusBar":
        return self

    def __exit__(self, *_: object) -> None:
        Gimp.progress_end()

    def waiting(self, sentence: str) -> None:
        Gimp.progress_set_text(translated(sentence))
        Gimp.progress_pulse()

    def progress(self, share: float, word: str) -> None:
        Gimp.progress_set_text(translated(word))
        Gimp.progress_update(share)


def paints(job: str, settings: dict) -> bool:
    """Whether a model is to paint from a prompt."""
    return job == "fill" or (job == "replace" and settings["background"] == "prompt")


def wish(settings: dict) -> messages.PaintOptions:
    return messages.PaintOptions(
        *(settings[name] for name in ("prompt", "negative", "help_prompt", "quality", "model"))
    )


def perform(
    job: str, photo: Photo, pointed: Pointed, settings: dict, show: StatusBar, arrived: Callable[[Result], None]
) -> None:
    """Have the server find the object and paint; `arrived` gets each result, `show` how it goes.  Raises UserError."""
    todo = steps(job, photo, pointed, settings, arrived)
    with connect(show.waiting) as client:
        answer = None
        while True:
            try:
                question = todo.send(answer)
            except StopIteration:
                return
            answer = None
            if question:

                def partial(message: messages.Message, frames: list[bytes]) -> None:
                    took(message, frames, settings if paints(job, settings) else None, arrived)

                answer = question.asked_of(client, progress=show.progress, partial=partial)


def connect(waiting: Callable[[str], None]):
    """A connection to the server, which is started where none runs."""
    start_with = [installation(), "-m", "inference_server", "serve"]
    if Path("/.flatpak-info").exists():  # the server lives outside GIMP's Flatpak
        start_with = ["flatpak-spawn", "--host", f"--env={paths.HOME_VARIABLE}={paths.home()}", *start_with]
    return client_module().connect(start_with, waiting)


def ask(message: messages.Message, **reports) -> messages.Message:
    """The answer to a single request, waited for.  Raises UserError."""
    with connect(lambda _sentence: None) as client:
        return client.request(message, **reports)[0]


def steps(job: str, photo: Photo, pointed: Pointed, settings: dict, arrived: Callable[[Result], None]) -> Steps:
    """The questions of a job.  `arrived` gets the last result; those before it are whoever asks' to take (`took`)."""
    painting = paints(job, settings)
    nothing_seen = messages.ImageRef(photo.width, photo.height, key="")
    if painting:  # a model that is missing is said before a pixel is read: bounds need none
        yield Question(Locate(job, nothing_seen, bounds=(0, 0, photo.width, photo.height), model=settings["model"]))
    backdrop_frames: list[bytes] = []
    backdrop = photo_layer.backdrop(photo, settings, backdrop_frames) if job == "replace" else None
    if job == "replace" and backdrop is None and not settings["prompt"].strip():
        raise wrong_input(
            "Nothing says what should be around the object.",
            "Write a prompt, or choose another background.",
        )
    seen, proxy = (photo.described, photo.proxy) if pointed.clicks else (nothing_seen, NO_PROXY)
    hint: list[bytes] = []
    rough = _rough(photo, pointed, hint) if pointed.rough else None
    grow, feather = amounts(settings)
    margin, shadow = (grow or 0) + (feather or 0), settings.get("include_shadow", False)
    where = Locate(
        job, seen, pointed.clicks, pointed.bounds, margin, rough, shadow, painting, settings.get("model", "")
    )
    located, _ = yield Question(where, hint, proxy)
    window = located.window
    pixels = yield from photo.reading(window)
    _, _, w, h = window
    if job == "select":
        frames = [*hint]
        raster = attach(frames, w, h, photo.channels, photo.depth, pixels)
        request = Segment(seen, pointed.clicks, window, raster, rough, settings["soft_edge"], shadow)
        found, answer = yield Question(request, frames, proxy)
        arrived(Result(found.window, found.score, extract(found.mask, answer)))
        return
    frames = [*backdrop_frames]
    raster = attach(frames, w, h, photo.channels, photo.depth, pixels)
    mask = None
    if not pointed.clicks:
        frames.append((yield from packed_mask(photo, pointed.mask, window)))
        mask = Raster(w, h, 1, "uint8", len(frames) - 1, packed=True)
    request = Inpaint(
        job,
        seen,
        window,
        pixels=raster,
        clicks=pointed.clicks,
        mask=mask,
        wish=wish(settings) if painting else messages.PaintOptions(),
        backdrop=backdrop,
        grow=grow,
        feather=feather,
        seed=settings["seed"],
        variations=settings["variations"] if painting else 1,
        soft_edge=settings.get("soft_edge", False),
        include_shadow=shadow,
    )
    took(*(yield Question(request, frames, proxy)), settings if painting else None, arrived)


def find(job: str, photo: Photo, pointed: Pointed, settings: dict, quick: bool = False) -> Question:
    """What may be meant: for a live overlay."""
    frames: list[bytes] = []
    rough = _rough(photo, pointed, frames) if pointed.mask else None
    grow, feather = amounts(settings)
    soft, shadow = (bool(settings.get(name)) for name in ("soft_edge", "include_shadow"))
    shadow = shadow and job != "replace"  # there it is the ground's, not the object's
    message = PreviewMasks(job, photo.described, pointed.clicks, rough, grow, feather, soft, shadow, quick)
    return Question(message, frames, photo.proxy)


def amounts(settings: dict) -> tuple[int | None, int | None]:
    """grow and feather, None where they are to suit the photo's size."""
    grow, feather = (
        None if settings.get(name, AUTOMATIC) == AUTOMATIC else settings[name] for name in ("grow", "feather")
    )
    return grow, feather


def _rough(photo: Photo, pointed: Pointed, frames: list[bytes]) -> Raster:
    wide, high, covered = rough_mask(photo, pointed.mask)
    return attach(frames, wide, high, 1, "uint8", covered, pack=True)


def took(
    message: Preview | Inpainted, frames: list[bytes], painted_with: dict | None, arrived: Callable[[Result], None]
) -> None:
    """Hand on a result, if it is one.  painted_with: the settings, where a model painted it."""
    if isinstance(message, Preview):
        return
    told = {name: getattr(message, name) for name in TOLD}
    arrived(
        Result(
            message.window,
            message.score,
            mask=extract(message.mask, frames),
            pixels=extract(message.pixels, frames),
            alpha=extract(message.alpha, frames),
            told={**told, **{name: painted_with[name] for name in ("model", "quality")}} if painted_with else None,
        )
    )


def client_module():
    """`inference_server.shared.client`, which needs pyzmq.  Raises UserError where GIMP's Python has none."""
    try:
        from inference_server.shared import client
    except ImportError:
        raise UserError(
            ErrorCode.NO_PYZMQ,
            "Inpaint Anything cannot talk to its server: GIMP's Python has no pyzmq.",
            "Run install.py again; on Debian, sudo apt install python3-zmq does it too.",
        ) from None
    return client


def installation() -> str:
    """The server's Python, as install.py noted it down beside this file.  Raises UserError."""
    record = Path(__file__).parents[2] / "installation.json"
    try:
        noted = json.loads(record.read_text("utf-8"))
        python, home = noted["python"], noted["home"]
    except (OSError, ValueError, LookupError):
        raise UserError(ErrorCode.NO_SERVER, "The inference server is not installed.", "Run install.py.") from None
    os.environ.setdefault(paths.HOME_VARIABLE, home)
    if not Path(python).exists() and not Path("/.flatpak-info").exists():
        sentence = tr("The inference server is gone: there is no {file}.", file=python)
        raise UserError(ErrorCode.NO_SERVER, sentence, "Run install.py again.")
    return python

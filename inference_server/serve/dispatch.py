"""From a message to the engine and back: the only place that knows both.

`perform` is what a server's worker calls.  It takes pixels out of frames, calls one of the engine's verbs, and puts
pixels back into frames; it decides nothing about pictures.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np

from ..engine import Engine
from ..fill import filling
from ..fill.prompts import Prompt
from ..imaging import masks, windows
from ..imaging.pixels import from_rgb, to_rgb
from ..remove import removal
from ..replace import backgrounds
from ..select import edges, outlines, shadows
from ..select.prompts import Prompt as Pointed
from ..select.prompts import checked
from ..select.selector import Mask, Photo
from ..shared import messages
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.geometry import PROXY_SIDE, Window, proxy_size
from ..shared.messages import (
    Encoded,
    EncodeImage,
    ExpandedPrompt,
    ExpandPrompt,
    Inpaint,
    Inpainted,
    Locate,
    Located,
    MaskProposal,
    MaskProposals,
    Preview,
    PreviewMasks,
    Raster,
    Segment,
    Segmented,
)
from ..shared.monitor import stop_if
from ..shared.text import Translatable, tr
from ..shared.wire import ProtocolError, attach, extract

Report = Callable[[float, str], None]
Send = Callable[[messages.Message, list[bytes]], None]
Answer = tuple[messages.Message, list[bytes]]
Looks = list[tuple[np.ndarray, float]]  # masks (h, w) uint8 of the whole photo that may be meant, and their scores

GLIMPSE = 512  # pixels on the long side that a first look is drawn in: the segmenter's grid has 256
MOST_SHAPES = 4  # more than clicks give; a name may give many
PREVIEW_SECONDS = 0.2  # between two previews, at least: nobody sees more


def perform(
    engine: Engine,
    message: messages.Message,
    frames: Sequence[bytes],
    progress: Report,
    cancelled: Callable[[], bool],
    send: Send,
) -> Answer:
    """Do what a request asks: the last answer; those before it are sent as they are ready.

    Raises UserError, and ProtocolError for a request that contradicts itself.
    """
    match message:
        case EncodeImage():
            _look(engine, message.photo, frames, progress, cancelled)
            return Encoded(), []
        case PreviewMasks():
            return _find(engine, message, frames, progress, cancelled, send)
        case Locate():
            return _locate(engine, message, frames, progress, cancelled)
        case Segment():
            return _segment(engine, message, frames, progress, cancelled)
        case ExpandPrompt():
            _check_job(message.job)
            photo = _look(engine, message.photo, frames, progress, cancelled)
            return ExpandedPrompt(*engine.suggest(message.job, photo.proxy, message.wish)), []
        case Inpaint():
            return _inpaint(engine, message, frames, progress, cancelled, send)
    raise ProtocolError(f"{type(message).__name__} is not a request")


def _find(engine, message: PreviewMasks, frames, progress, cancelled, send: Send) -> Answer:
    _check_job(message.job)
    size = _size(message.photo)
    look = _look_for if message.clicks else _look_at_ready
    with ThreadPoolExecutor(MOST_SHAPES) as pool:
        for looks, more in look(engine, message, frames, progress, cancelled, pool.map):
            drawn = [*pool.map(lambda each: _shape(_shown(each[0], message, size), each[1], size), looks)]
            while drawn and not drawn[-1][0].outlines:
                drawn.pop()
            shown = tuple(replace(shape, mask=replace(shape.mask, frame=k)) for k, (shape, _) in enumerate(drawn))
            answer, packed = MaskProposals(shown, more), [frame for _, frame in drawn]
            if more:
                send(answer, packed)
    return answer, packed


def _look_for(engine, message: PreviewMasks, frames, progress, cancelled, each) -> Iterator[tuple[Looks, int]]:
    """What the clicks point at, and how many better looks follow.  each: does a thing to several at once, as `map`."""
    photo = _seen_whole(engine, message.photo, frames, progress, cancelled)
    height, width = photo.proxy.shape[:2]
    pointed = _pointed(photo, message, frames).scaled(width / message.photo.width, height / message.photo.height)
    with_shadow = message.include_shadow and message.job != "replace"

    def select(quick: bool) -> list[Mask]:
        stop_if(cancelled)
        found = engine.selector.select(photo, (width, height), pointed, soft_edge=message.soft_edge, quick=quick)
        return found[:MOST_SHAPES]

    def followed(mask: Mask) -> tuple[np.ndarray, float]:
        stop_if(cancelled)
        alpha = mask.inside(Window(0, 0, width, height), photo.proxy, progress, cancelled)
        return _with_shadow(engine, photo.proxy, alpha, progress, cancelled) if with_shadow else alpha, mask.score

    asked = pointed.first(len(pointed.points)), message.soft_edge, with_shadow
    if photo.looks is None or photo.looks[0] != asked:
        scale = min(1.0, GLIMPSE / max(width, height))
        seen = max(1, round(width * scale)), max(1, round(height * scale))
        found = select(quick=True)
        taken = found[: 1 + pointed.taken(len(pointed.points), len(found))]  # what somebody waits for
        yield [(mask.preview(*seen), mask.score) for mask in taken], 0 if message.quick else 2
        if message.quick:
            return
        yield [*each(lambda mask: (mask.preview(*seen), mask.score), found)], 1
        photo.looks = asked, [*each(followed, select(quick=False))]
    yield photo.looks[1], 0


def _look_at_ready(engine, message: PreviewMasks, frames, progress, cancelled, each) -> Iterator[tuple[Looks, int]]:
    """The rough mask, and whether the same with its shadow follows; parameters as in `_look_for`."""
    if message.rough is None:
        raise ProtocolError("neither clicks nor a mask")
    mask = _rough(message.rough, frames, proxy_size(*_size(message.photo)))
    more = int(message.include_shadow and message.job != "replace" and not message.quick)
    yield [(mask, 1.0)], more
    if more:
        photo = _seen_whole(engine, message.photo, frames, progress, cancelled)
        yield [(_with_shadow(engine, photo.proxy, mask, progress, cancelled), 1.0)], 0


def _seen_whole(engine, photo: messages.ImageRef, frames, progress, cancelled) -> Photo:
    """`_look`, for those who draw on the proxy."""
    seen, size = _look(engine, photo, frames, progress, cancelled), proxy_size(*_size(photo))
    if seen.proxy.shape[1::-1] != size:
        raise ProtocolError("the proxy is not of the size it has for this photo")
    return seen


def _shown(mask: np.ndarray, message: PreviewMasks, size: tuple[int, int]) -> np.ndarray:
    """The mask (h, w) uint8 of the photo at any size, as what the job paints, or keeps, would show through it."""
    scale = max(mask.shape) / max(size)
    match message.job:
        case "select":
            return mask
        case "replace":
            return masks.feathered_inwards(mask, message.feather or 0, scale)
    return masks.grow_and_feather(mask, *masks.suited(message.grow, message.feather, size), scale)


def _shape(mask: np.ndarray, score: float, size: tuple[int, int]) -> tuple[MaskProposal, bytes]:
    """A mask (h, w) of the photo as it travels, an empty one as a single pixel, and its frame."""
    proxy = cv2.resize(mask, proxy_size(*size), interpolation=cv2.INTER_LINEAR)
    place = windows.bounds(proxy) or Window(0, 0, 1, 1)
    frames: list[bytes] = []
    part = np.ascontiguousarray(proxy[place.slices])
    raster = attach(frames, place.width, place.height, 1, "uint8", part.tobytes(), pack=True)
    scale = size[0] / mask.shape[1], size[1] / mask.shape[0]
    return MaskProposal(score, place, raster, outlines.outlines(mask, scale)), frames[0]


def _locate(engine, message: Locate, frames, progress, cancelled) -> Answer:
    _check_job(message.job)
    if message.paints:
        engine.demand(message.job, message.model)
    width, height = _size(message.photo)
    score = 1.0
    if message.clicks:
        photo = _look(engine, message.photo, frames, progress, cancelled)
        best = _best_mask(engine, photo, message, frames)
        bounds, score = _bounds(best), best.score
    elif message.bounds:
        bounds = Window(*message.bounds)
    else:
        raise ProtocolError("neither clicks nor bounds")
    if not bounds.inside(width, height):
        raise ProtocolError("the object is outside the photo")
    near = edges.window_for(bounds, (width, height))  # which holds the exact mask too
    reach = shadows.reach(bounds)
    taken = near.grown(reach, reach, width, height) if message.include_shadow else bounds
    match message.job:
        case "select":
            window = near.union(taken)
        case "replace":
            window = Window(0, 0, width, height)
        case _:
            hole = taken.grown(message.margin, message.margin, width, height)
            look_at = filling.window if message.job == "fill" else removal.window
            window = look_at(bounds, hole, width, height)
    return Located(bounds, window, score), []


def _segment(engine, message: Segment, frames, progress, cancelled) -> Answer:
    window = _window(message.window, message.photo)
    pixels = to_rgb(_pixels(message.pixels, frames, window))
    photo = _look(engine, message.photo, frames, progress, cancelled)
    best = _best_mask(engine, photo, message, frames, message.soft_edge)
    mask = best.inside(window, pixels, progress, cancelled)
    if message.include_shadow:
        mask = _with_shadow(engine, pixels, mask, progress, cancelled)
    taken = windows.bounds(mask) or _bounds(best)  # which says that nothing was found
    answer: list[bytes] = []
    part = np.ascontiguousarray(mask[taken.slices])
    raster = attach(answer, taken.width, taken.height, 1, "uint8", part.tobytes(), pack=True)
    return Segmented((window.x + taken.x, window.y + taken.y, taken.width, taken.height), raster, best.score), answer


def _inpaint(engine, message: Inpaint, frames, progress, cancelled, send: Send) -> Answer:
    _check_job(message.job)
    if message.backdrop is None:
        engine.demand(message.job, message.wish.model)
    if not 1 <= message.variations <= messages.MAX_VARIATIONS:
        raise ProtocolError(f"there can be 1 to {messages.MAX_VARIATIONS} variations")
    window = _window(message.window, message.photo)
    pixels = _pixels(message.pixels, frames, window)
    rgb, score = to_rgb(pixels), 1.0
    if message.mask:
        mask = _pixels(message.mask, frames, window)[..., 0]
    elif message.clicks:
        photo = _look(engine, message.photo, frames, progress, cancelled)
        best = _best_mask(engine, photo, message, frames, message.soft_edge)
        mask, score = best.inside(window, rgb, progress, cancelled), best.score
    else:
        raise ProtocolError("neither clicks nor a mask")
    if message.include_shadow and message.job != "replace":
        mask = _with_shadow(engine, rgb, mask, progress, cancelled)
    for k in range(message.variations):
        seed, more = message.seed + k, message.variations - 1 - k

        def report(share: float, word: str, k: int = k) -> None:
            if message.variations > 1:
                word = tr("{k} of {count}: {what}", k=k + 1, count=message.variations, what=Translatable.of(word))
            progress((k + share) / message.variations, word)

        patch, told = _patch(engine, message, frames, rgb, mask, seed, report, cancelled, _preview(send))
        answer: list[bytes] = []
        new = np.ascontiguousarray(from_rgb(patch.pixels, pixels.shape[2]))
        inner, (h, w) = patch.window, patch.alpha.shape
        painted = Inpainted(
            window=(window.x + inner.x, window.y + inner.y, w, h),
            pixels=attach(answer, w, h, pixels.shape[2], new.dtype.name, new.tobytes()),
            alpha=attach(answer, w, h, 1, "uint8", patch.alpha.tobytes(), pack=True),
            mask=attach(answer, w, h, 1, "uint8", np.ascontiguousarray(mask[inner.slices]).tobytes(), pack=True),
            score=score,
            seed=seed,
            prompt=told.positive,
            negative=told.negative,
            more=more,
        )
        if more:
            send(painted, answer)
    return painted, answer


def _patch(engine: Engine, message: Inpaint, frames, rgb, mask, seed, progress, cancelled, preview):
    """One variation: new pixels and their alpha, and what the model was told."""
    grow = masks.default_grow(*_size(message.photo)) if message.grow is None else message.grow
    match message.job:
        case "fill":
            return engine.fill_patch(rgb, mask, message.wish, grow, message.feather, seed, progress, cancelled, preview)
        case "replace":
            behind = None if message.backdrop is None else _backdrop(message.backdrop, frames)
            feather, shadow = message.feather or 0, message.include_shadow
            return engine.replace_patch(
                rgb, mask, message.wish, behind, feather, shadow, seed, progress, cancelled, preview
            )
    return engine.remove_patch(rgb, mask, grow, message.feather, seed, progress, cancelled), Prompt("")


def _backdrop(given: messages.Background, frames) -> backgrounds.Backdrop:
    match given:
        case messages.Background(picture=Raster() as picture, colours=(), blur=None):
            return to_rgb(_pixels(picture, frames, Window(0, 0, picture.width, picture.height)))
        case messages.Background(picture=None, colours=colours, blur=None) if 1 <= len(colours) <= 2:
            return backgrounds.Gradient(colours[0], colours[-1])
        case messages.Background(picture=None, colours=(), blur=float() as strength):
            return backgrounds.Blur(strength)
    raise ProtocolError("a backdrop is a picture, one or two colours, or a blur")


def _preview(send: Send) -> Callable[[np.ndarray], None]:
    """What sends a picture that is forming, now and then."""
    last = 0.0

    def show(picture: np.ndarray) -> None:
        nonlocal last
        if time.monotonic() - last >= PREVIEW_SECONDS:
            last = time.monotonic()
            frames: list[bytes] = []
            height, width = picture.shape[:2]
            send(Preview(attach(frames, width, height, 3, "uint8", picture.tobytes())), frames)

    return show


def _with_shadow(engine: Engine, pixels: np.ndarray, mask: np.ndarray, progress, cancelled) -> np.ndarray:
    stop_if(cancelled)
    progress(0.0, "Looking for its shadow")
    return engine.with_shadow(pixels, mask)


def _best_mask(engine: Engine, photo: Photo, message: Locate | Segment | Inpaint, frames, soft_edge=False) -> Mask:
    """The mask that was taken after the last click."""
    pointed = _pointed(photo, message, frames)
    found = engine.selector.select(photo, _size(message.photo), pointed, soft_edge=soft_edge)
    return found[pointed.taken(len(pointed.points), len(found))]


def _pointed(photo: Photo, message: PreviewMasks | Locate | Segment | Inpaint, frames) -> Pointed:
    """What the person pointed at.  Raises UserError."""
    clicks, rough = message.clicks or messages.ObjectPrompt(), None
    if not isinstance(message, Inpaint) and message.rough:
        height, width = photo.proxy.shape[:2]
        rough = _rough(message.rough, frames, (width, height))
    size = _size(message.photo)
    return checked(clicks.points, clicks.labels, clicks.box, rough, clicks.text, size, clicks.chosen)


def _rough(raster: Raster, frames, size: tuple[int, int]) -> np.ndarray:
    """The mask (h, w) uint8 of a raster that must be of this (width, height)."""
    if (raster.channels, raster.depth) != (1, "uint8"):
        raise ProtocolError("a mask is one channel of 8 bits")
    return _pixels(raster, frames, Window(0, 0, *size))[..., 0]


def _look(engine: Engine, photo: messages.ImageRef, frames, progress, cancelled) -> Photo:
    """The photo as the engine knows it; its proxy is looked at only when the engine does not."""
    known = engine.selector.known(photo.key)
    if known:
        return known
    if photo.proxy is None:
        raise UserError(ErrorCode.UNKNOWN_IMAGE, "The server has not seen this photo.", "Send its proxy.")
    data = extract(photo.proxy, frames)
    shape = photo.proxy.height, photo.proxy.width, 3
    if photo.proxy.depth != "uint8" or photo.proxy.channels != 3 or max(shape) > PROXY_SIDE:
        raise ProtocolError(f"a proxy is 8-bit RGB of at most {PROXY_SIDE} pixels")
    if messages.image_key(photo.proxy.width, photo.proxy.height, data) != photo.key:
        raise ProtocolError("the proxy is not the photo it says it is")
    return engine.selector.look(np.frombuffer(data, np.uint8).reshape(shape), progress, cancelled)


def _bounds(mask: Mask) -> Window:
    """Where the object is.  Raises UserError where the mask is empty."""
    if mask.bounds is None:
        raise wrong_input("No object was found there.", "Click on the middle of the object, or draw a box.")
    return mask.bounds


def _size(photo: messages.ImageRef) -> tuple[int, int]:
    if photo.width < 1 or photo.height < 1 or photo.width * photo.height > messages.MAX_PIXELS:
        raise ProtocolError("the photo has no usable size")
    return photo.width, photo.height


def _window(given: Window, photo: messages.ImageRef) -> Window:
    window = Window(*given)
    if not window.inside(*_size(photo)):
        raise ProtocolError("the window is not inside the photo")
    return window


def _pixels(raster: Raster, frames, window: Window) -> np.ndarray:
    """The array (height, width, channels) of a raster that must be as large as the window."""
    if (raster.width, raster.height) != (window.width, window.height):
        raise ProtocolError("the pixels are not of the window's size")
    return np.frombuffer(extract(raster, frames), raster.depth).reshape(raster.height, raster.width, raster.channels)


def _check_job(job: str) -> None:
    if job not in messages.TITLES:
        raise ProtocolError(f"there is no job {job[:20]!r}")

"""From a message to the engine and back: the only place that knows both.

`perform` is what a server's worker calls.  It takes pixels out of frames, calls one of the engine's verbs, and puts
pixels back into frames; it decides nothing about pictures.
"""

from collections.abc import Callable, Sequence

import numpy as np

from . import edges, masks, protocol, region, shadows
from .engine import Engine
from .errors import UserError, stop_if
from .protocol import (
    Inpaint,
    Inpainted,
    Locate,
    Located,
    Look,
    Looked,
    ProtocolError,
    Raster,
    Segment,
    Segmented,
    attach,
    extract,
)
from .region import Window
from .selecting import Mask, Photo, checked

Report = Callable[[float, str], None]
Answer = tuple[protocol.Message, list[bytes]]


def perform(
    engine: Engine, message: protocol.Message, frames: Sequence[bytes], progress: Report, cancelled: Callable[[], bool]
) -> Answer:
    """Do what a request asks.  Raises UserError, and ProtocolError for a request that contradicts itself."""
    match message:
        case Look():
            _look(engine, message.photo, frames, progress, cancelled)
            return Looked(), []
        case Locate():
            return _locate(engine, message, frames, progress, cancelled)
        case Segment():
            return _segment(engine, message, frames, progress, cancelled)
        case Inpaint():
            return _inpaint(engine, message, frames, progress, cancelled)
    raise ProtocolError(f"{type(message).__name__} is not a request")


def _locate(engine, message: Locate, frames, progress, cancelled) -> Answer:
    _check_job(message.job)
    engine.demand(message.job)
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
            window = region.context_window(bounds, width, height).union(hole)
    return Located(bounds, window, score), []


def _segment(engine, message: Segment, frames, progress, cancelled) -> Answer:
    window = _window(message.window, message.photo)
    pixels = region.to_rgb(_pixels(message.pixels, frames, window))
    photo = _look(engine, message.photo, frames, progress, cancelled)
    best = _best_mask(engine, photo, message, frames, message.soft_edge)
    mask = best.inside(window, pixels, progress, cancelled)
    if message.include_shadow:
        mask = _with_shadow(engine, pixels, mask, progress, cancelled)
    taken = region.bounds(mask) or _bounds(best)  # which says that nothing was found
    answer: list[bytes] = []
    part = np.ascontiguousarray(mask[taken.slices])
    raster = attach(answer, taken.width, taken.height, 1, "uint8", part.tobytes(), pack=True)
    return Segmented((window.x + taken.x, window.y + taken.y, taken.width, taken.height), raster, best.score), answer


def _inpaint(engine, message: Inpaint, frames, progress, cancelled) -> Answer:
    _check_job(message.job)
    engine.demand(message.job)
    window = _window(message.window, message.photo)
    pixels = _pixels(message.pixels, frames, window)
    rgb, score = region.to_rgb(pixels), 1.0
    if message.mask:
        mask = _pixels(message.mask, frames, window)[..., 0]
    elif message.clicks:
        photo = _look(engine, message.photo, frames, progress, cancelled)
        best = _best_mask(engine, photo, message, frames)
        mask, score = best.inside(window, rgb, progress, cancelled), best.score
    else:
        raise ProtocolError("neither clicks nor a mask")
    if message.include_shadow:
        mask = _with_shadow(engine, rgb, mask, progress, cancelled)
    grow = masks.default_grow(*_size(message.photo)) if message.grow is None else message.grow
    patch = engine.remove_patch(rgb, mask, grow, message.feather, message.seed, progress, cancelled)
    answer: list[bytes] = []
    channels = pixels.shape[2]
    new = np.ascontiguousarray(region.from_rgb(patch.pixels, channels))
    inner, (h, w) = patch.window, patch.alpha.shape
    return Inpainted(
        window=(window.x + inner.x, window.y + inner.y, w, h),
        pixels=attach(answer, w, h, channels, new.dtype.name, new.tobytes()),
        alpha=attach(answer, w, h, 1, "uint8", patch.alpha.tobytes(), pack=True),
        mask=attach(answer, w, h, 1, "uint8", np.ascontiguousarray(mask[inner.slices]).tobytes(), pack=True),
        score=score,
    ), answer


def _with_shadow(engine: Engine, pixels: np.ndarray, mask: np.ndarray, progress, cancelled) -> np.ndarray:
    stop_if(cancelled)
    progress(0.0, "Looking for its shadow")
    return engine.with_shadow(pixels, mask)


def _best_mask(engine: Engine, photo: Photo, message: Locate | Segment | Inpaint, frames, soft_edge=False) -> Mask:
    size, clicks, rough = _size(message.photo), message.clicks or protocol.Clicks(), None
    if isinstance(message, Locate | Segment) and message.rough:
        height, width = photo.proxy.shape[:2]
        rough = _pixels(message.rough, frames, Window(0, 0, width, height))[..., 0]
    prompt = checked(clicks.points, clicks.labels, clicks.box, rough, clicks.text, size)
    return engine.selector.select(photo, size, prompt, soft_edge=soft_edge)[0]


def _look(engine: Engine, photo: protocol.Photo, frames, progress, cancelled) -> Photo:
    """The photo as the engine knows it; its proxy is looked at only when the engine does not."""
    known = engine.selector.known(photo.key)
    if known:
        return known
    if photo.proxy is None:
        raise UserError("unknown-photo", "The server has not seen this photo.", "Send its proxy.")
    data = extract(photo.proxy, frames)
    shape = photo.proxy.height, photo.proxy.width, 3
    if photo.proxy.depth != "uint8" or photo.proxy.channels != 3 or max(shape) > protocol.PROXY:
        raise ProtocolError(f"a proxy is 8-bit RGB of at most {protocol.PROXY} pixels")
    if protocol.photo_key(photo.proxy.width, photo.proxy.height, data) != photo.key:
        raise ProtocolError("the proxy is not the photo it says it is")
    return engine.selector.look(np.frombuffer(data, np.uint8).reshape(shape), progress, cancelled)


def _bounds(mask: Mask) -> Window:
    """Where the object is.  Raises UserError where the mask is empty."""
    if mask.bounds is None:
        raise UserError(
            "wrong-input", "No object was found there.", "Click on the middle of the object, or draw a box."
        )
    return mask.bounds


def _size(photo: protocol.Photo) -> tuple[int, int]:
    if photo.width < 1 or photo.height < 1 or photo.width * photo.height > protocol.MAX_PIXELS:
        raise ProtocolError("the photo has no usable size")
    return photo.width, photo.height


def _window(given: protocol.Window, photo: protocol.Photo) -> Window:
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
    if job not in protocol.TITLES:
        raise ProtocolError(f"there is no job {job[:20]!r}")

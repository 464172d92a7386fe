"""From a message to the engine and back: the only place that knows both.

`perform` is what a server's worker calls.  It takes pixels out of frames, calls one of the engine's verbs, and puts
pixels back into frames; it decides nothing about pictures.
"""

from collections.abc import Callable, Sequence

import numpy as np

from . import masks, protocol, region
from .engine import Engine, Mask, Photo
from .errors import UserError
from .protocol import Inpaint, Inpainted, Locate, Located, ProtocolError, Raster, Segment, Segmented, attach, extract
from .region import Window

Report = Callable[[float, str], None]
Answer = tuple[protocol.Message, list[bytes]]


def perform(
    engine: Engine, message: protocol.Message, frames: Sequence[bytes], progress: Report, cancelled: Callable[[], bool]
) -> Answer:
    """Do what a request asks.  Raises UserError, and ProtocolError for a request that contradicts itself."""
    match message:
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
        best = _best_mask(engine, message.photo, message.clicks, frames, progress, cancelled)
        bounds, score = _bounds(best), best.score
    elif message.bounds:
        bounds = Window(*message.bounds)
    else:
        raise ProtocolError("neither clicks nor bounds")
    if not bounds.inside(width, height):
        raise ProtocolError("the object is outside the photo")
    hole = bounds.grown(message.margin, message.margin, width, height)
    match message.job:
        case "select":
            window = bounds
        case "replace":
            window = Window(0, 0, width, height)
        case _:
            window = region.context_window(bounds, width, height).union(hole)
    return Located(bounds, window, score), []


def _segment(engine, message: Segment, frames, progress, cancelled) -> Answer:
    window = _window(message.window, message.photo)
    best = _best_mask(engine, message.photo, message.clicks, frames, progress, cancelled)
    answer: list[bytes] = []
    raster = attach(answer, window.width, window.height, 1, "uint8", best.inside(window).tobytes(), pack=True)
    return Segmented(raster, best.score), answer


def _inpaint(engine, message: Inpaint, frames, progress, cancelled) -> Answer:
    _check_job(message.job)
    engine.demand(message.job)
    window = _window(message.window, message.photo)
    pixels = _pixels(message.pixels, frames, window)
    score = 1.0
    if message.mask:
        mask = _pixels(message.mask, frames, window)[..., 0]
    elif message.clicks:
        best = _best_mask(engine, message.photo, message.clicks, frames, progress, cancelled)
        mask, score = best.inside(window), best.score
    else:
        raise ProtocolError("neither clicks nor a mask")
    grow = masks.default_grow(*_size(message.photo)) if message.grow is None else message.grow
    patch = engine.remove_patch(region.to_rgb(pixels), mask, grow, message.feather, message.seed, progress, cancelled)
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


def _best_mask(engine: Engine, photo: protocol.Photo, clicks: protocol.Clicks, frames, progress, cancelled) -> Mask:
    size = _size(photo)
    return engine.segment_photo(
        _look(engine, photo, frames, progress, cancelled), size, clicks.points, clicks.labels, clicks.box
    )[0]


def _look(engine: Engine, photo: protocol.Photo, frames, progress, cancelled) -> Photo:
    """The photo as the engine knows it; its proxy is looked at only when the engine does not."""
    known = engine.known(photo.key)
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
    return engine.look(np.frombuffer(data, np.uint8).reshape(shape), progress, cancelled)


def _bounds(mask: Mask) -> Window:
    """The exact bounds of a mask in photo pixels, found without making the mask of the whole photo."""
    coarse = region.bounds(mask.logits > 0)
    if coarse:
        (cx, cy), (width, height) = mask.cells, mask.size
        x0, y0 = int((coarse.x - 1) / cx), int((coarse.y - 1) / cy)
        x1, y1 = int((coarse.x + coarse.width + 1) / cx) + 1, int((coarse.y + coarse.height + 1) / cy) + 1
        around = Window(x0, y0, x1 - x0, y1 - y0).grown(0, 0, width, height)
        exact = region.bounds(mask.inside(around)) if around.inside(width, height) else None
        if exact:
            return Window(around.x + exact.x, around.y + exact.y, exact.width, exact.height)
    raise UserError("wrong-input", "No object was found there.", "Click on the middle of the object, or draw a box.")


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

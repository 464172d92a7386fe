"""From a request about an image to the engine and back: the only place that knows both.

`perform` takes pixels out of frames, calls the engine's verbs, and puts pixels back into frames; it decides nothing
about pictures.  Whatever a stranger may put into a request is checked here or in `wire`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import NamedTuple

import cv2
import numpy as np

from ..engine import Engine, Patch
from ..fill.prompts import Prompt
from ..imaging import masks, strokes, windows
from ..imaging.colour import SRGB, ColourSpace
from ..imaging.pixels import from_rgb, to_rgb, to_uint8
from ..imaging.sampling import resize
from ..replace import backgrounds
from ..select import previews
from ..select.previews import Proposal, looks_for_shadow
from ..select.prompts import checked
from ..select.selector import EncodedImage, Mask
from ..shared import messages
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.geometry import PROXY_SIDE, Size, Window, fit_within, proxy_size, whole
from ..shared.messages import (
    AskDepth,
    Depth,
    Encoded,
    EncodeImage,
    ExpandedPrompt,
    ExpandPrompt,
    ImageRef,
    Inpaint,
    Inpainted,
    Job,
    Locate,
    Located,
    MaskOptions,
    MaskProposal,
    MaskProposals,
    MeasuredDepth,
    Preview,
    PreviewMasks,
    Raster,
    Segment,
    Segmented,
    Stroke,
    Target,
)
from ..shared.monitor import Monitor
from ..shared.text import Translatable, tr
from ..shared.wire import ProtocolError, attach, extract
from .worker_process import Answer, Send

MAX_PROFILE = 16 << 20  # bytes; printers' are the largest, with a few megabytes
DEPTH_SIDE = 256  # pixels on the long side of how near everything is: what is shown by it is blurred
PREVIEW_SECONDS = 0.2  # between two previews, at least: nobody sees more

Frames = Sequence[bytes]


class Meant(NamedTuple):
    """What a job is about, in a window: the mask (h, w) uint8 that was found or given, the strokes over it, and both
    together."""

    found: np.ndarray
    strokes: tuple[Stroke, ...]
    whole: np.ndarray


def perform(engine: Engine, message: messages.AnyRequest, frames: Frames, monitor: Monitor, send: Send) -> Answer:
    """Do what a request asks: its result; answers before it are sent as they are ready.

    Raises UserError, and ProtocolError for a request that contradicts itself.
    """
    match message:
        case EncodeImage():
            _encoded(engine, message.image, frames, monitor)
            return Encoded(), []
        case PreviewMasks():
            return _preview_masks(engine, message, frames, monitor, send)
        case Locate():
            return _locate(engine, message, frames, monitor), []
        case Segment():
            return _segment(engine, message, frames, monitor)
        case ExpandPrompt():
            encoded = _encoded(engine, message.image, frames, monitor)
            prompt = engine.expand_prompt(
                message.job, encoded.proxy, message.paint, has_reference=message.has_reference
            )
            takes_reference = engine.takes_reference(message.job, message.paint.model)
            answer = ExpandedPrompt(prompt=prompt.positive, negative=prompt.negative, takes_reference=takes_reference)
            return answer, []
        case AskDepth():
            return _measured_depth(engine, message, frames, monitor)
        case Inpaint():
            return _inpaint(engine, message, frames, monitor, send)
    raise ProtocolError(f"{type(message).__name__} is not about an image")


# -- one a request ----------------------------------------------------------------------------------------------------


def _preview_masks(engine: Engine, message: PreviewMasks, frames: Frames, monitor: Monitor, send: Send) -> Answer:
    size = _size(message.image)
    if message.target.strokes:
        encoded = _encoded_whole(engine, message.image, frames, monitor)
        answers = iter([_painted(engine, message, encoded, frames, monitor)])
    elif _has_prompt(message.target):
        encoded = _encoded_whole(engine, message.image, frames, monitor)
        prompt, *others = _prompts(message.target, encoded, size, frames)
        if others:
            raise ProtocolError("masks are proposed for one object at a time")
        answers = engine.preview_masks(
            message.job, encoded, size, prompt, message.options, quick=message.quick, monitor=monitor
        )
    elif message.target.mask:
        mask = _mask(message.target.mask, frames, proxy_size(*size))
        encode = partial(_encoded_whole, engine, message.image, frames, monitor)
        answers = engine.preview_ready_mask(
            message.job, mask, encode, size, message.options, quick=message.quick, monitor=monitor
        )
    else:
        raise ProtocolError("neither a prompt nor a mask")
    for proposals, more in answers:
        answer = _proposals(proposals, more)
        if more:
            send(*answer)
    return answer


def _painted(
    engine: Engine, message: PreviewMasks, encoded: EncodedImage, frames: Frames, monitor: Monitor
) -> previews.Answer:
    """The mask of everything that is meant, with what strokes say of it."""
    size, target = _size(message.image), message.target
    mask = _mask(target.mask, frames, proxy_size(*size)) if target.mask else None
    objects = _prompts(target, encoded, size, frames) if _has_prompt(target) else []
    painted = previews.Painted(tuple(objects), mask, _strokes(target))
    return engine.preview_painted(message.job, encoded, painted, size, message.options, monitor=monitor)


def _locate(engine: Engine, message: Locate, frames: Frames, monitor: Monitor) -> Located:
    if message.paints:
        engine.demand(message.job, message.model)
    size, target = _size(message.image), message.target
    drawn = strokes.bounds(_strokes(target), size)
    parts, score = [drawn] if drawn else [], 1.0
    if _has_prompt(target):
        encoded = _encoded(engine, message.image, frames, monitor)
        found = [engine.select(encoded, size, prompt) for prompt in _prompts(target, encoded, size, frames)]
        parts += map(_bounds, found)
        score = min(mask.score for mask in found)
    elif target.bounds:
        parts.append(target.bounds)
    if not parts:
        raise ProtocolError("neither a prompt nor bounds nor strokes")
    bounds = reduce(Window.union, parts)
    if not bounds.inside(*size):
        raise ProtocolError("the object is outside the image")
    window = engine.window_for(message.job, bounds, size, message.options, message.model)
    return Located(bounds=bounds, window=window, score=score)


def _segment(engine: Engine, message: Segment, frames: Frames, monitor: Monitor) -> Answer:
    window = _window(message.window, message.image)
    own = _pixels(message.pixels, frames, window)
    pixels = to_rgb(own)
    mask, score = _mask_in(engine, message, pixels, frames, monitor)
    by_hand = _strokes_in(message)
    mask = strokes.with_strokes(engine.refine_painted(pixels, mask, by_hand, monitor=monitor), by_hand)
    part = windows.bounds(mask)
    if part is None:
        raise _no_object()
    packed: list[bytes] = []
    raster, colours = _attach_mask(mask[part.slices], packed), None
    if message.cut_out:
        found = engine.cut_out(pixels, mask, monitor)[part.slices]
        colours = _attach_pixels(from_rgb(found, own.shape[2]), packed)
    return Segmented(window=_in_image(part, window), mask=raster, score=score, pixels=colours), packed


def _inpaint(engine: Engine, message: Inpaint, frames: Frames, monitor: Monitor, send: Send) -> Answer:
    if message.background is None:
        engine.demand(message.job, message.paint.model)
    if not 1 <= message.variations <= messages.MAX_VARIATIONS:
        raise ProtocolError(f"there can be 1 to {messages.MAX_VARIATIONS} variations")
    window = _window(message.window, message.image)
    pixels = _pixels(message.pixels, frames, window)
    rgb = to_rgb(pixels)
    mask, score = _mask_in(engine, message, rgb, frames, monitor)
    by_hand = _strokes_in(message)
    mask = engine.refine_painted(rgb, mask, by_hand, goes=message.job != Job.REPLACE, monitor=monitor)
    meant = Meant(mask, by_hand, strokes.with_strokes(mask, by_hand))
    monitor = replace(monitor, on_preview=_sender_of_previews(send))
    for k in range(message.variations):
        seed, more = message.seed + k, message.variations - 1 - k
        patch, prompt = _patch(engine, message, rgb, meant, frames, seed, _variation(monitor, k, message.variations))
        packed: list[bytes] = []
        result = Inpainted(
            window=_in_image(patch.window, window),
            pixels=_attach_pixels(from_rgb(patch.pixels, pixels.shape[2]), packed),
            alpha=_attach_mask(patch.alpha, packed),
            mask=_attach_mask(meant.whole[patch.window.slices], packed),
            score=score,
            seed=seed,
            prompt=prompt.positive,
            negative=prompt.negative,
            more=more,
        )
        if more:
            send(result, packed)
    return result, packed


def _measured_depth(engine: Engine, message: AskDepth, frames: Frames, monitor: Monitor) -> Answer:
    found = engine.nearness(_encoded(engine, message.image, frames, monitor).proxy, monitor)
    if found is None:
        return MeasuredDepth(), []
    height, width = found.shape
    small = resize(found, fit_within(width, height, DEPTH_SIDE))
    lowest, highest = float(small.min()), float(small.max())
    nearness = to_uint8((small - lowest) / max(highest - lowest, 1e-6))
    packed: list[bytes] = []
    return MeasuredDepth(nearness=_attach_pixels(nearness[..., None], packed)), packed


def _patch(
    engine: Engine, message: Inpaint, rgb: np.ndarray, meant: Meant, frames: Frames, seed: int, monitor: Monitor
) -> tuple[Patch, Prompt]:
    """One variation, and what a model was given, if one was asked."""
    options, colour, reference = _options(message), _colour_space(message, frames), _reference(message, frames)
    if message.job == Job.REPLACE:
        background = message.paint if message.background is None else _background(message.background, frames)
        return engine.replace_patch(
            rgb,
            meant.whole,
            background,
            options,
            match_light=message.match_light,
            match_focus=message.match_focus,
            reference=reference,
            seed=seed,
            colour=colour,
            monitor=monitor,
        )
    mask, by_hand = meant.found, meant.strokes
    if message.job == Job.FILL:
        return engine.fill_patch(
            rgb,
            mask,
            message.paint,
            options,
            reference=reference,
            match_focus=message.match_focus,
            strokes=by_hand,
            seed=seed,
            colour=colour,
            monitor=monitor,
        )
    model = message.paint.model
    patch = engine.remove_patch(
        rgb, mask, options, model=model, strokes=by_hand, seed=seed, colour=colour, monitor=monitor
    )
    return patch, Prompt("")


def _reference(message: Inpaint, frames: Frames) -> np.ndarray | None:
    """The picture (h, w, 3) uint8 that says what is to be painted, if there is one."""
    given = message.reference
    if given is None:
        return None
    if (given.channels, given.depth) != (3, Depth.UINT8) or max(given.width, given.height) > PROXY_SIDE:
        raise ProtocolError("a reference is a small picture, RGB of 8 bits")
    return _pixels(given, frames, whole(given.width, given.height))


def _colour_space(message: Inpaint, frames: Frames) -> ColourSpace:
    if message.profile is None:
        return SRGB
    if not 0 <= message.profile < len(frames) or len(frames[message.profile]) > MAX_PROFILE:
        raise ProtocolError("the colour profile is missing, or too large")
    return ColourSpace(frames[message.profile])


def _variation(monitor: Monitor, k: int, count: int) -> Monitor:
    """The monitor of variation number k of so many, from 0."""
    if count == 1:
        return monitor

    def on_progress(share: float, message: str) -> None:
        message = tr("{k} of {count}: {what}", k=k + 1, count=count, what=Translatable.of(message))
        monitor.on_progress((k + share) / count, message)

    return replace(monitor, on_progress=on_progress)


# -- what a request names ---------------------------------------------------------------------------------------------


def _encoded(engine: Engine, image: ImageRef, frames: Frames, monitor: Monitor) -> EncodedImage:
    """The embedding of an image; its proxy is unpacked only where the engine does not know it.  Raises UserError."""
    known = engine.known(image.key)
    if known:
        return known
    if image.proxy is None:
        raise UserError(ErrorCode.UNKNOWN_IMAGE, "The server has not seen this photo.", "Send its proxy.")
    width, height = image.proxy.width, image.proxy.height
    if image.proxy.depth != Depth.UINT8 or image.proxy.channels != 3 or max(width, height) > PROXY_SIDE:
        raise ProtocolError(f"a proxy is 8-bit RGB of at most {PROXY_SIDE} pixels")
    data = extract(image.proxy, frames)
    if messages.image_key(width, height, data) != image.key:
        raise ProtocolError("the proxy is not that of the image with this key")
    return engine.encode(np.frombuffer(data, np.uint8).reshape(height, width, 3), monitor)


def _encoded_whole(engine: Engine, image: ImageRef, frames: Frames, monitor: Monitor) -> EncodedImage:
    """`_encoded`, with a proxy of the size that masks are drawn at."""
    encoded = _encoded(engine, image, frames, monitor)
    if encoded.proxy.shape[1::-1] != proxy_size(*_size(image)):
        raise ProtocolError("the proxy is not of the size that it has for this image")
    return encoded


def _has_prompt(target: Target) -> bool:
    """Whether the segmenter has to find an object."""
    return bool(target.prompts) or target.rough_mask is not None


def _prompts(target: Target, encoded: EncodedImage, size: Size, frames: Frames) -> list[messages.ObjectPrompt]:
    """What says which objects are meant in an image of this size, at least one.  Raises UserError where one says
    nothing."""
    height, width = encoded.proxy.shape[:2]
    rough = None if target.rough_mask is None else _mask(target.rough_mask, frames, (width, height))
    first, *others = target.prompts or (messages.ObjectPrompt(),)
    return [checked(first, size, rough), *(checked(prompt, size) for prompt in others)]


def _strokes(target: Target) -> tuple[Stroke, ...]:
    """The target's strokes, in pixels of the image."""
    for stroke in target.strokes:
        if not stroke.path or len(stroke.path) % 3:
            raise ProtocolError("a stroke is made of points, and a radius at each")
        if not all(abs(number) <= messages.MAX_PIXELS for number in stroke.path):  # nor is any of them nan
            raise ProtocolError("a stroke is far outside the image")
        if not all(0 <= radius <= messages.MAX_RADIUS for radius in stroke.path[2::3]):
            raise ProtocolError(f"a brush has a radius of 0 to {messages.MAX_RADIUS} pixels")
    return target.strokes


def _strokes_in(message: Segment | Inpaint) -> tuple[Stroke, ...]:
    """The target's strokes, in pixels of the message's window."""
    x, y = message.window[:2]
    return tuple(stroke.moved(-x, -y) for stroke in _strokes(message.target))


def _mask_in(
    engine: Engine, message: Segment | Inpaint, pixels: np.ndarray, frames: Frames, monitor: Monitor
) -> tuple[np.ndarray, float]:
    """The mask (h, w) uint8 of the objects in the window whose pixels (h, w, 3|4) are given, and its score, the least
    where there are several.

    Each with its shadow if that is asked for; a replacement deals with the shadow itself.  Without the strokes.
    """
    target, window, score = message.target, message.window, 1.0
    shadow = False if isinstance(message, Inpaint) and message.job == Job.REPLACE else message.options.include_shadow

    def with_shadow(mask: np.ndarray, *, of_a_kind: bool = False) -> np.ndarray:
        if not looks_for_shadow(include_shadow=shadow, of_a_kind=of_a_kind):
            return mask
        monitor.report(0.0, tr("Looking for its shadow"))
        return engine.with_shadow(pixels, mask, only_sure=shadow is None)

    if target.mask:
        mask = _mask(target.mask, frames, (window.width, window.height))
        if message.options.soft_edge:
            mask = engine.soften_edge(pixels, mask, monitor)
        mask = with_shadow(mask)
    elif _has_prompt(target):
        size = _size(message.image)
        encoded = _encoded(engine, message.image, frames, monitor)
        prompts = _prompts(target, encoded, size, frames)
        found = [engine.select(encoded, size, prompt, soft_edge=message.options.soft_edge) for prompt in prompts]
        alone = (each.inside(window, pixels, monitor) for each in found)
        kinds = (prompt.of_a_kind for prompt in prompts)
        mask = reduce(cv2.max, (with_shadow(each, of_a_kind=its) for each, its in zip(alone, kinds, strict=True)))
        score = min(each.score for each in found)
    elif target.strokes:
        return np.zeros((window.height, window.width), np.uint8), score
    else:
        raise ProtocolError("neither a prompt nor a mask nor strokes")
    return mask, score


def _options(message: Inpaint) -> MaskOptions:
    """The options, whose growth suits the whole image, not the window, where it is left open."""
    if message.options.grow is not None:
        return message.options
    return replace(message.options, grow=masks.default_grow(*_size(message.image)))


def _background(given: messages.Background, frames: Frames) -> backgrounds.Background:
    match given:
        case messages.Background(picture=Raster() as picture, colours=(), blur=None):
            return to_rgb(_pixels(picture, frames, whole(picture.width, picture.height)))
        case messages.Background(picture=None, colours=colours, blur=None) if 1 <= len(colours) <= 2:
            return backgrounds.Gradient(colours[0], colours[-1])
        case messages.Background(picture=None, colours=(), blur=float() as strength):
            return backgrounds.Blur(strength)
    raise ProtocolError("a background is a picture, one or two colours, or a blur")


def _size(image: ImageRef) -> Size:
    if image.width < 1 or image.height < 1 or image.width * image.height > messages.MAX_PIXELS:
        raise ProtocolError("the image has no usable size")
    return image.width, image.height


def _window(window: Window, image: ImageRef) -> Window:
    if not window.inside(*_size(image)):
        raise ProtocolError("the window is not inside the image")
    return window


def _bounds(mask: Mask) -> Window:
    """Where the object is.  Raises UserError where the mask is empty."""
    if mask.bounds is None:
        raise _no_object()
    return mask.bounds


def _no_object() -> UserError:
    return wrong_input("No object was found there.", "Click on the middle of the object, or draw a box.")


# -- pixels in frames -------------------------------------------------------------------------------------------------


def _pixels(raster: Raster, frames: Frames, window: Window, *, packed: bool = False) -> np.ndarray:
    """The array (height, width, channels) of a raster that must be as large as the window.

    packed: whether it may be: a mask may, as it is of the size of pixels that are not, or of the proxy's.
    """
    if raster.packed and not packed:
        raise ProtocolError("only masks may be packed")
    if (raster.width, raster.height) != (window.width, window.height):
        raise ProtocolError("the pixels are not of the window's size")
    return np.frombuffer(extract(raster, frames), raster.depth).reshape(raster.height, raster.width, raster.channels)


def _mask(raster: Raster, frames: Frames, size: Size) -> np.ndarray:
    """The mask (h, w) uint8 of a raster that must be of this size."""
    if (raster.channels, raster.depth) != (1, Depth.UINT8):
        raise ProtocolError("a mask is one channel of 8 bits")
    return _pixels(raster, frames, whole(*size), packed=True)[..., 0]


def _attach_pixels(pixels: np.ndarray, frames: list[bytes]) -> Raster:
    height, width, channels = pixels.shape
    return attach(frames, width, height, channels, pixels.dtype.name, np.ascontiguousarray(pixels).tobytes())


def _attach_mask(mask: np.ndarray, frames: list[bytes]) -> Raster:
    height, width = mask.shape
    return attach(frames, width, height, 1, Depth.UINT8, np.ascontiguousarray(mask).tobytes(), pack=True)


def _proposals(proposals: Iterable[Proposal], more: int) -> tuple[MaskProposals, list[bytes]]:
    packed: list[bytes] = []
    sent = tuple(
        MaskProposal(
            score=proposal.score,
            place=proposal.place,
            mask=_attach_mask(proposal.mask, packed),
            outlines=proposal.outlines,
            has_hair=proposal.has_hair,
            has_shadow=proposal.has_shadow,
        )
        for proposal in proposals
    )
    return MaskProposals(proposals=sent, more=more), packed


def _in_image(part: Window, window: Window) -> Window:
    """A part of a window, in pixels of the image."""
    return part._replace(x=window.x + part.x, y=window.y + part.y)


def _sender_of_previews(send: Send) -> Callable[[np.ndarray], None]:
    """What sends a picture that is forming, now and then."""
    last = 0.0

    def on_preview(picture: np.ndarray) -> None:
        nonlocal last
        if time.monotonic() - last >= PREVIEW_SECONDS:
            last = time.monotonic()
            packed: list[bytes] = []
            send(Preview(picture=_attach_pixels(picture, packed)), packed)

    return on_preview

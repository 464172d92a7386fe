"""Asking an engine as the server's worker does, and its answers as arrays."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from inference_server.shared import messages
from inference_server.shared.geometry import Size
from inference_server.shared.messages import (
    Depth,
    ImageRef,
    Job,
    MaskOptions,
    MaskProposals,
    ObjectPrompt,
    PreviewMasks,
    Raster,
    Target,
)
from inference_server.shared.monitor import Monitor
from inference_server.shared.wire import attach, extract

if TYPE_CHECKING:
    from inference_server import Engine

CLICK = (322, 170)  # on the rocket in the photograph that install.py brings, of which a part and more can be meant
AT_ROCKET = ObjectPrompt(points=(CLICK,), labels=(1,))
WITHOUT_PAD = ObjectPrompt(points=(CLICK, (300, 420)), labels=(1, 0))

Answer = tuple[messages.Message, list[bytes]]


def ask(
    engine: "Engine",
    message: messages.AnyRequest,
    frames: Sequence[bytes] = (),
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """All the answers, each with its frames; the result is the last."""
    from inference_server.serve.dispatch import perform

    answers: list[Answer] = []
    monitor = Monitor(is_cancelled=is_cancelled)
    result = perform(engine, message, frames, monitor, lambda *answer: answers.append(answer))
    return [*answers, result]


def result_of(engine: "Engine", message: messages.AnyRequest, frames: Sequence[bytes] = ()) -> Answer:
    """The last answer, and its frames."""
    return ask(engine, message, frames)[-1]


def image_ref(image: np.ndarray) -> tuple[ImageRef, list[bytes]]:
    """An image (H, W, 3|4) as a client describes it, and the frames, of which the first is its proxy."""
    from inference_server.imaging.pixels import to_proxy

    proxy, frames = to_proxy(image), list[bytes]()
    height, width = proxy.shape[:2]
    key = messages.image_key(width, height, proxy.tobytes())
    raster = attach(frames, width, height, 3, Depth.UINT8, proxy.tobytes())
    return ImageRef(width=image.shape[1], height=image.shape[0], key=key, proxy=raster), frames


def attach_mask(mask: np.ndarray, frames: list[bytes]) -> Raster:
    """A mask (h, w) uint8 as a client sends it."""
    return attach(frames, mask.shape[1], mask.shape[0], 1, Depth.UINT8, mask.tobytes(), pack=True)


def attach_pixels(pixels: np.ndarray, frames: list[bytes]) -> Raster:
    """An image (h, w, C) as a client sends it."""
    height, width, channels = pixels.shape
    data = np.ascontiguousarray(pixels).tobytes()
    return attach(frames, width, height, channels, pixels.dtype.name, data)


def preview_masks(
    job: Job,
    image: ImageRef,
    prompt: ObjectPrompt | None = None,
    *,
    rough_mask: Raster | None = None,
    mask: Raster | None = None,
    quick: bool = False,
    **options: object,
) -> PreviewMasks:
    """The request.  options: the fields of MaskOptions."""
    target = Target(prompts=(prompt,) if prompt else (), rough_mask=rough_mask, mask=mask)
    return PreviewMasks(job=job, image=image, target=target, options=MaskOptions(**options), quick=quick)


def as_array(raster: Raster, frames: Sequence[bytes]) -> np.ndarray:
    """The pixels (h, w, C) of a raster; a mask is (h, w)."""
    pixels = np.frombuffer(extract(raster, frames), raster.depth)
    shape = raster.height, raster.width, raster.channels
    return pixels.reshape(shape if raster.channels > 1 else shape[:2])


def proposed(answer: tuple[MaskProposals, list[bytes]], size: Size) -> list[np.ndarray]:
    """The masks (h, w) uint8 of an answer, in a proxy of this size."""
    found, frames = answer
    masks = []
    for proposal in found.proposals:
        mask = np.zeros(size[::-1], np.uint8)
        mask[proposal.place.slices] = as_array(proposal.mask, frames)
        masks.append(mask)
    return masks


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of what is over 127 in two masks."""
    a, b = a > 127, b > 127
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def same_order(masks: Iterable[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    """Whether each mask is most like the one at its place among the others."""
    return all(int(np.argmax([overlap(mask, other) for other in others])) == k for k, mask in enumerate(masks))

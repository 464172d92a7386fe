"""Masks for an overlay while the person still points: a quick answer first, then better ones of the same masks.

The first answer to a prompt has the masks up to the one that is chosen, which is what the person waits for, as the
segmenter's grid has them.  The second has the others too.  The third is refined: the decoder's second pass, GrabCut and
edges.  Where the shadow is asked for, a fourth has that of the mask that is chosen: nothing before it waits for it.
Every mask is shown as the job would use it, grown and feathered.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import masks, windows
from ..shared.geometry import Size, Window, fit_within, proxy_size, whole
from ..shared.messages import MAX_OBJECTS, Job, MaskOptions, ObjectPrompt, Stroke
from ..shared.monitor import Monitor
from . import hair, prompts, shadows
from .outlines import outlines
from .selector import EncodedImage, Mask, SeenMask, Selector

QUICK_SIDE = 512  # pixels on the long side of a quick mask: the segmenter's grid has 256
MOST_PROPOSALS = 4  # of points, which give fewer; a text names as many objects as there may be


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A mask that may be meant: `messages.MaskProposal` with pixels.

    mask: (h, w) uint8, contiguous, of the window `place` of the proxy; outlines: closed polygons x0, y0, x1, y1, … in
    image pixels, none for an empty mask, whose `place` is a single pixel.  has_shadow: whether a shadow is in it.
    """

    score: float
    place: Window
    mask: np.ndarray
    outlines: tuple[tuple[float, ...], ...]
    has_hair: bool
    has_shadow: bool


Answer = tuple[list[Proposal], int]  # best first, and how many better answers follow


@dataclass(frozen=True, kw_only=True)
class Question:
    """How masks are asked for.  size: the image's (width, height); quick: whether the first answer is enough."""

    job: Job
    size: Size
    options: MaskOptions
    quick: bool = False

    @property
    def asks_for_hair(self) -> bool:
        """Whether it matters that hair crosses the edge, and nobody has said so yet."""
        return self.job in (Job.SELECT, Job.REPLACE) and not self.options.soft_edge

    def with_shadow(self, *, of_a_kind: bool = False) -> bool:
        """Whether the shadow may be part of the mask: REPLACE has its own use for it.  of_a_kind: as in
        `ObjectPrompt`."""
        return self.job != Job.REPLACE and looks_for_shadow(
            include_shadow=self.options.include_shadow, of_a_kind=of_a_kind
        )


def looks_for_shadow(*, include_shadow: bool | None, of_a_kind: bool) -> bool:
    """Whether an object's shadow is looked for, which takes its time.

    include_shadow: as in `MaskOptions`; of_a_kind: whether it is one of everything of a kind, which may be many.
    """
    return bool(include_shadow) or (include_shadow is None and not of_a_kind)


class Painted(NamedTuple):
    """Everything that is meant: prompts (`prompts.checked`) and strokes, in image pixels; mask: (h, w) uint8 of the
    proxy's size, where one is given."""

    prompts: tuple[ObjectPrompt, ...]
    mask: np.ndarray | None
    strokes: tuple[Stroke, ...]


def of_prompt(
    selector: Selector, encoded: EncodedImage, prompt: ObjectPrompt, question: Question, monitor: Monitor
) -> Iterator[Answer]:
    """The answers to a prompt (`prompts.checked`), in image pixels.  Raises UserError."""
    with ThreadPoolExecutor(MOST_PROPOSALS) as pool:
        for found, more in _masks(selector, encoded, prompt, question, monitor, pool):
            yield _proposals(found, question, pool), more


def of_mask(
    selector: Selector, mask: np.ndarray, encode: Callable[[], EncodedImage], question: Question, monitor: Monitor
) -> Iterator[Answer]:
    """The answers for a ready mask (h, w) uint8 of the proxy's size: as it is, then with a soft edge and its shadow.

    encode: gives the image, after the first answer and only where either is asked for.  Raises UserError.
    """
    better_follows = (question.with_shadow() or question.options.soft_edge) and not question.quick
    found = SeenMask(mask, 1.0)
    yield _proposals([found], question), int(better_follows)
    if better_follows:
        proxy = encode().proxy
        if question.options.soft_edge:
            found = SeenMask(selector.soften(proxy, mask, monitor), 1.0)
        if question.with_shadow():
            found = _shadowed(found, proxy, question, monitor)
        yield _proposals([found], question), 0


def meant(
    selector: Selector,
    encoded: EncodedImage,
    target: Painted,
    question: Question,
    monitor: Monitor,
) -> np.ndarray:
    """What a target says before its strokes, all in one mask (h, w) uint8 of the proxy's size, before it is grown.

    Raises UserError.
    """
    height, width = encoded.proxy.shape[:2]
    parts = [np.zeros((height, width), np.uint8)]

    def add(mask: np.ndarray, *, of_a_kind: bool = False) -> None:
        """With its own shadow, as the job does it."""
        if question.with_shadow(of_a_kind=of_a_kind):
            mask = _shadowed(SeenMask(mask, 1.0), encoded.proxy, question, monitor).mask
        parts.append(mask)

    if target.mask is not None:
        soft = question.options.soft_edge
        add(selector.soften(encoded.proxy, target.mask, monitor) if soft else target.mask)
    for prompt in target.prompts:
        on_proxy = prompts.scaled(prompt, width / question.size[0], height / question.size[1])
        found = selector.select(encoded, (width, height), on_proxy, soft_edge=question.options.soft_edge)
        chosen = found[prompts.taken(prompt, len(prompt.points), len(found))]
        add(chosen.inside(whole(width, height), encoded.proxy, monitor), of_a_kind=prompt.of_a_kind)
    return reduce(cv2.max, parts)


def of_painted(mask: np.ndarray, question: Question) -> Answer:
    """The one answer for a mask (h, w) uint8 of the proxy's size as it is."""
    return _proposals([SeenMask(mask, 1.0)], question), 0


def _masks(
    selector: Selector,
    encoded: EncodedImage,
    prompt: ObjectPrompt,
    question: Question,
    monitor: Monitor,
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[list[SeenMask], int]]:
    """The masks of each answer, and how many better answers follow."""
    height, width = encoded.proxy.shape[:2]
    prompt = prompts.scaled(prompt, width / question.size[0], height / question.size[1])
    soft_edge = question.options.soft_edge

    most = MAX_OBJECTS if prompt.of_a_kind else MOST_PROPOSALS

    def select(*, quick: bool) -> list[Mask]:
        monitor.check()
        return selector.select(encoded, (width, height), prompt, soft_edge=soft_edge, quick=quick)[:most]

    def quick_mask(mask: Mask) -> SeenMask:
        return SeenMask(mask.preview(*fit_within(width, height, QUICK_SIDE)), mask.score)

    def refined(mask: Mask) -> SeenMask:
        monitor.check()
        alpha = mask.inside(whole(width, height), encoded.proxy, monitor)
        return SeenMask(alpha, mask.score, question.asks_for_hair and hair.crosses(encoded.proxy, alpha))

    count, with_shadow = len(prompt.points), question.with_shadow(of_a_kind=prompt.of_a_kind)
    depends_on = prompts.first(prompt, count), soft_edge, question.asks_for_hair
    if encoded.refined is None or encoded.refined[0] != depends_on:
        found = select(quick=True)
        awaited = found[: 1 + prompts.taken(prompt, count, len(found))]
        yield [quick_mask(mask) for mask in awaited], 0 if question.quick else 2 + with_shadow
        if question.quick:
            return
        yield [*pool.map(quick_mask, found)], 1 + with_shadow
        encoded.refined = depends_on, [*pool.map(refined, select(quick=False))]
    if question.quick or not with_shadow:
        yield encoded.refined[1], 0
    else:
        yield from _with_shadows(encoded, prompt, question, monitor)


def _with_shadows(
    encoded: EncodedImage, prompt: ObjectPrompt, question: Question, monitor: Monitor
) -> Iterator[tuple[list[SeenMask], int]]:
    """The last answers of `_masks`: as `encoded.refined` has them, and with the shadow of the chosen one, or with those
    of all of a kind."""
    assert encoded.refined
    depends_on, masks = encoded.refined
    chosen = prompts.taken(prompt, len(prompt.points), len(masks))
    cast = depends_on, None if prompt.of_a_kind else chosen, question.options.include_shadow
    if encoded.shadowed is None or encoded.shadowed[0] != cast:
        yield masks, 1
        found_with = [
            _shadowed(mask, encoded.proxy, question, monitor) if prompt.of_a_kind or k == chosen else mask
            for k, mask in enumerate(masks)
        ]
        encoded.shadowed = cast, found_with
    yield encoded.shadowed[1], 0


def _shadowed(found: SeenMask, proxy: np.ndarray, question: Question, monitor: Monitor) -> SeenMask:
    """A mask of the size of the proxy (h, w, 3) uint8 with its shadow, as far as that is asked for."""
    only_sure = question.options.include_shadow is None
    mask = shadows.with_shadow(proxy, found.mask, monitor, only_sure=only_sure)
    return found._replace(mask=mask, has_shadow=not np.array_equal(mask, found.mask))


def _proposals(found: list[SeenMask], question: Question, pool: ThreadPoolExecutor | None = None) -> list[Proposal]:
    """Masks as proposals, without the empty ones at the end."""

    def proposal(seen: SeenMask) -> Proposal:
        return _proposal(seen._replace(mask=_as_used(seen.mask, question)), question.size)

    each: Callable[..., Iterable[Proposal]] = pool.map if pool else map
    made = [*each(proposal, found)]
    while made and not made[-1].outlines:
        made.pop()
    return made


def _as_used(mask: np.ndarray, question: Question) -> np.ndarray:
    """A mask (h, w) uint8 of the image at any size, as what the job paints, or for REPLACE keeps, shows through it."""
    scale = max(mask.shape) / max(question.size)
    grow, feather = question.options.grow, question.options.feather
    match question.job:
        case Job.SELECT:
            return mask
        case Job.REPLACE:
            return masks.feathered_inwards(mask, feather or 0, scale)
    return masks.grow_and_feather(mask, *masks.suited(grow, feather, question.size), scale)


def _proposal(seen: SeenMask, size: Size) -> Proposal:
    """The proposal of a mask of an image of this size."""
    mask = seen.mask
    on_proxy = cv2.resize(mask, proxy_size(*size), interpolation=cv2.INTER_LINEAR)
    place = windows.bounds(on_proxy) or Window(0, 0, 1, 1)
    scale = size[0] / mask.shape[1], size[1] / mask.shape[0]
    part = np.ascontiguousarray(on_proxy[place.slices])
    return Proposal(
        score=seen.score,
        place=place,
        mask=part,
        outlines=outlines(mask, scale),
        has_hair=seen.has_hair,
        has_shadow=seen.has_shadow,
    )

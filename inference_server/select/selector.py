"""Selecting: from clicks to masks, with a memory for photos that were looked at.

A photo is encoded once, as a proxy; each click then costs one pass of the small decoder and gives a mask on the
segmenter's grid (`Mask.preview`).  The mask at full resolution (`Mask.alpha`) is made when it is asked for: colours
settle what the segmenter is unsure of (`colours`), then the edge is followed in the photo's own pixels (`edges`).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging import masks, windows
from ..models.catalogue import MODELS
from ..models.store import Store
from ..shared.errors import wrong_input
from ..shared.geometry import Window
from ..shared.messages import image_key
from ..shared.monitor import never, quiet, stop_if
from ..shared.text import tr
from . import automatic_masks, edges, grabcut, mask_ranking, segmenters
from .prompts import Box, Prompt
from .segmenters import Embedding, Segmenter

if TYPE_CHECKING:  # brings torch with it
    from .segmenters.sam3 import Sam3

Report = Callable[[float, str], None]

MEMORY = 256 << 20  # bytes of embeddings kept; the starter's are 4 MB each
FEEDBACK_STEPS = 20
ANSWERS_KEPT = FEEDBACK_STEPS + 4  # for each photo, 1 MB each: one row of clicks must fit
SETTLED_SIDE = 640  # pixels on the long side that colours are looked at in


class Answer(NamedTuple):
    """What the segmenter says: logits (N, gh, gw) float32 on its grid and scores (N,), best first.  whole: whether a
    second pass of the decoder has been made where one is due."""

    logits: np.ndarray
    scores: np.ndarray
    whole: bool


class Photo:
    """A photo the segmenter has looked at: its proxy (h, w, 3) uint8, its embedding, and what was asked about it."""

    def __init__(self, proxy: np.ndarray, embedding: Embedding):
        self.proxy, self.embedding = proxy, embedding
        self.for_namer: Embedding | None = None  # SAM 3's, once something was asked for by name
        self.answers: OrderedDict[Prompt, Answer] = OrderedDict()
        self.looks: tuple[object, list[tuple[np.ndarray, float]]] | None = (
            None  # what was shown of it last, and for what
        )

    @property
    def nbytes(self) -> int:
        """The memory its embeddings hold."""
        return self.embedding.nbytes + (self.for_namer.nbytes if self.for_namer else 0)

    @property
    def grid(self) -> tuple[slice, slice]:
        """The part of the segmenter's grid that is not padding."""
        (width, height), (cx, cy) = self.embedding.size, self.embedding.cells
        return slice(0, max(1, round(height * cy))), slice(0, max(1, round(width * cx)))


@dataclass(frozen=True)
class Mask:
    """One answer to the question which object is meant.

    score: the segmenter's estimate of how well the mask fits, 0 to 1; it does not say which one is meant.  logits:
    (h, w) float32 on the segmenter's own grid, positive inside; cells: grid cells per photo pixel, in x and y.  size:
    the photo's (width, height).
    """

    score: float
    logits: np.ndarray
    cells: tuple[float, float]
    size: tuple[int, int]
    _photo: Photo = field(repr=False)
    _prompt: Prompt = field(repr=False)
    _segmenter: Segmenter = field(repr=False)
    _image: np.ndarray | None = field(default=None, repr=False)
    _soft_edge: bool = False

    def preview(self, width: int, height: int) -> np.ndarray:
        """The mask (height, width) uint8, 0 or 255, of the whole photo at another size: quick, for a live overlay."""
        cells = self.cells[0] * self.size[0] / width, self.cells[1] * self.size[1] / height
        return masks.render(self.logits, cells, Window(0, 0, width, height))

    @cached_property
    def settled(self) -> edges.Coarse:
        """The mask after the colours' word, on a finer grid."""
        height, width = self._photo.proxy.shape[:2]
        scale = min(1.0, SETTLED_SIDE / max(width, height))
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        cells = w / self.size[0], h / self.size[1]
        whole, step = Window(0, 0, *self.size), (1 / cells[0], 1 / cells[1])
        fine = masks.sampled(self.logits, self.cells, whole, (w, h), step)
        pixels = cv2.resize(self._photo.proxy, (w, h), interpolation=cv2.INTER_AREA)
        points = [(x * cells[0], y * cells[1]) for x, y in self._prompt.points]
        logits = masks.fill_holes(grabcut.settle(pixels, fine, points, self._prompt.labels))
        return edges.Coarse(logits, cells, self.size)

    @cached_property
    def bounds(self) -> Window | None:
        """The object's bounds in photo pixels, as well as the proxy shows them; None for an empty mask."""
        found, (cx, cy) = windows.bounds(self.settled.logits > 0), self.settled.cells
        if found is None:
            return None
        x0, y0 = int(found.x / cx), int(found.y / cy)
        x1, y1 = int(np.ceil((found.x + found.width) / cx)), int(np.ceil((found.y + found.height) / cy))
        return Window(x0, y0, min(x1, self.size[0]) - x0, min(y1, self.size[1]) - y0)

    @cached_property
    def alpha(self) -> np.ndarray:
        """(H, W) uint8, 255 = the object, at the photo's full size."""
        assert self._image is not None, "alpha is for masks of a whole photo; inside() takes a window's pixels"
        return self.inside(Window(0, 0, *self.size), self._image)

    def inside(
        self, window: Window, pixels: np.ndarray, progress: Report = quiet, cancelled: Callable[[], bool] = never
    ) -> np.ndarray:
        """`alpha` in a window (H, W) of the photo, from the window's own pixels (h, w, 3|4).

        It is the whole `alpha`'s part wherever the window holds the object and its surroundings.
        """
        alpha = np.zeros((window.height, window.width), np.uint8)
        near = self.bounds and edges.window_for(self.bounds, self.size).intersection(window)
        if near:
            part = near.seen_from(window).slices
            clicks = self._prompt.points, self._prompt.labels
            alpha[part] = edges.refine(
                self._segmenter, pixels[part], near, self.settled, *clicks, self._soft_edge, progress, cancelled
            )
        return alpha


class Selector:
    """Finds objects in photos, remembering those it has looked at.  Not to be shared between threads."""

    def __init__(self, store: Store, make_room: Callable[[int], None] = lambda needed: None):
        """make_room: called with the bytes a model needs before it is loaded."""
        self._store, self._make_room = store, make_room
        self._segmenter: Segmenter | None = None
        self._looks_with = ""  # the name of the segmenter that has made the embeddings
        self._namer: Sam3 | None = None
        self._photos: OrderedDict[str, Photo] = OrderedDict()

    def look(self, proxy: np.ndarray, progress: Report = quiet, cancelled: Callable[[], bool] = never) -> Photo:
        """Encode a proxy (h, w, 3) uint8, or find that it was encoded before."""
        key = image_key(proxy.shape[1], proxy.shape[0], proxy.tobytes())
        photo = self.known(key)
        if photo is None:
            segmenter = self._load(progress, cancelled)
            stop_if(cancelled)
            progress(0.1, "Looking at the photo")
            photo = self._photos[key] = Photo(proxy, segmenter.encode(proxy))
            while len(self._photos) > 1 and sum(p.nbytes for p in self._photos.values()) > MEMORY:
                self._photos.popitem(last=False)
            stop_if(cancelled)
        return photo

    def known(self, key: str) -> Photo | None:
        """The photo with this `photo_key`, if its embedding is still kept and is of the best model here."""
        if self._looks_with and self._looks_with != segmenters.choose(self._store):
            self.release()
            self._photos.clear()
            self._looks_with = ""
        if key in self._photos:
            self._photos.move_to_end(key)
        return self._photos.get(key)

    def select(
        self,
        photo: Photo,
        size: tuple[int, int],
        prompt: Prompt,
        image: np.ndarray | None = None,
        soft_edge: bool = False,
        quick: bool = False,
    ) -> list[Mask]:
        """The masks that may be meant, best first.  size: the photo's (width, height) at full resolution; image: its
        pixels, where they are here.  quick: as they are after one pass of the decoder for the last click, in the same
        order.  Raises UserError."""
        segmenter = self._load(quiet, never)
        sx, sy = photo.embedding.size[0] / size[0], photo.embedding.size[1] / size[1]
        if prompt.text:
            cells, answer = self._named(photo, prompt.text)
        else:
            cells, answer = photo.embedding.cells, self._answer(segmenter, photo, prompt.scaled(sx, sy), quick)
        return [
            Mask(
                float(score),
                masks.fill_holes(logits),
                (cells[0] * sx, cells[1] * sy),
                size,
                photo,
                prompt,
                segmenter,
                image,
                soft_edge,
            )
            for logits, score in zip(answer.logits, answer.scores, strict=True)
        ]

    def everything(
        self, photo: Photo, size: tuple[int, int], progress: Report, cancelled: Callable[[], bool]
    ) -> automatic_masks.Objects:
        """All the objects of a photo, none over another."""
        return automatic_masks.find(self._load(progress, cancelled), photo.embedding, size, progress, cancelled)

    def _answer(self, segmenter: Segmenter, photo: Photo, prompt: Prompt, quick: bool) -> Answer:
        """The answer to all the clicks; quick: one pass is enough for the last.

        The clicks are replayed in order and the mask taken after each is fed back with the next, as SAM was trained
        (Kirillov et al. 2023, appendix A).  Replaying keeps the answer a function of the clicks and choices alone; what
        was answered before is remembered, so one more click costs one decoder pass, and another choice none.
        """
        count = len(prompt.points)
        steps = sorted({round(k) for k in np.linspace(1, count, min(count, FEEDBACK_STEPS))}) if count else [0]
        if prompt.box and count and any(prompt.chosen[:1]):  # the box's best mask says no more than the box
            steps = [0, *steps]
        before: np.ndarray | None = None
        for k in steps:
            asked = prompt.first(k)
            answer = photo.answers.get(asked) or _decode(segmenter, photo, asked, before)
            if not answer.whole and (k < count or not quick):
                answer = _completed(segmenter, photo, asked, answer)
            photo.answers[asked] = answer
            photo.answers.move_to_end(asked)
            while len(photo.answers) > ANSWERS_KEPT:
                photo.answers.popitem(last=False)
            if k < count:
                before = answer.logits[prompt.taken(k, len(answer.logits))]
        return answer

    def release(self) -> None:
        """Let go of the models; what they have made of the photos is kept.  The next question loads them again."""
        self._segmenter = self._namer = None

    def _load(self, progress: Report, cancelled: Callable[[], bool]) -> Segmenter:
        if self._segmenter is None:
            progress(0.0, "Loading the model that finds objects")
            name = self._looks_with or segmenters.choose(self._store)
            self._make_room(MODELS[name].memory)
            self._segmenter = segmenters.load(self._store, name, progress, cancelled)
            self._looks_with = name
        return self._segmenter

    def _named(self, photo: Photo, text: str) -> tuple[tuple[float, float], Answer]:
        """Cells per proxy pixel, and what in the photo has this name."""
        if self._namer is None:
            self._make_room(MODELS["sam3"].memory)
            self._namer = segmenters.load(self._store, "sam3", quiet, never)
        if photo.for_namer is None:
            photo.for_namer = self._namer.encode(photo.proxy)
        logits, scores = self._namer.find(photo.for_namer, text)
        if not len(logits):
            sentence = tr("Nothing was found that is “{text}”.", text=text)
            raise wrong_input(sentence, "Use other words, or click on it.")
        return photo.for_namer.cells, Answer(logits, scores, True)


def _decode(segmenter: Segmenter, photo: Photo, prompt: Prompt, before: np.ndarray | None) -> Answer:
    """The answer of one pass; before: the mask of all clicks but the last."""
    points, labels = np.array(prompt.points, float).reshape(-1, 2), np.array(prompt.labels)
    cx, cy = photo.embedding.cells
    logits, scores = segmenter.decode(photo.embedding, points, labels, prompt.box, before)
    valid = logits[(slice(None), *photo.grid)]
    if prompt.definite:
        order = [0, *(1 + np.argsort(-scores[1:], kind="stable"))]
        if before is not None and prompt.points:
            x, y = prompt.points[-1]
            logits[0] = mask_ranking.after_click(logits[0], before, (x * cx - 0.5, y * cy - 0.5), prompt.labels[-1])
        return Answer(logits[order], scores[order].clip(0, 1), True)
    ((x, y),) = prompt.points
    expected = mask_ranking.expected_overlap(valid, (x * cx - 0.5, y * cy - 0.5))
    order = mask_ranking.three(valid, expected)
    return Answer(logits[order], scores[order].clip(0, 1), False)


def _completed(segmenter: Segmenter, photo: Photo, prompt: Prompt, answer: Answer) -> Answer:
    """The answer to a single click with a more complete best mask: its own box is a further hint."""
    logits = answer.logits.copy()
    box = _around(logits[0][photo.grid], photo)
    if box is not None:
        again, _ = segmenter.decode(photo.embedding, np.array(prompt.points), np.array(prompt.labels), box, logits[0])
        logits[0] = (logits[0] + again[0]) / 2
    return Answer(logits, answer.scores, True)


def _around(logits: np.ndarray, photo: Photo) -> Box | None:
    """The box of a mask on the segmenter's grid, in pixels of the proxy; None where the mask is empty."""
    found, (cx, cy) = windows.bounds(logits > 0), photo.embedding.cells
    return found and (found.x / cx, found.y / cy, (found.x + found.width) / cx, (found.y + found.height) / cy)

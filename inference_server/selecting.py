"""Selecting: from clicks to masks, with a memory for photos that were looked at.

A photo is encoded once, as a proxy; each click then costs one pass of the small decoder and gives a mask on the
segmenter's grid (`Mask.preview`).  The mask at full resolution (`Mask.alpha`) is made when it is asked for: colours
settle what the segmenter is unsure of (`colours`), then the edge is followed in the photo's own pixels (`edges`).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from . import colours, edges, everything, masks, picking, region, segmenters
from .errors import UserError, never, quiet, stop_if
from .models.catalogue import MODELS
from .models.store import Store
from .protocol import photo_key
from .region import Window
from .segmenters import Embedding, Segmenter

if TYPE_CHECKING:  # brings torch with it
    from .segmenters.sam3 import Sam3

Report = Callable[[float, str], None]
Box = tuple[float, float, float, float]

MEMORY = 256 << 20  # bytes of embeddings kept; the starter's are 4 MB each
FEEDBACK_STEPS = 20
ANSWERS_KEPT = FEEDBACK_STEPS + 4  # for each photo, 1 MB each: one row of clicks must fit
SETTLED_SIDE = 640  # pixels on the long side that colours are looked at in


@dataclass(frozen=True)
class Prompt:
    """What was pointed at.  points: (x, y), box: (x0, y0, x1, y1), both in pixels of the photo; labels: 1 this, 0 not
    this; text: what the object is called."""

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    text: str = ""

    @property
    def definite(self) -> bool:
        """Whether it leaves little doubt about which part is meant."""
        return self.box is not None or self.labels != (1,)

    def scaled(self, sx: float, sy: float) -> "Prompt":
        """The same for the photo at another size."""
        box = self.box and (self.box[0] * sx, self.box[1] * sy, self.box[2] * sx, self.box[3] * sy)
        return replace(self, points=tuple((x * sx, y * sy) for x, y in self.points), box=box)


class Photo:
    """A photo the segmenter has looked at: its proxy (h, w, 3) uint8, its embedding, and what was asked about it."""

    def __init__(self, proxy: np.ndarray, embedding: Embedding):
        self.proxy, self.embedding = proxy, embedding
        self.for_namer: Embedding | None = None  # SAM 3's, once something was asked for by name
        self.answers: OrderedDict[Prompt, tuple[np.ndarray, np.ndarray]] = OrderedDict()

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
        logits = masks.fill_holes(colours.settle(pixels, fine, points, self._prompt.labels))
        return edges.Coarse(logits, cells, self.size)

    @cached_property
    def bounds(self) -> Window | None:
        """The object's bounds in photo pixels, as well as the proxy shows them; None for an empty mask."""
        found, (cx, cy) = region.bounds(self.settled.logits > 0), self.settled.cells
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
        key = photo_key(proxy.shape[1], proxy.shape[0], proxy.tobytes())
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
    ) -> list[Mask]:
        """The masks that may be meant, best first.  size: the photo's (width, height) at full resolution; image: its
        pixels, where they are here.  Raises UserError."""
        segmenter = self._load(quiet, never)
        sx, sy = photo.embedding.size[0] / size[0], photo.embedding.size[1] / size[1]
        if prompt.text:
            cells, answers = self._named(photo, prompt.text)
        else:
            cells, answers = photo.embedding.cells, self._answer(segmenter, photo, prompt.scaled(sx, sy))
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
            for logits, score in zip(*answers, strict=True)
        ]

    def everything(
        self, photo: Photo, size: tuple[int, int], progress: Report, cancelled: Callable[[], bool]
    ) -> everything.Objects:
        """All the objects of a photo, none over another."""
        return everything.find(self._load(progress, cancelled), photo.embedding, size, progress, cancelled)

    def _answer(self, segmenter: Segmenter, photo: Photo, prompt: Prompt) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, gh, gw) on the segmenter's grid and scores (N,), best first, for all the clicks.

        The clicks are replayed in order and the mask after each is fed back with the next, as SAM was trained
        (Kirillov et al. 2023, appendix A).  Replaying keeps the answer a function of the clicks alone; what was
        answered before is remembered, so one more click costs one decoder pass.
        """
        count = len(prompt.points)
        steps = sorted({round(k) for k in np.linspace(1, count, min(count, FEEDBACK_STEPS))}) if count else [0]
        answer = None
        for k in steps:
            asked = replace(prompt, points=prompt.points[:k], labels=prompt.labels[:k])
            known = photo.answers.get(asked)
            if known is None:
                known = _decode(segmenter, photo, asked, None if answer is None else answer[0][0])
            answer = photo.answers[asked] = known
            photo.answers.move_to_end(asked)
            while len(photo.answers) > ANSWERS_KEPT:
                photo.answers.popitem(last=False)
        assert answer is not None
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

    def _named(self, photo: Photo, text: str) -> tuple[tuple[float, float], tuple[np.ndarray, np.ndarray]]:
        """Cells per proxy pixel, and the logits and scores of what in the photo has this name, best first."""
        if self._namer is None:
            self._make_room(MODELS["sam3"].memory)
            self._namer = segmenters.load(self._store, "sam3", quiet, never)
        if photo.for_namer is None:
            photo.for_namer = self._namer.encode(photo.proxy)
        logits, scores = self._namer.find(photo.for_namer, text)
        if not len(logits):
            raise UserError("wrong-input", f"Nothing was found that is “{text}”.", "Use other words, or click on it.")
        return photo.for_namer.cells, (logits, scores)


def _decode(
    segmenter: Segmenter, photo: Photo, prompt: Prompt, before: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, gh, gw) and scores (N,), best first; before: the mask of all clicks but the last."""
    points, labels = np.array(prompt.points, float).reshape(-1, 2), np.array(prompt.labels)

    def ask(box: Box | None, previous: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        return segmenter.decode(photo.embedding, points, labels, box, previous)

    cx, cy = photo.embedding.cells
    logits, scores = ask(prompt.box, before)
    valid = logits[(slice(None), *photo.grid)]
    if prompt.definite:
        order = [0, *(1 + np.argsort(-scores[1:], kind="stable"))]
        if before is not None and prompt.points:
            x, y = prompt.points[-1]
            logits[0] = picking.after_click(logits[0], before, (x * cx - 0.5, y * cy - 0.5), prompt.labels[-1])
        return logits[order], scores[order].clip(0, 1)
    ((x, y),) = prompt.points
    expected = picking.expected_overlap(valid, (x * cx - 0.5, y * cy - 0.5))
    order = picking.three(valid, expected)
    box = _around(valid[order[0]], photo)
    if box is not None:  # the mask's own box, as a further hint, makes it more complete
        again, _ = ask(box, logits[order[0]])
        logits[order[0]] = (logits[order[0]] + again[0]) / 2
    return logits[order], scores[order].clip(0, 1)


def _around(logits: np.ndarray, photo: Photo) -> Box | None:
    """The box of a mask on the segmenter's grid, in pixels of the proxy; None where the mask is empty."""
    found, (cx, cy) = region.bounds(logits > 0), photo.embedding.cells
    return found and (found.x / cx, found.y / cy, (found.x + found.width) / cx, (found.y + found.height) / cy)


def checked(
    points: Sequence, labels: Sequence, box: Box | None, rough: np.ndarray | None, text: str, size: tuple[int, int]
) -> Prompt:
    """The prompt for a photo of this (width, height).  rough: (h, w) uint8 of the proxy's size, taken as clicks.

    Raises UserError, saying what is wrong, for what points at nothing in the photo.
    """
    width, height = size
    given, kinds, corners = _numbers(points), _numbers(labels), None if box is None else _numbers(box)
    if given is None or (given.size and (given.ndim != 2 or given.shape[1] != 2)):
        raise UserError("wrong-input", "The points must be pairs of numbers, x and y.")
    if kinds is None or kinds.ndim != 1:
        raise UserError("wrong-input", "The labels must be a row of numbers: 1 (this) or 0 (not this).")
    if len(points) != len(labels):
        raise UserError(
            "wrong-input", f"There are {len(points)} points but {len(labels)} labels.", "Give one label a point."
        )
    if not all(label in (0, 1) for label in labels):
        raise UserError("wrong-input", "A label is 1 (this) or 0 (not this).")
    if text and (len(points) or box is not None or rough is not None):
        raise UserError("wrong-input", "An object is either named or pointed at, not both.", "Leave one of them out.")
    if not text and box is None and rough is None and 1 not in labels:
        raise UserError("wrong-input", "No click says what is meant.", "Click on the object, or draw a box around it.")
    if rough is not None:
        hints = [
            ((x + 0.5) * width / rough.shape[1], (y + 0.5) * height / rough.shape[0])
            for x, y in picking.clicks_in(rough)
        ]
        if not hints:
            raise UserError("wrong-input", "The rough mask is empty.", "Paint over the object.")
        points, labels = [*hints, *points], [1] * len(hints) + [*labels]
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise UserError(
                "wrong-input",
                f"The click at {x:g}, {y:g} is outside the picture ({width} x {height}).",
                "Click on the object itself.",
            )
    if box is not None:
        if corners is None or corners.shape != (4,) or not np.isfinite(corners).all():
            raise UserError("wrong-input", "A box is four numbers: left, top, right, bottom.")
        (x0, x1), (y0, y1) = sorted(corners[0::2]), sorted(corners[1::2])
        if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height or x0 == x1 or y0 == y1:
            raise UserError("wrong-input", "The box is empty or outside the picture.", "Draw it around the object.")
        box = float(max(x0, 0)), float(max(y0, 0)), float(min(x1, width)), float(min(y1, height))
    return Prompt(
        tuple((float(x), float(y)) for x, y in points),
        tuple(int(label) for label in labels),
        box,
        text,
    )


def _numbers(values: object) -> np.ndarray | None:
    """values as an array; None where they are not numbers, or rows of different length."""
    try:
        array = np.asarray(values)
    except ValueError:
        return None
    return array if array.dtype.kind in "buif" else None

"""The four jobs, in words a photographer would use: segment, remove, fill, replace.  Knows no socket.

This is also the public Python API:

    engine = Engine()
    masks = engine.segment(image, points=[(412, 230)], labels=[1])      # best first
    clean = engine.remove(image, masks[0].alpha)

Conventions everywhere: image (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA; points (x, y) in pixels; mask (H, W)
uint8, 255 = the object.  Wrong input raises `UserError` with one sentence and changes nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from . import diffusion, masks, region
from .errors import UserError, cancelled_by_user
from .models.store import Store
from .protocol import photo_key
from .region import Window

if TYPE_CHECKING:
    from .segmenters import Embedding, Segmenter

Report = Callable[[float, str], None]
Box = tuple[float, float, float, float]

EMBEDDINGS_KEPT = 16  # 4 MB each
FEEDBACK_STEPS = 20
ANSWERS_KEPT = FEEDBACK_STEPS + 4  # for each photo, 1 MB each: one row of clicks must fit


def _quiet(share: float, word: str) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Mask:
    """One answer to the question which object is meant.

    score: the segmenter's estimate of how well the mask fits, 0 to 1.  logits: (h, w) float32 on the segmenter's own
    grid, positive inside; cells: grid cells per photo pixel, in x and y.  size: the photo's (width, height).
    """

    score: float
    logits: np.ndarray
    cells: tuple[float, float]
    size: tuple[int, int]

    @cached_property
    def alpha(self) -> np.ndarray:
        """(H, W) uint8, 255 = the object, at the photo's full size."""
        return self.inside(Window(0, 0, *self.size))

    def inside(self, window: Window) -> np.ndarray:
        """The part of `alpha` in a window of the photo, without making the rest."""
        return masks.render(self.logits, self.cells, window)


@dataclass(frozen=True)
class Patch:
    """New pixels for a window of a photo, shown through alpha (h, w) uint8.  pixels has the photo's depth."""

    window: Window
    pixels: np.ndarray
    alpha: np.ndarray


class Photo:
    """A photo the segmenter has looked at: its embedding, and what was already asked about it."""

    def __init__(self, embedding: "Embedding"):
        self.embedding = embedding
        self.answers: OrderedDict[tuple, tuple[np.ndarray, np.ndarray]] = OrderedDict()


class Engine:
    """Loads models when a job first needs them and keeps them.  Not to be shared between threads."""

    def __init__(self, store: Store | None = None):
        self._store = store or Store()
        self._segmenter: Segmenter | None = None
        self._photos: OrderedDict[str, Photo] = OrderedDict()

    # -- selecting ------------------------------------------------------------------------------------------------

    def segment(
        self,
        image: np.ndarray,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] = (),
        box: Box | None = None,
        progress: Report = _quiet,
        cancelled: Callable[[], bool] = _never,
    ) -> list[Mask]:
        """The masks that may be meant by clicks and a box, best first; three, or four once there is a second click.

        points: (x, y) in pixels; labels: 1 = this, 0 = not this; box: (x0, y0, x1, y1).  The photo's embedding is kept
        by content, so further clicks on a known photo are fast.  Raises UserError.
        """
        _check_image(image)
        height, width = image.shape[:2]
        proxy = region.to_proxy(image)
        photo = self.look(proxy, progress, cancelled)
        return self.segment_photo(photo, (width, height), points, labels, box)

    def look(self, proxy: np.ndarray, progress: Report = _quiet, cancelled: Callable[[], bool] = _never) -> Photo:
        """Encode a proxy (h, w, 3) uint8, or find that it was encoded before."""
        key = photo_key(proxy.shape[1], proxy.shape[0], proxy.tobytes())
        photo = self.known(key)
        if photo is None:
            segmenter = self._load_segmenter(progress, cancelled)
            _stop_if(cancelled)
            progress(0.1, "Looking at the photo")
            photo = self._photos[key] = Photo(segmenter.encode(proxy))
            while len(self._photos) > EMBEDDINGS_KEPT:
                self._photos.popitem(last=False)
            _stop_if(cancelled)
        return photo

    def known(self, key: str) -> Photo | None:
        """The photo with this `photo_key`, if its embedding is still kept."""
        if key in self._photos:
            self._photos.move_to_end(key)
        return self._photos.get(key)

    def segment_photo(
        self,
        photo: Photo,
        size: tuple[int, int],
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] = (),
        box: Box | None = None,
    ) -> list[Mask]:
        """`segment` for a photo already looked at.  size: the photo's (width, height) at full resolution."""
        _check_clicks(points, labels, box, size)
        sx, sy = photo.embedding.size[0] / size[0], photo.embedding.size[1] / size[1]
        spots = tuple((x * sx, y * sy) for x, y in points)
        if box is not None:
            (x0, x1), (y0, y1) = sorted(box[0::2]), sorted(box[1::2])
            box = x0 * sx, y0 * sy, x1 * sx, y1 * sy
        logits, scores = self._decode(photo, spots, tuple(int(label) for label in labels), box)
        cells = photo.embedding.cells[0] * sx, photo.embedding.cells[1] * sy
        return [
            Mask(float(np.clip(scores[k], 0, 1)), masks.fill_holes(logits[k]), cells, size)
            for k in _order(scores, len(spots) > 1 or box is not None)
        ]

    def _decode(self, photo: Photo, points: tuple, labels: tuple, box: Box | None) -> tuple[np.ndarray, np.ndarray]:
        """Masks for all the clicks, each click refining the mask before it.

        The clicks are replayed in order and the mask chosen after each is fed back with the next, as SAM was trained
        (Kirillov et al. 2023, appendix A).  Replaying keeps the answer a function of the clicks alone; what was
        decoded before is remembered, so one more click costs one decoder pass.
        """
        segmenter = self._load_segmenter(_quiet, _never)
        count = len(points)
        steps = sorted({round(k) for k in np.linspace(1, count, min(count, FEEDBACK_STEPS))}) if count else [0]
        previous = answer = None
        for k in steps:
            question = points[:k], labels[:k], box, tuple(steps[: steps.index(k)])
            answer = photo.answers.get(question)
            if answer is None:
                answer = segmenter.decode(
                    photo.embedding, np.array(points[:k], float).reshape(-1, 2), np.array(labels[:k]), box, previous
                )
            photo.answers[question] = answer
            photo.answers.move_to_end(question)
            while len(photo.answers) > ANSWERS_KEPT:
                photo.answers.popitem(last=False)
            logits, scores = answer
            previous = logits[_order(scores, k > 1 or box is not None)[0]]
        assert answer is not None
        return answer

    def _load_segmenter(self, progress: Report, cancelled: Callable[[], bool]) -> "Segmenter":
        if self._segmenter is None:
            progress(0.0, "Loading the model that finds objects")
            from . import segmenters

            name = segmenters.choose(self._store)
            self._segmenter = segmenters.load(self._store, name, progress, cancelled)
        return self._segmenter

    # -- painting -------------------------------------------------------------------------------------------------

    def remove(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        grow: int | None = None,
        feather: int | None = None,
        seed: int = 0,
        progress: Report = _quiet,
        cancelled: Callable[[], bool] = _never,
    ) -> np.ndarray:
        """The photo without the object: an image of the same shape and dtype.

        grow, feather: pixels of the photo, None for what suits its size (`masks.default_grow`); 0 takes the mask as it
        is.  Every pixel outside the grown and feathered mask comes back bit for bit.  Raises UserError.
        """
        patch = self.remove_patch(image, mask, grow, feather, seed, progress, cancelled)
        return region.blend(image, patch.pixels, patch.alpha, patch.window)

    def remove_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        grow: int | None = None,
        feather: int | None = None,
        seed: int = 0,
        progress: Report = _quiet,
        cancelled: Callable[[], bool] = _never,
    ) -> Patch:
        """`remove`, giving only the new pixels and the alpha to lay them over the photo with (`region.blend`)."""
        _check_image(image)
        _check_mask(mask, image)
        height, width = image.shape[:2]
        grow = masks.default_grow(width, height) if grow is None else grow
        feather = masks.default_feather(grow) if feather is None else feather
        if grow < 0 or feather < 0:
            raise UserError("wrong-input", "Grow and feather cannot be negative.")
        alpha = masks.grow_and_feather(mask, grow, feather)
        object_bounds, hole_bounds = region.bounds(mask), region.bounds(alpha)
        if object_bounds is None or hole_bounds is None:
            raise UserError("wrong-input", "The mask is empty: there is nothing to remove.", "Click on an object.")
        # The object's own bounds decide the window, so that it does not depend on how far the mask is grown …
        window = region.context_window(object_bounds, width, height)
        # … unless it is grown past its surroundings.
        window = window.union(hole_bounds)
        source, hole = image[window.slices], alpha[window.slices] > 0
        if hole.all():
            raise UserError(
                "wrong-input",
                "The mask covers everything: nothing is left to fill it from.",
                "Make it smaller, or let it grow less.",
            )
        _stop_if(cancelled)
        progress(0.0, "Removing the object")
        from .inpainters import patchmatch

        filled = patchmatch.inpaint(source, hole, seed, progress, cancelled)
        inner = Window(hole_bounds.x - window.x, hole_bounds.y - window.y, *hole_bounds[2:])
        return Patch(hole_bounds, filled[inner.slices], alpha[hole_bounds.slices])

    def fill(self, image: np.ndarray, mask: np.ndarray, prompt: str = "", seed: int = 0) -> NoReturn:
        """Something else in the object's place, from a prompt.  Raises UserError: no model for it is installed."""
        _check_image(image)
        _check_mask(mask, image)
        diffusion.load(self._store, "fill")

    def replace(self, image: np.ndarray, mask: np.ndarray, prompt: str = "", seed: int = 0) -> NoReturn:
        """Another world around the object, from a prompt.  Raises UserError: no model for it is installed."""
        _check_image(image)
        _check_mask(mask, image)
        diffusion.load(self._store, "replace")

    def demand(self, job: str) -> None:
        """Raise UserError if there is no model for `job`, before anything is sent or computed for it."""
        if job in ("fill", "replace"):
            diffusion.load(self._store, job)


def _order(scores: np.ndarray, specific: bool) -> list[int]:
    """Output numbers, best first, by the model's own score.

    Output 0 is the decoder's single-mask head, meant for when several clicks or a box leave no doubt about which
    part is meant (Kirillov et al. 2023, appendix A); for one click the three others are offered.
    """
    three = [int(k) for k in 1 + np.argsort(-scores[1:], kind="stable")]
    return [0, *three] if specific else three


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise cancelled_by_user()


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise UserError("wrong-input", "The image must be an array (height, width, 3 or 4), and not empty.")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise UserError("wrong-input", f"The image must be uint8, uint16 or float32, not {image.dtype}.")


def _check_mask(mask: np.ndarray, image: np.ndarray) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        raise UserError("wrong-input", "The mask must be a uint8 array of the image's height and width.")


def _check_clicks(points: Sequence, labels: Sequence, box: Box | None, size: tuple[int, int]) -> None:
    width, height = size
    if len(points) != len(labels):
        raise UserError(
            "wrong-input", f"There are {len(points)} points but {len(labels)} labels.", "Give one label a point."
        )
    if not all(label in (0, 1) for label in labels):
        raise UserError("wrong-input", "A label is 1 (this) or 0 (not this).")
    if box is None and 1 not in labels:
        raise UserError("wrong-input", "No click says what is meant.", "Click on the object, or draw a box around it.")
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise UserError(
                "wrong-input",
                f"The click at {x:g}, {y:g} is outside the picture ({width} x {height}).",
                "Click on the object itself.",
            )
    if box is not None:
        if not np.isfinite(box).all() or len(box) != 4:
            raise UserError("wrong-input", "A box is four numbers: left, top, right, bottom.")
        (x0, x1), (y0, y1) = sorted(box[0::2]), sorted(box[1::2])
        if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height or x0 == x1 or y0 == y1:
            raise UserError("wrong-input", "The box is empty or outside the picture.", "Draw it around the object.")

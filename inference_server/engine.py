"""The four jobs, in words a photographer would use: segment, remove, fill, replace.  Knows no socket.

This is also the public Python API:

    engine = Engine()
    masks = engine.segment(image, points=[(412, 230)], labels=[1])      # best first
    clean = engine.remove(image, masks[0].alpha)

Conventions everywhere: image (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA; points (x, y) in pixels; mask (H, W)
uint8, 255 = the object.  Wrong input raises `UserError` with one sentence and changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import cv2
import numpy as np

from . import diffusion, inpainters, masks, region, removing, shadows
from .errors import UserError, stop_if
from .models.store import Store
from .region import Window
from .selecting import Box, Mask, Report, Selector, checked, never, quiet

if TYPE_CHECKING:
    from .everything import Objects


@dataclass(frozen=True)
class Patch:
    """New pixels for a window of a photo, shown through alpha (h, w) uint8.  pixels has the photo's depth."""

    window: Window
    pixels: np.ndarray
    alpha: np.ndarray


class Engine:
    """Loads models when a job first needs them and keeps them.  Not to be shared between threads."""

    def __init__(self, store: Store | None = None):
        self._store = store or Store()
        self._inpainter: inpainters.Inpainter | None = None
        self.selector = Selector(self._store)

    # -- selecting ------------------------------------------------------------------------------------------------

    def segment(
        self,
        image: np.ndarray,
        points: Sequence[tuple[float, float]] = (),
        labels: Sequence[int] = (),
        box: Box | None = None,
        mask: np.ndarray | None = None,
        text: str = "",
        soft_edge: bool = False,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
    ) -> list[Mask]:
        """The masks that may be meant, best first; three for a single click.

        points: (x, y) in pixels; labels: 1 = this, 0 = not this; box: (x0, y0, x1, y1); mask: (H, W) uint8, a rough one
        such as a brush stroke; text: what the object is called, which needs the model sam3 and takes nothing else
        beside it.  soft_edge: an alpha with soft values for hair and fur, instead of 0 and 255.

        The photo's embedding is kept by content, so further clicks on a known photo are fast.  Raises UserError.
        """
        _check_image(image)
        if mask is not None:
            _check_mask(mask, image)
        size = image.shape[1], image.shape[0]
        proxy = region.to_proxy(image)
        rough = None if mask is None else cv2.resize(mask, proxy.shape[1::-1], interpolation=cv2.INTER_AREA)
        prompt = checked(points, labels, box, rough, text, size)
        photo = self.selector.look(proxy, progress, cancelled)
        return self.selector.select(photo, size, prompt, image, soft_edge)

    def segment_everything(
        self, image: np.ndarray, progress: Report = quiet, cancelled: Callable[[], bool] = never
    ) -> "Objects":
        """All the objects of the photo, none over another, for a pointer to hover over.  Raises UserError."""
        _check_image(image)
        photo = self.selector.look(region.to_proxy(image), progress, cancelled)
        return self.selector.everything(photo, (image.shape[1], image.shape[0]), progress, cancelled)

    # -- painting -------------------------------------------------------------------------------------------------

    def remove(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        grow: int | None = None,
        feather: int | None = None,
        include_shadow: bool = False,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
    ) -> np.ndarray:
        """The photo without the object, or the objects: an image of the same shape and dtype.

        grow, feather: pixels of the photo, None for what suits its size (`masks.default_grow`); 0 takes the mask as it
        is.  include_shadow: with the shadow it casts (`with_shadow`).  Every pixel outside the grown and feathered mask
        comes back bit for bit.  The same seed gives the same pixels.  Raises UserError.
        """
        if include_shadow:
            mask = self.with_shadow(image, mask)
        patch = self.remove_patch(image, mask, grow, feather, seed, progress, cancelled)
        return region.blend(image, patch.pixels, patch.alpha, patch.window)

    def remove_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        grow: int | None = None,
        feather: int | None = None,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
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
        bounds = region.bounds(alpha)
        if bounds is None or not mask.any():
            raise UserError("wrong-input", "The mask is empty: there is nothing to remove.", "Click on an object.")
        stop_if(cancelled)
        if self._inpainter is None:
            self._inpainter = inpainters.load(self._store, progress, cancelled)
        pixels = image[bounds.slices].copy()
        parts = removing.holes(mask, alpha)
        for k, part in enumerate(parts):
            words = "Removing the object" if len(parts) == 1 else f"Removing object {k + 1} of {len(parts)}"

            def step(share: float, k: int = k, words: str = words) -> None:
                stop_if(cancelled)
                progress((k + share) / len(parts), words)

            step(0.0)
            removing.fill_part(image, alpha, part, pixels, bounds, self._inpainter, seed, step)
        return Patch(bounds, pixels, alpha[bounds.slices])

    def with_shadow(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """mask with the shadow of the object added, where one is found; a doubtful one is left out.  Raises UserError.

        Works on whichever part of a photo is given; it must show the object and its longer side again on each side.
        """
        _check_image(image)
        _check_mask(mask, image)
        return mask | shadows.find(image, mask)

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


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise UserError("wrong-input", "The image must be an array (height, width, 3 or 4), and not empty.")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise UserError("wrong-input", f"The image must be uint8, uint16 or float32, not {image.dtype}.")


def _check_mask(mask: np.ndarray, image: np.ndarray) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        raise UserError("wrong-input", "The mask must be a uint8 array of the image's height and width.")

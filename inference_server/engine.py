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
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .fill import diffusion, filling, prompts
from .fill.diffusion import families
from .fill.prompts import Prompt
from .imaging import masks, windows
from .imaging.pixels import blend, to_proxy
from .models.catalogue import MODELS
from .models.store import Store
from .remove import inpainters, removal
from .replace import backgrounds, composing
from .replace.backgrounds import Backdrop, Blur
from .select import shadows
from .select.prompts import Box, checked
from .select.selector import Mask, Report, Selector
from .shared.errors import wrong_input
from .shared.geometry import Window
from .shared.messages import PaintOptions
from .shared.monitor import never, quiet, stop_if
from .shared.text import tr

if TYPE_CHECKING:
    from .fill.diffusion.painter import Painter
    from .select.automatic_masks import Objects

Show = Callable[[np.ndarray], None]


def unseen(picture: np.ndarray) -> None:
    """The preview of someone who looks at none."""


@dataclass(frozen=True)
class Patch:
    """New pixels for a window of a photo, shown through alpha (h, w) uint8.  pixels has the photo's depth."""

    window: Window
    pixels: np.ndarray
    alpha: np.ndarray


class Engine:
    """Loads models when a job first needs them and keeps them, while they are the best here.  Not to be shared between
    threads."""

    def __init__(self, store: Store | None = None):
        self._store = store or Store()
        self._inpainter: inpainters.Inpainter | None = None
        self._inpaints_with = ""  # its name
        self._painter: Painter | None = None
        self._paints_with = Path()  # where its model is
        self.selector = Selector(self._store, self._make_room)

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
        proxy = to_proxy(image)
        rough = None if mask is None else cv2.resize(mask, proxy.shape[1::-1], interpolation=cv2.INTER_AREA)
        prompt = checked(points, labels, box, rough, text, size)
        photo = self.selector.look(proxy, progress, cancelled)
        return self.selector.select(photo, size, prompt, image, soft_edge)

    def segment_everything(
        self, image: np.ndarray, progress: Report = quiet, cancelled: Callable[[], bool] = never
    ) -> "Objects":
        """All the objects of the photo, none over another, for a pointer to hover over.  Raises UserError."""
        _check_image(image)
        photo = self.selector.look(to_proxy(image), progress, cancelled)
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
        return blend(image, patch.pixels, patch.alpha, patch.window)

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
        alpha = self._alpha(mask, grow, feather)
        bounds = windows.bounds(alpha)
        if bounds is None or not mask.any():
            raise wrong_input("The mask is empty: there is nothing to remove.", "Click on an object.")
        stop_if(cancelled)
        best = inpainters.best(self._store)  # which may have come, or gone, since the last time
        if self._inpainter is None or self._inpaints_with != best:
            self._inpainter, self._inpaints_with = None, best
            self._make_room(MODELS["big-lama"].memory)
            self._inpainter = inpainters.load(self._store, progress, cancelled)
        pixels = image[bounds.slices].copy()
        parts = removal.holes(mask, alpha)
        for k, part in enumerate(parts):
            words = tr("Removing object {k} of {count}", k=k + 1, count=len(parts))
            if len(parts) == 1:
                words = tr("Removing the object")

            def step(share: float, k: int = k, words: str = words) -> None:
                stop_if(cancelled)
                progress((k + share) / len(parts), words)

            step(0.0)
            removal.fill_part(image, alpha, part, pixels, bounds, self._inpainter, seed, step)
        return Patch(bounds, pixels, alpha[bounds.slices])

    def with_shadow(self, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """mask with the shadow of the object added, where one is found; a doubtful one is left out.  Raises UserError.

        Works on whichever part of a photo is given; it must show the object and its longer side again on each side.
        """
        _check_image(image)
        _check_mask(mask, image)
        return mask | shadows.find(image, mask)

    def fill(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        prompt: str = "",
        negative: str = "",
        help_prompt: bool = True,
        quality: str = "balanced",
        model: str = "",
        grow: int | None = None,
        feather: int | None = None,
        include_shadow: bool = False,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
        preview: Show = unseen,
    ) -> np.ndarray:
        """The photo with something else in the object's place, from a prompt: an image of the same shape and dtype.

        prompt: what, or "" for what the surroundings suggest; negative, help_prompt, quality, model: `protocol.Wish`.
        grow, feather, include_shadow: as in `remove`.  Every pixel outside the grown and feathered mask comes back bit
        for bit.  The same seed gives the same pixels on the same device.  preview gets the window as it forms, (h, w,
        3) uint8, small.  Raises UserError.
        """
        if include_shadow:
            mask = self.with_shadow(image, mask)
        wish = PaintOptions(prompt, negative, help_prompt, quality, model)
        patch, _ = self.fill_patch(image, mask, wish, grow, feather, seed, progress, cancelled, preview)
        return blend(image, patch.pixels, patch.alpha, patch.window)

    def fill_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        wish: PaintOptions,
        grow: int | None = None,
        feather: int | None = None,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
        preview: Show = unseen,
    ) -> tuple[Patch, Prompt]:
        """`fill`, giving only the new pixels and the alpha to lay them over the photo with, and what the model was
        told."""
        _check_image(image)
        _check_mask(mask, image)
        alpha = self._alpha(mask, grow, feather)
        taken, bounds = windows.bounds(mask), windows.bounds(alpha)
        if taken is None or bounds is None:
            raise wrong_input("The mask is empty: there is nothing to fill.", "Click on an object.")
        if not wish.prompt.strip() and (alpha > 0).all():
            raise wrong_input(
                "The mask covers everything: there is nothing to go on from.",
                "Say in the prompt what to paint, or make the mask smaller.",
            )
        there = filling.window(taken, bounds, image.shape[1], image.shape[0])
        brush = self._brush("fill", wish, image, seed, progress, cancelled)
        report = filling.Report(progress, lambda: stop_if(cancelled), preview)
        pixels = filling.fill(image[there.slices], alpha[there.slices] > 0, brush, report)
        return Patch(bounds, pixels, alpha[bounds.slices]), brush.prompt

    def replace(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        prompt: str = "",
        negative: str = "",
        help_prompt: bool = True,
        quality: str = "balanced",
        model: str = "",
        backdrop: Backdrop | None = None,
        feather: int = 0,
        include_shadow: bool = True,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
        preview: Show = unseen,
    ) -> np.ndarray:
        """The photo with another world around the object: an image of the same shape and dtype.

        mask: (H, W) uint8, soft values at the object's edge are taken as such; feather: pixels of the object's edge
        that are softened besides.  backdrop: another photo (h, w, 3|4) of any size, a `backdrops.Gradient` or a
        `backdrops.Blur`, which need no model; None paints what `prompt` says, the other settings being those of `fill`.
        include_shadow: the object's shadow on the old ground falls on the new one too.

        Every pixel where the mask is 255 comes back bit for bit, but for those feathered.  Raises UserError.
        """
        wish = PaintOptions(prompt, negative, help_prompt, quality, model)
        patch, _ = self.replace_patch(
            image, mask, wish, backdrop, feather, include_shadow, seed, progress, cancelled, preview
        )
        return blend(image, patch.pixels, patch.alpha, patch.window)

    def replace_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        wish: PaintOptions,
        backdrop: Backdrop | None = None,
        feather: int = 0,
        include_shadow: bool = True,
        seed: int = 0,
        progress: Report = quiet,
        cancelled: Callable[[], bool] = never,
        preview: Show = unseen,
    ) -> tuple[Patch, Prompt]:
        """`replace`, giving the pixels around the object and the alpha to lay them over the photo with, and what the
        model was told."""
        _check_image(image)
        _check_mask(mask, image)
        if not mask.any():
            raise wrong_input("The mask is empty: there is nothing to keep.", "Click on an object.")
        alpha = masks.feathered_inwards(mask, feather)
        around = alpha < 255
        if not around.any():
            raise wrong_input("The mask covers everything: there is no background to replace.", "Make it smaller.")

        def step(share: float) -> None:
            stop_if(cancelled)
            progress(share, "Replacing the background")

        told = Prompt("")
        if backdrop is not None:
            background = backgrounds.backdrop(image, alpha, backdrop, step)
        elif wish.prompt.strip():
            brush = self._brush("replace", wish, image, seed, progress, cancelled)
            report = filling.Report(progress, lambda: stop_if(cancelled), preview)
            painted, told = filling.fill(image, around, brush, report), brush.prompt
            background = image[..., :3].copy()
            bounds = windows.bounds(around)
            assert bounds is not None
            background[bounds.slices] = painted[..., :3]
        else:
            raise wrong_input(
                "Nothing says what should be around the object.",
                "Write a prompt, or choose a photo, a colour or a blur for the background.",
            )
        shadow = include_shadow and not isinstance(backdrop, Blur)  # which still has it
        pixels, shown = composing.laid_behind(image, alpha, background, shadow, step)
        return Patch(Window(0, 0, image.shape[1], image.shape[0]), pixels, shown), told

    def suggest(self, job: str, photo: np.ndarray, wish: PaintOptions) -> Prompt:
        """What a model would be told for a wish about a photo (h, w, 3) uint8.  Raises UserError."""
        _check_wish(wish)
        family = diffusion.family(self._store, job, wish.model)
        return prompts.helped(wish.prompt, wish.negative, wish.help_prompt, family, photo)

    def demand(self, job: str, model: str = "") -> None:
        """Raise UserError if there is no model for `job`, before anything is sent or computed for it."""
        if job in ("fill", "replace"):
            diffusion.demand(self._store, job, model)

    # -- helpers --------------------------------------------------------------------------------------------------

    def _alpha(self, mask: np.ndarray, grow: int | None, feather: int | None) -> np.ndarray:
        """The mask (H, W) grown and feathered, by what suits the photo's size where that is None."""
        return masks.grow_and_feather(mask, *masks.suited(grow, feather, (mask.shape[1], mask.shape[0])))

    def _brush(
        self,
        job: str,
        wish: PaintOptions,
        image: np.ndarray,
        seed: int,
        progress: Report,
        cancelled: Callable[[], bool],
    ) -> filling.Brush:
        """What to paint with: the model is loaded if need be, and others leave the device where it needs their room."""
        if not 0 <= seed < 2**53:
            raise wrong_input("The seed must be a whole number from 0 on.")
        told = self.suggest(job, to_proxy(image), wish)
        place = diffusion.place(self._store, wish.model)
        if self._painter is None or self._paints_with != place:
            self._painter = None  # two would hardly fit
            self._painter = diffusion.load(self._store, job, wish.model, progress, cancelled)
            self._paints_with = place
        if not self._painter.has_room():
            self._inpainter = None
            self.selector.release()
        return filling.Brush(self._painter, told, seed, wish.quality)

    def _make_room(self, needed: int) -> None:
        """Have the painter leave the device where it has less than `needed` bytes left."""
        if self._painter is not None:
            self._painter.release_for(needed)


def _check_wish(wish: PaintOptions) -> None:
    if wish.quality not in families.QUALITIES:
        raise wrong_input(tr("The quality must be one of {names}.", names=", ".join(families.QUALITIES)))


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise wrong_input("The image must be an array (height, width, 3 or 4), and not empty.")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise wrong_input(tr("The image must be uint8, uint16 or float32, not {type}.", type=image.dtype))


def _check_mask(mask: np.ndarray, image: np.ndarray) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        raise wrong_input("The mask must be a uint8 array of the image's height and width.")

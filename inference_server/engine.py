"""The four jobs as a photographer would name them: segment, remove, fill, replace.  Knows no socket.

This is the public Python API:

    engine = Engine()
    masks = engine.segment(image, points=[(412, 230)], labels=[1])      # best first
    clean = engine.remove(image, masks[0].alpha)

Conventions everywhere: image (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA; points (x, y) in pixels; mask (H, W)
uint8, 255 = the object; profile: the image's ICC profile, None for sRGB: models are shown sRGB, and what they make
comes back in the image's own values.  Wrong input raises `UserError` with one sentence and changes nothing.

The server and the command line use the verbs below the public ones: `remove_patch` and its like give only the new
pixels, and take options and the `Monitor` as objects.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import cv2
import numpy as np

from .fill import diffusion, filling, prompts
from .fill import windows as fill_windows
from .fill.painting import Sampler
from .fill.prompts import Prompt
from .imaging import masks, windows
from .imaging.canvas import enlarged
from .imaging.colour import SRGB, ColourSpace
from .imaging.pixels import blend, lay_over, to_proxy
from .imaging.strokes import drawn, with_strokes
from .models.catalogue import DEPTH, MODELS
from .models.store import Store
from .remove import inpainters, outward, removal
from .replace import backgrounds, composing, harmony, sharpness
from .replace.backgrounds import Background, Blur
from .select import dust, edges, previews, segmenters, shadows
from .select.kept_embeddings import KeptEmbeddings
from .select.prompts import checked, taken
from .select.selector import EncodedImage, Mask, Selector
from .shared.errors import ErrorCode, UserError, wrong_input
from .shared.geometry import Box, Point, Size, Window, whole
from .shared.margins import Margins
from .shared.messages import Job, MaskOptions, ObjectPrompt, PaintOptions, Quality, Scene, Stroke
from .shared.monitor import UNWATCHED, Monitor
from .shared.text import tr

if TYPE_CHECKING:
    from .fill.diffusion.painter import Painter
    from .replace.depth import DepthNetwork
    from .select.automatic_masks import Objects

NO_MODEL = "patchmatch"  # what the catalogue calls what removes without one
PAINTING_SHARE = 0.9  # of the work of replacing a background; the rest is composing
RENDERING_SHARE = 0.5  # the same where no model paints it
LOOKING = 0.3  # of the work of expanding is finding what the photo is of
AS_IT_IS = MaskOptions(grow=0, feather=0)  # a mask that is exact already
TRACE = 25  # alpha from which a pixel shows enough of an object to be painted over with it
MOST_SEED = 2**53  # seeds are below: what a float64 holds exactly

OnProgress = Callable[[float, str], None]
IsCancelled = Callable[[], bool]
OnPreview = Callable[[np.ndarray], None]


class Patch(NamedTuple):
    """New pixels for a window of an image, of its depth, shown through alpha (h, w) uint8."""

    window: Window
    pixels: np.ndarray
    alpha: np.ndarray


class Engine:
    """Loads models when a job first needs them, and keeps them while they are the best installed.

    Not to be shared between threads.
    """

    def __init__(self, store: Store | None = None, *, kept: KeptEmbeddings | None = None) -> None:
        """store: where models are, by default this user's.  kept: where embeddings stay for later processes, by default
        nowhere."""
        self._store = store or Store()
        self._inpainter: inpainters.Inpainter | None = None
        self._inpainter_name = ""
        self._depth: DepthNetwork | None = None
        self._painter: Painter | None = None
        self._painter_key = (Path(), "")  # which model is loaded, and what is laid over it
        self._selector = Selector(self._store, self._make_room, kept)

    # -- finding the object ---------------------------------------------------------------------------------------

    def segment(
        self,
        image: np.ndarray,
        points: Sequence[Point] = (),
        labels: Sequence[int] = (),
        box: Box | None = None,
        mask: np.ndarray | None = None,
        text: str = "",
        *,
        scene: Scene | None = None,
        like: Sequence[Box] = (),
        unlike: Sequence[Box] = (),
        soft_edge: bool = False,
        profile: bytes | None = None,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> list[Mask]:
        """The masks that may be meant, best first: up to three of points or a box, no two nearly the same.

        points: (x, y) in pixels; labels: 1 = the object, 0 = not the object; box: (x0, y0, x1, y1); mask: (H, W) uint8,
        a rough one such as a brush stroke; text: what the object is called, in English, or a common thing in German or
        Vietnamese; like, unlike: boxes around examples of what is meant, and of what is not; these three give a mask
        for each object of the kind, and need the model sam3.  scene: what is found without pointing, and only points
        may correct it.  Text and examples, or a scene, exclude the others.  soft_edge: an alpha with soft values for
        hair and fur, instead of 0 and 255.  progress(share, message), cancelled(): as in `Monitor`.

        The image's embedding is kept by content, so further points on a known image are fast.  Raises UserError.
        """
        _check_image(image)
        if mask is not None:
            _check_mask(mask, image)
        size = _size(image)
        proxy = ColourSpace(profile).to_srgb(to_proxy(image))
        rough = None if mask is None else cv2.resize(mask, proxy.shape[1::-1], interpolation=cv2.INTER_AREA)
        # `checked` says what is wrong with what is no tuple of pairs.
        given = ObjectPrompt(
            points=cast(Any, points),
            labels=cast(Any, labels),
            box=box,
            text=text,
            like=tuple(like),
            unlike=tuple(unlike),
            scene=scene,
        )
        prompt = checked(given, size, rough)
        encoded = self._selector.encode(proxy, _monitor(progress, cancelled))
        return self._selector.select(encoded, size, prompt, pixels=image, soft_edge=soft_edge)

    def segment_everything(
        self, image: np.ndarray, *, progress: OnProgress | None = None, cancelled: IsCancelled | None = None
    ) -> "Objects":
        """All the objects of the image, none over another, for a pointer to hover over.  Raises UserError."""
        _check_image(image)
        monitor = _monitor(progress, cancelled)
        return self._selector.all_objects(self._selector.encode(to_proxy(image), monitor), _size(image), monitor)

    def with_shadow(self, image: np.ndarray, mask: np.ndarray, *, only_sure: bool = False) -> np.ndarray:
        """mask with the object's shadow and mirror image, where they are found; doubtful ones are left out, and with
        only_sure likely ones, too.

        Works on whichever part of a photo is given; it must show the object and its longer side again on each side.
        Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        return shadows.with_shadow(image, mask, only_sure=only_sure)

    def soften_edge(self, image: np.ndarray, mask: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """Any mask with soft values along its edge where there is hair or fur; what is well inside or outside stays.

        Works on whichever part of a photo is given.  Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        return self._selector.soften(image, mask, monitor)

    def cut_out(self, image: np.ndarray, mask: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """The image with the object's own colours where the mask is soft (`composing.object_colours`).

        Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        return composing.object_colours(image, mask, monitor)

    def refine_painted(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        strokes: Sequence[Stroke],
        *,
        goes: bool = False,
        monitor: Monitor = UNWATCHED,
    ) -> np.ndarray:
        """The mask with alpha found anew where strokes leave it unknown (`Stroke.refines`), and elsewhere as it is.

        strokes: in pixels of the image; the other ones say what is known there.  goes: whether the object is to go, so
        that whatever shows any of it is all in the mask.  Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        known, unknown = drawn(mask, strokes)
        if unknown is None:
            return mask
        there = unknown > 0
        alpha = self._selector.refine_within(image, known, there, monitor)
        if goes:
            alpha = np.where(alpha > TRACE, np.uint8(255), np.uint8(0))
        return np.where(there, alpha, mask)

    def find_spots(self, image: np.ndarray, *, profile: bytes | None = None) -> np.ndarray:
        """The mask (H, W) uint8, 0 or 255, of dust on the sensor and other small spots on an even ground (`dust`).

        It is empty where there are none.  Needs no model.  Raises UserError.
        """
        _check_image(image)
        found = dust.find(ColourSpace(profile).to_srgb(to_proxy(image, dust.SIDE)))
        return np.where(
            cv2.resize(found, _size(image), interpolation=cv2.INTER_LINEAR) > 127, np.uint8(255), np.uint8(0)
        )

    def release_segmenter(self) -> None:
        """Let go of the memory that finding objects takes; its models are loaded again when needed."""
        self._selector.release()

    # -- painting -------------------------------------------------------------------------------------------------

    def remove(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        grow: int | None = None,
        feather: int | None = None,
        *,
        include_shadow: bool = False,
        seed: int = 0,
        profile: bytes | None = None,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
    ) -> np.ndarray:
        """The image without the object, or the objects: of the same shape and dtype.

        grow, feather: pixels of the image, None for what suits its size (`default_grow`); 0 takes the mask as it is.
        include_shadow: with the shadow it casts (`with_shadow`).  Every pixel outside the grown and feathered mask
        comes back bit for bit.  The same seed gives the same pixels; those from 1 on, first what was second best, where
        there are several ways to fill a hole, and then new ones.  Raises UserError.
        """
        if include_shadow:
            mask = self.with_shadow(image, mask)
        options = MaskOptions(grow=grow, feather=feather)
        monitor, colour = _monitor(progress, cancelled), ColourSpace(profile)
        patch = self.remove_patch(image, mask, options, seed=seed, colour=colour, monitor=monitor)
        return blend(image, patch.pixels, patch.alpha, patch.window)

    def fill(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        prompt: str = "",
        negative: str = "",
        *,
        help_prompt: bool = True,
        quality: str = Quality.BALANCED,
        model: str = "",
        reference: np.ndarray | None = None,
        match_focus: bool = True,
        grow: int | None = None,
        feather: int | None = None,
        include_shadow: bool = False,
        seed: int = 0,
        profile: bytes | None = None,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
        preview: OnPreview | None = None,
    ) -> np.ndarray:
        """The image with something else in the object's place, from a prompt: of the same shape and dtype.

        prompt, negative, help_prompt, quality, model: `messages.PaintOptions`; an empty prompt continues the
        surroundings.  reference: a picture (h, w, 3|4) of any size, sRGB, of what it is to look like, for a model that
        takes one.  match_focus: whether what is painted is as much out of focus as the image is there; it is never made
        sharper.  grow, feather, include_shadow: as in `remove`.  Every pixel outside the grown and feathered mask comes
        back bit for bit.  The same seed gives the same pixels on the same device.  preview gets the window as it
        forms, (h, w, 3) uint8, small.  Raises UserError.
        """
        if include_shadow:
            mask = self.with_shadow(image, mask)
        paint = _paint_options(prompt, negative, help_prompt=help_prompt, quality=quality, model=model)
        options = MaskOptions(grow=grow, feather=feather)
        monitor, colour = _monitor(progress, cancelled, preview), ColourSpace(profile)
        patch, _ = self.fill_patch(
            image,
            mask,
            paint,
            options,
            reference=reference,
            match_focus=match_focus,
            seed=seed,
            colour=colour,
            monitor=monitor,
        )
        return blend(image, patch.pixels, patch.alpha, patch.window)

    def replace(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        prompt: str = "",
        negative: str = "",
        *,
        help_prompt: bool = True,
        quality: str = Quality.BALANCED,
        model: str = "",
        reference: np.ndarray | None = None,
        backdrop: Background | None = None,
        match_light: float = 0.0,
        match_focus: bool = False,
        feather: int = 0,
        include_shadow: bool = True,
        seed: int = 0,
        profile: bytes | None = None,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
        preview: OnPreview | None = None,
    ) -> np.ndarray:
        """The image with another background around the object: of the same shape and dtype.

        mask: (H, W) uint8, soft values at the object's edge are taken as such; feather: pixels of the object's edge
        that are softened besides.  backdrop: another photo (h, w, 3|4) of any size, a `backgrounds.Gradient` or a
        `backgrounds.Blur`, which need no model and whose values are meant as the image's are; None paints what `prompt`
        says, the other settings being those of `fill`.  match_light: from 0 to 1, how far the object's light is drawn
        to that of the new background.  match_focus: whether it is put as much out of focus as another photo is where it
        stands.  include_shadow: the object's shadow on the old ground falls on the new one too.

        Without match_light and match_focus every pixel where the mask is 255 comes back bit for bit, but for those
        feathered.  Raises UserError.
        """
        paint = _paint_options(prompt, negative, help_prompt=help_prompt, quality=quality, model=model)
        options = MaskOptions(feather=feather, include_shadow=include_shadow)
        background = paint if backdrop is None else backdrop
        patch, _ = self.replace_patch(
            image,
            mask,
            background,
            options,
            match_light=match_light,
            match_focus=match_focus,
            reference=reference,
            seed=seed,
            colour=ColourSpace(profile),
            monitor=_monitor(progress, cancelled, preview),
        )
        return blend(image, patch.pixels, patch.alpha, patch.window)

    def expand(
        self,
        image: np.ndarray,
        left: int = 0,
        top: int = 0,
        right: int = 0,
        bottom: int = 0,
        prompt: str | None = None,
        negative: str = "",
        *,
        help_prompt: bool = True,
        quality: str = Quality.BALANCED,
        model: str = "",
        seed: int = 0,
        profile: bytes | None = None,
        progress: OnProgress | None = None,
        cancelled: IsCancelled | None = None,
        preview: OnPreview | None = None,
    ) -> np.ndarray:
        """The image with so many pixels more at each side: a larger one of its dtype.

        prompt: what is out there, "" for what the surroundings suggest, and the settings that follow are those of
        `fill`; None needs no model that paints: sky, walls and water are continued as `remove` continues them.  The old
        image lies in the new one bit for bit.  Raises UserError.
        """
        _check_image(image)
        canvas, new = enlarged(image, Margins(left, top, right, bottom))
        monitor, colour = _monitor(progress, cancelled, preview), ColourSpace(profile)
        if prompt is None:
            patch = self.remove_patch(canvas, new, AS_IT_IS, model=model, seed=seed, colour=colour, monitor=monitor)
        else:
            paint = _paint_options(prompt, negative, help_prompt=help_prompt, quality=quality, model=model)
            patch, _ = self.fill_patch(
                canvas, new, paint, AS_IT_IS, match_focus=True, seed=seed, colour=colour, monitor=monitor
            )
        return blend(canvas, patch.pixels, patch.alpha, patch.window)

    # -- what the server asks for finding the object --------------------------------------------------------------

    def encode(self, proxy: np.ndarray, monitor: Monitor = UNWATCHED) -> EncodedImage:
        """Have the segmenter look at an image's proxy (h, w, 3) uint8, unless it has.  Raises UserError."""
        return self._selector.encode(proxy, monitor)

    def known(self, key: str) -> EncodedImage | None:
        """The encoded image with this `messages.image_key`, if it is still kept."""
        return self._selector.known(key)

    def select(self, encoded: EncodedImage, size: Size, prompt: ObjectPrompt, *, soft_edge: bool = False) -> Mask:
        """The mask that was chosen after the last point.  size: the image's (width, height).  Raises UserError."""
        found = self._selector.select(encoded, size, prompt, soft_edge=soft_edge)
        return found[taken(prompt, len(prompt.points), len(found))]

    def preview_masks(
        self,
        job: Job,
        encoded: EncodedImage,
        size: Size,
        prompt: ObjectPrompt,
        options: MaskOptions,
        *,
        quick: bool = False,
        monitor: Monitor = UNWATCHED,
    ) -> Iterator[previews.Answer]:
        """The masks that may be meant, as `job` would use them, for an overlay: better ones follow quick ones.

        size: the image's (width, height); quick: the first answer is enough.  Raises UserError.
        """
        question = previews.Question(job=job, size=size, options=options, quick=quick)
        return previews.of_prompt(self._selector, encoded, prompt, question, monitor)

    def preview_ready_mask(
        self,
        job: Job,
        mask: np.ndarray,
        encode: Callable[[], EncodedImage],
        size: Size,
        options: MaskOptions,
        *,
        quick: bool = False,
        monitor: Monitor = UNWATCHED,
    ) -> Iterator[previews.Answer]:
        """`preview_masks` for a mask (h, w) uint8 of the proxy's size.  encode: called only to soften its edge, or to
        find its shadow."""
        question = previews.Question(job=job, size=size, options=options, quick=quick)
        return previews.of_mask(self._selector, mask, encode, question, monitor)

    def preview_painted(
        self,
        job: Job,
        encoded: EncodedImage,
        target: previews.Painted,
        size: Size,
        options: MaskOptions,
        *,
        monitor: Monitor = UNWATCHED,
    ) -> previews.Answer:
        """`preview_masks` for everything that is meant together, as one mask, its alpha found anew where strokes leave
        it unknown (`refine_painted`).  Raises UserError."""
        question = previews.Question(job=job, size=size, options=options)
        mask = previews.meant(self._selector, encoded, target, question, monitor)
        strokes = [stroke.scaled(encoded.proxy.shape[1] / size[0]) for stroke in target.strokes]
        refined = self.refine_painted(encoded.proxy, mask, strokes, goes=job in (Job.REMOVE, Job.FILL), monitor=monitor)
        return previews.of_painted(with_strokes(refined, strokes), question)

    def window_for(self, job: Job, bounds: Window, size: Size, options: MaskOptions, model: str = "") -> Window:
        """The window of an image of this (width, height) that a job needs for an object with these bounds.

        model: that is to do it, as in `remove_patch`.
        """
        refined = edges.window_for(bounds, size)  # holds the exact mask too
        reach = shadows.reach(bounds)
        with_shadow = bounds if options.include_shadow is False else refined.grown(reach, reach, *size)
        if job == Job.SELECT:
            return refined.union(with_shadow)
        if job == Job.REPLACE:
            return whole(*size)
        margin = (options.grow or 0) + (options.feather or 0)
        hole = with_shadow.grown(margin, margin, *size)
        painting = diffusion.removing_family(model) if job == Job.REMOVE else None
        if painting:
            return fill_windows.window(bounds, hole, *size, painting.window)
        return (fill_windows.window if job == Job.FILL else removal.window)(bounds, hole, *size)

    # -- patches: only the new pixels -----------------------------------------------------------------------------

    def remove_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        options: MaskOptions,
        *,
        model: str = "",
        strokes: Sequence[Stroke] = (),
        seed: int = 0,
        colour: ColourSpace = SRGB,
        monitor: Monitor = UNWATCHED,
    ) -> Patch:
        """`remove`, giving only the new pixels and the alpha to lay them over the image with (`pixels.blend`).

        Of the options grow and feather count; the mask already has the shadow if that is meant.  model: its name in the
        catalogue, "" for the best that is installed.  strokes: drawn over the mask by hand, in pixels of the image:
        they are not grown.  colour: of the image.  Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        _check_seed(seed)
        monitor.check()
        mask, alpha = _mask_and_alpha(mask, options, strokes)
        bounds = windows.bounds(alpha)
        if bounds is None or not mask.any():
            raise wrong_input("The mask is empty: there is nothing to remove.", "Click on an object.")
        monitor.check()
        name = inpainters.demand(self._store, model) if model else inpainters.choose(self._store)
        if diffusion.removing_family(name):
            pixels = self._painted_away(image, mask, alpha, name, seed, colour, monitor)
            return Patch(bounds, pixels, alpha[bounds.slices])
        inpainter, spared = self._inpainter_for(name, monitor), None
        if name == NO_MODEL and outward.continues(alpha > 0):
            inpainter = inpainters.beyond_borders(inpainter)
            spared = self._subject(image, alpha > 0, colour, monitor.part(0, LOOKING))
            monitor = monitor.part(LOOKING, 1)
        masks, inpainter = removal.Masks(mask, alpha, spared), inpainters.in_colour(inpainter, colour)
        pixels = removal.remove_object(image, masks, inpainter, seed=seed, monitor=monitor)
        return Patch(bounds, pixels, alpha[bounds.slices])

    def fill_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        paint: PaintOptions,
        options: MaskOptions,
        *,
        reference: np.ndarray | None = None,
        match_focus: bool = False,
        strokes: Sequence[Stroke] = (),
        seed: int = 0,
        colour: ColourSpace = SRGB,
        monitor: Monitor = UNWATCHED,
    ) -> tuple[Patch, Prompt]:
        """`fill`, giving only the new pixels, the alpha to lay them over the image with, and what the model was given.

        Options and strokes as in `remove_patch`, reference and match_focus as in `fill`.  Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        mask, alpha = _mask_and_alpha(mask, options, strokes)
        object_bounds, bounds = windows.bounds(mask), windows.bounds(alpha)
        if object_bounds is None or bounds is None:
            raise wrong_input("The mask is empty: there is nothing to fill.", "Click on an object.")
        if not paint.prompt.strip() and reference is None and (alpha > 0).all():
            raise wrong_input(
                "The mask covers everything: there is nothing to go on from.",
                "Say in the prompt what to paint, or make the mask smaller.",
            )
        window = fill_windows.window(object_bounds, bounds, *_size(image))
        sampler = self._sampler(Job.FILL, paint, colour.to_srgb(to_proxy(image)), seed, monitor, reference)
        shown = colour.to_srgb(image[window.slices])
        continued = None if paint.prompt.strip() or reference is not None else self._continued
        hole = alpha[window.slices] > 0
        painted = filling.fill(shown, hole, sampler, monitor, continued, match_focus=match_focus)
        return Patch(bounds, colour.from_srgb(painted), alpha[bounds.slices]), sampler.prompt

    def replace_patch(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        background: Background | PaintOptions,
        options: MaskOptions,
        *,
        match_light: float = 0.0,
        match_focus: bool = False,
        reference: np.ndarray | None = None,
        seed: int = 0,
        colour: ColourSpace = SRGB,
        monitor: Monitor = UNWATCHED,
    ) -> tuple[Patch, Prompt]:
        """`replace`, giving the pixels around the object, the alpha to lay them over the image with, and what the model
        was given, if one was asked.

        Of the options feather and include_shadow count.  reference: as in `fill`.  match_light, match_focus: as in
        `replace`; with them the object has new pixels too.  Raises UserError.
        """
        _check_image(image)
        _check_mask(mask, image)
        if not mask.any():
            raise wrong_input("The mask is empty: there is nothing to keep.", "Click on an object.")
        if not 0 <= match_light <= 1:
            raise wrong_input("How far the light is matched must be between 0 and 1.")
        alpha = masks.feathered_inwards(mask, options.feather or 0)
        if alpha.min() == 255:
            raise wrong_input("The mask covers everything: there is no background to replace.", "Make it smaller.")
        share = RENDERING_SHARE if not isinstance(background, PaintOptions) else PAINTING_SHARE
        first = monitor.part(0, share, "Replacing the background")
        prompt = Prompt("")
        if isinstance(background, PaintOptions):
            shown = colour.to_srgb(image)
            behind, prompt = self._painted_background(shown, alpha < 255, background, seed, first, reference)
            behind = colour.from_srgb(behind)
        else:
            nearness = self.nearness(colour.to_srgb(to_proxy(image)), first) if isinstance(background, Blur) else None
            behind = backgrounds.render(image, alpha, background, first, nearness)
        cast = options.include_shadow and not isinstance(background, Blur)  # a blur still shows the shadow
        shadow = shadows.find(image, alpha) if cast else None
        last = monitor.part(share, 1, "Replacing the background")
        kept = harmony.matched(image, alpha, behind, match_light, last) if match_light else image
        if match_focus and isinstance(background, np.ndarray):
            kept, alpha = sharpness.matched(kept, alpha, behind, last)
        pixels, shown = composing.compose(kept, alpha, behind, shadow, last)
        if kept is not image:
            lay_over(kept, pixels, shown, whole(*_size(image)))
            pixels, shown = kept, np.full_like(shown, 255)
        return Patch(whole(*_size(image)), pixels, shown), prompt

    def expand_prompt(self, job: Job, proxy: np.ndarray, paint: PaintOptions, *, has_reference: bool = False) -> Prompt:
        """What a model would be given for these options and an image's proxy (h, w, 3) uint8.

        has_reference: whether it would be shown a picture, too.  Raises UserError.
        """
        family, preset = diffusion.family(self._store, job, paint.model), diffusion.preset(self._store, job, paint)
        return prompts.expand(paint, family, preset, proxy, has_reference=has_reference)

    def takes_reference(self, job: Job, model: str = "") -> bool:
        """Whether a picture can say what the model for a job is to paint.  Raises UserError where there is none."""
        return diffusion.takes_reference(self._store, job, model)

    def nearness(self, proxy: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray | None:
        """How near each part of an image is (`depth.DepthNetwork.nearness`), None where no network is here for it.

        proxy: (h, w, 3) uint8, sRGB.  Raises UserError.
        """
        if self._depth is None:
            if not segmenters.can_load(self._store, DEPTH):
                return None
            from .replace import depth

            self._depth = depth.load(self._store.need(DEPTH, monitor))
        return self._depth.nearness(proxy, monitor)

    def demand(self, job: Job, model: str = "") -> None:
        """Raise UserError if there is no model for `job`, before anything is sent or computed for it."""
        diffusion.demand(self._store, job, model)

    # -- models ---------------------------------------------------------------------------------------------------

    def _painted_away(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        alpha: np.ndarray,
        model: str,
        seed: int,
        colour: ColourSpace,
        monitor: Monitor,
    ) -> np.ndarray:
        """The pixels of the bounds of alpha as a diffusion model that was made for removing paints them."""
        if (alpha > 0).all():
            raise removal.nothing_left_error()
        object_bounds, bounds = windows.bounds(mask), windows.bounds(alpha)
        assert object_bounds is not None and bounds is not None
        family = diffusion.family(self._store, Job.REMOVE, model)
        window = fill_windows.window(object_bounds, bounds, *_size(image), family.window)
        paint = PaintOptions(prompt=family.goes_on, help_prompt=False, model=model)
        sampler = self._sampler(Job.REMOVE, paint, to_proxy(image), seed, monitor)
        there = mask[window.slices] > 0
        hole = fill_windows.dilated(there, sampler.painter.side, family.dilation) | (alpha[window.slices] > 0)
        painted = windows.bounds(hole)
        assert painted is not None
        pixels = filling.fill(colour.to_srgb(image[window.slices]), hole, sampler, monitor)
        return colour.from_srgb(pixels[bounds.seen_from(window).seen_from(painted).slices])

    def _subject(self, image: np.ndarray, hole: np.ndarray, colour: ColourSpace, monitor: Monitor) -> np.ndarray | None:
        """Where what a photo on a larger canvas is of is in the image, (h, w) bool: there should not be two of it.

        hole: (h, w) bool, what lies around the photo.  None where no model is here to find it, or nothing stands out.
        """
        place = outward.photo_in(hole)
        if place is None or not segmenters.can_load(self._store, segmenters.choose(self._store)):
            return None
        try:
            encoded = self._selector.encode(colour.to_srgb(to_proxy(image[place.slices])), monitor)
            size = encoded.proxy.shape[1], encoded.proxy.shape[0]
            found, *_ = self._selector.select(encoded, size, ObjectPrompt(scene=Scene.SUBJECT))
        except UserError as error:
            if error.code == ErrorCode.CANCELLED:
                raise
            return None
        goes_on = {"left": place.x > 0, "right": place.x + place.width < hole.shape[1]}
        subject = outward.subject(found.preview(*size), **goes_on)
        if subject is None:
            return None
        result = np.zeros(hole.shape, bool)
        whole_size = place.width, place.height
        result[place.slices] = cv2.resize(subject.astype(np.uint8), whole_size, interpolation=cv2.INTER_NEAREST) > 0
        return result

    def _inpainter_for(self, name: str, monitor: Monitor) -> inpainters.Inpainter:
        """The inpainter of this name."""
        if self._inpainter is None or self._inpainter_name != name:
            self._inpainter, self._inpainter_name = None, name
            self._make_room(name)
            self._inpainter = inpainters.load(self._store, name, monitor)
        return self._inpainter

    def _continued(self, picture: np.ndarray, hole: np.ndarray, monitor: Monitor) -> np.ndarray:
        """A picture (h, w, 3) float32, 0 to 1, with its hole (h, w) bool as Remove fills it without a model: that needs
        no room beside the painter."""
        inpainter = inpainters.load(self._store, NO_MODEL)
        result = picture.copy()
        (found,) = removal.fill_window(picture, hole, ~hole, inpainter, 0, monitor, count=1)
        result[hole] = found.pixels
        return result

    def _painted_background(
        self,
        image: np.ndarray,
        around: np.ndarray,
        paint: PaintOptions,
        seed: int,
        monitor: Monitor,
        reference: np.ndarray | None,
    ) -> tuple[np.ndarray, Prompt]:
        """The background (H, W, 3) painted where `around` (H, W) bool is true, and what the model was given."""
        if not paint.prompt.strip() and reference is None:
            raise wrong_input(
                "Nothing says what should be around the object.",
                "Write a prompt, or choose a photo, a colour or a blur for the background.",
            )
        sampler = self._sampler(Job.REPLACE, paint, to_proxy(image), seed, monitor, reference)
        painted = filling.fill(image, around, sampler, monitor)
        background = image[..., :3].copy()
        bounds = windows.bounds(around)
        assert bounds is not None
        background[bounds.slices] = painted[..., :3]
        return background, sampler.prompt

    def _sampler(
        self,
        job: Job,
        paint: PaintOptions,
        proxy: np.ndarray,
        seed: int,
        monitor: Monitor,
        reference: np.ndarray | None = None,
    ) -> Sampler:
        """What to paint with.  Other models leave the device where the painter needs their room."""
        _check_seed(seed)
        prompt = self.expand_prompt(job, proxy, paint, has_reference=reference is not None)
        shown = None
        if reference is not None:
            _check_image(reference)
            diffusion.demand_reference(self._store, job, paint.model)
            shown = to_proxy(reference).astype(np.float32) / 255
        key = diffusion.place(self._store, paint.model), diffusion.laid_over(paint.model)
        if self._painter is None or self._painter_key != key:
            self._painter = None  # two would hardly fit
            try:
                self._painter = diffusion.load(self._store, job, paint.model, monitor)
            except UserError as error:  # reading may need memory that the others have
                if error.code != ErrorCode.NO_MEMORY:
                    raise
                self._release_others()
                self._painter = diffusion.load(self._store, job, paint.model, monitor)
            self._painter_key = key
        if not self._painter.has_room():
            self._release_others()
        return Sampler(self._painter, prompt, seed, paint.quality, shown)

    def _release_others(self) -> None:
        """Have all models but the painter leave the device."""
        self._inpainter = None
        self._selector.release()

    def _make_room(self, name: str) -> None:
        """Have the painter leave its device where the model of this name needs room there."""
        model = MODELS[name]
        if self._painter is not None and (model.uses_device or self._painter.device == "cpu"):
            self._painter.release_for(model.memory)


def _monitor(progress: OnProgress | None, cancelled: IsCancelled | None, preview: OnPreview | None = None) -> Monitor:
    given = {"on_progress": progress, "is_cancelled": cancelled, "on_preview": preview}
    return Monitor(**{name: call for name, call in given.items() if call is not None})  # type: ignore[arg-type]


def _paint_options(prompt: str, negative: str, *, help_prompt: bool, quality: str, model: str) -> PaintOptions:
    try:
        chosen = Quality(quality)
    except ValueError:
        raise wrong_input(tr("The quality must be one of {names}.", names=", ".join(Quality))) from None
    return PaintOptions(prompt=prompt, negative=negative, help_prompt=help_prompt, quality=chosen, model=model)


def _mask_and_alpha(mask: np.ndarray, options: MaskOptions, strokes: Sequence[Stroke]) -> tuple[np.ndarray, np.ndarray]:
    """The mask (H, W) with what was drawn by hand, and what is painted: the mask grown and feathered, by what suits the
    image's size where the options do not say, with what was drawn over that."""
    grow, feather = masks.suited(options.grow, options.feather, _size(mask))
    alpha = masks.grow_and_feather(mask, grow, feather)
    return with_strokes(mask, strokes), with_strokes(alpha, strokes, feather)


def _size(image: np.ndarray) -> Size:
    return image.shape[1], image.shape[0]


def _check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] not in (3, 4) or not image.size:
        raise wrong_input("The image must be an array (height, width, 3 or 4), and not empty.")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        raise wrong_input(tr("The image must be uint8, uint16 or float32, not {type}.", type=image.dtype))


def _check_seed(seed: int) -> None:
    if not 0 <= seed < MOST_SEED:
        raise wrong_input("The seed must be a whole number from 0 on.")


def _check_mask(mask: np.ndarray, image: np.ndarray) -> None:
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        raise wrong_input("The mask must be a uint8 array of the image's height and width.")

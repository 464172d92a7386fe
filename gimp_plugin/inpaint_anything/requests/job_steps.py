"""The requests of a job, step by step, from what was pointed at to the results.  Changes nothing in GIMP.

GIMP answers its plug-in's main thread only, so the steps are taken there and read pixels there, a strip at a time.
The requests between them may be asked anywhere: `perform` asks them on the spot and waits, `job_run` on a thread of
their own while a window stays alive.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from gi.repository import Gimp

from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Window, whole
from inference_server.shared.messages import (
    AskDepth,
    Background,
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
    MaskProposals,
    MeasuredDepth,
    PreviewMasks,
    R,
    Raster,
    Segment,
    Segmented,
    Target,
)
from inference_server.shared.wire import attach, extract

from ..i18n import _
from ..image.background import read_background, read_reference
from ..image.layers import JobResult
from ..image.notes import PaintedWith
from ..image.photo_layer import PhotoLayer, Proxy
from ..image.target import ObjectTarget, proxy_mask, window_mask
from ..job_settings import JobSettings, SelectionTarget
from .connection import PhotoRequest

WORKING = {
    Job.SELECT: _("Selecting the object"),
    Job.REMOVE: _("Removing the object"),
    Job.FILL: _("Filling"),
    Job.REPLACE: _("Replacing the background"),
}

EXPANDING = _("Continuing the photo")

Answer = tuple[Any, list[bytes]]  # a request's result and its frames
# Yields requests, whose answers are sent in, and None where a window may do what waits before the next step.
Steps = Generator[PhotoRequest[Any] | None, Answer | None, None]


class Pictures(NamedTuple):
    """Those of files that a job is done with, their pixels in `frames`: what comes behind, None for nothing or what a
    model paints, and what that is to look like, None where words alone say it."""

    background: Background | None
    reference: Raster | None
    frames: list[bytes]


@dataclass(frozen=True, kw_only=True)
class PhotoJob:
    """A job to be done on one object of a photo."""

    photo: PhotoLayer
    target: ObjectTarget
    settings: JobSettings

    def steps(self, arrived: Callable[[JobResult], None]) -> Steps:
        """The requests of the job.  Raises UserError at any step.

        arrived(result) is called with the last result.  Those before it come as partial answers to a request, which
        whoever asks it has `partial_result` make results of.
        """
        if self.settings.paints:
            yield from _asked(self._check_model())
        pictures = self._pictures()
        located, _frames = yield from _asked(self._locate())
        pixels = yield from self.photo.window_pixels(located.window)
        mask = None
        if self.target.mask is not None and not self.target.rough:
            mask = yield from window_mask(self.photo, self.target.mask, located.window)
        if self.settings.job == Job.SELECT:
            segmented, frames = yield from _asked(self._segment(located.window, pixels, mask))
            arrived(
                JobResult(
                    window=segmented.window,
                    score=segmented.score,
                    mask=extract(segmented.mask, frames),
                    pixels=extract(segmented.pixels, frames) if segmented.pixels else None,
                )
            )
            return
        inpaint = self._inpaint(located.window, pixels, mask, pictures)
        arrived(self._result(*(yield from _asked(inpaint))))

    def partial_result(self, message: object, frames: list[bytes]) -> JobResult | None:
        """The result that a partial answer to one of the requests is; None for any other partial answer."""
        return self._result(message, frames) if isinstance(message, Inpainted) else None

    # -- the requests ---------------------------------------------------------------------------------------------

    def _check_model(self) -> PhotoRequest[Located]:
        """A request that fails at once where the model is missing: bounds need no pixel to be read."""
        everything = whole(self.photo.width, self.photo.height)
        message = Locate(
            job=self.settings.job,
            image=self.photo.size_ref,
            target=Target(bounds=everything),
            model=self.settings.model,
        )
        return PhotoRequest(message=message)

    def _pictures(self) -> Pictures:
        """The pictures that the job is done with.  Raises UserError."""
        settings, frames = self.settings, list[bytes]()
        replaces = settings.job == Job.REPLACE
        background = read_background(self.photo, settings, frames) if replaces else None
        if replaces and settings.paints and not settings.says_what_to_paint:
            raise wrong_input(
                "Nothing says what should be around the object.",
                "Write a prompt, or choose another background.",
            )
        reference = read_reference(self.photo.image, settings, frames) if settings.paints else None
        return Pictures(background, reference, frames)

    def _locate(self) -> PhotoRequest[Located]:
        frames: list[bytes] = []
        message = Locate(
            job=self.settings.job,
            image=self._image(),
            target=self._target(frames),
            options=self.settings.mask_options,
            paints=self.settings.paints,
            model=self.settings.paint_options.model,
        )
        return PhotoRequest(message=message, frames=frames, proxy=self._proxy())

    def _segment(self, window: Window, pixels: bytes, mask: bytes | None) -> PhotoRequest[Segmented]:
        """mask: as in `_inpaint`."""
        frames: list[bytes] = []
        message = Segment(
            image=self._image(),
            target=self._target(frames) if mask is None else self._ready_target(window, mask, frames),
            window=window,
            pixels=self._attach_pixels(frames, window, pixels),
            options=_mask_options(self.target, self.settings),
            cut_out=self.settings.result_as is SelectionTarget.LAYER,
        )
        return PhotoRequest(message=message, frames=frames, proxy=self._proxy())

    def _inpaint(
        self, window: Window, pixels: bytes, mask: bytes | None, pictures: Pictures
    ) -> PhotoRequest[Inpainted]:
        """mask: of the window, packed, where it is taken as it is."""
        settings, frames = self.settings, [*pictures.frames]
        raster = self._attach_pixels(frames, window, pixels)
        target = Target(prompts=self.target.prompts, strokes=self.target.strokes)
        if mask is not None:
            target = self._ready_target(window, mask, frames)
        profile = self.photo.profile
        if profile is not None:
            frames.append(profile)
        message = Inpaint(
            job=settings.job,
            image=self._image(),
            target=target,
            window=window,
            pixels=raster,
            profile=None if profile is None else len(frames) - 1,
            options=_mask_options(self.target, settings),
            paint=settings.paint_options,
            reference=pictures.reference,
            background=pictures.background,
            match_light=settings.light_matched,
            match_focus=settings.focus_matched,
            seed=settings.seed,
            variations=settings.variations if settings.paints else 1,
        )
        return PhotoRequest(message=message, frames=frames, proxy=self._proxy())

    def _ready_target(self, window: Window, mask: bytes, frames: list[bytes]) -> Target:
        """What a mask of the window, packed, says, which comes into the frames."""
        frames.append(mask)
        packed = Raster(window.width, window.height, 1, Depth.UINT8, len(frames) - 1, packed=True)
        return Target(mask=packed, bounds=self.target.bounds, strokes=self.target.strokes)

    def _image(self) -> ImageRef:
        """The photo; with its hash only where a prompt is about what it shows."""
        return self.photo.ref if self.target.prompts else self.photo.size_ref

    def _proxy(self) -> Proxy | None:
        return self.photo.proxy if self.target.prompts else None

    def _target(self, frames: list[bytes]) -> Target:
        """What is meant, as far as the photo's small copy shows it."""
        target = self.target
        rough = _attach_proxy_mask(self.photo, target, frames) if target.rough else None
        bounds = None if target.rough else target.bounds
        return Target(prompts=target.prompts, rough_mask=rough, bounds=bounds, strokes=target.strokes)

    def _attach_pixels(self, frames: list[bytes], window: Window, pixels: bytes) -> Raster:
        return attach(frames, window.width, window.height, self.photo.channels, self.photo.depth, pixels)

    def _result(self, message: Inpainted, frames: list[bytes]) -> JobResult:
        painted_with = None
        if self.settings.paints:
            painted_with = PaintedWith(
                seed=message.seed,
                prompt=message.prompt,
                negative=message.negative,
                model=self.settings.model,
                quality=self.settings.quality,
            )
        return JobResult(
            window=message.window,
            score=message.score,
            mask=extract(message.mask, frames),
            pixels=extract(message.pixels, frames),
            alpha=extract(message.alpha, frames),
            painted_with=painted_with,
        )


# -- single requests of a dialog --------------------------------------------------------------------------------------


def encode_request(photo: PhotoLayer) -> PhotoRequest[Encoded]:
    """Have the segmenter's slow part done."""
    return PhotoRequest(message=EncodeImage(image=photo.ref), proxy=photo.proxy)


def preview_request(
    photo: PhotoLayer, target: ObjectTarget, settings: JobSettings, *, quick: bool = False
) -> PhotoRequest[MaskProposals]:
    """The masks that may be meant, for an overlay; with strokes, one of everything, with what they say of its alpha.

    quick: the first answer is enough.
    """
    frames: list[bytes] = []
    raster = _attach_proxy_mask(photo, target, frames) if target.mask else None
    message = PreviewMasks(
        job=settings.job,
        image=photo.ref,
        target=_with_raster(target, raster),
        options=_mask_options(target, settings),
        quick=quick,
    )
    return PhotoRequest(message=message, frames=frames, proxy=photo.proxy)


def depth_request(photo: PhotoLayer) -> PhotoRequest[MeasuredDepth]:
    """How near each part of the photo is."""
    return PhotoRequest(message=AskDepth(image=photo.ref), proxy=photo.proxy)


def _with_raster(target: ObjectTarget, raster: Raster | None) -> Target:
    """raster: what the target's mask covers of the proxy, which is only a hint where there are prompts."""
    if target.prompts:
        return Target(prompts=target.prompts, rough_mask=raster, strokes=target.strokes)
    return Target(mask=raster, strokes=target.strokes)


def expand_request(photo: PhotoLayer, settings: JobSettings) -> PhotoRequest[ExpandedPrompt]:
    """The prompt that a model would be given."""
    message = ExpandPrompt(
        job=settings.job,
        image=photo.ref,
        paint=settings.paint_options,
        has_reference=settings.is_shown_what_to_paint,
    )
    return PhotoRequest(message=message, proxy=photo.proxy)


def _mask_options(target: ObjectTarget, settings: JobSettings) -> MaskOptions:
    """The settings'; but the edge of a job's own mask, which somebody has painted on, is taken as it is."""
    options = settings.mask_options
    return replace(options, soft_edge=False) if isinstance(target.mask, Gimp.Layer) else options


def _attach_proxy_mask(photo: PhotoLayer, target: ObjectTarget, frames: list[bytes]) -> Raster:
    """What the target's mask covers of the proxy."""
    assert target.mask is not None  # the caller has seen that there is one
    return attach(frames, *photo.proxy_size, 1, Depth.UINT8, proxy_mask(photo, target.mask), pack=True)


def _asked(request: PhotoRequest[R]) -> Generator[PhotoRequest[Any], Answer | None, tuple[R, list[bytes]]]:
    """One step: the request is yielded, the answer returned."""
    answer = yield request
    assert answer is not None  # a request is always answered
    return answer

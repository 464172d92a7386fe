"""Filling: from an image, a hole and a prompt to new pixels at the image's own resolution.

1. The window around the hole, in native pixels, is never squashed: it is brought to about as many pixels as the model
   was trained for, whatever its shape, and padded with its own mirror image where the model wants round numbers.
2. The model paints the hole there.  What it makes of the surroundings is compared with the image, and the difference,
   which every autoencoder leaves, is taken out of the hole too.
3. Where the window is larger than that, the result is only a sketch, which is refined in `tiles`.
4. Where that is asked for, what is painted is put out of focus as the photo is there (`focus`).
5. The grain that the image has and the painted pixels lack is laid over them.

Values beyond white are brought into the model's range for all this, and back (`pixels.Tones`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..imaging import focus, grain, windows
from ..imaging.pixels import full_value, to_depth, tones, usable_colours
from ..imaging.sampling import extrapolate, resize
from ..shared.geometry import Window, whole
from ..shared.monitor import Monitor
from ..shared.text import tr
from . import tiles
from .painting import Region, Sampler, Scene, crop, overview, paint, rim_error, step_message
from .windows import canvas, whole_cells

if TYPE_CHECKING:
    from .diffusion.painter import Step

ENOUGH = 1024  # pixels a side of what was painted, to know its grain and its focus by
NEAR, NEAREST = 0.5, 64  # of the hole's smaller side, and pixels: how far around it the photo's focus is looked at
MOST_BLUR = 0.1  # of that side: the radius of discs, at most
CONTINUING = 0.1  # of the work of the first pass, where there is something to begin with
BAND = 512  # rows of the image that are finished at a time

# From a picture (h, w, 3) float32, 0 to 1, and its hole (h, w) bool: the same with the hole continued, in a while.
Continue = Callable[[np.ndarray, np.ndarray, Monitor], np.ndarray]


def fill(
    source: np.ndarray,
    hole: np.ndarray,
    sampler: Sampler,
    monitor: Monitor,
    continued: Continue | None = None,
    *,
    match_focus: bool = False,
) -> np.ndarray:
    """New pixels (h, w, 3|4), of the image's depth, for the bounds of hole (H, W) bool, which is not empty.

    source: (H, W, 3|4) uint8, uint16 or float32, the window that the model sees.  Pixels of the bounds that are not in
    the hole are not to be used.  continued: gives what the model begins with, under noise, where the surroundings are
    to go on; None for noise alone.  match_focus: whether what is painted is put as much out of focus as the photo
    is there.  Raises UserError where the monitor cancels it or memory does not suffice.
    """
    bounds = windows.bounds(hole)
    assert bounds is not None
    image, known = usable_colours(source, np.ones_like(hole) if sampler.painter.edits else ~hole)
    light = tones(image)
    scene = Scene(light.compressed(image), hole, known, light.white, sampler.painter.edits)
    plan = tiles.plan(hole, sampler.painter)
    steps = sampler.painter.count(sampler.quality)
    all_steps = steps + sampler.painter.count(sampler.quality, refine=True) * len(plan.tiles)
    painted = _sketch(scene, sampler, monitor.part(0, steps / all_steps), continued)
    shown = whole(*hole.shape[::-1])
    if plan.tiles:
        painted = tiles.refine(scene, painted, plan, sampler, monitor, steps)
        shown = plan.near
    elif painted.size > image.size:
        painted = resize(painted, (shown.width, shown.height))
    if match_focus:
        painted = _out_of_focus(scene, painted, shown, monitor, is_new=continued is None)
    noise = _missing_grain(scene, painted, bounds.seen_from(shown), shown)
    result = np.empty((bounds.height, bounds.width, source.shape[2]), source.dtype)
    for top in range(0, bounds.height, BAND):
        monitor.check()
        band = Window(bounds.x, bounds.y + top, bounds.width, min(BAND, bounds.height - top))
        part = crop(painted, band.seen_from(shown), shown, (band.width, band.height))
        part += grain.rows(noise, top, band.height, band.width)
        result[top : top + BAND, :, :3] = light.restored(to_depth(part.clip(0, 1), source.dtype, scene.white))
    result[..., 3:] = full_value(source.dtype)  # what is painted is not transparent
    return result


def _sketch(scene: Scene, sampler: Sampler, monitor: Monitor, continued: Continue | None) -> np.ndarray:
    """The whole window as the model paints it, (h, w, 3) float32."""
    painter = sampler.painter
    height, width = scene.hole.shape
    content, size = canvas(width, height, painter.side, painter.multiple, painter.sizes)
    picture, unknown, hole = scene.at_size(content)
    if unknown.all() or scene.shows_hole:
        continued = None
    if unknown.all():
        picture[unknown] = 0.5
    elif continued:
        first = monitor.part(0, CONTINUING, tr("Continuing the surroundings"))
        picture, monitor = continued(picture, unknown, first), monitor.part(CONTINUING, 1)
    else:
        picture[unknown] = extrapolate(picture, ~unknown)[unknown]
    region = Region(picture, hole, size)

    def on_step(step: "Step") -> None:
        monitor.report(step.done / step.steps, step_message(tr("Painting"), step, painter))
        if step.preview is not None:
            monitor.on_preview(overview(np.where(hole[..., None], region.forming(step), picture)))

    painted = paint(
        region, sampler, seed=sampler.seed, is_prefilled=bool(continued), on_step=on_step, check=monitor.check
    )
    return painted + rim_error(picture, painted, whole_cells(hole, painter.cell), painter.side)


def _missing_grain(scene: Scene, painted: np.ndarray, bounds: Window, shown: Window) -> np.ndarray:
    """The grain (see `grain.noise`) that the image has and what is painted in `bounds` lacks."""
    fine = grain.sample(scene.image, ~scene.known | scene.hole, scene.white)
    if fine is None:
        return grain.noise(None)
    middle = _middle(bounds)
    part = crop(painted, middle, shown, (middle.width, middle.height))
    own = grain.sample(part, np.zeros(part.shape[:2], bool), 1.0)
    has, lacks = 0.0 if own is None else float(own.std()), float(fine.std())
    return grain.noise(fine * np.float32(max(0.0, 1 - (has / max(lacks, 1e-9)) ** 2) ** 0.5))


def _out_of_focus(scene: Scene, painted: np.ndarray, shown: Window, monitor: Monitor, *, is_new: bool) -> np.ndarray:
    """What is painted, (h, w, 3) float32 of the window `shown`, as much out of focus as the photo is there.

    is_new: whether something else comes in the place of what was there, whose focus then counts too: the sharper of it
    and of what is around.  At the hole's rim it stays as it is, so that nothing from beyond comes in.
    """
    bounds = windows.bounds(scene.hole)
    assert bounds is not None
    smaller = min(bounds.width, bounds.height)
    near = scene.part(bounds.grown(*(max(NEAREST, round(NEAR * smaller)),) * 2, *scene.hole.shape[::-1]))
    around = focus.measure(near.image, near.known & ~near.hole, scene.white)
    before = focus.measure(near.image, near.hole, scene.white) if is_new else None
    seen = [each for each in (around, before) if each is not None]
    monitor.check()
    middle = _middle(bounds)
    part = crop(painted, middle.seen_from(shown), shown, (middle.width, middle.height))
    own = focus.measure(part, scene.hole[middle.slices], 1.0)
    radius = min(focus.missing(min(seen, default=None), own), MOST_BLUR * smaller)
    if not radius:
        return painted
    height, width = painted.shape[:2]
    hole = resize(scene.hole[shown.slices].astype(np.uint8) * np.uint8(255), (width, height))
    inside = cv2.distanceTransform((hole > 0).astype(np.uint8), cv2.DIST_L2, 5)
    discs = np.minimum((inside - 1).clip(0, None), np.float32(radius * width / shown.width))
    return np.sqrt(focus.blurred(np.square(painted), discs, monitor.check).clip(0, None))


def _middle(bounds: Window) -> Window:
    """As much of a window as suffices to know what is painted there."""
    width, height = min(bounds.width, ENOUGH), min(bounds.height, ENOUGH)
    return Window(bounds.x + (bounds.width - width) // 2, bounds.y + (bounds.height - height) // 2, width, height)

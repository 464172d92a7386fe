"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..engine import Engine, Patch
from ..fill.prompts import Prompt
from ..imaging import files
from ..imaging.pixels import blend, to_uint8
from ..replace.backgrounds import Background, Blur, Gradient
from ..shared.errors import wrong_input
from ..shared.messages import Job
from ..shared.monitor import Monitor
from .photo_arguments import BackgroundSettings, PhotoSettings
from .progress_bar import Bar


def run(settings: PhotoSettings) -> int:
    """Work through the photos.  Returns the exit status.  Raises UserError at the first that cannot be done."""
    background = None if settings.background is None else _background(settings.background)
    plan = _plan(settings.photos, settings.output, settings.job, settings.seeds)
    engine = Engine()
    for photo, targets in plan:
        with Bar(photo.name) as bar:
            prompt = _work(engine, settings, background, photo, targets, Monitor(on_progress=bar))
        if prompt.positive:
            negative = f"\nBut not: {prompt.negative}" if prompt.negative else ""
            print(f"The model was told: {prompt.positive}{negative}")
    return 0


def _plan(photos: Sequence[Path], output: Path, job: Job, seeds: Sequence[int]) -> list[tuple[Path, list[Path]]]:
    """(photo, where its results go) for each; raises UserError before anything is done if one cannot be."""
    several = len(photos) > 1 or output.is_dir()
    plan = []
    for photo in photos:
        target = output / (photo.stem + (".png" if job == Job.SELECT else photo.suffix)) if several else output
        targets = [target.with_stem(f"{target.stem}-seed{seed}") for seed in seeds] if len(seeds) > 1 else [target]
        plan.append((photo, targets))
    for photo, targets in plan:
        if not photo.is_file():
            raise wrong_input(f"There is no file {photo}.")
        if any(target.exists() and target.samefile(photo) for target in targets):
            raise wrong_input(f"{photo} would be overwritten.", "Choose another place for the result.")
        if not files.can_write(targets[0]):
            raise wrong_input(f"A picture cannot be saved as {targets[0].name}.", "End the name in .png, .jpg or .tif.")
    if len({targets[0] for _, targets in plan}) < len(plan):
        raise wrong_input("Two of the photos have the same name.", "Work on them one after the other.")
    return plan


def _work(
    engine: Engine,
    settings: PhotoSettings,
    background: Background | None,
    photo: Path,
    targets: Sequence[Path],
    monitor: Monitor,
) -> Prompt:
    """Do the job to one photo; returns what a model was given, if one was asked."""
    image, profile = files.read(photo)
    mask = _mask(engine, settings, image, monitor)
    prompt = Prompt("")
    if settings.job == Job.SELECT:
        files.write(targets[0], mask)
        return prompt
    for seed, target in zip(settings.seeds, targets, strict=True):
        patch, prompt = _patch(engine, settings, background, image, mask, seed, monitor)
        files.write(target, blend(image, patch.pixels, patch.alpha, patch.window), profile)
    return prompt


def _mask(engine: Engine, settings: PhotoSettings, image: np.ndarray, monitor: Monitor) -> np.ndarray:
    """The object's mask (H, W) uint8, with its shadow if that is asked for; a replacement deals with it itself."""
    if settings.mask:
        mask = _read_mask(settings.mask, image)
    else:
        prompt, soft_edge = settings.prompt, settings.options.soft_edge
        found = engine.segment(
            image,
            prompt.points,
            prompt.labels,
            prompt.box,
            text=prompt.text,
            soft_edge=soft_edge,
            progress=monitor.on_progress,
        )
        mask = found[0].alpha
    if settings.options.include_shadow and settings.job != Job.REPLACE:
        mask = engine.with_shadow(image, mask)
    return mask


def _patch(
    engine: Engine,
    settings: PhotoSettings,
    background: Background | None,
    image: np.ndarray,
    mask: np.ndarray,
    seed: int,
    monitor: Monitor,
) -> tuple[Patch, Prompt]:
    """New pixels, and what a model was given, if one was asked."""
    if settings.job == Job.FILL:
        return engine.fill_patch(image, mask, settings.paint, settings.options, seed=seed, monitor=monitor)
    if settings.job == Job.REPLACE:
        behind = settings.paint if background is None else background
        return engine.replace_patch(image, mask, behind, settings.options, seed=seed, monitor=monitor)
    return engine.remove_patch(image, mask, settings.options, seed=seed, monitor=monitor), Prompt("")


def _background(settings: BackgroundSettings) -> Background:
    if settings.photo:
        return files.read(settings.photo)[0]
    if settings.blur is not None:
        return Blur(settings.blur)
    return Gradient(settings.colours[0], settings.colours[-1])


def _read_mask(path: Path, image: np.ndarray) -> np.ndarray:
    mask, _ = files.read(path)
    if mask.shape[:2] != image.shape[:2]:
        (h, w), (height, width) = mask.shape[:2], image.shape[:2]
        raise wrong_input(f"The mask {path} is {w} x {h}, the photo {width} x {height}.", "They must match.")
    return np.ascontiguousarray(to_uint8(mask)[..., :3].max(axis=2))

"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

import argparse
import contextlib
import errno
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..engine import Engine, Patch
from ..fill.prompts import Prompt
from ..imaging.pixels import blend, to_rgb, to_uint8
from ..replace import backgrounds
from ..replace.backgrounds import Backdrop
from ..shared.errors import disk_full_error, wrong_input
from ..shared.messages import MAX_VARIATIONS, PaintOptions
from .progress_bar import Bar


def run(arguments: argparse.Namespace) -> int:
    """Work through the photos named on the command line.  Raises UserError at the first that cannot be done."""
    points = [_point(text) for text in (*arguments.click, *arguments.exclude)]
    labels = [1] * len(arguments.click) + [0] * len(arguments.exclude)
    box = _box(arguments.box) if arguments.box else None
    ready = getattr(arguments, "mask", None)
    pointed = bool(points or box or arguments.text)
    if ready and pointed:
        raise wrong_input("Clicks and a ready mask were both given.", "Give one or the other.")
    if not ready and not pointed:
        raise wrong_input("Nothing says which object is meant.", "Give --click X,Y (or --box, --text or --mask).")
    painting = arguments.job in ("fill", "replace")
    behind = _behind(arguments) if arguments.job == "replace" else None
    seeds = _seeds(arguments) if painting else [getattr(arguments, "seed", 0)]
    soft = getattr(arguments, "soft_edge", False)
    work = _plan([Path(name) for name in arguments.photos], Path(arguments.output), arguments.job, seeds)
    engine = Engine()
    for photo, targets in work:
        told = Prompt("")
        with Bar(photo.name) as bar:
            image, profile = read(photo)
            if ready:
                mask = _read_mask(Path(ready), image)
            else:
                found = engine.segment(image, points, labels, box, text=arguments.text, soft_edge=soft, progress=bar)
                mask = found[0].alpha
            if getattr(arguments, "shadow", False):
                mask = engine.with_shadow(image, mask)
            if arguments.job == "segment":
                write(targets[0], mask)
                continue
            for seed, target in zip(seeds, targets, strict=True):
                patch, told = _paint(engine, arguments, image, mask, behind, seed, bar)
                write(target, blend(image, patch.pixels, patch.alpha, patch.window), profile)
        if told.positive:
            print(f"The model was told: {told.positive}" + (f"\nBut not: {told.negative}" if told.negative else ""))
    return 0


def _plan(photos: Sequence[Path], output: Path, job: str, seeds: Sequence[int]) -> list[tuple[Path, list[Path]]]:
    """(photo, where its results go) for each; raises UserError before anything is done if one cannot be."""
    several = len(photos) > 1 or output.is_dir()
    work = []
    for photo in photos:
        target = output / (photo.stem + (".png" if job == "segment" else photo.suffix)) if several else output
        targets = [target.with_stem(f"{target.stem}-seed{seed}") for seed in seeds] if len(seeds) > 1 else [target]
        work.append((photo, targets))
    for photo, targets in work:
        if not photo.is_file():
            raise wrong_input(f"There is no file {photo}.")
        if any(target.exists() and target.samefile(photo) for target in targets):
            raise wrong_input(f"{photo} would be overwritten.", "Choose another place for the result.")
        if not cv2.haveImageWriter(str(targets[0])):
            raise wrong_input(f"A picture cannot be saved as {targets[0].name}.", "End the name in .png, .jpg or .tif.")
    if len({targets[0] for _, targets in work}) < len(work):
        raise wrong_input("Two of the photos have the same name.", "Work on them one after the other.")
    return work


def _paint(engine: Engine, arguments: argparse.Namespace, image, mask, behind, seed: int, bar) -> tuple[Patch, Prompt]:
    """New pixels, and what a model was told, if one was."""
    if arguments.job == "remove":
        return engine.remove_patch(image, mask, arguments.grow, arguments.feather, seed, bar), Prompt("")
    own = arguments.prompt, arguments.negative, not arguments.plain_prompt
    wish = PaintOptions(*own, arguments.quality, arguments.model)
    if arguments.job == "fill":
        return engine.fill_patch(image, mask, wish, arguments.grow, arguments.feather, seed, bar)
    shadow = not arguments.no_shadow
    return engine.replace_patch(image, mask, wish, behind, arguments.feather or 0, shadow, seed, bar)


def _seeds(arguments: argparse.Namespace) -> list[int]:
    if not 1 <= arguments.variations <= MAX_VARIATIONS:
        raise wrong_input(f"There can be 1 to {MAX_VARIATIONS} variations.")
    if arguments.seed < 0:
        raise wrong_input("The seed must be a whole number from 0 on.")
    return [arguments.seed + k for k in range(arguments.variations)]


def _behind(arguments: argparse.Namespace) -> Backdrop | None:
    """What comes behind the object, unless a model paints it.  Raises UserError unless exactly one thing does."""
    given = [arguments.prompt, arguments.background_photo, arguments.colour, arguments.blur is not None]
    if sum(map(bool, given)) != 1:
        what = "Nothing says" if not any(given) else "Several things say"
        remedy = "Give one of --prompt, --background-photo, --colour and --blur."
        raise wrong_input(f"{what} what should be around the object.", remedy)
    if arguments.background_photo:
        return read(Path(arguments.background_photo))[0]
    if arguments.colour:
        colours = [_colour(text) for text in arguments.colour]
        if len(colours) > 2:
            raise wrong_input("There can be one colour, or two: that at the top and that at the bottom.")
        return backgrounds.Gradient(colours[0], colours[-1])
    if arguments.blur is not None:
        if not 0 <= arguments.blur <= 1:
            raise wrong_input("The strength of a blur must be between 0 and 1.")
        return backgrounds.Blur(arguments.blur)
    return None


def _colour(text: str) -> tuple[float, float, float]:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", text):
        raise wrong_input(f"{text!r} is not a colour of the form #RRGGBB.")
    red, green, blue = bytes.fromhex(text[1:])
    return red / 255, green / 255, blue / 255


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A photo and its ICC profile: (H, W, 3|4) RGB or RGBA, uint8, uint16 or float32; grey becomes RGB.

    Raises UserError for what is no picture or not a whole one.
    """
    try:
        data = np.fromfile(path, np.uint8)  # not imread: that cannot open every name on Windows
    except OSError as error:
        raise wrong_input(f"{path} cannot be read: {error.strerror}.") from None
    jpeg = data[:2].tobytes() == b"\xff\xd8"
    # Of a JPEG the camera's orientation is applied: clicks are meant as the photo is shown.
    flags = cv2.IMREAD_COLOR if jpeg else cv2.IMREAD_UNCHANGED
    image, kinds, chunks = cv2.imdecodeWithMetadata(data, flags) if data.size else (None, (), ())
    if image is None or (jpeg and _is_cut_off(data.tobytes())):
        raise wrong_input(
            f"{path} is not a picture this program can read, or is cut off.",
            "PNG, JPEG, TIFF and WebP are fine.",
        )
    image = to_rgb(np.atleast_3d(image))
    profile = next((chunk for kind, chunk in zip(kinds, chunks, strict=True) if kind == cv2.IMAGE_METADATA_ICCP), None)
    return np.ascontiguousarray(image[..., [2, 1, 0, 3][: image.shape[2]]]), profile


def _is_cut_off(jpeg: bytes) -> bool:
    """Whether a JPEG has no end after its last scan: OpenCV would give the rest as grey without a word."""
    return jpeg.rfind(b"\xff\xd9") < jpeg.rfind(b"\xff\xda")


def write(path: Path, image: np.ndarray, profile: np.ndarray | None = None) -> None:
    """Save a picture in the format of the name's ending, with its ICC profile where the format's writer takes one.

    Raises UserError; nothing half-written stays.
    """
    ending = path.suffix.lower()
    lossy = ending in (".jpg", ".jpeg")
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: 3 if lossy else image.shape[2]]]
    keep = ending in (".jpg", ".jpeg", ".png", ".webp")
    kinds, chunks = ([cv2.IMAGE_METADATA_ICCP], [profile]) if keep and profile is not None else ([], [])
    settings = [cv2.IMWRITE_JPEG_QUALITY, 95] if lossy else []
    encoded = cv2.imencodeWithMetadata(ending, image, kinds, chunks, settings)[1]
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded.tofile(unfinished)
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        if error.errno == errno.ENOSPC:
            raise disk_full_error(path) from None
        raise wrong_input(f"{path} cannot be written: {error.strerror}.") from None


def _read_mask(path: Path, image: np.ndarray) -> np.ndarray:
    mask, _ = read(path)
    if mask.shape[:2] != image.shape[:2]:
        (h, w), (height, width) = mask.shape[:2], image.shape[:2]
        raise wrong_input(f"The mask {path} is {w} x {h}, the photo {width} x {height}.", "They must match.")
    return np.ascontiguousarray(to_uint8(mask)[..., :3].max(axis=2))


def _point(text: str) -> tuple[float, float]:
    x, y = _numbers(text, "X,Y")
    return x, y


def _box(text: str) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = _numbers(text, "X0,Y0,X1,Y1")
    return x0, y0, x1, y1


def _numbers(text: str, form: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(form.split(",")) or not np.isfinite(numbers).all():
        raise wrong_input(f"{text!r} is not of the form {form}.")
    return numbers

"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

import argparse
import contextlib
import errno
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from .engine import Engine
from .errors import UserError, disk_full
from .region import to_rgb, to_uint8
from .terminal import Bar


def run(arguments: argparse.Namespace) -> int:
    """Work through the photos named on the command line.  Raises UserError at the first that cannot be done."""
    points = [_point(text) for text in (*arguments.click, *arguments.exclude)]
    labels = [1] * len(arguments.click) + [0] * len(arguments.exclude)
    box = _box(arguments.box) if arguments.box else None
    ready = getattr(arguments, "mask", None)
    pointed = bool(points or box or arguments.text)
    if ready and pointed:
        raise UserError("wrong-input", "Clicks and a ready mask were both given.", "Give one or the other.")
    if not ready and not pointed:
        raise UserError(
            "wrong-input", "Nothing says which object is meant.", "Give --click X,Y (or --box, --text or --mask)."
        )
    soft = getattr(arguments, "soft_edge", False)
    work = _plan([Path(name) for name in arguments.photos], Path(arguments.output), arguments.job)
    engine = Engine()
    engine.demand("select" if arguments.job == "segment" else arguments.job)
    for photo, target in work:
        with Bar(photo.name) as bar:
            image, profile = read(photo)
            if ready:
                mask = _read_mask(Path(ready), image)
            else:
                found = engine.segment(image, points, labels, box, text=arguments.text, soft_edge=soft, progress=bar)
                mask = found[0].alpha
            if arguments.job == "segment" and arguments.shadow:
                mask = engine.with_shadow(image, mask)
            result = mask if arguments.job == "segment" else _paint(engine, arguments, image, mask, bar)
            write(target, result, None if arguments.job == "segment" else profile)
    return 0


def _plan(photos: Sequence[Path], output: Path, job: str) -> list[tuple[Path, Path]]:
    """(photo, where its result goes) for each; raises UserError before anything is done if one cannot be."""
    several = len(photos) > 1 or output.is_dir()
    work = [(p, output / (p.stem + (".png" if job == "segment" else p.suffix)) if several else output) for p in photos]
    for photo, target in work:
        if not photo.is_file():
            raise UserError("wrong-input", f"There is no file {photo}.")
        if target.exists() and target.samefile(photo):
            raise UserError("wrong-input", f"{photo} would be overwritten.", "Choose another place for the result.")
        if not cv2.haveImageWriter(str(target)):
            raise UserError(
                "wrong-input", f"A picture cannot be saved as {target.name}.", "End the name in .png, .jpg or .tif."
            )
    if len({target for _, target in work}) < len(work):
        raise UserError("wrong-input", "Two of the photos have the same name.", "Work on them one after the other.")
    return work


def _paint(engine: Engine, arguments: argparse.Namespace, image: np.ndarray, mask: np.ndarray, bar: Bar) -> np.ndarray:
    if arguments.job == "remove":
        return engine.remove(image, mask, arguments.grow, arguments.feather, arguments.shadow, arguments.seed, bar)
    paint = engine.fill if arguments.job == "fill" else engine.replace
    return paint(image, mask, arguments.prompt)


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """A photo and its ICC profile: (H, W, 3|4) RGB or RGBA, uint8, uint16 or float32; grey becomes RGB.

    Raises UserError for what is no picture or not a whole one.
    """
    try:
        data = np.fromfile(path, np.uint8)  # not imread: that cannot open every name on Windows
    except OSError as error:
        raise UserError("wrong-input", f"{path} cannot be read: {error.strerror}.") from None
    jpeg = data[:2].tobytes() == b"\xff\xd8"
    # Of a JPEG the camera's orientation is applied: clicks are meant as the photo is shown.
    flags = cv2.IMREAD_COLOR if jpeg else cv2.IMREAD_UNCHANGED
    image, kinds, chunks = cv2.imdecodeWithMetadata(data, flags) if data.size else (None, (), ())
    if image is None or (jpeg and _is_cut_off(data.tobytes())):
        raise UserError(
            "wrong-input",
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
            raise disk_full(path) from None
        raise UserError("wrong-input", f"{path} cannot be written: {error.strerror}.") from None


def _read_mask(path: Path, image: np.ndarray) -> np.ndarray:
    mask, _ = read(path)
    if mask.shape[:2] != image.shape[:2]:
        (h, w), (height, width) = mask.shape[:2], image.shape[:2]
        raise UserError(
            "wrong-input", f"The mask {path} is {w} x {h}, the photo {width} x {height}.", "They must match."
        )
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
        raise UserError("wrong-input", f"{text!r} is not of the form {form}.")
    return numbers

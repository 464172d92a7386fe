"""segment, remove, fill and replace on picture files: the command line's side of the engine."""

import argparse
import errno
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
    if ready and (points or box):
        raise UserError("wrong-input", "Clicks and a ready mask were both given.", "Give one or the other.")
    if not ready and not points and not box:
        raise UserError("wrong-input", "Nothing says which object is meant.", "Give --click X,Y (or --box, or --mask).")
    output = Path(arguments.output)
    several = len(arguments.photos) > 1 or output.is_dir()
    engine = Engine()
    engine.demand("select" if arguments.job == "segment" else arguments.job)
    for name in arguments.photos:
        photo = Path(name)
        if several:
            output.mkdir(parents=True, exist_ok=True)
        ending = ".png" if arguments.job == "segment" else photo.suffix
        target = output / (photo.stem + ending) if several else output
        if target.exists() and target.samefile(photo):
            raise UserError(
                "wrong-input", f"{photo} would be overwritten.", "Choose another name or folder for the result."
            )
        with Bar(photo.name) as bar:
            image = read(photo)
            mask = _read_mask(Path(ready), image) if ready else engine.segment(image, points, labels, box, bar)[0].alpha
            result = mask if arguments.job == "segment" else _paint(engine, arguments, image, mask, bar)
            write(target, result)
    return 0


def _paint(engine: Engine, arguments: argparse.Namespace, image: np.ndarray, mask: np.ndarray, bar: Bar) -> np.ndarray:
    if arguments.job == "remove":
        return engine.remove(image, mask, arguments.grow, arguments.feather, arguments.seed, bar)
    paint = engine.fill if arguments.job == "fill" else engine.replace
    return paint(image, mask, arguments.prompt)


def read(path: Path) -> np.ndarray:
    """A photo as (H, W, 3|4) RGB or RGBA, uint8, uint16 or float32; grey becomes RGB.  Raises UserError."""
    try:
        data = np.fromfile(path, np.uint8)  # not imread: that cannot open every name on Windows
    except OSError as error:
        raise UserError("wrong-input", f"{path} cannot be read: {error.strerror}.") from None
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise UserError(
            "wrong-input",
            f"{path} is not a picture this program can read, or is cut off.",
            "PNG, JPEG, TIFF and WebP are fine.",
        )
    image = to_rgb(np.atleast_3d(image))
    return np.ascontiguousarray(image[..., [2, 1, 0, 3][: image.shape[2]]])


def write(path: Path, image: np.ndarray) -> None:
    """Save a picture in the format of the name's ending.  Raises UserError; nothing half-written stays."""
    lossy = path.suffix.lower() in (".jpg", ".jpeg")
    if image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: 3 if lossy else image.shape[2]]]
    try:
        encoded = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 95] if lossy else [])[1]
    except cv2.error:
        raise UserError(
            "wrong-input", f"A picture cannot be saved as {path.name}.", "End the name in .png, .jpg or .tif."
        ) from None
    unfinished = path.with_name(path.name + ".part")
    try:
        encoded.tofile(unfinished)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise disk_full(path) from None
        raise UserError("wrong-input", f"{path} cannot be written: {error.strerror}.") from None


def _read_mask(path: Path, image: np.ndarray) -> np.ndarray:
    mask = read(path)
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

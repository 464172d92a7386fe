"""Picture files: reading and writing photos and masks with their depth and their colour profile."""

import errno
from pathlib import Path

import cv2
import numpy as np

from ..shared.atomic import write_atomically
from ..shared.errors import disk_full_error, wrong_input
from .pixels import to_rgb

JPEG = (".jpg", ".jpeg")
WITH_PROFILE = (*JPEG, ".png", ".webp")  # formats whose writer takes an ICC profile
JPEG_QUALITY = 95


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
    image, kinds, chunks = cv2.imdecodeWithMetadata(data, flags=flags) if data.size else (None, (), ())
    if image is None or (jpeg and _is_cut_off(data.tobytes())):
        raise wrong_input(
            f"{path} is not a picture this program can read, or is cut off.",
            "PNG, JPEG, TIFF and WebP are fine.",
        )
    image = to_rgb(np.atleast_3d(image))
    profile = next((chunk for kind, chunk in zip(kinds, chunks, strict=True) if kind == cv2.IMAGE_METADATA_ICCP), None)
    return np.ascontiguousarray(_swapped(image, image.shape[2])), profile


def can_write(path: Path) -> bool:
    """Whether there is a writer for the format of the name's suffix."""
    return cv2.haveImageWriter(str(path))


def write(path: Path, image: np.ndarray, profile: np.ndarray | None = None) -> None:
    """Save a picture in the format of the name's suffix, with its ICC profile where the format's writer takes one.

    image: (H, W, 3|4) RGB or RGBA, or a mask (H, W).  Folders are made.  Raises UserError; an existing file is then
    untouched.
    """
    suffix = path.suffix.lower()
    if image.ndim == 3:
        image = _swapped(image, 3 if suffix in JPEG else image.shape[2])
    kinds, chunks = (
        ([cv2.IMAGE_METADATA_ICCP], [profile]) if suffix in WITH_PROFILE and profile is not None else ([], [])
    )
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix in JPEG else []
    encoded = cv2.imencodeWithMetadata(suffix, image, kinds, chunks, settings)[1]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, encoded.tobytes())
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise disk_full_error(path) from None
        raise wrong_input(f"{path} cannot be written: {error.strerror}.") from None


def _swapped(image: np.ndarray, channels: int) -> np.ndarray:
    """The first 3 or 4 channels with red and blue swapped: OpenCV's order is BGR."""
    return image[..., [2, 1, 0, 3][:channels]]


def _is_cut_off(jpeg: bytes) -> bool:
    """Whether a JPEG has no end after its last scan: OpenCV would give the rest as grey without a word."""
    return jpeg.rfind(b"\xff\xd9") < jpeg.rfind(b"\xff\xda")

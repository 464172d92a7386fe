"""A photograph as a file holds it: its pixels, and all that goes back into a file with them.  No input or output."""

from dataclasses import dataclass

import numpy as np

from ...shared.strenum import StrEnum


class Format(StrEnum):
    """What a picture file is.  All but HEIC are written too."""

    PNG = "png"
    TIFF = "tiff"
    JPEG = "jpeg"
    WEBP = "webp"
    AVIF = "avif"
    HEIC = "heic"


@dataclass(frozen=True, kw_only=True)
class JpegCoding:
    """How a JPEG was coded, so that it is written again at its own quality.

    tables: the quantization tables, 64 numbers each in natural order; sampling: of the colours, as Pillow counts:
    0 = 4:4:4, 1 = 4:2:2, 2 = 4:2:0, -1 = none or another.
    """

    tables: tuple[tuple[int, ...], ...]
    sampling: int
    progressive: bool


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What stands in a file beside its pixels, and goes back into one.

    profile: ICC, of the pixels' values; None where they are sRGB or nothing is known.
    exif: a TIFF structure, without "Exif" before it; xmp: the packet; iptc: bare IIM.
    texts: (keyword, text) of a PNG's text chunks, or of a JPEG's comments.
    resolution: pixels per inch.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    resolution: float | None = None


@dataclass(frozen=True, kw_only=True)
class Photograph(Metadata):
    """A photograph.

    pixels: (H, W, 3|4) uint8, uint16 or float32, RGB or RGBA with straight alpha, the way up they are shown; perhaps a
    turned view of another array.  A grey photograph has three equal channels, and its profile may be a grey one.
    format: of the file it came in.
    orientation: EXIF's 1 to 8 as in the file; the pixels are turned already.
    bits: a sample's in the file: 8, 10, 12, 16 or 32.
    jpeg: how a JPEG was coded; lossless: whether the file held the pixels as they are.
    notes: sentences for the person on what was left out or converted.
    """

    pixels: np.ndarray
    format: Format
    is_grey: bool = False
    orientation: int = 1
    bits: int = 8
    jpeg: JpegCoding | None = None
    lossless: bool = True
    notes: tuple[str, ...] = ()

"""Writing picture files: a photograph with all that belongs to it, in its own depth and quality.

libvips writes PNG, TIFF, AVIF of more than 8 bits and very large JPEGs; Pillow the others, because it keeps EXIF data
to the byte and takes a JPEG's own tables.  What is put in beside the pixels is laid out here (`metadata`).
"""

import contextlib
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import PIL.Image
import pyvips

from ...shared.errors import wrong_input
from ..colour import profile_kind
from . import containers, memory, metadata, tiff
from .photograph import Format, JpegCoding, Metadata, Photograph
from .reading import turned

SUFFIXES = {
    ".png": Format.PNG,
    ".tif": Format.TIFF,
    ".tiff": Format.TIFF,
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".webp": Format.WEBP,
    ".avif": Format.AVIF,
}
NAMES = {Format.PNG: "PNG", Format.TIFF: "TIFF", Format.JPEG: "JPEG", Format.WEBP: "WebP", Format.AVIF: "AVIF"}
LONGEST = {Format.JPEG: 65500, Format.WEBP: 16383, Format.AVIF: 65536}  # pixels of a side
QUALITY = {Format.JPEG: 95, Format.WEBP: 90, Format.AVIF: 90}
FULL_COLOUR = 90  # a JPEG's quality from which its colours are as sharp as its brightness
WITH_ORIENTATION = (Format.PNG, Format.TIFF, Format.JPEG, Format.WEBP)
EIGHT_BITS, WITH_IPTC, WITH_TEXTS = (
    (Format.JPEG, Format.WEBP),
    (Format.JPEG, Format.TIFF),
    (Format.PNG, Format.JPEG),
)
ALWAYS_RGB = (Format.WEBP, Format.AVIF)
SEGMENT = 65533  # bytes that a JPEG's segment holds at most
FOR_PILLOW = 100_000_000  # pixels of a JPEG; beyond, Pillow's four bytes a pixel are too much
CLASSIC = 3 << 30  # bytes of pixels that surely fit into a TIFF file with 32-bit offsets
ROWS = 256  # that are handed to Pillow at once
INVERSE = {6: 8, 8: 6}  # of the orientations; the others are their own
WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
TYPES = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}  # as libvips calls them
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's, by the number of channels
LUMINANCE = [[0.2126, 0.7152, 0.0722]]  # ITU-R BT.709
# The brightness table of T.81, annex K, which encoders scale by their quality.
STANDARD_TABLE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
# What a TIFF writer says of itself, and what is written anew from the photograph.
WRITTEN_ANEW = {tiff.ORIENTATION, tiff.X_RESOLUTION, tiff.Y_RESOLUTION, tiff.RESOLUTION_UNIT}


@dataclass(frozen=True, kw_only=True)
class _Beside(Metadata):
    """What goes into a file beside its pixels; patched for the pixels as written."""

    orientation: int = 1


@dataclass(frozen=True, kw_only=True)
class _Coding:
    """How the pixels are coded.  jpeg: as the source was, or None; bits: of a deep AVIF's sample."""

    quality: int
    jpeg: JpegCoding | None = None
    lossless: bool = False
    bits: int = 8


def format_of(path: Path) -> Format | None:
    """The format of a name's suffix; None where there is none that is written."""
    return SUFFIXES.get(path.suffix.lower())


def check(target: str, format: Format, photograph: Photograph) -> None:
    """Raises UserError where a file in this format cannot hold the photograph.  target: what to call the file."""
    if format not in NAMES:
        raise wrong_input(f"{target} cannot be written: HEIC is only read.", "End the name in .png, .jpg or .tif.")
    height, width = photograph.pixels.shape[:2]
    longest = LONGEST.get(format, math.inf)
    if max(width, height) > longest:
        raise wrong_input(
            f"{target} cannot be written: {NAMES[format]} holds at most {longest} pixels a side,"
            f" and the photo has {width} x {height}.",
            "End the name in .png or .tif.",
        )
    if format == Format.JPEG and not _is_opaque(photograph.pixels):
        raise wrong_input(
            f"{target} cannot be written: the photo is transparent in places, which JPEG cannot hold.",
            "End the name in .png or .tif.",
        )


def losses(format: Format, photograph: Photograph) -> tuple[str, ...]:
    """What of the photograph is lost in this format, a sentence each."""
    name, depth = NAMES[format], photograph.pixels.dtype
    bits = 8 if format in EIGHT_BITS else _avif_bits(photograph) if format == Format.AVIF else 16
    said = []
    if depth == np.float32 and format != Format.TIFF:
        said.append(f"{name} holds whole numbers: the photo's are rounded to {bits} bits, and those beyond white cut.")
    elif depth == np.uint16 and bits < photograph.bits and format != Format.TIFF:
        said.append(f"{name} holds {bits} bits a channel: the photo's {photograph.bits} are rounded.")
    if photograph.iptc and format not in WITH_IPTC:
        said.append(f"{name} holds no IPTC data: it is left out.")
    if photograph.texts and format not in WITH_TEXTS:
        said.append(f"{name} holds no comments: they are left out.")
    if format in ALWAYS_RGB and _is_for_grey(photograph.profile):
        said.append(f"{name} holds no grey profile: the photo is converted to sRGB.")
    if format == Format.JPEG:
        said += [
            f"JPEG cannot hold this much {kind} data: it is left out." for kind in _too_much(_beside(photograph, 1))
        ]
    return tuple(said)


def write(path: Path, photograph: Photograph, format: Format, quality: int | None = None) -> None:
    """Write a photograph into a file that is there already, empty perhaps.

    quality: 1 to 100; None: as the photograph's own file in the same format, else high, and in WebP lossless where the
    photograph's own file is.  Written in its own format a
    turned photograph stays stored as it was, in another one it is stored the way up it is shown.  Raises OSError, and
    UserError where there is not enough memory.
    """
    orientation = photograph.orientation if format == photograph.format and format in WITH_ORIENTATION else 1
    beside = _beside(photograph, orientation)
    is_same = format == photograph.format and quality is None
    coding = _Coding(
        quality=quality or QUALITY.get(format, 0),
        jpeg=photograph.jpeg if is_same else None,
        lossless=quality is None and photograph.lossless,
        bits=_avif_bits(photograph),
    )
    with _explained(path):
        _save(path, _image(photograph, format, orientation), format, beside, coding)


def write_mask(path: Path, mask: np.ndarray, format: Format) -> None:
    """Write a mask (H, W) uint8 as a grey picture.  Raises as `write` does."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(mask), interpretation="b-w")
    if format in ALWAYS_RGB:
        image = image.bandjoin([image, image]).copy(interpretation="srgb")
    with _explained(path):
        _save(path, image, format, _Beside(), _Coding(quality=QUALITY.get(format, 0), lossless=True))


def _save(path: Path, image: pyvips.Image, format: Format, beside: _Beside, coding: _Coding) -> None:
    save: Callable[[Path, pyvips.Image, _Beside, _Coding], None] = {
        Format.PNG: _save_png,
        Format.TIFF: _save_tiff,
        Format.JPEG: _save_jpeg,
        Format.WEBP: _save_webp,
        Format.AVIF: _save_avif,
    }[format]
    save(path, image, beside, coding)


def _beside(photograph: Photograph, orientation: int) -> _Beside:
    """What goes in beside the pixels, when these are stored so that this orientation shows them."""
    height, width = photograph.pixels.shape[:2]
    size = (height, width) if orientation >= 5 else (width, height)
    return _Beside(
        profile=photograph.profile,
        exif=photograph.exif and metadata.exif_for(photograph.exif, orientation, size),
        xmp=photograph.xmp and metadata.xmp_for(photograph.xmp, orientation),
        iptc=photograph.iptc,
        texts=photograph.texts,
        resolution=photograph.resolution,
        orientation=orientation,
    )


def _avif_bits(photograph: Photograph) -> int:
    if photograph.pixels.dtype == np.uint8:
        return 8
    return photograph.bits if photograph.bits in (10, 12) else 10


def _is_opaque(pixels: np.ndarray) -> bool:
    return pixels.shape[2] == 3 or bool(pixels[..., 3].min() >= WHITE[pixels.dtype.name])


def _is_for_grey(profile: bytes | None) -> bool:
    return profile_kind(profile) == b"GRAY"


# The pixels


def _image(photograph: Photograph, format: Format, orientation: int) -> pyvips.Image:
    """The pixels as they are to be stored: their channels, their depth, and turned.  Nothing is computed yet."""
    base, turn = _contiguous(photograph, orientation)
    image = pyvips.Image.new_from_array(base, interpretation="srgb")
    if image.bands == 4 and format == Format.JPEG:
        image = image[:3]
    profile = photograph.profile
    if photograph.is_grey and (profile is None or _is_for_grey(profile)):
        grey = image[0] if _is_grey(base) else _rounded(image[:3].recomb(LUMINANCE), base.dtype)
        grey = _grey_as_rgb(grey, profile) if format in ALWAYS_RGB else grey
        image = grey.bandjoin(image[3]) if image.bands == 4 else grey
    image = _in_depth(image, base.dtype, _depth(format, base.dtype))
    return _turned(_named(image), turn)


def _contiguous(photograph: Photograph, orientation: int) -> tuple[np.ndarray, int]:
    """The pixels in an array that libvips can read where it is, and how that is to be turned to be stored."""
    as_stored = turned(photograph.pixels, INVERSE.get(photograph.orientation, photograph.orientation))
    if not photograph.pixels.flags.c_contiguous and as_stored.flags.c_contiguous:
        return as_stored, 1 if orientation == photograph.orientation else photograph.orientation
    return np.ascontiguousarray(photograph.pixels), INVERSE.get(orientation, orientation)


def _turned(image: pyvips.Image, orientation: int) -> pyvips.Image:
    """As `reading.turned`."""
    if orientation >= 5:
        image = image.rot90() if orientation != 8 else image.rot270()
    if orientation in (2, 5):
        return image.fliphor()
    if orientation in (4, 7):
        return image.flipver()
    return image.rot180() if orientation == 3 else image


def _is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels are equal, values that are not numbers too."""
    bits = pixels.view(np.uint32) if pixels.dtype == np.float32 else pixels
    parts = (bits[y : y + ROWS] for y in range(0, len(bits), ROWS))
    return all((part[..., 0] == part[..., k]).all() for part in parts for k in (1, 2))


def _grey_as_rgb(image: pyvips.Image, profile: bytes | None) -> pyvips.Image:
    if profile is None:
        return image.bandjoin([image, image])
    is_deep = image.format != "uchar"
    image = image.copy(interpretation="grey16" if is_deep else "b-w")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image.icc_transform("srgb", embedded=True, intent="relative", depth=16 if is_deep else 8)


def _depth(format: Format, depth: np.dtype) -> np.dtype:
    """The type of sample that a format holds of pixels of this one."""
    if format in EIGHT_BITS:
        return np.dtype(np.uint8)
    return np.dtype(np.uint16) if depth == np.float32 and format != Format.TIFF else depth


def _in_depth(image: pyvips.Image, depth: np.dtype, wanted: np.dtype) -> pyvips.Image:
    """The image in another depth; float values are clipped to 0..1, and what is no number becomes 0."""
    if depth == wanted:
        return image
    if depth == np.float32:
        image = (image == image).ifthenelse(image, 0)
    return _rounded(image * (WHITE[wanted.name] / WHITE[depth.name]), wanted)


def _rounded(image: pyvips.Image, depth: np.dtype) -> pyvips.Image:
    return image if depth == np.float32 else (image + 0.5).cast(TYPES[depth.name])


def _named(image: pyvips.Image) -> pyvips.Image:
    """The image with the name of its kind of colours: without it libvips would not know what is opacity."""
    grey = image.bands < 3
    names = {"uchar": ("srgb", "b-w"), "ushort": ("rgb16", "grey16"), "float": ("scrgb", "b-w")}
    return image.copy(interpretation=names[image.format][grey])


# The formats


def _save_png(path: Path, image: pyvips.Image, beside: _Beside, coding: _Coding) -> None:
    chunks = b"".join(_chunk(kind, data) for kind, data in _png_chunks(beside))

    def begin(start: bytes) -> bytes | None:
        """Without what libvips says of the resolution, known or not."""
        place = start.find(b"IDAT")
        return start[:33] + chunks + start[place - 4 :] if place > 0 else None

    with path.open("wb") as file:
        target = _Target(file, begin)
        target.save(image.pngsave_target, compression=4, filter="sub")


def _png_chunks(beside: _Beside) -> list[tuple[bytes, bytes]]:
    chunks = []
    if beside.profile:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(beside.profile)))
    if beside.resolution:
        per_metre = min(round(beside.resolution * 100 / metadata.CENTIMETRES), 0x7FFFFFFF)
        chunks.append((b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)))
    if beside.exif:
        chunks.append((b"eXIf", beside.exif))
    if beside.xmp:
        chunks.append((b"iTXt", containers.PNG_XMP.encode() + bytes(5) + beside.xmp))
    for key, text in beside.texts:
        name = key.encode("latin-1", "replace")[:79]
        try:
            chunks.append((b"tEXt", name + b"\0" + text.encode("latin-1")))
        except UnicodeEncodeError:
            chunks.append((b"iTXt", name + bytes(5) + text.encode()))
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _save_tiff(path: Path, image: pyvips.Image, beside: _Beside, coding: _Coding) -> None:
    size = image.width * image.height * image.bands * {"uchar": 1, "ushort": 2}.get(image.format, 4)
    with path.open("w+b") as file:
        _Target(file).save(
            image.tiffsave_target,
            compression="deflate",
            predictor="float" if image.format == "float" else "horizontal",
            bigtiff=size > CLASSIC,
        )
        order = tiff.Structure(file).order
        tiff.with_fields(file, _tiff_fields(beside, order), WRITTEN_ANEW)


def _tiff_fields(beside: _Beside, order: str) -> tiff.Fields:
    fields = metadata.tiff_fields(beside.exif, order) if beside.exif else {}
    if beside.orientation != 1:
        turn = struct.pack(order + "H", beside.orientation)
        fields[tiff.ORIENTATION] = tiff.Field(kind=tiff.SHORT, count=1, value=turn)
    blocks = {tiff.XMP: (1, beside.xmp), tiff.IPTC: (tiff.UNDEFINED, beside.iptc)}
    blocks[tiff.PROFILE] = (tiff.UNDEFINED, beside.profile)
    for tag, (kind, data) in blocks.items():
        if data:
            fields[tag] = tiff.Field(kind=kind, count=len(data), value=data)
    if beside.resolution:
        ratio = struct.pack(order + "II", *_ratio(beside.resolution))
        fields |= dict.fromkeys(
            (tiff.X_RESOLUTION, tiff.Y_RESOLUTION), tiff.Field(kind=tiff.RATIONAL, count=1, value=ratio)
        )
        unit = struct.pack(order + "H", tiff.INCHES)
        fields[tiff.RESOLUTION_UNIT] = tiff.Field(kind=tiff.SHORT, count=1, value=unit)
    return fields


def _ratio(value: float) -> tuple[int, int]:
    """A number as a quotient of 32-bit numbers."""
    below = 1 if value == round(value) else 10_000
    return min(round(value * below), 0xFFFFFFFF), below


def _save_jpeg(path: Path, image: pyvips.Image, beside: _Beside, coding: _Coding) -> None:
    segments = b"".join(_segment(marker, data) for marker, data in _jpeg_segments(beside))

    def begin(start: bytes) -> bytes | None:
        """With our head for the writer's own."""
        own = 2 + int.from_bytes(start[4:6], "big") if start[2:4] == b"\xff\xe0" else 0
        return start[:2] + segments + start[2 + own :] if len(start) >= 2 + own + 2 else None

    with path.open("wb") as file:
        target = _Target(file, begin)
        if image.width * image.height > FOR_PILLOW:
            quality = nearest_quality(coding.jpeg) if coding.jpeg else coding.quality
            halved = coding.jpeg.sampling == 2 if coding.jpeg else quality < FULL_COLOUR
            target.save(image.jpegsave_target, Q=quality, subsample_mode="on" if halved else "off")
            return
        picture, stream = _for_pillow(image), cast(BinaryIO, target)
        if coding.jpeg is None:
            sampling = 0 if coding.quality >= FULL_COLOUR else 2
            picture.save(stream, "JPEG", quality=coding.quality, subsampling=sampling)
        else:
            tables = [list(table) for table in coding.jpeg.tables[: 1 if image.bands == 1 else 2]]
            sampling = max(0, coding.jpeg.sampling)
            picture.save(stream, "JPEG", qtables=tables, subsampling=sampling, progressive=coding.jpeg.progressive)


def nearest_quality(coding: JpegCoding) -> int:
    """The quality, 1 to 100, whose standard table is most like that of a JPEG."""
    table = np.array(coding.tables[0])

    def distance(quality: int) -> int:
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        return int(np.abs(np.clip((STANDARD_TABLE * scale + 50) // 100, 1, 255) - table).sum())

    return min(range(1, 101), key=distance)


def _jpeg_segments(beside: _Beside) -> list[tuple[int, bytes]]:
    density = round(beside.resolution) if beside.resolution and beside.resolution < 65535 else 0
    segments = [(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHxx", bool(density), density or 1, density or 1))]
    too_much = _too_much(beside)
    if beside.exif and "EXIF" not in too_much:
        segments.append((0xE1, metadata.EXIF_HEAD + beside.exif))
    if beside.xmp and "XMP" not in too_much:
        segments.append((0xE1, containers.XMP_HEAD + beside.xmp))
    if beside.profile:
        step = SEGMENT - len(containers.ICC_HEAD) - 2
        parts = [beside.profile[k : k + step] for k in range(0, len(beside.profile), step)]
        segments += [
            (0xE2, containers.ICC_HEAD + bytes([k, len(parts)]) + part)
            for k, part in enumerate(parts, 1)
            if len(parts) < 256
        ]
    if beside.iptc and "IPTC" not in too_much:
        segments.append((0xED, metadata.photoshop(beside.iptc)))
    for key, text in beside.texts:
        comment = (text if key == "Comment" else f"{key}: {text}").encode()
        segments += [(containers.COMMENT, comment[k : k + SEGMENT]) for k in range(0, max(1, len(comment)), SEGMENT)]
    return segments


def _too_much(beside: _Beside) -> list[str]:
    """What does not fit into a JPEG's segment."""
    whole = {
        "EXIF": metadata.EXIF_HEAD + (beside.exif or b""),
        "XMP": containers.XMP_HEAD + (beside.xmp or b""),
        "IPTC": metadata.photoshop(beside.iptc or b""),
    }
    return [kind for kind, data in whole.items() if len(data) > SEGMENT]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def _save_webp(path: Path, image: pyvips.Image, beside: _Beside, coding: _Coding) -> None:
    with path.open("wb") as file:
        _for_pillow(image).save(
            file,
            "WEBP",
            lossless=coding.lossless,
            quality=coding.quality,
            method=4,
            exact=True,
            **_given(icc_profile=beside.profile, exif=beside.exif, xmp=beside.xmp),
        )


def _save_avif(path: Path, image: pyvips.Image, beside: _Beside, coding: _Coding) -> None:
    # Without an orientation, which has a place of its own in AVIF; where there is one Pillow takes the EXIF data apart.
    exif = beside.exif and metadata.exif_for(beside.exif, None, (image.width, image.height))
    if image.format == "uchar":
        with path.open("wb") as file:
            _for_pillow(image).save(
                file,
                "AVIF",
                quality=coding.quality,
                subsampling="4:4:4",
                speed=6,
                **_given(icc_profile=beside.profile, exif=exif, xmp=beside.xmp),
            )
        return
    white, shift = (1 << coding.bits) - 1, 16 - coding.bits
    image = _named(((image * (white / 65535) + 0.5).cast("ushort") << shift).cast("ushort"))
    for field, data in {"icc-profile-data": beside.profile, "xmp-data": beside.xmp}.items():
        if data:
            image.set_type(pyvips.GValue.blob_type, field, data)
    if exif:
        # libvips writes its own resolution into EXIF data, 72 where none is known as EXIF has it.
        per_millimetre = (beside.resolution or 72) / 25.4
        image = image.copy(xres=per_millimetre, yres=per_millimetre)
        image.set_type(pyvips.GValue.blob_type, "exif-data", metadata.EXIF_HEAD + exif)
    keep = "icc|xmp|exif" if exif else "icc|xmp"
    data = image.heifsave_buffer(
        compression="av1", bitdepth=coding.bits, Q=coding.quality, effort=3, subsample_mode="off", keep=keep
    )
    path.write_bytes(data)


def _given(**blocks: bytes | None) -> dict[str, bytes]:
    return {name: data for name, data in blocks.items() if data}


def _for_pillow(image: pyvips.Image) -> PIL.Image.Image:
    """The pixels as Pillow has them, four bytes each in colour; handed over in parts, so that it is no third copy."""
    picture = PIL.Image.new(MODES[image.bands], (image.width, image.height))
    for top in range(0, image.height, ROWS):
        rows = min(ROWS, image.height - top)
        part = image.crop(0, top, image.width, rows).numpy().reshape(rows, image.width, image.bands)
        picture.paste(PIL.Image.fromarray(part[..., 0] if image.bands == 1 else part), (0, top))
    return picture


class _Target:
    """A file for a library to write to, whose beginning may be replaced, and that keeps its own errors.

    begin: of the beginning makes the one to write; None where it needs more of it.
    """

    def __init__(self, file: BinaryIO, begin: Callable[[bytes], bytes | None] | None = None) -> None:
        self._file, self._begin, self._start = file, begin, b""
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self._begin is None:
            self._file.write(data)
            return len(data)
        self._start += bytes(data)
        begun = self._begin(self._start)
        if begun is not None:
            self._file.write(begun)
            self._begin, self._start = None, b""
        return len(data)

    def save(self, saver: Callable[..., object], **options: object) -> None:
        """Have one of libvips' savers write here, the pixels alone.  Raises OSError, pyvips.Error."""
        target = pyvips.TargetCustom()
        target.on_write(self._kept(self.write))
        target.on_read(self._file.read)
        target.on_seek(self._kept(self._file.seek))
        try:
            saver(target, keep="none", **options)
        except pyvips.Error:
            if self._error is not None:
                raise self._error from None
            raise

    def _kept(self, work: Callable[..., int]) -> Callable[..., int]:
        """For libvips, through which no exception passes."""

        def call(*arguments: object) -> int:
            try:
                return work(*arguments)
            except OSError as error:
                self._error = error
                return -1

        return call


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (MemoryError, pyvips.Error) as error:
        if memory.is_lack(error):
            raise memory.memory_needed(path.name) from None
        raise

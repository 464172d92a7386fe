"""Reading picture files: photographs with all that belongs to them, and masks.

libvips decodes, into one array and no more; HEIC alone is decoded by libheif.  Nothing of a file is decoded before its
size is known to fit into memory, and a file that is cut off is never read as if it were whole.
"""

import contextlib
import io
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

os.environ["VIPS_WARNING"] = "off"  # read on import; libvips' warnings are not for a person
import pyvips

from ...shared.errors import UserError, wrong_input
from ..colour import profile_kind
from . import containers, mask_files, memory, metadata, profiles, tiff_pages
from .containers import Facts
from .photograph import Format, Photograph
from .tiff import DamagedError

# It would run Python in libvips' own threads, for each picture: where Python's garbage collector starts there and finds
# an image, the process is aborted.
pyvips._remove_log_handler()
logging.getLogger("pyvips").addHandler(logging.NullHandler())
logging.getLogger("pyvips").propagate = False
pyvips.cache_set_max(0)  # it would give a file's old pixels for a new file of the same name
pyvips.block_untrusted_set(True)  # noqa: FBT003 - it has no name there

FINE = "PNG, JPEG, TIFF, WebP, AVIF and HEIC are fine."
LOADERS = {
    Format.PNG: "pngload",
    Format.TIFF: "tiffload",
    Format.JPEG: "jpegload",
    Format.WEBP: "webpload",
    Format.AVIF: "heifload",
}
TURNED_BY_THE_LIBRARY = (Format.AVIF, Format.HEIC)
# The beginnings of files that this program does not read, at the beginning and behind the first four bytes.
OTHERS = {
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
    b"8BPS": "a Photoshop document",
    b"gimp xcf": "a GIMP image",
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document, perhaps a drawing",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"v/1\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance picture",
}
RAW_HEADS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
RAW_NAMES = re.compile(
    r"\.(3fr|arw|cr2|crw|dcr|dng|erf|iiq|kdc|mef|mos|nef|nrw|orf|pef|rw2|sr2|srf|srw)$", re.IGNORECASE
)
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
CUT_OFF = re.compile(
    r"premature end|truncat|end of file|not enough data|too early|read error|got \d+ bytes", re.IGNORECASE
)
FILLERS = (b"\x55" * 64 + b"\xff\xd9", b"\xaa" * 64 + b"\xff\xd9")
TYPES = ("uchar", "ushort", "float")  # of a photograph's samples, as libvips calls them
INTERPRETATIONS = {"uint8": "srgb", "uint16": "rgb16"}
MASK_SHAPE = 1.02  # a mask whose proportions are further from the photo's is refused


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A file, open for reading.  source: its path, or its content."""

    name: str
    source: Path | bytes
    file: BinaryIO
    format: Format


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """A picture that is not decoded yet.  options: libvips' for the picture that is meant; facts: beside its pixels."""

    opened: _Opened
    facts: Facts
    options: dict[str, int]
    orientation: int = 1


def read(source: Path | bytes, name: str = "") -> Photograph:
    """A photograph from a file, or from a file's content.

    name: what to call it; a path's own by default.  Raises UserError for what is no picture, not a whole one, or too
    large for the memory.
    """
    with _looked_at(source, name) as picture:
        opened, facts = picture.opened, picture.facts
        with _explained(opened.name):
            pixels, is_grey, converted, profile = _decoded(picture)
        notes = [*_notes_on_pictures(facts), *facts.notes, *converted]
        return Photograph(
            pixels=turned(pixels, picture.orientation),
            format=opened.format,
            profile=profile,
            is_grey=is_grey,
            orientation=picture.orientation,
            exif=facts.exif,
            xmp=facts.xmp,
            iptc=facts.iptc,
            texts=facts.texts,
            resolution=facts.resolution,
            bits=facts.bits,
            jpeg=facts.jpeg,
            lossless=facts.lossless,
            notes=tuple(f"{opened.name} {note}." for note in notes),
        )


def read_mask(source: Path | bytes, size: tuple[int, int], name: str = "") -> tuple[np.ndarray, tuple[str, ...]]:
    """A mask (H, W) uint8, 255 = the object, for a photo of this (width, height), and sentences for the person.

    The mask may be painted in any way: `mask_files` says how it is understood.  One of another size is scaled.  Raises
    UserError as `read` does, and for a mask of another shape than the photo.
    """
    with _looked_at(source, name) as picture:
        opened = picture.opened
        with _explained(opened.name):
            mask, notes = mask_files.mask_of(_mask_loader(picture))
            mask = np.ascontiguousarray(turned(mask, picture.orientation))
            mask, scaled = _scaled(mask, size, opened.name)
    return mask, tuple(f"{opened.name} {note}." for note in (*_notes_on_pictures(picture.facts), *notes, *scaled))


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """A view of pixels (H, W, ...) as stored, the way up that EXIF's orientation (1 to 8) shows them."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


@contextlib.contextmanager
def _looked_at(source: Path | bytes, name: str) -> Iterator[_Picture]:
    """A file's picture, before it is decoded; the file is open meanwhile."""
    name = name or (str(source) if isinstance(source, Path) else "The picture")
    with _open(source, name) as (source, file):
        size = file.seek(0, io.SEEK_END)
        if not size:
            raise wrong_input(f"{name} is empty.", "Choose another file, or copy it again.")
        file.seek(0)
        opened = _Opened(name=name, source=source, file=file, format=_format(file.read(512), file, name))
        try:
            yield _picture(opened)
        except DamagedError as error:
            raise _cut_off(name) if CUT_OFF.search(str(error)) else _unknown(name) from None


@contextlib.contextmanager
def _open(source: Path | bytes, name: str) -> Iterator[tuple[Path | bytes, BinaryIO]]:
    if isinstance(source, bytes):
        yield source, io.BytesIO(source)
        return
    try:
        kind = source.stat().st_mode
        if stat.S_ISDIR(kind):
            raise wrong_input(f"{name} is a folder.", "Choose a picture file.")
        if stat.S_ISFIFO(kind):  # what a shell puts there for another program's output
            data = source.read_bytes()
            yield data, io.BytesIO(data)
            return
        if not stat.S_ISREG(kind):
            raise wrong_input(f"{name} is not a file.", "Choose a picture file.")
        file = source.open("rb")
    except OSError as error:
        raise wrong_input(f"{name} cannot be read: {error.strerror}.") from None
    with file:
        yield source, file


def _format(head: bytes, file: BinaryIO, name: str) -> Format:
    """What the file is by its first bytes.  Raises UserError for what this program does not read."""
    if head.startswith(RAW_HEADS) or head[8:11] == b"CR\2" or head[4:12] == b"ftypcrx ":
        raise _raw(name)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        if RAW_NAMES.search(name):
            raise _raw(name)
        return Format.TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    named = containers.brands(file)
    if any(brand in named for brand in AVIF_BRANDS):
        return Format.AVIF
    if any(brand in named for brand in HEIC_BRANDS):
        return Format.HEIC
    raise _foreign(head, name, is_video=bool(named))


def _foreign(head: bytes, name: str, *, is_video: bool) -> UserError:
    """The error for a file that is none of the formats."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = next((kind for mark, kind in OTHERS.items() if head.startswith(mark) or start.startswith(mark)), "")
    kind = kind or ("a video" if is_video else "")
    return wrong_input(f"{name} is {kind}, which this program does not read.", FINE) if kind else _unknown(name)


def _picture(opened: _Opened) -> _Picture:
    """What a file holds beside its pixels, and which of its pictures is meant.  Raises DamagedError, UserError."""
    file, format = opened.file, opened.format
    if format == Format.TIFF:
        return _tiff_picture(opened)
    if format in TURNED_BY_THE_LIBRARY:
        # What EXIF says of the orientation does not count in these (ISO/IEC 23000-22).
        return _Picture(opened=opened, facts=_heif_facts(opened), options={"unlimited": True})
    facts = {Format.JPEG: containers.jpeg, Format.PNG: containers.png, Format.WEBP: containers.webp}[format](file)
    return _Picture(opened=opened, facts=facts, options={}, orientation=metadata.orientation(facts.exif))


def _tiff_picture(opened: _Opened) -> _Picture:
    found = tiff_pages.look(opened.file)
    if found is None:
        raise _raw(opened.name)
    if found.unreadable:
        raise wrong_input(
            f"{opened.name} {found.unreadable}, which this program does not read.",
            "Save it with 8, 16 or 32 bits a channel, and Deflate, LZW or no compression.",
        )
    options = {"page": found.page.number, "unlimited": True}
    if found.page.below is not None:
        options["subifd"] = found.page.below
    return _Picture(opened=opened, facts=found.facts, options=options, orientation=found.orientation)


def _heif_facts(opened: _Opened) -> Facts:
    inside = containers.boxes(opened.file)
    if b"mdat" not in inside and b"meta" not in inside:
        raise DamagedError("it ends too early")
    with _explained(opened.name):
        facts = _heic_facts(opened) if opened.format == Format.HEIC else _avif_facts(opened)
    if b"moov" in inside:
        facts = replace(facts, notes=("is an animation; one picture was taken, and the others left out",))
    stated = containers.stated_colours(inside.get(b"meta", b""))
    if facts.profile is None and stated is not None:
        profile, unsaid = profiles.of_numbers(*stated)
        notes = containers.taken_for_srgb(unsaid)
        facts = replace(facts, profile=profile, notes=(*facts.notes, *notes))
    return replace(facts, resolution=metadata.exif_resolution(facts.exif), lossless=False)


def _avif_facts(opened: _Opened) -> Facts:
    image = _vips(opened, {"unlimited": True})

    def block(field: str) -> bytes | None:
        return bytes(image.get(field)) if image.get_typeof(field) else None

    return Facts(
        profile=block("icc-profile-data"),
        exif=metadata.tiff_part(block("exif-data") or b""),
        xmp=block("xmp-data"),
        bits=image.get("bits-per-sample"),
        pictures=image.get("n-pages") if image.get_typeof("n-pages") else 1,
    )


def _heif_file(opened: _Opened) -> Any:
    import pi_heif

    opened.file.seek(0)
    return pi_heif.open_heif(opened.file, convert_hdr_to_8bit=False)


def _heic_facts(opened: _Opened) -> Facts:
    whole = _heif_file(opened)
    info = whole.info
    return Facts(
        profile=info.get("icc_profile"),
        exif=metadata.tiff_part(info.get("exif") or b""),
        xmp=info.get("xmp") or None,
        bits=info.get("bit_depth", 8),
        pictures=len(whole),
    )


def _vips(opened: _Opened, options: dict[str, int]) -> pyvips.Image:
    """The picture, not yet decoded.  Raises pyvips.Error."""
    pyvips.vips_lib.vips_error_clear()  # what other files left there would be told of this one
    loader = LOADERS[opened.format]
    if isinstance(opened.source, bytes):
        return pyvips.Operation.call(f"{loader}_buffer", opened.source, access="sequential", fail_on="error", **options)
    # By its loader and as bytes: a name may hold brackets, and bytes that are no text.
    return pyvips.Operation.call(loader, os.fsencode(opened.source), access="sequential", fail_on="error", **options)


def _loaded(picture: _Picture) -> pyvips.Image:
    return _vips(picture.opened, picture.options)


def _decoded(picture: _Picture) -> tuple[np.ndarray, bool, list[str], bytes | None]:
    """Pixels (H, W, 3|4) as stored, whether they are grey, what was converted, and the profile that fits them."""
    opened, facts = picture.opened, picture.facts
    if opened.format == Format.HEIC:
        return _heic(opened, facts), False, [], facts.profile
    _require(picture)
    try:
        image, is_grey, notes = _as_rgb(_loaded(picture))
        pixels = _array(image)
    except pyvips.Error as error:
        if opened.format != Format.JPEG or not CUT_OFF.search(str(error)):
            raise
        image, is_grey, notes = _as_rgb(_without_end(picture))
        pixels = _array(image)
        notes.append("lacks its end marker, but its picture is whole")
    if opened.format == Format.AVIF and pixels.dtype == np.uint16:
        stretch(pixels, facts.bits)
    profile = facts.profile
    if profile is not None and not _fits(profile, is_grey=is_grey):
        profile = None
        if not notes:
            notes.append("has a colour profile for another kind of picture, which was left out")
    return pixels, is_grey, notes, profile


def _fits(profile: bytes, *, is_grey: bool) -> bool:
    return profile_kind(profile) in ((b"RGB ", b"GRAY") if is_grey else (b"RGB ",))


def _mask_loader(picture: _Picture) -> Callable[[], pyvips.Image]:
    """A function that gives the picture anew each time.  Raises UserError where a mask of its size does not fit."""
    if picture.opened.format == Format.HEIC:
        pixels = _heic(picture.opened, picture.facts)
        return lambda: pyvips.Image.new_from_array(pixels, interpretation=INTERPRETATIONS[pixels.dtype.name])
    _require(picture, mask=True)
    return lambda: _loaded(picture)


def _require(picture: _Picture, *, mask: bool = False) -> None:
    """Raises UserError where the pixels do not fit into memory."""
    image = _loaded(picture)
    channels = 1 if mask else 3 + (image.bands in (2, 4) and image.interpretation != "cmyk")
    sample = 1 if mask else {"uchar": 1, "ushort": 2, "short": 2}.get(image.format, 4)
    memory.require(image.width * image.height * channels * sample, picture.opened.name)


def _array(image: pyvips.Image) -> np.ndarray:
    """An image's pixels (H, W, C)."""
    return np.atleast_3d(image.numpy())


def _as_rgb(image: pyvips.Image) -> tuple[pyvips.Image, bool, list[str]]:
    """The image as RGB or RGBA of a type that photographs have, whether it is grey, and what was converted."""
    notes = []
    if image.interpretation == "cmyk":
        notes.append("is CMYK and was converted to sRGB")
        image = image.icc_transform(
            "srgb",
            embedded=True,
            input_profile="cmyk",
            intent="relative",
            black_point_compensation=True,
            depth=8 if image.format == "uchar" else 16,
        )
    elif image.interpretation in ("lab", "labs"):
        notes.append("is in Lab colours and was converted to sRGB")
        image = image.colourspace("rgb16")
    if image.format == "uint":
        notes.append("has 32-bit whole numbers, which were rounded to 16 bits")
        image = (image / 65537 + 0.5).cast("ushort")
    if image.format not in TYPES:
        raise pyvips.Error(f"samples of the type {image.format}")
    is_grey = image.bands < 3 or image.interpretation in ("b-w", "grey16")
    colours = 1 if is_grey else 3
    image = image[: colours + 1] if image.bands > colours + 1 else image
    if is_grey:
        image = image[0].bandjoin([image[0], *(image[k] for k in range(image.bands))])
    return image, is_grey, notes


def _without_end(picture: _Picture) -> pyvips.Image:
    """The picture of a JPEG that lacks its end marker.  Raises UserError unless all of it is there.

    What is missing is filled in two ways: only where nothing is, both give the same picture.
    """
    opened = picture.opened
    opened.file.seek(0)
    data = opened.file.read()
    ends = [data + filler for filler in FILLERS]
    if not containers.has_all_scans(io.BytesIO(ends[0])):
        raise _cut_off(opened.name)
    one, other = (_vips(replace(opened, source=end), {}) for end in ends)
    try:
        same = (one != other).max() == 0
    except pyvips.Error:
        same = False
    if not same:
        raise _cut_off(opened.name)
    return _vips(replace(opened, source=ends[0]), {})


def _heic(opened: _Opened, facts: Facts) -> np.ndarray:
    whole = _heif_file(opened)
    width, height = whole.size
    memory.require(width * height * (4 if whole.has_alpha else 3) * (1 if facts.bits == 8 else 2), opened.name)
    pixels = np.asarray(whole)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    pixels = np.array(pixels)
    if pixels.dtype == np.uint16:
        stretch(pixels, facts.bits)
    return pixels


def stretch(pixels: np.ndarray, bits: int) -> None:
    """Change values of so many bits, which lie in the upper bits of uint16, so that white is 65535."""
    white = (1 << bits) - 1
    levels = np.arange(white + 1, dtype=np.uint32)
    table = ((levels * 65535 + white // 2) // white).astype(np.uint16)
    for row in pixels:
        row[:] = table[row >> (16 - bits)]


def _notes_on_pictures(facts: Facts) -> list[str]:
    if facts.pictures < 2:
        return []
    return [f"has {facts.pictures} pictures; one was taken, and {facts.pictures - 1} left out"]


def _scaled(mask: np.ndarray, size: tuple[int, int], name: str) -> tuple[np.ndarray, list[str]]:
    """mask (h, w) at the photo's size (width, height), and what to say of it."""
    (height, width), (wanted_width, wanted_height) = mask.shape, size
    if (width, height) == size:
        return mask, []
    if not 1 / MASK_SHAPE < width * wanted_height / (height * wanted_width) < MASK_SHAPE:
        raise wrong_input(
            f"The mask {name} is {width} x {height}, the photo {wanted_width} x {wanted_height}.",
            "They must have the same shape.",
        )
    smaller = width >= wanted_width and height >= wanted_height
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return mask, [f"is {width} x {height} and was scaled to the photo's {wanted_width} x {wanted_height}"]


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what the libraries raise into a sentence."""
    try:
        yield
    except (UserError, DamagedError):
        raise
    except (pyvips.Error, MemoryError, OSError, ValueError, RuntimeError, SyntaxError, EOFError) as error:
        if memory.is_lack(error):
            raise memory.memory_needed(name) from None
        if CUT_OFF.search(str(error)):
            raise _cut_off(name) from None
        raise wrong_input(f"{name} is damaged, or of a kind that this program cannot read.", FINE) from None


def _cut_off(name: str) -> UserError:
    return wrong_input(f"{name} is cut off: a part of it is missing.", "Copy or download it again.")


def _unknown(name: str) -> UserError:
    return wrong_input(f"{name} is not a picture this program can read.", FINE)


def _raw(name: str) -> UserError:
    return wrong_input(
        f"{name} is a RAW file.",
        "Develop it first, for example in darktable or RawTherapee, and use the TIFF.",
    )

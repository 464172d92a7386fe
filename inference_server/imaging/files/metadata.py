"""EXIF, XMP and IPTC data as bytes: reading what matters of them, and keeping them true.  Pure functions.

EXIF data is patched where it lies and never taken apart: a maker's note may hold places within it.
"""

import contextlib
import io
import re
import struct
from collections.abc import Iterable

from . import tiff
from .tiff import DamagedError, Fields, Structure

EXIF_HEAD = b"Exif\0\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
IPTC_RESOURCE = b"8BIM\x04\x04"
CENTIMETRES = 2.54  # of an inch
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>\s*))(\d)")
XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", re.DOTALL)
XMP_VIDEO = re.compile(rb"((?:GCamera|Camera):(?:MotionPhoto|MicroVideo)(?:\s*=\s*[\"']|>\s*))1")
# What a TIFF says of its own pixels, and what is carried otherwise: not part of the EXIF data that is read from it.
OF_THE_PIXELS = {
    *range(254, 267),
    *(273, *range(277, 282), 284, *range(290, 294), 297, 301, 317, 318, 319),
    *range(320, 335),
    *range(336, 348),
    *range(512, 522),
    *(529, 530, 531, 532, tiff.XMP, tiff.IPTC, tiff.PHOTOSHOP, tiff.PROFILE, tiff.LAYERS),
}

RESOLUTION = {tiff.X_RESOLUTION, tiff.Y_RESOLUTION, tiff.RESOLUTION_UNIT}
OF_EVERY_TIFF = {tiff.ORIENTATION, *RESOLUTION}


def tiff_part(exif: bytes) -> bytes | None:
    """EXIF data without the head that some files put before it; None where it is not such data."""
    exif = exif.removeprefix(EXIF_HEAD)
    return exif if exif[:4] in (b"II*\0", b"MM\0*") else None


def orientation(exif: bytes | None) -> int:
    """How the picture is to be turned: 1 to 8; 1 where nothing is said."""
    found = 1
    if exif:
        with contextlib.suppress(DamagedError):
            structure = Structure(io.BytesIO(exif))
            found = structure.number(structure.directory(structure.first)[0], tiff.ORIENTATION, 1)
    return found if 1 <= found <= 8 else 1


def resolution(structure: Structure, directory: tiff.Directory) -> float | None:
    """Pixels per inch that a directory states."""
    found = structure.numbers(directory, tiff.X_RESOLUTION)
    unit = structure.number(directory, tiff.RESOLUTION_UNIT, 2)
    if not found or found[0] <= 0 or unit not in (2, 3):
        return None
    return found[0] * (CENTIMETRES if unit == 3 else 1)


def exif_resolution(exif: bytes | None) -> float | None:
    """Pixels per inch that EXIF data states."""
    if exif:
        with contextlib.suppress(DamagedError):
            structure = Structure(io.BytesIO(exif))
            return resolution(structure, structure.directory(structure.first)[0])
    return None


def exif_for(exif: bytes, turn: int | None, size: tuple[int, int]) -> bytes:
    """EXIF data for the same photograph with other pixels.

    turn: its orientation from now on, None = without one.  size: (width, height) as written.  The thumbnail is cut
    out, because it shows the old pixels.  All else stays where it is.  DamagedError data comes back as far as possible.
    """
    data = bytearray(exif)
    with contextlib.suppress(DamagedError, struct.error):
        structure = Structure(io.BytesIO(exif))
        entries, link = structure.directory(structure.first)
        if tiff.EXIF in entries:
            below = structure.directory(structure.number(entries, tiff.EXIF))[0]
            for tag, value in zip((tiff.PIXEL_WIDTH, tiff.PIXEL_HEIGHT), size, strict=True):
                _patch(data, structure, below, tag, value)
        if turn is not None:
            _patch(data, structure, entries, tiff.ORIENTATION, turn)
        _cut_thumbnail(data, structure, link)
        if turn is None and tiff.ORIENTATION in entries:
            _without_orientation(data, structure, entries, link)
    return bytes(data)


def _patch(data: bytearray, structure: Structure, entries: tiff.Directory, tag: int, value: int) -> None:
    entry = entries.get(tag)
    if entry is not None and entry.kind in (tiff.SHORT, tiff.LONG) and entry.count == 1:
        struct.pack_into(structure.order + tiff.CODES[entry.kind], data, entry.place, value)


def _cut_thumbnail(data: bytearray, structure: Structure, link: int) -> None:
    """Unlink the second directory and remove its picture, which as a rule ends the data; elsewhere it becomes 0."""
    place = structure.unpack("I", link)[0]
    if not place:
        return
    struct.pack_into(structure.order + "I", data, link, 0)
    entries = structure.directory(place)[0]
    for start, length in ((tiff.THUMBNAIL, tiff.THUMBNAIL_BYTES), (tiff.STRIPS, tiff.STRIP_BYTES)):
        places, sizes = structure.numbers(entries, start), structure.numbers(entries, length)
        for at, count in zip(map(int, places), map(int, sizes), strict=False):
            if at <= place:
                continue  # it would lie before its own directory: not ours to judge
            if at + count >= len(data) - 2:
                del data[at:]
            else:
                data[at : at + count] = bytes(count)


def _without_orientation(data: bytearray, structure: Structure, entries: tiff.Directory, link: int) -> None:
    """Take the entry out: those behind it move up by one, and no value moves."""
    entry = entries[tiff.ORIENTATION].place - 8
    data[entry : link + 4] = data[entry + 12 : link + 4] + bytes(12)
    struct.pack_into(structure.order + "H", data, structure.first, len(entries) - 1)


def exif_of(structure: Structure, places: Iterable[int]) -> bytes | None:
    """What a TIFF file says of the photograph, as EXIF data; None where that is nothing.

    places: of the directories to take it from; what a later one says counts.
    """
    found: Fields = {}
    for place in places:
        with contextlib.suppress(DamagedError):
            is_known = resolution(structure, structure.directory(place)[0]) is not None
            skip = OF_THE_PIXELS if is_known else OF_THE_PIXELS | RESOLUTION
            found |= tiff.fields(structure, place, structure.order, skip)
    if not set(found) - OF_EVERY_TIFF:
        return None
    head = {"<": b"II*\0", ">": b"MM\0*"}[structure.order] + struct.pack(structure.order + "I", 8)
    return head + tiff.laid_out(found, 8, structure.order, big=False)


def tiff_fields(exif: bytes, order: str) -> Fields:
    """EXIF data as entries of a TIFF file's first directory."""
    try:
        structure = Structure(io.BytesIO(exif))
        return tiff.fields(structure, structure.first, order, OF_THE_PIXELS | OF_EVERY_TIFF)
    except DamagedError:
        return {}


def xmp_for(xmp: bytes, turn: int) -> bytes:
    """The packet for the same photograph with other pixels: another orientation, and no thumbnails."""
    return XMP_THUMBNAILS.sub(b"", XMP_ORIENTATION.sub(rb"\g<1>%d" % turn, xmp))


def xmp_without_video(xmp: bytes) -> bytes:
    """The packet of a photograph whose video is left out."""
    return XMP_VIDEO.sub(rb"\g<1>0", xmp)


def iim(block: bytes) -> bytes | None:
    """The bare IPTC data in what a file has: that itself, or Photoshop's resources (8BIM) with it among them."""
    if block[:1] == b"\x1c":
        return block
    place = block.find(IPTC_RESOURCE)
    if place < 0 or place + 7 > len(block):
        return None
    name = block[place + 6] + 1
    start = place + 6 + name + name % 2
    size = int.from_bytes(block[start : start + 4], "big")
    return block[start + 4 : start + 4 + size] or None


def photoshop(iptc: bytes) -> bytes:
    """Bare IPTC data as a JPEG's APP13 segment has it."""
    return PHOTOSHOP_HEAD + IPTC_RESOURCE + bytes(2) + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)

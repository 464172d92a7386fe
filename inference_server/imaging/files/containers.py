"""What picture files hold beside their pixels: JPEG, PNG, WebP, AVIF and HEIC are walked through without decoding.

Only heads and metadata are read, so that this costs little for a file of any size.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from . import metadata, profiles
from .photograph import JpegCoding, Metadata
from .tiff import DamagedError

MOST = 1 << 26  # bytes of one piece of metadata
CHUNK = 1 << 20  # bytes of a scan that are searched at once
PADDING = 1 << 10  # bytes behind a JPEG's end that are not spoken of
ICC_HEAD, XMP_HEAD = b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0"
XMP_MORE_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
ROUNDED = metadata.CENTIMETRES / 200  # pixels per inch, of half a pixel per metre
PNG_XMP = "XML:com.adobe.xmp"
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # SOF0 to SOF15
SCAN, END, TABLES, COMMENT, NO_LENGTH = 0xDA, 0xD9, 0xDB, 0xFE, (0x01, *range(0xD0, 0xD9))
IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # a marker; FF00 is a value, D0 to D7 are part of the scan
ZIGZAG = [
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21),
    *(28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61),
    *(54, 47, 55, 62, 63),
]
SAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}  # of the brightness, where both colours have 1 x 1


@dataclass(frozen=True, kw_only=True)
class Facts(Metadata):
    """What a file holds beside its pixels; fields as in `Photograph`.

    pictures: how many there are, films' frames included; notes: what follows the file's name in a sentence.
    """

    bits: int = 8
    jpeg: JpegCoding | None = None
    lossless: bool = True
    pictures: int = 1
    notes: tuple[str, ...] = ()


def _read(file: BinaryIO, place: int, count: int) -> bytes:
    """Raises DamagedError where the file has less."""
    file.seek(place)
    data = file.read(count) if count <= MOST else b""
    if len(data) < count:
        raise DamagedError("it ends too early")
    return data


# JPEG (ITU-T T.81)


def markers(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Each marker of a JPEG up to its end: the marker, and the place and length of what belongs to it.

    The last is END with the place behind it; there is none where the file lacks its end.
    """
    place = 2
    while True:
        head = _at(file, place, 4)
        while head[:2] == b"\xff\xff":
            place += 1
            head = _at(file, place, 4)
        if len(head) < 2 or head[0] != 0xFF:
            return
        marker = head[1]
        if marker == END or marker in NO_LENGTH:
            place += 2
            yield marker, place, 0
            if marker == END:
                return
            continue
        if len(head) < 4:
            return
        length = int.from_bytes(head[2:], "big")
        yield marker, place + 4, length - 2
        place += 2 + length
        if marker == SCAN:
            place = _behind_scan(file, place)


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)


def _behind_scan(file: BinaryIO, place: int) -> int:
    """Where the first marker behind a scan's values is, or the end of the file."""
    while data := _at(file, place, CHUNK):
        if found := IN_SCAN.search(data):
            return place + found.start()
        place += max(1, len(data) - 1) if len(data) > 1 else 1
    return place


def jpeg(file: BinaryIO) -> Facts:
    """Raises DamagedError where there is not even a head."""
    head = _JpegHead()
    for marker, place, length in markers(file):
        if marker in (SCAN, END):
            break
        head.take(marker, _read(file, place, length))
    notes = []
    if head.has_more_xmp:
        notes.append("has more XMP data than fits into one piece; the rest of it was left out")
    behind = _behind_jpeg(file, is_one_of_several=head.is_one_of_several)
    if behind:
        notes.append(f"has {behind} behind its picture, left out")
    xmp = head.xmp
    if xmp is not None and behind == "a video":
        xmp = metadata.xmp_without_video(xmp)
    resolution = head.resolution or metadata.exif_resolution(head.exif)
    return Facts(
        profile=head.profile(),
        exif=head.exif,
        xmp=xmp,
        iptc=head.iptc,
        texts=head.texts,
        resolution=resolution,
        jpeg=head.coding(),
        lossless=False,
        notes=tuple(notes),
    )


class _JpegHead:
    """What the segments before a JPEG's first scan say."""

    def __init__(self) -> None:
        self.exif: bytes | None = None
        self.xmp: bytes | None = None
        self.iptc: bytes | None = None
        self.resolution: float | None = None
        self.texts: tuple[tuple[str, str], ...] = ()
        self.has_more_xmp = self.is_one_of_several = False
        self._icc: dict[int, bytes] = {}
        self._tables: dict[int, tuple[int, ...]] = {}
        self._frame = b""
        self._is_progressive = False

    def take(self, marker: int, data: bytes) -> None:
        if marker == 0xE0 and data[:5] == b"JFIF\0" and len(data) >= 12:
            unit, density = data[7], int.from_bytes(data[8:10], "big")
            self.resolution = {1: 1.0, 2: metadata.CENTIMETRES}.get(unit, 0) * density or None
        elif marker == 0xE1:
            self._take_application(data)
        elif marker == 0xE2 and data.startswith(ICC_HEAD) and len(data) > 14:
            self._icc[data[12]] = data[14:]
        elif marker == 0xE2 and data[:4] == b"MPF\0":
            self.is_one_of_several = True
        elif marker == 0xED and data.startswith(metadata.PHOTOSHOP_HEAD):
            self.iptc = self.iptc or metadata.iim(data)
        elif marker == COMMENT:
            self.texts += (("Comment", _text(data)),)
        elif marker == TABLES:
            self._take_tables(data)
        elif marker in FRAMES:
            self._frame, self._is_progressive = data, marker in (0xC2, 0xCA)

    def _take_application(self, data: bytes) -> None:
        if data.startswith(metadata.EXIF_HEAD):
            self.exif = self.exif or metadata.tiff_part(data)
        elif data.startswith(XMP_HEAD):
            self.xmp = self.xmp or data[len(XMP_HEAD) :]
        elif data.startswith(XMP_MORE_HEAD):
            self.has_more_xmp = True

    def _take_tables(self, data: bytes) -> None:
        while len(data) >= 65:
            code = "64H" if data[0] >> 4 else "64B"
            size = 1 + struct.calcsize(code)
            if len(data) < size:
                return
            table = [0] * 64
            for place, value in zip(ZIGZAG, struct.unpack(">" + code, data[1:size]), strict=True):
                table[place] = value
            self._tables[data[0] & 15] = tuple(table)
            data = data[size:]

    def profile(self) -> bytes | None:
        """The pieces of the ICC profile, if none is missing."""
        whole = self._icc and list(sorted(self._icc)) == list(range(1, len(self._icc) + 1))
        return b"".join(self._icc[k] for k in sorted(self._icc)) if whole else None

    def coding(self) -> JpegCoding | None:
        if len(self._frame) < 6 or len(self._frame) < 6 + 3 * self._frame[5]:
            return None
        parts = [self._frame[6 + 3 * k : 9 + 3 * k] for k in range(self._frame[5])]
        factors = [(part[1] >> 4, part[1] & 15) for part in parts]
        sampling = -1
        if len(parts) == 3 and factors[1] == factors[2] == (1, 1):
            sampling = SAMPLINGS.get(factors[0], -1)
        try:
            tables = tuple(self._tables[part[2]] for part in parts[:2])
        except KeyError:
            return None
        return JpegCoding(tables=tables, sampling=sampling, progressive=self._is_progressive)


def _behind_jpeg(file: BinaryIO, *, is_one_of_several: bool) -> str:
    """What lies behind a JPEG's end, in words; "" for nothing, or for what is of no use."""
    size = file.seek(0, io.SEEK_END)
    if not is_one_of_several and _at(file, max(0, size - 2), 2) == b"\xff\xd9":
        return ""  # as nearly all end: without a walk through the scans
    end = next((place for marker, place, _ in markers(file) if marker == END), size)
    start = _at(file, end, CHUNK)
    if b"ftyp" in start:
        return "a video"
    if b"\xff\xd8\xff" in start:
        return "further pictures"
    return "other data" if len(start.strip(b"\0\n\r ")) > PADDING else ""


def has_all_scans(file: BinaryIO) -> bool:
    """Whether the scans of a JPEG, complete or not, give every coefficient to its last bit (T.81, annex G)."""
    known: dict[tuple[int, int], int] = {}
    frame = b""
    for marker, place, length in markers(file):
        if marker in FRAMES:
            frame = _at(file, place, length)
        elif marker == SCAN:
            head = _at(file, place, length)
            count = head[0] if head else 0
            if len(head) < 4 + 2 * count:
                return False
            first, last, bits = head[1 + 2 * count], head[2 + 2 * count], head[3 + 2 * count] & 15
            known |= {(head[1 + 2 * k], n): bits for k in range(count) for n in range(first, min(last, 63) + 1)}
    parts = [frame[6 + 3 * k] for k in range(frame[5])] if len(frame) > 5 and len(frame) >= 6 + 3 * frame[5] else []
    return bool(parts) and all(known.get((part, n), 1) == 0 for part in parts for n in range(64))


# PNG (W3C, third edition)


def png(file: BinaryIO) -> Facts:
    """Raises DamagedError where the file ends before its last chunk."""
    chunks: dict[bytes, bytes] = {}
    texts: list[tuple[str, str]] = []
    place, size, kind = 8, file.seek(0, io.SEEK_END), b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", _read(file, place, 8))
        if place + 12 + length > size:
            raise DamagedError("it ends too early")
        if kind in PNG_TEXTS and length <= MOST:
            texts += _png_text(kind, _read(file, place + 8, length))
        elif kind not in (b"IDAT", b"fdAT") and length <= MOST:
            chunks.setdefault(kind, _read(file, place + 8, length))
        place += 12 + length
    return _png_facts(chunks, texts)


def _png_facts(chunks: dict[bytes, bytes], texts: list[tuple[str, str]]) -> Facts:
    head = chunks.get(b"IHDR", b"").ljust(13, b"\0")
    is_grey = head[9] in (0, 4)
    profile, notes = _png_profile(chunks, is_grey=is_grey)
    per_metre, unit = struct.unpack(">I4xB", chunks.get(b"pHYs", b"").ljust(9, b"\0")[:9])
    exif = metadata.tiff_part(chunks.get(b"eXIf", b""))
    resolution = _whole(per_metre * metadata.CENTIMETRES / 100) if unit == 1 else 0
    return Facts(
        profile=profile,
        exif=exif,
        xmp=next((text.encode() for key, text in texts if key == PNG_XMP), None),
        texts=tuple((key, text) for key, text in texts if key != PNG_XMP),
        resolution=resolution or metadata.exif_resolution(exif),
        bits=max(8, head[8]),
        pictures=int.from_bytes(chunks[b"acTL"][:4], "big") if b"acTL" in chunks else 1,
        notes=tuple(notes),
    )


def _whole(per_inch: float) -> float:
    """Pixels per inch that were rounded to whole ones per metre."""
    return float(round(per_inch)) if abs(per_inch - round(per_inch)) <= ROUNDED else per_inch


def _png_profile(chunks: dict[bytes, bytes], *, is_grey: bool) -> tuple[bytes | None, list[str]]:
    """A PNG's ICC profile, or one made of what it says instead: cICP before iCCP before sRGB before gAMA and cHRM."""
    if len(chunks.get(b"cICP", b"")) == 4:
        profile, unsaid = profiles.of_numbers(chunks[b"cICP"][0], chunks[b"cICP"][1])
        return (profile, []) if not unsaid and not is_grey else (None, taken_for_srgb(unsaid))
    if b"iCCP" in chunks:
        data = chunks[b"iCCP"]
        profile = _inflated(data[data.find(b"\0") + 2 :])
        return profile or None, []
    if b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return None, []
    gamma = 100000 / (int.from_bytes(chunks[b"gAMA"], "big") or 45455)
    found = [value / 100000 for value in struct.unpack(">8I", chunks[b"cHRM"])] if b"cHRM" in chunks else []
    pairs = list(zip(found[::2], found[1::2], strict=True)) or [profiles.D65, *profiles.BT709]
    try:
        return profiles.of_chromaticities(pairs[0], tuple(pairs[1:]), gamma, grey=is_grey), []
    except ValueError:
        return None, taken_for_srgb("in its cHRM")


def taken_for_srgb(colours: str) -> list[str]:
    """The note on colours that are not known; none for ""."""
    return [f"has colours ({colours}) that this program does not know; they were taken for sRGB"] if colours else []


def _inflated(data: bytes) -> bytes:
    """Raises nothing: what cannot be inflated, or is far too large, is b""."""
    try:
        return zlib.decompressobj().decompress(data, MOST)
    except zlib.error:
        return b""


def _png_text(kind: bytes, data: bytes) -> list[tuple[str, str]]:
    key, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        text = rest.decode("latin-1")
    elif kind == b"zTXt":
        text = _inflated(rest[1:]).decode("latin-1")
    else:
        is_packed, rest = rest[:1] == b"\1", rest[2:]
        packed = rest.split(b"\0", 2)[-1]
        text = (_inflated(packed) if is_packed else packed).decode("utf-8", "replace")
    return [(key.decode("latin-1"), text)]


def _text(data: bytes) -> str:
    """Text of unknown coding: UTF-8, or Latin-1."""
    data = data.rstrip(b"\0")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


# WebP (RFC 9649)


def webp(file: BinaryIO) -> Facts:
    """Raises DamagedError where the file is shorter than it says."""
    size = file.seek(0, io.SEEK_END)
    end = 8 + int.from_bytes(_read(file, 4, 4), "little")
    if end > size + 1:  # a last odd byte is sometimes not padded
        raise DamagedError("it ends too early")
    found: dict[bytes, bytes] = {}
    pictures, is_lossless, place = 0, False, 12
    while place + 8 <= end:
        kind, length = struct.unpack("<4sI", _read(file, place, 8))
        if kind in (b"ICCP", b"EXIF", b"XMP "):
            found.setdefault(kind, _read(file, place + 8, length))
        pictures += kind == b"ANMF"
        is_lossless |= kind == b"VP8L"
        place += 8 + length + length % 2
    exif = metadata.tiff_part(found.get(b"EXIF", b""))
    return Facts(
        profile=found.get(b"ICCP"),
        exif=exif,
        xmp=found.get(b"XMP "),
        resolution=metadata.exif_resolution(exif),
        lossless=is_lossless,
        pictures=max(1, pictures),
    )


# AVIF and HEIC (ISO/IEC 14496-12, 23008-12)


def brands(file: BinaryIO) -> list[bytes]:
    """The brands of a file of boxes, the major one first; none where it is no such file."""
    head = _at(file, 0, 12)
    if head[4:8] != b"ftyp":
        return []
    body = _at(file, 8, min(int.from_bytes(head[:4], "big"), 512) - 8)
    return [body[:4], *(body[k : k + 4] for k in range(8, len(body) - 3, 4))]


def boxes(file: BinaryIO) -> dict[bytes, bytes]:
    """The names of the outermost boxes, with the content of `meta`.  Raises DamagedError where one is cut off."""
    found: dict[bytes, bytes] = {}
    place, size = 0, file.seek(0, io.SEEK_END)
    while place < size:
        length, kind = struct.unpack(">I4s", _read(file, place, 8))
        if length == 1:
            length = int.from_bytes(_read(file, place + 8, 8), "big")
        length = length or size - place
        if length < 8 or place + length > size:
            raise DamagedError("it ends too early")
        found.setdefault(kind, _read(file, place + 8, length - 8) if kind == b"meta" else b"")
        place += length
    return found


def stated_colours(meta: bytes) -> tuple[int, int] | None:
    """Primaries and transfer curve (H.273) in the content of `meta`, if they stand there."""
    place = meta.find(b"colrnclx")
    return struct.unpack_from(">HH", meta, place + 8) if 0 <= place <= len(meta) - 12 else None

"""TIFF structures: the directories of a TIFF file, and of EXIF data, which have the same form.

Classic TIFF (Adobe, TIFF 6.0) and BigTIFF (64-bit offsets), in either byte order.
"""

import io
import struct
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Union

# Bytes of a value, and how struct calls it; rationals are two numbers.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d"} | {
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
INCHES = 2  # of RESOLUTION_UNIT
ONLY_BIG = (16, 17, 18)  # kinds that classic TIFF lacks
MOST_DIRECTORIES = 10_000
MOST_BYTES = 1 << 26  # of one value

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION = 256, 257, 258, 259, 262, 274
NEW_SUBFILE, SUBFILE, STRIPS, STRIP_BYTES, TILES, TILE_BYTES, SUB_DIRECTORIES = 254, 255, 273, 279, 324, 325, 330
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, EXTRA_SAMPLES, SAMPLE_FORMAT = 282, 283, 296, 338, 339
THUMBNAIL, THUMBNAIL_BYTES, XMP, IPTC, PHOTOSHOP, PROFILE, LAYERS = 513, 514, 700, 33723, 34377, 34675, 37724
EXIF, GPS, INTEROPERABILITY, DNG_VERSION = 34665, 34853, 40965, 50706
PIXEL_WIDTH, PIXEL_HEIGHT = 40962, 40963
POINTERS = (EXIF, GPS, INTEROPERABILITY)
REDUCED, MASK = 1, 4  # bits of NEW_SUBFILE


class DamagedError(ValueError):
    """The structure contradicts itself, or ends too early."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a directory.  place: where its value is; inline: the bytes of the entry's own value field."""

    kind: int
    count: int
    place: int
    inline: bytes


Directory = Mapping[int, Entry]


class Structure:
    """A TIFF structure in a file.  Raises DamagedError where there is none."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        head = self.read(0, 8)
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(f"{self.order}H", head[2:4])[0] if self.order else 0
        if version not in (42, 43):
            raise DamagedError("no TIFF")
        self.is_big = version == 43
        self.pointer = 8 if self.is_big else 4  # where the place of the first directory is, and the bytes of a place

    def read(self, place: int, count: int) -> bytes:
        if count < 0 or count > MOST_BYTES or place + count > self.size:
            raise DamagedError("it ends too early")
        self._file.seek(place)
        return self._file.read(count)

    def unpack(self, code: str, place: int) -> tuple[int, ...]:
        code = self.order + code
        return struct.unpack(code, self.read(place, struct.calcsize(code)))

    @property
    def first(self) -> int:
        """The place of the first directory."""
        return self.unpack("Q" if self.is_big else "I", self.pointer)[0]

    def directory(self, place: int) -> tuple[dict[int, Entry], int]:
        """The entries by their tag, and where the next directory's place is."""
        count_code, code, step = ("Q", "HHQ", 20) if self.is_big else ("H", "HHI", 12)
        count, at = self.unpack(count_code, place)[0], place + struct.calcsize(f"<{count_code}")
        table = self.read(at, count * step)
        entries = {}
        for k in range(count):
            tag, kind, length = struct.unpack_from(self.order + code, table, k * step)
            inline = table[(k + 1) * step - self.pointer : (k + 1) * step]
            value = at + (k + 1) * step - self.pointer
            if SIZES.get(kind, 1) * length > self.pointer:
                value = struct.unpack(self.order + ("Q" if self.is_big else "I"), inline)[0]
            entries[tag] = Entry(kind=kind, count=length, place=value, inline=inline)
        return entries, at + count * step

    def directories(self) -> Iterator[tuple[int, dict[int, Entry]]]:
        """The directories of the file's pages, one after the other, each with its place."""
        place, seen = self.first, set[int]()
        while place and place not in seen and len(seen) < MOST_DIRECTORIES:
            seen.add(place)
            entries, link = self.directory(place)
            yield place, entries
            place = self.unpack("Q" if self.is_big else "I", link)[0]

    def value(self, entry: Entry) -> bytes:
        """An entry's value as it lies in the file."""
        return self.read(entry.place, SIZES.get(entry.kind, 1) * entry.count)

    def numbers(self, directory: Directory, tag: int) -> tuple[float, ...]:
        """The numbers of an entry; none where there is no such entry.  A rational is its quotient."""
        entry = directory.get(tag)
        if entry is None or entry.kind not in CODES:
            return ()
        raw = self.value(entry)
        code = CODES[entry.kind]
        found = struct.unpack(f"{self.order}{len(raw) // struct.calcsize('<' + code)}{code}", raw)
        if entry.kind in (5, 10):
            return tuple(a / b if b else 0.0 for a, b in zip(found[::2], found[1::2], strict=True))
        return found

    def number(self, directory: Directory, tag: int, default: int = 0) -> int:
        """The first number of an entry as a whole number."""
        found = self.numbers(directory, tag)
        return int(found[0]) if found else default


@dataclass(frozen=True, kw_only=True)
class Field:
    """What is to become an entry.

    value: the bytes in the order of the structure that it goes into; or the entries of a directory of its own; or,
    where is_inline, the entry's value field as it is.
    """

    kind: int
    count: int
    value: Union[bytes, "Fields"]
    is_inline: bool = False


Fields = dict[int, Field]


def fields(structure: Structure, place: int, order: str, skip: Container[int] = (), depth: int = 0) -> Fields:
    """The directory at a place with all that belongs to it, for a structure in another byte order perhaps.

    skip: tags to leave out.  Entries that are damaged are left out too.
    """
    found: Fields = {}
    for tag, entry in structure.directory(place)[0].items():
        if tag in skip or entry.kind not in SIZES or entry.kind in ONLY_BIG:
            continue
        try:
            if tag in POINTERS:
                if depth < len(POINTERS):
                    below = structure.unpack("I", entry.place)[0]
                    found[tag] = Field(kind=LONG, count=1, value=fields(structure, below, order, depth=depth + 1))
                continue
            raw = structure.value(entry)
        except DamagedError:
            continue
        if order != structure.order:
            raw = _swapped(raw, struct.calcsize("<" + CODES[entry.kind]))
        found[tag] = Field(kind=entry.kind, count=entry.count, value=raw)
    return found


def _swapped(raw: bytes, step: int) -> bytes:
    """Numbers of `step` bytes each in the other byte order."""
    return b"".join(raw[k : k + step][::-1] for k in range(0, len(raw), step)) if step > 1 else raw


def laid_out(entries: Fields, place: int, order: str, *, big: bool, following: int = 0) -> bytes:
    """A directory and all that belongs to it as bytes, to lie at `place`.  following: the place of the next one."""
    count_code, code, pointer = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    size = struct.calcsize("<" + pointer)
    table = struct.pack(order + count_code, len(entries))
    behind = place + len(table) + len(entries) * (4 + 2 * size) + size
    data = b""
    for tag, field in sorted(entries.items()):
        kind, value = field.kind, field.value
        if isinstance(value, bytes) and (field.is_inline or len(value) <= size):
            table += struct.pack(order + code, tag, kind, field.count) + value.ljust(size, b"\0")
            continue
        data += b"\0" * (len(data) % 2)
        table += struct.pack(order + code + pointer, tag, kind, field.count, behind + len(data))
        data += value if isinstance(value, bytes) else laid_out(value, behind + len(data), order, big=big)
    return table + struct.pack(order + pointer, following) + data


def with_fields(file: BinaryIO, added: Fields, removed: Container[int]) -> None:
    """Write a file's first directory anew at its end, with other entries.  file: open for reading and writing.

    added: in the file's byte order; removed: tags.
    """
    structure = Structure(file)
    entries, link = structure.directory(structure.first)
    code = structure.order + ("Q" if structure.is_big else "I")
    kept = {
        tag: Field(kind=entry.kind, count=entry.count, value=entry.inline, is_inline=True)
        for tag, entry in entries.items()
        if tag not in removed
    }
    following = structure.unpack(code[1:], link)[0]
    place = structure.size + structure.size % 2
    data = laid_out(kept | added, place, structure.order, big=structure.is_big, following=following)
    file.seek(structure.size)
    file.write(bytes(structure.size % 2) + data)
    file.seek(structure.pointer)
    file.write(struct.pack(code, place))

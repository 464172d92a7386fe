"""Which of a TIFF file's pictures is the photograph, and what stands beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from . import metadata, tiff
from .containers import Facts
from .tiff import DamagedError, Directory, Structure

RAW_COLOURS = (32803, 34892)  # a colour filter array's values, and those before they are developed
UNKNOWN_CODECS = {
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy DNG",
    34925: "LZMA",
    34934: "JPEG XR",
    50000: "ZSTD",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
LAB = 8  # of PHOTOMETRIC
FLOATING = 3  # of SAMPLE_FORMAT


@dataclass(frozen=True, kw_only=True)
class Page:
    """One picture of the file.  number: of its page; below: its number among the page's sub-directories, if there."""

    directory: Directory
    place: int
    number: int
    below: int | None
    width: int
    height: int
    is_main: bool  # neither a smaller version of another picture nor a mask of one


@dataclass(frozen=True, kw_only=True)
class TiffFile:
    """page: the photograph; facts: what the file holds beside it; orientation: 1 to 8.

    unreadable: why its pixels cannot be read, as the rest of a sentence, or "".
    """

    page: Page
    facts: Facts
    orientation: int
    unreadable: str


def look(file: BinaryIO) -> TiffFile | None:
    """None for a RAW file.  Raises DamagedError for one that is cut off or contradicts itself."""
    structure = Structure(file)
    pages = list(_pages(structure))
    if any(_is_raw(structure, page.directory) for page in pages):
        return None
    sized = [page for page in pages if page.width and page.height]
    if not sized:
        raise DamagedError("there is no picture")
    page = max(sized, key=lambda page: (page.is_main, page.width * page.height))  # the first of equals
    unreadable = _unreadable(structure, page.directory)
    if not unreadable:
        _check_is_whole(structure, page.directory)
    orientation = structure.number(page.directory, tiff.ORIENTATION, 1)
    return TiffFile(
        page=page,
        facts=_facts(structure, pages, page),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        unreadable=unreadable,
    )


def _pages(structure: Structure) -> Iterator[Page]:
    for number, (place, directory) in enumerate(structure.directories()):
        yield _page(structure, directory, place, number, None)
        for below, at in enumerate(structure.numbers(directory, tiff.SUB_DIRECTORIES)):
            yield _page(structure, structure.directory(int(at))[0], int(at), number, below)


def _page(structure: Structure, directory: Directory, place: int, number: int, below: int | None) -> Page:
    kind = structure.number(directory, tiff.NEW_SUBFILE)
    return Page(
        directory=directory,
        place=place,
        number=number,
        below=below,
        width=structure.number(directory, tiff.WIDTH),
        height=structure.number(directory, tiff.HEIGHT),
        is_main=not kind & (tiff.REDUCED | tiff.MASK) and structure.number(directory, tiff.SUBFILE) != 2,
    )


def _is_raw(structure: Structure, directory: Directory) -> bool:
    return tiff.DNG_VERSION in directory or structure.number(directory, tiff.PHOTOMETRIC) in RAW_COLOURS


def _unreadable(structure: Structure, directory: Directory) -> str:
    codec = UNKNOWN_CODECS.get(structure.number(directory, tiff.COMPRESSION))
    bits = structure.number(directory, tiff.BITS, 1)
    if codec:
        return f"is a TIFF compressed with {codec}"
    if bits > 32 or (structure.number(directory, tiff.SAMPLE_FORMAT) == FLOATING and bits not in (16, 32)):
        return f"is a TIFF with {bits} bits a channel"
    if structure.number(directory, tiff.PHOTOMETRIC) == LAB and bits == 8:
        return "is a TIFF in Lab colours of 8 bits"
    return ""


def _bits(structure: Structure, directory: Directory) -> int:
    """Bits of a sample as they are kept: whole numbers of 32 bits are not."""
    bits = structure.number(directory, tiff.BITS, 1)
    if bits == 32 and structure.number(directory, tiff.SAMPLE_FORMAT, 1) == FLOATING:
        return 32
    return 16 if bits > 8 else 8


def _check_is_whole(structure: Structure, directory: Directory) -> None:
    """Raises DamagedError where the file ends before its pixels do."""
    for start, length in ((tiff.STRIPS, tiff.STRIP_BYTES), (tiff.TILES, tiff.TILE_BYTES)):
        places, sizes = structure.numbers(directory, start), structure.numbers(directory, length)
        if any(place + size > structure.size for place, size in zip(places, sizes, strict=False)):
            raise DamagedError("it ends too early")


def _facts(structure: Structure, pages: list[Page], page: Page) -> Facts:
    def block(tag: int) -> bytes | None:
        entry = page.directory.get(tag) or pages[0].directory.get(tag)
        try:
            return structure.value(entry) if entry is not None else None
        except DamagedError:
            return None

    notes = ["has layers, which were left out"] if tiff.LAYERS in page.directory else []
    extra = len(structure.numbers(page.directory, tiff.EXTRA_SAMPLES))
    if extra > 1:
        notes.append(f"has {extra - 1} more channel{'s' * (extra > 2)} than colours and opacity, left out")
    return Facts(
        profile=block(tiff.PROFILE),
        exif=metadata.exif_of(structure, dict.fromkeys((pages[0].place, page.place))),
        xmp=block(tiff.XMP),
        iptc=metadata.iim(block(tiff.IPTC) or block(tiff.PHOTOSHOP) or b""),
        resolution=metadata.resolution(structure, page.directory),
        bits=_bits(structure, page.directory),
        pictures=sum(other.is_main and bool(other.width) for other in pages) or 1,
        notes=tuple(notes),
    )

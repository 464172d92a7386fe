"""Picture files made by hand: what no library at hand writes, and metadata as cameras write it."""

import base64
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from inference_server.imaging.files import metadata, reading, writing
from inference_server.imaging.files import tiff as structures
from inference_server.imaging.files.photograph import Format, Photograph

KINDS = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "U": 7, "Q": 16}  # of TIFF's values, by a letter
SIDE = (20, 30)  # height and width of the pictures

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x50\0\3Ann\x1c\x02\x78\0\5Gr\xc3\xbc\xc3"
# Nothing but a head that says which kind of picture they are for.
PROFILE, GREY_PROFILE = (bytes(16) + kind + bytes(range(256)) * 2 for kind in (b"RGB ", b"GRAY"))
Values = tuple[str, Sequence[int] | bytes]


def picture(channels: int = 3, dtype: type = np.uint8, seed: int = 1, size: tuple[int, int] = SIDE) -> np.ndarray:
    """Noise (H, W, channels) of a depth; float32 is 0 to 1."""
    values = np.random.default_rng(seed).random((*size, channels), np.float32)
    return values if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


def soft(channels: int = 3, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A smooth picture (H, W, channels) uint8, which survives lossy compression."""
    y, x = np.mgrid[: size[0], : size[1]]
    planes = [120 + 100 * np.sin(x / 17 + k) * np.cos(y / 13 - k) for k in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


def directory(
    entries: dict[int, Values], place: int, order: str = "<", *, big: bool = False, following: int = 0
) -> bytes:
    """A TIFF directory with its values behind it, to lie at `place`."""
    count_code, code, pointer = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    room = struct.calcsize("<" + pointer)
    table = struct.pack(order + count_code, len(entries))
    behind = place + len(table) + len(entries) * (4 + 2 * room) + room
    data = b""
    for tag, (letter, values) in sorted(entries.items()):
        if isinstance(values, bytes):
            raw, count = values, len(values)
        else:
            raw = struct.pack(f"{order}{len(values)}{'I' if letter == 'R' else letter}", *values)
            count = len(values) // (2 if letter == "R" else 1)
        table += struct.pack(order + code, tag, KINDS[letter], count)
        table += raw.ljust(room, b"\0") if len(raw) <= room else struct.pack(order + pointer, behind + len(data))
        data += raw + bytes(len(raw) % 2) if len(raw) > room else b""
    return table + struct.pack(order + pointer, following) + data


def exif(orientation: int = 6, order: str = "<", size: tuple[int, int] = (30, 20), *, thumbnail: bool = True) -> bytes:
    """EXIF data as a camera writes it: a maker's note, a position, and a thumbnail at its end."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)

    def first(below: int, position: int, following: int) -> bytes:
        entries: dict[int, Values] = {
            270: ("s", "Grüße\0".encode()),
            271: ("s", b"NIKON\0"),
            274: ("H", [orientation]),
            282: ("R", [300, 1]),
            283: ("R", [300, 1]),
            296: ("H", [2]),
            34665: ("I", [below]),
            34853: ("I", [position]),
        }
        return directory(entries, 8, order, following=following)

    start = 8 + len(first(0, 0, 0))
    note = b"Nikon\0\2\x10" + bytes(range(60))
    camera = directory(
        {33434: ("R", [1, 125]), 37500: ("U", note), 40962: ("I", [size[0]]), 40963: ("I", [size[1]])}, start, order
    )
    where = start + len(camera)
    position = directory({1: ("s", b"N\0"), 2: ("R", [48, 1, 12, 1, 3456, 100])}, where, order)
    after = where + len(position)
    if not thumbnail:
        return mark + first(start, where, 0) + camera + position
    small = b"\xff\xd8" + b"THUMBNAIL" * 20 + b"\xff\xd9"
    length = len(directory({513: ("I", [0]), 514: ("I", [0])}, after, order))
    second = directory({513: ("I", [after + length]), 514: ("I", [len(small)])}, after, order)
    return mark + first(start, where, after) + camera + position + second + small


def tiff(
    pixels: np.ndarray | bytes,
    more: dict[int, Values] | None = None,
    order: str = "<",
    *,
    big: bool = False,
    size: tuple[int, int] = SIDE,
) -> bytes:
    """A TIFF file with one uncompressed picture: pixels (H, W, C), or their bytes.  more: further entries."""
    return tiff_pages([(pixels, more or {})], order, big=big, size=size)


def tiff_pages(
    pages: Sequence[tuple[np.ndarray | bytes, dict[int, Values]]],
    order: str = "<",
    *,
    big: bool = False,
    size: tuple[int, int] = SIDE,
) -> bytes:
    head = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8)))
    data = {"<": b"II", ">": b"MM"}[order] + head
    for number, (pixels, more) in enumerate(pages):
        if isinstance(pixels, bytes):
            raw, (height, width), channels, bits, form = pixels, size, 1, 8, 1
        else:
            (height, width, channels), bits = pixels.shape, pixels.dtype.itemsize * 8
            form = 3 if pixels.dtype.kind == "f" else 1
            raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        entries: dict[int, Values] = {
            256: ("I", [width]),
            257: ("I", [height]),
            258: ("H", [bits] * channels),
            259: ("H", [1]),
            262: ("H", [2 if channels >= 3 else 1]),
            273: ("Q" if big else "I", [0]),
            277: ("H", [channels]),
            278: ("I", [height]),
            279: ("Q" if big else "I", [len(raw)]),
            339: ("H", [form] * channels),
        }
        entries |= more
        place = len(data)
        length = len(directory(entries, place, order, big=big))
        if 273 not in more:
            entries[273] = (entries[273][0], [place + length])
        following = place + length + len(raw) + len(raw) % 2 if number + 1 < len(pages) else 0
        data += directory(entries, place, order, big=big, following=following) + raw + bytes(len(raw) % 2)
    return data


def png(pixels: np.ndarray, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of pixels (H, W, C) uint8 or uint16 with further chunks before its pixels."""
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    head = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    whole = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in whole)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encoded(pixels: np.ndarray, format: str, **options: object) -> bytes:
    """Pixels (H, W, C) uint8 as Pillow writes them."""
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, format, **options)
    return stream.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(pixels: np.ndarray, segments: Sequence[tuple[int, bytes]] = (), **options: object) -> bytes:
    """A JPEG of pixels (H, W, 1|3) uint8 with further segments behind its first one."""
    data = encoded(pixels, "JPEG", **options)
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + b"".join(segment(*each) for each in segments) + data[place:]


def heic(packed: str) -> bytes:
    return zlib.decompress(base64.b85decode(packed))


def written(file: Path, photo: Photograph, format: Format, quality: int | None = None) -> Photograph:
    """The photograph as it is read again."""
    file.touch()
    writing.write(file, photo, format, quality)
    return reading.read(file)


def exif_fields(data: bytes | None) -> dict[int, object]:
    """The values of EXIF data by their tags, in one byte order."""
    assert data is not None
    structure = structures.Structure(io.BytesIO(data))

    def values(found: structures.Fields) -> dict[int, object]:
        return {tag: values(each.value) if isinstance(each.value, dict) else each.value for tag, each in found.items()}

    skip = () if metadata.orientation(data) != 1 else (structures.ORIENTATION,)
    return values(structures.fields(structure, structure.first, "<", skip))


# 16 x 8 pixels, red beside blue, which no package here can write: 8 bits, to be turned as orientation 6; and 10 bits.
TURNED_HEIC = heic(
    "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>Uf$?~5YDppk1Sn>t<P<^K3<a6VB@Af5Br_);Y>0~k0}}%yh{gCCLIc4JpcoJ^HN!<zfY>54GcOI"
    "y1Ida4IjLY}Ks6a<$%YI_f{Y*~t`(VJ<$ML1CAkbxm5gke1w{ow_S4LQ<a{7q3e@Y&$P5yi09GXTf#J{JA3qov_?Z)cIwTwzc^Loy2Pt3%sbB"
    "^nxm`>Si9ktBCq_mznFR`stkYhtoAvC0;(`MW3=BLCAmNrIplUW3#)HKNJArlxC+FuB<t67-07ZEj*nmnHL^6vDQlY+efMSj0oJ5er1R!o_-~"
    "iG8|Np-L3Iia00vZ+q1(_9@AdSo%93VBEnML^}K<6+>W)|ea;)D_C_eLgW)|NIPM=G-@H4Q4kmz+|Z42}hm9Y=Cg5<$^5MT2oYn~~HifreP;"
    "j@kGA|Nm!Yclw5#(A5hMmwtP0|G)Hh@Q+zK5~p{6pJ}B3U7|VYiiH1y1$-}dm~`C8*c%?4XnXZ(oo1~>T-JsXhp9(0f+RK?GB1fpWmS5h_~"
    "=VU-R95lcPC1>s;@Atbbpb2VS1aq_X~G3rB?yh87o-zxHrvNs`~TkliQr9Wi>W#maNPAbNtVgJwSJ{L88^uQwtIt3_^^|V286oy#oNUO{Om"
)
DEEP_HEIC = heic(
    "c-muNV30{GsVvAy&8%Pmg51nBLl8SRGck>Ufw3kxwIq=N0u(b+a*CjAhJwuG5(YG&l$n#C3}U!AFfalk5HK!)&_Lh{#LAhOd1+uCNK_QaNo9"
    "iaGRl$-K}^1a%#vKVl0TURMFl|mPG&)JK9DX2DsyIJ;Q%t{?f@y0`@rz$@2_7B4E)RqKpo-^j6970|AQ1TgH<pCmF!}2NCe7hIWaP#N-R)lWV"
    "xBQ>gBpTCMh1U%n1;|;gAGW&gQ~+u=rpn&<^3`{G6h^<eUniC@%wB15ijLv$!A?>M;i>)=17t1i4iJ>UNMLfo}PK0Z20e=@TFtBwvtOkqOes"
    "%*Dk8q$Dy6a$#W%3^vwACT7+aAlo-LB@q<Hjv9>X*^HzFk2S<Pcg()`|NlQLyVExw2wgotd+E0~_y3nQ+SmknzgrSC*XVE2``<gOAJ4QZIpo"
    "|r`B-ywUbuj%mjVEyvTyz"
)

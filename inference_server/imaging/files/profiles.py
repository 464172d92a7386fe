"""ICC profiles made from what a file says of its colours in another way: primaries, white and a transfer curve.

ICC.1:2010 (version 4), three-component matrix and grey profiles.
"""

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PRIMARIES = {1: BT709, 9: BT2020, 12: P3}  # by their number in ITU-T H.273
HDR = {16: "PQ", 18: "HLG"}  # transfer curves of H.273 that stand for brightness beyond white
SRGB_CURVE = (1, 2, 6, 13, 14, 15)  # those that are shown with sRGB's curve, and "unknown"
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
SRGB_GAMMA = (2.1, 2.3)  # a plain gamma between these with sRGB's primaries is meant as sRGB
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Chromaticity = tuple[float, float]


def of_chromaticities(
    white: Chromaticity, primaries: tuple[Chromaticity, ...], gamma: float | None, *, grey: bool = False
) -> bytes | None:
    """The profile of these colours; None for sRGB's own.  Raises ValueError for what is no colour space.

    white, primaries of red, green and blue: x and y; gamma: None = sRGB's curve.  grey: for one channel.
    """
    is_srgb_curve = gamma is None or SRGB_GAMMA[0] < gamma < SRGB_GAMMA[1]
    if is_srgb_curve and (grey or np.allclose((white, *primaries), (D65, *BT709), atol=0.002)):
        return None
    curve = _curve(gamma)
    if grey:
        return _profile(b"GRAY", {b"kTRC": curve})
    columns = _columns(white, primaries)
    tags = {name + b"XYZ": _xyz(columns[:, k]) for k, name in enumerate((b"r", b"g", b"b"))}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def of_numbers(primaries: int, transfer: int) -> tuple[bytes | None, str]:
    """The profile of colours by their numbers in H.273, None for sRGB; and what of them no profile says, or ""."""
    name = HDR.get(transfer) or ("" if transfer in SRGB_CURVE or transfer in GAMMAS else f"number {transfer}")
    gamma = GAMMAS.get(transfer)
    if primaries == 2 or primaries not in PRIMARIES:
        return None, name or ("" if primaries == 2 else f"number {primaries}")
    return (None, name) if name else (of_chromaticities(D65, PRIMARIES[primaries], gamma), "")


def _columns(white: Chromaticity, primaries: tuple[Chromaticity, ...]) -> np.ndarray:
    """The colours (3, 3) XYZ of red, green and blue in its columns, adapted to D50 (Bradford)."""
    if min(y for _, y in (white, *primaries)) <= 0:
        raise ValueError("no colours")
    shares = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    of_white = np.array((white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]))
    try:
        columns = shares * np.linalg.solve(shares, of_white)
    except np.linalg.LinAlgError:
        raise ValueError("no colours") from None
    scale = (BRADFORD @ D50) / (BRADFORD @ of_white)
    return np.linalg.solve(BRADFORD, scale[:, None] * (BRADFORD @ columns))


def _profile(kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = "colours as the file states them".encode("utf-16-be")
    named = b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": named, b"cprt": named, b"wtpt": _xyz(D50)} | tags
    table, data, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(data)
            data += content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", places[content], len(content))
    head = struct.pack(">I4xI4s4s4s", start + len(data), 0x04200000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H4s28x", 2020, 1, 1, 0, 0, 0, b"acsp") + struct.pack(">3i", *map(_fixed, D50))
    return head.ljust(128, b"\0") + table + data


def _xyz(colour: np.ndarray | tuple[float, ...]) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *map(_fixed, colour))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"para" + struct.pack(">4xHHi", 0, 0, _fixed(gamma))
    # IEC 61966-2-1
    return b"para" + struct.pack(">4xHH5i", 3, 0, *map(_fixed, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))


def _fixed(value: float) -> int:
    return round(value * 65536)

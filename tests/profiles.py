"""ICC profiles (version 2), made by hand: three primaries and a gamma, or grey and a gamma."""

import struct

import numpy as np

SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
PROPHOTO = np.array([[0.79767, 0.13519, 0.03134], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82491]])
WHITE = (0.9642, 1.0, 0.8249)  # D50


def rgb(primaries: np.ndarray, gamma: float) -> bytes:
    """primaries: (3, 3), the XYZ (D50) of red, green and blue in its columns."""
    curve = _curve(gamma)
    tags = {f"{name}XYZ": _xyz(*primaries[:, k]) for k, name in enumerate("rgb")}
    return _profile(b"RGB ", tags | {f"{name}TRC": curve for name in "rgb"})


def grey(gamma: float) -> bytes:
    return _profile(b"GRAY", {"kTRC": _curve(gamma)})


def _profile(kind: bytes, tags: dict[str, bytes]) -> bytes:
    text = b"made by a test\0"
    tags = {"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78), "wtpt": _xyz(*WHITE)} | tags
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">II", start + len(data), len(content))
        data += content
    size = start + len(data)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", kind, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += b"".join(_fixed(value) for value in WHITE)
    return header.ljust(128, b"\0") + table + data


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(x) + _fixed(y) + _fixed(z)


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))

"""What comes behind an object whose background is replaced, as far as it can be shown without a server.

Pure; knows no GTK.  How it is drawn is in `backdrop`.
"""

from dataclasses import dataclass

from inference_server.shared.geometry import Size

from ..covering import Covering


@dataclass(frozen=True)
class Colours:
    """From the colour of the top row to that of the bottom row; red, green, blue, 0 to 1, in sRGB."""

    top: tuple[float, float, float]
    bottom: tuple[float, float, float]


@dataclass(frozen=True)
class Blurred:
    """The photo itself, out of focus.  strength: 0 to 1."""

    strength: float


@dataclass(frozen=True)
class Nearness:
    """How near each part of the photo is.  size: of a small picture of all of it; values: its rows, a byte a pixel, 255
    for what is nearest, as 1/depth is measured."""

    size: Size
    values: bytes


@dataclass(frozen=True)
class AnotherPhoto:
    """address: its URI; covering: where it lies."""

    address: str
    covering: Covering


Behind = Colours | Blurred | AnotherPhoto

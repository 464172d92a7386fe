"""Colour spaces: what an image's ICC profile makes of its values, and back.  Models know sRGB alone.

The transforms are Little CMS's, through libvips, which is imported when there is a profile that is not sRGB's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .pixels import full_value, to_depth, to_uint16

if TYPE_CHECKING:
    import pyvips

STEPS = 5  # of each channel, in which a profile is compared with sRGB
NEAR = 1 / 255  # a profile that is nowhere further from sRGB, of 1, is taken for it
BAND = 1 << 22  # pixels that are transformed at once, to bound memory


class ColourSpace:
    """The colours of an image.  Without a profile they are sRGB's, and its methods give their argument back."""

    def __init__(self, profile: bytes | None = None) -> None:
        """profile: ICC, of RGB or grey values.  One that cannot be read, or fits neither, is taken for sRGB."""
        self._profile = profile
        self._is_grey = profile_kind(profile) == b"GRAY"
        if profile is not None and (profile_kind(profile) not in (b"RGB ", b"GRAY") or self._is_srgb()):
            self._profile = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColourSpace) and other._profile == self._profile

    def __hash__(self) -> int:
        return hash(self._profile)

    @property
    def is_srgb(self) -> bool:
        return self._profile is None

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """image (h, w, 3|4) uint8, uint16 or float32 in sRGB, of its dtype; what sRGB cannot show is clipped."""
        return image if self.is_srgb else self._transformed(image, self._imported)

    def from_srgb(self, image: np.ndarray) -> np.ndarray:
        """The reverse: image (h, w, 3|4) in this space, of its dtype; grey where the profile is for grey values."""
        return image if self.is_srgb else self._transformed(image, self._exported)

    def _transformed(self, image: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """image with its colours transformed, 16 bits deep; its opacity as it is."""
        result = np.empty_like(image, order="C")
        result[..., 3:] = image[..., 3:]
        rows = max(1, BAND // max(1, image.shape[1]))
        white = full_value(image.dtype)
        for top in range(0, len(image), rows):
            deep = transform(to_uint16(image[top : top + rows, :, :3]))
            result[top : top + rows, :, :3] = to_depth(deep / np.float32(65535), image.dtype, white)
        return result

    def _imported(self, deep: np.ndarray) -> np.ndarray:
        """sRGB (h, w, 3) of values (h, w, 3), both uint16."""
        values = np.ascontiguousarray(deep[..., :1]) if self._is_grey else deep
        picture = _picture(values, self._profile).icc_import(embedded=True, intent="relative", pcs="xyz")
        return picture.colourspace("rgb16").numpy()

    def _exported(self, deep: np.ndarray) -> np.ndarray:
        """Values (h, w, 3) of sRGB (h, w, 3), both uint16."""
        picture = _picture(deep, self._profile).colourspace("xyz")
        values = picture.icc_export(intent="relative", pcs="xyz", depth=16).numpy()
        return np.atleast_3d(values)[..., [0, 0, 0]] if self._is_grey else values

    def _is_srgb(self) -> bool:
        """Whether the profile gives all colours as sRGB does; true as well where it is damaged."""
        import pyvips

        levels = np.linspace(0, 65535, STEPS).astype(np.uint16)
        colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(STEPS, -1, 3)
        if self._is_grey:
            colours = colours[..., [0, 0, 0]]
        try:
            seen = self._imported(colours)
        except pyvips.Error:
            return True
        return bool(np.abs(seen.astype(np.float32) - colours).max() <= NEAR * 65535)


def profile_kind(profile: bytes | None) -> bytes:
    """What a profile's values are, as its header says: b"RGB ", b"GRAY", b"CMYK", …"""
    return b"" if profile is None else profile[16:20]


def _picture(values: np.ndarray, profile: bytes | None) -> "pyvips.Image":
    """Values (h, w, 1|3) uint16 as a picture of libvips with this profile."""
    import pyvips

    picture = pyvips.Image.new_from_array(values, interpretation="grey16" if values.shape[2] == 1 else "rgb16").copy()
    picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return picture


SRGB = ColourSpace()

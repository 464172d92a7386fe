"""Windows of a photograph, scaling, and putting pixels back.  Pure functions.

Three spaces, three names: the *photo* at full resolution, a *window* of it in its own pixels, and the *proxy*, the
whole photo scaled down (`protocol.proxy_size`), which is all the segmenter looks at.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..shared.messages import proxy_size

LEAST_CONTEXT = 64  # so that even a speck gets enough surroundings to be filled from


class Window(NamedTuple):
    """A rectangle of whole pixels: x and y of its top left, width, height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window in an array (H, W, …)."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def area(self) -> int:
        return self.width * self.height

    def grown(self, dx: int, dy: int, width: int, height: int) -> "Window":
        """The window with dx more pixels left and right and dy above and below, as far as the photo goes."""
        x0, y0 = max(0, self.x - dx), max(0, self.y - dy)
        x1, y1 = min(width, self.x + self.width + dx), min(height, self.y + self.height + dy)
        return Window(x0, y0, x1 - x0, y1 - y0)

    def widened(self, least_width: int, least_height: int, width: int, height: int) -> "Window":
        """The window made at least this wide and high, as far as the photo goes, with what it held about its middle."""
        w, h = min(width, max(self.width, least_width)), min(height, max(self.height, least_height))
        x, y = self.x - (w - self.width) // 2, self.y - (h - self.height) // 2
        return Window(min(max(x, 0), width - w), min(max(y, 0), height - h), w, h)

    def seen_from(self, other: "Window") -> "Window":
        """The same pixels, counted from the other's top left."""
        return Window(self.x - other.x, self.y - other.y, self.width, self.height)

    def union(self, other: "Window") -> "Window":
        """The smallest window that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        x1, y1 = max(self.x + self.width, other.x + other.width), max(self.y + self.height, other.y + other.height)
        return Window(x, y, x1 - x, y1 - y)

    def intersection(self, other: "Window") -> "Window | None":
        """What both have in common, or None."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        x1, y1 = min(self.x + self.width, other.x + other.width), min(self.y + self.height, other.y + other.height)
        return Window(x, y, x1 - x, y1 - y) if x < x1 and y < y1 else None

    def inside(self, width: int, height: int) -> bool:
        """Whether it is not empty and lies within a photo of this size."""
        return (
            self.width > 0
            and self.height > 0
            and self.x >= 0
            and self.y >= 0
            and self.x + self.width <= width
            and self.y + self.height <= height
        )


def bounds(mask: np.ndarray) -> Window | None:
    """The smallest window that holds every non-zero pixel of mask (H, W); None where there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return Window(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


def context_window(object_bounds: Window, width: int, height: int) -> Window:
    """The window an inpainter should see: the object and, on each side, at least half its size again.

    In native pixels and cut at the photo's edge, never padded: a filler that sees black paints black.
    """
    dx = max((object_bounds.width + 1) // 2, LEAST_CONTEXT)
    dy = max((object_bounds.height + 1) // 2, LEAST_CONTEXT)
    return object_bounds.grown(dx, dy, width, height)


def to_proxy(image: np.ndarray) -> np.ndarray:
    """The proxy (h, w, 3) uint8 of image (H, W, 3|4) uint8, uint16 or float32."""
    height, width = image.shape[:2]
    size = proxy_size(width, height)
    small = image
    # By halves as far as that goes: an even factor is many times faster than an odd one.
    while min(width / size[0], height / size[1]) >= 2 and width % 2 == height % 2 == 0:
        width, height = width // 2, height // 2
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
    if size != (width, height):
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    return to_uint8(small[..., :3])


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Grey (H, W, 1), or grey and alpha (H, W, 2), as RGB or RGBA; anything else as it is."""
    return image[..., {1: [0, 0, 0], 2: [0, 0, 0, 1]}[image.shape[2]]] if image.shape[2] < 3 else image


def from_rgb(image: np.ndarray, channels: int) -> np.ndarray:
    """The reverse of `to_rgb`: image (H, W, 3|4) with as many channels as there were."""
    return image[..., {1: [0], 2: [0, 3]}[channels]] if channels < 3 else image


def to_uint8(image: np.ndarray) -> np.ndarray:
    """image brought to 8 bits a channel, contiguous.  float32 is taken as 0 to 1, NaN as 0, and clipped."""
    if image.dtype == np.uint16:
        image = (image.astype(np.uint32) * 255 + 32767) // 65535
    elif image.dtype == np.float32:
        image = np.clip(np.nan_to_num(image), 0, 1) * 255 + 0.5
    return np.ascontiguousarray(image, dtype=np.uint8)


def blend(image: np.ndarray, patch: np.ndarray, alpha: np.ndarray, window: Window) -> np.ndarray:
    """image (H, W, C) with patch (h, w, C) laid over `window` through alpha (h, w) uint8; a new array.

    Where alpha is 0 the result is the image bit for bit; where it is 255, the patch.
    """
    result = image.copy()
    target = result[window.slices]
    soft = (alpha > 0) & (alpha < 255)
    np.copyto(target, patch, where=(alpha == 255)[..., None])
    weight = alpha[soft].astype(np.float64)[:, None] / 255
    mixed = target[soft] * (1 - weight) + patch[soft] * weight
    target[soft] = mixed if image.dtype == np.float32 else np.rint(mixed)
    return result

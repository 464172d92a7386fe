"""Points, boxes and windows of an image, and sizes.  Pure; standard library only.

Coordinates are pixels, x to the right, y down, the origin at the top left corner of the first pixel.
"""

from typing import NamedTuple

PROXY_SIDE = 1024  # pixels on the long side of a proxy, all that a segmenter looks at
LEAST_GROW = 7  # pixels: the paper's code dilates with a 15-pixel kernel

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1
Size = tuple[int, int]  # width, height


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
        """Pixels in it."""
        return self.width * self.height

    def grown(self, dx: int, dy: int, width: int, height: int) -> "Window":
        """The window with dx more pixels left and right and dy above and below, cut at an image of this size."""
        x0, y0 = max(0, self.x - dx), max(0, self.y - dy)
        x1, y1 = min(width, self.x + self.width + dx), min(height, self.y + self.height + dy)
        return Window(x0, y0, x1 - x0, y1 - y0)

    def widened(self, least_width: int, least_height: int, width: int, height: int) -> "Window":
        """The window made at least this wide and high, as far as an image of this size allows, with what it held about
        its middle."""
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
        """Whether it is not empty and lies within an image of this size."""
        return (
            self.width > 0
            and self.height > 0
            and self.x >= 0
            and self.y >= 0
            and self.x + self.width <= width
            and self.y + self.height <= height
        )


def whole(width: int, height: int) -> Window:
    """The window that is all of an image."""
    return Window(0, 0, width, height)


def scaled_size(width: int, height: int, scale: float) -> Size:
    """Width and height times `scale`, each rounded and at least 1."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def fit_within(width: int, height: int, side: float) -> Size:
    """The size with the same aspect whose long side is at most `side`; a smaller one is left as it is."""
    return scaled_size(width, height, min(1.0, side / max(width, height)))


def proxy_size(width: int, height: int) -> Size:
    """Width and height of the proxy of an image: its long side at most PROXY_SIDE; a small image is its own proxy."""
    return fit_within(width, height, PROXY_SIDE)


def default_grow(width: int, height: int) -> int:
    """Pixels to grow by in an image of this size.

    Several times the mean error of a refined edge, because the lens spreads the object beyond its edge.  A panorama's
    length says nothing of its lens: it counts as twice its height.
    """
    return max(LEAST_GROW, round(min(max(width, height), 2 * min(width, height)) / 400))


def default_feather(grow: int) -> int:
    """Pixels of soft edge that suit a mask grown by `grow` pixels."""
    return max(1, grow // 3) if grow else 0

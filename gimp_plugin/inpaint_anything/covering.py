"""Where a photo lies that comes behind another one: always so that it covers it.  Pure; knows neither GIMP nor GTK.

Sizes are (width, height) in pixels: `photo` of the one in front, `behind` of the one that comes behind.
"""

from dataclasses import dataclass, replace

from inference_server.shared.geometry import Box, Point, Size

LARGEST = 10.0  # scale


@dataclass(frozen=True)
class Covering:
    """How a photo lies behind another one.

    scale: how much larger it is than it must be to cover, 1 to LARGEST.  across, down: which part of it is seen where
    it is larger: from -1, its left or upper edge, to 1, the right or lower one.  flipped: whether left and right are
    exchanged, before that.
    """

    scale: float = 1.0
    across: float = 0.0
    down: float = 0.0
    flipped: bool = False

    def part(self, photo: Size, behind: Size) -> Box:
        """What is seen of the photo behind, once it is flipped, in its pixels."""
        factor = self._factor(photo, behind)
        ends = []
        for edge, whole, at in zip(photo, behind, (self.across, self.down), strict=True):
            seen = min(edge / factor, whole)
            low = (whole - seen) / 2 * (1 + at)
            ends.append((low, low + seen))
        (x0, x1), (y0, y1) = ends
        return x0, y0, x1, y1

    def moved(self, photo: Size, behind: Size, dx: float, dy: float) -> "Covering":
        """Moved by so many of the photo's pixels to the right and down, as far as it still covers."""
        factor = self._factor(photo, behind)
        moved = []
        for edge, whole, at, step in zip(photo, behind, (self.across, self.down), (dx, dy), strict=True):
            beyond = (whole - edge / factor) / 2  # on either side, in pixels of the photo behind
            moved.append(_between(-1.0, at - step / factor / beyond, 1.0) if beyond > 1e-6 else 0.0)
        return replace(self, across=moved[0], down=moved[1])

    def scaled(self, photo: Size, behind: Size, factor: float, about: Point) -> "Covering":
        """Larger by a factor, as far as that goes, with what is seen at a point of the photo staying there."""
        before = self._factor(photo, behind)
        larger = replace(self, scale=_between(1.0, self.scale * factor, LARGEST))
        after = larger._factor(photo, behind)
        (x0, y0, *_), (x1, y1, *_) = self.part(photo, behind), larger.part(photo, behind)
        # Where the point's pixel comes to lie, if only the scale changes, and where it is to lie.
        dx, dy = (
            at - (first + at / before - now) * after for at, first, now in zip(about, (x0, y0), (x1, y1), strict=True)
        )
        return larger.moved(photo, behind, dx, dy)

    def mirrored(self) -> "Covering":
        """With what is seen flipped where it is."""
        return replace(self, across=-self.across, flipped=not self.flipped)

    def _factor(self, photo: Size, behind: Size) -> float:
        """Pixels of the photo for one of the photo behind."""
        return max(edge / whole for edge, whole in zip(photo, behind, strict=True)) * self.scale


def _between(low: float, value: float, high: float) -> float:
    return min(max(value, low), high)

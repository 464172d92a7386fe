"""What the pointer does over the photo, and how its mask is shown.  Pure; knows no GTK."""

from dataclasses import dataclass
from enum import Enum

RADII = 1.0, 2000.0  # of a brush, in pixels of the photo
STEP = 1.2  # by which a brush grows or shrinks
FIRST_RADIUS = 0.02  # of a photo's longer side


class Tool(Enum):
    """What the left button does."""

    INCLUDE = "include"  # a click is on the object; dragging draws a box
    EXCLUDE = "exclude"  # a click is on what is not the object
    BOX = "box"  # draws a box around an object
    BRUSH = "brush"  # adds to the mask
    ERASER = "eraser"  # takes from the mask
    LASSO = "lasso"  # adds what is enclosed
    REFINE = "refine"  # says where the mask's edge is to be found anew, as for hair
    PLACE = "place"  # moves the photo that comes behind

    @property
    def has_size(self) -> bool:
        """Whether it is a brush, as wide as one wants."""
        return self in (Tool.BRUSH, Tool.ERASER, Tool.REFINE)

    @property
    def draws(self) -> bool:
        """Whether it makes strokes, and no clicks or boxes."""
        return self.has_size or self is Tool.LASSO


@dataclass(frozen=True)
class Tint:
    """The colour that covers what will change.  colour: red, green, blue; opacity: of the colour; all 0 to 1."""

    colour: tuple[float, float, float] = (0.93, 0.13, 0.80)  # a magenta that hardly any photo has
    opacity: float = 0.36


FIRST_TINT = Tint()


class MaskView(Enum):
    """How the mask is shown."""

    OVERLAY = "overlay"  # what will change is covered with a colour
    MASK = "mask"  # in black and white
    CUTOUT = "cutout"  # the object alone
    WHITE = "white"  # the object on white
    BEHIND = "behind"  # the object before its new background, as far as that can be shown at once


def resized(radius: float, steps: int) -> float:
    """A brush's radius after so many steps, upwards or, where negative, downwards."""
    return min(max(radius * STEP**steps, RADII[0]), RADII[1])


def first_radius(width: int, height: int) -> float:
    """A brush's radius for a photo of this size, in its pixels."""
    return min(max(FIRST_RADIUS * max(width, height), RADII[0]), RADII[1])

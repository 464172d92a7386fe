"""How far a photo is expanded at each side.  Standard library only."""

from typing import NamedTuple

from .errors import wrong_input
from .geometry import Size, Window

MOST = 1.0  # of the photo's width or height, that is added at a side: further out nothing says what goes on


class Margins(NamedTuple):
    """Pixels that are added at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def canvas(self, size: Size) -> Size:
        """The (width, height) that a photo of this (width, height) has with them."""
        return self.left + size[0] + self.right, self.top + size[1] + self.bottom

    def inner(self, size: Size) -> Window:
        """Where in the larger photo the old one lies."""
        return Window(self.left, self.top, *size)

    def check(self, size: Size) -> None:
        """Raise UserError for margins that are negative, all 0, or longer than a photo of this (width, height)."""
        if min(self) < 0 or not any(self):
            raise wrong_input("Nothing says how far the photo is to be expanded.", "Give pixels for at least one side.")
        if max(self.left, self.right) > MOST * size[0] or max(self.top, self.bottom) > MOST * size[1]:
            raise wrong_input(
                "A photo can be expanded at each side by no more than its own length.", "Expand it less, or twice."
            )

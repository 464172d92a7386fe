"""Progress and cancelling of long work.  Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import cancelled_error

if TYPE_CHECKING:
    import numpy as np

    Picture = np.ndarray


def _ignore_progress(share: float, message: str) -> None:
    pass


def _never_cancelled() -> bool:
    return False


def _ignore_preview(picture: "Picture") -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """Whoever watches a piece of long work: is told how far it is, sees previews of the result, and may cancel.

    on_progress(share, message): share from 0 to 1, message for the person.  is_cancelled(): whether to stop.
    on_preview(picture): the result as it forms, (h, w, 3) uint8.  message: what `report` says where it is given none.
    """

    on_progress: Callable[[float, str], None] = _ignore_progress
    is_cancelled: Callable[[], bool] = _never_cancelled
    on_preview: Callable[["Picture"], None] = _ignore_preview
    message: str = ""

    def check(self) -> None:
        """Raise the `UserError` that ends the work if it was cancelled."""
        if self.is_cancelled():
            raise cancelled_error()

    def report(self, share: float, message: str = "") -> None:
        """Say that `share` of the work is done, after a `check`."""
        self.check()
        self.on_progress(share, message or self.message)

    def part(self, start: float, end: float, message: str = "") -> "Monitor":
        """A monitor for the part of the work between two shares of the whole."""

        def on_progress(share: float, message: str) -> None:
            self.on_progress(start + share * (end - start), message)

        return replace(self, on_progress=on_progress, message=message or self.message)


UNWATCHED = Monitor()

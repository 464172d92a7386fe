"""The clicks and boxes made in the dialog, in order, so that they can be taken back.  Knows neither GIMP nor GTK."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from inference_server.shared.geometry import Box
from inference_server.shared.messages import ObjectPrompt


class Click(NamedTuple):
    """A click on the photo, in its pixels.  label: 1 for the object, 0 for what is not the object."""

    x: float
    y: float
    label: int


@dataclass(frozen=True)
class ClickHistory:
    """entries: clicks and boxes, the oldest first; of several boxes the last counts.  chosen: as in `ObjectPrompt`."""

    entries: tuple[Click | Box, ...] = ()
    chosen: tuple[int, ...] = ()

    @classmethod
    def of(cls, prompt: ObjectPrompt | None) -> "ClickHistory":
        """The history that gives this prompt, as if it had been clicked here."""
        if prompt is None:
            return cls()
        box = (prompt.box,) if prompt.box else ()
        clicks = (Click(x, y, label) for (x, y), label in zip(prompt.points, prompt.labels, strict=True))
        return cls((*box, *clicks), prompt.chosen)

    def with_click(self, x: float, y: float, *, on_object: bool) -> "ClickHistory":
        """One more click, at a point of the photo."""
        return replace(self, entries=(*self.entries, Click(x, y, int(on_object))))

    def with_box(self, box: Box) -> "ClickHistory":
        """One more box.  Which proposals were chosen before it is forgotten: other masks are proposed now."""
        return ClickHistory((*self.entries, box))

    def without_last(self) -> "ClickHistory":
        """The history before the last click or box."""
        entries = self.entries[:-1]
        return ClickHistory(entries, self.chosen[: 1 + sum(isinstance(entry, Click) for entry in entries)])

    def with_choice(self, k: int) -> "ClickHistory":
        """With the k-th proposal, from 0, chosen for the clicks so far."""
        count = len(self._clicks)
        return replace(self, chosen=(*(*self.chosen, *[0] * count)[:count], k))

    def moved(self, dx: float, dy: float) -> "ClickHistory":
        """The same of a photo whose pixels lie so much further to the right and down."""

        def entry(each: Click | Box) -> Click | Box:
            if isinstance(each, Click):
                return Click(each.x + dx, each.y + dy, each.label)
            return each[0] + dx, each[1] + dy, each[2] + dx, each[3] + dy

        return replace(self, entries=tuple(map(entry, self.entries)))

    @property
    def choice(self) -> int:
        """Which proposal is chosen for the clicks so far, from 0."""
        count = len(self._clicks)
        return self.chosen[count] if count < len(self.chosen) else 0

    @property
    def marks(self) -> ObjectPrompt:
        """All clicks and the box, to be drawn over the photo."""
        clicks = self._clicks
        boxes = [entry for entry in self.entries if not isinstance(entry, Click)]
        return ObjectPrompt(
            points=tuple((click.x, click.y) for click in clicks),
            labels=tuple(click.label for click in clicks),
            box=boxes[-1] if boxes else None,
            chosen=self.chosen,
        )

    @property
    def prompt(self) -> ObjectPrompt | None:
        """The same for the server; None without a box and without a click on the object."""
        marks = self.marks
        return marks if marks.box or 1 in marks.labels else None

    @property
    def _clicks(self) -> list[Click]:
        return [entry for entry in self.entries if isinstance(entry, Click)]

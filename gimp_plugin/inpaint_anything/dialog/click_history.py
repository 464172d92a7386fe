"""What the person points at, click by click.  Knows neither GIMP nor GTK."""

from dataclasses import dataclass, replace

from inference_server.shared.messages import ObjectPrompt

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Pointing:
    """Clicks and a box in the order in which they came: (x, y, label), or a box.  chosen: as in `Clicks`."""

    acts: tuple[tuple, ...] = ()
    chosen: tuple[int, ...] = ()

    @classmethod
    def of(cls, clicks: ObjectPrompt | None) -> "Pointing":
        """The same as if it had been pointed at here."""
        if clicks is None:
            return cls()
        box = (clicks.box,) if clicks.box else ()
        return cls(
            (*box, *((x, y, label) for (x, y), label in zip(clicks.points, clicks.labels, strict=True))), clicks.chosen
        )

    def click(self, x: float, y: float, this: bool) -> "Pointing":
        return replace(self, acts=(*self.acts, (x, y, int(this))))

    def with_box(self, box: Box) -> "Pointing":
        """A box instead of one there may be; which mask was chosen before it says nothing any more."""
        return Pointing((*self.acts, box))

    def back(self) -> "Pointing":
        """Without the last click or box."""
        acts = self.acts[:-1]
        return Pointing(acts, self.chosen[: 1 + sum(len(act) == 3 for act in acts)])

    def choose(self, k: int) -> "Pointing":
        """The k-th of the masks that may be meant, from 0, after the clicks so far."""
        count = len(self._points)
        return replace(self, chosen=(*(*self.chosen, *[0] * count)[:count], k))

    @property
    def choice(self) -> int:
        """Which mask is chosen after the clicks so far."""
        count = len(self._points)
        return self.chosen[count] if count < len(self.chosen) else 0

    @property
    def marks(self) -> ObjectPrompt:
        """All of it, as it is shown."""
        points = self._points
        box = next((act for act in reversed(self.acts) if len(act) == 4), None)
        return ObjectPrompt(tuple((x, y) for x, y, _ in points), tuple(k for *_, k in points), box, chosen=self.chosen)

    @property
    def clicks(self) -> ObjectPrompt | None:
        """All of it, as the server takes it; None where nothing says what is meant."""
        marks = self.marks
        return marks if marks.box or 1 in marks.labels else None

    @property
    def _points(self) -> list[tuple]:
        return [act for act in self.acts if len(act) == 3]

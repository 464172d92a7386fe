"""What the person has marked on the photo: objects, each by clicks and a box, and strokes.  Knows neither GIMP nor GTK.

Everything is frozen: a step back is the annotation of before.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from inference_server.shared.geometry import Box
from inference_server.shared.messages import ObjectPrompt, Scene, Stroke

BESIDE_BOX = 0.1  # of a box's longer side: a click this far outside it is not about what is in it


class Click(NamedTuple):
    """A click on the photo, in its pixels.  label: 1 for the object, 0 for what is not the object."""

    x: float
    y: float
    label: int


class Name(NamedTuple):
    """What an object is called, "" for what examples say alone.  like: boxes around examples of it, in the photo's
    pixels."""

    text: str
    like: tuple[Box, ...] = ()


Entry = Click | Box | Name | Scene


@dataclass(frozen=True)
class ClickHistory:
    """The clicks and boxes that mark one object, or its name alone, or a scene and the clicks that correct it.

    entries: the oldest first; of several boxes the last counts.  chosen: as in `ObjectPrompt`; of a name, which of the
    objects that are called so.
    """

    entries: tuple[Entry, ...] = ()
    chosen: tuple[int, ...] = ()

    @classmethod
    def of(cls, prompt: ObjectPrompt) -> "ClickHistory":
        """The history that gives this prompt, as if it had been clicked here."""
        if prompt.text or prompt.like:
            return cls((Name(prompt.text, prompt.like),), prompt.chosen)
        if prompt.scene == Scene.DISTRACTIONS:
            return cls((prompt.scene,), prompt.chosen)
        scene = (prompt.scene,) if prompt.scene else ()
        box = (prompt.box,) if prompt.box else ()
        clicks = (Click(x, y, label) for (x, y), label in zip(prompt.points, prompt.labels, strict=True))
        return cls((*scene, *box, *clicks), prompt.chosen)

    def with_click(self, x: float, y: float, *, on_object: bool) -> "ClickHistory":
        """One more click, at a point of the photo."""
        return replace(self, entries=(*self.entries, Click(x, y, int(on_object))))

    def with_box(self, box: Box) -> "ClickHistory":
        """One more box.  Which proposals were chosen before it is forgotten: other masks are proposed now."""
        return ClickHistory((*self.entries, box))

    def without(self, k: int) -> "ClickHistory":
        """The history without its entry number k, from 0."""
        chosen = self.chosen
        if isinstance(self.entries[k], Click):
            before = 1 + sum(isinstance(entry, Click) for entry in self.entries[:k])
            chosen = (*chosen[:before], *chosen[before + 1 :])
        return ClickHistory((*self.entries[:k], *self.entries[k + 1 :]), trimmed(chosen))

    def with_entry_at(self, k: int, x: float, y: float) -> "ClickHistory":
        """With its entry number k, a click, at another point."""
        click = self.entries[k]
        assert isinstance(click, Click)  # boxes are drawn anew
        return replace(self, entries=(*self.entries[:k], click._replace(x=x, y=y), *self.entries[k + 1 :]))

    def with_choice(self, k: int) -> "ClickHistory":
        """With the k-th proposal, from 0, chosen for the clicks so far."""
        count = len(self.clicks)
        return replace(self, chosen=trimmed((*(*self.chosen, *[0] * count)[:count], k)))

    def moved(self, dx: float, dy: float) -> "ClickHistory":
        """The same of a photo whose pixels lie so much further to the right and down."""

        def place(box: Box) -> Box:
            return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy

        def entry(each: Entry) -> Entry:
            if isinstance(each, Scene):
                return each
            if isinstance(each, Name):
                return each._replace(like=tuple(map(place, each.like)))
            if isinstance(each, Click):
                return Click(each.x + dx, each.y + dy, each.label)
            return place(each)

        return replace(self, entries=tuple(map(entry, self.entries)))

    @property
    def clicks(self) -> list[Click]:
        """Without the boxes."""
        return [entry for entry in self.entries if isinstance(entry, Click)]

    @property
    def box(self) -> Box | None:
        """The box that counts."""
        return next((entry for entry in reversed(self.entries) if not isinstance(entry, Click | Name | Scene)), None)

    @property
    def name(self) -> Name | None:
        """What the object is called; None for one that is pointed at."""
        return next((entry for entry in self.entries if isinstance(entry, Name)), None)

    @property
    def kind(self) -> Name | Scene | None:
        """What it is one of many of; None for an object by itself."""
        return self.scene if self.scene == Scene.DISTRACTIONS else self.name

    @property
    def scene(self) -> Scene | None:
        """What is found without pointing; None for anything else."""
        return next((entry for entry in self.entries if isinstance(entry, Scene)), None)

    @property
    def choice(self) -> int:
        """Which proposal is chosen for the clicks so far, from 0."""
        count = len(self.clicks)
        return self.chosen[count] if count < len(self.chosen) else 0

    @property
    def marks(self) -> ObjectPrompt:
        """All clicks and the box, to be drawn over the photo."""
        clicks = self.clicks
        return ObjectPrompt(
            points=tuple((click.x, click.y) for click in clicks),
            labels=tuple(click.label for click in clicks),
            box=self.box,
            text=self.name.text if self.name else "",
            like=self.name.like if self.name else (),
            scene=self.scene,
            chosen=self.chosen,
        )

    @property
    def prompt(self) -> ObjectPrompt | None:
        """The same for the server; None where nothing says what the object is."""
        marks = self.marks
        return marks if marks.box or self.name or marks.scene or 1 in marks.labels else None

    def is_beside(self, x: float, y: float) -> bool:
        """Whether a click at a point of the photo is plainly about something else than what is in the box."""
        if self.box is None:
            return False
        x0, y0, x1, y1 = self.box
        margin = BESIDE_BOX * max(x1 - x0, y1 - y0)
        return not (x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin)

    def is_apart(self, box: Box) -> bool:
        """Whether a box is plainly about something else: it holds no click on the object, and does not touch the box
        there is."""
        x0, y0, x1, y1 = box
        if any(click.label and x0 <= click.x <= x1 and y0 <= click.y <= y1 for click in self.clicks):
            return False
        return bool(self.entries) and not (self.box and _overlap(box, self.box))


def trimmed(chosen: tuple[int, ...]) -> tuple[int, ...]:
    """The same choices, as in `ObjectPrompt`, said as briefly as can be: without a choice, the best is meant."""
    while chosen and chosen[-1] == 0:
        chosen = chosen[:-1]
    return chosen


@dataclass(frozen=True)
class Annotation:
    """objects: none of them empty; active: which of them clicks go to, len(objects) for one that has none yet.

    strokes: drawn over all of them by hand, in their order; those that refine say where the edge is to be found anew.
    """

    objects: tuple[ClickHistory, ...] = ()
    active: int = 0
    strokes: tuple[Stroke, ...] = ()

    @property
    def current(self) -> ClickHistory:
        """The object that clicks go to."""
        return self.objects[self.active] if self.active < len(self.objects) else ClickHistory()

    @property
    def prompts(self) -> tuple[ObjectPrompt, ...]:
        """One for each object that a server can look for."""
        return tuple(prompt for history in self.objects if (prompt := history.prompt))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is marked."""
        return not (self.objects or self.strokes)

    @property
    def says_what_is_meant(self) -> bool:
        """Whether a mask follows from it: taking away from nothing leaves nothing."""
        return bool(self.prompts) or any(stroke.adds_to_mask for stroke in self.strokes)

    def means(self, other: "Annotation") -> bool:
        """Whether the same is marked in both, whichever object is at hand."""
        return self.objects == other.objects and self.strokes == other.strokes

    def mark(self, k: int, entry: int) -> Entry | None:
        """One of the marks, by the numbers of its object and of its entry; None where there is none: what was taken
        hold of may be gone."""
        entries = self.objects[k].entries if k < len(self.objects) else ()
        return entries[entry] if entry < len(entries) else None

    # -- what becomes of it

    def with_click(self, x: float, y: float, *, on_object: bool) -> "Annotation":
        """With a click for the object at hand, or for another one where it is plainly about that."""
        if self.current.kind or (on_object and self.current.is_beside(x, y)):
            return self.with_next_object().with_click(x, y, on_object=on_object)
        return self._with_current(self.current.with_click(x, y, on_object=on_object))

    def with_box(self, box: Box) -> "Annotation":
        """With a box for the object at hand, or for another one where it is plainly about that."""
        if self.current.kind or self.current.scene or self.current.is_apart(box):
            return self.with_next_object().with_box(box)
        return self._with_current(self.current.with_box(box))

    def with_choice(self, k: int) -> "Annotation":
        """With the k-th proposal, from 0, chosen for the object at hand."""
        return self._with_current(self.current.with_choice(k))

    def with_scene(self, scene: Scene) -> "Annotation":
        """With a part of the scene as an object of its own, in the place of another one that has no correction."""
        current = self.current
        if current.kind or (current.entries and current.entries != (current.scene,)):
            return self.with_next_object().with_scene(scene)
        return self._with_current(ClickHistory((scene,)))

    def with_all(self, kind: Name | Scene, count: int = 1) -> "Annotation":
        """With so many objects of a kind, each as one of its own, instead of those there were."""
        others = tuple(history for history in self.objects if history.kind != kind)
        found = tuple(ClickHistory((kind,), trimmed((k,))) for k in range(count))
        return replace(self, objects=(*others, *found), active=len(others))

    def with_stroke(self, stroke: Stroke) -> "Annotation":
        """With one more stroke on top."""
        return replace(self, strokes=(*self.strokes, stroke))

    def with_next_object(self) -> "Annotation":
        """The same, with further clicks for another object."""
        return self.with_active(len(self.objects))

    def with_active(self, k: int) -> "Annotation":
        """The same, with further clicks for object number k, from 0."""
        return replace(self, active=min(k, len(self.objects)))

    def without_object(self, k: int) -> "Annotation":
        """Without object number k, from 0; the one before it is at hand then."""
        objects = (*self.objects[:k], *self.objects[k + 1 :])
        active = self.active - 1 if self.active >= max(k, 1) else self.active
        return replace(self, objects=objects, active=min(active, len(objects)))

    def without_mark(self, k: int, entry: int) -> "Annotation":
        """Without one of the clicks, or the box, of object number k, and without the object if that was all."""
        history = self.objects[k].without(entry)
        return self._with_object(k, history) if history.entries else self.without_object(k)

    def with_mark_at(self, k: int, entry: int, x: float, y: float) -> "Annotation":
        """With one of the clicks of object number k at another point."""
        return self._with_object(k, self.objects[k].with_entry_at(entry, x, y))

    def moved(self, dx: float, dy: float) -> "Annotation":
        """The same of a photo whose pixels lie so much further to the right and down."""
        return replace(
            self,
            objects=tuple(history.moved(dx, dy) for history in self.objects),
            strokes=tuple(stroke.moved(dx, dy) for stroke in self.strokes),
        )

    def with_strokes_as_objects(self) -> "Annotation":
        """With an object looked for under each group of strokes that touch, instead of the strokes; those that refine
        stay."""
        groups = _touching([stroke for stroke in self.strokes if stroke.adds_to_mask])
        found = tuple(_object_under(group) for group in groups)
        objects = (*self.objects, *found)
        refining = tuple(stroke for stroke in self.strokes if stroke.refines)
        return Annotation(objects, max(len(objects) - 1, 0), refining)

    def _with_current(self, history: ClickHistory) -> "Annotation":
        if self.active < len(self.objects):
            return self._with_object(self.active, history)
        return replace(self, objects=(*self.objects, history), active=len(self.objects))

    def _with_object(self, k: int, history: ClickHistory) -> "Annotation":
        return replace(self, objects=(*self.objects[:k], history, *self.objects[k + 1 :]), active=k)


# -- what strokes mean ------------------------------------------------------------------------------------------------

HINTS = 5  # points along a stroke that a segmenter is given


def _touching(strokes: list[Stroke]) -> list[list[Stroke]]:
    """Strokes in groups: those whose boxes overlap are in the same one, whichever was drawn first."""
    groups: list[list[tuple[Box, Stroke]]] = []
    for stroke in strokes:
        members, apart = [(stroke.box, stroke)], []
        for group in groups:
            if any(_overlap(members[-1][0], box) for box, _stroke in group):
                members = [*group, *members]
            else:
                apart.append(group)
        groups = [*apart, members]
    return [[stroke for _box, stroke in group] for group in groups]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _object_under(strokes: list[Stroke]) -> ClickHistory:
    """Points along the way of brushes; what lassos enclose is a box."""
    lassos = [stroke.box for stroke in strokes if stroke.filled]
    if lassos:
        x0, y0, x1, y1 = zip(*lassos, strict=True)
        return ClickHistory(((min(x0), min(y0), max(x1), max(y1)),))
    path = [(x, y) for stroke in strokes for x, y, _radius in stroke.points]
    count = min(HINTS, len(path))
    chosen = [path[round((k + 0.5) * len(path) / count - 0.5)] for k in range(count)]
    return ClickHistory(tuple(Click(x, y, 1) for x, y in chosen))

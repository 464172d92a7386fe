"""What the dialog is doing, as data: one frozen `DialogState`.  What events make of it is in `update`.

What a person sees for a click: a quick mask first, and a moment later the final one in its place, which follows colours
and edges.  Final masks are kept for the latest `KNOWN` sets of clicks, so the same clicks always end with the same
mask, and a step back shows at once the final masks of before.

    POINTING --Preview, Apply--> WORKING --ended--> SHOWING_RESULTS --Apply--> CLOSED
       ^                          | Esc: stop; Esc again: do not wait for it      |
       +--------------------------+------------------ Esc, Apply and next --------+

While a job runs, and while its results are shown, nothing is marked on the photo: one goes back first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Job, MaskOptions, ObjectPrompt, Scene

from ..photo_view.behind import AnotherPhoto, Behind, Nearness
from ..photo_view.tool import FIRST_TINT, MaskView, Tint, Tool
from .annotation import Annotation, Name
from .events import AlphaQuery, MaskQuery, PhotoBehind, Preview, Reference

if TYPE_CHECKING:  # what is only passed on here; these modules need GIMP
    import cairo

    from ..image.layers import JobResult
    from ..photo_view.scene import MaskShape
    from .pictures import ComposedResult

KNOWN = 64  # sets of clicks whose final masks are kept beside what is meant: some kilobytes each, and 3 MB at most


RETRIED = (  # errors that are no answer to what was asked
    ErrorCode.DISK_FULL,
    ErrorCode.INTERNAL,
    ErrorCode.NO_MEMORY,
    ErrorCode.NO_MODEL,
    ErrorCode.NO_NETWORK,
    ErrorCode.NO_SERVER,
    ErrorCode.SERVER_GONE,
    ErrorCode.SILENT,
    ErrorCode.TOO_MUCH,
)


class Phase(Enum):
    """What the dialog is there for at the moment."""

    POINTING = "pointing"  # the photo is marked; the mask is shown
    WORKING = "working"  # a job runs; results that have come are shown
    SHOWING_RESULTS = "results"  # no job runs, and results can be compared and applied
    CLOSED = "closed"  # nothing happens any more


class Hint(Enum):
    """Which of the sentences on how to use the photo is shown."""

    HOW_TO_POINT = "how-to-point"
    MORE_CLICKS = "more-clicks"
    HOW_TO_DRAW = "how-to-draw"
    HOW_TO_REFINE = "how-to-refine"
    HAIR = "hair"
    NAMED = "named"
    LASSO = "lasso"
    WAIT = "wait"
    COMPARE = "compare"
    APPLIED = "applied"
    PLACE = "place"


class ReferenceNote(Enum):
    """Why the picture of what is to be painted cannot be used."""

    GONE = "gone"
    NOT_TAKEN = "not-taken"  # the model is told by words alone


class AfterRun(Enum):
    """What is done with the results when a job has ended."""

    SHOW = "show"
    APPLY = "apply"
    CONTINUE = "continue"  # apply them, and go on with the next object


@dataclass(frozen=True)
class Progress:
    """share: of the work, 0 to 1; None where nobody knows.  message: "" for the name of the job."""

    share: float | None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A result, and what it is of.

    run, index: the number of the job that gave it, and which of its results it is, from 0; annotation: what was meant
    then.  picture: the photo with the result, None until it is composed.
    """

    run: int
    index: int
    job: Job
    annotation: Annotation
    result: "JobResult"
    picture: "ComposedResult | None" = None


@dataclass(frozen=True, kw_only=True)
class DialogState:
    """Everything that decides what the dialog shows and does.

    has_ready_mask: whether the image came with a mask, which is meant as long as no object is marked.  applied: whether
    results were inserted, and nothing was marked since.  encoded: whether the server has the photo's embedding, so that
    hovering is answered quickly.

    annotation: what is marked; given: what the image came with; past, future: what it was, the latest last, and what
    was taken back.  tool, brush, mask_view, tint: what the pointer does, the brush's radius in pixels of the photo, how
    the mask is shown, and in which colour.  behind: what is to come behind the object, None where that cannot be shown
    without a server; photo_behind: the photo that was read last for it; nearness: of the photo, by which a blur is
    shown, None until it is measured, and where nothing measures it; depth_requested: whether that was asked for.
    reference: the picture of what is to be painted, None where there is none; takes_reference: whether the model can be
    shown one, None where that is unknown.

    proposals: the masks that are shown for the object at hand, the best first; asked: the query that was asked last;
    waiting: whether it is still being answered.  known: final proposals by the key of their query, the latest last;
    failed: the keys of those queries that no answer came to.  naming: a kind of which it is not known yet how many
    objects there are.  hovered: what would be meant if the person clicked where
    the pointer rests.  refined: the question for alpha that was asked last, and its answer, None until that is there.

    run: the number of the last job, from 1; returns_to: the phase after it if it gives nothing; stopping: whether it
    was told to stop; run_failed: whether it ended with an error, and nothing was changed since.  attempts: all the
    results since the photo was opened, the latest last; removed: the job's number, the job and what was meant of those
    that were not wanted; not_composed: why one of them has no picture.  shown: the one that is compared with the photo,
    the newest unless picked, which is when the person has chosen one.  seeds_from: the number of the first job since
    the settings were changed.

    choices: the row of small pictures to choose among.  status: what stands below the photo: how work goes, what went
    wrong, or what to do.  revision: counts the person's decisions on what is meant and how, so that one can wait for
    the answer to the last of them.
    """

    job: Job
    options: MaskOptions
    has_ready_mask: bool = False
    applied: bool = False
    annotation: Annotation = field(default_factory=Annotation)
    given: Annotation = field(default_factory=Annotation)
    past: tuple[Annotation, ...] = ()
    future: tuple[Annotation, ...] = ()
    tool: Tool = Tool.INCLUDE
    brush: float = 20.0
    mask_view: MaskView = MaskView.OVERLAY
    tint: Tint = FIRST_TINT
    behind: Behind | None = None
    photo_behind: PhotoBehind | None = None
    nearness: Nearness | None = None
    depth_requested: bool = False
    reference: Reference | None = None
    takes_reference: bool | None = None
    phase: Phase = Phase.POINTING
    encoded: bool = False
    models_requested: bool = False

    proposals: "tuple[MaskShape, ...]" = ()
    asked: MaskQuery | None = None
    waiting: bool = False
    known: "tuple[tuple[MaskQuery, tuple[MaskShape, ...]], ...]" = ()
    failed: tuple[MaskQuery, ...] = ()
    naming: Name | Scene | None = None
    hovered: MaskQuery | None = None
    hover: "MaskShape | None" = None
    refined: "tuple[AlphaQuery, MaskShape | None] | None" = None

    run: int = 0
    returns_to: Phase = Phase.POINTING
    stopping: bool = False
    run_failed: bool = False
    after_run: AfterRun = AfterRun.SHOW
    attempts: tuple[Attempt, ...] = ()
    removed: tuple[tuple[int, Job, Annotation], ...] = ()
    not_composed: UserError | None = None
    shown: Attempt | None = None
    picked: bool = False
    seeds_from: int = 1
    preview: Preview | None = None

    choices: "tuple[MaskShape | Attempt, ...]" = ()
    status: Progress | UserError | Hint | None = None
    revision: int = 0

    # -- what is meant

    @property
    def query(self) -> MaskQuery | None:
        """The question about the object at hand; None where nothing says what is meant."""
        prompt = self.annotation.current.prompt
        if prompt is None and not self.uses_ready_mask:
            return None
        return self._query(prompt)

    @property
    def queries(self) -> Iterator[MaskQuery]:
        """The questions about all objects, that at hand first."""
        if self.query:
            yield self.query
        for history in self.annotation.objects:
            if history.prompt and history is not self.annotation.current:
                yield self._query(history.prompt)

    @property
    def alpha_query(self) -> AlphaQuery | None:
        """The question for alpha; None where no stroke says that the edge is to be found anew."""
        if not (self.can_apply and any(stroke.refines for stroke in self.annotation.strokes)):
            return None
        return AlphaQuery(job=self.job, meant=self.annotation.with_active(0), options=self.options)

    @property
    def alpha(self) -> "MaskShape | None":
        """The alpha that was found there, if it is of what is meant now."""
        return self.refined[1] if self.refined and self.refined[0] == self.alpha_query else None

    @property
    def shows_hair(self) -> bool:
        """Whether hair crosses the edge of the object at hand, and nobody has said what becomes of it."""
        shape = _at(self.proposals, self.annotation.current.choice)
        is_refined = any(stroke.refines for stroke in self.annotation.strokes)
        return self.settled and shape is not None and shape.has_hair and not is_refined

    @property
    def uses_ready_mask(self) -> bool:
        """Whether the mask is meant that the image came with."""
        return self.has_ready_mask and not self.annotation.objects

    def known_for(self, query: MaskQuery) -> "tuple[MaskShape, ...] | None":
        """The final proposals for a query, if they are known."""
        return next((shapes for key, shapes in self.known if key == query.key), None)

    @property
    def settled(self) -> bool:
        """Whether the masks shown are final for the marks and settings, or asking for them has failed."""
        return not self.waiting

    @property
    def shapes(self) -> "tuple[MaskShape, ...]":
        """The masks of all objects, each as the one that is chosen for it; that at hand is the last."""
        objects = [history for history in self.annotation.objects if history is not self.annotation.current]
        found = [self._shape(history.prompt, history.choice) for history in objects if history.prompt]
        if self.proposals and self.query:
            found.append(_at(self.proposals, self.annotation.current.choice))
        return tuple(shape for shape in found if shape is not None)

    @property
    def shadow_seen(self) -> bool:
        """Whether a shadow is in the masks that are shown."""
        return any(shape.has_shadow for shape in self.shapes)

    @property
    def shadow_taken(self) -> bool | None:
        """What `MaskOptions.include_shadow` is for a job now: nothing is taken by itself that was not seen before."""
        return self.options.include_shadow if self.options.include_shadow is not None or self.shadow_seen else False

    @property
    def can_apply(self) -> bool:
        """Whether it is known what is meant."""
        return (self.annotation.says_what_is_meant or self.uses_ready_mask) and not self.is_counting

    @property
    def is_counting(self) -> bool:
        """Whether it is still being found out how many things there are of a kind that is meant."""
        kind = self.naming
        return kind is not None and self.waiting and any(each.kind == kind for each in self.annotation.objects)

    @property
    def can_snap(self) -> bool:
        """Whether there are strokes under which objects can be looked for."""
        return self.can_mark and any(stroke.adds_to_mask for stroke in self.annotation.strokes)

    @property
    def can_place(self) -> bool:
        """Whether a photo comes behind that is shown, and can be moved."""
        return self.can_mark and self.picture_behind is not None

    @property
    def picture_behind(self) -> "cairo.ImageSurface | None":
        """That of the photo that comes behind, once it is read."""
        photo, behind = self.photo_behind, self.behind
        return photo.picture if photo and isinstance(behind, AnotherPhoto) and photo.address == behind.address else None

    @property
    def shows_behind(self) -> bool:
        """Whether what comes behind can be shown now."""
        return self.behind is not None and (not isinstance(self.behind, AnotherPhoto) or bool(self.picture_behind))

    @property
    def mask_views(self) -> list[MaskView]:
        """The ways there are to show the mask."""
        return [view for view in MaskView if view is not MaskView.BEHIND or self.behind]

    @property
    def offers_reference(self) -> bool:
        """Whether a picture of what is to be painted can be chosen, or one that is chosen be left out."""
        return bool(self.takes_reference or self.reference)

    @property
    def reference_note(self) -> ReferenceNote | None:
        """Why the picture that is chosen cannot be used; None where it can, or there is none."""
        if self.reference is None:
            return None
        if self.reference.is_gone:
            return ReferenceNote.GONE
        return ReferenceNote.NOT_TAKEN if self.takes_reference is False else None

    @property
    def can_mark(self) -> bool:
        """Whether the photo can be marked now."""
        return self.phase is Phase.POINTING

    @property
    def unsaved(self) -> bool:
        """Whether closing would lose something the person has marked or waited for."""
        marked = not self.annotation.is_empty and not self.annotation.means(self.given)
        return bool(self.attempts) or marked

    @property
    def can_retry(self) -> bool:
        """Whether what has failed may go well the next time, though nothing else is asked for."""
        return isinstance(self.status, UserError) and self.status.code in RETRIED and not self.working

    def _query(self, prompt: ObjectPrompt | None) -> MaskQuery:
        return MaskQuery(job=self.job, prompt=prompt, options=self.options)

    def _shape(self, prompt: ObjectPrompt, choice: int) -> "MaskShape | None":
        """The mask of an object that is not at hand; that for other settings until there is one for these."""
        shapes = self.known_for(self._query(prompt))
        if shapes is None:
            key = self._query(prompt).key.prompt
            shapes = next((shapes for query, shapes in reversed(self.known) if query.prompt == key), ())
        return _at(shapes, choice)

    def named_at(self, x: float, y: float) -> int | None:
        """The object that was found as one of its kind and covers a point of the photo, by its number from 0."""
        for k, history in enumerate(self.annotation.objects):
            shape = self._shape(history.prompt, history.choice) if history.kind and history.prompt else None
            if shape and _covers(shape, x, y):
                return k
        return None

    # -- what has come of it

    @property
    def working(self) -> bool:
        """Whether a job runs."""
        return self.phase is Phase.WORKING

    @property
    def results(self) -> tuple[Attempt, ...]:
        """Those of the job at hand, for what is meant now."""
        return tuple(each for each in self.attempts if each.job == self.job and each.annotation.means(self.annotation))

    @property
    def seeds_used(self) -> int:
        """How many results there were for this with the seeds from the chosen one on; those that were not wanted count:
        nobody wants them again."""
        given = [(each.run, each.job, each.annotation) for each in self.attempts]
        return sum(
            run >= self.seeds_from and job == self.job and annotation.means(self.annotation)
            for run, job, annotation in (*given, *self.removed)
        )

    @property
    def shows_results(self) -> bool:
        """Whether results are compared with the photo."""
        if self.phase is Phase.WORKING:
            return any(each.run == self.run for each in self.attempts)
        return self.phase is Phase.SHOWING_RESULTS

    @property
    def comparison(self) -> "ComposedResult | None":
        """The result that the photo is compared with: the shown one or, until that is composed, the newest that is."""
        if not self.shows_results:
            return None
        if self.shown is not None and self.shown.picture is not None:
            return self.shown.picture
        return next((each.picture for each in reversed(self.results) if each.picture is not None), None)

    @property
    def row(self) -> "tuple[MaskShape | Attempt, ...]":
        """What one can choose among: results or masks."""
        return self.results_seen if self.shows_results else self.masks

    @property
    def masks(self) -> "tuple[MaskShape, ...]":
        """Those that the clicks may mean and that differ to the eye, from small to large."""
        current = self.annotation.current  # of those of a kind each is an object already
        if not current.prompt or current.kind:
            return ()
        shapes = self.proposals
        different = [shape for k, shape in enumerate(shapes) if not any(map(shape.resembles, shapes[:k]))]
        return tuple(sorted(different, key=lambda shape: shape.area))

    @property
    def chosen(self) -> int:
        """Which of them it is, from 0."""
        if not self.shows_results:
            shape = _at(self.proposals, self.annotation.current.choice)
            return next((k for k, each in enumerate(self.masks) if shape and shape.resembles(each)), 0)
        shown = self.comparison
        return next((k for k, each in enumerate(self.results_seen) if each.picture is shown), 0)

    @property
    def results_seen(self) -> tuple[Attempt, ...]:
        """The results that have a picture."""
        return tuple(each for each in self.results if each.picture is not None)

    @property
    def hint(self) -> Hint:
        """How the photo is used now."""
        if self.shows_results:
            return Hint.COMPARE
        if self.working:
            return Hint.WAIT
        if self.tool is Tool.PLACE:
            return Hint.PLACE
        if self.tool is Tool.LASSO:
            return Hint.LASSO
        if self.tool is Tool.REFINE:
            return Hint.HOW_TO_REFINE
        if self.tool.draws:
            return Hint.HOW_TO_DRAW
        if self.applied:
            return Hint.APPLIED
        if self.annotation.current.kind:
            return Hint.NAMED
        if self.shows_hair:
            return Hint.HAIR
        return Hint.MORE_CLICKS if self.annotation.objects else Hint.HOW_TO_POINT

    @property
    def summary(self) -> str:
        """The state in a line, for programs: the phase, whether it is settled, how many decisions there were, whether
        hovering shows something, whether the alpha is seen that strokes ask for, whether a result is seen forming, how
        many jobs were begun, how many results can be looked at, and how many objects and strokes there are."""
        numbers = {
            "revision": self.revision,
            "hover": self.hover is not None,
            "alpha": self.alpha is not None,
            "preview": self.preview is not None,
            "runs": self.run,
            "results": len(self.results_seen),
            "objects": len(self.annotation.objects),
            "strokes": len(self.annotation.strokes),
        }
        settled = "settled" if self.settled else "waiting"
        return " ".join([self.phase.value, settled, *(f"{name}={int(number)}" for name, number in numbers.items())])


def _covers(shape: "MaskShape", x: float, y: float) -> bool:
    """Whether a point of the photo lies in a mask: a ray from it crosses the outlines an odd number of times."""
    inside = False
    for outline in shape.outlines:
        xs, ys = outline[0::2], outline[1::2]
        for x0, y0, x1, y1 in zip(xs, ys, (*xs[1:], xs[0]), (*ys[1:], ys[0]), strict=True):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                inside = not inside
    return inside


def _at(shapes: "tuple[MaskShape, ...]", choice: int) -> "MaskShape | None":
    return shapes[min(choice, len(shapes) - 1)] if shapes else None

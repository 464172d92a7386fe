"""What the dialog is doing, as data: one frozen `DialogState`, events that change it, commands that follow from them.

`update(state, event)` is the only place where the dialog decides something, and it is a pure function: no GTK, no GIMP,
no server.  The controller turns signals and answers into events and carries the commands out; the window draws a state.

What a person sees for a click: a quick mask first, and a moment later the final one in its place, which follows colours
and edges.  Final masks are kept for the latest `KNOWN` sets of clicks, so the same clicks always end with the same
mask, and taking a click back shows at once the final mask of the clicks before it.

    POINTING --Preview, Apply--> WORKING --ended--> SHOWING_RESULTS --Apply--> CLOSED
       ^                          | Esc: stop; Esc again: do not wait for it      |
       +--------------------------+------- Esc, another click, Apply and next ----+
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Job, MaskOptions

from .click_history import ClickHistory
from .events import (
    ApplyPressed,
    BoxDrawn,
    CancelHover,
    CancelProposals,
    CancelRun,
    ChoiceMade,
    ClearClicks,
    Clicked,
    Close,
    CloseRequested,
    Command,
    ComposeResult,
    ComposingFailed,
    ContinuePressed,
    Encoded,
    EscapePressed,
    Event,
    Failed,
    HoverArrived,
    HoverLeft,
    HoverMoved,
    Insert,
    Inserted,
    JobChanged,
    MaskQuery,
    ModelsChanged,
    NextChoice,
    Opened,
    PhotoChanged,
    Preview,
    PreviewArrived,
    PreviewPressed,
    ProgressArrived,
    ProposalsArrived,
    ProposalsFailed,
    ReopenPhoto,
    RequestEncoding,
    RequestHover,
    RequestModels,
    RequestProposals,
    ResultArrived,
    ResultComposed,
    RunEnded,
    RunProgressed,
    SettingChanged,
    StartRun,
    StopPressed,
    UndoClick,
    UpdatePromptHint,
)

if TYPE_CHECKING:  # what is only passed on here; these modules need GIMP
    from ..image.layers import JobResult
    from ..photo_view.scene import MaskShape
    from .pictures import ComposedResult

KNOWN = 16  # sets of clicks whose final masks are kept; at most 3 MB each
PAINTING_JOBS = (Job.FILL, Job.REPLACE)  # those whose settings name a diffusion model
HINT_SETTINGS = ("prompt", "negative", "help-prompt", "model", "background")  # those that change what a model is given


class Phase(Enum):
    """What the dialog is there for at the moment."""

    POINTING = "pointing"  # clicks, boxes and choices are taken; the mask is shown
    WORKING = "working"  # a job runs; results that have come are shown
    SHOWING_RESULTS = "results"  # no job runs, and results can be compared and applied
    CLOSED = "closed"  # nothing happens any more


class Hint(Enum):
    """Which of the sentences on how to use the photo is shown."""

    HOW_TO_POINT = "how-to-point"
    MORE_CLICKS = "more-clicks"
    COMPARE = "compare"
    APPLIED = "applied"


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
class DialogState:
    """Everything that decides what the dialog shows and does.

    has_ready_mask: whether the image came with a mask, which is meant as long as there is no click.  applied: whether
    results were inserted, and nothing was pointed at since.  encoded: whether the server has the photo's embedding, so
    that hovering is answered quickly.

    proposals: the masks that are shown, the best first; asked: the query they are of, or will be; waiting: whether
    better ones are still to come.  known: final proposals by the key of their query, the latest last.  hovered: what
    would be meant if the person clicked where the pointer rests.

    run: the number of the last job, from 1; stopping: whether it was told to stop.  results: what it gave; pictures:
    the photo with each of them, None until it is composed; not_composed: why one of them never will be.  shown: which
    of them is compared with the photo, the newest unless picked, which is when the person has chosen one.

    choices: the row of small pictures to choose among.  status: what stands below the photo: how work goes, what went
    wrong, or what to do.  revision: counts the person's decisions on what is meant and how, so that one can wait for
    the answer to the last of them.
    """

    job: Job
    options: MaskOptions
    has_ready_mask: bool = False
    applied: bool = False
    history: ClickHistory = field(default_factory=ClickHistory)
    phase: Phase = Phase.POINTING
    encoded: bool = False
    models_requested: bool = False

    proposals: "tuple[MaskShape, ...]" = ()
    asked: MaskQuery | None = None
    waiting: bool = False
    known: "tuple[tuple[MaskQuery, tuple[MaskShape, ...]], ...]" = ()
    hovered: MaskQuery | None = None
    hover: "MaskShape | None" = None

    run: int = 0
    stopping: bool = False
    after_run: AfterRun = AfterRun.SHOW
    results: "tuple[JobResult, ...]" = ()
    pictures: "tuple[ComposedResult | None, ...]" = ()
    not_composed: UserError | None = None
    shown: int = 0
    picked: bool = False
    preview: Preview | None = None

    choices: "tuple[MaskShape | ComposedResult, ...]" = ()
    status: Progress | UserError | Hint | None = None
    revision: int = 0

    @property
    def query(self) -> MaskQuery | None:
        """The question that the clicks and settings ask; None where nothing says what is meant."""
        prompt = self.history.prompt
        if prompt is None and not self.has_ready_mask:
            return None
        return MaskQuery(job=self.job, prompt=prompt, options=self.options)

    @property
    def settled(self) -> bool:
        """Whether the masks shown are final for the clicks and settings, or asking for them has failed."""
        return not self.waiting

    @property
    def working(self) -> bool:
        """Whether a job runs."""
        return self.phase is Phase.WORKING

    @property
    def can_apply(self) -> bool:
        """Whether something is meant."""
        return self.query is not None

    @property
    def can_preview(self) -> bool:
        """Whether a job could be started."""
        return self.can_apply and not self.working

    @property
    def overlay(self) -> "MaskShape | None":
        """The mask that covers the photo."""
        return self.proposals[min(self.history.choice, len(self.proposals) - 1)] if self.proposals else None

    @property
    def comparison(self) -> "ComposedResult | None":
        """The result that the photo is compared with: the shown one or, until that is composed, the newest that is."""
        ready = [picture for picture in self.pictures if picture is not None]
        return (self.pictures[self.shown] or ready[-1]) if ready else None

    @property
    def choice_count(self) -> int:
        """Among how many masks, or results, one can choose."""
        return len(_row(self))

    @property
    def chosen(self) -> int:
        """Which of them it is, from 0."""
        if not self.results:
            return self.history.choice
        shown = self.comparison
        return next((k for k, picture in enumerate(_row(self)) if picture is shown), 0)

    @property
    def hint(self) -> Hint:
        """How the photo is used now."""
        if self.results:
            return Hint.COMPARE
        if self.applied:
            return Hint.APPLIED
        return Hint.MORE_CLICKS if self.history.entries else Hint.HOW_TO_POINT

    @property
    def summary(self) -> str:
        """The state in a line, for programs: the phase, whether it is settled, how many decisions there were, whether
        hovering shows something, whether a result is seen forming, how many jobs were begun, and how many results can
        be looked at."""
        numbers = {
            "revision": self.revision,
            "hover": self.hover is not None,
            "preview": self.preview is not None,
            "runs": self.run,
            "results": sum(picture is not None for picture in self.pictures),
        }
        settled = "settled" if self.settled else "waiting"
        return " ".join([self.phase.value, settled, *(f"{name}={int(number)}" for name, number in numbers.items())])


Step = tuple[DialogState, tuple[Command, ...]]


def update(state: DialogState, event: Event) -> Step:
    """The state after an event, and what is to be done outside, in order.  A closed dialog stays as it is."""
    if state.phase is Phase.CLOSED:
        return state, ()
    return _TRANSITIONS[type(event)](state, event)


# -- what is meant ----------------------------------------------------------------------------------------------------


def _opened(state: DialogState, event: Opened) -> Step:
    state, masks = _with_masks(state)
    state, models = _with_models(state)
    return state, (*masks, UpdatePromptHint(), *models, RequestEncoding())


def _clicked(state: DialogState, event: Clicked) -> Step:
    return _pointed(state, state.history.with_click(event.x, event.y, on_object=event.on_object))


def _box_drawn(state: DialogState, event: BoxDrawn) -> Step:
    return _pointed(state, state.history.with_box(event.box))


def _undo_click(state: DialogState, event: UndoClick) -> Step:
    return _pointed(state, state.history.without_last()) if state.history.entries else (state, ())


def _clear_clicks(state: DialogState, event: ClearClicks) -> Step:
    return _pointed(state, ClickHistory()) if state.history.entries else (state, ())


def _job_changed(state: DialogState, event: JobChanged) -> Step:
    if event.job == state.job:
        return state, ()
    state, changed = _decided(state, job=event.job, options=event.options)
    state, models = _with_models(state)
    return state, (*changed, UpdatePromptHint(), *models)


def _photo_changed(state: DialogState, event: PhotoChanged) -> Step:
    """What was known of the former photo is forgotten."""
    before = (*_stop(state), *((CancelHover(),) if state.hovered else ()))
    state = replace(_without_results(state), history=event.history, has_ready_mask=event.has_ready_mask)
    state = replace(state, applied=event.applied)
    state = replace(state, encoded=False, known=(), hovered=None, hover=None, revision=state.revision + 1)
    cancel = (CancelProposals(),) if state.waiting else ()
    state = replace(state, asked=None, waiting=False, proposals=(), choices=(), status=None)
    state, masks = _with_masks(state)
    return state, (*before, *cancel, *masks, UpdatePromptHint(), RequestEncoding())


def _setting_changed(state: DialogState, event: SettingChanged) -> Step:
    if event.name == "source":
        return state, (ReopenPhoto(),)
    state, changed = _decided(state, options=event.options)
    return state, (*changed, UpdatePromptHint()) if event.name in HINT_SETTINGS else changed


def _with_models(state: DialogState) -> Step:
    """With the list of models asked for, where the job's settings need it for the first time."""
    if state.models_requested or state.job not in PAINTING_JOBS:
        return state, ()
    return replace(state, models_requested=True), (RequestModels(),)


def _models_changed(state: DialogState, event: ModelsChanged) -> Step:
    return replace(state, known=()), (UpdatePromptHint(),)


def _pointed(state: DialogState, history: ClickHistory) -> Step:
    hovered = (CancelHover(),) if state.hovered else ()
    state, commands = _decided(state, history=history, hovered=None, hover=None)
    return state, (*hovered, *commands)


def _decided(state: DialogState, **changes: Any) -> Step:
    """What is meant, or how, has changed: a job and its results no longer fit, and other masks may be meant."""
    stop = _stop(state)
    state = replace(_without_results(state), revision=state.revision + 1, applied=False, **changes)
    state, masks = _with_masks(state)
    return state, (*stop, *masks)


def _with_masks(state: DialogState) -> Step:
    """With the masks that are meant, or with the question for them under way."""
    query = state.query
    if query is not None and state.asked is not None and query.key == state.asked.key:
        return state, ()
    cancel = (CancelProposals(),) if state.waiting else ()
    if query is None:
        state = replace(state, asked=None, waiting=False, proposals=(), choices=(), status=None)
        return state, cancel
    known = dict(state.known).get(query.key)
    if known is not None:
        state = replace(state, asked=query, waiting=False, proposals=known, status=None)
        return replace(state, choices=_row(state)), cancel
    return replace(state, asked=query, waiting=True), (RequestProposals(query),)


def _proposals_arrived(state: DialogState, event: ProposalsArrived) -> Step:
    if not _awaited(state, event.query):
        return state, ()
    state = replace(state, proposals=event.proposals, waiting=event.more > 0)
    if event.more <= 1 and not state.results:  # else the next answer follows at once, with all of them
        state = replace(state, choices=_row(state))
    if state.waiting:
        return state, ()
    key = event.query.key
    others = tuple(entry for entry in state.known if entry[0] != key)
    state = replace(state, known=(*others, (key, event.proposals))[-KNOWN:])
    return _cleared(state), ()


def _proposals_failed(state: DialogState, event: ProposalsFailed) -> Step:
    if not _awaited(state, event.query):
        return state, ()
    return _with_error(replace(state, waiting=False), event.error), ()


def _awaited(state: DialogState, query: MaskQuery) -> bool:
    return state.waiting and state.asked is not None and query.key == state.asked.key


# -- what a click would take ------------------------------------------------------------------------------------------


def _hover_moved(state: DialogState, event: HoverMoved) -> Step:
    if state.phase is not Phase.POINTING or not state.encoded:
        return state, ()
    prompt = state.history.with_click(event.x, event.y, on_object=True).prompt
    query = MaskQuery(job=state.job, prompt=prompt, options=state.options)
    return replace(state, hovered=query), (RequestHover(query),)


def _hover_left(state: DialogState, event: HoverLeft) -> Step:
    if state.hovered is None:
        return state, ()
    return replace(state, hovered=None, hover=None), (CancelHover(),)


def _hover_arrived(state: DialogState, event: HoverArrived) -> Step:
    return (replace(state, hover=event.proposal) if event.query == state.hovered else state), ()


# -- choosing ---------------------------------------------------------------------------------------------------------


def _choice_made(state: DialogState, event: ChoiceMade) -> Step:
    row = _row(state)
    if event.k == state.chosen or event.k >= len(row):
        return state, ()
    if not state.results:
        return _decided(state, history=state.history.with_choice(event.k))
    shown = next(k for k, picture in enumerate(state.pictures) if picture is row[event.k])
    return replace(state, shown=shown, picked=True, revision=state.revision + 1), ()


def _next_choice(state: DialogState, event: NextChoice) -> Step:
    count = state.choice_count
    return _choice_made(state, ChoiceMade((state.chosen + 1) % count)) if count else (state, ())


def _row(state: DialogState) -> "tuple[MaskShape | ComposedResult, ...]":
    """What one can choose among: results, or masks that clicks may mean."""
    if state.results:
        return tuple(picture for picture in state.pictures if picture is not None)
    return state.proposals if state.history.prompt else ()


# -- working ----------------------------------------------------------------------------------------------------------


def _preview_pressed(state: DialogState, event: PreviewPressed) -> Step:
    return (state, ()) if state.phase is Phase.SHOWING_RESULTS else _work(state, AfterRun.SHOW)


def _apply_pressed(state: DialogState, event: ApplyPressed) -> Step:
    return _finish(state, AfterRun.APPLY) if state.phase is Phase.SHOWING_RESULTS else _work(state, AfterRun.APPLY)


def _continue_pressed(state: DialogState, event: ContinuePressed) -> Step:
    after = AfterRun.CONTINUE
    return _finish(state, after) if state.phase is Phase.SHOWING_RESULTS else _work(state, after)


def _work(state: DialogState, after: AfterRun) -> Step:
    """Start a job, or have the one that runs end otherwise."""
    if state.query is None:
        return replace(state, status=Hint.HOW_TO_POINT), ()
    if state.working:
        return replace(state, after_run=after), ()
    hovered = (CancelHover(),) if state.hovered else ()
    state = replace(state, phase=Phase.WORKING, run=state.run + 1, after_run=after, hovered=None, hover=None)
    state = replace(state, status=Progress(0.0))
    return state, (*hovered, StartRun(state.run, state.job, state.history.prompt))


def _stop_pressed(state: DialogState, event: StopPressed) -> Step:
    stop = _stop(state)
    return (replace(state, stopping=True, status=Progress(None)) if stop else state), stop


def _escape_pressed(state: DialogState, event: EscapePressed) -> Step:
    if state.working and state.stopping:
        return _after_run(state), ()  # whatever still comes of it is ignored
    if state.working:
        return _stop_pressed(state, StopPressed())
    if state.results:
        return _without_results(state), ()
    return _close_requested(state, CloseRequested())


def _close_requested(state: DialogState, event: CloseRequested) -> Step:
    return replace(state, phase=Phase.CLOSED), (*_stop(state), Close())


def _stop(state: DialogState) -> tuple[Command, ...]:
    """What stops the job that runs, if it was not told to."""
    return (CancelRun(),) if state.working and not state.stopping else ()


def _result_arrived(state: DialogState, event: ResultArrived) -> Step:
    if not _runs(state, event.run):
        return state, ()
    index, result = len(state.results), event.result
    state = replace(
        state,
        results=(*state.results, result),
        pictures=(*state.pictures, None),
        shown=state.shown if state.picked else index,
        preview=None,
    )
    return state, (ComposeResult(event.run, index, result),) if result.pixels is not None else ()


def _result_composed(state: DialogState, event: ResultComposed) -> Step:
    if event.run != state.run or event.index >= len(state.results):
        return state, ()
    pictures = (*state.pictures[: event.index], event.picture, *state.pictures[event.index + 1 :])
    state = replace(state, pictures=pictures)
    return replace(state, choices=_row(state)), ()


def _composing_failed(state: DialogState, event: ComposingFailed) -> Step:
    if event.run != state.run or not state.results:
        return state, ()
    state = replace(state, not_composed=event.error)
    return (state if state.working else replace(state, status=event.error)), ()


def _run_progressed(state: DialogState, event: RunProgressed) -> Step:
    if not _runs(state, event.run) or state.stopping:
        return state, ()
    return replace(state, status=Progress(event.share, event.message)), ()


def _preview_arrived(state: DialogState, event: PreviewArrived) -> Step:
    return (replace(state, preview=event.preview) if _runs(state, event.run) else state), ()


def _run_ended(state: DialogState, event: RunEnded) -> Step:
    if not _runs(state, event.run):
        return state, ()
    after, state = state.after_run, _after_run(state)
    if event.error is not None:
        return _with_error(state, event.error), ()
    return _finish(state, after) if after is not AfterRun.SHOW and state.results else (state, ())


def _runs(state: DialogState, run: int) -> bool:
    return state.working and run == state.run


def _after_run(state: DialogState) -> DialogState:
    """With what has come of the job."""
    phase = Phase.SHOWING_RESULTS if state.results else Phase.POINTING
    return replace(state, phase=phase, stopping=False, preview=None, status=state.not_composed)


def _without_results(state: DialogState) -> DialogState:
    """Back to the masks."""
    if not state.working and not state.results:
        return state
    state = _after_run(replace(state, results=(), pictures=(), not_composed=None, shown=0, picked=False))
    return replace(state, choices=_row(state))


def _finish(state: DialogState, after: AfterRun) -> Step:
    goes_on = after is AfterRun.CONTINUE
    return state, (Insert(state.job, state.history.prompt, state.results, state.shown, goes_on),)


def _inserted(state: DialogState, event: Inserted) -> Step:
    return replace(state, phase=Phase.CLOSED), (Close(),)


# -- what is reported -------------------------------------------------------------------------------------------------


def _encoded(state: DialogState, event: Encoded) -> Step:
    return _cleared(replace(state, encoded=True)), ()


def _progress_arrived(state: DialogState, event: ProgressArrived) -> Step:
    if state.stopping:
        return state, ()
    return replace(state, status=Progress(event.share, event.message)), ()


def _failed(state: DialogState, event: Failed) -> Step:
    return _with_error(state, event.error), ()


def _with_error(state: DialogState, error: UserError) -> DialogState:
    """With the reason below the photo, unless it is that the person did not want any more."""
    return state if error.code == ErrorCode.CANCELLED else replace(state, status=error)


def _cleared(state: DialogState) -> DialogState:
    """Without a status, unless it is how a job goes."""
    return state if state.working else replace(state, status=None)


_TRANSITIONS: dict[type, Callable[[DialogState, Any], Step]] = {
    Opened: _opened,
    PhotoChanged: _photo_changed,
    Inserted: _inserted,
    Clicked: _clicked,
    BoxDrawn: _box_drawn,
    UndoClick: _undo_click,
    ClearClicks: _clear_clicks,
    ChoiceMade: _choice_made,
    NextChoice: _next_choice,
    JobChanged: _job_changed,
    SettingChanged: _setting_changed,
    ModelsChanged: _models_changed,
    HoverMoved: _hover_moved,
    HoverLeft: _hover_left,
    HoverArrived: _hover_arrived,
    PreviewPressed: _preview_pressed,
    ApplyPressed: _apply_pressed,
    ContinuePressed: _continue_pressed,
    StopPressed: _stop_pressed,
    EscapePressed: _escape_pressed,
    CloseRequested: _close_requested,
    Encoded: _encoded,
    ProposalsArrived: _proposals_arrived,
    ProposalsFailed: _proposals_failed,
    ProgressArrived: _progress_arrived,
    Failed: _failed,
    RunProgressed: _run_progressed,
    PreviewArrived: _preview_arrived,
    ResultArrived: _result_arrived,
    ResultComposed: _result_composed,
    ComposingFailed: _composing_failed,
    RunEnded: _run_ended,
}

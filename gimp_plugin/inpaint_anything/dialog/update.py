"""What the dialog decides: the state after an event, and what is then to be done outside.

`update(state, event)` is a pure function: no GTK, no GIMP, no server.  The controller turns signals and answers into
events and carries the commands out; the window draws a state.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Size
from inference_server.shared.messages import PAINTING_JOBS, Scene

from ..covering import Covering
from ..photo_view.behind import AnotherPhoto, Behind, Blurred
from ..photo_view.tool import MaskView, Tool
from .annotation import Annotation, Click, ClickHistory, Name
from .events import (
    AlphaArrived,
    ApplyPressed,
    BehindFitted,
    BehindFlipped,
    BehindMoved,
    BehindRead,
    BehindScaled,
    BoxDrawn,
    BrushResized,
    CancelHover,
    CancelProposals,
    CancelRun,
    ChoiceMade,
    ClearAll,
    Clicked,
    Close,
    CloseConfirmed,
    CloseRequested,
    Command,
    ComposeResult,
    ComposingFailed,
    ConfirmClose,
    ContinuePressed,
    DepthMeasured,
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
    KeepCovering,
    MarkMoved,
    MarkRemoved,
    MaskQuery,
    ModelsChanged,
    NameEntered,
    NextChoice,
    NextMaskView,
    NextObject,
    ObjectChosen,
    ObjectRemoved,
    Opened,
    PhotoBehind,
    PhotoChanged,
    PreviewArrived,
    PreviewPressed,
    ProgressArrived,
    PromptExpanded,
    ProposalsArrived,
    ProposalsFailed,
    ReadBehind,
    ReadReference,
    Redo,
    Reference,
    ReferenceRead,
    RemoveCurrent,
    ReopenPhoto,
    RequestAlpha,
    RequestDepth,
    RequestEncoding,
    RequestHover,
    RequestModels,
    RequestProposals,
    ResultArrived,
    ResultComposed,
    ResultRemoved,
    RetryPressed,
    RunEnded,
    RunProgressed,
    SceneChosen,
    SettingChanged,
    SnapPressed,
    StartRun,
    StopPressed,
    StrokeDrawn,
    TintChosen,
    ToolChosen,
    Undo,
    UpdatePromptHint,
)
from .state import KNOWN, AfterRun, Attempt, DialogState, Hint, Phase, Progress

MOST_STEPS = 500  # that can be taken back
# Those that change what a model is shown, and what it is given.
REFERENCES = ("reference", "reference-layer")
HINT_SETTINGS = ("prompt", *REFERENCES, "negative", "help-prompt", "quality", "model", "background")

BEHIND_SETTINGS = (  # those that change what comes behind
    *("background", "colour", "second-colour", "blur"),
    *("photo", "photo-flip", "photo-size", "photo-across", "photo-down"),
)

Step = tuple[DialogState, tuple[Command, ...]]


def update(state: DialogState, event: Event) -> Step:
    """The state after an event, and what is to be done outside, in order.  A closed dialog stays as it is."""
    if state.phase is Phase.CLOSED:
        return state, ()
    return _with_alpha(*_TRANSITIONS[type(event)](state, event))


# -- what is marked ---------------------------------------------------------------------------------------------------


def _clicked(state: DialogState, event: Clicked) -> Step:
    named = state.named_at(event.x, event.y)
    if named is not None:  # it is not meant after all
        return _marked(state, state.annotation.without_object(named))
    annotation = state.annotation.with_next_object() if event.another else state.annotation
    return _marked(state, annotation.with_click(event.x, event.y, on_object=event.on_object))


def _box_drawn(state: DialogState, event: BoxDrawn) -> Step:
    annotation = state.annotation.with_next_object() if event.another else state.annotation
    return _marked(state, annotation.with_box(event.box))


def _stroke_drawn(state: DialogState, event: StrokeDrawn) -> Step:
    return _marked(state, state.annotation.with_stroke(event.stroke))


def _mark_moved(state: DialogState, event: MarkMoved) -> Step:
    if not isinstance(state.annotation.mark(event.object, event.entry), Click):
        return state, ()
    return _marked(state, state.annotation.with_mark_at(event.object, event.entry, event.x, event.y))


def _mark_removed(state: DialogState, event: MarkRemoved) -> Step:
    if state.annotation.mark(event.object, event.entry) is None:
        return state, ()
    return _marked(state, state.annotation.without_mark(event.object, event.entry))


def _object_removed(state: DialogState, event: ObjectRemoved) -> Step:
    if event.k >= len(state.annotation.objects):
        return state, ()
    return _marked(state, state.annotation.without_object(event.k))


def _remove_current(state: DialogState, event: RemoveCurrent) -> Step:
    annotation = state.annotation
    if annotation.active < len(annotation.objects):
        return _marked(state, annotation.without_object(annotation.active))
    return _marked(state, replace(annotation, strokes=()))


def _clear_all(state: DialogState, event: ClearAll) -> Step:
    return _marked(state, Annotation())


def _name_entered(state: DialogState, event: NameEntered) -> Step:
    """Where a box alone was drawn before, it is around an example: what it shows is meant, not it alone."""
    annotation, text = state.annotation, event.text.strip()
    box = annotation.current.box if not annotation.current.clicks else None
    if not (text or box) or not state.can_mark:
        return state, ()
    if box:
        annotation = annotation.without_object(annotation.active)
    return _all_meant(state, Name(text, (box,) if box else ()), annotation)


def _all_meant(state: DialogState, kind: Name | Scene, others: Annotation) -> Step:
    """others: what is marked beside it."""
    state, commands = _marked(state, others.with_all(kind))
    return replace(state, naming=kind, tool=Tool.INCLUDE), commands


def _named(state: DialogState, query: MaskQuery, count: int) -> DialogState:
    """With an object for each of the kind that the query is about, now that they are counted."""
    if query.prompt is None or not state.naming or ClickHistory.of(query.prompt).kind != state.naming:
        return state
    return replace(state, naming=None, annotation=state.annotation.with_all(state.naming, count))


def _scene_chosen(state: DialogState, event: SceneChosen) -> Step:
    if not state.can_mark:
        return state, ()
    if event.scene == Scene.DISTRACTIONS:
        return _all_meant(state, event.scene, state.annotation)
    state, commands = _marked(state, state.annotation.with_scene(event.scene))
    return replace(state, tool=Tool.INCLUDE), commands


def _without_scene(state: DialogState, query: MaskQuery) -> DialogState:
    """Without the part of the scene that a query was about, where the photo has none."""
    scene = query.prompt.scene if query.prompt else None
    k = next((k for k, each in enumerate(state.annotation.objects) if scene and each.entries == (scene,)), None)
    return state if k is None else replace(state, annotation=state.annotation.without_object(k), proposals=())


def _snap_pressed(state: DialogState, event: SnapPressed) -> Step:
    if not state.can_snap:
        return state, ()
    state, commands = _marked(state, state.annotation.with_strokes_as_objects())
    return replace(state, tool=Tool.INCLUDE), commands


def _next_object(state: DialogState, event: NextObject) -> Step:
    return _at_hand(state, state.annotation.with_next_object())


def _object_chosen(state: DialogState, event: ObjectChosen) -> Step:
    return _at_hand(state, state.annotation.with_active(event.k))


def _at_hand(state: DialogState, annotation: Annotation) -> Step:
    """Another object is at hand, which is no step that could be taken back."""
    if not state.can_mark or annotation == state.annotation:
        return state, ()
    return _annotated(replace(state, tool=Tool.INCLUDE), annotation)


def _undo(state: DialogState, event: Undo) -> Step:
    if not state.past or not state.can_mark:
        return state, ()
    *past, annotation = state.past
    return _annotated(replace(state, past=tuple(past), future=(*state.future, state.annotation)), annotation)


def _redo(state: DialogState, event: Redo) -> Step:
    if not state.future or not state.can_mark:
        return state, ()
    *future, annotation = state.future
    return _annotated(replace(state, past=(*state.past, state.annotation), future=tuple(future)), annotation)


def _marked(state: DialogState, annotation: Annotation) -> Step:
    """Something else is marked, which can be taken back."""
    if not state.can_mark or annotation == state.annotation:
        return state, ()
    past = (*state.past, state.annotation)[-MOST_STEPS:]
    return _annotated(replace(state, past=past, future=()), annotation)


def _annotated(state: DialogState, annotation: Annotation) -> Step:
    state, hovered = _hover_left(state, HoverLeft())
    same = _same_at_hand(state.annotation, annotation)
    proposals = state.proposals if same else ()  # another object's are none of this one
    state, masks = _decided(replace(state, annotation=annotation, proposals=proposals, applied=False))
    return state, (*hovered, *masks)


def _same_at_hand(before: Annotation, after: Annotation) -> bool:
    """Whether the same object is at hand in two annotations that are one step apart, even if it has changed."""
    if before.current == after.current:
        return True
    return before.active == after.active and len(before.objects) == len(after.objects)


# -- how it is marked and shown ---------------------------------------------------------------------------------------


def _tool_chosen(state: DialogState, event: ToolChosen) -> Step:
    places = event.tool is Tool.PLACE
    if not state.can_mark or event.tool is state.tool or (places and not state.can_place):
        return state, ()
    state, hovered = _hover_left(state, HoverLeft())
    state = replace(state, mask_view=MaskView.BEHIND if places else state.mask_view)
    return replace(state, tool=event.tool, revision=state.revision + 1), hovered


def _brush_resized(state: DialogState, event: BrushResized) -> Step:
    return replace(state, brush=event.radius), ()


def _next_mask_view(state: DialogState, event: NextMaskView) -> Step:
    views = state.mask_views
    return replace(state, mask_view=views[(views.index(state.mask_view) + 1) % len(views)]), ()


def _tint_chosen(state: DialogState, event: TintChosen) -> Step:
    return replace(state, tint=event.tint), ()


# -- what comes behind ------------------------------------------------------------------------------------------------


def _with_behind(state: DialogState, behind: Behind | None, *, by_person: bool) -> Step:
    """With something else to come behind.  by_person: whether the person has just changed it and wants to see it."""
    same = behind == state.behind
    state = replace(state, behind=behind)
    if behind is None and state.mask_view is MaskView.BEHIND:
        state = replace(state, mask_view=MaskView.OVERLAY)
    if behind is not None and by_person and state.can_apply:
        state = replace(_pointing(state), mask_view=MaskView.BEHIND)
    if not isinstance(behind, AnotherPhoto):
        return _with_depth(_without_placing(state))
    if state.photo_behind is None or state.photo_behind.address != behind.address:
        state = replace(_without_placing(state), photo_behind=PhotoBehind(behind.address))
        return state, (ReadBehind(behind.address),)
    return (state if same else _placing(state)), ()


def _with_depth(state: DialogState) -> Step:
    """With the depth of the photo asked for, once, where a blur is shown by it; after the embedding, which comes
    first."""
    if state.depth_requested or not state.encoded or not isinstance(state.behind, Blurred):
        return state, ()
    return replace(state, depth_requested=True), (RequestDepth(),)


def _depth_measured(state: DialogState, event: DepthMeasured) -> Step:
    return replace(state, nearness=event.nearness), ()


def _behind_read(state: DialogState, event: BehindRead) -> Step:
    if state.photo_behind is None or event.photo.address != state.photo_behind.address:
        return state, ()
    return _placing(replace(state, photo_behind=event.photo)), ()


def _placing(state: DialogState) -> DialogState:
    """With the tool that moves what comes behind, where that is seen and nothing else is under way."""
    seen = state.mask_view is MaskView.BEHIND and state.can_place
    return replace(state, tool=Tool.PLACE) if seen and state.tool is Tool.INCLUDE else state


def _without_placing(state: DialogState) -> DialogState:
    return replace(state, tool=Tool.INCLUDE) if state.tool is Tool.PLACE else state


def _behind_moved(state: DialogState, event: BehindMoved) -> Step:
    return _placed(state, lambda before, size: before.moved(event.photo, size, event.dx, event.dy))


def _behind_scaled(state: DialogState, event: BehindScaled) -> Step:
    about = event.x, event.y
    return _placed(state, lambda before, size: before.scaled(event.photo, size, event.factor, about))


def _behind_flipped(state: DialogState, event: BehindFlipped) -> Step:
    return _placed(state, lambda before, _size: before.mirrored())


def _behind_fitted(state: DialogState, event: BehindFitted) -> Step:
    return _placed(state, lambda _before, _size: Covering())


def _placed(state: DialogState, place: Callable[[Covering, Size], Covering]) -> Step:
    """With what comes behind lying elsewhere, which the settings keep."""
    if not (state.can_place and state.photo_behind and isinstance(state.behind, AnotherPhoto)):
        return state, ()
    covering = place(state.behind.covering, state.photo_behind.size)
    if covering == state.behind.covering:
        return state, ()
    behind = replace(state.behind, covering=covering)
    return replace(state, behind=behind, mask_view=MaskView.BEHIND), (KeepCovering(covering),)


# -- what is to be painted --------------------------------------------------------------------------------------------


def _with_reference(state: DialogState, address: str, *, again: bool = False) -> Step:
    """With another picture of what is to be painted, "" for none.  again: whether the same one is read once more."""
    if not address:
        return replace(state, reference=None), ()
    if state.reference and state.reference.address == address and not again:
        return state, ()
    return replace(state, reference=Reference(address)), (ReadReference(address),)


def _reference_read(state: DialogState, event: ReferenceRead) -> Step:
    if state.reference is None or event.reference.address != state.reference.address:
        return state, ()
    return replace(state, reference=event.reference), ()


def _prompt_expanded(state: DialogState, event: PromptExpanded) -> Step:
    return replace(state, takes_reference=event.takes_reference), ()


# -- job, settings, photo ---------------------------------------------------------------------------------------------


def _opened(state: DialogState, event: Opened) -> Step:
    state, behind = _with_behind(state, state.behind, by_person=False)
    state, reference = _with_reference(state, state.reference.address if state.reference else "", again=True)
    state, masks = _with_masks(state)
    state, models = _with_models(state)
    return state, (*masks, UpdatePromptHint(), *models, RequestEncoding(), *behind, *reference)


def _photo_changed(state: DialogState, event: PhotoChanged) -> Step:
    """What was known of the former photo is forgotten."""
    stop, (state, hovered) = _stop(state), _hover_left(state, HoverLeft())
    cancel = (CancelProposals(),) if state.waiting else ()
    by_person = not (event.applied or state.annotation.means(state.given))  # that it is still theirs, and can be lost
    state = replace(state, phase=Phase.POINTING, stopping=False, preview=None, status=None)
    state = replace(state, attempts=(), removed=(), not_composed=None, shown=None, picked=False)
    state = replace(state, annotation=event.annotation, given=state.given if by_person else event.annotation)
    state = replace(state, past=(), future=(), encoded=False, known=(), failed=(), tool=Tool.INCLUDE, refined=None)
    state = replace(state, has_ready_mask=event.has_ready_mask, applied=event.applied)
    state = replace(state, nearness=None, depth_requested=False)
    state = replace(state, asked=None, waiting=False, proposals=(), choices=(), revision=state.revision + 1)
    state, masks = _with_masks(state)
    return state, (*stop, *hovered, *cancel, *masks, UpdatePromptHint(), RequestEncoding())


def _job_changed(state: DialogState, event: JobChanged) -> Step:
    if event.job == state.job or state.working:
        return state, ()
    state, behind = _with_behind(_pointing(state), event.behind, by_person=False)
    state, reference = _with_reference(state, event.reference)
    state, changed = _decided(replace(state, job=event.job, options=event.options, applied=False))
    state, models = _with_models(state)
    return state, (*changed, UpdatePromptHint(), *models, *behind, *reference)


def _setting_changed(state: DialogState, event: SettingChanged) -> Step:
    if event.name == "source":
        return state, (ReopenPhoto(),)
    by_person = event.name in BEHIND_SETTINGS and not state.working
    state, behind = _with_behind(state, event.behind, by_person=by_person)
    state, reference = _with_reference(state, event.reference, again=event.name in REFERENCES)
    state, changed = _decided(replace(state, options=event.options, seeds_from=state.run + 1))
    hint = (UpdatePromptHint(),) if event.name in HINT_SETTINGS else ()
    return state, (*behind, *reference, *changed, *hint)


def _with_models(state: DialogState) -> Step:
    """With the list of models asked for, once: when the job's settings need it or, for what is offered, when the photo
    is encoded, which comes first."""
    if state.models_requested or not (state.encoded or state.job in PAINTING_JOBS):
        return state, ()
    return replace(state, models_requested=True), (RequestModels(),)


def _models_changed(state: DialogState, event: ModelsChanged) -> Step:
    state, masks = _with_masks(replace(state, known=(), failed=(), asked=None, refined=None))
    state, depth = _with_depth(replace(state, depth_requested=False))
    return state, (*masks, UpdatePromptHint(), *depth)


# -- masks ------------------------------------------------------------------------------------------------------------


def _decided(state: DialogState) -> Step:
    """What is meant, or how, has changed: other masks may be meant."""
    state, masks = _with_masks(replace(state, failed=(), run_failed=False, revision=state.revision + 1))
    return state if state.waiting else _cleared(state), masks


def _with_masks(state: DialogState) -> Step:
    """With the masks that are meant, or with the next question for them under way."""
    query = state.query
    known = None if query is None else state.known_for(query)
    if query is None or known is not None:
        state = replace(state, proposals=known or ())
        state = replace(state, choices=state.row)
    missing = next((each for each in state.queries if _is_missing(state, each)), None)
    if missing is None:
        cancel = (CancelProposals(),) if state.asked else ()  # not where the last answer has just come
        return replace(state, asked=None, waiting=False), cancel
    if state.asked is not None and missing.key == state.asked.key:
        return state, ()
    return replace(state, asked=missing, waiting=True), (RequestProposals(missing),)


def _is_missing(state: DialogState, query: MaskQuery) -> bool:
    return state.known_for(query) is None and query.key not in state.failed


def _proposals_arrived(state: DialogState, event: ProposalsArrived) -> Step:
    if not _awaited(state, event.query):
        return state, ()
    key = event.query.key
    if state.query is not None and key == state.query.key:
        state = replace(state, proposals=event.proposals)
        if event.more <= 1:  # else the next answer follows at once, with all of them
            state = replace(state, choices=state.row)
    if event.more:
        return state, ()
    others = [entry for entry in state.known if entry[0] != key]
    meant = {each.key for each in state.queries}  # never forgotten, however many: they would be asked for again
    forgotten = [entry[0] for entry in others if entry[0] not in meant][:-KNOWN]
    kept = [entry for entry in others if entry[0] not in forgotten]
    state = replace(state, known=(*kept, (key, event.proposals)), asked=None)
    state, next_one = _with_masks(_named(state, event.query, len(event.proposals)))
    return _cleared(state), next_one


def _proposals_failed(state: DialogState, event: ProposalsFailed) -> Step:
    if not _awaited(state, event.query):
        return state, ()
    state = replace(state, failed=(*state.failed, event.query.key), asked=None)
    state = _named(replace(state, choices=state.row), event.query, 0)
    if event.error.code == ErrorCode.WRONG_INPUT:
        state = _without_scene(state, event.query)
    state, next_one = _with_masks(state)
    return _with_error(state, event.error), next_one


def _awaited(state: DialogState, query: MaskQuery) -> bool:
    return state.waiting and state.asked is not None and query.key == state.asked.key


def _with_alpha(state: DialogState, commands: tuple[Command, ...]) -> Step:
    """With alpha asked for where strokes want that, once the masks are there: a question for these would take its
    place."""
    query = state.alpha_query
    if state.waiting or query is None:
        return (replace(state, refined=None) if state.refined else state), commands
    if not state.can_mark or (state.refined and state.refined[0] == query):
        return state, commands
    return replace(state, refined=(query, None)), (*commands, RequestAlpha(query))


def _alpha_arrived(state: DialogState, event: AlphaArrived) -> Step:
    asked = state.refined is not None and state.refined[0] == event.query
    return (replace(state, refined=(event.query, event.shape)) if asked else state), ()


# -- what a click would take ------------------------------------------------------------------------------------------


def _hover_moved(state: DialogState, event: HoverMoved) -> Step:
    if not state.can_mark or not state.encoded or state.tool is not Tool.INCLUDE:
        return state, ()
    prompt = state.annotation.with_click(event.x, event.y, on_object=True).current.prompt
    query = MaskQuery(job=state.job, prompt=prompt, options=state.options)
    return replace(state, hovered=query, hover=None), (RequestHover(query),)


def _hover_left(state: DialogState, event: HoverLeft) -> Step:
    if state.hovered is None:
        return state, ()
    return replace(state, hovered=None, hover=None), (CancelHover(),)


def _hover_arrived(state: DialogState, event: HoverArrived) -> Step:
    return (replace(state, hover=event.proposal) if event.query == state.hovered else state), ()


# -- choosing ---------------------------------------------------------------------------------------------------------


def _choice_made(state: DialogState, event: ChoiceMade) -> Step:
    row = state.row
    if event.k == state.chosen or event.k >= len(row):
        return state, ()
    chosen = row[event.k]
    if isinstance(chosen, Attempt):
        return replace(state, shown=chosen, picked=True, revision=state.revision + 1), ()
    best_first = next(k for k, shape in enumerate(state.proposals) if shape is chosen)
    return _marked(state, state.annotation.with_choice(best_first))


def _next_choice(state: DialogState, event: NextChoice) -> Step:
    count = len(state.row)
    return _choice_made(state, ChoiceMade((state.chosen + 1) % count)) if count else (state, ())


def _result_removed(state: DialogState, event: ResultRemoved) -> Step:
    seen = state.results_seen
    if state.phase is not Phase.SHOWING_RESULTS or event.k >= len(seen):
        return state, ()
    gone = seen[event.k]
    left = tuple(each for each in state.attempts if each is not gone)
    removed = (*state.removed, (gone.run, gone.job, gone.annotation))
    state = replace(state, attempts=left, removed=removed, revision=state.revision + 1)
    if state.shown is gone:
        state = replace(state, shown=next(reversed(state.results_seen), None))
    if not state.results_seen:
        return _pointing(state), ()
    return replace(state, choices=state.row), ()


# -- working ----------------------------------------------------------------------------------------------------------


def _preview_pressed(state: DialogState, event: PreviewPressed) -> Step:
    """Show the results there are for the same marks and settings, or else another one."""
    if state.can_mark and any(each.run >= state.seeds_from for each in state.results_seen):
        state, hovered = _hover_left(state, HoverLeft())
        return _showing_results(state), hovered
    return _work(state, AfterRun.SHOW)


def _apply_pressed(state: DialogState, event: ApplyPressed) -> Step:
    return _finish(state, AfterRun.APPLY) if state.phase is Phase.SHOWING_RESULTS else _work(state, AfterRun.APPLY)


def _continue_pressed(state: DialogState, event: ContinuePressed) -> Step:
    after = AfterRun.CONTINUE
    return _finish(state, after) if state.phase is Phase.SHOWING_RESULTS else _work(state, after)


def _work(state: DialogState, after: AfterRun) -> Step:
    """Start a job, or have the one that runs end otherwise."""
    if state.is_counting:
        return state, ()
    if not state.can_apply:
        return replace(state, status=Hint.HOW_TO_POINT), ()
    if state.working:
        return replace(state, after_run=after), ()
    state, hovered = _hover_left(state, HoverLeft())
    state = replace(state, phase=Phase.WORKING, returns_to=state.phase, run=state.run + 1, after_run=after)
    state = replace(state, status=Progress(0.0), picked=False, not_composed=None, run_failed=False)
    state = replace(state, choices=state.row)
    return state, (*hovered, StartRun(state.run, state.job, state.annotation, state.seeds_used, state.shadow_taken))


def _retry_pressed(state: DialogState, event: RetryPressed) -> Step:
    if not state.can_retry:
        return state, ()
    if state.run_failed:
        return _work(state, state.after_run)
    state, masks = _with_masks(replace(state, failed=(), status=None))
    return state, masks if state.encoded else (*masks, RequestEncoding())


def _stop_pressed(state: DialogState, event: StopPressed) -> Step:
    """Keep what has come, and put nothing into the image that the person has not seen."""
    stop = _stop(state)
    return (replace(state, stopping=True, after_run=AfterRun.SHOW, status=Progress(None)) if stop else state), stop


def _escape_pressed(state: DialogState, event: EscapePressed) -> Step:
    if state.working and state.stopping:
        return _after_run(state), ()  # whatever still comes of it is ignored
    if state.working:
        return _stop_pressed(state, StopPressed())
    if state.phase is Phase.SHOWING_RESULTS:
        return _pointing(state), ()
    if state.tool is not Tool.INCLUDE:
        return _tool_chosen(state, ToolChosen(Tool.INCLUDE))
    if state.unsaved:
        return state, (ConfirmClose(results=bool(state.attempts)),)
    return _close_confirmed(state, CloseConfirmed())


def _close_requested(state: DialogState, event: CloseRequested) -> Step:
    if state.attempts:
        return state, (ConfirmClose(results=True),)
    return _close_confirmed(state, CloseConfirmed())


def _close_confirmed(state: DialogState, event: CloseConfirmed) -> Step:
    return replace(state, phase=Phase.CLOSED), (*_stop(state), Close())


def _stop(state: DialogState) -> tuple[Command, ...]:
    """What stops the job that runs, if it was not told to."""
    return (CancelRun(),) if state.working and not state.stopping else ()


def _result_arrived(state: DialogState, event: ResultArrived) -> Step:
    if not _runs(state, event.run):
        return state, ()
    index = sum(each.run == event.run for each in state.attempts)
    attempt = Attempt(run=event.run, index=index, job=state.job, annotation=state.annotation, result=event.result)
    shown = state.shown if state.picked else attempt
    state = replace(state, attempts=(*state.attempts, attempt), shown=shown, preview=None)
    needs_picture = event.result.alpha is not None
    return state, (ComposeResult(event.run, index, event.result),) if needs_picture else ()


def _result_composed(state: DialogState, event: ResultComposed) -> Step:
    before = next((each for each in state.attempts if (each.run, each.index) == (event.run, event.index)), None)
    if before is None:
        return state, ()
    composed = replace(before, picture=event.picture)
    attempts = tuple(composed if each is before else each for each in state.attempts)
    state = replace(state, attempts=attempts, shown=composed if state.shown is before else state.shown)
    return replace(state, choices=state.row), ()


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
        failed = event.error.code != ErrorCode.CANCELLED
        return _with_error(replace(state, run_failed=failed), event.error), ()
    came = any(each.run == event.run for each in state.results)
    return _finish(state, after) if after is not AfterRun.SHOW and came else (state, ())


def _runs(state: DialogState, run: int) -> bool:
    return state.working and run == state.run


def _after_run(state: DialogState) -> DialogState:
    """With what has come of the job and, where nothing has, as it was before."""
    came = any(each.run == state.run for each in state.attempts)
    state = replace(state, stopping=False, preview=None, status=state.not_composed)
    return _showing_results(state) if came or state.returns_to is Phase.SHOWING_RESULTS else _pointing(state)


def _showing_results(state: DialogState) -> DialogState:
    results = state.results
    shown = state.shown if any(each is state.shown for each in results) else next(reversed(results), None)
    state = replace(state, phase=Phase.SHOWING_RESULTS, shown=shown)
    return replace(state, choices=state.row)


def _pointing(state: DialogState) -> DialogState:
    """Back to the marks."""
    if state.can_mark:
        return state
    state = replace(state, phase=Phase.POINTING, picked=False)
    return replace(state, choices=state.row)


def _finish(state: DialogState, after: AfterRun) -> Step:
    results = state.results
    if not results:
        return state, ()
    shown = next((k for k, each in enumerate(results) if each is state.shown), len(results) - 1)
    given = tuple(each.result for each in results)
    goes_on = after is AfterRun.CONTINUE
    return state, (Insert(results[shown].run, state.annotation, given, shown, goes_on),)


def _inserted(state: DialogState, event: Inserted) -> Step:
    return replace(state, phase=Phase.CLOSED), (Close(),)


# -- what is reported -------------------------------------------------------------------------------------------------


def _encoded(state: DialogState, event: Encoded) -> Step:
    state, models = _with_models(_cleared(replace(state, encoded=True)))
    state, depth = _with_depth(state)
    return state, (*models, *depth)


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
    """Without a status, unless it is how a job goes, or why there is no mask."""
    failed = state.failed and isinstance(state.status, UserError)
    return state if state.working or failed else replace(state, status=None)


_TRANSITIONS: dict[type, Callable[[DialogState, Any], Step]] = {
    Opened: _opened,
    PhotoChanged: _photo_changed,
    Inserted: _inserted,
    Clicked: _clicked,
    BoxDrawn: _box_drawn,
    StrokeDrawn: _stroke_drawn,
    MarkMoved: _mark_moved,
    MarkRemoved: _mark_removed,
    NextObject: _next_object,
    ObjectChosen: _object_chosen,
    ObjectRemoved: _object_removed,
    NameEntered: _name_entered,
    SceneChosen: _scene_chosen,
    SnapPressed: _snap_pressed,
    Undo: _undo,
    Redo: _redo,
    RemoveCurrent: _remove_current,
    ClearAll: _clear_all,
    ToolChosen: _tool_chosen,
    BrushResized: _brush_resized,
    NextMaskView: _next_mask_view,
    TintChosen: _tint_chosen,
    ChoiceMade: _choice_made,
    NextChoice: _next_choice,
    JobChanged: _job_changed,
    SettingChanged: _setting_changed,
    ModelsChanged: _models_changed,
    HoverMoved: _hover_moved,
    HoverLeft: _hover_left,
    HoverArrived: _hover_arrived,
    BehindRead: _behind_read,
    DepthMeasured: _depth_measured,
    ReferenceRead: _reference_read,
    PromptExpanded: _prompt_expanded,
    BehindMoved: _behind_moved,
    BehindScaled: _behind_scaled,
    BehindFlipped: _behind_flipped,
    BehindFitted: _behind_fitted,
    PreviewPressed: _preview_pressed,
    ApplyPressed: _apply_pressed,
    ContinuePressed: _continue_pressed,
    RetryPressed: _retry_pressed,
    StopPressed: _stop_pressed,
    EscapePressed: _escape_pressed,
    CloseRequested: _close_requested,
    CloseConfirmed: _close_confirmed,
    ResultRemoved: _result_removed,
    Encoded: _encoded,
    ProposalsArrived: _proposals_arrived,
    ProposalsFailed: _proposals_failed,
    AlphaArrived: _alpha_arrived,
    ProgressArrived: _progress_arrived,
    Failed: _failed,
    RunProgressed: _run_progressed,
    PreviewArrived: _preview_arrived,
    ResultArrived: _result_arrived,
    ResultComposed: _result_composed,
    ComposingFailed: _composing_failed,
    RunEnded: _run_ended,
}

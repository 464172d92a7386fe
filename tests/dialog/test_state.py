"""The dialog's decisions, as tables: what a state and an event come to, and what is then to be done.

Masks, results and pictures are only passed on, so that words stand for them here.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error
from inference_server.shared.messages import Job, MaskOptions

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.dialog import state as dialog
from inpaint_anything.dialog.click_history import ClickHistory
from inpaint_anything.dialog.events import (
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
from inpaint_anything.dialog.state import AfterRun, DialogState, Hint, Phase, Progress, update


@dataclass(frozen=True)
class Result:
    """As far as the dialog looks into one."""

    name: str
    pixels: bytes | None = b"pixels"


OPTIONS, GROWN = MaskOptions(), MaskOptions(grow=40)
ONE = ClickHistory().with_click(5, 6, on_object=True)
TWO = ONE.with_click(7, 8, on_object=False)
BOX = (1.0, 2.0, 30.0, 40.0)
FAULT = UserError(ErrorCode.NO_SERVER, "There is no server.", "Start it.")
A, B = Result("a"), Result("b")
FORMING = Preview("small", (0, 0, 9, 9))


def query(history: ClickHistory, job: Job = Job.REMOVE, options: MaskOptions = OPTIONS) -> MaskQuery:
    return MaskQuery(job=job, prompt=history.prompt, options=options)


EMPTY = DialogState(job=Job.REMOVE, options=OPTIONS, encoded=True)
ASKED = replace(EMPTY, history=ONE, asked=query(ONE), waiting=True)
FINAL = ("one", "two", "three")
POINTING = replace(
    ASKED, waiting=False, proposals=FINAL, choices=FINAL, known=((query(ONE), FINAL),), hover=None, revision=3
)
READY = replace(EMPTY, has_ready_mask=True, asked=query(ClickHistory()), proposals=("given",))
WORKING = replace(POINTING, phase=Phase.WORKING, run=1, status=Progress(0.5, "Removing"))
STOPPING = replace(WORKING, stopping=True, status=Progress(None))
SOME = replace(
    WORKING, results=(A, B), pictures=("picture a", "picture b"), choices=("picture a", "picture b"), shown=1
)
RESULTS = replace(SOME, phase=Phase.SHOWING_RESULTS, status=None)
CLOSED = replace(POINTING, phase=Phase.CLOSED)
FORGOTTEN = {
    "results": (),
    "pictures": (),
    "not_composed": None,
    "shown": 0,
    "choices": FINAL,
    "phase": Phase.POINTING,
    "status": None,
}

# Each row: a state, an event, what changes of the state, the commands.
POINTED_AT = {
    "the first click asks for masks": (
        EMPTY,
        Clicked(5, 6, True),
        {"history": ONE, "asked": query(ONE), "waiting": True, "revision": 1},
        (RequestProposals(query(ONE)),),
    ),
    "a click on the next object": (
        replace(EMPTY, applied=True),
        Clicked(5, 6, True),
        {"history": ONE, "asked": query(ONE), "waiting": True, "revision": 1, "applied": False},
        (RequestProposals(query(ONE)),),
    ),
    "a click beside the object asks nothing by itself": (
        EMPTY,
        Clicked(5, 6, False),
        {"history": ClickHistory().with_click(5, 6, on_object=False), "revision": 1},
        (),
    ),
    "a click keeps the old mask until there is a new one": (
        POINTING,
        Clicked(7, 8, False),
        {"history": TWO, "asked": query(TWO), "waiting": True, "revision": 4},
        (RequestProposals(query(TWO)),),
    ),
    "a click ends what hovering shows": (
        replace(POINTING, hovered=query(TWO), hover="hover"),
        Clicked(7, 8, False),
        {"history": TWO, "asked": query(TWO), "waiting": True, "revision": 4, "hovered": None, "hover": None},
        (CancelHover(), RequestProposals(query(TWO))),
    ),
    "a box asks for masks": (
        EMPTY,
        BoxDrawn(BOX),
        {
            "history": ClickHistory((BOX,)),
            "asked": query(ClickHistory((BOX,))),
            "waiting": True,
            "revision": 1,
        },
        (RequestProposals(query(ClickHistory((BOX,)))),),
    ),
    "a click instead of a ready mask": (
        READY,
        Clicked(5, 6, True),
        {"history": ONE, "asked": query(ONE), "waiting": True, "revision": 1},
        (RequestProposals(query(ONE)),),
    ),
    "the last click is taken back: the final masks of those before it are there at once": (
        replace(POINTING, history=TWO, asked=query(TWO), waiting=True, proposals=("other",), choices=("other",)),
        UndoClick(),
        {"history": ONE, "asked": query(ONE), "waiting": False, "proposals": FINAL, "choices": FINAL, "revision": 4},
        (CancelProposals(),),
    ),
    "the only click is taken back": (
        POINTING,
        UndoClick(),
        {"history": ClickHistory(), "asked": None, "proposals": (), "choices": (), "revision": 4},
        (),
    ),
    "the only click is taken back while it is asked about": (
        ASKED,
        UndoClick(),
        {"history": ClickHistory(), "asked": None, "waiting": False, "revision": 1},
        (CancelProposals(),),
    ),
    "all clicks are taken back: the ready mask is meant again": (
        replace(POINTING, has_ready_mask=True, history=TWO),
        ClearClicks(),
        {"history": ClickHistory(), "asked": query(ClickHistory()), "waiting": True, "revision": 4},
        (RequestProposals(query(ClickHistory())),),
    ),
    "nothing to take back": (EMPTY, UndoClick(), {}, ()),
    "nothing to clear": (EMPTY, ClearClicks(), {}, ()),
    "a click gives a running job up": (
        WORKING,
        Clicked(7, 8, False),
        {
            "history": TWO,
            "asked": query(TWO),
            "waiting": True,
            "revision": 4,
            "phase": Phase.POINTING,
            "status": None,
        },
        (CancelRun(), RequestProposals(query(TWO))),
    ),
    "a click does not wait for a job that stops": (
        STOPPING,
        UndoClick(),
        {
            "history": ClickHistory(),
            "asked": None,
            "proposals": (),
            "choices": (),
            "revision": 4,
            "stopping": False,
            "phase": Phase.POINTING,
            "status": None,
        },
        (),
    ),
    "a click drops the results": (
        RESULTS,
        Clicked(7, 8, False),
        {**FORGOTTEN, "history": TWO, "asked": query(TWO), "waiting": True, "revision": 4},
        (RequestProposals(query(TWO)),),
    ),
}
ANSWERED = {
    "the first mask alone leaves the row of choices": (
        replace(ASKED, choices=("old", "older")),
        ProposalsArrived(query(ONE), ("one",), 2),
        {"proposals": ("one",)},
        (),
    ),
    "then all of them come": (
        replace(ASKED, proposals=("one",)),
        ProposalsArrived(query(ONE), ("one", "two"), 1),
        {"proposals": ("one", "two"), "choices": ("one", "two")},
        (),
    ),
    "the final ones are kept": (
        replace(ASKED, status=Progress(0.5, "Looking")),
        ProposalsArrived(query(ONE), FINAL, 0),
        {
            "proposals": FINAL,
            "choices": FINAL,
            "waiting": False,
            "status": None,
            "known": ((query(ONE), FINAL),),
        },
        (),
    ),
    "of a ready mask there is no choice": (
        replace(READY, waiting=True, proposals=()),
        ProposalsArrived(query(ClickHistory()), ("given",), 0),
        {"proposals": ("given",), "waiting": False, "known": ((query(ClickHistory()), ("given",)),)},
        (),
    ),
    "an answer about other clicks is ignored": (ASKED, ProposalsArrived(query(TWO), FINAL, 0), {}, ()),
    "an answer that nobody waits for is ignored": (POINTING, ProposalsArrived(query(ONE), ("one",), 2), {}, ()),
    "a failure is said, and nothing more awaited": (
        ASKED,
        ProposalsFailed(query(ONE), FAULT),
        {"waiting": False, "status": FAULT},
        (),
    ),
    "a failure for other clicks is ignored": (ASKED, ProposalsFailed(query(TWO), FAULT), {}, ()),
    "final masks that come during a job leave its progress": (
        replace(WORKING, waiting=True, proposals=(), choices=(), known=()),
        ProposalsArrived(query(ONE), FINAL, 0),
        {"proposals": FINAL, "choices": FINAL, "waiting": False, "known": ((query(ONE), FINAL),)},
        (),
    ),
    "the photo is encoded": (
        replace(EMPTY, encoded=False, status=Progress(0.9, "Looking at the photo")),
        Encoded(),
        {"encoded": True, "status": None},
        (),
    ),
    "progress": (ASKED, ProgressArrived(0.25, "Starting"), {"status": Progress(0.25, "Starting")}, ()),
    "something else fails": (POINTING, Failed(FAULT), {"status": FAULT}, ()),
    "cancelling is no failure": (POINTING, Failed(cancelled_error()), {}, ()),
}
HOVER = query(ClickHistory().with_click(9, 9, on_object=True))
HOVERED = {
    "where the pointer rests": (EMPTY, HoverMoved(9, 9), {"hovered": HOVER}, (RequestHover(HOVER),)),
    "not before the photo is encoded": (replace(EMPTY, encoded=False), HoverMoved(9, 9), {}, ()),
    "not during a job": (WORKING, HoverMoved(9, 9), {}, ()),
    "not over results": (RESULTS, HoverMoved(9, 9), {}, ()),
    "it is shown": (replace(EMPTY, hovered=HOVER), HoverArrived(HOVER, "hover"), {"hover": "hover"}, ()),
    "but not where the pointer was before": (replace(EMPTY, hovered=query(ONE)), HoverArrived(HOVER, "hover"), {}, ()),
    "the pointer goes": (
        replace(EMPTY, hovered=HOVER, hover="hover"),
        HoverLeft(),
        {"hovered": None, "hover": None},
        (CancelHover(),),
    ),
    "it was nowhere": (EMPTY, HoverLeft(), {}, ()),
}
CHOSEN = {
    "another mask that is there already": (
        POINTING,
        ChoiceMade(2),
        {"history": ONE.with_choice(2), "revision": 4},
        (),
    ),
    "the same mask": (POINTING, ChoiceMade(0), {}, ()),
    "a mask that is not there": (POINTING, ChoiceMade(3), {}, ()),
    "the next mask": (POINTING, NextChoice(), {"history": ONE.with_choice(1), "revision": 4}, ()),
    "after the last comes the first": (
        replace(POINTING, history=ONE.with_choice(2)),
        NextChoice(),
        {"history": ONE.with_choice(0), "revision": 4},
        (),
    ),
    "no choice at all": (EMPTY, NextChoice(), {}, ()),
    "another mask gives a running job up": (
        WORKING,
        ChoiceMade(1),
        {"history": ONE.with_choice(1), "revision": 4, "phase": Phase.POINTING, "status": None},
        (CancelRun(),),
    ),
    "another result": (RESULTS, ChoiceMade(0), {"shown": 0, "picked": True, "revision": 4}, ()),
    "the next result": (RESULTS, NextChoice(), {"shown": 0, "picked": True, "revision": 4}, ()),
    "a result while others are still made": (SOME, ChoiceMade(0), {"shown": 0, "picked": True, "revision": 4}, ()),
    "the row has only the results that are composed": (
        replace(RESULTS, pictures=(None, "picture b"), choices=("picture b",)),
        NextChoice(),
        {},
        (),
    ),
}
SETTINGS = {
    "opened with clicks": (
        replace(EMPTY, history=ONE, encoded=False),
        Opened(),
        {"asked": query(ONE), "waiting": True},
        (RequestProposals(query(ONE)), UpdatePromptHint(), RequestEncoding()),
    ),
    "opened with nothing, for a job that paints": (
        replace(EMPTY, job=Job.FILL),
        Opened(),
        {"models_requested": True},
        (UpdatePromptHint(), RequestModels(), RequestEncoding()),
    ),
    "another job": (
        POINTING,
        JobChanged(Job.FILL, OPTIONS),
        {
            "job": Job.FILL,
            "asked": query(ONE, Job.FILL),
            "waiting": True,
            "models_requested": True,
            "revision": 4,
        },
        (RequestProposals(query(ONE, Job.FILL)), UpdatePromptHint(), RequestModels()),
    ),
    "the models are asked for once": (
        replace(EMPTY, models_requested=True),
        JobChanged(Job.REPLACE, OPTIONS),
        {"job": Job.REPLACE, "revision": 1},
        (UpdatePromptHint(),),
    ),
    "the same job": (POINTING, JobChanged(Job.REMOVE, OPTIONS), {}, ()),
    "a setting of the mask": (
        POINTING,
        SettingChanged("grow", GROWN),
        {"options": GROWN, "asked": query(ONE, options=GROWN), "waiting": True, "revision": 4},
        (RequestProposals(query(ONE, options=GROWN)),),
    ),
    "back to what it was": (
        replace(POINTING, options=GROWN, asked=query(ONE, options=GROWN), proposals=("grown",), choices=("grown",)),
        SettingChanged("grow", OPTIONS),
        {"options": OPTIONS, "asked": query(ONE), "proposals": FINAL, "choices": FINAL, "revision": 4},
        (),
    ),
    "a setting that only the job needs drops the results": (
        RESULTS,
        SettingChanged("seed", OPTIONS),
        {**FORGOTTEN, "revision": 4},
        (),
    ),
    "the prompt": (POINTING, SettingChanged("prompt", OPTIONS), {"revision": 4}, (UpdatePromptHint(),)),
    "other models may find other masks": (POINTING, ModelsChanged(), {"known": ()}, (UpdatePromptHint(),)),
}
NEW_PHOTO = (UpdatePromptHint(), RequestEncoding())
NOTHING_KNOWN = {"encoded": False, "known": (), "proposals": (), "choices": (), "asked": None}
PHOTO = {
    "what is worked on": (POINTING, SettingChanged("source", OPTIONS), {}, (ReopenPhoto(),)),
    "results are in the image, and the next object comes": (
        RESULTS,
        PhotoChanged(ClickHistory(), False, True),
        {**FORGOTTEN, **NOTHING_KNOWN, "history": ClickHistory(), "revision": 4, "applied": True},
        NEW_PHOTO,
    ),
    "other layers, where the clicks still hold": (
        POINTING,
        PhotoChanged(TWO, False, False),
        {**NOTHING_KNOWN, "history": TWO, "asked": query(TWO), "waiting": True, "revision": 4},
        (RequestProposals(query(TWO)), *NEW_PHOTO),
    ),
    "other layers while masks are asked for": (
        replace(ASKED, hovered=query(TWO), hover="hover"),
        PhotoChanged(ClickHistory(), True, False),
        {
            "encoded": False,
            "has_ready_mask": True,
            "history": ClickHistory(),
            "asked": query(ClickHistory()),
            "revision": 1,
            "hovered": None,
            "hover": None,
        },
        (CancelHover(), CancelProposals(), RequestProposals(query(ClickHistory())), *NEW_PHOTO),
    ),
    "other layers during a job": (
        WORKING,
        PhotoChanged(ClickHistory(), False, False),
        {**NOTHING_KNOWN, "history": ClickHistory(), "phase": Phase.POINTING, "status": None, "revision": 4},
        (CancelRun(), *NEW_PHOTO),
    ),
}
STARTED = {"phase": Phase.WORKING, "run": 1, "status": Progress(0.0)}
WORKED = {
    "preview": (POINTING, PreviewPressed(), STARTED, (StartRun(1, Job.REMOVE, ONE.prompt),)),
    "apply": (
        POINTING,
        ApplyPressed(),
        {**STARTED, "after_run": AfterRun.APPLY},
        (StartRun(1, Job.REMOVE, ONE.prompt),),
    ),
    "with a ready mask": (READY, PreviewPressed(), STARTED, (StartRun(1, Job.REMOVE, None),)),
    "hovering ends": (
        replace(POINTING, hovered=HOVER, hover="hover"),
        PreviewPressed(),
        {**STARTED, "hovered": None, "hover": None},
        (CancelHover(), StartRun(1, Job.REMOVE, ONE.prompt)),
    ),
    "nothing is meant": (EMPTY, ApplyPressed(), {"status": Hint.HOW_TO_POINT}, ()),
    "preview of results that are there": (RESULTS, PreviewPressed(), {}, ()),
    "apply results that are there": (
        RESULTS,
        ApplyPressed(),
        {},
        (Insert(Job.REMOVE, ONE.prompt, (A, B), 1, False),),
    ),
    "apply, and go on": (
        POINTING,
        ContinuePressed(),
        {**STARTED, "after_run": AfterRun.CONTINUE},
        (StartRun(1, Job.REMOVE, ONE.prompt),),
    ),
    "apply results that are there, and go on": (
        RESULTS,
        ContinuePressed(),
        {},
        (Insert(Job.REMOVE, ONE.prompt, (A, B), 1, True),),
    ),
    "results that cannot be inserted stay": (RESULTS, Failed(FAULT), {"status": FAULT}, ()),
    "they are inserted": (RESULTS, Inserted(), {"phase": Phase.CLOSED}, (Close(),)),
    "apply during a job": (WORKING, ApplyPressed(), {"after_run": AfterRun.APPLY}, ()),
    "preview during a job": (WORKING, PreviewPressed(), {}, ()),
    "progress": (WORKING, RunProgressed(1, 0.75, "Filling"), {"status": Progress(0.75, "Filling")}, ()),
    "progress of a job that stops": (STOPPING, RunProgressed(1, 0.75, "Filling"), {}, ()),
    "progress of a former job": (WORKING, RunProgressed(0, 0.75, "Filling"), {}, ()),
    "a picture forms": (WORKING, PreviewArrived(1, FORMING), {"preview": FORMING}, ()),
    "a picture of a former job": (WORKING, PreviewArrived(0, FORMING), {}, ()),
    "a result": (
        replace(WORKING, preview=FORMING),
        ResultArrived(1, A),
        {"results": (A,), "pictures": (None,), "preview": None},
        (ComposeResult(1, 0, A),),
    ),
    "another result is shown as it comes": (
        replace(WORKING, results=(A,), pictures=("picture a",), choices=("picture a",)),
        ResultArrived(1, B),
        {"results": (A, B), "pictures": ("picture a", None), "shown": 1},
        (ComposeResult(1, 1, B),),
    ),
    "unless one was picked": (
        replace(SOME, shown=0, picked=True),
        ResultArrived(1, A),
        {"results": (A, B, A), "pictures": ("picture a", "picture b", None)},
        (ComposeResult(1, 2, A),),
    ),
    "a selection has no picture": (
        WORKING,
        ResultArrived(1, Result("selection", None)),
        {"results": (Result("selection", None),), "pictures": (None,)},
        (),
    ),
    "a result of a job that was given up": (replace(POINTING, run=1), ResultArrived(1, A), {}, ()),
    "a picture is ready": (
        replace(WORKING, results=(A, B), pictures=(None, None), shown=1),
        ResultComposed(1, 1, "picture b"),
        {"pictures": (None, "picture b"), "choices": ("picture b",)},
        (),
    ),
    "a picture is ready after the job": (
        replace(RESULTS, pictures=(None, "picture b"), choices=("picture b",)),
        ResultComposed(1, 0, "picture a"),
        {"pictures": ("picture a", "picture b"), "choices": ("picture a", "picture b")},
        (),
    ),
    "a picture of a former job's result": (RESULTS, ResultComposed(0, 1, "picture"), {}, ()),
    "a result cannot be composed: said when the job has ended": (
        SOME,
        ComposingFailed(1, FAULT),
        {"not_composed": FAULT},
        (),
    ),
    "a result cannot be composed, after the job": (
        RESULTS,
        ComposingFailed(1, FAULT),
        {"not_composed": FAULT, "status": FAULT},
        (),
    ),
    "a former job's result cannot be composed": (RESULTS, ComposingFailed(0, FAULT), {}, ()),
    "a picture of a result that was dropped": (replace(POINTING, run=1), ResultComposed(1, 0, "picture"), {}, ()),
}
ENDED = {
    "its results are shown": (
        replace(SOME, preview=FORMING),
        RunEnded(1, None),
        {"phase": Phase.SHOWING_RESULTS, "status": None, "preview": None},
        (),
    ),
    "one of them could not be composed": (
        replace(SOME, not_composed=FAULT),
        RunEnded(1, None),
        {"phase": Phase.SHOWING_RESULTS, "status": FAULT},
        (),
    ),
    "its results are applied": (
        replace(SOME, after_run=AfterRun.APPLY),
        RunEnded(1, None),
        {"phase": Phase.SHOWING_RESULTS, "status": None},
        (Insert(Job.REMOVE, ONE.prompt, (A, B), 1, False),),
    ),
    "its results are applied, and it goes on": (
        replace(SOME, after_run=AfterRun.CONTINUE),
        RunEnded(1, None),
        {"phase": Phase.SHOWING_RESULTS, "status": None},
        (Insert(Job.REMOVE, ONE.prompt, (A, B), 1, True),),
    ),
    "there are no results": (
        replace(WORKING, after_run=AfterRun.APPLY),
        RunEnded(1, None),
        {"phase": Phase.POINTING, "status": None},
        (),
    ),
    "it has failed": (WORKING, RunEnded(1, FAULT), {"phase": Phase.POINTING, "status": FAULT}, ()),
    "it has failed after some results, which are not applied": (
        replace(SOME, after_run=AfterRun.APPLY),
        RunEnded(1, FAULT),
        {"phase": Phase.SHOWING_RESULTS, "status": FAULT},
        (),
    ),
    "it was stopped": (
        STOPPING,
        RunEnded(1, cancelled_error()),
        {"phase": Phase.POINTING, "stopping": False, "status": None},
        (),
    ),
    "it was stopped after some results": (
        replace(SOME, stopping=True, status=Progress(None)),
        RunEnded(1, cancelled_error()),
        {"phase": Phase.SHOWING_RESULTS, "stopping": False, "status": None},
        (),
    ),
    "a former job": (WORKING, RunEnded(0, FAULT), {}, ()),
    "a job that was given up": (replace(POINTING, run=1), RunEnded(1, FAULT), {}, ()),
}
LEFT = {
    "stop": (WORKING, StopPressed(), {"stopping": True, "status": Progress(None)}, (CancelRun(),)),
    "stop twice": (STOPPING, StopPressed(), {}, ()),
    "nothing to stop": (POINTING, StopPressed(), {}, ()),
    "Esc stops a job": (WORKING, EscapePressed(), {"stopping": True, "status": Progress(None)}, (CancelRun(),)),
    "Esc again does not wait for it": (
        STOPPING,
        EscapePressed(),
        {"stopping": False, "phase": Phase.POINTING, "status": None},
        (),
    ),
    "Esc again, with results": (
        replace(SOME, stopping=True, status=Progress(None)),
        EscapePressed(),
        {"stopping": False, "phase": Phase.SHOWING_RESULTS, "status": None},
        (),
    ),
    "Esc drops results": (replace(RESULTS, not_composed=FAULT, status=FAULT), EscapePressed(), FORGOTTEN, ()),
    "Esc closes": (POINTING, EscapePressed(), {"phase": Phase.CLOSED}, (Close(),)),
    "close": (RESULTS, CloseRequested(), {"phase": Phase.CLOSED}, (Close(),)),
    "close during a job": (WORKING, CloseRequested(), {"phase": Phase.CLOSED}, (CancelRun(), Close())),
    "close while a job stops": (STOPPING, CloseRequested(), {"phase": Phase.CLOSED}, (Close(),)),
}
TABLES = (PHOTO, POINTED_AT, ANSWERED, HOVERED, CHOSEN, SETTINGS, WORKED, ENDED, LEFT)
ROWS = [pytest.param(*row, id=name) for table in TABLES for name, row in table.items()]


@pytest.mark.parametrize(("state", "event", "changes", "commands"), ROWS)
def test_what_an_event_comes_to(state, event, changes, commands):
    after, done = update(state, event)
    assert done == commands
    assert after == replace(state, **changes)


def test_every_event_is_in_a_table_and_known():
    events = set(get_args(Event))
    assert {type(row[1]) for table in TABLES for row in table.values()} == events
    assert set(dialog._TRANSITIONS) == events


@pytest.mark.parametrize("event", [row[1] for table in TABLES for row in table.values()], ids=repr)
def test_a_closed_dialog_does_nothing(event):
    assert update(CLOSED, event) == (CLOSED, ())


def test_a_job_that_ends_before_it_was_begun_leaves_the_dialog_free():
    """Its first step may raise: no file for the background, say."""
    state, (start,) = update(POINTING, PreviewPressed())
    state, _ = update(state, RunEnded(start.run, FAULT))
    assert (state.phase, state.status, state.can_preview) == (Phase.POINTING, FAULT, True)
    _, (again,) = update(state, PreviewPressed())
    assert again == StartRun(2, Job.REMOVE, ONE.prompt)
    assert update(state, EscapePressed())[1] == (Close(),)


DRAWN = {
    "nothing yet": (EMPTY, {"overlay": None, "can_apply": False, "can_preview": False, "hint": Hint.HOW_TO_POINT}),
    "a mask": (POINTING, {"overlay": "one", "can_apply": True, "can_preview": True, "hint": Hint.MORE_CLICKS}),
    "the chosen mask": (replace(POINTING, history=ONE.with_choice(2)), {"overlay": "three", "chosen": 2}),
    "until there are as many": (
        replace(POINTING, history=ONE.with_choice(2), proposals=("one",)),
        {"overlay": "one", "choice_count": 1},
    ),
    "results were inserted": (replace(EMPTY, applied=True), {"hint": Hint.APPLIED}),
    "a ready mask": (READY, {"overlay": "given", "choice_count": 0, "can_apply": True}),
    "a job": (WORKING, {"comparison": None, "can_preview": False, "can_apply": True, "working": True}),
    "the newest result": (RESULTS, {"comparison": "picture b", "chosen": 1, "choice_count": 2, "hint": Hint.COMPARE}),
    "until it is composed": (replace(SOME, pictures=("picture a", None)), {"comparison": "picture a", "chosen": 0}),
    "a result that was picked": (replace(RESULTS, shown=0, picked=True), {"comparison": "picture a", "chosen": 0}),
}


@pytest.mark.parametrize(("state", "drawn"), [pytest.param(*row, id=name) for name, row in DRAWN.items()])
def test_what_is_drawn_of_a_state(state, drawn):
    assert {name: getattr(state, name) for name in drawn} == drawn


def test_which_mask_is_chosen_last_is_no_other_question_but_what_was_chosen_before_is():
    asked = query(ONE).key
    assert query(ONE.with_choice(2)).key == query(ONE.with_choice(0)).key == asked
    further = TWO.with_choice(1)
    assert query(further).key == query(TWO).key
    assert query(ONE.with_choice(2).with_click(7, 8, on_object=False)).key != query(TWO).key


def test_only_the_latest_masks_are_kept():
    state = EMPTY
    for k in range(dialog.KNOWN + 3):
        state, _ = update(state, Clicked(k, k, True))
        state, _ = update(state, ProposalsArrived(state.asked, (f"mask {k}",), 0))
    assert len(state.known) == dialog.KNOWN
    for _ in range(dialog.KNOWN - 1):
        state, commands = update(state, UndoClick())
        assert not commands
    state, (asked,) = update(state, UndoClick())
    assert asked == RequestProposals(state.query)


@pytest.mark.parametrize(
    ("state", "summary"),
    [
        (ASKED, "pointing waiting revision=0 hover=0 preview=0 runs=0 results=0"),
        (replace(POINTING, hover="hover"), "pointing settled revision=3 hover=1 preview=0 runs=0 results=0"),
        (WORKING, "working settled revision=3 hover=0 preview=0 runs=1 results=0"),
        (replace(WORKING, preview=FORMING), "working settled revision=3 hover=0 preview=1 runs=1 results=0"),
        (RESULTS, "results settled revision=3 hover=0 preview=0 runs=1 results=2"),
    ],
)
def test_a_state_is_summed_up_in_a_line(state, summary):
    assert state.summary == summary

"""The dialog's decisions, as tables: what a state and an event come to, and what is then to be done.

Masks, results and pictures are only passed on, so that words stand for them here.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error, wrong_input
from inference_server.shared.messages import Job, MaskOptions, Scene, Stroke

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.covering import Covering
from inpaint_anything.dialog import update as transitions
from inpaint_anything.dialog.annotation import Annotation, ClickHistory, Name
from inpaint_anything.dialog.events import (
    LAYER,
    AlphaArrived,
    AlphaQuery,
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
    Preview,
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
from inpaint_anything.dialog.state import (
    KNOWN,
    AfterRun,
    Attempt,
    DialogState,
    Hint,
    Phase,
    Progress,
    ReferenceNote,
)
from inpaint_anything.dialog.update import MOST_STEPS, update
from inpaint_anything.photo_view.behind import AnotherPhoto, Blurred, Colours, Nearness
from inpaint_anything.photo_view.tool import MaskView, Tint, Tool


@dataclass(frozen=True)
class Shape:
    """As far as the dialog looks into a mask."""

    outlines: tuple[tuple[float, ...], ...]


class Mask(str):
    """The word for a mask, which covers nothing, looks like itself, and is the larger the later it is in `WORDS`."""

    __slots__ = ()
    outlines = ()
    has_hair = False
    has_shadow = False

    @property
    def area(self) -> int:
        return WORDS.index(self)

    def resembles(self, other: "Mask") -> bool:
        return self == other


class MaskWithShadow(Mask):
    """The same with a shadow in it."""

    __slots__ = ()
    has_shadow = True


WORDS = ["one", "two", "three", "other", "another", "given", "wide one", "wide other"]


def masks(*words: str) -> tuple[Mask, ...]:
    return tuple(map(Mask, words))


class Furry(Mask):
    """One whose edge hair crosses."""

    __slots__ = ()
    has_hair = True


@dataclass(frozen=True)
class Result:
    """As far as the dialog looks into one."""

    name: str
    alpha: bytes | None = b"alpha"


OPTIONS, GROWN = MaskOptions(), MaskOptions(grow=40)
SHADOW, SURE_SHADOW = MaskOptions(include_shadow=True), MaskOptions(include_shadow=None)
FIRST = ClickHistory().with_click(5, 6, on_object=True)
MORE = FIRST.with_click(7, 8, on_object=False)
OTHER = ClickHistory().with_click(50, 60, on_object=True)
NOTHING, ONE, TWO = Annotation(), Annotation((FIRST,)), Annotation((MORE,))
BOX = (1.0, 2.0, 30.0, 40.0)
DRAWN = Stroke(path=(70, 70, 4))
ERASED = Stroke(path=(5, 6, 4), adds=False)
REFINED = Stroke(path=(5, 6, 4), refines=True)
UNDER = ClickHistory().with_click(70, 70, on_object=True)
FAULT = UserError(ErrorCode.NO_SERVER, "There is no server.", "Start it.")
GREEN = Tint((0.0, 1.0, 0.0), 0.5)
FORMING = Preview("small", (0, 0, 9, 9))


def query(history: ClickHistory, job: Job = Job.REMOVE, options: MaskOptions = OPTIONS) -> MaskQuery:
    return MaskQuery(job=job, prompt=history.prompt, options=options)


def asks(*of: object, **by: object) -> tuple[RequestProposals]:
    return (RequestProposals(query(*of, **by)),)


def attempt(run: int, index: int, name: str, annotation: Annotation = ONE, *, composed: bool = True) -> Attempt:
    picture = f"picture {name}" if composed else None
    return Attempt(run=run, index=index, job=Job.REMOVE, annotation=annotation, result=Result(name), picture=picture)


EMPTY = DialogState(job=Job.REMOVE, options=OPTIONS, encoded=True, models_requested=True)
ASKED = replace(EMPTY, annotation=ONE, past=(NOTHING,), asked=query(FIRST), waiting=True)
FINAL = masks(*WORDS[:3])
OTHERS = masks("other", "another")
POINTING = replace(
    ASKED, asked=None, waiting=False, proposals=FINAL, choices=FINAL, known=((query(FIRST), FINAL),), revision=3
)
BOTH = replace(
    POINTING,
    annotation=Annotation((FIRST, OTHER), 1, (DRAWN,)),
    past=(NOTHING, ONE),
    future=(TWO,),
    proposals=OTHERS,
    choices=OTHERS,
    known=((query(FIRST), FINAL), (query(OTHER), OTHERS)),
)
GIVEN = query(ClickHistory())
READY = replace(EMPTY, has_ready_mask=True, proposals=masks("given"), known=((GIVEN, masks("given")),))
WORKING = replace(POINTING, phase=Phase.WORKING, run=1, status=Progress(0.5, "Removing"))
STOPPING = replace(WORKING, stopping=True, status=Progress(None))
A, B = attempt(1, 0, "a"), attempt(1, 1, "b")
SOME = replace(WORKING, attempts=(A, B), choices=(A, B), shown=B)
RESULTS = replace(SOME, phase=Phase.SHOWING_RESULTS, status=None)
BACK = replace(RESULTS, phase=Phase.POINTING, choices=FINAL)  # from the results to the marks
ANOTHER = replace(RESULTS, phase=Phase.WORKING, returns_to=Phase.SHOWING_RESULTS, run=2, choices=FINAL)
CLOSED = replace(POINTING, phase=Phase.CLOSED)
UNSHADED = replace(POINTING, options=SURE_SHADOW, known=((query(FIRST, options=SURE_SHADOW), FINAL),))
SHADED = replace(UNSHADED, proposals=(MaskWithShadow("one"),), choices=(MaskWithShadow("one"),))


def phase_of(state: DialogState) -> str:
    return "stopping" if state.stopping else state.phase.value


def marked(before: DialogState, annotation: Annotation) -> dict[str, object]:
    """What changes of a state in which something else is marked, whatever is then asked."""
    past = (*before.past, before.annotation)
    return {"annotation": annotation, "past": past, "future": (), "revision": before.revision + 1}


def asked(*of: object, **by: object) -> dict[str, object]:
    return {"asked": query(*of, **by), "waiting": True}


# Each row: a state, an event, what changes of the state, the commands.
CLICKED = {
    "the first click asks for masks": (
        EMPTY,
        Clicked(5, 6, True),
        {**marked(EMPTY, ONE), **asked(FIRST)},
        asks(FIRST),
    ),
    "a click on the next object, after results were inserted": (
        replace(EMPTY, applied=True),
        Clicked(5, 6, True),
        {**marked(EMPTY, ONE), **asked(FIRST), "applied": False},
        asks(FIRST),
    ),
    "a click beside the object asks nothing by itself": (
        EMPTY,
        Clicked(5, 6, False),
        marked(EMPTY, Annotation((ClickHistory().with_click(5, 6, on_object=False),))),
        (),
    ),
    "a click keeps the old mask until there is a new one": (
        POINTING,
        Clicked(7, 8, False),
        {**marked(POINTING, TWO), **asked(MORE)},
        asks(MORE),
    ),
    "a click ends what hovering shows": (
        replace(POINTING, hovered=query(MORE), hover="hover"),
        Clicked(7, 8, False),
        {**marked(POINTING, TWO), **asked(MORE), "hovered": None, "hover": None},
        (CancelHover(), *asks(MORE)),
    ),
    "a click on another object shows none of the masks of this one": (
        POINTING,
        Clicked(50, 60, True, another=True),
        {**marked(POINTING, Annotation((FIRST, OTHER), 1)), **asked(OTHER), "proposals": ()},
        asks(OTHER),
    ),
    "a click beside the box is on another object": (
        replace(
            POINTING, annotation=Annotation((ClickHistory((BOX,)),)), known=((query(ClickHistory((BOX,))), FINAL),)
        ),
        Clicked(50, 60, True),
        {
            **marked(replace(POINTING, annotation=Annotation((ClickHistory((BOX,)),))), NOTHING),
            "annotation": Annotation((ClickHistory((BOX,)), OTHER), 1),
            **asked(OTHER),
            "proposals": (),
        },
        asks(OTHER),
    ),
    "a click instead of a ready mask, which is another object's": (
        READY,
        Clicked(5, 6, True),
        {**marked(READY, ONE), **asked(FIRST), "proposals": ()},
        asks(FIRST),
    ),
    "what was taken back cannot be done again after a click": (
        replace(POINTING, future=(BOTH.annotation,)),
        Clicked(7, 8, False),
        {**marked(POINTING, TWO), **asked(MORE)},
        asks(MORE),
    ),
    "what no answer came to is asked again after a click": (
        replace(BOTH, known=((query(OTHER), OTHERS),), failed=(query(FIRST),), status=FAULT),
        StrokeDrawn(ERASED),
        {**marked(BOTH, BOTH.annotation.with_stroke(ERASED)), **asked(FIRST), "failed": ()},
        asks(FIRST),
    ),
    "results stay, for whoever goes back to their marks": (
        BACK,
        Clicked(7, 8, False),
        {**marked(BACK, TWO), **asked(MORE)},
        asks(MORE),
    ),
}
BOXED = ClickHistory((BOX,))
MARKED = {
    "a box asks for masks": (
        EMPTY,
        BoxDrawn(BOX),
        {**marked(EMPTY, Annotation((BOXED,))), **asked(BOXED)},
        asks(BOXED),
    ),
    "a box around the click is about the same object": (
        POINTING,
        BoxDrawn(BOX),
        {**marked(POINTING, Annotation((FIRST.with_box(BOX),))), **asked(FIRST.with_box(BOX))},
        asks(FIRST.with_box(BOX)),
    ),
    "a box elsewhere is about another": (
        replace(POINTING, annotation=Annotation((OTHER,)), known=((query(OTHER), FINAL),)),
        BoxDrawn(BOX),
        {
            **marked(replace(POINTING, annotation=Annotation((OTHER,))), Annotation((OTHER, BOXED), 1)),
            **asked(BOXED),
            "proposals": (),
        },
        asks(BOXED),
    ),
    "a box around another object": (
        POINTING,
        BoxDrawn(BOX, another=True),
        {**marked(POINTING, Annotation((FIRST, BOXED), 1)), **asked(BOXED), "proposals": ()},
        asks(BOXED),
    ),
    "a stroke asks nothing": (EMPTY, StrokeDrawn(DRAWN), marked(EMPTY, Annotation(strokes=(DRAWN,))), ()),
    "a stroke over what was found": (
        POINTING,
        StrokeDrawn(ERASED),
        marked(POINTING, Annotation((FIRST,), 0, (ERASED,))),
        (),
    ),
    "a click is dragged": (
        POINTING,
        MarkMoved(0, 0, 50, 60),
        {**marked(POINTING, Annotation((OTHER,))), **asked(OTHER)},
        asks(OTHER),
    ),
    "a click of another object is dragged, which is then at hand": (
        BOTH,
        MarkMoved(0, 0, 70, 70),
        {**marked(BOTH, Annotation((UNDER, OTHER), 0, (DRAWN,))), **asked(UNDER), "proposals": ()},
        asks(UNDER),
    ),
    "a click is dragged to where it was": (POINTING, MarkMoved(0, 0, 5, 6), {}, ()),
    "a click that is gone is dragged": (POINTING, MarkMoved(0, 1, 5, 6), {}, ()),
    "a click of an object that is gone is dragged": (POINTING, MarkMoved(1, 0, 5, 6), {}, ()),
    "a box is not dragged": (replace(POINTING, annotation=Annotation((BOXED,))), MarkMoved(0, 0, 5, 6), {}, ()),
    "a click goes: the final masks of the others are there at once": (
        replace(POINTING, annotation=TWO, asked=query(MORE), waiting=True, proposals=OTHERS, choices=OTHERS),
        MarkRemoved(0, 1),
        {
            **marked(replace(POINTING, annotation=TWO), ONE),
            "asked": None,
            "waiting": False,
            "proposals": FINAL,
            "choices": FINAL,
        },
        (CancelProposals(),),
    ),
    "the only click goes": (
        POINTING,
        MarkRemoved(0, 0),
        {**marked(POINTING, NOTHING), "proposals": (), "choices": ()},
        (),
    ),
    "the only click of an object goes, and the object": (
        BOTH,
        MarkRemoved(1, 0),
        {**marked(BOTH, Annotation((FIRST,), 0, (DRAWN,))), "proposals": FINAL, "choices": FINAL},
        (),
    ),
    "a click that is gone": (POINTING, MarkRemoved(0, 1), {}, ()),
    "a click of an object that is gone": (POINTING, MarkRemoved(1, 0), {}, ()),
}
UNKNOWN = replace(BOTH, annotation=Annotation((FIRST, OTHER)), known=BOTH.known[:1], proposals=FINAL, choices=FINAL)
NONE_AT_HAND = replace(BOTH, annotation=Annotation((FIRST, OTHER), 2, (DRAWN,)), proposals=(), choices=())
OBJECTS = {
    "another object": (
        POINTING,
        NextObject(),
        {"annotation": Annotation((FIRST,), 1), "proposals": (), "choices": (), "revision": 4},
        (),
    ),
    "another object, while a tool is in hand": (
        replace(POINTING, tool=Tool.BRUSH, hovered=query(MORE), hover="hover"),
        NextObject(),
        {
            "annotation": Annotation((FIRST,), 1),
            "proposals": (),
            "choices": (),
            "revision": 4,
            "tool": Tool.INCLUDE,
            "hovered": None,
            "hover": None,
        },
        (CancelHover(),),
    ),
    "which object is at hand changes nothing that could be done again": (
        replace(POINTING, future=(TWO,)),
        NextObject(),
        {"annotation": Annotation((FIRST,), 1), "proposals": (), "choices": (), "revision": 4},
        (),
    ),
    "another object, where one has not begun yet": (NONE_AT_HAND, NextObject(), {}, ()),
    "another object, where there is none": (EMPTY, NextObject(), {}, ()),
    "back to the first object": (
        BOTH,
        ObjectChosen(0),
        {"annotation": replace(BOTH.annotation, active=0), "proposals": FINAL, "choices": FINAL, "revision": 4},
        (),
    ),
    "back to an object that is not known, which is asked about before the others": (
        replace(BOTH, known=(), asked=query(OTHER), waiting=True),
        ObjectChosen(0),
        {"annotation": replace(BOTH.annotation, active=0), "proposals": (), **asked(FIRST), "revision": 4},
        asks(FIRST),
    ),
    "the object at hand": (BOTH, ObjectChosen(1), {}, ()),
    "an object that is gone is the next one": (
        BOTH,
        ObjectChosen(7),
        {"annotation": NONE_AT_HAND.annotation, "proposals": (), "choices": (), "revision": 4},
        (),
    ),
    "an object goes": (
        BOTH,
        ObjectRemoved(1),
        {**marked(BOTH, Annotation((FIRST,), 0, (DRAWN,))), "proposals": FINAL, "choices": FINAL},
        (),
    ),
    "an object goes, and its masks: the next is another": (
        UNKNOWN,
        ObjectRemoved(0),
        {**marked(UNKNOWN, Annotation((OTHER,))), "proposals": (), **asked(OTHER)},
        asks(OTHER),
    ),
    "an object goes that is not at hand: the masks of that one stay": (
        replace(BOTH, known=(), asked=query(OTHER), waiting=True),
        ObjectRemoved(0),
        marked(BOTH, Annotation((OTHER,), 0, (DRAWN,))),
        (),
    ),
    "an object that is gone": (NONE_AT_HAND, ObjectRemoved(2), {}, ()),
    "the object at hand goes": (
        BOTH,
        RemoveCurrent(),
        {**marked(BOTH, Annotation((FIRST,), 0, (DRAWN,))), "proposals": FINAL, "choices": FINAL},
        (),
    ),
    "no object is at hand: what was drawn goes": (
        NONE_AT_HAND,
        RemoveCurrent(),
        marked(NONE_AT_HAND, replace(NONE_AT_HAND.annotation, strokes=())),
        (),
    ),
    "nothing is at hand, and nothing drawn": (EMPTY, RemoveCurrent(), {}, ()),
    "all goes: the ready mask is meant again": (
        replace(BOTH, has_ready_mask=True, known=(*BOTH.known, (GIVEN, masks("given")))),
        ClearAll(),
        {**marked(BOTH, NOTHING), "proposals": ("given",), "choices": ()},
        (),
    ),
    "all goes: the ready mask is asked for": (
        replace(POINTING, has_ready_mask=True),
        ClearAll(),
        {**marked(POINTING, NOTHING), "proposals": (), **asked(ClickHistory())},
        asks(ClickHistory()),
    ),
    "nothing to clear": (EMPTY, ClearAll(), {}, ()),
    "what was painted over is looked for": (
        replace(POINTING, annotation=Annotation((FIRST,), 0, (DRAWN, ERASED)), tool=Tool.BRUSH),
        SnapPressed(),
        {
            **marked(replace(POINTING, annotation=Annotation((FIRST,), 0, (DRAWN, ERASED))), NOTHING),
            "annotation": Annotation((FIRST, UNDER), 1),
            "tool": Tool.INCLUDE,
            "proposals": (),
            **asked(UNDER),
        },
        asks(UNDER),
    ),
    "nothing is painted over": (replace(POINTING, tool=Tool.ERASER), SnapPressed(), {}, ()),
    "something is rubbed out alone": (
        replace(POINTING, annotation=Annotation((FIRST,), 0, (ERASED,)), tool=Tool.ERASER),
        SnapPressed(),
        {},
        (),
    ),
}
PEOPLE = tuple(ClickHistory((Name("people"),), (k,) if k else ()) for k in range(2))
NAMING = replace(EMPTY, annotation=Annotation(PEOPLE[:1]), past=(NOTHING,), naming=Name("people"), **asked(PEOPLE[0]))
CUP, LIKE = (ClickHistory((Name(text, (BOX,)),)) for text in ("cup", ""))
BOX_DRAWN = replace(EMPTY, annotation=Annotation((ClickHistory((BOX,)),)), tool=Tool.BOX, proposals=OTHERS)
FOUND = Shape(((0, 0, 9, 0, 9, 9, 0, 9),)), Shape(((20, 0, 29, 0, 29, 9, 20, 9), (22, 2, 24, 2, 24, 4, 22, 4)))
NAMED_ALL = replace(
    EMPTY, annotation=Annotation(PEOPLE), past=(NOTHING,), proposals=FOUND, known=((query(PEOPLE[0]), FOUND),)
)
SKY, SUBJECT = ClickHistory((Scene.SKY,)), ClickHistory((Scene.SUBJECT,))
CORRECTED = SKY.with_click(7, 8, on_object=False)
NONE_THERE = wrong_input("No sky was found in this photo.", "Click on what you mean.")
SKY_ASKED = replace(EMPTY, annotation=Annotation((SKY,)), past=(NOTHING,), **asked(SKY))
SKY_FOUND = replace(EMPTY, annotation=Annotation((SKY,)), past=(NOTHING,), proposals=OTHERS, choices=OTHERS)
SKY_FOUND = replace(SKY_FOUND, known=((query(SKY), OTHERS),))
SCENES = {
    "a part of the scene is an object": (
        replace(EMPTY, tool=Tool.BOX),
        SceneChosen(Scene.SKY),
        {**marked(EMPTY, Annotation((SKY,))), **asked(SKY), "tool": Tool.INCLUDE},
        asks(SKY),
    ),
    "it is another object than one that was clicked": (
        POINTING,
        SceneChosen(Scene.SKY),
        {**marked(POINTING, Annotation((FIRST, SKY), 1)), **asked(SKY), "proposals": ()},
        asks(SKY),
    ),
    "another part takes its place": (
        SKY_FOUND,
        SceneChosen(Scene.SUBJECT),
        {**marked(SKY_FOUND, Annotation((SUBJECT,))), **asked(SUBJECT)},
        asks(SUBJECT),
    ),
    "the same part again": (SKY_FOUND, SceneChosen(Scene.SKY), {}, ()),
    "a click corrects it": (
        SKY_FOUND,
        Clicked(7, 8, False),
        {**marked(SKY_FOUND, Annotation((SKY.with_click(7, 8, on_object=False),))), **asked(CORRECTED)},
        asks(CORRECTED),
    ),
    "a part that was corrected stays": (
        replace(SKY_FOUND, annotation=Annotation((CORRECTED,)), known=((query(CORRECTED), OTHERS),)),
        SceneChosen(Scene.SUBJECT),
        {
            "annotation": Annotation((CORRECTED, SUBJECT), 1),
            "past": (NOTHING, Annotation((CORRECTED,))),
            "revision": 1,
            "proposals": (),
            **asked(SUBJECT),
        },
        asks(SUBJECT),
    ),
    "a box is another object": (
        SKY_FOUND,
        BoxDrawn(BOX),
        {
            **marked(SKY_FOUND, Annotation((SKY, ClickHistory((BOX,))), 1)),
            **asked(ClickHistory((BOX,))),
            "proposals": (),
        },
        asks(ClickHistory((BOX,))),
    ),
    "the photo has no such part": (
        replace(SKY_ASKED, annotation=Annotation((FIRST, SKY), 1), known=((query(FIRST), FINAL),)),
        ProposalsFailed(query(SKY), NONE_THERE),
        {
            "annotation": ONE,
            "failed": (query(SKY),),
            "asked": None,
            "waiting": False,
            "proposals": FINAL,
            "choices": FINAL,
            "status": NONE_THERE,
        },
        (),
    ),
    "it cannot be looked for": (
        SKY_ASKED,
        ProposalsFailed(query(SKY), FAULT),
        {"failed": (query(SKY),), "asked": None, "waiting": False, "status": FAULT},
        (),
    ),
}
SPECKS = tuple(ClickHistory((Scene.DISTRACTIONS,), (k,) if k else ()) for k in range(2))
SEEKING = replace(EMPTY, annotation=Annotation(SPECKS[:1]), past=(NOTHING,), naming=Scene.DISTRACTIONS)
SEEKING = replace(SEEKING, **asked(SPECKS[0]))
DISTRACTED = {
    "distractions are looked for": (
        EMPTY,
        SceneChosen(Scene.DISTRACTIONS),
        {**marked(EMPTY, Annotation(SPECKS[:1])), **asked(SPECKS[0]), "naming": Scene.DISTRACTIONS},
        asks(SPECKS[0]),
    ),
    "each distraction is an object": (
        SEEKING,
        ProposalsArrived(query(SPECKS[0]), FOUND, 0),
        {
            "annotation": Annotation(SPECKS),
            "naming": None,
            "known": ((query(SPECKS[0]), FOUND),),
            "proposals": FOUND,
            "asked": None,
            "waiting": False,
        },
        (),
    ),
    "a click leaves one of them as it is": (
        replace(EMPTY, annotation=Annotation(SPECKS), proposals=FOUND, known=((query(SPECKS[0]), FOUND),)),
        Clicked(25, 8, True),
        {"annotation": Annotation(SPECKS[:1]), "past": (Annotation(SPECKS),), "revision": 1},
        (),
    ),
    "a click elsewhere is about another object": (
        replace(EMPTY, annotation=Annotation(SPECKS[:1]), proposals=FOUND, known=((query(SPECKS[0]), FOUND),)),
        Clicked(50, 60, True),
        {
            "annotation": Annotation((SPECKS[0], OTHER), 1),
            "past": (Annotation(SPECKS[:1]),),
            "revision": 1,
            "proposals": (),
            **asked(OTHER),
        },
        asks(OTHER),
    ),
    "there are none": (
        SEEKING,
        ProposalsFailed(query(SPECKS[0]), NONE_THERE),
        {
            "annotation": NOTHING,
            "naming": None,
            "failed": (query(SPECKS[0]),),
            "asked": None,
            "waiting": False,
            "status": NONE_THERE,
        },
        (),
    ),
}
NAMED = {
    "a name asks for all that is called so": (
        replace(EMPTY, tool=Tool.BOX),
        NameEntered(" people "),
        {
            **marked(EMPTY, Annotation(PEOPLE[:1])),
            **asked(PEOPLE[0]),
            "naming": Name("people"),
            "tool": Tool.INCLUDE,
        },
        asks(PEOPLE[0]),
    ),
    "each of them is an object": (
        NAMING,
        ProposalsArrived(query(PEOPLE[0]), FOUND, 0),
        {
            "annotation": Annotation(PEOPLE),
            "naming": None,
            "known": ((query(PEOPLE[0]), FOUND),),
            "proposals": FOUND,
            "asked": None,
            "waiting": False,
        },
        (),
    ),
    "nothing is called so": (
        NAMING,
        ProposalsFailed(query(PEOPLE[0]), FAULT),
        {
            "annotation": NOTHING,
            "naming": None,
            "failed": (query(PEOPLE[0]),),
            "asked": None,
            "waiting": False,
            "status": FAULT,
        },
        (),
    ),
    "a name of blanks": (EMPTY, NameEntered("  "), {}, ()),
    "with a box alone it is an example": (
        BOX_DRAWN,
        NameEntered("cup"),
        {
            **marked(BOX_DRAWN, Annotation((CUP,))),
            **asked(CUP),
            "naming": Name("cup", (BOX,)),
            "tool": Tool.INCLUDE,
        },
        asks(CUP),
    ),
    "and says enough": (
        BOX_DRAWN,
        NameEntered(""),
        {
            **marked(BOX_DRAWN, Annotation((LIKE,))),
            **asked(LIKE),
            "naming": Name("", (BOX,)),
            "tool": Tool.INCLUDE,
        },
        asks(LIKE),
    ),
    "a box with clicks is none": (
        replace(POINTING, annotation=Annotation((FIRST.with_box(BOX),))),
        NameEntered(" "),
        {},
        (),
    ),
    "a click takes one of them out": (
        NAMED_ALL,
        Clicked(25, 8, True),
        {**marked(NAMED_ALL, Annotation(PEOPLE[:1], 0))},
        (),
    ),
    "a click into the hole of one is about another object": (
        NAMED_ALL,
        Clicked(23, 3, True),
        {
            **marked(NAMED_ALL, Annotation((*PEOPLE, ClickHistory().with_click(23, 3, on_object=True)), 2)),
            **asked(ClickHistory().with_click(23, 3, on_object=True)),
            "proposals": (),
        },
        asks(ClickHistory().with_click(23, 3, on_object=True)),
    ),
}
UNDONE = {
    "the last step is taken back": (
        replace(POINTING, annotation=TWO, past=(NOTHING, ONE), proposals=OTHERS, choices=OTHERS),
        Undo(),
        {
            "annotation": ONE,
            "past": (NOTHING,),
            "future": (TWO,),
            "proposals": FINAL,
            "choices": FINAL,
            "revision": 4,
        },
        (),
    ),
    "the last step is taken back while it is asked about": (
        ASKED,
        Undo(),
        {"annotation": NOTHING, "past": (), "future": (ONE,), "asked": None, "waiting": False, "revision": 1},
        (CancelProposals(),),
    ),
    "an object comes back with its own masks": (
        replace(UNKNOWN, annotation=Annotation((OTHER,)), past=(Annotation((FIRST, OTHER)),), proposals=OTHERS),
        Undo(),
        {
            "annotation": Annotation((FIRST, OTHER)),
            "past": (),
            "future": (*UNKNOWN.future, Annotation((OTHER,))),
            "proposals": FINAL,
            **asked(OTHER),
            "revision": 4,
        },
        asks(OTHER),
    ),
    "nothing to take back": (EMPTY, Undo(), {}, ()),
    "it is done again": (
        replace(POINTING, future=(BOTH.annotation, TWO)),
        Redo(),
        {
            "annotation": TWO,
            "past": (NOTHING, ONE),
            "future": (BOTH.annotation,),
            **asked(MORE),
            "revision": 4,
        },
        asks(MORE),
    ),
    "nothing to do again": (POINTING, Redo(), {}, ()),
}
HOVER = query(ClickHistory().with_click(9, 9, on_object=True))
TOOLS = {
    "a tool": (POINTING, ToolChosen(Tool.BRUSH), {"tool": Tool.BRUSH, "revision": 4}, ()),
    "the tool in hand": (POINTING, ToolChosen(Tool.INCLUDE), {}, ()),
    "another tool ends what hovering shows": (
        replace(EMPTY, hovered=HOVER, hover="hover"),
        ToolChosen(Tool.ERASER),
        {"tool": Tool.ERASER, "revision": 1, "hovered": None, "hover": None},
        (CancelHover(),),
    ),
    "the mask, in black and white": (POINTING, NextMaskView(), {"mask_view": MaskView.MASK}, ()),
    "after the last way to show it comes the first": (
        replace(POINTING, mask_view=MaskView.WHITE),
        NextMaskView(),
        {"mask_view": MaskView.OVERLAY},
        (),
    ),
}
SEVERAL = replace(BOTH, known=(), proposals=(), choices=(), asked=query(OTHER), waiting=True)
ANSWERED = {
    "the first mask alone leaves the row of choices": (
        replace(ASKED, choices=("old", "older")),
        ProposalsArrived(query(FIRST), masks("one"), 2),
        {"proposals": ("one",)},
        (),
    ),
    "then all of them come": (
        replace(ASKED, proposals=masks("one")),
        ProposalsArrived(query(FIRST), masks("one", "two"), 1),
        {"proposals": ("one", "two"), "choices": ("one", "two")},
        (),
    ),
    "the final ones are kept": (
        replace(ASKED, status=Progress(0.5, "Looking")),
        ProposalsArrived(query(FIRST), FINAL, 0),
        {
            "proposals": FINAL,
            "choices": FINAL,
            "asked": None,
            "waiting": False,
            "status": None,
            "known": ((query(FIRST), FINAL),),
        },
        (),
    ),
    "of a ready mask there is no choice": (
        replace(READY, asked=GIVEN, waiting=True, proposals=(), known=()),
        ProposalsArrived(GIVEN, ("given",), 0),
        {"proposals": ("given",), "asked": None, "waiting": False, "known": ((GIVEN, ("given",)),)},
        (),
    ),
    "after the masks of the object at hand those of the others are asked for": (
        SEVERAL,
        ProposalsArrived(query(OTHER), OTHERS, 0),
        {"proposals": OTHERS, "choices": OTHERS, "known": ((query(OTHER), OTHERS),), **asked(FIRST)},
        asks(FIRST),
    ),
    "quick masks of another object are not shown": (
        replace(SEVERAL, asked=query(FIRST), proposals=OTHERS, choices=OTHERS, known=((query(OTHER), OTHERS),)),
        ProposalsArrived(query(FIRST), masks("one"), 1),
        {},
        (),
    ),
    "nor are its final ones in the row": (
        replace(SEVERAL, asked=query(FIRST), proposals=OTHERS, choices=OTHERS, known=((query(OTHER), OTHERS),)),
        ProposalsArrived(query(FIRST), FINAL, 0),
        {"known": ((query(OTHER), OTHERS), (query(FIRST), FINAL)), "asked": None, "waiting": False},
        (),
    ),
    "an answer about other clicks is ignored": (ASKED, ProposalsArrived(query(MORE), FINAL, 0), {}, ()),
    "an answer that nobody waits for is ignored": (POINTING, ProposalsArrived(query(FIRST), masks("one"), 2), {}, ()),
    "a failure is said, and nothing more awaited": (
        ASKED,
        ProposalsFailed(query(FIRST), FAULT),
        {"asked": None, "waiting": False, "failed": (query(FIRST),), "status": FAULT},
        (),
    ),
    "the masks of one object fail: the others are asked for": (
        SEVERAL,
        ProposalsFailed(query(OTHER), FAULT),
        {"failed": (query(OTHER),), **asked(FIRST), "status": FAULT},
        asks(FIRST),
    ),
    "after a failure the choices are no longer another object's": (
        replace(SEVERAL, choices=FINAL),
        ProposalsFailed(query(OTHER), FAULT),
        {"failed": (query(OTHER),), **asked(FIRST), "choices": (), "status": FAULT},
        asks(FIRST),
    ),
    "why one object has no mask stands there after the others have come": (
        replace(SEVERAL, asked=query(FIRST), failed=(query(OTHER),), status=FAULT),
        ProposalsArrived(query(FIRST), FINAL, 0),
        {"known": ((query(FIRST), FINAL),), "asked": None, "waiting": False},
        (),
    ),
    "a failure for other clicks is ignored": (ASKED, ProposalsFailed(query(MORE), FAULT), {}, ()),
    "a question that was cancelled is no failure to speak of": (
        ASKED,
        ProposalsFailed(query(FIRST), cancelled_error()),
        {"asked": None, "waiting": False, "failed": (query(FIRST),)},
        (),
    ),
    "final masks that come during a job leave its progress": (
        replace(WORKING, asked=query(FIRST), waiting=True, proposals=(), choices=(), known=()),
        ProposalsArrived(query(FIRST), FINAL, 0),
        {"proposals": FINAL, "choices": FINAL, "asked": None, "waiting": False, "known": ((query(FIRST), FINAL),)},
        (),
    ),
    "final masks that come over results leave their row": (
        replace(RESULTS, asked=query(FIRST), waiting=True, proposals=(), known=()),
        ProposalsArrived(query(FIRST), FINAL, 0),
        {"proposals": FINAL, "asked": None, "waiting": False, "known": ((query(FIRST), FINAL),)},
        (),
    ),
    "the photo is encoded, and what is offered can be looked for": (
        replace(EMPTY, encoded=False, models_requested=False),
        Encoded(),
        {"encoded": True, "models_requested": True},
        (RequestModels(),),
    ),
    "the photo is encoded": (
        replace(EMPTY, encoded=False, status=Progress(0.9, "Looking at the photo")),
        Encoded(),
        {"encoded": True, "status": None},
        (),
    ),
    "the photo is encoded during a job": (replace(WORKING, encoded=False), Encoded(), {"encoded": True}, ()),
    "the photo is encoded while a job stops": (replace(STOPPING, encoded=False), Encoded(), {"encoded": True}, ()),
    "the photo is encoded while results are shown": (replace(RESULTS, encoded=False), Encoded(), {"encoded": True}, ()),
    "the photo is encoded, and there is no mask": (
        replace(POINTING, encoded=False, failed=(query(FIRST),), status=FAULT),
        Encoded(),
        {"encoded": True},
        (),
    ),
    "progress": (ASKED, ProgressArrived(0.25, "Starting"), {"status": Progress(0.25, "Starting")}, ()),
    "progress during a job": (WORKING, ProgressArrived(0.25, "Starting"), {"status": Progress(0.25, "Starting")}, ()),
    "progress over results": (RESULTS, ProgressArrived(0.25, "Starting"), {"status": Progress(0.25, "Starting")}, ()),
    "cancelling is no failure": (POINTING, Failed(cancelled_error()), {}, ()),
}
HOVERED = {
    "where the pointer rests": (EMPTY, HoverMoved(9, 9), {"hovered": HOVER}, (RequestHover(HOVER),)),
    "where it rests now, and no longer where it rested": (
        replace(EMPTY, hovered=query(FIRST), hover="hover"),
        HoverMoved(9, 9),
        {"hovered": HOVER, "hover": None},
        (RequestHover(HOVER),),
    ),
    "a click there would be one more of the object at hand": (
        POINTING,
        HoverMoved(7, 8),
        {"hovered": query(FIRST.with_click(7, 8, on_object=True))},
        (RequestHover(query(FIRST.with_click(7, 8, on_object=True))),),
    ),
    "a click there would be another object's": (
        replace(POINTING, annotation=Annotation((BOXED,))),
        HoverMoved(50, 60),
        {"hovered": query(OTHER)},
        (RequestHover(query(OTHER)),),
    ),
    "not before the photo is encoded": (replace(EMPTY, encoded=False), HoverMoved(9, 9), {}, ()),
    "not with a tool whose clicks take nothing": (replace(EMPTY, tool=Tool.EXCLUDE), HoverMoved(9, 9), {}, ()),
    "it is shown": (replace(EMPTY, hovered=HOVER), HoverArrived(HOVER, "hover"), {"hover": "hover"}, ()),
    "but not where the pointer was before": (
        replace(EMPTY, hovered=query(FIRST)),
        HoverArrived(HOVER, "hover"),
        {},
        (),
    ),
    "the pointer goes": (
        replace(EMPTY, hovered=HOVER, hover="hover"),
        HoverLeft(),
        {"hovered": None, "hover": None},
        (CancelHover(),),
    ),
}
ALPHA = AlphaQuery(job=Job.REMOVE, meant=Annotation((FIRST,), 0, (REFINED,)), options=OPTIONS)
REFINING = replace(POINTING, annotation=ALPHA.meant, refined=(ALPHA, None))
FOUND = {
    "a stroke that refines asks for alpha": (
        POINTING,
        StrokeDrawn(REFINED),
        {**marked(POINTING, ALPHA.meant), "refined": (ALPHA, None)},
        (RequestAlpha(ALPHA),),
    ),
    "the alpha comes": (REFINING, AlphaArrived(ALPHA, "alpha"), {"refined": (ALPHA, "alpha")}, ()),
    "the alpha of something else comes": (
        REFINING,
        AlphaArrived(replace(ALPHA, job=Job.FILL), "alpha"),
        {},
        (),
    ),
    "another object at hand asks for none": (
        replace(REFINING, refined=(ALPHA, "alpha")),
        NextObject(),
        {"annotation": replace(ALPHA.meant, active=1), "proposals": (), "choices": (), "revision": 4},
        (),
    ),
    "a click asks for masks first": (
        REFINING,
        Clicked(7, 8, False),
        {**marked(REFINING, replace(ALPHA.meant, objects=(MORE,))), **asked(MORE), "refined": None},
        asks(MORE),
    ),
    "and once they are there for alpha": (
        replace(REFINING, annotation=Annotation((MORE,), 0, (REFINED,)), **asked(MORE), refined=None),
        ProposalsArrived(query(MORE), OTHERS, 0),
        {
            **{"proposals": OTHERS, "choices": OTHERS, "asked": None, "waiting": False},
            "known": (*POINTING.known, (query(MORE), OTHERS)),
            "refined": (replace(ALPHA, meant=Annotation((MORE,), 0, (REFINED,))), None),
        },
        (RequestAlpha(replace(ALPHA, meant=Annotation((MORE,), 0, (REFINED,)))),),
    ),
    "a stroke taken back asks for none": (
        replace(REFINING, past=(ONE,), refined=(ALPHA, "alpha")),
        Undo(),
        {"annotation": ONE, "past": (), "future": (ALPHA.meant,), "refined": None, "revision": 4},
        (),
    ),
    "while a job runs none is asked for": (
        replace(REFINING, refined=(ALPHA, "alpha")),
        ApplyPressed(),
        {
            **{"phase": Phase.WORKING, "run": 1, "after_run": AfterRun.APPLY, "status": Progress(0.0)},
        },
        (StartRun(1, Job.REMOVE, ALPHA.meant, 0),),
    ),
}
CHOSEN = {
    "another mask that is there already": (
        POINTING,
        ChoiceMade(2),
        marked(POINTING, Annotation((FIRST.with_choice(2),))),
        (),
    ),
    "another mask of the object at hand": (
        BOTH,
        ChoiceMade(1),
        marked(BOTH, replace(BOTH.annotation, objects=(FIRST, OTHER.with_choice(1)))),
        (),
    ),
    "the smallest mask, which is not the best": (
        replace(POINTING, proposals=masks("three", "one", "two")),
        ChoiceMade(0),
        {
            **marked(POINTING, Annotation((FIRST.with_choice(1),))),
            "proposals": FINAL,
        },
        (),
    ),
    "the same mask": (POINTING, ChoiceMade(0), {}, ()),
    "a mask that is not there": (POINTING, ChoiceMade(3), {}, ()),
    "the next mask": (POINTING, NextChoice(), marked(POINTING, Annotation((FIRST.with_choice(1),))), ()),
    "after the last comes the first": (
        replace(POINTING, annotation=Annotation((FIRST.with_choice(2),))),
        NextChoice(),
        marked(replace(POINTING, annotation=Annotation((FIRST.with_choice(2),))), ONE),
        (),
    ),
    "no choice at all": (EMPTY, NextChoice(), {}, ()),
    "another result": (RESULTS, ChoiceMade(0), {"shown": A, "picked": True, "revision": 4}, ()),
    "the next result": (RESULTS, NextChoice(), {"shown": A, "picked": True, "revision": 4}, ()),
    "a result while others are still made": (SOME, ChoiceMade(0), {"shown": A, "picked": True, "revision": 4}, ()),
    "the row has only the results that are composed": (
        replace(RESULTS, attempts=(attempt(1, 0, "a", composed=False), B), choices=(B,)),
        NextChoice(),
        {},
        (),
    ),
    "a result is not wanted": (
        RESULTS,
        ResultRemoved(0),
        {"attempts": (B,), "removed": ((1, Job.REMOVE, ONE),), "choices": (B,), "revision": 4},
        (),
    ),
    "the result that is shown is not wanted": (
        RESULTS,
        ResultRemoved(1),
        {"attempts": (A,), "removed": ((1, Job.REMOVE, ONE),), "shown": A, "choices": (A,), "revision": 4},
        (),
    ),
    "the last result is not wanted": (
        replace(RESULTS, attempts=(A,), choices=(A,), shown=A),
        ResultRemoved(0),
        {
            "attempts": (),
            "removed": ((1, Job.REMOVE, ONE),),
            "shown": None,
            "choices": FINAL,
            "revision": 4,
            "phase": Phase.POINTING,
        },
        (),
    ),
    "a result that is gone": (RESULTS, ResultRemoved(2), {}, ()),
}
AGAIN = asked(FIRST, options=GROWN)
SETTINGS = {
    "opened with clicks": (
        replace(EMPTY, annotation=ONE, encoded=False),
        Opened(),
        asked(FIRST),
        (*asks(FIRST), UpdatePromptHint(), RequestEncoding()),
    ),
    "opened with nothing, for a job that paints": (
        replace(EMPTY, models_requested=False, job=Job.FILL),
        Opened(),
        {"models_requested": True},
        (UpdatePromptHint(), RequestModels(), RequestEncoding()),
    ),
    "another job": (
        replace(POINTING, models_requested=False),
        JobChanged(Job.FILL, OPTIONS),
        {"job": Job.FILL, **asked(FIRST, Job.FILL), "models_requested": True, "revision": 4},
        (*asks(FIRST, Job.FILL), UpdatePromptHint(), RequestModels()),
    ),
    "another job while results are shown: they stay, for whoever goes back to their job": (
        RESULTS,
        JobChanged(Job.SELECT, OPTIONS),
        {
            "job": Job.SELECT,
            **asked(FIRST, Job.SELECT),
            "phase": Phase.POINTING,
            "choices": FINAL,
            "revision": 4,
        },
        (*asks(FIRST, Job.SELECT), UpdatePromptHint()),
    ),
    "another job, after results were inserted": (
        replace(EMPTY, applied=True),
        JobChanged(Job.SELECT, OPTIONS),
        {"job": Job.SELECT, "applied": False, "revision": 1},
        (UpdatePromptHint(),),
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
        {"options": GROWN, **AGAIN, "revision": 4},
        asks(FIRST, options=GROWN),
    ),
    "a setting of the mask during a job": (
        WORKING,
        SettingChanged("grow", GROWN),
        {"options": GROWN, **AGAIN, "revision": 4, "seeds_from": 2},
        asks(FIRST, options=GROWN),
    ),
    "a setting of the mask while a job stops": (
        STOPPING,
        SettingChanged("grow", GROWN),
        {"options": GROWN, **AGAIN, "revision": 4, "seeds_from": 2},
        asks(FIRST, options=GROWN),
    ),
    "back to what it was": (
        replace(POINTING, options=GROWN, asked=query(FIRST, options=GROWN), waiting=True, proposals=(), choices=()),
        SettingChanged("grow", OPTIONS),
        {
            "options": OPTIONS,
            "asked": None,
            "waiting": False,
            "proposals": FINAL,
            "choices": FINAL,
            "revision": 4,
        },
        (CancelProposals(),),
    ),
    "a setting that only the job needs: the results stay, and the seeds begin again": (
        RESULTS,
        SettingChanged("seed", OPTIONS),
        {"seeds_from": 2, "revision": 4},
        (),
    ),
    "the prompt": (POINTING, SettingChanged("prompt", OPTIONS), {"revision": 4}, (UpdatePromptHint(),)),
    "other models may find other masks, also for what is asked": (
        replace(ASKED, failed=(query(OTHER),)),
        ModelsChanged(),
        {"failed": ()},
        (*asks(FIRST), UpdatePromptHint()),
    ),
    "other models, and nothing is marked": (EMPTY, ModelsChanged(), {}, (UpdatePromptHint(),)),
}
SOFT, BLUE = Blurred(0.3), Colours((0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
SIZE = (600, 400)
SKY = AnotherPhoto("file:///sky.jpg", Covering())
LARGER = AnotherPhoto("file:///sky.jpg", Covering(scale=2.0))
READ, UNREAD = PhotoBehind(SKY.address, SIZE, "sky"), PhotoBehind(SKY.address)
NEAR = Nearness((2, 1), b"\x00\xff")
REPLACING = replace(
    POINTING,
    job=Job.REPLACE,
    known=((query(FIRST, Job.REPLACE), FINAL),),
    behind=SOFT,
    nearness=NEAR,
    depth_requested=True,
)
FIRST_BLUR = replace(REPLACING, nearness=None, depth_requested=False)
REPLACED = replace(REPLACING, phase=Phase.SHOWING_RESULTS, attempts=(replace(A, job=Job.REPLACE),), run=1)
PLACING = replace(REPLACING, behind=LARGER, photo_behind=READ, mask_view=MaskView.BEHIND, tool=Tool.PLACE, hovered=None)


def placed(**how: object) -> tuple[dict[str, object], tuple[Command, ...]]:
    """What changes of `PLACING` where what comes behind lies elsewhere, and the command."""
    covering = replace(LARGER.covering, **how)
    return {"behind": replace(LARGER, covering=covering)}, (KeepCovering(covering),)


def placing_in_vain(name: str, state: DialogState) -> dict[str, tuple[DialogState, Event, dict, tuple]]:
    """Rows in which a photo that comes behind is not moved."""
    moves = (BehindMoved(SIZE, 9.0, 9.0), BehindScaled(SIZE, 2.0, 9.0, 9.0), BehindFlipped(), BehindFitted())
    return {f"{type(event).__name__} while {name}": (state, event, {}, ()) for event in moves}


BEHIND = {
    "another blur is seen at once": (
        REPLACING,
        SettingChanged("blur", OPTIONS, Blurred(0.7)),
        {"behind": Blurred(0.7), "mask_view": MaskView.BEHIND, "revision": 4},
        (),
    ),
    "of the first blur it is asked how deep the photo is": (
        replace(FIRST_BLUR, behind=BLUE),
        SettingChanged("background", OPTIONS, SOFT),
        {"behind": SOFT, "mask_view": MaskView.BEHIND, "depth_requested": True, "revision": 4},
        (RequestDepth(), UpdatePromptHint()),
    ),
    "but not before there is an embedding, which comes first": (
        replace(FIRST_BLUR, encoded=False, behind=BLUE),
        SettingChanged("background", OPTIONS, SOFT),
        {"behind": SOFT, "mask_view": MaskView.BEHIND, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "then it is": (
        replace(FIRST_BLUR, encoded=False),
        Encoded(),
        {"encoded": True, "depth_requested": True},
        (RequestDepth(),),
    ),
    "it is measured": (
        replace(REPLACING, nearness=None),
        DepthMeasured(NEAR),
        {"nearness": NEAR},
        (),
    ),
    "nothing measures it": (REPLACING, DepthMeasured(None), {"nearness": None}, ()),
    "a model may have come that does": (
        replace(REPLACING, known=(), asked=query(FIRST, Job.REPLACE), waiting=True),
        ModelsChanged(),
        {},
        (*asks(FIRST, Job.REPLACE), UpdatePromptHint(), RequestDepth()),
    ),
    "another colour, and nothing is marked": (
        replace(EMPTY, job=Job.REPLACE),
        SettingChanged("colour", OPTIONS, BLUE),
        {"behind": BLUE, "revision": 1},
        (),
    ),
    "another blur while results are shown: back to the marks": (
        REPLACED,
        SettingChanged("blur", OPTIONS, Blurred(0.7)),
        {
            "behind": Blurred(0.7),
            "mask_view": MaskView.BEHIND,
            "phase": Phase.POINTING,
            "revision": 4,
            "seeds_from": 2,
        },
        (),
    ),
    "a setting that does not change what comes behind": (
        REPLACING,
        SettingChanged("seed", OPTIONS, SOFT),
        {"revision": 4},
        (),
    ),
    "from a blur to a prompt, of which nothing can be shown": (
        replace(REPLACING, mask_view=MaskView.BEHIND),
        SettingChanged("background", OPTIONS),
        {"behind": None, "mask_view": MaskView.OVERLAY, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "from a photo to a blur": (
        PLACING,
        SettingChanged("background", OPTIONS, SOFT),
        {"behind": SOFT, "tool": Tool.INCLUDE, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "a photo is read": (
        REPLACING,
        SettingChanged("photo", OPTIONS, SKY),
        {"behind": SKY, "photo_behind": UNREAD, "mask_view": MaskView.BEHIND, "revision": 4},
        (ReadBehind(SKY.address),),
    ),
    "a photo that was read already can be moved at once": (
        replace(REPLACING, photo_behind=READ),
        SettingChanged("background", OPTIONS, SKY),
        {"behind": SKY, "mask_view": MaskView.BEHIND, "tool": Tool.PLACE, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "another photo": (
        PLACING,
        SettingChanged("photo", OPTIONS, replace(SKY, address="file:///sea.jpg")),
        {
            "behind": replace(SKY, address="file:///sea.jpg"),
            "photo_behind": PhotoBehind("file:///sea.jpg"),
            "tool": Tool.INCLUDE,
            "revision": 4,
        },
        (ReadBehind("file:///sea.jpg"),),
    ),
    "a number of its covering": (
        replace(PLACING, tool=Tool.INCLUDE, behind=SKY),
        SettingChanged("photo-size", OPTIONS, LARGER),
        {"behind": LARGER, "tool": Tool.PLACE, "revision": 4},
        (),
    ),
    "a photo that was read": (
        replace(PLACING, photo_behind=UNREAD, tool=Tool.INCLUDE),
        BehindRead(READ),
        {"photo_behind": READ, "tool": Tool.PLACE},
        (),
    ),
    "a photo that was read while somebody paints": (
        replace(PLACING, photo_behind=UNREAD, tool=Tool.BRUSH),
        BehindRead(READ),
        {"photo_behind": READ},
        (),
    ),
    "a photo that was read while the mask is shown otherwise": (
        replace(PLACING, photo_behind=UNREAD, tool=Tool.INCLUDE, mask_view=MaskView.OVERLAY),
        BehindRead(READ),
        {"photo_behind": READ},
        (),
    ),
    "a photo that nobody waits for": (PLACING, BehindRead(PhotoBehind("file:///sea.jpg", SIZE, "sea")), {}, ()),
    "opened with a photo to come behind": (
        replace(EMPTY, job=Job.REPLACE, behind=SKY),
        Opened(),
        {"photo_behind": UNREAD},
        (UpdatePromptHint(), RequestEncoding(), ReadBehind(SKY.address)),
    ),
    "it is dragged": (PLACING, BehindMoved(SIZE, 150.0, -75.0), *placed(across=-0.5, down=0.375)),
    "it is dragged further than it reaches": (PLACING, BehindMoved(SIZE, 999.0, 0.0), *placed(across=-1.0)),
    "it is scaled": (PLACING, BehindScaled(SIZE, 2.0, 300.0, 200.0), *placed(scale=4.0)),
    "it is flipped": (PLACING, BehindFlipped(), *placed(flipped=True)),
    "it lies as at first": (PLACING, BehindFitted(), *placed(scale=1.0)),
    "it lies as at first already": (replace(PLACING, behind=SKY), BehindFitted(), {}, ()),
    "it is moved while the mask is shown otherwise": (
        replace(PLACING, mask_view=MaskView.OVERLAY),
        BehindFlipped(),
        {"mask_view": MaskView.BEHIND, **placed(flipped=True)[0]},
        placed(flipped=True)[1],
    ),
    **placing_in_vain("it is not read", replace(PLACING, photo_behind=UNREAD)),
    **placing_in_vain("a blur comes behind", REPLACING),
    **placing_in_vain("working", replace(PLACING, phase=Phase.WORKING)),
    **placing_in_vain("stopping", replace(PLACING, phase=Phase.WORKING, stopping=True)),
    **placing_in_vain("results are shown", replace(PLACING, phase=Phase.SHOWING_RESULTS)),
    "the tool that moves it": (
        replace(PLACING, tool=Tool.INCLUDE, mask_view=MaskView.OVERLAY),
        ToolChosen(Tool.PLACE),
        {"tool": Tool.PLACE, "mask_view": MaskView.BEHIND, "revision": 4},
        (),
    ),
    "the tool that moves it, and there is none": (REPLACING, ToolChosen(Tool.PLACE), {}, ()),
    "escape puts the tool away": (PLACING, EscapePressed(), {"tool": Tool.INCLUDE, "revision": 4}, ()),
    "of the ways to show the mask what comes behind is the last": (
        replace(REPLACING, mask_view=MaskView.WHITE),
        NextMaskView(),
        {"mask_view": MaskView.BEHIND},
        (),
    ),
    "and then the first": (
        replace(REPLACING, mask_view=MaskView.BEHIND),
        NextMaskView(),
        {"mask_view": MaskView.OVERLAY},
        (),
    ),
    "another job has none": (
        PLACING,
        JobChanged(Job.REMOVE, OPTIONS),
        {
            "job": Job.REMOVE,
            "behind": None,
            "mask_view": MaskView.OVERLAY,
            "tool": Tool.INCLUDE,
            "revision": 4,
            **asked(FIRST),
        },
        (*asks(FIRST), UpdatePromptHint()),
    ),
}
CHAIR, STOOL, CHAIR_LAYER = "file:///chair.jpg", "file:///stool.jpg", f"{LAYER}Chair"
FILLING = replace(POINTING, job=Job.FILL, known=((query(FIRST, Job.FILL), FINAL),))
LIKE_CHAIR = replace(FILLING, reference=Reference(CHAIR, "chair"), takes_reference=True)
REFERENCES = {
    "a picture is chosen of what is to be painted": (
        FILLING,
        SettingChanged("reference", OPTIONS, None, CHAIR),
        {"reference": Reference(CHAIR), "revision": 4},
        (ReadReference(CHAIR), UpdatePromptHint()),
    ),
    "another one": (
        LIKE_CHAIR,
        SettingChanged("reference", OPTIONS, None, STOOL),
        {"reference": Reference(STOOL), "revision": 4},
        (ReadReference(STOOL), UpdatePromptHint()),
    ),
    "the same, which may be there again": (
        replace(LIKE_CHAIR, reference=Reference(CHAIR, is_gone=True)),
        SettingChanged("reference", OPTIONS, None, CHAIR),
        {"reference": Reference(CHAIR), "revision": 4},
        (ReadReference(CHAIR), UpdatePromptHint()),
    ),
    "it is left out": (
        LIKE_CHAIR,
        SettingChanged("reference", OPTIONS),
        {"reference": None, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "a layer in its place": (
        LIKE_CHAIR,
        SettingChanged("reference-layer", OPTIONS, None, CHAIR_LAYER),
        {"reference": Reference(CHAIR_LAYER), "revision": 4},
        (ReadReference(CHAIR_LAYER), UpdatePromptHint()),
    ),
    "the same layer again, which may be there once more": (
        replace(LIKE_CHAIR, reference=Reference(CHAIR_LAYER, is_gone=True)),
        SettingChanged("reference-layer", OPTIONS, None, CHAIR_LAYER),
        {"reference": Reference(CHAIR_LAYER), "revision": 4},
        (ReadReference(CHAIR_LAYER), UpdatePromptHint()),
    ),
    "another setting leaves it as it is": (
        LIKE_CHAIR,
        SettingChanged("seed", OPTIONS, None, CHAIR),
        {"revision": 4},
        (),
    ),
    "it is read": (
        replace(LIKE_CHAIR, reference=Reference(CHAIR)),
        ReferenceRead(Reference(CHAIR, "chair")),
        {"reference": Reference(CHAIR, "chair")},
        (),
    ),
    "one is read that is chosen no longer": (LIKE_CHAIR, ReferenceRead(Reference(STOOL, "stool")), {}, ()),
    "another job, with its own": (
        replace(LIKE_CHAIR, known=((query(FIRST, Job.REPLACE), FINAL),)),
        JobChanged(Job.REPLACE, OPTIONS, None, STOOL),
        {"job": Job.REPLACE, "reference": Reference(STOOL), "revision": 4},
        (UpdatePromptHint(), ReadReference(STOOL)),
    ),
    "another job, with the same": (
        replace(LIKE_CHAIR, known=((query(FIRST, Job.REPLACE), FINAL),)),
        JobChanged(Job.REPLACE, OPTIONS, None, CHAIR),
        {"job": Job.REPLACE, "revision": 4},
        (UpdatePromptHint(),),
    ),
    "another job, which has none": (
        LIKE_CHAIR,
        JobChanged(Job.REMOVE, OPTIONS),
        {"job": Job.REMOVE, "reference": None, **asked(FIRST), "revision": 4},
        (*asks(FIRST), UpdatePromptHint()),
    ),
    "opened with one": (
        replace(EMPTY, job=Job.FILL, reference=Reference(CHAIR)),
        Opened(),
        {},
        (UpdatePromptHint(), RequestEncoding(), ReadReference(CHAIR)),
    ),
    "the model is told by words alone": (
        LIKE_CHAIR,
        PromptExpanded(takes_reference=False),
        {"takes_reference": False},
        (),
    ),
    "no model can be asked": (LIKE_CHAIR, PromptExpanded(takes_reference=None), {"takes_reference": None}, ()),
}


@pytest.mark.parametrize(
    ("reference", "takes", "offered", "note"),
    [
        (None, None, False, None),
        (None, False, False, None),
        (None, True, True, None),
        (Reference(CHAIR), None, True, None),
        (Reference(CHAIR), True, True, None),
        (Reference(CHAIR), False, True, ReferenceNote.NOT_TAKEN),
        (Reference(CHAIR, is_gone=True), True, True, ReferenceNote.GONE),
        (Reference(CHAIR, is_gone=True), False, True, ReferenceNote.GONE),
    ],
)
def test_a_picture_is_offered_where_a_model_takes_one_and_said_where_it_cannot_be_used(reference, takes, offered, note):
    state = replace(FILLING, reference=reference, takes_reference=takes)
    assert (state.offers_reference, state.reference_note) == (offered, note)


NEW_PHOTO = (UpdatePromptHint(), RequestEncoding())
FORGOTTEN = {
    "annotation": NOTHING,
    "past": (),
    "future": (),
    "encoded": False,
    "known": (),
    "proposals": (),
    "choices": (),
    "status": None,
    "phase": Phase.POINTING,
    "stopping": False,
    "attempts": (),
    "removed": (),
    "shown": None,
    "revision": 4,
}
PHOTO = {
    "results are in the image, and the next object comes": (
        replace(RESULTS, removed=((1, Job.REMOVE, ONE),), not_composed=FAULT, picked=True, tool=Tool.BRUSH),
        PhotoChanged(NOTHING, False, True),
        {**FORGOTTEN, "applied": True, "not_composed": None, "picked": False, "tool": Tool.INCLUDE},
        NEW_PHOTO,
    ),
    "other layers, where the clicks still hold: they are still the person's, and can be lost": (
        POINTING,
        PhotoChanged(TWO, False, False),
        {**FORGOTTEN, "annotation": TWO, **asked(MORE)},
        (*asks(MORE), *NEW_PHOTO),
    ),
    "other layers, where the marks that the image came with still hold": (
        replace(POINTING, given=ONE),
        PhotoChanged(TWO, False, False),
        {**FORGOTTEN, "annotation": TWO, "given": TWO, **asked(MORE)},
        (*asks(MORE), *NEW_PHOTO),
    ),
    "other layers while masks are asked for": (
        replace(ASKED, hovered=query(MORE), hover="hover", failed=(query(OTHER),)),
        PhotoChanged(NOTHING, True, False),
        {
            **FORGOTTEN,
            "has_ready_mask": True,
            **asked(ClickHistory()),
            "failed": (),
            "revision": 1,
            "hovered": None,
            "hover": None,
        },
        (CancelHover(), CancelProposals(), *asks(ClickHistory()), *NEW_PHOTO),
    ),
    "other layers during a job": (
        replace(WORKING, preview=FORMING),
        PhotoChanged(NOTHING, False, False),
        {**FORGOTTEN, "preview": None},
        (CancelRun(), *NEW_PHOTO),
    ),
    "other layers, of which it is not known how deep they are": (
        REPLACING,
        PhotoChanged(NOTHING, False, False),
        {**FORGOTTEN, "nearness": None, "depth_requested": False},
        NEW_PHOTO,
    ),
    "other layers while a job stops": (STOPPING, PhotoChanged(NOTHING, False, False), FORGOTTEN, NEW_PHOTO),
}
STARTED = {"phase": Phase.WORKING, "run": 1, "status": Progress(0.0)}
STARTS = (StartRun(1, Job.REMOVE, ONE, 0),)
RESTARTED = {**STARTED, "returns_to": Phase.SHOWING_RESULTS, "run": 2, "choices": FINAL}
RESULT_A, RESULT_B = A.result, B.result
WORKED = {
    "preview": (POINTING, PreviewPressed(), STARTED, STARTS),
    "apply": (POINTING, ApplyPressed(), {**STARTED, "after_run": AfterRun.APPLY}, STARTS),
    "apply, and go on": (POINTING, ContinuePressed(), {**STARTED, "after_run": AfterRun.CONTINUE}, STARTS),
    "with a ready mask": (READY, PreviewPressed(), STARTED, (StartRun(1, Job.REMOVE, NOTHING, 0),)),
    "with the shadow that was found for certain, and seen": (
        SHADED,
        PreviewPressed(),
        STARTED,
        (StartRun(1, Job.REMOVE, ONE, 0, None),),
    ),
    "without a shadow that nobody has seen": (
        UNSHADED,
        PreviewPressed(),
        STARTED,
        (StartRun(1, Job.REMOVE, ONE, 0, False),),
    ),
    "before it is known whether there is a shadow": (
        replace(UNSHADED, known=(), asked=query(FIRST, options=SURE_SHADOW), waiting=True),
        PreviewPressed(),
        STARTED,
        (StartRun(1, Job.REMOVE, ONE, 0, False),),
    ),
    "with a shadow that the person wants": (
        replace(UNSHADED, options=SHADOW),
        PreviewPressed(),
        STARTED,
        (StartRun(1, Job.REMOVE, ONE, 0, True),),
    ),
    "with what was drawn by hand": (
        replace(EMPTY, annotation=Annotation(strokes=(DRAWN,))),
        PreviewPressed(),
        STARTED,
        (StartRun(1, Job.REMOVE, Annotation(strokes=(DRAWN,)), 0),),
    ),
    "hovering ends": (
        replace(POINTING, hovered=HOVER, hover="hover"),
        PreviewPressed(),
        {**STARTED, "hovered": None, "hover": None},
        (CancelHover(), *STARTS),
    ),
    "nothing is meant": (EMPTY, ApplyPressed(), {"status": Hint.HOW_TO_POINT}, ()),
    "what is meant is still being counted": (NAMING, PreviewPressed(), {}, ()),
    "taking away from nothing leaves nothing": (
        replace(EMPTY, annotation=Annotation(strokes=(ERASED,))),
        PreviewPressed(),
        {"status": Hint.HOW_TO_POINT},
        (),
    ),
    "the results there are for the same marks and settings are shown again": (
        replace(BACK, shown=A),
        PreviewPressed(),
        {"phase": Phase.SHOWING_RESULTS, "choices": (A, B)},
        (),
    ),
    "hovering ends over the results that are shown again": (
        replace(BACK, hovered=HOVER, hover="hover"),
        PreviewPressed(),
        {"phase": Phase.SHOWING_RESULTS, "choices": (A, B), "hovered": None, "hover": None},
        (CancelHover(),),
    ),
    "results of other settings are not": (
        replace(BACK, seeds_from=2),
        PreviewPressed(),
        {**RESTARTED, "returns_to": Phase.POINTING},
        (StartRun(2, Job.REMOVE, ONE, 0),),
    ),
    "nor are those of other marks": (
        replace(BACK, annotation=BOTH.annotation),
        PreviewPressed(),
        {**RESTARTED, "returns_to": Phase.POINTING},
        (StartRun(2, Job.REMOVE, BOTH.annotation, 0),),
    ),
    "nor are those of another job": (
        replace(BACK, job=Job.FILL),
        PreviewPressed(),
        {**RESTARTED, "returns_to": Phase.POINTING},
        (StartRun(2, Job.FILL, ONE, 0),),
    ),
    "which object is at hand matters to no result": (
        replace(BACK, annotation=Annotation((FIRST,), 1)),
        PreviewPressed(),
        {"phase": Phase.SHOWING_RESULTS, "choices": (A, B)},
        (),
    ),
    "another result, with the seed after those of the others": (
        replace(RESULTS, picked=True, not_composed=FAULT),
        PreviewPressed(),
        {**RESTARTED, "picked": False, "not_composed": None},
        (StartRun(2, Job.REMOVE, ONE, 2),),
    ),
    "another result, after one was not wanted: not that one again, nor one that is there": (
        replace(RESULTS, attempts=(B,), removed=((1, Job.REMOVE, ONE),)),
        PreviewPressed(),
        RESTARTED,
        (StartRun(2, Job.REMOVE, ONE, 2),),
    ),
    "another result, with other settings: the chosen seed": (
        replace(RESULTS, seeds_from=2, removed=((1, Job.REMOVE, ONE),)),
        PreviewPressed(),
        RESTARTED,
        (StartRun(2, Job.REMOVE, ONE, 0),),
    ),
    "apply from the marks makes another result first": (
        BACK,
        ApplyPressed(),
        {**RESTARTED, "returns_to": Phase.POINTING, "after_run": AfterRun.APPLY},
        (StartRun(2, Job.REMOVE, ONE, 2),),
    ),
    "apply results that are there": (
        RESULTS,
        ApplyPressed(),
        {},
        (Insert(1, ONE, (RESULT_A, RESULT_B), 1, False),),
    ),
    "the one that was picked is to be seen": (
        replace(RESULTS, shown=A, picked=True),
        ApplyPressed(),
        {},
        (Insert(1, ONE, (RESULT_A, RESULT_B), 0, False),),
    ),
    "results of other marks are not applied": (
        replace(RESULTS, attempts=(attempt(1, 0, "c", TWO), A, B), run=2),
        ApplyPressed(),
        {},
        (Insert(1, ONE, (RESULT_A, RESULT_B), 1, False),),
    ),
    "apply results that are there, and go on": (
        RESULTS,
        ContinuePressed(),
        {},
        (Insert(1, ONE, (RESULT_A, RESULT_B), 1, True),),
    ),
    "apply during a job": (WORKING, ApplyPressed(), {"after_run": AfterRun.APPLY}, ()),
    "apply while a job stops, if it still gives all": (STOPPING, ApplyPressed(), {"after_run": AfterRun.APPLY}, ()),
    "apply and go on, during a job": (WORKING, ContinuePressed(), {"after_run": AfterRun.CONTINUE}, ()),
    "apply and go on, while a job stops": (STOPPING, ContinuePressed(), {"after_run": AfterRun.CONTINUE}, ()),
    "only show, during a job": (
        replace(WORKING, after_run=AfterRun.APPLY),
        PreviewPressed(),
        {"after_run": AfterRun.SHOW},
        (),
    ),
    "progress of the job": (WORKING, RunProgressed(1, 0.75, "Filling"), {"status": Progress(0.75, "Filling")}, ()),
    "progress of a former job": (WORKING, RunProgressed(0, 0.75, "Filling"), {}, ()),
    "a picture forms": (WORKING, PreviewArrived(1, FORMING), {"preview": FORMING}, ()),
    "a picture forms while the job stops": (STOPPING, PreviewArrived(1, FORMING), {"preview": FORMING}, ()),
    "a picture of a former job": (WORKING, PreviewArrived(0, FORMING), {}, ()),
}
BARE_A, BARE_B = attempt(1, 0, "a", composed=False), attempt(1, 1, "b", composed=False)
SELECTION = Result("selection", None)
CAME = {
    "a result": (
        replace(WORKING, preview=FORMING),
        ResultArrived(1, RESULT_A),
        {"attempts": (BARE_A,), "shown": BARE_A, "preview": None},
        (ComposeResult(1, 0, RESULT_A),),
    ),
    "another result is shown as it comes": (
        replace(WORKING, attempts=(A,), choices=(A,), shown=A),
        ResultArrived(1, RESULT_B),
        {"attempts": (A, BARE_B), "shown": BARE_B},
        (ComposeResult(1, 1, RESULT_B),),
    ),
    "unless one was picked": (
        replace(SOME, shown=A, picked=True),
        ResultArrived(1, Result("c")),
        {"attempts": (A, B, attempt(1, 2, "c", composed=False))},
        (ComposeResult(1, 2, Result("c")),),
    ),
    "a result of another job stands beside the former ones": (
        ANOTHER,
        ResultArrived(2, Result("c")),
        {
            "attempts": (A, B, attempt(2, 0, "c", composed=False)),
            "shown": attempt(2, 0, "c", composed=False),
        },
        (ComposeResult(2, 0, Result("c")),),
    ),
    "a result that comes while the job stops": (
        STOPPING,
        ResultArrived(1, RESULT_A),
        {"attempts": (BARE_A,), "shown": BARE_A},
        (ComposeResult(1, 0, RESULT_A),),
    ),
    "a selection has no picture": (
        WORKING,
        ResultArrived(1, SELECTION),
        {
            "attempts": (replace(BARE_A, result=SELECTION),),
            "shown": replace(BARE_A, result=SELECTION),
        },
        (),
    ),
    "a result of a job that was given up": (replace(POINTING, run=1), ResultArrived(1, RESULT_A), {}, ()),
    "a picture is ready": (
        replace(WORKING, attempts=(BARE_A, BARE_B), shown=BARE_B),
        ResultComposed(1, 1, "picture b"),
        {"attempts": (BARE_A, B), "shown": B, "choices": (B,)},
        (),
    ),
    "a picture is ready while the job stops": (
        replace(STOPPING, attempts=(BARE_A, BARE_B), shown=BARE_B),
        ResultComposed(1, 0, "picture a"),
        {"attempts": (A, BARE_B), "choices": (A,)},
        (),
    ),
    "a picture is ready after the job": (
        replace(RESULTS, attempts=(BARE_A, B), choices=(B,)),
        ResultComposed(1, 0, "picture a"),
        {"attempts": (A, B), "choices": (A, B)},
        (),
    ),
    "a picture is ready when one is back at the marks": (
        replace(BACK, attempts=(BARE_A, B)),
        ResultComposed(1, 0, "picture a"),
        {"attempts": (A, B)},
        (),
    ),
    "a picture of a former job's result": (
        replace(RESULTS, run=2, attempts=(BARE_A, attempt(2, 0, "c")), choices=(), shown=BARE_A),
        ResultComposed(1, 0, "picture a"),
        {"attempts": (A, attempt(2, 0, "c")), "choices": (A, attempt(2, 0, "c")), "shown": A},
        (),
    ),
    "a picture comes to its own result, whichever was not wanted meanwhile": (
        replace(RESULTS, attempts=(BARE_B, attempt(1, 2, "c", composed=False)), choices=(), shown=None),
        ResultComposed(1, 1, "picture b"),
        {"attempts": (B, attempt(1, 2, "c", composed=False)), "choices": (B,)},
        (),
    ),
    "a picture of a result that is gone": (replace(POINTING, run=1), ResultComposed(1, 0, "picture"), {}, ()),
    "a result cannot be composed: said when the job has ended": (
        SOME,
        ComposingFailed(1, FAULT),
        {"not_composed": FAULT},
        (),
    ),
    "a result cannot be composed, and the job stops": (
        replace(SOME, stopping=True, status=Progress(None)),
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
    "a result cannot be composed, when one is back at the marks": (
        BACK,
        ComposingFailed(1, FAULT),
        {"not_composed": FAULT, "status": FAULT},
        (),
    ),
    "a former job's result cannot be composed": (RESULTS, ComposingFailed(0, FAULT), {}, ()),
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
        (Insert(1, ONE, (RESULT_A, RESULT_B), 1, False),),
    ),
    "its results are applied, and it goes on": (
        replace(SOME, after_run=AfterRun.CONTINUE),
        RunEnded(1, None),
        {"phase": Phase.SHOWING_RESULTS, "status": None},
        (Insert(1, ONE, (RESULT_A, RESULT_B), 1, True),),
    ),
    "there are no results": (
        replace(WORKING, after_run=AfterRun.APPLY),
        RunEnded(1, None),
        {"phase": Phase.POINTING, "status": None},
        (),
    ),
    "there is no other result: the former ones are shown again, and not applied": (
        replace(ANOTHER, after_run=AfterRun.APPLY),
        RunEnded(2, None),
        {"phase": Phase.SHOWING_RESULTS, "status": None, "choices": (A, B)},
        (),
    ),
    "another result has failed: the former ones are shown again": (
        ANOTHER,
        RunEnded(2, FAULT),
        {"phase": Phase.SHOWING_RESULTS, "run_failed": True, "status": FAULT, "choices": (A, B)},
        (),
    ),
    "it has failed": (WORKING, RunEnded(1, FAULT), {"phase": Phase.POINTING, "run_failed": True, "status": FAULT}, ()),
    "it has failed after some results, which are not applied": (
        replace(SOME, after_run=AfterRun.APPLY),
        RunEnded(1, FAULT),
        {"phase": Phase.SHOWING_RESULTS, "run_failed": True, "status": FAULT},
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
PAINTED = replace(EMPTY, annotation=Annotation(strokes=(DRAWN,)))
UNASKED = replace(POINTING, known=(), failed=(query(FIRST),), status=FAULT)
RETRIED = {
    "what has failed is asked again": (
        UNASKED,
        RetryPressed(),
        {"failed": (), "status": None, **asked(FIRST)},
        asks(FIRST),
    ),
    "the photo is encoded again": (
        replace(UNASKED, encoded=False),
        RetryPressed(),
        {"failed": (), "status": None, **asked(FIRST)},
        (*asks(FIRST), RequestEncoding()),
    ),
    "a job that has failed is done again, to be applied if it was": (
        replace(POINTING, run=1, run_failed=True, after_run=AfterRun.APPLY, status=FAULT),
        RetryPressed(),
        {**STARTED, "run": 2, "run_failed": False},
        (StartRun(2, Job.REMOVE, ONE, 0),),
    ),
    "what a person has to change is not tried again": (
        replace(POINTING, run_failed=True, status=wrong_input("No object was found there.")),
        RetryPressed(),
        {},
        (),
    ),
}
LEFT = {
    "stop": (WORKING, StopPressed(), {"stopping": True, "status": Progress(None)}, (CancelRun(),)),
    "stop keeps what has come, and applies none of it": (
        replace(SOME, after_run=AfterRun.CONTINUE),
        StopPressed(),
        {"stopping": True, "after_run": AfterRun.SHOW, "status": Progress(None)},
        (CancelRun(),),
    ),
    "Esc stops a job": (
        replace(WORKING, after_run=AfterRun.APPLY),
        EscapePressed(),
        {"stopping": True, "after_run": AfterRun.SHOW, "status": Progress(None)},
        (CancelRun(),),
    ),
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
    "Esc again, with former results": (
        replace(ANOTHER, stopping=True, status=Progress(None)),
        EscapePressed(),
        {"stopping": False, "phase": Phase.SHOWING_RESULTS, "status": None, "choices": (A, B)},
        (),
    ),
    "Esc goes back from the results, which stay": (
        replace(RESULTS, picked=True, shown=A),
        EscapePressed(),
        {"phase": Phase.POINTING, "picked": False, "choices": FINAL},
        (),
    ),
    "Esc puts a tool down": (
        replace(POINTING, tool=Tool.LASSO),
        EscapePressed(),
        {"tool": Tool.INCLUDE, "revision": 4},
        (),
    ),
    "Esc asks before marks are lost": (POINTING, EscapePressed(), {}, (ConfirmClose(results=False),)),
    "Esc asks before strokes are lost": (PAINTED, EscapePressed(), {}, (ConfirmClose(results=False),)),
    "Esc asks before results are lost": (BACK, EscapePressed(), {}, (ConfirmClose(results=True),)),
    "Esc asks before results are lost, although their marks are gone": (
        replace(BACK, annotation=NOTHING),
        EscapePressed(),
        {},
        (ConfirmClose(results=True),),
    ),
    "Esc closes where nothing is marked": (EMPTY, EscapePressed(), {"phase": Phase.CLOSED}, (Close(),)),
    "Esc closes where only that is marked which the image came with": (
        replace(POINTING, given=ONE),
        EscapePressed(),
        {"phase": Phase.CLOSED},
        (Close(),),
    ),
    "cancel": (POINTING, CloseRequested(), {"phase": Phase.CLOSED}, (Close(),)),
    "cancel, with results": (RESULTS, CloseRequested(), {}, (ConfirmClose(results=True),)),
    "cancel, with results that are not in sight": (BACK, CloseRequested(), {}, (ConfirmClose(results=True),)),
    "cancel during a job": (WORKING, CloseRequested(), {"phase": Phase.CLOSED}, (CancelRun(), Close())),
    "cancel during a job that has given something": (SOME, CloseRequested(), {}, (ConfirmClose(results=True),)),
    "cancel while a job stops": (STOPPING, CloseRequested(), {"phase": Phase.CLOSED}, (Close(),)),
    "the person wants to close": (POINTING, CloseConfirmed(), {"phase": Phase.CLOSED}, (Close(),)),
    "the person wants to close, results or not": (RESULTS, CloseConfirmed(), {"phase": Phase.CLOSED}, (Close(),)),
    "the person wants to close during a job": (SOME, CloseConfirmed(), {"phase": Phase.CLOSED}, (CancelRun(), Close())),
    "the person wants to close while a job stops": (STOPPING, CloseConfirmed(), {"phase": Phase.CLOSED}, (Close(),)),
}
TABLES = (
    CLICKED,
    MARKED,
    OBJECTS,
    SCENES,
    DISTRACTED,
    NAMED,
    UNDONE,
    TOOLS,
    ANSWERED,
    HOVERED,
    FOUND,
    CHOSEN,
    SETTINGS,
    BEHIND,
    REFERENCES,
    PHOTO,
    WORKED,
    CAME,
    ENDED,
    RETRIED,
    LEFT,
)

# What an event comes to that comes to the same in each phase: what changes of the state, the commands.
PHASES = {phase_of(state): state for state in (POINTING, WORKING, STOPPING, RESULTS)}
EVERYWHERE = {
    BrushResized(7.0): ({"brush": 7.0}, ()),
    NextMaskView(): ({"mask_view": MaskView.MASK}, ()),
    TintChosen(GREEN): ({"tint": GREEN}, ()),
    HoverLeft(): ({}, ()),
    HoverArrived(HOVER, "hover"): ({}, ()),
    AlphaArrived(ALPHA, "alpha"): ({}, ()),
    Opened(): ({}, (UpdatePromptHint(), RequestEncoding())),
    SettingChanged("source", GROWN): ({}, (ReopenPhoto(),)),
    ModelsChanged(): ({"known": (), **asked(FIRST)}, (*asks(FIRST), UpdatePromptHint())),
    ProposalsArrived(query(FIRST), OTHERS, 0): ({}, ()),
    ProposalsFailed(query(FIRST), FAULT): ({}, ()),
    Failed(FAULT): ({"status": FAULT}, ()),
    ComposingFailed(7, FAULT): ({}, ()),
    ResultComposed(7, 0, "picture"): ({}, ()),
    BehindRead(PhotoBehind("file:///nobody-asks.jpg")): ({}, ()),
    DepthMeasured(NEAR): ({"nearness": NEAR}, ()),
    ReferenceRead(Reference("file:///nobody-asks.jpg")): ({}, ()),
    PromptExpanded(takes_reference=True): ({"takes_reference": True}, ()),
    Inserted(): ({"phase": Phase.CLOSED}, (Close(),)),
}
MARKS = (
    Clicked(7, 8, False),
    BoxDrawn(BOX, another=True),
    StrokeDrawn(DRAWN),
    MarkMoved(0, 0, 7, 8),
    MarkRemoved(0, 0),
    NextObject(),
    ObjectChosen(0),
    ObjectRemoved(0),
    NameEntered("people"),
    SceneChosen(Scene.SKY),
    SnapPressed(),
    Undo(),
    Redo(),
    RemoveCurrent(),
    ClearAll(),
    ToolChosen(Tool.BRUSH),
)
# Where an event comes to nothing.
UNMOVED = {
    **{event: ("working", "stopping", "results") for event in MARKS},
    ChoiceMade(1): ("working", "stopping"),  # of the masks, which are as they are
    NextChoice(): ("working", "stopping"),
    HoverMoved(9, 9): ("working", "stopping", "results"),
    JobChanged(Job.FILL, GROWN): ("working", "stopping"),
    PreviewPressed(): ("working", "stopping"),
    RetryPressed(): ("pointing", "working", "stopping", "results"),
    StopPressed(): ("pointing", "stopping", "results"),
    ResultRemoved(0): ("pointing", "working", "stopping"),
    ProgressArrived(0.5, "Starting"): ("stopping",),
    RunProgressed(2, 0.75, "Filling"): ("pointing", "stopping", "results"),
    PreviewArrived(2, FORMING): ("pointing", "results"),
    ResultArrived(2, RESULT_A): ("pointing", "results"),
    RunEnded(2, FAULT): ("pointing", "results"),
}


def rows() -> dict[str, tuple[DialogState, Event, dict[str, object], tuple[Command, ...]]]:
    """All of them, by their names."""
    pointing = replace(BOTH, run=2, attempts=(replace(A, annotation=BOTH.annotation),))
    working = replace(pointing, phase=Phase.WORKING)
    results = replace(pointing, phase=Phase.SHOWING_RESULTS)
    marks = dict(zip(PHASES, (pointing, working, replace(working, stopping=True), results), strict=True))
    tables = (
        *TABLES,
        *(
            {f"{type(event).__name__} while {phase}": (state, event, *what) for phase, state in PHASES.items()}
            for event, what in EVERYWHERE.items()
        ),
        *(
            {f"{type(event).__name__} while {phase}": (marks[phase], event, {}, ()) for phase in phases}
            for event, phases in UNMOVED.items()
        ),
    )
    found = {name: row for table in tables for name, row in table.items()}
    assert len(found) == sum(map(len, tables)), "two rows have the same name"
    return found


ROWS = rows()


@pytest.mark.parametrize(("state", "event", "changes", "commands"), ROWS.values(), ids=list(ROWS))
def test_what_an_event_comes_to(state, event, changes, commands):
    after, done = update(state, event)
    assert done == commands
    assert after == replace(state, **changes)


def test_every_event_is_in_a_table_for_every_phase_and_known():
    events = set(get_args(Event))
    assert {(phase_of(state), type(event)) for state, event, *_ in ROWS.values()} == {
        (phase, event) for phase in PHASES for event in events
    }
    assert set(transitions._TRANSITIONS) == events


def test_every_command_is_in_a_table():
    assert {type(command) for *_, commands in ROWS.values() for command in commands} == set(get_args(Command))


@pytest.mark.parametrize("event", MARKS, ids=repr)
def test_where_the_photo_can_be_marked_the_same_events_do_something(event):
    """So that it is the phase that stops them."""
    assert update(BOTH, event)[0] != BOTH


@pytest.mark.parametrize("event", dict.fromkeys(row[1] for row in ROWS.values()), ids=repr)
def test_a_closed_dialog_does_nothing(event):
    assert update(CLOSED, event) == (CLOSED, ())


# -- one after the other


def after(state: DialogState, *events: Event) -> DialogState:
    for event in events:
        state, _commands = update(state, event)
    return state


def worked(state: DialogState, *names: str) -> DialogState:
    """After a job that has given these results, with their pictures."""
    for k, name in enumerate(names):
        state = after(state, ResultArrived(state.run, Result(name)), ResultComposed(state.run, k, f"picture {name}"))
    return after(state, RunEnded(state.run, None))


def seeds_used(state: DialogState) -> int:
    """By the next job, which is not begun here."""
    (start,) = update(state, PreviewPressed())[1]
    return start.seeds_used


def test_a_job_that_ends_before_it_was_begun_leaves_the_dialog_free():
    """Its first step may raise: no file for the background, say."""
    state, (start,) = update(POINTING, PreviewPressed())
    state, _ = update(state, RunEnded(start.run, FAULT))
    assert (state.phase, state.status) == (Phase.POINTING, FAULT)
    assert update(state, PreviewPressed())[1] == (StartRun(2, Job.REMOVE, ONE, 0),)
    assert update(state, CloseRequested())[1] == (Close(),)


def test_each_other_result_has_the_next_seed():
    state = worked(after(POINTING, PreviewPressed()), "a", "b")
    assert seeds_used(state) == 2
    state = worked(after(state, PreviewPressed()), "c")
    assert seeds_used(state) == 3
    assert [each.result.name for each in state.results] == ["a", "b", "c"]
    assert seeds_used(after(state, ResultRemoved(2))) == seeds_used(after(state, ResultRemoved(0))) == 3


def test_with_other_settings_the_chosen_seed_comes_first_again_and_results_stay():
    state = after(worked(after(POINTING, PreviewPressed()), "a"), SettingChanged("steps", OPTIONS))
    assert state.phase is Phase.SHOWING_RESULTS
    assert seeds_used(state) == 0
    state = worked(after(state, PreviewPressed()), "b")
    assert [each.result.name for each in state.results] == ["a", "b"]
    assert seeds_used(state) == 1


def test_a_setting_that_is_changed_during_a_job_is_not_one_of_its_results():
    state = worked(after(POINTING, PreviewPressed(), SettingChanged("steps", OPTIONS)), "a")
    assert seeds_used(state) == 0
    assert update(after(state, EscapePressed()), PreviewPressed())[1] == (StartRun(2, Job.REMOVE, ONE, 0),)


def test_results_of_the_same_marks_are_there_again_after_a_step_back():
    state = after(worked(after(POINTING, PreviewPressed()), "a"), EscapePressed(), Clicked(7, 8, False))
    assert not state.results and state.attempts
    state = worked(after(state, PreviewPressed()), "b")
    assert [each.result.name for each in state.results] == ["b"]
    state, commands = update(after(state, EscapePressed(), Undo()), PreviewPressed())
    assert (state.phase, state.comparison, commands) == (Phase.SHOWING_RESULTS, "picture a", ())
    state, commands = update(after(state, EscapePressed(), Redo()), PreviewPressed())
    assert (state.comparison, commands) == ("picture b", ())


def test_results_of_the_same_masks_are_there_again_after_a_look_at_the_others():
    state = after(worked(after(POINTING, PreviewPressed()), "a"), EscapePressed(), NextChoice())
    assert not state.results
    state = after(state, NextChoice(), NextChoice(), PreviewPressed())
    assert (state.phase, state.comparison) == (Phase.SHOWING_RESULTS, "picture a")


def test_results_are_those_of_their_job():
    state = after(worked(after(POINTING, PreviewPressed()), "a"), JobChanged(Job.FILL, OPTIONS))
    assert (state.phase, state.results) == (Phase.POINTING, ())
    state = after(state, JobChanged(Job.REMOVE, OPTIONS), PreviewPressed())
    assert (state.phase, state.comparison) == (Phase.SHOWING_RESULTS, "picture a")


def test_esc_leads_from_a_job_to_the_desktop():
    state = replace(SOME, tool=Tool.LASSO)
    phases = []
    for _ in range(4):
        state = after(state, EscapePressed())
        phases.append(phase_of(state))
    assert phases == ["stopping", "results", "pointing", "pointing"]
    assert state.tool is Tool.INCLUDE
    assert update(state, EscapePressed()) == (state, (ConfirmClose(results=True),))
    assert update(state, CloseConfirmed())[1] == (Close(),)


def test_objects_are_asked_for_one_after_the_other_that_at_hand_first():
    state = replace(SEVERAL, annotation=Annotation((FIRST, OTHER, UNDER), 1), asked=None, waiting=False)
    state, commands = update(state, Opened())
    asked_for = []
    while state.waiting:
        (request,) = (each for each in commands if isinstance(each, RequestProposals))
        asked_for.append(request.query)
        state, commands = update(state, ProposalsArrived(request.query, FINAL, 0))
    assert asked_for == [query(OTHER), query(FIRST), query(UNDER)]
    assert len(state.shapes) == 3 and not commands


def test_objects_without_an_answer_are_asked_for_once_and_again_when_something_changes():
    state = SEVERAL
    for history in (OTHER, FIRST):
        state = after(state, ProposalsFailed(query(history), FAULT))
    assert state.settled and state.status == FAULT
    assert set(state.failed) == {query(FIRST), query(OTHER)}
    assert update(state, ModelsChanged())[1] == (*asks(OTHER), UpdatePromptHint())
    assert update(state, StrokeDrawn(ERASED))[1] == asks(OTHER)


def test_the_masks_of_all_objects_are_shown_until_there_are_others_for_other_settings():
    assert BOTH.shapes == ("one", "other")
    state, commands = update(BOTH, SettingChanged("grow", GROWN))
    assert (state.shapes, commands) == (("one", "other"), asks(OTHER, options=GROWN))
    state, commands = update(state, ProposalsArrived(query(OTHER, options=GROWN), masks("wide other"), 0))
    assert (state.shapes, commands) == (("one", "wide other"), asks(FIRST, options=GROWN))
    state, commands = update(state, ProposalsArrived(query(FIRST, options=GROWN), masks("wide one"), 0))
    assert (state.shapes, commands) == (("wide one", "wide other"), ())
    state, commands = update(state, SettingChanged("grow", OPTIONS))
    assert (state.shapes, commands) == (("one", "other"), ())


def test_no_object_is_shown_as_another_while_its_masks_are_asked_for():
    state = after(BOTH, Clicked(70, 70, True, another=True))
    assert state.shapes == ("one", "other")
    assert after(UNKNOWN, ObjectRemoved(0)).shapes == ()


def test_only_the_latest_masks_are_kept():
    state = EMPTY
    for k in range(KNOWN + 3):
        state = after(state, Clicked(k, k, True))
        state = after(state, ProposalsArrived(state.asked, masks("one"), 0))
    assert len(state.known) == KNOWN + 1
    for _ in range(KNOWN):
        state, commands = update(state, Undo())
        assert not commands
    state, (request,) = update(state, Undo())
    assert request == RequestProposals(state.query)


def test_however_many_objects_there_are_each_is_asked_for_once():
    count = KNOWN + 10
    state = EMPTY
    for k in range(count):
        state = after(state, Clicked(k, k, True, another=True))
    asked_for = 0
    while state.waiting:
        asked_for += 1
        assert asked_for <= count, "it is asked for ever"
        state = after(state, ProposalsArrived(state.asked, masks("one"), 0))
    assert asked_for == count
    assert len(state.shapes) == count


def test_only_so_many_steps_can_be_taken_back():
    state = EMPTY
    for k in range(MOST_STEPS + 3):
        state = after(state, StrokeDrawn(Stroke(path=(k, k, 1))))
    assert len(state.past) == MOST_STEPS
    state = after(state, *[Undo()] * (MOST_STEPS + 3))
    assert len(state.annotation.strokes) == 3
    state = after(state, *[Redo()] * (MOST_STEPS + 3))
    assert len(state.annotation.strokes) == MOST_STEPS + 3


def test_marks_that_the_person_made_can_still_be_lost_when_other_layers_are_shown():
    moved = PhotoChanged(ONE.moved(10, 0), False, False)
    assert update(after(POINTING, moved), EscapePressed())[1] == (ConfirmClose(results=False),)
    assert update(after(replace(POINTING, given=ONE), moved), EscapePressed())[1] == (Close(),)


SEEN = {
    "nothing yet": (EMPTY, {"shapes": (), "can_apply": False, "hint": Hint.HOW_TO_POINT, "unsaved": False}),
    "a mask": (POINTING, {"shapes": ("one",), "can_apply": True, "hint": Hint.MORE_CLICKS, "unsaved": True}),
    "the chosen mask": (
        replace(POINTING, annotation=Annotation((FIRST.with_choice(2),))),
        {"shapes": ("three",), "chosen": 2},
    ),
    "until there are as many": (
        replace(POINTING, annotation=Annotation((FIRST.with_choice(2),)), proposals=masks("one")),
        {"shapes": ("one",), "row": ("one",)},
    ),
    "masks to choose among, from small to large": (
        replace(POINTING, proposals=masks("three", "one", "two")),
        {"shapes": ("three",), "row": FINAL, "chosen": 2},
    ),
    "masks that look the same are one": (
        replace(POINTING, annotation=Annotation((FIRST.with_choice(2),)), proposals=masks("two", "one", "two")),
        {"shapes": ("two",), "row": ("one", "two"), "chosen": 1},
    ),
    "the masks of two objects, that at hand last": (
        replace(BOTH, annotation=Annotation((FIRST.with_choice(1), OTHER)), proposals=FINAL),
        {"shapes": ("other", "two"), "row": FINAL},
    ),
    "the masks of objects none of which is at hand": (NONE_AT_HAND, {"shapes": ("one", "other"), "row": ()}),
    "strokes alone": (PAINTED, {"shapes": (), "can_apply": True, "can_snap": True, "unsaved": True}),
    "strokes that take away": (
        replace(EMPTY, annotation=Annotation(strokes=(ERASED,))),
        {"can_apply": False, "can_snap": False, "unsaved": True},
    ),
    "a lasso": (replace(POINTING, tool=Tool.LASSO), {"hint": Hint.LASSO}),
    "an eraser": (replace(POINTING, tool=Tool.ERASER), {"hint": Hint.HOW_TO_DRAW}),
    "a brush that refines": (replace(POINTING, tool=Tool.REFINE), {"hint": Hint.HOW_TO_REFINE}),
    "hair at the edge": (replace(POINTING, proposals=(Furry("one"),)), {"hint": Hint.HAIR}),
    "hair at the edge of another mask than the chosen one": (
        replace(POINTING, proposals=(Mask("one"), Furry("two"))),
        {"hint": Hint.MORE_CLICKS},
    ),
    "hair that was painted over": (replace(REFINING, proposals=(Furry("one"),)), {"hint": Hint.MORE_CLICKS}),
    "refining alone": (
        replace(EMPTY, annotation=Annotation(strokes=(REFINED,))),
        {"can_apply": False, "can_snap": False, "unsaved": True},
    ),
    "its alpha": (replace(REFINING, refined=(ALPHA, "alpha")), {"alpha": "alpha"}),
    "its alpha, whichever object is at hand": (
        replace(REFINING, annotation=replace(ALPHA.meant, active=1), refined=(ALPHA, "alpha")),
        {"alpha": "alpha"},
    ),
    "the alpha for another job": (replace(REFINING, job=Job.FILL, refined=(ALPHA, "alpha")), {"alpha": None}),
    "results were inserted": (replace(EMPTY, applied=True), {"hint": Hint.APPLIED}),
    "a ready mask": (READY, {"shapes": ("given",), "row": (), "can_apply": True, "unsaved": False}),
    "a ready mask that is not meant": (
        replace(READY, annotation=ONE, proposals=()),
        {"shapes": (), "uses_ready_mask": False},
    ),
    "a job": (WORKING, {"comparison": None, "can_apply": True, "working": True, "hint": Hint.WAIT, "can_snap": False}),
    "the newest result": (RESULTS, {"comparison": "picture b", "chosen": 1, "row": (A, B), "hint": Hint.COMPARE}),
    "until it is composed": (
        replace(SOME, attempts=(A, BARE_B), shown=BARE_B),
        {"comparison": "picture a", "chosen": 0, "results_seen": (A,)},
    ),
    "a result that was picked": (replace(RESULTS, shown=A, picked=True), {"comparison": "picture a", "chosen": 0}),
    "results, and back at the marks": (BACK, {"comparison": None, "row": FINAL, "unsaved": True}),
    "results, until there is another": (ANOTHER, {"comparison": None, "row": FINAL, "hint": Hint.WAIT}),
}


@pytest.mark.parametrize(("state", "seen"), SEEN.values(), ids=list(SEEN))
def test_what_is_seen_of_a_state(state, seen):
    assert {name: getattr(state, name) for name in seen} == seen


def test_which_mask_is_chosen_last_is_no_other_question_but_what_was_chosen_before_is():
    asked = query(FIRST).key
    assert query(FIRST.with_choice(2)).key == query(FIRST.with_choice(0)).key == asked
    further = MORE.with_choice(1)
    assert query(further).key == query(MORE).key
    assert query(FIRST.with_choice(2).with_click(7, 8, on_object=False)).key != query(MORE).key


@pytest.mark.parametrize("options", [SHADOW, SURE_SHADOW], ids=repr)
def test_the_shadow_is_that_of_the_mask_that_is_chosen(options):
    first, third = (query(FIRST.with_choice(k), options=options) for k in (0, 2))
    assert first.key != third.key
    kind = query(ClickHistory((Name("a dog"),)), options=options)
    assert kind.key == query(ClickHistory((Name("a dog"),), (2,)), options=options).key, "each of them has its own"


@pytest.mark.parametrize(
    ("state", "summary"),
    [
        (ASKED, "pointing waiting revision=0 hover=0 alpha=0 preview=0 runs=0 results=0 objects=1 strokes=0"),
        (BOTH, "pointing settled revision=3 hover=0 alpha=0 preview=0 runs=0 results=0 objects=2 strokes=1"),
        (
            replace(POINTING, hover="hover"),
            "pointing settled revision=3 hover=1 alpha=0 preview=0 runs=0 results=0 objects=1 strokes=0",
        ),
        (WORKING, "working settled revision=3 hover=0 alpha=0 preview=0 runs=1 results=0 objects=1 strokes=0"),
        (
            replace(WORKING, preview=FORMING),
            "working settled revision=3 hover=0 alpha=0 preview=1 runs=1 results=0 objects=1 strokes=0",
        ),
        (RESULTS, "results settled revision=3 hover=0 alpha=0 preview=0 runs=1 results=2 objects=1 strokes=0"),
    ],
)
def test_a_state_is_summed_up_in_a_line(state, summary):
    assert state.summary == summary

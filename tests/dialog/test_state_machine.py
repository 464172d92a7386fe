"""What holds in the dialog whatever the person, the server and the threads do, in any order."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error
from inference_server.shared.messages import Job, MaskOptions, Scene, Stroke

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.covering import Covering
from inpaint_anything.dialog import events
from inpaint_anything.dialog.annotation import Annotation, ClickHistory
from inpaint_anything.dialog.events import MaskQuery
from inpaint_anything.dialog.state import DialogState, Phase
from inpaint_anything.dialog.update import update
from inpaint_anything.photo_view.behind import AnotherPhoto, Blurred
from inpaint_anything.photo_view.tool import Tint, Tool

from .. import property
from .test_state import MARKS, Result

FAULT = UserError(ErrorCode.NO_SERVER, "There is no server.", "Start it.")
MOST_ESCAPES = 5  # stop the job, do not wait for it, leave its results, put the tool down, close
STEPS = 50  # of the person and of what is around them, 250 times over: 10,000 at least
OPTIONS = st.sampled_from([MaskOptions(), MaskOptions(grow=40), MaskOptions(include_shadow=None)])
PLACES = st.sampled_from([0, 1, 30])  # few, so that the same clicks come again
FEW = st.integers(0, 2)
MARKING = tuple({type(event) for event in MARKS})
LOSES_STROKES = (
    events.Undo,
    events.Redo,
    events.RemoveCurrent,
    events.ClearAll,
    events.SnapPressed,
    events.PhotoChanged,
)
MARKED = st.sampled_from(
    [
        events.NextObject(),
        events.SceneChosen(Scene.SKY),
        events.SceneChosen(Scene.DISTRACTIONS),
        events.SnapPressed(),
        events.RemoveCurrent(),
        events.HoverLeft(),
        events.NextMaskView(),
        events.TintChosen(Tint((0.0, 1.0, 0.0), 0.5)),
    ]
)
BEHIND = st.sampled_from([None, Blurred(0.5), *(AnotherPhoto(f"file:///{k}.jpg", Covering()) for k in range(2))])
PLACED = st.sampled_from(
    [
        events.BehindMoved((900, 600), 30.0, 10.0),
        events.BehindScaled((900, 600), 1.2, 30.0, 10.0),
        events.BehindFlipped(),
        events.BehindFitted(),
        events.ToolChosen(Tool.PLACE),
    ]
)
CHOSEN = st.sampled_from([events.NextChoice(), events.ChoiceMade(0), events.ChoiceMade(2)])
WORK = st.sampled_from(
    [events.PreviewPressed(), events.PreviewPressed(), events.ApplyPressed(), events.ContinuePressed()]
)
LATE = st.sampled_from([*MARKS, events.PreviewPressed(), events.EscapePressed(), events.RunEnded(1, FAULT)])
REPORTED = st.sampled_from(
    [events.ModelsChanged(), events.Encoded(), events.Failed(FAULT), events.ProgressArrived(0.5, "Starting")]
)


class Mask(NamedTuple):
    """One of the masks of a query.  It covers nothing."""

    key: MaskQuery
    k: int
    area: int
    has_shadow: bool
    outlines = ()

    def resembles(self, other: "Mask") -> bool:
        return (self.key, self.area) == (other.key, other.area)


def final(query: MaskQuery) -> tuple[Mask, ...]:
    """The masks that a server finds at last: the same for the same clicks.  The best is neither the smallest nor the
    largest, and the third looks like it."""
    shadow = query.options.include_shadow is None
    return tuple(Mask(query.key, k, area, shadow) for k, area in enumerate((20, 10, 20, 30)))


def is_open(machine: "AnyOrder") -> bool:
    return machine.state.phase is not Phase.CLOSED


def has_begun_a_job(machine: "AnyOrder") -> bool:
    return bool(machine.started)


while_open = precondition(is_open)


class AnyOrder(RuleBasedStateMachine):
    """A dialog, and what is under way for it outside."""

    def __init__(self) -> None:
        super().__init__()
        self.inserted = 0
        self.opens(given=Annotation(), ready=False)

    def opens(self, given: Annotation, *, ready: bool) -> None:
        self.state = DialogState(
            job=Job.REMOVE, options=MaskOptions(), has_ready_mask=ready, annotation=given, given=given
        )
        self.closed = 0
        self.asked: MaskQuery | None = None  # of the server, and not given up
        self.asked_since: list[MaskQuery] = []  # the person's last decision
        self.hovering = False
        self.about: set[MaskQuery] = set()  # what was asked about the object at hand since it is
        self.strokes = given.strokes
        self.started: dict[int, events.StartRun] = {}
        self.cancelled: set[int] = set()
        self.ended: set[int] = set()
        self.results: list[tuple[int, Result]] = []
        self.seeds: set[object] = set()
        self.eras: dict[int, int] = {}  # of a job: which job was the first with its settings
        self.composing: list[tuple[int, int, Result]] = []
        self.inserting = False
        self.happens(events.Opened())

    # -- what an event comes to outside

    def happens_to(self, run: int, event: events.Event) -> list[events.Command]:
        """What comes of a job, which must not matter once it is given up."""
        before = self.state
        commands = self.happens(event)
        if not (before.working and run == before.run):
            assert self.state == before and not commands, "a job that was given up still does something"
        return commands

    def happens(self, event: events.Event) -> list[events.Command]:
        before = self.state
        self.state, commands = update(before, event)
        assert not (commands and before.phase is Phase.CLOSED), "a closed dialog does something"
        if isinstance(event, MARKING) and not before.can_mark:
            assert self.state == before and not commands, "the photo is marked while it must not be"
        self.follow(before, event)
        for command in commands:
            self.carry_out(command)
        for command in commands:  # what is an event of its own again
            match command:
                case events.Insert():
                    self.insert()
                case events.ReopenPhoto():
                    moved = self.state.annotation.moved(10, 0)
                    self.happens(events.PhotoChanged(moved, self.state.has_ready_mask, False))
        return list(commands)

    def follow(self, before: DialogState, event: events.Event) -> None:
        """Know what the person has drawn and got, and what is at hand."""
        now = self.state
        if isinstance(event, LOSES_STROKES):
            self.strokes = now.annotation.strokes
        elif isinstance(event, events.StrokeDrawn) and before.can_mark:
            self.strokes = (*self.strokes, event.stroke)
        if isinstance(event, events.PhotoChanged) and before.phase is not Phase.CLOSED:
            self.results, self.seeds = [], set()
        if isinstance(event, events.PhotoChanged | events.ModelsChanged) or now.revision != before.revision:
            self.asked_since = []
        marks, marks_before = now.annotation, before.annotation
        place = marks.active, len(marks.objects)
        moved_on = place != (marks_before.active, len(marks_before.objects)) and marks.current != marks_before.current
        if moved_on or isinstance(event, events.PhotoChanged):
            self.about = set()
        if now.query is not None:
            self.about.add(now.query.key)

    def carry_out(self, command: events.Command) -> None:
        state = self.state
        match command:
            case events.RequestProposals(query):
                assert query in state.queries, "masks are asked for that are not meant"
                assert state.known_for(query) is None, "masks are asked for that are known"
                assert query.key not in self.asked_since, "the same is asked again and again"
                self.asked = query
                self.asked_since.append(query.key)
            case events.CancelProposals():
                assert self.asked is not None, "a question is given up that nobody has asked"
                self.asked = None
            case events.RequestAlpha(query):
                assert self.asked is None, "the masks are not there yet"
                assert state.refined == (query, None) and query.meant.means(state.annotation)
            case events.RequestHover() | events.CancelHover():
                self.hovering = isinstance(command, events.RequestHover)
            case events.StartRun(run, job, annotation):
                assert (job, annotation) == (state.job, state.annotation)
                self.started[run] = command
                self.eras[run] = state.seeds_from
            case events.CancelRun():
                run = max(self.started)
                assert run not in self.cancelled, "a job is stopped twice"
                self.cancelled.add(run)
            case events.Insert():
                self.check_insertion(command)
            case events.ComposeResult(run, index, result):
                self.composing.append((run, index, result))
            case events.Close():
                self.closed += 1

    def check_insertion(self, command: events.Insert) -> None:
        """It is of what was marked when the job began, which is what is still marked."""
        assert command.results and not self.state.working, "nothing is applied"
        assert command.annotation == self.state.annotation
        runs = {result: run for run, result in self.results}
        assert runs[command.results[command.shown]] == command.run, "it is inserted with other settings than its own"
        for result in command.results:
            start = self.started[runs[result]]
            assert start.job == self.state.job and start.annotation.means(command.annotation)
        self.inserting = command.goes_on

    def insert(self) -> None:
        """What comes of putting results into the image: two in three times it fails."""
        self.inserted += 1
        if self.inserted % 3:
            self.happens(events.Failed(FAULT))
        elif self.inserting:
            self.happens(events.PhotoChanged(Annotation(), False, True))
        else:
            self.happens(events.Inserted())

    # -- the person

    @precondition(lambda self: not is_open(self))
    @rule(given=st.booleans(), ready=st.booleans())
    def open_again(self, given, ready):
        marks = ClickHistory().with_click(1, 1, on_object=True)
        self.opens(Annotation((marks,), 0, (Stroke(path=(1, 1, 2)),)) if given else Annotation(), ready=ready)

    @precondition(lambda self: not is_open(self))
    @rule(event=LATE)
    def something_happens_to_a_closed_dialog(self, event):
        before = self.state
        assert not self.happens(event) and self.state == before

    @while_open
    @rule(x=PLACES, y=PLACES, on_object=st.booleans(), another=st.booleans())
    def click(self, x, y, on_object, another):
        self.happens(events.Clicked(x, y, on_object, another))

    @while_open
    @rule(x=PLACES, another=st.booleans())
    def draw_box(self, x, another):
        self.happens(events.BoxDrawn((x, 0, x + 5, 5), another))

    @while_open
    @rule(x=PLACES, adds=st.booleans(), filled=st.booleans(), refines=st.booleans())
    def draw(self, x, adds, filled, refines):
        path = (x, 0, 1, x + 2, 2, 1, x, 4, 1)
        self.happens(events.StrokeDrawn(Stroke(path=path, adds=adds, filled=filled, refines=refines)))

    @while_open
    @rule(k=FEW, entry=FEW, x=PLACES)
    def move_a_mark(self, k, entry, x):
        self.happens(events.MarkMoved(k, entry, x, 2))

    @while_open
    @rule(k=FEW, entry=FEW)
    def remove_a_mark(self, k, entry):
        self.happens(events.MarkRemoved(k, entry))

    @while_open
    @rule(k=FEW)
    def choose_an_object(self, k):
        self.happens(events.ObjectChosen(k))

    @while_open
    @rule(k=FEW)
    def remove_an_object(self, k):
        self.happens(events.ObjectRemoved(k))

    @while_open
    @rule(sure=FEW)
    def clear_all(self, sure):
        if not sure:  # else there is seldom much to lose
            self.happens(events.ClearAll())

    @while_open
    @rule(tool=st.sampled_from(Tool))
    def choose_a_tool(self, tool):
        self.happens(events.ToolChosen(tool))

    @while_open
    @rule(radius=FEW)
    def resize_the_brush(self, radius):
        self.happens(events.BrushResized(radius))

    @while_open
    @rule(x=PLACES, y=PLACES, encoded=st.booleans())
    def hover(self, x, y, encoded):
        if encoded:
            self.happens(events.Encoded())
        self.happens(events.HoverMoved(x, y))

    @while_open
    @rule(event=MARKED)
    def mark(self, event):
        self.happens(event)

    @while_open
    @rule(steps=FEW, back=FEW)
    def undo_and_redo(self, steps, back):
        for _ in range(steps + 1):
            self.happens(events.Undo())
        for _ in range(back):
            self.happens(events.Redo())

    @while_open
    @rule(event=CHOSEN)
    def choose(self, event):
        self.happens(event)

    @while_open
    @rule(event=WORK)
    def work(self, event):
        self.happens(event)

    @while_open
    @rule(event=st.sampled_from([events.StopPressed(), events.EscapePressed()]))
    def stop(self, event):
        if self.state.working:
            self.happens(event)

    @while_open
    @rule(k=FEW)
    def remove_a_result(self, k):
        before, seen = self.state, self.state.results_seen
        self.happens(events.ResultRemoved(k))
        if before.phase is Phase.SHOWING_RESULTS and k < len(seen):
            self.results.remove((seen[k].run, seen[k].result))

    @while_open
    @rule()
    def want_to_close(self):
        if events.ConfirmClose(results=True) not in self.happens(events.CloseRequested()):
            assert not self.results, "results are lost, and nobody was asked"

    @while_open
    @rule(sure=FEW)
    def press_escape_until_asked(self, sure):
        before = self.state
        commands = self.happens(events.EscapePressed())
        if any(isinstance(command, events.ConfirmClose) for command in commands):
            assert self.state == before
            if not sure:
                self.happens(events.CloseConfirmed())
        elif not is_open(self):
            assert not self.results and (before.annotation.is_empty or before.annotation.means(before.given))

    @while_open
    @rule(x=PLACES)
    def click_and_work(self, x):
        self.happens(events.Clicked(x, 1, True))
        self.happens(events.PreviewPressed())

    @while_open
    @rule(event=WORK, count=FEW)
    def work_to_the_end(self, event, count):
        """As it goes mostly."""
        self.happens(event)
        for _ in range(count + 1):
            self.job_gives_a_result(self.state.run)
            self.picture_comes(0)
        self.job_ends(self.state.run, None)

    @while_open
    @rule(job=st.sampled_from(Job), options=OPTIONS)
    def change_job(self, job, options):
        self.happens(events.JobChanged(job, options))

    @while_open
    @rule(name=st.sampled_from(["grow", "prompt", "seed"]), options=OPTIONS)
    def change_setting(self, name, options):
        self.happens(events.SettingChanged(name, options))

    @while_open
    @rule(behind=BEHIND, name=st.sampled_from(["background", "photo", "blur"]))
    def something_else_comes_behind(self, behind, name):
        self.happens(events.SettingChanged(name, self.state.options, behind if self.state.job is Job.REPLACE else None))

    @while_open
    @rule(event=PLACED)
    def what_comes_behind_is_moved(self, event):
        commands = self.happens(event)
        assert not commands or self.state.can_place
        for command in commands:
            behind = replace(self.state.behind, covering=command.covering)
            self.happens(events.SettingChanged("photo-across", self.state.options, behind))

    @while_open
    @rule(read=st.booleans())
    def a_photo_is_read_to_come_behind(self, read):
        if self.state.photo_behind:
            found = replace(self.state.photo_behind, size=(600, 400), picture="picture" if read else None)
            self.happens(events.BehindRead(found))

    @invariant()
    def only_a_photo_that_is_seen_is_moved(self):
        state = self.state
        assert state.tool is not Tool.PLACE or not state.can_mark or state.can_place
        assert state.mask_view in state.mask_views
        assert state.behind is None or state.job is Job.REPLACE

    @while_open
    @rule(x=PLACES, ready=st.booleans(), how=FEW)
    def other_layers_are_shown(self, x, ready, how):
        if how == 0:
            self.happens(events.SettingChanged("source", self.state.options))
        elif how == 1:
            marks = ClickHistory().with_click(x, 0, on_object=True)
            self.happens(events.PhotoChanged(Annotation((marks,)), ready, False))

    # -- the answers, late ones among them

    @while_open
    @rule(event=REPORTED)
    def something_is_reported(self, event):
        self.happens(event)

    @while_open
    @rule(more=FEW)
    def masks_come(self, more):
        if self.asked is not None:
            query, masks = self.asked, final(self.asked)
            if more:
                self.happens(events.ProposalsArrived(query, masks[: 3 - more], more))
            else:
                self.asked = None
                self.happens(events.ProposalsArrived(query, masks, 0))

    @while_open
    @rule()
    def all_masks_come(self):
        while self.asked is not None:
            self.masks_come(0)
        assert self.state.settled

    @while_open
    @rule(error=st.sampled_from([FAULT, cancelled_error()]))
    def masks_do_not_come(self, error):
        if self.asked is not None:
            query, self.asked = self.asked, None
            self.happens(events.ProposalsFailed(query, error))

    @while_open
    @rule(x=PLACES, y=PLACES)
    def masks_of_other_clicks_come(self, x, y):
        query = self.query_at(x, y)
        if self.asked is None or query.key != self.asked.key:
            before = self.state
            self.happens(events.ProposalsArrived(query, final(query), 0))
            self.happens(events.ProposalsFailed(query, FAULT))
            assert self.state == before

    @while_open
    @rule(x=PLACES, y=PLACES)
    def something_to_hover_over_comes(self, x, y):
        query = self.query_at(x, y)
        self.happens(events.HoverArrived(query, ("hover", query)))

    @while_open
    @rule()
    def alpha_comes(self):
        if self.state.refined:
            query, _before = self.state.refined
            self.happens(events.AlphaArrived(query, ("alpha", query)))
            assert self.state.alpha == ("alpha", query) or self.state.alpha_query != query

    def query_at(self, x: int, y: int) -> MaskQuery:
        history = ClickHistory().with_click(x, y, on_object=True)
        return MaskQuery(job=Job.REMOVE, prompt=history.prompt, options=MaskOptions())

    @precondition(has_begun_a_job)
    @while_open
    @rule(back=FEW, what=FEW)
    def a_job_gives_something(self, back, what):
        run = max(1, max(self.started) - back)
        if run in self.ended:
            return
        if what == 0:
            self.happens_to(run, events.PreviewArrived(run, events.Preview("small", (0, 0, 9, 9))))
        elif what == 1:
            self.happens_to(run, events.RunProgressed(run, 0.5, "Filling"))
        else:
            self.job_gives_a_result(run)

    def job_gives_a_result(self, run: int) -> None:
        """A selection, for that job, which has no picture."""
        start = self.started.get(run)
        if start is None or run in self.ended:
            return
        taken = self.state.working and run == self.state.run
        name = f"{run}.{sum(each[0] == run for each in self.results)}"
        result = Result(name, None if start.job is Job.SELECT else b"alpha")
        self.happens_to(run, events.ResultArrived(run, result))
        if taken:
            seed = start.seeds_used + sum(each[0] == run for each in self.results)
            meant = replace(start.annotation, active=0)
            assert (self.eras[run], start.job, meant, seed) not in self.seeds, "the same result is made again"
            self.seeds.add((self.eras[run], start.job, meant, seed))
            self.results.append((run, result))

    @precondition(has_begun_a_job)
    @while_open
    @rule(back=FEW, error=st.sampled_from([None, None, FAULT, cancelled_error()]))
    def a_job_ends(self, back, error):
        self.job_ends(max(1, max(self.started) - back), error)

    def job_ends(self, run: int, error: UserError | None) -> None:
        if run in self.started and run not in self.ended:
            self.ended.add(run)
            stopping = self.state.stopping
            commands = self.happens_to(run, events.RunEnded(run, error))
            stopped = stopping and self.state.after_run.value == "show"
            assert not (stopped and commands), "a job that was stopped is applied"

    @precondition(lambda self: self.composing)
    @while_open
    @rule(k=FEW, fails=FEW)
    def a_picture_comes(self, k, fails):
        """Now or later, and not in the order in which they were begun."""
        if fails:
            self.picture_comes(k)
        else:
            run, _index, _result = self.composing.pop(k % len(self.composing))
            before = self.state
            self.happens(events.ComposingFailed(run, FAULT))
            assert self.state == before or run == before.run

    def picture_comes(self, k: int) -> None:
        if self.composing:
            run, index, result = self.composing.pop(k % len(self.composing))
            self.happens(events.ResultComposed(run, index, f"picture {result.name}"))

    # -- what holds

    @invariant()
    def what_the_person_has_drawn_is_there(self):
        assert self.state.annotation.strokes == self.strokes

    @invariant()
    def results_are_there_each_with_its_own_picture(self):
        state = self.state
        assert [(each.run, each.result) for each in state.attempts] == self.results
        for each in state.attempts:
            assert each.picture in (None, f"picture {each.result.name}")
            assert each.annotation == self.started[each.run].annotation
        assert not (state.phase is Phase.SHOWING_RESULTS and not state.results)
        if state.shows_results:
            assert state.shown in state.results
            assert state.comparison is not None or not state.results_seen

    @invariant()
    def a_running_job_will_end_and_no_other_runs(self):
        state = self.state
        if state.working:
            start = self.started[state.run]
            assert state.run == max(self.started) and state.run not in self.ended
            assert state.stopping == (state.run in self.cancelled)
            assert (start.job, start.annotation) == (state.job, state.annotation)
        for run in self.started:
            forgotten = not (state.working and run == state.run)
            assert run in self.ended or run in self.cancelled or not forgotten, "a job goes on that nobody waits for"

    @invariant()
    def whoever_waits_for_masks_has_asked_for_them(self):
        state = self.state
        assert state.waiting == (self.asked is not None) or not is_open(self)
        if state.waiting and is_open(self):
            assert state.asked.key == self.asked.key
            assert state.asked.key in [query.key for query in state.queries]

    @invariant()
    def once_it_is_settled_all_masks_are_known_or_have_failed(self):
        state = self.state
        if not state.settled:
            return
        for query in state.queries:
            assert query.key in state.failed or state.known_for(query) == final(query)
        assert state.query is not None or state.proposals == ()
        if not state.failed and not state.uses_ready_mask:
            assert {shape.key for shape in state.shapes} == {query.key for query in state.queries}
        assert state.choices == state.row or state.working or not is_open(self)

    @invariant()
    def the_masks_shown_are_those_of_the_object_at_hand(self):
        state = self.state
        assert {shape.key for shape in state.proposals} <= self.about
        if state.query is not None and state.known_for(state.query):
            assert state.proposals == final(state.query)

    @invariant()
    def hovering_is_shown_only_while_it_is_asked_about(self):
        state = self.state
        assert (state.hovered is not None) == self.hovering or not is_open(self)
        assert state.hovered is None or state.can_mark or not is_open(self)
        assert state.hover is None or state.hover == ("hover", state.hovered)

    @invariant()
    def what_is_drawn_is_there(self):
        state = self.state
        assert state.chosen < max(3, len(state.row))
        if state.row and not state.shows_results:
            assert [mask.area for mask in state.row] == sorted({mask.area for mask in state.proposals})
            assert state.row[state.chosen].resembles(state.shapes[-1])
        assert state.comparison is None or state.comparison in [each.picture for each in state.results]
        assert all(history.entries for history in state.annotation.objects)
        assert 0 <= state.annotation.active <= len(state.annotation.objects)
        assert not state.preview or state.working or not is_open(self)

    @invariant()
    def what_is_taken_back_can_be_done_again(self):
        state = self.state
        if state.can_mark and state.past:
            undone, _commands = update(state, events.Undo())
            assert undone.annotation == state.past[-1]
            again, _commands = update(undone, events.Redo())
            assert (again.annotation, again.past, again.future) == (state.annotation, state.past, state.future)

    @invariant()
    def escape_leads_out_step_by_step_and_loses_nothing_on_the_way(self):
        state = self.state
        for _ in range(MOST_ESCAPES):
            before, (state, commands) = state, update(state, events.EscapePressed())
            order = (Phase.WORKING, Phase.SHOWING_RESULTS, Phase.POINTING, Phase.CLOSED)
            assert order.index(state.phase) >= order.index(before.phase)
            assert (state.annotation, state.attempts) == (before.annotation, before.attempts)
            if any(isinstance(command, events.ConfirmClose) for command in commands):
                state, _commands = update(state, events.CloseConfirmed())
            if state.phase is Phase.CLOSED:
                break
            assert state != before
        assert state.phase is Phase.CLOSED

    @invariant()
    def it_is_closed_once(self):
        assert self.closed == (self.state.phase is Phase.CLOSED)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis.settings(max_examples=property.examples(2500), stateful_step_count=STEPS)

"""What holds in the dialog whatever the person, the server and the threads do, in any order."""

import sys
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error
from inference_server.shared.messages import Job, MaskOptions

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.dialog import events
from inpaint_anything.dialog import state as dialog
from inpaint_anything.dialog.click_history import ClickHistory
from inpaint_anything.dialog.events import MaskQuery
from inpaint_anything.dialog.state import DialogState, Phase

from .test_state import Result

FAULT = UserError(ErrorCode.NO_SERVER, "There is no server.", "Start it.")
MOST_ESCAPES = 4  # stop the job, do not wait for it, drop its results, close
OPTIONS = st.sampled_from([MaskOptions(), MaskOptions(grow=40)])
EDGE = st.integers(0, 2)  # few points, so that the same clicks come again
PRESSED = st.sampled_from(
    [
        events.UndoClick(),
        events.ClearClicks(),
        events.NextChoice(),
        events.ChoiceMade(0),
        events.ChoiceMade(2),
        events.PreviewPressed(),
        events.ApplyPressed(),
        events.ContinuePressed(),
        events.StopPressed(),
        events.EscapePressed(),
        events.HoverLeft(),
        events.ModelsChanged(),
        events.Encoded(),
        events.Failed(FAULT),
        events.ProgressArrived(0.5, "Starting"),
    ]
)


def final(query: MaskQuery) -> tuple[object, ...]:
    """The masks that a server finds at last: the same for the same clicks."""
    return tuple((query.key, k) for k in range(3))


class AnyOrder(RuleBasedStateMachine):
    """A dialog, and what is under way for it outside."""

    def __init__(self) -> None:
        super().__init__()
        self.state = DialogState(job=Job.REMOVE, options=MaskOptions(), has_ready_mask=False)
        self.closed = 0
        self.asked: MaskQuery | None = None  # of the server, and not given up
        self.hovering = False
        self.failed = False  # the last question for masks
        self.cancelled: set[int] = set()
        self.ended: set[int] = set()
        self.started: list[int] = []
        self.inserted, self.inserting = 0, False
        self.happens(events.Opened())

    def happens_to(self, run: int, event: events.Event) -> list[events.Command]:
        """What comes of a job, which must not matter once it is given up."""
        before = self.state
        commands = self.happens(event)
        if not (before.working and run == before.run):
            assert self.state == before and not commands, "a job that was given up still does something"
        return commands

    def happens(self, event: events.Event) -> list[events.Command]:  # noqa: C901  one case for each command
        before = self.state
        self.state, commands = dialog.update(before, event)
        assert not (commands and before.phase is Phase.CLOSED), "a closed dialog does something"
        for command in commands:
            match command:
                case events.RequestProposals(query):
                    self.asked, self.failed = query, False
                case events.CancelProposals():
                    self.asked = None
                case events.RequestHover():
                    self.hovering = True
                case events.CancelHover():
                    self.hovering = False
                case events.StartRun(run):
                    self.started.append(run)
                case events.CancelRun():
                    assert self.started[-1] not in self.cancelled, "a job is stopped twice"
                    self.cancelled.add(self.started[-1])
                case events.Insert(results=results, goes_on=goes_on):
                    assert results and not self.state.working, "nothing is applied"
                    self.inserting = goes_on
                case events.Close():
                    self.closed += 1
        if any(isinstance(command, events.Insert) for command in commands):
            self.inserts()
        if self.state.asked != before.asked and not any(isinstance(c, events.RequestProposals) for c in commands):
            self.failed = False  # the masks were known
        return list(commands)

    def inserts(self) -> None:
        """What comes of putting results into the image: one in three times it fails."""
        self.inserted += 1
        if self.inserted % 3 == 0:
            self.happens(events.Failed(FAULT))
        elif self.inserting:
            self.happens(events.PhotoChanged(ClickHistory(), False, True))
        else:
            self.happens(events.Inserted())

    # -- the person

    @rule(x=EDGE, y=EDGE, on_object=st.booleans())
    def click(self, x, y, on_object):
        self.happens(events.Clicked(x, y, on_object))

    @rule(x=EDGE)
    def draw_box(self, x):
        self.happens(events.BoxDrawn((x, 0, x + 5, 5)))

    @rule(x=EDGE, y=EDGE)
    def hover(self, x, y):
        self.happens(events.HoverMoved(x, y))

    @rule(event=PRESSED)
    def press(self, event):
        self.happens(event)

    @rule(x=EDGE)
    def click_and_work(self, x):
        self.happens(events.Clicked(x, 1, True))
        self.happens(events.PreviewPressed())

    @rule(job=st.sampled_from(Job), options=OPTIONS)
    def change_job(self, job, options):
        self.happens(events.JobChanged(job, options))

    @rule(name=st.sampled_from(["grow", "prompt", "seed"]), options=OPTIONS)
    def change_setting(self, name, options):
        self.happens(events.SettingChanged(name, options))

    @rule(x=EDGE, ready=st.booleans())
    def other_layers_are_shown(self, x, ready):
        self.happens(events.PhotoChanged(ClickHistory().with_click(x, 0, on_object=True), ready, False))

    # -- the answers, late ones among them

    @rule(more=st.integers(0, 2))
    def masks_come(self, more):
        if self.asked is not None:
            masks = final(self.asked) if not more else tuple(("quick", mask) for mask in final(self.asked)[: 3 - more])
            self.happens(events.ProposalsArrived(self.asked, masks, more))

    @rule()
    def masks_do_not_come(self):
        if self.asked is not None and self.state.waiting:
            self.failed = True
            self.happens(events.ProposalsFailed(self.asked, FAULT))

    @rule(x=EDGE, y=EDGE)
    def masks_of_other_clicks_come(self, x, y):
        history = ClickHistory().with_click(x, y, on_object=True)
        query = MaskQuery(job=Job.REMOVE, prompt=history.prompt, options=MaskOptions())
        self.happens(events.ProposalsArrived(query, final(query), 0))

    @rule(x=EDGE, y=EDGE)
    def something_to_hover_over_comes(self, x, y):
        history = ClickHistory().with_click(x, y, on_object=True)
        query = MaskQuery(job=Job.REMOVE, prompt=history.prompt, options=MaskOptions())
        self.happens(events.HoverArrived(query, ("hover", query)))

    @precondition(lambda self: self.started)
    @rule(back=st.integers(0, 2), name=st.sampled_from("abc"))
    def a_job_gives_something(self, back, name):
        run = self.started[max(0, len(self.started) - 1 - back)]
        if run in self.ended:
            return
        if name == "a":
            self.happens_to(run, events.PreviewArrived(run, events.Preview("small", (0, 0, 9, 9))))
        elif name == "b":
            self.happens_to(run, events.RunProgressed(run, 0.5, "Filling"))
        else:
            for command in self.happens_to(run, events.ResultArrived(run, Result(name))):
                self.happens(events.ResultComposed(run, command.index, f"picture {run} {command.index}"))

    @precondition(lambda self: self.started)
    @rule(back=st.integers(0, 2), error=st.sampled_from([None, FAULT, cancelled_error()]))
    def a_job_ends(self, back, error):
        run = self.started[max(0, len(self.started) - 1 - back)]
        if run not in self.ended:
            self.ended.add(run)
            self.happens_to(run, events.RunEnded(run, error))

    @precondition(lambda self: self.state.run)
    @rule(back=st.integers(0, 2), index=st.integers(0, 3))
    def a_picture_comes_late(self, back, index):
        before, run = self.state, self.state.run - back
        self.happens(events.ResultComposed(run, index, f"picture {run} {index}"))
        assert self.state == before or not back

    @precondition(lambda self: self.state.run)
    @rule(back=st.integers(0, 2))
    def a_picture_cannot_be_made(self, back):
        before = self.state
        self.happens(events.ComposingFailed(self.state.run - back, FAULT))
        assert self.state == before or not back

    # -- what holds

    @invariant()
    def a_running_job_will_end_and_no_other_runs(self):
        if self.state.working:
            assert self.state.run == self.started[-1] and self.state.run not in self.ended
            assert self.state.stopping == (self.state.run in self.cancelled)
        for run in self.started:
            forgotten = not (self.state.working and run == self.state.run)
            assert run in self.ended or run in self.cancelled or not forgotten, "a job goes on that nobody waits for"

    @invariant()
    def results_are_those_of_the_last_job_and_none_are_pointed_over(self):
        state = self.state
        assert len(state.results) == len(state.pictures)
        assert not (state.phase is Phase.POINTING and state.results)
        assert not (state.phase is Phase.SHOWING_RESULTS and not state.results)
        assert not state.results or state.shown < len(state.results)
        assert all(picture is None or picture.startswith(f"picture {state.run} ") for picture in state.pictures)

    @invariant()
    def whoever_waits_for_masks_has_asked_for_them(self):
        state = self.state
        if state.waiting:
            assert self.asked is not None and state.asked.key == self.asked.key == state.query.key

    @invariant()
    def the_same_clicks_end_with_the_same_masks(self):
        state = self.state
        if state.query is None:
            assert state.proposals == () and state.settled
        elif state.settled and not self.failed:
            assert state.proposals == final(state.query)

    @invariant()
    def hovering_is_shown_only_while_it_is_asked_about(self):
        state = self.state
        assert (state.hovered is not None) == self.hovering or state.phase is Phase.CLOSED
        assert state.hover is None or state.hover == ("hover", state.hovered)

    @invariant()
    def what_is_drawn_is_there(self):
        state = self.state
        assert state.chosen < max(3, state.choice_count)
        assert state.comparison is None or state.comparison in state.pictures
        assert state.overlay is None or state.overlay in state.proposals

    @invariant()
    def escape_leads_out_step_by_step(self):
        state = self.state
        for _ in range(MOST_ESCAPES):
            before, (state, _) = state, dialog.update(state, events.EscapePressed())
            order = (Phase.WORKING, Phase.SHOWING_RESULTS, Phase.POINTING, Phase.CLOSED)
            assert order.index(state.phase) >= order.index(before.phase)
            assert state != before or state.phase is Phase.CLOSED
            if state.phase is Phase.CLOSED:
                break
        assert state.phase is Phase.CLOSED

    @invariant()
    def it_is_closed_once(self):
        assert self.closed == (self.state.phase is Phase.CLOSED)


TestAnyOrder = AnyOrder.TestCase

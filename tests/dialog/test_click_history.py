"""Clicks and boxes in the order in which they came."""

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.messages import ObjectPrompt

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.dialog.click_history import Pointing

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), st.floats(0, 99), st.floats(0, 99), st.booleans()),
        st.tuples(st.just("box"), st.floats(0, 9), st.floats(0, 9), st.floats(10, 20), st.floats(10, 20)),
        st.tuples(st.just("choose"), st.integers(0, 2)),
    ),
    max_size=12,
)


def after(acts) -> Pointing:
    pointing = Pointing()
    for kind, *numbers in acts:
        match kind:
            case "click":
                pointing = pointing.click(*numbers)
            case "box":
                pointing = pointing.with_box(tuple(numbers))
            case "choose":
                pointing = pointing.choose(*numbers)
    return pointing


@given(ACTS)
def test_what_is_shown_holds_every_click_and_the_last_box(acts):
    marks = after(acts).marks
    clicks = [act for act in acts if act[0] == "click"]
    boxes = [act for act in acts if act[0] == "box"]
    assert list(marks.points) == [(x, y) for _, x, y, _ in clicks]
    assert list(marks.labels) == [int(this) for *_, this in clicks]
    assert marks.box == (tuple(boxes[-1][1:]) if boxes else None)


@given(ACTS, st.floats(0, 99), st.floats(0, 99), st.booleans())
def test_back_takes_back_exactly_the_last_click(acts, x, y, this):
    before = after(acts)
    again = before.click(x, y, this).choose(2).back()
    assert again.marks.points == before.marks.points
    assert again.choice == before.choice


@given(ACTS)
def test_there_is_never_more_chosen_than_was_clicked(acts):
    pointing = after(acts)
    while pointing.acts:
        assert len(pointing.chosen) <= len(pointing.marks.points) + 1
        pointing = pointing.back()
    assert pointing.clicks is None


def test_clicks_that_leave_out_say_nothing_by_themselves():
    assert Pointing().click(5, 5, False).clicks is None
    assert Pointing().click(5, 5, False).marks == ObjectPrompt(((5, 5),), (0,))
    assert Pointing().click(5, 5, False).click(9, 9, True).clicks == ObjectPrompt(((5, 5), (9, 9)), (0, 1))


def test_another_mask_is_chosen_for_the_clicks_so_far_alone():
    chosen = Pointing().click(1, 1, True).choose(2)
    assert (chosen.choice, chosen.clicks.chosen) == (2, (0, 2))
    more = chosen.click(2, 2, False)
    assert (more.choice, more.clicks.chosen) == (0, (0, 2))
    assert more.back().choice == 2


@given(ACTS)
def test_clicks_read_back_are_the_same_clicks(acts):
    clicks = after(acts).clicks
    assert Pointing.of(clicks).clicks == clicks

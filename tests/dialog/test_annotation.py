"""Clicks and boxes in the order in which they came."""

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.messages import ObjectPrompt

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.dialog.click_history import ClickHistory

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), st.floats(0, 99), st.floats(0, 99), st.booleans()),
        st.tuples(st.just("box"), st.floats(0, 9), st.floats(0, 9), st.floats(10, 20), st.floats(10, 20)),
        st.tuples(st.just("choose"), st.integers(0, 2)),
    ),
    max_size=12,
)


def after(acts) -> ClickHistory:
    history = ClickHistory()
    for kind, *numbers in acts:
        match kind:
            case "click":
                x, y, on_object = numbers
                history = history.with_click(x, y, on_object=on_object)
            case "box":
                history = history.with_box(tuple(numbers))
            case "choose":
                history = history.with_choice(*numbers)
    return history


@given(ACTS)
def test_the_marks_hold_every_click_and_the_last_box(acts):
    marks = after(acts).marks
    clicks = [act for act in acts if act[0] == "click"]
    boxes = [act for act in acts if act[0] == "box"]
    assert list(marks.points) == [(x, y) for _, x, y, _ in clicks]
    assert list(marks.labels) == [int(on_object) for *_, on_object in clicks]
    assert marks.box == (tuple(boxes[-1][1:]) if boxes else None)


@given(ACTS, st.floats(0, 99), st.floats(0, 99), st.booleans())
def test_taking_back_removes_exactly_the_last_click(acts, x, y, on_object):
    before = after(acts)
    again = before.with_click(x, y, on_object=on_object).with_choice(2).without_last()
    assert again.marks.points == before.marks.points
    assert again.choice == before.choice


@given(ACTS)
def test_there_is_never_more_chosen_than_was_clicked(acts):
    history = after(acts)
    while history.entries:
        assert len(history.chosen) <= len(history.marks.points) + 1
        history = history.without_last()
    assert history.prompt is None


def test_clicks_beside_the_object_are_no_prompt_by_themselves():
    beside = ClickHistory().with_click(5, 5, on_object=False)
    assert beside.prompt is None
    assert beside.marks == ObjectPrompt(points=((5, 5),), labels=(0,))
    assert beside.with_click(9, 9, on_object=True).prompt == ObjectPrompt(points=((5, 5), (9, 9)), labels=(0, 1))


def test_another_proposal_is_chosen_for_the_clicks_so_far_alone():
    chosen = ClickHistory().with_click(1, 1, on_object=True).with_choice(2)
    assert (chosen.choice, chosen.prompt.chosen) == (2, (0, 2))
    more = chosen.with_click(2, 2, on_object=False)
    assert (more.choice, more.prompt.chosen) == (0, (0, 2))
    assert more.without_last().choice == 2


@given(ACTS)
def test_a_prompt_read_back_is_the_same_prompt(acts):
    prompt = after(acts).prompt
    assert ClickHistory.of(prompt).prompt == prompt

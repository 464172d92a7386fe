"""What is marked on a photo: objects by their clicks and boxes, and strokes."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.geometry import Box
from inference_server.shared.messages import ObjectPrompt, Scene, Stroke

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.dialog.annotation import BESIDE_BOX, HINTS, Annotation, Click, ClickHistory, Name

PLACES = st.floats(0, 99)
BOXES = st.tuples(st.floats(0, 79), st.floats(0, 79), st.floats(1, 20), st.floats(1, 20)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), PLACES, PLACES, st.booleans()),
        st.tuples(st.just("box"), BOXES),
        st.tuples(st.just("choose"), st.integers(0, 2)),
    ),
    max_size=12,
)
STROKES = st.builds(
    Stroke,
    path=st.lists(st.tuples(PLACES, PLACES, st.floats(1, 9)), min_size=1, max_size=8).map(
        lambda steps: tuple(number for step in steps for number in step)
    ),
    adds=st.booleans(),
    filled=st.booleans(),
    refines=st.booleans(),
)
# Indices may be of what is not there; `applied` leaves those out.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("click"), PLACES, PLACES, st.booleans()),
        st.tuples(st.just("box"), BOXES),
        st.tuples(st.just("choose"), st.integers(0, 2)),
        st.tuples(st.just("next")),
        st.tuples(st.just("at hand"), st.integers(0, 5)),
        st.tuples(st.just("remove"), st.integers(0, 5)),
        st.tuples(st.just("remove mark"), st.integers(0, 5), st.integers(0, 3)),
        st.tuples(st.just("move mark"), st.integers(0, 5), st.integers(0, 3), PLACES, PLACES),
        st.tuples(st.just("stroke"), STROKES),
        st.tuples(st.just("snap")),
        st.tuples(st.just("scene"), st.sampled_from([Scene.SUBJECT, Scene.BACKGROUND, Scene.SKY])),
    ),
    max_size=16,
)


def after(acts) -> ClickHistory:
    history = ClickHistory()
    for kind, *numbers in acts:
        match kind:
            case "click":
                x, y, on_object = numbers
                history = history.with_click(x, y, on_object=on_object)
            case "box":
                history = history.with_box(*numbers)
            case "choose":
                history = history.with_choice(*numbers)
    return history


def applied(annotation: Annotation, step) -> Annotation:  # noqa: C901  one case for each kind of step
    match step:
        case "click", x, y, on_object:
            return annotation.with_click(x, y, on_object=on_object)
        case "box", box:
            return annotation.with_box(box)
        case "choose", k if annotation.current.entries:
            return annotation.with_choice(k)
        case ("next",):
            return annotation.with_next_object()
        case "at hand", k:
            return annotation.with_active(k)
        case "remove", k if k < len(annotation.objects):
            return annotation.without_object(k)
        case "remove mark", k, entry if annotation.mark(k, entry):
            return annotation.without_mark(k, entry)
        case "move mark", k, entry, x, y if isinstance(annotation.mark(k, entry), Click):
            return annotation.with_mark_at(k, entry, x, y)
        case "stroke", stroke:
            return annotation.with_stroke(stroke)
        case "scene", scene:
            return annotation.with_scene(scene)
        case ("snap",) if any(stroke.adds_to_mask for stroke in annotation.strokes):
            return annotation.with_strokes_as_objects()
    return annotation


def all_along(steps) -> list[Annotation]:
    """What is marked before and after each of the steps."""
    seen = [Annotation()]
    for step in steps:
        seen.append(applied(seen[-1], step))
    return seen


def brush(*path: float, adds: bool = True, refines: bool = False) -> Stroke:
    return Stroke(path=path, adds=adds, refines=refines)


def lasso(*corners: float) -> Stroke:
    path = tuple(number for corner in zip(corners[::2], corners[1::2], strict=True) for number in (*corner, 1))
    return Stroke(path=path, filled=True)


def points_of(stroke: Stroke) -> list[tuple[float, float]]:
    return list(zip(stroke.path[::3], stroke.path[1::3], strict=True))


def inside(x: float, y: float, box: Box, margin: float = 0) -> bool:
    return box[0] - margin <= x <= box[2] + margin and box[1] - margin <= y <= box[3] + margin


# -- one object


@given(ACTS)
def test_the_marks_hold_every_click_and_the_last_box(acts):
    marks = after(acts).marks
    clicks = [act for act in acts if act[0] == "click"]
    boxes = [act for act in acts if act[0] == "box"]
    assert list(marks.points) == [(x, y) for _, x, y, _ in clicks]
    assert list(marks.labels) == [int(on_object) for *_, on_object in clicks]
    assert marks.box == (boxes[-1][1] if boxes else None)


@given(ACTS, PLACES, PLACES, st.booleans())
def test_without_the_last_click_it_is_as_before(acts, x, y, on_object):
    before = after(acts)
    clicked = before.with_click(x, y, on_object=on_object).with_choice(2)
    again = clicked.without(len(before.entries))
    assert again.entries == before.entries
    assert again.choice == before.choice


@given(ACTS.filter(lambda acts: any(act[0] != "choose" for act in acts)), st.data())
def test_a_mark_in_the_middle_goes_with_its_own_choice_alone(acts, data):
    """What was chosen after each of the other clicks is still chosen after it."""
    history = after(acts)
    gone = data.draw(st.integers(0, len(history.entries) - 1))
    left = history.without(gone)
    assert left.entries == (*history.entries[:gone], *history.entries[gone + 1 :])
    chosen = [*history.chosen, *[0] * (len(history.clicks) + 1 - len(history.chosen))]
    if isinstance(history.entries[gone], Click):
        del chosen[1 + sum(isinstance(entry, Click) for entry in history.entries[:gone])]
    assert [*left.chosen, *[0] * (len(left.clicks) + 1 - len(left.chosen))] == chosen


@given(ACTS)
def test_there_is_never_more_chosen_than_was_clicked(acts):
    history = after(acts)
    while history.entries:
        assert len(history.chosen) <= len(history.marks.points) + 1
        history = history.without(len(history.entries) // 2)
    assert history.prompt is None


@given(ACTS.filter(lambda acts: any(act[0] == "click" for act in acts)), PLACES, PLACES, st.data())
def test_a_click_at_another_point_is_the_same_click_in_the_same_place_among_the_others(acts, x, y, data):
    history = after(acts)
    places = [k for k, entry in enumerate(history.entries) if isinstance(entry, Click)]
    k = data.draw(st.sampled_from(places))
    moved = history.with_entry_at(k, x, y)
    assert moved.entries[k] == (x, y, history.entries[k].label)
    assert moved.without(k) == history.without(k)
    assert moved.chosen == history.chosen


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
    assert more.without(1).choice == 2


def test_what_was_chosen_before_a_box_says_nothing_of_the_masks_after_it():
    assert ClickHistory().with_click(1, 1, on_object=True).with_choice(2).with_box((0, 0, 9, 9)).choice == 0


@given(ACTS)
def test_whoever_chooses_the_first_again_means_what_they_meant_before(acts):
    """Results that are there for the same marks are found again."""
    history = after(acts).with_choice(0)
    assert history.with_choice(2).with_choice(0) == history.with_choice(1).with_choice(0) == history
    if not after(acts).chosen:
        assert history == after(acts)


@given(ACTS)
def test_a_prompt_read_back_is_the_same_prompt(acts):
    prompt = after(acts).prompt
    if prompt is not None:
        assert ClickHistory.of(prompt).prompt == prompt


@given(ACTS, st.floats(-50, 50), st.floats(-50, 50))
def test_marks_move_with_the_photo(acts, dx, dy):
    history = after(acts)
    assert history.moved(dx, dy).marks == history.marks.moved(dx, dy)
    assert history.moved(0, 0) == history


@pytest.mark.parametrize(
    ("x", "y", "beside"),
    [
        (15, 15, False),
        (10, 20, False),  # on its edge
        (10 - 40 * BESIDE_BOX, 20, False),
        (9.9 - 40 * BESIDE_BOX, 20, True),
        (30, 50 + 40 * BESIDE_BOX, False),
        (30, 50.1 + 40 * BESIDE_BOX, True),
        (90, 15, True),
    ],
)
def test_a_click_is_beside_a_box_that_it_lies_well_outside_of(x, y, beside):
    """The margin goes by the longer side, here the height of 40, all around."""
    assert ClickHistory().with_box((10, 10, 30, 50)).is_beside(x, y) == beside
    assert not ClickHistory().with_click(1, 1, on_object=True).is_beside(x, y)


@pytest.mark.parametrize(
    ("history", "apart"),
    [
        (ClickHistory(), False),
        (ClickHistory().with_click(50, 50, on_object=True), True),
        (ClickHistory().with_click(15, 15, on_object=False), True),  # says nothing of what is in it
        (ClickHistory().with_click(15, 15, on_object=True), False),
        (ClickHistory().with_click(20, 20, on_object=True), False),  # on its corner
        (ClickHistory().with_click(15, 15, on_object=True).with_box((50, 50, 60, 60)), False),
        (ClickHistory().with_box((50, 50, 60, 60)), True),
        (ClickHistory().with_box((19, 19, 60, 60)), False),
        (ClickHistory().with_box((20, 10, 30, 20)), True),  # side by side
        (ClickHistory().with_box((19, 19, 60, 60)).with_box((50, 50, 60, 60)), True),  # the last counts
    ],
)
def test_a_box_is_apart_from_an_object_that_it_neither_holds_nor_touches(history, apart):
    assert history.is_apart((10, 10, 20, 20)) == apart


# -- several objects, and strokes


@given(STEPS)
def test_no_object_is_empty_and_one_that_there_is_or_the_next_is_at_hand(steps):
    for annotation in all_along(steps):
        assert all(history.entries for history in annotation.objects)
        assert 0 <= annotation.active <= len(annotation.objects)
        assert annotation.current.entries or annotation.active == len(annotation.objects)
        assert len(annotation.prompts) <= len(annotation.objects)
        assert annotation.prompts == tuple(each.prompt for each in annotation.objects if each.prompt)
        assert annotation.is_empty == (annotation.objects == () == annotation.strokes)


@given(STEPS)
def test_a_step_changes_the_object_it_is_about_and_no_other(steps):
    for (kind, *numbers), (before, now) in zip(steps, pairwise(all_along(steps)), strict=True):
        match kind:
            case "next" | "at hand":
                assert now.means(before)
            case "stroke":
                assert now == replace(before, strokes=(*before.strokes, *numbers))
            case "snap":
                assert now.objects[: len(before.objects)] == before.objects
            case _:
                assert now.strokes == before.strokes
                same = [each for each in now.objects if any(each is other for other in before.objects)]
                assert same == [each for each in before.objects if any(each is other for other in now.objects)]
                assert len(same) >= max(len(before.objects), len(now.objects)) - 1


@given(STEPS, PLACES, PLACES)
def test_a_click_on_the_object_lies_within_reach_of_its_own_box(steps, x, y):
    before = all_along(steps)[-1]
    now = before.with_click(x, y, on_object=True)
    assert now.current.entries[-1] == (x, y, 1)
    if box := now.current.box:
        margin = BESIDE_BOX * max(box[2] - box[0], box[3] - box[1])
        assert inside(x, y, box, margin)
    assert (len(now.objects) > len(before.objects)) == (not before.current.entries or before.current.is_beside(x, y))


@given(STEPS, PLACES, PLACES)
def test_a_click_beside_an_object_is_about_the_one_at_hand_wherever_it_is(steps, x, y):
    before = all_along(steps)[-1]
    now = before.with_click(x, y, on_object=False)
    assert (now.active, now.current) == (before.active, before.current.with_click(x, y, on_object=False))


@given(STEPS, BOXES)
def test_a_box_begins_another_object_where_it_is_apart_from_that_at_hand(steps, box):
    before = all_along(steps)[-1]
    now = before.with_box(box)
    assert now.current.box == box
    if before.current.is_apart(box):
        assert now.objects == (*before.objects, ClickHistory((box,)))
    else:
        assert (now.active, now.current) == (before.active, before.current.with_box(box))


A, B, C = (ClickHistory().with_click(x, x, on_object=True) for x in (1, 2, 3))
THREE = Annotation((A, B, C), 1, (brush(5, 5, 2),))


@pytest.mark.parametrize(
    ("active", "k", "at_hand"), [(0, 0, B), (1, 0, B), (1, 1, A), (1, 2, B), (2, 2, B), (3, 2, None), (3, 0, None)]
)
def test_the_object_before_one_that_goes_is_at_hand_or_the_one_that_was(active, k, at_hand):
    left = replace(THREE, active=active).without_object(k)
    assert left.objects == tuple(each for j, each in enumerate((A, B, C)) if j != k)
    assert left.current == (at_hand or ClickHistory())
    assert left.strokes == THREE.strokes


def test_the_last_mark_of_an_object_goes_with_it():
    two = replace(THREE, objects=(A, B.with_click(9, 9, on_object=False), C))
    assert two.without_mark(1, 1) == THREE
    assert THREE.without_mark(1, 0) == THREE.without_object(1)
    assert THREE.without_mark(2, 0).objects == (A, B)


def test_an_object_whose_mark_is_moved_is_at_hand():
    moved = THREE.with_mark_at(2, 0, 7, 8)
    assert (moved.active, moved.objects) == (2, (A, B, ClickHistory().with_click(7, 8, on_object=True)))


@pytest.mark.parametrize(
    ("k", "entry", "mark"), [(0, 0, Click(1, 1, 1)), (2, 0, Click(3, 3, 1)), (2, 1, None), (3, 0, None)]
)
def test_a_mark_that_is_gone_is_not_found(k, entry, mark):
    assert THREE.mark(k, entry) == mark


@given(STEPS, st.floats(-50, 50), st.floats(-50, 50))
def test_all_that_is_marked_moves_with_the_photo(steps, dx, dy):
    annotation = all_along(steps)[-1]
    moved = annotation.moved(dx, dy)
    assert moved.prompts == tuple(prompt.moved(dx, dy) for prompt in annotation.prompts)
    assert moved.strokes == tuple(stroke.moved(dx, dy) for stroke in annotation.strokes)
    assert moved.active == annotation.active
    assert [len(each.entries) for each in moved.objects] == [len(each.entries) for each in annotation.objects]


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (Annotation(), False),
        (Annotation((A,)), True),
        (Annotation((ClickHistory().with_click(1, 1, on_object=False),)), False),
        (Annotation((ClickHistory().with_click(1, 1, on_object=False), A)), True),
        (Annotation(strokes=(brush(5, 5, 2),)), True),
        (Annotation(strokes=(brush(5, 5, 2, adds=False),)), False),
        (Annotation((A,), 0, (brush(5, 5, 2, adds=False),)), True),
        (Annotation(strokes=(brush(5, 5, 2, refines=True),)), False),
        (Annotation(strokes=(brush(5, 5, 2, adds=False), brush(5, 5, 2))), True),
    ],
)
def test_a_mask_follows_from_objects_and_from_strokes_that_add(annotation, says):
    assert annotation.says_what_is_meant == says


# -- objects under strokes


@given(st.lists(STROKES, max_size=8), STEPS)
def test_points_of_an_object_under_brushes_lie_on_them_and_lassos_become_a_box(strokes, steps):
    before = replace(all_along(steps)[-1], strokes=tuple(strokes))
    now = before.with_strokes_as_objects()
    adding = [stroke for stroke in strokes if stroke.adds_to_mask]
    assert now.strokes == tuple(stroke for stroke in strokes if stroke.refines), "which are no objects"
    assert now.objects[: len(before.objects)] == before.objects
    found = now.objects[len(before.objects) :]
    assert bool(found) == bool(adding) and len(found) <= len(adding)
    on_brushes = {point for each in adding if not each.filled for point in points_of(each)}
    for history in found:
        if history.box:
            assert history.entries == (history.box,)
        else:
            assert 1 <= len(history.clicks) <= HINTS
            assert all(click.label == 1 and (click.x, click.y) in on_brushes for click in history.clicks)
    for each in adding:
        if each.filled:
            corners = points_of(each)
            assert any(history.box and all(inside(*corner, history.box) for corner in corners) for history in found)
    if found:
        assert now.current == found[-1]


@given(
    st.lists(STROKES.map(lambda stroke: replace(stroke, adds=True, refines=False)), max_size=7),
    st.randoms(use_true_random=False),
)
def test_strokes_are_grouped_alike_in_whichever_order_they_were_drawn(strokes, random):
    shuffled = random.sample(strokes, len(strokes))
    found = [Annotation(strokes=tuple(order)).with_strokes_as_objects().objects for order in (strokes, shuffled)]
    boxes = [sorted(history.box for history in objects if history.box) for objects in found]
    assert len(found[0]) == len(found[1])
    assert boxes[0] == boxes[1]


@pytest.mark.parametrize(
    ("strokes", "objects"),
    [
        ([brush(10, 10, 3), brush(14, 10, 3)], 1),  # their edges overlap
        ([brush(10, 10, 3), brush(17, 10, 3)], 2),
        ([brush(10, 10, 3), brush(30, 10, 3), brush(10, 10, 1, 30, 10, 1)], 1),  # the last joins them
        ([brush(10, 10, 3), brush(14, 10, 3, adds=False)], 1),
        ([brush(10, 10, 3, adds=False)], 0),
        ([lasso(0, 0, 9, 0, 9, 9), brush(50, 50, 3)], 2),
        ([lasso(0, 0, 9, 0, 9, 9), brush(5, 5, 3)], 1),
        # An L of two around a third, which is in the box of both but touches neither.
        ([brush(0, 0, 2, 40, 0, 2), brush(0, 0, 2, 0, 40, 2), brush(30, 30, 2)], 2),
        ([brush(30, 30, 2), brush(0, 0, 2, 40, 0, 2), brush(0, 0, 2, 0, 40, 2)], 2),
    ],
)
def test_strokes_that_touch_are_one_object(strokes, objects):
    found = Annotation(strokes=tuple(strokes)).with_strokes_as_objects()
    assert len(found.objects) == objects


def test_an_object_under_a_long_stroke_has_points_all_along_it():
    path = tuple(number for x in range(100) for number in (x, 50, 4))
    (found,) = Annotation(strokes=(brush(*path),)).with_strokes_as_objects().objects
    assert [click.x for click in found.clicks] == [10, 30, 50, 70, 90]


def test_lassos_that_touch_are_one_box_whatever_a_brush_says():
    strokes = (lasso(0, 0, 9, 0, 9, 9), lasso(5, 5, 20, 5, 20, 30), brush(8, 8, 1))
    assert Annotation(strokes=strokes).with_strokes_as_objects().objects == (ClickHistory(((0, 0, 20, 30),)),)


def test_examples_stay_around_what_they_show():
    history = ClickHistory((Name("cup", ((1.0, 2.0, 30.0, 40.0),)),), (2,))
    assert history.kind == Name("cup", ((1.0, 2.0, 30.0, 40.0),)) and history.box is None
    assert history.prompt == ObjectPrompt(text="cup", like=((1.0, 2.0, 30.0, 40.0),), chosen=(2,))
    assert ClickHistory.of(history.prompt) == history
    assert history.moved(10, -1).prompt.like == ((11.0, 1.0, 40.0, 39.0),)
    assert ClickHistory((Name("", ((1.0, 2.0, 30.0, 40.0),)),)).prompt == ObjectPrompt(like=((1.0, 2.0, 30.0, 40.0),))

"""Prompts: what is refused is in test_odd_input, here is what becomes of the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.select import mask_ranking, prompts
from inference_server.shared.messages import ObjectPrompt, Scene

SIZE = (640, 480)
POINTS = st.lists(st.tuples(st.floats(0, 639), st.floats(0, 479)), min_size=1, max_size=6)


@st.composite
def any_prompt(draw) -> ObjectPrompt:
    points = tuple(draw(POINTS))
    labels = (1, *draw(st.lists(st.sampled_from([0, 1]), min_size=len(points) - 1, max_size=len(points) - 1)))
    chosen = draw(st.lists(st.integers(0, 2), max_size=len(points) + 1))
    box = draw(st.none() | st.just((10.0, 20.0, 300.0, 200.0)))
    return ObjectPrompt(points=points, labels=labels, box=box, chosen=tuple(chosen))


@given(any_prompt())
def test_a_prompt_in_order_is_unchanged_by_the_check(prompt):
    assert prompts.checked(prompt, SIZE) == prompt
    assert prompts.checked(prompts.checked(prompt, SIZE), SIZE) == prompt


@pytest.mark.parametrize(
    ("box", "usable"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((30, 40, 10, 20), (10, 20, 30, 40)),
        ((-5, -5, 9000, 9000), (0, 0, 640, 480)),
        (np.array([600, 20, 700, 40]), (600, 20, 640, 40)),
    ],
)
def test_a_box_is_put_in_order_and_cut_at_the_edges(box, usable):
    assert prompts.checked(ObjectPrompt(box=box), SIZE).box == usable


def test_a_rough_mask_becomes_points_before_the_prompts_own():
    rough_mask = np.zeros((240, 320), np.uint8)  # half the size of the image
    rough_mask[100:140, 50:90] = 255
    prompt = ObjectPrompt(points=((5, 6),), labels=(0,), chosen=(0, 2))
    checked = prompts.checked(prompt, SIZE, rough_mask)
    assert checked.points[-1] == (5, 6) and checked.labels == (*[1] * mask_ranking.STROKE_POINTS, 0)
    assert all(100 <= x < 180 and 200 <= y < 280 for x, y in checked.points[:-1])
    assert checked.chosen == (*[0] * mask_ranking.STROKE_POINTS, 0, 2)
    assert prompts.taken(checked, len(checked.points), 3) == 2


@given(any_prompt(), st.integers(0, 6))
def test_the_first_points_keep_their_labels_and_the_choices_before_the_last(prompt, count):
    first = prompts.first(prompt, count)
    assert first.points == prompt.points[:count] and first.labels == prompt.labels[:count]
    assert first.box == prompt.box and len(first.chosen) == count
    for k in range(count):
        assert prompts.taken(first, k, 3) == prompts.taken(prompt, k, 3)


def test_the_best_is_taken_where_nothing_was_chosen_and_what_does_not_exist_is_refused():
    prompt = ObjectPrompt(points=((1, 1),), labels=(1,), chosen=(0, 2))
    assert prompts.taken(ObjectPrompt(), 1, 3) == 0
    assert prompts.taken(prompt, 1, 3) == 2
    with pytest.raises(UserError, match="no mask number 3"):
        prompts.taken(prompt, 1, 2)


@pytest.mark.parametrize(
    ("prompt", "definite"),
    [
        (ObjectPrompt(points=((1, 1),), labels=(1,)), False),
        (ObjectPrompt(points=((1, 1), (2, 2)), labels=(1, 1)), True),
        (ObjectPrompt(points=((1, 1),), labels=(1,), box=(0, 0, 5, 5)), True),
        (ObjectPrompt(box=(0, 0, 5, 5)), True),
    ],
)
def test_a_single_point_leaves_the_part_open(prompt, definite):
    assert prompts.is_definite(prompt) is definite


def test_a_prompt_is_scaled_with_its_image():
    prompt = ObjectPrompt(points=((10, 20),), labels=(1,), box=(1, 2, 3, 4), chosen=(0, 1))
    scaled = prompts.scaled(prompt, 2, 3)
    assert scaled == ObjectPrompt(points=((20, 60),), labels=(1,), box=(2, 6, 6, 12), chosen=(0, 1))


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (dict(like=((1, 1, 9, 9),), points=((3, 3),), labels=(1,)), "not both"),
        (dict(like=((1, 1, 9, 9),), box=(1, 1, 9, 9)), "not both"),
        (dict(like=((1, 1, 9, 9),), scene=Scene.SKY), "clicks alone"),
        (dict(unlike=((1, 1, 9, 9),)), "not like"),
        (dict(text="dog", like=((70, 1, 90, 9),)), "outside the picture"),
        (dict(text="dog", unlike=((3, 3, 3, 9),)), "empty"),
    ],
)
def test_examples_that_cannot_be_used_are_refused(prompt, said):
    with pytest.raises(UserError, match=said):
        prompts.checked(ObjectPrompt(**prompt), (60, 40))


def test_examples_lie_where_the_image_is_at_another_size_and_another_place():
    prompt = prompts.checked(ObjectPrompt(like=((30, 20, 10, -5),), unlike=((1, 2, 3, 4),), text="dog"), (60, 40))
    assert prompt.like == ((10, 0, 30, 20),)
    assert prompts.scaled(prompt, 2, 3).like == ((20, 0, 60, 60),)
    assert prompt.moved(5, -1).unlike == ((6, 1, 8, 3),)

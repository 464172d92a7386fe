"""What becomes of the first mask: the segmenter here answers as each test wants it to."""

import numpy as np
import pytest

from inference_server.select import mask_ranking, selector
from inference_server.select.segmenters import Embedding
from inference_server.shared.messages import ObjectPrompt

CELLS = 64
CLICK = ObjectPrompt(points=((20.0, 20.0),), labels=(1,))


def square(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Logits (CELLS, CELLS), positive in it."""
    logits = np.full((CELLS, CELLS), -4, np.float32)
    logits[y0:y1, x0:x1] = 4
    return logits


class Answering:
    """A `Segmenter` that answers a box with a mask of its own, several points with another or four, and a point
    by itself with the last of those that have it."""

    def __init__(self, *to_point: np.ndarray, to_box: np.ndarray, to_points: np.ndarray) -> None:
        self._to_point, self._to_box, self._to_points = to_point, to_box, to_points
        self.passes = 0

    def encode(self, image, monitor=None) -> Embedding:
        return Embedding(None, (CELLS, CELLS), (1.0, 1.0), 0)

    def decode(self, embedding, points, labels, box=None, previous=None):
        self.passes += 1
        having = [mask for mask in self._to_point if mask[round(points[0][1] - 0.5), round(points[0][0] - 0.5)] > 0]
        mask = self._to_box if box else self._to_points if len(points) > 1 else having[-1]
        return np.broadcast_to(mask, (4, CELLS, CELLS)).copy(), np.full(4, 0.9, np.float32)


def looked_at(segmenter: Answering) -> selector.EncodedImage:
    return selector.EncodedImage(np.zeros((CELLS, CELLS, 3), np.uint8), segmenter.encode(None))


@pytest.mark.parametrize(
    ("second", "stays"),
    [
        ((10, 10, 32, 30), False),  # a little larger
        ((10, 10, 60, 60), True),  # all around it, too
        ((14, 14, 18, 18), True),  # a part of it
        ((50, 50, 60, 60), True),  # something else
    ],
)
def test_the_second_pass_never_makes_another_thing_of_the_mask_that_is_shown(second, stays):
    first = square(10, 10, 30, 30)
    segmenter = Answering(first, to_box=2 * square(*second), to_points=first)
    encoded = looked_at(segmenter)
    quick = selector._answer(segmenter, encoded, CLICK, quick=True).logits[0]
    assert np.array_equal(quick, first)
    later = selector._answer(segmenter, encoded, CLICK, quick=False)
    assert later.complete and np.array_equal(later.logits[0] > 0, (first if stays else square(*second)) > 0)


@pytest.mark.parametrize(
    ("label", "answer", "wanted"),
    [
        (0, (10, 10, 30, 28), square(10, 10, 30, 28)),  # it is believed where it changes little
        (0, (10, 10, 14, 30), square(10, 10, 30, 29)),  # else what the point means alone is taken away
        (0, (40, 40, 60, 60), square(10, 10, 30, 29)),
        (1, (10, 10, 30, 32), square(10, 10, 30, 32)),
        (1, (10, 10, 60, 60), square(10, 10, 30, 31)),  # or added
    ],
)
def test_a_point_at_its_edge_does_not_upset_a_mask(label, answer, wanted):
    first, inner, outer = square(10, 10, 30, 30), square(10, 29, 30, 30), square(10, 30, 30, 31)
    segmenter = Answering(first, inner, outer, to_box=first, to_points=square(*answer))
    prompt = ObjectPrompt(points=((20.0, 20.0), (20.5, 30.5 if label else 29.5)), labels=(1, label))
    found = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False)
    assert np.array_equal(found.logits[0] > 0, wanted > 0)


def test_deep_inside_it_says_that_the_mask_is_wrong():
    first, part = square(10, 10, 50, 50), square(12, 12, 20, 20)
    segmenter = Answering(first, to_box=first, to_points=part)
    prompt = ObjectPrompt(points=((15.0, 15.0), (35.0, 35.0)), labels=(1, 0))
    answer = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False)
    assert np.array_equal(answer.logits[0] > 0, part > 0)


def test_a_point_on_the_object_takes_nothing_away():
    first, more = square(10, 10, 30, 30), square(26, 20, 44, 30)
    segmenter = Answering(first, more, to_box=first, to_points=more)
    prompt = ObjectPrompt(points=((20.0, 20.0), (40.0, 25.0)), labels=(1, 1))
    answer = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False)
    assert np.array_equal(answer.logits[0] > 0, (first > 0) | (more > 0))


def test_what_was_clicked_one_by_one_is_what_it_is_at_once():
    first, far = square(10, 10, 30, 30), 10 * square(50, 50, 60, 60)
    segmenter = Answering(first, far, to_box=first, to_points=square(12, 12, 30, 30))
    points, labels = ((20.0, 20.0), (55.0, 55.0), (20.0, 25.0)), (1, 1, 1)
    by_one = looked_at(segmenter)
    for count in (1, 2, 3):
        prompt = ObjectPrompt(points=points[:count], labels=labels[:count])
        found = selector._answer(segmenter, by_one, prompt, quick=False)
    at_once = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False)
    assert np.array_equal(found.logits, at_once.logits) and found.logits[0][55, 55] > 0


@pytest.mark.parametrize("count", [200, 40])
def test_many_points_at_once_cost_a_bounded_number_of_passes(count):
    """Each point lies on a thing of its own, so that all but one are left out of whatever is found."""
    places = [(2 + 3 * (k % 20), 2 + 3 * (k // 20)) for k in range(count)]
    things = [square(x, y, x + 2, y + 2) for x, y in places]
    segmenter = Answering(*things, to_box=things[0], to_points=things[0])
    prompt = ObjectPrompt(points=tuple((x + 0.5, y + 0.5) for x, y in places), labels=(1,) * count)
    found = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False).logits[0]
    assert all(found[y, x] > 0 for x, y in places)
    assert segmenter.passes <= 3 * selector.FEEDBACK_STEPS


def test_a_point_costs_one_pass_more_where_it_is_left_out():
    first, far = square(10, 10, 30, 30), square(50, 50, 60, 60)
    segmenter = Answering(first, far, to_box=first, to_points=first)
    encoded = looked_at(segmenter)
    selector._answer(segmenter, encoded, CLICK, quick=False)
    before = segmenter.passes
    prompt = ObjectPrompt(points=((20.0, 20.0), (55.0, 55.0)), labels=(1, 1))
    selector._answer(segmenter, encoded, prompt, quick=False)
    assert segmenter.passes - before == 2


@pytest.mark.parametrize("label", [0, 1])
def test_a_point_at_its_edge_that_the_answer_leaves_as_it_was_changes_its_surroundings_alone(label):
    """What the point means alone is half of the mask, and costs no pass of the decoder."""
    first, large = square(10, 10, 30, 30), square(10, 24, 30, 34)
    segmenter = Answering(first, large, to_box=first, to_points=first)
    encoded = looked_at(segmenter)
    selector._answer(segmenter, encoded, CLICK, quick=False)
    before = segmenter.passes
    prompt = ObjectPrompt(points=((20.0, 20.0), (20.5, 30.5 if label else 29.5)), labels=(1, label))
    found = selector._answer(segmenter, encoded, prompt, quick=False).logits[0]
    assert (found[30 if label else 29, 20] > 0) == label
    assert np.count_nonzero((found > 0) != (first > 0)) <= 9
    assert segmenter.passes - before == 1


@pytest.mark.parametrize("stable", [True, False])
def test_another_mask_is_taken_where_the_first_would_make_another_thing_of_it(stable):
    first, other, alike = square(10, 10, 50, 50), square(12, 12, 20, 20), square(10, 10, 50, 44)
    if not stable:
        alike[24:44, 10:50] = 0.5
    segmenter = Answering(first, to_box=first, to_points=np.stack([other, other, alike, other]))
    prompt = ObjectPrompt(points=((15.0, 15.0), (30.0, 47.0)), labels=(1, 0))
    found = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False).logits[0]
    assert (mask_ranking.overlap(found > 0, alike > 0) > 0.9) == stable


@pytest.mark.parametrize(("stable", "believed"), [(True, False), (False, True)])
@pytest.mark.parametrize(("label", "answer"), [(0, (10, 10, 20, 30)), (1, (10, 10, 50, 50))])
def test_a_point_at_its_edge_upsets_a_mask_that_was_less_stable_than_the_answer(label, answer, stable, believed):
    first, inner, outer = square(10, 10, 30, 30), square(10, 29, 30, 30), square(10, 30, 30, 31)
    if not stable:
        first[20:30, 10:30] = 0.5  # half of it might be no part of it
    segmenter = Answering(first, inner, outer, to_box=first, to_points=square(*answer))
    prompt = ObjectPrompt(points=((15.0, 15.0), (20.5, 30.5 if label else 29.5)), labels=(1, label))
    found = selector._answer(segmenter, looked_at(segmenter), prompt, quick=False).logits[0]
    assert (np.count_nonzero((found > 0) != (square(*answer) > 0)) < 30) == believed

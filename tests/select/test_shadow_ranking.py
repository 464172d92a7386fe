import numpy as np
import pytest

from inference_server.select import shadow_edges, shadow_ranking


def square(x: int) -> np.ndarray:
    """(60, 90) bool."""
    found = np.zeros((60, 90), bool)
    found[20:40, x : x + 20] = True
    return found


def test_shapes_that_are_nearly_the_same_count_together_and_vote_on_where_it_ends():
    one, other, apart = square(5), square(9), square(60)
    shape, odds = shadow_ranking.voted(np.array([one, other, apart]), np.array([0.1, 0.0, 0.05]))
    assert odds == pytest.approx(np.log(np.exp(0.1) + 1))
    assert (shape == (one | other)).all(), "each has more than .4 of the votes"
    shape, odds = shadow_ranking.voted(np.array([one, other, apart]), np.array([2.0, 0.0, 1.0]))
    assert odds == pytest.approx(np.log(np.exp(2.0) + 1))
    assert (shape == one).all()


def test_around_which_most_is_likely_is_taken_not_what_is_likeliest_by_itself():
    one, other, apart = square(5), square(9), square(60)
    shape, odds = shadow_ranking.voted(np.array([one, other, apart]), np.array([0.8, 0.8, 1.0]))
    assert odds == pytest.approx(0.8 + np.log(2))
    assert (shape == (one | other)).all()


def test_where_there_is_no_shape_none_is_likeliest():
    everywhere = np.ones((60, 90), bool)
    near = shadow_edges.lighting_around(np.zeros((60, 90, 3), np.uint8), square(5), square(5))
    nothing = np.zeros((0, 60, 90), bool)
    numbers = np.zeros(0)
    assert shadow_ranking.likeliest(near, shadow_ranking.Shapes(nothing, nothing, numbers, numbers)) is None
    one = everywhere[None]  # leaves nothing to compare it with
    some = shadow_ranking.Shapes(one, one, np.zeros(1), numbers)
    assert shadow_ranking.likeliest(near, some) is None

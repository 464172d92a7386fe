"""Brush strokes over a mask."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.imaging import strokes
from inference_server.imaging.strokes import with_strokes
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Stroke

EMPTY = np.zeros((120, 160), np.uint8)
BLOCK = cv2.rectangle(EMPTY.copy(), (40, 30), (99, 79), 255, -1)
LINE = Stroke(path=(30.0, 60.0, 8.0, 120.0, 60.0, 8.0))
SOMEWHERE = st.floats(-300, 400)
POINTS = st.lists(st.tuples(SOMEWHERE, SOMEWHERE, st.floats(0, 90)), min_size=1, max_size=6)
STROKES = st.builds(
    lambda points, adds, filled, refines: Stroke(
        path=tuple(sum(points, ())), adds=adds, filled=filled, refines=refines
    ),
    POINTS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def test_a_brush_covers_what_is_nearer_to_its_way_than_its_radius():
    drawn = with_strokes(EMPTY, [LINE])
    y, x = np.mgrid[:120, :160] + 0.5
    distance = np.hypot(x - np.clip(x, 30, 120), y - 60)
    assert (drawn[distance < 7] == 255).all()
    assert not drawn[distance > 9].any()
    assert abs(drawn.sum() / 255 - (90 * 16 + math.pi * 64)) < 20, "as large as the shape, to a tenth of a pixel"


def test_pressure_makes_a_stroke_wider_along_its_way():
    drawn = with_strokes(EMPTY, [Stroke(path=(20.0, 60.0, 2.0, 140.0, 60.0, 30.0))]) > 127
    widths = drawn[:, [30, 60, 90, 120]].sum(0)
    assert (np.diff(widths) > 8).all()
    assert abs(int(widths[2]) - 2 * (2 + 28 * 70 / 120)) < 3


def test_a_lasso_means_what_is_inside():
    triangle = Stroke(path=(20.0, 20.0, 5.0, 120.0, 20.0, 5.0, 20.0, 100.0, 5.0), filled=True)
    drawn = with_strokes(EMPTY, [triangle])
    assert drawn[30, 30] == 255 and drawn[22, 100] == 255
    assert not drawn[90, 90] and not drawn[15, 60], "its radii say nothing"
    assert abs(drawn.sum() / 255 - 4000) < 200  # and the pixels that its outline runs through


def test_the_last_stroke_lies_on_top():
    erases = Stroke(path=(60.0, 60.0, 10.0), adds=False)
    adds = Stroke(path=(60.0, 60.0, 4.0))
    assert with_strokes(BLOCK, [adds, erases])[60, 60] == 0
    assert with_strokes(BLOCK, [erases, adds])[60, 60] == 255
    assert with_strokes(BLOCK, [erases, adds])[60, 53] == 0
    assert BLOCK[60, 60] == 255, "the mask that was given is as it was"


def test_what_is_added_can_be_feathered_and_nothing_grows_into_what_was_erased():
    erases = Stroke(path=(130.0, 10.0, 10.0, 130.0, 110.0, 10.0), adds=False)
    drawn = with_strokes(EMPTY, [LINE, erases], feather=6)
    assert drawn[60, 60] == 255
    assert 0 < drawn[60 + 11, 60] < 255, "soft outside its edge"
    assert not drawn[:, 122:139].any()


REFINED = Stroke(path=(40.0, 60.0, 12.0), refines=True)


@pytest.mark.parametrize(
    ("drawn", "value", "unknown"),
    [
        ([REFINED], 255, True),
        ([replace(REFINED, adds=False)], 255, False),
        ([REFINED, replace(REFINED, adds=False)], 255, False),
        ([Stroke(path=REFINED.path, adds=False), REFINED], 0, True),
        ([REFINED, Stroke(path=REFINED.path, adds=False)], 0, False),
        ([REFINED, Stroke(path=REFINED.path), REFINED], 255, True),
    ],
)
def test_alpha_is_unknown_until_a_later_stroke_covers_it(drawn, value, unknown):
    mask, where = strokes.drawn(BLOCK, drawn)
    assert mask[60, 44] == value, "what the brushes draw"
    assert (where is not None and where[60, 44] == 255) == unknown
    assert with_strokes(BLOCK, drawn)[60, 44] == (255 if unknown else value), "where it is unknown the mask is taken"


def test_strokes_are_drawn_in_a_window_as_in_the_whole():
    both = LINE, Stroke(path=(90.0, 70.0, 9.0), adds=False)
    everything = with_strokes(BLOCK, both)
    window = Window(50, 40, 60, 50)
    moved = [stroke.moved(-window.x, -window.y) for stroke in both]
    assert np.array_equal(with_strokes(BLOCK[window.slices], moved), everything[window.slices])


@given(drawn=st.lists(STROKES, max_size=4), feather=st.integers(0, 5))
def test_whatever_is_drawn_wherever(drawn, feather):
    result = with_strokes(BLOCK, drawn, feather)
    assert result.shape == BLOCK.shape and result.dtype == np.uint8
    reached = strokes.bounds(drawn, (160, 120))
    outside = np.ones(BLOCK.shape, bool)
    if reached:
        outside[reached.grown(feather, feather, 160, 120).slices] = False
    assert (result[outside] <= BLOCK[outside]).all(), "nothing is added where no stroke adds"


@pytest.mark.parametrize("path", [(-50.0, -50.0, 10.0), (1e6, 1e6, 1e4)])
def test_a_stroke_beside_the_image_draws_nothing(path):
    assert strokes.bounds([Stroke(path=path)], (160, 120)) is None
    assert np.array_equal(with_strokes(BLOCK, [Stroke(path=path)]), BLOCK)

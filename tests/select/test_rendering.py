import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.select import rendering
from inference_server.shared.geometry import Window

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)).map(
    lambda mask: mask.astype(np.uint8) * 255
)


def test_small_holes_are_filled_and_the_hole_of_a_doughnut_stays():
    y, x = np.mgrid[:64, :64] - 32
    logits = np.where(np.hypot(x, y) < 28, 4.0, -4.0).astype(np.float32)
    logits[np.hypot(x, y) < 10] = -4
    logits[10, 30] = -4
    filled = rendering.fill_holes(logits)
    assert filled[10, 30] > 0
    assert (filled[np.hypot(x, y) < 10] < 0).all()
    assert (filled[np.hypot(x, y) >= 28] < 0).all()


@given(hnp.arrays(np.float32, (9, 9), elements=st.floats(-4, 4, width=32)))
def test_filling_holes_takes_nothing_away(logits):
    assert (rendering.fill_holes(logits)[logits > 0] == logits[logits > 0]).all()


@given(
    hnp.arrays(np.float32, (16, 16), elements=st.sampled_from([-3, -1, 1, 3])),
    st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(1, 40), st.integers(1, 30)),
)
def test_a_window_of_a_mask_is_that_part_of_the_whole(logits, window):
    x, y, width, height = window
    cells = 16 / 80, 16 / 60
    whole = rendering.render(logits, cells, Window(0, 0, 80, 60))
    part = rendering.render(logits, cells, Window(x, y, width, height))
    # The interpolation counts in 32nds of a cell, so an edge may fall one pixel aside.
    assert (part != whole[y : y + height, x : x + width]).mean() <= 0.1


@given(
    hnp.arrays(np.float32, (12, 12), elements=st.floats(-8, 8, width=32)),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 12),
)
def test_points_further_apart_are_the_middles_of_as_many_pixels(logits, x, y, step):
    cells = 12 / 60, 12 / 50
    step = 2 * step - 1  # so that a pixel lies in the middle
    fine = rendering.sampled(logits, cells, Window(x, y, 3 * step, 2 * step), (3 * step, 2 * step))
    far = rendering.sampled(logits, cells, Window(x, y, 3 * step, 2 * step), (3, 2), (step, step))
    # The interpolation counts in 32nds of a cell: half of one off in x and in y, where a cell rises by 16.
    assert far == pytest.approx(fine[step // 2 :: step, step // 2 :: step], abs=16 / 32)


SPECKLED = np.zeros((300, 300), np.uint8)
SPECKLED[50:250, 50:250] = 255  # the object,
SPECKLED[80:140, 80:140] = 0  # a hole that is its own,
SPECKLED[100:106, 100:106] = 255  # a speck in it,
SPECKLED[200:206, 200:206] = 0  # a small hole,
SPECKLED[10:16, 10:16] = 255  # a speck,
SPECKLED[12:14, 12:14] = 0  # and a hole in that


@pytest.mark.parametrize(
    ("click", "label", "kept"),
    [
        (None, None, []),
        ((203, 203), 0, [(203, 203)]),
        ((203, 203), 1, []),
        ((11, 11), 1, [(11, 11)]),
        ((103, 103), 1, [(103, 103)]),
        ((103, 103), 0, []),
    ],
)
def test_specks_go_and_small_holes_are_filled_unless_a_click_says_otherwise(click, label, kept):
    tidied = rendering.tidy(SPECKLED, *(([], []) if click is None else ([click], [label])))
    places = [(11, 11), (103, 103), (203, 203)]
    assert [place for place in places if tidied[place] == SPECKLED[place]] == kept
    untouched = np.ones(SPECKLED.shape, bool)
    untouched[8:18, 8:18] = untouched[98:108, 98:108] = untouched[198:208, 198:208] = False
    assert (tidied[untouched] == SPECKLED[untouched]).all()


@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)),
    st.integers(1, 3),
)
def test_tidying_changes_small_pieces_only(mask, coarseness):
    mask = np.kron(mask, np.full((coarseness, coarseness), 255, np.uint8))
    tidied = rendering.tidy(mask)
    assert np.isin(tidied, (0, 255)).all()
    changed = (tidied != mask).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=4)
    assert (stats[1:, cv2.CC_STAT_AREA] < rendering.SPECK * np.count_nonzero(mask)).all()


def test_a_thin_object_is_no_speck():
    line = np.zeros((9, 2000), np.uint8)
    line[4, 10:1990] = 255
    assert (rendering.tidy(line) == line).all()


@given(MASKS)
def test_a_crisp_edge_is_soft_within_two_pixels_only_and_cut_at_half_the_same(mask):
    alpha = rendering.antialiased(mask)
    assert ((alpha > 127) == (mask > 127)).all()
    far = cv2.dilate(mask, np.ones((3, 3), np.uint8)) == cv2.erode(mask, np.ones((3, 3), np.uint8))
    assert (alpha[far] == mask[far]).all()


def test_the_edge_lies_where_the_logits_cross_zero():
    logits = np.where(np.arange(256) < 128, 8.0, -8.0)[None].repeat(256, 0).astype(np.float32)
    mask = rendering.render(logits, (256 / 6000, 256 / 6000), Window(0, 0, 6000, 10))
    assert abs(int((mask[5] > 0).sum()) - 3000) <= 1

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.imaging import masks
from inference_server.shared.geometry import Window

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)).map(
    lambda mask: mask.astype(np.uint8) * 255
)


@given(MASKS, st.integers(0, 6), st.integers(0, 6))
def test_growing_keeps_the_object_and_reaches_no_further_than_it_says(mask, grow, feather):
    alpha = masks.grow_and_feather(mask, grow, feather)
    assert (alpha[mask > 0] == 255).all()
    ys, xs = np.nonzero(mask)
    if not ys.size:
        return
    rows, columns = np.indices(mask.shape)
    distance = np.sqrt(((rows[..., None] - ys) ** 2 + (columns[..., None] - xs) ** 2).min(axis=-1))
    assert (alpha[distance <= grow - 0.1] == 255).all()
    assert (alpha[distance > grow + feather + 1] == 0).all()


@given(MASKS, st.integers(0, 5), st.integers(0, 5))
def test_growing_more_never_uncovers(mask, grow, feather):
    assert (masks.grow_and_feather(mask, grow + 1, feather) >= masks.grow_and_feather(mask, grow, feather)).all()


@given(hnp.arrays(np.uint8, (5, 6)))
def test_nothing_to_grow_and_nothing_to_feather_leaves_soft_values_alone(mask):
    assert (masks.grow_and_feather(mask, 0, 0) == mask).all()


def test_the_edge_falls_evenly():
    mask = np.zeros((1, 20), np.uint8)
    mask[0, 0] = 255
    assert masks.grow_and_feather(mask, 2, 3)[0, :8].tolist() == [255, 255, 255, 191, 128, 64, 0, 0]


@given(
    hnp.arrays(bool, (12, 15)).map(lambda mask: mask.astype(np.uint8) * 255),
    st.integers(3, 30),
    st.integers(0, 30),
    st.sampled_from([3, 5, 7]),
)
def test_a_small_mask_grows_as_the_large_one_in_its_pixels_middles(mask, grow, feather, times):
    """But for the corners of its pixels, which are nearer than it knows by a fifth of a pixel, and for the quick
    distance, which is off by a fiftieth."""
    small = masks.grow_and_feather(mask, grow, feather, 1 / times)
    large = mask.repeat(times, 0).repeat(times, 1)
    off = int(np.ceil(0.21 * (times - 1) + (grow + feather + 1) / 50))
    less, more = (
        masks.grow_and_feather(large, grow + n, feather)[times // 2 :: times, times // 2 :: times] for n in (-off, off)
    )
    assert (less <= small).all() and (small <= more).all()


def test_less_than_a_pixel_of_growth_still_shows():
    mask = np.zeros((9, 9), np.uint8)
    mask[4, 4] = 255
    row = [masks.grow_and_feather(mask, grow, 1, 0.17)[4, 5] for grow in (0, 2, 3, 4)]
    assert row[0] == 0 and row[-1] == 255 and row == sorted(row)


@pytest.mark.parametrize(("size", "grow"), [((640, 427), 7), ((2800, 1000), 7), ((6000, 4000), 15), ((4000, 6000), 15)])
def test_how_far_a_mask_grows_by_default(size, grow):
    assert masks.default_grow(*size) == grow


def test_small_holes_are_filled_and_the_hole_of_a_doughnut_stays():
    y, x = np.mgrid[:64, :64] - 32
    logits = np.where(np.hypot(x, y) < 28, 4.0, -4.0).astype(np.float32)
    logits[np.hypot(x, y) < 10] = -4
    logits[10, 30] = -4
    filled = masks.fill_holes(logits)
    assert filled[10, 30] > 0
    assert (filled[np.hypot(x, y) < 10] < 0).all()
    assert (filled[np.hypot(x, y) >= 28] < 0).all()


@given(hnp.arrays(np.float32, (9, 9), elements=st.floats(-4, 4, width=32)))
def test_filling_holes_takes_nothing_away(logits):
    assert (masks.fill_holes(logits)[logits > 0] == logits[logits > 0]).all()


@given(
    hnp.arrays(np.float32, (16, 16), elements=st.sampled_from([-3, -1, 1, 3])),
    st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(1, 40), st.integers(1, 30)),
)
def test_a_window_of_a_mask_is_that_part_of_the_whole(logits, window):
    x, y, width, height = window
    cells = 16 / 80, 16 / 60
    whole = masks.render(logits, cells, Window(0, 0, 80, 60))
    part = masks.render(logits, cells, Window(x, y, width, height))
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
    fine = masks.sampled(logits, cells, Window(x, y, 3 * step, 2 * step), (3 * step, 2 * step))
    far = masks.sampled(logits, cells, Window(x, y, 3 * step, 2 * step), (3, 2), (step, step))
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
    tidied = masks.tidy(SPECKLED, *(([], []) if click is None else ([click], [label])))
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
    tidied = masks.tidy(mask)
    assert np.isin(tidied, (0, 255)).all()
    changed = (tidied != mask).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=4)
    assert (stats[1:, cv2.CC_STAT_AREA] < masks.SPECK * np.count_nonzero(mask)).all()


def test_a_thin_object_is_no_speck():
    line = np.zeros((9, 2000), np.uint8)
    line[4, 10:1990] = 255
    assert (masks.tidy(line) == line).all()


@given(MASKS)
def test_a_crisp_edge_is_soft_within_two_pixels_only_and_cut_at_half_the_same(mask):
    alpha = masks.antialiased(mask)
    assert ((alpha > 127) == (mask > 127)).all()
    far = cv2.dilate(mask, np.ones((3, 3), np.uint8)) == cv2.erode(mask, np.ones((3, 3), np.uint8))
    assert (alpha[far] == mask[far]).all()


def test_the_edge_lies_where_the_logits_cross_zero():
    logits = np.where(np.arange(256) < 128, 8.0, -8.0)[None].repeat(256, 0).astype(np.float32)
    mask = masks.render(logits, (256 / 6000, 256 / 6000), Window(0, 0, 6000, 10))
    assert abs(int((mask[5] > 0).sum()) - 3000) <= 1

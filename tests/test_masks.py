import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server import masks
from inference_server.region import Window

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


@pytest.mark.parametrize(("size", "grow"), [((640, 427), 7), ((1792, 1000), 7), ((6000, 4000), 23), ((4000, 6000), 23)])
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


def test_the_edge_lies_where_the_logits_cross_zero():
    logits = np.where(np.arange(256) < 128, 8.0, -8.0)[None].repeat(256, 0).astype(np.float32)
    mask = masks.render(logits, (256 / 6000, 256 / 6000), Window(0, 0, 6000, 10))
    assert abs(int((mask[5] > 0).sum()) - 3000) <= 1

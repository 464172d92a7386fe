import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.imaging import masks

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


@given(hnp.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 0, 0, 90, 200, 255])), st.integers(0, 6))
def test_feathering_inwards_is_what_grows_from_outside(mask, feather):
    outside = masks.grow_and_feather(np.uint8(255) - mask, 0, feather)
    assert (masks.feathered_inwards(mask, feather) == np.uint8(255) - outside).all()


@given(hnp.arrays(np.uint8, (5, 6)))
def test_nothing_to_grow_and_nothing_to_feather_leaves_soft_values_alone(mask):
    assert (masks.grow_and_feather(mask, 0, 0) == mask).all()


SPECKS = st.lists(
    st.tuples(st.integers(0, 239), st.integers(0, 179), st.integers(1, 6), st.sampled_from([60, 90, 200, 255])),
    min_size=1,
    max_size=5,
)


@given(SPECKS, st.integers(0, 6), st.integers(0, 6), st.sampled_from([1, 0.4]))
def test_specks_far_apart_grow_as_they_would_in_one_piece(specks, grow, feather, scale):
    mask = np.zeros((180, 240), np.uint8)
    for x, y, side, value in specks:
        mask[y : y + side, x : x + side] = value
    alpha = masks.grow_and_feather(mask, grow, feather, scale)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "STEP", 1000)
        assert (alpha == masks.grow_and_feather(mask, grow, feather, scale)).all()


def test_specks_far_apart_cost_their_surroundings_and_no_whole_picture(monkeypatch):
    mask = np.zeros((1000, 1500), np.uint8)
    mask[[20, 480, 980], [1490, 700, 30]] = 255
    grown, areas = masks._grown, []

    def counted(shape, *rest):
        areas.append(shape.size)
        return grown(shape, *rest)

    monkeypatch.setattr(masks, "_grown", counted)
    assert (masks.grow_and_feather(mask, 5, 3) > 0).sum() > 3 * 11**2
    assert sum(areas) < 0.01 * mask.size


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


@pytest.mark.parametrize(
    ("size", "grow"), [((640, 427), 7), ((2800, 1000), 7), ((6000, 4000), 15), ((4000, 6000), 15), ((30000, 2000), 10)]
)
def test_how_far_a_mask_grows_by_default(size, grow):
    assert masks.default_grow(*size) == grow


def test_what_was_painted_half_transparent_is_half_taken():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 10:20] = 100
    mask[10:20, 20:22] = 30  # its soft edge
    alpha = masks.grow_and_feather(mask, 3, 2)
    assert alpha[15, 15] == alpha[15, 22] == 100 and 0 < alpha[15, 23] < 100 and alpha[15, 30] == 0
    as_if_full = masks.grow_and_feather(np.where(mask == 100, np.uint8(255), mask), 3, 2)
    assert np.abs(alpha - as_if_full * (100 / 255)).max() <= 0.5

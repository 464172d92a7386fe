"""Resampling, and extrapolating an image to where it is not known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server.imaging.sampling import distance_inside, extrapolate, reduced, resize, sample_at, smoothed

from ..property import examples

SIDES = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)


def disc(shape: tuple[int, int], middle: tuple[int, int], radius: int) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= radius**2


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_every_number_of_channels_is_kept(channels):
    image = np.random.default_rng(1).random((6, 8, *channels), np.float32)
    smaller = resize(image, (4, 3))
    assert smaller.shape == (3, 4, *channels)
    assert np.allclose(smaller, image.reshape(3, 2, 4, 2, *channels).mean(axis=(1, 3)))


# -- reducing


def test_reducing_leaves_out_what_is_in_the_hole():
    photo = np.full((80, 120, 3), 100, np.uint16)
    hole = disc((80, 120), (60, 40), 21)
    photo[hole] = 60000
    picture, reduced_hole = reduced(photo, hole, 65535, 40)
    assert picture.shape == (27, 40, 3) and reduced_hole.shape == (27, 40)
    known = picture[~reduced_hole]
    assert known.min() == known.max() == np.float32(100 / 65535)
    assert reduced_hole[13, 20] and not reduced_hole[0, 0]


def test_at_full_size_nothing_is_reduced():
    rgb = np.random.default_rng(3).random((40, 30, 3), np.float32)
    hole = disc((40, 30), (15, 20), 5)
    picture, reduced_hole = reduced(rgb, hole, 1.0, 40)
    assert (picture[~hole] == rgb[~hole]).all() and (reduced_hole == hole).all()


@settings(max_examples=examples(100))
@given(SIDES, SIDES, st.integers(1, 50), SEEDS)
def test_a_reduced_picture_fits_and_keeps_a_plain_colour(width, height, side, seed):
    hole = np.random.default_rng(seed).random((height, width)) < 0.3
    photo = np.where(hole[..., None], 255, 51).astype(np.uint8).repeat(3, axis=2)
    picture, reduced_hole = reduced(photo, hole, 255.0, side)
    assert max(reduced_hole.shape) <= side or max(width, height) <= side
    assert picture.shape == (*reduced_hole.shape, 3) and picture.dtype == np.float32
    assert np.allclose(picture[~reduced_hole], 0.2, atol=1e-6)
    assert reduced_hole.any() == hole.any()


# -- sampling


@settings(max_examples=examples(100))
@given(SIDES, SIDES, SEEDS)
def test_in_the_middle_of_a_pixel_is_its_colour(width, height, seed):
    rng = np.random.default_rng(seed)
    picture = rng.random((height, width, 3), np.float32)
    places = np.stack((rng.integers(height, size=2000), rng.integers(width, size=2000)), axis=1)
    found = sample_at(picture, places + 0.5)
    assert found.shape == (2000, 3) and (found == picture[places[:, 0], places[:, 1]]).all()


def test_between_two_pixels_is_their_mean_and_beyond_the_edge_the_edges_colour():
    picture = np.array([[[0, 0, 0], [1, 2, 4]]], np.float32)
    assert sample_at(picture, np.array([(0.5, 1.0), (0.5, -9.0), (7.0, 9.0)])).tolist() == [
        [0.5, 1, 2],
        [0, 0, 0],
        [1, 2, 4],
    ]


# -- distances


def test_the_distance_inside_a_hole_counts_pixels_to_its_rim_and_to_the_edge():
    hole = np.zeros((9, 12), bool)
    hole[:, 3:8] = True
    assert distance_inside(hole)[4].tolist() == [0, 0, 0, 1, 2, 3, 2, 1, 0, 0, 0, 0]
    assert distance_inside(np.ones((3, 3), bool))[1].tolist() == [1, 2, 1], "beyond the picture is outside"


# -- extrapolating


@settings(max_examples=examples(100))
@given(SIDES, SIDES, st.integers(1, 4), st.floats(0, 1), SEEDS)
def test_what_is_known_stays_and_the_rest_lies_between(width, height, channels, share, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((height, width, channels), np.float32)
    known = rng.random((height, width)) < share
    values[~known] = 1e9  # of no account
    found = extrapolate(np.where(known[..., None], values, 0), known)
    assert found.shape == values.shape and found.dtype == np.float32
    assert (found[known] == values[known]).all()
    if known.any():
        low, high = values[known].min(axis=0), values[known].max(axis=0)
        assert (found >= low - 1e-5).all() and (found <= high + 1e-5).all()
    else:
        assert not found.any()


def test_a_slope_goes_on_through_a_hole():
    x = np.linspace(0, 1, 80, dtype=np.float32)
    values = np.broadcast_to(x[None, :, None], (60, 80, 1))
    hole = disc((60, 80), (40, 30), 15)
    found = extrapolate(np.where(hole[..., None], np.float32(0), values), ~hole)
    assert np.abs(found - values)[hole].max() < 0.06


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (40, 3), (50, 70)])
def test_a_slope_stays_what_it_is_when_it_is_smoothed(size):
    """Up to the edge, where a blur would bend it; and noise goes."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    slope = np.stack((0.3 * x - 0.2 * y + 5, 0.01 * x * y, 0 * x), axis=-1)
    assert np.abs(smoothed(slope, 6) - slope).max() < 1e-2
    noise = np.random.default_rng(0).normal(size=(60, 60, 3)).astype(np.float32)
    assert smoothed(noise, 6)[10:-10, 10:-10].std() < 0.1

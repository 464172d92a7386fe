"""Samples of images: depths, channels, proxies, and patches laid over an image."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference_server.imaging import pixels
from inference_server.imaging.pixels import blend, from_rgb, to_depth, to_proxy, to_rgb, to_uint8
from inference_server.shared.geometry import Window, proxy_size

from ..property import examples

DEPTHS = (np.uint8, np.uint16, np.float32)
ANY_CHANNELS = st.integers(1, 4)
WHITE = {np.uint8: 255.0, np.uint16: 65535.0, np.float32: 1.0}


@st.composite
def images(draw, channels=ANY_CHANNELS, least=1):
    """An image (H, W, C) of any depth, small; float32 ones have headroom, infinities and NaN."""
    shape = draw(st.integers(least, 12)), draw(st.integers(least, 12)), draw(channels)
    depth = draw(st.sampled_from(DEPTHS))
    elements = st.floats(width=32) if depth == np.float32 else st.integers(0, np.iinfo(depth).max)
    return draw(arrays(depth, shape, elements=elements))


# -- depths


@settings(max_examples=examples(200))
@given(images())
def test_every_image_can_be_brought_to_8_bits(image):
    small = to_uint8(image)
    assert small.dtype == np.uint8 and small.shape == image.shape and small.flags.c_contiguous
    if image.dtype == np.uint8:
        assert (small == image).all()
    if image.dtype == np.float32:
        assert (small[~(image > 0)] == 0).all() and (small[image >= 1] == 255).all()


def test_8_bits_come_back_from_every_depth():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert (to_uint8(every.astype(np.uint16) * 257) == every).all()
    assert (to_uint8(every.astype(np.float32) / 255) == every).all()


@pytest.mark.parametrize("depth", DEPTHS)
def test_values_come_back_in_the_depth_they_were_read_from(depth):
    values = np.linspace(0, WHITE[depth], 300).astype(depth)
    back = to_depth(values.astype(np.float32) / np.float32(WHITE[depth]), np.dtype(depth), WHITE[depth])
    assert back.dtype == depth and np.allclose(back, values, rtol=1e-6, atol=0)


def test_what_is_beyond_the_range_is_cut_where_the_depth_has_none():
    beyond = np.array([-0.5, 1.5], np.float32)
    assert to_depth(beyond, np.dtype(np.uint8), 255).tolist() == [0, 255]
    assert to_depth(beyond, np.dtype(np.float32), 2.0).tolist() == [-1, 3]


@settings(max_examples=examples(200))
@given(images(st.sampled_from([3, 4])))
def test_white_is_the_types_largest_value_or_the_largest_colour(image):
    white = pixels.white_value(image)
    if image.dtype != np.float32:
        assert white == WHITE[image.dtype.type]
    else:
        colours = image[..., :3]
        assert white == max(1.0, *colours[np.isfinite(colours)].tolist(), 1.0)


def test_white_is_found_in_every_row(monkeypatch):
    monkeypatch.setattr(pixels, "ROWS", 2)
    image = np.zeros((5, 3, 3), np.float32)
    image[4, 2, 1] = 7
    assert pixels.white_value(image) == 7


@given(st.floats(1, 5000), st.floats(0, 1), st.integers(0, 99))
def test_bright_values_are_brought_into_the_range_and_back(brightest, share, seed):
    """Whatever is usual in a photo stays as it is, and all but a hundredth of it comes into the range."""
    random = np.random.default_rng(seed)
    image = random.random((40, 50, 3), np.float32)
    lights = random.random((40, 50)) < share * 0.4
    image[lights] *= np.float32(brightest)
    tones = pixels.tones(image)
    seen = tones.compressed(image)
    usual = image <= pixels.KNEE
    assert (seen[usual] == image[usual]).all() and (np.diff(seen.ravel()[image.argsort(axis=None)]) >= -1e-6).all()
    assert (seen.max(axis=2) > 1.001).mean() <= pixels.SPARKS or brightest > pixels.BRIGHTEST
    within = image <= min(brightest, pixels.BRIGHTEST)
    assert np.allclose(tones.restored(seen)[within], image[within], rtol=3e-3)
    assert np.isfinite(tones.restored(np.ones((9, 3), np.float32))).all()


def test_a_spark_changes_nothing_and_a_photo_of_another_scale_is_seen_too():
    image = np.full((40, 50, 3), 0.5, np.float32)
    image[3, 4] = 20
    assert pixels.tones(image) == (1, 1, 0)
    assert pixels.tones((image * 100).astype(np.uint8)) == (255, 1, 0)
    seen = pixels.tones(image * 200).compressed(image * 200)
    assert (np.median(seen) <= 1) and (seen[:3] > 0.4).all()


@given(arrays(np.uint16, (3, 4, 3)))
def test_16_bits_become_the_nearest_8(image):
    assert (np.abs(to_uint8(image).astype(float) - image / 257) <= 0.5).all()


def test_float_pixels_outside_the_range_are_clipped():
    image = np.array([[[np.nan, -3, 7], [0, 0.5, 1]]], np.float32)
    assert to_uint8(image).tolist() == [[[0, 0, 255], [0, 128, 255]]]


# -- channels


@settings(max_examples=examples(100))
@given(images())
def test_grey_is_rgb_for_a_while(image):
    rgb = to_rgb(image)
    assert rgb.shape[2] in (3, 4) and rgb.shape[2] % 2 == image.shape[2] % 2
    assert np.array_equal(from_rgb(rgb, image.shape[2]), image, equal_nan=image.dtype == np.float32)


@settings(max_examples=examples(200))
@given(images(st.sampled_from([3, 4])), st.integers(0, 2**32 - 1))
def test_only_colours_that_are_numbers_and_seen_are_usable(image, seed):
    given_usable = np.random.default_rng(seed).random(image.shape[:2]) < 0.7
    colours, usable = pixels.usable_colours(image, given_usable)
    assert np.isfinite(colours).all() and not (usable & ~given_usable).any()
    finite = np.isfinite(image[..., :3]).all(axis=2)
    assert np.array_equal(colours[finite], image[..., :3][finite]) and not colours[~finite].any()
    assert not (usable & ~finite).any()
    if image.shape[2] == 4 and (given_usable & finite & (image[..., 3] > 0)).any():
        assert (image[..., 3][usable] > 0).all()
    else:
        assert (usable == (given_usable & finite)).all()


# -- proxies


@settings(max_examples=examples(30))
@given(st.integers(1, 2600), st.integers(1, 2600), st.sampled_from(DEPTHS), st.sampled_from([3, 4]))
def test_a_proxy_has_the_size_both_sides_compute_and_the_mean_colour(width, height, depth, channels):
    colour = np.array([0.2, 0.5, 0.9, 0.4][:channels]) * WHITE[depth]
    image = np.broadcast_to(colour.astype(depth), (height, width, channels))
    proxy = to_proxy(image)
    assert proxy.shape == (*proxy_size(width, height)[::-1], 3) and proxy.dtype == np.uint8
    assert np.abs(proxy.astype(int) - np.rint(np.array([0.2, 0.5, 0.9]) * 255)).max() <= 1


def test_a_small_image_is_its_own_proxy():
    image = np.random.default_rng(1).integers(0, 256, (40, 1024, 3), np.uint8)
    assert (to_proxy(image) == image).all()


def test_halving_gives_the_same_as_reducing_at_once():
    image = np.random.default_rng(1).integers(0, 256, (2048, 4096, 3), np.uint8)
    at_once = cv2.resize(image, (1024, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(to_proxy(image).astype(int) - at_once).max() <= 1


# -- laying pixels over an image


@settings(max_examples=examples(200))
@given(st.data())
def test_a_patch_shows_where_alpha_is_full_and_the_image_where_it_is_0(data):
    image = data.draw(images(least=2))
    height, width = image.shape[:2]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    window = Window(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    patch = (rng.random((window.height, window.width, image.shape[2])) * WHITE[image.dtype.type]).astype(image.dtype)
    alpha = rng.choice(np.array([0, 100, 255], np.uint8), (window.height, window.width))
    before = image.copy()
    with np.errstate(invalid="ignore", over="ignore"):  # infinities in the image
        result = blend(image, patch, alpha, window)
    assert result.dtype == image.dtype and image.tobytes() == before.tobytes()
    inside = result[window.slices]
    assert inside[alpha == 255].tobytes() == patch[alpha == 255].tobytes()
    assert inside[alpha == 0].tobytes() == image[window.slices][alpha == 0].tobytes()
    outside = np.ones((height, width), bool)
    outside[window.slices] = False
    assert result[outside].tobytes() == image[outside].tobytes()


def test_blend_mixes_by_alpha():
    image, patch = np.full((1, 2, 3), 100, np.uint8), np.full((1, 2, 3), 200, np.uint8)
    mixed = blend(image, patch, np.array([[128, 51]], np.uint8), Window(0, 0, 2, 1))
    assert mixed.tolist() == [[[150, 150, 150], [120, 120, 120]]]

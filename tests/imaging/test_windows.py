import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.imaging import windows
from inference_server.imaging.pixels import blend, from_rgb, to_rgb, to_uint8
from inference_server.shared.geometry import Window

SIZES = st.integers(1, 5000)


@st.composite
def photos_with_objects(draw):
    """(width, height, the bounds of an object inside)"""
    width, height = draw(SIZES), draw(SIZES)
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return width, height, Window(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


@given(photos_with_objects())
def test_the_context_window_is_inside_the_photo_and_holds_half_the_object_again_on_each_side(case):
    width, height, bounds = case
    window = windows.context_window(bounds, width, height)
    assert window.inside(width, height)
    assert window.union(bounds) == window
    for start, size, low, length, limit in (
        (bounds.x, bounds.width, window.x, window.width, width),
        (bounds.y, bounds.height, window.y, window.height, height),
    ):
        assert low == 0 or start - low >= size / 2
        assert low + length == limit or low + length - (start + size) >= size / 2


@given(photos_with_objects())
def test_the_context_of_an_object_in_its_window_is_the_whole_window(case):
    """The server sees only the window; it must come to the same pixels as if it had the photo."""
    width, height, bounds = case
    window = windows.context_window(bounds, width, height)
    inside = Window(bounds.x - window.x, bounds.y - window.y, bounds.width, bounds.height)
    assert windows.context_window(inside, window.width, window.height) == (0, 0, window.width, window.height)


@pytest.mark.parametrize(
    ("bounds", "size", "window"),
    [
        ((2700, 1700, 600, 600), (6000, 4000), (2400, 1400, 1200, 1200)),
        ((0, 0, 600, 600), (6000, 4000), (0, 0, 900, 900)),
        # What made the paper's code fail: a wide object at the bottom of a photo.
        ((210, 910, 1500, 170), (1920, 1080), (0, 825, 1920, 255)),
        ((5, 5, 1, 1), (640, 480), (0, 0, 70, 70)),
        ((0, 0, 1, 1), (1, 1), (0, 0, 1, 1)),
    ],
)
def test_context_windows(bounds, size, window):
    assert windows.context_window(Window(*bounds), *size) == window


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_bounds_hold_every_pixel_and_no_empty_border(mask):
    found = windows.bounds(mask)
    if found is None:
        assert not mask.any()
        return
    inside = mask[found.slices]
    assert inside.sum() == mask.sum()
    assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


DEPTHS = st.sampled_from([np.uint8, np.uint16, np.float32])


@given(st.integers(0, 2**32 - 1), DEPTHS, st.sampled_from([3, 4]))
def test_blend_keeps_every_bit_outside_and_takes_every_bit_inside(seed, depth, channels):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (9, 11, channels)).astype(depth)
    if depth == np.float32:
        image[rng.random(image.shape) < 0.2] = np.nan
    patch = rng.integers(0, 256, (4, 5, channels)).astype(depth)
    alpha = rng.choice(np.array([0, 0, 128, 255], np.uint8), (4, 5))
    window = Window(3, 2, 5, 4)
    result = blend(image, patch, alpha, window)
    assert result.dtype == image.dtype and result.shape == image.shape
    untouched = np.ones((9, 11), bool)
    untouched[window.slices] = alpha == 0
    assert result[untouched].tobytes() == image[untouched].tobytes()
    assert result[window.slices][alpha == 255].tobytes() == patch[alpha == 255].tobytes()


def test_blend_mixes_by_alpha():
    image, patch = np.full((1, 1, 3), 100, np.uint8), np.full((1, 1, 3), 200, np.uint8)
    half = blend(image, patch, np.full((1, 1), 128, np.uint8), Window(0, 0, 1, 1))
    assert half.tolist() == [[[150, 150, 150]]]


@given(hnp.arrays(np.uint16, (3, 4, 3)))
def test_16_bits_become_the_nearest_8(image):
    assert (np.abs(to_uint8(image).astype(float) - image / 257) <= 0.5).all()


def test_float_pixels_outside_the_range_are_clipped():
    image = np.array([[[np.nan, -3, 7], [0, 0.5, 1]]], np.float32)
    assert to_uint8(image).tolist() == [[[0, 0, 255], [0, 128, 255]]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_becomes_colour_and_grey_again(channels):
    image = np.random.default_rng(1).integers(0, 256, (4, 5, channels), np.uint8)
    rgb = to_rgb(image)
    assert rgb.shape == (4, 5, 3 if channels in (1, 3) else 4)
    assert (from_rgb(rgb, channels) == image).all()

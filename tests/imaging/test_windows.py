"""Windows: the bounds of a mask, and the context a job needs around an object."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.imaging import windows
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


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)), st.integers(1, 5))
def test_pieces_hold_every_pixel_and_are_tight_where_no_pixels_are_joined(mask, step):
    found = list(windows.pieces(mask.astype(np.uint8), step))
    left = mask.copy()
    for piece in found:
        assert piece.inside(mask.shape[1], mask.shape[0]) and mask[piece.slices].any()
        left[piece.slices] = False
        if step == 1:
            assert windows.bounds(mask[piece.slices]) == (0, 0, piece.width, piece.height)
    assert not left.any()

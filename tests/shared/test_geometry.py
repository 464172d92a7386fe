"""Windows and sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.geometry import PROXY_SIDE, Window, fit_within, proxy_size, scaled_size, whole

SIDES = st.integers(1, 60)
SIZES = st.tuples(SIDES, SIDES)


@st.composite
def windows(draw, size: tuple[int, int]) -> Window:
    """A window of an image of this size that is not empty."""
    width, height = draw(st.integers(1, size[0])), draw(st.integers(1, size[1]))
    return Window(draw(st.integers(0, size[0] - width)), draw(st.integers(0, size[1] - height)), width, height)


@st.composite
def images(draw, count: int) -> tuple[tuple[int, int], list[Window]]:
    """An image's size, and so many windows of it."""
    size = draw(SIZES)
    return size, [draw(windows(size)) for _ in range(count)]


def painted(size: tuple[int, int], window: Window) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    mask[window.slices] = True
    return mask


@given(images(2))
def test_union_and_intersection_are_those_of_the_pixels(image):
    size, (a, b) = image
    both = painted(size, a) & painted(size, b)
    common = a.intersection(b)
    assert common == b.intersection(a) and (common is None) == (not both.any())
    if common:
        assert (painted(size, common) == both).all() and common.area == np.count_nonzero(both)
    union = a.union(b)
    assert union == b.union(a) and union.inside(*size)
    assert painted(size, union)[painted(size, a) | painted(size, b)].all()
    rows, columns = np.nonzero(painted(size, a) | painted(size, b))
    assert union == (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)


@given(images(2))
def test_a_window_of_a_window_holds_the_same_pixels(image):
    size, (a, b) = image
    common = a.intersection(b)
    if common:
        numbers = np.arange(size[0] * size[1]).reshape(size[::-1])
        assert (numbers[a.slices][common.seen_from(a).slices] == numbers[common.slices]).all()


@given(images(1), st.integers(0, 70), st.integers(0, 70))
def test_a_grown_window_stays_inside_and_holds_what_it_held(image, dx, dy):
    size, (window,) = image
    grown = window.grown(dx, dy, *size)
    assert grown.inside(*size) and grown.union(window) == grown
    assert grown.x == max(0, window.x - dx) and grown.y + grown.height == min(size[1], window.y + window.height + dy)


@given(images(1), st.integers(0, 70), st.integers(0, 70))
def test_a_widened_window_is_as_large_as_it_can_be(image, least_width, least_height):
    size, (window,) = image
    wide = window.widened(least_width, least_height, *size)
    assert wide.inside(*size) and wide.union(window) == wide
    assert wide.width == min(size[0], max(window.width, least_width))
    assert wide.height == min(size[1], max(window.height, least_height))


@pytest.mark.parametrize(
    "window",
    [
        (-1, 0, 5, 5),
        (0, -1, 5, 5),
        (6, 0, 5, 5),
        (0, 4, 5, 5),
        (0, 0, 0, 5),
        (0, 0, 5, 0),
        (3, 3, -2, 2),
        (20, 20, 1, 1),
    ],
)
def test_what_is_not_inside(window):
    assert not Window(*window).inside(10, 8)
    assert whole(10, 8).inside(10, 8) and whole(10, 8).area == 80


@pytest.mark.parametrize(
    ("image", "proxy"),
    [
        ((6000, 4000), (1024, 683)),
        ((640, 427), (640, 427)),
        ((1, 5000), (1, 1024)),
        ((1, 1), (1, 1)),
        ((1025, 2), (1024, 2)),
    ],
)
def test_the_size_of_a_proxy(image, proxy):
    assert proxy_size(*image) == proxy


@given(st.integers(1, 1 << 15), st.integers(1, 1 << 15), st.integers(1, 5000))
def test_what_fits_is_left_and_what_does_not_keeps_its_aspect(width, height, side):
    w, h = fit_within(width, height, side)
    if max(width, height) <= side:
        assert (w, h) == (width, height)
    else:
        assert max(w, h) == side
        assert abs(w - width * side / max(width, height)) <= 0.5 or w == 1
        assert abs(h - height * side / max(width, height)) <= 0.5 or h == 1
    assert proxy_size(width, height) == fit_within(width, height, PROXY_SIDE)


@given(SIDES, SIDES, st.floats(0, 3))
def test_a_scaled_size_is_never_empty(width, height, scale):
    w, h = scaled_size(width, height, scale)
    assert w >= 1 and h >= 1 and abs(w - width * scale) <= 1 and abs(h - height * scale) <= 1

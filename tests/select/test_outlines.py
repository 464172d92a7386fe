"""Outlines of masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.select import outlines

from ..property import examples


def rasterised(lines, width, height):
    """Whether each pixel's middle is within the polygons, by the even-odd rule: (height, width) bool."""
    inside = np.zeros((height, width), bool)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    for line in lines:
        corners = np.reshape(line, (-1, 2))
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            rows = (y0 <= y) != (y1 <= y)
            crossing = x0 + (y[rows] - y0) * (x1 - x0) / (y1 - y0) if rows.any() else np.zeros(0)
            inside[rows] ^= x[None] > crossing[:, None]
    return inside


def inner(mask):
    """Pixels (h, w) bool all of whose neighbours are as they are; there is nothing beyond the picture."""
    padded = np.pad(mask, 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return (windows == mask[..., None, None]).all((2, 3))


SMALL = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
SMOOTH = SMALL.map(lambda mask: cv2.GaussianBlur(mask, (0, 0), 1.5))


@settings(max_examples=examples(500))
@given(SMALL | SMOOTH)
def test_outlines_give_the_mask_back_but_for_its_rim(mask):
    """A line may cut off a corner, half a square's diagonal, and be off by half a pixel: less than the pixel and a half
    from a border to the middle of a pixel that does not touch it."""
    height, width = mask.shape
    lines = outlines.outlines(mask, (1.0, 1.0))
    assert all(len(line) >= 6 and len(line) % 2 == 0 for line in lines)
    inside = mask > 127
    differs = rasterised(lines, width, height) != inside
    assert not (differs & inner(inside)).any()


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 5), st.integers(0, 5), st.sampled_from([1.0, 5.86, 0.3]))
def test_a_rectangles_outline_is_its_own(width, height, x, y, scale):
    mask = np.zeros((y + height + 2, x + width + 3), np.uint8)
    mask[y : y + height, x : x + width] = 255
    (line,) = outlines.outlines(mask, (scale, 2 * scale))
    corners = {(round(a * scale, 1), round(b * 2 * scale, 1)) for a in (x, x + width) for b in (y, y + height)}
    assert {*zip(line[0::2], line[1::2], strict=True)} == corners and len(line) == 8


def test_a_ring_has_two_outlines():
    mask = np.zeros((100, 100), np.uint8)
    cv2.circle(mask, (50, 50), 40, 255, 15)
    lines = outlines.outlines(mask, (1.0, 1.0))
    areas = sorted(cv2.contourArea(np.reshape(line, (-1, 1, 2)).astype(np.float32)) for line in lines)
    assert len(areas) == 2
    rim = 2 * np.pi * (40 + 7.5 + 40 - 7.5)
    assert areas[1] - areas[0] == pytest.approx(np.count_nonzero(mask), abs=0.3 * rim)


@pytest.mark.parametrize("mask", ["noise", "checks"])
def test_noise_is_outlined_in_no_more_numbers_than_can_be_sent(mask):
    rng = np.random.default_rng(3)
    rows, columns = np.indices((1024, 1024))
    noisy = (
        rng.integers(0, 256, (1024, 1024), np.uint8)
        if mask == "noise"
        else ((rows + columns) % 2 * 255).astype(np.uint8)
    )
    assert sum(map(len, outlines.outlines(noisy, (6.0, 6.0)))) <= 2 * outlines.MOST_CORNERS

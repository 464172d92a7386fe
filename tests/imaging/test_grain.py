"""Grain: measured in an image, and made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.imaging import grain

STRENGTH = 1.5  # of 255


def grainy(height: int = 200, width: int = 300, level: float = 120, strength: float = STRENGTH) -> np.ndarray:
    """A flat image (height, width, 3) float32 of 0 to 255, with grain of this standard deviation in its lower half."""
    image = np.full((height, width, 3), float(level))
    image[height // 2 :] += np.random.default_rng(2).normal(0, strength, (height - height // 2, width, 1))
    return image.astype(np.float32)


def nothing(image: np.ndarray) -> np.ndarray:
    return np.zeros(image.shape[:2], bool)


def test_grain_is_measured_where_the_image_is_not_excluded():
    image = grainy()
    excluded = nothing(image)
    excluded[:100] = True
    sample = grain.sample(image, excluded, 255)
    assert sample is not None and sample.shape == (grain.PATCH, grain.PATCH, 3) and sample.dtype == np.float32
    assert 0.7 * STRENGTH < sample.std() * 255 < STRENGTH  # the blur takes some of it
    assert np.allclose(grain.sample(image, ~excluded, 255), 0, atol=1e-5)


@pytest.mark.parametrize("image", [grainy(level=2), grainy(level=254), grainy() * np.nan, grainy(20, 20)])
def test_clipped_missing_or_too_few_pixels_show_no_grain(image):
    assert grain.sample(image, nothing(image), 255) is None


def test_noise_has_the_grain_s_strength_and_no_mean():
    image = grainy()[100:]
    sample = grain.sample(image, nothing(image), 255)
    noise = grain.noise(sample)
    assert noise.shape == (grain.TILE, grain.TILE, 3) and noise.dtype == np.float32
    assert noise.std() == pytest.approx(sample.std(), rel=1e-3)
    assert noise.mean(axis=(0, 1)) == pytest.approx(0, abs=1e-6)
    assert (noise == grain.noise(sample)).all()


def test_what_is_stronger_than_grain_is_limited():
    image = grainy(strength=30)[100:]
    assert grain.noise(grain.sample(image, nothing(image), 255)).std() == pytest.approx(grain.MOST, rel=1e-3)


def test_without_grain_there_is_no_noise():
    assert not grain.noise(None).any()


@given(st.integers(0, 2000), st.integers(1, 40), st.integers(1, 1500))
def test_rows_are_those_of_the_repeated_tile(top, count, width):
    tile = np.arange(grain.TILE * grain.TILE, dtype=np.float32).reshape(grain.TILE, grain.TILE, 1).repeat(3, axis=2)
    rows = grain.rows(tile, top, count, width)
    assert rows.shape == (count, width, 3)
    assert rows[-1, -1, 0] == tile[(top + count - 1) % grain.TILE, (width - 1) % grain.TILE, 0]

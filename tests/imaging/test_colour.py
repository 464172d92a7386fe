"""Colours that an ICC profile describes, compared with the formulas of the colour spaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.imaging import colour
from inference_server.imaging.colour import ColourSpace

from .. import profiles

SPACES = {"Adobe RGB": (profiles.ADOBE, 2.2), "ProPhoto": (profiles.PROPHOTO, 1.8), "linear": (profiles.SRGB, 1.0)}
WHITE = {np.uint8: 255.0, np.uint16: 65535.0, np.float32: 1.0}


def srgb_of(values: np.ndarray, primaries: np.ndarray, gamma: float) -> np.ndarray:
    """sRGB's values, 0 to 1, clipped, of values (n, 3), 0 to 1, by the definition of sRGB (IEC 61966-2-1)."""
    light = values ** (round(gamma * 256) / 256) @ primaries.T @ np.linalg.inv(profiles.SRGB).T
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("space", SPACES)
def test_models_see_srgb(space, dtype):
    image = np.random.default_rng(1).random((20, 30, 3))
    image = (image * WHITE[dtype]).astype(dtype)
    seen = ColourSpace(profiles.rgb(*SPACES[space])).to_srgb(image)
    assert seen.dtype == dtype and seen.shape == image.shape
    meant = srgb_of(image.reshape(-1, 3) / WHITE[dtype], *SPACES[space]).reshape(image.shape)
    assert np.abs(seen / WHITE[dtype] - meant).max() < 0.006


@given(st.sampled_from(sorted(SPACES)), st.sampled_from(sorted(WHITE, key=str)), st.integers(0, 999))
def test_what_srgb_can_show_comes_back(space, dtype, seed):
    shown = (np.random.default_rng(seed).random((9, 7, 4)) * WHITE[dtype]).astype(dtype)
    space = ColourSpace(profiles.rgb(*SPACES[space]))
    again = space.to_srgb(space.from_srgb(shown))
    # Dark colours are coarse where a photo of 8 bits is linear.
    limit = 0.02 if dtype != np.uint8 else 0.06
    assert np.abs(again[..., :3].astype(float) - shown[..., :3]).max() <= limit * WHITE[dtype]
    assert (again[..., 3] == shown[..., 3]).all(), "opacity has no colour"


def test_a_grey_profile_is_for_grey_values():
    space = ColourSpace(profiles.grey(1.0))
    image = np.full((2, 3, 3), 0.2140, np.float32)
    seen = space.to_srgb(image)
    assert seen == pytest.approx(0.5, abs=0.003)
    assert space.from_srgb(seen) == pytest.approx(0.2140, abs=0.003)
    red = space.from_srgb(np.array([[[255, 0, 0]]], np.uint8))
    assert red[0, 0, 0] == red[0, 0, 1] == red[0, 0, 2] > 0, "a colour becomes grey"


@pytest.mark.parametrize(
    "profile",
    [None, b"", b"no profile at all", profiles.rgb(profiles.SRGB, 2.2)[:200], profiles.grey(2.2)[:16] + b"CMYK" * 40],
    ids=["none", "empty", "text", "cut off", "of CMYK"],
)
def test_what_is_no_profile_of_the_image_is_taken_for_srgb(profile):
    image = np.random.default_rng(2).integers(0, 255, (4, 5, 3), np.uint8)
    space = ColourSpace(profile)
    assert space.is_srgb
    assert space.to_srgb(image) is image and space.from_srgb(image) is image


def test_what_is_nearly_srgb_is_left_alone():
    assert not ColourSpace(profiles.rgb(profiles.SRGB, 2.2)).is_srgb, "its shadows are darker by some levels"
    assert not ColourSpace(profiles.rgb(profiles.ADOBE, 2.2)).is_srgb


def test_float_values_that_nobody_can_show_are_clipped():
    image = np.array([[[20, 0.5, np.nan], [-3, np.inf, 1]]], np.float32)
    seen = ColourSpace(profiles.rgb(profiles.ADOBE, 2.2)).to_srgb(image)
    assert np.isfinite(seen).all() and seen.min() >= 0 and seen.max() <= 1


def test_a_large_image_is_transformed_in_bands(monkeypatch):
    image = np.random.default_rng(3).integers(0, 65535, (50, 40, 3), np.uint16)
    space = ColourSpace(profiles.rgb(profiles.PROPHOTO, 1.8))
    at_once = space.to_srgb(image)
    monkeypatch.setattr(colour, "BAND", 7 * 40)
    assert (space.to_srgb(image) == at_once).all()

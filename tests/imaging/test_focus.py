"""How much out of focus a picture is, and putting it as much out of focus."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server.imaging import focus

from ..property import examples


def sharp(seed: int = 0, shape: tuple[int, int] = (256, 320)) -> np.ndarray:
    """A picture (h, w, 3) float32 of discs of any colour, whose edges are as sharp as a camera's."""
    random = np.random.default_rng(seed)
    large = np.full((2 * shape[0], 2 * shape[1], 3), 0.5, np.float32)
    for _disc in range(40):
        x, y, radius = (int(random.integers(low, high)) for low, high in ((0, 640), (0, 512), (20, 90)))
        cv2.circle(large, (x, y), radius, tuple(random.uniform(0.1, 0.9, 3).tolist()), cv2.FILLED)
    return cv2.resize(large, shape[::-1], interpolation=cv2.INTER_AREA)


def grainy(picture: np.ndarray, deviation: float = 1.5) -> np.ndarray:
    noise = np.random.default_rng(1).normal(scale=deviation, size=picture.shape)
    return np.rint(255 * picture + noise).clip(0, 255).astype(np.uint8)


def out_of_focus(picture: np.ndarray, radius: float) -> np.ndarray:
    return cv2.filter2D(picture, -1, focus.disc(radius)) if radius else picture


@pytest.mark.parametrize("radius", [0, 2, 4, 8, 12])
def test_the_deviation_of_a_blur_is_measured_through_grain(radius):
    photo = grainy(out_of_focus(sharp(), radius))
    everywhere = np.ones(photo.shape[:2], bool)
    found = focus.measure(photo, everywhere, 255.0)
    assert found == pytest.approx(radius / 2, rel=0.2, abs=0.35)


def test_what_is_not_asked_about_is_not_looked_at():
    photo = grainy(out_of_focus(sharp(), 6))
    there = np.ones(photo.shape[:2], bool)
    there[60:200, 80:240] = False
    alone = focus.measure(photo, there, 255.0)
    photo[~there] = np.random.default_rng(2).integers(0, 256, photo[~there].shape)
    assert focus.measure(photo, there, 255.0) == alone == pytest.approx(3, rel=0.2)


def clouds(shape: tuple[int, int] = (256, 320)) -> np.ndarray:
    """Soft shapes of every size: the larger, the stronger."""
    random, picture = np.random.default_rng(3), np.full((*shape, 3), 0.5)
    for k in range(1, 7):
        coarse = random.normal(0, 0.012 * 2**k, (shape[0] >> k, shape[1] >> k, 1)).repeat(3, axis=2)
        picture += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return picture.clip(0, 1)


SOFT = {"nothing": np.full((256, 320, 3), 0.5), "a slope": np.linspace(0, 1, 320)[None, :, None] * np.ones((256, 1, 3))}


@pytest.mark.parametrize("picture", [*SOFT.values(), clouds()], ids=[*SOFT, "clouds"])
def test_what_is_soft_by_itself_is_not_out_of_focus(picture):
    found = focus.measure(grainy(picture), np.ones((256, 320), bool), 255.0)
    assert found is None


@settings(max_examples=examples(100))
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from((np.uint8, np.uint16, np.float32)), st.integers(0, 9))
def test_any_picture_is_measured(width, height, depth, seed):
    random = np.random.default_rng(seed)
    image = (random.random((height, width, 3)) * (1 if depth == np.float32 else np.iinfo(depth).max)).astype(depth)
    found = focus.measure(
        image, random.random((height, width)) < 0.9, 1.0 if depth == np.float32 else np.iinfo(depth).max
    )
    assert found is None or 0 <= found < 100


def test_nothing_is_made_sharper_and_hardly_any_difference_is_none():
    assert focus.missing(None, 1.0) == focus.missing(1.0, None) == focus.missing(1.0, 4.0) == 0
    assert focus.missing(1.1, 1.0) == 0
    assert focus.missing(5.0, 3.0) == pytest.approx(8), "a disc whose deviation is 4"


@settings(max_examples=examples(50))
@given(st.integers(1, 50), st.integers(1, 50), st.floats(0, 12), st.integers(0, 9))
def test_constants_and_slopes_stay_what_they_are_up_to_the_borders(width, height, largest, seed):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = np.stack((0.2 + 0 * x, 0.3 + 0.002 * x - 0.001 * y, 0.004 * y), axis=-1)
    radius = (largest * random.random((height, width))).astype(np.float32)
    radius[random.random((height, width)) < 0.3] = 0
    before = light.copy()
    blurred = focus.blurred(light, radius)
    assert np.abs(blurred - light).max() < 1e-5 and np.array_equal(light, before)
    assert np.array_equal(blurred[radius == 0], light[radius == 0])


def test_a_point_of_light_becomes_a_disc_and_no_light_is_lost():
    light = np.zeros((61, 61, 1), np.float32)
    light[30, 30] = 1
    blurred = focus.blurred(light, np.full((61, 61), 7, np.float32))[..., 0]
    away = np.hypot(*(np.mgrid[:61, :61] - 30))
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    assert blurred[away > 8].max() < 1e-9 and np.ptp(blurred[away < 6.4]) < 1e-6

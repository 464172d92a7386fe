"""Dust on the sensor: found on an even ground, whatever its noise, and nothing found in texture."""

import cv2
import numpy as np
import pytest

from inference_server.engine import Engine
from inference_server.select import dust


def sky(noise: float, largest: float = 7) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A sky (800, 1200, 3) uint8 with noise of so many levels, and where its 40 round spots are.

    largest: of their radii, in pixels.
    """
    chance = np.random.default_rng(1)
    y, x = np.mgrid[:800, :1200].astype(np.float32)
    picture = np.dstack([110 + y / 13, 140 + y / 16, 200 + y / 40]).astype(np.float32)
    places = [(chance.uniform(20, 1180), chance.uniform(20, 780)) for _ in range(40)]
    for px, py in places:
        radius, strength = chance.uniform(2, largest), chance.uniform(0.05, 0.3)
        inside = np.clip((radius - np.hypot(x - px, y - py)) / 2 + 0.5, 0, 1)
        picture *= (1 - strength * inside)[..., None]
    return (picture + chance.normal(0, noise, picture.shape)).clip(0, 255).astype(np.uint8), places


@pytest.mark.parametrize("noise", [1, 2, 4])
def test_spots_in_a_noisy_sky_are_found_and_little_else(noise):
    picture, places = sky(noise)
    mask = dust.find(picture)
    assert sum(mask[round(y), round(x)] == 255 for x, y in places) >= 36
    _, _, _, centres = cv2.connectedComponentsWithStats(mask)
    strange = [centre for centre in centres[1:] if min(np.hypot(*(centre - place)) for place in places) > 10]
    assert len(strange) <= 2


def test_neither_the_dark_nor_a_corner_has_spots():
    """Blocks of a JPEG in the black, and a corner that a lens leaves darker."""
    chance = np.random.default_rng(3)
    picture = np.full((400, 600, 3), 12, np.uint8)
    picture[:, :300] = 190
    for y, x in chance.integers((20, 320), (380, 580), (12, 2)):
        picture[y : y + 7, x : x + 7] = 22
    cv2.circle(picture, (0, 399), 7, (160, 160, 160), -1)
    assert not dust.find(picture).any()
    cv2.circle(picture, (150, 200), 5, (160, 160, 160), -1)
    assert dust.find(picture)[200, 150] == 255


@pytest.mark.parametrize(
    ("axes", "colour", "found"),
    [
        ((5, 5), (150, 160, 170), True),
        ((5, 5), (215, 225, 235), False),  # snow
        ((5, 5), (185, 160, 140), False),  # paint
        ((9, 3), (150, 160, 170), False),  # a bird
    ],
)
def test_dust_is_dark_grey_and_round(axes, colour, found):
    picture = np.full((300, 400, 3), (180, 190, 200), np.uint8)
    cv2.ellipse(picture, (200, 150), axes, 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA)
    assert dust.find(cv2.GaussianBlur(picture, (0, 0), 1.5))[150, 200] == 255 * found


def test_texture_has_no_spots():
    chance = np.random.default_rng(2)
    texture = cv2.resize(chance.integers(0, 255, (80, 120, 3), np.uint8), (1200, 800), interpolation=cv2.INTER_CUBIC)
    assert not dust.find(texture).any()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_the_mask_is_of_the_images_size_whatever_its_depth(depth):
    picture, places = sky(1, largest=4)
    white = {np.uint8: 1, np.uint16: 257, np.float32: np.float32(1 / 255)}[depth]
    large = cv2.resize(picture, (3000, 2000), interpolation=cv2.INTER_LINEAR).astype(depth) * depth(white)
    mask = Engine.find_spots(Engine(), large)
    assert mask.shape == (2000, 3000) and set(np.unique(mask)) == {0, 255}
    assert sum(mask[round(y * 2.5), round(x * 2.5)] == 255 for x, y in places) >= 32

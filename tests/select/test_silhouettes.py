import cv2
import numpy as np
import pytest

from inference_server.select import silhouettes

SIZE = 240, 320
FOOT = 140


def standing() -> np.ndarray:
    """A figure (240, 320) bool."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (140, 50), 16, 1, cv2.FILLED)
    cv2.rectangle(mask, (122, 66), (158, FOOT - 1), 1, cv2.FILLED)
    return mask > 0


def surroundings(item: np.ndarray, left: float, seed: int = 0) -> tuple[silhouettes.Around, np.ndarray]:
    """Coloured ground on which the figure's shadow leaves this much of the light; and where (240, 320) bool that is."""
    colours = np.random.default_rng(seed).uniform(90, 210, (6, 8, 3))
    ground = cv2.resize(colours, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    lying = np.array([[1, 0.8, -0.8 * FOOT], [0, -0.4, 1.4 * FOOT]])
    share = cv2.GaussianBlur(cv2.warpAffine(item.astype(np.float32), lying, SIZE[::-1]), (0, 0), 1.5)
    pixels = np.rint(ground * (1 - share[..., None] * (1 - left))).astype(np.uint8)
    pixels[item] = 160, 60, 50
    taken = cv2.dilate(item.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return silhouettes.around(pixels, item, taken), (share > 0.5) & ~taken


@pytest.mark.parametrize("left", [0.45, 0.7])
def test_the_likeliest_lies_in_the_shadow(left):
    around, truth = surroundings(standing(), left)
    found = silhouettes.outlines(around)
    shape = found.shapes[found.odds.argmax()]
    assert found.odds.max() > 0.6
    assert np.count_nonzero(shape & truth) > 0.7 * np.count_nonzero(shape)


@pytest.mark.parametrize("seed", range(3))
def test_where_the_light_does_not_fall_none_is_likely(seed):
    around, _ = surroundings(standing(), 1.0, seed)
    assert silhouettes.outlines(around).odds.max(initial=silhouettes.NEVER) < 0.6


def test_around_an_object_that_fills_the_picture_none_can_be_compared():
    everything = np.ones(SIZE, bool)
    found = silhouettes.outlines(silhouettes.around(np.zeros((*SIZE, 3), np.uint8), everything, everything))
    assert not len(found.odds) and found.shapes.shape == (0, *SIZE)

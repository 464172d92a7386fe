import cv2
import numpy as np
import pytest
from hypothesis import given, settings

from inference_server.select import contacts, shadows

from ..property import examples
from .test_shadows import SIZE, ground, overlap, scenes, standing, taken


def dark_below(mask: np.ndarray, left: float = 0.45) -> tuple[np.ndarray, np.ndarray]:
    """The light (300, 400, 1) that is left around the foot of what is in mask, and where (300, 400) bool it is dark."""
    rows = np.arange(SIZE[0])[:, None]
    foot = np.where((mask > 0) & (rows > 165), np.float32(1), np.float32(0))
    share = cv2.GaussianBlur(np.roll(foot, 3, axis=0), (0, 0), 8, None, 5)
    share /= share[mask == 0].max()
    return 1 - share.clip(0, 1)[..., None] * (1 - left), (share > 0.3) & (mask == 0)


@pytest.mark.parametrize("grain", [0, 8])
@pytest.mark.parametrize("scale", [1, 4])
def test_the_dark_ground_where_it_stands_is_found(grain, scale):
    mask = standing()
    light, dark = dark_below(mask)
    photo = cv2.resize(taken(ground(grain) * light, mask), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    large, wanted = (np.kron(part, np.ones((scale, scale), np.uint8)) for part in (mask, np.uint8(dark)))
    found = contacts.find(photo, large)
    assert overlap(found > 0, wanted > 0) > 0.5
    assert not found[large > 0].any()


def test_it_belongs_to_the_mask_with_the_shadow():
    mask = standing()
    light, dark = dark_below(mask)
    photo = taken(ground(8) * light, mask)
    assert np.count_nonzero(shadows.with_shadow(photo, mask)[dark]) > 0.6 * np.count_nonzero(dark)


@pytest.mark.parametrize("grain", [0, 8, 25])
def test_on_even_ground_there_is_none(grain):
    mask = standing()
    assert not contacts.find(taken(ground(grain), mask), mask).any()


def test_darker_ground_from_the_foot_on_is_none():
    """As where a lawn begins."""
    mask, scene = standing(), ground(8)
    scene[180:] *= 0.6
    assert not contacts.find(taken(scene, mask), mask).any()


def test_an_object_cut_off_below_stands_elsewhere():
    mask = standing()
    light, _ = dark_below(mask)
    assert not contacts.find(taken(ground() * light, mask)[:181], mask[:181]).any()


@settings(deadline=None, max_examples=examples(25))
@given(scenes())
def test_it_is_a_mask_beside_the_object(scene):
    pixels, mask = scene
    found = contacts.find(pixels, mask)
    assert found.shape == mask.shape and found.dtype == np.uint8
    assert np.isin(found, (0, 255)).all() and not found[mask > 127].any()

import cv2
import numpy as np
import pytest

from inference_server.select import reflections, shadows

SIZE = 260, 320
FOOT = 120


def floor(seed: int = 0) -> np.ndarray:
    """A floor (260, 320, 3) float32 whose light falls off to one side, with grain."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grain = np.random.default_rng(seed).normal(0, 3, SIZE)
    return ((150 - 0.1 * x + 0.15 * y + grain)[..., None] * [1, 0.95, 0.85]).astype(np.float32)


def standing(*, patterned: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """A floor (260, 320, 3) float32 with a figure on it, and the figure (260, 320) uint8."""
    mask, image = np.zeros(SIZE, np.uint8), floor()
    cv2.rectangle(mask, (130, 40), (190, FOOT - 1), 255, cv2.FILLED)
    cv2.circle(mask, (160, 30), 18, 255, cv2.FILLED)
    image[mask > 0] = 70, 90, 160
    if patterned:
        cv2.rectangle(image, (130, 60), (190, 75), (220, 60, 40), cv2.FILLED)
        cv2.rectangle(image, (130, 95), (160, FOOT - 1), (230, 220, 200), cv2.FILLED)
    return image, mask


def mirrored(image: np.ndarray, mask: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture (260, 320, 3) uint8 with the mirror image of what is in mask, and where (260, 320) bool it is."""
    turned = np.array([[1, 0, 0], [0, -1, 2 * FOOT - 1]], np.float32)
    there = cv2.warpAffine(mask, turned, SIZE[::-1]) > 0
    upside_down = cv2.GaussianBlur(cv2.warpAffine(image, turned, SIZE[::-1]), (0, 0), 1.5)
    mixed = np.where(there[..., None], (1 - share) * image + share * upside_down, image)
    return np.rint(mixed.clip(0, 255)).astype(np.uint8), there


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.mark.parametrize("share", [0.3, 0.8])
@pytest.mark.parametrize("scale", [1, 4])
def test_a_mirror_image_is_found(share, scale):
    image, mask = standing()
    photo, there = (cv2.resize(np.uint8(part), (0, 0), fx=scale, fy=scale) for part in mirrored(image, mask, share))
    large = cv2.resize(mask, (0, 0), fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    found = reflections.find(photo, large)
    assert overlap(found > 0, there > 0) > 0.75
    assert not (found[large > 0]).any()


def test_a_clear_mirror_image_is_certain():
    photo, there = mirrored(*standing(), 0.8)
    assert overlap(reflections.find(photo, standing()[1], only_sure=True) > 0, there) > 0.75


def test_it_belongs_to_the_mask_with_the_shadow():
    image, mask = standing()
    photo, there = mirrored(image, mask, 0.6)
    assert shadows.with_shadow(photo, mask)[there].mean() > 240


@pytest.mark.parametrize("patterned", [True, False])
def test_where_there_is_none_none_is_found(patterned):
    image, mask = standing(patterned=patterned)
    assert not reflections.find(np.rint(image).astype(np.uint8), mask).any()


def test_the_same_thing_the_right_way_up_is_no_mirror_image():
    image, mask = standing()
    below = np.roll(image, FOOT, axis=0)
    photo = np.where(np.roll(mask, FOOT, axis=0)[..., None] > 0, below, image)
    assert not reflections.find(np.rint(photo).astype(np.uint8), mask).any()


@pytest.mark.parametrize("value", [0, 255])
def test_no_object_or_nothing_else_has_none(value):
    photo = np.rint(standing()[0]).astype(np.uint8)
    assert not reflections.find(photo, np.full(SIZE, value, np.uint8)).any()

"""Hair that crosses the edge of a mask is noticed, and what is smooth is not taken for it."""

import cv2
import numpy as np
import pytest

from inference_server.select import hair

from .. import photographs


def hard(alpha: np.ndarray, opened: int = 1) -> np.ndarray:
    """The mask without what is thinner than `opened` pixels."""
    mask = cv2.morphologyEx(alpha, cv2.MORPH_OPEN, np.ones((opened, opened), np.uint8))
    return np.where(mask > 127, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize(("colour", "seed"), [((150, 105, 60), 0), ((215, 210, 200), 1), ((60, 40, 30), 2)])
def test_hair_is_noticed(photo, colour, seed):
    fur = photographs.grainy(np.full((200, 200, 3), colour, np.uint8), seed, coarse=12)
    composed = photographs.with_fur(photo, fur, 700, seed)
    assert hair.crosses(composed.image, hard(composed.alpha, 9))


@pytest.mark.parametrize(("kind", "seed"), [("smooth", 3), ("rounded", 4), ("star", 5)])
def test_a_smooth_shape_has_none(photo, kind, seed):
    composed = photographs.with_shape(photo, (900, 700), kind, 400, 60, seed)
    assert not hair.crosses(composed.image, hard(composed.alpha))


@pytest.mark.parametrize(("many", "few", "seen"), [(0.6, 0.1, True), (0.4, 1.0, False)])
def test_many_pieces_that_are_likely_say_more_than_few_that_are_certain(many, few, seen):
    assert hair.is_seen(np.array([many] * 30 + [few] * 10)) == seen


@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:], np.s_[50:53, 50:53], np.s_[5:90, 40:41]])
def test_a_mask_without_an_outline_to_judge_has_none(photo, part):
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[part] = 255
    assert not hair.crosses(photo, mask)

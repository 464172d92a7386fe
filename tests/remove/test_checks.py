"""The check of a filled hole: it finds deliberately bad fills and passes what was there."""

import cv2
import numpy as np
import pytest

from inference_server.remove import checks

from ..photographs import landscape
from .test_collapse import wall
from .test_removal import disc

HOLE = disc((240, 320), (160, 120), 50)


def photos(photo: np.ndarray) -> list[np.ndarray]:
    return [*(wall(HOLE.shape, seed) for seed in range(4)), landscape(photo[:, :280], (320, 240))]


def checked(picture: np.ndarray) -> checks.Check:
    return checks.check(picture.astype(np.float32) / 255, HOLE, ~HOLE)


def blurred(photo: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(photo, (0, 0), 6)


def stamped(photo: np.ndarray) -> np.ndarray:
    return np.tile(photo[:24, :24], (10, 14, 1))[:240, :320]


def lifted(photo: np.ndarray) -> np.ndarray:
    return cv2.add(photo, (60, 60, 60, 0))


def outlined(photo: np.ndarray) -> np.ndarray:
    edge = cv2.morphologyEx(HOLE.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    return np.where(edge[..., None], photo // 3, photo)


def test_what_was_there_passes(photo):
    assert [checked(truth).passed for truth in photos(photo)].count(False) == 0


@pytest.mark.parametrize("spoil", [blurred, stamped, lifted, outlined])
def test_deliberately_bad_fills_are_found(photo, spoil):
    for truth in photos(photo)[:4]:
        bad = checked(np.where(HOLE[..., None], spoil(truth), truth))
        assert not bad.passed, bad
        assert bad.score < checked(truth).score


def test_of_two_that_pass_the_richer_is_the_better(photo):
    for truth in photos(photo)[:4]:
        calm = cv2.addWeighted(truth, 0.88, np.full_like(truth, int(truth[HOLE].mean())), 0.12, 0)
        calmer = checked(np.where(HOLE[..., None], calm, truth))
        assert calmer.passed and calmer.score < min(0.0, checked(truth).score) - 0.02


def test_a_hole_too_narrow_to_tell_has_no_faults():
    picture, line = np.zeros((60, 80, 3), np.float32), np.zeros((60, 80), bool)
    line[30:33] = True
    assert checks.check(picture, line, ~line) == checks.FAULTLESS and checks.FAULTLESS.passed

"""What averaging patches takes from the contrast is given back."""

import numpy as np

from inference_server.remove import contrast

SIDE, HOLE = 96, np.s_[32:64, 32:64]


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A texture with half its contrast in the hole, copied from the left: rgb, offsets, hole, usable."""
    grain = np.random.default_rng(2).random((SIDE // 3, SIDE // 3, 1), np.float32).repeat(3, 0).repeat(3, 1)
    rgb = 0.5 + 0.4 * (grain - grain.mean()).repeat(3, 2)
    hole = np.zeros((SIDE, SIDE), bool)
    hole[HOLE] = True
    rgb[hole] = 0.5 + (rgb[hole] - 0.5) / 2
    offsets = np.zeros((SIDE, SIDE, 2), np.int32)
    offsets[..., 1] = -32
    return rgb, offsets, hole, ~hole


def core(rgb: np.ndarray) -> float:
    return float(rgb[40:56, 40:56].std())


def test_a_weak_texture_becomes_stronger_and_what_is_around_it_stays():
    rgb, offsets, hole, usable = scene()
    found = contrast.restored(rgb, offsets, hole, usable)
    assert 1.3 * core(rgb) < core(found) <= contrast.MOST * core(rgb)
    assert (found[~hole] == rgb[~hole]).all()


def test_nothing_is_weakened_and_what_must_not_be_copied_says_nothing():
    rgb, offsets, hole, usable = scene()
    rgb[:, :32] = 0.5  # what was copied is plain
    assert core(rgb) <= core(contrast.restored(rgb, offsets, hole, usable)) < 1.01 * core(rgb)
    rgb, offsets, hole, usable = scene()
    assert (contrast.restored(rgb, offsets, hole, np.zeros_like(usable)) == rgb).all()


def test_a_hole_of_one_pixel_and_the_whole_picture():
    rgb, offsets, hole, _ = scene()
    for tried in (np.zeros_like(hole), np.ones_like(hole)):
        tried[5, 5] = True
        assert np.isfinite(contrast.restored(rgb, offsets, tried, ~tried)).all()

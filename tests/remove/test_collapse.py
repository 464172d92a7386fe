"""Where removing used to collapse: shadows at the mask, grain, one source over and over, another's object."""

import cv2
import numpy as np
import pytest

from inference_server.imaging import windows
from inference_server.models.store import Store
from inference_server.remove import checks, inpainters, patchmatch, removal, rims, spots

from .test_removal import disc, energy, masked


def wall(shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    """A weathered wall (h, w, 3) uint8: stains of all sizes on grey."""
    random = np.random.default_rng(seed)
    stains = sum(
        amount * cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), size) * size
        for size, amount in ((1, 12), (3, 20), (9, 24))
    )
    return np.clip(170 + stains, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


SIGN = masked((260, 340), (110, 80, 120, 90))


@pytest.fixture(scope="module")
def shaded() -> tuple[np.ndarray, np.ndarray]:
    """A green sign on the wall whose soft shadow reaches out of its mask, below; and the wall."""
    truth = wall(SIGN.shape)
    shadow = cv2.GaussianBlur(np.roll(SIGN, 5, 0).astype(np.float32) / 255, (0, 0), 4)[..., None]
    image = (truth * (1 - 0.5 * shadow)).astype(np.uint8)
    image[SIGN > 0] = (20, 130, 90)
    return image, truth


def test_a_soft_shadow_beside_the_mask_does_not_make_a_plate(engine, shaded):
    image, truth = shaded
    clean = engine.remove(image, SIGN, grow=0, feather=0)
    core = cv2.erode(SIGN, np.ones((31, 31), np.uint8)) > 0
    assert energy(clean, core) > 0.75 * energy(truth, core)
    darker = float(truth[core].mean()) - float(clean[core].mean())
    assert abs(darker) < 20, "some of the shadow at the rim fades into the hole; a plate would be 50 darker"


def test_a_shadow_and_a_part_that_the_mask_misses_are_found_and_a_clean_rim_is_clean(shaded):
    (image, truth), hole = shaded, SIGN > 0
    picture = np.where(hole[..., None], 0, image).astype(np.float32) / 255
    dark = rims.changed_light(picture, hole, ~hole)
    assert dark[172, 130:210].mean() > 0.8 and dark[:78].mean() < 0.01
    clean = np.where(hole[..., None], 0, truth).astype(np.float32) / 255
    assert rims.changed_light(clean, hole, ~hole).sum() < 0.2 * dark.sum()

    missed = image.copy()
    missed[170:190, 150:180] = (20, 130, 90)
    shown = np.where(hole[..., None], 0, missed).astype(np.float32) / 255
    left = rims.object_colours(shown, missed.astype(np.float32) / 255, hole, ~hole)
    assert left[172:188, 152:178].all() and left.sum() < 2 * 20 * 30
    assert not rims.object_colours(picture, image.astype(np.float32) / 255, hole, ~hole).any()


def test_grain_does_not_repeat_as_lines(engine):
    random = np.random.default_rng(3)
    image = np.full((240, 300, 3), (120, 170, 230), np.float64)
    image[120:] = (60, 90, 50)
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    mask = disc(image.shape[:2], (150, 120), 45).astype(np.uint8) * 255
    clean = engine.remove(image, mask, grow=0, feather=0)
    found = checks.check(clean.astype(np.float32) / 255, mask > 0, mask == 0)
    assert found.passed, found
    rows = clean[90:110, 120:180].astype(np.float64)
    assert rows.mean(axis=1).std(axis=0).max() < 3, "a line along x would differ from its neighbours on the whole"


def test_no_place_is_used_over_and_over():
    image = wall((160, 200)).astype(np.float32) / 255
    hole = disc((160, 200), (100, 80), 35)
    offsets = patchmatch.fill(image, hole, ~hole, 0).offsets
    sources = np.argwhere(hole) + offsets[hole]
    _, uses = np.unique(sources, axis=0, return_counts=True)
    assert len(uses) > 0.4 * hole.sum(), "distinct sources"
    assert uses.max() < 40


def test_two_holes_do_not_copy_each_other_s_objects(engine):
    """Neither what their masks hold nor its colour in the rest of the window."""
    image = wall((200, 300), 4)
    mask = masked((200, 300), (60, 60, 50, 70), (150, 70, 50, 70))
    image[60:130, 60:110], image[70:140, 150:200] = (200, 30, 30), (30, 30, 200)
    clean = engine.remove(image, mask).astype(int)
    assert np.abs(clean[..., 0] - clean[..., 2])[mask > 0].max() < 40


# -- many and thin things


def test_a_hundred_spots_are_healed_each_from_its_own_surroundings(engine):
    truth = wall((1200, 1600), 5)
    random, mask = np.random.default_rng(6), np.zeros((1200, 1600), np.uint8)
    for x, y in random.integers(40, (1560, 1160), (100, 2)).tolist():
        cv2.circle(mask, (x, y), int(random.integers(3, 9)), 255, -1)
    image = np.where(mask[..., None] > 0, truth // 2, truth)
    holes = removal.find_holes(mask, mask)
    assert len(holes) > 60 and all(hole.window.area < 60_000 for hole in holes)
    clean = engine.remove(image, mask, grow=2, feather=0)
    error = cv2.GaussianBlur(clean.astype(np.float64) - truth, (0, 0), 3)
    assert np.abs(error[mask > 0]).mean() < 12, "the dust took away 85"
    assert energy(clean, mask > 0) == pytest.approx(energy(truth, mask > 0), rel=0.3)


def test_a_spot_where_nothing_is_alike_is_left_to_the_patches():
    image = np.zeros((40, 40, 3), np.uint8)
    hole = disc((40, 40), (20, 20), 12)
    assert spots.heal(image, hole, ~hole, 255) is None


def test_a_wire_is_taken_in_parts_that_are_not_reduced(engine):
    truth = wall((900, 1200), 7)
    mask = np.zeros((900, 1200), np.uint8)
    cv2.line(mask, (20, 100), (1180, 800), 255, 5)
    holes = removal.find_holes(mask, mask)
    assert len(holes) > 2 and all(max(hole.window[2:]) <= patchmatch.MAX_SIDE for hole in holes)
    image = truth.copy()
    image[mask > 0] = 10
    clean = engine.remove(image, mask, grow=2, feather=0)
    assert clean[mask > 0].min() > 60
    assert energy(clean, mask > 0) == pytest.approx(energy(truth, mask > 0), rel=0.25)


# -- variations


def test_variations_differ_and_the_best_comes_first(shaded):
    image, _ = shaded
    inpainter = inpainters.load(Store(), "patchmatch")
    found = removal.variations(image, removal.Masks(SIGN, SIGN), inpainter, seed=0, count=3)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    assert len({each.pixels.tobytes() for each in found}) == 3
    again = removal.variations(image, removal.Masks(SIGN, SIGN), inpainter, seed=0, count=3)
    assert all((a.pixels == b.pixels).all() for a, b in zip(found, again, strict=True))


def test_the_next_seed_gives_the_runner_up_and_the_one_after_it_is_new(engine, shaded):
    image, _ = shaded
    masks, inpainter = removal.Masks(SIGN, SIGN), inpainters.load(Store(), "patchmatch")
    ranked = removal.variations(image, masks, inpainter, seed=0, count=2)
    made = [engine.remove(image, SIGN, grow=0, feather=0, seed=seed) for seed in range(3)]
    bounds = windows.bounds(SIGN)
    for filling, result in zip(ranked, made, strict=False):
        assert (result[bounds.slices] == filling.pixels).all()
    assert len({result.tobytes() for result in made}) == 3

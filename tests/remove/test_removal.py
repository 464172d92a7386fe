"""Removing, from single patches to whole photos: what is filled in, how sharp, how deep, and from where."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.imaging import windows
from inference_server.imaging.sampling import extrapolate
from inference_server.remove import inpainters, patchmatch, removal, smooth
from inference_server.shared.geometry import Window
from inference_server.shared.monitor import Monitor

from ..photographs import grainy, landscape
from ..property import examples


def stripes(size: int, slant: float = 0.5) -> np.ndarray:
    """Slanted stripes (size, size, 3) float32, 0.2 to 0.8, in grey."""
    y, x = np.mgrid[:size, :size]
    wave = 0.5 + 0.3 * np.sin((x + slant * y) * 2 * np.pi / 9)
    return wave[..., None].repeat(3, axis=2).astype(np.float32)


def disc(shape: tuple[int, int], middle: tuple[int, int], radius: int) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= radius**2


def energy(image: np.ndarray, where: np.ndarray) -> float:
    """How strong the grain is: the standard deviation of what a blur takes away."""
    fine = image.astype(np.float64) - cv2.GaussianBlur(image.astype(np.float64), (0, 0), 2)
    return float(fine[where].std())


# -- patches


def test_a_pattern_goes_on_through_the_hole():
    truth, hole = stripes(120), disc((120, 120), (60, 60), 18)
    spoilt = np.where(hole[..., None], np.float32(0), truth)
    filled = patchmatch.fill(spoilt, hole, ~hole, 0).pixels
    assert np.abs(filled - truth)[hole].mean() < 0.05
    assert np.abs(extrapolate(spoilt, ~hole) - truth)[hole].mean() > 0.15, "which a smooth continuation alone cannot"
    assert np.abs(filled - truth)[~hole].max() < 0.03


def test_two_pieces_of_sky_meet_without_a_step():
    image = np.full((100, 100, 3), 0.5, np.float32)
    image[:, 50:] += 5 / 255
    image[60:, :] = 0.1
    even = smooth.without_seams(image)
    assert np.abs(np.diff(even[:20], axis=1)).max() < 1 / 255
    assert np.abs(np.diff(even[:, 20], axis=0)).max() > 0.35, "but a real edge stays"


@settings(max_examples=examples(25))
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_picture_and_any_hole_are_filled_with_values_that_were_there(width, height, seed):
    rng = np.random.default_rng(seed)
    rgb = rng.random((height, width, 3)).astype(np.float32)
    hole = rng.random((height, width)) < rng.random()
    usable = rng.random((height, width)) < 0.9
    filled = patchmatch.fill(rgb, hole, usable, seed)
    assert filled.pixels.shape == rgb.shape and filled.offsets.shape == (height, width, 2)
    assert np.isfinite(filled.pixels).all()
    assert np.abs(filled.pixels).max() <= 1.5  # blending may go a little beyond
    again = patchmatch.fill(rgb, hole, usable, seed)
    assert (again.pixels == filled.pixels).all() and (again.offsets == filled.offsets).all()


def test_what_may_not_be_copied_is_not():
    """Everything right of the hole is red and forbidden."""
    rng = np.random.default_rng(2)
    rgb = rng.uniform(0.3, 0.6, (90, 140, 3)).astype(np.float32)
    rgb[:, 90:] = (1, 0, 0)
    hole, usable = disc((90, 140), (70, 45), 15), np.ones((90, 140), bool)
    usable[:, 88:] = False
    filled = patchmatch.fill(rgb, hole, usable, 0).pixels[hole]
    assert filled[:, 1].min() > 0.2


def test_a_finished_picture_keeps_its_pixels_and_finds_its_like():
    picture, hole = stripes(120), disc((120, 120), (60, 60), 18)
    found = patchmatch.match(picture, hole, ~hole, 0)
    assert (found.pixels == picture).all()
    places = np.argwhere(hole)
    sources = places + found.offsets[hole]
    assert not hole[tuple(sources.T)].any()
    assert np.abs(picture[tuple(sources.T)] - picture[hole]).mean() < 0.02


def test_the_work_is_cancelled_between_two_rounds():
    shares: list[float] = []
    monitor = Monitor(on_progress=lambda share, message: shares.append(share), is_cancelled=lambda: len(shares) == 3)
    hole = disc((120, 120), (60, 60), 18)
    with pytest.raises(UserError, match="Cancelled"):
        patchmatch.fill(stripes(120), hole, ~hole, 0, monitor)
    assert shares == sorted(shares) and len(shares) == 3


# -- smooth surroundings


def sky(shape: tuple[int, int], grain: float) -> tuple[np.ndarray, np.ndarray]:
    """A sky (h, w, 3) uint8 that gets lighter downwards, with grain, and what it is without."""
    y, x = np.mgrid[: shape[0], : shape[1]] / np.array(shape)[:, None, None]
    truth = np.dstack([90 + 60 * y + 20 * x, 130 + 50 * y - 10 * x * x, 190 + 30 * y])
    noise = np.random.default_rng(1).normal(0, grain, truth.shape)
    return np.rint(np.clip(truth + noise, 0, 255)).astype(np.uint8), truth


@pytest.mark.parametrize("grain", [0.5, 2.5, 6])
def test_a_sky_stays_even_and_keeps_its_grain(engine, grain):
    image, truth = sky((400, 600), grain)
    hole = disc(image.shape[:2], (300, 200), 90)
    spoilt = np.where(hole[..., None], np.uint8(0), image)
    clean = engine.remove(spoilt, hole.astype(np.uint8) * 255)
    drift = cv2.GaussianBlur(clean.astype(np.float64) - truth, (0, 0), 6)
    assert np.abs(drift[hole]).max() < 1.5
    assert energy(clean, hole) == pytest.approx(energy(image, ~hole), rel=0.1)


def test_a_surface_with_something_on_it_is_not_taken_for_smooth():
    image, _ = sky((200, 300), 1)
    image[:, 60:64] = 20
    hole = disc(image.shape[:2], (150, 100), 60)
    rgb = image.astype(np.float32) / 255
    assert smooth.surface(rgb, hole, ~hole) is None
    rgb[:, 60:64] = rgb[:, 70:74]
    assert smooth.surface(rgb, hole, ~hole) is not None


# -- the photo's own pixels


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_a_large_hole_is_as_sharp_and_as_grainy_as_the_photo(engine, photo, depth):
    """At four times the size that patches are matched at."""
    image = grainy(landscape(photo[:, :280], (2400, 2600)), 1)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[900:1900, 700:1700] = 255
    deep = image.astype(depth) * {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[depth]
    clean = engine.remove(deep.astype(depth), mask, grow=0, feather=0)
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[depth]
    inside, outside = (energy(clean / white * 255, where) for where in (mask > 0, mask == 0))
    assert 0.75 < inside / outside < 1.25


# What a process of its own does, for the number of threads is chosen when libraries are loaded.
THREADED = """
import hashlib, os
import cv2, numpy as np
from inference_server import Engine
from inference_server.imaging.sampling import smoothed
from inference_server.select import casts

cv2.setNumThreads(int(os.environ["OMP_NUM_THREADS"]))
y, x = np.mgrid[:200, :260]
waves, mask = 110 + 60 * np.sin((x + y / 2) / 2) * np.sin(x / 31 + y / 17), np.zeros((200, 260), np.uint8)
mask[70:130, 90:150] = 255
grain = np.random.default_rng(0).normal(0, 4, (200, 260, 3))
for plain in (waves, 90 + y / 3 + x / 9):
    print(hashlib.sha256(Engine().remove((plain[..., None] + grain).astype(np.uint8), mask)).hexdigest())
light, item = np.ascontiguousarray(np.log(grain + 60), np.float32), mask > 0
for found in (smoothed(np.tile(light, (3, 2, 1)), 40), casts.laid(light, item, item).odds):
    print(hashlib.sha256(found).hexdigest())
"""


def test_the_pixels_do_not_depend_on_the_number_of_threads():
    """In a pattern and in a sky; nor a smoothed picture, nor the odds of laid silhouettes."""
    root = str(Path(__file__).parents[2])
    one, several = (
        subprocess.run(
            [sys.executable, "-c", THREADED],
            env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for count in ("1", "3")
    )
    assert one == several and len(set(one.split())) == 4


# -- several objects


def masked(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = 255
    return mask


def test_objects_far_apart_get_windows_of_their_own_and_near_ones_share():
    far = masked((2000, 3000), (100, 100, 80, 60), (2700, 1800, 90, 70))
    found = sorted(removal.find_holes(far, far))
    assert [hole.bounds for hole in found] == [(100, 100, 80, 60), (2700, 1800, 90, 70)]
    near = masked((2000, 3000), (1000, 1000, 80, 60), (1100, 1000, 80, 60))
    (one,) = removal.find_holes(near, near)
    assert one.bounds == (1000, 1000, 180, 60)


@settings(max_examples=examples(40))
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 90), st.integers(0, 2**32 - 1))
def test_every_pixel_is_in_just_one_part_with_half_its_size_around_it(width, height, count, seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(count + 1):
        x, y = rng.integers(width), rng.integers(height)
        mask[y : y + rng.integers(1, 30), x : x + rng.integers(1, 30)] = 255
    covered = np.zeros(mask.shape, int)
    for hole in removal.find_holes(mask, mask):
        assert hole.window.inside(width, height)
        assert hole.window.union(hole.bounds) == hole.window
        reach = hole.bounds.grown(hole.bounds.width // 2, hole.bounds.height // 2, width, height)
        assert hole.window.union(reach) == hole.window
        covered[hole.bounds.slices] += 1
    assert (covered[mask > 0] >= 1).all()


def test_two_objects_are_removed_in_one_job_and_none_is_copied_into_the_other(engine, photo):
    image = photo.copy()
    mask = masked(photo.shape[:2], (30, 30, 60, 50), (520, 300, 60, 50))
    image[mask > 0] = (255, 0, 255)
    reported = []
    clean = engine.remove(image, mask, progress=lambda share, message: reported.append((share, message)))
    assert not (clean[mask > 0] == (255, 0, 255)).all(axis=1).any()
    assert {message for _, message in reported} >= {"Removing object 1 of 2", "Removing object 2 of 2"}
    assert [share for share, _ in reported] == sorted(share for share, _ in reported)


def test_another_part_s_object_is_not_copied_though_it_is_in_the_window(engine):
    """Two magenta squares whose windows overlap, but are cheaper apart."""
    image = grainy(np.full((700, 700, 3), 120, np.uint8), 1)
    mask = masked((700, 700), (60, 60, 200, 40), (240, 150, 40, 300))
    image[mask > 0] = (255, 0, 255)
    clean = engine.remove(image, mask, grow=0, feather=0)
    assert clean[mask > 0][:, 1].min() > 60


# -- odd input


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((8, 8), (2, 2, 3, 3)),
        ((8, 8), (0, 0, 8, 7)),
        ((1, 9), (3, 0, 2, 1)),
        ((1, 5000), (0, 0, 2500, 1)),
        ((60, 80), (0, 0, 80, 59)),
        ((60, 80), (79, 59, 1, 1)),
        ((700, 12), (0, 10, 12, 600)),
    ],
)
@pytest.mark.parametrize("depth", [np.uint8, np.float32])
def test_small_photos_and_masks_that_leave_little_are_filled_sanely(engine, shape, box, depth):
    rng = np.random.default_rng(1)
    image = rng.integers(90, 110, (*shape, 3)).astype(depth)
    image = image / np.float32(255) if depth == np.float32 else image
    mask = masked(shape, box)
    clean = engine.remove(image, mask, grow=0, feather=0)
    assert (clean[mask == 0] == image[mask == 0]).all()
    full = 255 if depth == np.uint8 else 1
    assert np.all(abs(clean[mask > 0] / full - 100 / 255) < 0.1)


def test_a_frame_around_the_photo_is_filled(engine):
    image = np.random.default_rng(1).integers(90, 110, (120, 160, 3), np.uint8)
    mask = np.full((120, 160), 255, np.uint8)
    mask[30:90, 40:120] = 0
    image[mask > 0] = 255
    clean = engine.remove(image, mask, grow=0, feather=0)
    assert clean[mask > 0].max() < 130


def test_a_bright_sky_does_not_darken_what_a_network_sees():
    """A twentieth of a float photo is as bright as the sun; a hole in it is filled with its light."""
    image = np.full((60, 80, 3), 0.5, np.float32)
    image[:10] = 20
    hole = np.zeros((60, 80), bool)
    hole[4:7, 30:60] = hole[20:40, 30:60] = True
    seen = []

    def fill(rgb, hole, usable, seed, monitor):
        seen.append(rgb[~hole])
        return patchmatch.fill(rgb, hole, usable, seed, monitor)

    (best,) = removal.fill_window(image, hole, ~hole, inpainters.Inpainter(768, fill), 0, Monitor(), count=1)
    assert np.median(seen[0]) == pytest.approx(0.5, abs=0.01) and seen[0].max() <= 1.001
    assert np.allclose(best.pixels, image[hole], rtol=0.02)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_photo_without_a_number_in_it_gives_numbers_in_the_hole_alone(engine, value):
    image = np.full((50, 60, 3), value, np.float32)
    mask = masked((50, 60), (20, 20, 10, 10))
    clean = engine.remove(image, mask, grow=0, feather=0)
    assert np.isfinite(clean[mask > 0]).all()
    assert np.array_equal(clean[mask == 0], image[mask == 0], equal_nan=True)


def test_the_result_does_not_depend_on_how_the_array_lies_in_memory(engine, photo, rocket):
    here = engine.remove(photo, rocket)
    there = engine.remove(np.asfortranarray(photo), np.asfortranarray(rocket))
    assert (here == there).all()


def test_a_window_counts_pixels():
    assert Window(3, 4, 5, 6).area == 30 and windows.bounds(np.zeros((4, 4), np.uint8)) is None


def test_copied_pieces_are_joined_without_a_step():
    y, x = np.mgrid[:90, :120].astype(np.float32)
    truth = np.repeat((0.3 + 0.002 * x + 0.001 * y)[..., None], 3, axis=2)
    hole = disc(truth.shape[:2], (60, 45), 30)
    steps = np.zeros((*hole.shape, 6), np.float32)
    steps[..., :3], steps[..., 3:] = 0.002, 0.001
    two_pieces = truth + np.where(x < 60, 0.02, -0.02)[..., None].astype(np.float32) * hole[..., None]
    joined = smooth.joined(two_pieces, steps, hole)
    assert np.abs(joined - truth).max() < 0.006
    assert np.array_equal(joined[~hole], two_pieces[~hole])


def test_joining_leaves_the_edge_of_a_thing():
    hole = disc((90, 120), (60, 45), 30)
    wall = np.full((90, 120, 3), 0.8, np.float32)
    wall[:, 50:70][hole[:, 50:70]] = 0.2
    joined = smooth.joined(wall, np.zeros((90, 120, 6), np.float32), hole)
    assert joined[45, 60].max() < 0.25 and joined[45, 80].min() > 0.75


def test_what_is_beside_a_hole_is_copied_rather_than_what_is_above_or_below():
    photo = np.random.default_rng(0).uniform(0, 1, (120, 120, 3)).astype(np.float32)
    hole = np.zeros((120, 120), bool)
    hole[40:80, 40:80] = True
    offsets = np.abs(patchmatch.fill(photo, hole, ~hole, 0).offsets[hole])
    up, aside = offsets.mean(axis=0)
    assert aside > 2 * up, (up, aside)

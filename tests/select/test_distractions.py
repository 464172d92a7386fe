"""Wires, spots and whatever else one may want gone, each by itself."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.select import distractions, wires
from inference_server.select.prompts import checked
from inference_server.shared.messages import Job, ObjectPrompt, Scene

from ..asking import preview_masks, proposed, result_of
from ..conftest import encoded

# Of each wire: x and y of its ends, how far it sags, how thick it is, four times as large as in the picture.
WIRES = ((0, 60, 600, 100, 12, 8), (0, 140, 600, 50, 5, 10), (0, 150, 340, 160, 8, 6))


def sky(size: tuple[int, int] = (600, 400)) -> np.ndarray:
    """A hazy sky above a meadow."""
    width, height = size
    random = np.random.default_rng(4)
    image = np.empty((height, width, 3), np.float32)
    image[:] = (150, 180, 225) + np.linspace(0, 25, height)[:, None, None]
    image[height * 2 // 3 :] = (60, 90, 40)
    image[height * 2 // 3 :] += random.normal(0, 20, (height - height * 2 // 3, width, 1))
    return np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def wired(image: np.ndarray, shade: float = 0.3) -> tuple[np.ndarray, list[np.ndarray]]:
    """The picture with wires, and where each is."""
    covers, height, width = [], *image.shape[:2]
    for x0, y0, x1, y1, sag, thickness in WIRES:
        t = np.linspace(0, 1, 80)
        path = np.stack([x0 + (x1 - x0) * t, y0 + (y1 - y0) * t + 4 * sag * t * (1 - t)], 1)
        large = np.zeros((4 * height, 4 * width), np.uint8)
        cv2.polylines(large, [np.rint(4 * path).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
        covers.append(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA) / 255)
        image = image * (1 - covers[-1][..., None] * (1 - shade))
    return np.rint(image).astype(np.uint8), [cover > 0.4 for cover in covers]


def test_wires_are_found_each_by_itself_though_they_cross():
    image, truth = wired(sky())
    found = wires.find(image)
    assert len(found) == len(WIRES)
    for wire in truth:
        assert max(np.count_nonzero(wire & mask) / np.count_nonzero(wire) for mask in found) > 0.9
    near = cv2.dilate(np.any(truth, axis=0).astype(np.uint8), np.ones((7, 7))) > 0
    assert not (np.any(found, axis=0) & ~near).any()


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_no_wire_is_not_found(turned):
    """A skyline, a mast, a short line, a bar; the same where there is no sky, but texture."""
    image = sky()
    image[250:260, :] = 30
    cv2.line(image, (300, 20), (305, 260), (40, 40, 40), 2)
    cv2.line(image, (100, 100), (180, 120), (40, 40, 40), 2)
    cv2.line(image, (0, 60), (600, 80), (40, 40, 40), 16)
    assert not wires.find(image[::-1].copy() if turned else image)


def test_a_line_below_what_hides_the_sky_is_no_wire_nor_is_a_horizon():
    """A hull of the sky's colour with a stripe, below the dark deck; the same stripe before the open sky is a wire."""
    image = sky()
    image[80:120, 40:] = 30
    cv2.line(image, (40, 160), (599, 170), (40, 40, 40), 2)
    assert not wires.find(image)
    horizon = sky()
    horizon[150:] = (60, 90, 40)
    cv2.line(horizon, (0, 150), (599, 150), (30, 30, 30), 2)
    assert not wires.find(horizon)


def tiles(image: np.ndarray) -> np.ndarray:
    image[:] = (205, 208, 210)
    image[40::80] = image[41::80] = 90
    image[:, 30::80] = image[:, 31::80] = 90
    return image


def beam(image: np.ndarray) -> np.ndarray:
    return cv2.line(image, (0, 60), (599, 80), (60, 60, 60), 6, cv2.LINE_AA)


def floating(image: np.ndarray) -> np.ndarray:
    return cv2.line(image, (200, 120), (400, 130), (60, 60, 60), 2, cv2.LINE_AA)


def cloud(image: np.ndarray) -> np.ndarray:
    """The lower edges of clouds, which are dark and soft."""
    x, y = np.meshgrid(np.arange(600), np.arange(400))
    dark = np.exp(-(((y - 100 - x / 20 + 2 * np.sin(x / 9)) / 6) ** 2)) + np.exp(-(((y - 104) / 12) ** 2))
    return (image - 25 * dark[..., None]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("draw", [tiles, beam, floating, cloud], ids=lambda draw: draw.__name__)
def test_what_is_thin_before_a_skys_colour_but_no_wire_is_not_found(draw):
    assert not wires.find(draw(sky()))


def test_a_wire_is_found_once_though_sharpening_has_left_light_beside_it():
    image = sky()
    for off, shade, thickness in ((0, 70, 2), (4, 225, 1)):
        cv2.line(image, (0, 60 + off), (599, 100 + off), (shade, shade, shade), thickness, cv2.LINE_AA)
    assert len(wires.find(image)) == 1


@settings(max_examples=20)
@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(0, 2**32 - 1))
def test_any_picture_has_wires_of_its_size_or_none(size, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    assert all(mask.shape == size for mask in distractions.without_model(picture))


def test_the_engine_and_the_server_give_each_as_it_is(engine):
    image, truth = wired(sky())
    cv2.circle(image, (520, 200), 2, (120, 140, 160), -1)
    masks = engine.segment(image, scene=Scene.DISTRACTIONS)
    assert len(masks) == len(WIRES) + 1
    whole = np.maximum.reduce([mask.alpha for mask in masks]) > 127
    assert whole[200, 520] and all(whole[wire].mean() > 0.85 for wire in truth)
    assert whole.mean() < 0.05, "what is between the wires is not one of them"
    prompt = ObjectPrompt(scene=Scene.DISTRACTIONS)
    shown = proposed(result_of(engine, preview_masks(Job.SELECT, encoded(engine, image), prompt)), (600, 400))
    assert len(shown) == len(masks)


def test_a_photo_without_any_says_so_and_no_click_corrects_them(engine):
    with pytest.raises(UserError, match="Neither wires") as caught:
        engine.segment(np.full((60, 90, 3), 90, np.uint8), scene=Scene.DISTRACTIONS)
    assert "sam3" in str(caught.value)
    with pytest.raises(UserError, match="not both"):
        checked(ObjectPrompt(scene=Scene.DISTRACTIONS, points=((3, 3),), labels=(1,)), (60, 40))


def test_people_who_are_the_subject_stay():
    one, other = np.zeros((2, 9, 9), bool)
    one[:5], other[4:] = True, True
    assert distractions.is_new(one, [other]) and not distractions.is_new(one, [one])
    assert not distractions.is_new(np.zeros((9, 9), bool), [])

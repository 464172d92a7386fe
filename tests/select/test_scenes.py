"""Subject, background and sky, found without a click."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.select import scenes
from inference_server.select.prompts import checked
from inference_server.shared.geometry import whole
from inference_server.shared.messages import Job, Locate, ObjectPrompt, Scene, Segment, Target

from ..asking import as_array, attach_pixels, preview_masks, proposed, result_of
from ..conftest import encoded

PARTS = (Scene.SUBJECT, Scene.BACKGROUND, Scene.SKY)
BALL = (240, 200, 60)  # x and y of the middle, radius


@pytest.fixture(scope="module")
def landscape() -> np.ndarray:
    """A blue sky above a dark, grainy meadow, and a red ball in front of both, (400, 600, 3) uint8."""
    random = np.random.default_rng(3)
    image = np.empty((400, 600, 3), np.uint8)
    image[:220], image[220:] = (130, 170, 225), (40, 80, 35)
    image = cv2.add(image, random.integers(0, 6, image.shape, np.uint8))
    image[220:] = cv2.add(image[220:], random.integers(0, 40, image[220:].shape, np.uint8))
    x, y, radius = BALL
    cv2.circle(image, (x, y), radius, (210, 45, 40), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (3, 3), 0)


@pytest.fixture(scope="module")
def truth() -> dict[Scene, np.ndarray]:
    rows, columns = np.mgrid[:400, :600]
    ball = np.hypot(columns - BALL[0], rows - BALL[1]) < BALL[2]
    return {Scene.SUBJECT: ball, Scene.BACKGROUND: ~ball, Scene.SKY: (rows < 220) & ~ball}


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    return np.count_nonzero(found & truth) / np.count_nonzero(found | truth)


@pytest.mark.parametrize("scene", PARTS)
def test_each_part_of_a_scene_is_found(engine, landscape, truth, scene):
    (mask,) = engine.segment(landscape, scene=scene)
    overlap = iou(mask.alpha > 127, truth[scene])
    print(f"{scene}: IoU {overlap:.3f}")
    assert overlap > 0.93


def test_the_subject_of_a_photograph_is_the_rocket_or_what_it_stands_on(engine, photo, rocket):
    (mask,) = engine.segment(photo, scene=Scene.SUBJECT)
    assert np.count_nonzero((mask.alpha > 127) & (rocket > 127)) > 0.9 * np.count_nonzero(rocket > 127)


@pytest.mark.parametrize("scene", PARTS)
def test_the_server_answers_as_the_engine_does(engine, landscape, truth, scene):
    image, prompt, size = encoded(engine, landscape), ObjectPrompt(scene=scene), (600, 400)
    shown = proposed(result_of(engine, preview_masks(Job.SELECT, image, prompt)), size)
    assert len(shown) == 1 and iou(shown[0] > 127, truth[scene]) > 0.93
    located, _ = result_of(engine, Locate(job=Job.SELECT, image=image, target=Target(prompts=(prompt,))))
    frames: list[bytes] = []
    window = located.window
    pixels = attach_pixels(landscape[window.slices], frames)
    message = Segment(image=image, target=Target(prompts=(prompt,)), window=window, pixels=pixels)
    segmented, packed = result_of(engine, message, frames)
    mask = np.zeros((400, 600), np.uint8)
    mask[segmented.window.slices] = as_array(segmented.mask, packed)
    assert iou(mask > 127, truth[scene]) > 0.93


def test_the_subject_takes_few_passes_of_the_decoder_and_the_background_no_more(engine, landscape, passes):
    """Twelve of them take as long as one of the encoder."""
    for scene in (Scene.SUBJECT, Scene.BACKGROUND):
        engine.segment(landscape[:, ::-1].copy(), scene=scene)
    assert len(passes) <= scenes.PLACES


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (64, 64)])
@pytest.mark.parametrize("scene", PARTS)
def test_a_flat_photo_of_any_size_has_none_of_them(engine, size, scene):
    with pytest.raises(UserError) as caught:
        engine.segment(np.full((*size, 3), 90, np.uint8), scene=scene)
    assert "Click on what you mean." in str(caught.value)


def test_a_photo_without_a_sky_says_so(engine):
    random = np.random.default_rng(5)
    with pytest.raises(UserError, match="No sky was found"):
        engine.segment(random.integers(0, 256, (300, 400, 3), np.uint8), scene=Scene.SKY)


@pytest.mark.parametrize(
    "other",
    [dict(box=(1, 1, 20, 20)), dict(text="sky")],
)
def test_a_scene_excludes_boxes_and_names(other):
    with pytest.raises(UserError, match="corrected by clicks alone"):
        checked(ObjectPrompt(scene=Scene.SKY, **other), (60, 40))


@pytest.mark.parametrize(
    ("above", "below", "found"),
    [
        ((130, 170, 225), (60, 90, 40), True),
        ((225, 225, 225), (90, 90, 90), True),  # clouds
        ((40, 90, 170), (235, 238, 240), True),  # above snow
        ((230, 150, 90), (40, 35, 30), True),  # at sunset
        ((95, 105, 115), (100, 108, 116), False),  # a part of the water
        ((100, 185, 185), (80, 75, 70), False),  # painted boards
        ((150, 150, 150), (130, 130, 130), False),  # a wall
    ],
)
def test_the_sky_is_told_from_other_smooth_things_at_the_top(above, below, found):
    picture = np.empty((60, 80, 3), np.uint8)
    picture[:30], picture[30:] = above, below
    logits = np.where(np.arange(60) < 30, np.float32(8), np.float32(-8))[None, :, None].repeat(80, axis=2)
    assert (scenes.sky(picture, lambda _: (logits, np.ones(1, np.float32))) is not None) == found


def everything_or_nothing(value: float) -> scenes.Ask:
    return lambda _: (np.full((1, 16, 16), value, np.float32), np.ones(1, np.float32))


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(0, 2**32 - 1))
def test_a_mask_of_everything_or_of_nothing_is_none(size, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    for value in (-8.0, 8.0):
        assert scenes.subject(picture, everything_or_nothing(value)) is None
        assert scenes.sky(picture, everything_or_nothing(value)) is None


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(0, 2**32 - 1))
def test_the_places_that_stand_out_lie_in_the_map(size, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    prominence = scenes.standing_out(picture)
    assert ((prominence >= 0) & (prominence <= 1)).all()
    found = scenes.places(prominence)
    assert len(found) <= scenes.PLACES
    for x, y in found:
        assert prominence[int(y), int(x)] > 0


def test_the_background_is_all_but_the_subject(engine, landscape):
    subject, background = (engine.segment(landscape, scene=s)[0] for s in (Scene.SUBJECT, Scene.BACKGROUND))
    both = subject.inside(whole(600, 400), landscape) > 127
    neither = background.inside(whole(600, 400), landscape) <= 127
    assert np.count_nonzero(both != neither) < 0.01 * both.size


def test_clicks_add_to_a_scene_and_take_away_from_it(engine, landscape, truth):
    meadow, sky = ((550, 350), (300, 30))
    added = engine.segment(landscape, [meadow], [1], scene=Scene.SUBJECT)
    assert len(added) <= 3
    ground = ~truth[Scene.SKY] & ~truth[Scene.SUBJECT]
    assert iou(added[0].alpha > 127, truth[Scene.SUBJECT] | ground) > 0.9
    both = engine.segment(landscape, [meadow, sky, sky], [1, 1, 0], scene=Scene.SUBJECT)[0].alpha > 127
    assert iou(both, truth[Scene.SUBJECT] | ground) > 0.85
    background = engine.segment(landscape, [sky], [0], scene=Scene.BACKGROUND)[0].alpha > 127
    assert iou(background, ground) > 0.85


@pytest.mark.parametrize("labels", [(1, 0, 1), (0, 0, 0), (1, 1, 0)])
def test_a_scene_agrees_with_the_last_click_whatever_the_clicks(engine, landscape, labels):
    random = np.random.default_rng(sum(labels))
    points = [(int(px), int(py)) for px, py in random.integers((0, 0), (600, 400), (3, 2))]
    for masks in (
        engine.segment(landscape, points, labels, scene=scene) for scene in (Scene.SUBJECT, Scene.BACKGROUND, Scene.SKY)
    ):
        column, row = (int(p * c) for p, c in zip(points[-1], masks[0].cells, strict=True))
        assert (masks[0].decoded[row, column] > 0) == bool(labels[-1])

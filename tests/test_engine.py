"""The engine with its real starter models on a real photograph."""

import time

import numpy as np
import pytest

from inference_server import Engine, UserError
from inference_server.models.store import Store
from inference_server.select.segmenters.onnx_pair import OnnxPair

from .conftest import CLICK


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a > 127) & (b > 127)).sum() / ((a > 127) | (b > 127)).sum())


# -- selecting


def test_a_click_offers_masks_that_differ_best_first(engine, photo):
    masks = engine.segment(photo, [CLICK], [1])
    assert len(masks) == 3
    for mask in masks:
        assert mask.alpha.shape == photo.shape[:2] and mask.alpha.dtype == np.uint8
        assert 0 < mask.score <= 1
        assert np.mean((mask.alpha > 0) & (mask.alpha < 255)) < 0.1, "only the edge is soft"
    # The rocket stands between x = 305 and 340 and is 280 pixels high.
    ys, xs = np.nonzero(masks[0].alpha)
    assert xs.min() > 295 and xs.max() < 350 and np.ptp(ys) > 250


def test_a_click_that_says_not_this_takes_its_part_away(engine, photo, rocket):
    tower = (150, 300)
    both = engine.segment(photo, [CLICK, tower], [1, 1])[0].alpha
    one = engine.segment(photo, [CLICK, tower], [1, 0])[0].alpha
    assert both[300, 150] == 255 and one[300, 150] == 0
    assert overlap(one, rocket) > 0.95


def test_a_box_finds_what_is_in_it_whichever_corner_comes_first(engine, photo, rocket):
    box = engine.segment(photo, box=(300, 115, 345, 400))[0].alpha
    assert overlap(box, rocket) > 0.8
    assert (engine.segment(photo, box=(345, 400, 300, 115))[0].alpha == box).all()


def test_the_answer_depends_on_the_clicks_alone(photo, models, encoded_once):
    clicks, labels = [CLICK, (150, 300), (320, 350)], [1, 0, 1]
    one_by_one, at_once = Engine(Store(models)), Engine(Store(models))
    for k in (1, 2, 3):
        step_by_step = one_by_one.segment(photo, clicks[:k], labels[:k])[0]
    assert (step_by_step.logits == at_once.segment(photo, clicks, labels)[0].logits).all()


def test_a_click_on_a_known_photo_does_not_run_the_encoder_again(photo, models, encoded_once, monkeypatch):
    encoded, encode = [], OnnxPair.encode
    monkeypatch.setattr(
        OnnxPair, "encode", lambda self, proxy, *watch: encoded.append(1) or encode(self, proxy, *watch)
    )
    engine = Engine(Store(models))
    for click in (CLICK, (150, 300), (5, 5)):
        engine.segment(photo.copy(), [click], [1])
    assert len(encoded) == 1
    engine.segment(255 - photo, [CLICK], [1])
    assert len(encoded) == 2


def test_one_more_click_costs_one_decoder_pass_however_many_there_were(photo, models, encoded_once, monkeypatch):
    decoded, decode = [], OnnxPair.decode
    monkeypatch.setattr(OnnxPair, "decode", lambda self, *question: decoded.append(1) or decode(self, *question))
    engine = Engine(Store(models))
    clicks = [(320 + k % 5, 150 + 9 * k) for k in range(20)]
    for k in range(1, 21):
        engine.segment(photo, clicks[:k], [1] * k)
        assert len(decoded) == k + 1  # the first is asked twice: again with its own box


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_a_photo_of_more_depth_gives_the_same_mask(engine, photo, rocket, depth):
    deep = photo.astype(depth) * 257 if depth == np.uint16 else photo.astype(depth) / 255
    assert overlap(engine.segment(deep, [CLICK], [1])[0].alpha, rocket) > 0.99


def test_a_mask_keeps_its_place_at_any_resolution(engine, photo, rocket):
    """The same photo four times as large: the same object, four times as large; a pixel off all around is .91."""
    large = photo.repeat(4, axis=0).repeat(4, axis=1)
    mask = engine.segment(large, [(CLICK[0] * 4 + 2, CLICK[1] * 4 + 2)], [1])[0]
    assert mask.alpha.shape == large.shape[:2]
    assert overlap(mask.alpha[2::4, 2::4], rocket) > 0.95


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_a_photo_of_odd_size_gives_a_mask_of_its_size(engine, size):
    image = np.full((*size, 3), 90, np.uint8)
    assert engine.segment(image, [(0, 0)], [1])[0].alpha.shape == size


def test_the_last_row_and_column_can_be_clicked(engine, photo):
    assert engine.segment(photo, [(639, 426)], [1])[0].alpha.shape == photo.shape[:2]


def test_200_clicks_are_taken(engine, photo):
    clicks = [(float(CLICK[0]), 100 + 1.2 * k) for k in range(200)]
    masks = engine.segment(photo, clicks, [1] * 200)
    assert masks[0].alpha.shape == photo.shape[:2]


def test_a_float_photo_with_nan_is_selected_in(engine, photo):
    image = photo.astype(np.float32) / 255
    image[:50] = np.nan
    assert engine.segment(image, [CLICK], [1])[0].alpha.any()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (dict(points=[(640, 5)], labels=[1]), "outside the picture"),
        (dict(points=[(-1, 5)], labels=[1]), "outside the picture"),
        (dict(points=[(float("nan"), 5)], labels=[1]), "outside the picture"),
        (dict(points=[(5, 5)], labels=[0]), "No click says what is meant"),
        (dict(), "No click says what is meant"),
        (dict(points=[(5, 5)], labels=[]), "1 points but 0 labels"),
        (dict(points=[(5, 5)], labels=[2]), "A label is 1"),
        (dict(box=(5, 5, 5, 50)), "The box is empty"),
        (dict(box=(700, 5, 800, 50)), "The box is empty"),
        (dict(box=(5, 5, float("inf"), 50)), "four numbers"),
    ],
)
def test_clicks_that_are_refused(engine, photo, wrong, says):
    with pytest.raises(UserError, match=says):
        engine.segment(photo, **wrong)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 2), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5, 3), np.float64),
        np.zeros((5, 5, 3), np.int32),
        [[[1, 2, 3]]],
    ],
)
def test_images_that_are_refused(engine, image):
    with pytest.raises(UserError, match="The image must be"):
        engine.segment(image, [(0, 0)], [1])
    with pytest.raises(UserError, match="The image must be"):
        engine.remove(image, np.zeros((5, 5), np.uint8))


# -- removing


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [3, 4])
def test_removing_changes_the_object_and_not_a_bit_outside(engine, photo, rocket, depth, channels):
    image = photo.astype(depth)
    image = image * 257 if depth == np.uint16 else image / np.float32(255) if depth == np.float32 else image
    if channels == 4:
        image = np.dstack(
            [image, np.full(photo.shape[:2], image.dtype.type(1 if depth == np.float32 else np.iinfo(depth).max))]
        )
    before = image.copy()
    grow, feather = 5, 2
    clean = engine.remove(image, rocket, grow=grow, feather=feather)
    assert clean.shape == image.shape and clean.dtype == image.dtype
    assert (image == before).all()
    rows, columns = np.nonzero(rocket)
    far = np.ones(rocket.shape, bool)
    far[max(0, rows.min() - 8) : rows.max() + 9, max(0, columns.min() - 8) : columns.max() + 9] = False
    assert clean[far].tobytes() == image[far].tobytes()
    changed = np.abs(clean[..., :3].astype(np.float64) - image[..., :3]).max(axis=2)[rocket > 0]
    assert (changed > 0).mean() > 0.95
    # The rocket is bright in a dark sky; what replaces its upper part is dark.
    top = np.zeros(rocket.shape, bool)
    top[rows.min() : rows.min() + 150] = rocket[rows.min() : rows.min() + 150] > 0
    full = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[depth]
    assert clean[top][:, :3].mean() / full < 0.35 < image[top][:, :3].mean() / full


def test_a_mask_taken_as_it_is_changes_exactly_its_pixels(engine, photo, rocket):
    clean = engine.remove(photo, rocket, grow=0, feather=0)
    assert (clean[rocket == 0] == photo[rocket == 0]).all()


def test_more_depth_than_8_bits_is_used(engine, photo, rocket):
    clean = engine.remove(photo.astype(np.uint16) * 257, rocket, grow=0, feather=0)
    assert len(np.unique(clean[rocket > 0] % 257)) > 50


def test_the_same_request_gives_the_same_pixels(engine, photo, rocket):
    assert (engine.remove(photo, rocket, seed=3) == engine.remove(photo, rocket, seed=3)).all()


def test_another_seed_gives_another_result(engine, photo, rocket):
    assert (engine.remove(photo, rocket, seed=3) != engine.remove(photo, rocket, seed=4)).any()


def test_values_beyond_white_are_kept_and_continued(engine, photo, rocket):
    bright = photo.astype(np.float32) / 255 * 8
    clean = engine.remove(bright, rocket)
    assert (clean[:50] == bright[:50]).all()
    surroundings = bright[200, 270:295].mean()
    assert 0.5 < clean[200, CLICK[0]].mean() / surroundings < 2


def test_nan_elsewhere_stays_and_does_not_spread(engine, photo, rocket):
    image = photo.astype(np.float32) / 255
    image[150:160, 280:290] = np.nan
    clean = engine.remove(image, rocket)
    assert np.isnan(clean).sum() == np.isnan(image).sum()


def test_transparent_pixels_are_not_copied_into_the_hole(engine):
    rng = np.random.default_rng(2)
    image = np.dstack([rng.integers(90, 110, (120, 160, 3), np.uint8), np.full((120, 160), 255, np.uint8)])
    image[:, 100:] = (255, 0, 255, 0)
    mask = np.zeros((120, 160), np.uint8)
    mask[40:80, 60:95] = 255
    clean = engine.remove(image, mask, grow=0, feather=0)
    filled = clean[mask > 0]
    assert filled[:, :3].min() >= 75 and filled[:, :3].max() <= 125, "some of what is transparent, 255 or 0, shows"
    assert (filled[:, 3] > 200).mean() > 0.8


@pytest.mark.parametrize(
    "where", [np.s_[0:1, 0:1], np.s_[426:427, 639:640], np.s_[380:427, :], np.s_[:, 0:30], np.s_[200:201, 300:301]]
)
def test_masks_at_the_edges_are_filled(engine, photo, where):
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[where] = 255
    spoilt = photo.copy()
    spoilt[where] = (255, 0, 255)
    clean = engine.remove(spoilt, mask)
    assert clean.shape == photo.shape
    assert not (clean[where] == (255, 0, 255)).all(axis=-1).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda mask: mask * 0, "The mask is empty"),
        (lambda mask: mask * 0 + 255, "covers everything"),
        (lambda mask: mask[:-1], "of the image's height and width"),
        (lambda mask: mask.astype(bool), "uint8"),
        (lambda mask: mask[..., None], "of the image's height and width"),
    ],
)
def test_masks_that_are_refused(engine, photo, rocket, change, says):
    with pytest.raises(UserError, match=says):
        engine.remove(photo, change(rocket))


def test_negative_growth_is_refused(engine, photo, rocket):
    with pytest.raises(UserError, match="cannot be negative"):
        engine.remove(photo, rocket, grow=-2)


def test_progress_goes_up_and_says_what_happens(engine, photo, rocket):
    heard = []
    engine.remove(photo, rocket, progress=lambda share, word: heard.append((share, word)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] >= 0 and 0.3 < shares[-1] <= 1
    assert all(word for _, word in heard)


def test_cancel_ends_the_work_within_a_second(engine, photo):
    """Of the processor, on a hole that takes seconds of it."""
    large = photo.repeat(3, axis=0).repeat(3, axis=1)
    mask = np.zeros(large.shape[:2], np.uint8)
    mask[200:1000, 300:1500] = 255
    asked = []

    def cancelled() -> bool:
        asked.append(time.process_time())
        return len(asked) > 1 and asked[-1] - asked[0] > 0.5

    with pytest.raises(UserError, match="Cancelled"):
        engine.remove(large, mask, cancelled=cancelled)
    assert time.process_time() - asked[-1] < 1


@pytest.mark.parametrize("job", ["fill", "replace"])
def test_painting_from_a_prompt_says_which_model_is_missing_and_what_brings_it(engine, photo, rocket, job):
    with pytest.raises(UserError, match=r"needs the model Stable Diffusion, .*models fetch sd15-inpainting"):
        getattr(engine, job)(photo, rocket, prompt="a teddy bear")


# -- other ways to say what is meant


def test_a_rough_stroke_means_the_object_under_it(engine, photo, rocket):
    stroke = np.zeros(photo.shape[:2], np.uint8)
    stroke[150:390, 312:332] = 255
    assert overlap(engine.segment(photo, mask=stroke)[0].alpha, rocket) > 0.8
    with pytest.raises(UserError, match="rough mask is empty"):
        engine.segment(photo, mask=np.zeros(photo.shape[:2], np.uint8))
    with pytest.raises(UserError, match="mask must be"):
        engine.segment(photo, mask=stroke[:-1])


def test_a_name_needs_the_model_that_reads_and_nothing_beside_it(engine, photo):
    with pytest.raises(UserError, match="sam3"):
        engine.segment(photo, text="the rocket")
    with pytest.raises(UserError, match="either named or pointed at"):
        engine.segment(photo, [CLICK], [1], text="the rocket")


def test_a_soft_edge_has_soft_values(engine, photo, rocket):
    soft = engine.segment(photo, [CLICK], [1], soft_edge=True)[0].alpha
    assert overlap(soft, rocket) > 0.8
    assert np.count_nonzero((soft > 0) & (soft < 255)) > np.count_nonzero((rocket > 0) & (rocket < 255))


def test_embeddings_are_bounded_in_memory_and_the_last_used_stay(models, photo, encoded_once, monkeypatch):
    engine, encoded, encode = Engine(Store(models)), [], OnnxPair.encode
    monkeypatch.setattr(
        OnnxPair, "encode", lambda self, image, *watch: encoded.append(1) or encode(self, image, *watch)
    )
    engine.segment(photo, [CLICK], [1])
    (first,) = engine._selector._encoded.values()
    monkeypatch.setattr("inference_server.select.selector.MEMORY", 5 * first.nbytes // 2)  # two of them
    for shift in (1, 0, 2, 0):
        engine.segment(np.roll(photo, shift, axis=1), [CLICK], [1])
    assert len(encoded) == 3
    engine.segment(np.roll(photo, 1, axis=1), [CLICK], [1])
    assert len(encoded) == 4

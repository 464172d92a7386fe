"""What a live overlay is told: a first look, a better one, and whatever the person then does with it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server import Engine, UserError, masks, protocol, region, shapes
from inference_server.jobs import perform
from inference_server.models.store import Store
from inference_server.protocol import Clicks, Find, Inpaint, Locate, Photo, Segment
from inference_server.segmenters.onnx_pair import OnnxPair
from inference_server.wire import ProtocolError, attach, extract

from .conftest import CLICK
from .small_models import picture

POINTED = Clicks((CLICK,), (1,))
WITHOUT = Clicks((CLICK, (300, 420)), (1, 0))


def ask(engine, message, frames=(), cancelled=lambda: False):
    """All the answers, each with its frames."""
    answers = []
    last = perform(engine, message, frames, lambda *_: None, cancelled, lambda *some: answers.append(some))
    return [*answers, last]


def described(image):
    """A photo as a client describes it, and the frame its proxy is in."""
    proxy, frames = region.to_proxy(image), []
    height, width = proxy.shape[:2]
    key = protocol.photo_key(width, height, proxy.tobytes())
    raster = attach(frames, width, height, 3, "uint8", proxy.tobytes())
    return Photo(image.shape[1], image.shape[0], key, raster), frames


def hint(mask, frames):
    return attach(frames, mask.shape[1], mask.shape[0], 1, "uint8", mask.tobytes(), pack=True)


def drawn(answer, size):
    """The masks (h, w) uint8 of an answer, in a proxy of this (width, height)."""
    found, frames = answer
    planes = []
    for shape in found.shapes:
        plane, place = np.zeros(size[::-1], np.uint8), region.Window(*shape.place)
        part = np.frombuffer(extract(shape.mask, frames), np.uint8)
        plane[place.slices] = part.reshape(place.height, place.width)
        planes.append(plane)
    return planes


def overlap(a, b):
    a, b = a > 127, b > 127
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.fixture(scope="module")
def known(engine, photo):
    """The photograph, at which the engine has looked."""
    description, frames = described(photo)
    ask(engine, protocol.Look(description), frames)
    return replace(description, proxy=None)


@pytest.fixture(scope="module")
def large(photo):
    """The photograph at four times its size: larger than its proxy."""
    return cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def passes(monkeypatch):
    """The passes of the decoder that were made."""
    made, decode = [], OnnxPair.decode
    monkeypatch.setattr(OnnxPair, "decode", lambda self, *question: made.append(1) or decode(self, *question))
    return made


@pytest.fixture
def fresh(models, photo):
    """An engine that has looked at the photo and was asked nothing, and the photo."""
    engine = Engine(Store(models))
    description, frames = described(photo)
    ask(engine, protocol.Look(description), frames)
    return engine, replace(description, proxy=None)


# -- two looks


def test_a_first_look_comes_and_then_a_better_one_of_the_same_masks_in_the_same_order(fresh, rocket):
    engine, known = fresh
    first, second = ask(engine, Find("select", known, POINTED))
    assert (first[0].more, second[0].more) == (1, 0)
    assert [shape.score for shape in first[0].shapes] == [shape.score for shape in second[0].shapes]
    early, late = drawn(first, (640, 427)), drawn(second, (640, 427))
    assert len(early) == len(late) == 3
    for k, mask in enumerate(early):
        assert np.argmax([overlap(mask, other) for other in late]) == k
    # The photo is its own proxy: the second look is at what the job will see.
    assert (late[0] == rocket).all()
    assert overlap(early[0], rocket) > 0.8


def test_bounds_are_tight(fresh):
    engine, known = fresh
    for answer in ask(engine, Find("remove", known, POINTED)):
        for shape, mask in zip(answer[0].shapes, drawn(answer, (640, 427)), strict=True):
            assert shape.place == region.bounds(mask)


def test_a_quick_look_is_the_first_one_and_the_only_one(fresh, passes):
    engine, known = fresh
    ((quick, frames),) = ask(engine, Find("remove", known, POINTED, quick=True))
    assert quick.more == 0 and len(passes) == 1
    first, _ = ask(engine, Find("remove", known, POINTED))
    assert (replace(first[0], more=0), first[1]) == (quick, frames)


def test_the_first_look_comes_after_one_pass_and_the_second_after_one_more(fresh, passes):
    engine, known = fresh
    made = []
    perform(engine, Find("fill", known, POINTED), [], print, lambda: False, lambda *_: made.append(len(passes)))
    assert made == [1] and len(passes) == 2


def test_a_click_where_the_pointer_rested_is_answered_from_memory(fresh, passes):
    engine, known = fresh
    ask(engine, Find("remove", known, POINTED, quick=True))
    passes.clear()
    made = []
    perform(engine, Find("remove", known, POINTED), [], print, lambda: False, lambda *_: made.append(len(passes)))
    assert made == [0] and len(passes) == 1
    passes.clear()
    ask(engine, Find("remove", known, WITHOUT, quick=True))  # the pointer rests somewhere else
    assert len(passes) == 1
    ask(engine, Find("remove", known, WITHOUT))
    assert len(passes) == 1, "of two clicks there is no second pass"


def test_pointing_around_for_long_forgets_no_click(fresh, passes):
    engine, known = fresh
    ask(engine, Find("remove", known, POINTED))
    passes.clear()
    for k in range(40):
        ask(engine, Find("remove", known, Clicks((CLICK, (5 + 9 * k, 300)), (1, 0)), quick=True))
    assert len(passes) == 40


def test_what_was_shown_is_there_at_once_with_another_growth(fresh, passes):
    engine, known = fresh
    *_, (found, _) = ask(engine, Find("remove", known, POINTED))
    passes.clear()
    (again,) = ask(engine, Find("remove", known, POINTED, grow=30))
    assert not passes and again[0].more == 0
    for shape, grown in zip(found.shapes, again[0].shapes, strict=True):
        assert grown.place[2] > shape.place[2]
    assert len(ask(engine, Find("remove", known, POINTED, soft_edge=True))) == 2, "another edge is another question"


# -- the mask that was taken


def test_another_mask_that_was_taken_is_what_the_next_click_mends(engine, known):
    """A second click on what all have in common leaves the rocket the rocket, and the launch pad with it what it is."""
    *_, second = ask(engine, Find("select", known, POINTED))
    rocket, _, with_pad = drawn(second, (640, 427))
    again = Clicks((CLICK, (322, 350)), (1, 1))
    for chosen, same, other in (((), rocket, with_pad), ((0, 2), with_pad, rocket)):
        *_, after = ask(engine, Find("select", known, replace(again, chosen=chosen)))
        mended = drawn(after, (640, 427))[0]
        assert overlap(mended, same) > 0.9 > 0.7 > overlap(mended, other)


def test_the_choice_after_the_last_click_is_what_is_located_selected_and_painted(engine, known, photo):
    *_, second = ask(engine, Find("select", known, POINTED))
    for k, shape in enumerate(second[0].shapes):
        clicks = replace(POINTED, chosen=(0, k))
        ((located, _),) = ask(engine, Locate("select", known, clicks))
        assert np.abs(np.subtract(located.bounds, shape.place)).max() <= 8
        frames = []
        pixels = attach(frames, 640, 427, 3, "uint8", photo.tobytes())
        ((selected, packed),) = ask(engine, Segment(known, clicks, (0, 0, 640, 427), pixels), frames)
        assert selected.window == shape.place
        assert extract(selected.mask, packed) == extract(shape.mask, second[1])
    # The last of them, in a window that holds no more than a part of it.
    frames = []
    pixels = attach(frames, 50, 100, 3, "uint8", np.ascontiguousarray(photo[200:300, 300:350]).tobytes())
    ((painted, packed),) = ask(engine, Inpaint("remove", known, (300, 200, 50, 100), pixels, clicks), frames)
    at = region.Window(*painted.window)
    part = np.frombuffer(extract(painted.mask, packed), np.uint8).reshape(at.height, at.width)
    assert overlap(part, drawn(second, (640, 427))[-1][at.slices]) > 0.95


def test_walking_through_the_masks_costs_no_pass(fresh, passes):
    engine, known = fresh
    ask(engine, Find("select", known, POINTED))
    passes.clear()
    for k in (0, 1, 2):
        ask(engine, Find("select", known, replace(POINTED, chosen=(0, k))))
        ask(engine, Locate("select", known, replace(POINTED, chosen=(0, k))))
    assert not passes
    for k in (0, 1, 2, 1):
        ask(engine, Find("select", known, replace(WITHOUT, chosen=(0, k, 1))))
    assert len(passes) == 3, "what was taken before the last click is another question each time"
    ask(engine, Find("select", known, replace(WITHOUT, chosen=(0,))))
    ask(engine, Find("select", known, WITHOUT))
    assert len(passes) == 3, "the best is what is taken where nothing is said"


def test_the_mask_taken_of_a_box_is_what_the_first_click_mends(engine, known):
    box = Clicks(box=(180.0, 60.0, 460.0, 420.0))
    *_, alone = ask(engine, Find("select", known, box))
    answers = []
    for k in range(len(alone[0].shapes)):
        *_, after = ask(engine, Find("select", known, replace(box, points=(CLICK,), labels=(1,), chosen=(k,))))
        answers.append(drawn(after, (640, 427))[0])
    assert any((answers[0] != other).any() for other in answers[1:])
    *_, plain = ask(engine, Find("select", known, replace(box, points=(CLICK,), labels=(1,))))
    assert (drawn(plain, (640, 427))[0] == answers[0]).all()


@pytest.mark.parametrize("chosen", [(0, 3), (0, -1), (0, 2**40), (0, 0, 0), (-1,)])
def test_a_choice_that_there_is_not_is_refused(engine, known, chosen):
    with pytest.raises(UserError) as refused:
        ask(engine, Locate("select", known, replace(POINTED, chosen=chosen)))
    assert refused.value.code == "wrong-input"


def test_a_choice_that_there_is_not_before_the_last_click_is_refused(engine, known):
    with pytest.raises(UserError, match="no mask number 8"):
        ask(engine, Find("select", known, replace(WITHOUT, chosen=(0, 7))))


def test_with_a_rough_mask_too_choices_are_counted_from_the_persons_own_clicks(engine, known, rocket):
    frames = []
    rough = hint(cv2.dilate(rocket, np.ones((9, 9), np.uint8)), frames)
    answers = {}
    for chosen in ((), (0,), (1,), (2,)):
        *_, last = ask(engine, Find("select", known, Clicks((CLICK,), (1,), chosen=chosen), rough=rough), frames)
        answers[chosen] = drawn(last, (640, 427))[0]
        ((located, _),) = ask(engine, Locate("select", known, Clicks(chosen=chosen), rough=rough), frames)
        assert located.score > 0
    assert (answers[()] == answers[(0,)]).all()
    assert any((answers[()] != answers[k]).any() for k in ((1,), (2,)))


# -- growing


@pytest.mark.parametrize("job", ["remove", "fill"])
@pytest.mark.parametrize(("grow", "feather"), [(None, None), (0, 0), (7, 2), (40, 10), (0, 30)])
def test_what_is_shown_is_what_is_painted(engine, large, job, grow, feather):
    """The alpha of the job's own mask at full resolution, scaled down: IoU of at least .95."""
    description, frames = described(large)
    width, height = protocol.proxy_size(2560, 1708)
    clicks = Clicks(((CLICK[0] * 4 + 2, CLICK[1] * 4 + 2),), (1,))
    *_, last = ask(engine, Find(job, description, clicks, grow=grow, feather=feather), frames)
    pixels = attach(frames, 2560, 1708, 3, "uint8", large.tobytes())
    ((found, packed),) = ask(engine, Segment(description, clicks, (0, 0, 2560, 1708), pixels), frames)
    mask, place = np.zeros((1708, 2560), np.uint8), region.Window(*found.window)
    mask[place.slices] = np.frombuffer(extract(found.mask, packed), np.uint8).reshape(place.height, place.width)
    alpha = masks.grow_and_feather(mask, *masks.suited(grow, feather, (2560, 1708)))
    assert (
        overlap(drawn(last, (width, height))[0], cv2.resize(alpha, (width, height), None, 0, 0, cv2.INTER_AREA)) > 0.95
    )


def test_what_is_shown_is_what_a_removal_shows_its_pixels_through(engine, known, photo):
    """The photo is its own proxy, so nothing but where the window ends may differ."""
    *_, last = ask(engine, Find("remove", known, POINTED))
    ((located, _),) = ask(engine, Locate("remove", known, POINTED))
    window, frames = region.Window(*located.window), []
    part = np.ascontiguousarray(photo[window.slices])
    pixels = attach(frames, window.width, window.height, 3, "uint8", part.tobytes())
    ((painted, packed),) = ask(engine, Inpaint("remove", known, located.window, pixels, POINTED), frames)
    alpha, at = np.zeros((427, 640), np.uint8), region.Window(*painted.window)
    alpha[at.slices] = np.frombuffer(extract(painted.alpha, packed), np.uint8).reshape(at.height, at.width)
    shown = drawn(last, (640, 427))[0]
    assert overlap(shown, alpha) > 0.99
    assert np.abs(shown.astype(int) - alpha).mean() < 0.1


@pytest.mark.parametrize("feather", [None, 20])
def test_a_replacement_keeps_what_is_shown(engine, known, rocket, feather):
    *_, last = ask(engine, Find("replace", known, POINTED, grow=50, feather=feather, include_shadow=True))
    kept = drawn(last, (640, 427))[0]
    assert (kept == masks.feathered_inwards(rocket, feather or 0)).all()
    assert ((kept < rocket).any(), (kept > rocket).any()) == (bool(feather), False)


def test_a_selection_is_neither_grown_nor_feathered(engine, known, rocket):
    *_, last = ask(engine, Find("select", known, POINTED, grow=9, feather=9))
    assert (drawn(last, (640, 427))[0] == rocket).all()


@given(
    hnp.arrays(bool, (12, 15)).map(lambda mask: mask.astype(np.uint8) * 255),
    st.integers(3, 30),
    st.integers(0, 30),
    st.sampled_from([3, 5, 7]),
)
def test_a_small_mask_grows_as_the_large_one_in_its_pixels_middles(mask, grow, feather, times):
    """But for the corners of its pixels, which are nearer than it knows by a fifth of a pixel, and for the quick
    distance, which is off by a fiftieth."""
    small = masks.grow_and_feather(mask, grow, feather, 1 / times)
    large = mask.repeat(times, 0).repeat(times, 1)
    off = int(np.ceil(0.21 * (times - 1) + (grow + feather + 1) / 50))
    less, more = (
        masks.grow_and_feather(large, grow + n, feather)[times // 2 :: times, times // 2 :: times] for n in (-off, off)
    )
    assert (less <= small).all() and (small <= more).all()


def test_less_than_a_pixel_of_growth_still_shows():
    mask = np.zeros((9, 9), np.uint8)
    mask[4, 4] = 255
    row = [masks.grow_and_feather(mask, grow, 1, 0.17)[4, 5] for grow in (0, 2, 3, 4)]
    assert row[0] == 0 and row[-1] == 255 and row == sorted(row)


@pytest.mark.parametrize("amounts", [{"grow": -1}, {"feather": -1}])
@pytest.mark.parametrize("job", ["remove", "fill"])
def test_negative_amounts_are_refused(engine, known, job, amounts):
    with pytest.raises(UserError, match="cannot be negative"):
        ask(engine, Find(job, known, POINTED, **amounts))


# -- without clicks, without an object, without much of a photo


def test_a_ready_mask_is_only_grown(engine, photo, rocket):
    frames = []
    rough = hint(rocket, frames)
    nothing_seen = Photo(640, 427, "never seen")
    ((found, packed),) = ask(engine, Find("remove", nothing_seen, rough=rough), frames)
    assert len(found.shapes) == 1 and found.more == 0
    assert (drawn((found, packed), (640, 427))[0] == masks.grow_and_feather(rocket, 7, 2)).all()
    ((found, packed),) = ask(engine, Find("select", nothing_seen, rough=rough, include_shadow=True, quick=True), frames)
    assert (drawn((found, packed), (640, 427))[0] == rocket).all()


def test_a_ready_mask_gets_its_shadow_in_a_second_look(engine):
    from .test_shadows import cast, ground, standing, taken

    mask = standing()
    light, shadow = cast(mask)
    image = taken(ground(8) * light, mask)
    description, frames = described(image)
    rough = hint(mask, frames)
    first, second = ask(engine, Find("select", description, rough=rough, include_shadow=True), frames)
    size = mask.shape[::-1]
    assert (drawn(first, size)[0] == mask).all()
    assert (drawn(second, size)[0] == engine.with_shadow(image, mask)).all()
    assert np.count_nonzero((drawn(second, size)[0] > 0) & shadow) > 0.5 * np.count_nonzero(shadow)
    pointed = Clicks(((170, 140),), (1,))
    *_, (found, packed) = ask(engine, Find("select", description, pointed, include_shadow=True), frames)
    assert overlap(drawn((found, packed), size)[0], drawn(second, size)[0]) > 0.8


def test_an_empty_mask_is_nothing_found(engine):
    frames = []
    rough = hint(np.zeros((427, 640), np.uint8), frames)
    for job in protocol.TITLES:
        assert ask(engine, Find(job, Photo(640, 427, ""), rough=rough), frames) == [(protocol.Found(()), [])]


def test_an_empty_one_among_others_keeps_its_place(engine, known, monkeypatch):
    select = type(engine.selector).select

    def without_the_second(*given, **named):
        found = select(*given, **named)
        return [replace(mask, logits=np.full_like(mask.logits, -9)) if k == 1 else mask for k, mask in enumerate(found)]

    monkeypatch.setattr(type(engine.selector), "select", without_the_second)
    for found, _ in ask(engine, Find("select", known, Clicks(((321, 201),), (1,)))):
        assert [bool(shape.outlines) for shape in found.shapes] == [True, False, True]
        assert found.shapes[1].place == (0, 0, 1, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (3, 2), (40, 30)])
@pytest.mark.parametrize("job", sorted(protocol.TITLES))
def test_a_photo_of_odd_size_is_answered(engine, size, job):
    image = picture(*size)
    description, frames = described(image)
    middle = ((size[0] - 0.5) / 2, (size[1] - 0.5) / 2)
    width, height = protocol.proxy_size(*size)
    for answer in ask(engine, Find(job, description, Clicks((middle,), (1,)), include_shadow=True), frames):
        for shape in answer[0].shapes:
            assert region.Window(*shape.place).inside(width, height)
            for line in shape.outlines:
                assert all(-0.05 <= x <= size[0] + 0.05 for x in line[0::2])
                assert all(-0.05 <= y <= size[1] + 0.05 for y in line[1::2])
    whole = hint(np.full((height, width), 255, np.uint8), frames)
    *_, (found, _) = ask(engine, Find(job, description, rough=whole), frames)
    assert found.shapes[0].place == (0, 0, width, height)
    assert set(found.shapes[0].outlines[0]) == {0.0, float(size[0]), float(size[1])}


@pytest.mark.parametrize(
    ("clicks", "words"),
    [
        (Clicks(((640.0, 5.0),), (1,)), "outside the picture"),
        (Clicks(((5.0, 5.0),), (0,)), "No click says"),
        (Clicks(), "No click says"),
        (Clicks(box=(700.0, 0.0, 800.0, 9.0)), "box is empty"),
    ],
)
def test_clicks_that_mean_nothing_are_refused(engine, known, clicks, words):
    with pytest.raises(UserError, match=words):
        ask(engine, Find("remove", known, clicks))


def test_what_contradicts_itself_is_refused(engine, known):
    frames = [bytes(640 * 427 * 4)]
    for message in (
        Find("sharpen", known, POINTED),
        Find("remove", known),
        Find("remove", known, rough=protocol.Raster(640, 426, 1, "uint8", 0)),
        Find("remove", known, rough=protocol.Raster(640, 427, 1, "float32", 0)),
        Find("remove", known, POINTED, rough=protocol.Raster(640, 427, 2, "uint16", 0)),
    ):
        with pytest.raises(ProtocolError):
            ask(engine, message, frames)
    with pytest.raises(ProtocolError, match="the size it has"):
        ask(engine, Find("remove", replace(known, width=641), POINTED))
    with pytest.raises(UserError, match="has not seen") as refused:
        ask(engine, Find("remove", Photo(640, 427, "another"), POINTED))
    assert refused.value.code == "unknown-photo"


@pytest.mark.parametrize("after", range(4))
def test_a_newer_question_is_heard_between_the_steps(fresh, passes, models, after):
    """Cancelled when it was asked so many times: nothing wrong is kept, and the next answer is the right one."""
    engine, known = fresh
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > after

    with pytest.raises(UserError) as refused:
        ask(engine, Find("remove", known, POINTED), cancelled=cancelled)
    assert refused.value.code == "cancelled" and len(passes) == (0, 1, 2, 2)[after]
    again = ask(engine, Find("remove", known, POINTED))
    assert len(again) == 2 and len(passes) == 2
    description, frames = described(engine.selector.known(known.key).proxy)
    assert again[-1] == ask(Engine(Store(models)), Find("remove", description, POINTED), frames)[-1]


# -- outlines


def rasterised(lines, width, height):
    """Whether each pixel's middle is within the polygons, by the even-odd rule: (height, width) bool."""
    inside = np.zeros((height, width), bool)
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    for line in lines:
        corners = np.reshape(line, (-1, 2))
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            rows = (y0 <= y) != (y1 <= y)
            crossing = x0 + (y[rows] - y0) * (x1 - x0) / (y1 - y0) if rows.any() else np.zeros(0)
            inside[rows] ^= x[None] > crossing[:, None]
    return inside


def inner(mask):
    """Pixels (h, w) bool all of whose neighbours are as they are; there is nothing beyond the picture."""
    padded = np.pad(mask, 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return (windows == mask[..., None, None]).all((2, 3))


SMALL = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
SMOOTH = SMALL.map(lambda mask: cv2.GaussianBlur(mask, (0, 0), 1.5))


@settings(max_examples=500, deadline=None)
@given(SMALL | SMOOTH)
def test_outlines_give_the_mask_back_but_for_its_rim(mask):
    """A line may cut off a corner, half a square's diagonal, and be off by half a pixel: less than the pixel and a half
    from a border to the middle of a pixel that does not touch it."""
    height, width = mask.shape
    lines = shapes.outlines(mask, (1.0, 1.0))
    assert all(len(line) >= 6 and len(line) % 2 == 0 for line in lines)
    inside = mask > 127
    differs = rasterised(lines, width, height) != inside
    assert not (differs & inner(inside)).any()


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 5), st.integers(0, 5), st.sampled_from([1.0, 5.86, 0.3]))
def test_a_rectangles_outline_is_its_own(width, height, x, y, scale):
    mask = np.zeros((y + height + 2, x + width + 3), np.uint8)
    mask[y : y + height, x : x + width] = 255
    (line,) = shapes.outlines(mask, (scale, 2 * scale))
    corners = {(round(a * scale, 1), round(b * 2 * scale, 1)) for a in (x, x + width) for b in (y, y + height)}
    assert {*zip(line[0::2], line[1::2], strict=True)} == corners and len(line) == 8


def test_a_ring_has_two_outlines():
    mask = np.zeros((100, 100), np.uint8)
    cv2.circle(mask, (50, 50), 40, 255, 15)
    lines = shapes.outlines(mask, (1.0, 1.0))
    areas = sorted(cv2.contourArea(np.reshape(line, (-1, 1, 2)).astype(np.float32)) for line in lines)
    assert len(areas) == 2
    rim = 2 * np.pi * (40 + 7.5 + 40 - 7.5)
    assert areas[1] - areas[0] == pytest.approx(np.count_nonzero(mask), abs=0.3 * rim)


@pytest.mark.parametrize("mask", ["noise", "checks"])
def test_noise_is_outlined_in_no_more_numbers_than_can_be_sent(mask):
    rng = np.random.default_rng(3)
    rows, columns = np.indices((1024, 1024))
    noisy = (
        rng.integers(0, 256, (1024, 1024), np.uint8)
        if mask == "noise"
        else ((rows + columns) % 2 * 255).astype(np.uint8)
    )
    assert sum(map(len, shapes.outlines(noisy, (6.0, 6.0)))) <= 2 * shapes.MOST_CORNERS

"""What a live overlay is told: a first look, a better one, and whatever the person then does with it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference_server import Engine, UserError
from inference_server.imaging import masks, windows
from inference_server.models.store import Store
from inference_server.serve.dispatch import perform
from inference_server.shared import messages
from inference_server.shared.geometry import Window, proxy_size
from inference_server.shared.messages import ImageRef, Inpaint, Locate, ObjectPrompt, PreviewMasks, Segment
from inference_server.shared.wire import ProtocolError, attach, extract

from ..asking import POINTED, WITHOUT, ask, described, drawn, hint, overlap
from ..conftest import CLICK
from ..small_models import picture


@pytest.fixture(scope="module")
def large(photo):
    """The photograph at four times its size: larger than its proxy."""
    return cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)


# -- three looks


def test_a_first_look_comes_and_then_a_better_one_of_the_same_masks_in_the_same_order(fresh, rocket):
    engine, known = fresh
    likeliest, first, second = ask(engine, PreviewMasks("select", known, POINTED))
    assert (likeliest[0].more, first[0].more, second[0].more) == (2, 1, 0)
    assert likeliest[0].shapes == first[0].shapes[:1] and likeliest[1] == first[1][:1]
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
    for answer in ask(engine, PreviewMasks("remove", known, POINTED)):
        for shape, mask in zip(answer[0].shapes, drawn(answer, (640, 427)), strict=True):
            assert shape.place == windows.bounds(mask)


def test_a_quick_look_is_the_first_one_and_the_only_one(fresh, passes):
    engine, known = fresh
    ((quick, frames),) = ask(engine, PreviewMasks("remove", known, POINTED, quick=True))
    assert quick.more == 0 and len(passes) == 1
    first, _, _ = ask(engine, PreviewMasks("remove", known, POINTED))
    assert (replace(first[0], more=0), first[1]) == (quick, frames)


def test_the_mask_that_was_taken_is_there_as_soon_as_the_likeliest(fresh):
    engine, known = fresh
    for k in range(3):
        first, *_, last = ask(
            engine, PreviewMasks("select", known, replace(POINTED, chosen=(0, k)), soft_edge=bool(k % 2))
        )
        assert len(first[0].shapes) == k + 1 and len(last[0].shapes) == 3


def test_the_first_looks_come_after_one_pass_and_the_last_after_one_more(fresh, passes):
    engine, known = fresh
    made = []
    perform(engine, PreviewMasks("fill", known, POINTED), [], print, lambda: False, lambda *_: made.append(len(passes)))
    assert made == [1, 1] and len(passes) == 2


def test_a_click_where_the_pointer_rested_is_answered_from_memory(fresh, passes):
    engine, known = fresh
    ask(engine, PreviewMasks("remove", known, POINTED, quick=True))
    passes.clear()
    made = []
    perform(
        engine, PreviewMasks("remove", known, POINTED), [], print, lambda: False, lambda *_: made.append(len(passes))
    )
    assert made == [0, 0] and len(passes) == 1
    passes.clear()
    ask(engine, PreviewMasks("remove", known, WITHOUT, quick=True))  # the pointer rests somewhere else
    assert len(passes) == 1
    ask(engine, PreviewMasks("remove", known, WITHOUT))
    assert len(passes) == 1, "of two clicks there is no second pass"


def test_pointing_around_for_long_forgets_no_click(fresh, passes):
    engine, known = fresh
    ask(engine, PreviewMasks("remove", known, POINTED))
    passes.clear()
    for k in range(40):
        ask(engine, PreviewMasks("remove", known, ObjectPrompt((CLICK, (5 + 9 * k, 300)), (1, 0)), quick=True))
    assert len(passes) == 40


def test_what_was_shown_is_there_at_once_with_another_growth(fresh, passes):
    engine, known = fresh
    *_, (found, _) = ask(engine, PreviewMasks("remove", known, POINTED))
    passes.clear()
    (again,) = ask(engine, PreviewMasks("remove", known, POINTED, grow=30))
    assert not passes and again[0].more == 0
    for shape, grown in zip(found.shapes, again[0].shapes, strict=True):
        assert grown.place[2] > shape.place[2]
    assert len(ask(engine, PreviewMasks("remove", known, POINTED, soft_edge=True))) == 3, (
        "another edge is another question"
    )


# -- growing


@pytest.mark.parametrize("job", ["remove", "fill"])
@pytest.mark.parametrize(("grow", "feather"), [(None, None), (0, 0), (7, 2), (40, 10), (0, 30)])
def test_what_is_shown_is_what_is_painted(engine, large, job, grow, feather):
    """The alpha of the job's own mask at full resolution, scaled down: IoU of at least .95."""
    description, frames = described(large)
    width, height = proxy_size(2560, 1708)
    clicks = ObjectPrompt(((CLICK[0] * 4 + 2, CLICK[1] * 4 + 2),), (1,))
    *_, last = ask(engine, PreviewMasks(job, description, clicks, grow=grow, feather=feather), frames)
    pixels = attach(frames, 2560, 1708, 3, "uint8", large.tobytes())
    ((found, packed),) = ask(engine, Segment(description, clicks, (0, 0, 2560, 1708), pixels), frames)
    mask, place = np.zeros((1708, 2560), np.uint8), Window(*found.window)
    mask[place.slices] = np.frombuffer(extract(found.mask, packed), np.uint8).reshape(place.height, place.width)
    alpha = masks.grow_and_feather(mask, *masks.suited(grow, feather, (2560, 1708)))
    assert (
        overlap(drawn(last, (width, height))[0], cv2.resize(alpha, (width, height), None, 0, 0, cv2.INTER_AREA)) > 0.95
    )


def test_what_is_shown_is_what_a_removal_shows_its_pixels_through(engine, known, photo):
    """The photo is its own proxy, so nothing but where the window ends may differ."""
    *_, last = ask(engine, PreviewMasks("remove", known, POINTED))
    ((located, _),) = ask(engine, Locate("remove", known, POINTED))
    window, frames = Window(*located.window), []
    part = np.ascontiguousarray(photo[window.slices])
    pixels = attach(frames, window.width, window.height, 3, "uint8", part.tobytes())
    ((painted, packed),) = ask(engine, Inpaint("remove", known, located.window, pixels, POINTED), frames)
    alpha, at = np.zeros((427, 640), np.uint8), Window(*painted.window)
    alpha[at.slices] = np.frombuffer(extract(painted.alpha, packed), np.uint8).reshape(at.height, at.width)
    shown = drawn(last, (640, 427))[0]
    assert overlap(shown, alpha) > 0.99
    assert np.abs(shown.astype(int) - alpha).mean() < 0.1


@pytest.mark.parametrize("feather", [None, 20])
def test_a_replacement_keeps_what_is_shown(engine, known, rocket, feather):
    *_, last = ask(engine, PreviewMasks("replace", known, POINTED, grow=50, feather=feather, include_shadow=True))
    kept = drawn(last, (640, 427))[0]
    assert (kept == masks.feathered_inwards(rocket, feather or 0)).all()
    assert ((kept < rocket).any(), (kept > rocket).any()) == (bool(feather), False)


def test_a_selection_is_neither_grown_nor_feathered(engine, known, rocket):
    *_, last = ask(engine, PreviewMasks("select", known, POINTED, grow=9, feather=9))
    assert (drawn(last, (640, 427))[0] == rocket).all()


@pytest.mark.parametrize("amounts", [{"grow": -1}, {"feather": -1}])
@pytest.mark.parametrize("job", ["remove", "fill"])
def test_negative_amounts_are_refused(engine, known, job, amounts):
    with pytest.raises(UserError, match="cannot be negative"):
        ask(engine, PreviewMasks(job, known, POINTED, **amounts))


# -- without clicks, without an object, without much of a photo


def test_a_ready_mask_is_only_grown(engine, photo, rocket):
    frames = []
    rough = hint(rocket, frames)
    nothing_seen = ImageRef(640, 427, "never seen")
    ((found, packed),) = ask(engine, PreviewMasks("remove", nothing_seen, rough=rough), frames)
    assert len(found.shapes) == 1 and found.more == 0
    assert (drawn((found, packed), (640, 427))[0] == masks.grow_and_feather(rocket, 7, 2)).all()
    ((found, packed),) = ask(
        engine, PreviewMasks("select", nothing_seen, rough=rough, include_shadow=True, quick=True), frames
    )
    assert (drawn((found, packed), (640, 427))[0] == rocket).all()


def test_a_ready_mask_gets_its_shadow_in_a_second_look(engine):
    from ..select.test_shadows import cast, ground, standing, taken

    mask = standing()
    light, shadow = cast(mask)
    image = taken(ground(8) * light, mask)
    description, frames = described(image)
    rough = hint(mask, frames)
    first, second = ask(engine, PreviewMasks("select", description, rough=rough, include_shadow=True), frames)
    size = mask.shape[::-1]
    assert (drawn(first, size)[0] == mask).all()
    assert (drawn(second, size)[0] == engine.with_shadow(image, mask)).all()
    assert np.count_nonzero((drawn(second, size)[0] > 0) & shadow) > 0.5 * np.count_nonzero(shadow)
    pointed = ObjectPrompt(((170, 140),), (1,))
    *_, (found, packed) = ask(engine, PreviewMasks("select", description, pointed, include_shadow=True), frames)
    assert overlap(drawn((found, packed), size)[0], drawn(second, size)[0]) > 0.8


def test_an_empty_mask_is_nothing_found(engine):
    frames = []
    rough = hint(np.zeros((427, 640), np.uint8), frames)
    for job in messages.TITLES:
        assert ask(engine, PreviewMasks(job, ImageRef(640, 427, ""), rough=rough), frames) == [
            (messages.MaskProposals(()), [])
        ]


def test_an_empty_one_among_others_keeps_its_place(engine, known, monkeypatch):
    select = type(engine.selector).select

    def without_the_second(*given, **named):
        found = select(*given, **named)
        return [replace(mask, logits=np.full_like(mask.logits, -9)) if k == 1 else mask for k, mask in enumerate(found)]

    monkeypatch.setattr(type(engine.selector), "select", without_the_second)
    for found, _ in ask(engine, PreviewMasks("select", known, ObjectPrompt(((321, 201),), (1,))))[1:]:
        assert [bool(shape.outlines) for shape in found.shapes] == [True, False, True]
        assert found.shapes[1].place == (0, 0, 1, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (3, 2), (40, 30)])
@pytest.mark.parametrize("job", sorted(messages.TITLES))
def test_a_photo_of_odd_size_is_answered(engine, size, job):
    image = picture(*size)
    description, frames = described(image)
    middle = ((size[0] - 0.5) / 2, (size[1] - 0.5) / 2)
    width, height = proxy_size(*size)
    for answer in ask(
        engine, PreviewMasks(job, description, ObjectPrompt((middle,), (1,)), include_shadow=True), frames
    ):
        for shape in answer[0].shapes:
            assert Window(*shape.place).inside(width, height)
            for line in shape.outlines:
                assert all(-0.05 <= x <= size[0] + 0.05 for x in line[0::2])
                assert all(-0.05 <= y <= size[1] + 0.05 for y in line[1::2])
    whole = hint(np.full((height, width), 255, np.uint8), frames)
    *_, (found, _) = ask(engine, PreviewMasks(job, description, rough=whole), frames)
    assert found.shapes[0].place == (0, 0, width, height)
    assert set(found.shapes[0].outlines[0]) == {0.0, float(size[0]), float(size[1])}


@pytest.mark.parametrize(
    ("clicks", "words"),
    [
        (ObjectPrompt(((640.0, 5.0),), (1,)), "outside the picture"),
        (ObjectPrompt(((5.0, 5.0),), (0,)), "No click says"),
        (ObjectPrompt(), "No click says"),
        (ObjectPrompt(box=(700.0, 0.0, 800.0, 9.0)), "box is empty"),
    ],
)
def test_clicks_that_mean_nothing_are_refused(engine, known, clicks, words):
    with pytest.raises(UserError, match=words):
        ask(engine, PreviewMasks("remove", known, clicks))


def test_what_contradicts_itself_is_refused(engine, known):
    frames = [bytes(640 * 427 * 4)]
    for message in (
        PreviewMasks("sharpen", known, POINTED),
        PreviewMasks("remove", known),
        PreviewMasks("remove", known, rough=messages.Raster(640, 426, 1, "uint8", 0)),
        PreviewMasks("remove", known, rough=messages.Raster(640, 427, 1, "float32", 0)),
        PreviewMasks("remove", known, POINTED, rough=messages.Raster(640, 427, 2, "uint16", 0)),
    ):
        with pytest.raises(ProtocolError):
            ask(engine, message, frames)
    with pytest.raises(ProtocolError, match="the size it has"):
        ask(engine, PreviewMasks("remove", replace(known, width=641), POINTED))
    with pytest.raises(UserError, match="has not seen") as refused:
        ask(engine, PreviewMasks("remove", ImageRef(640, 427, "another"), POINTED))
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
        ask(engine, PreviewMasks("remove", known, POINTED), cancelled=cancelled)
    assert refused.value.code == "cancelled" and len(passes) == (0, 1, 2, 2)[after]
    again = ask(engine, PreviewMasks("remove", known, POINTED))
    assert len(again) == 3 and len(passes) == 2
    description, frames = described(engine.selector.known(known.key).proxy)
    assert again[-1] == ask(Engine(Store(models)), PreviewMasks("remove", description, POINTED), frames)[-1]

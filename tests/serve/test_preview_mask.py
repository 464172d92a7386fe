"""What an overlay is given: a quick answer, better ones, and what then follows from options and masks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference_server import UserError
from inference_server.engine import TRACE
from inference_server.imaging import masks, windows
from inference_server.select import hair, shadows
from inference_server.select.selector import Selector
from inference_server.shared.errors import ErrorCode
from inference_server.shared.geometry import proxy_size, whole
from inference_server.shared.messages import (
    Depth,
    ImageRef,
    Inpaint,
    Job,
    Locate,
    MaskOptions,
    MaskProposals,
    ObjectPrompt,
    PreviewMasks,
    Raster,
    Segment,
    Stroke,
    Target,
)
from inference_server.shared.monitor import UNWATCHED
from inference_server.shared.wire import ProtocolError

from ..asking import (
    AT_ROCKET,
    CLICK,
    WITHOUT_PAD,
    as_array,
    ask,
    attach_mask,
    attach_pixels,
    image_ref,
    overlap,
    preview_masks,
    proposed,
    result_of,
    same_order,
)
from ..conftest import new_engine
from ..small_models import picture

pytestmark = pytest.mark.usefixtures("encoded_once")

SIZE = (640, 427)  # of the photograph, which is its own proxy


@pytest.fixture(scope="module")
def large(photo):
    """The photograph at four times its size: larger than its proxy."""
    return cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)


def passes_at_each_answer(engine, message, passes: list[int]) -> list[int]:
    """How many passes of the decoder were made when each answer but the last came."""
    from inference_server.serve.dispatch import perform

    made: list[int] = []
    perform(engine, message, [], UNWATCHED, lambda *_: made.append(len(passes)))
    return made


# -- three answers


def test_a_quick_answer_comes_and_then_a_better_one_of_the_same_masks_in_the_same_order(fresh, rocket):
    engine, known = fresh
    awaited, quick, refined = ask(engine, preview_masks(Job.SELECT, known, AT_ROCKET))
    assert (awaited[0].more, quick[0].more, refined[0].more) == (2, 1, 0)
    assert awaited[0].proposals == quick[0].proposals[:1] and awaited[1] == quick[1][:1]
    assert [each.score for each in quick[0].proposals] == [each.score for each in refined[0].proposals]
    early, late = proposed(quick, SIZE), proposed(refined, SIZE)
    assert len(early) == len(late) == 3
    assert same_order(early, late)
    # The photo is its own proxy: the last answer is the mask the job will use.
    assert (late[0] == rocket).all()
    assert overlap(early[0], rocket) > 0.8


def test_places_are_tight(fresh):
    engine, known = fresh
    for answer in ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET)):
        for proposal, mask in zip(answer[0].proposals, proposed(answer, SIZE), strict=True):
            assert proposal.place == windows.bounds(mask)


def test_a_quick_preview_is_the_first_answer_and_no_more(fresh, passes):
    engine, known = fresh
    ((quick, frames),) = ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET, quick=True))
    assert quick.more == 0 and len(passes) == 1
    first, _, _ = ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET))
    assert (replace(first[0], more=0), first[1]) == (quick, frames)


def test_the_mask_that_was_chosen_is_in_the_first_answer(fresh):
    engine, known = fresh
    for k in range(3):
        prompt = replace(AT_ROCKET, chosen=(0, k))
        first, *_, last = ask(engine, preview_masks(Job.SELECT, known, prompt, soft_edge=bool(k % 2)))
        assert len(first[0].proposals) == k + 1 and len(last[0].proposals) == 3


def test_the_quick_answers_come_after_one_pass_and_the_last_after_one_more(fresh, passes):
    engine, known = fresh
    assert passes_at_each_answer(engine, preview_masks(Job.FILL, known, AT_ROCKET), passes) == [1, 1]
    assert len(passes) == 2


def test_a_click_where_the_pointer_rested_is_answered_from_memory(fresh, passes):
    engine, known = fresh
    ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET, quick=True))
    passes.clear()
    assert passes_at_each_answer(engine, preview_masks(Job.REMOVE, known, AT_ROCKET), passes) == [0, 0]
    assert len(passes) == 1
    passes.clear()
    ask(engine, preview_masks(Job.REMOVE, known, WITHOUT_PAD, quick=True))  # the pointer rests somewhere else
    assert len(passes) == 1
    ask(engine, preview_masks(Job.REMOVE, known, WITHOUT_PAD))
    assert len(passes) == 1, "of two points there is no second pass"


def test_pointing_around_for_long_forgets_no_point(fresh, passes):
    engine, known = fresh
    ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET))
    passes.clear()
    for k in range(40):
        prompt = ObjectPrompt(points=(CLICK, (5 + 9 * k, 300)), labels=(1, 0))
        ask(engine, preview_masks(Job.REMOVE, known, prompt, quick=True))
    assert 40 <= len(passes) < 50, "one each, and a second one where a point at the edge would upset the mask"


def test_what_was_shown_is_there_at_once_with_another_growth(fresh, passes):
    engine, known = fresh
    found, _ = result_of(engine, preview_masks(Job.REMOVE, known, AT_ROCKET))
    passes.clear()
    (again,) = ask(engine, preview_masks(Job.REMOVE, known, AT_ROCKET, grow=30))
    assert not passes and again[0].more == 0
    for proposal, grown in zip(found.proposals, again[0].proposals, strict=True):
        assert grown.place.width > proposal.place.width
    soft = preview_masks(Job.REMOVE, known, AT_ROCKET, soft_edge=True)
    assert len(ask(engine, soft)) == 3, "another edge is another question"


# -- growing


@pytest.mark.parametrize("job", [Job.REMOVE, Job.FILL])
@pytest.mark.parametrize(("grow", "feather"), [(None, None), (0, 0), (7, 2), (40, 10), (0, 30)])
def test_what_is_shown_is_what_is_painted(engine, large, job, grow, feather):
    """The alpha of the job's own mask at full resolution, scaled down: IoU of at least .95."""
    image, frames = image_ref(large)
    size = proxy_size(2560, 1708)
    prompt = ObjectPrompt(points=((CLICK[0] * 4 + 2, CLICK[1] * 4 + 2),), labels=(1,))
    shown = proposed(result_of(engine, preview_masks(job, image, prompt, grow=grow, feather=feather), frames), size)[0]
    pixels = attach_pixels(large, frames)
    segment = Segment(image=image, target=Target(prompts=(prompt,)), window=whole(2560, 1708), pixels=pixels)
    found, packed = result_of(engine, segment, frames)
    mask = np.zeros((1708, 2560), np.uint8)
    mask[found.window.slices] = as_array(found.mask, packed)
    alpha = masks.grow_and_feather(mask, *masks.suited(grow, feather, (2560, 1708)))
    assert overlap(shown, cv2.resize(alpha, size, None, 0, 0, cv2.INTER_AREA)) > 0.95


def test_what_is_shown_is_what_a_removal_shows_its_pixels_through(engine, known, photo):
    """The photo is its own proxy, so nothing but where the window ends may differ."""
    shown = proposed(result_of(engine, preview_masks(Job.REMOVE, known, AT_ROCKET)), SIZE)[0]
    target, frames = Target(prompts=(AT_ROCKET,)), []
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=known, target=target))
    pixels = attach_pixels(photo[located.window.slices], frames)
    inpaint = Inpaint(job=Job.REMOVE, image=known, target=target, window=located.window, pixels=pixels)
    painted, packed = result_of(engine, inpaint, frames)
    alpha = np.zeros((427, 640), np.uint8)
    alpha[painted.window.slices] = as_array(painted.alpha, packed)
    assert overlap(shown, alpha) > 0.99
    assert np.abs(shown.astype(int) - alpha).mean() < 0.1


@pytest.mark.parametrize("feather", [None, 20])
def test_a_replacement_keeps_what_is_shown(engine, known, rocket, feather):
    message = preview_masks(Job.REPLACE, known, AT_ROCKET, grow=50, feather=feather, include_shadow=True)
    kept = proposed(result_of(engine, message), SIZE)[0]
    assert (kept == masks.feathered_inwards(rocket, feather or 0)).all()
    assert ((kept < rocket).any(), (kept > rocket).any()) == (bool(feather), False)


def test_a_selection_is_neither_grown_nor_feathered(engine, known, rocket):
    last = result_of(engine, preview_masks(Job.SELECT, known, AT_ROCKET, grow=9, feather=9))
    assert (proposed(last, SIZE)[0] == rocket).all()


@pytest.mark.parametrize("amounts", [{"grow": -1}, {"feather": -1}])
@pytest.mark.parametrize("job", [Job.REMOVE, Job.FILL])
def test_negative_amounts_are_refused(engine, known, job, amounts):
    with pytest.raises(UserError, match="cannot be negative"):
        ask(engine, preview_masks(job, known, AT_ROCKET, **amounts))


# -- without a prompt, without an object, without much of a photo


def test_a_ready_mask_is_only_grown(engine, photo, rocket):
    frames = []
    mask = attach_mask(rocket, frames)
    unknown = ImageRef(width=640, height=427, key="never seen")
    (answer,) = ask(engine, preview_masks(Job.REMOVE, unknown, mask=mask), frames)
    assert len(answer[0].proposals) == 1 and answer[0].more == 0
    assert (proposed(answer, SIZE)[0] == masks.grow_and_feather(rocket, 7, 2)).all()
    message = preview_masks(Job.SELECT, unknown, mask=mask, include_shadow=True, quick=True)
    (answer,) = ask(engine, message, frames)
    assert (proposed(answer, SIZE)[0] == rocket).all()


def test_a_ready_mask_gets_its_shadow_in_a_second_answer(engine):
    from ..select.test_shadows import cast, ground, standing, taken

    mask = standing()
    light, shadow = cast(mask)
    photo = taken(ground(8) * light, mask)
    image, frames = image_ref(photo)
    raster = attach_mask(mask, frames)
    first, second = ask(engine, preview_masks(Job.SELECT, image, mask=raster, include_shadow=True), frames)
    size = mask.shape[::-1]
    with_shadow = proposed(second, size)[0]
    assert (proposed(first, size)[0] == mask).all()
    assert (with_shadow == engine.with_shadow(photo, mask)).all()
    assert np.count_nonzero((with_shadow > 0) & shadow) > 0.5 * np.count_nonzero(shadow)
    prompt = ObjectPrompt(points=((170, 140),), labels=(1,))
    last = result_of(engine, preview_masks(Job.SELECT, image, prompt, include_shadow=True), frames)
    assert overlap(proposed(last, size)[0], with_shadow) > 0.8


def test_a_certain_shadow_of_the_mask_that_is_chosen_comes_after_all_masks(engine):
    from ..select.test_shadows import cast, ground, standing, taken

    mask = standing()
    light, shadow = cast(mask)
    image, frames = image_ref(taken(ground(8) * light, mask))
    prompt = ObjectPrompt(points=((171, 139),), labels=(1,))  # not the one that was asked before
    answers = ask(engine, preview_masks(Job.SELECT, image, prompt, include_shadow=None), frames)
    assert [found.more for found, _ in answers] == [3, 2, 1, 0]
    *_, (without, _), (last, _) = answers
    assert not any(each.has_shadow for found, _ in answers[:-1] for each in found.proposals)
    assert [each.has_shadow for each in last.proposals] == [True, *[False] * (len(without.proposals) - 1)]
    size = mask.shape[::-1]
    assert np.count_nonzero((proposed(answers[-1], size)[0] > 0) & shadow) > 0.5 * np.count_nonzero(shadow)
    for one, other in zip(proposed(answers[-1], size)[1:], proposed(answers[-2], size)[1:], strict=True):
        assert (one == other).all()
    again = ask(engine, preview_masks(Job.SELECT, image, prompt, include_shadow=None, feather=3), frames)
    assert [found.more for found, _ in again] == [0], "it was found already"


def test_an_empty_mask_is_nothing_found(engine):
    frames = []
    mask = attach_mask(np.zeros((427, 640), np.uint8), frames)
    for job in Job:
        message = preview_masks(job, ImageRef(width=640, height=427, key=""), mask=mask)
        assert ask(engine, message, frames) == [(MaskProposals(proposals=()), [])]


def test_an_empty_one_among_others_keeps_its_place(engine, known, monkeypatch):
    select = Selector.select

    def without_the_second(*arguments, **keywords):
        found = select(*arguments, **keywords)
        return [
            replace(mask, decoded=np.full_like(mask.logits, -9)) if k == 1 else mask for k, mask in enumerate(found)
        ]

    monkeypatch.setattr(Selector, "select", without_the_second)
    prompt = ObjectPrompt(points=((322, 170),), labels=(1,))
    for found, _ in ask(engine, preview_masks(Job.SELECT, known, prompt))[1:]:
        assert [bool(each.outlines) for each in found.proposals] == [True, False, True]
        assert found.proposals[1].place == (0, 0, 1, 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (3, 2), (40, 30)])
@pytest.mark.parametrize("job", Job)
def test_a_photo_of_odd_size_is_answered(engine, size, job):
    image, frames = image_ref(picture(*size))
    prompt = ObjectPrompt(points=(((size[0] - 0.5) / 2, (size[1] - 0.5) / 2),), labels=(1,))
    width, height = proxy_size(*size)
    for answer, _ in ask(engine, preview_masks(job, image, prompt, include_shadow=True), frames):
        for proposal in answer.proposals:
            assert proposal.place.inside(width, height)
            for line in proposal.outlines:
                assert all(-0.05 <= x <= size[0] + 0.05 for x in line[0::2])
                assert all(-0.05 <= y <= size[1] + 0.05 for y in line[1::2])
    everything = attach_mask(np.full((height, width), 255, np.uint8), frames)
    found, _ = result_of(engine, preview_masks(job, image, mask=everything), frames)
    assert found.proposals[0].place == (0, 0, width, height)
    assert set(found.proposals[0].outlines[0]) == {0.0, float(size[0]), float(size[1])}


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        (ObjectPrompt(points=((640.0, 5.0),), labels=(1,)), "outside the picture"),
        (ObjectPrompt(points=((5.0, 5.0),), labels=(0,)), "No click says"),
        (ObjectPrompt(), "No click says"),
        (ObjectPrompt(box=(700.0, 0.0, 800.0, 9.0)), "box is empty"),
    ],
)
def test_a_prompt_that_means_nothing_is_refused(engine, known, prompt, sentence):
    with pytest.raises(UserError, match=sentence):
        ask(engine, preview_masks(Job.REMOVE, known, prompt))


def raster(height: int, channels: int, depth: Depth) -> Raster:
    return Raster(width=640, height=height, channels=channels, depth=depth, frame=0)


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(mask=raster(426, 1, Depth.UINT8)),
        Target(mask=raster(427, 1, Depth.FLOAT32)),
        Target(prompts=(AT_ROCKET,), rough_mask=raster(427, 2, Depth.UINT16)),
    ],
)
def test_what_contradicts_itself_is_refused(engine, known, target):
    message = PreviewMasks(job=Job.REMOVE, image=known, target=target, options=MaskOptions())
    with pytest.raises(ProtocolError):
        ask(engine, message, [bytes(640 * 427 * 4)])


def test_an_image_that_is_not_what_it_says_is_refused(engine, known):
    with pytest.raises(ProtocolError, match="not of the size"):
        ask(engine, preview_masks(Job.REMOVE, replace(known, width=641), AT_ROCKET))
    with pytest.raises(UserError, match="has not seen") as refused:
        ask(engine, preview_masks(Job.REMOVE, ImageRef(width=640, height=427, key="another"), AT_ROCKET))
    assert refused.value.code == ErrorCode.UNKNOWN_IMAGE


@pytest.mark.parametrize("after", range(4))
def test_a_cancel_is_heard_between_the_steps(fresh, passes, models, photo, after):
    """Cancelled when it was asked so many times: nothing wrong is kept, and the next answer is the right one."""
    engine, known = fresh
    asked = []

    def is_cancelled() -> bool:
        asked.append(1)
        return len(asked) > after

    message = preview_masks(Job.REMOVE, known, AT_ROCKET)
    with pytest.raises(UserError) as refused:
        ask(engine, message, is_cancelled=is_cancelled)
    assert refused.value.code == ErrorCode.CANCELLED and len(passes) == (0, 1, 2, 2)[after]
    again = ask(engine, message)
    assert len(again) == 3 and len(passes) == 2
    image, frames = image_ref(photo)
    assert again[-1] == result_of(new_engine(models), preview_masks(Job.REMOVE, image, AT_ROCKET), frames)


def test_with_strokes_it_is_one_mask_of_everything_with_the_alpha_that_a_job_finds(engine, photo, rocket):
    image, frames = image_ref(photo)
    there = windows.bounds(rocket)
    tip, far = (there.x + there.width / 2, there.y + 6.0), (60.0, 60.0)
    strokes = Stroke(path=(*tip, 14.0), refines=True), Stroke(path=(*far, 9.0))
    target = Target(prompts=(AT_ROCKET,), strokes=strokes)
    [shown] = proposed(result_of(engine, PreviewMasks(job=Job.SELECT, image=image, target=target), frames), SIZE)
    pixels = attach_pixels(photo, frames)
    job = Segment(image=image, target=target, window=whole(*SIZE), pixels=pixels)
    segmented, got = result_of(engine, job, frames)
    assert np.array_equal(shown[segmented.window.slices], as_array(segmented.mask, got))
    assert shown[60, 60] == 255 and ((shown > 0) & (shown < 255)).any()
    [gone] = proposed(result_of(engine, PreviewMasks(job=Job.REMOVE, image=image, target=target), frames), SIZE)
    assert (gone[shown > TRACE] == 255).all()


def test_each_object_has_its_own_shadow_in_what_is_shown_as_in_the_job(engine, photo, monkeypatch):
    def in_its_box(pixels, mask, *_, **__):
        bounds = windows.bounds(mask > 127)
        mask = mask.copy()
        mask[bounds.slices] = 255
        return mask

    monkeypatch.setattr(shadows, "with_shadow", in_its_box)
    image, frames = image_ref(photo)
    other = ObjectPrompt(points=((200, 150),), labels=(1,))
    target = Target(prompts=(AT_ROCKET, other), strokes=(Stroke(path=(60.0, 60.0, 9.0)),))
    options = MaskOptions(include_shadow=True)
    preview = PreviewMasks(job=Job.SELECT, image=image, target=target, options=options)
    [shown] = proposed(result_of(engine, preview, frames), SIZE)
    job = Segment(image=image, target=target, window=whole(*SIZE), pixels=attach_pixels(photo, frames), options=options)
    segmented, got = result_of(engine, job, frames)
    assert np.array_equal(shown[segmented.window.slices], as_array(segmented.mask, got))


@pytest.mark.parametrize(
    ("job", "soft_edge", "said"),
    [(Job.SELECT, False, True), (Job.REPLACE, False, True), (Job.REPLACE, True, False), (Job.REMOVE, False, False)],
)
def test_hair_is_looked_for_once_the_person_sees_the_mask_and_where_it_matters(
    fresh, monkeypatch, job, soft_edge, said
):
    monkeypatch.setattr(hair, "crosses", lambda rgb, mask: True)
    engine, known = fresh
    *early, last = ask(engine, preview_masks(job, known, AT_ROCKET, soft_edge=soft_edge))
    assert not any(proposal.has_hair for answer in early for proposal in answer[0].proposals)
    assert [proposal.has_hair for proposal in last[0].proposals] == [said] * len(last[0].proposals)

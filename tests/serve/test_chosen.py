"""The mask that was chosen instead of the best."""

from dataclasses import replace

import numpy as np
import pytest

from inference_server import UserError
from inference_server.shared.errors import ErrorCode
from inference_server.shared.geometry import Window, whole
from inference_server.shared.messages import Inpaint, Job, Locate, Located, ObjectPrompt, Raster, Segment, Target
from inference_server.shared.wire import extract

from ..asking import (
    AT_ROCKET,
    CLICK,
    WITHOUT_PAD,
    as_array,
    ask,
    attach_mask,
    attach_pixels,
    overlap,
    preview_masks,
    proposed,
    result_of,
)

SIZE = (640, 427)  # of the photograph, which is its own proxy


def located(engine, image, prompt: ObjectPrompt, rough_mask: Raster | None = None, frames=()) -> Located:
    target = Target(prompts=(prompt,), rough_mask=rough_mask)
    found, _ = result_of(engine, Locate(job=Job.SELECT, image=image, target=target), frames)
    return found


def best_of(engine, image, prompt: ObjectPrompt) -> np.ndarray:
    """The first mask of the last answer."""
    return proposed(result_of(engine, preview_masks(Job.SELECT, image, prompt)), SIZE)[0]


def test_the_next_point_corrects_the_mask_that_was_chosen(engine, known):
    """A second point on what all have in common leaves the rocket the rocket, and the launch pad with it what it is."""
    rocket, _, with_pad = proposed(result_of(engine, preview_masks(Job.SELECT, known, AT_ROCKET)), SIZE)
    two = ObjectPrompt(points=(CLICK, (322, 350)), labels=(1, 1))
    for chosen, same, other in (((), rocket, with_pad), ((0, 2), with_pad, rocket)):
        corrected = best_of(engine, known, replace(two, chosen=chosen))
        assert overlap(corrected, same) > 0.9 > 0.7 > overlap(corrected, other)


def test_the_choice_after_the_last_point_is_what_is_located_segmented_and_painted(engine, known, photo):
    refined = result_of(engine, preview_masks(Job.SELECT, known, AT_ROCKET))
    for k, proposal in enumerate(refined[0].proposals):
        prompt = replace(AT_ROCKET, chosen=(0, k))
        assert np.abs(np.subtract(located(engine, known, prompt).bounds, proposal.place)).max() <= 8
        frames: list[bytes] = []
        pixels = attach_pixels(photo, frames)
        message = Segment(image=known, target=Target(prompts=(prompt,)), window=whole(*SIZE), pixels=pixels)
        segmented, packed = result_of(engine, message, frames)
        assert segmented.window == proposal.place
        assert extract(segmented.mask, packed) == extract(proposal.mask, refined[1])
    # The last of them, in a window that holds no more than a part of it.
    frames, window = [], Window(300, 200, 50, 100)
    pixels = attach_pixels(photo[window.slices], frames)
    message = Inpaint(job=Job.REMOVE, image=known, target=Target(prompts=(prompt,)), window=window, pixels=pixels)
    painted, packed = result_of(engine, message, frames)
    part = as_array(painted.mask, packed)
    assert overlap(part, proposed(refined, SIZE)[-1][painted.window.slices]) > 0.95


def test_going_through_the_masks_costs_no_pass(fresh, passes):
    engine, known = fresh
    ask(engine, preview_masks(Job.SELECT, known, AT_ROCKET))
    passes.clear()
    for k in (0, 1, 2):
        ask(engine, preview_masks(Job.SELECT, known, replace(AT_ROCKET, chosen=(0, k))))
        located(engine, known, replace(AT_ROCKET, chosen=(0, k)))
    assert not passes
    for k in (0, 1, 2):
        ask(engine, preview_masks(Job.SELECT, known, replace(WITHOUT_PAD, chosen=(0, k, 1))))
    asked = len(passes)  # a point at an edge may take two
    assert asked >= 3, "what was chosen before the last point is another question each time"
    ask(engine, preview_masks(Job.SELECT, known, replace(WITHOUT_PAD, chosen=(0, 1, 1))))
    ask(engine, preview_masks(Job.SELECT, known, replace(WITHOUT_PAD, chosen=(0,))))
    ask(engine, preview_masks(Job.SELECT, known, WITHOUT_PAD))
    assert len(passes) == asked, "the best is chosen where the prompt names none"


def test_the_first_point_corrects_the_mask_chosen_of_a_box(engine, known):
    box = ObjectPrompt(box=(180.0, 60.0, 460.0, 420.0))
    alone, _ = result_of(engine, preview_masks(Job.SELECT, known, box))
    with_point = replace(box, points=(CLICK,), labels=(1,))
    answers = [best_of(engine, known, replace(with_point, chosen=(k,))) for k in range(len(alone.proposals))]
    assert any((answers[0] != other).any() for other in answers[1:])
    assert (best_of(engine, known, with_point) == answers[0]).all()


@pytest.mark.parametrize("chosen", [(0, 3), (0, -1), (0, 2**40), (0, 0, 0), (-1,)])
def test_a_choice_that_does_not_exist_is_refused(engine, known, chosen):
    with pytest.raises(UserError) as refused:
        located(engine, known, replace(AT_ROCKET, chosen=chosen))
    assert refused.value.code == ErrorCode.WRONG_INPUT


def test_a_choice_that_does_not_exist_before_the_last_point_is_refused(engine, known):
    with pytest.raises(UserError, match="no mask number 8"):
        ask(engine, preview_masks(Job.SELECT, known, replace(WITHOUT_PAD, chosen=(0, 7))))


def test_with_a_rough_mask_too_choices_are_counted_from_the_persons_own_points(engine, known, rocket):
    frames: list[bytes] = []
    around = np.zeros_like(rocket)
    around[100:360, 310:335] = 255  # so coarse that the rocket, and all but it, may be meant
    rough = attach_mask(around, frames)
    answers = {}
    for chosen in ((), (0,), (1,), (2,)):
        prompt = ObjectPrompt(points=(CLICK,), labels=(1,), chosen=chosen)
        last = result_of(engine, preview_masks(Job.SELECT, known, prompt, rough_mask=rough), frames)
        answers[chosen] = proposed(last, SIZE)[0]
        assert located(engine, known, ObjectPrompt(chosen=chosen), rough, frames).score > 0
    assert (answers[()] == answers[(0,)]).all()
    assert any((answers[()] != answers[k]).any() for k in ((1,), (2,)))

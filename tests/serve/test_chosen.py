"""The mask that was taken instead of the best."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inference_server import UserError
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Inpaint, Locate, ObjectPrompt, PreviewMasks, Segment
from inference_server.shared.wire import attach, extract

from ..asking import POINTED, WITHOUT, ask, drawn, hint, overlap
from ..conftest import CLICK


def test_another_mask_that_was_taken_is_what_the_next_click_mends(engine, known):
    """A second click on what all have in common leaves the rocket the rocket, and the launch pad with it what it is."""
    *_, second = ask(engine, PreviewMasks("select", known, POINTED))
    rocket, _, with_pad = drawn(second, (640, 427))
    again = ObjectPrompt((CLICK, (322, 350)), (1, 1))
    for chosen, same, other in (((), rocket, with_pad), ((0, 2), with_pad, rocket)):
        *_, after = ask(engine, PreviewMasks("select", known, replace(again, chosen=chosen)))
        mended = drawn(after, (640, 427))[0]
        assert overlap(mended, same) > 0.9 > 0.7 > overlap(mended, other)


def test_the_choice_after_the_last_click_is_what_is_located_selected_and_painted(engine, known, photo):
    *_, second = ask(engine, PreviewMasks("select", known, POINTED))
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
    at = Window(*painted.window)
    part = np.frombuffer(extract(painted.mask, packed), np.uint8).reshape(at.height, at.width)
    assert overlap(part, drawn(second, (640, 427))[-1][at.slices]) > 0.95


def test_walking_through_the_masks_costs_no_pass(fresh, passes):
    engine, known = fresh
    ask(engine, PreviewMasks("select", known, POINTED))
    passes.clear()
    for k in (0, 1, 2):
        ask(engine, PreviewMasks("select", known, replace(POINTED, chosen=(0, k))))
        ask(engine, Locate("select", known, replace(POINTED, chosen=(0, k))))
    assert not passes
    for k in (0, 1, 2, 1):
        ask(engine, PreviewMasks("select", known, replace(WITHOUT, chosen=(0, k, 1))))
    assert len(passes) == 3, "what was taken before the last click is another question each time"
    ask(engine, PreviewMasks("select", known, replace(WITHOUT, chosen=(0,))))
    ask(engine, PreviewMasks("select", known, WITHOUT))
    assert len(passes) == 3, "the best is what is taken where nothing is said"


def test_the_mask_taken_of_a_box_is_what_the_first_click_mends(engine, known):
    box = ObjectPrompt(box=(180.0, 60.0, 460.0, 420.0))
    *_, alone = ask(engine, PreviewMasks("select", known, box))
    answers = []
    for k in range(len(alone[0].shapes)):
        *_, after = ask(engine, PreviewMasks("select", known, replace(box, points=(CLICK,), labels=(1,), chosen=(k,))))
        answers.append(drawn(after, (640, 427))[0])
    assert any((answers[0] != other).any() for other in answers[1:])
    *_, plain = ask(engine, PreviewMasks("select", known, replace(box, points=(CLICK,), labels=(1,))))
    assert (drawn(plain, (640, 427))[0] == answers[0]).all()


@pytest.mark.parametrize("chosen", [(0, 3), (0, -1), (0, 2**40), (0, 0, 0), (-1,)])
def test_a_choice_that_there_is_not_is_refused(engine, known, chosen):
    with pytest.raises(UserError) as refused:
        ask(engine, Locate("select", known, replace(POINTED, chosen=chosen)))
    assert refused.value.code == "wrong-input"


def test_a_choice_that_there_is_not_before_the_last_click_is_refused(engine, known):
    with pytest.raises(UserError, match="no mask number 8"):
        ask(engine, PreviewMasks("select", known, replace(WITHOUT, chosen=(0, 7))))


def test_with_a_rough_mask_too_choices_are_counted_from_the_persons_own_clicks(engine, known, rocket):
    frames = []
    rough = hint(cv2.dilate(rocket, np.ones((9, 9), np.uint8)), frames)
    answers = {}
    for chosen in ((), (0,), (1,), (2,)):
        *_, last = ask(
            engine, PreviewMasks("select", known, ObjectPrompt((CLICK,), (1,), chosen=chosen), rough=rough), frames
        )
        answers[chosen] = drawn(last, (640, 427))[0]
        ((located, _),) = ask(engine, Locate("select", known, ObjectPrompt(chosen=chosen), rough=rough), frames)
        assert located.score > 0
    assert (answers[()] == answers[(0,)]).all()
    assert any((answers[()] != answers[k]).any() for k in ((1,), (2,)))

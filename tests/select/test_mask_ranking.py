"""Which mask is meant, what a further point leaves of the one before, and what GrabCut makes of it."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.select import grabcut, mask_ranking

LOGITS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30)),
    elements=st.floats(-20, 20, width=32),
)


def disc(x: float, y: float, radius: float, side: int = 100) -> np.ndarray:
    """Logits (side, side) float32, positive inside a disc."""
    rows, columns = np.mgrid[:side, :side]
    return (radius - np.hypot(columns - x, rows - y)).astype(np.float32)


def likelihoods(*masks: np.ndarray, click: tuple[float, float] = (50, 50), scores: float | list = 0.8) -> np.ndarray:
    """What is made of these masks, which the segmenter scores alike."""
    return mask_ranking.likelihoods(np.stack(masks), np.broadcast_to(np.float32(scores), len(masks)), click)


def test_the_mask_in_which_the_click_lies_deep_is_meant():
    part, whole = disc(40, 50, 10), disc(50, 50, 30)
    likely = likelihoods(part, part, part, whole)
    assert likely[3] > max(likely[:3])
    likely = likelihoods(whole, whole, disc(78, 50, 12), whole, click=(78, 50))
    assert likely[2] > max(likely[1], likely[3])


def test_a_click_off_the_middle_still_means_the_whole():
    whole, part = disc(50, 50, 30), disc(66, 50, 12)
    for x in (50, 58, 62):
        likely = likelihoods(whole, part, part, whole, click=(x, 50))
        assert likely[0] > likely[1] and likely[3] > likely[2], x


def test_a_gap_in_the_middle_is_no_edge():
    ring = np.minimum(disc(50, 50, 30), -disc(50, 50, 4))
    off_centre = disc(62, 50, 18)
    likely = likelihoods(off_centre, off_centre, off_centre, ring)
    assert likely[3] > likely[1]


def test_a_mask_that_takes_the_border_is_less_likely():
    inside, background = disc(50, 50, 30), disc(50, 50, 90)
    likely = likelihoods(inside, background)
    assert likely[0] > likely[1]


def test_a_mask_that_the_segmenter_is_unsure_of_is_less_likely():
    sure, unsure = disc(50, 50, 30), 0.05 * disc(50, 50, 30)
    likely = likelihoods(sure, unsure, sure, unsure)
    assert likely[2] > likely[3]
    likely = likelihoods(sure, sure, sure, sure, scores=[0.5, 0.6, 0.9, 0.6])
    assert likely[2] == max(likely)


@given(LOGITS, st.floats(0, 29), st.floats(0, 29), st.floats(-1, 2))
def test_any_masks_get_a_likelihood_and_up_to_three_are_offered(logits, x, y, score):
    likely = mask_ranking.likelihoods(logits, np.full(len(logits), score, np.float32), (x, y))
    assert likely.shape == (len(logits),) and (likely >= 0).all() and likely.sum() == pytest.approx(1)
    order = np.argsort(-likely, kind="stable").tolist()
    offered = mask_ranking.offered(logits, order)
    assert offered[0] == order[0] and len(offered) <= 3
    pairs = [(a, b) for k, a in enumerate(offered) for b in offered[:k]]
    assert all(mask_ranking.overlap(logits[a] > 0, logits[b] > 0) < mask_ranking.SAME for a, b in pairs)
    assert all((logits[k] > 0).any() for k in offered[1:])


def test_of_two_outputs_that_say_the_same_one_is_offered():
    logits = np.stack([disc(50, 50, 30), disc(20, 20, 9), disc(50, 50, 29.6), disc(50, 50, 60)])
    assert mask_ranking.offered(logits, [0, 2, 3, 1]) == [0, 3, 1]
    assert mask_ranking.offered(logits, [2, 0, 3, 1]) == [2, 3, 1]
    assert mask_ranking.offered(np.stack([logits[0], logits[2], logits[0] - 100]), [1, 0, 2]) == [1]


def test_a_further_click_is_tempered_by_the_mask_before_but_never_taken_back():
    before = np.full((10, 10), -20, np.float32)
    answer = np.full((10, 10), -1, np.float32)
    answer[3, 4] = 2  # where the click was
    assert mask_ranking.after_point(answer, before, (4, 3), 1) is answer
    assert (mask_ranking.after_point(answer, before, (8, 8), 0) == 0.8 * answer + 0.2 * before).all()
    assert mask_ranking.after_point(answer, before, (400, -7), 0).shape == (10, 10)


@given(
    hnp.arrays(bool, (7, 9)),
    hnp.arrays(bool, (7, 9)),
)
def test_overlap_is_the_same_both_ways(a, b):
    assert mask_ranking.overlap(a, b) == mask_ranking.overlap(b, a) <= 1
    assert mask_ranking.overlap(a, a) == 1


# -- GrabCut


@pytest.fixture
def ball():
    """A red ball on green, (120, 160, 3) uint8, and where it is."""
    image = np.full((120, 160, 3), (40, 160, 40), np.uint8)
    cv2.circle(image, (80, 60), 30, (200, 40, 40), -1)
    image += np.random.default_rng(1).integers(0, 9, image.shape, np.uint8)
    return image, image[..., 0] > 120


def test_grabcut_brings_an_unsure_edge_to_the_objects_own(ball):
    image, truth = ball
    blunt = disc(82, 62, 29, 160)[:120] * 0.2
    refined = grabcut.refine(image, blunt, [(80, 60)], [1])
    assert mask_ranking.overlap(blunt > 0, truth) < 0.9 < 0.98 < mask_ranking.overlap(refined > 0, truth)
    assert ((np.abs(blunt) > grabcut.UNSURE) <= ((refined > 0) == (blunt > 0))).all(), "what was sure is left alone"


def test_where_much_is_unsure_grabcut_works_on_a_smaller_picture(ball, monkeypatch):
    image, truth = (np.repeat(np.repeat(array, 8, axis=0), 8, axis=1) for array in ball)
    blunt = disc(650, 486, 234, 1280)[:960] * 0.025
    cut, unsure = cv2.grabCut, []

    def counted(picture, state, *rest):
        unsure.append(np.isin(state, (cv2.GC_PR_FGD, cv2.GC_PR_BGD)).sum())
        return cut(picture, state, *rest)

    monkeypatch.setattr(grabcut.cv2, "grabCut", counted)
    refined = grabcut.refine(image, blunt, [(640, 480)], [1])
    assert (np.abs(blunt) < grabcut.UNSURE).sum() > 2 * grabcut.MOST_UNSURE > 1.5 * unsure[0] > 0
    assert mask_ranking.overlap(blunt > 0, truth) < 0.95 < 0.98 < mask_ranking.overlap(refined > 0, truth)
    assert ((np.abs(blunt) > grabcut.UNSURE) <= ((refined > 0) == (blunt > 0))).all(), "what was sure is left alone"


def test_where_grabcut_would_choose_another_object_the_mask_stays(ball):
    image, _ = ball
    elsewhere = disc(30, 30, 20, 160)[:120] * 0.01
    refined = grabcut.refine(image, elsewhere, [], [])
    assert mask_ranking.overlap(refined > 0, elsewhere > 0) > grabcut.TRUST


@given(
    hnp.arrays(np.float32, (12, 15), elements=st.floats(-9, 9, width=32)),
    hnp.arrays(np.uint8, (12, 15, 3)),
    st.lists(st.tuples(st.tuples(st.floats(0, 14.9), st.floats(0, 11.9)), st.sampled_from([0, 1])), max_size=4),
)
def test_any_mask_of_any_pixels_is_refined_the_same_way_twice(logits, pixels, clicks):
    points, labels = [point for point, _ in clicks], [label for _, label in clicks]
    refined = grabcut.refine(pixels, logits, points, labels)
    assert refined.shape == logits.shape and refined.dtype == np.float32 and np.isfinite(refined).all()
    assert (refined == grabcut.refine(pixels, logits, points, labels)).all()


def test_a_point_alone_means_the_smallest_mask_that_leaves_out_what_is_left_out():
    logits = np.full((3, 20, 20), -9, np.float32)
    logits[0, 5:10, 5:10], logits[1, 5:15, 5:15], logits[2, 0:4, 0:4] = 9, 9, 9
    assert (mask_ranking.meant_alone(logits, (7, 7), [], 100) == logits[0]).all()
    assert (mask_ranking.meant_alone(logits, (12, 12), [], 100) == logits[1]).all()
    disc = mask_ranking.meant_alone(logits, (12, 12), [(13, 13)], 100) > 0
    assert disc[12, 12] and 5 <= disc.sum() < 25, "another mask would take what is left out"
    assert (mask_ranking.meant_alone(logits, (12, 12), [], 99) > 0).sum() < 25, "another is too large"
    assert (mask_ranking.meant_alone(logits, (19, 19), [], 100) > 0)[19, 19], "no mask is there"

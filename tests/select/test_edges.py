"""Where the edge of a full-resolution mask lies: on composed photos whose outline is known, with the starter model."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.imaging.pixels import to_proxy
from inference_server.select import edges, matting, rendering
from inference_server.select.segmenters import Embedding
from inference_server.select.selector import Mask
from inference_server.shared.errors import UserError
from inference_server.shared.geometry import Window, whole
from inference_server.shared.messages import ObjectPrompt
from inference_server.shared.monitor import UNWATCHED, Monitor

from .. import photographs

LARGE, MIDDLING = (6000, 4000), (4000, 3000)
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def edge_of(mask: np.ndarray) -> np.ndarray:
    inside = np.pad(mask, 1, mode="edge").astype(np.uint8)
    return (inside - cv2.erode(inside, np.ones((3, 3), np.uint8)))[1:-1, 1:-1] > 0


def boundary_distance(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance in pixels from one edge to the other, both ways, of two masks (h, w) bool."""
    here, there = edge_of(found), edge_of(truth)
    to_here, to_there = (cv2.distanceTransform(1 - e.astype(np.uint8), cv2.DIST_L2, 5) for e in (here, there))
    return float((to_there[here].mean() + to_here[there].mean()) / 2)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def best_mask(engine, composed: photographs.Composed) -> Mask:
    """Which of the masks is meant is another question: the one that fits the truth best."""
    found = engine.segment(composed.image, [composed.click], [1])
    small = np.where(to_proxy(cv2.merge([composed.alpha] * 3))[..., 0] > 127, 1.0, -1.0)
    return max(found, key=lambda mask: iou(mask.preview(*small.shape[::-1]) > 127, small > 0))


def window_of(mask: Mask) -> Window:
    assert mask.bounds is not None
    return edges.window_for(mask.bounds, mask.size)


@pytest.fixture(scope="session")
def segmenter(engine):
    return engine._selector._load(UNWATCHED)


@pytest.mark.parametrize(
    ("size", "kind", "diameter", "contrast", "seed"),
    [
        (LARGE, "smooth", 800, 60, 5),
        (LARGE, "rounded", 2000, 35, 11),
        (LARGE, "smooth", 3500, 90, 13),
        (MIDDLING, "star", 1500, 60, 7),
        (MIDDLING, "rounded", 400, 20, 3),
    ],
)
def test_the_edge_lies_where_the_photo_has_it(engine, segmenter, photo, size, kind, diameter, contrast, seed):
    composed = photographs.with_shape(photo, size, kind, diameter, contrast, seed)
    coarse = best_mask(engine, composed)
    window = window_of(coarse)
    refined = coarse.inside(window, composed.image[window.slices])
    truth = composed.alpha[window.slices] > 127
    before = boundary_distance(rendering.render(coarse.logits, coarse.cells, window) > 127, truth)
    after = boundary_distance(refined > 127, truth)
    print(f"{kind} {diameter} px, contrast {contrast}: {before:.2f} px interpolated, {after:.2f} px refined")
    assert np.count_nonzero(truth) == np.count_nonzero(composed.alpha > 127), "the window cuts the object"
    assert after <= 2
    assert after < before


@pytest.mark.parametrize(("size", "diameter", "passes"), [(LARGE, 800, ["encode", "decode"]), ((900, 600), 300, [])])
def test_refining_costs_one_pass_each_and_none_where_it_would_show_no_more(
    engine, segmenter, photo, monkeypatch, size, diameter, passes
):
    composed = photographs.with_shape(photo, size, "smooth", diameter, 60, 5)
    coarse = best_mask(engine, composed)
    window = window_of(coarse)
    made = []

    def counted(name: str):
        method = getattr(type(segmenter), name)
        return lambda *arguments: made.append(name) or method(*arguments)

    for name in ("encode", "decode"):
        monkeypatch.setattr(type(segmenter), name, counted(name))
    coarse.inside(window, composed.image[window.slices])
    assert made == passes


HUGE = """
import re
from pathlib import Path
import cv2, numpy as np
from inference_server import Engine
from inference_server.select import edges
from inference_server.shared.geometry import whole
from inference_server.shared.messages import ObjectPrompt
image = np.tile(np.random.default_rng(1).integers(90, 110, (1000, 1000, 3), np.uint8), (10, 10, 1))
cv2.circle(image, (5000, 5000), 4000, (190, 180, 200), -1)
engine = Engine()
mask = engine.segment(image, [(5000, 5000)], [1])[0]
segmenter, prompt = engine._selector._segmenter, ObjectPrompt(points=((5000, 5000),), labels=(1,))
segmenter.encode(image[:1024, :1024])  # as for a window that is worth encoding
alpha = edges.refine(segmenter, image, whole(10000, 10000), mask.after_grabcut, prompt)
peak = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]  # ru_maxrss counts the parent's as well
print(np.count_nonzero(alpha > 127) / (np.pi * 4000**2), peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in Linux's kilobytes")
def test_a_hundred_megapixels_fit_in_a_gigabyte_and_a_half(home):
    """The photo itself, 0.3 GB, counts."""
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=True)
    area, peak = map(float, done.stdout.split())
    print(f"peak {peak / 1e6:.2f} GB")
    assert abs(area - 1) < 0.002
    assert peak <= 1.5e6


class Answering:
    """A segmenter that gives one answer to whatever it is asked."""

    def __init__(self, segmenter, logits):
        self.encode, self.logits = segmenter.encode, logits

    def decode(self, embedding, points, labels, box=None, previous=None):
        self.asked = points, labels, box, previous
        return self.logits[None], np.ones(1, np.float32)


@pytest.fixture
def disc():
    """Window pixels with a bright disc in a 6000 x 4000 photo, the window, the disc's low-resolution mask, and a click
    on it."""
    rows, columns = np.mgrid[:900, :1200]
    pixels = np.where(np.hypot(columns - 600, rows - 450)[..., None] < 300, 200, 60).astype(np.uint8).repeat(3, axis=2)
    window = Window(2000, 1000, 1200, 900)
    y, x = (np.mgrid[:256, :256] + 0.5) / (256 / 6000)
    logits = np.clip((300 - np.hypot(x - 2600, y - 1450)) / 20, -8, 8).astype(np.float32)
    low_res = edges.LowResMask(logits=logits, cells=(256 / 6000,) * 2, size=(6000, 4000))
    return pixels, window, low_res, ObjectPrompt(points=((2600, 1450),), labels=(1,))


@pytest.mark.parametrize("answer", ["another object", "nothing", "all"])
def test_an_answer_for_the_window_that_is_another_object_is_not_used(segmenter, disc, answer):
    pixels, window, low_res, click = disc
    logits = np.full((256, 256), 8 if answer == "all" else -8, np.float32)
    if answer == "another object":
        logits[:60, :60] = 8
    astray = Answering(segmenter, logits)
    alpha = edges.refine(astray, pixels, window, low_res, click)
    assert astray.asked[3] is not None  # it was asked
    assert boundary_distance(alpha > 127, pixels[..., 0] > 127) <= 1


def test_the_segmenter_is_asked_for_the_same_object_with_the_points_in_the_window(segmenter, disc):
    pixels, window, low_res, click = disc
    answering = Answering(segmenter, np.zeros((256, 256), np.float32))
    prompt = ObjectPrompt(points=(*click.points, (10, 10), (2100, 1100)), labels=(1, 0, 0))
    edges.refine(answering, pixels, window, low_res, prompt)
    points, labels, box, previous = answering.asked
    scale = 1024 / 1200
    assert points == pytest.approx(np.array([(600, 450), (100, 100)]) * scale, abs=0.5)
    assert labels.tolist() == [1, 0]
    assert box == pytest.approx(np.array([300, 150, 900, 750]) * scale, abs=15)
    assert abs(np.count_nonzero(previous > 0) / (np.pi * (300 * 256 / 1200) ** 2) - 1) < 0.05


def test_an_answer_for_the_window_that_violates_a_point_is_not_used(segmenter, disc):
    pixels, window, low_res, click = disc
    holed = rendering.sampled(low_res.logits, low_res.cells, window, (256, 256), (1200 / 256,) * 2)
    holed[86:106, 118:138] = -8  # around the click
    alpha = edges.refine(Answering(segmenter, holed), pixels, window, low_res, click)
    assert alpha[450, 600] == 255


class Squashing:
    """A segmenter whose grid covers every image, whatever its aspect, and that answers with the mask it is given."""

    def encode(self, image, monitor):
        height, width = image.shape[:2]
        return Embedding(None, (width, height), (256 / width, 256 / height), 0)

    def decode(self, embedding, points, labels, box=None, previous=None):
        assert previous.shape == (256, 256)
        return previous[None], np.ones(1, np.float32)


@pytest.mark.parametrize("size", [(200, 1123), (1123, 200), (200, 1279), (1200, 900)])
def test_the_grid_of_a_segmenter_without_padding_is_not_exceeded(size):
    """256 / w * (w / W) * W is a little over 256 for some sizes."""
    window = Window(2000, 1000, *size)
    pixels = np.random.default_rng(1).integers(90, 110, (size[1], size[0], 3), np.uint8)
    middle = 2000 + size[0] / 2, 1000 + size[1] / 2
    y, x = (np.mgrid[:256, :256] + 0.5) / (256 / 6000)
    logits = np.clip((80 - np.hypot(x - middle[0], y - middle[1])) / 20, -8, 8).astype(np.float32)
    low_res = edges.LowResMask(logits=logits, cells=(256 / 6000,) * 2, size=(6000, 4000))
    corner = (window.x + size[0] - 1e-9, window.y + size[1] - 1e-9)
    prompt = ObjectPrompt(points=(middle, corner), labels=(1, 0))
    alpha = edges.refine(Squashing(), pixels, window, low_res, prompt)
    assert alpha[size[1] // 2, size[0] // 2] == 255


def test_a_photo_as_small_as_its_proxy_is_not_encoded_again(photo):
    logits = np.full((256, 256), 4, np.float32)
    logits[:, 128:] = -4
    size = photo.shape[1::-1]
    low_res = edges.LowResMask(logits=logits, cells=(256 / 640, 256 / 640), size=size)
    alpha = edges.refine(None, photo, whole(*size), low_res, ObjectPrompt())
    assert alpha.shape == photo.shape[:2]


def test_refining_can_be_cancelled(segmenter, disc):
    pixels, window, low_res, click = disc
    with pytest.raises(UserError) as caught:
        edges.refine(segmenter, pixels, window, low_res, click, monitor=Monitor(is_cancelled=lambda: True))
    assert caught.value.code == "cancelled"


@pytest.mark.parametrize("depth", ["uint16", "float32", "four channels"])
def test_every_depth_gives_the_same_edge(segmenter, disc, depth, encoded_once):
    pixels, window, low_res, click = disc
    same = {
        "uint16": pixels.astype(np.uint16) * 257,
        "float32": pixels.astype(np.float32) / 255,
        "four channels": np.dstack([pixels, pixels[..., 0]]),
    }[depth]
    one, other = (edges.refine(segmenter, p, window, low_res, click) for p in (pixels, same))
    assert (one == other).all()


def hairy() -> tuple[np.ndarray, np.ndarray]:
    """A head of hair on a grey wall, and its alpha."""
    random = np.random.default_rng(4)
    alpha = np.zeros((1600, 1600), np.uint8)
    cv2.circle(alpha, (800, 800), 500, 255, -1)
    for angle in random.uniform(0, 2 * np.pi, 900):
        ends = [(800 + r * np.cos(a), 800 + r * np.sin(a)) for r, a in ((490, angle), (535, angle + 0.03))]
        start, end = (np.rint(np.array(p) * 16).astype(int).tolist() for p in ends)
        cv2.line(alpha, start, end, 255, 3, cv2.LINE_AA, 4)
    alpha = cv2.resize(alpha, (800, 800), interpolation=cv2.INTER_AREA)
    share = alpha[..., None] / 255
    image = share * (70, 40, 25) + (1 - share) * (170, 175, 180)
    return photographs.grainy(np.rint(image).astype(np.uint8), 4), alpha


def test_a_soft_edge_shows_hairs_that_a_crisp_one_cannot(photo):
    image, alpha = hairy()
    logits = cv2.resize(alpha, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 16 - 8
    low_res = edges.LowResMask(logits=cv2.GaussianBlur(logits, (0, 0), 2), cells=(0.32, 0.32), size=(800, 800))
    crisp, soft = (
        edges.refine(None, image, whole(800, 800), low_res, ObjectPrompt(), edge=edges.Edge(is_soft=s)).astype(int)
        for s in (False, True)
    )
    ring = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) != cv2.erode(alpha, np.ones((9, 9), np.uint8))
    off = [float(np.abs(found - alpha)[ring].mean()) for found in (crisp, soft)]
    print(f"mean error of alpha around the edge: crisp {off[0]:.1f}, soft {off[1]:.1f} of 255")
    assert off[1] < 0.5 * off[0]
    assert (soft[cv2.erode(alpha, np.ones((81, 81), np.uint8)) == 255] == 255).all()


def feathered(rgb: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """Alpha (h, w) uint8 by the guided filter (He, Sun, Tang 2010, section 4): what matting must be better than."""
    alpha = edges.guided(rgb.astype(np.float32) / 255, (mask > 127).astype(np.float32), radius, edges.EPS)
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    near = cv2.dilate(mask, kernel) != cv2.erode(mask, kernel)
    return np.where(near, np.rint(((alpha - 0.1) / 0.8).clip(0, 1) * 255), mask).astype(np.uint8)


def steepness(alpha: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(alpha.astype(np.float32) / 255, (0, 0), 1.4)
    return np.hypot(cv2.Sobel(smooth, -1, 1, 0, ksize=1), cv2.Sobel(smooth, -1, 0, 1, ksize=1))


def test_fur_is_matted_much_better_than_the_guided_filter_feathers_it(photo):
    """SAD and gradient error: Rhemann et al. 2009, "A perceptually motivated online benchmark for image matting"."""
    errors = []
    for seed, colour in enumerate(((150, 105, 60), (215, 210, 200))):
        fur = photographs.grainy(np.full((200, 200, 3), colour, np.uint8), seed, coarse=12)
        composed = photographs.with_fur(photo, fur, 700, seed)
        mask = cv2.morphologyEx(composed.alpha, cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
        mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
        matted = edges._softened(composed.image, mask, 30, UNWATCHED)
        for alpha in (feathered(composed.image, mask, 24), matted):
            off = np.abs(alpha.astype(float) - composed.alpha).sum() / 255
            errors.append((off, ((steepness(alpha) - steepness(composed.alpha)) ** 2).sum()))
    before, after = np.sum(errors[0::2], axis=0), np.sum(errors[1::2], axis=0)
    print(f"SAD {before[0]:.0f} feathered, {after[0]:.0f} matted; gradient error {before[1]:.0f}, {after[1]:.0f}")
    assert (after < 0.7 * before).all()


def strands(photo: np.ndarray) -> photographs.Composed:
    """A dark head before a photo, whose strands stand off as far as it is wide."""
    random, side = np.random.default_rng(3), 500
    fine = np.zeros((2 * side, 2 * side), np.uint8)
    cv2.circle(fine, (side, side), side // 2, 255, -1)
    steps = np.linspace(0, 1, 12)
    for angle in random.uniform(0, 2 * np.pi, 150):
        far = side * (0.48 + random.uniform(0.05, 0.45) * steps)
        turned = angle + random.uniform(-0.4, 0.4) * steps**2
        path = np.rint(side + np.stack([far * np.cos(turned), far * np.sin(turned)], axis=1)).astype(np.int32)
        cv2.polylines(fine, [path], isClosed=False, color=255, thickness=3)
    alpha = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA)
    head = photographs.grainy(np.full((side, side, 3), (60, 38, 25), np.uint8), 1, coarse=9)
    return photographs.laid_over(photographs.covering(photo, (side, side), cv2.INTER_AREA), head, alpha, (0, 0), 1)


@pytest.fixture(scope="module")
def long_hair(photo):
    """The same, a mask of the head alone, and a ring around it as somebody paints it where alpha is unknown."""
    composed, middle = strands(photo), (250, 250)
    mask, inner, outer = (cv2.circle(np.zeros((500, 500), np.uint8), middle, r, 255, -1) for r in (125, 112, 245))
    return composed, mask, outer > inner


def test_strands_far_from_the_mask_are_found_where_alpha_is_painted_unknown(long_hair):
    composed, mask, unknown = long_hair
    refined = edges.refine_within(composed.image, mask, unknown, None)
    errors = []
    for alpha in (feathered(composed.image, mask, 60), edges._softened(composed.image, mask, 60, UNWATCHED), refined):
        off = np.abs(alpha.astype(float) - composed.alpha).sum() / 255
        errors.append((off, ((steepness(alpha) - steepness(composed.alpha)) ** 2).sum()))
    sad, gradient = zip(*errors, strict=True)
    print("SAD, gradient: " + "; ".join(f"{a:.0f}, {b:.0f}" for a, b in errors) + " (feathered, soft, painted)")
    assert sad[2] < 0.7 * min(sad[:2]) and gradient[2] < 0.3 * min(gradient[:2])
    assert (refined[~unknown] == mask[~unknown]).all()


def test_tiles_leave_no_seam_where_alpha_is_unknown(long_hair, monkeypatch):
    composed, mask, unknown = long_hair
    at_once = edges.refine_within(composed.image, mask, unknown, None).astype(int)
    monkeypatch.setattr(edges, "MATTE_TILE", 200)
    off = np.abs(edges.refine_within(composed.image, mask, unknown, None) - at_once)[unknown]
    print(f"mean difference {off.mean():.2f} of 255")
    assert off.mean() < 4


@given(SIZES, hnp.arrays(np.uint8, (6, 6), elements=st.sampled_from([0, 255])), hnp.arrays(bool, (6, 6)))
def test_any_part_of_any_mask_can_be_refined(size, blocks, unknown):
    rgb = np.random.default_rng(size).integers(0, 256, (*size, 3), np.uint8)
    mask, where = (
        cv2.resize(each.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).reshape(size)
        for each in (blocks, unknown)
    )
    alpha = edges.refine_within(rgb, mask, where > 0, None)
    assert alpha.shape == size and alpha.dtype == np.uint8
    assert (alpha[where == 0] == mask[where == 0]).all()


def test_the_edge_of_any_mask_is_softened_as_that_of_one_that_was_found(photo):
    fur = photographs.grainy(np.full((200, 200, 3), (150, 105, 60), np.uint8), 0, coarse=12)
    composed = photographs.with_fur(photo, fur, 700, 0)
    mask = cv2.morphologyEx(composed.alpha, cv2.MORPH_OPEN, np.ones((15, 15), np.uint8))
    mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
    off = [
        np.abs(alpha.astype(float) - composed.alpha).sum()
        for alpha in (feathered(composed.image, mask, 24), edges.soften(composed.image, mask, None))
    ]
    assert off[1] < 0.7 * off[0]
    faint = mask // 4
    assert edges.soften(composed.image, faint, None) is faint, "one that is nowhere over 127 has no edge to follow"


def test_tiles_leave_no_seam_in_fur(photo, monkeypatch):
    composed = photographs.with_fur(photo, photo[300:400, 20:120], 700, 1)
    mask = np.where(composed.alpha > 127, np.uint8(255), np.uint8(0))
    whole_alpha = edges._softened(composed.image, mask, 30, UNWATCHED).astype(int)
    monkeypatch.setattr(edges, "MATTE_TILE", 256)
    off = np.abs(edges._softened(composed.image, mask, 30, UNWATCHED) - whole_alpha)
    print(f"mean difference {off[(whole_alpha > 0) & (whole_alpha < 255)].mean():.2f} of 255")
    assert off[(whole_alpha > 0) & (whole_alpha < 255)].mean() < 2


@given(SIZES, hnp.arrays(np.uint8, (6, 6), elements=st.sampled_from([0, 255])), st.integers(1, 60))
def test_any_mask_of_any_picture_can_be_matted(size, blocks, radius):
    rgb = np.random.default_rng(radius).integers(0, 256, (*size, 3), np.uint8)
    mask = cv2.resize(blocks, size[::-1], interpolation=cv2.INTER_NEAREST).reshape(size)
    alpha = matting.matte(rgb, mask, radius)
    assert alpha.shape == size
    assert ((alpha >= 0) & (alpha <= 1)).all()
    if mask.min() == mask.max():
        assert (alpha == mask / 255).all()


def test_what_cannot_be_told_from_its_surroundings_stays_as_the_mask_has_it():
    mask = np.zeros((200, 300), np.uint8)
    mask[50:150, 80:220] = 255
    alpha = matting.matte(np.full((200, 300, 3), 90, np.uint8), mask, 20)
    kernel = np.ones((2 * 9 + 1,) * 2, np.uint8)
    elsewhere = cv2.dilate(mask, kernel) == cv2.erode(mask, kernel)
    assert np.abs(alpha - mask / 255)[elsewhere].max() < 1.5 * edges.HAZE


@given(SIZES, st.sampled_from([-8.0, 8.0]), st.integers(0, 2**32 - 1))
def test_where_there_is_no_edge_there_is_none_to_follow(size, value, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    logits = np.full((16, 16), value, np.float32)
    alpha = edges.follow(rgb, logits, (16 / size[1], 16 / size[0]), Window(0, 0, size[1], size[0]))
    assert alpha.shape == size
    assert (alpha == (255 if value > 0 else 0)).all()


@given(SIZES, st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(1e-6, 1))
def test_the_guided_filter_gives_finite_numbers_and_keeps_a_constant(size, seed, radius, eps):
    random = np.random.default_rng(seed)
    guide = random.random((*size, 3), np.float32)
    answer = edges.guided(guide, (random.random(size) > 0.5).astype(np.float32), radius, eps)
    assert answer.shape == size
    assert answer.dtype == np.float32
    assert np.isfinite(answer).all()
    assert edges.guided(guide, np.ones(size, np.float32), radius, eps) == pytest.approx(1, abs=1e-2)


@given(SIZES, hnp.arrays(np.float32, (8, 8), elements=st.floats(-30, 30, width=32)), st.booleans())
def test_any_mask_of_any_window_is_refined_to_its_size(size, logits, soft):
    height, width = size
    rgb = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, 3), np.uint8)
    low_res = edges.LowResMask(logits=logits, cells=(8 / width, 8 / height), size=(width, height))
    alpha = edges.refine(None, rgb, whole(width, height), low_res, ObjectPrompt(), edge=edges.Edge(is_soft=soft))
    assert alpha.shape == size
    assert alpha.dtype == np.uint8


@given(st.tuples(st.integers(0, 5000), st.integers(0, 3000), st.integers(1, 1000), st.integers(1, 1000)))
def test_the_window_holds_the_object_and_lies_in_the_photo(bounds):
    window = edges.window_for(Window(*bounds), LARGE)
    assert window.inside(*LARGE)
    assert window.union(Window(*bounds)) == window

"""Another background around an object: the object untouched, the old background gone from its rim, its shadow kept."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.imaging.pixels import blend
from inference_server.replace import composing, defocus
from inference_server.replace.backgrounds import Blur, Gradient, render
from inference_server.select import shadows
from inference_server.shared.geometry import Window
from inference_server.shared.monitor import UNWATCHED, Monitor

from .. import photographs
from ..property import examples

NAN, INF = float("nan"), float("inf")
FULL = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}


def compose(image, alpha, background, include_shadow, monitor=UNWATCHED):
    shadow = shadows.find(image, alpha) if include_shadow else None
    return composing.compose(image, alpha, background, shadow, monitor)


def finished(image, alpha, wanted, include_shadow=False) -> np.ndarray:
    background = render(image, alpha, wanted, UNWATCHED)
    pixels, shown = compose(image, alpha, background, include_shadow)
    assert pixels.shape == image.shape and pixels.dtype == image.dtype and shown.dtype == np.uint8
    return blend(image, pixels, shown, Window(0, 0, image.shape[1], image.shape[0]))


def naive(image, alpha, background) -> np.ndarray:
    return blend(image, background, 255 - alpha, Window(0, 0, image.shape[1], image.shape[0]))


def disc(shape: tuple[int, int], middle: tuple[int, int], radius: float, soft: float = 0.5) -> np.ndarray:
    """Alpha (h, w) uint8 of a disc around (x, y) that falls over `soft` pixels to either side of its edge."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.hypot(x - middle[0], y - middle[1])
    return np.rint(((radius - away) / (2 * soft) + 0.5).clip(0, 1) * 255).astype(np.uint8)


def standing(height: int, width: int) -> np.ndarray:
    """Alpha of an upright object whose foot is at five sixths of the height."""
    alpha = np.zeros((height, width), np.uint8)
    alpha[height // 3 : height * 5 // 6, width * 2 // 5 : width * 3 // 5] = 255
    return alpha


def noise(shape, seed: int = 0, depth=np.uint8) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape)
    return (values * FULL[depth]).astype(depth)


# -- whatever is given


@st.composite
def anything(draw):
    strange = st.sampled_from([(1, 1), (1, 90), (90, 1), (8, 8)])
    size = draw(st.one_of(strange, st.tuples(st.integers(1, 160), st.integers(1, 160))))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth, channels = draw(st.sampled_from(list(FULL))), draw(st.sampled_from([3, 4]))
    image = noise((*size, channels), int(random.integers(1000)), depth)
    if depth == np.float32:
        image[..., :3] *= draw(st.sampled_from([1, 9]))
        image[random.random(size) < 0.05] = draw(st.sampled_from([NAN, INF, -INF, 0.5]))
    kind = draw(st.sampled_from(["hard", "soft", "noise", "faint", "border"]))
    middle = int(random.integers(size[1])), int(random.integers(size[0]))
    alpha = disc(size, middle, max(size) / 4, 4 if kind == "soft" else 0.5)
    if kind == "noise":
        alpha = random.integers(0, 256, size, np.uint8)
    elif kind == "faint":
        alpha //= 3
    elif kind == "border":
        alpha = 255 - alpha
    if draw(st.booleans()):
        image, alpha = np.asfortranarray(image), np.asfortranarray(alpha)
    image.setflags(write=False)
    alpha.setflags(write=False)
    wanted = draw(
        st.one_of(
            st.builds(Blur, st.floats(0, 1)),
            st.builds(Gradient, *[st.tuples(*[st.floats(0, 1)] * 3)] * 2),
            st.builds(
                lambda h, w, c, d: noise((h, w, c), 5, d),
                st.integers(1, 70),
                st.integers(1, 70),
                st.sampled_from([3, 4]),
                st.sampled_from(list(FULL)),
            ),
        )
    )
    return image, alpha, wanted, draw(st.booleans())


@settings(max_examples=examples(500))
@given(anything())
def test_whatever_is_given_the_object_stays_and_the_background_is_the_new_one(given_):
    image, alpha, wanted, include_shadow = given_
    background = render(image, alpha, wanted, UNWATCHED)
    assert background.shape == (*alpha.shape, 3) and background.dtype == image.dtype
    assert np.isfinite(background).all()
    if not alpha.any() or alpha.min() == 255:
        with pytest.raises(UserError):
            compose(image, alpha, background, include_shadow)
        return
    result = finished(image, alpha, wanted, include_shadow)
    inside, outside = alpha == 255, alpha == 0
    assert result[inside].tobytes() == image[inside].tobytes()
    if not include_shadow:
        assert (result[outside][:, :3] == background[outside]).all()
    else:
        assert (result[outside][:, :3] <= background[outside]).all()
    if image.shape[2] == 4:
        assert (result[outside][:, 3] == FULL[image.dtype.type]).all(), "opaque"
    again = finished(image, alpha, wanted, include_shadow)
    assert again.tobytes() == result.tobytes()


def test_an_empty_mask_and_one_of_everything_are_refused_in_words():
    image = noise((20, 30, 3))
    for value, word in [(0, "empty"), (255, "everything")]:
        with pytest.raises(UserError, match=word) as caught:
            compose(image, np.full((20, 30), value, np.uint8), image, False)
        assert caught.value.code == "wrong-input"


@pytest.mark.parametrize(
    "wanted",
    [
        Gradient((2, 0, 0), (0, 0, 0)),
        Gradient((NAN, 0, 0), (0, 0, 0)),
        Blur(1.5),
        Blur(NAN),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 3)),
    ],
)
def test_a_background_that_is_none_is_refused(wanted):
    with pytest.raises(UserError) as caught:
        render(noise((20, 30, 3)), standing(20, 30), wanted, UNWATCHED)
    assert caught.value.code == "wrong-input"


def test_it_can_be_cancelled_anywhere():
    image, alpha = noise((600, 300, 3)), standing(600, 300)
    for wanted in (Blur(0.5), Gradient((0, 0, 0), (1, 1, 1)), noise((900, 300, 4))):
        background = render(image, alpha, wanted, UNWATCHED)

        def late(share: float, message: str) -> None:
            assert 0 <= share <= 1
            if share > 0.3:
                raise InterruptedError

        monitor = Monitor(on_progress=late)

        with pytest.raises(InterruptedError):
            render(image, alpha, wanted, monitor)
        with pytest.raises(InterruptedError):
            compose(image, alpha, background, True, monitor)


# -- a photo


def test_a_photo_of_the_same_size_comes_as_it_is_and_is_not_written_to():
    image, photo = noise((40, 60, 3)), noise((40, 60, 3), 1)
    before = photo.copy()
    background = render(image, standing(40, 60), photo, UNWATCHED)
    assert (background == photo).all()
    assert not np.shares_memory(background, photo) and (photo == before).all()


@pytest.mark.parametrize("size", [(400, 900), (900, 400), (80, 90), (500, 500)])
def test_a_photo_covers_the_frame_and_is_not_squeezed(size):
    """A round disc in its middle stays round and in the middle."""
    height, width = size
    photo = disc(size, ((width - 1) / 2, (height - 1) / 2), min(size) / 4)[..., None].repeat(3, axis=2)
    background = render(np.zeros((200, 300, 3), np.uint8), standing(200, 300), photo, UNWATCHED)
    y, x = np.nonzero(background[..., 0] > 127)
    assert abs(x.mean() - 149.5) < 1.5 and abs(y.mean() - 99.5) < 1.5
    assert np.ptp(x) == pytest.approx(np.ptp(y), rel=0.03)
    scale = max(200 / height, 300 / width)
    assert np.ptp(x) == pytest.approx(min(size) / 2 * scale, rel=0.05)


@pytest.mark.parametrize("depth", FULL)
@pytest.mark.parametrize("ours", FULL)
def test_a_photo_of_any_depth_becomes_ours(depth, ours):
    photo = (np.arange(6 * 7 * 3).reshape(6, 7, 3) / 125 * FULL[depth]).astype(depth)
    background = render(np.zeros((6, 7, 3), ours), np.zeros((6, 7), np.uint8), photo, UNWATCHED)
    assert np.abs(background / FULL[ours] - photo / FULL[depth]).max() <= 0.5 / 255


def test_where_a_photo_is_transparent_it_lies_over_white():
    photo = np.full((6, 7, 4), 100, np.uint8)
    photo[..., 3] = 0
    photo[3:, :, 3] = 255
    background = render(np.zeros((6, 7, 3), np.uint8), np.zeros((6, 7), np.uint8), photo, UNWATCHED)
    assert (background[:3] == 255).all() and (background[3:] == 100).all()


# -- a gradient


def test_a_plain_colour_is_that_colour():
    for depth, full in FULL.items():
        background = render(np.zeros((30, 20, 3), depth), standing(30, 20), Gradient(*[(0.2, 0.5, 1)] * 2), UNWATCHED)
        assert np.abs(background - np.array((0.2, 0.5, 1)) * full).max() <= (0.5 if full > 1 else 1e-6)
        assert (background == background[0, 0]).all()


def test_a_gradient_is_exact_and_has_no_bands():
    image = np.zeros((1024, 400, 3), np.uint8)
    background = render(image, standing(1024, 400), Gradient((0.4, 0.4, 0.4), (0.41, 0.45, 0.5)), UNWATCHED)
    exact = np.linspace((0.4, 0.4, 0.4), (0.41, 0.45, 0.5), 1024)[:, None] * 255
    assert np.abs(background - exact).max() < 1
    rows = background.mean(axis=1)
    assert np.abs(rows - exact[:, 0]).max() < 0.15, "each row's mean follows the gradient; rounding alone is .5 off"


# -- a blur


def test_a_bright_object_does_not_bleed_into_the_blur():
    image = np.full((240, 320, 3), 110, np.uint8)
    alpha = disc((240, 320), (160, 110), 50)
    share = alpha[..., None] / 255
    image = np.rint(image * (1 - share) + np.array((255, 0, 0)) * share).astype(np.uint8)
    background = render(image, alpha, Blur(1.0), UNWATCHED).astype(int)
    assert np.abs(background - 110).max() <= 1
    careless = cv2.GaussianBlur(image, (0, 0), 8).astype(int)
    assert np.abs(careless - 110)[alpha <= 5].max() > 50, "which blurring the photo as it is would do"


def sharpness(image: np.ndarray, rows: slice) -> float:
    return float(np.abs(np.diff(image[rows].astype(float), axis=1)).mean())


def test_the_ground_is_sharp_at_the_foot_and_softer_with_distance():
    alpha = standing(600, 400)
    coarse = cv2.GaussianBlur(noise((600, 400, 3), 0, np.float32), (0, 0), 3)
    image = np.rint(((coarse - 0.5) * 6 + 0.5).clip(0, 1) * 255).astype(np.uint8)
    background = render(image, alpha, Blur(0.7), UNWATCHED)
    foot = 500
    above = [sharpness(background[:, :150], slice(foot - 50 - k, foot - 30 - k)) for k in (0, 30, 60, 90)]
    assert all(near > 1.3 * far for near, far in pairwise(above))
    assert sharpness(background[:, :150], slice(570, 600)) < 0.5 * above[0], "nearer ground is soft too"
    assert (background[foot - 20 : foot, :150] == image[foot - 20 : foot, :150]).all(), "in focus it is the photo"
    r = defocus.radii(alpha, 20)
    assert (r[:300] == 20).all() and r[480] == 0 and np.abs(np.diff(r)).max() < 0.3


@pytest.mark.parametrize("where", ["cut off below", "floating"])
def test_without_ground_all_is_equally_far(where):
    alpha = np.zeros((300, 200), np.uint8)
    alpha[(slice(100, 300) if where == "cut off below" else slice(30, 120)), 60:140] = 255
    assert defocus.ground(alpha) is None
    assert (defocus.radii(alpha, 9) == 9).all()
    background = render(noise((300, 200, 3)), alpha, Blur(1.0), UNWATCHED)
    assert sharpness(background[:, :50], slice(0, 300)) < 8


def test_a_point_of_light_becomes_a_disc():
    image = np.zeros((400, 400, 3), np.uint8)
    image[98:103, 98:103] = 255
    alpha = disc((400, 400), (300, 100), 30)
    spot = render(image, alpha, Blur(1.0), UNWATCHED)[..., 0].astype(float)
    y, x = np.mgrid[:400, :400]
    away = np.hypot(x - 100, y - 100)
    radius = 0.03 * 400
    assert spot[away < radius - 4].min() > 0.7 * spot.max(), "even inside"
    assert spot[away > radius + 5].max() < 0.2 * spot.max(), "with an end"
    assert spot.max() > 0.3 * 255 * 5 / (2 * radius), "as bright as its light, not its code, spread out"


def test_what_is_out_of_focus_keeps_the_grain():
    image = np.clip(128 + np.random.default_rng(0).normal(0, 2, (300, 300, 3)), 0, 255).astype(np.uint8)
    alpha = disc((300, 300), (150, 100), 40)
    background = render(image, alpha, Blur(1.0), UNWATCHED)
    there = slice(180, 300)

    def grain(picture):
        return float((picture.astype(float) - cv2.GaussianBlur(picture.astype(float), (0, 0), 2))[there].std())

    assert 0.6 < grain(background) / grain(image) < 1.4


# -- the rim


@pytest.mark.parametrize("soft", [1.0, 4.0, 10.0])
def test_the_old_background_is_gone_from_the_rim(soft):
    """A known object over a known background, both with a gradient and texture, put over another one."""
    shape = (200, 260)
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = 8 * np.sin(x / 3)[..., None] * np.cos(y / 4)[..., None]
    front = np.stack([150 + y / 4, 90 + x / 8, 60 + 0 * x], 2) + wave
    behind = np.stack([40 + x / 5, 170 + y / 10, 200 - x / 8], 2) - wave
    new = np.stack([20 + 0 * x, 25 + x / 20, 30 + y / 10], 2).astype(np.uint8)
    alpha = disc(shape, (130, 100), 60, soft)
    share = alpha[..., None] / 255
    image = np.rint(share * front + (1 - share) * behind).clip(0, 255).astype(np.uint8)
    truth = share * front + (1 - share) * new
    rim = (alpha > 0) & (alpha < 255)
    off = np.abs(finished(image, alpha, new) - truth)[rim].mean()
    before = np.abs(naive(image, alpha, new) - truth)[rim].mean()
    assert off < 0.1 * before, f"{off:.2f} levels off, {before:.2f} without"
    assert off < 1.5


def test_no_old_background_is_left_in_fur(photo):
    """The same fur, with the same grain, over the photo and over a dark wall."""
    fur = photographs.grainy(np.full((100, 100, 3), (215, 210, 200), np.uint8), 1, coarse=12)
    old, new = (photographs.with_fur(behind, fur, 400, 2) for behind in (photo, np.full_like(photo, 30)))
    rim, wall = (old.alpha > 0) & (old.alpha < 255), np.full_like(old.image, 30)
    off, before = (
        np.abs(result.astype(float) - new.image)[rim].mean()
        for result in (finished(old.image, old.alpha, wall), naive(old.image, old.alpha, wall))
    )
    print(f"{off:.1f} levels off, {before:.1f} without colours of the object's own")
    assert off < 0.3 * before


def test_the_edge_is_no_wider_than_the_mask_s():
    image, alpha = noise((100, 120, 3)), disc((100, 120), (60, 50), 30)
    wanted = Gradient((0.1, 0.1, 0.1), (0.1, 0.1, 0.1))
    pixels, shown = compose(image, alpha, render(image, alpha, wanted, UNWATCHED), False)
    hard = (alpha == 0) | (alpha == 255)
    assert (shown[hard] == 255 - alpha[hard]).all() and (shown >= 255 - alpha).all()
    assert (pixels[alpha == 0] == round(0.1 * 255)).all()


# -- the shadow


def test_the_shadow_on_the_ground_goes_with_the_object():
    """A ground of 160 with a contact shadow of half its brightness below the object."""
    alpha = standing(300, 400)
    random = np.random.default_rng(0)
    y, x = np.mgrid[:300, :400]
    dark = 1 - 0.5 * np.exp(-(np.maximum(0, np.abs(x - 200) - 40) ** 2 / 40 + (y - 252) ** 2 / 8))
    image = np.clip(160 * dark[..., None] + random.normal(0, 6, (300, 400, 3)), 0, 255).astype(np.uint8)
    image[alpha > 0] = (200, 40, 40)
    background = np.full_like(image, 220)
    pixels, _ = compose(image, alpha, background, True)
    factor = pixels[..., 0] / 220
    assert factor[252, 170:230].max() < 0.75, "carried over"
    assert factor[alpha == 0].min() > 0.35
    assert (factor[:150] == 1).all() and (factor[:, :60] == 1).all(), "and nothing far away"
    assert np.abs(np.diff(factor[252, 175:225])).max() < 0.05, "without the ground's grain"
    plain, _ = compose(image, alpha, background, False)
    assert (plain[alpha == 0] == 220).all()


def ground_with(thing: tuple[int, int, int], shadow: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sandy ground (300, 400, 3) with something of this colour at the left of an object's foot; and the alpha of the
    object, which casts a shadow to its right or none."""
    alpha = standing(300, 400)
    scene = np.array([190, 175, 150]) + np.random.default_rng(0).normal(0, 5, (300, 400, 1))
    scene[225:250, 105:160] = thing
    if shadow:
        cast = np.zeros((300, 400), np.uint8)
        cv2.fillConvexPoly(cast, np.array([[165, 252], [240, 252], [340, 220], [290, 220]]), 255)
        scene *= 1 - 0.45 * cv2.GaussianBlur(cast / 255, (0, 0), 2)[..., None]
    scene[alpha > 0] = 200, 40, 40
    return scene.clip(0, 255).astype(np.uint8), alpha


@pytest.mark.parametrize("thing", [(25, 50, 120), (20, 20, 20), (120, 30, 30)], ids=str)
def test_something_dark_beside_the_object_is_no_shadow(thing):
    image, alpha = ground_with(thing, shadow=False)
    pixels, _ = compose(image, alpha, np.full_like(image, 220), True)
    assert (pixels[alpha == 0] == 220).all()


def test_beside_a_shadow_something_dark_stays_behind():
    image, alpha = ground_with((25, 50, 120), shadow=True)
    pixels, _ = compose(image, alpha, np.full_like(image, 220), True)
    assert pixels[240, 275].max() < 0.75 * 220, "the shadow is carried over"
    assert (pixels[:, :155] == 220).all()


def test_what_stands_on_nothing_seen_leaves_no_shadow():
    image = noise((200, 200, 3))
    alpha = np.zeros((200, 200), np.uint8)
    alpha[80:, 60:140] = 255
    background = np.full_like(image, 220)
    pixels, _ = compose(image, alpha, background, True)
    assert (pixels[alpha == 0] == 220).all()


def test_a_cut_out_is_opaque_before_its_new_background():
    alpha = disc((100, 120), (60, 50), 30, 4)
    image = np.dstack([noise((100, 120, 3)), alpha])
    pixels, _ = compose(image, alpha, np.full((100, 120, 3), 9, np.uint8), False)
    assert (pixels[..., 3] == 255).all()

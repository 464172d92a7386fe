import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference_server.select import shadows

SIZE = 300, 400


def ground(grain: float = 0, seed: int = 0) -> np.ndarray:
    """Sandy ground (300, 400, 3) float, its light falling off to one side, with grain of this standard deviation."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    light = 1 - 0.15 * x / SIZE[1] - 0.05 * y / SIZE[0]
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, SIZE), (0, 0), 1.2)
    return light[..., None] * np.array([190.0, 175, 150]) + (noise / noise.std() * grain)[..., None]


def standing() -> np.ndarray:
    """A figure (300, 400) uint8."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (170, 80), 18, 255, cv2.FILLED)
    cv2.rectangle(mask, (150, 98), (190, 180), 255, cv2.FILLED)
    return mask


def cast(mask: np.ndarray, strength: float = 0.55) -> tuple[np.ndarray, np.ndarray]:
    """The light that is left (300, 400, 3), bluer in the shadow, and the shadow (300, 400) bool, which falls behind."""
    base = 180
    lying = np.array([[1, -0.9, 0.9 * base], [0, -0.4, 1.4 * base]])
    share = cv2.GaussianBlur(cv2.warpAffine((mask > 0).astype(np.float32), lying, SIZE[::-1]), (0, 0), 2)
    left = strength * np.array([0.96, 1, 1.04])
    return 1 - share[..., None] * (1 - left), (share > 0.3) & (mask == 0)


def taken(scene: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photograph (300, 400, 3) uint8 of a scene with a red object in mask."""
    pixels = scene.copy()
    pixels[mask > 0] = 160, 60, 50
    return np.rint(pixels.clip(0, 255)).astype(np.uint8)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.mark.parametrize("strength", [0.4, 0.55, 0.7])
@pytest.mark.parametrize("grain", [0, 8])
def test_a_shadow_is_found(strength, grain):
    mask = standing()
    light, truth = cast(mask, strength)
    found = shadows.find(taken(ground(grain) * light, mask), mask)
    assert overlap(found > 0, truth) > 0.85


@pytest.mark.parametrize("seed", range(3))
def test_a_shadow_on_grass_is_found(seed):
    """Where one pixel differs from the next by more than the shadow takes away."""
    mask = standing()
    light, truth = cast(mask, 0.55)
    scene = ground(0) * [0.6, 0.9, 0.4] * np.exp(grass(seed))[..., None]
    assert overlap(shadows.find(taken(scene * light, mask), mask) > 0, truth) > 0.6
    assert not shadows.find(taken(scene, mask), mask).any()


def test_what_is_merely_likely_is_not_certain():
    """As a faint one on grass is, and one on even ground is not."""
    mask = standing()
    light, truth = cast(mask, 0.6)
    on_grass = taken(ground(0) * [0.6, 0.9, 0.4] * np.exp(grass(3))[..., None] * light, mask)
    assert overlap(shadows.find(on_grass, mask) > 0, truth) > 0.5
    assert not shadows.find(on_grass, mask, only_sure=True).any()
    light, truth = cast(mask)
    assert overlap(shadows.find(taken(ground(8) * light, mask), mask, only_sure=True) > 0, truth) > 0.85


def grass(seed: int) -> np.ndarray:
    """The logarithm (300, 400) of how light the blades are."""
    noise = np.random.default_rng(seed).normal(0, 1, SIZE)
    blades = sum(cv2.GaussianBlur(noise, (0, 0), 1.5 * size, None, 3 * size) * 4 * size for size in (1, 1.6))
    return 0.3 * blades / blades.std()


def test_at_many_times_the_size_it_is_the_same_shadow():
    mask = standing()
    light, truth = cast(mask)
    size = 4 * SIZE[1], 4 * SIZE[0]
    photo = cv2.resize(taken(ground() * light, mask), size, interpolation=cv2.INTER_CUBIC)
    large = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    wanted = cv2.resize(truth.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    assert overlap(shadows.find(photo, large) > 0, wanted) > 0.85


@pytest.mark.parametrize("grain", [0, 8, 25])
def test_where_there_is_no_shadow_none_is_added(grain):
    mask = standing()
    assert not shadows.find(taken(ground(grain), mask), mask).any()


def test_a_dark_object_beside_it_is_no_shadow():
    mask, scene = standing(), ground(8)
    scene[140:190, 191:260] = 25, 50, 120
    assert not shadows.find(taken(scene, mask), mask).any()


@pytest.mark.parametrize("colour", [(25, 50, 120), (20, 20, 20)], ids=str)
def test_a_dark_thing_at_its_foot_is_no_shadow(colour):
    """Blue, which only with its paler surroundings looks like a shadow; and blacker than any shadow."""
    mask, scene = standing(), ground(8)
    scene[165:185, 100:150] = colour
    assert not shadows.find(taken(scene, mask), mask).any()


def test_dark_ground_to_the_edge_of_the_picture_is_no_shadow():
    mask, scene = standing(), ground(8)
    scene[170:] *= 0.5
    assert not shadows.find(taken(scene, mask), mask).any()


def test_an_object_cut_off_below_stands_elsewhere():
    mask = standing()
    light, _ = cast(mask)
    photo = taken(ground() * light, mask)
    assert not shadows.find(photo[:181], mask[:181]).any()


@pytest.mark.parametrize("value", [0, 255])
def test_no_object_or_nothing_else_has_no_shadow(value):
    assert not shadows.find(taken(ground(8), standing()), np.full(SIZE, value, np.uint8)).any()


def test_one_pixel_casts_no_shadow():
    mask = np.zeros(SIZE, np.uint8)
    mask[150, 200] = 255
    assert not shadows.find(taken(ground(8), mask), mask).any()


@st.composite
def scenes(draw) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of any colours (h, w, 3) uint8, and any of them as the object (h, w) uint8."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    colours = draw(hnp.arrays(np.uint8, (height, width, 3)))
    item = draw(hnp.arrays(bool, (height, width)))
    side = draw(st.sampled_from([1, 5, 16]))
    pixels = colours.repeat(side, axis=0).repeat(side, axis=1)
    return pixels, np.kron(item, np.full((side, side), 255)).astype(np.uint8)


@settings(deadline=None)
@given(scenes())
def test_a_shadow_is_a_mask_beside_the_object_and_always_the_same(scene):
    pixels, mask = scene
    before = pixels.copy(), mask.copy()
    found = shadows.find(pixels, mask)
    assert found.shape == mask.shape
    assert found.dtype == np.uint8
    assert np.isin(found, (0, 255)).all()
    assert not (found[mask > 127]).any()
    assert (shadows.find(pixels, mask) == found).all()
    assert all((now == then).all() for now, then in zip(scene, before, strict=True))


def test_the_rocket_in_the_night_casts_none(photo, rocket):
    assert not shadows.find(photo, rocket).any()


def test_the_shadow_of_an_aeroplane(shared):
    files = (shared / "data/clicks/grabcut" / name for name in ("37073.jpg", "37073.mask.png"))
    photo, mask = (cv2.imread(str(file)) for file in files)
    plane = np.where(mask[..., 0] == 255, np.uint8(255), np.uint8(0))
    found = shadows.find(np.ascontiguousarray(photo[..., ::-1]), plane)
    for x, y in [(230, 215), (305, 156), (390, 190)]:  # of the wing, of the fuselage, of the tail
        assert found[y, x] == 255
    assert not found[:100].any()
    assert not found[280:].any()

"""An object as much out of focus as its new background."""

import cv2
import numpy as np
import pytest

from inference_server import Engine
from inference_server.imaging import focus
from inference_server.models.store import Store
from inference_server.replace import sharpness
from inference_server.shared.monitor import UNWATCHED

HEIGHT, WIDTH = 240, 320


def ground(radius: float) -> np.ndarray:
    """Paving (H, W, 3) uint8, out of focus by discs of this radius, with grain."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = np.where((x // 20 + y // 20) % 2, np.float32(0.5), np.float32(0.1))[..., None].repeat(3, axis=2)
    soft = np.sqrt(focus.blurred(light, np.full((HEIGHT, WIDTH), radius, np.float32)).clip(0, 1))
    grain = np.random.default_rng(0).normal(scale=1, size=soft.shape)
    return np.rint(255 * soft + grain).clip(0, 255).astype(np.uint8)


@pytest.fixture
def standing() -> tuple[np.ndarray, np.ndarray]:
    """A photo of a thing with sharp stripes, and its alpha."""
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.rectangle(alpha, (110, 40), (210, 200), 255, cv2.FILLED)
    x = np.arange(WIDTH)
    striped = np.where(x // 24 % 2, 200, 60)[None, :, None].repeat(HEIGHT, axis=0)
    return np.where(alpha[..., None] > 0, striped, 128).astype(np.uint8).repeat(3, axis=2)[..., :3], alpha


def test_the_object_is_as_unsharp_as_the_ground_it_stands_on(standing):
    image, alpha = standing
    soft, softened = sharpness.matched(image, alpha, ground(5), UNWATCHED)
    inside = np.zeros(alpha.shape, bool)
    inside[60:180, 125:195] = True
    its, the_ground_s = focus.measure(soft, inside, 255.0), focus.measure(ground(5), ~inside, 255.0)
    assert its == pytest.approx(the_ground_s, rel=0.25) and the_ground_s > 2
    assert 0 < softened[100, 110] < 255 and 0 < softened[100, 106] < 128, "its edge is as soft"
    assert np.array_equal(soft[:20], image[:20]) and not softened[:20].any()


@pytest.mark.parametrize("background", [ground(0), np.full((HEIGHT, WIDTH, 3), 90, np.uint8)], ids=["sharp", "even"])
def test_it_stays_as_it_is_where_nothing_is_missing_or_tells(standing, background):
    image, alpha = standing
    assert sharpness.matched(image, alpha, background, UNWATCHED) == (image, alpha)
    floating = np.roll(alpha, -39, axis=0)
    floating[100:] = 0
    assert sharpness.matched(image, floating, ground(5), UNWATCHED)[0] is image


def test_only_where_it_is_asked_for_and_the_photo_is_not_written_to(standing, tmp_path):
    image, alpha = standing
    before, engine = image.copy(), Engine(Store(tmp_path))
    plain = engine.replace(image, alpha, backdrop=ground(5))
    assert (plain == image)[alpha == 255].all()
    matched = engine.replace(image, alpha, backdrop=ground(5), match_focus=True)
    assert np.abs(matched.astype(int) - plain)[60:180, 125:195].max() > 20
    assert np.array_equal(matched[:20], plain[:20]) and np.array_equal(image, before)
    # Nothing is known of the light of so even a picture: the photo is still not written to.
    even = np.full_like(image, 0)
    engine.replace(even, alpha, backdrop=ground(5), match_light=1)
    assert not even.any()

"""The object in the light of its new background: photographs whose light was changed by a known amount."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server import Engine, UserError
from inference_server.models.store import Store
from inference_server.replace import harmony
from inference_server.replace.backgrounds import Gradient
from inference_server.shared.monitor import UNWATCHED

from ..property import examples
from ..small_models import picture

COUNT = 40  # composites
ACROSS = 384  # pixels of a photograph's long side
FULL = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}


def under_another_light(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """photo (h, w, 3) uint8 as it were had the light been up to 1.2 stops brighter or darker, warmer or colder, harder
    or softer: known factors of linear light, and a known power of it."""
    linear = np.where(photo <= 10, photo / 255 / 12.92, ((photo / 255 + 0.055) / 1.055) ** 2.4)
    warm, green = random.uniform(-0.35, 0.35), random.uniform(-0.1, 0.1)
    factors = 2 ** random.uniform(-1.2, 1.2) * np.exp((warm, green, -warm))
    linear = 0.18 * (linear * factors / 0.18) ** random.uniform(0.75, 1.3)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded.clip(0, 1)).astype(np.uint8)


def composites(folder):
    """(the true photo, the same under another light, the object's alpha) of so many photographs."""
    found = sorted(file for file in folder.glob("*/*.jpg") if file.with_suffix(".mask.png").exists())
    random = np.random.default_rng(0)
    for file in found[:: max(1, len(found) // COUNT)][:COUNT]:
        photo, mask = cv2.imread(str(file))[..., ::-1], cv2.imread(str(file.with_suffix(".mask.png")), 0)
        scale = ACROSS / max(photo.shape)
        small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize((mask == 255) * np.uint8(255), small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        yield small, under_another_light(small, random), alpha


def test_the_error_against_the_true_photo_is_more_than_halved(shared):
    """An object from a photo under another light is put back into the true one."""
    plain, drawn = [], []
    for truth, other, alpha in composites(shared / "data" / "clicks"):
        lit = harmony.matched(other, alpha, truth, 1.0, UNWATCHED)
        assert (lit == other)[alpha == 0].all()
        inside = alpha == 255
        plain.append(np.abs(other[inside].astype(float) - truth[inside]).mean())
        drawn.append(np.abs(lit[inside].astype(float) - truth[inside]).mean())
    assert len(plain) == COUNT
    assert np.mean(drawn) < 0.5 * np.mean(plain)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(list(FULL)),
    st.sampled_from((3, 4)),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_whatever_is_given_outside_the_object_nothing_changes(width, height, depth, channels, strength, seed):
    random = np.random.default_rng(seed)
    image, background = (
        (random.random((height, width, n)) * FULL[depth] * random.uniform(0.2, 1)).astype(depth) for n in (channels, 3)
    )
    if depth == np.float32:
        image[random.random((height, width)) < 0.05] = random.choice((np.nan, np.inf, 9.0))
    alpha = random.integers(0, 3, (height, width)).astype(np.uint8) * np.uint8(127)
    before = image.copy()
    lit = harmony.matched(image, alpha, background, strength, UNWATCHED)
    assert lit.shape == image.shape and lit.dtype == image.dtype and np.array_equal(image, before, equal_nan=True)
    assert np.array_equal(lit[alpha == 0], image[alpha == 0], equal_nan=True)
    assert np.array_equal(lit[..., 3:], image[..., 3:], equal_nan=True)


def test_without_strength_the_object_stays_as_it_is_and_with_it_goes_towards_the_light(tmp_path):
    image = picture(160, 120)
    mask = np.zeros((120, 160), np.uint8)
    mask[40:90, 60:110] = 255
    engine, dark = Engine(Store(tmp_path)), Gradient((0.1, 0.12, 0.2), (0.05, 0.06, 0.1))
    plain, half, whole = (engine.replace(image, mask, backdrop=dark, match_light=share) for share in (0, 0.5, 1))
    assert (plain == image)[mask == 255].all()
    means = [each[mask == 255].mean() for each in (plain, half, whole)]
    assert means[0] > means[1] > means[2] > 10
    with pytest.raises(UserError, match="between 0 and 1"):
        engine.replace(image, mask, backdrop=dark, match_light=1.5)

"""What models are shown of photos in other colour spaces and of bright float photos, and what comes back."""

import numpy as np
import pytest

from inference_server import Engine
from inference_server.fill import filling
from inference_server.fill.painting import Sampler
from inference_server.fill.prompts import Prompt
from inference_server.imaging.colour import ColourSpace
from inference_server.models.store import Store
from inference_server.remove import inpainters
from inference_server.remove.inpainters import Inpainter
from inference_server.remove.patchmatch import Filled
from inference_server.shared.messages import MaskOptions, PaintOptions

from . import profiles
from .conftest import CLICK

PROPHOTO = profiles.rgb(profiles.PROPHOTO, 1.8)
AS_IT_IS = MaskOptions(grow=0, feather=0)
SEEN = (0.6, 0.3, 0.2)  # sRGB


@pytest.fixture
def shown(models, monkeypatch):
    """An engine that paints SEEN, the pictures that its models are shown, and those that their surroundings are."""
    pictures: list[np.ndarray] = []

    def paint(rgb: np.ndarray, hole: np.ndarray, *_: object) -> Filled:
        pictures.append(rgb)
        offsets = np.zeros((*hole.shape, 2), np.int32)
        return Filled(np.where(hole[..., None], np.float32(SEEN), rgb), offsets)

    def fill(source: np.ndarray, hole: np.ndarray, *_: object, match_focus: bool = False) -> np.ndarray:
        pictures.append(source)
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        white = 1 if source.dtype == np.float32 else np.iinfo(source.dtype).max
        size = (rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0], 1)
        return np.tile((np.float32(SEEN) * white).astype(source.dtype), size)

    def sampler(self: Engine, job: object, paint: object, proxy: np.ndarray, *_: object) -> Sampler:
        pictures.append(proxy)
        return Sampler(None, Prompt("a cat"), 0, "fast")

    monkeypatch.setattr(inpainters, "load", lambda *_: Inpainter(512, paint))
    monkeypatch.setattr(filling, "fill", fill)
    monkeypatch.setattr(Engine, "_sampler", sampler)
    return Engine(Store(models)), pictures


def scene(dtype: type, profile: bytes | None) -> tuple[np.ndarray, np.ndarray]:
    """A plain photo (60, 80, 3) that looks SEEN's opposite in sRGB, in a profile's values, and a mask in it."""
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    plain = np.tile((np.float32((0.2, 0.5, 0.4)) * white).astype(dtype), (60, 80, 1))
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:50] = 255
    return ColourSpace(profile).from_srgb(plain), mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("job", ["remove", "fill", "replace"])
def test_models_are_shown_srgb_and_what_they_paint_comes_back_in_the_photos_values(shown, job, dtype):
    engine, pictures = shown
    image, mask = scene(dtype, PROPHOTO)
    arguments = {} if job == "remove" else {"prompt": "a cat"}
    result = getattr(engine, job)(image, mask, feather=0, profile=PROPHOTO, **arguments)
    for picture in pictures:
        seen = picture[0, 0] / (1 if picture.dtype == np.float32 else np.iinfo(picture.dtype).max)
        assert seen == pytest.approx((0.2, 0.5, 0.4), abs=0.01)
    assert len(pictures) == (1 if job == "remove" else 2)
    changed, kept = ((5, 5), (30, 40)) if job == "replace" else ((30, 40), (5, 5))
    assert (result[kept] == image[kept]).all()
    back = ColourSpace(PROPHOTO).to_srgb(result[changed][None, None])[0, 0]
    assert back / (1 if dtype == np.float32 else np.iinfo(dtype).max) == pytest.approx(SEEN, abs=0.01)


def test_a_photo_of_srgb_is_shown_as_it_is(shown):
    engine, pictures = shown
    image, mask = scene(np.uint8, None)
    engine.fill_patch(image, mask, PaintOptions(prompt="a cat"), AS_IT_IS)
    assert all((picture == image[0, 0]).all() for picture in pictures)


def test_a_bright_spark_does_not_darken_what_models_see(shown):
    engine, pictures = shown
    image, mask = scene(np.float32, None)
    image[...] = 0.5
    image[3, 3] = 20
    result = engine.remove(image, mask, feather=0)
    assert pictures[0][10, 10] == pytest.approx([0.5] * 3)
    assert result[3, 3].tolist() == [20] * 3
    assert result[30, 40] == pytest.approx(SEEN, abs=1e-6)


def test_a_photo_that_is_bright_all_over_is_shown_scaled(shown):
    engine, pictures = shown
    image, mask = scene(np.float32, None)
    result = engine.remove(image * 8, mask, feather=0)
    assert pictures[0][10, 10] == pytest.approx((0.4, 1, 0.8))
    assert result[30, 40] == pytest.approx(np.multiply(SEEN, 4), rel=1e-5)


def test_objects_are_found_by_what_the_photo_shows(engine, photo, rocket):
    """In ProPhoto's values the colours of a photo are others; the object is the same."""
    wide = ColourSpace(PROPHOTO).from_srgb(photo.astype(np.uint16) * np.uint16(257))
    found = engine.segment(wide, [CLICK], [1], profile=PROPHOTO)[0].alpha
    assert ((found > 127) == (rocket > 127)).mean() > 0.999

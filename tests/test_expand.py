"""A photo on a larger canvas: the old pixels bit for bit, new ones around them, with and without a model."""

from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_server import Engine, UserError
from inference_server.cli import parser
from inference_server.imaging.canvas import enlarged
from inference_server.imaging.files import reading, writing
from inference_server.imaging.files.photograph import Format, Photograph
from inference_server.models.store import Store
from inference_server.remove import outward
from inference_server.select import segmenters
from inference_server.select.selector import EncodedImage, Selector
from inference_server.shared.errors import cancelled_error, wrong_input
from inference_server.shared.margins import MOST, Margins

from .property import examples
from .small_models import picture

FULL = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    """One that has no model to find what a photo is of."""
    return Engine(Store(tmp_path_factory.mktemp("models")))


@st.composite
def photos(draw):
    """A photo of any kind, and margins that are not all 0."""
    width, height = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    depth, channels = draw(st.sampled_from(list(FULL))), draw(st.sampled_from((3, 4)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    image = (random.random((height, width, channels)) * FULL[depth]).astype(depth)
    across, down = int(MOST * width), int(MOST * height)
    sides = (st.integers(0, most) for most in (across, down, across, down))
    return image, Margins(*draw(st.tuples(*sides).filter(any)))


def inner(image, margins):
    height, width = image.shape[:2]
    return np.s_[margins.top : margins.top + height, margins.left : margins.left + width]


@settings(max_examples=examples(40), deadline=None)
@given(photos())
def test_any_photo_lies_in_the_larger_one_bit_for_bit(given):
    image, margins = given
    canvas, new = enlarged(image, margins)
    old = inner(image, margins)
    assert np.array_equal(canvas[old], image) and not new[old].any()
    assert np.count_nonzero(new) == new.size - image.shape[0] * image.shape[1]


@settings(max_examples=examples(30), deadline=None)
@given(photos())
def test_without_a_model_new_pixels_are_made_of_the_old_ones(engine, given):
    image, margins = given
    large = engine.expand(image, *margins)
    old = inner(image, margins)
    assert large.dtype == image.dtype and np.array_equal(large[old], image) and np.isfinite(large).all()
    assert large.shape == (image.shape[0] + margins.top + margins.bottom, *large.shape[1:3])


def test_a_sky_goes_on_without_an_edge(engine):
    """A gradient with grain: across the old border no step is larger than within the photo."""
    y, _ = np.mgrid[:120, :160]
    random = np.random.default_rng(1)
    sky = np.stack((90 + y * 0.5, 130 + y * 0.4, 190 + y * 0.2), axis=-1) + random.normal(scale=1.5, size=(120, 160, 1))
    sky = np.rint(sky).astype(np.uint8)
    large = engine.expand(sky, right=50, left=30).astype(float)
    steps = np.abs(np.diff(large, axis=1)).mean(axis=(0, 2))
    assert steps[[29, 189]].max() < 1.5 * steps[40:180].mean()
    rows = large.mean(axis=(1, 2))
    assert np.abs(rows - sky.mean(axis=(1, 2))).max() < 3


def test_clouds_that_the_border_cuts_are_led_to_their_end(engine):
    """Nothing in the photo goes on as they do: where it ends, the step is no larger than elsewhere all the same."""
    clouds = cv2.GaussianBlur(np.random.default_rng(5).normal(size=(120, 200, 3)), (0, 0), 9)
    clouds = (128 + 100 * clouds / np.abs(clouds).max()).astype(np.uint8)
    large = engine.expand(clouds, right=60, left=60).astype(float)
    steps = np.abs(np.diff(large, axis=1)).mean(axis=(0, 2))
    assert steps[[59, 259]].max() < 1.5 * steps[60:259].mean()


def test_an_object_that_the_border_cuts_off_does_not_come_up_again(engine):
    """A figure at the left border of a street, and another further in: beside the photo there is only the street."""
    random = np.random.default_rng(3)
    image = np.empty((240, 320, 3), float)
    image[:100], image[100:180], image[180:] = (150, 180, 220), (170, 160, 150), (90, 90, 95)
    image += random.normal(scale=6, size=(240, 320, 1))
    image[90:230, :30] = np.array((200, 40, 40)) + random.normal(scale=12, size=(140, 30, 1))
    image[120:230, 200:225] = np.array((200, 40, 40)) + random.normal(scale=12, size=(110, 25, 1))
    image = image.clip(0, 255).astype(np.uint8)
    new = engine.expand(image, left=80)[:, :80].astype(int)
    red = new[..., 0] - new[..., 1] > 60
    assert red[:, :56].mean() < 0.002, "24 pixels at the border may lead it to its end"
    sky, wall, street = (
        (slice(5, 92), (150, 180, 220)),
        (slice(115, 172), (170, 160, 150)),
        (slice(188, 235), (90, 90, 95)),
    )
    for rows, colour in (sky, wall, street):
        assert np.abs(np.median(new[rows, :56], axis=(0, 1)) - colour).max() < 10, "layers go on at their height"


@pytest.fixture
def wide() -> tuple[np.ndarray, np.ndarray]:
    """A photo of a figure that leaves no room for strips beside it, and its mask."""
    random = np.random.default_rng(4)
    image = np.empty((240, 200, 3), float)
    image[:100], image[100:] = (150, 180, 220), (90, 90, 95)
    mask = np.zeros((240, 200), np.uint8)
    mask[110:220, 12:188] = 255
    image[mask > 0] = 200, 40, 40
    return (image + random.normal(scale=6, size=(240, 200, 1))).clip(0, 255).astype(np.uint8), mask


class Found(NamedTuple):
    """Stands for a mask that was found."""

    mask: np.ndarray

    def preview(self, width: int, height: int) -> np.ndarray:
        return cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def finding(engine, monkeypatch):
    """Has the engine find what it is given in any photo, or raise it."""

    def find(found: np.ndarray | UserError) -> None:
        def select(self, encoded, size, prompt):
            if isinstance(found, UserError):
                raise found
            return [Found(found)]

        monkeypatch.setattr(segmenters, "can_load", lambda store, name: True)
        monkeypatch.setattr(Selector, "encode", lambda self, proxy, monitor: EncodedImage(proxy, None))
        monkeypatch.setattr(Selector, "select", select)

    return find


def test_what_the_photo_is_of_does_not_come_up_again(engine, wide, finding):
    image, mask = wide

    def red():
        large = engine.expand(image, right=60, top=5).astype(int)
        assert (large[5:, :200] == image).all()
        return (large[:, 224:, 0] - large[:, 224:, 1] > 60).mean()

    without = red()
    finding(mask)
    assert red() < 0.002 < 0.1 < without
    finding(wrong_input("Nothing stands out."))
    assert red() == without
    finding(np.full_like(mask, 255))
    assert red() == without, "it is most of the photo"
    finding(cancelled_error())
    with pytest.raises(UserError, match="Cancelled"):
        red()


def test_of_the_subject_its_edge_is_not_copied_either():
    mask = np.zeros((100, 200), np.uint8)
    mask[40:60, 50:80] = 200
    grown = outward.subject(mask, left=True, right=True)
    assert np.count_nonzero(grown) == 24 * 34


def test_a_subject_that_the_border_cuts_off_goes_on():
    mask = np.zeros((100, 200), np.uint8)
    mask[40:60, 150:] = 255
    assert outward.subject(mask, left=True, right=False) is not None
    assert outward.subject(mask, left=True, right=True) is None
    mask[45:] = 0
    assert outward.subject(mask, left=False, right=True) is not None, "it is hardly cut"


@pytest.mark.parametrize(
    ("margins", "says"), [({}, "how far"), ({"left": -1, "top": 3}, "how far"), ({"top": 71}, "no more than its own")]
)
def test_wrong_margins_get_one_sentence(engine, margins, says):
    with pytest.raises(UserError, match=says):
        engine.expand(picture(100, 70), **margins)


def test_on_the_command_line(tmp_path, home, monkeypatch):
    photo, result = tmp_path / "photo.png", tmp_path / "wide.png"
    pixels = np.repeat(np.repeat(np.arange(60, dtype=np.uint8)[:, None, None] * 2 + 60, 80, axis=1), 3, axis=2)
    photo.touch()
    writing.write(photo, Photograph(pixels=pixels, format=Format.PNG), Format.PNG, None)
    assert parser.main(["expand", str(photo), "--left", "20", "--bottom", "10", "-q", "-o", str(result)]) == 0
    wide = reading.read(result).pixels
    assert wide.shape == (70, 100, 3) and (wide[:60, 20:] == pixels).all()
    assert parser.main(["expand", str(photo), "-q", "-o", str(tmp_path / "none.png")]) == 1
    assert not (tmp_path / "none.png").exists()

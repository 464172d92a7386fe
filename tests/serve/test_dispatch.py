"""A request and its frames give what the engine gives for the whole photo."""

import cv2
import numpy as np
import pytest

from inference_server import Engine, UserError
from inference_server.imaging import windows
from inference_server.imaging.pixels import blend, to_proxy
from inference_server.models.store import Store
from inference_server.serve.dispatch import perform
from inference_server.shared import messages
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Encoded, EncodeImage, ImageRef, Inpaint, Locate, ObjectPrompt, Segment
from inference_server.shared.wire import ProtocolError, attach, extract

from ..conftest import CLICK
from ..select.test_shadows import cast, ground, overlap, standing, taken

POINTED = ObjectPrompt((CLICK,), (1,))


def ask(engine, message, frames=()):
    return perform(engine, message, frames, lambda share, word: None, lambda: False, lambda answer, frames: None)


@pytest.fixture
def described(photo):
    """The photo as a client describes it, and the frame its proxy is in."""
    proxy = to_proxy(photo)
    height, width = proxy.shape[:2]
    frames = []
    raster = attach(frames, width, height, 3, "uint8", proxy.tobytes())
    return ImageRef(640, 427, messages.image_key(width, height, proxy.tobytes()), raster), frames


def test_the_object_is_located_as_well_as_the_proxy_shows_it(engine, described, rocket):
    located, _ = ask(engine, Locate("remove", described[0], POINTED), described[1])
    assert np.abs(np.subtract(located.bounds, windows.bounds(rocket))).max() <= 8
    assert located.window == windows.context_window(Window(*located.bounds), 640, 427)


def test_a_photo_can_be_looked_at_ahead(models, described, rocket):
    engine = Engine(Store(models))
    looked, _ = ask(engine, EncodeImage(described[0]), described[1])
    assert looked == Encoded()
    located, _ = ask(engine, Locate("select", ImageRef(640, 427, described[0].key), POINTED))  # no proxy this time
    assert np.abs(np.subtract(located.bounds, windows.bounds(rocket))).max() <= 8


def test_a_rough_mask_is_a_hint(engine, described, rocket):
    """Half the rocket, with a margin: all of the rocket is meant."""
    description, frames = described
    stroke = cv2.dilate(rocket, np.ones((9, 9), np.uint8))
    stroke[:200] = 0
    hint = [*frames]
    rough = attach(hint, 640, 427, 1, "uint8", stroke.tobytes(), pack=True)
    located, _ = ask(engine, Locate("select", description, ObjectPrompt((CLICK,), (1,)), rough=rough), hint)
    assert located.bounds[3] > 150
    with pytest.raises(ProtocolError):
        ask(engine, Locate("select", description, POINTED, rough=messages.Raster(640, 426, 1, "uint8", 1)), hint)
    nothing = [*frames]
    empty = attach(nothing, 640, 427, 1, "uint8", bytes(640 * 427), pack=True)
    with pytest.raises(UserError, match="rough mask is empty"):
        ask(engine, Locate("select", description, ObjectPrompt(), rough=empty), nothing)


def test_a_photo_the_server_has_not_seen_is_asked_for(engine):
    with pytest.raises(UserError) as refused:
        ask(engine, Locate("select", ImageRef(640, 427, "never seen"), POINTED))
    assert refused.value.code == "unknown-photo"


def test_a_photo_once_seen_needs_only_its_key(engine, described, photo, rocket):
    ask(engine, Locate("select", described[0], POINTED), described[1])
    known = ImageRef(640, 427, described[0].key)
    located, _ = ask(engine, Locate("select", known, POINTED))
    sent = []
    _, _, w, h = located.window
    pixels = np.ascontiguousarray(photo[Window(*located.window).slices])
    request = Segment(known, POINTED, located.window, attach(sent, w, h, 3, "uint8", pixels.tobytes()))
    segmented, frames = ask(engine, request, sent)
    at = Window(*segmented.window)
    mask = np.frombuffer(extract(segmented.mask, frames), np.uint8).reshape(at.height, at.width)
    assert (mask == rocket[at.slices]).all() and mask.sum() == rocket.sum(dtype=int)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_a_window_gives_what_the_engine_gives_for_its_pixels(engine, described, photo, rocket, depth):
    image = photo.astype(depth) * (257 if depth == np.uint16 else 1)
    image = image / np.float32(255) if depth == np.float32 else image
    description, frames = described
    located, _ = ask(engine, Locate("remove", description, POINTED), frames)
    window = Window(*located.window)
    sent = []
    pixels = np.ascontiguousarray(image[window.slices])
    raster = attach(sent, window.width, window.height, 3, pixels.dtype.name, pixels.tobytes())
    painted, got = ask(engine, Inpaint("remove", ImageRef(640, 427, description.key), window, raster, POINTED), sent)
    at = Window(*painted.window)
    new = np.frombuffer(extract(painted.pixels, got), depth).reshape(at.height, at.width, 3)
    alpha = np.frombuffer(extract(painted.alpha, got), np.uint8).reshape(at.height, at.width)
    whole = image.copy()
    whole[window.slices] = engine.remove(pixels, np.ascontiguousarray(rocket[window.slices]))
    assert (blend(image, new, alpha, at) == whole).all()


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_grey_and_alpha_come_back_as_they_were_sent(engine, photo, rocket, channels):
    image = (
        photo[..., [1]]
        if channels == 1
        else np.dstack([photo[..., : channels - 1], np.full((427, 640), 255, np.uint8)])
    )
    frames = []
    pixels = attach(frames, 640, 427, channels, "uint8", np.ascontiguousarray(image).tobytes())
    mask = attach(frames, 640, 427, 1, "uint8", rocket.tobytes(), pack=True)
    painted, got = ask(engine, Inpaint("remove", ImageRef(640, 427, ""), (0, 0, 640, 427), pixels, mask=mask), frames)
    assert painted.pixels.channels == channels
    x, y, w, h = painted.window
    new = np.frombuffer(extract(painted.pixels, got), np.uint8).reshape(h, w, channels)
    alpha = np.frombuffer(extract(painted.alpha, got), np.uint8).reshape(h, w)
    assert (new[alpha == 0] == image[y : y + h, x : x + w][alpha == 0]).all()
    if channels != 1:
        assert (new[..., -1] == 255).all()


def test_a_wide_growth_gets_a_window_that_holds_it(engine):
    located, _ = ask(engine, Locate("remove", ImageRef(6000, 4000, ""), bounds=(3000, 2000, 10, 10), margin=500))
    assert located.window == (2500, 1500, 1010, 1010)


# -- with the shadow

FIGURE = ObjectPrompt(((170, 140),), (1,))


@pytest.fixture(scope="module")
def sunny():
    """A figure on sandy ground (300, 400, 3) uint8 and where its shadow is (300, 400) bool."""
    mask = standing()
    light, shadow = cast(mask)
    return taken(ground(8) * light, mask), shadow


def sent(image):
    """A photo as a client describes it, and the frame its proxy is in."""
    proxy, frames = to_proxy(image), []
    (h, w), (height, width) = proxy.shape[:2], image.shape[:2]
    key = messages.image_key(w, h, proxy.tobytes())
    return ImageRef(width, height, key, attach(frames, w, h, 3, "uint8", proxy.tobytes())), frames


def native(frames, image, window):
    x, y, w, h = window
    part = np.ascontiguousarray(image[y : y + h, x : x + w])
    return attach(frames, w, h, 3, part.dtype.name, part.tobytes())


def placed(raster, frames, window, size):
    """A mask that came back, in a photo of this size (height, width)."""
    mask = np.zeros(size, np.uint8)
    part = np.frombuffer(extract(raster, frames), np.uint8)
    mask[Window(*window).slices] = part.reshape(window[3], window[2])
    return mask


@pytest.mark.parametrize("include_shadow", [False, True])
def test_a_shadow_is_in_the_mask_that_is_selected_only_where_it_is_asked_for(engine, sunny, include_shadow):
    image, shadow = sunny
    photo, frames = sent(image)
    located, _ = ask(engine, Locate("select", photo, FIGURE, include_shadow=include_shadow), frames)
    pixels = native(frames, image, located.window)
    request = Segment(photo, FIGURE, located.window, pixels, include_shadow=include_shadow)
    segmented, got = ask(engine, request, frames)
    found = placed(segmented.mask, got, segmented.window, shadow.shape)
    whole = engine.segment(image, FIGURE.points, FIGURE.labels)[0].alpha
    assert (found == (engine.with_shadow(image, whole) if include_shadow else whole)).all()
    assert (overlap((found > 0) & (whole == 0), shadow) > 0.8) == include_shadow


@pytest.mark.parametrize("include_shadow", [False, True])
@pytest.mark.parametrize("ready", [False, True], ids=["a click", "a ready mask"])
def test_a_shadow_is_removed_and_in_the_mask_that_comes_back(engine, sunny, include_shadow, ready):
    image, shadow = sunny
    photo, frames = sent(image)
    bounds = windows.bounds(standing()) if ready else None
    pointed = None if ready else FIGURE
    located, _ = ask(engine, Locate("remove", photo, pointed, bounds, include_shadow=include_shadow), frames)
    window = Window(*located.window)
    pixels, mask = native(frames, image, window), None
    if ready:
        part = np.ascontiguousarray(standing()[window.slices])
        mask = attach(frames, window.width, window.height, 1, "uint8", part.tobytes(), pack=True)
    request = Inpaint("remove", photo, window, pixels, pointed, mask, include_shadow=include_shadow)
    painted, got = ask(engine, request, frames)
    found = placed(painted.mask, got, painted.window, shadow.shape)
    alpha = placed(painted.alpha, got, painted.window, shadow.shape)
    assert (alpha[found > 0] == 255).all()
    assert (np.count_nonzero((found > 0) & shadow) > 0.8 * np.count_nonzero(shadow)) == include_shadow
    new = np.frombuffer(extract(painted.pixels, got), np.uint8).reshape(painted.window[3], painted.window[2], 3)
    at = Window(*painted.window)
    clean = blend(image, new, alpha[at.slices], at)
    assert (clean[shadow].mean() > 0.95 * ground()[shadow].mean()) == include_shadow


def test_a_shadow_may_fall_as_far_as_it_is_looked_for(engine):
    where = Locate("remove", ImageRef(6000, 4000, ""), bounds=(3000, 2000, 100, 200), margin=30, include_shadow=True)
    located, _ = ask(engine, where)
    (x, y, width, height), least = located.window, 200 + 30
    assert x <= 3000 - least and y <= 2000 - least
    assert x + width >= 3100 + least and y + height >= 2200 + least
    assert width < 1000 and height < 1000


# -- what is refused

PHOTO = ImageRef(640, 427, "key")
FRAME = [bytes(30 * 20 * 3)]
RASTER = messages.Raster(30, 20, 3, "uint8", 0)
WINDOW = (5, 5, 30, 20)


@pytest.mark.parametrize(
    "message",
    [
        Locate("sharpen", PHOTO, POINTED),
        Locate("remove", PHOTO),
        Locate("remove", PHOTO, bounds=(600, 400, 100, 100)),
        Locate("remove", PHOTO, bounds=(5, 5, 0, 5)),
        Locate("remove", ImageRef(0, 0, "key"), bounds=(0, 0, 1, 1)),
        Locate("remove", ImageRef(640, 427, "key", messages.Raster(1025, 1, 3, "uint8", 0)), POINTED),
        Locate("remove", ImageRef(640, 427, "key", messages.Raster(30, 20, 4, "uint8", 0)), POINTED),
        Segment(PHOTO, POINTED, (0, 0, 5000, 10), RASTER),
        Segment(PHOTO, POINTED, (5, 5, 20, 30), RASTER),
        Inpaint("remove", PHOTO, WINDOW, RASTER),
        Inpaint("remove", PHOTO, (5, 5, 20, 30), RASTER, POINTED),
        Inpaint("remove", PHOTO, (-5, 5, 30, 20), RASTER, POINTED),
        Inpaint("remove", PHOTO, WINDOW, messages.Raster(30, 20, 3, "uint8", 7), POINTED),
        messages.Hello("x"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(engine, message):
    with pytest.raises(ProtocolError):
        ask(engine, message, FRAME)


def test_a_proxy_under_another_photos_name_is_refused(engine, described):
    description, frames = described
    lie = ImageRef(640, 427, "0" * 32, description.proxy)
    with pytest.raises(ProtocolError, match="not the photo"):
        ask(engine, Locate("select", lie, POINTED), frames)

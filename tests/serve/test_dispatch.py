"""A request and its frames give what the engine gives for the whole image."""

import math
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from inference_server.imaging import windows
from inference_server.imaging.colour import ColourSpace
from inference_server.imaging.pixels import blend
from inference_server.imaging.strokes import with_strokes
from inference_server.shared import messages
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Window, whole
from inference_server.shared.messages import (
    AskDepth,
    Background,
    Depth,
    Encoded,
    EncodeImage,
    ExpandPrompt,
    ImageRef,
    Inpaint,
    Job,
    Locate,
    MaskOptions,
    MeasuredDepth,
    ObjectPrompt,
    PaintOptions,
    Raster,
    Segment,
    Stroke,
    Target,
)
from inference_server.shared.wire import ProtocolError

from .. import profiles
from ..asking import AT_ROCKET, as_array, attach_mask, attach_pixels, image_ref, result_of
from ..conftest import new_engine
from ..photographs import furry
from ..select.test_shadows import cast, ground, overlap, standing, taken

pytestmark = pytest.mark.usefixtures("encoded_once")

ROCKET = Target(prompts=(AT_ROCKET,))
LARGE = ImageRef(width=6000, height=4000, key="")
WITH_SHADOW = MaskOptions(include_shadow=True)


@pytest.fixture
def described(photo):
    """The photo as a client describes it, and the frame its proxy is in."""
    return image_ref(photo)


def placed(raster: Raster, frames: list[bytes], window: Window, size: tuple[int, int]) -> np.ndarray:
    """A mask that came back for a window, in an image of this size (height, width)."""
    mask = np.zeros(size, np.uint8)
    mask[window.slices] = as_array(raster, frames)
    return mask


def test_the_object_is_located_as_well_as_the_proxy_shows_it(engine, described, rocket):
    image, frames = described
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=image, target=ROCKET), frames)
    assert np.abs(np.subtract(located.bounds, windows.bounds(rocket))).max() <= 8
    assert located.window == windows.context_window(located.bounds, 640, 427)


def test_an_image_can_be_encoded_ahead(models, described, rocket):
    engine, (image, frames) = new_engine(models), described
    assert result_of(engine, EncodeImage(image=image), frames) == (Encoded(), [])
    without_proxy = replace(image, proxy=None)
    located, _ = result_of(engine, Locate(job=Job.SELECT, image=without_proxy, target=ROCKET))
    assert np.abs(np.subtract(located.bounds, windows.bounds(rocket))).max() <= 8


def test_a_rough_mask_is_a_hint(engine, described, rocket):
    """Half the rocket, with a margin: all of the rocket is meant."""
    image, frames = described
    stroke = cv2.dilate(rocket, np.ones((9, 9), np.uint8))
    stroke[:200] = 0
    rough = attach_mask(stroke, frames)

    def locate(target: Target) -> messages.Located:
        return result_of(engine, Locate(job=Job.SELECT, image=image, target=target), frames)[0]

    assert locate(Target(prompts=(AT_ROCKET,), rough_mask=rough)).bounds.height > 150
    assert locate(Target(rough_mask=rough)).bounds.height > 100, "no click is needed"
    with pytest.raises(ProtocolError):
        locate(Target(prompts=(AT_ROCKET,), rough_mask=replace(rough, height=426)))
    empty = attach_mask(np.zeros((427, 640), np.uint8), frames)
    with pytest.raises(UserError, match="rough mask is empty"):
        locate(Target(rough_mask=empty))


SIGN = ObjectPrompt(box=(60.0, 330.0, 130.0, 400.0))


def mask_of(engine, described, photo, target: Target, **options) -> np.ndarray:
    """What is selected, (427, 640)."""
    image, frames = described
    frames = [*frames]
    located, _ = result_of(engine, Locate(job=Job.SELECT, image=image, target=target), frames)
    pixels = attach_pixels(photo[located.window.slices], frames)
    request = Segment(image=image, target=target, window=located.window, pixels=pixels, options=MaskOptions(**options))
    segmented, got = result_of(engine, request, frames)
    return placed(segmented.mask, got, segmented.window, photo.shape[:2])


def test_several_objects_are_meant_together(engine, described, photo):
    one, other = (mask_of(engine, described, photo, Target(prompts=(prompt,))) for prompt in (AT_ROCKET, SIGN))
    both = mask_of(engine, described, photo, Target(prompts=(AT_ROCKET, SIGN)))
    assert np.array_equal(both, np.maximum(one, other)) and (both > 127).sum() > max(
        (one > 127).sum(), (other > 127).sum()
    )


def test_what_is_drawn_by_hand_lies_over_what_is_found(engine, described, photo, rocket):
    added = Stroke(path=(100.0, 100.0, 12.0, 140.0, 100.0, 12.0))
    erased = Stroke(path=(320.0, 200.0, 400.0), adds=False)
    found = mask_of(engine, described, photo, Target(prompts=(AT_ROCKET,), strokes=(added,)))
    assert np.array_equal(found, with_strokes(rocket, [added]))
    only = mask_of(engine, described, photo, Target(prompts=(AT_ROCKET,), strokes=(erased, added)))
    assert np.array_equal(only, with_strokes(np.zeros_like(rocket), [added]))


def test_strokes_alone_need_no_model(tmp_path, photo):
    engine = new_engine(tmp_path)
    target = Target(strokes=(Stroke(path=(100.0, 100.0, 12.0)), Stroke(path=(100.0, 90.0, 5.0), adds=False)))
    image = ImageRef(width=640, height=427, key="")
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=image, target=target))
    assert located.bounds == Window(87, 87, 26, 26)
    frames: list[bytes] = []
    pixels = attach_pixels(photo[located.window.slices], frames)
    request = Inpaint(job=Job.REMOVE, image=image, target=target, window=located.window, pixels=pixels)
    painted, got = result_of(engine, request, frames)
    alpha = placed(painted.alpha, got, painted.window, photo.shape[:2])
    assert alpha[105, 100] == 255 and not alpha[86:94, 98:103].any(), "what was erased stays as it is"
    assert 0 < alpha[100, 113] < 255, "what was painted is not grown, and has a soft edge"
    assert np.array_equal(
        placed(painted.mask, got, painted.window, photo.shape[:2]),
        with_strokes(np.zeros((427, 640), np.uint8), target.strokes),
    )


AROUND_HEAD = Stroke(
    path=tuple(n for a in np.linspace(0, 7, 40) for n in (120 + 55 * math.cos(a), 100 + 55 * math.sin(a), 20.0)),
    refines=True,
)


def of_a_mask(tmp_path, request: type, strokes: tuple[Stroke, ...], **given) -> np.ndarray:
    """The mask (200, 240) that comes back for the head of `furry`, with strokes, from an engine without a model."""
    image, _alpha, head = furry()
    frames: list[bytes] = []
    target = Target(mask=attach_mask(head, frames), strokes=strokes)
    asked = request(
        image=ImageRef(width=240, height=200, key=""),
        target=target,
        window=whole(240, 200),
        pixels=attach_pixels(image, frames),
        **given,
    )
    answer, got = result_of(new_engine(tmp_path), asked, frames)
    return placed(answer.mask, got, answer.window, (200, 240))


def test_a_ready_mask_is_selected_as_it_is_or_with_a_soft_edge(tmp_path):
    _image, alpha, head = furry()
    assert np.array_equal(of_a_mask(tmp_path, Segment, ()), head)
    soft = of_a_mask(tmp_path, Segment, (), options=MaskOptions(soft_edge=True))
    near = cv2.dilate(head, np.ones((9, 9), np.uint8)) > head  # the roots of the strands
    off = [np.abs(found[near].astype(int) - alpha[near]).mean() for found in (head, soft)]
    assert off[1] < 0.5 * off[0]


def test_where_a_stroke_refines_alpha_is_found_anew(tmp_path):
    _image, alpha, head = furry()
    refined = of_a_mask(tmp_path, Segment, (AROUND_HEAD,))
    off = [np.abs(found.astype(int) - alpha).sum() for found in (head, refined)]
    assert off[1] < 0.35 * off[0]
    known = Stroke(path=(120.0, 45.0, 30.0), adds=False)
    assert not of_a_mask(tmp_path, Segment, (AROUND_HEAD, known))[20:70, 120].any(), "a later stroke says what is there"


def test_a_cut_out_has_the_objects_own_colours_in_its_hairs(tmp_path):
    image, alpha, _head = furry()
    frames: list[bytes] = []
    request = Segment(
        image=ImageRef(width=240, height=200, key=""),
        target=Target(mask=attach_mask(alpha, frames)),
        window=whole(240, 200),
        pixels=attach_pixels(image, frames),
        cut_out=True,
    )
    answer, got = result_of(new_engine(tmp_path), request, frames)
    assert answer.pixels is not None and answer.pixels.channels == 3
    colours, there = as_array(answer.pixels, got).astype(int), answer.window.slices
    hair = (alpha[there] > 40) & (alpha[there] < 200)
    off = [np.abs(seen[hair] - (60, 40, 30)).mean() for seen in (image[there].astype(int), colours)]
    assert off[1] < 0.3 * off[0]
    assert (colours[alpha[there] == 255] == image[there][alpha[there] == 255]).all()


def test_what_is_removed_goes_with_all_of_its_strands(tmp_path):
    _image, alpha, _head = furry()
    given = {"job": Job.REMOVE, "options": MaskOptions(grow=0, feather=0)}
    gone = of_a_mask(tmp_path, Inpaint, (AROUND_HEAD,), **given)
    assert set(np.unique(gone)) == {0, 255}
    assert (gone[alpha > 60] == 255).mean() > 0.9


def test_an_image_that_the_server_does_not_know_is_asked_for(engine):
    unknown = ImageRef(width=640, height=427, key="never seen")
    with pytest.raises(UserError) as refused:
        result_of(engine, Locate(job=Job.SELECT, image=unknown, target=ROCKET))
    assert refused.value.code == ErrorCode.UNKNOWN_IMAGE


def test_an_image_once_seen_needs_only_its_key(engine, described, photo, rocket):
    result_of(engine, Locate(job=Job.SELECT, image=described[0], target=ROCKET), described[1])
    known = replace(described[0], proxy=None)
    located, _ = result_of(engine, Locate(job=Job.SELECT, image=known, target=ROCKET))
    sent: list[bytes] = []
    pixels = attach_pixels(photo[located.window.slices], sent)
    request = Segment(image=known, target=ROCKET, window=located.window, pixels=pixels)
    segmented, frames = result_of(engine, request, sent)
    mask = as_array(segmented.mask, frames)
    assert (mask == rocket[segmented.window.slices]).all() and mask.sum() == rocket.sum(dtype=int)


def test_a_window_without_the_object_has_no_mask_of_it(engine, described, photo):
    """The object was found, but elsewhere."""
    image, frames = described
    window = Window(0, 0, 50, 40)
    pixels = attach_pixels(photo[window.slices], frames)
    with pytest.raises(UserError, match="No object was found there"):
        result_of(engine, Segment(image=image, target=ROCKET, window=window, pixels=pixels), frames)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_a_window_gives_what_the_engine_gives_for_its_pixels(engine, described, photo, rocket, depth):
    image = photo.astype(depth) * (257 if depth == np.uint16 else 1)
    image = image / np.float32(255) if depth == np.float32 else image
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=described[0], target=ROCKET), described[1])
    window = located.window
    sent: list[bytes] = []
    raster = attach_pixels(image[window.slices], sent)
    request = Inpaint(
        job=Job.REMOVE, image=replace(described[0], proxy=None), target=ROCKET, window=window, pixels=raster
    )
    painted, got = result_of(engine, request, sent)
    new, alpha = as_array(painted.pixels, got), as_array(painted.alpha, got)
    expected = image.copy()
    expected[window.slices] = engine.remove(
        np.ascontiguousarray(image[window.slices]), np.ascontiguousarray(rocket[window.slices])
    )
    assert new.dtype == depth and (blend(image, new, alpha, painted.window) == expected).all()


def removal_of(image: np.ndarray, mask: np.ndarray) -> tuple[Inpaint, list[bytes]]:
    """The request to remove what a mask covers of an image, which is sent whole, and its frames."""
    frames: list[bytes] = []
    height, width = mask.shape
    request = Inpaint(
        job=Job.REMOVE,
        image=ImageRef(width=width, height=height, key=""),
        window=whole(width, height),
        pixels=attach_pixels(image, frames),
        target=Target(mask=attach_mask(mask, frames)),
    )
    return request, frames


def test_what_is_sent_with_its_profile_is_worked_on_in_its_colours(engine, photo, rocket):
    profile = profiles.rgb(profiles.PROPHOTO, 1.8)
    wide = ColourSpace(profile).from_srgb(photo)
    request, frames = removal_of(wide, rocket)
    request = replace(request, profile=len(frames))
    painted, got = result_of(engine, request, [*frames, profile])
    result = blend(wide, as_array(painted.pixels, got), as_array(painted.alpha, got), painted.window)
    assert (result == engine.remove(wide, rocket, profile=profile)).all()
    assert (result != engine.remove(wide, rocket)).any(), "the profile counts"


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_grey_and_alpha_come_back_as_they_were_sent(engine, photo, rocket, channels):
    opaque = np.full((427, 640), 255, np.uint8)
    image = photo[..., [1]] if channels == 1 else np.dstack([photo[..., : channels - 1], opaque])
    request, frames = removal_of(image, rocket)
    painted, got = result_of(engine, request, frames)
    assert painted.pixels.channels == channels
    alpha = as_array(painted.alpha, got)
    new = as_array(painted.pixels, got).reshape(*alpha.shape, channels)
    assert (new[alpha == 0] == image[painted.window.slices][alpha == 0]).all()
    if channels != 1:
        assert (new[..., -1] == 255).all()


def test_a_wide_growth_gets_a_window_that_holds_it(engine):
    target, options = Target(bounds=Window(3000, 2000, 10, 10)), MaskOptions(grow=300, feather=200)
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=LARGE, target=target, options=options))
    assert located.window == (2500, 1500, 1010, 1010)


def test_growth_suits_the_whole_image_not_the_window(engine):
    """A window of 100 x 80 pixels of a large image: its mask is grown as that of the image."""
    frames: list[bytes] = []
    mask = np.zeros((80, 100), np.uint8)
    mask[38:42, 48:52] = 255
    pixels = attach_pixels(np.random.default_rng(1).integers(90, 99, (80, 100, 3), np.uint8), frames)
    target, window = Target(mask=attach_mask(mask, frames)), Window(0, 0, 100, 80)
    small, large = (
        result_of(engine, Inpaint(job=Job.REMOVE, image=image, target=target, window=window, pixels=pixels), frames)[0]
        for image in (replace(LARGE, width=100, height=80), LARGE)
    )
    assert large.window.width > small.window.width


# -- with the shadow

FIGURE = Target(prompts=(ObjectPrompt(points=((170, 140),), labels=(1,)),))


@pytest.fixture(scope="module")
def sunny():
    """A figure on sandy ground (300, 400, 3) uint8 and where its shadow is (300, 400) bool."""
    mask = standing()
    light, shadow = cast(mask)
    return taken(ground(8) * light, mask), shadow


@pytest.mark.parametrize("include_shadow", [False, True])
def test_a_shadow_is_in_the_mask_that_is_selected_only_where_it_is_asked_for(engine, sunny, include_shadow):
    image, shadow = sunny
    photo, frames = image_ref(image)
    options = MaskOptions(include_shadow=include_shadow)
    located, _ = result_of(engine, Locate(job=Job.SELECT, image=photo, target=FIGURE, options=options), frames)
    pixels = attach_pixels(image[located.window.slices], frames)
    request = Segment(image=photo, target=FIGURE, window=located.window, pixels=pixels, options=options)
    segmented, got = result_of(engine, request, frames)
    found = placed(segmented.mask, got, segmented.window, shadow.shape)
    alone = engine.segment(image, FIGURE.prompts[0].points, FIGURE.prompts[0].labels)[0].alpha
    assert (found == (engine.with_shadow(image, alone) if include_shadow else alone)).all()
    assert (overlap((found > 0) & (alone == 0), shadow) > 0.8) == include_shadow


@pytest.mark.parametrize("include_shadow", [False, True])
@pytest.mark.parametrize("ready", [False, True], ids=["a click", "a ready mask"])
def test_a_shadow_is_removed_and_in_the_mask_that_comes_back(engine, sunny, include_shadow, ready):
    image, shadow = sunny
    photo, frames = image_ref(image)
    options = MaskOptions(include_shadow=include_shadow)
    target = Target(bounds=windows.bounds(standing())) if ready else FIGURE
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=photo, target=target, options=options), frames)
    window = located.window
    pixels = attach_pixels(image[window.slices], frames)
    if ready:
        target = Target(mask=attach_mask(np.ascontiguousarray(standing()[window.slices]), frames))
    request = Inpaint(job=Job.REMOVE, image=photo, target=target, window=window, pixels=pixels, options=options)
    painted, got = result_of(engine, request, frames)
    found = placed(painted.mask, got, painted.window, shadow.shape)
    alpha = placed(painted.alpha, got, painted.window, shadow.shape)
    assert (alpha[found > 0] == 255).all()
    assert (np.count_nonzero((found > 0) & shadow) > 0.8 * np.count_nonzero(shadow)) == include_shadow
    clean = blend(image, as_array(painted.pixels, got), alpha[painted.window.slices], painted.window)
    assert (clean[shadow].mean() > 0.95 * ground()[shadow].mean()) == include_shadow


def test_a_shadow_may_fall_as_far_as_it_is_looked_for(engine):
    target = Target(bounds=Window(3000, 2000, 100, 200))
    options = replace(WITH_SHADOW, grow=20, feather=10)
    located, _ = result_of(engine, Locate(job=Job.REMOVE, image=LARGE, target=target, options=options))
    (x, y, width, height), least = located.window, 200 + 30
    assert x <= 3000 - least and y <= 2000 - least
    assert x + width >= 3100 + least and y + height >= 2200 + least
    assert width < 1000 and height < 1000


# -- what is refused

PHOTO = ImageRef(width=640, height=427, key="key")
FRAME = [bytes(30 * 20 * 3)]
PIXELS = Raster(30, 20, 3, Depth.UINT8, 0)
WINDOW = Window(5, 5, 30, 20)
INPAINT = Inpaint(job=Job.REMOVE, image=PHOTO, target=ROCKET, window=WINDOW, pixels=PIXELS)
READY = Target(mask=Raster(30, 20, 1, Depth.UINT8, 1))
REPLACE = replace(INPAINT, job=Job.REPLACE, target=READY)


def locate(image: ImageRef = PHOTO, target: Target = ROCKET) -> Locate:
    return Locate(job=Job.REMOVE, image=image, target=target)


def segment(window: Window, target: Target = ROCKET) -> Segment:
    return Segment(image=PHOTO, target=target, window=window, pixels=PIXELS)


@pytest.mark.parametrize(
    "message",
    [
        locate(target=Target()),
        locate(target=Target(strokes=(Stroke(path=()),))),
        locate(target=Target(strokes=(Stroke(path=(5.0, 5.0)),))),
        locate(target=Target(strokes=(Stroke(path=(5.0, 5.0, -1.0)),))),
        locate(target=Target(strokes=(Stroke(path=(5.0, math.nan, 1.0)),))),
        locate(target=Target(strokes=(Stroke(path=(5.0, 5.0, 1e9)),))),
        locate(target=Target(strokes=(Stroke(path=(5.0, 5.0, 9.0), adds=False),))),
        locate(target=Target(mask=Raster(640, 427, 1, Depth.UINT8, 0))),
        locate(target=Target(bounds=Window(600, 400, 100, 100))),
        locate(target=Target(bounds=Window(5, 5, 0, 5))),
        locate(ImageRef(width=0, height=0, key="key"), Target(bounds=Window(0, 0, 1, 1))),
        locate(ImageRef(width=1 << 20, height=1 << 20, key="key"), Target(bounds=Window(0, 0, 1, 1))),
        locate(replace(PHOTO, proxy=Raster(1025, 1, 3, Depth.UINT8, 0))),
        locate(replace(PHOTO, proxy=Raster(30, 20, 4, Depth.UINT8, 0))),
        locate(replace(PHOTO, proxy=Raster(15, 20, 3, Depth.UINT16, 0))),
        locate(replace(PHOTO, proxy=Raster(30, 20, 3, Depth.UINT8, 3))),
        segment(Window(0, 0, 5000, 10)),
        segment(Window(5, 5, 20, 30)),
        segment(WINDOW, Target()),
        segment(WINDOW, Target(mask=Raster(30, 20, 1, Depth.UINT8, 0))),
        replace(INPAINT, target=Target()),
        replace(INPAINT, target=Target(mask=Raster(30, 20, 3, Depth.UINT8, 0))),
        replace(INPAINT, target=Target(mask=Raster(20, 30, 1, Depth.UINT8, 0))),
        replace(INPAINT, window=Window(5, 5, 20, 30)),
        replace(INPAINT, window=Window(-5, 5, 30, 20)),
        replace(INPAINT, pixels=Raster(30, 20, 3, Depth.UINT8, 7)),
        replace(INPAINT, target=READY, profile=7),
        replace(INPAINT, target=READY, profile=-1),
        replace(INPAINT, variations=0),
        replace(INPAINT, variations=17),
        replace(REPLACE, background=Background()),
        replace(REPLACE, background=Background(colours=((0.0, 0.0, 0.0),) * 3)),
        replace(REPLACE, background=Background(colours=((0.0, 0.0, 0.0),), blur=0.5)),
        replace(REPLACE, background=Background(picture=Raster(30, 20, 3, Depth.UINT8, 9))),
        messages.Hello(client="x"),
        messages.ListModels(),
    ],
)
def test_requests_that_contradict_themselves_are_refused(engine, message):
    with pytest.raises(ProtocolError):
        result_of(engine, message, [*FRAME, b"\xff" * 300 + bytes(300)])


def test_how_near_everything_is_comes_small_and_from_0_to_255(engine, described, monkeypatch):
    image, frames = described
    seen = []

    def nearness(rgb: np.ndarray, _monitor: object) -> np.ndarray:
        seen.append(rgb.shape)
        return np.linspace(-3, 5, 518 * 777, dtype=np.float32).reshape(518, 777)

    message = AskDepth(image=image)
    monkeypatch.setattr(engine, "_depth", SimpleNamespace(nearness=nearness))
    found, answered = result_of(engine, message, frames)
    values = as_array(found.nearness, answered)
    assert (
        values.shape == (171, 256) and (values.min(), values.max()) == (0, 255) and (np.diff(values[:, 5]) >= 0).all()
    )
    assert seen == [(image.proxy.height, image.proxy.width, 3)]
    monkeypatch.setattr(engine, "_depth", None)
    assert result_of(engine, message, frames) == (MeasuredDepth(), [])


def test_a_proxy_under_another_images_key_is_refused(engine, described):
    image, frames = described
    with pytest.raises(ProtocolError, match="not that of the image"):
        result_of(engine, locate(replace(image, key="0" * 32)), frames)


@pytest.mark.parametrize(
    "message",
    [
        replace(INPAINT, job=Job.FILL),
        replace(INPAINT, job=Job.REPLACE),
        replace(locate(target=Target(bounds=WINDOW)), job=Job.FILL),
        ExpandPrompt(job=Job.FILL, image=PHOTO, paint=PaintOptions(prompt="a cat")),
    ],
)
def test_a_model_that_is_missing_is_named(models, photo, message):
    engine = new_engine(models)
    image, frames = image_ref(photo)
    if isinstance(message, ExpandPrompt):
        message = replace(message, image=image)
    with pytest.raises(UserError, match="needs the model") as refused:
        result_of(engine, message, frames)
    assert refused.value.code == ErrorCode.NO_MODEL

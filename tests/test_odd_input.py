"""Whatever is given to `Engine.segment`: masks of the photo's size, or one clear sentence; never another exception."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server import Engine, UserError
from inference_server.models import onnx_sessions
from inference_server.shared.errors import ErrorCode

from .property import examples

NAN, INF = float("nan"), float("inf")
NOISE = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture(scope="module", autouse=True)
def encoder():
    """Whatever is given to the encoder makes what it made of the first photo: here it only counts what is given to it.

    A pass takes two seconds.
    """
    passed, run = [], onnx_sessions.run

    def once(session, feed, monitor):
        if len(feed) > 1:  # the decoder
            return run(session, feed, monitor)
        (picture,) = feed.values()
        assert picture.shape == (1, 3, 1024, 1024) and np.isfinite(picture).all() and np.abs(picture).max() < 3
        if not passed:
            passed.append(run(session, feed, monitor))
        return passed[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(onnx_sessions, "run", once)
        yield


def gives_masks(engine: Engine, image, *clicks) -> bool:
    """Whether there are masks; False where there is a sentence instead."""
    try:
        masks = engine.segment(image, *clicks)
    except UserError as error:
        assert error.code == ErrorCode.WRONG_INPUT and error.sentence.endswith(".") and "\n" not in str(error)
        return False
    assert masks
    for mask in masks:
        assert mask.alpha.shape == image.shape[:2] and mask.alpha.dtype == np.uint8
        assert 0 <= mask.score <= 1 and np.isfinite(mask.logits).all()
    return True


# -- photos


def layouts() -> dict[str, np.ndarray]:
    sealed = NOISE.copy()
    sealed.setflags(write=False)
    return {
        "every other pixel": NOISE[::2, ::2],
        "upside down": NOISE[::-1, ::-1],
        "channels reversed": NOISE[..., ::-1],
        "transposed": NOISE.transpose(1, 0, 2),
        "column by column": np.asfortranarray(NOISE),
        "read-only": sealed,
        "one pixel repeated": np.broadcast_to(NOISE[:1, :1], NOISE.shape),
        "RGBA": np.dstack([NOISE, NOISE[..., :1]]),
        "uint16": NOISE.astype(np.uint16) * 257,
        "large, upside down": NOISE.repeat(20, axis=0).repeat(20, axis=1)[::-1, ::-1],
    }


@pytest.mark.parametrize("name", layouts())
def test_a_photo_in_any_layout_is_taken_and_left_alone(engine, name):
    image = layouts()[name]
    before = image.copy()
    assert gives_masks(engine, image, [(9, 9)], [1])
    assert (image == before).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (1, 40000), (40000, 2)])
def test_the_last_row_and_column_of_a_photo_of_any_shape_can_be_clicked(engine, size):
    image = np.full((*size, 3), 90, np.uint8)
    for click in [(0, 0), (size[1] - 1, size[0] - 1), (size[1] - 0.01, size[0] - 0.01)]:
        assert gives_masks(engine, image, [click], [1])
    assert gives_masks(engine, image, [], [], (0, 0, size[1], size[0]))
    assert not gives_masks(engine, image, [(size[1], 0)], [1])


@pytest.mark.parametrize("worst", [NAN, INF, -INF, 3e38])
@pytest.mark.parametrize("times", [1, 20])
def test_a_float_photo_may_hold_anything(engine, worst, times):
    image = NOISE.astype(np.float32).repeat(times, axis=0).repeat(times, axis=1) / 255
    image[::3, ::5] = worst
    assert gives_masks(engine, image, [(9, 9)], [1])


@pytest.mark.parametrize(
    "image",
    [
        None,
        "photo.jpg",
        NOISE.tolist(),
        NOISE[..., 0],
        NOISE[..., :1],
        NOISE[..., :2],
        NOISE[None],
        NOISE[:0],
        NOISE[:, :0],
        np.zeros((5, 5, 5), np.uint8),
        np.uint8(3),
        *(
            NOISE.astype(kind)
            for kind in (bool, np.int8, np.int64, np.float16, np.float64, ">u2", complex, object, "U3")
        ),
    ],
    ids=lambda image: f"{type(image).__name__} {getattr(image, 'dtype', '')} {getattr(image, 'shape', '')}",
)
def test_what_is_no_photo_is_refused(engine, image):
    with pytest.raises(UserError, match="The image must be"):
        engine.segment(image, [(0, 0)], [1])


# -- clicks


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (np.array([[5, 5]]), np.array([1])),
        (np.array([[5, 5]], np.uint8), np.array([1], np.uint8)),
        (np.array([[5.5, 5.5]], np.float16), np.array([1.0])),
        ([[5, 5]], [True]),
        ([(5, 5), (7, 9)], [True, False]),
        (((5, 5),), (1,)),
        ([(-0.0, 0)], [1]),
        ([(5, 5)] * 200, [1, 0] * 100),
    ],
)
def test_clicks_in_any_form_are_taken(engine, points, labels):
    assert gives_masks(engine, NOISE, points, labels)


@pytest.mark.parametrize(
    ("points", "labels", "says"),
    [
        ([("5", "5")], [1], "pairs of numbers"),
        ("ab", [1, 1], "pairs of numbers"),
        ([(5, 5, 5)], [1], "pairs of numbers"),
        ([(5,)], [1], "pairs of numbers"),
        ([(5, 5), (5,)], [1, 1], "pairs of numbers"),
        ((5, 5), [1, 1], "pairs of numbers"),
        ([[(5, 5)]], [1], "pairs of numbers"),
        ([(None, 5)], [1], "pairs of numbers"),
        ([(5j, 5)], [1], "pairs of numbers"),
        ([(10**30, 5)], [1], "pairs of numbers"),
        (None, [1], "pairs of numbers"),
        (5, [1], "pairs of numbers"),
        ({(5, 5)}, [1], "pairs of numbers"),
        ([(NAN, 5)], [1], "outside the picture"),
        ([(5, INF)], [1], "outside the picture"),
        ([(80, 5)], [1], "outside the picture"),
        ([(5, -0.01)], [1], "outside the picture"),
        ([(5, 5)], [2], "A label is 1"),
        ([(5, 5)], [-1], "A label is 1"),
        ([(5, 5)], [NAN], "A label is 1"),
        ([(5, 5)], [None], "The labels must be"),
        ([(5, 5)], ["1"], "The labels must be"),
        ([(5, 5)], [[1]], "The labels must be"),
        ([(5, 5)], None, "The labels must be"),
        ([(5, 5)], 1, "The labels must be"),
        ([(5, 5)], [], "1 points but 0 labels"),
        ([], [1], "0 points but 1 labels"),
        ([(5, 5), (7, 9)], [0, 0], "No click says what is meant"),
        ([], [], "No click says what is meant"),
    ],
)
def test_clicks_that_make_no_sense_are_refused(engine, points, labels, says):
    with pytest.raises(UserError, match=says):
        engine.segment(NOISE, points, labels)


@pytest.mark.parametrize(
    "box",
    [
        "abcd",
        5,
        (),
        (1, 2, 3),
        (1, 2, 3, 4, 5),
        ((1, 2), (3, 4)),
        (1, 2, "3", 4),
        (1, 2, None, 4),
        (1, 2, NAN, 4),
        (1, 2, INF, 4),
    ],
    ids=str,
)
def test_what_is_no_box_is_refused(engine, box):
    with pytest.raises(UserError, match="four numbers"):
        engine.segment(NOISE, box=box)


@pytest.mark.parametrize(
    "box", [(-9, -9, -1, -1), (80, 0, 99, 60), (5, 5, 5, 50), (-9, 5, 0, 50), (1e300, -1e300, 0, 0)], ids=str
)
def test_a_box_with_nothing_in_it_is_refused(engine, box):
    with pytest.raises(UserError, match="The box is empty or outside"):
        engine.segment(NOISE, box=box)


@pytest.mark.parametrize("box", [(-40, -30, 50, 40), (50, 40, -40, -30), (-1e300, -1e300, 50, 40)], ids=str)
def test_a_box_that_reaches_out_of_the_picture_means_its_part_inside(engine, box):
    assert gives_masks(engine, NOISE, [], [], box)
    inside = engine.segment(NOISE, box=(0, 0, 50, 40))[0]
    assert (engine.segment(NOISE, box=box)[0].logits == inside.logits).all()


def test_clicks_that_all_say_not_this_need_a_box(engine):
    assert gives_masks(engine, NOISE, [(5, 5), (70, 50)], [0, 0], (10, 10, 60, 50))


# -- and any of it together

NUMBERS = st.one_of(
    st.integers(-2, 90),
    st.floats(-2, 90),
    st.sampled_from([NAN, INF, -INF, 1e300, 59, 79, 60, 80, "5", None, True, np.float32(7), np.int16(3)]),
)
PHOTOS = [
    NOISE,
    np.full((1, 1, 3), 200, np.uint8),
    np.full((1, 80, 4), 7, np.uint16),
    np.full((60, 80, 3), NAN, np.float32),
]


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    photo=st.sampled_from(PHOTOS),
    clicks=st.lists(st.tuples(st.tuples(NUMBERS, NUMBERS), st.sampled_from([0, 1, 1, 1, True, 2, None])), max_size=4),
    box=st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS) | st.lists(NUMBERS, max_size=5),
    arrays=st.booleans(),
)
def test_any_combination_gives_masks_or_a_sentence(engine, photo, clicks, box, arrays):
    points, labels = [point for point, _ in clicks], [label for _, label in clicks]
    form = np.array if arrays else list
    gives_masks(engine, photo, form(points), form(labels), box)

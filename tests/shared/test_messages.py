import json
import typing
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared import messages, wire
from inference_server.shared.geometry import proxy_size
from inference_server.shared.messages import (
    ImageRef,
    Inpaint,
    Inpainted,
    Locate,
    MaskProposal,
    MaskProposals,
    ObjectPrompt,
    Raster,
)
from inference_server.shared.text import Translatable, tr
from inference_server.shared.wire import ProtocolError, attach, decode, encode, extract

st.register_type_strategy(float, st.floats(-1e9, 1e9))
st.register_type_strategy(int, st.integers(-(2**52), 2**52))
SAID = st.recursive(
    st.text(max_size=9).map(Translatable),
    lambda inner: st.builds(
        Translatable, st.text("ab{} ", max_size=9), st.dictionaries(st.sampled_from(["a", "b"]), inner)
    ),
)
st.register_type_strategy(Translatable, SAID)
MESSAGES = st.one_of(*(st.from_type(kind) for kind in wire.KINDS.values()))


@given(MESSAGES, st.text(max_size=40), st.lists(st.binary(max_size=20), max_size=3))
def test_every_message_comes_back_as_it_was_sent(message, request_id, frames):
    assert decode(encode(request_id, message, frames)) == (request_id, message, frames)


@given(st.lists(st.binary(max_size=200), max_size=4))
def test_random_bytes_are_refused_with_a_protocol_error(parts):
    with pytest.raises(ProtocolError):
        decode(parts)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(MESSAGES, st.data())
def test_a_message_with_one_field_of_any_other_value_is_decoded_or_refused(message, data):
    header = json.loads(encode("1", message)[0])
    body = header["body"]
    if body:
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(ANY_JSON)
    else:
        body["more"] = data.draw(ANY_JSON)
    try:
        _, decoded, _ = decode([json.dumps(header).encode()])
    except ProtocolError:
        return
    hints = typing.get_type_hints(type(decoded))
    for name in body:
        if hints[name] in (int, str, float, bool):
            assert isinstance(getattr(decoded, name), hints[name])


@pytest.mark.parametrize(
    "header",
    [
        {"version": 99, "id": "1", "kind": "hello", "body": {"client": "x"}},
        {"version": messages.VERSION, "kind": "hello", "body": {"client": "x"}},
        {"version": messages.VERSION, "id": "1", "kind": "shutdown", "body": {}},
        {"version": messages.VERSION, "id": "1", "kind": "hello", "body": {}},
        {"version": messages.VERSION, "id": "1", "kind": "hello", "body": {"client": 5}},
        {"version": messages.VERSION, "id": "1", "kind": "hello", "body": {"client": "x", "more": 1}},
        {"version": messages.VERSION, "id": "1", "kind": "progress", "body": {"share": float("nan"), "word": ""}},
        {"version": messages.VERSION, "id": "1", "kind": ["hello"], "body": {}},
        [],
    ],
)
def test_headers_that_are_refused(header):
    with pytest.raises(ProtocolError):
        decode([json.dumps(header).encode()])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, "1", None, True, [1.0]])
def test_an_outline_of_anything_but_numbers_is_refused(number):
    frames = []
    mask = attach(frames, 1, 1, 1, "uint8", b"1")
    found = messages.MaskProposals((messages.MaskProposal(1.0, (0, 0, 1, 1), mask, ((0.0, 1.5, 2.0, 1.0),)),))
    header = json.loads(encode("1", found)[0])
    assert decode([json.dumps(header).encode()])[1] == found
    header["body"]["shapes"][0]["outlines"][0][1] = number
    with pytest.raises(ProtocolError):
        decode([json.dumps(header).encode()])


def test_what_is_said_remembers_what_it_was_made_of_on_its_way():
    word = tr("{number} of {total}: {word}", number=1, total=3, word=tr("Painting {what}", what="a {cat}"))
    assert word == "1 of 3: Painting a {cat}"
    _, arrived, _ = decode(encode("1", messages.Progress(0.5, word)))
    assert (arrived.word, arrived.word.template) == (word, word.template)
    assert arrived.word.values["word"].values == {"what": "a {cat}"}


def test_a_sentence_from_the_wire_reaches_into_nothing():
    header = {"version": messages.VERSION, "id": "1", "kind": "progress"}
    body = {"share": 0.5, "word": ["{a.__class__} {a!r} {a:>99999999} {b}", {"a": "x"}]}
    _, arrived, _ = decode([json.dumps({**header, "body": body}).encode()])
    assert arrived.word == "{a.__class__} {a!r} {a:>99999999} {b}"


def test_deeply_nested_json_is_refused():
    with pytest.raises(ProtocolError):
        decode([b"[" * 100_000])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from(sorted(wire.DEPTHS)), st.booleans())
def test_pixels_come_back_as_they_were_attached(width, height, channels, depth, pack):
    data = bytes(k % 251 for k in range(width * height * channels * wire.DEPTHS[depth]))
    frames = [b"another"]
    assert extract(attach(frames, width, height, channels, depth, data, pack), frames) == data


BIG = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    ("raster", "frames"),
    [
        (Raster(2, 2, 1, "uint8", 0), [b"12345"]),
        (Raster(2, 2, 1, "uint8", 0), [b"123"]),
        (Raster(2, 2, 1, "uint8", 1), [b"1234"]),
        (Raster(2, 2, 1, "uint8", -1), [b"1234"]),
        (Raster(2, 2, 1, "int64", 0), [b"1234"]),
        (Raster(2, 2, 9, "uint8", 0), [b"1234"]),
        (Raster(0, 2, 1, "uint8", 0), [b""]),
        (Raster(-2, -2, 1, "uint8", 0), [b"1234"]),
        (Raster(2**20, 2**20, 1, "uint8", 0), [b"1234"]),
        (Raster(2, 2, 1, "uint8", 0, packed=True), [b"1234"]),
        (Raster(2, 2, 1, "uint8", 0, packed=True), [BIG]),
    ],
)
def test_pixels_that_are_refused(raster, frames):
    with pytest.raises(ProtocolError):
        extract(raster, frames)


def test_an_answer_is_unpacked_wherever_its_pictures_are():
    frames = []
    pixels = attach(frames, 4, 2, 3, "uint16", bytes(range(48)), pack=True)
    shapes = tuple(
        MaskProposal(0.5, (0, 0, 3, k), attach(frames, 3, k, 1, "uint8", b"\xff" * 3 * k, pack=True), ((0.0, 1.0),))
        for k in (1, 2)
    )
    plain = attach(frames, 1, 1, 1, "uint8", b"x")
    found = wire.unpacked(MaskProposals(shapes, 1), frames)
    assert replace(found, shapes=shapes) == MaskProposals(shapes, 1)
    painted = wire.unpacked(Inpainted((0, 0, 4, 2), pixels, plain, plain, 1.0), frames)
    assert frames == [bytes(range(48)), b"\xff" * 3, b"\xff" * 6, b"x"]
    for raster in (*(shape.mask for shape in found.shapes), painted.pixels, painted.mask):
        assert not raster.packed and extract(raster, frames) == frames[raster.frame]


@pytest.mark.parametrize("frame", [-1, 0, 1])
def test_an_answer_with_a_picture_that_is_not_there_is_refused(frame):
    frames = [b"no zlib stream"]
    with pytest.raises(ProtocolError):
        wire.unpacked(
            MaskProposals((MaskProposal(1.0, (0, 0, 1, 1), Raster(1, 1, 1, "uint8", frame, packed=True), ()),)), frames
        )


def test_a_mask_takes_a_hundredth_of_its_size():
    frames = []
    attach(frames, 1000, 1000, 1, "uint8", bytes(400_000) + b"\xff" * 200_000 + bytes(400_000), pack=True)
    assert len(frames[0]) < 10_000


@pytest.mark.parametrize(
    ("photo", "proxy"),
    [
        ((6000, 4000), (1024, 683)),
        ((640, 427), (640, 427)),
        ((1, 5000), (1, 1024)),
        ((1, 1), (1, 1)),
        ((1025, 2), (1024, 2)),
    ],
)
def test_the_size_of_a_proxy(photo, proxy):
    assert proxy_size(*photo) == proxy


def test_a_request_holds_everything_its_job_needs():
    clicks = ObjectPrompt(((1.0, 2.0),), (1,), (0.0, 0.0, 4.0, 4.0))
    photo = ImageRef(10, 10, "key", Raster(10, 10, 3, "uint8", 0))
    for message in (
        Locate("remove", photo, clicks),
        Inpaint("fill", photo, (0, 0, 5, 5), Raster(5, 5, 4, "uint16", 0), clicks),
    ):
        assert decode(encode("1", message))[1] == message

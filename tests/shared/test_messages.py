"""Every message comes back as it was sent, and nothing that a stranger sends gets further than `decode`."""

import json
import typing
import zlib
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared import messages, wire
from inference_server.shared.errors import ErrorCode
from inference_server.shared.geometry import Window
from inference_server.shared.messages import (
    Background,
    Depth,
    EncodeImage,
    Failure,
    ImageRef,
    Inpaint,
    Inpainted,
    Job,
    Locate,
    MaskProposal,
    MaskProposals,
    ObjectPrompt,
    PaintOptions,
    Progress,
    Quality,
    Raster,
    Target,
)
from inference_server.shared.text import Translatable, tr
from inference_server.shared.wire import ProtocolError, attach, decode, encode, extract

st.register_type_strategy(float, st.floats(-1e9, 1e9))
st.register_type_strategy(int, st.integers(-(2**52), 2**52))
TEXTS = st.recursive(
    st.text(max_size=9).map(Translatable),
    lambda inner: st.builds(
        Translatable, st.text("ab{} ", max_size=9), st.dictionaries(st.sampled_from(["a", "b"]), inner)
    ),
)
st.register_type_strategy(Translatable, TEXTS)
st.register_type_strategy(Background, st.builds(Background, colours=st.just(()) | st.just(((0.5, 0.5, 0.5),))))
MESSAGES = st.one_of(*(st.from_type(kind) for kind in wire.KINDS.values()))


def body_of(message: messages.Message) -> Any:
    """The body that is sent for a message, as JSON."""
    return json.loads(encode("1", message)[1])


def with_body(message: messages.Message, body: object, *frames: bytes) -> list[bytes]:
    """The bytes of a message of the same kind with another body."""
    return enveloped(type(message).__name__.lower(), json.dumps(body).encode(), *frames)


def enveloped(kind: str, *frames: bytes) -> list[bytes]:
    sizes = [len(frame) for frame in frames]
    header = json.dumps({"version": messages.VERSION, "id": "1", "kind": kind, "sizes": sizes}).encode()
    return [header, *(piece for frame in frames for piece in wire._split(frame))]


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
    body = body_of(message)
    if body:
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(ANY_JSON)
    else:
        body["more"] = data.draw(ANY_JSON)
    try:
        _, decoded, _ = decode(with_body(message, body))
    except ProtocolError:
        return
    hints = typing.get_type_hints(type(decoded))
    for name in body:
        if hints[name] in (int, str, float, bool):
            assert isinstance(getattr(decoded, name), hints[name])


GOOD = {"version": messages.VERSION, "id": "1", "kind": "hello", "sizes": [14]}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"id": None},
        {"id": "x" * (wire.MAX_ID + 1)},
        {"kind": "shutdown"},
        {"kind": ["hello"]},
        {"sizes": []},
        {"sizes": [13]},
        {"sizes": [15]},
        {"sizes": [14, 0]},
        {"sizes": [14.0]},
        {"sizes": [-14]},
        {"sizes": [True]},
        {"sizes": [2**60]},
        {"sizes": [14, *[0] * (wire.MAX_FRAMES + 1)]},
    ],
)
def test_headers_that_are_refused(change):
    body = b'{"client":"x"}'
    assert decode([json.dumps(GOOD).encode(), body])[1] == messages.Hello(client="x")
    with pytest.raises(ProtocolError):
        decode([json.dumps({**GOOD, **change}).encode(), body])


@pytest.mark.parametrize("header", ["[]", '"hello"', "7", "[" * 9999, "9" * 9999])
def test_what_is_no_header_is_refused(header):
    with pytest.raises(ProtocolError):
        decode([header.encode(), b"{}"])


@pytest.mark.parametrize("body", [{}, {"client": 5}, {"client": "x", "more": 1}, [], None, {"client": "x" * 501}])
def test_bodies_that_are_refused(body):
    with pytest.raises(ProtocolError):
        decode(with_body(messages.Hello(client="x"), body))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, "1", None, True, [1.0]])
def test_an_outline_of_anything_but_numbers_is_refused(number):
    frames = []
    mask = attach(frames, 1, 1, 1, "uint8", b"1")
    proposal = MaskProposal(score=1.0, place=Window(0, 0, 1, 1), mask=mask, outlines=((0.0, 1.5, 2.0, 1.0),))
    found = MaskProposals(proposals=(proposal,))
    body = body_of(found)
    assert decode(with_body(found, body))[1] == found
    body["proposals"][0]["outlines"][0][1] = number
    with pytest.raises(ProtocolError):
        decode(with_body(found, body))


def test_a_text_arrives_with_its_template_and_its_values():
    text = tr("{number} of {total}: {part}", number=1, total=3, part=tr("Painting {what}", what="a {cat}"))
    assert text == "1 of 3: Painting a {cat}"
    _, arrived, _ = decode(encode("1", Progress(share=0.5, message=text)))
    assert (arrived.message, arrived.message.template) == (text, text.template)
    assert arrived.message.values["part"].values == {"what": "a {cat}"}


def test_the_template_of_a_text_cannot_reach_into_its_values():
    body = {"share": 0.5, "message": ["{a.__class__} {a!r} {a:>99999999} {b}", {"a": "x"}]}
    _, arrived, _ = decode(enveloped("progress", json.dumps(body).encode()))
    assert arrived.message == "{a.__class__} {a!r} {a:>99999999} {b}"


def test_deeply_nested_json_is_refused():
    with pytest.raises(ProtocolError):
        decode(enveloped("hello", b"[" * 100_000))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from(Depth), st.booleans())
def test_pixels_come_back_as_they_were_attached(width, height, channels, depth, pack):
    data = bytes(k % 251 for k in range(width * height * channels * depth.size))
    frames = [b"another"]
    assert extract(attach(frames, width, height, channels, depth, data, pack=pack), frames) == data


BIG = zlib.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    ("raster", "frames"),
    [
        (Raster(2, 2, 1, Depth.UINT8, 0), [b"12345"]),
        (Raster(2, 2, 1, Depth.UINT8, 0), [b"123"]),
        (Raster(2, 2, 1, Depth.UINT8, 1), [b"1234"]),
        (Raster(2, 2, 1, Depth.UINT8, -1), [b"1234"]),
        (Raster(2, 2, 9, Depth.UINT8, 0), [b"1234"]),
        (Raster(0, 2, 1, Depth.UINT8, 0), [b""]),
        (Raster(-2, -2, 1, Depth.UINT8, 0), [b"1234"]),
        (Raster(2**20, 2**20, 1, Depth.UINT8, 0), [b"1234"]),
        (Raster(2, 2, 1, Depth.UINT8, 0, packed=True), [b"1234"]),
        (Raster(2, 2, 1, Depth.UINT8, 0, packed=True), [BIG]),
    ],
)
def test_pixels_that_are_refused(raster, frames):
    with pytest.raises(ProtocolError):
        extract(raster, frames)


def test_an_answer_is_unpacked_wherever_its_pictures_are():
    frames = []
    pixels = attach(frames, 4, 2, 3, "uint16", bytes(range(48)), pack=True)
    proposals = tuple(
        MaskProposal(
            score=0.5,
            place=Window(0, 0, 3, k),
            mask=attach(frames, 3, k, 1, "uint8", b"\xff" * 3 * k, pack=True),
            outlines=((0.0, 1.0),),
        )
        for k in (1, 2)
    )
    plain = attach(frames, 1, 1, 1, "uint8", b"x")
    sent = MaskProposals(proposals=proposals, more=1)
    found = wire.unpacked(sent, frames)
    assert replace(found, proposals=proposals) == sent
    painted = wire.unpacked(
        Inpainted(window=Window(0, 0, 4, 2), pixels=pixels, alpha=plain, mask=plain, score=1.0), frames
    )
    assert isinstance(found.proposals[0].place, Window) and isinstance(painted.window, Window)
    assert frames == [bytes(range(48)), b"\xff" * 3, b"\xff" * 6, b"x"]
    for raster in (*(proposal.mask for proposal in found.proposals), painted.pixels, painted.mask):
        assert not raster.packed and extract(raster, frames) == frames[raster.frame]


@pytest.mark.parametrize("frame", [-1, 0, 1])
def test_an_answer_with_a_picture_that_is_not_there_is_refused(frame):
    frames = [b"no zlib stream"]
    mask = Raster(1, 1, 1, Depth.UINT8, frame, packed=True)
    proposal = MaskProposal(score=1.0, place=Window(0, 0, 1, 1), mask=mask, outlines=())
    with pytest.raises(ProtocolError):
        wire.unpacked(MaskProposals(proposals=(proposal,)), frames)


def test_a_mask_takes_a_hundredth_of_its_size():
    frames = []
    attach(frames, 1000, 1000, 1, "uint8", bytes(400_000) + b"\xff" * 200_000 + bytes(400_000), pack=True)
    assert len(frames[0]) < 10_000


def test_a_request_holds_everything_its_job_needs():
    prompt = ObjectPrompt(points=((1.0, 2.0),), labels=(1,), box=(0.0, 0.0, 4.0, 4.0))
    image = ImageRef(width=10, height=10, key="key", proxy=Raster(10, 10, 3, Depth.UINT8, 0))
    target = Target(prompts=(prompt,), rough_mask=Raster(10, 10, 1, Depth.UINT8, 1, packed=True))
    for message in (
        Locate(job=Job.REMOVE, image=image, target=target),
        Inpaint(
            job=Job.FILL,
            image=image,
            target=target,
            window=Window(0, 0, 5, 5),
            pixels=Raster(5, 5, 4, Depth.UINT16, 2),
            paint=PaintOptions(prompt="a cat", quality=Quality.BEST),
        ),
    ):
        _, arrived, _ = decode(encode("1", message))
        assert arrived == message and type(arrived.job) is Job and type(arrived.target.prompts[0].box) is tuple


@pytest.mark.parametrize("value", ["sharpen", "REMOVE", "", 0, None, ["remove"], {}])
@pytest.mark.parametrize(
    ("message", "name"),
    [
        (Locate(job=Job.REMOVE, image=ImageRef(width=1, height=1, key=""), target=Target()), "job"),
        (Failure(code=ErrorCode.FAILED, sentence=tr("No."), remedy=tr("")), "code"),
    ],
)
def test_a_value_that_an_enumeration_lacks_is_refused(message, name, value):
    body = body_of(message)
    body[name] = value
    with pytest.raises(ProtocolError):
        decode(with_body(message, body))


@pytest.mark.parametrize("depth", ["int64", "float64", "", None, 8, ["uint8"]])
def test_samples_of_an_unknown_depth_are_refused(depth):
    preview = messages.Preview(picture=Raster(2, 2, 1, Depth.UINT8, 0))
    body = body_of(preview)
    body["picture"]["depth"] = depth
    with pytest.raises(ProtocolError):
        decode(with_body(preview, body, b"1234"))


def test_every_message_has_a_kind_of_its_own_and_every_request_its_result():
    kinds = typing.get_args(messages.Message)
    assert len({kind.__name__.lower() for kind in kinds}) == len(kinds) == len(wire.KINDS)
    for kind in typing.get_args(messages.AnyRequest):
        (base,) = (base for base in kind.__orig_bases__ if typing.get_origin(base) is messages.Request)
        assert typing.get_args(base)[0] in typing.get_args(messages.Result)


# -- limits


@pytest.mark.parametrize(
    "sizes", [(0,), (1,), (wire.PIECE,), (wire.PIECE + 1,), (0, 3 * wire.PIECE, 5), (9, 2 * wire.PIECE + 1)]
)
def test_large_frames_travel_in_pieces(sizes):
    frames = [bytes(k % 251 for k in range(1000)) * (size // 1000) + b"x" * (size % 1000) for size in sizes]
    parts = encode("1", messages.Stop(), frames)
    assert max(map(len, parts)) <= wire.PIECE and len(parts) == 1 + wire.read_envelope(parts[0]).pieces
    assert decode(parts) == ("1", messages.Stop(), frames)
    for damaged in (parts[:-1], [*parts, b""], [*parts[:-1], b"x" * (len(parts[-1]) + 1)]):
        with pytest.raises(ProtocolError):
            decode(damaged)


def test_a_header_is_small_whatever_it_announces():
    assert len(encode("é" * wire.MAX_ID, messages.Stop(), [b""] * wire.MAX_FRAMES)[0]) < wire.MAX_ENVELOPE
    with pytest.raises(ProtocolError, match="too long"):
        decode([b" " * wire.MAX_ENVELOPE + b"{}", b"{}"])
    with pytest.raises(ProtocolError, match="body is too long"):
        wire.read_envelope(json.dumps({**GOOD, "sizes": [wire.MAX_BODY + 1]}).encode())


def test_an_id_is_found_where_the_rest_is_not_understood():
    old = {"version": 5, "id": '\ud800 "7"', "kind": "hello", "body": {"client": "x" * 10**6}}
    assert wire.request_id_of([json.dumps(old).encode()]) == old["id"]
    assert wire.request_id_of([]) == wire.request_id_of([b'{"id":7}']) == wire.request_id_of([b'{"id":"']) == ""


IMAGE = ImageRef(width=9, height=9, key="k")


@pytest.mark.parametrize(
    "prompt",
    [
        {"points": [[0.5, 0.5]] * 201},
        {"labels": [1] * 201},
        {"chosen": [0] * 202},
        {"text": "x" * 1001},
        {"points": [[[0.5] * 100_000, 0.5]]},
    ],
)
def test_a_prompt_of_too_much_is_refused_before_it_is_read(prompt):
    locate = Locate(job=Job.REMOVE, image=IMAGE, target=Target(prompts=(ObjectPrompt(),)))
    body = body_of(locate)
    body["target"]["prompts"][0].update(prompt)
    with pytest.raises(ProtocolError, match=r"too many items|too long|is not a"):
        decode(with_body(locate, body))


def test_a_prompt_of_much_is_read():
    prompt = ObjectPrompt(points=((0.5, 1.0),) * 200, labels=(1,) * 200, chosen=(0,) * 201, text="x" * 1000)
    locate = Locate(job=Job.REMOVE, image=IMAGE, target=Target(prompts=(prompt,)))
    assert decode(encode("1", locate))[1] == locate


def test_every_list_of_a_request_has_a_limit():
    kinds = [kind for kind in typing.get_args(messages.AnyRequest)]
    seen = set()
    while kinds:
        kind = kinds.pop()
        for field in fields(kind):
            hint = typing.get_type_hints(kind)[field.name]
            for part in (hint, *typing.get_args(hint)):
                if typing.get_origin(part) is tuple and typing.get_args(part)[-1] is ...:
                    assert f"{kind.__name__}.{field.name}" in messages.MOST
                for inner in (part, *typing.get_args(part)):
                    if hasattr(inner, "__dataclass_fields__") and inner not in seen:
                        seen.add(inner)
                        kinds.append(inner)
    assert {ObjectPrompt, Target, Background} <= seen


def test_the_lists_of_an_answer_may_be_long():
    mask = Raster(1, 1, 1, Depth.UINT8, 0)
    proposal = MaskProposal(score=1.0, place=Window(0, 0, 1, 1), mask=mask, outlines=((0.5, 1.5) * 200_000,))
    assert decode(encode("1", MaskProposals(proposals=(proposal,)), [b"x"]))[1].proposals == (proposal,)


def test_a_name_in_a_request_may_not_be_endless():
    with pytest.raises(ProtocolError, match="too long"):
        decode(encode("1", EncodeImage(image=replace(IMAGE, key="k" * 501))))

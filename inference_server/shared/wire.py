"""Messages as bytes.  Standard library only.

    [envelope, body, frame 0, frame 1, ...]     envelope = {"version": 6, "id": "…", "kind": "inpaint", "sizes": [2, …]}

The envelope is small and all that the server's socket thread reads of a message; `sizes` are the bytes of the body and
of each frame.  The body is the message's fields in JSON.  Body and frames travel in pieces of at most `PIECE` bytes:
so a socket can refuse any larger part, and a stranger gets it to keep no more than that.

Nothing is pickled and nothing is trusted: every type, every length and every count is checked (`messages.MOST`).
"""

import enum
import io
import json
import re
import types
import typing
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from .geometry import Window
from .link import PIECE, Bytes
from .messages import LONGEST_TEXT, MAX_PIXELS, MOST, MOST_ITEMS, VERSION, Depth, Message, Raster, Request
from .text import Translatable

MAX_ENVELOPE = 16 << 10
MAX_BODY = 4 << 20
MAX_FRAMES = 512
MAX_ID = 1000  # characters
KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in typing.get_args(Message)}
KEY_WITHIN = 500  # bytes: a request that names an image does so at once
_ID = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.){0,%d}")' % MAX_ID)
_KEY = re.compile(rb'"key"\s*:\s*"([0-9a-f]{32})"')  # in a text the quotes would be escaped


class ProtocolError(ValueError):
    """The bytes are not a message of this protocol; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What is known of a message before it is read.  kind: a key of `KINDS`; sizes: as they travel."""

    request_id: str
    kind: str
    sizes: tuple[int, ...]

    @property
    def message_type(self) -> type:
        """The class of the message."""
        return KINDS[self.kind]

    @property
    def pieces(self) -> int:
        """The number of parts that follow the envelope."""
        return sum(map(_pieces, self.sizes))


def encode(request_id: str, message: Message, frames: Sequence[Bytes] = ()) -> list[Bytes]:
    """The multipart form of a message."""
    body = json.dumps(_as_json(message), separators=(",", ":")).encode()
    whole = [body, *frames]
    kind, sizes = type(message).__name__.lower(), [len(data) for data in whole]
    envelope = {"version": VERSION, "id": request_id, "kind": kind, "sizes": sizes}
    parts: list[Bytes] = [json.dumps(envelope, separators=(",", ":")).encode()]
    for data in whole:
        parts += _split(data)
    return parts


def decode(parts: Sequence[Bytes]) -> tuple[str, Message, list[bytes]]:
    """Read a multipart message: (request id, message, frames).

    Raises ProtocolError for anything that is not a well-formed message of this version.
    """
    if not parts:
        raise ProtocolError("a message without parts")
    envelope = read_envelope(parts[0])
    body, *frames = _joined(envelope, parts[1:])
    return envelope.request_id, read_body(envelope, body), frames


def read_envelope(data: Bytes) -> Envelope:
    """Read the first part of a message; takes well under a millisecond whatever it is.  Raises ProtocolError."""
    if len(data) > MAX_ENVELOPE:
        raise ProtocolError("the header is too long")
    try:
        header = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise ProtocolError("the header is not JSON") from None
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise ProtocolError(f"the header is not of protocol version {VERSION}")
    request_id, kind, sizes = header.get("id"), header.get("kind"), header.get("sizes")
    if not isinstance(request_id, str) or not isinstance(kind, str) or kind not in KINDS:
        raise ProtocolError("the header has no id or names an unknown kind of message")
    if len(request_id) > MAX_ID:
        raise ProtocolError("the id is too long")
    if not isinstance(sizes, list) or not all(type(size) is int and 0 <= size < 2**53 for size in sizes):
        raise ProtocolError("the header has no sizes")
    if not 1 <= len(sizes) <= 1 + MAX_FRAMES or sizes[0] > MAX_BODY:
        raise ProtocolError("there are too many frames, or the body is too long")
    return Envelope(request_id=request_id, kind=kind, sizes=tuple(sizes))


def check_parts(envelope: Envelope, lengths: Sequence[int]) -> None:
    """Raise ProtocolError unless parts of these lengths, which follow the envelope, are those it announces."""
    announced = (min(PIECE, size - start) for size in envelope.sizes for start in range(0, size or 1, PIECE))
    if len(lengths) != envelope.pieces or any(one != other for one, other in zip(lengths, announced, strict=True)):
        raise ProtocolError("the parts are not those that the header announces")


def read_body(envelope: Envelope, body: Bytes) -> Message:
    """The message that the body of an envelope holds.  Raises ProtocolError.

    Of a request each list and each text may have a length only (`messages.MOST`), and all lists together.
    """
    try:
        content = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise ProtocolError("the body is not JSON") from None
    kind = envelope.message_type
    reader = _Reader(bounded=issubclass(kind, Request))
    try:
        message: Message = reader.value(kind, content, envelope.kind)
    except RecursionError:
        raise ProtocolError("text nested too deeply") from None
    return message


def request_id_of(parts: Sequence[Bytes]) -> str:
    """The id of a message as far as it can be read, so that even one that is misunderstood gets its answer."""
    found = _ID.search(bytes(parts[0][:MAX_ENVELOPE])) if parts else None
    try:
        return str(json.loads(found[1])) if found else ""
    except ValueError:
        return ""


def image_key_of(body: Bytes) -> str:
    """The `messages.image_key` that a request's body names among its first bytes, else "".

    For whoever has to choose who answers before the body is read; nothing else of it is looked at, or checked.
    """
    found = _KEY.search(bytes(body[:KEY_WITHIN]))
    return found[1].decode() if found else ""


def _pieces(size: int) -> int:
    return max(1, -(-size // PIECE))


def _split(data: Bytes) -> Iterator[Bytes]:
    if len(data) <= PIECE:
        yield data
        return
    view = memoryview(data).cast("B")
    for start in range(0, len(view), PIECE):
        yield view[start : start + PIECE]


def _joined(envelope: Envelope, parts: Sequence[Bytes]) -> list[bytes]:
    """The body and the frames whose pieces these are.  Raises ProtocolError."""
    check_parts(envelope, [len(part) for part in parts])
    whole, first = [], 0
    for size in envelope.sizes:
        last = first + _pieces(size)
        whole.append(bytes(parts[first]) if last - first == 1 else _one_of(parts[first:last]))
        first = last
    return whole


def _one_of(pieces: Sequence[Bytes]) -> bytes:
    """The pieces in a row.  b"".join would keep all other threads waiting for tens of milliseconds, windows too."""
    joined = io.BytesIO()
    for piece in pieces:
        joined.write(piece)
    return joined.getvalue()  # which copies nothing


def attach(
    frames: list[bytes], width: int, height: int, channels: int, depth: str, data: bytes, *, pack: bool = False
) -> Raster:
    """Append pixel bytes to `frames` and return the Raster that describes them.  depth: a `Depth` or its name."""
    frames.append(zlib.compress(data, 1) if pack else data)
    return Raster(width, height, channels, Depth(depth), len(frames) - 1, pack)


def extract(raster: Raster, frames: Sequence[bytes]) -> bytes:
    """The pixel bytes of `raster`, exactly width * height * channels samples.  Raises ProtocolError.

    A packed one may unpack to a thousand times its bytes: whoever takes one from a stranger checks its size before.
    """
    if not 1 <= raster.channels <= 4 or raster.width < 1 or raster.height < 1:
        raise ProtocolError("a picture of an unknown kind")
    if raster.width * raster.height > MAX_PIXELS:
        raise ProtocolError("a picture of more than 2**30 pixels")
    if not 0 <= raster.frame < len(frames):
        raise ProtocolError(f"frame {raster.frame} is missing")
    data = frames[raster.frame]
    expected = raster.width * raster.height * raster.channels * raster.depth.size
    if raster.packed:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, expected + 1)  # one more, so that too long a stream shows
        except zlib.error as error:
            raise ProtocolError(f"frame {raster.frame} does not unpack: {error}") from None
    if len(data) != expected:
        raise ProtocolError(f"frame {raster.frame} has {len(data)} bytes where {expected} were announced")
    return data


def unpacked(value: Any, frames: list[bytes]) -> Any:
    """A message, or a part of one, with the pixel bytes of its rasters unpacked in `frames`.  Raises ProtocolError."""
    if isinstance(value, Raster):
        frames[value.frame] = extract(value, frames)
        return replace(value, packed=False)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: unpacked(getattr(value, f.name), frames) for f in fields(value)})
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return tuple(unpacked(item, frames) for item in value)
    return value


def _as_json(value: Any) -> Any:
    """What JSON holds of a value; a `Translatable` as its template and its values."""
    if isinstance(value, Translatable) and value.values:
        return [
            value.template,
            {
                name: _as_json(part) if isinstance(part, Translatable) else str(part)
                for name, part in value.values.items()
            },
        ]
    if is_dataclass(value):
        return {f.name: _as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return list(value) if all(type(item) is float for item in value) else [_as_json(item) for item in value]
    return value


class _Reader:
    """Turns JSON into messages.  Raises ProtocolError where it does not fit."""

    def __init__(self, *, bounded: bool) -> None:
        """bounded: whether lists and texts may have a length only."""
        self._bounded = bounded
        self._items_left = MOST_ITEMS

    def value(self, kind: Any, value: object, where: str) -> Any:
        """`value`, as JSON gave it, turned into the type `kind`.  where: its name, "Class.field" of a field."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):  # only X | None is used
            return None if value is None else self.value(arguments[0], value, where)
        if origin is tuple:
            return self._tuple(arguments, value, where)
        if kind is Translatable:
            return _text_from_json(value, where)
        if kind is Window:
            return Window(*self._tuple((int,) * 4, value, where))
        if is_dataclass(kind):
            return self._dataclass(kind, value, where)
        if issubclass(kind, enum.Enum):
            try:
                return kind(value)
            except ValueError:
                raise ProtocolError(f"{where} is not a {kind.__name__}") from None
        if self._bounded and isinstance(value, str) and len(value) > MOST.get(where, LONGEST_TEXT):
            raise ProtocolError(f"{where} is too long")
        return _plain_from_json(kind, value, where)

    def _dataclass(self, kind: Any, value: object, where: str) -> Any:
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} is not an object")
        hints = typing.get_type_hints(kind)
        if value.keys() - hints.keys():
            raise ProtocolError(f"{where} has unknown fields")
        given = {
            f.name: self.value(hints[f.name], value[f.name], f"{kind.__name__}.{f.name}")
            for f in fields(kind)
            if f.name in value
        }
        try:
            return kind(**given)
        except TypeError:
            raise ProtocolError(f"{where} lacks a field") from None

    def _tuple(self, kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
        """kinds: of the items, or (kind, ...) for any number of them, up to `MOST`."""
        if not isinstance(value, list | tuple):
            raise ProtocolError(f"{where} is not a list")
        self._count(len(value), where, some=kinds[-1] is Ellipsis)
        if kinds == (float, ...) and all(type(item) is float and abs(item) < 2**53 for item in value):
            return tuple(value)  # the outlines of a mask are thousands
        if kinds[-1] is Ellipsis:
            return tuple(self.value(kinds[0], item, where) for item in value)
        if len(value) != len(kinds):
            raise ProtocolError(f"{where} has {len(value)} items where {len(kinds)} belong")
        return tuple(self.value(kind, item, where) for kind, item in zip(kinds, value, strict=True))

    def _count(self, count: int, where: str, *, some: bool) -> None:
        self._items_left -= count
        if self._bounded and (self._items_left < 0 or (some and count > MOST.get(where, 0))):
            raise ProtocolError(f"{where} has too many items")


def _plain_from_json(kind: type, value: object, where: str) -> Any:
    """A number, a boolean or a string; numbers within what a float64 holds exactly."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise ProtocolError(f"{where} is out of range") from None
    if type(value) is not kind:
        raise ProtocolError(f"{where} is not a {kind.__name__}")
    if isinstance(value, int | float) and not abs(value) < 2**53:  # NaN too
        raise ProtocolError(f"{where} is out of range")
    return value


def _text_from_json(value: object, where: str) -> Translatable:
    match value:
        case str():
            return Translatable(value)
        case [str() as template, dict() as values]:
            return Translatable(template, {name: _text_from_json(part, where) for name, part in values.items()})
    raise ProtocolError(f"{where} is not text")

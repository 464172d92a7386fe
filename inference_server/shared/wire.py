"""Messages as bytes.  Standard library only.

    [header, frame 0, frame 1, ...]        header = {"version": 6, "id": "…", "kind": "inpaint", "body": {…}}

Nothing is pickled and nothing is trusted: `decode` checks every type and every length.
"""

import enum
import json
import types
import typing
import zlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .geometry import Window
from .messages import MAX_PIXELS, VERSION, Depth, Message, Raster
from .text import Translatable

MAX_HEADER = 4 << 20
KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in typing.get_args(Message)}


class ProtocolError(ValueError):
    """The bytes are not a message of this protocol; the text says why."""


def encode(request_id: str, message: Message, frames: Sequence[bytes] = ()) -> list[bytes]:
    """The multipart form of a message."""
    kind = type(message).__name__.lower()
    header = {"version": VERSION, "id": request_id, "kind": kind, "body": _as_json(message)}
    return [json.dumps(header, separators=(",", ":")).encode(), *frames]


def decode(parts: Sequence[bytes]) -> tuple[str, Message, list[bytes]]:
    """Read a multipart message: (request id, message, frames).

    Raises ProtocolError for anything that is not a well-formed message of this version.
    """
    if not parts or len(parts[0]) > MAX_HEADER:
        raise ProtocolError("no header, or one that is too long")
    try:
        header = json.loads(parts[0])
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise ProtocolError(f"the header is not of protocol version {VERSION}")
    request_id, kind = header.get("id"), header.get("kind")
    if not isinstance(request_id, str) or not isinstance(kind, str) or kind not in KINDS:
        raise ProtocolError("the header has no id or names an unknown kind of message")
    try:
        message: Message = _from_json(KINDS[kind], header.get("body"), kind)
    except RecursionError:
        raise ProtocolError("text nested too deeply") from None
    return request_id, message, list(parts[1:])


def request_id_of(parts: Sequence[bytes]) -> str:
    """The id of a message as far as it can be read, so that even one that is misunderstood gets its answer."""
    try:
        found = json.loads(parts[0])["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def attach(
    frames: list[bytes], width: int, height: int, channels: int, depth: str, data: bytes, *, pack: bool = False
) -> Raster:
    """Append pixel bytes to `frames` and return the Raster that describes them.  depth: a `Depth` or its name."""
    frames.append(zlib.compress(data, 1) if pack else data)
    return Raster(width, height, channels, Depth(depth), len(frames) - 1, pack)


def extract(raster: Raster, frames: Sequence[bytes]) -> bytes:
    """The pixel bytes of `raster`, exactly width * height * channels samples.  Raises ProtocolError."""
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


def _from_json(kind: Any, value: object, where: str) -> Any:
    """`value`, as JSON gave it, turned into the type `kind`; raises ProtocolError where it does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):  # only X | None is used
        return None if value is None else _from_json(arguments[0], value, where)
    if origin is tuple:
        return _tuple_from_json(arguments, value, where)
    if kind is Translatable:
        return _text_from_json(value, where)
    if kind is Window:
        return Window(*_tuple_from_json((int,) * 4, value, where))
    if is_dataclass(kind):
        return _dataclass_from_json(kind, value, where)
    if issubclass(kind, enum.Enum):
        try:
            return kind(value)
        except ValueError:
            raise ProtocolError(f"{where} is not a {kind.__name__}") from None
    return _plain_from_json(kind, value, where)


def _dataclass_from_json(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ProtocolError(f"{where} is not an object")
    hints = typing.get_type_hints(kind)
    if value.keys() - hints.keys():
        raise ProtocolError(f"{where} has unknown fields")
    given = {f.name: _from_json(hints[f.name], value[f.name], f.name) for f in fields(kind) if f.name in value}
    try:
        return kind(**given)
    except TypeError:
        raise ProtocolError(f"{where} lacks a field") from None


def _tuple_from_json(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    """kinds: of the items, or (kind, ...) for any number of them."""
    if not isinstance(value, list | tuple):
        raise ProtocolError(f"{where} is not a list")
    if kinds == (float, ...) and all(type(item) is float and abs(item) < 2**53 for item in value):
        return tuple(value)  # the outlines of a mask are thousands
    if kinds[-1] is Ellipsis:
        return tuple(_from_json(kinds[0], item, where) for item in value)
    if len(value) != len(kinds):
        raise ProtocolError(f"{where} has {len(value)} items where {len(kinds)} belong")
    return tuple(_from_json(kind, item, where) for kind, item in zip(kinds, value, strict=True))


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

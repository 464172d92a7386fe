"""Messages as bytes.  Standard library only.

    [header, frame 0, frame 1, ...]        header = {"version": 3, "id": "…", "kind": "inpaint", "body": {…}}

Nothing is pickled, and nothing is believed: `decode` checks every type and every length.
"""

import json
import types
import typing
import zlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace

from .errors import Said
from .messages import MAX_PIXELS, VERSION, Message, Raster

MAX_HEADER = 4 << 20
DEPTHS = {"uint8": 1, "uint16": 2, "float32": 4}
KINDS = {kind.__name__.lower(): kind for kind in typing.get_args(Message)}


class ProtocolError(ValueError):
    """The bytes are not a message of this protocol; the text says why."""


def encode(request_id: str, message: Message, frames: Sequence[bytes] = ()) -> list[bytes]:
    """The multipart form of a message."""
    kind = type(message).__name__.lower()
    header = {"version": VERSION, "id": request_id, "kind": kind, "body": _plain(message)}
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
        message = _build(KINDS[kind], header.get("body"), kind)
    except RecursionError:
        raise ProtocolError("a sentence within a sentence within a sentence") from None
    return request_id, message, list(parts[1:])


def attach(frames: list[bytes], width: int, height: int, channels: int, depth: str, data, pack: bool = False) -> Raster:
    """Append pixel bytes to `frames` and return the Raster that describes them."""
    frames.append(zlib.compress(data, 1) if pack else data)
    return Raster(width, height, channels, depth, len(frames) - 1, pack)


def extract(raster: Raster, frames: Sequence[bytes]) -> bytes:
    """The pixel bytes of `raster`, exactly width * height * channels samples.  Raises ProtocolError."""
    if raster.depth not in DEPTHS or not 1 <= raster.channels <= 4 or raster.width < 1 or raster.height < 1:
        raise ProtocolError("a picture of an unknown kind")
    if raster.width * raster.height > MAX_PIXELS:
        raise ProtocolError("a picture of more than 2**30 pixels")
    if not 0 <= raster.frame < len(frames):
        raise ProtocolError(f"frame {raster.frame} is missing")
    data = frames[raster.frame]
    expected = raster.width * raster.height * raster.channels * DEPTHS[raster.depth]
    if raster.packed:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, expected + 1)  # one more, so that too long a stream shows
        except zlib.error as error:
            raise ProtocolError(f"frame {raster.frame} does not unpack: {error}") from None
    if len(data) != expected:
        raise ProtocolError(f"frame {raster.frame} has {len(data)} bytes where {expected} were announced")
    return data


def unpacked(value: typing.Any, frames: list[bytes]) -> typing.Any:
    """A message, or a part of one, with the pixel bytes of its rasters unpacked in `frames`.  Raises ProtocolError."""
    if isinstance(value, Raster):
        frames[value.frame] = extract(value, frames)
        return replace(value, packed=False)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: unpacked(getattr(value, f.name), frames) for f in fields(value)})
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return tuple(unpacked(item, frames) for item in value)
    return value


def _plain(value: typing.Any) -> typing.Any:
    """What JSON holds of a value: a `Said` as its template and its values, so that it can be said in any language."""
    if isinstance(value, Said) and value.values:
        return [
            value.template,
            {name: _plain(part) if isinstance(part, Said) else str(part) for name, part in value.values.items()},
        ]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return list(value) if all(type(item) is float for item in value) else [_plain(item) for item in value]
    return value


def _build(kind: typing.Any, value: object, where: str) -> typing.Any:
    """`value`, as JSON gave it, turned into the type `kind`; raises ProtocolError where it does not fit."""
    if kind is Said:
        return _said(value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):  # only X | None is used
        return None if value is None else _build(arguments[0], value, where)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} is not an object")
        hints = typing.get_type_hints(kind)
        if value.keys() - hints.keys():
            raise ProtocolError(f"{where} has unknown fields")
        try:
            return kind(
                **{f.name: _build(hints[f.name], value[f.name], f.name) for f in fields(kind) if f.name in value}
            )
        except TypeError:
            raise ProtocolError(f"{where} lacks a field") from None
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ProtocolError(f"{where} is not a list")
        if arguments == (float, ...) and all(type(item) is float and abs(item) < 2**53 for item in value):
            return tuple(value)  # the outlines of a mask are thousands
        if arguments[-1] is Ellipsis:
            return tuple(_build(arguments[0], item, where) for item in value)
        if len(value) != len(arguments):
            raise ProtocolError(f"{where} has {len(value)} items where {len(arguments)} belong")
        return tuple(_build(a, item, where) for a, item in zip(arguments, value, strict=True))
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


def _said(value: object, where: str) -> Said:
    match value:
        case str():
            return Said(value)
        case [str() as template, dict() as values]:
            return Said(template, {name: _said(part, where) for name, part in values.items()})
    raise ProtocolError(f"{where} is no sentence")

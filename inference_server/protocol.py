"""What travels between the plug-in and the server.  Standard library only.

A message is a JSON header, described by one dataclass below, followed by any number of raw frames (pixels):

    [header, frame 0, frame 1, ...]        header = {"version": 2, "id": "…", "kind": "inpaint", "body": {…}}

A request gets any number of `Progress` and `Preview`, then exactly one result or one `Failure`, all with the request's
id; an Inpaint with several variations gets one result for each, and `Inpainted.more` says how many still come:

    Hello -> Welcome    Look -> Looked      Locate -> Located    Segment -> Segmented
    Suggest -> Suggested                    Inpaint -> Inpainted
    Cancel and Stop get no answer of their own: the cancelled request is answered with Failure("cancelled").

All coordinates are pixels of the photograph at full resolution, x to the right, y down, origin top left.  A window is
(x, y, width, height).  Nothing is pickled, and nothing is believed: `decode` checks every type and every length.
"""

import hashlib
import json
import types
import typing
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass

VERSION = 2
PROXY = 1024  # pixels on the long side, all that a segmenter looks at
MAX_HEADER = 1 << 20
MAX_PIXELS = 1 << 30
MAX_VARIATIONS = 16
DEPTHS = {"uint8": 1, "uint16": 2, "float32": 4}
TITLES = {"select": "Select Object", "remove": "Remove Object", "fill": "Fill", "replace": "Replace Background"}

Window = tuple[int, int, int, int]
Point = tuple[float, float]


class ProtocolError(ValueError):
    """The bytes are not a message of this protocol; the text says why."""


@dataclass(frozen=True)
class Raster:
    """A rectangle of pixels in frame number `frame`: rows from the top, channels interleaved, little-endian.

    depth is "uint8", "uint16" or "float32", in the full range of the type (float32: 0 to 1).  `packed` frames are
    zlib streams: worth it for masks, which shrink a hundredfold; not for photographs, which hardly do.
    """

    width: int
    height: int
    channels: int
    depth: str
    frame: int
    packed: bool = False


@dataclass(frozen=True)
class Photo:
    """The photograph clicks refer to: its size and the `photo_key` of its proxy.

    proxy: the whole photograph, scaled down to at most PROXY pixels, uint8 RGB.  Needed the first time only; a server
    that does not know the key without it answers Failure("unknown-photo").
    """

    width: int
    height: int
    key: str
    proxy: Raster | None = None


@dataclass(frozen=True)
class Clicks:
    """What the person pointed at.  labels: 1 this, 0 not this, one a point.  box: (x0, y0, x1, y1).

    text: what the object is called, instead of the others.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    text: str = ""


@dataclass(frozen=True)
class Wish:
    """What a model is to paint, and how.

    prompt: what should be there, in a Fill "" for what the surroundings suggest; negative: what should not;
    help_prompt: whether words that help may be added (`Suggested` shows them).  quality: "fast", "balanced" or "best".
    model: a name in the catalogue, "ORG/NAME" of one fetched from a hub, a path on the server's machine, or "" for the
    best that is installed.
    """

    prompt: str = ""
    negative: str = ""
    help_prompt: bool = True
    quality: str = "balanced"
    model: str = ""


@dataclass(frozen=True)
class Backdrop:
    """What comes behind the object without a model: one of these.

    picture: another photo, scaled to cover; colours: one, or two for a gradient from the top to the bottom, (r, g, b)
    as the photo has them, 0 to 1; blur: the photo's own background, out of focus by 0 to 1.
    """

    picture: Raster | None = None
    colours: tuple[tuple[float, float, float], ...] = ()
    blur: float | None = None


@dataclass(frozen=True)
class Hello:
    client: str


@dataclass(frozen=True)
class Welcome:
    server: str
    pid: int
    jobs_waiting: int


@dataclass(frozen=True)
class Look:
    """A photo that will be asked about: look at it while the person still thinks."""

    photo: Photo


@dataclass(frozen=True)
class Looked:
    pass


@dataclass(frozen=True)
class Locate:
    """Where is the object, and which window of the photograph does `job` need?

    The object is either what `clicks` point at, what `rough` covers (uint8, of the proxy's size; clicks may be beside
    it) or, with a ready mask, what lies in `bounds`.  margin: how many pixels the mask will be grown and feathered,
    where that is known.  include_shadow: whether its shadow is meant too; bounds are the object's alone all the same.
    paints: whether a model will be asked to paint, and model which, as in `Wish`: one that is missing is said at once.
    """

    job: str
    photo: Photo
    clicks: Clicks | None = None
    bounds: Window | None = None
    margin: int = 0
    rough: Raster | None = None
    include_shadow: bool = False
    paints: bool = True
    model: str = ""


@dataclass(frozen=True)
class Located:
    bounds: Window
    window: Window
    score: float


@dataclass(frozen=True)
class Segment:
    """The object's mask at full resolution.  `pixels` is `window`, as in `Inpaint`; clicks and rough as in `Locate`.

    soft_edge: with soft values for hair and fur, instead of 0 and 255.  include_shadow: with the shadow it casts, for
    which `Locate` must have been asked too.
    """

    photo: Photo
    clicks: Clicks
    window: Window
    pixels: Raster
    rough: Raster | None = None
    soft_edge: bool = False
    include_shadow: bool = False


@dataclass(frozen=True)
class Segmented:
    """The mask of `window`, which is the part of the window sent that the object takes."""

    window: Window
    mask: Raster
    score: float


@dataclass(frozen=True)
class Suggest:
    """What would a model be told for a wish about this photo?"""

    job: str
    photo: Photo
    wish: Wish


@dataclass(frozen=True)
class Suggested:
    prompt: str
    negative: str


@dataclass(frozen=True)
class Inpaint:
    """Paint the object in `window` away or over, or what is around it.  `pixels` is the window, RGB or RGBA, at the
    layer's own depth.

    The object is what `clicks` point at, or `mask` (uint8, 255 = the object, of the window's size).
    grow and feather are photo pixels, None for what suits the photograph's size.  include_shadow as in `Segment`; in a
    Replace, whether the object's shadow falls on what is new.  wish is for Fill, and for a Replace without a backdrop.
    soft_edge: as in `Segment`.  variations: how many results, with this seed, the next, and so on.
    """

    job: str
    photo: Photo
    window: Window
    pixels: Raster
    clicks: Clicks | None = None
    mask: Raster | None = None
    wish: Wish = Wish()
    backdrop: Backdrop | None = None
    grow: int | None = None
    feather: int | None = None
    seed: int = 0
    variations: int = 1
    soft_edge: bool = False
    include_shadow: bool = False


@dataclass(frozen=True)
class Inpainted:
    """New pixels for `window`, a part of the window sent, with `alpha` (uint8) to show them through.

    mask is the object, and its shadow where that was asked for, before growing and feathering; of the same size.
    seed, prompt and negative: what it was made with, as the model was told.  more: how many variations still come.
    """

    window: Window
    pixels: Raster
    alpha: Raster
    mask: Raster
    score: float
    seed: int = 0
    prompt: str = ""
    negative: str = ""
    more: int = 0


@dataclass(frozen=True)
class Progress:
    share: float
    word: str


@dataclass(frozen=True)
class Preview:
    """What the window looks like by now: uint8 RGB, small."""

    picture: Raster


@dataclass(frozen=True)
class Failure:
    """code, for programs: bad-request, cancelled, disk-full, internal, model-corrupt, no-memory, no-model, no-network,
    unknown-photo, version, wrong-input.  sentence and remedy are for the person."""

    code: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Cancel:
    """Give up the request that has this message's id."""


@dataclass(frozen=True)
class Stop:
    """Leave now, cancelling what runs."""


MESSAGES = (
    *(Hello, Welcome, Look, Looked, Locate, Located, Segment, Segmented, Suggest, Suggested, Inpaint, Inpainted),
    *(Progress, Preview, Failure, Cancel, Stop),
)
KINDS = {kind.__name__.lower(): kind for kind in MESSAGES}
Request = Look | Locate | Segment | Suggest | Inpaint
Result = Welcome | Looked | Located | Segmented | Suggested | Inpainted
Message = Hello | Request | Result | Progress | Preview | Failure | Cancel | Stop


def proxy_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the proxy of a photo: its long side at most PROXY; a small photo is its own proxy."""
    scale = min(1.0, PROXY / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def photo_key(width: int, height: int, proxy: bytes) -> str:
    """The name of a photograph: a hash of its proxy's size and RGB bytes."""
    return hashlib.blake2b(b"%dx%d " % (width, height) + proxy, digest_size=16).hexdigest()


def encode(request_id: str, message: Message, frames: Sequence[bytes] = ()) -> list[bytes]:
    """The multipart form of a message."""
    kind = type(message).__name__.lower()
    header = {"version": VERSION, "id": request_id, "kind": kind, "body": asdict(message)}
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
    message = _build(KINDS[kind], header.get("body"), kind)
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


def _build(kind: typing.Any, value: object, where: str) -> typing.Any:
    """`value`, as JSON gave it, turned into the type `kind`; raises ProtocolError where it does not fit."""
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

"""What travels between the plug-in and the server.  Standard library only.

A message is a JSON header, described by one dataclass below, followed by any number of raw frames (pixels); `wire` puts
it into bytes and back.  A request gets any number of `Progress` and `Preview`, then exactly one result or one
`Failure`, all with the request's id; where several results come, `more` says how many still do:

    Hello -> Welcome    Look -> Looked    Find -> Found, Found    Locate -> Located    Segment -> Segmented
    Suggest -> Suggested    Inpaint -> Inpainted, …    Survey -> Surveyed    Fetch -> Fetched    Discard -> Discarded
    Cancel and Stop get no answer of their own: the cancelled request is answered with Failure("cancelled").

All coordinates are pixels of the photograph at full resolution, x to the right, y down, origin top left.  A window is
(x, y, width, height).
"""

import hashlib
from dataclasses import dataclass

from .errors import Said

VERSION = 3
PROXY = 1024  # pixels on the long side, all that a segmenter looks at
MAX_PIXELS = 1 << 30
MAX_VARIATIONS = 16
TITLES = {"select": "Select Object", "remove": "Remove Object", "fill": "Fill", "replace": "Replace Background"}

Window = tuple[int, int, int, int]
Point = tuple[float, float]


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

    text: what the object is called, instead of the others.  chosen: which of the masks that may be meant was taken
    after so many clicks, the best being 0: chosen[0] where there is a box alone, chosen[1] after one click, and so on.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    text: str = ""
    chosen: tuple[int, ...] = ()


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
    """running: seconds since the server was started."""

    server: str
    pid: int
    jobs_waiting: int
    running: float = 0.0


@dataclass(frozen=True)
class Look:
    """A photo that will be asked about: look at it while the person still thinks."""

    photo: Photo


@dataclass(frozen=True)
class Looked:
    pass


@dataclass(frozen=True)
class Find:
    """What may be meant, quickly, for a live overlay; as precise as the proxy is.

    The object is what `clicks` point at, with `rough` as in `Locate`; without clicks, `rough` is the ready mask.
    job, grow, feather, soft_edge, include_shadow: as in `Inpaint`; what comes back is what that would paint, or for
    "replace" what it would keep.  quick: a first look is enough.  A client's next Find cancels the one before.
    """

    job: str
    photo: Photo
    clicks: Clicks | None = None
    rough: Raster | None = None
    grow: int | None = None
    feather: int | None = None
    soft_edge: bool = False
    include_shadow: bool = False
    quick: bool = False


@dataclass(frozen=True)
class Shape:
    """One answer to `Find`.

    mask: uint8, of the part `place` (x, y, width, height) of the proxy, in the proxy's pixels.  outlines: closed
    polygons, each x0, y0, x1, y1, … in pixels of the photo, of what is over 127.  One that is empty, which there is
    where a later one is not, has no outlines.
    """

    score: float
    place: Window
    mask: Raster
    outlines: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Found:
    """The shapes that may be meant, best first; none where nothing was found.  more: how many looks follow; the first
    is at those up to the one that is taken, the last takes colours, edges and shadow into account.
    """

    shapes: tuple[Shape, ...]
    more: int = 0


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
class Survey:
    """What has the server to work with?"""


@dataclass(frozen=True)
class Model:
    """A model the server knows.  use: what it is good for.  job: a key of TITLES, or "helper" for what makes another
    one faster.  size: bytes to download, 0 where that is not known; memory: bytes it needs to run.  page: where its
    licence is accepted by hand, if it must be; by_hand: what to do then.  lacks: what must be there before it can be
    used here.  advised: whether it is what suits this machine best."""

    name: str
    title: Said
    use: Said
    job: str
    licence: str
    size: int
    memory: int
    installed: bool
    page: str
    by_hand: Said
    lacks: Said
    advised: bool


@dataclass(frozen=True)
class Surveyed:
    """device: the GPU's name, "" for the processor; memory, free: bytes on it, 0 where that is not known.  more: 1
    while the device is not known yet; then all of it comes again."""

    device: str
    memory: int
    free: int
    models: tuple[Model, ...]
    more: int = 0


@dataclass(frozen=True)
class Fetch:
    """Download a model."""

    name: str


@dataclass(frozen=True)
class Fetched:
    pass


@dataclass(frozen=True)
class Discard:
    """Delete a model's files."""

    name: str


@dataclass(frozen=True)
class Discarded:
    pass


@dataclass(frozen=True)
class Progress:
    share: float
    word: Said


@dataclass(frozen=True)
class Preview:
    """What the window looks like by now: uint8 RGB, small."""

    picture: Raster


@dataclass(frozen=True)
class Failure:
    """code, for programs: bad-request, cancelled, disk-full, in-use, internal, model-corrupt, no-memory, no-model,
    no-network, unknown-photo, version, wrong-input.  sentence and remedy are for the person."""

    code: str
    sentence: Said
    remedy: Said


@dataclass(frozen=True)
class Cancel:
    """Give up the request that has this message's id."""


@dataclass(frozen=True)
class Stop:
    """Leave now, cancelling what runs."""


Request = Look | Find | Locate | Segment | Suggest | Inpaint | Survey | Fetch | Discard
Result = Welcome | Looked | Found | Located | Segmented | Suggested | Inpainted | Surveyed | Fetched | Discarded
Message = Hello | Request | Result | Progress | Preview | Failure | Cancel | Stop


def proxy_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the proxy of a photo: its long side at most PROXY; a small photo is its own proxy."""
    scale = min(1.0, PROXY / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def photo_key(width: int, height: int, proxy: bytes) -> str:
    """The name of a photograph: a hash of its proxy's size and RGB bytes."""
    return hashlib.blake2b(b"%dx%d " % (width, height) + proxy, digest_size=16).hexdigest()

"""The messages that travel between the plug-in and the server.  Standard library only.

A message is described by one dataclass below, and followed by any number of raw frames (pixels); `wire` puts it into
bytes and back.  A request is answered with any number of `Progress` and `Preview`, then with exactly one
result or one `Failure`, all with the request's id.  Where several results come, `more` says how many still follow.

    Hello        -> Welcome          is a server there, and of which version?
    EncodeImage  -> Encoded          have the segmenter's slow part done while the person still thinks
    PreviewMasks -> MaskProposals    the masks that may be meant, quickly, for an overlay
    Locate       -> Located          where the object is, and which window of the image a job needs
    Segment      -> Segmented        the object's mask at full resolution
    ExpandPrompt -> ExpandedPrompt   the prompt a model would be given
    AskDepth     -> MeasuredDepth    how near each part of the photo is, to show a blur with
    Inpaint      -> Inpainted        new pixels
    ListModels   -> ModelList        the device and the models
    FetchModel   -> ModelFetched     download a model, and install the packages it lacks
    ImportModel  -> ModelFetched     take a model's files that a person has downloaded
    RemoveModel  -> ModelRemoved     delete a model's files
    AskMetrics   -> Metrics          what the server has done, and what it does
    Cancel, Stop                     have no result: a cancelled request is answered with Failure(CANCELLED)

All coordinates are pixels of the image at full resolution, x to the right, y down, the origin at the top left.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from .errors import ErrorCode
from .geometry import Box, Point, Window
from .strenum import StrEnum
from .text import Translatable

VERSION = 13
MAX_PIXELS = 1 << 30
MAX_VARIATIONS = 16
MAX_OBJECTS = 64  # of a target
MAX_RADIUS = 1 << 16  # pixels, of a brush

# What a request may hold: items of a list, characters of a text.  A list that is not named here may hold none.
MOST = {
    "ObjectPrompt.points": 200,
    "ObjectPrompt.labels": 200,
    "ObjectPrompt.chosen": 201,
    "ObjectPrompt.text": 1000,
    "ObjectPrompt.like": 20,
    "ObjectPrompt.unlike": 20,
    "Target.prompts": MAX_OBJECTS,
    "Target.strokes": 4000,
    "Stroke.path": 200_000,
    "PaintOptions.prompt": 10_000,
    "PaintOptions.negative": 10_000,
    "PaintOptions.model": 4096,  # it may be a path
    "Locate.model": 4096,
    "ImportModel.path": 4096,
    "Background.colours": 2,
}
LONGEST_TEXT = 500  # characters of any other text
MOST_ITEMS = 300_000  # of all lists of a request together


class Job(StrEnum):
    """What is done with the object."""

    SELECT = "select"  # GIMP's selection is set to it
    REMOVE = "remove"  # its surroundings are continued in its place
    FILL = "fill"  # something else is painted in its place
    REPLACE = "replace"  # it is kept, and its background is replaced


TITLES = {
    Job.SELECT: "Select Object",
    Job.REMOVE: "Remove Object",
    Job.FILL: "Fill",
    Job.REPLACE: "Replace Background",
}


PAINTING_JOBS = (Job.FILL, Job.REPLACE)  # those that a diffusion model can do


class Quality(StrEnum):
    """How many steps a diffusion model takes."""

    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"


class Scene(StrEnum):
    """What may be meant of a photo without pointing at it."""

    SUBJECT = "subject"  # what it is of
    BACKGROUND = "background"  # all but the subject
    SKY = "sky"
    DISTRACTIONS = "distractions"  # what one may want gone, each thing by itself


class Depth(StrEnum):
    """The type of a sample; the values are names of NumPy's dtypes.  The full range of the type; float32: 0 to 1."""

    UINT8 = "uint8"
    UINT16 = "uint16"
    FLOAT32 = "float32"

    @property
    def size(self) -> int:
        """Bytes a sample."""
        return {"uint8": 1, "uint16": 2, "float32": 4}[self.value]


# -- parts of messages ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raster:
    """A rectangle of pixels in frame number `frame`: rows from the top, channels interleaved, little-endian.

    packed: whether the frame is a zlib stream, which is worth it for masks (they shrink a hundredfold) and not for
    photographs.
    """

    width: int
    height: int
    channels: int
    depth: Depth
    frame: int
    packed: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """The image a request is about: its size, and the `image_key` of its proxy.

    proxy: the whole image scaled down to `geometry.proxy_size`, uint8 RGB.  Needed the first time only; a server that
    does not know the key without it answers Failure(UNKNOWN_IMAGE).
    """

    width: int
    height: int
    key: str
    proxy: Raster | None = None


@dataclass(frozen=True, kw_only=True)
class ObjectPrompt:
    """What says which object is meant: point prompts, a box prompt, or instead of these what everything of a kind is
    called or looks like, or a scene, which points may correct: each adds what is there, or takes it away.

    points: (x, y); labels: one a point, 1 for the object, 0 for what is not the object; text: what the object is
    called; like, unlike: boxes around examples of it, and of what it is not; scene: what is found without pointing.
    chosen: which of the proposals was taken after so many points, the best being 0: chosen[0] where there is a box
    alone, chosen[1] after one point, and so on.
    """

    points: tuple[Point, ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None
    text: str = ""
    like: tuple[Box, ...] = ()
    unlike: tuple[Box, ...] = ()
    scene: Scene | None = None
    chosen: tuple[int, ...] = ()

    def moved(self, dx: float, dy: float) -> "ObjectPrompt":
        """The same of an image whose pixels lie so much further to the right and down."""

        def place(box: Box) -> Box:
            return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy

        return self.mapped(lambda point: (point[0] + dx, point[1] + dy), place)

    def mapped(self, point: Callable[[Point], Point], box: Callable[[Box], Box]) -> "ObjectPrompt":
        """The same where each point and each box lies elsewhere."""
        return replace(
            self,
            points=tuple(map(point, self.points)),
            box=self.box and box(self.box),
            like=tuple(map(box, self.like)),
            unlike=tuple(map(box, self.unlike)),
        )

    @property
    def of_a_kind(self) -> bool:
        """Whether everything of a kind is meant, which is as many objects as there are."""
        return bool(self.text or self.like or self.scene == Scene.DISTRACTIONS)


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """Part of a mask that was drawn by hand.

    path: x, y, radius, x, y, radius, …, the middle of the brush and its radius there, in pixels of the image.  adds:
    whether this belongs to the mask or is taken out of it.  filled: whether what the path encloses is meant, as a lasso
    does, and not what a brush has touched on it: its radii say nothing then.

    refines: whether it is no part of the mask, but says where the mask's edge is to be looked for anew, as for hair,
    fur and glass: there alpha is unknown (the grey of a trimap) until a later stroke covers it or, with adds false,
    takes that back.
    """

    path: tuple[float, ...]
    adds: bool = True
    filled: bool = False
    refines: bool = False

    @property
    def adds_to_mask(self) -> bool:
        """Whether it says by itself that something is meant."""
        return self.adds and not self.refines

    @property
    def points(self) -> tuple[tuple[float, float, float], ...]:
        """The path's x, y and radius, point by point."""
        return tuple(zip(self.path[0::3], self.path[1::3], self.path[2::3], strict=True))

    @property
    def box(self) -> Box:
        """What the stroke reaches of the image; its path is not empty."""
        xs, ys = self.path[0::3], self.path[1::3]
        reach = 0.0 if self.filled else max(self.path[2::3])
        return min(xs) - reach, min(ys) - reach, max(xs) + reach, max(ys) + reach

    def moved(self, dx: float, dy: float) -> "Stroke":
        """The same of an image whose pixels lie so much further to the right and down."""
        steps = dx, dy, 0.0
        return replace(self, path=tuple(number + steps[k % 3] for k, number in enumerate(self.path)))

    def scaled(self, factor: float) -> "Stroke":
        """The same of an image that is so many times as large."""
        return replace(self, path=tuple(number * factor for number in self.path))


@dataclass(frozen=True, kw_only=True)
class Target:
    """The objects a request is about: prompts, a rough mask, or both; or a mask that is taken as it is; or strokes.

    prompts: one for each object; all of them together are meant.  rough_mask: uint8, of the proxy's size: a hint, which
    the segmenter makes a mask of, together with the first prompt if there is one.  mask: uint8, 255 for the object, of
    the size of the request's window, or of the proxy's where there is no window.  bounds: where the object of a ready
    mask is, for requests that need no more.  strokes: drawn over all of these, in their order, the last one on top.
    """

    prompts: tuple[ObjectPrompt, ...] = ()
    rough_mask: Raster | None = None
    mask: Raster | None = None
    bounds: Window | None = None
    strokes: tuple[Stroke, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """What is done to the object's mask.

    grow, feather: pixels of the image, None for what suits its size.  soft_edge: whether alpha may take soft values,
    for hair and fur.  include_shadow: whether the shadow the object casts is meant too, None for where it is certain;
    for REPLACE, whether it falls on the new background.
    """

    grow: int | None = None
    feather: int | None = None
    soft_edge: bool = False
    include_shadow: bool | None = False


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """What a diffusion model is to paint, and how.

    prompt: what should be there, "" in a FILL for what the surroundings suggest; negative: what should not;
    help_prompt: whether words that help may be added (`ExpandPrompt` shows them).  model: a name in the catalogue,
    "ORG/NAME" of one fetched from a hub, a path on the server's machine, or "" for the best that is installed.
    """

    prompt: str = ""
    negative: str = ""
    help_prompt: bool = True
    quality: Quality = Quality.BALANCED
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Background:
    """A background that needs no model: one of these.

    picture: another photo, scaled to cover; colours: one, or two for a gradient from the top to the bottom, (r, g, b)
    as the image has them, 0 to 1; blur: the image's own background, out of focus by 0 to 1.
    """

    picture: Raster | None = None
    colours: tuple[tuple[float, float, float], ...] = ()
    blur: float | None = None


@dataclass(frozen=True, kw_only=True)
class MaskProposal:
    """A mask that may be meant.

    mask: uint8, of the window `place` of the proxy, in the proxy's pixels.  outlines: closed polygons, each x0, y0, x1,
    y1, … in pixels of the image, around what is over 127; none for an empty mask.  has_hair: whether hair or fur is
    seen to cross its edge, which is found out for the last answers alone, and where the edge is not soft.  has_shadow:
    whether a shadow, or a mirror image, was found and is in it.
    """

    score: float
    place: Window
    mask: Raster
    outlines: tuple[tuple[float, ...], ...]
    has_hair: bool = False
    has_shadow: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model the server knows.

    job: what it is for, None for one that makes another faster.  short: its name where there is little room; use: what
    it is good for.  size: bytes to download, 0 where that is not known; memory: bytes it needs to run.  page: where its
    licence is accepted by hand, if it must be; by_hand: what to do then.  lacks: which packages, that come with it, it
    needs and this machine does not have; packages_size: bytes to download for these, about.  advised: whether it is
    what suits this machine best; used: whether it does its job now where no model is named.
    """

    name: str
    title: Translatable
    use: Translatable
    job: Job | None
    licence: str
    size: int
    memory: int
    installed: bool
    page: str
    by_hand: Translatable
    lacks: Translatable
    advised: bool
    short: Translatable
    packages_size: int = 0
    used: bool = False


# -- results ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Welcome:
    """server: its version; running: seconds since it was started."""

    server: str
    pid: int
    jobs_waiting: int
    running: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """text: in Prometheus' text format."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """The image's embedding is there."""


@dataclass(frozen=True, kw_only=True)
class MaskProposals:
    """The masks that may be meant, best first; none where nothing was found.

    more: how many better answers follow.  The first has those up to the one that is chosen; later ones take the image's
    colours and edges into account, and the last one, where that is asked for, the shadow of the one that is chosen.  A
    proposal that is empty, while a later one is not, has no outlines.
    """

    proposals: tuple[MaskProposal, ...]
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Located:
    """bounds: the object's alone; window: what the job needs of the image; score: the segmenter's, 0 to 1."""

    bounds: Window
    window: Window
    score: float


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """The mask of `window`, which is the part of the window sent that the object takes.

    pixels: of that part, to be shown through the mask, where the colours were asked for: the image's, but without the
    background that was mixed in where the mask is soft.
    """

    window: Window
    mask: Raster
    score: float
    pixels: Raster | None = None


@dataclass(frozen=True, kw_only=True)
class ExpandedPrompt:
    """What a model would be given.  takes_reference: whether a picture can say, too, what it is to paint."""

    prompt: str
    negative: str
    takes_reference: bool = False


@dataclass(frozen=True, kw_only=True)
class MeasuredDepth:
    """nearness: uint8 of one channel, small, of all of the image: 1/depth, from 0 for the farthest to 255 for the
    nearest; None where no model is here that measures it."""

    nearness: Raster | None = None


@dataclass(frozen=True, kw_only=True)
class Inpainted:
    """New pixels for `window`, a part of the window sent, with `alpha` (uint8) to show them through.

    mask: uint8, the object, and its shadow where that was asked for, before growing and feathering.  All three are of
    the window's size.  seed, prompt, negative: what it was made with, as the model was given them.  more: how many
    variations still follow.
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


@dataclass(frozen=True, kw_only=True)
class ModelList:
    """device: the GPU's name, "" for the processor; memory, free: bytes on it, 0 where that is not known.

    more: 1 while the device is not known yet; then all of it comes again.
    """

    device: str
    memory: int
    free: int
    models: tuple[ModelInfo, ...]
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class ModelFetched:
    """The model is installed."""


@dataclass(frozen=True, kw_only=True)
class ModelRemoved:
    """The model's files are gone."""


Result = (
    Welcome
    | Metrics
    | Encoded
    | MaskProposals
    | Located
    | Segmented
    | ExpandedPrompt
    | MeasuredDepth
    | Inpainted
    | ModelList
    | ModelFetched
    | ModelRemoved
)
R = TypeVar("R", bound=Result)


# -- requests ---------------------------------------------------------------------------------------------------------


class Request(Generic[R]):
    """A message that is answered with an R."""


@dataclass(frozen=True, kw_only=True)
class Hello(Request[Welcome]):
    """client: the name of the program that asks."""

    client: str


@dataclass(frozen=True, kw_only=True)
class AskMetrics(Request[Metrics]):
    """What the server has done since its start, and what it does now: in numbers."""


@dataclass(frozen=True, kw_only=True)
class EncodeImage(Request[Encoded]):
    """An image that will be asked about."""

    image: ImageRef


@dataclass(frozen=True, kw_only=True)
class PreviewMasks(Request[MaskProposals]):
    """The masks that may be meant, as precise as the proxy is.

    What comes back is what `job` would paint with these options, or for REPLACE what it would keep.  A target without a
    prompt has a ready `mask` of the proxy's size.  With strokes, one mask comes back of everything that the target says
    together, alpha found anew where strokes refine it; without them, a target is one object.  quick: the first answer
    is enough.  A client's next PreviewMasks cancels the one before.
    """

    job: Job
    image: ImageRef
    target: Target
    options: MaskOptions = MaskOptions()
    quick: bool = False


@dataclass(frozen=True, kw_only=True)
class Locate(Request[Located]):
    """Where the object is, and which window of the image `job` needs.

    paints: whether a diffusion model will be asked to paint, one that is missing being reported at once; `model`:
    which, as in `PaintOptions`, or which removes.
    """

    job: Job
    image: ImageRef
    target: Target
    options: MaskOptions = MaskOptions()
    paints: bool = True
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Segment(Request[Segmented]):
    """The object's mask at full resolution.

    pixels: the image's own, of `window`, as in `Inpaint`; cut_out: whether the object's own colours are wanted, too.
    """

    image: ImageRef
    target: Target
    window: Window
    pixels: Raster
    options: MaskOptions = MaskOptions()
    cut_out: bool = False


@dataclass(frozen=True, kw_only=True)
class ExpandPrompt(Request[ExpandedPrompt]):
    """The prompt that a model would be given for these options and this image.

    has_reference: whether it would be shown a picture, too.
    """

    job: Job
    image: ImageRef
    paint: PaintOptions
    has_reference: bool = False


@dataclass(frozen=True, kw_only=True)
class AskDepth(Request[MeasuredDepth]):
    """How near each part of an image is, by which its background is put out of focus."""

    image: ImageRef


@dataclass(frozen=True, kw_only=True)
class Inpaint(Request[Inpainted]):
    """Paint the object in `window` away or over, or what is around it.

    pixels: the window's, RGB, RGBA, grey or grey and alpha, in the layer's own depth.  A target without a prompt has a
    `mask` of the window's size.  profile: the frame that holds the ICC profile of pixels and background, None where
    they are sRGB.  paint: for FILL, and for a REPLACE without a background; reference: a picture of what it is to look
    like, RGB of 8 bits in sRGB, for models that take one.  match_light: of a REPLACE, how far the object's light is
    drawn to the new background's, 0 to 1.  match_focus: whether what a FILL paints is as much out of focus as the photo
    is there, or the object of a REPLACE as the picture that comes behind is where it stands.  variations: how many
    results, with this seed, the next, and so on.
    """

    job: Job
    image: ImageRef
    target: Target
    window: Window
    pixels: Raster
    profile: int | None = None
    options: MaskOptions = MaskOptions()
    paint: PaintOptions = PaintOptions()
    reference: Raster | None = None
    background: Background | None = None
    match_light: float = 0.0
    match_focus: bool = False
    seed: int = 0
    variations: int = 1


@dataclass(frozen=True, kw_only=True)
class ListModels(Request[ModelList]):
    """What the server has to work with."""


@dataclass(frozen=True, kw_only=True)
class FetchModel(Request[ModelFetched]):
    """Download a model, and install the packages it lacks."""

    name: str


@dataclass(frozen=True, kw_only=True)
class ImportModel(Request[ModelFetched]):
    """Take a model's files that a person has, and install the packages it lacks.

    path: of the folder that they are all in, or of the only one, on the server's machine.  name: "" for a model that is
    recognised by its files: one of the catalogue, or a diffusion model of the person's own.
    """

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class RemoveModel(Request[ModelRemoved]):
    """Delete a model's files."""

    name: str


# -- what comes between, and what has no answer -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Progress:
    """share: of the work, 0 to 1; message: what is being done."""

    share: float
    message: Translatable


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the window looks like by now: uint8 RGB, small."""

    picture: Raster


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no result: a `UserError` on its way to the person."""

    code: ErrorCode
    sentence: Translatable
    remedy: Translatable


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """Give up the request that has this message's id."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Leave now, cancelling what runs."""


AnyRequest = (
    Hello
    | AskMetrics
    | EncodeImage
    | PreviewMasks
    | Locate
    | Segment
    | ExpandPrompt
    | AskDepth
    | Inpaint
    | ListModels
    | FetchModel
    | ImportModel
    | RemoveModel
)
Message = AnyRequest | Result | Progress | Preview | Failure | Cancel | Stop


def image_key(width: int, height: int, proxy: bytes) -> str:
    """The name of an image: a hash of its proxy's size and RGB bytes."""
    return hashlib.blake2b(b"%dx%d " % (width, height) + proxy, digest_size=16).hexdigest()

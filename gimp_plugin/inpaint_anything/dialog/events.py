"""What happens to the dialog (events) and what it then has done (commands), as data.  Knows neither GIMP nor GTK.

An event that answers a command says which one it answers, so that a late answer is known for one.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference_server.shared.errors import UserError
from inference_server.shared.geometry import Box, Size, Window
from inference_server.shared.messages import Job, MaskOptions, ObjectPrompt, Scene, Stroke

from ..covering import Covering
from ..photo_view.behind import Behind, Nearness
from ..photo_view.tool import Tint, Tool
from .annotation import Annotation, trimmed

LAYER = "layer:"  # before the name of a layer or an image that is open, where others have the address of a file

if TYPE_CHECKING:  # what is only passed on here; these modules need GIMP
    import cairo

    from ..image.layers import JobResult
    from ..photo_view.scene import MaskShape
    from .pictures import ComposedResult


@dataclass(frozen=True, kw_only=True)
class MaskQuery:
    """A question for masks.  prompt: None for the mask that the image came with."""

    job: Job
    prompt: ObjectPrompt | None
    options: MaskOptions

    @property
    def key(self) -> "MaskQuery":
        """The same for all queries with the same answer: which proposal is chosen after the last click only says which
        one is needed first, and which one's shadow is looked for."""
        if self.prompt is None or (self.options.include_shadow is not False and not self.prompt.of_a_kind):
            return self
        chosen = trimmed(self.prompt.chosen[: len(self.prompt.points)])
        return replace(self, prompt=replace(self.prompt, chosen=chosen))


@dataclass(frozen=True, kw_only=True)
class AlphaQuery:
    """A question for the alpha where strokes say that the edge is to be found anew.  meant: with no object at hand."""

    job: Job
    meant: Annotation
    options: MaskOptions


@dataclass(frozen=True)
class Preview:
    """A small picture of a result as it forms, and the window of the photo that it covers."""

    picture: "cairo.ImageSurface"
    window: Window


@dataclass(frozen=True)
class PhotoBehind:
    """The photo that comes behind.  address: its URI; size: of `picture`, all of it; None until that is read, and for
    one that cannot be read."""

    address: str
    size: Size = (1, 1)
    picture: "cairo.ImageSurface | None" = None


@dataclass(frozen=True)
class Reference:
    """The picture of what is to be painted.  address: its URI, or LAYER and what `image.open_pictures` calls it;
    picture: small, None until it is read, and for one that GIMP alone can read; is_gone: whether there is no such file,
    layer or image."""

    address: str
    picture: "cairo.ImageSurface | None" = None
    is_gone: bool = False


# -- events: what the person does -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """The window is there."""


@dataclass(frozen=True)
class PhotoChanged:
    """Another photo is shown: what results were inserted into, or other layers of the image.

    annotation: what of the marks still holds; has_ready_mask: as in `DialogState`; applied: whether results were
    inserted.
    """

    annotation: Annotation
    has_ready_mask: bool
    applied: bool


@dataclass(frozen=True)
class Inserted:
    """The results are in the image, and the dialog has nothing more to do."""


@dataclass(frozen=True)
class Clicked:
    """A click on the photo, in its pixels; on_object: whether the object is there, or is not; another: whether another
    object is meant than before."""

    x: float
    y: float
    on_object: bool
    another: bool = False


@dataclass(frozen=True)
class BoxDrawn:
    """A box was drawn, in the photo's pixels.  another: as in `Clicked`."""

    box: Box
    another: bool = False


@dataclass(frozen=True)
class StrokeDrawn:
    """A brush or a lasso was drawn with."""

    stroke: Stroke


@dataclass(frozen=True)
class MarkMoved:
    """A click of an object, both by their numbers from 0, was dragged to a point of the photo."""

    object: int
    entry: int
    x: float
    y: float


@dataclass(frozen=True)
class MarkRemoved:
    """A click, or the box, of an object is to go."""

    object: int
    entry: int


@dataclass(frozen=True)
class NextObject:
    """Further clicks are about another object."""


@dataclass(frozen=True)
class ObjectChosen:
    """Further clicks are about this object, from 0."""

    k: int


@dataclass(frozen=True)
class ObjectRemoved:
    """An object is to go."""

    k: int


@dataclass(frozen=True)
class NameEntered:
    """Everything is meant that is called so, each thing as an object of its own."""

    text: str


@dataclass(frozen=True)
class SceneChosen:
    """A part of the scene is meant, as an object."""

    scene: Scene


@dataclass(frozen=True)
class SnapPressed:
    """The objects are to be found that were painted over."""


@dataclass(frozen=True)
class Undo:
    """The last change of the marks is taken back."""


@dataclass(frozen=True)
class Redo:
    """What was taken back last is done again."""


@dataclass(frozen=True)
class RemoveCurrent:
    """The object that clicks go to is to go or, where there is none, what was drawn by hand."""


@dataclass(frozen=True)
class ClearAll:
    """Nothing is to be marked any more."""


@dataclass(frozen=True)
class ToolChosen:
    """The pointer is to do something else."""

    tool: Tool


@dataclass(frozen=True)
class BrushResized:
    """The brush is to be this wide: its radius, in pixels of the photo."""

    radius: float


@dataclass(frozen=True)
class NextMaskView:
    """The mask is to be shown in the next of the ways there are."""


@dataclass(frozen=True)
class TintChosen:
    """What will change is to be covered with another colour."""

    tint: Tint


@dataclass(frozen=True)
class ChoiceMade:
    """One of the row of small pictures was chosen: a mask, or a result."""

    k: int


@dataclass(frozen=True)
class NextChoice:
    """The next of them is wanted; after the last comes the first."""


@dataclass(frozen=True)
class JobChanged:
    """Another job is to be done; options, behind, reference: what its settings say of the mask, of what comes behind,
    and the address of the picture of what is to be painted, "" for none."""

    job: Job
    options: MaskOptions
    behind: Behind | None = None
    reference: str = ""


@dataclass(frozen=True)
class SettingChanged:
    """A setting of the job has changed; options, behind, reference: as in `JobChanged`, now."""

    name: str
    options: MaskOptions
    behind: Behind | None = None
    reference: str = ""


@dataclass(frozen=True)
class BehindMoved:
    """What comes behind was dragged so far, in pixels of the photo, which has this size."""

    photo: Size
    dx: float
    dy: float


@dataclass(frozen=True)
class BehindScaled:
    """What comes behind is to be larger by a factor, about a point of the photo, which has this size."""

    photo: Size
    factor: float
    x: float
    y: float


@dataclass(frozen=True)
class BehindFlipped:
    """Left and right of what comes behind are to be exchanged."""


@dataclass(frozen=True)
class BehindFitted:
    """What comes behind is to lie as at first."""


@dataclass(frozen=True)
class ModelsChanged:
    """Models may have come or gone: the answers to old questions may be others now."""


@dataclass(frozen=True)
class HoverMoved:
    """The pointer rests on a point of the photo."""

    x: float
    y: float


@dataclass(frozen=True)
class HoverLeft:
    """It rests there no longer."""


@dataclass(frozen=True)
class PreviewPressed:
    """The results are to be shown."""


@dataclass(frozen=True)
class ApplyPressed:
    """The results are to be put into the image, and that is all."""


@dataclass(frozen=True)
class ContinuePressed:
    """The results are to be put into the image, and the next object comes."""


@dataclass(frozen=True)
class RetryPressed:
    """What has just failed is to be tried again."""


@dataclass(frozen=True)
class StopPressed:
    """The job is to stop."""


@dataclass(frozen=True)
class EscapePressed:
    """One step back: from a job, from its results, from a tool, from the dialog."""


@dataclass(frozen=True)
class CloseRequested:
    """The dialog is to close without a result."""


@dataclass(frozen=True)
class CloseConfirmed:
    """It is, whatever is lost."""


@dataclass(frozen=True)
class ResultRemoved:
    """One of the results, by its number among those shown, is not wanted."""

    k: int


# -- events: what the server and threads answer -----------------------------------------------------------------------


@dataclass(frozen=True)
class Encoded:
    """The server has the photo's embedding."""


@dataclass(frozen=True)
class ProposalsArrived:
    """Masks came; more: how many better answers follow."""

    query: MaskQuery
    proposals: "tuple[MaskShape, ...]"
    more: int


@dataclass(frozen=True)
class ProposalsFailed:
    """No masks came."""

    query: MaskQuery
    error: UserError


@dataclass(frozen=True)
class AlphaArrived:
    """The alpha that was found, as a mask of everything that is meant."""

    query: AlphaQuery
    shape: "MaskShape"


@dataclass(frozen=True)
class HoverArrived:
    """What a click where the pointer rests would take."""

    query: MaskQuery
    proposal: "MaskShape | None"


@dataclass(frozen=True)
class BehindRead:
    """The photo that comes behind is read."""

    photo: PhotoBehind


@dataclass(frozen=True)
class DepthMeasured:
    """How near each part of the photo is, None where no model is there that measures it."""

    nearness: Nearness | None


@dataclass(frozen=True)
class ReferenceRead:
    """The picture of what is to be painted is read, or has been looked for."""

    reference: Reference


@dataclass(frozen=True)
class PromptExpanded:
    """It is known what a model would be given; takes_reference: whether it can be shown a picture, None where no model
    can be asked."""

    takes_reference: bool | None


@dataclass(frozen=True)
class ProgressArrived:
    """How a request goes that is not part of a job."""

    share: float
    message: str


@dataclass(frozen=True)
class Failed:
    """Something has failed that is no part of a job and no question for masks."""

    error: UserError


@dataclass(frozen=True)
class RunProgressed:
    """How a job goes."""

    run: int
    share: float
    message: str


@dataclass(frozen=True)
class PreviewArrived:
    """A result as it forms."""

    run: int
    preview: Preview


@dataclass(frozen=True)
class ResultArrived:
    """A result of a job."""

    run: int
    result: "JobResult"


@dataclass(frozen=True)
class ResultComposed:
    """The picture of a job's result number `index`, from 0."""

    run: int
    index: int
    picture: "ComposedResult"


@dataclass(frozen=True)
class ComposingFailed:
    """There is no picture of a job's result."""

    run: int
    error: UserError


@dataclass(frozen=True)
class RunEnded:
    """A job has ended, with error None where all went well."""

    run: int
    error: UserError | None


# -- commands ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestEncoding:
    """Have the server encode the photo: Encoded or Failed follows."""


@dataclass(frozen=True)
class RequestModels:
    """Ask which models there are, for the lists in the settings."""


@dataclass(frozen=True)
class RequestProposals:
    """Ask for masks, instead of those asked for before: ProposalsArrived or ProposalsFailed follows."""

    query: MaskQuery


@dataclass(frozen=True)
class CancelProposals:
    """Give up the question for masks."""


@dataclass(frozen=True)
class RequestAlpha:
    """Ask for alpha where the edge is to be found anew: AlphaArrived may follow.  The next question for masks comes
    before it."""

    query: AlphaQuery


@dataclass(frozen=True)
class RequestHover:
    """Ask what a click would take: HoverArrived may follow."""

    query: MaskQuery


@dataclass(frozen=True)
class CancelHover:
    """Give up that question."""


@dataclass(frozen=True)
class ReadBehind:
    """Read a photo that comes behind, to be shown: BehindRead follows."""

    address: str


@dataclass(frozen=True)
class RequestDepth:
    """Ask how near each part of the photo is: DepthMeasured may follow."""


@dataclass(frozen=True)
class ReadReference:
    """Read the picture of what is to be painted, to be shown small: ReferenceRead follows."""

    address: str


@dataclass(frozen=True)
class KeepCovering:
    """Have the settings say that what comes behind lies so: SettingChanged follows."""

    covering: Covering


@dataclass(frozen=True)
class UpdatePromptHint:
    """Show what a model would be given for the settings."""


@dataclass(frozen=True)
class StartRun:
    """Start a job.  RunEnded follows in any case, even at once.

    annotation: what is meant; where it says nothing, the mask that the image came with.  seeds_used: how many results
    there are already with the seeds from the chosen one on.  include_shadow: as in `MaskOptions`.
    """

    run: int
    job: Job
    annotation: Annotation
    seeds_used: int
    include_shadow: bool | None = False


@dataclass(frozen=True)
class CancelRun:
    """Have the job stop."""


@dataclass(frozen=True)
class ComposeResult:
    """Make the picture of a result: ResultComposed or ComposingFailed follows."""

    run: int
    index: int
    result: "JobResult"


@dataclass(frozen=True)
class Insert:
    """Put these results into the image; number `shown` of them is to be visible, and it came of job number `run`.

    goes_on: whether the dialog then shows that image: `PhotoChanged` follows, or `Inserted`.
    """

    run: int
    annotation: Annotation
    results: "tuple[JobResult, ...]"
    shown: int
    goes_on: bool


@dataclass(frozen=True)
class ReopenPhoto:
    """Show what the settings say is worked on; `PhotoChanged` follows."""


@dataclass(frozen=True)
class ConfirmClose:
    """Ask the person whether the dialog is to close although something would be lost: `CloseConfirmed` may follow.

    results: whether results would be; otherwise what was marked.
    """

    results: bool


@dataclass(frozen=True)
class Close:
    """Close the window."""


Event = (
    Opened
    | PhotoChanged
    | Inserted
    | Clicked
    | BoxDrawn
    | StrokeDrawn
    | MarkMoved
    | MarkRemoved
    | NextObject
    | ObjectChosen
    | ObjectRemoved
    | NameEntered
    | SceneChosen
    | SnapPressed
    | Undo
    | Redo
    | RemoveCurrent
    | ClearAll
    | ToolChosen
    | BrushResized
    | NextMaskView
    | TintChosen
    | ChoiceMade
    | NextChoice
    | JobChanged
    | SettingChanged
    | BehindMoved
    | BehindScaled
    | BehindFlipped
    | BehindFitted
    | ModelsChanged
    | HoverMoved
    | HoverLeft
    | PreviewPressed
    | ApplyPressed
    | ContinuePressed
    | RetryPressed
    | StopPressed
    | EscapePressed
    | CloseRequested
    | CloseConfirmed
    | ResultRemoved
    | Encoded
    | ProposalsArrived
    | ProposalsFailed
    | AlphaArrived
    | HoverArrived
    | BehindRead
    | DepthMeasured
    | ReferenceRead
    | PromptExpanded
    | ProgressArrived
    | Failed
    | RunProgressed
    | PreviewArrived
    | ResultArrived
    | ResultComposed
    | ComposingFailed
    | RunEnded
)
Command = (
    RequestEncoding
    | RequestModels
    | RequestProposals
    | CancelProposals
    | RequestAlpha
    | RequestHover
    | CancelHover
    | ReadBehind
    | RequestDepth
    | ReadReference
    | KeepCovering
    | UpdatePromptHint
    | StartRun
    | CancelRun
    | ComposeResult
    | Insert
    | ReopenPhoto
    | ConfirmClose
    | Close
)

"""The notes that a job leaves on its layers, as JSON in a parasite, so that it can be opened again.

A group has what the job was, each result what a model painted it with, and the mask a digest that shows later whether
somebody has painted on it.  Documents made by older versions have the same keys: they must stay as they are.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

from gi.repository import Gimp

from inference_server.shared.messages import TITLES, Job, ObjectPrompt, Quality, Scene, Stroke

from .. import job_settings
from ..i18n import _
from ..job_settings import JobSettings, Source

T = TypeVar("T")

PARASITE = "inpaint-anything-job"
FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


@dataclass(frozen=True, kw_only=True)
class JobNote:
    """What a group came from.

    name: what the job called the group.  layer, tattoo: the photo's layer, by its name and by GIMP's number for it, 0
    where that is not known.  origin: the photo's top left in the image then, None where that is not known.  prompts,
    strokes: what was marked, one prompt for each object; none of both where a mask was given.  score: of the mask, 0 to
    1.
    """

    job: Job
    name: str
    layer: str
    tattoo: int
    origin: tuple[int, int] | None
    settings: JobSettings
    prompts: tuple[ObjectPrompt, ...]
    strokes: tuple[Stroke, ...]
    score: float

    @property
    def is_marked(self) -> bool:
        """Whether the person has marked what is meant, so that it can be found again."""
        return bool(self.prompts or self.strokes)


@dataclass(frozen=True, kw_only=True)
class PaintedWith:
    """What a diffusion model was given for a result: the prompts are those it read, help included."""

    seed: int
    prompt: str
    negative: str
    model: str
    quality: Quality


def note_job(group: Gimp.GroupLayer, note: JobNote) -> None:
    """Leave a note on a job's group."""
    _attach(
        group,
        {
            "job": note.job.value,
            "name": note.name,
            "layer": note.layer,
            "tattoo": note.tattoo,
            "origin": note.origin,
            "settings": job_settings.to_json(note.settings),
            "clicks": asdict(note.prompts[0]) if note.prompts else None,  # which older versions read
            "objects": [asdict(prompt) for prompt in note.prompts],
            "strokes": [asdict(stroke) for stroke in note.strokes],
            "score": note.score,
        },
    )


def note_result(layer: Gimp.Layer, job: Job, painted_with: PaintedWith) -> None:
    """Leave a note on a result that a model has painted."""
    _attach(layer, {"job": job.value, **asdict(painted_with)})


def note_mask(layer: Gimp.Layer, digest: str) -> None:
    """Leave a note on a job's mask."""
    _attach(layer, {"mask": digest})


def is_job(item: Gimp.Item) -> bool:
    """Whether an item is the group, or a result, of a job."""
    return "job" in _read(item)


def job_of(group: Gimp.GroupLayer) -> JobNote | None:
    """The note on a job's group; None where there is none that can be read."""
    found = _read(group)
    settings, layer, tattoo, score = (found.get(key) for key in ("settings", "layer", "tattoo", "score"))
    name = found.get("name")
    try:
        job = Job(str(found.get("job")))
    except ValueError:
        return None
    if not isinstance(settings, dict):
        return None
    return JobNote(
        job=job,
        name=name if isinstance(name, str) else _(TITLES[job]),  # which it always was once
        layer=layer if isinstance(layer, str) else "",
        tattoo=tattoo if isinstance(tattoo, int) else 0,
        origin=_origin(found.get("origin")),
        settings=job_settings.from_json(job, {"source": Source.LAYER.value, **settings}),  # as it was always once
        prompts=_all_of(_prompt, found.get("objects", [found.get("clicks")])),
        strokes=_all_of(_stroke, found.get("strokes")),
        score=score if isinstance(score, float) else 0.0,
    )


def mask_digest_of(layer: Gimp.Layer) -> str | None:
    """The digest that the mask had when it was made; None for a layer that is not a job's mask."""
    digest = _read(layer).get("mask")
    return digest if isinstance(digest, str) else None


def _attach(item: Gimp.Item, note: dict[str, object]) -> None:
    item.attach_parasite(Gimp.Parasite.new(PARASITE, FLAGS, list(json.dumps(note).encode())))


def _read(item: Gimp.Item) -> dict[str, object]:
    parasite = item.get_parasite(PARASITE)
    try:
        found = json.loads(bytes(parasite.get_data())) if parasite else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _origin(noted: object) -> tuple[int, int] | None:
    match noted:
        case [int(x), int(y)]:
            return x, y
    return None


def _all_of(read: Callable[[object], T | None], noted: object) -> tuple[T, ...]:
    """What can be read of a list in a note."""
    found = map(read, noted) if isinstance(noted, list) else ()
    return tuple(each for each in found if each is not None)


def _stroke(noted: object) -> Stroke | None:
    """A stroke as JSON gave it; None where it cannot be read."""
    match noted:
        case {"path": [*numbers], "adds": bool(adds), "filled": bool(filled), **more}:
            if numbers and len(numbers) % 3 == 0 and all(isinstance(number, int | float) for number in numbers):
                refines = more.get("refines") is True  # older versions had none that do
                return Stroke(path=tuple(map(float, numbers)), adds=adds, filled=filled, refines=refines)
    return None


def _prompt(noted: object) -> ObjectPrompt | None:
    """A prompt as JSON gave it; None where there was none, or it cannot be read."""
    if not isinstance(noted, dict):
        return None
    try:
        box = noted["box"]
        if box:
            x0, y0, x1, y1 = map(float, box)
            box = x0, y0, x1, y1
        prompt = ObjectPrompt(
            points=tuple((float(x), float(y)) for x, y in noted["points"]),
            labels=tuple(int(label) for label in noted["labels"]),
            box=box or None,
            text=str(noted.get("text", "")),
            like=tuple((float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in noted.get("like", ())),
            scene=Scene(noted["scene"]) if noted.get("scene") else None,
            chosen=tuple(int(k) for k in noted.get("chosen", ())),
        )
    except (LookupError, TypeError, ValueError):
        return None
    return prompt if prompt.points or prompt.box or prompt.text or prompt.like or prompt.scene else None

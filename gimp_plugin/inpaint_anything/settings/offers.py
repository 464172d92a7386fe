"""Which models are to be had that would be of use: pure functions of what a server has.  No GTK."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference_server.shared.messages import Job, ModelInfo, ModelList


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Models that would be of use for a job, in the order in which they are to be got; at least one.

    needed: whether nothing can do the job without the first of them.
    """

    models: tuple[ModelInfo, ...]
    needed: bool

    @property
    def size(self) -> int:
        """Bytes to download, with the packages that lack."""
        return sum(sizes(self.models))

    @property
    def accelerates(self) -> bool:
        """Whether it makes what is there faster, and no better."""
        return self.models[0].job is None


def offer_for(job: Job, models: ModelList, *, needed: bool) -> Offer | None:
    """What a job lacks or, unless that alone is asked for (needed), what would be better on the server's machine.

    None where there is no such model, where it cannot be had by everybody, or where the device is not known yet.
    """
    missing = not any(model.used for model in _of(job, models.models))
    if needed and not missing:
        return None
    wanted = [model for model in _of(job, models.models) if is_recommended(model)]
    if needed:
        wanted = [model for model in wanted if model.job]
    return Offer(models=tuple(wanted), needed=missing) if wanted else None


def used(job: Job, models: ModelList) -> ModelInfo | None:
    """The model that does a job now; None where none can, or where the device is not known yet."""
    return next((model for model in _of(job, models.models) if model.used), None)


def is_ready(model: ModelInfo) -> bool:
    """Whether a model and the packages it needs are there."""
    return model.installed and not model.lacks


def is_recommended(model: ModelInfo) -> bool:
    """Whether a model suits the machine best, and is still to be got, which a button can do."""
    return model.advised and not is_ready(model) and not (model.by_hand and not model.installed)


def sizes(models: Sequence[ModelInfo]) -> list[int]:
    """Bytes to download for each of the models, got in this order: packages come with the first that lacks them."""
    found, coming = [], 0
    for model in models:
        packages = max(0, model.packages_size - coming)
        coming += packages
        found.append((0 if model.installed else model.size) + packages)
    return found


def _of(job: Job, models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """The models for a job, and then what makes one of them faster, which only painting has."""
    wanted = Job.FILL if job == Job.REPLACE else job
    helpers = [model for model in models if model.job is None] if wanted == Job.FILL else []
    return [model for model in models if model.job == wanted] + helpers

"""At how much noise a picture is begun, and in how many steps it is taken away.

Pipelines are told a strength: the share of a scheduler's steps that are taken, the last ones.  How much noise that
means depends on how the scheduler spaces its steps.  Here it is chosen by the noise: how much more of it than of the
picture there is, which Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", call
sigma; of rectified flows, whose sigma is the noise's share, it is sigma / (1 - sigma).
"""

from typing import Any, NamedTuple

import numpy as np
from diffusers.pipelines.flux.pipeline_flux_fill import calculate_shift

MOST_TIMES = 40  # as many steps as are taken that a schedule may have, to begin at little noise
CONSISTENT = "LCMScheduler"  # steps of it may be anywhere


class Start(NamedTuple):
    """Of `total` steps of a scheduler, the last `taken` are; timesteps: these, where not the scheduler chooses them."""

    total: int
    taken: int
    timesteps: tuple[int, ...] = ()

    @property
    def strength(self) -> float:
        """For the pipelines: some round the number of steps that are taken down, others that of those left out."""
        return self.taken / self.total

    @property
    def is_exact(self) -> bool:
        """Whether neither loses a step to rounding."""
        return self.total * self.strength == self.taken


def from_pure_noise(steps: int) -> Start:
    """Nothing of the picture in the hole is used."""
    return Start(steps, steps)


def from_most_noise(scheduler: Any, steps: int) -> Start:
    """As little of the picture as the scheduler can leave without leaving it out, for models that fail without it."""
    if type(scheduler).__name__ == CONSISTENT:
        grid = scheduler.config.num_train_timesteps // scheduler.config.original_inference_steps
        first = scheduler.config.num_train_timesteps - 1
        places = np.linspace(first - grid, 0, steps, endpoint=False)
        return Start(steps + 1, steps, (first, *(int(t) // grid * grid + grid - 1 for t in places)))
    start = Start(steps + 1, steps)
    return start if start.is_exact else Start(steps + 2, steps)


def from_noise(scheduler: Any, steps: int, noise: float, tokens: int) -> Start:
    """The schedule whose last `steps` steps begin nearest to this much noise.

    tokens: of the picture, by which some schedulers shift their steps (Esser et al. 2024, "Scaling Rectified Flow
    Transformers", section 5.3.2).  With more steps in all, the last ones begin at less.
    """
    most = steps * MOST_TIMES
    if type(scheduler).__name__ == CONSISTENT:
        most = min(most, scheduler.config.original_inference_steps)
    low, high = steps + 1, most
    while low < high:
        middle = (low + high) // 2
        if first_noise(scheduler, Start(middle, steps), tokens) > noise:
            low = middle + 1
        else:
            high = middle
    near = [Start(total, steps) for total in range(max(steps + 1, low - 2), min(most, low + 2) + 1)]
    exact = [start for start in near if start.is_exact] or near
    return min(exact, key=lambda start: abs(np.log(first_noise(scheduler, start, tokens) / noise)))


def first_noise(scheduler: Any, start: Start, tokens: int) -> float:
    """How much more noise than picture there is when the first step is taken."""
    if start.timesteps:
        scheduler.set_timesteps(timesteps=list(start.timesteps))
    elif _is_flow(scheduler):
        _set_flow(scheduler, start.total, tokens)
    else:
        scheduler.set_timesteps(start.total)
    first = (start.total - start.taken) * scheduler.order
    if hasattr(scheduler, "sigmas"):
        sigma = float(scheduler.sigmas[first])
        return sigma / max(1 - sigma, 1e-6) if _is_flow(scheduler) else sigma
    kept = float(scheduler.alphas_cumprod[int(scheduler.timesteps[first])])
    return (1 / kept - 1) ** 0.5


def _is_flow(scheduler: Any) -> bool:
    return "FlowMatch" in type(scheduler).__name__ or scheduler.config.get("prediction_type") == "flow_prediction"


def _set_flow(scheduler: Any, total: int, tokens: int) -> None:
    """As the pipelines of flows do."""
    more = {}
    if scheduler.config.get("use_dynamic_shifting"):
        given = {name: scheduler.config.get(name) for name in ("base_image_seq_len", "max_image_seq_len")}
        given |= {name: scheduler.config.get(name) for name in ("base_shift", "max_shift")}
        lengths = given["base_image_seq_len"] or 256, given["max_image_seq_len"] or 4096
        more["mu"] = calculate_shift(tokens, *lengths, given["base_shift"] or 0.5, given["max_shift"] or 1.15)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / total, total), **more)

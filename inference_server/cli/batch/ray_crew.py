"""The workers of a batch as actors of Ray: on this machine, or on all those of a cluster.

Ray starts them, places them and adds machines where it is set up to; here is only what a batch gives them and hears of
them.  Nothing but text passes: paths, which must lead to the same files on every machine, and lines of the manifest.
"""

import contextlib
import time
from typing import TYPE_CHECKING, Any

from ...serve import ray_cluster, ray_shelf
from .crew import Answered, Ended, Event, Ready
from .manifest import of_json
from .photo_worker import STAGES, Task
from .worker_process import READY, Start, prepared

if TYPE_CHECKING:
    from collections.abc import Callable


class RayCrew:
    """Workers that are actors, one for each GPU of the cluster, or for each of its processor's cores."""

    def __init__(self, start: Start, address: str, workers: int | None, *, on_gpus: bool) -> None:
        """address: of a cluster, "" for one of this machine alone.  workers: how many, None for as many as there is
        room for.  on_gpus: whether the models run on GPUs, where there are some.  Raises UserError."""
        self._start = start
        self._ray, cluster = ray_cluster.connect(address, workers)
        self.dashboard = cluster.dashboard
        self._shelf = ray_shelf.set_up(self._ray)[0] if address else None
        gpus = cluster.gpus if on_gpus else 0
        needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": 1}
        # One thread more than there are steps: a worker is asked whether it is ready, too.
        self._made = self._ray.remote(max_concurrency=STAGES + 1, **needs)(_Actor)
        self.slots = workers or gpus or max(1, cluster.cpus)
        self._pending: dict[Any, int] = {}
        self._actors = [self._begin(slot) for slot in range(self.slots)]

    def give(self, slot: int, task: Task) -> None:
        """As `Crew.give`."""
        self._pending[self._actors[slot].do.remote(task.to_json())] = slot

    def next(self, seconds: float) -> Event | None:
        """As `Crew.next`."""
        if not self._pending:
            time.sleep(seconds)
            return None
        done, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=seconds)
        if not done:
            return None
        slot = self._pending.pop(done[0])
        try:
            said: str = self._ray.get(done[0])
        except self._ray.exceptions.RayError:  # the actor has died, or its machine
            return self._begin_again(slot)
        entry = of_json(said.encode())
        return Answered(slot, entry) if entry else Ready(slot)

    def close(self) -> None:
        """As `Crew.close`."""
        for actor in self._actors:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)
        self._ray.shutdown()

    def _begin(self, slot: int) -> Any:
        actor = self._made.remote(self._start.to_json(), self._shelf)
        self._pending[actor.ready.remote()] = slot
        return actor

    def _begin_again(self, slot: int) -> Ended:
        self._pending = {answer: other for answer, other in self._pending.items() if other != slot}
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actors[slot])  # it may only have been out of reach
        self._actors[slot] = self._begin(slot)
        return Ended(slot)


class _Actor:
    """What Ray makes a worker of."""

    def __init__(self, start: str, shelf: Any) -> None:
        """shelf: of models that this machine may lack, or None."""
        store = None if shelf is None else ray_shelf.borrowing(shelf)
        self._do: Callable[[str], str] = prepared(Start.of_json(start), store)

    def ready(self) -> str:
        """An answer, once this worker is there."""
        return READY

    def do(self, task: str) -> str:
        """As what `worker_process.prepared` returns."""
        return self._do(task)

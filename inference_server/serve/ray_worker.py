"""A worker process whose work is done by an actor of Ray, on this machine or on another one of a cluster.

    python -m inference_server.serve.ray_worker ADDRESS cpu|gpu [SHELF]

The actor holds the `Engine`, and ends with this process.  What passes are the bytes of `channel`: nothing is pickled.
"""

import io
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..models.shared_store import SharedStore
from ..shared import messages
from ..shared.monitor import Monitor
from . import channel, ray_cluster, ray_shelf, worker_process
from .bridge import Bridge
from .channel import Tag
from .performer import Performer, kept_megabytes
from .worker_process import Answer, Perform, Send

TELL, HEAR = "tell", "hear"  # the actor's threads
CPU, GPU = "cpu", "gpu"  # what an actor has for itself
PATIENCE = 5  # seconds that a request waits for an actor on a core of its own


def main(address: str, kind: str, shelf: str = "") -> None:
    """Be the worker process, with an actor for each GPU, or for each core."""
    source, sink = worker_process.pipes()
    actors = Actors(address, shelf, on_gpu=kind == GPU)
    Bridge(source, sink, actors.begin, actors.better).work()


class Actors:
    """The actors of one worker, one after the other.

    Where one is lost, its core may be gone with its machine: a stand-in then shares another core, until Ray has one
    again for the actor that is waited for.  A lost GPU is waited for.
    """

    def __init__(self, address: str, shelf: str = "", *, on_gpu: bool) -> None:
        """address: of the cluster.  shelf: the name of that with the models, "" for none."""
        self._address, self._shelf, self._on_gpu = address, shelf, on_gpu
        self._needs = {"num_gpus": 1, "num_cpus": 0} if on_gpu else {"num_cpus": 1}
        self._ray: Any = None
        self._wanted: RayHost | None = None

    def begin(self) -> "RayHost":
        """As in `Bridge`."""
        if self._ray is None:
            self._ray, _ = ray_cluster.connect(self._address, None)
            return self._host(self._needs)
        if self._on_gpu:
            return self._host(self._needs)
        self._wanted = self._wanted or self._host(self._needs)
        return self.better(PATIENCE) or self._host({"num_cpus": 0})

    def better(self, seconds: float = 0) -> "RayHost | None":
        """As in `Bridge`; seconds: that are waited for it."""
        if self._wanted is None:
            return None
        try:
            is_there = self._wanted.is_there(seconds)
        except LookupError:
            self._wanted, is_there = self._host(self._needs), False
        if not is_there:
            return None
        wanted, self._wanted = self._wanted, None
        return wanted

    def _host(self, needs: dict[str, int]) -> "RayHost":
        return RayHost(self._ray, needs, self._shelf)


class RayHost:
    """An actor, as `bridge.Host`."""

    def __init__(self, ray: Any, needs: dict[str, int], shelf: str) -> None:
        """needs: what Ray is to keep for the actor alone.  shelf: as in `Actors`."""
        self._ray = ray
        models = ray_shelf.named(ray, shelf) if shelf else None
        self._actor = ray.remote(concurrency_groups={TELL: 1, HEAR: 1}, **needs)(Actor).remote(kept_megabytes(), models)
        self._placed = self._actor.__ray_ready__.remote()
        self._told: Any = None  # what comes of the last message: the next one is made to wait for that

    def is_there(self, seconds: float) -> bool:
        """Whether the actor has been placed; waits so many seconds for that.  Raises LookupError where it has ended."""
        done, _ = self._ray.wait([self._placed], timeout=seconds)
        try:
            self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            raise LookupError from error
        return bool(done)

    def end(self) -> None:
        """As `bridge.Host.end`."""
        self._ray.kill(self._actor)

    def tell(self, tag: Tag, parts: Sequence[bytes]) -> None:
        """As `bridge.Host.tell`."""
        told = io.BytesIO()
        channel.write(told, tag, parts)
        # A request's pixels take their way through the object store, and a cancel would overtake them.
        self._told = self._actor.tell.options(concurrency_group=TELL).remote(told.getvalue(), self._told)

    def hear(self) -> Iterator[list[bytes]]:
        """As `bridge.Host.hear`."""
        try:
            for said in self._actor.hear.options(concurrency_group=HEAR, num_returns="streaming").remote():
                parts = channel.read(io.BytesIO(self._ray.get(said)))
                if parts:
                    yield parts
        except self._ray.exceptions.RayError:  # the actor has died, or its machine
            return


class Actor:
    """What Ray makes a worker of: a `WorkerProcess` of its own process, at two pipes."""

    def __init__(self, kept: int, shelf: Any) -> None:
        """kept: as in `Performer`, on the actor's machine.  shelf: of models that this may lack, or None."""
        orders, self._orders = _pipe()
        self._said, said = _pipe()
        perform = Performer(kept).perform if shelf is None else _borrower(kept, ray_shelf.borrowing(shelf))
        process = worker_process.WorkerProcess(perform, orders, said)
        threading.Thread(target=process.work, daemon=True).start()

    def tell(self, message: bytes, _before: None) -> None:
        """Take a message of `channel`, after what was told before."""
        self._orders.write(message)
        self._orders.flush()

    def hear(self) -> Iterator[bytes]:
        """Each message of `channel` that is said."""
        while parts := channel.read(self._said):
            said = io.BytesIO()
            tag, *rest = parts
            channel.write(said, Tag(tag.decode()), rest)
            yield said.getvalue()


def _borrower(kept: int, store: SharedStore) -> Perform:
    """What does requests with the models that there are when each comes.  kept: as in `Performer`."""
    performer = Performer(kept, store)

    def perform(message: messages.AnyRequest, frames: list[bytes], monitor: Monitor, send: Send) -> Answer:
        store.look(monitor)
        return performer.perform(message, frames, monitor, send)

    return perform


def _pipe() -> tuple[Any, Any]:
    """The reading and the writing end of a pipe."""
    source, sink = os.pipe()
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A worker process whose work is done by an actor of Ray, on this machine or on another one of a cluster.

    python -m inference_server.serve.ray_worker ADDRESS [gpu]

The actor holds the `Engine`, and ends with this process.  What passes are the bytes of `channel`: nothing is pickled.
"""

import io
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from . import channel, ray_cluster, worker_process
from .bridge import Bridge
from .channel import Tag
from .performer import Performer, kept_megabytes

TELL, HEAR = "tell", "hear"  # the actor's threads: what it is told keeps its order


def main(address: str, on_gpu: str = "") -> None:
    """Be the worker process, with an actor for each GPU, or for each core."""
    source, sink = worker_process.pipes()
    needs, connected = {"num_gpus": 1, "num_cpus": 0} if on_gpu else {"num_cpus": 1}, list[Any]()

    def begin() -> RayHost:
        if connected and not on_gpu:  # the core may be gone with its machine: better to share another than to wait
            return RayHost(connected[0], {"num_cpus": 0})
        if not connected:
            connected.append(ray_cluster.connect(address, None)[0])
        return RayHost(connected[0], needs)

    Bridge(source, sink, begin).work()


class RayHost:
    """An actor, as `bridge.Host`."""

    def __init__(self, ray: Any, needs: dict[str, int]) -> None:
        """needs: what Ray is to keep for the actor alone."""
        self._ray = ray
        self._actor = ray.remote(concurrency_groups={TELL: 1, HEAR: 1}, **needs)(Actor).remote(kept_megabytes())

    def tell(self, tag: Tag, parts: Sequence[bytes]) -> None:
        """As `bridge.Host.tell`."""
        told = io.BytesIO()
        channel.write(told, tag, parts)
        self._actor.tell.options(concurrency_group=TELL).remote(told.getvalue())

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

    def __init__(self, kept: int) -> None:
        """kept: as in `Performer`, on the actor's machine."""
        orders, self._orders = _pipe()
        self._said, said = _pipe()
        process = worker_process.WorkerProcess(Performer(kept).perform, orders, said)
        threading.Thread(target=process.work, daemon=True).start()

    def tell(self, message: bytes) -> None:
        """Take a message of `channel`."""
        self._orders.write(message)
        self._orders.flush()

    def hear(self) -> Iterator[bytes]:
        """Each message of `channel` that is said."""
        while parts := channel.read(self._said):
            said = io.BytesIO()
            tag, *rest = parts
            channel.write(said, Tag(tag.decode()), rest)
            yield said.getvalue()


def _pipe() -> tuple[Any, Any]:
    """The reading and the writing end of a pipe."""
    source, sink = os.pipe()
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""All workers of a server, and which of them a request goes to."""

from collections.abc import Iterator, Sequence

import zmq

from ..shared import messages
from ..shared.messages import Request
from .requests import QueuedRequest
from .worker import Launch, Worker

# The workers beside those that compute, and the kinds of messages they take.
OTHERS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("downloads", (messages.FetchModel, messages.ImportModel)),
    ("models", (messages.ListModels, messages.RemoveModel)),
)


class Workers:
    """One worker for downloads, one for what else is asked about models, and those that compute, which are alike."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", launches: Sequence[Launch]) -> None:
        """launches: of those that compute, at least one."""
        names = ["device"] if len(launches) == 1 else [f"device-{number}" for number in range(1, len(launches) + 1)]
        self._computing = [
            Worker(name, (Request,), context, launch) for name, launch in zip(names, launches, strict=True)
        ]
        self._others = [Worker(name, kinds, context, Launch()) for name, kinds in OTHERS]

    def __iter__(self) -> Iterator[Worker]:
        return iter((*self._others, *self._computing))

    def named(self, name: str) -> Worker:
        """The worker with this name, which there is."""
        return next(worker for worker in self if worker.name == name)

    @property
    def unfinished(self) -> list[QueuedRequest]:
        """The requests that somebody waits for."""
        return [request for worker in self for request in worker.unfinished]

    @property
    def waiting(self) -> list[QueuedRequest]:
        """The requests that no process has yet."""
        return [request for worker in self for request in worker.waiting]

    def choose(self, request: QueuedRequest) -> Worker:
        """The worker that a request is for.

        Among those that compute: the one that has its image's embedding, else the one with the least to do, and of such
        the one that knows the fewest images, so that several people's photos do not all lie on the same.
        """
        for worker in self._others:
            if issubclass(request.envelope.message_type, worker.kinds):
                return worker
        return min(
            self._computing,
            key=lambda worker: (request.image not in worker.images, worker.load, len(worker.images)),
        )

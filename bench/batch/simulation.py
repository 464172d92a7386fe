"""A batch on many workers, simulated: photos that wait for cores, for the storage and for the head.

Each worker has three photos in flight, and reads, works on and writes one at a time; the workers of a machine share its
cores.  All share the storage, which moves so many bytes a second, and the process that hands out photos and writes the
manifest.  Each of these is a queue, first come, first served.  The work varies from photo to photo by a lognormal
distribution.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

IN_FLIGHT = 3
LINE = 0.00035  # seconds of the head for each of two lines: 0.2 ms a photo for the manifest, 0.5 ms for Ray
LEAST_PHOTOS, PHOTOS_A_WORKER = 3000, 12


@dataclass(frozen=True, kw_only=True)
class Photo:
    """CPU seconds of a worker that a photo takes, its bytes, and the result's; all measured.

    spread: of the logarithm of `work`.
    """

    name: str
    read: float
    work: float
    write: float
    bytes_in: float
    bytes_out: float
    spread: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """cores: that `workers` share, all on one machine; None for one each, wherever they are.

    storage: bytes a second.
    """

    workers: int
    storage: float
    cores: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """rate: photos a second, as `steady` has it; busy: how busy each resource was in all, 0 to 1."""

    rate: float
    busy: dict[str, float]


class Resource:
    """What so many can have at a time; the others wait, first come, first served."""

    def __init__(self, capacity: int = 1) -> None:
        self.capacity, self.free, self.busy = capacity, capacity, 0.0
        self.waiting: deque[Process] = deque()


# What a process does next: it takes a resource (True), gives one back (False), or lets time pass.
Process = Generator["tuple[bool, Resource] | float", None, None]
TAKE, GIVE = True, False


class Simulation:
    """Processes that wait for resources and for time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events, self._number = list[tuple[float, int, Process]](), itertools.count()

    def start(self, process: Process, after: float = 0.0) -> None:
        """Go on with a process so many seconds later."""
        heapq.heappush(self._events, (self.now + after, next(self._number), process))

    def run(self) -> None:
        """Until nothing happens any more."""
        while self._events:
            self.now, _, process = heapq.heappop(self._events)
            self._go_on(process)

    def _go_on(self, process: Process) -> None:
        for wanted in process:
            if isinstance(wanted, float):
                return self.start(process, wanted)
            takes, resource = wanted
            if not takes and resource.waiting:
                self.start(resource.waiting.popleft())
            elif not takes:
                resource.free += 1
            elif resource.free:
                resource.free -= 1
            else:
                resource.waiting.append(process)
                return None
        return None


def steady(done: list[float]) -> float:
    """Photos a second, from the times in seconds at which they were done; without the beginning and the end."""
    times = sorted(done)
    first, last = len(times) // 4, 3 * len(times) // 4
    return (last - first) / (times[last] - times[first])


def simulate(photo: Photo, cluster: Cluster, count: int | None = None) -> Outcome:
    """So many photos of a kind on a cluster; None: enough for the rate not to depend on it."""
    count = count or max(LEAST_PHOTOS, PHOTOS_A_WORKER * cluster.workers)
    spread = photo.spread
    works = photo.work * np.random.default_rng(1).lognormal(-(spread**2) / 2, spread, count)
    simulation, left, done = Simulation(), iter(works.tolist()), list[float]()
    hand, storage = Resource(), Resource()
    shared = Resource(cluster.cores) if cluster.cores else None
    cores = [shared] if shared else [Resource() for _ in range(cluster.workers)]

    def used(resource: Resource, seconds: float) -> Process:
        yield TAKE, resource
        yield seconds
        yield GIVE, resource
        resource.busy += seconds

    def lane(core: Resource, stages: list[Resource]) -> Process:
        """One of the photos that a worker has in flight, and the next one after it."""
        for work in left:
            yield from used(hand, LINE)
            yield from used(storage, photo.bytes_in / cluster.storage)
            for stage, seconds in zip(stages, (photo.read, work, photo.write), strict=True):
                yield TAKE, stage
                yield from used(core, seconds)
                yield GIVE, stage
            yield from used(storage, photo.bytes_out / cluster.storage)
            yield from used(hand, LINE)
            done.append(simulation.now)

    for worker in range(cluster.workers):
        stages = [Resource() for _ in range(IN_FLIGHT)]
        for _ in range(IN_FLIGHT):
            simulation.start(lane(shared or cores[worker], stages))
    simulation.run()
    there = sum(core.capacity for core in cores)
    seconds = {"cores": sum(core.busy for core in cores) / there, "storage": storage.busy, "head": hand.busy}
    return Outcome(rate=steady(done), busy={name: busy / simulation.now for name, busy in seconds.items()})

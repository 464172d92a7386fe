"""How fast a batch is on many workers: a simulation with the times that were measured, to see what saturates first.

    python bench/batch/scale.py

Each worker is one core, which reads, works on and writes its photos, three of them in flight; all share the storage,
which moves so many bytes a second, and the process that hands out photos and writes the manifest.  Each is a queue,
first come, first served.  The work varies from photo to photo by a lognormal distribution.
"""

import heapq
from dataclasses import dataclass

import numpy as np

IN_FLIGHT = 3
STEPS = 7
SPREAD = 0.3  # of the work's logarithm
DAY = 86400
WORKERS = (1, 2, 4, 8, 64, 1000)
STORAGES = (125e6, 1250e6)  # bytes a second: a network of 1 and of 10 gigabits


@dataclass(frozen=True, kw_only=True)
class Photo:
    """CPU seconds of a worker that a photo takes, its bytes, and the result's; all measured."""

    name: str
    read: float
    work: float
    write: float
    bytes_in: float
    bytes_out: float


# Measured on one core: removing what a click finds, with the starter models; and a rectangle, from a small photo.
PHOTOS = (
    Photo(name="24 megapixels, a click", read=0.15, work=5.12, write=0.35, bytes_in=6.66e6, bytes_out=6.64e6),
    Photo(name="320 x 213 pixels, a rectangle", read=0.01, work=0.62, write=0.02, bytes_in=23e3, bytes_out=22e3),
)
LINE = 0.00035  # seconds of the head for each of two lines: 0.2 ms a photo for the manifest, 0.5 ms for Ray


class Queue:
    """Something that does one thing at a time."""

    def __init__(self) -> None:
        self._free = self.busy = 0.0

    def use(self, now: float, seconds: float) -> float:
        """When something that comes now is done."""
        self._free = max(now, self._free) + seconds
        self.busy += seconds
        return self._free


def simulate(photo: Photo, workers: int, storage: float) -> tuple[float, dict[str, float]]:
    """Photos a second, and how busy the cores, the storage and the head are, 0 to 1."""
    count = max(3000, 12 * workers)
    works = photo.work * np.random.default_rng(1).lognormal(-(SPREAD**2) / 2, SPREAD, count)
    hand, disk, cores = Queue(), Queue(), [Queue() for _ in range(workers)]
    events, begun, now = list[tuple[float, int, int, int]](), 0, 0.0  # time, step, photo, worker
    for worker in [*range(workers)] * IN_FLIGHT:
        events.append((0.0, 0, begun, worker))
        begun += 1
    heapq.heapify(events)
    while events:
        now, step, number, worker = heapq.heappop(events)
        core = cores[worker]
        if step == STEPS:
            if begun < count:
                heapq.heappush(events, (now, 0, begun, worker))
                begun += 1
            continue
        queue, seconds = (
            (hand, LINE),
            (disk, photo.bytes_in / storage),
            (core, photo.read),
            (core, float(works[number])),
            (core, photo.write),
            (disk, photo.bytes_out / storage),
            (hand, LINE),
        )[step]
        heapq.heappush(events, (queue.use(now, seconds), step + 1, number, worker))
    shares = {"cores": sum(core.busy for core in cores) / workers, "storage": disk.busy, "head": hand.busy}
    return count / now, {name: busy / now for name, busy in shares.items()}


def main() -> None:
    for photo in PHOTOS:
        for storage in STORAGES:
            print(f"\n{photo.name}; storage {storage / 1e6:.0f} MB/s")
            for workers in WORKERS:
                rate, busy = simulate(photo, workers, storage)
                shares = ", ".join(f"{name} {share:4.0%}" for name, share in busy.items())
                print(f"{workers:5} workers: {rate:8.2f} a second, {rate * DAY / 1e6:6.2f} million a day; {shares}")


if __name__ == "__main__":
    main()

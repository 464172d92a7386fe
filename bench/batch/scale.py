"""How fast a batch is on many workers: a simulation with the times that were measured, to see what saturates first.

    python bench/batch/scale.py                                       # what many workers would do
    python bench/batch/scale.py --measure [FOLDER] [--photos 120]     # Ray's workers here, beside the simulation

--measure varies the photos in FOLDER (without one, balls are drawn) and takes the seconds of each step from as many
processes at once as there are cores, since cores share memory and caches.  What other programs take of the processor
meanwhile is taken off the cores that are simulated.  The rates are of the middle half of the photos, when every actor
has its models.  One of the four workers is killed early on; all results have to be those of a batch without Ray.  It
needs ray; on two cores it takes five minutes.  With fewer than 60 photos the actors' start is in the middle half.
"""

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]

import runs
import varied
from simulation import Cluster, Photo, simulate, steady

from inference_server.cli.batch.photo_worker import Task
from inference_server.cli.batch.ray_crew import RayCrew
from inference_server.cli.batch.worker_process import Start, prepared

DAY = 86400
WORKERS = 1, 8, 64, 1000
STORAGES = (125e6, 1250e6)  # bytes a second: a network of 1 and of 10 gigabits
NO_WAIT = 1e12
HERE = 2, 4  # workers that are measured
SAMPLED = 20  # photos whose steps are measured
ALONE = 10  # photos that are done without Ray, too
ROUNDS = 300  # photos that are not there, of which nothing but handing them out takes time
WITHIN, OVERHEAD = 0.15, 0.05  # of the rate, that the simulation may be off; of the work, that Ray may take beside it
RECIPE = 'job = "remove"\n[object]\nbox = [0.4, 0.4, 0.6, 0.6]\nunit = "relative"\n'
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# Measured on one core: removing what a click or a box finds, with the starter models; and a rectangle.
PHOTOS = (
    Photo(name="24 megapixels, a click", read=0.15, work=5.12, write=0.35, bytes_in=6.66e6, bytes_out=6.64e6),
    Photo(
        name="0.3 to 2 megapixels, a box",
        read=0.004,
        work=2.92,
        write=0.012,
        bytes_in=225e3,
        bytes_out=225e3,
        spread=0.28,
    ),
    Photo(name="320 x 213 pixels, a rectangle", read=0.01, work=0.62, write=0.02, bytes_in=23e3, bytes_out=22e3),
)


def main() -> None:
    """Say what many workers would do, or what some do here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--steps", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.steps:
        _take_steps([Path(photo) for photo in given.steps])
    elif given.measure:
        _measure(given.photos, varied.bases_in(Path(given.folder)) if given.folder else [])
    else:
        _tell()


def _tell() -> None:
    for photo, storage in itertools.product(PHOTOS, STORAGES):
        print(f"\n{photo.name}; storage {storage / 1e6:.0f} MB/s")
        for workers in WORKERS:
            found = simulate(photo, Cluster(workers=workers, storage=storage))
            shares = ", ".join(f"{name} {share:4.0%}" for name, share in found.busy.items())
            rate, day = found.rate, found.rate * DAY / 1e6
            print(f"{workers:5} workers: {rate:8.2f} a second, {day:6.2f} million a day; {shares}")


# -- beside what is measured here --------------------------------------------------------------------------------------


def _measure(count: int, bases: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        photos = varied.photos(scratch / "photos", count, bases)
        photo = _measured(photos)
        (scratch / "recipe.toml").write_text(RECIPE)
        _tell_overhead(scratch, photo)
        for workers in HERE:
            _beside_simulation(scratch, photos, photo, workers)
        runs.run([*_batch(scratch, photos[:ALONE], "alone"), "--workers", "2"])
        _tell_identical(scratch, [photo.name for photo in photos])


def _beside_simulation(scratch: Path, photos: list[Path], photo: Photo, workers: int) -> None:
    """Say what so many actors do, and how far the simulation is off; one of many is killed."""
    place, count = scratch / f"by {workers}", len(photos)
    kill = partial(_kill_an_actor, place, max(1, count // 20)) if workers == max(HERE) else lambda _: None
    cost = runs.run([*_batch(scratch, photos, place.name), "--engine", "ray", "--workers", str(workers)], kill)
    rate, cluster = steady(_done(place)), Cluster(workers=workers, storage=NO_WAIT, cores=CORES)
    expected = simulate(_slowed(photo, cost.others), cluster, count).rate
    off = expected / rate - 1
    told = f"{rate:.3f} photos a second, simulated {expected:.3f}: {off:+.0%}"
    _tell_judged(f"{workers} workers, simulated within {WITHIN:.0%}", told, kept=abs(off) <= WITHIN)
    spent = f"{cost.processor / count:.2f} s of the processor a photo, with the start of all"
    print(f"{'':10}{spent}; other programs had {cost.others:.0%} of the processor", flush=True)


def _batch(scratch: Path, photos: list[Path], folder: str) -> list[str]:
    return ["batch", str(scratch / "recipe.toml"), *map(str, photos), "-o", str(scratch / folder), "-q"]


def _slowed(photo: Photo, others: float) -> Photo:
    """A photo on cores of which other programs have this share."""
    there = max(1 - others, 0.01)
    return replace(photo, read=photo.read / there, work=photo.work / there, write=photo.write / there)


def _tell_judged(what: str, found: str, *, kept: bool) -> None:
    print(f"{'kept' if kept else 'NOT KEPT':10}{what}: {found}", flush=True)


def _tell_identical(scratch: Path, names: list[str]) -> None:
    """Say whether all results are those of another number of workers, and of a batch without Ray."""
    alone, few, many = (scratch / name for name in ("alone", *(f"by {workers}" for workers in HERE)))
    pairs = [(few / name, many / name) for name in names] + [(few / name, alone / name) for name in names[:ALONE]]
    same = sum(one.is_file() and one.read_bytes() == other.read_bytes() for one, other in pairs)
    found = f"{same} of {len(pairs)} pairs"
    _tell_judged(
        "the same pixels with 2, with 4 of which one was killed, and without Ray", found, kept=same == len(pairs)
    )
    once = all(max(runs.done(place).values()) == 1 for place in (few, many))
    _tell_judged("each output once", str(once), kept=once)


def _kill_an_actor(place: Path, at: int, head: "subprocess.Popen[bytes]") -> None:
    """Kill one of the actors of the batch that `head` leads, once so many photos are done."""
    while runs.done(place).total() < at and head.poll() is None:
        time.sleep(runs.BETWEEN)
    for process in runs.family(head.pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/cmdline").read_text().startswith("ray::_Actor"):
                os.kill(process, signal.SIGKILL)
                return
    print("no actor was found that could be killed", flush=True)


def _tell_overhead(scratch: Path, photo: Photo) -> None:
    """Say what Ray takes for a photo beside the work: of the processor, all its processes together, and of time."""
    start = Start(text=RECIPE, name="", base="", folder=str(scratch), threads=1, here=str(scratch))
    crew = RayCrew(start, "", 1, on_gpus=False)
    try:
        _hear(crew)
        _round(crew)
        begun, before = time.monotonic(), _spent_here()
        for _ in range(ROUNDS):
            _round(crew)
        processor, wall = (_spent_here() - before) / ROUNDS, (time.monotonic() - begun) / ROUNDS
    finally:
        crew.close()
    work = photo.read + photo.work + photo.write
    told = f"{processor * 1e3:.1f} ms of the processor, {processor / work:.1%}; {wall * 1e3:.1f} ms on the clock"
    _tell_judged(f"Ray's part of a photo under {OVERHEAD:.0%} of the work", told, kept=processor <= OVERHEAD * work)


def _round(crew: RayCrew) -> None:
    """Give a photo that is not there, and hear so."""
    crew.give(0, Task(photo="nowhere.jpg", result="nowhere.jpg", overwrite=False))
    _hear(crew)


def _hear(crew: RayCrew) -> None:
    while crew.next(1.0) is None:
        pass


def _spent_here() -> float:
    """Seconds of the processor of this process and of all those that it has started."""
    return sum(map(runs.processor_of, runs.family(os.getpid())))


def _done(folder: Path) -> list[float]:
    """When each photo was done, in seconds."""
    lines = map(json.loads, (folder / runs.NAME).read_text("utf-8").splitlines())
    return [
        datetime.fromisoformat(line["time"]).timestamp() for line in lines if line.get("status") == runs.Status.DONE
    ]


def _measured(photos: list[Path]) -> Photo:
    """The steps' seconds of some of the photos, taken side by side on all cores; says those of each part."""
    some = photos[:: max(1, len(photos) // SAMPLED)]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--steps", *map(str, some[k::CORES])],
            cwd=runs.REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(CORES)
    ]
    rows = np.array([row for process in processes for row in json.loads(process.communicate()[0])])
    read, work, write, encode, find, bytes_in, bytes_out = rows.mean(axis=0).tolist()
    parts = {"read": read, "encode": encode, "mask": find - encode, "remove": work - find, "write": write}
    print(f"{CORES} cores; CPU seconds a photo:", ", ".join(f"{name} {part:.3f}" for name, part in parts.items()))
    print(f"{bytes_in / 1e3:.0f} KB read, {bytes_out / 1e3:.0f} KB written", flush=True)
    return Photo(
        name="a photo here",
        read=read,
        work=work,
        write=write,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        spread=float(np.log(rows[:, 1]).std()),
    )


def _take_steps(photos: list[Path]) -> None:
    """Print for each photo but the first its steps' CPU seconds, as a worker does them, those of the encoder and of
    finding the mask with it, and the bytes that are read and written."""
    from inference_server.cli import photos as on_photos
    from inference_server.select.segmenters.onnx_pair import OnnxPair

    spent = Counter[str]()
    for owner, name in ((OnnxPair, "encode"), (on_photos, "find_mask")):
        _time(owner, name, spent)
    with tempfile.TemporaryDirectory() as folder:
        do = prepared(Start(text=RECIPE, name="", base="", folder=folder, threads=1, here=str(runs.REPOSITORY)))
        rows = []
        for number, photo in enumerate(photos):  # the first one also loads the models, and does not count
            spent.clear()
            task = json.dumps({"photo": str(photo), "result": f"{number}.jpg", "overwrite": False})
            before = time.process_time()
            steps = np.array(json.loads(do(task))["seconds"])
            steps *= (time.process_time() - before) / steps.sum()  # other programs slow the clock on the wall
            sizes = (file.stat().st_size for file in (photo, Path(folder, f"{number}.jpg")))
            rows.append([*steps.tolist(), spent["encode"], spent["find_mask"], *sizes])
    print(json.dumps(rows[1:]))


def _time(owner: Any, name: str, spent: Counter[str]) -> None:
    """Have the CPU seconds of a function be added up."""
    plain = getattr(owner, name)

    def timed(*arguments: object, **options: object) -> object:
        begun = time.process_time()
        try:
            return plain(*arguments, **options)
        finally:
            spent[name] += time.process_time() - begun

    setattr(owner, name, timed)


if __name__ == "__main__":
    main()

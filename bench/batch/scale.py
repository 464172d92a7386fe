"""How fast a batch is on many workers: a simulation with the times that were measured, to see what saturates first.

    python bench/batch/scale.py                                       # what many workers would do
    python bench/batch/scale.py --measure [FOLDER] [--photos 200]     # Ray's workers here, beside the simulation

--measure varies the photos in FOLDER (without one, balls are drawn) and takes the seconds of each step from as many
processes at once as there are cores, since cores share memory and caches.  It needs ray, and means something on a
machine that does nothing else.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent)]

import runs
import varied
from simulation import Cluster, Photo, simulate, steady

DAY = 86400
WORKERS = 1, 8, 64, 1000
STORAGES = (125e6, 1250e6)  # bytes a second: a network of 1 and of 10 gigabits
NO_WAIT = 1e12
HERE = 2, 4  # workers that are measured
SAMPLED = 20  # photos whose steps are measured
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
    parser.add_argument("--photos", type=int, default=200)
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
        recipe = scratch / "recipe.toml"
        recipe.write_text(RECIPE)
        for workers in HERE:
            place = scratch / f"by {workers}"
            words = ["batch", str(recipe), *map(str, photos), "-o", str(place), "-q"]
            cost = runs.run([*words, "--engine", "ray", "--workers", str(workers)])
            rate = steady(_done(place))
            expected = simulate(photo, Cluster(workers=workers, storage=NO_WAIT, cores=CORES), count).rate
            told = f"{rate:.3f} a second, simulated {expected:.3f} ({expected / rate - 1:+.0%})"
            print(f"{workers} workers: {told}; {cost.processor / count:.2f} s of the processor a photo", flush=True)


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
    from inference_server.cli.batch.worker_process import Start, prepared
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

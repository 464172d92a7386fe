"""One fault after the other, at random, each followed by the question whether all is well again."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ... import stand_in_hub
from .. import processes
from . import deeds
from .ground import Ground
from .homes import REPOSITORY, Home
from .work import WORKS

FAULTS, SAMPLES, HONEST = "faults.jsonl", "samples.jsonl", "honest.tsv"  # files in the report's folder
PAUSE = 3.0  # seconds between two requests of the honest client, at least
MOST_MEMORY = 1600  # megabytes of a server and its workers
MOST_OWN_MEMORY = 700  # of its own process: what may wait and what may be unread (serve/limits.py), less than both


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a fault.

    at: seconds since the beginning; name: a key of deeds.FAULTS; hello, job: as in `Recovery`; load: processes that
    wanted to run, for each processor, in the minute before; broken: the promise that was not kept, "" where all were;
    own_peak, peak: megabytes of the server's own process, and with its workers.
    """

    at: float
    name: str
    hello: float = 0.0
    job: float = 0.0
    load: float = 0.0
    broken: str = ""
    own_peak: float = 0.0
    peak: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the survivor took at a moment: its own process, and the one that works for it.  memory: megabytes."""

    at: float
    memory: float
    files: int
    threads: int
    worker_memory: float
    worker_files: int
    worker_threads: int


def run(folder: Path, minutes: float, seed: int, is_ended: Callable[[], bool]) -> None:
    """Harm servers for so long.  What happens is written into the folder, where `report` finds it."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        faults, samples, honest = (stack.enter_context((folder / name).open("w")) for name in (FAULTS, SAMPLES, HONEST))
        hub = stack.enter_context(stand_in_hub.running())
        ground = Ground(scratch, hub, seed)
        stack.callback(ground.close)
        stack.callback(_keep_logs, ground, folder)
        for home in (ground.survivor, *ground.victims):
            ground.recover(home)
        for name in sorted(WORKS.keys() - {"order"}):  # what is remembered of them is there from the beginning
            ground.ask(ground.survivor, name).check()
        client = _start_honest_client(ground, honest)
        stack.callback(client.wait)
        stack.callback(client.kill)
        names, begun = deeds.available(ground), time.monotonic()
        print(f"{len({*names})} kinds of faults; seed {seed}; what happens is in {folder}", flush=True)
        first_pid, round_of = ground.survivor.pid, []
        while (now := time.monotonic() - begun) < minutes * 60 and not is_ended():
            round_of = round_of or ground.chance.sample(names, len(names))
            outcome = _suffer(ground, round_of.pop(), now)
            _write(faults, outcome)
            _write(samples, _sample(ground.survivor, time.monotonic() - begun))
            if outcome.broken:
                print(f"BROKEN {outcome.name}: {outcome.broken}", flush=True)
            assert ground.survivor.pid == first_pid, "the server that must survive has not"
            assert client.poll() is None, "the honest client has ended"


def _keep_logs(ground: Ground, folder: Path) -> None:
    for home in (ground.survivor, *ground.victims):
        with contextlib.suppress(OSError):
            shutil.copy(home.folder / "server.log", folder / f"{home.folder.name}.log")


def _start_honest_client(ground: Ground, output: IO[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.faults.soak", "client", ground.folder / "references", "--pause", str(PAUSE)]
    with ground.survivor.entered():
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT)


def _suffer(ground: Ground, name: str, now: float) -> Outcome:
    """One fault, and what came of it."""
    ground.choose_victim(engine=name in deeds.ENGINE)
    for home in (ground.survivor, *ground.victims):
        for pid in (home.pid, *home.workers):
            processes.forget_peak(pid)
    try:
        home = deeds.FAULTS[name](ground)
        recovery = ground.recover(home)
        own, peak = _peaks(home)
        assert own < MOST_OWN_MEMORY and peak < MOST_MEMORY, f"{own:.0f} MB, with its workers {peak:.0f} MB"
        ground.check_processes()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(
            at=now, name=name, load=_load(), broken=f"{type(error).__name__}: {error} ({place.name}:{place.lineno})"
        )
    return Outcome(at=now, name=name, **asdict(recovery), load=_load(), own_peak=own, peak=peak)


def _load() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _peaks(home: Home) -> tuple[float, float]:
    """Megabytes that a server's own process had at most, and with its workers."""
    own = processes.usage(home.pid).peak
    return own, own + sum(processes.usage(pid).peak for pid in home.workers)


def _sample(home: Home, now: float) -> Sample:
    own, worker = (processes.usage(pid) for pid in (home.pid, home.workers[0]))
    return Sample(
        at=now,
        memory=own.memory,
        files=own.files,
        threads=own.threads,
        worker_memory=worker.memory,
        worker_files=worker.files,
        worker_threads=worker.threads,
    )


def _write(file: IO[str], entry: Outcome | Sample) -> None:
    print(json.dumps(asdict(entry)), file=file, flush=True)

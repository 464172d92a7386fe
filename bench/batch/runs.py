"""Commands of the product as they are measured: seconds, processor time, memory, and what a batch says of itself."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference_server.cli.batch.manifest import NAME, Entry, Status, of_json

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "inference_server")
BETWEEN = 0.5  # seconds between two looks at the memory


@dataclass(frozen=True, kw_only=True)
class Cost:
    """wall, processor: seconds, the latter of all its processes together.  others: the share of the machine's
    processor, 0 to 1, that other programs had meanwhile.  memory: bytes (n,) of all its processes, as time goes by."""

    wall: float
    processor: float
    others: float = 0.0
    memory: tuple[int, ...] = ()


def started(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    """A command of the product, begun."""
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # as a person has it
    return subprocess.Popen([*COMMAND, *words], cwd=REPOSITORY, stderr=subprocess.DEVNULL, env=own)


def run(words: Sequence[str], meanwhile: "Callable[[subprocess.Popen[bytes]], None]" = lambda _: None) -> Cost:
    """A command of the product, to its end.  meanwhile: is called with the process once it runs."""
    begun, before, machine = time.monotonic(), _waited_for(), _machine()
    process, memory, spent = started(words), list[int](), dict[int, float]()
    threading.Thread(target=_watch, args=(process, memory, spent), daemon=True).start()
    meanwhile(process)
    if process.wait():
        sys.exit(f"{' '.join(words[:2])} … has ended with {process.returncode}")
    # What its processes have not waited for, as Ray's own, is known as it was when they were looked at last.
    wall, processor = time.monotonic() - begun, max(_waited_for() - before, sum(spent.values()))
    busy, total = (now - then for now, then in zip(_machine(), machine, strict=True))
    others = max(0.0, busy - processor) / max(total, 1e-3)
    return Cost(wall=wall, processor=processor, others=others, memory=tuple(memory))


def entries(folder: Path) -> list[Entry]:
    """What a batch's manifest says of photos that are done."""
    lines = (folder / NAME).read_bytes().splitlines()
    return [entry for line in lines if (entry := of_json(line)) and entry.status == Status.DONE]


def done(folder: Path) -> Counter[str]:
    """How many times a batch has done each result."""
    return Counter(entry.result for entry in entries(folder)) if (folder / NAME).exists() else Counter()


def _watch(process: "subprocess.Popen[bytes]", memory: list[int], spent: dict[int, float]) -> None:
    while process.poll() is None:
        there = family(process.pid)
        memory.append(sum(map(_resident, there)))
        spent.update({each: seconds for each in there if (seconds := processor_of(each))})
        time.sleep(BETWEEN)


def family(head: int) -> list[int]:
    """A process and those that it has started."""
    children = list[int]()
    for task in Path(f"/proc/{head}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:  # it has just ended
            continue
    return [head, *(each for child in children for each in family(child))]


def processor_of(process: int) -> float:
    """Seconds of the processor that a process has taken; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(process: int) -> int:
    """Bytes of a process that are in memory; 0 once it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _machine() -> tuple[float, float]:
    """Seconds that the machine's cores have been busy, and that have passed on all of them, since it was started."""
    ticks = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]  # doing nothing, and waiting for the disk
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK"), sum(ticks) / os.sysconf("SC_CLK_TCK")


def _waited_for() -> float:
    """Seconds of the processor that this process's children have taken, and theirs, as far as they were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

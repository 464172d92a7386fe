"""What processes there are, and what they take, as /proc of Linux tells."""

import contextlib
import re
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """What a process takes.  memory, peak: megabytes, now and since `forget_peak`; files: open file descriptors."""

    memory: float
    peak: float
    files: int
    threads: int


def resident(pid: int) -> float:
    """Megabytes that a process has in memory."""
    return _status(pid, "VmRSS") / 1024


def usage(pid: int) -> Usage:
    """What a process takes now.  Raises OSError where there is none."""
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Usage(resident(pid), _status(pid, "VmHWM") / 1024, files, _status(pid, "Threads"))


def virtual(pid: int) -> float:
    """Megabytes of address space that a process has."""
    return _status(pid, "VmSize") / 1024


def forget_peak(pid: int) -> None:
    """Have a process's peak of memory begin anew, where the system can do so."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than as an exit status that nobody has asked for."""
    with contextlib.suppress(OSError):
        place = Path(f"/proc/{pid}")
        has_left = (place / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not has_left or sum(1 for _ in (place / "task").iterdir()) > 1  # its other threads may be slower
    return False


def children(pid: int) -> list[int]:
    """The processes that a process has started, the one with most memory first."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found += map(int, file.read_text().split())
    with_memory = {}
    for child in filter(is_running, found):
        with contextlib.suppress(OSError):
            with_memory[child] = resident(child)
    return sorted(with_memory, key=lambda child: -with_memory[child])


def of_a_home(variable: str, folder: Path) -> set[int]:
    """The product's processes in whose environment a variable names this folder."""
    wanted, found = f"{variable}={folder}".encode(), set()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_ours = b"\0inference_server" in (place / "cmdline").read_bytes()
            if is_ours and wanted in (place / "environ").read_bytes().split(b"\0") and is_running(int(place.name)):
                found.add(int(place.name))
    return found


def _status(pid: int, field: str) -> int:
    """A number of /proc/PID/status; 0 where it is not there, as for a process that is just ending."""
    found = re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0

"""Whether there is enough memory for an image, before it is asked for."""

import os
import re
import sys
from pathlib import Path

from ...shared.errors import ErrorCode, UserError

WORK = 500 << 20  # bytes, beside the image itself
MEMINFO, STATUS = Path("/proc/meminfo"), Path("/proc/self/status")
GROUP = Path("/sys/fs/cgroup")  # of a container: it sees its own
LACK = re.compile(
    r"out of memory|bad_alloc|(unable|failed) to allocate|(not enough|insufficient) memory"
    r"|cannot allocate|failed to map segment",  # a library that is loaded
    re.IGNORECASE,
)


def require(count: int, name: str) -> None:
    """Raises UserError where `count` bytes for the image of this name, and what working on it takes, are more than this
    process can get."""
    there = available()
    if there is not None and count + min(count, WORK) > there:
        raise memory_needed(name)


def memory_needed(name: str) -> UserError:
    """The error for an image that does not fit into memory."""
    return UserError(
        ErrorCode.NO_MEMORY,
        f"There is not enough memory for {name}.",
        "Close other programs, or make the picture smaller.",
    )


def is_lack(error: Exception) -> bool:
    """Whether a library's error says that it got no memory, of this machine or of a GPU."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or LACK.search(str(error)) is not None
    )


def available() -> int | None:
    """Bytes of memory that can be had without harm: the free ones on Linux, elsewhere all that there are, and no more
    than this process may take; None where that is unknown."""
    limits = [count for count in (_of_the_machine(), _of_the_group(), _of_the_process()) if count is not None]
    return min(limits, default=None)


def _of_the_machine() -> int | None:
    if sys.platform == "linux" and MEMINFO.is_file():
        found = re.findall(r"^(?:MemAvailable|SwapFree):\s+(\d+) kB", MEMINFO.read_text(), re.MULTILINE)
        return 1024 * sum(map(int, found)) if found else None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_the_group() -> int | None:
    """What the container that this runs in still has, where it has a limit."""
    try:
        limit, used = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        # Files that were read, such as models, count as used until their room is wanted.
        cached = re.findall(r"^(?:in)?active_file (\d+)$", (GROUP / "memory.stat").read_text(), re.MULTILINE)
        return max(0, int(limit) - int(used) + sum(map(int, cached)))  # a limit of "max" is no number
    except (OSError, ValueError):
        return None


def _of_the_process() -> int | None:
    """What is left of the address space that this process may use, where that is limited."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or not STATUS.is_file():
        return None
    used = re.search(r"^VmSize:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    return max(0, limit - 1024 * int(used[1])) if used else None

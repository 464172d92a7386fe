"""Ray's cluster: how it is reached, and what there is.  Beside `ray_shelf` no module imports Ray.

    python -m inference_server.serve.ray_cluster ADDRESS [WORKERS]     begins one, and keeps it while its input is open

The server itself is connected to none: Ray ends processes whose cluster is lost, and the server has to go on.
"""

import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..models import packages
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.text import tr
from . import ray_shelf, worker_process

NICENESS = "RAY_worker_niceness"  # of actors; Ray's own choice is 15, and where others compute too, they starve
AUTHENTICATION = "RAY_AUTH_MODE"  # which Ray sets in a process that begins a cluster
REACHING_SECONDS = 10
HERE = "local"  # as Ray calls a cluster of this machine alone, which ends with the process that began it


def demand() -> None:
    """Raise the UserError that says how to get Ray, unless it is installed."""
    if packages.missing(["ray"]):
        sentence = "--engine ray needs the package ray, which this Python does not have."
        raise wrong_input(sentence, packages.install_command(["ray"]))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """address: where others reach it; environment: what they need to have in theirs for that; dashboard: where a person
    sees what it does, "" for nowhere; cpus, gpus: how many there are.  shelf: the name of that with this machine's
    models, "" where no other machine can ask for them."""

    address: str
    environment: dict[str, str]
    dashboard: str
    cpus: int
    gpus: int
    shelf: str = ""


def connect(address: str, workers: int | None) -> tuple[Any, Cluster]:
    """Ray, connected, and the cluster.  Raises UserError.

    address: of a cluster, "" for one of this machine alone, which has room for so many workers, None for as many as it
    has cores.
    """
    demand()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report its use to its maker
    os.environ.setdefault(NICENESS, str(worker_process.YIELDING))
    import ray

    room = {} if address or workers is None else {"num_cpus": workers}
    try:
        _try_to_reach(address)
        context = ray.init(address=address or HERE, logging_level=logging.ERROR, log_to_driver=False, **room)
    except Exception as error:  # of many kinds
        raise UserError(
            ErrorCode.NO_SERVER,
            tr("Ray cannot be reached at {address}: {error}.", address=address or HERE, error=error),
            "See whether it runs there.",
        ) from None
    there = ray.cluster_resources()
    return ray, Cluster(
        address=context.address_info["gcs_address"],
        environment={name: value for name, value in os.environ.items() if name == AUTHENTICATION},
        dashboard=getattr(context, "dashboard_url", "") or "",
        cpus=int(there.get("CPU", 1)),
        gpus=int(there.get("GPU", 0)),
    )


def _try_to_reach(address: str) -> None:
    """Raise OSError where nothing answers there: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), REACHING_SECONDS).close()


class Kept:
    """A cluster that is there for as long as this process is.  dashboard: as in `Cluster`."""

    def __init__(self, address: str, workers: int | None) -> None:
        """As `connect`.  Raises UserError."""
        demand()
        room = [] if workers is None else [str(workers)]
        command = [sys.executable, "-m", "inference_server.serve.ray_cluster", address, *room]
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._keeper.stdout
        said = json.loads(self._keeper.stdout.readline() or "[]")
        if not isinstance(said, dict):
            sentence, remedy = said or ("Ray could not be started.", "")
            raise UserError(ErrorCode.NO_SERVER, sentence, remedy)
        self.cluster = Cluster(**said)


def main(address: str, workers: str = "") -> None:
    """Say what there is, or why there is nothing, and keep it while somebody needs it."""
    needed, told = worker_process.pipes()
    try:
        ray, cluster = connect(address, int(workers) if workers else None)
        _shelf, name = ray_shelf.set_up(ray) if address else (None, "")  # which is there as long as that variable
        said: object = asdict(replace(cluster, shelf=name))
    except UserError as error:
        said = error.sentence, error.remedy
    told.write(json.dumps(said).encode() + b"\n")
    told.flush()
    if isinstance(said, dict):
        needed.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

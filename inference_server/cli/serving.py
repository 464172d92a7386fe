"""serve: its arguments, and the server that these make.  What that needs is imported when it runs (see `parser`)."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from ..shared import paths
from ..shared.errors import file_error, wrong_input
from .batch.arguments import LOCAL, ray_address

if TYPE_CHECKING:
    from ..serve.ray_cluster import Cluster
    from ..serve.worker import Launch

MOST_KEPT = 10**6  # megabytes


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Which server to be.

    address: None for this user's private socket.  idle_seconds: after so long without work it leaves, None for what the
    preferences say.  lan: whether it is for the listed computers of the network too, for ever.  devices: what it
    computes on, with a worker for each, "" for the best there is.  ray: where the work is done, as in
    `batch.arguments.ray_address`; workers: by how many of Ray's actors, None for one on each GPU, or on each core.
    metrics: the port of loopback on which it says what it does, None for nowhere.  kept: megabytes of embeddings that
    stay on disk for the next server, 0 for none, those of earlier ones included, None for no more than there are.
    """

    address: str | None
    idle_seconds: float | None
    lan: bool
    devices: str
    ray: str | None
    workers: int | None
    metrics: int | None
    kept: int | None


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command."""
    command = group.add_parser("serve", help="answer the GIMP plug-in (it starts this by itself)")
    command.add_argument("--address", help="ipc://PATH or tcp://HOST:PORT (default: this user's private socket)")
    command.add_argument(
        "--idle", type=float, metavar="SECONDS", help="leave after so long without work (default: as in the settings)"
    )
    command.add_argument("--lan", action="store_true", help="also for listed computers of your network, for ever")
    command.add_argument("--devices", default="", metavar="LIST", help="a worker for each, as in cuda:0,cuda:1")
    command.add_argument("--engine", default=LOCAL, metavar="local|ray[=ADDRESS]", help="work here, or on Ray")
    command.add_argument("--workers", type=int, metavar="N", help="of Ray (default: one on each GPU, or on each core)")
    command.add_argument("--metrics", type=int, metavar="PORT", help="show Prometheus on this machine what it does")
    command.add_argument(
        "--keep-embeddings", type=int, metavar="MB", help="on disk, so that a restart encodes no photo again; 0: forget"
    )
    return command


def settings(given: argparse.Namespace) -> ServeSettings:
    """The settings that the arguments make.  Raises UserError."""
    if given.lan and (given.address or given.idle):
        raise wrong_input("--lan chooses the address and never leaves.", "Leave out --address and --idle.")
    if given.metrics is not None and not 0 < given.metrics < 1 << 16:
        raise wrong_input("--metrics is a port, from 1 to 65535.")
    ray = ray_address(given.engine)
    if given.workers is not None and (ray is None or given.workers < 1):
        raise wrong_input("--workers is a number of Ray's, from 1 on.", "See --engine and --devices.")
    if given.keep_embeddings is not None and not 0 <= given.keep_embeddings <= MOST_KEPT:
        raise wrong_input(f"--keep-embeddings is a number of megabytes, from 0 to {MOST_KEPT}.")
    if given.devices and ray is not None:
        raise wrong_input("Ray chooses the devices.", "Leave out --devices.")
    return ServeSettings(
        address=given.address,
        idle_seconds=given.idle,
        lan=given.lan,
        devices=given.devices,
        ray=ray,
        workers=given.workers,
        metrics=given.metrics,
        kept=given.keep_embeddings,
    )


def run(settings: ServeSettings) -> NoReturn:
    """Be this user's server, unless one runs already.  Raises UserError."""
    if settings.kept == 0:
        _forget_embeddings()
    if settings.ray is None:
        _run(settings, _local(settings.devices))
    from ..serve.ray_cluster import Kept

    kept = Kept(settings.ray, settings.workers)
    if kept.cluster.dashboard:
        print(f"Ray's dashboard: http://{kept.cluster.dashboard}", flush=True)
    _run(settings, _on_ray(kept.cluster, settings.workers))


def _run(settings: ServeSettings, launches: "Sequence[Launch]") -> NoReturn:
    from ..serve import process
    from ..serve.performer import KEPT_VARIABLE
    from . import lan

    address, idle_seconds = settings.address, settings.idle_seconds
    if settings.lan:
        print(lan.instructions(), flush=True)
        lan.end_private_server()
        address, idle_seconds = lan.ADDRESS, lan.FOR_EVER
    if settings.kept:
        told = {KEPT_VARIABLE: str(settings.kept)}
        launches = [replace(launch, environment={**launch.environment, **told}) for launch in launches]
    process.run(address, idle_seconds, launches, settings.metrics)


def _forget_embeddings() -> None:
    """Remove what earlier servers have kept.  Raises UserError."""
    folder = paths.home() / paths.EMBEDDINGS
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise file_error(folder, error) from None


def _local(devices: str) -> "Sequence[Launch]":
    """How the workers are started that compute here.  Raises UserError."""
    from ..models import device_choice
    from ..serve.server import BEST_DEVICE
    from ..serve.worker import Launch

    if not devices:
        return BEST_DEVICE
    return [
        Launch(device=device, environment=device_choice.environment(device)) for device in device_choice.parse(devices)
    ]


def _on_ray(cluster: "Cluster", workers: int | None) -> "Sequence[Launch]":
    """How the processes are started whose work actors do: one on each GPU, or on each core."""
    from ..serve.worker import Launch

    kind = "gpu" if cluster.gpus else "cpu"
    command = [sys.executable, "-m", "inference_server.serve.ray_worker", cluster.address, kind, cluster.shelf]
    launch = Launch(command=command, device="ray", environment=cluster.environment)
    return [launch] * (workers or cluster.gpus or max(1, cluster.cpus))

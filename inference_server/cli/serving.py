"""serve: its arguments, and the server that these make.  What that needs is imported when it runs (see `parser`)."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from ..shared.errors import wrong_input

if TYPE_CHECKING:
    from ..serve.worker import Launch


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Which server to be.

    address: None for this user's private socket.  idle_seconds: after so long without work it leaves, None for what the
    preferences say.  lan: whether it is for the listed computers of the network too, for ever.  devices: what it
    computes on, with a worker for each, "" for the best there is.  metrics: the port of loopback on which it says what
    it does, None for nowhere.
    """

    address: str | None
    idle_seconds: float | None
    lan: bool
    devices: str
    metrics: int | None


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command."""
    command = group.add_parser("serve", help="answer the GIMP plug-in (it starts this by itself)")
    command.add_argument("--address", help="ipc://PATH or tcp://HOST:PORT (default: this user's private socket)")
    command.add_argument(
        "--idle", type=float, metavar="SECONDS", help="leave after so long without work (default: as in the settings)"
    )
    command.add_argument("--lan", action="store_true", help="also for listed computers of your network, for ever")
    command.add_argument("--devices", default="", metavar="LIST", help="a worker for each, as in cuda:0,cuda:1")
    command.add_argument("--metrics", type=int, metavar="PORT", help="show Prometheus on this machine what it does")
    return command


def settings(given: argparse.Namespace) -> ServeSettings:
    """The settings that the arguments make.  Raises UserError."""
    if given.lan and (given.address or given.idle):
        raise wrong_input("--lan chooses the address and never leaves.", "Leave out --address and --idle.")
    if given.metrics is not None and not 0 < given.metrics < 1 << 16:
        raise wrong_input("--metrics is a port, from 1 to 65535.")
    return ServeSettings(
        address=given.address,
        idle_seconds=given.idle,
        lan=given.lan,
        devices=given.devices,
        metrics=given.metrics,
    )


def run(settings: ServeSettings) -> NoReturn:
    """Be this user's server, unless one runs already.  Raises UserError."""
    from ..serve import process
    from . import lan

    launches = _launches(settings)
    address, idle_seconds = settings.address, settings.idle_seconds
    if settings.lan:
        print(lan.instructions(), flush=True)
        lan.end_private_server()
        address, idle_seconds = lan.ADDRESS, lan.FOR_EVER
    process.run(address, idle_seconds, launches, settings.metrics)


def _launches(settings: ServeSettings) -> "Sequence[Launch]":
    """How the workers that compute are started.  Raises UserError."""
    from ..models import device_choice
    from ..serve.server import BEST_DEVICE
    from ..serve.worker import Launch

    if not settings.devices:
        return BEST_DEVICE
    return [
        Launch(device=device, environment=device_choice.environment(device))
        for device in device_choice.parse(settings.devices)
    ]

"""The servers that are harmed, each with a private folder of its own, and the clock of one of them."""

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq

from inference_server.shared import client, endpoint, keys, paths
from inference_server.shared.endpoint import Endpoint

from ...servers import SERVE, let_packages_seem_installed, stopped, wait_until
from .. import processes

REPOSITORY = Path(__file__).resolve().parents[3]
FOR_EVER = ("--idle", "1e9")
OVER_TCP = (*SERVE, *FOR_EVER, "--address", "tcp://127.0.0.1:*")


class Home:
    """A private folder, and the server in it.

    environment: of the server's process; command: what starts it.
    """

    def __init__(
        self, folder: Path, environment: dict[str, str] | None = None, command: Sequence[str] = (*SERVE, *FOR_EVER)
    ) -> None:
        self.folder, self._environment = folder, {**(environment or {}), paths.HOME_VARIABLE: str(folder)}
        self.command = [*command]
        folder.mkdir(mode=0o700)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Have this process's clients look here."""
        before = dict(os.environ)
        os.environ.update(self._environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def connect(self) -> client.Client:
        """A client of the server, which is started where none runs."""
        with self.entered():
            return client.connect(self.command)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a server's process, and wait for nothing."""
        with self.entered():
            return subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)

    @property
    def address(self) -> str:
        with self.entered():
            found = endpoint.running()
        assert found, "no server runs"
        return found.address

    @property
    def pid(self) -> int:
        """The process of the server that runs; 0 where none does."""
        with self.entered():
            found = endpoint.running()
        return found.pid if found else 0

    @property
    def workers(self) -> list[int]:
        """Its processes that work, the one for the device first."""
        return processes.children(self.pid) if self.pid else []

    def strays(self) -> set[int]:
        """Processes that belong to this home, but not to its server."""
        found = processes.of_a_home(paths.HOME_VARIABLE, self.folder)
        return found - {self.pid, *self.workers}

    def stop(self) -> None:
        """End the server, however it is."""
        with self.entered(), contextlib.suppress(AssertionError):
            wait_until(stopped, 10)
        for pid in self.strays() | {self.pid} - {0}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def raw(found: Endpoint) -> "tuple[zmq.Context[zmq.Socket[bytes]], zmq.Socket[bytes]]":
    """The bare socket of one of this user's programs, for a server that is reached over TCP."""
    context = zmq.Context()
    connection = context.socket(zmq.DEALER)
    connection.linger = 0
    connection.sndtimeo = 20_000
    connection.curve_publickey, connection.curve_secretkey = (key.encode() for key in keys.kept("client"))
    connection.curve_serverkey = found.server_key.encode()
    connection.connect(found.address)
    return context, connection


class Clock:
    """The time of day of the processes that are started with `environment` (clock.c)."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError and CalledProcessError where there is no C compiler."""
        library, self._file = folder / "clock.so", folder / "clock.offset"
        source = Path(__file__).with_name("clock.c")
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", library, source]
        subprocess.run(command, check=True, capture_output=True)
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._file)}
        program = [sys.executable, "-c", "import time; print(time.time())"]
        self.set(10**6)
        moved = float(subprocess.check_output(program, env={**os.environ, **self.environment}))
        real = float(subprocess.check_output(program))
        self.set(0)
        if not 999_000 < moved - real < 1_001_000:
            raise OSError("the clock does not jump")

    def set(self, seconds: int) -> None:
        """Have it be so much later than it is."""
        with self._file.open("r+b") as file:  # in place, as it is mapped into memory
            file.write(struct.pack("=q", seconds))


def put_models(home: Home, models: Path) -> None:
    """Copies of the starter's files, which may be harmed, and packages that seem to be there."""
    shutil.copytree(models, home.folder / "models")
    let_packages_seem_installed(home.folder)


def put_linked_models(home: Home, models: Path, place: Path) -> None:
    """The same on a disk that is too small for them."""
    shutil.copytree(models, place)
    (home.folder / "models").symlink_to(place)

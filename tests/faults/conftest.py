"""A server that does what it is told, its clients, and strangers."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference_server.shared import client, endpoint, paths
from inference_server.shared.errors import UserError
from inference_server.shared.messages import Located
from inference_server.shared.monitor import UNWATCHED, Monitor

from ..servers import wait_until
from . import obedient
from .processes import resident


class Obedient:
    """A running server, and what is asked of it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._clients: list[client.Client] = []

    def connect(self) -> client.Client:
        """Another client."""
        found = endpoint.running()
        assert found
        self._clients.append(client.Client(found))
        return self._clients[-1]

    def do(self, words: str, frames: tuple[bytes, ...] = (), *, image: str = "", monitor: Monitor = UNWATCHED) -> int:
        """Have a client of its own ask for it; returns the process that did it.  Raises UserError."""
        with client.Client(endpoint.running()) as connection:
            located, _ = connection.request(obedient.order(words, image), frames, monitor=monitor)
        assert isinstance(located, Located)
        return located.bounds.x

    def failure(self, words: str, image: str = "") -> UserError:
        """The error that this order comes to."""
        with pytest.raises(UserError) as refused:
            self.do(words, image=image)
        return refused.value

    def memory(self) -> float:
        """Megabytes that the server's own process has in memory."""
        return resident(self.process.pid)

    def close(self) -> None:
        for one in self._clients:
            one.close()
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def small_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private folder without models."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(folder))
    return folder


@pytest.fixture
def serve(small_home: Path) -> Iterator[Callable[..., Obedient]]:
    """Starts a server at an address, with so many workers as is said behind it; it is ended afterwards."""
    running: list[Obedient] = []

    def start(*arguments: str) -> Obedient:
        process = subprocess.Popen([*obedient.PROGRAM, *arguments], env={**os.environ, "PYTHONPATH": str(Path.cwd())})
        running.append(Obedient(process))
        wait_until(lambda: (small_home / "server.json").exists())
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def server(serve: Callable[..., Obedient], small_home: Path) -> Obedient:
    """A server on this user's private socket."""
    return serve(f"ipc://{small_home}/server.sock")


@pytest.fixture
def reachable(serve: Callable[..., Obedient]) -> Obedient:
    """A server that strangers reach."""
    return serve("tcp://127.0.0.1:*")

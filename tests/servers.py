"""Real server processes for tests, and requests to them."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from inference_server.models import packages
from inference_server.models.catalogue import DIFFUSION_PACKAGES
from inference_server.shared import client, endpoint, paths, wire
from inference_server.shared.geometry import whole
from inference_server.shared.messages import (
    ImageRef,
    Inpaint,
    Inpainted,
    Job,
    Locate,
    Located,
    Message,
    Progress,
    Target,
)
from inference_server.shared.monitor import UNWATCHED, Monitor

from .asking import AT_ROCKET, attach_mask, attach_pixels, image_ref

SERVE = [sys.executable, "-m", "inference_server", "serve"]
RELAY = [*SERVE[:-1], "relay"]
both_ways = pytest.mark.parametrize("open_link", ["by its own socket", "through a relay"], indirect=True)
PATIENCE = 120  # seconds for what takes a quiet machine a moment
needs_posix = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and signals")


def stopped() -> bool:
    """Ask the server to stop, if there is one; True when there is none any more."""
    found = endpoint.running()
    if found:
        with client.Client(found) as connection:
            connection.stop_server()
        time.sleep(0.1)
    return not paths.server_runs()


def let_packages_seem_installed(home: Path) -> None:
    """Have the servers of a home, which import from there too, find the packages that painting needs: those that are
    not installed would be got with a model."""
    contents = {"psutil": "class virtual_memory:\n    total = available = 8 << 30\n"}  # which the list of models asks
    for name in packages.missing(DIFFUSION_PACKAGES):
        (home / name).mkdir()
        (home / name / "__init__.py").write_text(contents.get(name, ""))


def wait_until(happened, seconds: float = PATIENCE) -> None:
    """Wait for what happened() says; the limit is for what never comes, whatever else the machine does."""
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def locate(connection: client.Client, photo: np.ndarray, monitor: Monitor = UNWATCHED) -> Located:
    """Where the rocket is."""
    image, frames = image_ref(photo)
    message = Locate(job=Job.REMOVE, image=image, target=Target(prompts=(AT_ROCKET,)))
    return connection.request(message, frames, monitor=monitor)[0]


def long_job() -> tuple[Inpaint, list[bytes]]:
    """A removal that takes PatchMatch many seconds."""
    return _removal(1600, 1200, (slice(200, 1000), slice(300, 1300)))


def short_job() -> tuple[Inpaint, list[bytes]]:
    """A removal that takes next to no time, and no model: for whoever only wants to see that work is done."""
    return _removal(64, 48, (slice(20, 28), slice(28, 36)))


def _removal(width: int, height: int, hole: tuple[slice, slice]) -> tuple[Inpaint, list[bytes]]:
    frames: list[bytes] = []
    pixels = attach_pixels(np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8), frames)
    mask = np.zeros((height, width), np.uint8)
    mask[hole] = 255
    message = Inpaint(
        job=Job.REMOVE,
        image=ImageRef(width=width, height=height, key=""),
        target=Target(mask=attach_mask(mask, frames)),
        window=whole(width, height),
        pixels=pixels,
    )
    return message, frames


def works(connection: client.Client, monitor: Monitor = UNWATCHED) -> bool:
    """Whether the server does a short job."""
    message, frames = short_job()
    return isinstance(connection.request(message, frames, monitor=monitor)[0], Inpainted)


def raw_socket(address: str) -> tuple[zmq.Context, zmq.Socket]:
    context = zmq.Context()
    connection = context.socket(zmq.DEALER)
    connection.linger = 0
    connection.connect(address)
    return context, connection


def answer_on(connection: "zmq.Socket[bytes]") -> tuple[str, Message]:
    """The next message that is no word of progress, which a busy machine sends before any: (the request's id, it)."""
    while connection.poll(1000 * PATIENCE):
        request_id, answer, _ = wire.decode(connection.recv_multipart())
        if not isinstance(answer, Progress):
            return request_id, answer
    raise AssertionError("no answer comes")


def checkpoint(shapes: dict[str, list[int]]) -> bytes:
    """The beginning of a .safetensors file that has tensors of these shapes."""
    entries = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text

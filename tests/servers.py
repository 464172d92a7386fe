"""Real server processes for tests, and what is asked of them."""

import os
import sys
import time

import numpy as np
import pytest
import zmq

from inference_server.shared import client, endpoint, messages, paths
from inference_server.shared.messages import ImageRef, Inpaint, Locate, ObjectPrompt
from inference_server.shared.wire import attach

from .asking import CLICK

SERVE = [sys.executable, "-m", "inference_server", "serve"]
needs_posix = pytest.mark.skipif(os.name != "posix", reason="Unix sockets and signals")


def stopped() -> bool:
    """Ask the server to stop, if there is one; True when there is none any more."""
    found = endpoint.running()
    if found:
        with client.Client(found) as connection:
            connection.stop_server()
        time.sleep(0.1)
    return not paths.server_runs()


def wait_until(happened, seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def locate(connection: client.Client, photo: np.ndarray, **options):
    frames = []
    height, width = photo.shape[:2]
    raster = attach(frames, width, height, 3, "uint8", photo.tobytes())
    described = ImageRef(width, height, messages.image_key(width, height, photo.tobytes()), raster)
    return connection.request(Locate("remove", described, ObjectPrompt((CLICK,), (1,))), frames, **options)[0]


def long_job() -> tuple[Inpaint, list[bytes]]:
    """A removal that takes PatchMatch many seconds."""
    frames = []
    rng = np.random.default_rng(1)
    pixels = attach(frames, 1600, 1200, 3, "uint8", rng.integers(0, 255, (1200, 1600, 3), np.uint8).tobytes())
    mask = np.zeros((1200, 1600), np.uint8)
    mask[200:1000, 300:1300] = 255
    raster = attach(frames, 1600, 1200, 1, "uint8", mask.tobytes(), pack=True)
    return Inpaint("remove", ImageRef(1600, 1200, ""), (0, 0, 1600, 1200), pixels, mask=raster), frames


def raw_socket(address: str) -> tuple[zmq.Context, zmq.Socket]:
    context = zmq.Context()
    connection = context.socket(zmq.DEALER)
    connection.linger = 0
    connection.connect(address)
    return context, connection

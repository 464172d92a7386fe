"""How long a hello takes while 500 sockets are there, 8 honest clients work and a hostile one does what it can.

The hellos, the honest clients with the strangers, and the hostile client are processes of their own, so that none waits
for another's interpreter.  Only the first has the usual priority: a busy machine is not what is measured.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import zmq

from inference_server.models.store import Store
from inference_server.shared import client, endpoint, messages, wire
from inference_server.shared.errors import UserError
from inference_server.shared.geometry import whole
from inference_server.shared.messages import Depth, ImageRef, Inpaint, Job, Locate, ObjectPrompt, Raster, Target

from .. import processes
from ..strangers import stranger
from . import homes
from .homes import REPOSITORY, Home
from .work import WORKS, failure_of

SOCKETS, HONEST = 500, 8
LESS_URGENT = 5  # of `nice`
BETWEEN = 0.02  # seconds between two hellos
STRANGERS_SEND = 1 << 17  # bytes before any key is checked
NEWCOMERS = 100  # of the sockets are closed and opened anew in a second


def run(seconds: float) -> None:
    """Print what hellos took alone and in the crowd, and what memory the server took."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "home", command=homes.OVER_TCP)
        homes.put_models(home, Store().folder)
        try:
            with home.connect() as connection:
                assert not isinstance(failure_of(WORKS["select 0"](), connection), UserError)
            print(f"alone:        {_hellos(home, seconds / 4)}", flush=True)
            rest = [_role(home, name) for name in ("crowd", "hostile")]
            assert rest[0].stdout
            rest[0].stdout.readline()  # all its sockets are there
            print(f"in the crowd: {_hellos(home, seconds)}", flush=True)
            own, workers = processes.usage(home.pid), [processes.usage(pid) for pid in home.workers]
            for process in rest:
                process.send_signal(signal.SIGTERM)
            for process in rest:
                print(process.communicate()[0].strip())
            print(
                f"memory, at most: own process {own.peak:.0f} MB, with its workers "
                f"{own.peak + sum(one.peak for one in workers):.0f} MB"
            )
        finally:
            home.stop()


def _hellos(home: Home, seconds: float) -> str:
    return _role(home, "hellos", str(seconds)).communicate()[0].strip()


def _role(home: Home, name: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.faults.soak", "role", name, *arguments]
    with home.entered():
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def play(role: str, arguments: list[str]) -> None:
    """Be the client that asks for hellos, the crowd, or the hostile one, until that is ended."""
    found = endpoint.running()
    assert found
    if role == "hellos":
        _ask_hellos(found, float(arguments[0]))
        return
    os.nice(LESS_URGENT)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    (_be_the_crowd if role == "crowd" else _be_hostile)(found, ended)


def _ask_hellos(found: endpoint.Endpoint, seconds: float) -> None:
    taken, end = [], time.monotonic() + seconds
    with client.Client(found) as connection:
        while time.monotonic() < end:
            begun = time.monotonic()
            connection.hello(timeout=60)
            taken.append(1000 * (time.monotonic() - begun))
            time.sleep(BETWEEN)
    taken.sort()
    count = len(taken)
    print(
        f"{count} hellos, median {taken[count // 2]:.1f}, p99 {taken[int(count * 0.99)]:.1f}, worst {taken[-1]:.1f} ms"
    )


def _be_the_crowd(found: endpoint.Endpoint, ended: threading.Event) -> None:
    """Strangers, of whom some leave and others come, and honest clients."""
    there = [stranger(found.address, STRANGERS_SEND) for _ in range(SOCKETS)]
    answers: list[bool] = []
    honest = [threading.Thread(target=_be_honest, args=(found, ended, answers)) for _ in range(HONEST)]
    for thread in honest:
        thread.start()
    print("there", flush=True)
    place = 0
    while not ended.wait(1 / NEWCOMERS):
        there[place].close()
        there[place] = stranger(found.address, STRANGERS_SEND)
        place = (place + 1) % SOCKETS
    for thread in honest:
        thread.join()
    print(f"honest clients: {sum(answers)} of {len(answers)} requests answered")


def _be_honest(found: endpoint.Endpoint, ended: threading.Event, answers: list[bool]) -> None:
    with client.Client(found) as connection:
        while not ended.is_set():
            answers.append(not isinstance(failure_of(WORKS["select 0"](), connection), UserError))


def _be_hostile(found: endpoint.Endpoint, ended: threading.Event) -> None:
    """Ask for what unpacks to 64 MB, for 260,000 points, and for what carries 48 MB, again and again."""
    side = 8192
    packed, image = Raster(side, side, 1, Depth.UINT8, 0, packed=True), ImageRef(width=side, height=side, key="")
    inpaint = Inpaint(job=Job.REMOVE, image=image, target=Target(mask=packed), window=whole(side, side), pixels=packed)
    points = Target(prompts=(ObjectPrompt(points=((0.5, 0.5),) * 260_000),))
    bomb, big = zlib.compress(bytes(side * side), 1), bytes(48 << 20)
    requests = [
        wire.encode("1", inpaint, [bomb]),
        wire.encode("2", Locate(job=Job.REMOVE, image=image, target=points)),
        wire.encode("3", messages.RemoveModel(name="nothing"), [big]),
    ]
    context, connection = homes.raw(found)
    sent = answers = 0
    while not ended.wait(0.3):
        for parts in requests:
            with contextlib.suppress(zmq.Again):
                connection.send_multipart(parts)
                sent += 1
        while connection.poll(0):
            connection.recv_multipart()
            answers += 1
    print(f"hostile client: {sent} messages sent, {answers} answers")
    connection.close()
    context.term()

"""Where faults happen: a server that has to survive all of them, one that is killed, and photos on a small disk."""

import contextlib
import ctypes
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inference_server.models.store import Store
from inference_server.shared import paths
from inference_server.shared.errors import ErrorCode

from ...cli import full_disk
from ...cli.pictures import put_scene
from ...servers import wait_until
from ...stand_in_hub import Hub
from .. import obedient
from ..processes import is_running
from . import homes
from .homes import REPOSITORY, Clock, Home
from .work import WORKS, Asker, References, failure_of

MODEL, WEIGHTS = "maker/small", "pytorch_lora_weights.safetensors"
WHERE = f"/{MODEL}/resolve/main/{WEIGHTS}"
DATA = random.Random(1).randbytes(1_000_000)
QUICK = ("remove", "replace")
LIGHT = 0.75  # of the faults that need no engine, for the server without one
LONGEST = 60  # seconds until a server has to be well again, on however busy a machine
DETACH = 2  # of mount.h
GRACE = 20  # seconds in which processes without a server have to end


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Seconds after a fault until the next hello was answered, and until the next job was done, and right."""

    hello: float
    job: float


class Ground:
    """The servers and what belongs to them.

    survivor: reached over TCP, so that strangers get to it; nobody ends its process or the one that works for it.
    victims: on this user's private socket, on a disk of 4 MB, with a clock that jumps; they are harmed in every way.
    The first has the engine, the second the worker of `obedient`, which costs so little that far more faults are
    possible; victim: the one whose turn it is.  quick: the works that each server does quickly.
    chance: what decides about everything that happens.
    """

    def __init__(self, folder: Path, hub: Hub, seed: int) -> None:
        self.folder, self.hub, self.chance = folder, hub, random.Random(seed)
        models = Store().folder
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.has_disk, self.clock = True, None
        try:
            full_disk.mount_small_disk(self.disk)
        except SystemExit:
            self.has_disk = False
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            self.clock = Clock(folder)
        hub.publish(MODEL, {WEIGHTS: DATA})
        self.survivor = Home(folder / "survivor", {"HF_ENDPOINT": hub.address}, homes.OVER_TCP)
        moved = self.clock.environment if self.clock else None
        self.victims = [Home(self.disk / "victim", moved), Home(self.disk / "obedient", moved, self._obedient())]
        self.victim = self.victims[0]
        homes.put_models(self.survivor, models)
        homes.put_linked_models(self.victim, models, folder / "weights")
        self.quick = {self.survivor: QUICK, self.victim: QUICK, self.victims[1]: ("order",)}
        self.pictures = self.disk / "pictures"
        self.pictures.mkdir()
        put_scene(self.pictures, "photo.png", "result.png")
        self.untouched = (self.pictures / "photo.png").read_bytes()
        (folder / "references").mkdir()
        self.references = References(folder / "references")
        self.finished = self._finished_photo()

    def _obedient(self) -> list[str]:
        return [*obedient.PROGRAM, f"ipc://{self.disk}/obedient/server.sock"]

    def choose_victim(self, *, engine: bool) -> None:
        """Whose turn it is next.  engine: whether it has to be one with the engine."""
        self.victim = self.victims[0 if engine else int(self.chance.random() < LIGHT)]

    def _finished_photo(self) -> bytes:
        """What removing from photo.png comes to."""
        assert self.remove().wait() == 0, "the command line does not work"
        after = (self.pictures / "result.png").read_bytes()
        (self.pictures / "result.png").write_bytes(self.untouched)
        return after

    def remove(self, before: str = "") -> "subprocess.Popen[str]":
        """Have the command line remove something from photo.png.  before: what the shell does first."""
        job = f"{sys.executable} -m inference_server remove photo.png --mask mask.png --overwrite -o result.png"
        environment = {**os.environ, paths.HOME_VARIABLE: str(self.victim.folder), "PYTHONPATH": str(REPOSITORY)}
        return subprocess.Popen(
            ["bash", "-c", f"{before} exec {job}"],
            cwd=self.pictures,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check_photos(self) -> None:
        """The result has to be as it was, or as it was to be, and the photo as it was; the former is put back."""
        found = (self.pictures / "result.png").read_bytes()
        assert found in (self.untouched, self.finished), f"a photo of {len(found)} bytes was lost or altered"
        assert (self.pictures / "photo.png").read_bytes() == self.untouched, "the photo itself was altered"
        for file in self.pictures.glob(".result.png.*.part"):  # what a kill leaves
            file.unlink()
        names = sorted(file.name for file in self.pictures.iterdir())
        assert names == ["mask.png", "photo.png", "result.png"], f"left behind: {names}"
        if found != self.untouched:
            (self.pictures / "result.png").write_bytes(self.untouched)

    def moment(self, longest: float = 0.8) -> None:
        """Wait for a random time."""
        time.sleep(self.chance.uniform(0, longest))

    def ask(self, home: Home, *names: str) -> Asker:
        """Somebody who asks for one of these works, by default the quick ones."""
        if home is self.victims[1]:
            names = ()
        return Asker(home.connect(), self.chance.choice(names or self.quick[home]), self.references)

    @contextlib.contextmanager
    def no_room(self) -> Iterator[None]:
        """Fill the small disk."""
        full_disk.fill(self.chance.choice((0, 0, 1)), self.disk)
        try:
            yield
        finally:
            (self.disk / full_disk.FILLER).unlink()

    @contextlib.contextmanager
    def spoiled(self, file: Path) -> Iterator[None]:
        """Have a file be cut off, empty, or with other bytes in it, while the context lasts."""
        kept = self.folder / "kept"
        shutil.copy2(file, kept)
        size = file.stat().st_size
        try:
            with file.open("r+b") as opened:
                if self.chance.random() < 0.4:
                    opened.truncate(self.chance.randrange(size))
                else:
                    opened.seek(self.chance.randrange(size))
                    opened.write(self.chance.randbytes(self.chance.randint(1, min(size, 5000))))
            yield
        finally:
            shutil.copy2(kept, file)

    def recover(self, home: Home) -> Recovery:
        """How long it takes until all is well.  Raises AssertionError where it does not get so."""
        begun, hello, name = time.monotonic(), None, self.quick[home][0]
        while time.monotonic() - begun < LONGEST:
            with home.connect() as connection:
                connection.hello()
                hello = hello or time.monotonic() - begun
                answer = failure_of(WORKS[name](), connection)
                code = getattr(answer, "code", None)
                if code is None:
                    altered = self.references.altered(name, answer)
                    assert not altered, f"{altered} pixels are altered after the fault"
                    return Recovery(hello=hello, job=time.monotonic() - begun)
            assert code in (ErrorCode.SERVER_GONE, ErrorCode.TOO_MUCH), f"after the fault: {answer}"
        raise AssertionError("it never got well")

    def check_processes(self) -> None:
        """No process may be left that belongs to no server."""
        for home in (self.survivor, *self.victims):
            strays = home.strays()
            if strays:
                wait_until(lambda strays=strays: not any(map(is_running, strays)), GRACE)

    def close(self) -> None:
        """End both servers, and take the disk away."""
        for home in (self.survivor, *self.victims):
            home.stop()
        ctypes.CDLL(None).umount2(os.fsencode(self.disk), DETACH)

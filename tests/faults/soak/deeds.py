"""The faults.  Each returns the server that then has to be well, or raises AssertionError for a broken promise."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator

import zmq

from inference_server.serve import limits
from inference_server.shared import endpoint, messages, preferences, wire
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import whole
from inference_server.shared.messages import Depth, ImageRef, Inpaint, Job, Raster, Target
from inference_server.shared.monitor import Monitor

from ...servers import wait_until
from .. import processes
from ..strangers import GREETING, connected, enveloped, stranger
from . import mutations
from .ground import DATA, MODEL, WEIGHTS, WHERE, Ground
from .homes import REPOSITORY, Home, raw
from .work import VARIANTS, WORKS, failure_of

YEAR = 365 * 24 * 3600
GONE = (ErrorCode.SERVER_GONE,)
FAULTS: dict[str, Callable[[Ground], Home]] = {}


OFTEN: list[str] = []  # what takes little time, so that it can come more often
ENGINE: list[str] = []  # what the engine has a part in


def fault(
    name: str, *, often: bool = False, engine: bool = False
) -> Callable[[Callable[[Ground], Home]], Callable[[Ground], Home]]:
    """Adds a fault to FAULTS, and to OFTEN and ENGINE if so."""

    def add(deed: Callable[[Ground], Home]) -> Callable[[Ground], Home]:
        FAULTS[name] = deed
        if often:
            OFTEN.append(name)
        if engine:
            ENGINE.append(name)
        return deed

    return add


@contextlib.contextmanager
def rude(home: Home) -> Iterator["zmq.Socket[bytes]"]:
    """A client that sends whatever it likes."""
    with home.entered():
        context, connection = raw(endpoint.running())
    try:
        yield connection
    finally:
        connection.close()
        context.term()


def some_work(ground: Ground) -> list[wire.Bytes]:
    """The parts of a request."""
    return wire.encode("1", *WORKS[ground.chance.choice(("remove", "replace", "select 0", "preview 0"))]())


# -- processes that end, or stop


@fault("server killed in a job", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.victim)
    ground.moment()
    os.kill(ground.victim.pid, signal.SIGKILL)
    asker.check(*GONE)
    return ground.victim


@fault("server ended (SIGTERM) in a job", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.victim)
    ground.moment()
    os.kill(ground.victim.pid, signal.SIGTERM)
    asker.check(*GONE)
    return ground.victim


@fault("server killed while it starts", often=True)
def _(ground: Ground) -> Home:
    if ground.victim.pid:
        os.kill(ground.victim.pid, signal.SIGKILL)
    starting = ground.victim.start()
    ground.moment()
    starting.kill()
    starting.wait()
    return ground.victim


@fault("three servers started at once", often=True)
def _(ground: Ground) -> Home:
    if ground.victim.pid:
        os.kill(ground.victim.pid, signal.SIGKILL)
    started = [ground.victim.start() for _ in range(3)]
    ground.victim.connect().close()
    left = ground.victim.pid
    for process in started:
        if process.pid != left:
            assert process.wait(30) == 0, "one of them did not leave in peace"
    return ground.victim


def _end_worker(ground: Ground, how: signal.Signals) -> None:
    for pid in ground.victim.workers[:1]:
        os.kill(pid, how)
        wait_until(lambda pid=pid: not processes.is_running(pid))


@fault("worker killed in a job", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.victim, "remove", "replace", "select 1", "preview 0")
    ground.moment()
    _end_worker(ground, signal.SIGKILL)
    asker.check(ErrorCode.NO_MEMORY)
    return ground.victim


@fault("worker crashes (SIGSEGV) in a job", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.victim)
    ground.moment()
    _end_worker(ground, signal.SIGSEGV)
    asker.check(ErrorCode.INTERNAL, ErrorCode.NO_MEMORY)
    return ground.victim


@fault("client killed in a job")
def _(ground: Ground) -> Home:
    command = [sys.executable, "-m", "tests.faults.soak", "client", str(ground.folder / "references")]
    with ground.survivor.entered():
        asking = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert asking.stdout
    asking.stdout.readline()  # it has had an answer
    ground.moment()
    asking.kill()
    asking.communicate()
    return ground.survivor


@fault("client leaves in a job", often=True)
def _(ground: Ground) -> Home:
    with rude(ground.survivor) as connection:
        connection.send_multipart(some_work(ground))
        ground.moment()
    return ground.survivor


def _stopped(ground: Ground, home: Home, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    ground.moment(1.5)
    os.kill(pid, signal.SIGCONT)


@fault("server stopped for a while (SIGSTOP)", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.survivor, "remove", "replace", "select 0")
    ground.moment(0.3)
    _stopped(ground, ground.survivor, ground.survivor.pid)
    asker.check()
    return ground.survivor


@fault("worker stopped for a while (SIGSTOP)", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.survivor, "remove", "replace", "select 0")
    ground.moment(0.3)
    _stopped(ground, ground.survivor, ground.survivor.workers[0])
    asker.check()
    return ground.survivor


@fault("job cancelled", often=True)
def _(ground: Ground) -> Home:
    asker = ground.ask(ground.survivor, f"select {ground.chance.randrange(VARIANTS)}", "remove", "replace")
    ground.moment()
    asker.stop.set()
    asker.check(ErrorCode.CANCELLED)
    return ground.survivor


# -- the command line


@fault("command killed")
def _(ground: Ground) -> Home:
    command = ground.remove()
    ground.moment(2.5)
    command.kill()
    command.communicate()
    ground.check_photos()
    return ground.survivor


@fault("command ended (SIGTERM)")
def _(ground: Ground) -> Home:
    command = ground.remove()
    ground.moment(2.5)
    command.terminate()
    said = command.communicate()[1]
    assert "Traceback" not in said, said
    ground.check_photos()
    return ground.survivor


@fault("command without memory (ulimit -v)")
def _(ground: Ground) -> Home:
    command = ground.remove(f"ulimit -v {ground.chance.randint(60, 900) << 10};")
    said = command.communicate()[1]
    # Below 200 MB Python itself does not get as far as our first line.
    assert command.returncode == 0 or "emory" in said or "allocate" in said or "mmap" in said, said
    ground.check_photos()
    return ground.survivor


@fault("command on a full disk")
def _(ground: Ground) -> Home:
    with ground.no_room():
        command = ground.remove()
        said = command.communicate()[1]
    assert command.returncode == 0 or ("no room left on the disk" in said and "Traceback" not in said), said
    ground.check_photos()
    return ground.survivor


# -- the disk, and files


@fault("full disk in a job", often=True)
def _(ground: Ground) -> Home:
    ground.victim.connect().close()
    with ground.no_room():
        asker = ground.ask(ground.victim, "remove", "replace", "select 2")
        asker.check(ErrorCode.DISK_FULL, ErrorCode.NO_SERVER)
    return ground.victim


@fault("full disk while it starts", often=True)
def _(ground: Ground) -> Home:
    if ground.victim.pid:
        os.kill(ground.victim.pid, signal.SIGKILL)
    with ground.no_room():
        try:
            ground.victim.connect().close()
        except UserError as error:
            assert "room" in str(error) and "\n" not in str(error), error
    return ground.victim


@fault("full disk while settings are written", often=True)
def _(ground: Ground) -> Home:
    with ground.victim.entered():
        file = ground.victim.folder / "settings.json"
        preferences.write(preferences.Preferences(idle_minutes=7))
        before = file.read_bytes()
        with ground.no_room(), contextlib.suppress(UserError):
            preferences.write(preferences.Preferences(idle_minutes=8))
        assert file.read_bytes() in (before, before.replace(b"7", b"8")), "the settings are lost"
    return ground.victim


@fault("weights corrupt", engine=True)
def _(ground: Ground) -> Home:
    ground.victim.stop()
    name = ground.chance.choice(("encoder.onnx", "decoder.onnx"))
    (file,) = (ground.folder / "weights").rglob(name)
    with ground.spoiled(file):
        ground.ask(ground.victim, "select 3", "preview 4").check(ErrorCode.MODEL_CORRUPT)
        ground.victim.stop()
    return ground.victim


@fault("files of the private folder corrupt", often=True)
def _(ground: Ground) -> Home:
    ground.victim.connect().close()
    with ground.victim.entered():
        preferences.write(preferences.Preferences(idle_minutes=7))
    name = ground.chance.choice(("settings.json", "server.json", "server.log"))
    with ground.spoiled(ground.victim.folder / name), contextlib.suppress(UserError):
        ground.ask(ground.victim).check(ErrorCode.NO_SERVER, *GONE)
    return ground.victim


@fault("a listed key corrupt", often=True)
def _(ground: Ground) -> Home:
    file = ground.survivor.folder / "keys" / "clients" / "other.key"
    file.write_bytes(ground.chance.randbytes(ground.chance.randrange(300)))
    ground.ask(ground.survivor).check()
    file.unlink()
    return ground.survivor


# -- memory, file descriptors, time


@fault("worker without memory (RLIMIT_AS)", engine=True)
def _(ground: Ground) -> Home:
    with ground.victim.connect() as connection:
        connection.request(*WORKS["remove"]())
    worker = ground.victim.workers[0]
    used = processes.virtual(worker)
    most = int((used + ground.chance.uniform(0, 250)) * 2**20)
    resource.prlimit(worker, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    ground.ask(ground.victim, f"select {ground.chance.randrange(VARIANTS)}", "replace").check(ErrorCode.NO_MEMORY)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(worker, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return ground.victim


@fault("server without file descriptors")
def _(ground: Ground) -> Home:
    ground.victim.connect().close()
    pid = ground.victim.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    most = processes.usage(pid).files + ground.chance.randrange(4)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
    refused = 0
    for _ in range(6):
        try:
            ground.victim.connect().close()
        except UserError:
            refused += 1
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert processes.is_running(pid), f"the server has died of it, {refused} clients were refused"
    return ground.victim


@fault("clock jumps in a job", often=True)
def _(ground: Ground) -> Home:
    assert ground.clock
    asker = ground.ask(ground.victim, "remove", "replace", "select 0")
    for _ in range(3):
        ground.moment(0.3)
        ground.clock.set(ground.chance.choice((-10 * YEAR, -3600, -1, 1, 3600, 10 * YEAR)))
    asker.check()
    ground.clock.set(0)
    return ground.victim


# -- strangers, and clients that do not behave


@fault("stranger announces 480 MB")
def _(ground: Ground) -> Home:
    connection = stranger(ground.survivor.address, 480 << 20)
    connection.close()
    return ground.survivor


@fault("strangers send nonsense", often=True)
def _(ground: Ground) -> Home:
    for _ in range(20):
        connection = connected(ground.survivor.address)
        with contextlib.suppress(OSError):
            if ground.chance.random() < 0.5:
                connection.sendall(GREETING[: ground.chance.randrange(len(GREETING) + 1)])
            connection.sendall(ground.chance.randbytes(ground.chance.randrange(5000)))
        connection.close()
    return ground.survivor


@fault("flood of connections")
def _(ground: Ground) -> Home:
    there = []
    with contextlib.suppress(OSError):
        for _ in range(300):
            there.append(connected(ground.survivor.address))
    ground.ask(ground.survivor).check()
    for connection in there:
        connection.close()
    return ground.survivor


@fault("flood of requests")
def _(ground: Ground) -> Home:
    with rude(ground.survivor) as connection:
        for k in range(100):
            connection.send_multipart(wire.encode(str(k), *WORKS["remove"]()))
        ground.ask(ground.survivor).check()
    return ground.survivor


@fault("client that takes no answers")
def _(ground: Ground) -> Home:
    with rude(ground.survivor) as connection:
        connection.rcvhwm = 1
        for k in range(limits.MOST_REQUESTS):
            connection.send_multipart(wire.encode(str(k), *WORKS["replace"]()))
        ground.ask(ground.survivor).check()
        ground.moment()
    return ground.survivor


@fault("client that sends slowly", often=True)
def _(ground: Ground) -> Home:
    parts = some_work(ground)
    with rude(ground.survivor) as connection:
        for part in parts[:-1]:
            connection.send(part, zmq.SNDMORE)
            time.sleep(0.02)
        ground.ask(ground.survivor).check()
        connection.send(parts[-1])
    return ground.survivor


def _answered(connection: "zmq.Socket[bytes]") -> None:
    """Read all answers that have come; all of them have to be messages of ours."""
    while connection.poll(100):
        wire.decode(connection.recv_multipart())


@fault("truncated messages", often=True)
def _(ground: Ground) -> Home:
    with rude(ground.survivor) as connection:
        for _ in range(20):
            connection.send_multipart(mutations.truncated(some_work(ground), ground.chance))
        _answered(connection)
    return ground.survivor


@fault("mutated messages", often=True)
def _(ground: Ground) -> Home:
    with rude(ground.survivor) as connection:
        for _ in range(20):
            connection.send_multipart(mutations.mutated(some_work(ground), ground.chance))
        _answered(connection)
    return ground.survivor


@fault("messages that unpack to 64 MB, and deep ones", often=True)
def _(ground: Ground) -> Home:
    side = 8192
    packed = Raster(side, side, 1, Depth.UINT8, 0, packed=True)
    image = ImageRef(width=side, height=side, key="")
    bomb = Inpaint(job=Job.REMOVE, image=image, target=Target(mask=packed), window=whole(side, side), pixels=packed)
    with rude(ground.survivor) as connection:
        connection.send_multipart(wire.encode("1", bomb, [zlib.compress(bytes(side * side), 1)]))
        connection.send_multipart(enveloped(b"[" * ground.chance.randrange(4 << 20)))
        connection.send_multipart(enveloped(b'{"points":[' + b"[0.5,0.5]," * ground.chance.randrange(200_000)))
        connection.send_multipart([b"{}"] * ground.chance.randrange(20_000))
        ground.ask(ground.survivor).check()
        _answered(connection)
    return ground.survivor


# -- downloads


def _fetch(ground: Ground, moods: list[str], *codes: ErrorCode, seconds: float = 60) -> None:
    """Have the survivor download a model while the hub is in these moods; it is whole then, or not there."""
    ground.hub.moods[WHERE] = moods
    begun = time.monotonic()
    monitor = Monitor(is_cancelled=lambda: time.monotonic() - begun > seconds)
    with ground.survivor.connect() as connection:
        answer = failure_of((messages.FetchModel(name=MODEL), []), connection, monitor)
        ground.hub.moods.clear()
        assert not isinstance(answer, UserError) or answer.code in codes, answer
        file = ground.survivor.folder / "models" / MODEL.replace("/", "--") / WEIGHTS
        if isinstance(answer, UserError):
            assert not file.exists() or file.read_bytes() == DATA, "a torn download counts as a model"
            answer = failure_of((messages.FetchModel(name=MODEL), []), connection)
            assert not isinstance(answer, UserError), f"the next download: {answer}"
        assert file.read_bytes() == DATA, "a download is other than what was offered"
        connection.request(messages.RemoveModel(name=MODEL))


@fault("downloads torn", often=True)
def _(ground: Ground) -> Home:
    _fetch(ground, [ground.chance.choice(("cut", "whole", "503")) for _ in range(ground.chance.randint(1, 2))])
    return ground.survivor


@fault("downloads that lie")
def _(ground: Ground) -> Home:
    _fetch(ground, ["lie"] * 9, ErrorCode.NO_NETWORK)
    return ground.survivor


@fault("downloads refused, or sent elsewhere")
def _(ground: Ground) -> Home:
    mood = ground.chance.choice(("404", "to file:///etc/passwd", "to ftp://127.0.0.1/x", "elsewhere"))
    _fetch(ground, [mood] * 9, ErrorCode.NO_NETWORK, ErrorCode.NO_MODEL)
    return ground.survivor


@fault("downloads that stand still, cancelled")
def _(ground: Ground) -> Home:
    _fetch(ground, ["stall"] * 9, ErrorCode.CANCELLED, seconds=ground.chance.uniform(0, 1))
    return ground.survivor


@fault("download's process killed")
def _(ground: Ground) -> Home:
    ground.hub.moods[WHERE] = ["stall"] * 9
    with rude(ground.survivor) as connection:
        connection.send_multipart(wire.encode("1", messages.FetchModel(name=MODEL)))
        ground.moment()
        for pid in ground.survivor.workers[1:]:
            os.kill(pid, signal.SIGKILL)
    ground.hub.moods.clear()
    _fetch(ground, [])
    return ground.survivor


def available(ground: Ground) -> list[str]:
    """The faults that this machine allows, some of them twice."""
    left_out = ("clock",) if ground.clock is None else ()
    if not ground.has_disk:
        left_out = (*left_out, "full disk", "command on a full")
    return [name for name in (*FAULTS, *OFTEN) if not name.startswith(left_out)]

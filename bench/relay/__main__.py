"""What the relay costs against a socket of one's own, and what it stands.

    python bench/relay            times: of a start, of small messages, of a photo's window
    python bench/relay --long     10,000 requests and 10 GB through a relay, and 100 that are killed

A small server answers each message with its own parts, or with its first alone.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from inference_server.shared import client, endpoint, paths, pipe, wire
from inference_server.shared.endpoint import Endpoint
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.link import PIECE, Bytes, Link, LinkEvent
from inference_server.shared.relay_link import RelayLink, Relays

RELAY = [sys.executable, "-m", "inference_server", "relay"]
ROUNDS = 15
LONG_ROUNDS = 60  # of what the processor is asked for, whose clock ticks a hundred times a second
RELAYS = Relays(RELAY)
WAYS: dict[str, Callable[[Endpoint], Link]] = {"own socket": client.own_socket, "relay": RELAYS.open}
SIZES = (4 << 10, 3 << 20, 12 << 20, 72 << 20)  # bytes: a click, a window of a megapixel, of four, a whole photo
IMPORT = "import time; begun = time.monotonic(); import zmq; print(time.monotonic() - begun)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--echo", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.echo:
        echo(given.echo)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ[paths.HOME_VARIABLE] = str(paths.private_folder(Path(scratch) / "home"))
        address = f"ipc://{scratch}/echo"
        with subprocess.Popen([sys.executable, __file__, "--echo", address]) as server:
            try:
                while not (Path(scratch) / "echo").exists():
                    time.sleep(0.02)
                reached = Endpoint(address=address)
                (endurance if given.long else times)(reached)
                if not given.long:
                    processor(reached, server.pid)
            finally:
                server.kill()
        if given.long:
            killed()
    return 0


def echo(address: str) -> None:
    """Answer, for ever.  A message whose second part is empty gets its first alone."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.bind(address)
    while True:
        name, *parts = router.recv_multipart(copy=False)
        router.send_multipart([name, *(parts[:1] if not len(parts[1]) else parts)], copy=False)


def ask(link: Link, parts: list[Bytes]) -> list[Bytes]:
    """Send and wait for the answer."""
    link.send(parts)
    while True:
        news = link.receive(60)
        if isinstance(news, list):
            return news
        assert news == LinkEvent.AUTHENTICATED, f"no answer: {news!r}"


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The least of some rounds: what else the machine does only adds."""
    taken = []
    for _ in range(rounds):
        begun = time.monotonic()
        work()
        taken.append(time.monotonic() - begun)
    return min(taken)


def times(reached: Endpoint) -> None:
    """Print what each way takes."""

    def begin(open_link: Callable[[Endpoint], Link]) -> None:
        link = open_link(reached)
        ask(link, [b"1", b""])
        link.close()

    importing = min(float(subprocess.check_output([sys.executable, "-c", IMPORT], text=True)) for _ in range(ROUNDS))
    own = seconds(lambda: begin(client.own_socket))
    relay = seconds(lambda: begin(Relays(RELAY).open))
    waited = []
    for _ in range(ROUNDS):
        relays = Relays(RELAY)
        relays.prepare()
        time.sleep(0.3)
        waited.append(seconds(lambda: begin(relays.open), 1))  # noqa: B023  called at once
    print("to the first answer")
    print(
        f"  own socket               {1000 * (importing + own):.0f} ms, of which importing pyzmq {1000 * importing:.0f}"
    )
    print(f"  relay                    {1000 * relay:.0f} ms")
    print(f"  relay, begun in advance  {1000 * min(waited):.0f} ms")
    throughput({name: way(reached) for name, way in WAYS.items()})


def throughput(links: dict[str, Link]) -> None:
    """Print what each way takes for each size, turn and turn about, and their ratio; then end them."""
    print(f"{'MB':>8}  {'sent: own socket':>16} {'relay':>9}        {'and answered':>12} {'relay':>9}")
    for size in SIZES:
        parts = list(wire._split(bytes(size)))
        line = f"{size / 1e6:8.3f}  "
        for answered in (b"", b"x"):
            taken: dict[str, list[float]] = {name: [] for name in links}
            for _ in range(ROUNDS):
                for name, link in links.items():
                    taken[name].append(seconds(lambda: ask(link, [b"1", answered, *parts]), 1))  # noqa: B023  at once
            own, relay = (1000 * min(taken[name]) for name in WAYS)
            line += f"{own:13.2f} ms {relay:6.2f} ms ({relay / own:.2f})"
        print(line)
    for link in links.values():
        link.close()


def processor(reached: Endpoint, server: int) -> None:
    """Print the processor time of all processes together for a window of four megapixels both ways."""
    parts = list(wire._split(bytes(12 << 20)))
    print("processor time for 12 MB sent and answered")
    for name, way in WAYS.items():
        link = way(reached)
        ask(link, [b"1", b""])
        processes = [os.getpid(), server, *([link._relay.process.pid] if isinstance(link, RelayLink) else [])]
        before = sum(map(worked, processes))
        for _ in range(LONG_ROUNDS):
            ask(link, [b"1", b"x", *parts])
        print(f"  {name:10} {1000 * (sum(map(worked, processes)) - before) / LONG_ROUNDS:6.1f} ms")
        link.close()
    print(f"  a pipe     {1000 * piped(parts):6.1f} ms, which copies it in and out, both ways")


def piped(parts: list[Bytes]) -> float:
    """Seconds of the processor that it takes to bring the parts through a pipe twice."""
    source, target = os.pipe()
    pipe.enlarge(target)
    taken, data = bytearray(pipe.CAPACITY), memoryview(bytes(pipe.CAPACITY))
    begun = time.process_time()
    for _ in range(2 * sum(map(len, parts)) // len(data)):
        os.write(target, data)
        os.readv(source, [taken])
    return time.process_time() - begun


def worked(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, numbers[11:13])) / os.sysconf("SC_CLK_TCK")


def endurance(reached: Endpoint) -> None:
    """10,000 small requests, then 10 GB, half of it each way."""
    link = WAYS["relay"](reached)
    begun = time.monotonic()
    for k in range(10_000):
        assert bytes(ask(link, [b"%d" % k, b""])[0]) == b"%d" % k
    print(f"10,000 requests            {time.monotonic() - begun:.1f} s")
    window = os.urandom(12 << 20)
    parts = list(wire._split(window))
    begun, moved = time.monotonic(), 0
    while moved < 10e9:
        assert b"".join(ask(link, [b"1", b"x", *parts])[2:]) == window
        moved += 2 * len(window)
    print(f"{moved / 1e9:.1f} GB                    {time.monotonic() - begun:.1f} s, every byte compared")
    assert isinstance(link, RelayLink)
    memory = resident(link._relay.process.pid)
    print(f"memory of the relay        {memory:.0f} MB ({len(parts)} parts of {PIECE >> 10} KB)")
    link.close()


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def killed() -> None:
    """Kill relays at random while the real server is asked."""
    serve = [sys.executable, "-m", "inference_server", "serve"]
    generator, said, relays = random.Random(0), 0, []
    with client.connect(serve):
        for _ in range(100):
            with client.connect(serve, open_link=WAYS["relay"]) as connection:
                relays.append(connection._link._relay.process)
                killer = threading.Timer(generator.random() / 20, relays[-1].send_signal, (signal.SIGKILL,))
                killer.start()
                try:
                    while True:
                        connection.hello()
                except UserError as error:
                    said += error.code == ErrorCode.SERVER_GONE and "has broken" in error.sentence
        with client.Client(endpoint.running(), WAYS["relay"]) as connection:
            connection.hello()
            connection.stop_server()
            relays.append(connection._link._relay.process)
    RELAYS.close()
    time.sleep(1)
    left = sum(relay.poll() is None for relay in relays)
    print(f"killed 100 times           said {said} times, the next request worked each time; {left} relays left")


if __name__ == "__main__":
    sys.exit(main())

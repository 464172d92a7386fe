"""A fuzzer that follows which code its bytes reach (libFuzzer, through atheris), and mutated messages over a socket.

Each target runs in a process of its own, so that one that crashes does not end the others.
"""

import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inference_server.shared import messages, wire
from inference_server.shared.errors import UserError

from ...servers import raw_socket
from .. import obedient
from . import mutations
from .homes import REPOSITORY, Home

LONGEST = 4096  # bytes
OVER_THE_SOCKET = 0.05  # of all messages
BETWEEN_HELLOS = 200  # messages
LAST = "the last one"


def run(count: int, folder: Path, seed: int) -> bool:
    """Fuzz all targets, `count` messages and a share of that for the others.  Returns whether nothing was found."""
    from .targets import TARGETS

    well = True
    for name, target in TARGETS.items():
        well &= _run_target(name, [*target.seeds()], round(count * target.share), folder / name, seed)
    return _over_the_socket(round(count * OVER_THE_SOCKET), seed) and well


def _run_target(name: str, seeds: list[bytes], count: int, folder: Path, seed: int) -> bool:
    """Fuzz one target in a process of its own; what it finds is kept in the folder."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for k, data in enumerate(seeds):
        (corpus / f"seed-{k}").write_bytes(data)
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.faults.soak", "target", name, str(corpus), f"-runs={count}"]
    options = [f"-seed={seed % 2**31}", f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=2048"]
    options += [f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    done = subprocess.run([*command, *options], cwd=REPOSITORY, capture_output=True, text=True, errors="replace")
    (folder / "log").write_text(done.stderr)
    executed = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    reached = re.findall(r"cov: (\d+)", done.stderr)
    print(
        f"{name}: {executed[1] if executed else '?'} inputs in {time.monotonic() - begun:.0f} s, "
        f"{reached[-1] if reached else '?'} branches reached, {'nothing found' if not done.returncode else 'FAULT'}",
        flush=True,
    )
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-25:]), f"\nMore is in {folder}.")
    return not done.returncode


def _over_the_socket(count: int, seed: int) -> bool:
    """Mutated messages to a real server, each few followed by a good one, which is answered."""
    chance, begun, answers = random.Random(seed), time.monotonic(), 0
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "home", command=[*obedient.PROGRAM, f"ipc://{scratch}/home/server.sock"])
        with home.connect() as client:
            pid = client.hello().pid
        for sent in range(0, count, BETWEEN_HELLOS):
            try:
                answers += _mutated(home, chance, min(BETWEEN_HELLOS, count - sent))
                assert home.pid == pid, "the server has ended"
            except (AssertionError, UserError, wire.ProtocolError) as fault:
                print(f"over the socket: FAULT after {sent} messages, seed {seed}: {fault}")
                return False
        home.stop()
    print(f"over the socket: {count} messages in {time.monotonic() - begun:.0f} s, {answers} answers, nothing found")
    return True


def _mutated(home: Home, chance: random.Random, count: int) -> int:
    """Send so many mutated messages and a good one; the number of answers before that of the last."""
    works = [wire.encode("1", obedient.order("nothing")), wire.encode("1", obedient.order("refuse"), [bytes(5000)])]
    context, connection = raw_socket(home.address)
    for _ in range(count):
        connection.send_multipart(mutations.mutated(chance.choice(works), chance))
    connection.send_multipart(wire.encode(LAST, messages.Hello(client="fuzzer")))
    answers, request_id = -1, ""
    while request_id != LAST:
        assert connection.poll(60_000), "a hello was not answered"
        request_id = wire.decode(connection.recv_multipart())[0]
        answers += 1
    connection.close()
    context.term()
    return answers

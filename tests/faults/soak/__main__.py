"""The command line of this package (see there).  What a command needs is imported when it runs: `target` says why."""

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

Arguments = list[str]


def main() -> int:
    arguments = sys.argv[1:]
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "faults"
    if sys.platform != "linux":
        print("The soak reads what Linux tells of processes: it runs nowhere else.", file=sys.stderr)
        return 1
    if command not in COMMANDS:
        print(f"There is no soak called {command}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
        return 1
    return COMMANDS[command](arguments)


def faults(arguments: Arguments) -> int:
    """Faults at random moments, until the time is over or the process is told to end; then the report."""
    from . import campaign

    parser = argparse.ArgumentParser(prog="install.py soak", description=faults.__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="for the report and the plot (default: a new one)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        campaign.run(folder, given.minutes, given.seed, ended.is_set)
    finally:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        status = report([str(folder)])
    return status


def report(arguments: Arguments) -> int:
    """The report of a soak, from its folder; the exit status says whether a promise was broken."""
    from . import report as reports

    folder = Path(arguments[0])
    found = reports.text(folder)
    (folder / "report.md").write_text(found)
    print(found)
    return int("BROKEN" in found)


def fuzz(arguments: Arguments) -> int:
    """Bytes that nobody expects, for what reads messages and files."""
    from . import fuzz as fuzzer

    parser = argparse.ArgumentParser(prog="install.py soak fuzz", description=fuzz.__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="for what is found (default: a new one)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"seed {given.seed}; what is found is kept in {folder}", flush=True)
    return int(not fuzzer.run(given.messages, folder, given.seed))


def cancels(arguments: Arguments) -> int:
    """Jobs cancelled at random moments."""
    from . import cancels as cancelling

    parser = argparse.ArgumentParser(prog="install.py soak cancels", description=cancels.__doc__)
    parser.add_argument("--count", type=int, default=200, help="of each job")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    cancelling.run(given.count, given.seed)
    return 0


def hellos(arguments: Arguments) -> int:
    """Hellos while a crowd and a hostile client are there."""
    from . import hellos as measuring

    parser = argparse.ArgumentParser(prog="install.py soak hellos", description=hellos.__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    measuring.run(parser.parse_args(arguments).seconds)
    return 0


# -- the processes that these start


def client(arguments: Arguments) -> int:
    """Be an honest client."""
    from . import work

    parser = argparse.ArgumentParser()
    parser.add_argument("references", type=Path)
    parser.add_argument("--pause", type=float, default=0)
    given = parser.parse_args(arguments)
    work.ask_for_ever(given.references, given.pause)
    return 0


def role(arguments: Arguments) -> int:
    """Be one of those in `hellos`."""
    from . import hellos as measuring

    measuring.play(arguments[0], arguments[1:])
    return 0


def target(arguments: Arguments) -> int:
    """Fuzz one target.  Nothing of the product may be imported before, or the fuzzer does not see what is reached."""
    import atheris

    with atheris.instrument_imports(include=["inference_server"]):
        from . import targets
    targets.enter_home()
    name, *options = arguments
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name].take)
    atheris.Fuzz()  # does not return
    return 0


COMMANDS = {one.__name__: one for one in (faults, report, fuzz, cancels, hellos, client, role, target)}

if __name__ == "__main__":
    sys.exit(main())

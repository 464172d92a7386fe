"""The command line of this package (see there)."""

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

COMMANDS = ("faults", "report", "fuzz", "cancels", "hellos", "client", "target", "role")


def main() -> int:
    arguments = sys.argv[1:]
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "faults"
    if command not in COMMANDS:
        print(f"There is no soak called {command}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
        return 1
    return globals()[f"_{command}"](arguments)


def _faults(arguments: list[str]) -> int:
    from . import campaign, report

    parser = argparse.ArgumentParser(prog="install.py soak", description="Faults at random moments.")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="for the report and the plot (default: a new one)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # it may end early, with its report
        signal.signal(number, lambda *_: ended.set())
    try:
        campaign.run(folder, given.minutes, given.seed, ended.is_set)
    finally:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        if (folder / campaign.SAMPLES).read_text():
            found = report.text(folder)
            (folder / "report.md").write_text(found)
            print(found)
    return int("BROKEN" in found)


def _report(arguments: list[str]) -> int:
    from . import report

    print(report.text(Path(arguments[0])))
    return 0


def _fuzz(arguments: list[str]) -> int:
    from . import fuzz

    parser = argparse.ArgumentParser(prog="install.py soak fuzz", description="Bytes that nobody expects.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="for what is found (default: a new one)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"seed {given.seed}; what is found is kept in {folder}", flush=True)
    return int(not fuzz.run(given.messages, folder, given.seed))


def _cancels(arguments: list[str]) -> int:
    from . import cancels

    parser = argparse.ArgumentParser(prog="install.py soak cancels", description="Jobs cancelled at random moments.")
    parser.add_argument("--count", type=int, default=200, help="of each job")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    cancels.run(given.count, given.seed)
    return 0


def _hellos(arguments: list[str]) -> int:
    from . import hellos

    parser = argparse.ArgumentParser(prog="install.py soak hellos", description="Hellos in a crowd.")
    parser.add_argument("--seconds", type=float, default=60)
    hellos.run(parser.parse_args(arguments).seconds)
    return 0


def _role(arguments: list[str]) -> int:
    from . import hellos

    hellos.play(arguments[0], arguments[1:])
    return 0


def _target(arguments: list[str]) -> int:
    """Be the process that fuzzes one target.  Nothing of the product may have been imported before."""
    import atheris

    with atheris.instrument_imports(include=["inference_server"]):
        from . import targets
    targets.enter_home()
    name, *options = arguments
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name].take)
    atheris.Fuzz()  # does not return
    return 0


def _client(arguments: list[str]) -> int:
    from . import work

    parser = argparse.ArgumentParser()
    parser.add_argument("references", type=Path)
    parser.add_argument("--pause", type=float, default=0)
    given = parser.parse_args(arguments)
    work.ask_for_ever(given.references, given.pause)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Starting programs of the server's Python, from GIMP's or from its own: without its surroundings, and unseen.

Standard library only.
"""

import os
import subprocess
import sys
import typing
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from . import paths
from .errors import ErrorCode, UserError
from .text import tr

NONE: Mapping[str, str] = MappingProxyType({})
MOST_SAID = 1 << 16  # bytes of what a program says that cannot be started


def environment() -> dict[str, str]:
    """The variables for another Python than this one, which finds the same private folder.

    GIMP sets PYTHONHOME and PYTHONPATH for its own Python; another's first import would fail with them.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PYTHON")}
    return {**kept, paths.HOME_VARIABLE: str(paths.home())}


def detached() -> dict[str, typing.Any]:
    """The arguments of Popen for a process that no terminal interrupts and that shows no console."""
    if sys.platform == "win32":
        # Not DETACHED_PROCESS: without a console of its own, each program that it starts would show one.
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def run(command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end; what it has said can be read of what is returned.  Raises OSError."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), **detached())


def start(
    command: Sequence[str], *, pipes: bool = False, variables: Mapping[str, str] = NONE
) -> "subprocess.Popen[bytes]":
    """A process that may outlive this one; what it says on its stderr can be read here.

    pipes: whether there are pipes to and from it.  variables: beside those of `environment`.  Raises UserError.
    """
    talk = subprocess.PIPE if pipes else subprocess.DEVNULL
    try:
        # stderr is a pipe, not a file: the disk may be full.
        return subprocess.Popen(
            command,
            stdin=talk,
            stdout=talk,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=paths.private_folder(paths.home()),
            env={**environment(), **variables},
            **detached(),
        )
    except OSError as error:
        sentence = tr(
            "The inference server could not be started: {command}: {error}.", command=command[0], error=error.strerror
        )
        raise UserError(ErrorCode.NO_SERVER, sentence, "Run install.py again.") from None


def not_started_error(process: "subprocess.Popen[bytes]") -> UserError:
    """The error for a process that has ended before it could be talked to."""
    return UserError(
        ErrorCode.NO_SERVER,
        tr("The inference server could not be started: {reason}", reason=_last_line(process)),
        tr("More about it is in {file}.", file=paths.home() / "server.log"),
    )


def _last_line(process: "subprocess.Popen[bytes]") -> str:
    """The last that a process said before it ended."""
    assert process.stderr
    with process.stderr as stream:
        lines = stream.read(MOST_SAID).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else tr("it left without a word.")

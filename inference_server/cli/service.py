"""Having the system start the server for the network when this user logs in, and no longer.

Linux: a unit of the user's systemd.  macOS: an agent of launchd.  Windows: a task of the scheduler.
"""

import plistlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..shared.atomic import write_atomically
from ..shared.errors import ErrorCode, UserError, file_error
from ..shared.text import tr

NAME = "inpaint-anything"
LABEL = "org.inpaint-anything.server"


@dataclass(frozen=True, kw_only=True)
class Service:
    """file: what describes it to the system, with its content; None where a command does.  begin, end: the commands
    that make the system start it, and take that back."""

    file: Path | None = None
    content: bytes = b""
    begin: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]


def service(system: str = sys.platform, python: str = sys.executable) -> Service:
    """The one for a system, as `sys.platform` names it."""
    command = [python, "-m", "inference_server", "serve", "--lan"]
    if system == "win32":
        line = subprocess.list2cmdline(command)
        return Service(
            begin=(("schtasks", "/Create", "/F", "/SC", "ONLOGON", "/TN", NAME, "/TR", line), _task("/Run")),
            end=(_task("/End"), (*_task("/Delete"), "/F")),
        )
    if system == "darwin":
        file = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        described = {"Label": LABEL, "ProgramArguments": command, "RunAtLoad": True, "KeepAlive": True}
        return Service(
            file=file,
            content=plistlib.dumps(described),
            begin=(("launchctl", "load", "-w", str(file)),),
            end=(("launchctl", "unload", "-w", str(file)),),
        )
    unit = f"{NAME}.service"
    return Service(
        file=Path.home() / ".config" / "systemd" / "user" / unit,
        content=_unit(command).encode(),
        begin=(("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", unit)),
        end=(("systemctl", "--user", "disable", "--now", unit),),
    )


def install() -> int:
    """Have the system start it, now and from now on.  Raises UserError; nothing of it stays then."""
    wanted = service()
    try:
        if wanted.file:
            wanted.file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(wanted.file, wanted.content)
    except OSError as error:
        raise file_error(error.filename or wanted.file, error) from None
    try:
        for command in wanted.begin:
            _run(command)
    except UserError:
        if wanted.file:
            wanted.file.unlink(missing_ok=True)
        raise
    print("The server for the network runs, and starts when you log in.")
    return 0


def remove() -> int:
    """Take `install` back.  Raises UserError."""
    wanted = service()
    if wanted.file and not wanted.file.exists():
        print("There is no such service.")
        return 0
    for command in wanted.end:
        _run(command)
    if wanted.file:
        wanted.file.unlink(missing_ok=True)
    print("The server for the network was ended, and does not start any more.")
    return 0


def _task(action: str) -> tuple[str, ...]:
    return "schtasks", action, "/TN", NAME


def _unit(command: Sequence[str]) -> str:
    """systemd's description; see systemd.service(5) for how an argument is quoted."""
    quoted = (
        '"' + part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
        for part in command
    )
    return (
        "[Unit]\nDescription=Inpaint Anything, for the computers of this network\nAfter=network-online.target\n\n"
        f"[Service]\nExecStart={' '.join(quoted)}\nRestart=on-failure\n\n[Install]\nWantedBy=default.target\n"
    )


def _run(command: Sequence[str]) -> None:
    """Run one of the system's commands.  Raises UserError."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        if not done.returncode:
            return
        reason = [str(done.returncode), *(done.stderr or done.stdout).strip().splitlines()][-1]
    raise UserError(ErrorCode.FAILED, tr("{program} failed: {reason}.", program=command[0], reason=reason.rstrip(".")))

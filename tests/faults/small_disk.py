"""What is said where the private folder's disk is full, or cannot be written: a program with a disk of its own.

python -m tests.faults.small_disk FOLDER      prints a JSON object: the deed -> [its code, its sentence]
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import zmq

from inference_server.shared import client, keys, paths, preferences
from inference_server.shared.errors import UserError

from ..cli.full_disk import fill, mount_small_disk
from ..servers import SERVE

REMOUNT, READ_ONLY = 32, 1  # of mount.h


def command() -> None:
    """The command line, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "inference_server", "keys"], capture_output=True, text=True)
    assert done.returncode == 1
    raise UserError("command", done.stderr)  # type: ignore[arg-type]


DEEDS: dict[str, Callable[[], object]] = {
    "keys": keys.demand,
    "admit": lambda: keys.admit(zmq.curve_keypair()[0].decode(), "laptop"),
    "settings": lambda: preferences.write(preferences.Preferences()),
    "connect": lambda: client.connect(SERVE),
    "command": command,
}


def said(deed: Callable[[], object]) -> list[str]:
    """The code and the sentence of the error that it comes to."""
    try:
        deed()
    except UserError as error:
        return [str(error.code), str(error)]
    return ["", "nothing"]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    mount_small_disk(folder)
    os.environ[paths.HOME_VARIABLE] = str(folder)
    folder.chmod(0o700)
    for name in ("keys", "keys/clients"):
        (folder / name).mkdir(mode=0o700)
    fill(0, folder)
    found = {f"full {name}": said(deed) for name, deed in DEEDS.items()}
    (folder / "filler").unlink()
    ctypes.CDLL(None).mount(b"none", os.fsencode(folder), None, REMOUNT | READ_ONLY, None)
    found |= {f"read-only {name}": said(deed) for name, deed in DEEDS.items()}
    print(json.dumps(found))

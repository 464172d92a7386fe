"""A real GIMP window on a virtual screen, worked by keyboard and mouse."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_server import places

PREPARE = Path(__file__).with_name("prepare_window.py")
PROGRAMS = ("Xvfb", "openbox", "xdotool")
WIDTH, HEIGHT = 1280, 860


def wait_for(happened, seconds: float, what: str):
    limit = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < limit, what
        time.sleep(0.2)
    return found


class Window:
    """GIMP's image window.  Its title says how many layers the image has."""

    def __init__(self, environment: dict[str, str]):
        self._environment = environment
        self._id = wait_for(lambda: self._find("GIMP$"), 60, "GIMP shows no window")
        self.do("windowsize", self._id, str(WIDTH - 10), str(HEIGHT - 20))
        self.do("windowactivate", "--sync", self._id)

    def do(self, *command: str) -> str:
        done = subprocess.run(["xdotool", *command], env=self._environment, capture_output=True, text=True)
        return done.stdout.strip()

    def _find(self, name: str) -> str:
        return self.do("search", "--onlyvisible", "--name", name).splitlines()[-1:][0] if self.shows(name) else ""

    def shows(self, name: str) -> bool:
        return bool(self.do("search", "--onlyvisible", "--name", name))

    def layers(self) -> int:
        title = self.do("getwindowname", self._id)
        return int(title.split(" layer")[0].rsplit(" ", 1)[1]) if " layer" in title else 0

    def press(self, keys: str) -> None:
        self.do("windowactivate", "--sync", self._id)
        self.do("key", keys)

    def start(self, action: str, meanwhile=lambda: None, found_by: str = "") -> None:
        """Start an action through GIMP's search (the slash key); confirm its dialog after what happens meanwhile.

        found_by: words that only this action's name or description has, where there are others like its name.
        """
        self.press("slash")
        wait_for(lambda: self.shows("Search Actions"), 10, "GIMP's search does not open")
        time.sleep(1)
        self.do("type", found_by or action)
        time.sleep(1.5)
        self.do("key", "Down")
        self.do("key", "Return")
        wait_for(lambda: self.shows(f"^{action}$"), 15, f"no dialog {action}")
        time.sleep(1)
        meanwhile()
        self.do("key", "Return")


def windows(home: Path, photo: np.ndarray, tmp_path: Path):
    """Yields a function that opens the photo in a GIMP window, prepared in one of the ways of prepare_window.py."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs a virtual screen: {', '.join(missing)} not installed")
    profile = tmp_path / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    gimp = os.environ["GIMP_CONSOLE"].replace("-console", "")
    version = subprocess.run([gimp, "--version"], capture_output=True, text=True).stdout.split()[-1]
    (profile / "gimprc").write_text(f'(config-version "{version}")\n(show-welcome-dialog no)\n(check-updates no)\n')
    file = tmp_path / "photo.png"
    cv2.imwrite(str(file), photo[..., ::-1])
    processes = []

    def open_window(prepare: str) -> Window:
        read, write = os.pipe()
        screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
        processes.append(subprocess.Popen(screen, pass_fds=[write], stderr=subprocess.DEVNULL))
        display = f":{os.read(read, 20).decode().strip()}"
        ready = tmp_path / "ready"
        environment = {
            **os.environ,
            "DISPLAY": display,
            "GIMP3_DIRECTORY": str(profile),
            "PREPARE": prepare,
            "PREPARED": str(ready),
            places.HOME_VARIABLE: str(home),
        }
        batch = ["--batch-interpreter", "python-fu-eval", "-b", f"exec(open({str(PREPARE)!r}).read())"]
        with (tmp_path / "said").open("wb") as said:
            for command in (["openbox"], [gimp, "-n", "--no-splash", *batch, str(file)]):
                processes.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))
        wait_for(ready.exists, 90, "GIMP does not open the photo")
        return Window(environment)

    yield open_window
    for process in reversed(processes):
        process.kill()
        process.wait()

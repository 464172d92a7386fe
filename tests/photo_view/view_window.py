"""A window with the dialog's view of a photo in it (view_program.py), worked by mouse and keyboard."""

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ..gimp.window import wait_for

PROGRAM = Path(__file__).with_name("view_program.py")
PYTHON = "/usr/bin/python3"  # GIMP's own, with gi and cairo
PROGRAMS = ("Xvfb", "openbox", "xdotool", "xwd", PYTHON)
SCREEN = 1100, 800
WINDOW = 1000, 750


class ViewWindow:
    """At the screen's top left corner, so that the screen's pixels are the view's."""

    def __init__(self, environment: dict[str, str], settings: dict):
        self._environment = environment
        self._told: list[dict] = []
        self._answers: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._read = 0
        self._process = subprocess.Popen(
            [PYTHON, str(PROGRAM), json.dumps(settings)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        self._id = wait_for(lambda: self.mouse("search", "--onlyvisible", "--name", "^View$"), 20, "no window")
        self.mouse("windowfocus", "--sync", self._id)
        self.mouse("windowmove", "--sync", self._id, 0, 0)
        self.do("show_clicks", None)  # an answer: it listens
        self.screen()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _listen(self) -> None:
        for line in self._process.stdout:
            said = json.loads(line)
            if "answer" in said:
                self._answers.put(said)
            else:
                self._told.append(said)

    def do(self, *command):
        """Have the program do something, and what it answers."""
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answers.get(timeout=20)["value"]

    def state(self) -> dict:
        return self.do("state")

    def mouse(self, *command: object) -> str:
        """And keyboard: one command line of xdotool."""
        done = subprocess.run(
            ["xdotool", *map(str, command)], env=self._environment, capture_output=True, text=True, timeout=20
        )
        time.sleep(0.1)  # for the events to come through the X server
        return done.stdout.strip()

    def drag(self, *points: tuple[int, int], button: int = 1) -> None:
        self.mouse("mousemove", *points[0], "mousedown", button)
        for point in points[1:]:
            self.mouse("mousemove", *point)
        self.mouse("mouseup", button)

    def keys(self, *names: str) -> None:
        self.mouse("key", "--delay", "30", *names)

    def forget(self) -> None:
        """What was heard so far is not meant."""
        self.do("state")
        self._read = len(self._told)

    def heard(self, *names: str) -> list[list]:
        """The values of such signals since `forget`, once everything that was done has been seen to."""
        time.sleep(0.2)
        self.do("state")
        return [line["values"] for line in self._told[self._read :] if line.get("signal") in names]

    def details(self) -> list[tuple[list[int], float]]:
        """What was asked of `detail` since `forget`."""
        return [(line["detail"], line["scale"]) for line in self._told[self._read :] if "detail" in line]

    def screen(self) -> np.ndarray:
        """What is seen once it changes no more: (height, width, 3) int RGB."""
        before = self._shot()
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            time.sleep(0.25)
            now = self._shot()
            if np.array_equal(before, now):
                return now
            before = now
        raise AssertionError("the window keeps changing")

    def _shot(self) -> np.ndarray:
        """The screen, from an X window dump: big-endian numbers, then the colour map, then the pixels."""
        dump = subprocess.run(["xwd", "-root", "-silent"], env=self._environment, capture_output=True).stdout
        header = np.frombuffer(dump, ">u4", 25).astype(int)
        width, height, each, row, colours = header[4], header[5], header[11] // 8, header[12], header[19]
        pixels = np.frombuffer(dump, np.uint8, row * height, header[0] + 12 * colours).reshape(height, row)
        return pixels[:, : width * each].reshape(height, width, each)[..., 2::-1].astype(int)


def view_windows(tmp_path_factory):
    """Yields a function that opens a view of a photo on a virtual screen."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs a virtual screen: {', '.join(missing)} not installed")
    rules = tmp_path_factory.mktemp("openbox") / "rc.xml"
    # Alt and the mouse are the view's.
    rules.write_text('<openbox_config xmlns="http://openbox.org/3.4/rc"><keyboard/><mouse/></openbox_config>')
    read, write = os.pipe()
    size = "x".join(map(str, SCREEN))
    screen = subprocess.Popen(
        ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", f"{size}x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    environment = {**os.environ, "DISPLAY": f":{os.read(read, 20).decode().strip()}", "NO_AT_BRIDGE": "1"}
    asked = ["xdotool", "getdisplaygeometry"]
    wait_for(lambda: not subprocess.run(asked, env=environment, capture_output=True).returncode, 20, "no screen")
    manager = subprocess.Popen(["openbox", "--config-file", str(rules)], env=environment, stderr=subprocess.DEVNULL)
    opened: list[ViewWindow] = []

    def open_view(size=(1500, 1000), window=WINDOW, scale: int = 1, **settings) -> ViewWindow:
        while opened:
            opened.pop().close()
        subprocess.run(["xdotool", "mousemove", *map(str, (SCREEN[0] - 1, SCREEN[1] - 1))], env=environment)
        chosen = {"size": size, "window": window, **settings}
        opened.append(ViewWindow({**environment, "GDK_SCALE": str(scale)}, chosen))
        return opened[0]

    yield open_view
    for process in (*opened,):
        process.close()
    for process in (manager, screen):
        process.kill()
        process.wait()

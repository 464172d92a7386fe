"""A window with the dialog's view of a photo in it (view_program.py), worked by mouse and keyboard."""

import json
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ..virtual_screen import seen, skip_without, virtual_screen

PROGRAM = Path(__file__).with_name("view_program.py")
PYTHON = "/usr/bin/python3"  # Debian's, with gi and cairo where GIMP is
HAS_GTK = "import cairo, gi; gi.require_version('Gtk', '3.0'); gi.require_foreign('cairo')"
PROGRAMS = ("Xvfb", "xdotool", "xwd", PYTHON)
SCREEN = 1100, 800
WINDOW = 1000, 750
SECONDS = 60  # far more than anything here takes


class ViewWindow:
    """A program with a view in a window at the screen's top left corner: the screen's pixels are the view's."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._reports: list[dict] = []
        self._answers: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._read = 0
        self._process = subprocess.Popen(
            [PYTHON, str(PROGRAM)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()

    def open(self, size: tuple[int, int], window: tuple[int, int], transparent: bool) -> None:
        """Show another photo in a new window; its size and the window's, in pixels."""
        self._xdotool("mousemove", SCREEN[0] - 1, SCREEN[1] - 1)
        self.do("open", size, window, transparent)
        self._read = 0
        self._reports.clear()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _listen(self) -> None:
        for line in self._process.stdout:
            report = json.loads(line)
            if "answer" in report or "error" in report:
                self._answers.put(report)
            else:
                self._reports.append(report)

    def do(self, *command: object) -> object:
        """Have the program do something; what it answers when nothing is left to be done or drawn."""
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._answers.get(timeout=SECONDS)
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def state(self) -> dict:
        return self.do("state")

    def mouse(self, *command: object) -> None:
        """And keyboard: one command line of xdotool, and what follows from it."""
        self._xdotool(*command)
        self.do("settle")

    def _xdotool(self, *command: object) -> None:
        subprocess.run(["xdotool", *map(str, command)], env=self._environment, check=True, timeout=SECONDS)

    def drag(self, *points: tuple[int, int], button: int = 1) -> None:
        self.mouse("mousemove", *points[0], "mousedown", button)
        for point in points[1:]:
            self.mouse("mousemove", *point)
        self.mouse("mouseup", button)

    def keys(self, *names: str) -> None:
        self.mouse("key", *names)

    def forget(self) -> None:
        """What was heard so far is not meant."""
        self.do("settle")
        self._read = len(self._reports)

    def heard(self, *names: str) -> list[list]:
        """The values of such signals since `forget`."""
        return [line["values"] for line in self._reports[self._read :] if line.get("signal") in names]

    def details(self) -> list[tuple[list[int], float]]:
        """What was asked of `detail` since `forget`."""
        return [(line["detail"], line["scale"]) for line in self._reports[self._read :] if "detail" in line]

    def screen(self) -> np.ndarray:
        """What is seen, (height, width, 3) int RGB."""
        self.do("settle")
        return seen(self._environment).astype(int)


def view_windows() -> Iterator[Callable[..., ViewWindow]]:
    """Yields a function that opens a view of a photo on a virtual screen, in the place of the one before."""
    skip_without(PROGRAMS)
    if subprocess.run([PYTHON, "-c", HAS_GTK], capture_output=True).returncode:
        pytest.skip(f"needs GTK and cairo in {PYTHON}: run python3 install.py test")
    running: list[tuple[int, ViewWindow]] = []  # one at most, and the scale it was started with
    with virtual_screen(*SCREEN) as display:
        environment = {**os.environ, "DISPLAY": display, "NO_AT_BRIDGE": "1", "LANGUAGE": "en"}

        def open_view(size=(1500, 1000), window=WINDOW, scale: int = 1, transparent: bool = False) -> ViewWindow:
            if running and running[0][0] != scale:
                running.pop()[1].close()
            if not running:
                running.append((scale, ViewWindow({**environment, "GDK_SCALE": str(scale)})))
            running[0][1].open(size, window, transparent)
            return running[0][1]

        try:
            yield open_view
        finally:
            for _, program in running:
                program.close()

"""A real GIMP window on a virtual screen, worked by keyboard and mouse."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_server.shared import paths

from . import screen

PREPARE = Path(__file__).with_name("prepare_window.py")
PROGRAMS = ("Xvfb", "openbox", "xdotool", "xwd")
WIDTH, HEIGHT = 1280, 860
TINTED = 25  # levels by which the overlay makes a photo redder, and not greener; hovering only makes it lighter


def wait_for(happened, seconds: float, what: str):
    limit = time.monotonic() + seconds
    while not np.any(found := happened()):
        assert time.monotonic() < limit, what
        time.sleep(0.2)
    return found


class Window:
    """GIMP's image window.  Its title says how many layers the image has."""

    def __init__(self, environment: dict[str, str]):
        self.environment = environment
        self._id = wait_for(lambda: self._find("GIMP$"), 60, "GIMP shows no window")
        self.do("windowsize", self._id, str(WIDTH - 10), str(HEIGHT - 20))
        self.do("windowactivate", "--sync", self._id)

    def do(self, *command: str) -> str:
        done = subprocess.run(["xdotool", *command], env=self.environment, capture_output=True, text=True)
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

    def call(self, found_by: str) -> None:
        """Start an action through GIMP's search (the slash key), by words that only its name or description has."""
        self.press("slash")
        wait_for(lambda: self.shows("Search Actions"), 10, "GIMP's search does not open")
        time.sleep(1)
        self.do("type", found_by)
        time.sleep(1.5)
        self.do("key", "Down")
        self.do("key", "Return")

    def open(self, found_by: str, title: str = "^Inpaint Anything$") -> "Dialog":
        """Start an action and wait for its dialog."""
        self.call(found_by)
        wait_for(lambda: self.shows(title), 30, f"no dialog {title}")
        time.sleep(0.5)
        return Dialog(self, title)


class Dialog:
    """The dialog, worked by mouse and keyboard."""

    def __init__(self, gimp: Window, title: str):
        self.gimp, self._title = gimp, title
        self._map: np.ndarray | None = None

    @property
    def is_open(self) -> bool:
        return self.gimp.shows(self._title)

    def press(self, *keys: str) -> None:
        self.gimp.do("key", *keys)

    def write(self, letter: str, text: str) -> None:
        """Fill in the field whose underlined letter this is."""
        self.press(f"alt+{letter}", "ctrl+a")
        self.gimp.do("type", text)

    def picture(self) -> np.ndarray:
        return screen.seen(self.gimp.environment)

    def keep(self, name: str) -> np.ndarray:
        """A screenshot for people to look at."""
        picture = self.picture()
        screen.keep(picture, name)
        return picture

    def at(self, photo: np.ndarray, x: float, y: float) -> tuple[str, str]:
        """Where on the screen a pixel of the photo is."""
        if self._map is None:
            self._map = wait_for(lambda: self._found(photo), 20, "the dialog does not show the photo")
        return tuple(str(round(float(v))) for v in self._map @ [x, y, 1])

    def point(self, photo: np.ndarray, x: float, y: float, button: str = "1", hold: str = "") -> None:
        """Click on a pixel of the photo."""
        self.gimp.do("mousemove", *self.at(photo, x, y))
        if hold:
            self.gimp.do("keydown", hold)
        self.gimp.do("click", button)
        if hold:
            self.gimp.do("keyup", hold)

    def drag(self, photo: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> None:
        self.gimp.do("mousemove", *self.at(photo, x0, y0), "mousedown", "1")
        for share in (0.3, 0.6, 1.0):
            self.gimp.do("mousemove", *self.at(photo, x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
        self.gimp.do("mouseup", "1")

    def shown(self, photo: np.ndarray) -> np.ndarray:
        """What the screen shows of the photo, (height, width, 3), in the photo's own pixels."""
        self.at(photo, 0, 0)
        height, width = photo.shape[:2]
        self.gimp.do("mousemove", "5", "5")  # out of the way
        time.sleep(0.3)
        found = self._found(photo)
        self._map = self._map if found is None else found  # a panel that grew may have moved it
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(self.picture(), self._map, (width, height), flags=flags).astype(int)

    def overlay(self, photo: np.ndarray) -> np.ndarray:
        """Where the overlay lies over the photo, (height, width) bool; fine lines and marks aside."""
        shown = self.shown(photo)
        tint = (shown[..., 0] - shown[..., 1]) - (photo[..., 0].astype(int) - photo[..., 1])
        return cv2.morphologyEx((tint > TINTED).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))) > 0

    def wait_for_overlay(self, photo: np.ndarray, fits, what: str, seconds: float = 20) -> np.ndarray:
        """The overlay, once fits(overlay)."""

        def good() -> np.ndarray | None:
            overlay = self.overlay(photo)
            return overlay if fits(overlay) else None

        limit = time.monotonic() + seconds
        while (found := good()) is None:
            if time.monotonic() > limit:
                self.keep("failed")
                raise AssertionError(what)
        return found

    def apply(self, layers: int = 4, seconds: float = 60) -> None:
        """Take what is shown.  layers: as many are in the image then: of one result the photo, the group, two in it."""
        self.press("alt+l")
        self.wait_closed(120)
        wait_for(lambda: self.gimp.layers() == layers, seconds, "no result")

    def wait_closed(self, seconds: float = 60) -> None:
        wait_for(lambda: not self.is_open, seconds, "the dialog stays")

    def _found(self, photo: np.ndarray) -> np.ndarray | None:
        try:
            return screen.where(photo, self.picture())
        except LookupError:
            return None


def windows(home: Path, photo: np.ndarray, tmp_path: Path):
    """Yields a function that opens the photo in a GIMP window, prepared in one of the ways of prepare_window.py."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs a virtual screen: {', '.join(missing)} not installed")
    profile = tmp_path / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    gimp = os.environ["GIMP_CONSOLE"].replace("-console", "")
    version = subprocess.run([gimp, "--version"], capture_output=True, text=True).stdout.split()[-1]
    settings = f'(config-version "{version}")\n(show-welcome-dialog no)\n(check-updates no)\n'
    file = tmp_path / "photo.png"
    cv2.imwrite(str(file), photo[..., ::-1])
    processes = []

    def open_window(prepare: str, theme: str = "dark", language: str = "en", options: tuple[str, ...] = ()) -> Window:
        chosen = f'(theme-color-scheme {theme})\n(language "{language}")\n'
        (profile / "gimprc").write_text(settings + chosen)
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
            paths.HOME_VARIABLE: str(home),
        }
        batch = ["--batch-interpreter", "python-fu-eval", "-b", f"exec(open({str(PREPARE)!r}).read())"]
        with (tmp_path / "said").open("wb") as said:
            for command in (["openbox"], [gimp, "-n", "--no-splash", *options, *batch, str(file)]):
                processes.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))
        wait_for(ready.exists, 90, "GIMP does not open the photo")
        return Window(environment)

    opened: list[Window] = []
    yield lambda *how, **more: opened.append(open_window(*how, **more)) or opened[-1]
    for gimp in opened:
        screen.keep(screen.seen(gimp.environment), f"end-of-{tmp_path.name}")
    for process in reversed(processes):
        process.kill()
        process.wait()

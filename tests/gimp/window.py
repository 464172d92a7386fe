"""A real GIMP window on a virtual screen, worked by keyboard and mouse."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from inference_server.shared import client, endpoint, paths
from inference_server.shared.endpoint import Endpoint
from inference_server.shared.messages import AskMetrics

from ..virtual_screen import killed, seen, virtual_screen, wait_for
from . import screen
from .running import RunningGimp, with_windows
from .x11 import Display

PREPARE = Path(__file__).with_name("prepare_window.py")
PROGRAMS = ("Xvfb", "openbox", "xdotool", "xwd")
WIDTH, HEIGHT = 1280, 860
ESCAPES = 7  # of a job, not waiting for it, of its results, of a tool, of the dialog, its question, and one more
TINTED = 25  # levels by which the overlay makes a photo redder, and not greener; hovering only makes it lighter
WINDOW_NAME = "_NET_WM_NAME"
IMAGE_WINDOW = "layers?.*GIMP$"
DIALOG, SEARCH, QUESTION = "^Inpaint Anything$", "^Search Actions$", "^Close without"
# The keys that our procedures get in GIMP, which has nothing else on them.  No function keys: to Debian sid's X server
# xdotool sends others in their place.
SHORTCUTS = {
    "select": "ctrl+shift+k",
    "remove": "ctrl+shift+g",
    "fill": "ctrl+shift+h",
    "replace": "ctrl+shift+m",
    "remove-again": "ctrl+shift+q",
    "edit": "ctrl+shift+x",
    "settings": "ctrl+shift+u",
}


class Window:
    """GIMP's image window.  Its title says how many layers the image has."""

    def __init__(self, environment: dict[str, str], said: Callable[[], str]):
        """said: gives what GIMP and its plug-ins have printed."""
        self.environment, self.said = environment, said
        self.display = Display(environment["DISPLAY"])
        self._id = wait_for(lambda: self.find(IMAGE_WINDOW), 60, "GIMP shows no photo")
        self.do("windowsize", self._id, str(WIDTH - 10), str(HEIGHT - 20))
        self.do("windowactivate", "--sync", self._id)

    def do(self, *command: str) -> None:
        """One command line of xdotool."""
        subprocess.run(["xdotool", *command], env=self.environment, capture_output=True)

    def find(self, name: str) -> str:
        """The id of the newest window with such a name; "" where there is none."""
        found = [each for each in self.display.windows() if re.search(name, self.display.text(each, WINDOW_NAME))]
        return str(found[-1]) if found else ""

    def has_keyboard(self, window_id: str) -> bool:
        return str(self.display.active_window()) == window_id

    def shows(self, name: str) -> bool:
        return bool(self.find(name))

    def layers(self) -> int:
        title = self.display.text(int(self._id), WINDOW_NAME)
        return int(title.split(" layer")[0].rsplit(" ", 1)[1]) if " layer" in title else 0

    def press(self, keys: str) -> None:
        self.do("windowactivate", "--sync", self._id)
        self.do("key", keys)

    def wait_for_keys(self) -> None:
        """Wait until GIMP has done what was pressed: only then does it open its search."""
        self.press("slash")
        wait_for(lambda: self.shows(SEARCH), 20, "GIMP's search does not open")
        self.do("key", "Escape")
        wait_for(lambda: not self.shows(SEARCH), 10, "GIMP's search does not close")

    def runs_plug_in(self) -> bool:
        """Whether one of our procedures runs."""
        return self.plug_ins() > 0

    def wait_for_plug_ins(self, count: int) -> None:
        """Wait until so many of our procedures run."""
        wait_for(lambda: self.plug_ins() == count, 30, f"not {count} of the plug-in's procedures run")

    def plug_ins(self) -> int:
        """How many of our procedures run."""
        program = f"{self.environment['GIMP3_DIRECTORY']}/plug-ins/inpaint-anything/".encode()
        count = 0
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                count += program in process.read_bytes()
        return count

    def wait_for_plug_in(self) -> None:
        """Wait until none of our procedures runs any more."""
        wait_for(lambda: not self.runs_plug_in(), 60, "the plug-in does not end")

    def leave_dialogs(self) -> bool:
        """Press Esc until none of our procedures runs; whether that helped."""
        for _ in range(ESCAPES):
            if not self.runs_plug_in():
                return True
            asked = self.shows(QUESTION)
            self.do("key", "alt+l" if asked else "Escape")
            with contextlib.suppress(AssertionError):  # a second Alt+L would open GIMP's menu of layers
                wait_for(lambda asked=asked: not self.runs_plug_in() or self.shows(QUESTION) != asked, 2, "it runs")
        return not self.runs_plug_in()

    def call(self, procedure: str) -> None:
        """Run one of our procedures, by its name without the prefix."""
        self.press(SHORTCUTS[procedure])

    def open(self, procedure: str, title: str = DIALOG) -> "Dialog":
        """Run a procedure and wait until its window has the keyboard."""
        self.call(procedure)
        return self.opened(title)

    def opened(self, title: str = DIALOG) -> "Dialog":
        """The window that was asked for, once it has the keyboard."""
        wait_for(lambda: self.shows(title), 30, f"no dialog {title}")
        found = self.find(title)
        wait_for(lambda: self.has_keyboard(found), 10, f"the dialog {title} does not get the keyboard")
        dialog = Dialog(self, title, found)
        if title == DIALOG:
            wait_for(dialog.state, 30, "the dialog is not drawn")
        return dialog


@dataclass(frozen=True)
class State:
    """What the dialog says of itself (`DialogState.summary` in its window's role)."""

    phase: str
    settled: bool
    revision: int
    hover: int
    alpha: int
    preview: int
    runs: int
    results: int
    objects: int
    strokes: int

    @classmethod
    def read(cls, role: str) -> "State | None":
        """None where there is no state yet."""
        try:
            _name, phase, settled, *numbers = role.split()
            return cls(phase, settled == "settled", *(int(number.split("=")[1]) for number in numbers))
        except ValueError:
            return None


class Dialog:
    """The dialog, worked by mouse and keyboard."""

    def __init__(self, gimp: Window, title: str, window_id: str):
        self.gimp, self._title, self._id = gimp, title, int(window_id)
        self._map: np.ndarray | None = None
        self._before = 0  # the revision of the state before the last thing that was done

    @property
    def is_open(self) -> bool:
        return self.gimp.shows(self._title)

    @property
    def has_keyboard(self) -> bool:
        return self.gimp.has_keyboard(str(self._id))

    # -- its state

    def state(self) -> State | None:
        """What it says of itself; it is drawn by then."""
        return State.read(self.gimp.display.text(self._id, "WM_WINDOW_ROLE"))

    def wait_for_state(self, fits: Callable[[State], bool], what: str, seconds: float = 60) -> State:
        """The state, once it fits."""

        def fitting() -> State | None:
            state = self.state()
            return state if state and fits(state) else None

        try:
            return wait_for(fitting, seconds, what)
        except AssertionError:
            self.keep("failed")
            raise AssertionError(f"{what}: {self.state()}") from None

    def wait_settled(self, changes: int = 1) -> State:
        """Wait until the mask shown is final for what was done last, and drawn.

        changes: how many decisions that was, as the dialog counts them: clicks, boxes, choices, settings.
        """
        revision = self._before + changes
        return self.wait_for_state(
            lambda state: state.settled and state.revision >= revision, f"not settled at revision {revision}"
        )

    def wait_for_results(self, count: int = 1, seconds: float = 300) -> State:
        """Wait until so many results can be looked at."""
        return self.wait_for_state(lambda state: state.results >= count, "no results", seconds)

    def wait_working(self) -> State:
        return self.wait_for_state(lambda state: state.phase == "working", "no job is started")

    def wait_pointing(self) -> State:
        return self.wait_for_state(lambda state: state.phase == "pointing", "it does not go back to the mask")

    def _note_revision(self) -> None:
        state = self.state()
        self._before = state.revision if state else 0

    # -- what is done

    def press(self, *keys: str) -> None:
        self._note_revision()
        self.gimp.do("key", *keys)

    def write(self, letter: str, text: str) -> None:
        """Fill in the field whose underlined letter this is."""
        self.press(f"alt+{letter}", "ctrl+a")
        self.gimp.do("type", text)

    def point(self, photo: np.ndarray, x: float, y: float, button: str = "1", hold: str = "") -> None:
        """Click on a pixel of the photo."""
        self.gimp.do("mousemove", *self.at(photo, x, y))
        self._note_revision()
        if hold:
            self.gimp.do("keydown", hold)
        self.gimp.do("click", button)
        if hold:
            self.gimp.do("keyup", hold)

    def drag(self, photo: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> None:
        self._note_revision()
        self.gimp.do("mousemove", *self.at(photo, x0, y0), "mousedown", "1")
        for share in (0.3, 0.6, 1.0):
            self.gimp.do("mousemove", *self.at(photo, x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
        self.gimp.do("mouseup", "1")

    def apply(self, layers: int = 4, seconds: float = 60) -> None:
        """Take what is shown.  layers: as many are in the image then: of one result the photo, the group, two in it."""
        self.press("alt+l")
        self.wait_closed(300)
        self.gimp.wait_for_plug_in()
        wait_for(lambda: self.gimp.layers() == layers, seconds, "no result")

    def leave(self) -> None:
        """Close it, whatever is lost."""
        self.gimp.leave_dialogs()
        self.wait_closed()

    def wait_closed(self, seconds: float = 60) -> None:
        wait_for(lambda: not self.is_open, seconds, "the dialog stays")

    # -- what is seen

    def picture(self) -> np.ndarray:
        return seen(self.gimp.environment)

    def keep(self, name: str) -> np.ndarray:
        """A screenshot for people to look at."""
        picture = self.picture()
        screen.keep(picture, name)
        return picture

    def at(self, photo: np.ndarray, x: float, y: float) -> tuple[str, ...]:
        """Where on the screen a pixel of the photo is."""
        if self._map is None:
            self._map = wait_for(lambda: self._found(photo), 20, "the dialog does not show the photo")
        return tuple(str(round(float(v))) for v in self._map @ [x, y, 1])

    def shown(self, photo: np.ndarray) -> np.ndarray:
        """What the screen shows of the photo, (height, width, 3), in the photo's own pixels."""
        self.at(photo, 0, 0)
        assert self._map is not None
        self.gimp.do("mousemove", "5", "5")  # out of the way
        self.wait_for_state(lambda state: not state.hover, "it shows what the pointer is no longer over")
        picture = self.picture()
        if not screen.lies_at(photo, picture, self._map):  # a panel that grew may have moved it
            with contextlib.suppress(LookupError):
                self._map = screen.where(photo, picture)
        return screen.warped(picture, self._map, photo).astype(int)

    def overlay(self, photo: np.ndarray) -> np.ndarray:
        """Where the overlay lies over the photo, (height, width) bool; fine lines and marks aside."""
        shown = self.shown(photo)
        tint = (shown[..., 0] - shown[..., 1]) - (photo[..., 0].astype(int) - photo[..., 1])
        return cv2.morphologyEx((tint > TINTED).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))) > 0

    def final_overlay(self, photo: np.ndarray, changes: int = 1) -> np.ndarray:
        """The overlay that is the answer to what was done last; changes: as in `wait_settled`."""
        self.wait_settled(changes)
        return self.overlay(photo)

    def _found(self, photo: np.ndarray) -> np.ndarray | None:
        try:
            return screen.where(photo, self.picture())
        except LookupError:
            return None


@dataclass(frozen=True)
class Log:
    """What the server of a home has logged since this was made.

    located: how often it had answered by then where an object is.
    """

    home: Path
    begin: int = 0
    located: int = 0

    @classmethod
    def of(cls, home: Path) -> "Log":
        log = home / "server.log"
        return cls(home, log.stat().st_size if log.exists() else 0, _located_before())

    def text(self) -> str:
        log = self.home / "server.log"
        return log.read_bytes()[self.begin :].decode() if log.exists() else ""

    def wait_for(self, words: str, seconds: float, what: str) -> None:
        """Wait until these words are in it; `what` is said where that is not within so many seconds."""
        wait_for(lambda: words in self.text(), seconds, what)

    def wait_for_inpainting(self) -> None:
        """Wait until the server works on a job's pixels: it has answered where they are, and has work."""
        self.wait_for("Locate done", 60, "the server is not asked to do a job")
        with client.Client(_running()) as asking:
            wait_for(lambda: _located(asking) > self.located and asking.hello().jobs_waiting, 60, "it has no work")

    def wait_for_rest(self) -> None:
        """Wait until the server has no work, and see that no job was done to its end."""
        with client.Client(_running()) as asking:
            wait_for(lambda: not asking.hello().jobs_waiting, 30, "the work goes on")
        assert "Inpaint done" not in self.text(), "the work went on"


def _running() -> Endpoint:
    """The server that runs."""
    found = endpoint.running()
    assert found, "there is no server"
    return found


def _located(asking: client.Client) -> int:
    """How often the server has answered where an object is, which its log says a moment too early."""
    found = re.search(r'requests_total\{kind="locate",outcome="done"\} (\d+)', asking.request(AskMetrics())[0].text)
    return int(found[1]) if found else 0


def _located_before() -> int:
    """The same of the server that runs; 0 where none does."""
    found = endpoint.running()
    if not found:
        return 0
    with client.Client(found) as asking:
        return _located(asking)


class WindowedGimp:
    """A GIMP with windows on a virtual screen of its own, which opens one photo after the other."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        theme: str = "dark",
        language: str = "en",
        options: Sequence[str] = (),
        *,
        has_keys: bool = True,
    ) -> None:
        """folder: for its profile; home: the private folder of our plug-in's server; has_keys: `SHORTCUTS`."""
        self._profile = _profile(folder / "profile", theme, language, SHORTCUTS if has_keys else {})
        self._display: int | None = None
        with contextlib.ExitStack() as running:
            environment = {
                "DISPLAY": running.enter_context(virtual_screen(WIDTH, HEIGHT)),
                "GIMP3_DIRECTORY": str(self._profile),
                paths.HOME_VARIABLE: str(home),
            }
            self.environment = {**os.environ, **environment}
            manager = subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)
            running.enter_context(killed(manager))
            self._gimp = RunningGimp(environment, options)
            running.callback(self._gimp.close)
            self._running = running.pop_all()

    def open(self, photo: Path, prepare: str, last: dict[str, dict[str, object]]) -> Window:
        """Open a photo in place of the former one, prepared in one of the ways of prepare_window.py.

        last: the settings that each job was last done with.
        """
        (self._profile / "inpaint-anything.json").write_text(json.dumps(last))
        close = [] if self._display is None else [self._display]
        display = self._gimp.run(PREPARE, photo=str(photo), what=prepare, close=close)
        assert isinstance(display, int)
        self._display = display
        return Window(self.environment, self._gimp.said)

    def close(self) -> None:
        self._running.close()


def as_downloaded(profile: Path) -> None:
    """Let the plug-in in a profile be as it is unpacked: it brings a wheel, and knows of no server."""
    plug_in = profile / "plug-ins" / "inpaint-anything"
    (plug_in / "installation.json").unlink()
    (plug_in / "wheel").mkdir()
    (plug_in / "wheel" / "inference_server-1-py3-none-any.whl").write_text("a wheel")


@cache
def _version() -> str:
    """GIMP's, as in 3.0.4."""
    gimp = with_windows(os.environ["GIMP_CONSOLE"])
    return subprocess.run([gimp, "--version"], capture_output=True, text=True).stdout.split()[-1]


def _profile(profile: Path, theme: str, language: str, shortcuts: Mapping[str, str]) -> Path:
    """A copy of the profile $GIMP3_DIRECTORY, with these shortcuts and without what GIMP shows at its first start."""
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile, dirs_exist_ok=True)
    settings = {"config-version": f'"{_version()}"', "show-welcome-dialog": "no", "check-updates": "no"}
    settings |= {"theme-color-scheme": theme, "language": f'"{language}"'}
    settings |= {"image-title-format": '"%f, %l layers"'}  # in any language
    settings |= {"prev-language": f'"{language}"'}  # as if it had asked its plug-ins in it, or it would ask them all
    (profile / "gimprc").write_text("".join(f"({name} {value})\n" for name, value in settings.items()))
    keys = {name: key.replace("ctrl+", "<Primary>").replace("shift+", "<Shift>") for name, key in shortcuts.items()}
    actions = "".join(f'(action "inpaint-anything-{name}" "{key}")\n' for name, key in keys.items())
    (profile / "shortcutsrc").write_text(f"(file-version 1)\n{actions}")
    return profile

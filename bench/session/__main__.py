"""How many actions real work in the dialog takes, by mouse alone and by keyboard alone, in a real GIMP.

python bench/session [FOLDER]       FOLDER: where screenshots of every step are written

Three things are removed one after another, a leftover is painted over and removed, one place is filled three ways of
which two are kept, the background is replaced, the second removal is done again, and all of it is undone.  A click, a
drag, a key and a typed text are one action each.  It needs a GIMP 3, Xvfb, openbox and xdotool, and for filling, which
is left out without, the full packages: its model is small and paints nonsense.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]

from inference_server.shared import paths
from tests import small_pipelines
from tests.gimp.window import Dialog, Window, WindowedGimp
from tests.virtual_screen import seen, wait_for

OBJECTS = (322, 200), (200, 150), (448, 150)  # of the test photo: the rocket and two masts
LEFTOVER = 322, 400  # the foot of the rocket
PLACE = 322, 417  # what the rocket stood on
MORE = 590, 200  # on the mast at the right
MIDDLE, STEP = (320, 213), 8  # of the photo, where the keyboard's cross begins; its steps, in pixels
SECOND_GROUP = 1220, 684  # in GIMP's list of layers, after one step of the wheel upwards
MENU_SECONDS = 0.5
CAN_FILL = find_spec("diffusers") is not None
STEPS = (
    "open the dialog",
    "remove three things",
    "paint over a leftover, remove it",
    "fill a place three ways, keep two",
    "replace the background",
    "open the second removal again, change it",
    "undo all",
)
# Photoshop 2025 by its help pages: Remove tool, Generative Fill, Select Subject with Generate Background.
PHOTOSHOP = {
    "open the dialog": "1 (the Remove tool)",
    "remove three things": "3 (a stroke around each)",
    "paint over a leftover, remove it": "1",
    "fill a place three ways, keep two": "5 (lasso, its stroke, Generative Fill, text, Generate); three come at once",
    "replace the background": "3 (Select Subject, Invert, Generate)",
    "open the second removal again, change it": "none: a removal has no history of its own",
    "undo all": "1 each",
}
SCREEN = {  # where what is clicked lies on the virtual screen
    "Filters": ((427, 32),),
    # The menu with the entry, and the entry.  GIMP puts what was done last above, so the second is further down.
    "Remove Object…": ((500, 511), (760, 608)),
    "Edit Inpainting…": ((500, 536), (800, 537)),
    "Edit": ((60, 32),),
    "Undo": ((130, 57),),
    "brush": ((110, 217),),
    "click": ((110, 106),),
    "Fill": ((996, 106),),
    "Replace background": ((1104, 106),),
    "Preview": ((902, 727),),
    "Apply and next": ((1094, 727),),
    "Apply": ((1094, 767),),
    "Remove this result": ((998, 151),),
}
SCREEN["Another result"] = SCREEN["Preview"]
KEYS = {
    "Fill": ("alt+f",),
    "Replace background": ("alt+k",),
    "Preview": ("alt+r",),
    "Another result": ("alt+r",),
    "Apply and next": ("alt+x",),
    "Apply": ("alt+l",),
    "Remove this result": ("Delete",),
}


class CountedWindow(Window):
    """GIMP's window, with a count of what a person does in it."""

    def __init__(self, window: Window) -> None:
        self.actions: Counter[str] = Counter()
        self.step = STEPS[0]
        super().__init__(window.environment, window.said)

    def do(self, *command: str) -> str:
        if command[0] == "key":
            self.actions[self.step] += len([key for key, _held in groupby(command[1:])])  # a key held is one
        elif command[0] in ("type", "click") or "mouseup" in command:
            self.actions[self.step] += 1
        return super().do(*command)


class Mouse:
    """Does everything by mouse."""

    def __init__(self, gimp: CountedWindow, photo: np.ndarray) -> None:
        self.gimp, self.photo = gimp, photo

    def click(self, *names: str) -> None:
        """Click on what has these names on the screen, one after the other."""
        for at in (at for name in names for at in SCREEN[name]):
            self.gimp.do("mousemove", *map(str, at))
            time.sleep(MENU_SECONDS)
            self.gimp.do("click", "1")

    def open(self, entry: str) -> Dialog:
        self.click("Filters", entry)
        return self.gimp.opened()

    def point(self, dialog: Dialog, x: int, y: int) -> None:
        dialog.point(self.photo, x, y)

    def paint(self, dialog: Dialog, x: int, y: int) -> None:
        self.click("brush")
        dialog.drag(self.photo, x - 25, y, x + 25, y)

    def point_again(self) -> None:
        """Take up the tool that clicks."""
        self.click("click")

    def press(self, *names: str) -> None:
        """Press buttons of the dialog."""
        self.click(*names)

    def choose_second_group(self, _from_the_top: int) -> None:
        """Choose the group of the second removal in GIMP's list of layers, which shows its end."""
        self.gimp.do("mousemove", *map(str, SECOND_GROUP))
        self.gimp.do("click", "4")  # the wheel
        time.sleep(MENU_SECONDS)
        self.gimp.do("click", "1")

    def undo(self) -> None:
        self.click("Edit", "Undo")


class Keyboard:
    """Does everything by keyboard."""

    def __init__(self, gimp: CountedWindow, _photo: np.ndarray) -> None:
        self.gimp = gimp

    def open(self, entry: str) -> Dialog:
        return self.gimp.open({"Remove Object…": "remove", "Edit Inpainting…": "edit"}[entry])

    def point(self, dialog: Dialog, x: int, y: int) -> None:
        self._move(dialog, x, y)
        dialog.press("space")

    def paint(self, dialog: Dialog, x: int, y: int) -> None:
        dialog.press("b")
        self._move(dialog, x, y)
        dialog.press("space")

    def point_again(self) -> None:
        """Take up the tool that clicks."""
        self.gimp.do("key", "p")

    def press(self, *names: str) -> None:
        """Press buttons of the dialog."""
        self.gimp.do("key", *(key for name in names for key in KEYS[name]))

    def choose_second_group(self, from_the_top: int) -> None:
        """Choose the group of the second removal in GIMP's list of layers."""
        self.gimp.press("Home")
        self.gimp.do("key", *["Page_Down"] * from_the_top)

    def undo(self) -> None:
        self.gimp.press("ctrl+z")

    def _move(self, dialog: Dialog, x: int, y: int) -> None:
        """Move the cross from the middle of the photo, where it begins."""
        dialog.press("space")
        for way, keys in ((x - MIDDLE[0], ("Right", "Left")), (y - MIDDLE[1], ("Down", "Up"))):
            steps, pixels = divmod(abs(way), STEP)
            for key, count in ((keys[way < 0], steps), (f"ctrl+{keys[way < 0]}", pixels)):
                if count:
                    dialog.press(*[key] * count)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as scratch:
        home = paths.private_folder(Path(scratch) / "home")
        (home / "models").symlink_to(paths.home() / "models")
        os.environ[paths.HOME_VARIABLE] = str(home)
        photo = cv2.imread(os.environ["INPAINT_ANYTHING_PHOTO"])
        file = Path(scratch) / "photo.png"
        cv2.imwrite(str(file), photo)
        last: dict[str, dict[str, object]] = {}
        if CAN_FILL:
            model = small_pipelines.sd15(Path(scratch) / "sd15")
            last["fill"] = {"model": str(model), "prompt": "a cat", "quality": "fast"}
        counts = []
        for hand in (Mouse, Keyboard):
            gimp = WindowedGimp(Path(scratch) / hand.__name__, home)
            try:
                window = CountedWindow(gimp.open(file, "plain", last))
                session = Session(hand(window, np.ascontiguousarray(photo[..., ::-1])), window, folder)
                try:
                    session.run()
                except AssertionError:
                    session.keep()
                    raise
                counts.append(window.actions)
            finally:
                gimp.close()
                subprocess.run([sys.executable, "-m", "inference_server", "stop"], capture_output=True)
    print(f"{'actions':44} mouse  keyboard  Photoshop, by its help pages")
    for step in STEPS:
        print(f"{step:44} {counts[0][step]:5}  {counts[1][step]:8}  {PHOTOSHOP[step]}")
    print(f"{'in all':44} {counts[0].total():5}  {counts[1].total():8}")
    return 0


class Session:
    """The work, step after step.  Raises AssertionError where something does not come about."""

    def __init__(self, hand: Mouse | Keyboard, gimp: CountedWindow, folder: Path | None) -> None:
        self.hand, self.gimp, self.folder = hand, gimp, folder
        self.groups = 0  # that were inserted

    def run(self) -> None:
        """Do it all, in the order of STEPS."""
        self.dialog = self.hand.open("Remove Object…")
        for step, work in zip(
            STEPS[1:], (self.remove, self.repair, self.fill, self.replace, self.edit, self.undo), strict=True
        ):
            self.keep()
            self.gimp.step = step
            work()
        self.keep()

    def remove(self) -> None:
        for x, y in OBJECTS:
            self.hand.point(self.dialog, x, y)
            self.dialog.wait_settled()
            self._apply_and_go_on(3)

    def repair(self) -> None:
        self.hand.paint(self.dialog, *LEFTOVER)
        self.dialog.wait_for_state(lambda state: state.strokes == 1, "nothing is painted")
        self._apply_and_go_on(3)

    def fill(self) -> None:
        if not CAN_FILL:
            return
        self.hand.press("Fill")
        self.hand.point_again()
        self.hand.point(self.dialog, *PLACE)
        self.dialog.wait_settled()
        for count, button in enumerate(("Preview", "Another result", "Another result"), 1):
            self.hand.press(button)
            self._wait_for_results(count)
        self.hand.press("Remove this result")
        self._wait_for_results(2)
        self._apply_and_go_on(4)

    def replace(self) -> None:
        self.hand.press("Replace background")
        self.hand.point(self.dialog, *PLACE)
        self.dialog.wait_settled()
        self._apply()
        self.groups += 1

    def edit(self) -> None:
        self.hand.choose_second_group(self.groups - 2)
        self.dialog = self.hand.open("Edit Inpainting…")
        self.dialog.wait_settled(changes=0)
        self.hand.point(self.dialog, *MORE)
        self.dialog.wait_settled()
        self._apply()

    def undo(self) -> None:
        for _ in range(self.groups + 1):
            self.hand.undo()
        wait_for(lambda: self.gimp.layers() == 1, 30, f"{self.gimp.layers()} layers are left")

    def keep(self) -> None:
        """Write a picture of the screen after the step at hand."""
        if self.folder:
            self.folder.mkdir(exist_ok=True)
            name = f"{type(self.hand).__name__.lower()}-{STEPS.index(self.gimp.step)}.png"
            cv2.imwrite(str(self.folder / name), seen(self.gimp.environment)[..., ::-1])

    def _wait_for_results(self, count: int) -> None:
        self.dialog.wait_for_state(
            lambda state: state.phase == "results" and state.results == count, f"not {count} results", 300
        )

    def _apply_and_go_on(self, layers: int) -> None:
        """Put what is shown into the image: so many layers."""
        before = self.gimp.layers()
        self.hand.press("Apply and next")
        wait_for(lambda: self.gimp.layers() == before + layers, 120, f"{self.gimp.step}: no layers come")
        self.dialog.wait_pointing()
        self.groups += 1

    def _apply(self) -> None:
        self.hand.press("Apply")
        self.dialog.wait_closed(120)
        self.gimp.wait_for_plug_in()


if __name__ == "__main__":
    sys.exit(main())

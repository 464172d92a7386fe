"""Make the pictures of docs/ anew, by mouse and keyboard in a real GIMP.  Started by `install.py pictures`.

python docs/pictures.py PHOTOS [FOLDER]     PHOTOS: with rocket.jpg and astronaut.png; FOLDER: where they go
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "demo")]

import demo

from inference_server.shared import paths
from tests import translations
from tests.gimp.window import DIALOG, Window, WindowedGimp, as_downloaded
from tests.virtual_screen import seen, wait_for

ENGLISH, LANGUAGES = "en", ("en", "de", "vi")
OF_FIRST_PAGES = ("setup", "found", "compare")  # in each language
OTHERS = ("demo", "menu", "applied", "dialog", "light", "select", "fill", "replace", "edit", "settings")
WIDTH, OF_ROWS, QUALITY = 900, 1600, 85  # pixels of a picture, and of several in a row, at most; of a JPEG
ROCKET, TOWER, STROKE = (322, 200), (185, 90, 225, 345), (120, 60, 180, 60)  # on the one photo
ASTRONAUT = ((230, 300), (390, 439))  # suit and helmet, on the other
PROMPT = "a lighthouse"
MENU = ((427, 32), (500, 511))  # on the screen: Filters, and in it Inpaint Anything
SETTINGS, SET_UP = "Inpaint Anything Settings", "Set Up Inpaint Anything"
PREVIEW = "P_review"
GIMP_AT = np.s_[22:, 1:1271]  # on the screen, without its frame
LOOK_SECONDS, SAME_LOOKS, MOST_LOOKS = 0.4, 4, 60
GEOMETRY = r"Window (\d+)\s+Position: (-?\d+),(-?\d+).*\s+Geometry: (\d+)x(\d+)"  # as xdotool says it
HOME = "/home/you/.local/share/inpaint-anything"  # what the reader sees; it is not made
BACKGROUNDS = (("--blur", "0.6"), ("--colour", "#a9b7c2", "--colour", "#dfe7ec"), ("--background-photo", "{rocket}"))


def names() -> Iterator[str]:
    """The names of all pictures, as files of docs/."""
    yield from (f"{name}.jpg" for name in (*OTHERS, *OF_FIRST_PAGES))
    yield from (f"{name}.{language}.jpg" for name in OF_FIRST_PAGES for language in LANGUAGES if language != ENGLISH)


@dataclass(frozen=True)
class Studio:
    """Where pictures are taken.  rocket, astronaut: the photos; scratch: for what is not kept."""

    rocket: Path
    astronaut: Path
    folder: Path
    scratch: Path

    @contextmanager
    def gimp(
        self, home: Path | str, language: str = ENGLISH, theme: str = "dark", *, has_keys: bool = True
    ) -> Iterator[WindowedGimp]:
        """A GIMP; home: the private folder of its plug-in; has_keys: as in `WindowedGimp`."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        gimp = WindowedGimp(folder, Path(home), theme, language, has_keys=has_keys)
        try:
            yield gimp
        finally:
            gimp.close()

    def keep(self, name: str, picture: np.ndarray, language: str = ENGLISH, width: int = WIDTH) -> None:
        """Write a picture (H, W, 3) uint8 RGB, made smaller where it is wider than so many pixels."""
        shrink = min(1, width / picture.shape[1])
        small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        file = f"{name}.jpg" if language == ENGLISH else f"{name}.{language}.jpg"
        cv2.imwrite(str(self.folder / file), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        print(f"  {file}", flush=True)


def main(photos: str, folder: str = str(HERE)) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        home = paths.private_folder(Path(scratch) / "home")
        (home / "models").symlink_to(paths.home() / "models")
        os.environ[paths.HOME_VARIABLE] = str(home)
        studio = Studio(Path(photos) / "rocket.jpg", Path(photos) / "astronaut.png", Path(folder), Path(scratch))
        studio.folder.mkdir(parents=True, exist_ok=True)
        try:
            menu(studio, home)
            for language in LANGUAGES:
                set_up(studio, language)
                first_removal(studio, home, language)
            jobs(studio, home)
            light(studio, home)
            whole_way(studio)
            backgrounds(studio)
        finally:
            subprocess.run([sys.executable, "-m", "inference_server", "stop"], capture_output=True)
    return 0


def set_up(studio: Studio, language: str) -> None:
    """Set Up, as somebody sees it who has unpacked the plug-in."""
    prepared, profile = os.environ["GIMP3_DIRECTORY"], Path(tempfile.mkdtemp(dir=studio.scratch))
    shutil.copytree(prepared, profile, dirs_exist_ok=True)
    as_downloaded(profile)
    os.environ["GIMP3_DIRECTORY"] = str(profile)
    try:
        with studio.gimp(HOME, language) as gimp:
            window = gimp.open(studio.rocket, "plain", {})
            window.call("remove")
            title = f"^{said(SET_UP, language)}$"
            wait_for(lambda: window.shows(title), 120, "Set up does not open")
            studio.keep("setup", of_window(window, title), language)
            window.do("key", "Escape")
            window.wait_for_plug_in()
    finally:
        os.environ["GIMP3_DIRECTORY"] = prepared


def menu(studio: Studio, home: Path) -> None:
    """GIMP's menu with ours in it."""
    with studio.gimp(home, has_keys=False) as gimp:
        window = gimp.open(studio.rocket, "plain", {})
        picture = whole(window)
        for at, button in zip(MENU, (("click", "1"), ()), strict=True):  # the menu in it opens by itself
            window.do("mousemove", *map(str, at), *button)
            picture = whole(window)
        studio.keep("menu", picture)
        window.do("key", "Escape", "Escape", "Escape")


def first_removal(studio: Studio, home: Path, language: str) -> None:
    """A click, a look, Apply."""
    photo = cv2.imread(str(studio.rocket))[..., ::-1].copy()
    with studio.gimp(home, language) as gimp:
        window = gimp.open(studio.rocket, "plain", {})
        dialog = window.open("remove")
        dialog.point(photo, *ROCKET)
        dialog.wait_settled()
        studio.keep("found", of_window(window), language)
        dialog.press(key(PREVIEW, language))
        dialog.wait_for_results()
        studio.keep("compare", of_window(window), language)
        if language == ENGLISH:  # GIMP itself speaks no other here
            dialog.apply()
            studio.keep("applied", whole(window))
            return
        dialog.press("Escape")
        dialog.wait_for_state(lambda state: state.phase == "pointing", "the results stay")
        dialog.press("Escape")
        asked = f"^{re.escape(said('Close without the results?', language))}"
        wait_for(lambda: window.shows(asked), 30, "it does not ask")
        window.do("key", key("C_lose", language))
        dialog.wait_closed()


def jobs(studio: Studio, home: Path) -> None:
    """The dialog with each job, and the settings."""
    rocket, astronaut = (cv2.imread(str(file))[..., ::-1].copy() for file in (studio.rocket, studio.astronaut))
    with studio.gimp(home) as gimp:
        window = gimp.open(studio.astronaut, "plain", {})
        dialog = window.open("select")
        dialog.point(astronaut, *ASTRONAUT[0])
        dialog.wait_settled()
        studio.keep("select", of_window(window))
        dialog.leave()

        window = gimp.open(studio.rocket, "plain", {"fill": {"prompt": PROMPT}})
        dialog = window.open("fill")
        dialog.point(rocket, *ROCKET)
        dialog.wait_settled()
        studio.keep("fill", of_window(window))
        dialog.leave()

        window = gimp.open(studio.rocket, "plain", {})
        dialog = window.open("remove")
        dialog.point(rocket, *ROCKET)
        dialog.wait_settled()
        dialog.press("n")
        dialog.drag(rocket, *TOWER)
        dialog.wait_settled()
        dialog.press("b")
        dialog.drag(rocket, *STROKE)
        dialog.wait_for_state(lambda state: state.strokes == 1, "nothing is painted")
        studio.keep("dialog", of_window(window))
        dialog.apply()
        window.press("Page_Up")  # the photo's layer is selected; above it is the group
        dialog = window.open("edit")
        dialog.wait_settled(changes=0)
        studio.keep("edit", of_window(window))
        dialog.leave()
        window.open("settings", f"^{SETTINGS}$")
        studio.keep("settings", of_window(window, f"^{SETTINGS}$"))
        window.leave_dialogs()


def light(studio: Studio, home: Path) -> None:
    """The dialog in a light theme."""
    photo = cv2.imread(str(studio.rocket))[..., ::-1].copy()
    with studio.gimp(home, theme="light") as gimp:
        window = gimp.open(studio.rocket, "plain", {})
        dialog = window.open("remove")
        dialog.point(photo, *ROCKET)
        dialog.wait_settled()
        studio.keep("light", of_window(window))
        dialog.leave()


def whole_way(studio: Studio) -> None:
    """What `install.py demo` shows."""
    made = studio.scratch / "demo"
    if demo.main(str(studio.rocket), ",".join(map(str, ROCKET)), str(made)):
        raise SystemExit("the demonstration has failed")
    studio.keep("demo", cv2.imread(str(made / "demo.png"))[..., ::-1], width=OF_ROWS)


def backgrounds(studio: Studio) -> None:
    """One person before three backgrounds, side by side."""
    before = cv2.imread(str(studio.astronaut))
    for x, y in ASTRONAUT:
        cv2.circle(before, (x, y), 8, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(before, (x, y), 5, (60, 60, 235), -1, cv2.LINE_AA)
    panels = [before]
    clicks = [word for x, y in ASTRONAUT for word in ("--click", f"{x},{y}")]
    for k, options in enumerate(BACKGROUNDS):
        made = studio.scratch / f"background-{k}.png"
        line = [sys.executable, "-m", "inference_server", "replace", str(studio.astronaut), *clicks, "-o", str(made)]
        subprocess.run([*line, "--quiet", *(each.format(rocket=studio.rocket) for each in options)], check=True)
        panels.append(cv2.imread(str(made)))
    gap = np.full((before.shape[0], 8, 3), 255, np.uint8)
    row = [part for panel in panels for part in (gap, panel)][1:]
    studio.keep("replace", np.hstack(row)[..., ::-1], width=OF_ROWS)


# -- what is seen


def said(text: str, language: str) -> str:
    """What the plug-in says in a language, with an underscore before the letter of its key."""
    found = translations.catalogue(language).get(text)
    return str(found.string) if found and found.string else text


def key(text: str, language: str) -> str:
    """The keys that press the button of this name."""
    return f"alt+{said(text, language).partition('_')[2][0].lower()}"


def whole(window: Window) -> np.ndarray:
    """GIMP and its open menus, once they rest."""
    return resting(lambda: with_menus(window))[GIMP_AT]


def with_menus(window: Window) -> np.ndarray:
    """The screen.  A picture of all of it has black in the place of menus, so they are laid over it one by one."""
    screen = seen(window.environment)
    asked = ["xdotool", "search", "--onlyvisible", "--class", "gimp", "getwindowgeometry", "%@"]
    said = subprocess.run(asked, env=window.environment, capture_output=True, text=True).stdout
    for number, x, y, width, height in re.findall(GEOMETRY, said):
        left, top, right, bottom = int(x), int(y), int(x) + int(width), int(y) + int(height)
        if right - left < screen.shape[1] / 2:  # GIMP's own window is larger
            screen[top:bottom, left:right] = seen(window.environment, number)
    return screen


def of_window(window: Window, title: str = DIALOG) -> np.ndarray:
    """A window with its frame, once it rests and nothing under the pointer is lit."""
    window.do("mousemove", "5", "5")
    return resting(lambda: seen(window.environment, window.find(title)))


def resting(look: Callable[[], np.ndarray]) -> np.ndarray:
    """What one sees several times in a row."""
    last, same = look(), 0
    for _ in range(MOST_LOOKS):
        time.sleep(LOOK_SECONDS)
        picture = look()
        same = same + 1 if np.array_equal(picture, last) else 0
        if same == SAME_LOOKS:
            break
        last = picture
    return last


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

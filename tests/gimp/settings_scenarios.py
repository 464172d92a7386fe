"""What the tests of the settings do inside GIMP: keys are pressed, and each waits for what the one before has changed.

A script is a generator of conditions: it goes on when the last one holds.  The settings' window is on a virtual screen.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402  gi wants the versions first

PLUG_IN = Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins" / "inpaint-anything"
sys.path.append(str(PLUG_IN))
from inpaint_anything.requests import connection  # noqa: E402
from inpaint_anything.settings import offers  # noqa: E402
from inpaint_anything.settings.dialog import GimpUi, SettingsDialog  # noqa: E402

from inference_server.shared import endpoint, preferences  # noqa: E402

MOST_TABS = 30  # more than there are buttons on a page
SECONDS = 150  # far more than anything here takes
Condition = Callable[[], object]


def main(scenario: str, environment: dict[str, str | None], **arguments: object) -> object:
    """What the scenario of this name has seen.

    environment: the variables that are this test's own, for those of the one before it in this GIMP; None: not set.
    """
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    connection.server_python()  # sets where the server is
    GimpUi.init("inpaint-anything")
    SettingsDialog.page = 0
    opened, seen = Opened(), {}
    try:
        opened.work(globals()[scenario](opened, seen, **arguments))
    finally:
        connection._relays().close()  # they have this test's variables
        connection._relays.cache_clear()
    return seen


def all_below(widget: Gtk.Widget) -> Iterator[Gtk.Widget]:
    yield widget
    for child in widget.get_children() if isinstance(widget, Gtk.Container) else ():
        yield from all_below(child)


class Opened:
    """The settings, and a hand at the keyboard."""

    def __init__(self) -> None:
        self.settings = SettingsDialog(None)
        self.window: Gtk.Window = self.settings._dialog
        self.error: BaseException | None = None

    def work(self, script: Iterator[Condition]) -> None:
        """Show the settings until they are closed, and follow the script meanwhile.  Raises what the script raises."""
        # When nothing else is left to be done: GTK learns of new mnemonics in an idle moment.
        waiting = [lambda: True, time.monotonic()]
        timer = GLib.timeout_add(10, self._go_on, script, waiting, priority=GLib.PRIORITY_LOW)
        self.settings.run()
        GLib.source_remove(timer)
        if self.error:
            raise self.error

    def _go_on(self, script: Iterator[Condition], waiting: list) -> bool:
        """waiting: the condition, and since when it is waited for."""
        if self.error:
            self._close_all()
            return True
        try:
            if waiting[0]():
                waiting[:] = next(script), time.monotonic()
            if time.monotonic() > waiting[1] + SECONDS:
                line = script.gi_frame.f_lineno
                raise AssertionError(
                    f"what line {line} of {Path(__file__).name} waits for does not happen; {self._described()}"
                )
        except StopIteration:
            waiting[0] = lambda: False  # the last key closes the settings
            waiting[1] = time.monotonic()
        except BaseException as error:
            self.error = error
        return True

    def _close_all(self) -> None:
        for window in Gtk.Window.list_toplevels():
            if isinstance(window, Gtk.MessageDialog):
                window.response(Gtk.ResponseType.ACCEPT)
            elif isinstance(window, Gtk.FileChooserDialog):
                window.response(Gtk.ResponseType.CANCEL)
        self.window.response(Gtk.ResponseType.CLOSE)

    def _described(self) -> str:
        focus = self.window.get_focus()
        name = focus and focus.get_accessible().get_name()
        return f"active: {self.window.is_active()}, focus: {name}, {self.texts()}"

    # -- what is done

    def press(self, *keys: str) -> None:
        """Press keys in the window that has the keyboard, "alt+g" for example."""
        subprocess.run(["xdotool", "key", *keys], check=True)

    def write(self, text: str) -> None:
        subprocess.run(["xdotool", "type", text], check=True)

    def picture(self, file: Path) -> Iterator[Condition]:
        """Keep what the screen shows, once what has changed is drawn."""
        drawn: list[bool] = []
        clock = self.window.get_frame_clock()
        handler = clock.connect("after-paint", lambda _clock: drawn.append(True))
        for _ in range(3):  # of the last, a window that has become larger is the right size
            drawn.clear()
            self.window.queue_resize()
            yield lambda: drawn
        clock.disconnect(handler)
        subprocess.run(["xwd", "-root", "-silent", "-out", str(file)], check=True)

    def tab_to(self, button: Gtk.Button) -> Iterator[Condition]:
        """Bring the focus to a button with the Tab key."""
        for _ in range(MOST_TABS):
            before = self.window.get_focus()
            self.press("Tab")
            yield lambda before=before: self.window.get_focus() is not before
            if button.has_focus():
                return
        raise AssertionError("Tab does not come by the button")

    def to_get_of(self, model: str) -> Iterator[Condition]:
        """Bring the focus to the button that gets a model: Alt+G goes from one such button to the next."""
        self.press("alt+d")
        yield lambda: self.row(model) and self.row(model)._get_button.get_mapped()
        for _ in range(len(self.settings._models._rows)):
            before = self.window.get_focus()
            self.press("alt+g")
            yield lambda before=before: self.window.get_focus() is not before
            if self.row(model)._get_button.has_focus():
                return
        raise AssertionError("Alt+G does not come by the model")

    # -- what is seen

    def row(self, model: str) -> "Gtk.Widget | None":
        return self.settings._models._rows.get(model)

    def texts(self) -> list[str]:
        """All text that is seen, with plain spaces."""
        labels = [each for each in all_below(self.window) if isinstance(each, Gtk.Label) and each.get_mapped()]
        return [each.get_text().replace("\xa0", " ") for each in labels]

    def question(self, title: str = "") -> "Gtk.Window | None":
        """The window that asks something, once it has the keyboard."""
        for window in Gtk.Window.list_toplevels():
            if isinstance(window, Gtk.MessageDialog) and window.is_active() and window.get_title().startswith(title):
                return window
        return None

    def chooser(self) -> "Gtk.FileChooserDialog | None":
        """The dialog that a folder is chosen in, once it has the keyboard."""
        windows = Gtk.Window.list_toplevels()
        return next((each for each in windows if isinstance(each, Gtk.FileChooserDialog) and each.is_active()), None)

    def is_in_front(self) -> bool:
        return self.window.is_active() and not any(
            isinstance(window, Gtk.MessageDialog) and window.get_visible() for window in Gtk.Window.list_toplevels()
        )

    def lists_models(self) -> bool:
        """Whether the server has answered what it has, and on what it computes."""
        place = self.settings._overview._place.get_text()
        return self.settings._models._rows and " · " in place and "Looking" not in place


def has_begun(file: Path) -> bool:
    """Whether something of a file has come by now."""
    return any(part.stat().st_size for part in file.parent.glob(f"{file.name}.*.part"))


# -- scenarios: each fills `seen`, and closes the settings in the end -------------------------------------------------


def recommended_models_got(opened: Opened, seen: dict, model: str, stalls: str, pictures: str) -> Iterator[Condition]:
    """Get all that is recommended, cancel that, get the rest, which fails at first, and try again.

    model: what is recommended in place of what this computer's server does.  stalls: the file whose download does.
    pictures: a folder for what is seen meanwhile.
    """
    settings, file, folder = opened.settings, Path(stalls), Path(pictures)
    overview, show = settings._overview, settings._show_list
    yield lambda: opened.is_in_front() and overview._get_all.get_mapped()
    seen["first"] = opened.texts()
    yield from opened.picture(folder / "settings-overview")

    def show_with_other_advice(models: offers.ModelList) -> None:
        show(replace(models, models=tuple(replace(each, advised=each.name == model) for each in models.models)))

    settings._show_list = show_with_other_advice
    settings._request_list()
    row = next(each for each in overview._rows.values() if each._job == "fill")
    yield lambda: row.offer.offered and row.offer.offered.models[0].name == model
    seen["offers"] = row.offer._label.get_text()
    opened.press("alt+m")
    yield lambda: has_begun(file) and row.offer._line.bar.get_fraction() > 0.3
    seen["button for all stays"] = overview._get_all.get_visible()
    yield from opened.picture(folder / "settings-getting")
    yield from opened.tab_to(row.offer._cancel)
    opened.press("space")
    yield lambda: row.offer._get.has_focus()
    seen["cancelled"] = [row.offer._get.get_label(), file.exists(), has_begun(file)]
    opened.press("space")
    yield lambda: row.offer._notice.get_mapped()
    seen["failed"] = row.offer._notice._label.get_text()
    yield from opened.picture(folder / "settings-failed")
    yield from opened.tab_to(row.offer._notice._retry)
    opened.press("space")
    yield lambda: not row.offer.get_visible() and "FLUX" in row._works.get_text()
    seen["works"] = row._works.get_text()
    seen["bytes"] = file.stat().st_size
    opened.press("alt+d")
    yield lambda: opened.row(model) and opened.row(model)._remove_button.get_mapped()
    yield from opened.picture(folder / "settings-advanced")
    opened.press("Escape")


def model_in_two_goes(opened: Opened, seen: dict, model: str, folder: str, stalls: str) -> Iterator[Condition]:
    """Get a model, cancel that, get the rest, and remove it.  stalls: the file whose download does."""
    folder, file = Path(folder), Path(stalls)
    yield opened.is_in_front
    yield from opened.to_get_of(model)
    opened.press("space")
    yield lambda: opened.row(model)._cancel_button.has_focus() and has_begun(file)
    opened.press("space")
    yield lambda: opened.row(model)._get_button.has_focus()
    seen["cancelled"] = [file.exists(), has_begun(file)]
    opened.press("space")
    yield lambda: opened.row(model)._remove_button.has_focus()
    seen["bytes"] = file.stat().st_size
    opened.press("space")
    yield lambda: opened.question("Remove FLUX.1 Fill")
    opened.press("Return")  # which keeps it
    yield opened.is_in_front
    seen["kept"] = file.exists()
    opened.press("space")
    yield lambda: opened.question("Remove FLUX.1 Fill")
    opened.press("alt+r")
    yield lambda: opened.row(model)._get_button.get_mapped()
    seen["removed"] = not folder.exists()
    opened.press("Escape")


def files_of_ones_own(opened: Opened, seen: dict, model: str, folder: str, picture: str) -> Iterator[Condition]:
    """Bring a model's files, which are in a folder.  picture: a file for what is seen before."""
    yield opened.is_in_front
    opened.press("alt+d")
    yield lambda: opened.lists_models() and opened.row(model)._folder_button.get_mapped()
    while not opened.row(model)._folder_button.has_focus():
        before = opened.window.get_focus()
        opened.press("alt+f")
        yield lambda before=before: opened.window.get_focus() is not before
    yield from opened.picture(Path(picture))
    opened.press("space")
    yield opened.chooser
    chooser = opened.chooser()
    chooser.set_current_folder(folder)
    yield lambda: chooser.get_filename() == folder
    chooser.response(Gtk.ResponseType.ACCEPT)
    yield lambda: opened.row(model)._remove_button.get_mapped()
    seen["focus"] = opened.window.get_focus().get_accessible().get_name()
    opened.press("Escape")


def checkpoint_of_ones_own(
    opened: Opened, seen: dict, files: list[str], model: str, picture: str
) -> Iterator[Condition]:
    """Choose files, of which the last is the model that is called so.  picture: a file for what is seen at last."""
    yield opened.is_in_front
    opened.press("alt+d")
    yield opened.lists_models
    own = opened.settings._own_files
    for file in files:
        own._file.grab_focus()
        yield own._file.has_focus
        opened.press("space")
        yield opened.chooser
        chooser = opened.chooser()
        chooser.set_filename(file)
        yield lambda chooser=chooser, file=file: chooser.get_filename() == file
        chooser.response(Gtk.ResponseType.ACCEPT)
        yield lambda: own._notice.text and not own.fetching
        seen.setdefault("said", []).append(own._notice.text)
    yield lambda: opened.row(model) and opened.row(model)._remove_button.get_visible()
    yield from opened.picture(Path(picture))
    opened.press("Escape")


def closed_while_a_model_comes(opened: Opened, seen: dict, model: str, stalls: str) -> Iterator[Condition]:
    """Close the settings while a model is downloaded: once thinking better of it, then really; and between these think
    better of what would end the download too.

    stalls: the file whose download does.
    """
    yield opened.is_in_front
    yield from opened.to_get_of(model)
    opened.press("space")
    yield lambda: has_begun(Path(stalls))
    opened.press("Escape")
    yield lambda: opened.question("Stop getting models")
    opened.press("Escape")
    yield opened.is_in_front
    seen["goes on"] = opened.row(model).fetching
    yield lambda: opened.settings._runs
    for keys in ("alt+v", "alt+n"):  # stop the server, use another one
        opened.press(keys)
        yield lambda: opened.question("Stop getting models")
        opened.press("Escape")
        yield opened.is_in_front
        seen[keys] = opened.row(model).fetching and not opened.settings._choice.remote
    opened.press("Escape")
    yield lambda: opened.question("Stop getting models")
    opened.press("alt+s")


def server_stopped_and_started(opened: Opened, seen: dict) -> Iterator[Condition]:
    """Stop the server, see that asking how it is does not start it, start it, and choose an idle time."""
    status = opened.settings._status
    yield opened.is_in_front
    opened.press("alt+d")
    yield lambda: opened.lists_models()
    first = endpoint.running().pid
    opened.press("alt+v")
    yield lambda: endpoint.running() is None and status._running.get_text().startswith("Not running")
    status.show_running("")  # and it is asked again
    yield lambda: status._running.get_text().startswith("Not running")
    seen["stays away"] = endpoint.running() is None
    opened.press("alt+v")
    yield lambda: endpoint.running() is not None
    seen["another"] = endpoint.running().pid != first
    opened.press("alt+i", "ctrl+a", "4", "5", "Tab")
    yield lambda: preferences.read().idle_minutes == 45
    opened.press("Escape")


def another_computers_server(
    opened: Opened, seen: dict, address: str, key: str, admit: list[str], home: str, picture: str
) -> Iterator[Condition]:
    """Use the server at an address, which at first does not know this computer; then this computer's again.

    admit: the command that makes the server there, whose home this is, know this computer.  picture: a file for what is
    seen while no address is given.
    """
    notice = opened.settings._choice.notice._label
    yield opened.is_in_front
    opened.press("alt+d")
    yield opened.lists_models
    seen["own server is seen"] = any("Running since" in text for text in opened.texts())
    opened.press("alt+n")
    yield lambda: opened.settings._choice._address.has_focus()
    opened.settings._request_status()
    seen["hidden"] = opened.texts()
    yield from opened.picture(Path(picture))
    opened.write(preferences.code(address, key))  # which is taken apart
    yield lambda: opened.settings._choice.server_key == key
    seen["address"] = opened.settings._choice.address
    opened.press("Return")
    yield lambda: notice.get_text()
    chosen = preferences.read()
    seen["kept"] = [chosen.address, chosen.server_key]
    seen["turned away"] = notice.get_text()
    subprocess.run(admit, env={**os.environ, "INPAINT_ANYTHING_HOME": home}, check=True)
    opened.press("alt+s")
    yield lambda: opened.lists_models() and "answers" in notice.get_text()
    seen["admitted"] = notice.get_text()
    opened.press("alt+t")
    yield lambda: preferences.read().address == "" and opened.lists_models()
    opened.press("Escape")


def looked_after(opened: Opened, seen: dict, picture: str) -> Iterator[Condition]:
    """Copy a report, and have what is damaged repaired.  picture: for what is seen then."""
    maintenance = opened.settings._maintenance
    notice = maintenance._notice
    yield lambda: opened.is_in_front() and opened.lists_models()
    opened.press("alt+d")
    yield lambda: maintenance.get_mapped()
    opened.press("alt+p")
    yield lambda: "copied" in notice.text
    seen["report"] = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).wait_for_text()
    opened.press("alt+h")
    yield lambda: "well" in notice.text or "left" in notice.text
    seen["repaired"] = notice._details.get_text()
    adjustment = maintenance.get_ancestor(Gtk.ScrolledWindow).get_vadjustment()
    adjustment.set_value(adjustment.get_upper())
    yield from opened.picture(Path(picture))
    opened.press("alt+c")

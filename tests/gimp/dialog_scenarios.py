"""What the tests of the dialog do inside GIMP, where its own objects can be reached; as scenarios.py.

The dialog's window is on a virtual screen; events are dispatched as the widgets do it.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gegl, Gimp, GimpUi, Gio, GLib, Gtk  # noqa: E402  gi wants the versions first

PLUG_IN = Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins" / "inpaint-anything"
sys.path.append(str(PLUG_IN))
ROCKET = (322, 200)
# What is asked of GIMP itself when it is called.
ASKING_GIMP = ("get_buffer", "get_format", "get_height", "get_offsets", "get_width", "has_alpha", "is_gray")


def main(scenario, **arguments):
    return globals()[scenario](**arguments)


class Opened:
    """The dialog, with the photo in it clicked on."""

    def __init__(self, photo: str, job: str = "remove") -> None:
        Gegl.init(None)
        GimpUi.init("inpaint-anything")
        from inpaint_anything.dialog import controller, events
        from inpaint_anything.image import last_settings
        from inpaint_anything.image.photo_layer import PhotoLayer

        from inference_server.shared.messages import Job

        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
        self.events = events
        self.outcomes: list[controller.Outcome] = []

        def open_photo(source: object) -> tuple[PhotoLayer, None]:
            return PhotoLayer.of(image, image.get_layers(), source), None

        def insert(_photo: PhotoLayer, outcome: controller.Outcome) -> None:
            self.outcomes.append(outcome)

        settings = last_settings.last(Job(job))
        self.dialog = controller.Dialog(Job(job), open_photo, insert, settings, is_edit=False)
        self.dialog.window.present()

    def until(self, happened: Callable[[], object], seconds: float = 120) -> None:
        """Let the main loop run until something has happened."""
        limit = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > limit:
                raise TimeoutError(f"{self.dialog.state.summary}, {self.message!r}")
            while Gtk.events_pending():
                Gtk.main_iteration_do(False)
            time.sleep(0.005)

    @property
    def message(self) -> str:
        """What stands below the photo."""
        return self.dialog.window.notice.text

    def click(self) -> None:
        self.dialog.dispatch(self.events.Clicked(*ROCKET, on_object=True))
        self.until(lambda: self.dialog.state.settled)

    def close(self) -> None:
        self.dialog.dispatch(self.events.CloseConfirmed())


def composed_result(photo):
    """The threads on which GIMP is asked something while a result is made and composed."""
    opened, threads = Opened(photo), set()
    opened.click()

    def recorded(method):
        def call(*arguments):
            threads.add(threading.current_thread() is threading.main_thread())
            return method(*arguments)

        return call

    with contextlib.ExitStack() as recording:
        for name in ASKING_GIMP:
            recording.enter_context(patch.object(Gimp.Layer, name, recorded(getattr(Gimp.Layer, name))))
        opened.dialog.dispatch(opened.events.PreviewPressed())
        opened.until(lambda: opened.dialog.state.comparison and not opened.dialog.state.working)
    opened.close()
    return {"on the main thread": True in threads, "elsewhere": False in threads}


def expanded(photo, picture):
    """What the dialog that expands a photo says and does; picture: a file for what it looks like."""
    from inpaint_anything.dialog.expanding import ExpandDialog
    from inpaint_anything.expand_settings import ExpandSettings
    from inpaint_anything.image import last_settings

    GimpUi.init("inpaint-anything")
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    seen = {}

    def first(dialog):
        seen["button at first"] = dialog._button.get_sensitive()
        dialog._config.set_properties(left=50.0, bottom=12.5, painted_by="model", prompt="a wide meadow")
        dialog.window.response(Gtk.ResponseType.OK)
        yield lambda: dialog._notice.text and not dialog._run
        seen["no model"], seen["size"] = dialog._notice.text, dialog._new_size.get_text()
        drawn = []
        handler = dialog.window.get_frame_clock().connect("after-paint", lambda _clock: drawn.append(True))
        dialog.window.queue_resize()
        yield lambda: drawn
        dialog.window.get_frame_clock().disconnect(handler)
        subprocess.run(["xwd", "-root", "-silent", "-out", picture], check=True)
        dialog._config.set_property("painted-by", "copies")
        dialog.window.response(Gtk.ResponseType.OK)
        yield lambda: dialog._run
        dialog.window.response(Gtk.ResponseType.CANCEL)
        yield lambda: False  # it closes

    def second(dialog):
        dialog.window.response(Gtk.ResponseType.OK)
        yield lambda: False  # it closes

    seen["cancelled"] = [followed(ExpandDialog(image, ExpandSettings()), first), image.get_width(), image.get_height()]
    settings = ExpandSettings(left=50.0, bottom=12.5)
    layers = followed(ExpandDialog(image, settings), second)
    seen["group"] = layers.group.get_name()
    seen["expanded"] = [image.get_width(), image.get_height(), last_settings.last_expansion() == settings]
    return seen


def followed(dialog, script):
    """What comes of a dialog while a script, a generator of conditions, is followed in it.  Raises what that raises."""
    steps, failed = script(dialog), []
    waiting = [lambda: True]

    def go_on():
        try:
            if waiting[0]():
                waiting[0] = next(steps)
        except BaseException as error:
            failed.append(error)
            dialog.window.response(Gtk.ResponseType.CANCEL)
            return False
        return True

    timer = GLib.timeout_add(10, go_on, priority=GLib.PRIORITY_LOW)
    layers = dialog.run()
    if failed:
        raise failed[0]
    GLib.source_remove(timer)
    return layers


def result_that_cannot_be_composed(photo):
    """What is said then, and whether the result can still be applied."""
    from inpaint_anything.dialog import controller

    opened = Opened(photo)
    opened.click()

    def broken(*_arguments):
        raise MemoryError("no room")

    with patch.object(controller, "ComposedResult", broken):
        opened.dialog.dispatch(opened.events.PreviewPressed())
        opened.until(lambda: not opened.dialog.state.working and opened.message)
    seen = {"message": opened.message}
    opened.dialog.dispatch(opened.events.ApplyPressed())
    seen["results"] = [len(outcome.results) for outcome in opened.outcomes]
    return seen


def saved_recipe(photo, recipe):
    """What is in the recipe of a click, and what is said where a stroke was drawn beside it."""
    from inpaint_anything.dialog import recipe_files

    from inference_server.shared.messages import Stroke

    opened, seen = Opened(photo), {}
    button = opened.dialog.window._save_recipe
    opened.until(lambda: not opened.dialog.state.waiting)
    seen["before anything is marked"] = button.get_sensitive()
    opened.click()
    opened.until(button.get_sensitive)
    with patch.object(recipe_files, "ask_for_file", lambda _window, _job: Path(recipe)):
        button.clicked()
        seen["recipe"] = Path(recipe).read_text("utf-8")
        opened.dialog.dispatch(opened.events.StrokeDrawn(Stroke(path=(300, 300, 9, 330, 300, 9), adds=True)))
        opened.until(lambda: opened.dialog.state.settled and button.get_sensitive())
        button.clicked()
        opened.until(lambda: opened.message)
    seen["message"], seen["recipe after it"] = opened.message, Path(recipe).read_text("utf-8")
    opened.close()
    return seen


def command_that_fails(photo):
    """What becomes of a dialog whose photo is closed in GIMP: nothing can be read of it any more."""
    from inpaint_anything.dialog import controller

    opened = Opened(photo)
    opened.click()

    def gone(*_arguments, **_options):
        raise RuntimeError("the image is gone")

    with patch.object(controller, "preview_request", gone), patch.object(controller, "PhotoJob", gone):
        seen = []
        for event in (opened.events.Clicked(*ROCKET[::-1], on_object=True), opened.events.PreviewPressed()):
            opened.dialog.dispatch(event)
            seen.append([opened.dialog.state.summary.split()[:2], opened.message])
    opened.close()
    return seen


def prompt_hints(photo):
    """What is said under a prompt to people of two languages, with and without something that counts as avoided."""
    from inpaint_anything.dialog import prompt_hint
    from inpaint_anything.job_settings import JobSettings

    from inference_server.shared.messages import ExpandedPrompt, Job

    settings = JobSettings(job=Job.FILL, prompt="ein Bär", negative="snow")
    said = []
    for languages in ([], ["de"]):
        with patch.object(prompt_hint, "LANGUAGES", languages):
            said += [
                prompt_hint._as_text(ExpandedPrompt(prompt="a bear", negative=negative), settings).splitlines()
                for negative in ("snow, blurry", "")
            ]
    return said


def like_a_picture(photo, taking, words, like, gone, picture):
    """What the row says in which a picture of what is to be painted is chosen.

    taking, words: models that can be shown one, and that cannot; like, gone: files, the second of which is not there;
    picture: a file for what it looks like.
    """
    from inpaint_anything import job_settings

    from inference_server.shared.messages import Job

    opened, seen = Opened(photo, "fill"), {}
    dialog = opened.dialog
    config, row = dialog._configs[Job.FILL], dialog.window.panels[Job.FILL]._reference

    def known(takes):
        opened.until(lambda: dialog.state.takes_reference is takes)
        return [row._shown.get_visible(), row._note.get_text()]

    def chosen(path):
        config.set_property("reference", Gio.File.new_for_path(path))
        opened.until(lambda: dialog.state.reference and dialog.state.reference.address.endswith(Path(path).name))

    opened.click()
    config.set_property("model", words)
    seen["words"] = known(False)
    config.set_property("model", taking)
    seen["taking"] = known(True)
    chosen(like)
    opened.until(lambda: dialog.state.reference.picture)
    seen["told"] = told(opened, "What the reference image shows")
    _taken(opened, picture)
    config.set_property("model", words)
    seen["words, and a picture"] = known(False)
    row._remove.clicked()
    opened.until(lambda: dialog.state.reference is None)
    seen["left out"] = [row._shown.get_visible(), row._chooser.get_file() is None]
    config.set_property("model", taking)
    known(True)
    seen |= _like_a_layer(opened, row, config, f"{picture}-layer")
    noted = job_settings.to_json(dialog._settings(Job.FILL)) | {"reference": Path(gone).as_uri()}
    job_settings.write(job_settings.from_json(Job.FILL, noted), config)
    opened.until(lambda: dialog.state.reference and dialog.state.reference.is_gone)
    seen["gone"] = [row._shown.get_visible(), row._note.get_text()]
    opened.close()
    return seen


def _taken(opened, picture):
    """A picture of the screen, once the dialog is drawn as it is now."""
    window, drawn = opened.dialog.window, []
    handler = window.get_frame_clock().connect("after-paint", lambda _clock: drawn.append(True))
    window.queue_draw()
    opened.until(lambda: drawn)
    window.get_frame_clock().disconnect(handler)
    subprocess.run(["xwd", "-root", "-silent", "-out", picture], check=True)


def _like_a_layer(opened, row, config, picture):
    """What the row offers of what is open, and what it says once a blue layer is chosen, and once that is gone."""
    from inpaint_anything.dialog import recipe_files
    from inpaint_anything.image.open_pictures import without_what_is_gone

    from inference_server.shared.errors import UserError
    from inference_server.shared.messages import Job

    dialog, image = opened.dialog, opened.dialog._photo.image
    layer = Gimp.Layer.new(image, "Chair", 40, 20, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    Gimp.context_set_foreground(Gegl.Color.new("#0000c8"))
    layer.fill(Gimp.FillType.FOREGROUND)
    other = image.duplicate()
    other.set_file(Gio.File.new_for_path("/nowhere/other.xcf"))
    menu = row.menu()
    seen = {"offered": [item.get_label() for item in menu.get_children()]}

    def chosen(label):
        menu = row.menu()
        items = {item.get_label(): item for item in menu.get_children()}
        assert label in items, list(items)
        items[label].activate()
        opened.until(lambda: dialog.state.reference and dialog.state.reference.picture)

    chosen("other.xcf")
    seen["another"] = [row._layer.get_text(), config.get_property("reference-layer")]
    chosen("Chair")
    shown = dialog.state.reference.picture
    blue = list(bytes(shown.get_data())[2::-1])
    setting = next(name for name in ("reference", "reference-layer") if config.get_property(name))
    seen["chosen"] = [row._layer.get_text(), setting, blue]
    seen["hidden while a layer is chosen"] = [row._chooser.get_visible(), row._layer.get_visible()]
    _taken(opened, picture)
    try:
        recipe_files.save(
            Path(f"{picture}.toml"), (1, 1), dialog._target(dialog.state.annotation), dialog._settings(Job.FILL)
        )
    except UserError as error:
        seen["no recipe"] = str(error)
    used = dialog._settings(Job.FILL)
    seen["used next"] = [without_what_is_gone(used, image).reference_layer]
    image.remove_layer(layer)
    seen["used next"].append(without_what_is_gone(used, image).reference_layer)
    config.set_property("reference-layer", "Chair")
    opened.until(lambda: dialog.state.reference.is_gone)
    seen["layer gone"] = row._note.get_text()
    other.delete()
    return seen


def measured_blur(photo):
    """What is asked about a blur's depth, and what becomes of the answers of a server with and without a model."""
    from inference_server.shared.messages import AskDepth, Job, MeasuredDepth
    from inference_server.shared.wire import Depth, attach

    asked, opened = [], Opened(photo)
    dialog, ask = opened.dialog, opened.dialog._worker.ask

    def recorded(request, answered, failed, **more):
        if isinstance(request.message, AskDepth):
            asked.append((request, answered))
        return ask(request, answered, failed, **more)

    with patch.object(dialog._worker, "ask", recorded):
        opened.until(lambda: dialog.state.encoded)
        dialog._configs[Job.REPLACE].set_property("background", "blur")
        dialog.window.jobs[Job.REPLACE].set_active(True)
        dialog._configs[Job.REPLACE].set_property("blur", 70)
    ((request, answered),), frames = asked, []
    seen = {"proxy": request.proxy == dialog._photo.proxy}
    answered(MeasuredDepth(nearness=attach(frames, 2, 1, 1, Depth.UINT8, b"\x00\xff")), frames)
    seen["measured"] = [*dialog.state.nearness.size, dialog.state.nearness.values.hex()]
    answered(MeasuredDepth(), [])
    seen["no model"] = dialog.state.nearness
    opened.close()
    return seen


def kept_prompts(photo):
    """The prompts that the dialog offers after some were used, and what choosing one of them comes to."""
    from inpaint_anything.image import last_settings
    from inpaint_anything.job_settings import JobSettings

    from inference_server.shared.messages import Job

    last_settings._file().unlink(missing_ok=True)
    for prompt in ("a bear", "a chair", "a bear ", " "):
        last_settings.keep(JobSettings(job=Job.FILL, prompt=prompt))
    opened, seen = Opened(photo, "fill"), {}
    panel = opened.dialog.window.panels[Job.FILL]
    seen["offered"] = [row[0] for row in panel._lists["prompt"].get_model()]
    panel._lists["prompt"].set_active(1)
    seen["chosen"] = opened.dialog._settings(Job.FILL).prompt
    seen["of another job"] = len(opened.dialog.window.panels[Job.REPLACE]._lists["prompt"].get_model())
    opened.close()
    for k in range(30):
        last_settings.keep(JobSettings(job=Job.FILL, prompt=f"bear {k}"))
    kept = last_settings.prompts(Job.FILL)
    seen["kept"] = [kept[0], kept[-1], len(kept)]
    last_settings._file().unlink()
    return seen


def told(opened, words):
    """What is said that a model is told, once these words are in it."""
    label = opened.dialog.window.panels[opened.dialog.state.job].prompt_hint
    opened.until(lambda: words in label.get_text())
    return label.get_text()

"""The part of the measurement that runs inside GIMP: the dialog, clicked on and timed from click to drawn overlay."""

import os
import sys
import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gegl, Gimp, GimpUi, Gio, GLib, Gtk  # noqa: E402

STALL = 0.05  # seconds
BEAT_MS = 5


def main(photo, points):
    """Seconds to the first and to the second overlay of each click, without and with a hovering pointer, and stalls."""
    Gegl.init(None)
    place = os.path.join(os.environ["GIMP3_DIRECTORY"], "plug-ins", "inpaint-anything")  # noqa: PTH118
    sys.path[:0] = [place]
    sys.path.append(os.path.join(place, "vendor"))  # noqa: PTH118
    GimpUi.init("inpaint-anything")
    from inpaint_anything.dialog import controller
    from inpaint_anything.image import photo_layer

    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    opened = time.monotonic()
    there = photo_layer.Photo.of(image, image.get_layers())
    shown = controller.Dialog("remove", there, None, {})
    shown.window.present()
    watch = Watch(shown)
    watch.until(lambda: shown.looked, 120)
    ready = time.monotonic() - opened
    watch.stalls.clear()  # the window has just come up; from here on somebody works with it
    first, second, hovered = [], [], []
    for x, y in points:
        begun = watch.click(x, y)
        first.append(watch.drawn_after(begun))
        watch.until(lambda: shown.settled, 20)
        second.append(time.monotonic() - begun)
        watch.rest(0.3)
        watch.back()
    for x, y in points:
        shown.view.emit("hovered", x + 7.0, y + 5.0)
        watch.rest(0.25)
        begun = watch.click(x + 7.0, y + 5.0)
        hovered.append(watch.drawn_after(begun))
        watch.until(lambda: shown.settled, 20)
        watch.back()
    shown.pointing = shown.pointing.click(*points[0], True)
    shown._work()
    watch.until(lambda: shown.results and shown._run is None, 300)
    watch.rest(1)
    stalls = watch.stalls
    shown._close()
    return {"ready": ready, "first": first, "second": second, "hovered": hovered, "stalls": stalls}


class Watch:
    def __init__(self, shown):
        self._shown, self.stalls, self._last = shown, [], time.monotonic()
        self._drawn = 0.0
        shown.view.connect_after("draw", self._note)
        GLib.timeout_add(BEAT_MS, self._beat, priority=GLib.PRIORITY_HIGH)

    def _note(self, *_):
        if self._shown.shapes:
            self._drawn = time.monotonic()
        return False

    def _beat(self):
        now = time.monotonic()
        if now - self._last > STALL:
            self.stalls.append(now - self._last)
        self._last = now
        return True

    def click(self, x, y):
        begun = time.monotonic()
        self._shown.view.emit("pointed", x, y, True)
        return begun

    def back(self):
        while self._shown.pointing.acts:
            self._shown._point(self._shown.pointing.back())
        self.rest(0.2)

    def drawn_after(self, begun):
        self.until(lambda: self._drawn > begun, 20)
        return self._drawn - begun

    def until(self, happened, seconds):
        limit = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > limit:
                raise TimeoutError(self._shown.window.said.get_text())
            Gtk.main_iteration_do(True)

    def rest(self, seconds):
        limit = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > limit, seconds + 1)

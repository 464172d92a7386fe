"""The part of the measurement that runs inside GIMP: the dialog, clicked on and timed from click to drawn overlay."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gegl, Gimp, GimpUi, Gio, GLib, Gtk

STALL = 0.05  # seconds
STROKE = 200  # movements of the brush
BEAT_MS = 5
BESIDE = 7.0, 5.0  # pixels from the first clicks to those with hovering, which nothing is known of yet


def main(photo: str, points: list[list[float]]) -> dict[str, object]:
    """Seconds to the first and to the final overlay of each click, without and with a hovering pointer, of each frame
    while somebody draws, and stalls."""
    Gegl.init(None)
    plug_in = Path(Gimp.directory()) / "plug-ins" / "inpaint-anything"
    sys.path[:0] = [str(plug_in)]
    GimpUi.init("inpaint-anything")
    from inpaint_anything.dialog import controller, events
    from inpaint_anything.image import last_settings
    from inpaint_anything.image.photo_layer import PhotoLayer

    from inference_server.shared.messages import Job

    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    opened = time.monotonic()
    dialog = controller.Dialog(
        Job.REMOVE,
        lambda source: (PhotoLayer.of(image, image.get_layers(), source), None),
        lambda _photo, _outcome: None,
        last_settings.last(Job.REMOVE),
        is_edit=False,
    )
    dialog.window.present()
    watch = Watch(dialog)
    watch.until(lambda: dialog.state.encoded, 120)
    ready = time.monotonic() - opened
    watch.stalls.clear()  # the window has just come up; from here on somebody works with it
    times = watch.clicks(points)
    watch.click(*points[0])
    watch.until(lambda: dialog.state.settled, 20)
    strokes = watch.strokes(image.get_width(), image.get_height())
    dialog.dispatch(events.PreviewPressed())
    watch.until(lambda: dialog.state.comparison and not dialog.state.working, 300)
    watch.rest(1)
    stalls = watch.stalls
    dialog.dispatch(events.CloseConfirmed())
    return {"ready": ready, **times, "strokes": strokes, "stalls": stalls}


class Watch:
    """Works the dialog, and notes when it is drawn and how long its main loop stalls."""

    def __init__(self, dialog: "controller.Dialog") -> None:  # noqa: F821  which cannot be imported before `main` runs
        self._dialog = dialog
        self.stalls: list[float] = []
        self._last, self._drawn = time.monotonic(), 0.0
        dialog.view.connect_after("draw", self._note_drawing)
        GLib.timeout_add(BEAT_MS, self._beat, priority=GLib.PRIORITY_HIGH)

    def _note_drawing(self, *_: object) -> bool:
        if self._dialog.state.proposals:
            self._drawn = time.monotonic()
        return False

    def _beat(self) -> bool:
        now = time.monotonic()
        if now - self._last > STALL:
            self.stalls.append(now - self._last)
        self._last = now
        return True

    def click(self, x: float, y: float) -> float:
        """Click on the object; when that was."""
        begun = time.monotonic()
        self._dialog.view.emit("pointed", x, y, True, False)
        return begun

    def drawn_after(self, begun: float) -> float:
        """Seconds until masks are drawn."""
        self.until(lambda: self._drawn > begun, 20)
        return self._drawn - begun

    def clicks(self, points: list[list[float]]) -> dict[str, list[float]]:
        """Seconds to the first and to the final overlay of each click, and to the first after hovering there."""
        from inpaint_anything.dialog import events

        dialog, first, final, hovered = self._dialog, [], [], []
        for x, y in points:
            begun = self.click(x, y)
            first.append(self.drawn_after(begun))
            self.until(lambda: dialog.state.settled, 20)
            final.append(time.monotonic() - begun)
            self.rest(0.3)
            dialog.dispatch(events.ClearAll())
            self.rest(0.2)
        for x, y in ((x + BESIDE[0], y + BESIDE[1]) for x, y in points):
            dialog.view.emit("hovered", x, y)
            self.rest(0.25)
            hovered.append(self.drawn_after(self.click(x, y)))
            self.until(lambda: dialog.state.settled, 20)
            dialog.dispatch(events.ClearAll())
            self.rest(0.2)
        return {"first": first, "final": final, "hovered": hovered}

    def strokes(self, width: int, height: int) -> list[float]:
        """Seconds from each movement of a brush across the photo to the frame that shows it."""
        from inpaint_anything.dialog import events
        from inpaint_anything.photo_view.tool import Tool

        from inference_server.shared.messages import Stroke

        dialog, took = self._dialog, []
        dialog.dispatch(events.ToolChosen(Tool.BRUSH))
        frames: list[float] = []
        noted = dialog.view.connect_after("draw", lambda *_: frames.append(time.monotonic()))
        points = [(width * (0.2 + 0.6 * k / STROKE), height * (0.3 + 0.3 * (k % 40) / 40)) for k in range(STROKE)]
        stroke = [(x, y, dialog.state.brush) for x, y in points]
        for k in range(1, STROKE):
            begun = time.monotonic()
            dialog.view.draw_on(Stroke(path=(*stroke[k - 1], *stroke[k])))
            self.until(lambda begun=begun: frames and frames[-1] > begun, 5)
            took.append(frames[-1] - begun)
        dialog.view.disconnect(noted)
        dialog.dispatch(events.StrokeDrawn(Stroke(path=tuple(number for point in stroke for number in point))))
        return took

    def until(self, happened: Callable[[], object], seconds: float) -> None:
        """Let the main loop run until something has happened."""
        limit = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > limit:
                raise TimeoutError(self._dialog.window.notice.text)
            Gtk.main_iteration_do(True)

    def rest(self, seconds: float) -> None:
        """Let the main loop run for so long."""
        limit = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > limit, seconds + 1)

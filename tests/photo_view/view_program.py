"""A window with a `View` in it, worked by test_view.py.  Run by the sandbox's own Python, which has gi and cairo.

argv: JSON, see `main`.  Each line of stdin is JSON too, a command and its arguments (`Program`'s methods that begin
with do_, else the view's own); stdout gets a line for each answer, signal and call of `detail`.
"""

import json
import math
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "gimp_plugin"), str(HERE.parents[2])]

import cairo  # noqa: E402
import gi  # noqa: E402

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from inpaint_anything.photo_view.view import Shape, View  # noqa: E402

from inference_server.shared import messages  # noqa: E402
from inference_server.shared.geometry import proxy_size


def say(**what) -> None:
    print(json.dumps(what), flush=True)


def surface_of(settings: dict) -> cairo.ImageSurface:
    """The photo: red and green stripes, one pixel wide; its right half is blue, or transparent."""
    width, height = settings["size"]
    pixels = cairo.ImageSurface(
        cairo.FORMAT_ARGB32 if settings.get("transparent") else cairo.FORMAT_RGB24, width, height
    )
    stripes = cairo.ImageSurface(cairo.FORMAT_RGB24, 2, 1)
    cr = cairo.Context(stripes)
    for x, colour in enumerate(((1, 0, 0), (0, 1, 0))):
        cr.set_source_rgb(*colour)
        cr.rectangle(x, 0, 1, 1)
        cr.fill()
    cr = cairo.Context(pixels)
    pattern = cairo.SurfacePattern(stripes)
    pattern.set_extend(cairo.EXTEND_REPEAT)
    pattern.set_filter(cairo.FILTER_NEAREST)
    cr.set_source(pattern)
    cr.rectangle(0, 0, width // 2, height)
    cr.fill()
    if not settings.get("transparent"):
        cr.set_source_rgb(0, 0, 1)
        cr.rectangle(width // 2, 0, width - width // 2, height)
        cr.fill()
    return pixels


def scaled(photo: cairo.ImageSurface, window, scale: float) -> cairo.ImageSurface:
    """A window of the photo scaled by a factor."""
    x, y, width, height = window
    part = cairo.ImageSurface(photo.get_format(), width, height)
    cr = cairo.Context(part)
    cr.translate(-x, -y)
    cr.scale(scale, scale)
    cr.set_source_surface(photo, 0, 0)
    cr.get_source().set_filter(cairo.FILTER_BEST if scale != 1 else cairo.FILTER_NEAREST)
    cr.get_source().set_extend(cairo.EXTEND_PAD)
    cr.paint()
    return part


class Program:
    def __init__(self, settings: dict):
        self.photo = surface_of(settings)
        self.size = width, height = self.photo.get_width(), self.photo.get_height()
        small = proxy_size(width, height)
        self.scale = small[0] / width
        self.proxy = scaled(self.photo, (0, 0, *small), self.scale)
        self.view = View(width, height, self.proxy, self.detail)
        for name in ("pointed", "boxed", "hovered", "left"):
            self.view.connect(name, self.heard, name)
        self.window = Gtk.Window(title="View", decorated=False)
        self.window.set_default_size(*settings.get("window", (1000, 750)))
        self.window.add(self.view)
        self.window.connect("destroy", Gtk.main_quit)
        self.window.show_all()

    def detail(self, window, scale: float) -> cairo.ImageSurface:
        say(detail=window, scale=scale)
        return scaled(self.photo, window, scale)

    def heard(self, _view, *values) -> None:
        *values, name = values
        say(signal=name, values=values)

    def obey(self, line: str) -> bool:
        self.view.get_display().sync()  # what was done with mouse and keyboard comes first
        while Gtk.events_pending():
            Gtk.main_iteration_do(False)
        command, *arguments = json.loads(line)
        doing = getattr(self, f"do_{command}", None) or getattr(self.view, command)
        say(answer=command, value=doing(*arguments))
        return GLib.SOURCE_REMOVE

    # -- commands

    def do_state(self) -> dict:
        view, density = self.view.viewport, self.view.get_scale_factor()
        said = self.view.get_accessible()
        return {
            "zoom": self.view.zoom,
            "middle": view.middle,
            "origin": view.origin,
            "size": view.size,
            "density": density,
            "focus": self.view.is_focus(),
            "name": said.get_name(),
            "description": said.get_description(),
        }

    def do_shape(self, kind: str, x: float, y: float, radius: float, points: int = 200, waves: int = 0) -> None:
        """Show a disc around a point of the photo as what is found ("shape") or hovered over ("hover")."""
        getattr(self.view, f"show_{kind}")(self.disc(x, y, radius, points, waves))

    def disc(self, x: float, y: float, radius: float, points: int, waves: int) -> Shape:
        outline = []
        for k in range(points):
            angle = k / points * 2 * math.pi
            far = radius * (1 + 0.15 * math.sin(waves * angle))
            outline += [x + far * math.cos(angle), y + far * math.sin(angle)]
        left, top = (max(0, math.floor((at - 1.2 * radius) * self.scale)) for at in (x, y))
        small = proxy_size(*self.size)
        right, bottom = (
            min(edge, math.ceil((at + 1.2 * radius) * self.scale)) for at, edge in zip((x, y), small, strict=True)
        )
        surface = cairo.ImageSurface(cairo.FORMAT_A8, right - left, bottom - top)
        cr = cairo.Context(surface)
        cr.translate(-left, -top)
        cr.scale(self.scale, self.scale)
        for k in range(0, len(outline), 2):
            cr.line_to(*outline[k : k + 2])
        cr.fill()
        surface.flush()
        rows, stride = bytes(surface.get_data()), surface.get_stride()
        mask = b"".join(rows[row * stride : row * stride + right - left] for row in range(bottom - top))
        return Shape(0.9, (left, top, right - left, bottom - top), mask, (tuple(outline),))

    def do_nothing(self, kind: str) -> None:
        getattr(self.view, f"show_{kind}")(None)

    def do_clicks(self, points, labels, box=None) -> None:
        self.view.show_clicks(messages.ObjectPrompt(tuple(map(tuple, points)), tuple(labels), box and tuple(box)))

    def do_result(self) -> None:
        """The photo with a grey disc in its middle."""
        after = scaled(self.photo, (0, 0, *self.size), 1)
        cr = cairo.Context(after)
        cr.set_source_rgb(0.5, 0.5, 0.5)
        cr.arc(self.size[0] / 2, self.size[1] / 2, min(self.size) / 4, 0, 7)
        cr.fill()
        self.view.show_result(lambda window, scale: scaled(after, window, scale))

    def do_forming(self, window) -> None:
        surface = cairo.ImageSurface(cairo.FORMAT_RGB24, 64, 64)
        cr = cairo.Context(surface)
        cr.set_source_rgb(1, 1, 0)
        cr.paint()
        self.view.show_forming(surface, tuple(window))

    def do_resize(self, width: int, height: int) -> None:
        self.window.resize(width, height)

    def do_dark(self, dark: bool) -> None:
        Gtk.Settings.get_default().set_property("gtk-application-prefer-dark-theme", dark)

    def do_direction(self, rtl: bool) -> None:
        self.view.set_direction(Gtk.TextDirection.RTL if rtl else Gtk.TextDirection.LTR)
        self.view.queue_draw()

    def do_draw_times(self, again: bool) -> float:
        """The least milliseconds of a processor for a frame, when nothing has moved (again) or when everything has."""
        view = self.view
        target = cairo.ImageSurface(cairo.FORMAT_RGB24, *view.viewport.size)
        took = []
        for _ in range(7):
            if not again:
                view._scene.forget()
            begun = time.thread_time()
            view._scene.draw(cairo.Context(target), view.viewport, view)
            took.append((time.thread_time() - begun) * 1000)
        return min(took)

    def do_cursor(self) -> list[str]:
        """Which of the pointers that it may be it is."""
        display, now = self.view.get_display(), self.view.get_window().get_cursor()
        names = ("crosshair", "progress", "ew-resize", "grabbing")
        return [name for name in names if now == Gdk.Cursor.new_from_name(display, name)]


def main() -> None:
    """argv: {"size": [width, height] of the photo, "transparent": whether its right half is, "window": its size}."""
    program = Program(json.loads(sys.argv[1]))

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(program.obey, line)

    threading.Thread(target=listen, daemon=True).start()
    Gtk.main()


main()

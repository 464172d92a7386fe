"""A window with a `View` in it, worked by the tests through `view_window`.  Run by a Python that has gi and cairo.

Each line of stdin is JSON, a command and its arguments: a method of `Program` that begins with do_, or else one of the
view.  stdout gets a line for each answer, signal and call of `detail`.  A command is answered when nothing is left to
be done or drawn: what the tests read then is final.
"""

import json
import math
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "gimp_plugin"), str(HERE.parents[2])]

import cairo  # noqa: E402
import gi  # noqa: E402

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from inpaint_anything.covering import Covering  # noqa: E402
from inpaint_anything.photo_view.behind import AnotherPhoto, Blurred, Colours, Nearness  # noqa: E402
from inpaint_anything.photo_view.painter import ScenePainter  # noqa: E402
from inpaint_anything.photo_view.scene import MaskShape, PlacedClick, Placement  # noqa: E402
from inpaint_anything.photo_view.tool import MaskView, Tint, Tool  # noqa: E402
from inpaint_anything.photo_view.view import View  # noqa: E402
from inpaint_anything.photo_view.viewport import zoomed  # noqa: E402

from inference_server.shared.geometry import Size, Window, proxy_size, whole  # noqa: E402
from inference_server.shared.messages import Stroke  # noqa: E402

HEARD = (
    *("pointed", "boxed", "hovered", "left", "mark-moved", "mark-removed", "mark-chosen", "brush-resized"),
    *("behind-moved", "behind-scaled", "behind-fitted"),
)


def write(**what: object) -> None:
    print(json.dumps(what), flush=True)


def surface_of(size: Size, transparent: bool) -> cairo.ImageSurface:
    """The photo: red and green stripes, one pixel wide; its right half is blue, or transparent."""
    width, height = size
    pixels = cairo.ImageSurface(cairo.FORMAT_ARGB32 if transparent else cairo.FORMAT_RGB24, width, height)
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
    if not transparent:
        cr.set_source_rgb(0, 0, 1)
        cr.rectangle(width // 2, 0, width - width // 2, height)
        cr.fill()
    return pixels


def scaled(photo: cairo.ImageSurface, window: Window, scale: float) -> cairo.ImageSurface:
    """A window of the photo scaled by a factor."""
    x, y, width, height = window
    part = cairo.ImageSurface(photo.get_format(), width, height)
    cr = cairo.Context(part)
    cr.translate(-x, -y)
    cr.scale(scale, scale)
    cr.set_source_surface(photo, 0, 0)
    cr.get_source().set_filter(cairo.FILTER_BILINEAR if scale != 1 else cairo.FILTER_NEAREST)
    cr.get_source().set_extend(cairo.EXTEND_PAD)
    cr.paint()
    return part


class Program:
    """One window, whose view is another one for each photo."""

    def __init__(self) -> None:
        settings = Gtk.Settings.get_default()
        settings.set_property("gtk-enable-animations", False)  # a new theme is seen at once
        self.frames = 0  # that were drawn
        self.window: Gtk.Window | None = None

    # -- the window

    def do_open(self, size: Size, window: Size, transparent: bool) -> None:
        """Show a photo of this size in a window of that size at the screen's top left corner."""
        if self.window:
            self.window.destroy()
        self.tint = Tint()
        self.photo = surface_of(size, transparent)
        self.size = width, height = tuple(size)
        small = proxy_size(width, height)
        self.scale = small[0] / width
        self.view = View(width, height, scaled(self.photo, whole(*small), self.scale), self.detail)
        for name in HEARD:
            self.view.connect(name, self.heard, name)
        self.view.connect("stroked", lambda view, stroke: self.heard(view, *stroke_values(stroke), "stroked"))
        self.window = Gtk.Window(title="View", decorated=False)
        self.window.set_default_size(*window)
        self.window.add(self.view)
        self.window.show_all()
        self.window.get_frame_clock().connect("after-paint", self.drawn)
        while not self.window.is_active():  # without a window manager nobody else gives it the keyboard
            self.window.get_window().focus(Gdk.CURRENT_TIME)
            Gtk.main_iteration_do(False)

    def detail(self, window: Window, scale: float) -> cairo.ImageSurface:
        write(detail=window, scale=scale)
        return scaled(self.photo, window, scale)

    def heard(self, _view: View, *values: object) -> None:
        *values, name = values
        write(signal=name, values=values)

    def drawn(self, _clock: Gdk.FrameClock) -> None:
        self.frames += 1

    # -- commands

    def obey(self, line: str) -> bool:
        try:
            self.settle()
            command, *arguments = json.loads(line)
            do = getattr(self, f"do_{command}", None) or getattr(self.view, command)
            value = do(*arguments)
            self.settle()
            write(answer=value)
        except Exception:
            write(error=traceback.format_exc())
        return GLib.SOURCE_REMOVE

    def settle(self) -> None:
        """Run the main loop until nothing is left to be done or drawn."""
        if not self.window:
            return
        display = self.window.get_display()
        while True:
            display.sync()  # what was done with mouse and keyboard comes first
            while Gtk.events_pending():
                Gtk.main_iteration_do(False)
            if self.view._fetching or self.view._hover._timer:
                Gtk.main_iteration_do(True)
                continue
            before = self.frames
            self.window.get_frame_clock().request_phase(Gdk.FrameClockPhase.PAINT)
            while self.frames == before:
                Gtk.main_iteration_do(True)
            display.sync()  # and is on the screen
            if not Gtk.events_pending() and not self.view._fetching and not self.view._hover._timer:
                return

    def do_settle(self) -> None:
        """Nothing more than before and after every command."""

    def do_state(self) -> dict[str, object]:
        view, viewport = self.view, self.view.viewport
        accessible = view.get_accessible()
        return {
            "zoom": viewport.zoom,
            "middle": viewport.middle,
            "origin": viewport.origin,
            "size": viewport.size,
            "density": view.get_scale_factor(),
            "name": accessible.get_name(),
            "description": accessible.get_description(),
        }

    def do_shape(self, kind: str, x: float, y: float, radius: float, points: int = 200, waves: int = 0) -> None:
        """Show a disc around a point of the photo as what is chosen ("shape") or hovered over ("hover")."""
        shape = self.disc(x, y, radius, points, waves)
        if kind == "hover":
            self.view.show_hover(shape)
        else:
            self.do_mask([shape])

    def do_mask(
        self,
        shapes: list[MaskShape],
        strokes: list[dict] = (),
        view: str = "overlay",
        keeps: bool = False,
        alpha: MaskShape | None = None,
    ) -> None:
        """Show what is meant: shapes, with strokes over them, and the alpha that these ask for."""
        drawn = tuple(Stroke(**{**stroke, "path": tuple(stroke["path"])}) for stroke in strokes)
        self.view.show_mask(
            tuple(shapes), drawn, MaskView(view), self.tint, keeps=keeps, at_hand=bool(shapes), alpha=alpha
        )

    def do_discs(
        self,
        discs: list[list[float]],
        strokes: list[dict] = (),
        view: str = "overlay",
        keeps: bool = False,
        alpha: list[float] | None = None,
    ) -> None:
        """`do_mask` with discs, each x, y, radius; alpha: x, y, radius, and how opaque it is there."""
        found = None
        if alpha:
            *place, share = alpha
            found = self.disc(*place, 200, 0)
            found = replace(found, mask=bytes(round(value * share) for value in found.mask))
        self.do_mask([self.disc(*disc, 200, 0) for disc in discs], strokes, view, keeps, found)

    def do_behind(self, kind: str, *values: object) -> None:
        """What comes behind: two colours, a blur's strength, a blur and how near the photo's left and right parts are,
        0 to 255, or a photo, red on its left and yellow on its right, by the values of its covering."""
        if kind == "colours":
            self.view.show_behind(Colours(*map(tuple, values)))
        elif kind == "blur":
            self.view.show_behind(Blurred(*values))
        elif kind == "measured blur":
            strength, left, right = values
            self.view.show_behind(Blurred(strength), None, Nearness((60, 40), bytes([left] * 20 + [right] * 40) * 40))
        else:
            picture = cairo.ImageSurface(cairo.FORMAT_RGB24, 300, 200)
            cr = cairo.Context(picture)
            for left, colour in ((0, (1, 0, 0)), (150, (1, 1, 0))):
                cr.set_source_rgb(*colour)
                cr.rectangle(left, 0, 150, 200)
                cr.fill()
            self.view.show_behind(AnotherPhoto("file:///photo", Covering(*values)), picture)

    def do_tint(self, colour: list[float], opacity: float) -> None:
        """The colour of masks from now on."""
        self.tint = Tint(tuple(colour), opacity)

    def do_tool(self, tool: str, radius: float) -> None:
        self.view.set_tool(Tool(tool), radius)

    def do_lock(self, locked: bool) -> None:
        self.view.set_locked(locked=locked)

    def disc(self, x: float, y: float, radius: float, points: int, waves: int) -> MaskShape:
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
        return MaskShape(0.9, Window(left, top, right - left, bottom - top), mask, (tuple(outline),))

    def do_alike(self, *discs: list[float]) -> list[list[object]]:
        """Discs, each x, y, radius: their areas in pixels of the proxy, and which looks like the first."""
        first, *others = shapes = [self.disc(*disc, 200, 0) for disc in discs]
        return [[shape.area for shape in shapes], [first.resembles(other) for other in others]]

    def do_nothing(self, kind: str) -> None:
        """Show no shape, hover, clicks, preview or result."""
        if kind == "shape":
            self.do_mask([])
        elif kind == "clicks":
            self.view.show_clicks((), ())
        else:
            getattr(self.view, f"show_{kind}")(None)

    def do_clicks(self, points: list[list[float]], labels: list[int], box: list[float] | None = None) -> None:
        clicks = (
            PlacedClick(0, k, *point, bool(label), True)
            for k, (point, label) in enumerate(zip(points, labels, strict=True))
        )
        self.view.show_clicks(tuple(clicks), (tuple(box),) if box else ())

    def do_result(self) -> None:
        """The photo with a grey disc in its middle."""
        after = scaled(self.photo, whole(*self.size), 1)
        cr = cairo.Context(after)
        cr.set_source_rgb(0.5, 0.5, 0.5)
        cr.arc(self.size[0] / 2, self.size[1] / 2, min(self.size) / 4, 0, 7)
        cr.fill()
        self.view.show_result(lambda window, scale: scaled(after, window, scale))

    def do_preview(self, window: list[int]) -> None:
        surface = cairo.ImageSurface(cairo.FORMAT_RGB24, 64, 64)
        cr = cairo.Context(surface)
        cr.set_source_rgb(1, 1, 0)
        cr.paint()
        self.view.show_preview(surface, Window(*window))

    def do_resize(self, width: int, height: int) -> None:
        self.window.resize(width, height)
        while (self.view.get_allocated_width(), self.view.get_allocated_height()) != (width, height):
            Gtk.main_iteration_do(True)

    def do_dark(self, dark: bool) -> None:
        Gtk.Settings.get_default().set_property("gtk-application-prefer-dark-theme", dark)

    def do_direction(self, rtl: bool) -> None:
        self.view.set_direction(Gtk.TextDirection.RTL if rtl else Gtk.TextDirection.LTR)
        self.view.queue_draw()

    def do_key(self, keyval: int) -> bool:
        """Have the view take a key that no keyboard here has; whether it was for the view."""
        event = Gdk.Event.new(Gdk.EventType.KEY_PRESS).key
        event.keyval = keyval
        return self.view.do_key_press_event(event)

    def do_pinch(self) -> None:
        """Begin to pinch, as a second finger does, which no screen here has."""
        self.view._pointer._pinch.emit("begin", None)

    def do_cursor(self) -> list[str]:
        """Which of the pointers that it may be it is."""
        display, now = self.view.get_display(), self.view.get_window().get_cursor()
        names = ("crosshair", "ew-resize", "grab", "grabbing", "default")
        return [name for name in names if now == Gdk.Cursor.new_from_name(display, name)]

    def do_drawn_anew(self) -> list[list[str]]:
        """The layers that are drawn for a first frame, for the same one again, and where everything has moved."""
        painter, drawn = ScenePainter(), []
        viewport, density = self.view.viewport, self.view.get_scale_factor()
        target = cairo.Context(cairo.ImageSurface(cairo.FORMAT_RGB24, *viewport.size))
        for moved in (viewport, viewport, zoomed(viewport, 1.5 * viewport.zoom, (9, 9))):
            before = {**painter._layers}
            painter.draw(target, self.view._scene, Placement(moved, density), self.view)
            drawn.append(sorted(name for name, layer in painter._layers.items() if layer is not before.get(name)))
        return drawn


def stroke_values(stroke: Stroke) -> tuple[object, ...]:
    return [*stroke.path], stroke.adds, stroke.filled, stroke.refines


def main() -> None:
    program = Program()

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(program.obey, line)
        GLib.idle_add(Gtk.main_quit)

    threading.Thread(target=listen, daemon=True).start()
    Gtk.main()


main()

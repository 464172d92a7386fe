"""The photo of the live dialog: it zooms and pans, is pointed at, and shows what was found and what came of it."""

import math

import cairo
import gi

from ..i18n import _
from . import marks
from .picture import Detail, Picture

gi.require_version("Atk", "1.0")
gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Atk, Gdk, GLib, GObject, Gtk  # noqa: E402

from inference_server.shared import messages  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402

from . import viewport as geometry  # noqa: E402  gi wants the versions first
from .pointer import Hover, Pointer  # noqa: E402
from .scene import Scene, Shape  # noqa: E402

SETTLE_MS = 80  # without movement before what is seen is fetched sharply
MARGIN = 10  # logical pixels seen beyond the photo's edge
STEP, FAR = 8, 80  # logical pixels that an arrow key moves the cross, without and with Shift
BESIDE = 12  # screen pixels between the slider and the result, at first
SLIDE = 0.02  # of the photo that is seen: how far a key moves the slider
KEYS = {"plus": 1, "equal": 1, "Add": 1, "minus": -1, "Subtract": -1}
ARROWS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
ENTER = ("space", "Return", "Enter", "Space")


class View(Gtk.DrawingArea):
    """Shows a photo of width x height.

    proxy: all of it, small.  detail(window, scale): the pixels of a window of the photo scaled by `scale`, of the
    window's size; asked for what is seen when the proxy is not sharp enough.  Coordinates in signals are the photo's:

        pointed  x, y, whether this is meant or is not: a click, or a key at the keyboard's cross
        boxed    x0, y0, x1, y1: a box was drawn, and lies inside the photo
        hovered  x, y: the pointer or the cross rests there
        left     it does no more
    """

    __gsignals__ = {  # noqa: RUF012  as GObject wants it
        "pointed": (GObject.SignalFlags.RUN_LAST, None, (float, float, bool)),
        "boxed": (GObject.SignalFlags.RUN_LAST, None, (float, float, float, float)),
        "hovered": (GObject.SignalFlags.RUN_LAST, None, (float, float)),
        "left": (GObject.SignalFlags.RUN_LAST, None, ()),
    }

    def __init__(self, width: int, height: int, proxy: cairo.ImageSurface, detail: Detail):
        super().__init__(can_focus=True, hexpand=True, vexpand=True)
        self.set_size_request(240, 180)
        self._scene = Scene(Picture(width, proxy, detail), (proxy.get_width(), proxy.get_height()))
        self._busy = False
        self._fits = True
        self._settling = 0
        self.viewport = geometry.fit((width, height), (1, 1))
        self._hover = Hover(self)
        self._pointer = Pointer(self, self._hover)
        self.connect("notify::scale-factor", lambda *_: self._resize())
        self.connect("realize", lambda *_: self.update_cursor())
        self.connect("unrealize", self._leave)
        self._describe()

    # -- what the dialog says

    def show_shape(self, shape: Shape | None) -> None:
        """Cover what is chosen with a colour, and outline it."""
        self._show(shape=shape)

    def show_hover(self, shape: Shape | None) -> None:
        """Outline what a click would take, and brighten it a little."""
        self._show(hover=shape)

    def show_clicks(self, clicks: messages.ObjectPrompt | None) -> None:
        """Mark what was pointed at."""
        self._show(clicks=clicks)

    def show_result(self, result: Detail | None, window: Window | None = None) -> None:
        """Compare the photo with what came of it: a slider lies between them, and nothing else is shown or done.

        result: as `detail` in `View`, premultiplied.  window: where in the photo it is: the slider begins beside it.
        """
        picture = None
        if result:
            (width, _height), (wide, high) = self.viewport.photo, self._scene.proxy
            picture = Picture(width, result((0, 0, wide, high), wide / width), result)
            self.hide_cross()
            self._hover.off()
        self._show(result=picture)
        if result and window:
            left, _top, right, _bottom = self.viewport.shows()
            beside = self.viewport.origin[0] + window[0] * self.viewport.zoom - BESIDE
            backwards = self.get_direction() == Gtk.TextDirection.RTL
            if backwards:
                beside = self.viewport.origin[0] + (window[0] + window[2]) * self.viewport.zoom + BESIDE
            self.slide_to(min(max(beside, left), right))
        self._describe()
        self.update_cursor()
        self._settle()

    def show_forming(self, surface: cairo.ImageSurface | None, window: Window = (0, 0, 0, 0)) -> None:
        """Lay a small picture, as it forms, over a window of the photo; outlines and clicks are hidden meanwhile."""
        self._show(forming=(surface, window) if surface else None)

    def set_busy(self, busy: bool) -> None:
        """Whether the pointer says that there is work going on."""
        self._busy = busy
        self.update_cursor()

    @GObject.Property(type=float)
    def zoom(self) -> float:
        """Screen pixels per photo pixel."""
        return self.viewport.zoom

    def zoom_in(self) -> None:
        self._zoom(geometry.rung(self.viewport.zoom, 1))

    def zoom_out(self) -> None:
        self._zoom(geometry.rung(self.viewport.zoom, -1))

    def zoom_to_pixels(self) -> None:
        self._zoom(1.0)

    def zoom_to_fit(self) -> None:
        view = self.viewport
        self.move(geometry.fit(view.photo, view.size, view.margin))
        self._fits = True

    # -- for the pointer

    @property
    def compares(self) -> bool:
        """Whether the slider is shown."""
        return self._scene.result is not None

    @property
    def has_cross(self) -> bool:
        """Whether the keyboard points."""
        return self._scene.cross is not None

    def move(self, viewport: geometry.Viewport) -> None:
        """Show another part of the photo."""
        if viewport == self.viewport:
            return
        before, self.viewport, self._fits = self.viewport, viewport, False
        self._scene.forget()
        self._pointer.look_again()
        self._settle()
        self.queue_draw()
        if viewport.zoom != before.zoom:
            self.notify("zoom")

    def slide_to(self, x: float) -> None:
        """Move the slider to a screen pixel."""
        left, _top, right, _bottom = self.viewport.shows()
        self._show(slider=min(max((x - left) / max(1, right - left), 0.0), 1.0))

    def show_rubber_band(self, box: geometry.Box | None) -> None:
        """Show the box that is being drawn."""
        self._show(band=box)

    def hide_cross(self) -> None:
        """Someone points otherwise."""
        if self.has_cross:
            self._show(cross=None)
            self._hover.off()

    def update_cursor(self) -> None:
        name = "grabbing" if self._pointer.pans else "progress" if self._busy else ""
        name = name or ("ew-resize" if self.compares else "crosshair")
        if self.get_realized():
            self.get_window().set_cursor(Gdk.Cursor.new_from_name(self.get_display(), name))

    # -- keys

    def do_key_press_event(self, event: Gdk.EventKey) -> bool:
        name = Gdk.keyval_name(event.keyval).removeprefix("KP_")
        state = event.state & Gtk.accelerator_get_default_mod_mask()
        shift, ctrl = bool(state & Gdk.ModifierType.SHIFT_MASK), bool(state & Gdk.ModifierType.CONTROL_MASK)
        if name in ENTER and state in (0, Gdk.ModifierType.SHIFT_MASK, Gdk.ModifierType.CONTROL_MASK):
            return self._enter(name, not (shift or ctrl))
        if ctrl or state & Gdk.ModifierType.MOD1_MASK:
            return False
        if name in KEYS:
            self._zoom(geometry.rung(self.viewport.zoom, KEYS[name]))
        elif name == "0":
            self.zoom_to_fit()
        elif name == "1":
            self.zoom_to_pixels()
        elif name in ("bracketleft", "bracketright") and self.compares:
            self._slide(-1 if name == "bracketleft" else 1)
        elif name in ARROWS:
            self._arrow(*ARROWS[name], shift)
        else:
            return False
        return True

    def _arrow(self, x: int, y: int, far: bool) -> None:
        density = self.get_scale_factor()
        if self.compares:
            if x and not far:
                self._slide(x)
            else:
                self.move(geometry.panned(self.viewport, -x * FAR * density, -y * FAR * density))
        elif self._scene.cross:
            step = (FAR if far else STEP) * density / self.viewport.zoom
            edges = self.viewport.photo
            moved = (at + way * step for at, way in zip(self._scene.cross, (x, y), strict=True))
            self._set_cross(
                *(min(max(at, 0.0), math.nextafter(edge, 0)) for at, edge in zip(moved, edges, strict=True))
            )
        else:
            self._centre_cross()

    def _enter(self, name: str, this: bool) -> bool:
        """Without a cross, Enter is for the dialog."""
        if self.compares:
            return False
        if self._scene.cross:
            self._hover.off()
            self.emit("pointed", *self._scene.cross, this)
            return True
        if name.lower() == "space":
            self._centre_cross()
            return True
        return False

    def _centre_cross(self) -> None:
        left, top, right, bottom = self.viewport.shows()
        self._set_cross(*self.viewport.to_photo((left + right) / 2, (top + bottom) / 2))

    def _set_cross(self, x: float, y: float) -> None:
        self._show(cross=(x, y))
        self.move(geometry.following(self.viewport, x, y, 3 * STEP * self.get_scale_factor()))
        self._hover.at(x, y)

    def _slide(self, steps: int) -> None:
        self._show(slider=min(max(self._scene.slider + steps * SLIDE, 0.0), 1.0))

    def _zoom(self, zoom: float) -> None:
        view = self.viewport
        middle = view.size[0] / 2, view.size[1] / 2
        self.move(geometry.zoomed(view, zoom, view.to_screen(*self._scene.cross) if self._scene.cross else middle))

    # -- drawing

    def do_draw(self, cr: cairo.Context) -> bool:
        style, (width, height) = self.get_style_context(), (self.get_allocated_width(), self.get_allocated_height())
        Gtk.render_background(style, cr, 0, 0, width, height)
        self._scene.draw(cr, self.viewport, self)
        if self.has_visible_focus():
            marks.focus(cr, width, height)
        return False

    def _show(self, **what: object) -> None:
        """Put something into the scene."""
        for name, value in what.items():
            if getattr(self._scene, name) is not value:
                self._redraw(name)
                setattr(self._scene, name, value)
                self._scene.forget(name)
                self._redraw(name)

    def _redraw(self, name: str) -> None:
        """Have drawn anew what this covers: a whole frame takes the model's time where there are few cores."""
        for x0, y0, x1, y1 in self._scene.covers(name, self.viewport, self.get_scale_factor()):
            left, top = math.floor(x0), math.floor(y0)
            self.queue_draw_area(left, top, math.ceil(x1) - left, math.ceil(y1) - top)

    def _describe(self) -> None:
        """Tell who does not see it what it is, and what the keys do."""
        said = self.get_accessible()
        said.set_role(Atk.Role.CANVAS)
        if self.compares:
            said.set_name(_("The photo before and after"))
            said.set_description(
                _(
                    "The left and right arrow keys move the slider between before and after; with Shift they move the "
                    "photo. Plus and minus zoom, 0 shows the whole photo, 1 its own pixels."
                )
            )
        else:
            said.set_name(_("The photo"))
            said.set_description(
                _(
                    "Click the object, or draw a box around it; a right click leaves something out. With the keyboard: "
                    "the arrow keys move a cross, with Shift further. Space says that the object is there, Shift and "
                    "Space that it is not. Plus and minus zoom, 0 shows the whole photo, 1 its own pixels."
                )
            )

    # -- size

    def do_size_allocate(self, allocation: Gdk.Rectangle) -> None:
        Gtk.DrawingArea.do_size_allocate(self, allocation)
        self._resize()

    def _resize(self) -> None:
        density = self.get_scale_factor()
        size = max(1, self.get_allocated_width() * density), max(1, self.get_allocated_height() * density)
        view = self.viewport
        if self._fits:
            self.move(geometry.fit(view.photo, size, MARGIN * density))
            self._fits = True
        else:
            self.move(geometry.resized(view, size))

    def _settle(self) -> None:
        """Fetch what is seen, once nothing has moved for a moment, in pieces between which GTK goes on."""
        self._stop()
        self._settling = GLib.timeout_add(SETTLE_MS, self._settled)

    def _settled(self) -> bool:
        both = self._scene.result, self._scene.picture
        pictures = [picture for picture in both if picture and picture.want(self.viewport)]
        self._settling = GLib.idle_add(self._fetch, pictures) if pictures else 0
        return GLib.SOURCE_REMOVE

    def _fetch(self, pictures: list[Picture]) -> bool:
        if not pictures[0].fetch():
            pictures.pop(0)
        self._scene.forget("photo", "result")
        self.queue_draw()
        if not pictures:
            self._settling = 0
        return bool(pictures)

    def _stop(self) -> None:
        if self._settling:
            GLib.source_remove(self._settling)
            self._settling = 0

    def _leave(self, *_: object) -> None:
        self._stop()
        self._hover.stop()

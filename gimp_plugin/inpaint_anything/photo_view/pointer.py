"""The pointer over the photo: mouse, touchpad and fingers, and what rests where."""

import math
from typing import TYPE_CHECKING

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

from . import viewport as geometry  # noqa: E402  gi wants the versions first

if TYPE_CHECKING:
    from .view import View

HOVER_MS = 60
SLOP = 6  # logical pixels: who moves less has not moved
NOTCH = 2**0.25  # the zoom of one notch of a wheel
TOUCHPAD_STEP = 24  # logical pixels of one unit of a touchpad's scrolling
WHEEL = {
    Gdk.ScrollDirection.UP: (0, -1),
    Gdk.ScrollDirection.DOWN: (0, 1),
    Gdk.ScrollDirection.LEFT: (-1, 0),
    Gdk.ScrollDirection.RIGHT: (1, 0),
}


class Hover:
    """Says so when what points at the photo has rested somewhere, and when that is over."""

    def __init__(self, view: "View"):
        self._view = view
        self._rests: geometry.Point | None = None
        self._timer = 0

    def at(self, x: float, y: float) -> None:
        """Something points at the photo's point."""
        if self._rests:
            far = math.dist(self._rests, (x, y)) * self._view.viewport.zoom
            if far > SLOP * self._view.get_scale_factor():
                self._leave()
        self.stop()
        self._timer = GLib.timeout_add(HOVER_MS, self._rested, x, y)

    def off(self) -> None:
        """Nothing points at the photo any more."""
        self.stop()
        self._leave()

    def _rested(self, x: float, y: float) -> bool:
        self._timer = 0
        self._rests = x, y
        self._view.emit("hovered", x, y)
        return GLib.SOURCE_REMOVE

    def stop(self) -> None:
        """Say nothing more."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _leave(self) -> None:
        if self._rests:
            self._rests = None
            self._view.emit("left")


class Pointer:
    """What is done with it: clicks, boxes, the slider, panning and zooming.

    A wheel zooms about the pointer; with Shift, or tilted, it pans, as two fingers on a touchpad do, which zoom with
    Ctrl or by pinching.  The middle button pans, and so does the left one with Alt.
    """

    def __init__(self, view: "View", hover: Hover):
        self._view, self._hover = view, hover
        self._does = ""  # "mark", "slide" or "pan", while a button is down
        self._this = self._moved = False
        self._began = view.viewport
        self._at: geometry.Point | None = None  # in screen pixels
        view.add_events(
            Gdk.EventMask.POINTER_MOTION_MASK
            | Gdk.EventMask.LEAVE_NOTIFY_MASK
            | Gdk.EventMask.SCROLL_MASK
            | Gdk.EventMask.SMOOTH_SCROLL_MASK
        )
        view.connect("motion-notify-event", self._motion)
        view.connect("leave-notify-event", self._left)
        view.connect("scroll-event", self._scrolled)
        self._drag = Gtk.GestureDrag(widget=view, button=0)
        for signal, handler in (("begin", self._pressed), ("update", self._dragged), ("end", self._released)):
            self._drag.connect(f"drag-{signal}", handler)
        self._pinch = Gtk.GestureZoom(widget=view)
        self._pinch.connect("begin", self._pinch_begins)
        self._pinch.connect("scale-changed", self._pinched)

    @property
    def pans(self) -> bool:
        return self._does == "pan"

    def look_again(self) -> None:
        """The photo has moved under the pointer."""
        if self._at and not self._does and not self._view.has_cross:
            self._hover.off()
            self._point(*self._at)

    def _screen(self, x: float, y: float) -> geometry.Point:
        density = self._view.get_scale_factor()
        return x * density, y * density

    def _motion(self, _widget: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        at = self._screen(event.x, event.y)
        if not self._does and at != self._at:
            self._view.hide_cross()
            self._point(*at)
        self._at = at
        return False

    def _left(self, *_: object) -> bool:
        self._at = None
        self._hover.off()
        return False

    def _point(self, x: float, y: float) -> None:
        photo = self._view.viewport.to_photo(x, y)
        if geometry.inside(self._view.viewport.photo, *photo) and not self._view.compares:
            self._hover.at(*photo)
        else:
            self._hover.off()

    # -- buttons and fingers

    def _pressed(self, gesture: Gtk.GestureDrag, x: float, y: float) -> None:
        button = gesture.get_current_button()
        _, state = Gtk.get_current_event_state()
        self._this = button == Gdk.BUTTON_PRIMARY and not state & Gdk.ModifierType.CONTROL_MASK
        self._began, self._moved = self._view.viewport, False
        self._view.grab_focus()
        self._view.hide_cross()
        self._hover.off()
        if button == Gdk.BUTTON_MIDDLE or (button == Gdk.BUTTON_PRIMARY and state & Gdk.ModifierType.MOD1_MASK):
            self._does = "pan"
        elif not self._view.compares:
            self._does = "mark" if button in (Gdk.BUTTON_PRIMARY, Gdk.BUTTON_SECONDARY) else ""
        elif button == Gdk.BUTTON_PRIMARY:
            self._does = "slide"
            self._view.slide_to(self._screen(x, y)[0])
        self._view.update_cursor()

    def _dragged(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        self._moved = self._moved or math.hypot(dx, dy) > SLOP
        _, x, y = gesture.get_start_point()
        if self._does == "pan":
            self._view.move(geometry.panned(self._began, *self._screen(dx, dy)))
        elif self._does == "slide":
            self._view.slide_to(self._screen(x + dx, y)[0])
        elif self._does == "mark" and self._moved and gesture.get_current_button() == Gdk.BUTTON_PRIMARY:
            self._view.show_rubber_band(self._box(gesture, dx, dy))

    def _released(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        does, self._does = self._does, ""
        self._view.show_rubber_band(None)
        self._view.update_cursor()
        ended = Gtk.get_current_event()
        let_go = ended and ended.type in (Gdk.EventType.BUTTON_RELEASE, Gdk.EventType.TOUCH_END)
        if does != "mark" or not let_go or self._view.compares:
            return
        if not self._moved:
            _, x, y = gesture.get_start_point()
            photo = self._view.viewport.to_photo(*self._screen(x, y))
            if geometry.inside(self._view.viewport.photo, *photo):
                self._view.emit("pointed", *photo, self._this)
        elif gesture.get_current_button() == Gdk.BUTTON_PRIMARY and (box := self._box(gesture, dx, dy)):
            self._view.emit("boxed", *box)

    def _box(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> geometry.Box | None:
        """None, too, for who has come back to where they began: that takes it back."""
        if math.hypot(dx, dy) <= SLOP:
            return None
        _, x, y = gesture.get_start_point()
        view = self._view.viewport
        ends = (view.to_photo(*self._screen(*end)) for end in ((x, y), (x + dx, y + dy)))
        return geometry.box(view.photo, *ends)

    # -- wheel, touchpad, pinch

    def _scrolled(self, _widget: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        dx, dy = WHEEL.get(event.direction, (event.delta_x, event.delta_y))
        shift, ctrl = (
            bool(event.state & mask) for mask in (Gdk.ModifierType.SHIFT_MASK, Gdk.ModifierType.CONTROL_MASK)
        )
        device = event.get_source_device()
        touchpad = device is not None and device.get_source() == Gdk.InputSource.TOUCHPAD
        view, at = self._view.viewport, self._screen(event.x, event.y)
        if ctrl or not (shift or touchpad or dx):
            self._view.move(geometry.zoomed(view, view.zoom * NOTCH**-dy, at))
        else:
            dx, dy = (dy, 0) if shift and not dx else (dx, dy)
            self._view.move(geometry.panned(view, *self._screen(-dx * TOUCHPAD_STEP, -dy * TOUCHPAD_STEP)))
        return True

    def _pinch_begins(self, *_: object) -> None:
        self._does, self._began = "", self._view.viewport
        self._hover.off()
        self._view.show_rubber_band(None)

    def _pinched(self, gesture: Gtk.GestureZoom, scale: float) -> None:
        found, x, y = gesture.get_bounding_box_center()
        if found:
            self._view.move(geometry.zoomed(self._began, self._began.zoom * scale, self._screen(x, y)))

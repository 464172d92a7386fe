"""The pointer over the photo: mouse, touchpad and fingers, and where it rests."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.geometry import Box, Point  # noqa: E402

from .viewport import Viewport, box_between, panned, zoomed  # noqa: E402

HOVER_MS = 60  # without movement before the pointer rests
SLOP = 6  # logical pixels: a hand that moves less trembles
NOTCH = 2**0.25  # the zoom of one notch of a wheel
TOUCHPAD_STEP = 24  # logical pixels of one unit of a touchpad's scrolling
WHEEL = {
    Gdk.ScrollDirection.UP: (0, -1),
    Gdk.ScrollDirection.DOWN: (0, 1),
    Gdk.ScrollDirection.LEFT: (-1, 0),
    Gdk.ScrollDirection.RIGHT: (1, 0),
}


class Hover:
    """Reports when the pointer, or the keyboard's cross, has rested on a point of the photo, and when it has left.

    rested(x, y): with the point; left(): for each of them that is over.
    """

    def __init__(self, rested: Callable[[float, float], None], left: Callable[[], None]) -> None:
        self._report_rest, self._report_left = rested, left
        self._at: Point | None = None  # where it rests
        self._timer = 0

    def move_to(self, x: float, y: float, slop: float) -> None:
        """A point of the photo is pointed at.  slop: photo pixels; a shorter way from where it rests is none."""
        if self._at and math.dist(self._at, (x, y)) > slop:
            self._leave()
        self.stop()
        self._timer = GLib.timeout_add(HOVER_MS, self._rest, x, y)

    def leave(self) -> None:
        """Nothing points at the photo any more."""
        self.stop()
        self._leave()

    def stop(self) -> None:
        """Report no rest that is still to come."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _rest(self, x: float, y: float) -> bool:
        self._timer = 0
        self._at = x, y
        self._report_rest(x, y)
        return GLib.SOURCE_REMOVE

    def _leave(self) -> None:
        if self._at:
            self._at = None
            self._report_left()


@dataclass(frozen=True, kw_only=True)
class PointerHandlers:
    """What is called when something is done with the pointer.  Points and boxes are the photo's.

    used(): it moves, or a button goes down.  clicked(x, y, whether this is the object or is not).  box_changed(box):
    while a box is drawn, with None when there is none any more.  box_drawn(box): it is finished.  slid(x): the slider
    is dragged to a screen pixel.  moved(viewport): another part of the photo is to be seen.
    """

    used: Callable[[], None]
    clicked: Callable[[float, float, bool], None]
    box_changed: Callable[[Box | None], None]
    box_drawn: Callable[[Box], None]
    slid: Callable[[float], None]
    moved: Callable[[Viewport], None]


class Drag(Enum):
    """What a button that is down does."""

    NOTHING = "nothing"
    POINT = "point"  # clicks, or draws a box
    SLIDE = "slide"  # moves the slider between before and after
    PAN = "pan"  # moves the photo


class Pointer:
    """Turns a widget's events into clicks, boxes, a moved slider, panning and zooming.

    A wheel zooms about the pointer; with Shift, or tilted, it pans, as two fingers on a touchpad do, which zoom with
    Ctrl or by pinching.  The middle button pans, and so does the left one with Alt.
    """

    def __init__(self, area: Gtk.DrawingArea, viewport: Viewport, hover: Hover, handlers: PointerHandlers) -> None:
        """viewport: what the widget shows until `follow` says otherwise."""
        self._area, self._viewport, self._hover, self._do = area, viewport, hover, handlers
        self._compares = False
        self._drag = Drag.NOTHING
        self._on_object = self._moved = False  # what the button that is down means, and whether it is a drag by now
        self._began = viewport
        self._at: Point | None = None  # in screen pixels
        area.add_events(
            Gdk.EventMask.POINTER_MOTION_MASK
            | Gdk.EventMask.LEAVE_NOTIFY_MASK
            | Gdk.EventMask.SCROLL_MASK
            | Gdk.EventMask.SMOOTH_SCROLL_MASK
        )
        area.connect("realize", lambda _area: self._show_cursor())
        area.connect("motion-notify-event", self._motion)
        area.connect("leave-notify-event", self._left)
        area.connect("scroll-event", self._scrolled)
        self._gesture = Gtk.GestureDrag(widget=area, button=0)
        self._gesture.connect("drag-begin", self._pressed)
        self._gesture.connect("drag-update", self._dragged)
        self._gesture.connect("drag-end", self._released)
        self._pinch = Gtk.GestureZoom(widget=area)
        self._pinch.connect("begin", self._pinch_begins)
        self._pinch.connect("scale-changed", self._pinched)

    @property
    def slop(self) -> float:
        """A shorter way than this, in photo pixels, is no movement."""
        return SLOP * self._area.get_scale_factor() / self._viewport.zoom

    def follow(self, viewport: Viewport, *, hovers: bool) -> None:
        """The widget shows this now.  hovers: whether the pointer points at the photo, and not the keyboard."""
        self._viewport = viewport
        if self._at and self._drag is Drag.NOTHING and hovers:
            self._hover.leave()
            self._hover_at(*self._at)

    def set_compares(self, *, compares: bool) -> None:
        """Whether there is a slider, which is then all that the left button does."""
        self._compares = compares
        self._show_cursor()

    def _show_cursor(self) -> None:
        name = "grabbing" if self._drag is Drag.PAN else "ew-resize" if self._compares else "crosshair"
        window = self._area.get_window()
        if window:
            window.set_cursor(Gdk.Cursor.new_from_name(self._area.get_display(), name))

    def _screen(self, x: float, y: float) -> Point:
        """Screen pixels from the logical ones of events."""
        density = self._area.get_scale_factor()
        return x * density, y * density

    # -- hovering

    def _motion(self, _area: Gtk.Widget, event: Gdk.EventMotion) -> bool:
        at = self._screen(event.x, event.y)
        if self._drag is Drag.NOTHING and at != self._at:
            self._do.used()
            self._hover_at(*at)
        self._at = at
        return False

    def _left(self, *_: object) -> bool:
        self._at = None
        self._hover.leave()
        return False

    def _hover_at(self, x: float, y: float) -> None:
        point = self._viewport.to_photo(x, y)
        if self._viewport.on_photo(*point) and not self._compares:
            self._hover.move_to(*point, self.slop)
        else:
            self._hover.leave()

    # -- buttons and fingers

    def _pressed(self, gesture: Gtk.GestureDrag, x: float, y: float) -> None:
        button = gesture.get_current_button()
        _, state = Gtk.get_current_event_state()
        self._on_object = button == Gdk.BUTTON_PRIMARY and not state & Gdk.ModifierType.CONTROL_MASK
        self._began, self._moved = self._viewport, False
        self._area.grab_focus()
        self._do.used()
        self._hover.leave()
        self._drag = self._drag_of(button, alt=bool(state & Gdk.ModifierType.MOD1_MASK))
        if self._drag is Drag.SLIDE:
            self._do.slid(self._screen(x, y)[0])
        self._show_cursor()

    def _drag_of(self, button: int, *, alt: bool) -> Drag:
        if button == Gdk.BUTTON_MIDDLE or (button == Gdk.BUTTON_PRIMARY and alt):
            return Drag.PAN
        if self._compares:
            return Drag.SLIDE if button == Gdk.BUTTON_PRIMARY else Drag.NOTHING
        return Drag.POINT if button in (Gdk.BUTTON_PRIMARY, Gdk.BUTTON_SECONDARY) else Drag.NOTHING

    def _dragged(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        self._moved = self._moved or math.hypot(dx, dy) > SLOP
        _, x, y = gesture.get_start_point()
        match self._drag:
            case Drag.PAN:
                self._do.moved(panned(self._began, *self._screen(dx, dy)))
            case Drag.SLIDE:
                self._do.slid(self._screen(x + dx, y)[0])
            case Drag.POINT if self._moved and gesture.get_current_button() == Gdk.BUTTON_PRIMARY:
                self._do.box_changed(self._box(gesture, dx, dy))

    def _released(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        drag, self._drag = self._drag, Drag.NOTHING
        self._do.box_changed(None)
        self._show_cursor()
        event = Gtk.get_current_event()
        let_go = event and event.type in (Gdk.EventType.BUTTON_RELEASE, Gdk.EventType.TOUCH_END)
        if drag is not Drag.POINT or not let_go or self._compares:
            return
        if not self._moved:
            _, x, y = gesture.get_start_point()
            point = self._viewport.to_photo(*self._screen(x, y))
            if self._viewport.on_photo(*point):
                self._do.clicked(*point, self._on_object)
        elif gesture.get_current_button() == Gdk.BUTTON_PRIMARY and (box := self._box(gesture, dx, dy)):
            self._do.box_drawn(box)

    def _box(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> Box | None:
        """The box of a drag; None for one that has come back to where it began, which takes it back."""
        if math.hypot(dx, dy) <= SLOP:
            return None
        _, x, y = gesture.get_start_point()
        view = self._viewport
        corner, other = (view.to_photo(*self._screen(*end)) for end in ((x, y), (x + dx, y + dy)))
        return box_between(view.photo, corner, other)

    # -- wheel, touchpad, pinch

    def _scrolled(self, _area: Gtk.Widget, event: Gdk.EventScroll) -> bool:
        dx, dy = WHEEL.get(event.direction, (event.delta_x, event.delta_y))
        shift, ctrl = (
            bool(event.state & mask) for mask in (Gdk.ModifierType.SHIFT_MASK, Gdk.ModifierType.CONTROL_MASK)
        )
        device = event.get_source_device()
        touchpad = device is not None and device.get_source() == Gdk.InputSource.TOUCHPAD
        view, at = self._viewport, self._screen(event.x, event.y)
        if ctrl or not (shift or touchpad or dx):
            self._do.moved(zoomed(view, view.zoom * NOTCH**-dy, at))
        else:
            dx, dy = (dy, 0) if shift and not dx else (dx, dy)
            self._do.moved(panned(view, *self._screen(-dx * TOUCHPAD_STEP, -dy * TOUCHPAD_STEP)))
        return True

    def _pinch_begins(self, *_: object) -> None:
        self._drag, self._began = Drag.NOTHING, self._viewport
        self._hover.leave()
        self._do.box_changed(None)

    def _pinched(self, gesture: Gtk.GestureZoom, scale: float) -> None:
        found, x, y = gesture.get_bounding_box_center()
        if found:
            self._do.moved(zoomed(self._began, self._began.zoom * scale, self._screen(x, y)))

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
from inference_server.shared.messages import Stroke  # noqa: E402

from .scene import PlacedClick  # noqa: E402
from .tool import Tool  # noqa: E402
from .viewport import Viewport, box_between, panned, zoomed  # noqa: E402

HOVER_MS = 60  # without movement before the pointer rests
LEAST_STEP = 1.5  # screen pixels from one point of a stroke to the next
LEAST_CORNERS = 3  # of a lasso
LEAST_PRESSURE = 0.15  # of a pen: the least share of its brush
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

    used(): it moves, or a button goes down.  pointed(at): it is there, or nowhere.  clicked(x, y, whether this is the
    object or is not, whether another object is meant).  box_changed(box): while a box is drawn, with None when there is
    none any more.  box_drawn(box, whether another object is meant): it is finished.

    stroke_changed(stroke): while a stroke is drawn, with what is new of a brush's, and all of a lasso; None where it is
    given up.  stroke_drawn(stroke): it is finished.  resized(steps): the brush is to be wider or narrower.

    mark_at(x, y): the click that is drawn there.  mark_dragged(mark, x, y), mark_moved(mark, x, y), mark_removed(mark),
    mark_chosen(mark): what is done to one.

    slid(x): the slider is dragged to a screen pixel.  moved(viewport): another part of the photo is to be seen.
    """

    used: Callable[[], None]
    pointed: Callable[[Point | None], None]
    clicked: Callable[[float, float, bool, bool], None]
    box_changed: Callable[[Box | None], None]
    box_drawn: Callable[[Box, bool], None]
    stroke_changed: Callable[[Stroke | None], None]
    stroke_drawn: Callable[[Stroke], None]
    mark_at: Callable[[float, float], PlacedClick | None]
    mark_dragged: Callable[[PlacedClick, float, float], None]
    mark_moved: Callable[[PlacedClick, float, float], None]
    mark_removed: Callable[[PlacedClick], None]
    mark_chosen: Callable[[PlacedClick], None]
    behind_moved: Callable[[float, float], None]
    behind_scaled: Callable[[float, float, float], None]
    behind_fitted: Callable[[], None]
    slid: Callable[[float], None]
    moved: Callable[[Viewport], None]
    resized: Callable[[int], None]


class Drag(Enum):
    """What a button that is down does."""

    NOTHING = "nothing"
    POINT = "point"  # clicks, or draws a box
    DRAW = "draw"  # makes a stroke
    MARK = "mark"  # moves a click
    PLACE = "place"  # moves what comes behind
    SLIDE = "slide"  # moves the slider between before and after
    PAN = "pan"  # moves the photo


class Pointer:
    """Turns a widget's events into clicks, boxes, a moved slider, panning and zooming.

    A wheel zooms about the pointer; with Shift, or tilted, it pans, as two fingers on a touchpad do, which zoom with
    Ctrl or by pinching.  The middle button pans, and so does the left one with Alt.  With Shift a click or a box is
    about another object.  The right button, or Ctrl, does the opposite: a click is on what is not the object, a brush
    erases, an eraser adds.  A brush is resized by the wheel with Shift; how hard a pen is pressed makes it narrower.
    What comes behind is dragged, and scaled by the wheel, which then zooms with Ctrl.
    """

    def __init__(self, area: Gtk.DrawingArea, viewport: Viewport, hover: Hover, handlers: PointerHandlers) -> None:
        """viewport: what the widget shows until `follow` says otherwise."""
        self._area, self._viewport, self._hover, self._do = area, viewport, hover, handlers
        self._compares = False
        self._locked = False
        self._tool, self._radius = Tool.INCLUDE, 1.0
        self._drag = Drag.NOTHING
        self._opposite = self._another = self._moved = False  # what the button that is down means, and how far it is
        self._mark: PlacedClick | None = None  # that is dragged
        self._placed: Point = 0.0, 0.0  # how far what comes behind was dragged, in logical pixels
        self._stroke: list[tuple[float, float, float]] = []  # x, y, and the radius there, in pixels of the photo
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
        area.connect("button-press-event", self._pressed_twice)
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

    def set_locked(self, *, locked: bool) -> None:
        """Whether nothing can be marked now."""
        self._locked = locked
        if locked:
            self._give_up()
        self._show_cursor()

    def set_tool(self, tool: Tool, radius: float) -> None:
        """What the left button does; radius: of a brush, in pixels of the photo."""
        self._tool, self._radius = tool, radius
        self._show_cursor()

    def _give_up(self) -> None:
        """What is being drawn or dragged is not meant."""
        if self._drag is Drag.MARK and self._mark:
            self._do.mark_dragged(self._mark, self._mark.x, self._mark.y)
        if self._drag in (Drag.DRAW, Drag.POINT, Drag.MARK):
            self._drag = Drag.NOTHING
            self._do.box_changed(None)
            self._do.stroke_changed(None)

    def _show_cursor(self) -> None:
        name = "grab" if self._tool is Tool.PLACE else "crosshair"
        if self._drag in (Drag.PAN, Drag.MARK, Drag.PLACE):
            name = "grabbing"
        elif self._compares:
            name = "ew-resize"
        if self._locked and not self._compares:
            name = "default"
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
        self._do.pointed(self._viewport.to_photo(*at))
        return False

    def _left(self, *_: object) -> bool:
        self._at = None
        self._do.pointed(None)
        self._hover.leave()
        return False

    def _hover_at(self, x: float, y: float) -> None:
        point = self._viewport.to_photo(x, y)
        if self._viewport.on_photo(*point) and not self._compares and not self._locked:
            self._hover.move_to(*point, self.slop)
        else:
            self._hover.leave()

    # -- buttons and fingers

    def _pressed(self, gesture: Gtk.GestureDrag, x: float, y: float) -> None:
        button = gesture.get_current_button()
        _, state = Gtk.get_current_event_state()
        self._opposite = button == Gdk.BUTTON_SECONDARY or bool(state & Gdk.ModifierType.CONTROL_MASK)
        self._another = bool(state & Gdk.ModifierType.SHIFT_MASK)
        self._began, self._moved, self._mark = self._viewport, False, None
        self._area.grab_focus()
        self._do.used()
        self._hover.leave()
        self._drag = self._drag_of(button, alt=bool(state & Gdk.ModifierType.MOD1_MASK))
        match self._drag:
            case Drag.SLIDE:
                self._do.slid(self._screen(x, y)[0])
            case Drag.POINT:
                self._mark = self._do.mark_at(*self._photo(x, y))
                self._drag = Drag.MARK if self._mark else Drag.POINT
            case Drag.PLACE:
                self._placed = 0.0, 0.0
            case Drag.DRAW:
                self._stroke = []
                self._draw_to(gesture, x, y)
        self._show_cursor()

    def _drag_of(self, button: int, *, alt: bool) -> Drag:
        if button == Gdk.BUTTON_MIDDLE or (button == Gdk.BUTTON_PRIMARY and alt):
            return Drag.PAN
        if self._compares:
            return Drag.SLIDE if button == Gdk.BUTTON_PRIMARY else Drag.NOTHING
        if self._locked or button not in (Gdk.BUTTON_PRIMARY, Gdk.BUTTON_SECONDARY):
            return Drag.NOTHING
        if self._tool is Tool.PLACE:
            return Drag.PLACE if button == Gdk.BUTTON_PRIMARY else Drag.NOTHING
        return Drag.DRAW if self._tool.draws else Drag.POINT

    def _pressed_twice(self, _area: Gtk.Widget, event: Gdk.EventButton) -> bool:
        if event.type == Gdk.EventType.DOUBLE_BUTTON_PRESS and self._drag is Drag.PLACE:
            self._do.behind_fitted()
        return False

    def _dragged(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        self._moved = self._moved or math.hypot(dx, dy) > SLOP
        _, x, y = gesture.get_start_point()
        match self._drag:
            case Drag.PAN:
                self._do.moved(panned(self._began, *self._screen(dx, dy)))
            case Drag.SLIDE:
                self._do.slid(self._screen(x + dx, y)[0])
            case Drag.PLACE:
                self._place(dx, dy)
            case Drag.DRAW:
                self._draw_to(gesture, x + dx, y + dy)
            case Drag.MARK if self._moved and self._mark and gesture.get_current_button() == Gdk.BUTTON_PRIMARY:
                self._do.mark_dragged(self._mark, *self._photo(x + dx, y + dy))
            case Drag.POINT if self._moved and gesture.get_current_button() == Gdk.BUTTON_PRIMARY:
                self._do.box_changed(self._box(gesture, dx, dy))

    def _place(self, dx: float, dy: float) -> None:
        """Move what comes behind to where it is dragged, so far from where it was."""
        step = self._screen(dx - self._placed[0], dy - self._placed[1])
        self._placed = dx, dy
        self._do.behind_moved(step[0] / self._viewport.zoom, step[1] / self._viewport.zoom)

    def _draw_to(self, gesture: Gtk.GestureDrag, x: float, y: float) -> None:
        """Continue the stroke to a point of the widget."""
        at = self._photo(x, y)
        last = self._stroke[-1] if self._stroke else None
        if last and math.dist(last[:2], at) * self._viewport.zoom < LEAST_STEP:
            return
        self._stroke.append((*at, self._radius * _pressure(gesture)))
        self._do.stroke_changed(self._stroke_of(self._stroke[-2:] if self._tool.has_size else self._stroke))

    def _stroke_of(self, points: list[tuple[float, float, float]]) -> Stroke:
        adds = (self._tool is Tool.ERASER) == self._opposite
        path = tuple(number for point in points for number in point)
        return Stroke(path=path, adds=adds, filled=not self._tool.has_size, refines=self._tool is Tool.REFINE)

    def _photo(self, x: float, y: float) -> Point:
        """The photo's point at one of the widget, in logical pixels."""
        return self._viewport.to_photo(*self._screen(x, y))

    def _released(self, gesture: Gtk.GestureDrag, dx: float, dy: float) -> None:
        event = Gtk.get_current_event()
        let_go = event and event.type in (Gdk.EventType.BUTTON_RELEASE, Gdk.EventType.TOUCH_END)
        if not let_go or self._compares:
            self._give_up()
        drag, self._drag = self._drag, Drag.NOTHING
        self._do.box_changed(None)
        self._show_cursor()
        _, x, y = gesture.get_start_point()
        button = gesture.get_current_button()
        match drag:
            case Drag.DRAW:
                self._finish_stroke()
            case Drag.MARK:
                self._mark_released(button, *self._photo(x + dx, y + dy))
            case Drag.POINT if not self._moved:
                self._click(*self._photo(x, y))
            case Drag.POINT if button == Gdk.BUTTON_PRIMARY and (box := self._box(gesture, dx, dy)):
                self._do.box_drawn(box, self._another)

    def _finish_stroke(self) -> None:
        if self._tool.has_size or len(self._stroke) >= LEAST_CORNERS:
            self._do.stroke_drawn(self._stroke_of(self._stroke))
        else:
            self._do.stroke_changed(None)

    def _click(self, x: float, y: float) -> None:
        if self._tool is not Tool.BOX and self._viewport.on_photo(x, y):
            self._do.clicked(x, y, (self._tool is Tool.EXCLUDE) == self._opposite, self._another)

    def _mark_released(self, button: int, x: float, y: float) -> None:
        """The right button takes a click away; the left one moves it, or goes on with its object."""
        assert self._mark is not None
        if button == Gdk.BUTTON_SECONDARY:
            self._do.mark_removed(self._mark)
        elif self._moved and self._viewport.on_photo(x, y):
            self._do.mark_moved(self._mark, x, y)
        elif self._moved:
            self._do.mark_removed(self._mark)
        else:
            self._do.mark_chosen(self._mark)

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
        if shift and self._tool.has_size and not self._compares:
            self._do.resized(-1 if dx + dy > 0 else 1)
        elif self._tool is Tool.PLACE and not (ctrl or shift or self._locked or self._compares):
            self._do.behind_scaled(NOTCH**-dy, *view.to_photo(*at))
        elif ctrl or not (shift or touchpad or dx):
            self._do.moved(zoomed(view, view.zoom * NOTCH**-dy, at))
        else:
            dx, dy = (dy, 0) if shift and not dx else (dx, dy)
            self._do.moved(panned(view, *self._screen(-dx * TOUCHPAD_STEP, -dy * TOUCHPAD_STEP)))
        return True

    def _pinch_begins(self, *_: object) -> None:
        self._give_up()
        self._drag, self._began = Drag.NOTHING, self._viewport
        self._hover.leave()

    def _pinched(self, gesture: Gtk.GestureZoom, scale: float) -> None:
        found, x, y = gesture.get_bounding_box_center()
        if found:
            self._do.moved(zoomed(self._began, self._began.zoom * scale, self._screen(x, y)))


def _pressure(gesture: Gtk.GestureDrag) -> float:
    """How hard a pen is pressed, 0 to 1; 1 for whatever cannot tell."""
    event = gesture.get_last_event(gesture.get_current_sequence())
    device = event.get_source_device() if event else None
    if event is None or device is None or device.get_source() not in (Gdk.InputSource.PEN, Gdk.InputSource.ERASER):
        return 1.0
    told, pressure = event.get_axis(Gdk.AxisUse.PRESSURE)
    return max(pressure, LEAST_PRESSURE) if told else 1.0

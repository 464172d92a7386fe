"""The photo of the dialog as a widget: it zooms and pans, is pointed at, and shows masks, clicks and results."""

import math
from dataclasses import replace

import cairo
import gi

from ..i18n import _
from . import marks
from .backdrop import Backdrop
from .behind import Behind, Nearness
from .painter import ScenePainter
from .picture import Detail, Picture
from .scene import (
    BrushCircle,
    ClickMarks,
    Cross,
    HoverOverlay,
    LassoLine,
    MaskOverlay,
    MaskShape,
    PlacedClick,
    Placement,
    PreviewPicture,
    RubberBand,
    Scene,
)
from .tool import MaskView, Tint, Tool, resized

gi.require_version("Atk", "1.0")
gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Atk, Gdk, GLib, GObject, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.geometry import Box, Point, Size, Window, whole  # noqa: E402
from inference_server.shared.messages import Stroke  # noqa: E402

from .pointer import Hover, Pointer, PointerHandlers  # noqa: E402
from .viewport import Viewport, fit, following, panned, stepped, zoomed  # noqa: E402
from .viewport import resized as viewport_resized  # noqa: E402

SHARPEN_MS = 80  # without movement before the photo's own pixels are fetched
MARGIN = 10  # logical pixels seen beyond the photo's edge
STEP, FAR, PIXEL = 8, 80, 1  # logical pixels that an arrow key moves the cross, alone, with Shift and with Ctrl
BESIDE = 12  # screen pixels between the slider and the result, at first
SLIDE = 0.02  # of the photo that is seen: how far a key moves the slider
ZOOM_KEYS = {"plus": 1, "equal": 1, "Add": 1, "minus": -1, "Subtract": -1}
SLIDER_KEYS = {"bracketleft": -1, "bracketright": 1}
ARROW_KEYS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
ANOTHER = False  # whether a key means another object: there is one of its own for that
POINT_KEYS = ("space", "Return", "Enter", "Space")


class View(Gtk.DrawingArea):
    """Shows a photo.  Coordinates in signals are the photo's:

    pointed       x, y, whether this is the object or is not, whether it is another object: a click, or a key at the
                  keyboard's cross
    boxed         x0, y0, x1, y1, whether it is another object: a box was drawn, and lies inside the photo
    stroked       a `messages.Stroke`: a brush or a lasso was drawn with
    mark-moved    object, entry, x, y: a click was dragged
    mark-removed  object, entry: a click is to go
    mark-chosen   object, entry: further clicks are about the same object
    brush-resized radius
    behind-moved  dx, dy: what comes behind was dragged so far
    behind-scaled factor, x, y: it is to be larger, about a point
    behind-fitted it is to lie as at first
    hovered       x, y: the pointer or the cross rests there
    left          it does no more
    """

    __gsignals__ = {  # noqa: RUF012  as GObject wants it
        "pointed": (GObject.SignalFlags.RUN_LAST, None, (float, float, bool, bool)),
        "boxed": (GObject.SignalFlags.RUN_LAST, None, (float, float, float, float, bool)),
        "stroked": (GObject.SignalFlags.RUN_LAST, None, (object,)),
        "mark-moved": (GObject.SignalFlags.RUN_LAST, None, (int, int, float, float)),
        "mark-removed": (GObject.SignalFlags.RUN_LAST, None, (int, int)),
        "mark-chosen": (GObject.SignalFlags.RUN_LAST, None, (int, int)),
        "brush-resized": (GObject.SignalFlags.RUN_LAST, None, (float,)),
        "behind-moved": (GObject.SignalFlags.RUN_LAST, None, (float, float)),
        "behind-scaled": (GObject.SignalFlags.RUN_LAST, None, (float, float, float)),
        "behind-fitted": (GObject.SignalFlags.RUN_LAST, None, ()),
        "hovered": (GObject.SignalFlags.RUN_LAST, None, (float, float)),
        "left": (GObject.SignalFlags.RUN_LAST, None, ()),
    }

    def __init__(self, width: int, height: int, proxy: cairo.ImageSurface, detail: Detail) -> None:
        """width, height: of the photo.  proxy: all of it, small.  detail: called for what is seen when the proxy is not
        sharp enough."""
        super().__init__(can_focus=True, hexpand=True, vexpand=True)
        self.set_size_request(240, 180)
        self._scene = _scene(width, proxy, detail)
        self._painter = ScenePainter()
        self._tool, self._brush = Tool.INCLUDE, 1.0
        self._locked = False
        self._fits = True  # whether the whole photo is shown, and is to be when the size changes
        self._fetching = 0  # the source that will fetch what is seen
        self.viewport = fit((width, height), (1, 1))
        self._hover = Hover(lambda x, y: self.emit("hovered", x, y), lambda: self.emit("left"))
        self._pointer = Pointer(self, self.viewport, self._hover, self._handlers())
        self.connect("notify::scale-factor", lambda *_: self._resize())
        self.connect("unrealize", self._unrealized)
        self.connect("focus-out-event", self._focus_left)
        self._describe()

    def _handlers(self) -> PointerHandlers:
        return PointerHandlers(
            used=self._hide_cross,
            pointed=self._show_brush,
            clicked=lambda x, y, on_object, another: self.emit("pointed", x, y, on_object, another),
            box_changed=self._show_band,
            box_drawn=lambda box, another: self.emit("boxed", *box, another),
            stroke_changed=self.draw_on,
            stroke_drawn=lambda stroke: self.emit("stroked", stroke),
            mark_at=self._mark_at,
            mark_dragged=self._drag_mark,
            mark_moved=lambda mark, x, y: self.emit("mark-moved", mark.object, mark.entry, x, y),
            mark_removed=lambda mark: self.emit("mark-removed", mark.object, mark.entry),
            mark_chosen=lambda mark: self.emit("mark-chosen", mark.object, mark.entry),
            behind_moved=lambda dx, dy: self.emit("behind-moved", dx, dy),
            behind_scaled=lambda factor, x, y: self.emit("behind-scaled", factor, x, y),
            behind_fitted=lambda: self.emit("behind-fitted"),
            slid=self._slide_to,
            moved=self._move,
            resized=self._resize_brush,
        )

    # -- what is shown

    def show_photo(self, width: int, height: int, proxy: cairo.ImageSurface, detail: Detail) -> None:
        """Show another photo, and nothing over it; one of the same size at the same place.  As for `__init__`."""
        kept = self._scene
        self._scene = replace(_scene(width, proxy, detail), cross=kept.cross, backdrop=kept.backdrop)
        if self.viewport.photo != (width, height):
            self.viewport = replace(self.viewport, photo=(width, height))
            self._hide_cross()
            self.zoom_to_fit()
        self._pointer.set_compares(compares=False)
        self._painter.redraw_photos()
        self._describe()
        self._fetch_soon()
        self.queue_draw()

    def show_mask(
        self,
        shapes: tuple[MaskShape, ...],
        strokes: tuple[Stroke, ...],
        view: MaskView,
        tint: Tint,
        *,
        keeps: bool,
        at_hand: bool,
        alpha: MaskShape | None = None,
    ) -> None:
        """Show what is meant: objects, outlined, with strokes over them; as in `MaskOverlay`."""
        proxy = self._scene.proxy
        overlay = MaskOverlay(shapes, strokes, proxy, view, keeps=keeps, at_hand=at_hand, tint=tint, alpha=alpha)
        self._show(replace(self._scene, mask=overlay, lasso=None))

    def show_behind(
        self, behind: Behind | None, picture: cairo.ImageSurface | None = None, nearness: Nearness | None = None
    ) -> None:
        """What comes behind the object, where the mask is shown so; picture, nearness: as in `Backdrop`."""
        self._show(replace(self._scene, backdrop=Backdrop(behind, picture, nearness) if behind else None))

    def show_hover(self, shape: MaskShape | None) -> None:
        """Outline what a click would take, and brighten it a little."""
        self._show(replace(self._scene, hovered=HoverOverlay(shape, self._scene.proxy) if shape else None))

    def show_clicks(self, clicks: tuple[PlacedClick, ...], boxes: tuple[Box, ...]) -> None:
        """Mark clicks and boxes."""
        self._show(replace(self._scene, clicks=ClickMarks(clicks, boxes) if clicks or boxes else None))

    def set_tool(self, tool: Tool, radius: float) -> None:
        """What the left button does; radius: of a brush, in pixels of the photo."""
        self._tool, self._brush = tool, radius
        self._pointer.set_tool(tool, radius)
        circle, cross = self._scene.brush, self._scene.cross
        self._show_brush(circle.at if circle else cross.at if cross else None)

    def set_locked(self, *, locked: bool) -> None:
        """Whether nothing can be marked now."""
        self._locked = locked
        self._pointer.set_locked(locked=locked)
        if locked:
            self._hide_cross()
            self._show(replace(self._scene, brush=None))

    def show_preview(self, surface: cairo.ImageSurface | None, window: Window | None = None) -> None:
        """Lay a preview, a small picture, over a window of the photo; masks and clicks are hidden meanwhile."""
        preview = PreviewPicture(surface, window) if surface is not None and window else None
        self._show(replace(self._scene, preview=preview))

    def show_result(self, result: Detail | None, window: Window | None = None) -> None:
        """Compare the photo with a result: a slider lies between them, and nothing else is shown or done.

        result: the photo with the result in it, premultiplied; None ends the comparison.  window: where in the photo
        the result is: the slider begins beside it.
        """
        picture = None
        if result:
            (width, _height), proxy = self.viewport.photo, self._scene.proxy
            picture = Picture(width, result(whole(*proxy), proxy[0] / width), result)
            self._hide_cross()
            self._hover.leave()
        self._show(replace(self._scene, result=picture))
        if result and window:
            self._slide_beside(window)
        self._pointer.set_compares(compares=picture is not None)
        self._describe()
        self._fetch_soon()

    def _slide_beside(self, window: Window) -> None:
        """Move the slider to where reading begins, beside a window of the photo."""
        left, _top, right, _bottom = self.viewport.visible()
        if self.get_direction() == Gtk.TextDirection.RTL:
            at = self.viewport.to_screen(window.x + window.width, 0)[0] + BESIDE
        else:
            at = self.viewport.to_screen(window.x, 0)[0] - BESIDE
        self._slide_to(min(max(at, left), right))

    @property
    def proxy_size(self) -> Size:
        """Of the photo's small copy, in whose pixels masks are."""
        return self._scene.proxy

    def zoom_in(self) -> None:
        self._zoom(stepped(self.viewport.zoom, 1))

    def zoom_out(self) -> None:
        self._zoom(stepped(self.viewport.zoom, -1))

    def zoom_to_pixels(self) -> None:
        self._zoom(1.0)

    def zoom_to_fit(self) -> None:
        view = self.viewport
        self._move(fit(view.photo, view.size, view.margin))
        self._fits = True

    # -- what changes it

    def _show(self, scene: Scene) -> None:
        """Show another scene.  Only what looks different is drawn: a whole frame takes the model's time where there are
        few cores."""
        before, self._scene = self._scene, scene
        for area in scene.changed_areas(before, self._placement()):
            self._queue_draw(area)

    def _queue_draw(self, area: Box) -> None:
        """Draw this part of the widget anew, in logical pixels."""
        left, top = math.floor(area[0]), math.floor(area[1])
        self.queue_draw_area(left, top, math.ceil(area[2]) - left, math.ceil(area[3]) - top)

    def _placement(self) -> Placement:
        return Placement(self.viewport, self.get_scale_factor())

    def _move(self, viewport: Viewport) -> None:
        """Show another part of the photo."""
        if viewport == self.viewport:
            return
        self.viewport, self._fits = viewport, False
        self._pointer.follow(viewport, hovers=self._scene.cross is None)
        self._fetch_soon()
        self.queue_draw()

    def _zoom(self, zoom: float) -> None:
        view, cross = self.viewport, self._scene.cross
        middle = view.size[0] / 2, view.size[1] / 2
        self._move(zoomed(view, zoom, view.to_screen(*cross.at) if cross else middle))

    @property
    def _compares(self) -> bool:
        """Whether the slider is shown."""
        return self._scene.result is not None

    def _slide_to(self, x: float) -> None:
        """Move the slider to a screen pixel."""
        left, _top, right, _bottom = self.viewport.visible()
        self._show(replace(self._scene, slider=min(max((x - left) / max(1, right - left), 0.0), 1.0)))

    def _show_band(self, box: Box | None) -> None:
        self._show(replace(self._scene, band=RubberBand(box) if box else None))

    # -- drawing on the mask

    def _show_brush(self, at: Point | None) -> None:
        """Show the brush where the pointer is."""
        shown = at is not None and self._tool.has_size and not self._compares and not self._locked
        self._show(replace(self._scene, brush=BrushCircle(at, self._brush) if at and shown else None))

    def draw_on(self, stroke: Stroke | None) -> None:
        """Show what is new of a stroke at once; None: what was shown of it is not meant."""
        if stroke is None:
            self._painter.redraw_mask()
            self._show(replace(self._scene, lasso=None))
            self.queue_draw()
        elif stroke.filled:
            corners = tuple((x, y) for x, y, _radius in stroke.points)
            self._show(replace(self._scene, lasso=LassoLine(corners)))
        else:
            self._painter.draw_stroke(stroke, self._placement())
            self._queue_draw(self._placement().around(stroke.box, 1))

    def _resize_brush(self, steps: int) -> None:
        self.emit("brush-resized", resized(self._brush, steps))

    def _mark_at(self, x: float, y: float) -> PlacedClick | None:
        reach = marks.CLICK_RADIUS * self.get_scale_factor() / self.viewport.zoom
        return self._scene.clicks.at(x, y, reach) if self._scene.clicks else None

    def _drag_mark(self, mark: PlacedClick, x: float, y: float) -> None:
        clicks = self._scene.clicks
        if clicks:
            dragged = next((each for each in clicks.clicks if each[:2] == mark[:2]), mark)
            self._show(replace(self._scene, clicks=clicks.with_click_at(dragged, x, y)))

    # -- keys

    def do_key_press_event(self, event: Gdk.EventKey) -> bool:
        name = (Gdk.keyval_name(event.keyval) or "").removeprefix("KP_")  # there are keys without a name
        state = event.state & Gtk.accelerator_get_default_mod_mask()
        shift, ctrl = bool(state & Gdk.ModifierType.SHIFT_MASK), bool(state & Gdk.ModifierType.CONTROL_MASK)
        if name in POINT_KEYS and state in (0, Gdk.ModifierType.SHIFT_MASK, Gdk.ModifierType.CONTROL_MASK):
            return self._point(name, opposite=shift or ctrl)
        if name in ARROW_KEYS and not state & Gdk.ModifierType.MOD1_MASK:
            self._arrow(*ARROW_KEYS[name], step=FAR if shift else PIXEL if ctrl else STEP)
        elif ctrl or state & Gdk.ModifierType.MOD1_MASK:
            return False
        elif name in ZOOM_KEYS:
            self._zoom(stepped(self.viewport.zoom, ZOOM_KEYS[name]))
        elif name == "0":
            self.zoom_to_fit()
        elif name == "1":
            self.zoom_to_pixels()
        elif name == "backslash":
            self._show_before(before=True)
        elif name in SLIDER_KEYS and self._compares:
            self._slide(SLIDER_KEYS[name])
        elif name in SLIDER_KEYS and self._tool.has_size:
            self._resize_brush(SLIDER_KEYS[name])
        else:
            return False
        return True

    def do_key_release_event(self, event: Gdk.EventKey) -> bool:
        if event.keyval == Gdk.KEY_backslash:
            self._show_before(before=False)
        return False

    def _focus_left(self, *_: object) -> bool:
        self._show_before(before=False)
        return False

    def _show_before(self, *, before: bool) -> None:
        """Show the photo alone for as long as a key is down."""
        self._show(replace(self._scene, before=before))

    def _arrow(self, x: int, y: int, *, step: int) -> None:
        """Move what the arrow keys move, in this direction: the slider, the photo or the cross.

        step: of the cross, in logical pixels; FAR moves the photo rather than the slider.
        """
        density, cross = self.get_scale_factor(), self._scene.cross
        if self._compares:
            if x and step != FAR:
                self._slide(x)
            else:
                self._move(panned(self.viewport, -x * FAR * density, -y * FAR * density))
        elif cross:
            moved = step * density / self.viewport.zoom
            width, height = self.viewport.photo
            self._set_cross(_on_edge(cross.at[0] + x * moved, width), _on_edge(cross.at[1] + y * moved, height))
        else:
            self._center_cross()

    def _slide(self, steps: int) -> None:
        self._show(replace(self._scene, slider=min(max(self._scene.slider + steps * SLIDE, 0.0), 1.0)))

    # -- the keyboard's cross

    def _point(self, name: str, *, opposite: bool) -> bool:
        """Use the tool where the cross is; whether the key was for that: without a cross, Enter is for the dialog.

        A brush paints one disc.  opposite: as with the right button.
        """
        if self._compares or self._locked:
            return False
        if self._scene.cross:
            at = self._scene.cross.at
            self._hover.leave()
            if self._tool.has_size:
                adds = (self._tool is Tool.ERASER) == opposite
                refines = self._tool is Tool.REFINE
                self.emit("stroked", Stroke(path=(*at, self._brush), adds=adds, refines=refines))
            else:
                self.emit("pointed", *at, (self._tool is Tool.EXCLUDE) == opposite, ANOTHER)
            return True
        if name.lower() == "space":
            self._center_cross()
            return True
        return False

    def _center_cross(self) -> None:
        left, top, right, bottom = self.viewport.visible()
        self._set_cross(*self.viewport.to_photo((left + right) / 2, (top + bottom) / 2))

    def _set_cross(self, x: float, y: float) -> None:
        self._show(replace(self._scene, cross=Cross((x, y))))
        self._show_brush((x, y))
        self._move(following(self.viewport, x, y, 3 * STEP * self.get_scale_factor()))
        self._hover.move_to(x, y, self._pointer.slop)

    def _hide_cross(self) -> None:
        """Somebody points with something else."""
        if self._scene.cross:
            self._show(replace(self._scene, cross=None, brush=None))
            self._hover.leave()

    # -- drawing

    def do_draw(self, cr: cairo.Context) -> bool:
        style, (width, height) = self.get_style_context(), (self.get_allocated_width(), self.get_allocated_height())
        Gtk.render_background(style, cr, 0, 0, width, height)
        self._painter.draw(cr, self._scene, self._placement(), self)
        if self.has_visible_focus():
            marks.focus(cr, width, height)
        return False

    def _describe(self) -> None:
        """What screen readers say it is, and what the keys do."""
        accessible = self.get_accessible()
        accessible.set_role(Atk.Role.CANVAS)
        if self._compares:
            accessible.set_name(_("The photo before and after"))
            accessible.set_description(
                _(
                    "The left and right arrow keys move the slider between before and after; with Shift they move the "
                    "photo. Plus and minus zoom, 0 shows the whole photo, 1 its own pixels."
                )
            )
        else:
            accessible.set_name(_("The photo"))
            accessible.set_description(
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
        if self._fits:
            self._move(fit(self.viewport.photo, size, MARGIN * density))
            self._fits = True
        else:
            self._move(viewport_resized(self.viewport, size))

    # -- the photo's own pixels

    def _fetch_soon(self) -> None:
        """Fetch what is seen once nothing has moved for a moment, in pieces between which GTK goes on."""
        self._stop_fetching()
        self._fetching = GLib.timeout_add(SHARPEN_MS, self._begin_fetching)

    def _begin_fetching(self) -> bool:
        both = self._scene.result, self._scene.picture
        pictures = [picture for picture in both if picture and picture.prepare(self.viewport)]
        self._fetching = GLib.idle_add(self._fetch_piece, pictures) if pictures else 0
        return GLib.SOURCE_REMOVE

    def _fetch_piece(self, pictures: list[Picture]) -> bool:
        if not pictures[0].fetch():
            pictures.pop(0)
        self._painter.redraw_photos()
        self.queue_draw()
        if not pictures:
            self._fetching = 0
        return bool(pictures)

    def _stop_fetching(self) -> None:
        if self._fetching:
            GLib.source_remove(self._fetching)
            self._fetching = 0

    def _unrealized(self, *_: object) -> None:
        self._stop_fetching()
        self._hover.stop()


def _scene(width: int, proxy: cairo.ImageSurface, detail: Detail) -> Scene:
    """A photo and nothing over it."""
    return Scene(picture=Picture(width, proxy, detail), proxy=(proxy.get_width(), proxy.get_height()))


def _on_edge(at: float, edge: int) -> float:
    """The coordinate nearest to this one that lies on a photo with so many pixels."""
    return min(max(at, 0.0), math.nextafter(edge, 0))

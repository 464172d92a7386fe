"""The dialog's window: its widgets, where they are, and how they show a `DialogState`.  It decides nothing."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cairo
import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, GLib, Gtk, Pango  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import UserError  # noqa: E402
from inference_server.shared.geometry import Box  # noqa: E402
from inference_server.shared.messages import Job  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, time_left, translated  # noqa: E402
from ..photo_view.scene import MaskShape, PlacedClick  # noqa: E402
from ..photo_view.view import View  # noqa: E402
from ..requests.job_steps import WORKING  # noqa: E402
from ..widgets import ErrorNotice, icon_button, named, row  # noqa: E402
from . import events  # noqa: E402
from .annotation import Click  # noqa: E402
from .objects_row import ObjectsRow  # noqa: E402
from .panels import Panel  # noqa: E402
from .pictures import THUMBNAIL, ComposedResult  # noqa: E402
from .state import Attempt, DialogState, Hint, Phase, Progress  # noqa: E402
from .toolbar import Dispatch, Toolbar  # noqa: E402

JOBS = {
    Job.SELECT: _("_Select"),
    Job.REMOVE: _("Rem_ove"),
    Job.FILL: _("_Fill"),
    Job.REPLACE: _("Replace bac_kground"),
}
HINTS = {
    Hint.HOW_TO_POINT: _("Click on the object. Drag: a box around it. Right click: leave this out."),
    Hint.MORE_CLICKS: _("Tab: another mask. Shift+click: another object. Right click: leave this out."),
    Hint.HOW_TO_DRAW: _("Paint over what is meant. Right button: the opposite. [ and ]: the brush's size."),
    Hint.HOW_TO_REFINE: _("Paint over hair, fur or glass at the edge. Right button: takes it back."),
    Hint.HAIR: _("There is hair at the edge. S: paint over it, or switch Soft edge on."),
    Hint.NAMED: _("Click an object that is not meant. N: another one, by clicks."),
    Hint.LASSO: _("Draw around what is meant. Right button: takes it out of the mask."),
    Hint.PLACE: _("Drag: move the background. Wheel: its size. H: flip. Double click: as at first."),
    Hint.WAIT: _("It is being worked on. Esc: stop."),
    Hint.COMPARE: _("Drag the line to compare. Esc: back to the mask."),
    Hint.APPLIED: _("It is in the image. Point at the next object, or close this window."),
}
TOOLS = ("tool", "brush", "mask_view", "tint", "behind", "photo_behind")  # of a state: how the photo is worked on
ROLE = "inpaint-anything"
WIDTH, HEIGHT = 1120, 720
PREVIEW, CONTINUE = 1, 2  # responses
NOTICE_CHARS = 20  # for which a text asks before it is wrapped: what is left is the photo's
BAR_WIDTH = 150  # pixels, at least
GAP = 6  # pixels between small pictures
ROW = 34  # pixels: as high as the button that comes and goes
PANEL_MS = 100  # as soon seems at once
ESTIMATE_SECONDS = 2  # before it is said how long a job will still take

Thumbnails = Callable[[Sequence[MaskShape | ComposedResult]], list[cairo.ImageSurface]]


class Window(GimpUi.Dialog):
    """The photo on one side; jobs, choices, settings, progress and buttons on the other, so that a portrait has all of
    the window's height.

    The window's role names the dialog's state (`DialogState.summary`), once that is drawn: X11 has it as a property
    that other programs can read, tests among them.
    """

    def __init__(
        self,
        view: View,
        panels: Mapping[Job, Panel],
        offer: Gtk.Widget,
        *,
        thumbnails: Thumbnails,
        dispatch: Dispatch,
        show_settings: Callable[[], None],
        save_recipe: Callable[[], None],
    ) -> None:
        """offer: offers models for the job.  thumbnails(row): small pictures of proposals, or of results.  dispatch:
        called with what is wanted.  show_settings: called when somebody wants to see them.  save_recipe: called when
        somebody wants to do to other photos what is done here."""
        super().__init__(title=_("Inpaint Anything"), role=ROLE)
        self.view, self.panels = view, panels
        self._thumbnails, self._dispatch, self._show_settings = thumbnails, dispatch, show_settings
        self._offer = offer
        self._state: DialogState | None = None
        self._in_panel: DialogState | None = None  # the state that all but the photo shows
        self._panel_source = 0  # the timer that will show the present one
        self._started = 0.0  # when the job was, time.monotonic()
        self._ends = math.inf  # when it will have ended, as far as is known: what is said of that never rises
        self._row_source = 0  # the idle source that will show the row of choices
        self._choice_buttons: list[Gtk.RadioButton] = []
        self._default = 0  # the response of Enter
        self._plan = ""  # what will do the work, and about how long
        # For this process alone: buttons that fade keep the processor drawing while the decoder needs it.
        self.get_settings().props.gtk_enable_animations = False
        self.set_default_size(WIDTH, HEIGHT)
        preview: Any = self.add_button(_("P_review"), PREVIEW)
        self._preview: Gtk.Button = preview
        self._save_recipe = icon_button(
            "document-save-as-symbolic", _("Save as a recipe for many photos…"), save_recipe
        )
        self._cancel = self.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.apply_and_continue = self.add_button(_("Apply and ne_xt"), CONTINUE)
        self._apply = self.add_button(_("App_ly"), Gtk.ResponseType.APPLY)
        self._add_widgets()
        self.connect("realize", self._realized)
        self.connect("destroy", self._destroyed)

    # -- the widgets

    def _add_widgets(self) -> None:
        self.hint = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self.jobs = _job_buttons()
        self._toolbar = Toolbar(self._dispatch)
        self._objects = ObjectsRow(self._dispatch)
        self._choices = Gtk.Box(spacing=GAP, homogeneous=True)
        self._remove_result = Gtk.Button(label=_("Remove this result"), valign=Gtk.Align.START)
        self._remove_result.connect("clicked", lambda _button: self._remove_chosen())
        named(self._choices, _("What may be meant"))
        self._bar = _Bar(show_text=True, ellipsize=Pango.EllipsizeMode.END, valign=Gtk.Align.CENTER)
        self.notice = ErrorNotice(NOTICE_CHARS)
        self.stop = Gtk.Button(label=_("Stop (Esc)"))
        self._status = Gtk.Stack()  # as high as the higher of the two, so that the photo stays where it is
        self._said = row(self.notice)  # a stack shows nothing that is hidden, as an empty notice is
        self._status.add(self._said)
        self._status.add(self._bar)
        middle = Gtk.Box(spacing=12)
        middle.pack_start(self._toolbar, expand=False, fill=False, padding=0)
        middle.pack_start(_photo_side(self.view, self.hint), expand=True, fill=True, padding=0)
        middle.pack_start(self._settings_side(), expand=False, fill=False, padding=0)
        area = self.get_content_area()
        area.set_properties(border_width=12)
        area.pack_start(middle, expand=True, fill=True, padding=0)
        area.show_all()
        self.stop.hide()

    def _settings_side(self) -> Gtk.Widget:
        jobs = _linked(*self.jobs.values(), expand=True)
        settings = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=2)
        for panel in self.panels.values():
            panel.set_no_show_all(True)  # it shows the rows that are needed itself
            settings.pack_start(panel, expand=False, fill=False, padding=0)
        scrolled = Gtk.ScrolledWindow(
            hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_width=True, shadow_type=Gtk.ShadowType.NONE
        )
        scrolled.add(settings)
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, hexpand=False)  # what is left is the photo's
        side.pack_start(jobs, expand=False, fill=False, padding=0)
        side.pack_start(self._offer, expand=False, fill=False, padding=0)
        side.pack_start(self._objects_or_results(), expand=False, fill=False, padding=0)
        side.pack_start(self._choices_row(), expand=False, fill=False, padding=0)
        side.pack_start(scrolled, expand=True, fill=True, padding=0)
        side.pack_start(self._status_row(), expand=False, fill=False, padding=0)
        side.pack_start(self._button_rows(), expand=False, fill=False, padding=0)
        return side

    def _button_rows(self) -> Gtk.Widget:
        """The dialog's buttons, taken from below the photo."""
        below: Any = self._apply.get_parent()
        rows = Gtk.Grid(column_homogeneous=True, column_spacing=6, row_spacing=6)
        for k, button in enumerate((self._preview, self.apply_and_continue, self._cancel, self._apply)):
            below.remove(button)
            button.set_hexpand(True)
            rows.attach(button, k % 2, k // 2, 1, 1)
        below.get_parent().set_no_show_all(True)  # nothing is left in it
        below.get_parent().hide()
        return rows

    def _objects_or_results(self) -> Gtk.Widget:
        """The objects while the photo is marked, and what can be done with a result while there are any."""
        self._side_row = Gtk.Stack()
        self._side_row.add(self._objects)
        self._side_row.add(self._remove_result)
        return self._side_row

    def _choices_row(self) -> Gtk.Widget:
        """The choices, as wide as three of them, so that nothing jumps when they come; more can be scrolled to."""
        empty = cairo.ImageSurface(cairo.FORMAT_A8, THUMBNAIL, THUMBNAIL)
        _least, one = _choice_button(None, empty).get_preferred_size()
        row = Gtk.ScrolledWindow(vscrollbar_policy=Gtk.PolicyType.NEVER)
        row.set_size_request(3 * one.width + 2 * GAP, one.height)
        row.add(self._choices)
        self._choices.set_focus_hadjustment(row.get_hadjustment())
        return row

    def _status_row(self) -> Gtk.Widget:
        row = Gtk.Box(spacing=12)
        row.pack_start(self._status, expand=True, fill=True, padding=0)
        row.pack_start(self.stop, expand=False, fill=False, padding=0)
        row.pack_start(self._save_recipe, expand=False, fill=False, padding=0)
        row.set_size_request(-1, ROW)
        return row

    # -- the state

    def show_state(self, state: DialogState) -> None:
        """Show a state: what has changed since the last one is drawn anew.

        While the masks for a click are waited for, the photo is drawn at once and the rest a little later: it would
        take the processor from the decoder.
        """
        before, self._state = self._state, state
        self._draw_photo(state, _changes(before, state))
        if before and before.phase is state.phase and state.waiting:
            if not self._panel_source:
                self._panel_source = GLib.timeout_add(PANEL_MS, self._draw_panel)
        else:
            self._draw_panel()
        self._report_soon()

    def _draw_panel(self) -> bool:
        """Show the state in all but the photo."""
        if self._panel_source:
            GLib.source_remove(self._panel_source)
            self._panel_source = 0
        before, self._in_panel, state = self._in_panel, self._state, self._state
        if state is None:
            return GLib.SOURCE_REMOVE
        changed = _changes(before, state)
        if changed("job", "reference", "takes_reference"):
            self._draw_job(state)
        if changed("run"):
            self._started, self._ends = time.monotonic(), math.inf
        if changed("phase", "annotation", "past", "future", "attempts", "run", *TOOLS):
            self._draw_tools(state)
        if changed("choices", "tint"):
            self._draw_choices_soon()
        elif before and before.chosen != state.chosen:
            self._mark_choice(state.chosen)
        if changed("status", "phase", "annotation"):
            self._draw_status(state)
        self.panels[state.job].show_shadow(found=state.shadow_seen)
        self._draw_buttons(state)
        if changed("phase") and state.phase is not Phase.WORKING and not isinstance(self.get_focus(), Gtk.Entry):
            self.view.grab_focus()  # the arrow keys compare or point, Delete removes, Enter applies, letters are tools
        self.hint.set_text(HINTS[state.hint])
        self.hint.set_tooltip_text(HINTS[state.hint])  # where a language needs more room than there is
        return GLib.SOURCE_REMOVE

    def _draw_tools(self, state: DialogState) -> None:
        self._toolbar.show_state(state)
        self._objects.show_state(state)
        self._side_row.set_visible_child(self._remove_result if state.shows_results else self._objects)

    def _draw_job(self, state: DialogState) -> None:
        for name, panel in self.panels.items():
            panel.set_visible(name == state.job)
        self.panels[state.job].show_reference(state)
        self._preview.set_visible(state.job != Job.SELECT)

    def _draw_photo(self, state: DialogState, changed: Callable[..., bool]) -> None:
        if changed("tool", "brush"):
            self.view.set_tool(state.tool, state.brush)
        if changed("phase"):
            self.view.set_locked(locked=not state.can_mark)
        if changed("annotation"):
            self.view.show_clicks(*_marks(state))
        if changed("annotation", "proposals", "known", "job", "options", "mask_view", "tint", "refined"):
            self.view.show_mask(
                state.shapes,
                state.annotation.strokes,
                state.mask_view,
                state.tint,
                keeps=state.job == Job.REPLACE,
                at_hand=bool(state.query and state.proposals),
                alpha=state.alpha,
            )
        if changed("behind", "photo_behind", "nearness"):
            self.view.show_behind(state.behind if state.shows_behind else None, state.picture_behind, state.nearness)
        if changed("hover"):
            self.view.show_hover(state.hover)
        if changed("preview"):
            self.view.show_preview(*((state.preview.picture, state.preview.window) if state.preview else (None,)))
        if changed("comparison"):
            result = state.comparison
            self.view.show_result(*((result.picture, result.window) if result else (None,)))

    def _draw_status(self, state: DialogState) -> None:
        match state.status:
            case Progress(share, message):
                self._draw_progress(state, share, message)
                return
            case UserError() as error:
                retry = self._retry if state.can_retry else None
                self.notice.set_error(error, retry=retry, settings=self._show_settings if state.can_retry else None)
            case Hint() as hint:
                self.notice.set_text(HINTS[hint])
            case _:
                self.notice.set_text(self._plan if state.can_mark and state.can_apply else "")
        self._status.set_visible_child(self._said)

    @property
    def offers_model(self) -> bool:
        """Whether it is said that the job lacks a model."""
        return self._offer.get_visible()

    def show_plan(self, plan: str) -> None:
        """What will do the work, and about how long; "" where that is not known."""
        self._plan = plan
        if self._state:
            self._draw_status(self._state)

    def _retry(self) -> None:
        self._dispatch(events.RetryPressed())

    def _draw_progress(self, state: DialogState, share: float | None, message: str) -> None:
        text, left = translated(message) if message else WORKING[state.job], ""
        if state.stopping:
            text = _("Cancelling")
        passed = time.monotonic() - self._started
        if state.working and share is not None and passed > ESTIMATE_SECONDS and 0.05 < share < 1:
            self._ends = min(self._ends, self._started + passed / share)
            left = time_left(max(1.0, self._ends - time.monotonic()))
        self._bar.set_text(" · ".join(part for part in (text, left) if part))
        if share is None:
            self._bar.pulse()
        else:
            self._bar.set_fraction(min(1.0, max(0.0, share)))
        self._status.set_visible_child(self._bar)

    def _draw_buttons(self, state: DialogState) -> None:
        for button in (self._apply, self.apply_and_continue):
            button.set_sensitive(state.can_apply)
        showing = state.phase is Phase.SHOWING_RESULTS
        self._preview.set_sensitive(state.can_apply and not state.working)
        self._preview.set_label(_("Anothe_r result") if showing else _("P_review"))
        self._remove_result.set_sensitive(showing)
        self._save_recipe.set_sensitive(state.can_apply and not state.working)
        self.stop.set_visible(state.working)
        for widget in (*self.jobs.values(), *self.panels.values()):
            widget.set_sensitive(not state.working)
        previews = state.job != Job.SELECT and not showing
        self._set_default(PREVIEW if previews else Gtk.ResponseType.APPLY)

    def _set_default(self, response: int) -> None:
        """What Enter does, which is what one wants next: to see a result, then to have it."""
        if response == self._default:
            return
        self._default = response
        (self._preview if response == PREVIEW else self._apply).grab_default()
        for button, name in ((self._preview, PREVIEW), (self._apply, Gtk.ResponseType.APPLY)):
            style = button.get_style_context()
            (style.add_class if name == response else style.remove_class)("suggested-action")

    # -- the row of choices

    def _draw_choices_soon(self) -> None:
        """When the overlay has been drawn, which is what the person waits for."""
        if not self._row_source:
            self._row_source = GLib.idle_add(self._draw_choices, priority=GLib.PRIORITY_LOW)

    def _draw_choices(self) -> bool:
        self._row_source = 0
        for button in self._choice_buttons:
            button.destroy()
        self._choice_buttons = []
        state = self._state
        if state is None or (len(state.choices) < 2 and not state.shows_results):
            return GLib.SOURCE_REMOVE
        pictures = self._thumbnails([_picture_of(choice) for choice in state.choices])
        for k, (choice, picture) in enumerate(zip(state.choices, pictures, strict=True)):
            first = next(iter(self._choice_buttons), None)
            button = _choice_button(first, picture, self._caption(choice, k, len(state.choices)))
            self._choice_buttons.append(button)
            name = _choice_name(choice, k, len(state.choices))
            named(button, name).set_tooltip_text(name)
            button.set_active(k == state.chosen)
            button.connect("toggled", lambda button, k=k: button.get_active() and self._dispatch(events.ChoiceMade(k)))
            self._choices.pack_start(button, expand=True, fill=True, padding=0)
        return GLib.SOURCE_REMOVE

    def _caption(self, choice: MaskShape | Attempt, k: int, count: int) -> str:
        """What stands below small picture number k of so many, from 0: a mask's size, a result's seed."""
        if isinstance(choice, MaskShape):
            share = choice.area / max(1, math.prod(self.view.proxy_size))
            size = _("Small") if k == 0 else _("Large") if k == count - 1 else _("Medium")
            return tr(_("{size}, {share} %"), size=size, share=round(100 * share) or "<1")
        painted = choice.result.painted_with
        return str(k + 1) if painted is None else tr(_("seed {seed}"), seed=painted.seed)

    def _remove_chosen(self) -> None:
        if self._state:
            self._dispatch(events.ResultRemoved(self._state.chosen))

    def _mark_choice(self, k: int) -> None:
        adjustment = self._choices.get_focus_hadjustment()
        if k < len(self._choice_buttons):
            self._choice_buttons[k].set_active(True)
            place = self._choice_buttons[k].get_allocation()
            if adjustment:
                adjustment.clamp_page(place.x, place.x + place.width)

    # -- the state for other programs

    def _realized(self, _window: Gtk.Widget) -> None:
        clock = self.get_frame_clock()
        if clock:
            clock.connect("after-paint", self._report)

    def _report_soon(self) -> None:
        """After what has changed is on the screen, even where nothing has."""
        clock = self.get_frame_clock()
        if clock:
            clock.request_phase(Gdk.FrameClockPhase.AFTER_PAINT)

    def _report(self, _clock: Gdk.FrameClock) -> None:
        if self._state and self._state.phase is not Phase.CLOSED:
            role = f"{ROLE} {self._state.summary}"
            if role != self.get_role():
                self.set_role(role)

    def _destroyed(self, _window: Gtk.Widget) -> None:
        for source in (self._row_source, self._panel_source):
            if source:
                GLib.source_remove(source)
        self._row_source = self._panel_source = 0


class _Bar(Gtk.ProgressBar):
    """A progress bar that asks for no room for its text: what is left is the photo's."""

    def do_get_preferred_width(self) -> tuple[int, int]:
        return BAR_WIDTH, BAR_WIDTH


def _changes(before: DialogState | None, state: DialogState) -> Callable[..., bool]:
    """A function that says whether one of some fields of a state is another one than before."""

    def changed(*names: str) -> bool:
        return before is None or any(getattr(before, name) is not getattr(state, name) for name in names)

    return changed


def _marks(state: DialogState) -> tuple[tuple[PlacedClick, ...], tuple[Box, ...]]:
    """The clicks and boxes of all objects, those of the one at hand on top."""
    annotation = state.annotation
    order = sorted(range(len(annotation.objects)), key=lambda k: k == annotation.active)
    clicks = [
        PlacedClick(k, entry, click.x, click.y, bool(click.label), k == annotation.active)
        for k in order
        for entry, click in enumerate(annotation.objects[k].entries)
        if isinstance(click, Click)
    ]
    boxes = (annotation.objects[k].box for k in order)
    return tuple(clicks), tuple(box for box in boxes if box)


def _choice_name(choice: MaskShape | Attempt, k: int, count: int) -> str:
    """What a small picture says: number k of so many, from 0."""
    if isinstance(choice, MaskShape):
        return tr(_("Mask {number} of {count}, from small to large"), number=k + 1, count=count)
    painted = choice.result.painted_with
    if painted is None:
        return tr(_("Result {number} of {count}"), number=k + 1, count=count)
    return tr(_("Result {number} of {count}, seed {seed}"), number=k + 1, count=count, seed=painted.seed)


def _photo_side(view: View, hint: Gtk.Widget) -> Gtk.Widget:
    """The photo, how to use it, and the buttons that zoom."""
    frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN)
    view.set_size_request(420, 320)
    frame.add(view)
    below = Gtk.Box(spacing=12)
    below.pack_start(hint, expand=True, fill=True, padding=0)
    below.pack_end(_zoom_buttons(view), expand=False, fill=False, padding=0)
    side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    side.pack_start(frame, expand=True, fill=True, padding=0)
    side.pack_start(below, expand=False, fill=False, padding=0)
    return side


def _zoom_buttons(view: View) -> Gtk.Widget:
    buttons = []
    for icon, words, act in (
        ("zoom-out-symbolic", _("Zoom out (-)"), view.zoom_out),
        ("zoom-fit-best-symbolic", _("The whole photo (0)"), view.zoom_to_fit),
        ("zoom-original-symbolic", _("One pixel of the photo to one of the screen (1)"), view.zoom_to_pixels),
        ("zoom-in-symbolic", _("Zoom in (+)"), view.zoom_in),
    ):
        buttons.append(icon_button(icon, words, act))
    return _linked(*buttons)


def _job_buttons() -> dict[Job, Gtk.RadioButton]:
    buttons: dict[Job, Gtk.RadioButton] = {}
    for job, title in JOBS.items():
        first = next(iter(buttons.values()), None)
        buttons[job] = Gtk.RadioButton.new_with_mnemonic_from_widget(first, title)
        buttons[job].set_mode(False)
    return buttons


def _picture_of(choice: MaskShape | Attempt) -> MaskShape | ComposedResult:
    if isinstance(choice, MaskShape):
        return choice
    assert choice.picture is not None  # only results that have one can be chosen
    return choice.picture


def _choice_button(group: Gtk.RadioButton | None, picture: cairo.ImageSurface, caption: str = "") -> Gtk.RadioButton:
    """A small picture, of which one of a group is chosen."""
    button = Gtk.RadioButton.new_with_label_from_widget(group, caption)
    button.set_mode(False)
    button.set_image(Gtk.Image.new_from_surface(picture))
    button.set_image_position(Gtk.PositionType.TOP)
    button.set_always_show_image(True)
    button.show_all()
    return button


def _linked(*buttons: Gtk.Widget, expand: bool = False) -> Gtk.Box:
    """A row of buttons that belong together."""
    box = Gtk.Box()
    box.get_style_context().add_class("linked")
    for button in buttons:
        box.pack_start(button, expand=expand, fill=expand, padding=0)
    return box

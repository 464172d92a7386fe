"""The dialog's widgets and where they are.  What they do is `dialog`'s."""

import cairo
import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gtk, Pango  # noqa: E402  gi wants the versions first

from ..i18n import _  # noqa: E402
from ..widgets import label, named  # noqa: E402
from .pictures import THUMBNAIL  # noqa: E402

JOBS = {
    "select": _("_Select"),
    "remove": _("Rem_ove"),
    "fill": _("_Fill"),
    "replace": _("Replace bac_kground"),
}
WIDTH, HEIGHT = 1120, 720
PREVIEW = 1  # response
GAP = 6  # pixels between small pictures
ROW = 34  # pixels: as high as the button that comes and goes


class Window(GimpUi.Dialog):
    """The photo on one side; jobs, choices and settings on the other; how it goes and the buttons below."""

    def __init__(self, view: Gtk.Widget, panels: dict[str, Gtk.Widget]):
        super().__init__(title=_("Inpaint Anything"), role="inpaint-anything")
        self.view, self.panels = view, panels
        self.set_default_size(WIDTH, HEIGHT)
        self.preview = self.add_button(_("P_review"), PREVIEW)
        self.cancel = self.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.apply = self.add_button(_("App_ly"), Gtk.ResponseType.APPLY)
        self.set_default_response(Gtk.ResponseType.APPLY)
        area = self.get_content_area()
        area.set_properties(border_width=12, spacing=12)
        middle = Gtk.Box(spacing=12)
        middle.pack_start(self._photo_side(), True, True, 0)
        middle.pack_start(self._settings_side(), False, False, 0)
        area.pack_start(middle, True, True, 0)
        area.pack_start(self._progress_row(), False, False, 0)
        area.show_all()
        self.stop.hide()
        self.get_models.hide()
        for panel in panels.values():
            panel.hide()

    def _photo_side(self) -> Gtk.Widget:
        frame = Gtk.Frame(shadow_type=Gtk.ShadowType.IN)
        self.view.set_size_request(420, 320)
        frame.add(self.view)
        zooms = _linked()
        for icon, words, act in (
            ("zoom-out-symbolic", _("Zoom out (-)"), self.view.zoom_out),
            ("zoom-fit-best-symbolic", _("The whole photo (0)"), self.view.zoom_to_fit),
            ("zoom-original-symbolic", _("One pixel of the photo to one of the screen (1)"), self.view.zoom_to_pixels),
            ("zoom-in-symbolic", _("Zoom in (+)"), self.view.zoom_in),
        ):
            button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
            named(button, words).set_tooltip_text(words)
            button.connect("clicked", lambda _button, act=act: act())
            zooms.pack_start(button, False, False, 0)
        self.hint = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END)
        below = Gtk.Box(spacing=12)
        below.pack_start(self.hint, True, True, 0)
        below.pack_end(zooms, False, False, 0)
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        side.pack_start(frame, True, True, 0)
        side.pack_start(below, False, False, 0)
        return side

    def _settings_side(self) -> Gtk.Widget:
        self.jobs: dict[str, Gtk.RadioButton] = {}
        jobs = _linked()
        for job, title in JOBS.items():
            first = next(iter(self.jobs.values()), None)
            button = Gtk.RadioButton.new_with_mnemonic_from_widget(first, title)
            button.set_mode(False)
            self.jobs[job] = button
            jobs.pack_start(button, True, True, 0)
        self.choices = named(Gtk.Box(spacing=GAP, homogeneous=True), _("What may be meant"))
        _least, one = _choice(None, cairo.ImageSurface(cairo.FORMAT_A8, THUMBNAIL, THUMBNAIL)).get_preferred_size()
        row = Gtk.ScrolledWindow(vscrollbar_policy=Gtk.PolicyType.NEVER)  # for many variations
        row.set_size_request(3 * one.width + 2 * GAP, one.height)  # so that nothing jumps when they come
        row.add(self.choices)
        self.choices.set_focus_hadjustment(row.get_hadjustment())
        self.get_models = Gtk.Button(label=_("Get a model…"), halign=Gtk.Align.START)
        settings = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=2)
        settings.pack_start(self.get_models, False, False, 0)
        for panel in self.panels.values():
            panel.set_no_show_all(True)  # it knows itself what is to be seen
            settings.pack_start(panel, False, False, 0)
        scrolled = Gtk.ScrolledWindow(
            hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_width=True, shadow_type=Gtk.ShadowType.NONE
        )
        scrolled.add(settings)
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, hexpand=False)  # what is left is the photo's
        side.pack_start(jobs, False, False, 0)
        side.pack_start(row, False, False, 0)
        side.pack_start(scrolled, True, True, 0)
        return side

    def _progress_row(self) -> Gtk.Widget:
        self.bar = Gtk.ProgressBar(show_text=True, ellipsize=Pango.EllipsizeMode.END, valign=Gtk.Align.CENTER)
        self.stop = Gtk.Button(label=_("Stop (Esc)"))
        self.said = label(selectable=True, can_focus=False)
        self._told = Gtk.Stack()  # as high as the highest of them, so that the photo stays where it is
        self._told.add(self.said)
        self._told.add(self.bar)
        row = Gtk.Box(spacing=12)
        row.pack_start(self._told, True, True, 0)
        row.pack_start(self.stop, False, False, 0)
        row.set_size_request(-1, ROW)
        return row

    def show_job(self, job: str) -> None:
        """Only what this job needs."""
        for name, panel in self.panels.items():
            panel.set_visible(name == job)
        self.preview.set_visible(job != "select")

    def show_choices(self, pictures: list, titles: list[str], chosen: int, choose) -> None:
        """Small pictures to choose among; none where there is no choice.  choose(k) when another is taken."""
        for old in self.choices.get_children():
            old.destroy()
        first = None
        for k, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
            button = _choice(first, picture)
            first = first or button
            named(button, title).set_tooltip_text(title)
            button.set_active(k == chosen)
            button.connect("toggled", lambda button, k=k: button.get_active() and choose(k))
            self.choices.pack_start(button, True, True, 0)

    def mark_choice(self, k: int) -> None:
        buttons = self.choices.get_children()
        if k < len(buttons):
            buttons[k].set_active(True)
            place = buttons[k].get_allocation()
            self.choices.get_focus_hadjustment().clamp_page(place.x, place.x + place.width)

    def show_progress(self, share: float | None, word: str) -> None:
        """How the work goes; None where nobody knows how far it is."""
        self._told.set_visible_child(self.bar)
        self.bar.set_text(word)
        if share is None:
            self.bar.pulse()
        else:
            self.bar.set_fraction(min(1.0, max(0.0, share)))

    def say(self, sentence: str) -> None:
        """A sentence in the place of the progress; "" for none."""
        self._told.set_visible_child(self.said)
        self.said.set_text(sentence)


def _choice(group: Gtk.RadioButton | None, picture: cairo.ImageSurface) -> Gtk.RadioButton:
    """A small picture that can be taken instead of the others of its group."""
    button = Gtk.RadioButton.new_from_widget(group)
    button.set_mode(False)
    button.set_image(Gtk.Image.new_from_surface(picture))
    button.show_all()
    return button


def _linked() -> Gtk.Box:
    """A row of buttons that belong together."""
    box = Gtk.Box()
    box.get_style_context().add_class("linked")
    return box

"""The models of a server, each with what it is for, and a button that gets or removes it."""

import threading
import time
from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk, Pango  # noqa: E402

from inference_server.shared.errors import UserError
from inference_server.shared.messages import FetchModel, Message, ModelInfo, RemoveModel  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, time_left, translated  # noqa: E402
from ..requests.background import Errands  # noqa: E402
from ..widgets import Remark, heading, label, named, row  # noqa: E402

GROUPS = {
    "select": _("Finding objects"),
    "remove": _("Removing objects"),
    "fill": _("Filling and replacing"),
    "helper": _("Helpers, which make a model faster"),
}
SETTLING_SECONDS = 3  # before it is foretold how long a download takes

# (message, progress, cancelled) -> the answer; waits for it, on whichever thread it is called
Ask = Callable[..., Message]


class ModelList(Gtk.Box):
    """All models, by what they are for.  changed: called when one has come or gone."""

    def __init__(self, errands: Errands, ask: Ask, changed: Callable[[], None]):
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        self._errands, self._ask, self._changed = errands, ask, changed
        self._rows: dict[str, Row] = {}
        self.connect("set-focus-child", lambda _list, child: child and self._reveal(child))
        self.clear()

    def show_models(self, models: tuple[ModelInfo, ...]) -> None:
        """Show these, and no others; a download that is shown goes on."""
        if self._rows.keys() != {model.name for model in models}:
            self.clear(waiting=False)
            for job, title in GROUPS.items():
                own = [model for model in models if model.job == job]
                if own:
                    self.pack_start(heading(title), False, False, 0)
                for model in own:
                    self._rows[model.name] = Row(model, self._errands, self._ask, self._changed)
                    self.pack_start(self._rows[model.name], False, False, 0)
                    self._rows[model.name].connect("size-allocate", self._grown)
            self.show_all()
        for model in models:
            self._rows[model.name].show_model(model)

    def clear(self, waiting: bool = True) -> None:
        """Show none: those of another server are no longer wanted."""
        self.stop()
        self.foreach(lambda child: child.destroy())
        self._rows = {}
        if waiting:
            self.pack_start(label(_("They are shown as soon as the server answers."), visible=True), False, False, 0)

    def _reveal(self, row: Gtk.Widget) -> None:
        """Scroll to where all of a row is seen."""
        place, viewport = row.get_allocation(), self.get_parent()
        if isinstance(viewport, Gtk.Viewport):
            viewport.get_vadjustment().clamp_page(place.y, place.y + place.height)

    def _grown(self, row: Gtk.Widget, _place) -> None:
        if row.get_focus_child():
            GLib.idle_add(self._reveal, row)

    @property
    def busy(self) -> bool:
        return any(one.cancel for one in self._rows.values())

    def stop(self) -> None:
        """End the downloads; what has come is kept."""
        for one in self._rows.values():
            one.stop()


class Row(Gtk.Box):
    """One model."""

    def __init__(self, model: ModelInfo, errands: Errands, ask: Ask, changed: Callable[[], None]):
        super().__init__(spacing=12, margin_start=12)
        self._model, self._errands, self._ask, self._changed = model, errands, ask, changed
        self.cancel: threading.Event | None = None  # of the download that goes on
        self._begun: tuple[float, float] | None = None  # when, and how much there was already
        self._leaving = False  # whether it is being removed

        self._star = row(Gtk.Image(icon_name="starred-symbolic"), Gtk.Label(label=_("Recommended"), xalign=0))
        self._star.foreach(lambda child: child.show())
        self._star.set_no_show_all(True)
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self._facts = label()
        self._page = Gtk.LinkButton(
            uri=model.page or "about:blank", label=_("Page with its licence"), halign=Gtk.Align.START, no_show_all=True
        )
        self._by_hand, self._remark = Remark(), Remark()
        self._bar = named(Gtk.ProgressBar(), tr(_("Progress of {model}"), model=model.title))
        self._word = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.MIDDLE)
        self._going = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_top=6, no_show_all=True)
        for widget in (self._bar, self._word):
            self._going.pack_start(widget, False, False, 0)
            widget.show()
        use = label(translated(model.use), no_show_all=not model.use)
        words = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=3)
        for widget in (
            row(heading(model.title), self._star, spacing=12),
            use,
            row(self._icon, self._facts),
            self._by_hand,
            self._page,
            self._going,
            self._remark,
        ):
            words.pack_start(widget, False, False, 0)
        self._get = self._button(_("_Get"), _("Get {model}"), self._fetch)
        self._remove = self._button(_("_Remove"), _("Remove {model}"), self._ask_before_removing)
        self._stop = self._button(_("Canc_el"), _("Cancel getting {model}"), self.stop)
        self.pack_start(words, True, True, 0)
        alike = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for button in (self._get, self._remove, self._stop):
            self.pack_start(button, False, False, 0)
            alike.add_widget(button)

    def _button(self, text: str, name: str, do: Callable[[], None]) -> Gtk.Button:
        button = Gtk.Button(label=text, use_underline=True, valign=Gtk.Align.START, no_show_all=True)
        button.set_size_request(96, -1)
        button.connect("clicked", lambda _button: do())
        return named(button, tr(name, model=self._model.title))

    def show_model(self, model: ModelInfo) -> None:
        """Show what is known of the model now."""
        self._model = model
        by_hand = not model.installed and bool(model.by_hand)
        self._star.set_visible(model.advised)
        self._icon.set_from_icon_name(
            "object-select-symbolic" if model.installed else "folder-download-symbolic", Gtk.IconSize.MENU
        )
        self._facts.set_text(" · ".join(_facts(model)))
        self._by_hand.say(translated(model.by_hand) if by_hand else translated(model.lacks))
        self._page.set_visible(by_hand and bool(model.page))
        self._arrange()

    def _arrange(self) -> None:
        """Show the button that does something now; the focus goes where one was that does nothing any more."""
        going, here = self.cancel is not None, self._model.installed
        shown = {
            self._stop: going,
            self._get: not going and not here and not self._model.by_hand,
            self._remove: not going and here and self._model.size > 0,
        }
        focused = any(button.has_focus() for button in shown)
        for button, visible in shown.items():
            button.set_visible(visible)
            if visible and focused:
                button.grab_focus()
        self._going.set_visible(going)

    # -- getting --------------------------------------------------------------------------------------------------

    def _fetch(self) -> None:
        cancel = self.cancel = threading.Event()
        self._begun = None
        self._remark.say("")
        self._bar.set_fraction(0)
        self._word.set_text(_("Starting"))
        self._arrange()

        def progress(share: float, word: str) -> None:
            self._errands.tell(self._heard, cancel, share, word)

        def work() -> Message:
            return self._ask(FetchModel(self._model.name), progress=progress, cancelled=cancel.is_set)

        self._errands.send(work, lambda answer: self._ended(cancel), lambda error: self._ended(cancel, error))

    def stop(self) -> None:
        """Cancel the download, if there is one."""
        if self.cancel:
            self.cancel.set()  # the button stays sensitive, or the focus would be lost
            self._word.set_text(_("Cancelling"))

    def _heard(self, cancel: threading.Event, share: float, word: str) -> None:
        if cancel is not self.cancel or cancel.is_set():
            return
        self._bar.set_fraction(share)
        now = time.monotonic()
        if self._begun is None and share > 0:
            self._begun = now, share
        left = ""
        if self._begun and now - self._begun[0] > SETTLING_SECONDS and share > self._begun[1]:
            left = time_left((1 - share) * (now - self._begun[0]) / (share - self._begun[1]))
        self._word.set_text(" · ".join(filter(None, (translated(word), left))))

    def _ended(self, cancel: threading.Event, error: UserError | None = None) -> None:
        if cancel is not self.cancel:
            return
        self.cancel = None
        if error is None:
            self._changed()  # and soon `show_model` shows it
            return
        if error.code == "cancelled":
            self._remark.say(_("Cancelled. What has come is kept: Get goes on from there."))
        else:
            self._remark.failed(error)
        self._arrange()

    # -- removing -------------------------------------------------------------------------------------------------

    def _ask_before_removing(self) -> None:
        if self._leaving:
            return
        question = tr(_("Remove {model}?"), model=self._model.title)
        size = GLib.format_size(self._model.size)
        more = tr(_("Its files are deleted. To have it again, {size} must be downloaded."), size=size)
        if confirmed(self.get_toplevel(), question, more, _("_Remove"), _("_Keep")):
            self._discard()

    def _discard(self) -> None:
        self._remark.say("")
        self._leaving = True

        def done(_answer: Message) -> None:
            self._leaving = False
            self._changed()

        def failed(error: UserError) -> None:
            self._leaving = False
            self._remark.failed(error)

        self._errands.send(lambda: self._ask(RemoveModel(self._model.name)), done, failed)


def confirmed(parent: Gtk.Window, question: str, more: str, yes: str, no: str) -> bool:
    """Whether the person says yes; Enter and Esc say no."""
    asked = Gtk.MessageDialog(
        transient_for=parent,
        modal=True,
        message_type=Gtk.MessageType.QUESTION,
        text=question,
        secondary_text=more,
        title=question,
    )
    asked.add_button(no, Gtk.ResponseType.CANCEL)
    asked.add_button(yes, Gtk.ResponseType.ACCEPT)
    asked.set_default_response(Gtk.ResponseType.CANCEL)
    answer = asked.run()
    asked.destroy()
    return answer == Gtk.ResponseType.ACCEPT


def _facts(model: ModelInfo) -> list[str]:
    """What there is to know about a model, each in a few words."""
    facts: list[str] = [_("Installed") if model.installed else _("Not installed")]
    if model.size:
        facts.append(GLib.format_size(model.size))
    facts.append(model.licence)
    if model.memory:
        facts.append(tr(_("needs {size} of memory"), size=GLib.format_size(model.memory)))
    return facts

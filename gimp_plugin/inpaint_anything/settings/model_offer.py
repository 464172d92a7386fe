"""A bar that offers to get a model for a job, and gets it: in the overview of the settings, and in a job's dialog."""

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402  gi wants the version first

from inference_server.shared.errors import ErrorCode, UserError  # noqa: E402
from inference_server.shared.messages import FetchModel, Job, ModelList  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, translated  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import ErrorNotice, ProgressLine, label, named, row  # noqa: E402
from .fetching import Fetch  # noqa: E402
from .offers import Offer, offer_for, sizes  # noqa: E402

NEEDS = {
    Job.SELECT: _("Selecting needs {model}."),
    Job.REMOVE: _("Removing needs {model}."),
    Job.FILL: _("Filling needs {model}."),
    Job.REPLACE: _("Replacing needs {model}."),
}
CHARS = 24  # for which a text asks before it is wrapped: beside a photo there is not much room


def _ignore_change() -> None:
    pass


class ModelOffer(Gtk.Box):
    """One line: what a job lacks or would do better with, and a button that gets it; then how far that is.

    Not seen while there is nothing to offer.
    """

    def __init__(
        self, tasks: BackgroundTasks, done: Callable[[], None], *, changed: Callable[[], None] = _ignore_change
    ) -> None:
        """done: called when what was offered has come; the offer is gone by then.  changed: called when something else
        is offered, or something begins or ceases to come."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6, no_show_all=True)
        self._tasks, self._done, self._changed = tasks, done, changed
        self._offer: Offer | None = None
        self._fetch: Fetch | None = None
        self._icon, self._label = Gtk.Image(), label(valign=Gtk.Align.CENTER, max_width_chars=CHARS)
        self._line = ProgressLine()
        self._line.set_valign(Gtk.Align.CENTER)
        self._get, self._cancel = Gtk.Button(), Gtk.Button(label=_("Cancel"))
        self._get.connect("clicked", lambda _button: self.get())
        self._cancel.connect("clicked", lambda _button: self._cancel_clicked())
        self._notice = ErrorNotice(CHARS)
        self._stack = Gtk.Stack(vhomogeneous=True)  # so that nothing below moves when the one takes the other's place
        self._offered, self._progress = self._page(self._get), self._page(self._cancel)
        for widget, expand in ((self._icon, False), (self._label, True)):
            self._offered.pack_start(widget, expand=expand, fill=True, padding=0)
        self._progress.pack_start(self._line, expand=True, fill=True, padding=0)
        self._stack.show_all()
        self.pack_start(self._stack, expand=False, fill=False, padding=0)
        self.pack_start(self._notice, expand=False, fill=False, padding=0)

    @property
    def offered(self) -> Offer | None:
        """What is offered, or is coming."""
        return self._offer

    @property
    def fetching(self) -> bool:
        """Whether it is coming."""
        return self._fetch is not None

    def offer(self, job: Job, models: ModelList, *, needed: bool) -> None:
        """Offer what the job lacks or, unless needed, what would be better for it.  What is coming goes on to come."""
        if self._fetch:
            return
        before, self._offer = self._offer, offer_for(job, models, needed=needed)
        if self._offer is None:
            self.hide()
        elif before is None or _names(before) != _names(self._offer) or not self._notice.get_visible():
            self._show_offer(job, self._offer)  # else why it could not be had stays to be read
        self._changed()

    def _show_offer(self, job: Job, offer: Offer) -> None:
        self._notice.set_text("")
        self._label.set_text(_sentence(job, offer))
        icon = "dialog-information-symbolic" if offer.needed else "starred-symbolic"
        self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
        title = translated(offer.models[0].title)
        self._get.set_label(_("Get it"))
        named(self._get, tr(_("Get {model}"), model=title))
        named(self._cancel, tr(_("Cancel getting {model}"), model=title))
        named(self._line.bar, tr(_("Progress of {model}"), model=title))
        self._stack.show()
        self._stack.set_visible_child(self._offered)
        self.show()

    def get(self) -> None:
        """Get what is offered, unless it is coming."""
        if self._offer is None or self._fetch:
            return
        models = self._offer.models
        steps = [(FetchModel(name=model.name), size) for model, size in zip(models, sizes(models), strict=True)]
        self._line.show_progress(0.0, _("Starting"))
        self._notice.set_text("")
        self._stack.show()
        self._show_page(self._progress, self._cancel)

        def ended(error: UserError | None) -> None:
            if self._fetch is fetch:  # not closed meanwhile
                self._ended(error)

        fetch = self._fetch = Fetch(self._tasks, steps, progress=self._line.show_progress, ended=ended)
        self._changed()

    def close(self) -> None:
        """Cancel it; what has come is kept, and nobody is called any more."""
        if self._fetch:
            self._fetch.cancel()
            self._fetch = None

    def clear(self) -> None:
        """Cancel it and offer nothing."""
        self.close()
        self._offer = None
        self.hide()
        self._changed()

    def _page(self, button: Gtk.Button) -> Gtk.Box:
        """A line with a button at its end, in the stack."""
        line = row(spacing=6)
        button.set_valign(Gtk.Align.CENTER)
        line.pack_end(button, expand=False, fill=False, padding=0)
        self._stack.add(line)
        return line

    def _show_page(self, page: Gtk.Box, button: Gtk.Button) -> None:
        """Show a page; its button gets the focus of the one before."""
        focused = any(each.is_focus() for each in (self._get, self._cancel))
        self._stack.set_visible_child(page)
        if focused:
            button.grab_focus()

    def _cancel_clicked(self) -> None:
        if self._fetch:
            self._fetch.cancel()  # the button stays sensitive, or the focus would be lost
            self._line.show_text(_("Cancelling"))

    def _ended(self, error: UserError | None) -> None:
        self._fetch = None
        if error is None:
            self._offer = None
            self.hide()
            self._done()
        elif error.code == ErrorCode.CANCELLED:
            self._get.set_label(_("Get the rest"))
            self._show_page(self._offered, self._get)
        else:
            self._stack.hide()
            self._notice.set_error(error, retry=self.get)
        self._changed()


def _names(offer: Offer) -> list[str]:
    return [model.name for model in offer.models]


def _sentence(job: Job, offer: Offer) -> str:
    first = offer.models[0]
    # Where the model itself is there, it lacks packages: torch is the one that counts.
    name = "PyTorch" if first.installed else translated(first.short)
    if offer.size:
        name = tr("{model} ({size})", model=name, size=GLib.format_size(offer.size))
    text = _("Faster: {model}") if offer.accelerates else _("Better: {model}")
    return tr(NEEDS[job] if offer.needed else text, model=name)

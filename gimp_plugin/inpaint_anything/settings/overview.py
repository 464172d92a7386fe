"""The overview: for each job what works now, and the better model for this machine with a button that gets it."""

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402  gi wants the version first

from inference_server.shared.messages import Job, ModelInfo, ModelList  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, translated  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import SUCCESS, ErrorNotice, column, heading, label, row  # noqa: E402
from .model_offer import ModelOffer  # noqa: E402
from .offers import sizes, used  # noqa: E402

JOBS = {Job.SELECT: _("Select"), Job.REMOVE: _("Remove"), Job.FILL: _("Fill and replace")}
NOTHING = "action-unavailable-symbolic"  # icon


class Overview(Gtk.Box):
    """A row for each job, and a button for all that is recommended.  notice: for what is wrong with the server."""

    def __init__(self, tasks: BackgroundTasks, changed: Callable[[], None]) -> None:
        """changed: called when a model has come."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=18, border_width=12)
        self._place = label()
        self.notice = ErrorNotice()
        self._rows: dict[Job, JobRow] = {}
        for job, title in JOBS.items():
            self._rows[job] = JobRow(job, title, ModelOffer(tasks, changed, changed=self._show_get_all))
        self._get_all = Gtk.Button(use_underline=True, halign=Gtk.Align.START, no_show_all=True)
        self._get_all.connect("clicked", lambda _button: self._get_all_clicked())
        for widget in (self.notice, *self._rows.values(), self._get_all):
            self.pack_start(widget, expand=False, fill=False, padding=0)
        self.pack_end(self._place, expand=False, fill=False, padding=0)
        self.clear("")

    @property
    def fetching(self) -> bool:
        """Whether a model is coming."""
        return any(each.offer.fetching for each in self._rows.values())

    def show_models(self, models: ModelList, place: str) -> None:
        """Show what there is and what would be better.  place: where the work is done, in words."""
        self.notice.set_text("")
        self._place.set_text(place)
        for each in self._rows.values():
            each.show_models(models)

    def clear(self, place: str) -> None:
        """Cancel what is coming, and show nothing until a server answers."""
        self._place.set_text(place)
        for each in self._rows.values():
            each.clear()

    def close(self) -> None:
        """Cancel what is coming; that is kept."""
        for each in self._rows.values():
            each.offer.close()

    def _get_all_clicked(self) -> None:
        for each in self._rows.values():
            each.offer.get()

    def _show_get_all(self) -> None:
        """Show the button while there is something that it would get."""
        offers = [each.offer.offered for each in self._rows.values() if not each.offer.fetching]
        models = [model for offer in offers if offer for model in offer.models]
        size = sum(sizes(models))
        known = tr(_("Get all reco_mmended, {size}"), size=GLib.format_size(size))
        self._get_all.set_label(known if size else _("Get all reco_mmended"))
        self._get_all.set_visible(bool(models))


class JobRow(Gtk.Box):
    """What works for a job, and what would be better.  offer: the bar for that."""

    def __init__(self, job: Job, title: str, offer: ModelOffer) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._job = job
        self._icon, self._works = Gtk.Image(valign=Gtk.Align.START), label()
        self.offer = offer
        self._use = label(margin_start=22, no_show_all=True)
        below = column(row(self._icon, self._works), self.offer, self._use, margin_start=12)
        for widget in (heading(title), below):
            self.pack_start(widget, expand=False, fill=False, padding=0)

    def show_models(self, models: ModelList) -> None:
        """Show what a server has for the job."""
        now = used(self._job, models)
        self.offer.offer(self._job, models, needed=False)
        offered = self.offer.offered
        self._icon.set_from_icon_name(SUCCESS if now else NOTHING, Gtk.IconSize.MENU)
        self._works.set_text(self._works_now(now, known=not models.more))
        self._use.set_text(translated(offered.models[0].use) if offered else "")
        self._use.set_visible(bool(offered))

    def clear(self) -> None:
        """Show nothing until a server answers."""
        self.offer.clear()
        self._icon.set_from_icon_name(NOTHING, Gtk.IconSize.MENU)
        self._works.set_text(_("Looking what there is"))
        self._use.hide()

    def _works_now(self, now: ModelInfo | None, *, known: bool) -> str:
        if now is None:
            return _("Nothing yet") if known else _("Looking what there is")
        name = translated(now.short)
        return name if self.offer.offered else tr(_("{model}, the best for this machine"), model=name)

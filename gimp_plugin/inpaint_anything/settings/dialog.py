"""The settings that hold for all photos: what works, what would be better, which server does the work, its models."""

from dataclasses import replace

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared import endpoint, preferences  # noqa: E402
from inference_server.shared.errors import UserError  # noqa: E402
from inference_server.shared.messages import ListModels, ModelList, Welcome  # noqa: E402
from inference_server.shared.preferences import Preferences  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, ngettext  # noqa: E402
from ..requests import connection  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import SUCCESS, column, confirmed, heading, named  # noqa: E402
from .maintenance import Maintenance  # noqa: E402
from .model_list import ModelListBox  # noqa: E402
from .overview import Overview  # noqa: E402
from .own_files import OwnFiles  # noqa: E402
from .server_choice import ServerChoice  # noqa: E402
from .server_status import ServerStatus, device_facts  # noqa: E402

STATUS_SECONDS = 2  # between two questions how the server is
WIDTH, HEIGHT = 720, 600
OVERVIEW, ADVANCED = 0, 1  # pages


def show(parent: Gtk.Window | None = None) -> None:
    """Open the settings, over a window if they belong to one, until the person closes them.

    Raises UserError where the server is not installed.
    """
    connection.server_python()
    GimpUi.init("inpaint-anything")
    SettingsDialog(parent).run()


class SettingsDialog:
    """The dialog: a page with the overview, and one with all the rest.  What is chosen in it holds at once."""

    page = OVERVIEW  # the one that was looked at last, for as long as this process lives

    def __init__(self, parent: Gtk.Window | None) -> None:
        self._chosen = preferences.read()
        self._tasks = BackgroundTasks(self._show_error)
        self._lists_requested = 0  # only the newest of them is shown
        self._status_requested = False
        self._runs: bool | None = None  # whether the server does; None while that is not known
        self._choice = ServerChoice(self._chosen, self._choice_toggled, self._use_remote)
        self._status = ServerStatus(self._chosen.idle_minutes, self._start_or_stop, self._keep_idle_minutes)
        self._status_section = _section(_("Server"), self._status)
        self._models = ModelListBox(self._tasks, self._request_list)
        self._own_files = OwnFiles(self._tasks, self._request_list)
        self._own_section = _section(_("Models of your own"), self._own_files)
        self._overview = Overview(self._tasks, self._request_list)
        self._maintenance = Maintenance(self._tasks, leaving=self._forget_lists, gone=self._uninstalled)
        self._pages = self._make_pages()
        self._dialog = self._make_dialog(parent)
        self._forget_server()

    def run(self) -> None:
        """Show it; returns once it is closed."""
        self._request_list()
        self._request_status()
        timer = GLib.timeout_add_seconds(STATUS_SECONDS, self._request_status)
        while True:
            self._dialog.run()
            if self._may_stop_fetching():
                break
        SettingsDialog.page = self._pages.get_current_page()
        self._stop_fetching()
        self._tasks.close()
        GLib.source_remove(timer)
        self._dialog.destroy()

    def _forget_lists(self) -> None:
        """Take no answer of the server any more."""
        self._stop_fetching()
        self._lists_requested += 1

    def _uninstalled(self) -> None:
        """Close the window: nothing of it works any more."""
        gone = Gtk.MessageDialog(
            transient_for=self._dialog,
            modal=True,
            buttons=Gtk.ButtonsType.CLOSE,
            text=_("Inpaint Anything is gone"),
            title=_("Inpaint Anything is gone"),
            secondary_text=_("Its menu entries go when GIMP is started again."),
        )
        gone.run()
        gone.destroy()
        self._dialog.response(Gtk.ResponseType.CLOSE)

    def _may_stop_fetching(self) -> bool:
        """Whether no model is coming, or the person does not mind that it stops."""
        fetching = self._models.fetching or self._overview.fetching or self._own_files.fetching
        return not fetching or confirmed(
            self._dialog,
            _("Stop getting models?"),
            _("What has come is kept: Get goes on from there."),
            yes=_("_Stop"),
            no=_("_Go On"),
        )

    def _stop_fetching(self) -> None:
        self._models.cancel_all()
        self._own_files.cancel()
        self._overview.close()

    def _make_dialog(self, parent: Gtk.Window | None) -> GimpUi.Dialog:
        dialog = GimpUi.Dialog(
            title=_("Inpaint Anything Settings"),
            role="inpaint-anything-settings",
            use_header_bar=Gtk.Settings.get_default().get_property("gtk-dialogs-use-header"),
        )
        dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        dialog.set_default_size(WIDTH, HEIGHT)
        if parent:
            dialog.set_transient_for(parent)
            dialog.set_modal(True)
        else:
            GimpUi.window_set_transient(dialog)
        dialog.get_content_area().pack_start(self._pages, expand=True, fill=True, padding=0)
        dialog.get_content_area().show_all()
        self._pages.set_current_page(SettingsDialog.page)  # which must be seen by then
        return dialog

    def _make_pages(self) -> Gtk.Notebook:
        pages = Gtk.Notebook(border_width=6)
        for page, title in ((self._overview, _("_Overview")), (self._advanced_page(), _("A_dvanced"))):
            pages.append_page(page, Gtk.Label(label=title, use_underline=True))
        return pages

    def _advanced_page(self) -> Gtk.ScrolledWindow:
        sections = column(
            _section(_("Where the work is done"), self._choice),
            self._status_section,
            self._own_section,
            column(heading(_("Models")), named(self._models, _("Models"))),
            _section(_("Installation"), self._maintenance),
            spacing=18,
            border_width=12,
        )
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scrolled.add(sections)
        sections.set_focus_vadjustment(scrolled.get_vadjustment())
        return scrolled

    def _forget_server(self) -> None:
        """Show nothing of any server until one answers; of this computer's, only where that one is chosen."""
        self._runs = None
        self._status.clear()
        self._status_section.set_visible(not self._choice.remote)
        self._own_section.set_visible(not self._choice.remote)
        self._models.clear()
        self._overview.clear(self._place)

    @property
    def _place(self) -> str:
        """Where the work is done, in words."""
        if self._choice.remote:
            return tr(_("On {computer}"), computer=self._choice.address or "…")
        return _("On this computer")

    def _show_error(self, error: UserError) -> None:
        """Say what is wrong with the server, on both pages."""
        notice = self._choice.notice if self._choice.remote else self._status.notice
        for each in (notice, self._overview.notice):
            each.set_error(error, retry=self._request_list)

    # -- which server

    def _choice_toggled(self) -> None:
        """Use this computer's server at once; another one's only when it is known which."""
        if not self._may_stop_fetching():
            self._choice.go_back()
            return
        self._lists_requested += 1  # what the former server answers is no longer wanted
        self._choice.notice.set_text("")
        self._overview.notice.set_text("")
        self._forget_server()
        if not self._choice.remote:
            self._keep(replace(self._chosen, address=""))
            self._request_list()
        elif self._choice.address and self._choice.server_key:
            self._use_remote()
        else:
            self._choice.focus_address()

    def _use_remote(self) -> None:
        """Use the server whose address and key are written, and show what is found there."""
        if not self._may_stop_fetching():
            return
        self._forget_server()
        if self._keep(replace(self._chosen, address=self._choice.address, server_key=self._choice.server_key)):
            self._request_list()

    def _keep_idle_minutes(self, minutes: int) -> None:
        self._keep(replace(self._chosen, idle_minutes=minutes))

    def _keep(self, changed: Preferences) -> bool:
        """Keep changed preferences; whether that could be done."""
        try:
            self._chosen = preferences.checked(changed)
            preferences.write(self._chosen)
        except UserError as error:
            self._show_error(error)
            return False
        return True

    # -- how it is

    def _request_status(self) -> bool:
        """Ask how this computer's server is, without starting one."""
        if not self._status_requested and not self._choice.remote:
            self._status_requested = True
            self._tasks.run(self._hello, self._show_status, lambda _error: self._show_status(None))
        return GLib.SOURCE_CONTINUE

    def _hello(self) -> Welcome | None:
        """What this computer's server answers, None where none runs.  Raises UserError."""
        found = endpoint.running()
        if found is None:
            return None
        with connection.to_server(found) as client:
            welcome: Welcome = client.hello()
            return welcome

    def _show_status(self, welcome: Welcome | None) -> None:
        self._status_requested = False
        if not self._choice.remote:  # meanwhile
            self._runs = welcome is not None
            self._status.show_welcome(welcome)

    def _start_or_stop(self) -> None:
        if self._runs is None or not self._may_stop_fetching():  # it is starting or stopping already
            return
        runs, self._runs = self._runs, None
        self._status.notice.set_text("")
        if runs:
            self._stop_fetching()
            self._status.show_running(_("Stopping"))
            self._tasks.run(self._stop_server, self._stopped, self._status.notice.set_error)
        else:
            self._status.show_running(_("Starting"))
            self._request_list()

    def _stopped(self, _nothing: None) -> None:
        self._request_status()

    def _stop_server(self) -> None:
        """Have this computer's server leave.  Raises UserError."""
        found = endpoint.running()
        if found:
            with connection.to_server(found) as client:
                client.stop_server()

    # -- what it has

    def _request_list(self) -> None:
        """Ask the server what it has; where none runs on this computer, one is started for that."""
        self._lists_requested += 1
        number = self._lists_requested

        def arrived(models: ModelList) -> None:
            if number == self._lists_requested:
                self._status.notice.set_text("")
                self._show_list(models)

        def failed(error: UserError) -> None:
            if number == self._lists_requested:
                self._show_error(error)
                self._status.hide_device()
                self._request_status()

        def partial(message: ModelList, _frames: list[bytes]) -> None:
            self._tasks.post(arrived, message)

        self._tasks.run(lambda: connection.ask(ListModels(), partial=partial), arrived, failed)

    def _show_list(self, models: ModelList) -> None:
        """Show what the server has; the device may come later."""
        remote = self._choice.remote
        self._status.show_device(models)
        self._models.show_models(models.models, local=not remote)
        self._overview.show_models(models, f"{self._place} · {device_facts(models)}")
        if remote:
            count = sum(model.installed for model in models.models)
            found = ngettext("It answers, and has {n} model.", "It answers, and has {n} models.", count)
            self._choice.notice.set_text(tr(found, n=count), SUCCESS)
        self._request_status()


def _section(title: str, content: Gtk.Widget) -> Gtk.Box:
    """A heading with a widget below it, a little to the right."""
    content.set_margin_start(12)
    return column(heading(title), content)

"""Set up: says what is to be installed, where and how large it is, and installs it on a click."""

import threading
from collections.abc import Callable
from typing import Any

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import UserError  # noqa: E402
from inference_server.shared.monitor import Monitor  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, translated  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import ErrorNotice, ProgressLine, column, heading, label  # noqa: E402
from . import cairo  # noqa: E402
from . import state as states  # noqa: E402
from .installation import Installation, Plan  # noqa: E402
from .state import SetupState  # noqa: E402

WIDTH = 560
LINE = 66  # characters


def show(installation: Installation) -> bool:
    """Offer the installation, and wait until the person closes the window; whether all is installed then.

    Raises UserError where this machine is of no known kind.
    """
    GimpUi.init("inpaint-anything")
    return SetupDialog(installation).run()


class SetupDialog:
    """The window, which shows one `SetupState`."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._state = installation, SetupState()
        self._tasks = BackgroundTasks(lambda error: self._change(states.ended(self._state, error)))
        self._cancelled = threading.Event()
        self._progress, self._notice = ProgressLine(), ErrorNotice()
        self._progress.set_no_show_all(True)
        self._kept = label(_("Stopped. What has come is kept."), no_show_all=True)
        self._dialog = self._make_dialog(installation.plan())
        self._show()

    def run(self) -> bool:
        """Show it; whether all is installed once it is closed."""
        while not self._state.is_over:
            answer = self._dialog.run()
            if answer == Gtk.ResponseType.OK:
                self._install()
            elif answer != Gtk.ResponseType.NONE:  # which is the end of the installation
                self._cancelled.set()
                self._change(states.cancel_pressed(self._state))
        self._tasks.close()
        self._dialog.destroy()
        return self._state.phase is states.Phase.DONE

    def _install(self) -> None:
        if not self._state.may_install:
            return
        cancelled = self._cancelled = threading.Event()
        monitor = Monitor(on_progress=self._report, is_cancelled=cancelled.is_set)
        self._change(states.install_pressed(self._state))
        self._tasks.run(lambda: self._installation.run(monitor), lambda _python: self._ended(None), self._ended)

    def _report(self, share: float, message: str) -> None:
        """On the thread that installs."""
        self._tasks.post(lambda: self._change(states.progressed(self._state, share, message)))

    def _ended(self, error: UserError | None) -> None:
        self._change(states.ended(self._state, error))
        if self._state.is_over:
            self._dialog.response(Gtk.ResponseType.NONE)

    def _change(self, state: SetupState) -> None:
        self._state = state
        self._show()

    # -- what is seen

    def _make_dialog(self, plan: Plan) -> GimpUi.Dialog:
        dialog = GimpUi.Dialog(
            title=_("Set Up Inpaint Anything"),
            role="inpaint-anything-setup",
            use_header_bar=Gtk.Settings.get_default().get_property("gtk-dialogs-use-header"),
        )
        dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self._button: Any = dialog.add_button(_("_Install"), Gtk.ResponseType.OK)
        dialog.set_default_response(Gtk.ResponseType.OK)
        dialog.set_default_size(WIDTH, -1)
        GimpUi.window_set_transient(dialog)
        lacks = cairo.missing()
        warning = ErrorNotice()
        if lacks:
            warning.set_error(lacks)
        content = column(warning, *_words(plan), self._progress, self._kept, self._notice, spacing=12, border_width=12)
        dialog.get_content_area().pack_start(content, expand=True, fill=True, padding=0)
        dialog.get_content_area().show_all()
        return dialog

    def _show(self) -> None:
        state = self._state
        self._button.set_sensitive(state.may_install)
        self._button.set_label(_("_Go On") if state.is_begun else _("_Install"))
        self._progress.set_visible(state.is_working)
        self._kept.set_visible(state.phase is states.Phase.STOPPED)
        stopping = state.phase is states.Phase.STOPPING
        self._progress.show_progress(state.share, _("Stopping") if stopping else translated(state.message))
        if state.error:
            self._notice.set_error(state.error)
        else:
            self._notice.set_text("")


def _words(plan: Plan) -> list[Gtk.Widget]:
    """What is to be installed."""
    size: Callable[[int], str] = GLib.format_size
    if plan.update:
        title = _("This version of the plug-in needs a newer server")
        about = _("The server does the work beside GIMP. It is brought up to date; models and settings stay.")
    else:
        title = _("One thing is missing: the server")
        about = _("It finds and removes objects, beside GIMP and on this computer. No photo leaves it.")
    grid = Gtk.Grid(row_spacing=3, column_spacing=24, margin_start=12)
    for line, part in enumerate(plan.parts):
        grid.attach(label(translated(part.title), hexpand=True), 0, line, 1, 1)
        if part.download:
            grid.attach(Gtk.Label(label=size(part.download), xalign=1), 1, line, 1, 1)
    total = _("{download} to download, which takes a few minutes; {disk} on the disk, where {free} are free.")
    where = tr(_("All of it goes into {folder}. Nothing else is changed."), folder=plan.folder)
    texts = [label(where, selectable=True, can_focus=False, width_chars=LINE, max_width_chars=LINE)]
    if plan.download:
        numbers = {"download": size(plan.download), "disk": size(plan.disk), "free": size(plan.free)}
        texts.insert(0, label(tr(total, **numbers), width_chars=LINE, max_width_chars=LINE))
    return [heading(title), label(about, width_chars=LINE, max_width_chars=LINE), grid, *texts]

"""Looking after what is installed on this computer: a report for others, repairing it, and taking it away."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared import paths, processes  # noqa: E402
from inference_server.shared.errors import ErrorCode, UserError  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _  # noqa: E402
from ..requests import connection  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..setup import installation  # noqa: E402
from ..widgets import ERROR, SUCCESS, ErrorNotice, confirmed, row  # noqa: E402

PLUG_IN = Path(__file__).parents[2]

T = TypeVar("T")


class Maintenance(Gtk.Box):
    """Three buttons, and what came of them."""

    def __init__(self, tasks: BackgroundTasks, *, leaving: Callable[[], None], gone: Callable[[], None]) -> None:
        """leaving: called before everything is taken away: nobody may ask the server from then on; gone: afterwards."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._tasks, self._leaving, self._gone = tasks, leaving, gone
        self._notice = ErrorNotice()
        offers = (
            (
                _("Copy a Re_port"),
                _("How everything is, for whoever helps you. It holds nothing personal."),
                self._report,
            ),
            (_("C_heck and Repair"), _("Looks through everything and mends what can be mended"), self._repair),
            (_("_Uninstall…"), _("Takes the plug-in, its server and its models away"), self._uninstall),
        )
        self._buttons = [self._button(*offer) for offer in offers]
        self.pack_start(row(*self._buttons, Gtk.Label()), expand=False, fill=False, padding=0)
        self.pack_start(self._notice, expand=False, fill=False, padding=0)

    def _button(self, text: str, explanation: str, clicked: Callable[[], None]) -> Gtk.Button:
        button = Gtk.Button(label=text, use_underline=True, tooltip_text=explanation)
        button.connect("clicked", lambda _button: clicked())
        return button

    def _run(self, work: Callable[[], T], done: Callable[[T], None], words: str) -> None:
        """Do something off the main loop, and nothing else here meanwhile."""

        def ended() -> None:
            for button in self._buttons:
                button.set_sensitive(True)

        def succeeded(result: T) -> None:
            ended()
            done(result)

        def failed(error: UserError) -> None:
            ended()
            self._notice.set_error(error)

        for button in self._buttons:
            button.set_sensitive(False)
        self._notice.set_text(words)
        self._tasks.run(work, succeeded, failed)

    def _report(self) -> None:
        def copy(said: tuple[int, str]) -> None:
            _status, report = said
            Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(report, -1)
            self._notice.set_text(_("The report is copied: paste it where you ask for help."), SUCCESS, details=report)

        self._run(lambda: _doctor("--report"), copy, _("Looking through everything"))

    def _repair(self) -> None:
        def show(said: tuple[int, str]) -> None:
            status, text = said
            sentence = _("Something is left that you have to mend yourself.") if status else _("All is well.")
            self._notice.set_text(sentence, ERROR if status else SUCCESS, details=text)

        self._run(lambda: _doctor("--repair"), show, _("Looking through everything"))

    def _uninstall(self) -> None:
        window = self.get_toplevel()
        assert isinstance(window, Gtk.Window)
        more = tr(
            _("The plug-in goes, and {folder} with the server, its models and the settings. Your photos stay."),
            folder=paths.home(),
        )
        if confirmed(window, _("Uninstall Inpaint Anything?"), more, yes=_("_Uninstall"), no=_("_Keep")):
            self._leaving()
            self._run(_remove_all, lambda _nothing: self._gone(), _("Uninstalling"))


def _doctor(option: str) -> tuple[int, str]:
    """The doctor's exit status and what it says.  Raises UserError."""
    done = processes.run(connection.command_of("doctor", option))
    said = done.stdout.decode("utf-8", "replace")
    if not said:
        sentence = "The server's Python does not work."
        raise UserError(ErrorCode.NO_SERVER, sentence, "Uninstall, and install again.")
    return done.returncode, said


def _remove_all() -> None:
    """Take everything away.  Raises UserError."""
    installation.remove(paths.home())
    installation.remove_path(PLUG_IN)

"""How this computer's server is: what it computes on, whether it runs, and what can be done with it."""

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gio, GLib, Gtk  # noqa: E402  gi wants the version first

from inference_server.shared import paths, preferences  # noqa: E402
from inference_server.shared.messages import ModelList, Welcome  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, ngettext  # noqa: E402
from ..widgets import ERROR, ErrorNotice, label  # noqa: E402

DAY = 24 * 3600  # seconds


class ServerStatus(Gtk.Box):
    """The state in words, buttons and the idle time.  notice: for what went wrong."""

    def __init__(
        self, idle_minutes: int, start_or_stop: Callable[[], None], idle_changed: Callable[[int], None]
    ) -> None:
        """start_or_stop: called when the one of them is to be done that is possible."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._device, self._running = label(), label()
        self._switch = Gtk.Button(use_underline=True, no_show_all=True)
        self._switch.connect("clicked", lambda _button: start_or_stop())
        self.notice = ErrorNotice()
        for widget in (self._device, self._running, self._buttons(idle_minutes, idle_changed), self.notice):
            self.pack_start(widget, expand=False, fill=False, padding=0)
        self.clear()

    def clear(self) -> None:
        """Nothing is known yet."""
        self._device.set_text(_("Looking what there is"))
        self._device.show()
        self._running.set_text(_("Looking whether it runs"))
        self.notice.set_text("")

    def _buttons(self, idle_minutes: int, idle_changed: Callable[[int], None]) -> Gtk.Box:
        log = Gtk.Button(label=_("Open _Log"), use_underline=True)
        log.connect("clicked", lambda _button: self._open_log())
        idle = Gtk.SpinButton.new_with_range(1, preferences.LONGEST_IDLE, 5)
        idle.set_value(idle_minutes)
        idle.connect("value-changed", lambda spin: idle_changed(spin.get_value_as_int()))
        title = Gtk.Label(label=_("Leaves after _idle minutes:"), use_underline=True, mnemonic_widget=idle)
        made = Gtk.Box(spacing=12)
        buttons = Gtk.Box(spacing=6)
        for button in (self._switch, log):
            buttons.pack_start(button, expand=False, fill=False, padding=0)
        made.pack_start(buttons, expand=False, fill=False, padding=0)
        made.pack_end(idle, expand=False, fill=False, padding=0)
        made.pack_end(title, expand=False, fill=False, padding=0)
        return made

    def show_device(self, models: ModelList) -> None:
        """Show what the server computes on."""
        self._device.set_text(device_facts(models))
        self._device.show()

    def hide_device(self) -> None:
        """Nothing is known of what it computes on."""
        self._device.hide()

    def show_running(self, text: str) -> None:
        """Show what becomes of the server, which cannot be started or stopped meanwhile."""
        self._running.set_text(text)

    def show_welcome(self, welcome: Welcome | None) -> None:
        """Show what the server has answered; None where it does not run."""
        self._running.set_text(_running_since(welcome) if welcome else _("Not running; it starts when it is needed"))
        self._switch.set_label(_("Stop the Ser_ver") if welcome else _("Start the Ser_ver"))
        self._switch.show()

    def _open_log(self) -> None:
        file = paths.home() / "server.log"
        try:
            Gio.AppInfo.launch_default_for_uri(file.as_uri(), None)
        except GLib.Error as error:
            self.notice.set_text(tr(_("{file} cannot be opened: {error}"), file=file, error=error.message), ERROR)


def device_facts(models: ModelList) -> str:
    """What a server computes on, and with how much memory."""
    name = models.device or _("The processor; no graphics card can be used")
    facts = [_("Looking for a graphics card") if models.more else name]
    if models.memory:
        facts.append(tr(_("{size} of memory"), size=GLib.format_size(models.memory)))
    if models.free:
        facts.append(tr(_("{size} free"), size=GLib.format_size(models.free)))
    return " · ".join(facts)


def _running_since(welcome: Welcome) -> str:
    since = GLib.DateTime.new_now_local().add_seconds(-welcome.running)
    jobs = ngettext("{n} job under way", "{n} jobs under way", welcome.jobs_waiting)
    now = tr(jobs, n=welcome.jobs_waiting) if welcome.jobs_waiting else _("nothing to do")
    time = since.format("%H:%M" if welcome.running < DAY else "%x %H:%M")
    return tr(_("Running since {time}, {now}"), time=time, now=now)

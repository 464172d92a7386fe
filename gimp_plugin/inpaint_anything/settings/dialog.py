"""The settings that hold for all photos: which server does the work, how it is, and the models it has."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gio, GLib, Gtk  # noqa: E402

from inference_server.shared import paths, preferences  # noqa: E402
from inference_server.shared.errors import UserError
from inference_server.shared.messages import ListModels, Message, ModelList, Welcome  # noqa: E402
from inference_server.shared.preferences import Preferences  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, ngettext, translated  # noqa: E402
from ..requests import job_steps  # noqa: E402
from ..requests.background import Errands  # noqa: E402
from ..widgets import BAD, GOOD, Remark, heading, label, named  # noqa: E402
from .model_list import ModelList, confirmed  # noqa: E402

LOOKING_SECONDS = 2  # between two looks at how the server is
KEY_LENGTH = 40
WIDTH, HEIGHT = 720, 700


def show(parent: Gtk.Window | None = None) -> None:
    """Open the settings, over a window if they belong to one, until the person closes them.

    Raises UserError where there is nothing to talk to a server with.
    """
    client = job_steps.client_module()
    job_steps.installation()
    GimpUi.init("inpaint-anything")
    Setup(client, parent).run()


class Setup:
    """The dialog.  What is chosen in it holds at once."""

    def __init__(self, client, parent: Gtk.Window | None):
        self._client, self._chosen = client, preferences.read()
        self._errands = Errands()
        self._surveys = 0  # so many were asked for: of the older ones nobody wants to hear
        self._looking = False  # whether somebody is under way to look how the server is
        self._runs: bool | None = None  # None while that is not known

        self._dialog = GimpUi.Dialog(
            title=_("Inpaint Anything Settings"),
            role="inpaint-anything-settings",
            use_header_bar=Gtk.Settings.get_default().get_property("gtk-dialogs-use-header"),
        )
        self._dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self._dialog.set_default_size(WIDTH, HEIGHT)
        if parent:
            self._dialog.set_transient_for(parent)
            self._dialog.set_modal(True)
        else:
            GimpUi.window_set_transient(self._dialog)
        area = self._dialog.get_content_area()
        area.set_properties(border_width=12, spacing=18)
        self._models = ModelList(self._errands, job_steps.ask, self._survey)
        for widget in (self._place(), self._state()):
            area.pack_start(widget, False, False, 0)
        area.pack_start(self._list(), True, True, 0)
        area.show_all()
        self._arrange()

    def run(self) -> None:
        """Returns once it is closed."""
        self._survey()
        self._look()
        timer = GLib.timeout_add_seconds(LOOKING_SECONDS, self._look)
        while True:
            self._dialog.run()
            if not self._models.busy or confirmed(
                self._dialog,
                _("Stop getting models?"),
                _("What has come is kept: Get goes on from there."),
                _("_Stop"),
                _("_Go On"),
            ):
                break
        self._models.stop()
        self._errands.close()
        GLib.source_remove(timer)
        self._dialog.destroy()

    # -- which server ---------------------------------------------------------------------------------------------

    def _place(self) -> Gtk.Widget:
        chosen = self._chosen
        self._here = Gtk.RadioButton(label=_("On _this computer"), use_underline=True)
        self._there = Gtk.RadioButton(label=_("On a_nother computer"), use_underline=True, group=self._here)
        self._there.set_active(bool(chosen.address))
        self._address = Gtk.Entry(text=chosen.address.removeprefix("tcp://"), placeholder_text="studio.local:5590")
        self._server_key = Gtk.Entry(text=chosen.server_key, width_chars=KEY_LENGTH)
        own_key, copy = self._own_key(), Gtk.Button(label=_("Cop_y"), use_underline=True)
        copy.connect("clicked", lambda _: Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(own_key.get_text(), -1))
        named(copy, _("Copy this computer's key"))
        test = Gtk.Button(label=_("Te_st"), use_underline=True, halign=Gtk.Align.START)
        test.connect("clicked", self._test)
        for entry in (self._address, self._server_key):
            entry.connect("activate", self._test)
        self._found = Remark()

        self._far = Gtk.Grid(row_spacing=6, column_spacing=12, margin_start=24, no_show_all=True)
        titles = (_("_Address:"), _("Its _key:"))
        for line, (title, entry) in enumerate(zip(titles, (self._address, self._server_key), strict=True)):
            entry.set_hexpand(True)
            self._far.attach(Gtk.Label(label=title, use_underline=True, xalign=0, mnemonic_widget=entry), 0, line, 1, 1)
            self._far.attach(entry, 1, line, 2, 1)
        self._far.attach(Gtk.Label(label=_("This computer's key:"), xalign=0), 0, 2, 1, 1)
        own_key.set_hexpand(True)
        self._far.attach(own_key, 1, 2, 1, 1)
        self._far.attach(copy, 2, 2, 1, 1)
        explained = _("Whoever runs the other computer lists this computer's key there, and tells you its own.")
        self._far.attach(label(explained, max_width_chars=60), 1, 3, 2, 1)
        self._far.attach(test, 1, 4, 2, 1)
        self._far.attach(self._found, 0, 5, 3, 1)
        self._far.foreach(lambda child: child.show_all())
        self._here.connect("toggled", self._moved)
        return _section(_("Where the work is done"), self._here, self._there, self._far)

    def _own_key(self) -> Gtk.Label:
        from inference_server.shared import keys  # which needs pyzmq

        try:
            return label(keys.pair("client")[0], selectable=True)
        except UserError as error:
            return label(translated(error.sentence))

    def _moved(self, _button) -> None:
        """Another kind of server was chosen; the other computer's only once it is known which."""
        self._arrange()
        self._models.clear()
        self._found.say("")
        if self._here.get_active():
            self._settle(address="")
            self._survey()
        elif self._address.get_text() and self._server_key.get_text():
            self._test()
        else:
            self._surveys += 1
            self._device.hide()
            self._address.grab_focus()
        self._arrange()

    def _test(self, *_) -> None:
        """Use the server whose address and key are written down, and say what is found there."""
        self._models.clear()
        if self._settle(address=self._address.get_text(), server_key=self._server_key.get_text()):
            self._survey()

    def _settle(self, **changes) -> bool:
        """Keep a changed preference; whether that could be done."""
        try:
            self._chosen = preferences.checked(Preferences(**{**vars(self._chosen), **changes}))
            preferences.write(self._chosen)
        except UserError as error:
            (self._found if self._there.get_active() else self._trouble).failed(error)
            return False
        return True

    # -- how it is ------------------------------------------------------------------------------------------------

    def _state(self) -> Gtk.Widget:
        self._device = label(_("Looking what there is"))
        self._running = label(_("Looking whether it runs"))
        self._switch = Gtk.Button(use_underline=True, no_show_all=True)
        self._switch.connect("clicked", self._start_or_stop)
        log = Gtk.Button(label=_("Open _Log"), use_underline=True)
        log.connect("clicked", self._open_log)
        self._idle = Gtk.SpinButton.new_with_range(1, preferences.LONGEST_IDLE, 5)
        self._idle.set_value(self._chosen.idle_minutes)
        self._idle.connect("value-changed", lambda spin: self._settle(idle_minutes=spin.get_value_as_int()))
        before = Gtk.Label(label=_("Leaves after _idle minutes:"), use_underline=True, mnemonic_widget=self._idle)
        self._trouble = Remark()
        buttons = Gtk.Box(spacing=6)
        for button in (self._switch, log):
            buttons.pack_start(button, False, False, 0)
        self._own = Gtk.Box(spacing=12)  # what only this computer's server has
        self._own.pack_start(buttons, False, False, 0)
        self._own.pack_end(self._idle, False, False, 0)
        self._own.pack_end(before, False, False, 0)
        return _section(_("Server"), self._device, self._running, self._own, self._trouble)

    def _arrange(self) -> None:
        far = self._there.get_active()
        self._far.set_visible(far)
        self._own.set_visible(not far)

    def _look(self) -> bool:
        """See how the server is, without starting one."""
        if not self._looking:
            self._looking = True
            self._errands.send(self._welcome, self._seen, lambda error: self._seen(None))
        return GLib.SOURCE_CONTINUE

    def _welcome(self) -> Welcome | None:
        chosen = self._chosen
        if chosen.address:
            with self._client.reach(chosen) as connection:
                return connection.hello()
        found = self._client.endpoint()
        if found is None:
            return None
        with self._client.Client(found) as connection:
            return connection.hello()

    def _seen(self, welcome: Welcome | None) -> None:
        self._looking = False
        self._runs = welcome is not None
        if welcome is None:
            far = self._there.get_active()
            self._running.set_text(_("Not connected") if far else _("Not running; it starts when it is needed"))
        else:
            since = GLib.DateTime.new_now_local().add_seconds(-welcome.running)
            today = welcome.running < 24 * 3600
            jobs = ngettext("{n} job under way", "{n} jobs under way", welcome.jobs_waiting)
            now = tr(jobs, n=welcome.jobs_waiting) if welcome.jobs_waiting else _("nothing to do")
            self._running.set_text(
                tr(_("Running since {time}, {now}"), time=since.format("%H:%M" if today else "%x %H:%M"), now=now)
            )
        self._switch.set_label(_("Stop the Ser_ver") if self._runs else _("Start the Ser_ver"))
        self._switch.show()

    def _start_or_stop(self, _button) -> None:
        runs, self._runs = self._runs, None
        if runs is None:  # it is on its way already
            return
        self._trouble.say("")
        if runs:
            self._models.stop()
            self._running.set_text(_("Stopping"))
            self._errands.send(self._stop, lambda _: self._look(), self._trouble.failed)
        else:
            self._running.set_text(_("Starting"))
            self._survey()

    def _stop(self) -> None:
        found = self._client.endpoint()
        if found:
            with self._client.Client(found) as connection:
                connection.stop_server()

    def _open_log(self, _button) -> None:
        file = paths.home() / "server.log"
        try:
            Gio.AppInfo.launch_default_for_uri(file.as_uri(), None)
        except GLib.Error as error:
            self._trouble.say(tr(_("{file} cannot be opened: {error}"), file=file, error=error.message), BAD)

    # -- what it has ----------------------------------------------------------------------------------------------

    def _list(self) -> Gtk.Widget:
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, shadow_type=Gtk.ShadowType.IN)
        scrolled.set_min_content_height(220)
        scrolled.add(self._models)
        named(scrolled, _("Models"))
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        box.pack_start(heading(_("Models")), False, False, 0)
        box.pack_start(scrolled, True, True, 0)
        return box

    def _survey(self) -> None:
        """Have the server say what it has; where none runs on this computer, one is started for that."""
        self._surveys += 1
        asked = self._surveys

        def show(surveyed: ModelList) -> None:
            if asked == self._surveys:
                self._trouble.say("")
                self._show(surveyed)

        def failed(error: UserError) -> None:
            if asked == self._surveys:
                (self._found if self._there.get_active() else self._trouble).failed(error)
                self._device.hide()
                self._look()

        def partial(message: Message, _frames: list[bytes]) -> None:
            self._errands.tell(show, message)

        self._errands.send(lambda: job_steps.ask(ListModels(), partial=partial), show, failed)

    def _show(self, surveyed: ModelList) -> None:
        """What the server has; the device comes second."""
        name = surveyed.device or _("The processor; no graphics card can be used")
        facts = [_("Looking for a graphics card") if surveyed.more else name]
        if surveyed.memory:
            facts.append(tr(_("{size} of memory"), size=GLib.format_size(surveyed.memory)))
        if surveyed.free:
            facts.append(tr(_("{size} free"), size=GLib.format_size(surveyed.free)))
        self._device.set_text(" · ".join(facts))
        self._device.show()
        self._models.show_models(surveyed.models)
        if self._there.get_active():
            count = sum(model.installed for model in surveyed.models)
            found = ngettext("It answers, and has {n} model.", "It answers, and has {n} models.", count)
            self._found.say(tr(found, n=count), GOOD)
        self._look()


def _section(title: str, *inside: Gtk.Widget) -> Gtk.Widget:
    """A heading with widgets below it."""
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    box.pack_start(heading(title), False, False, 0)
    for widget in inside:
        widget.set_margin_start(widget.get_margin_start() + 12)
        box.pack_start(widget, False, False, 0)
    return box

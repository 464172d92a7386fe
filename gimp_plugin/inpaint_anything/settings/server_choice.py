"""Which server does the work: this computer's own, or another one's with its address and keys."""

from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared import preferences  # noqa: E402
from inference_server.shared.errors import UserError  # noqa: E402
from inference_server.shared.preferences import Preferences  # noqa: E402

from ..i18n import _, translated  # noqa: E402
from ..requests import connection  # noqa: E402
from ..widgets import ErrorNotice, label, named  # noqa: E402

KEY_LENGTH = 40
EXPLANATION_WIDTH = 60  # characters
ADDRESS_EXAMPLE = "studio.local:5590"


class ServerChoice(Gtk.Box):
    """The choice between the two, and the fields for another computer's server.

    notice: for what is found at the address.
    """

    def __init__(self, chosen: Preferences, toggled: Callable[[], None], test: Callable[[], None]) -> None:
        """toggled: called when the other of the two is chosen; test: when what is in the fields is to be tried."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._toggled, self._test = toggled, test
        self._local = Gtk.RadioButton(label=_("On _this computer"), use_underline=True)
        self._remote = Gtk.RadioButton(label=_("On a_nother computer"), use_underline=True, group=self._local)
        self._remote.set_active(bool(chosen.address))
        self._address = Gtk.Entry(text=chosen.address.removeprefix("tcp://"), placeholder_text=ADDRESS_EXAMPLE)
        self._server_key = Gtk.Entry(text=chosen.server_key, width_chars=KEY_LENGTH)
        for entry in (self._address, self._server_key):
            entry.set_hexpand(True)
            entry.connect("activate", lambda _entry: test())
            entry.connect("changed", self._take_code)
        self.notice = ErrorNotice()
        self._fields = self._make_fields()
        for widget in (self._local, self._remote, self._fields):
            self.pack_start(widget, expand=False, fill=False, padding=0)
        self._show_fields()
        self._handler = self._local.connect("toggled", lambda _button: self._changed())

    @property
    def remote(self) -> bool:
        """Whether another computer's server is chosen."""
        return self._remote.get_active()

    @property
    def address(self) -> str:
        """The address, as it is written."""
        return self._address.get_text()

    @property
    def server_key(self) -> str:
        """The server's key, as it is written."""
        return self._server_key.get_text()

    def go_back(self) -> None:
        """Choose the other of the two again, without telling anybody."""
        self._local.handler_block(self._handler)
        (self._local if self.remote else self._remote).set_active(True)
        self._local.handler_unblock(self._handler)
        self._show_fields()

    def focus_address(self) -> None:
        """Let the person write the address."""
        self._address.grab_focus()

    def _take_code(self, entry: Gtk.Entry) -> None:
        """Fill both fields from a code that was pasted into one."""
        found = preferences.of_code(entry.get_text())
        if found:
            self._address.set_text(found[0])
            self._server_key.set_text(found[1])

    def _changed(self) -> None:
        self._show_fields()
        self._toggled()

    def _show_fields(self) -> None:
        self._fields.set_visible(self.remote)

    def _make_fields(self) -> Gtk.Grid:
        """What there is to say about another computer's server."""
        own_key = _own_key()
        own_key.set_hexpand(True)
        copy = named(Gtk.Button(label=_("Cop_y"), use_underline=True), _("Copy this computer's key"))
        copy.connect("clicked", lambda _button: _copy(own_key.get_text()))
        explanation = _(
            "Whoever runs the other computer gives you a code: paste it here. They list this computer's key there."
        )
        test = Gtk.Button(label=_("Te_st"), use_underline=True, halign=Gtk.Align.START)
        test.connect("clicked", lambda _button: self._test())
        grid = Gtk.Grid(row_spacing=6, column_spacing=12, margin_start=24, no_show_all=True)
        for line, (title, entry) in enumerate(((_("_Address:"), self._address), (_("Its _key:"), self._server_key))):
            grid.attach(Gtk.Label(label=title, use_underline=True, xalign=0, mnemonic_widget=entry), 0, line, 1, 1)
            grid.attach(entry, 1, line, 2, 1)
        grid.attach(Gtk.Label(label=_("This computer's key:"), xalign=0), 0, 2, 1, 1)
        grid.attach(own_key, 1, 2, 1, 1)
        grid.attach(copy, 2, 2, 1, 1)
        grid.attach(label(explanation, max_width_chars=EXPLANATION_WIDTH), 1, 3, 2, 1)
        grid.attach(test, 1, 4, 2, 1)
        grid.attach(self.notice, 0, 5, 3, 1)
        grid.foreach(lambda child: child.show_all())
        return grid


def _own_key() -> Gtk.Label:
    """This computer's public key, or why there is none."""
    try:
        return label(connection.own_key(), selectable=True)
    except UserError as error:
        return label(translated(error.sentence))


def _copy(text: str) -> None:
    Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(text, -1)

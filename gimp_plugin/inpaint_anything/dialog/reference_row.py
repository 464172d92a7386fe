"""The row in which a picture of what is to be painted is chosen, seen, and left out again."""

from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("Gio", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, Gio, Gtk, Pango  # noqa: E402  gi wants the versions first

from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _  # noqa: E402
from ..image import open_pictures  # noqa: E402
from ..widgets import column, icon_button, label, row  # noqa: E402
from .events import LAYER, Reference  # noqa: E402
from .state import DialogState, ReferenceNote  # noqa: E402

REFERENCE, REFERENCE_LAYER = "reference", "reference-layer"  # the settings, of which one is set at most
NOTE_CHARS, FILE_CHARS = 34, 7


class ReferenceRow(Gtk.Box):
    """Seen where the model can be shown a picture, or where one is chosen: a file, a layer, or another open image."""

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        chooser: Gtk.FileChooserButton,
        offered: Callable[[], tuple[list[str], list[str]]],
    ) -> None:
        """chooser: of the file, bound to the config; offered(): as `open_pictures.offered`, now."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL)
        setting = config.find_property(REFERENCE)
        assert setting is not None  # the config is of a job that paints
        self._config, self._chooser, self._offered, self._address = config, chooser, offered, ""
        self._picture = Gtk.Image(no_show_all=True)
        self._remove = icon_button("edit-clear-symbolic", _("Leave the picture out"), self._clear)
        self._note = label(no_show_all=True, max_width_chars=NOTE_CHARS)
        title = Gtk.Label(label=setting.nick, xalign=0, mnemonic_widget=chooser)
        chooser.set_properties(
            tooltip_text=setting.blurb, width_chars=FILE_CHARS
        )  # the picture and two buttons need the rest
        chooser.connect("file-set", lambda _chooser: self._set(REFERENCE_LAYER, ""))
        self._layer = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.MIDDLE, no_show_all=True)
        words = _("Take a layer, or another image that is open")
        self._open = icon_button("view-list-symbolic", words, self._show_menu)
        field = row(self._picture, self._layer, chooser)
        for button in (self._remove, self._open):
            field.pack_end(button, expand=False, fill=False, padding=0)
        self._shown = column(row(title, field, spacing=12), self._note)
        self._shown.show_all()
        self._shown.set_no_show_all(True)
        self._shown.hide()
        self.pack_start(self._shown, expand=False, fill=False, padding=0)

    def show_state(self, state: DialogState) -> None:
        """Show the picture that is chosen, and why it cannot be used, where it cannot."""
        reference = state.reference
        self._have_chosen(reference.address if reference else "")
        picture = reference.picture if reference else None
        if picture:
            self._picture.set_from_surface(picture)
        self._picture.set_visible(bool(picture))
        self._remove.set_visible(reference is not None)
        note = _text(state.reference_note, reference)
        self._note.set_text(note)
        self._note.set_visible(bool(note))
        self._shown.set_visible(state.offers_reference)

    def _have_chosen(self, address: str) -> None:
        """Have the button name a file; "" for none."""
        if address == self._address:
            return
        self._address = address
        is_layer = address.startswith(LAYER)
        if address and not is_layer:
            self._chooser.set_uri(address)
        else:
            self._chooser.unselect_all()
        self._chooser.set_visible(not is_layer)
        self._layer.set_visible(is_layer)
        self._layer.set_text(_called(address))
        self._layer.set_tooltip_text(_called(address))

    def _clear(self) -> None:
        self._choose("")

    def _choose(self, name: str) -> None:
        """Take a layer or an image by its name; "" for none, and no file either."""
        with self._config.freeze_notify():  # both at once
            self._set(REFERENCE, None)
            self._set(REFERENCE_LAYER, name)

    def _set(self, setting: str, value: str | None) -> None:
        if self._config.get_property(setting) != value:  # else what is shown would be read twice
            self._config.set_property(setting, value)

    def menu(self) -> Gtk.Menu:
        """What is open in GIMP now, to choose from."""
        made = Gtk.Menu()
        for title, names in zip((_("Layers of this image"), _("Open images")), self._offered(), strict=True):
            if names:
                made.append(Gtk.MenuItem(label=title, sensitive=False))
            for name in names:
                item = Gtk.MenuItem(label=open_pictures.shown(name))
                item.connect("activate", lambda _item, name: self._choose(name), name)
                made.append(item)
        made.show_all()
        return made

    def _show_menu(self) -> None:
        menu = self.menu()
        menu.attach_to_widget(self._open)
        menu.popup_at_widget(self._open, Gdk.Gravity.SOUTH_EAST, Gdk.Gravity.NORTH_EAST, None)


def _called(address: str) -> str:
    """What a person knows a layer or an open image by; "" for any other address."""
    return open_pictures.shown(address.removeprefix(LAYER)) if address.startswith(LAYER) else ""


def _text(note: ReferenceNote | None, reference: Reference | None) -> str:
    match note, reference:
        case ReferenceNote.GONE, Reference(address) if address.startswith(LAYER):
            return tr(_("The layer or image {name} is no longer there."), name=_called(address))
        case ReferenceNote.GONE, Reference(address):
            name = Gio.File.new_for_uri(address).get_parse_name()
            return tr(_("The picture {file} is no longer there."), file=name)
        case ReferenceNote.NOT_TAKEN, _reference:
            return _("The model is told by words alone: leave the picture out, or choose another model.")
    return ""

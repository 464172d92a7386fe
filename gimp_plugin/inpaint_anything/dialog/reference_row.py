"""The row in which a picture of what is to be painted is chosen, seen, and left out again."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gio", "2.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, Gio, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _  # noqa: E402
from ..widgets import column, icon_button, label, row  # noqa: E402
from .events import Reference  # noqa: E402
from .state import DialogState, ReferenceNote  # noqa: E402

REFERENCE = "reference"  # the setting
NOTE_CHARS, FILE_CHARS = 34, 10


class ReferenceRow(Gtk.Box):
    """Seen where the model can be shown a picture, or where one is chosen."""

    def __init__(self, config: Gimp.ProcedureConfig, chooser: Gtk.FileChooserButton) -> None:
        """chooser: of the file, bound to the config."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL)
        setting = config.find_property(REFERENCE)
        assert setting is not None  # the config is of a job that paints
        self._config, self._chooser, self._address = config, chooser, ""
        self._picture = Gtk.Image(no_show_all=True)
        self._remove = icon_button("edit-clear-symbolic", _("Leave the picture out"), self._clear)
        self._note = label(no_show_all=True, max_width_chars=NOTE_CHARS)
        title = Gtk.Label(label=setting.nick, xalign=0, mnemonic_widget=chooser)
        chooser.set_properties(tooltip_text=setting.blurb, width_chars=FILE_CHARS)  # the picture needs the rest
        field = row(self._picture, chooser)
        field.pack_end(self._remove, expand=False, fill=False, padding=0)
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
        if address:
            self._chooser.set_uri(address)
        else:
            self._chooser.unselect_all()

    def _clear(self) -> None:
        self._config.set_property(REFERENCE, None)


def _text(note: ReferenceNote | None, reference: Reference | None) -> str:
    match note, reference:
        case ReferenceNote.GONE, Reference(address):
            name = Gio.File.new_for_uri(address).get_parse_name()
            return tr(_("The picture {file} is no longer there."), file=name)
        case ReferenceNote.NOT_TAKEN, _reference:
            return _("The model is told by words alone: leave the picture out, or choose another model.")
    return ""

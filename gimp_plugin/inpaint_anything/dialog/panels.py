"""The settings of each job as rows of a panel, made from the procedure's own arguments (`arguments`)."""

from collections.abc import Callable

import gi

from .. import arguments

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GObject, Gtk  # noqa: E402  gi wants the versions first

from ..i18n import _  # noqa: E402
from ..widgets import label as wrapped  # noqa: E402

BIND = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
CHOICES = {"quality": arguments.QUALITIES, "background": arguments.BACKGROUNDS}
ENTRY_CHARS = 24
FIRST_AMOUNT = 7  # pixels, where nothing is automatic any more


class Panel(Gtk.Grid):
    """A job's settings, bound to its config; only the rows that the others call for are shown."""

    def __init__(self, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, enter: Callable[[], None]):
        """enter: called when Enter is pressed in one of the entries."""
        super().__init__(column_spacing=12, row_spacing=6, visible=True)
        self._config, self._rows = config, {}
        self.told: Gtk.Label | None = None
        self.models: Gtk.ComboBoxText | None = None
        for name in arguments.names(procedure):
            self._add(config.find_property(name), enter)
            if name == "help-prompt":
                self._add_told()
        if "background" in self._rows:
            config.connect("notify::background", lambda *_: self._show_what_is_needed())
            self._show_what_is_needed()

    def offer(self, models: list[str]) -> None:
        """Have these models in the list to choose from."""
        if self.models:
            self.models.remove_all()
            for name in models:
                self.models.append_text(name)

    def _add(self, setting: GObject.ParamSpec, enter: Callable[[], None]) -> None:
        name, label = setting.name, setting.nick
        if setting.value_type == GObject.TYPE_BOOLEAN:
            row = Gtk.CheckButton.new_with_mnemonic(label)
            self._config.bind_property(name, row, "active", BIND)
            row.set_property("visible", True)
            row.set_tooltip_text(setting.blurb)
            self.attach(row, 0, len(self._rows), 2, 1)
            self._rows[name] = (row,)
            return
        field = self._field(setting, enter)
        field.set_properties(visible=True, hexpand=True, tooltip_text=setting.blurb)
        first = field.get_children()[0] if isinstance(field, Gtk.Box) and field.get_children() else field
        title = Gtk.Label(label=label, use_underline=True, xalign=0, visible=True, mnemonic_widget=first)
        self.attach(title, 0, len(self._rows), 1, 1)
        self.attach(field, 1, len(self._rows), 1, 1)
        self._rows[name] = (title, field)

    def _field(self, setting: GObject.ParamSpec, enter: Callable[[], None]) -> Gtk.Widget:
        name, config = setting.name, self._config
        if setting.value_type == GObject.TYPE_STRING and config.get_property(name) is None:
            config.set_property(name, "")  # as GIMP has it before anybody touched it; an entry does not
        if name == "model":
            field = self.models = Gtk.ComboBoxText.new_with_entry()
            entry = field.get_child()
            entry.set_placeholder_text(_("the best installed"))
            config.bind_property(name, entry, "text", BIND)
        elif name in CHOICES:
            field = Gtk.ComboBoxText()
            for key, (label, _blurb) in CHOICES[name].items():
                field.append(key, label)
            config.bind_property(name, field, "active-id", BIND)
        elif setting.value_type == GObject.TYPE_STRING:
            field = entry = Gtk.Entry(width_chars=ENTRY_CHARS)
            entry.connect("activate", lambda *_: enter())
            config.bind_property(name, entry, "text", BIND)
        elif setting.value_type == GObject.TYPE_INT:
            field = self._number(setting)
        elif setting.value_type.name == "GFile":
            field = self._file_button(setting)
        else:
            field = GimpUi.prop_color_select_new(config, name, 24, 24, GimpUi.ColorAreaType.FLAT)
        return field

    def _number(self, setting: GObject.ParamSpec) -> Gtk.Widget:
        automatic = setting.minimum == arguments.AUTOMATIC
        lowest = 0 if automatic else setting.minimum
        adjustment = Gtk.Adjustment(lower=lowest, upper=setting.maximum, step_increment=1, page_increment=10)
        number = Gtk.SpinButton(adjustment=adjustment, numeric=True, width_chars=5)
        if not automatic:
            self._config.bind_property(setting.name, adjustment, "value", BIND)
            return number
        # A check button says more than -1; who writes a number has decided.
        before = self._config.get_property(setting.name)
        adjustment.set_value(FIRST_AMOUNT if before == arguments.AUTOMATIC else before)
        check = Gtk.CheckButton(label=_("automatic"), active=before == arguments.AUTOMATIC, visible=True)

        def decided(*_args) -> None:
            amount = arguments.AUTOMATIC if check.get_active() else int(adjustment.get_value())
            if amount != self._config.get_property(setting.name):
                self._config.set_property(setting.name, amount)

        def written(*_args) -> None:
            check.set_active(False)
            decided()

        check.connect("toggled", decided)
        adjustment.connect("value-changed", written)
        row = Gtk.Box(spacing=6)
        row.pack_start(number, True, True, 0)
        row.pack_start(check, False, False, 0)
        number.set_visible(True)
        number.get_accessible().set_name(setting.nick.replace("_", ""))
        return row

    def _file_button(self, setting: GObject.ParamSpec) -> Gtk.FileChooserButton:
        name, config = setting.name, self._config
        field = Gtk.FileChooserButton(title=_("Choose a photo"), action=Gtk.FileChooserAction.OPEN, width_chars=16)
        pictures = Gtk.FileFilter()
        pictures.add_pixbuf_formats()
        pictures.add_mime_type("image/*")
        pictures.set_name(_("Pictures"))
        field.add_filter(pictures)
        if config.get_property(name):
            field.set_file(config.get_property(name))
        field.connect("file-set", lambda *_: config.set_property(name, field.get_file()))
        return field

    def _add_told(self) -> None:
        """A place for what the model will be told."""
        self.told = wrapped(selectable=True, can_focus=False, width_chars=34, max_width_chars=34, visible=True)
        self.told.get_style_context().add_class("dim-label")
        self.attach(self.told, 0, len(self._rows), 2, 1)
        self._rows["told"] = (self.told,)

    def _show_what_is_needed(self) -> None:
        background = self._config.get_property("background")
        needed = {*arguments.NEEDED[background], *(["told"] if background == "prompt" else [])}
        every = {name for names in arguments.NEEDED.values() for name in names} | {"told"}
        for name in every & self._rows.keys():
            for widget in self._rows[name]:
                widget.set_visible(name in needed)

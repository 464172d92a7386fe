"""The settings of each job as rows of a panel, made from the arguments of the job's procedure (`arguments`)."""

from collections.abc import Callable, Sequence
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GObject, Gtk, Pango  # noqa: E402  gi wants the versions first

from inference_server.shared.geometry import Size, default_feather, default_grow  # noqa: E402

from .. import arguments, job_settings  # noqa: E402
from ..covering import Covering  # noqa: E402
from ..i18n import _  # noqa: E402
from ..widgets import label as wrapped  # noqa: E402
from .reference_row import REFERENCE, REFERENCE_LAYER, ReferenceRow  # noqa: E402
from .state import DialogState  # noqa: E402

BIND = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
CHOICES = {
    "quality": arguments.QUALITIES,
    "method": arguments.METHODS,
    "background": arguments.BACKGROUNDS,
    "result-as": arguments.SELECTION_TARGETS,
    "source": arguments.SOURCES,
    "painted-by": arguments.PAINTED_BY,
    "unit": arguments.UNITS,
}
LISTS = {"model": _("the best installed"), "prompt": ""}  # what stands where nothing is written
ENTRY_CHARS, LIST_BUTTON_CHARS = 24, 4
HINT_CHARS = 34
FIRST_AMOUNT = 7  # pixels, when an amount is no longer automatic
HINT_ROW = "prompt-hint"
SLIDERS = ("blur", "match-light")


class Panel(Gtk.Box):
    """A job's settings, bound to its config; only the rows that what is chosen needs are shown.

    Those that one seldom changes are under an expander.

    prompt_hint: the label for what a model would be given, None where the job has no prompt.
    """

    def __init__(
        self,
        job: str,
        config: Gimp.ProcedureConfig,
        enter: Callable[[], None],
        offered: Callable[[], tuple[list[str], list[str]]] = lambda: ([], []),
    ) -> None:
        """job: a key of `arguments.ARGUMENTS`.  enter: called when Enter is pressed in one of the entries.  offered():
        as `open_pictures.offered`."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6, visible=True)
        self._grids = [Gtk.Grid(column_spacing=12, row_spacing=6, visible=True) for _grid in range(2)]
        self.more = Gtk.Expander(label=_("More"), visible=True)
        self.more.add(self._grids[1])
        self.pack_start(self._grids[0], expand=False, fill=False, padding=0)
        self.pack_start(self.more, expand=False, fill=False, padding=0)
        self._automatic: dict[str, AutomaticNumber] = {}
        self._shadow: AutomaticCheck | None = None
        self._config, self._enter, self._offered = config, enter, offered
        self._rows: dict[str, tuple[Gtk.Widget, ...]] = {}
        self.prompt_hint: Gtk.Label | None = None
        self._reference: ReferenceRow | None = None
        self._lists: dict[str, Gtk.ComboBoxText] = {}  # of what can be written, or chosen
        for name in arguments.names(job):
            setting = config.find_property(name)
            assert setting is not None  # the config is the job's
            self._add(setting)
            if name == "help-prompt":
                self._add_prompt_hint()
        for name in arguments.NEEDED.keys() & self._rows.keys():
            config.connect(f"notify::{name}", lambda _config, setting: self._show_needed(setting.name))
            self._show_needed(name)

    def offer_models(self, models: Sequence[str]) -> None:
        """Have these models in that list."""
        self._offer("model", models)

    def offer_prompts(self, prompts: Sequence[str]) -> None:
        """Have these prompts in the list of those that were used before."""
        self._offer("prompt", prompts)

    def _offer(self, name: str, texts: Sequence[str]) -> None:
        if name in self._lists:
            self._lists[name].remove_all()
            for text in texts:
                self._lists[name].append_text(text)

    def show_reference(self, state: DialogState) -> None:
        """Show the picture of what is to be painted, where the job can have one."""
        if self._reference:
            self._reference.show_state(state)

    def fix(self, name: str) -> None:
        """Show a setting that cannot be changed now."""
        for widget in self._rows[name]:
            widget.set_sensitive(False)

    def show_size(self, size: Size) -> None:
        """Show which amounts suit a photo of this (width, height), where they are automatic."""
        grow = default_grow(*size)
        for name, amount in (("grow", grow), ("feather", default_feather(grow))):
            if name in self._automatic:
                self._automatic[name].show_amount(amount)

    def show_shadow(self, *, found: bool) -> None:
        """Show whether the object's shadow is taken along, where that is automatic.  found: for certain."""
        if self._shadow:
            self._shadow.show_found(found=found)

    # -- rows

    def _grid(self, name: str) -> Gtk.Grid:
        """Where the row of a setting is."""
        return self._grids[name in arguments.SELDOM]

    def _add(self, setting: GObject.ParamSpec) -> None:
        name, label = setting.name, setting.nick
        if name == REFERENCE:
            self._reference = ReferenceRow(self._config, self._file_button(name), self._offered)
            self._reference.set_visible(True)
            self._grid(name).attach(self._reference, 0, len(self._rows), 2, 1)
            self._rows[name] = (self._reference,)
            return
        if name == REFERENCE_LAYER:  # in the same row
            return
        if setting.value_type == GObject.TYPE_BOOLEAN:
            row: Gtk.Widget = Gtk.CheckButton.new_with_mnemonic(label)
            self._config.bind_property(name, row, "active", BIND)
            row.set_properties(visible=True, tooltip_text=setting.blurb)
            if name == "photo-flip":
                row = self._placement_row(row)
            self._grid(name).attach(row, 0, len(self._rows), 2, 1)
            self._rows[name] = (row,)
            return
        if name == "include-shadow":
            self._shadow = AutomaticCheck(self._config, setting)
            self._grid(name).attach(self._shadow, 0, len(self._rows), 2, 1)
            self._rows[name] = (self._shadow,)
            return
        field = self._field(setting)
        field.set_properties(visible=True, hexpand=True, tooltip_text=setting.blurb)
        first = field.get_children()[0] if isinstance(field, Gtk.Box) and field.get_children() else field
        title = Gtk.Label(label=label, use_underline=True, xalign=0, visible=True, mnemonic_widget=first)
        self._grid(name).attach(title, 0, len(self._rows), 1, 1)
        self._grid(name).attach(field, 1, len(self._rows), 1, 1)
        self._rows[name] = (title, field)

    def _field(self, setting: GObject.ParamSpec) -> Gtk.Widget:
        """The widget for a setting that is no check button."""
        name, kind = setting.name, setting.value_type
        if name in CHOICES:
            return self._choice(name)
        if kind == GObject.TYPE_STRING:
            if self._config.get_property(name) is None:
                self._config.set_property(name, "")  # GIMP's default; an entry does not take it
            return self._list(name) if name in LISTS else self._entry(name)
        if name in SLIDERS:
            return self._slider(setting)
        if kind in (GObject.TYPE_INT, GObject.TYPE_DOUBLE):
            return self._number(setting)
        if kind.name == "GFile":
            return self._file_button(name)
        colour: Any = GimpUi.prop_color_select_new(self._config, name, 24, 24, GimpUi.ColorAreaType.FLAT)
        colour.set_title(setting.nick.replace("_", ""))  # of the window that it opens
        return colour

    def _choice(self, name: str) -> Gtk.Widget:
        field = Gtk.ComboBoxText()
        for key, (label, _blurb) in CHOICES[name].items():
            field.append(key, label)
        self._config.bind_property(name, field, "active-id", BIND)
        return field

    def _entry(self, name: str) -> Gtk.Widget:
        entry = Gtk.Entry(width_chars=ENTRY_CHARS)
        entry.connect("activate", lambda *_: self._enter())
        self._config.bind_property(name, entry, "text", BIND)
        return entry

    def _list(self, name: str) -> Gtk.Widget:
        """An entry, and a list of what can be chosen instead of writing."""
        field = self._lists[name] = Gtk.ComboBoxText.new_with_entry()
        entry: Any = field.get_child()
        entry.set_width_chars(ENTRY_CHARS - LIST_BUTTON_CHARS)
        entry.set_placeholder_text(LISTS[name])
        if name == "prompt":
            entry.connect("activate", lambda *_: self._enter())
        for cell in field.get_cells():
            cell.set_properties(ellipsize=Pango.EllipsizeMode.END, width_chars=ENTRY_CHARS)
        self._config.bind_property(name, entry, "text", BIND)
        return field

    def _number(self, setting: Any) -> Gtk.Widget:
        """setting: the spec of an int, which has limits."""
        if setting.minimum == arguments.AUTOMATIC:
            self._automatic[setting.name] = AutomaticNumber(self._config, setting)
            return self._automatic[setting.name]
        digits = 1 if setting.value_type == GObject.TYPE_DOUBLE else 0
        adjustment, number = _number_field(setting.minimum, setting.maximum, digits)
        self._config.bind_property(setting.name, adjustment, "value", BIND)
        return number

    def _slider(self, setting: Any) -> Gtk.Widget:
        """setting: the spec of an int, which has limits."""
        scale = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, setting.minimum, setting.maximum, 1)
        scale.set_properties(value_pos=Gtk.PositionType.RIGHT, digits=0)
        self._config.bind_property(setting.name, scale.get_adjustment(), "value", BIND)
        return scale

    def _placement_row(self, flip: Gtk.Widget) -> Gtk.Widget:
        """The check button that flips the photo that comes behind, and one that puts it back."""
        fit = Gtk.Button(label=_("Fit again"), visible=True)
        fit.set_tooltip_text(_("Have it cover the photo with its middle, as at first (double click on the photo)"))
        fit.connect("clicked", lambda _button: job_settings.write_covering(Covering(), self._config))
        placing = Gtk.Box(spacing=6, visible=True)
        placing.pack_start(flip, expand=True, fill=True, padding=0)
        placing.pack_start(fit, expand=False, fill=False, padding=0)
        return placing

    def _file_button(self, name: str) -> Gtk.FileChooserButton:
        config = self._config
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

    def _add_prompt_hint(self) -> None:
        self.prompt_hint = wrapped(
            selectable=True, can_focus=False, width_chars=HINT_CHARS, max_width_chars=HINT_CHARS, visible=True
        )
        self.prompt_hint.get_style_context().add_class("dim-label")
        self._grids[0].attach(self.prompt_hint, 0, len(self._rows), 2, 1)
        self._rows[HINT_ROW] = (self.prompt_hint,)

    def _show_needed(self, choice: str) -> None:
        """Show the rows that what is chosen needs: of a background or another setting in `arguments.NEEDED`."""
        options = arguments.NEEDED[choice]
        needed = {*options[self._config.get_property(choice)]}
        needed |= {HINT_ROW} if "prompt" in needed else set()
        every = {name for names in options.values() for name in names} | {HINT_ROW}
        for name in every & self._rows.keys():
            for widget in self._rows[name]:
                widget.set_visible(name in needed)


class AutomaticNumber(Gtk.Box):
    """A number with a check button “automatic”, which says more than -1; writing a number unchecks it.

    While it is checked, the number is the one in force.
    """

    def __init__(self, config: Gimp.ProcedureConfig, setting: Any) -> None:
        """setting: the spec of an int, which has limits."""
        super().__init__(spacing=6)
        self._config, self._name = config, setting.name
        self._in_force = FIRST_AMOUNT
        self._showing = False  # the number in force, so that nobody has written one
        before = config.get_property(setting.name)
        automatic = before == arguments.AUTOMATIC
        self._adjustment, number = _number_field(0, setting.maximum)
        self._adjustment.set_value(FIRST_AMOUNT if automatic else before)
        self._check = Gtk.CheckButton(label=_("automatic"), active=automatic, visible=True)
        self._check.connect("toggled", self._toggled)
        self._adjustment.connect("value-changed", self._written)
        self.pack_start(number, expand=True, fill=True, padding=0)
        self.pack_start(self._check, expand=False, fill=False, padding=0)
        number.set_visible(True)
        number.get_accessible().set_name(setting.nick.replace("_", ""))

    def show_amount(self, in_force: int) -> None:
        """in_force: the number that counts while it is automatic."""
        self._in_force = in_force
        if self._check.get_active():
            self._showing = True
            self._adjustment.set_value(in_force)
            self._showing = False

    def _toggled(self, _check: Gtk.CheckButton) -> None:
        self.show_amount(self._in_force)
        self._store()

    def _written(self, _adjustment: Gtk.Adjustment) -> None:
        if not self._showing:
            self._check.set_active(False)
            self._store()

    def _store(self) -> None:
        amount = arguments.AUTOMATIC if self._check.get_active() else int(self._adjustment.get_value())
        if amount != self._config.get_property(self._name):
            self._config.set_property(self._name, amount)


class AutomaticCheck(Gtk.Box):
    """A check button for yes and no with another one, “automatic”, which says more than -1; a click on the first one
    unchecks that.

    While it is checked, the first one shows what was found.
    """

    def __init__(self, config: Gimp.ProcedureConfig, setting: Any) -> None:
        """setting: the spec of an int from -1 to 1."""
        super().__init__(spacing=6, visible=True, tooltip_text=setting.blurb)
        self._config, self._name = config, setting.name
        before = config.get_property(setting.name)
        self._found, self._showing = False, False
        self._yes = Gtk.CheckButton.new_with_mnemonic(setting.nick)
        self._yes.set_properties(visible=True, active=before == 1)
        self._automatic = Gtk.CheckButton(label=_("where certain"), active=before == arguments.AUTOMATIC, visible=True)
        self._automatic.set_tooltip_text(_("It is taken where it is found for certain; you see it before"))
        self._yes.connect("toggled", self._chosen)
        self._automatic.connect("toggled", self._toggled)
        self.pack_start(self._yes, expand=True, fill=True, padding=0)
        self.pack_start(self._automatic, expand=False, fill=False, padding=0)

    def show_found(self, *, found: bool) -> None:
        """found: whether there is a shadow for certain."""
        self._found = found
        if self._automatic.get_active():
            self._showing = True
            self._yes.set_active(found)
            self._showing = False

    def _chosen(self, _check: Gtk.CheckButton) -> None:
        if not self._showing:
            self._automatic.set_active(False)
            self._store()

    def _toggled(self, _check: Gtk.CheckButton) -> None:
        self.show_found(found=self._found)
        self._store()

    def _store(self) -> None:
        value = arguments.AUTOMATIC if self._automatic.get_active() else int(self._yes.get_active())
        if value != self._config.get_property(self._name):
            self._config.set_property(self._name, value)


def _number_field(lowest: float, highest: float, digits: int = 0) -> tuple[Gtk.Adjustment, Gtk.SpinButton]:
    adjustment = Gtk.Adjustment(lower=lowest, upper=highest, step_increment=1, page_increment=10)
    return adjustment, Gtk.SpinButton(adjustment=adjustment, numeric=True, width_chars=5, digits=digits)

"""The models of a server, each with what it is for, and a button that gets or removes it."""

from collections.abc import Callable, Sequence

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402  gi wants the version first

from inference_server.shared.errors import ErrorCode, UserError  # noqa: E402
from inference_server.shared.messages import (  # noqa: E402
    FetchModel,
    ImportModel,
    Job,
    ModelInfo,
    ModelRemoved,
    RemoveModel,
)
from inference_server.shared.text import tr  # noqa: E402

from ..i18n import _, translated  # noqa: E402
from ..requests import connection  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import ErrorNotice, ProgressLine, column, confirmed, heading, label, named, row  # noqa: E402
from .fetching import Fetch  # noqa: E402
from .offers import is_ready, sizes  # noqa: E402

GROUPS = {
    Job.SELECT: _("Finding objects"),
    Job.REMOVE: _("Removing objects"),
    Job.FILL: _("Filling and replacing"),
    Job.REPLACE: _("Backgrounds out of focus"),
    None: _("Helpers, which make a model faster or show it a picture"),
}
BUTTON_WIDTH = 96


class ModelListBox(Gtk.Box):
    """All models, grouped by what they are for."""

    def __init__(self, tasks: BackgroundTasks, changed: Callable[[], None]) -> None:
        """changed: called when a model has been installed or removed."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=12, margin_start=12)
        self._tasks, self._changed = tasks, changed
        self._rows: dict[str, ModelRow] = {}
        self.connect("set-focus-child", self._focus_moved)
        self.clear()

    def show_models(self, models: Sequence[ModelInfo], *, local: bool) -> None:
        """Show these, and no others; a download that is shown goes on.  local: whether this computer's server has
        them."""
        if self._rows.keys() != {model.name for model in models}:
            self._remove_rows()
            for job, title in GROUPS.items():
                self._add_group(title, [model for model in models if model.job == job])
            self.show_all()
        for model in models:
            self._rows[model.name].show_model(model, local=local)

    def clear(self) -> None:
        """Show none until a server answers."""
        self._remove_rows()
        waiting = label(_("They are shown as soon as the server answers."), visible=True)
        self.pack_start(waiting, expand=False, fill=False, padding=0)

    @property
    def fetching(self) -> bool:
        """Whether a model is being downloaded."""
        return any(each.fetching for each in self._rows.values())

    def cancel_all(self) -> None:
        """End the downloads; what has come is kept."""
        for each in self._rows.values():
            each.cancel()

    def _add_group(self, title: str, models: Sequence[ModelInfo]) -> None:
        if models:
            self.pack_start(heading(title), expand=False, fill=False, padding=0)
        for model in models:
            self._rows[model.name] = added = ModelRow(model, self._tasks, self._changed)
            self.pack_start(added, expand=False, fill=False, padding=0)
            added.connect("size-allocate", self._row_resized)

    def _remove_rows(self) -> None:
        self.cancel_all()
        self.foreach(lambda child: child.destroy())
        self._rows = {}

    def _focus_moved(self, _list: Gtk.Widget, child: Gtk.Widget | None) -> None:
        if child:
            self._scroll_to(child)

    def _row_resized(self, resized: "ModelRow", _place: Gdk.Rectangle) -> None:
        if resized.get_focus_child():
            GLib.idle_add(self._scroll_to, resized)

    def _scroll_to(self, child: Gtk.Widget) -> None:
        """Scroll to where all of a row is seen."""
        height, viewport = child.get_allocated_height(), self.get_ancestor(Gtk.Viewport)
        page = viewport.get_child() if isinstance(viewport, Gtk.Viewport) else None
        place = page and child.translate_coordinates(page, 0, 0)
        if isinstance(viewport, Gtk.Viewport) and place:
            viewport.get_vadjustment().clamp_page(place[1], place[1] + height)


class ModelRow(Gtk.Box):
    """One model."""

    def __init__(self, model: ModelInfo, tasks: BackgroundTasks, changed: Callable[[], None]) -> None:
        super().__init__(spacing=12, margin_start=12)
        self._model, self._tasks, self._changed = model, tasks, changed
        self._coming: Fetch | None = None
        self._removing = self._folder_offered = False
        self._add_texts()
        self._add_buttons()

    @property
    def fetching(self) -> bool:
        """Whether the model is being downloaded."""
        return self._coming is not None

    # -- the widgets

    def _add_texts(self) -> None:
        self._star = row(Gtk.Image(icon_name="starred-symbolic"), Gtk.Label(label=_("Recommended"), xalign=0))
        self._star.foreach(lambda child: child.show())
        self._star.set_no_show_all(True)
        self._icon = Gtk.Image(valign=Gtk.Align.START)
        self._facts = label()
        self._page = Gtk.LinkButton(uri=self._model.page or "about:blank", label=_("Page with its licence"))
        self._folder_button = named(
            Gtk.Button(label=_("Choose its _Folder…"), use_underline=True),
            tr(_("Choose the folder with {model}"), model=self._model.title),
        )
        self._folder_button.connect("clicked", lambda _button: self._choose_folder())
        self._own_files = row(self._page, self._folder_button, Gtk.Box())
        self._own_files.set_no_show_all(True)
        for widget in (self._page, self._folder_button):
            widget.set_no_show_all(True)
        self._by_hand, self._notice = ErrorNotice(), ErrorNotice()
        self._line = ProgressLine()
        self._line.set_properties(margin_top=6, no_show_all=True)
        named(self._line.bar, tr(_("Progress of {model}"), model=self._model.title))
        texts = column(
            row(heading(self._model.title), self._star, spacing=12),
            label(translated(self._model.use), no_show_all=not self._model.use),
            row(self._icon, self._facts),
            self._by_hand,
            self._own_files,
            self._line,
            self._notice,
            spacing=3,
        )
        self.pack_start(texts, expand=True, fill=True, padding=0)

    def _add_buttons(self) -> None:
        self._get_button = self._button(_("_Get"), _("Get {model}"), self._fetch)
        self._remove_button = self._button(_("_Remove"), _("Remove {model}"), self._ask_before_removing)
        self._cancel_button = self._button(_("Canc_el"), _("Cancel getting {model}"), self.cancel)
        same_width = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for button in (self._get_button, self._remove_button, self._cancel_button):
            self.pack_start(button, expand=False, fill=False, padding=0)
            same_width.add_widget(button)

    def _button(self, text: str, name: str, clicked: Callable[[], None]) -> Gtk.Button:
        button = Gtk.Button(label=text, use_underline=True, valign=Gtk.Align.START, no_show_all=True)
        button.set_size_request(BUTTON_WIDTH, -1)
        button.connect("clicked", lambda _button: clicked())
        return named(button, tr(name, model=self._model.title))

    # -- what is shown

    def show_model(self, model: ModelInfo, *, local: bool) -> None:
        """Show what is known of the model now.  local: whether it is this computer's, whose folders can be chosen."""
        self._model = model
        by_hand = not model.installed and bool(model.by_hand)
        self._star.set_visible(model.advised)
        icon = "object-select-symbolic" if model.installed else "folder-download-symbolic"
        self._icon.set_from_icon_name(icon, Gtk.IconSize.MENU)
        self._facts.set_text(" · ".join(_facts(model)))
        if by_hand:
            self._by_hand.set_text(_by_hand(local=local), details=translated(model.by_hand))
        else:
            self._by_hand.set_text(translated(model.lacks))
        self._page.set_visible(bool(model.page))
        self._folder_offered = by_hand and local
        self._show_buttons()

    def _show_buttons(self) -> None:
        """Show the button that does something now; it gets the focus of one that does nothing any more."""
        model, idle = self._model, not self.fetching
        by_hand = not model.installed and bool(model.by_hand)
        shown = {
            self._cancel_button: not idle,
            self._get_button: idle and not is_ready(model) and not by_hand,
            self._remove_button: idle and model.installed and model.size > 0,
            self._folder_button: idle and self._folder_offered,
        }
        focused = any(button.is_focus() for button in shown)
        for button, visible in shown.items():
            button.set_visible(visible)
            if visible and focused:
                button.grab_focus()
        self._own_files.set_visible(idle and by_hand)
        self._line.set_visible(not idle)

    # -- downloading

    def _fetch(self) -> None:
        self._begin(FetchModel(name=self._model.name))

    def _begin(self, request: FetchModel | ImportModel) -> None:
        """Ask for what brings the model."""
        if self._coming:
            return
        self._notice.set_text("")
        self._line.show_progress(0.0, _("Starting"))

        def ended(error: UserError | None) -> None:
            if self._coming is coming:
                self._ended(error, request)

        step = (request, sizes([self._model])[0])
        coming = self._coming = Fetch(self._tasks, [step], progress=self._line.show_progress, ended=ended)
        self._show_buttons()

    def cancel(self) -> None:
        """Cancel the download, if there is one."""
        if self._coming:
            self._coming.cancel()  # the button stays sensitive, or the focus would be lost
            self._line.show_text(_("Cancelling"))

    def _ended(self, error: UserError | None, request: FetchModel | ImportModel) -> None:
        self._coming = None
        if error is None:
            self._changed()  # and soon `show_model` is called
            return
        if error.code == ErrorCode.CANCELLED:
            self._notice.set_text(_("Cancelled. What has come is kept: Get goes on from there."))
        else:
            self._notice.set_error(error, retry=lambda: self._begin(request))
        self._show_buttons()

    def _choose_folder(self) -> None:
        """Let the person say where the files are that were downloaded by hand."""
        window = self.get_toplevel()
        chooser = Gtk.FileChooserNative(
            title=tr(_("The folder with the files of {model}"), model=self._model.title),
            transient_for=window if isinstance(window, Gtk.Window) else None,
            action=Gtk.FileChooserAction.SELECT_FOLDER,
            modal=True,
        )
        answer, folder = chooser.run(), chooser.get_filename()
        chooser.destroy()
        if answer == Gtk.ResponseType.ACCEPT and folder:
            self._begin(ImportModel(name=self._model.name, path=folder))

    # -- removing

    def _ask_before_removing(self) -> None:
        window = self.get_toplevel()
        if self._removing or not isinstance(window, Gtk.Window):
            return
        question = tr(_("Remove {model}?"), model=self._model.title)
        size = GLib.format_size(self._model.size)
        more = tr(_("Its files are deleted. To have it again, {size} must be downloaded."), size=size)
        if confirmed(window, question, more, yes=_("_Remove"), no=_("_Keep")):
            self._remove()

    def _remove(self) -> None:
        self._notice.set_text("")
        self._removing = True

        def removed(_result: ModelRemoved) -> None:
            self._removing = False
            self._changed()

        def failed(error: UserError) -> None:
            self._removing = False
            self._notice.set_error(error)

        self._tasks.run(lambda: connection.ask(RemoveModel(name=self._model.name)), removed, failed)


def _by_hand(*, local: bool) -> str:
    """What is said of a model that is given only to those who accept its licence."""
    if local:
        return _("Given only to those who accept its licence. Do that on its page, and get its files there.")
    return _("Given only to those who accept its licence; whoever runs the other computer does that.")


def _facts(model: ModelInfo) -> list[str]:
    """What there is to know about a model, each in a few words."""
    facts: list[str] = [_("Installed") if model.installed else _("Not installed")]
    if model.size:
        facts.append(GLib.format_size(model.size))
    facts.append(model.licence)
    if model.memory:
        facts.append(tr(_("needs {size} of memory"), size=GLib.format_size(model.memory)))
    return facts

"""Taking models that a person has as files: one of the catalogue's, or a checkpoint of their own."""

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  gi wants the version first

from inference_server.shared.errors import ErrorCode, UserError  # noqa: E402
from inference_server.shared.messages import ImportModel  # noqa: E402

from ..i18n import _  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..widgets import SUCCESS, ErrorNotice, ProgressLine, label, named, row  # noqa: E402
from .fetching import Fetch  # noqa: E402


class OwnFiles(Gtk.Box):
    """Buttons that choose a file or a folder, and how it is taken.  For this computer's server alone."""

    def __init__(self, tasks: BackgroundTasks, changed: Callable[[], None]) -> None:
        """changed: called when a model has come."""
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self._tasks, self._changed = tasks, changed
        self._coming: Fetch | None = None
        self._file = Gtk.Button(label=_("Choose a file…"))
        self._file.connect("clicked", lambda _button: self._choose(Gtk.FileChooserAction.OPEN))
        self._folder = Gtk.Button(label=_("Choose a folder…"))
        self._folder.connect("clicked", lambda _button: self._choose(Gtk.FileChooserAction.SELECT_FOLDER))
        self._cancel = Gtk.Button(label=_("Cancel"), no_show_all=True)
        self._cancel.connect("clicked", lambda _button: self.cancel())
        self._line, self._notice = ProgressLine(), ErrorNotice()
        self._line.set_no_show_all(True)
        named(self._line.bar, _("Progress of the files you chose"))
        what = _(
            "A checkpoint of Stable Diffusion 1.5 or XL in one .safetensors file, a transformer of FLUX in a .gguf "
            "file, a folder in diffusers' layout, or files of a model below that you have already. They are copied."
        )
        self._buttons = row(self._file, self._folder, Gtk.Box())
        for widget in (label(what), self._buttons, row(self._cancel, self._line), self._notice):
            self.pack_start(widget, expand=False, fill=False, padding=0)

    @property
    def fetching(self) -> bool:
        """Whether files are being taken."""
        return self._coming is not None

    def cancel(self) -> None:
        """End it; nothing of them is kept."""
        if self._coming:
            self._coming.cancel()
            self._line.show_text(_("Cancelling"))

    def _choose(self, action: Gtk.FileChooserAction) -> None:
        window = self.get_toplevel()
        chooser = Gtk.FileChooserNative(
            title=_("A model of your own"),
            transient_for=window if isinstance(window, Gtk.Window) else None,
            action=action,
            modal=True,
        )
        answer, path = chooser.run(), chooser.get_filename()
        chooser.destroy()
        if answer == Gtk.ResponseType.ACCEPT and path:
            self.take(path)

    def take(self, path: str) -> None:
        """Have the server take a file, or what is in a folder."""
        if self._coming:
            return
        self._notice.set_text("")
        self._line.show_progress(0.0, _("Starting"))
        request = ImportModel(name="", path=path)
        self._coming = Fetch(self._tasks, [(request, 0)], progress=self._line.show_progress, ended=self._ended)
        self._show_buttons()

    def _ended(self, error: UserError | None) -> None:
        self._coming = None
        self._show_buttons()
        if error is None:
            self._notice.set_text(_("The model is here."), SUCCESS)
            self._changed()
        elif error.code != ErrorCode.CANCELLED:
            self._notice.set_error(error)

    def _show_buttons(self) -> None:
        self._buttons.set_sensitive(not self.fetching)
        self._cancel.set_visible(self.fetching)
        self._line.set_visible(self.fetching)

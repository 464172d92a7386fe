"""The small dialog in which a photo is expanded: how far, and by what."""

from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, Gtk  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error, wrong_input  # noqa: E402
from inference_server.shared.messages import Job, ListModels, ModelList  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from .. import expand_settings, help, job_settings  # noqa: E402
from ..expand_settings import ExpandSettings  # noqa: E402
from ..i18n import _, translated  # noqa: E402
from ..image import last_settings  # noqa: E402
from ..image.expansion import Expansion  # noqa: E402
from ..image.layers import JobResult, ResultLayers  # noqa: E402
from ..requests import connection  # noqa: E402
from ..requests.background import BackgroundTasks  # noqa: E402
from ..requests.job_run import JobRun  # noqa: E402
from ..requests.job_steps import EXPANDING, PhotoJob  # noqa: E402
from ..requests.worker import RequestWorker  # noqa: E402
from ..widgets import ErrorNotice, ProgressLine, column, label  # noqa: E402
from .panels import Panel  # noqa: E402
from .single import CAN_CALL, only_dialog, when_called  # noqa: E402

LINE = 40  # characters


def ask(image: Gimp.Image, settings: ExpandSettings) -> ResultLayers:
    """Show the dialog until the photo is expanded: the layers that came.

    Raises UserError, also where nothing came of it, and where the image has a dialog already.
    """
    GimpUi.init("inpaint-anything")
    with only_dialog(image.get_id()) as alone:
        if not alone:
            if CAN_CALL:
                raise cancelled_error()  # the window that is there says it all
            raise wrong_input("This image has a window of Inpaint Anything already.", "Close it first.")
        dialog = ExpandDialog(image, settings)
        when_called(dialog.window.present)
        layers = dialog.run()
    if layers is None:
        raise cancelled_error()
    return layers


class ExpandDialog:
    """The window, and the one run that it may have at a time."""

    def __init__(self, image: Gimp.Image, settings: ExpandSettings) -> None:
        self._image, self._size = image, (image.get_width(), image.get_height())
        self._config = job_settings.create_config(expand_settings.NAME)
        expand_settings.write(settings, self._config)
        self._tasks = BackgroundTasks(self._failed)
        self._worker = RequestWorker(self._tasks)
        self._run: JobRun | None = None
        self._is_leaving = False  # whether the window closes as soon as the run has ended
        self._layers: ResultLayers | None = None
        self._panel = Panel(expand_settings.NAME, self._config, lambda: self.window.response(Gtk.ResponseType.OK))
        self._panel.offer_prompts(last_settings.prompts(expand_settings.NAME))
        self._new_size, self._progress, self._notice = label(), ProgressLine(), ErrorNotice(LINE)
        self._progress.set_no_show_all(True)
        self.window = self._make_window()
        self._config.connect("notify", lambda *_: self._show_size())
        self._show_size()
        self._tasks.run(lambda: connection.ask(ListModels()), self._offer_models, lambda _error: None)

    def run(self) -> ResultLayers | None:
        """Show it; the layers that came, once it is closed."""
        while self._layers is None and not (self._is_leaving and self._run is None):
            answer = self.window.run()
            if answer == Gtk.ResponseType.OK:
                self._start()
            elif answer != Gtk.ResponseType.NONE:  # which is the end of a run
                self._is_leaving = True
                if self._run:
                    self._run.cancel()
        self._worker.close()
        self._tasks.close()
        self.window.destroy()
        return self._layers

    @property
    def _settings(self) -> ExpandSettings:
        return expand_settings.read(self._config)

    def _start(self) -> None:
        """Have what is beyond the borders painted."""
        if self._run:
            return
        settings, self._is_leaving = self._settings, False
        try:
            expansion = Expansion.of(self._image, settings.margins(self._size))
        except UserError as error:
            self._failed(error)
            return
        results: list[JobResult] = []

        def ended(error: UserError | None) -> None:
            self._run = None
            with expansion:
                self._ended(expansion, results, settings, error)

        job = PhotoJob(photo=expansion.photo, target=expansion.target, settings=settings.job_settings)
        words = "" if job.settings.paints else EXPANDING
        self._notice.set_text("")
        self._progressed(0.0, words)
        self._run = JobRun(
            self._worker,
            job,
            arrived=results.append,
            preview=lambda *_: None,
            progress=lambda share, message: self._progressed(share, words or message),
            ended=ended,
        )
        self._show_whether_it_runs()

    def _ended(
        self, expansion: Expansion, results: list[JobResult], settings: ExpandSettings, error: UserError | None
    ) -> None:
        """Put the result into the image, or say why there is none."""
        self._show_whether_it_runs()
        try:
            if error:
                raise error
            self._layers = expansion.insert(results[-1], settings)
            last_settings.keep_expansion(settings)
        except UserError as reason:
            self._failed(reason)
        if self._layers or self._is_leaving:
            self.window.response(Gtk.ResponseType.NONE)

    # -- what is seen

    def _make_window(self) -> GimpUi.Dialog:
        window = GimpUi.Dialog(
            title=_("Expand"),
            role="inpaint-anything-expand",
            use_header_bar=Gtk.Settings.get_default().get_property("gtk-dialogs-use-header"),
        )
        window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self._button: Any = window.add_button(_("E_xpand"), Gtk.ResponseType.OK)
        window.set_default_response(Gtk.ResponseType.OK)
        window.connect("key-press-event", _key_pressed)
        GimpUi.window_set_transient(window)
        content = column(self._panel, self._new_size, self._progress, self._notice, spacing=12, border_width=12)
        window.get_content_area().pack_start(content, expand=True, fill=True, padding=0)
        content.show()
        self._new_size.show()
        return window

    def _show_size(self) -> None:
        """Say how large the photo will be."""
        width, height = self._settings.margins(self._size).canvas(self._size)
        self._new_size.set_text(tr(_("New size: {width} × {height} pixels"), width=width, height=height))
        self._show_whether_it_runs()

    def _show_whether_it_runs(self) -> None:
        self._progress.set_visible(self._run is not None)
        self._panel.set_sensitive(self._run is None)
        self._button.set_sensitive(self._run is None and any(self._settings.margins(self._size)))

    def _progressed(self, share: float, message: str) -> None:
        self._progress.show_progress(share, translated(message))

    def _offer_models(self, models: ModelList) -> None:
        self._panel.offer_models([each.name for each in models.models if each.installed and each.job == Job.FILL])

    def _failed(self, error: UserError) -> None:
        if error.code != ErrorCode.CANCELLED:
            self._notice.set_error(error, settings=self._open_settings if error.code == ErrorCode.NO_MODEL else None)

    def _open_settings(self) -> None:
        from ..settings import dialog

        dialog.show(self.window)


def _key_pressed(_window: GimpUi.Dialog, event: Gdk.EventKey) -> bool:
    if event.keyval == Gdk.KEY_F1:
        help.show(help.Page.EXPAND)
    return bool(event.keyval == Gdk.KEY_F1)

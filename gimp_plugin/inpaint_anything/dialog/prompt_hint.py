"""The line in the settings that shows what a model would be given for them, kept up to date while the person writes."""

from collections.abc import Callable

from gi.repository import GLib

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import ExpandedPrompt, Job
from inference_server.shared.text import tr

from ..i18n import LANGUAGES, _, in_words, translated
from ..image.photo_layer import PhotoLayer
from ..job_settings import JobSettings
from ..requests.job_steps import expand_request
from ..requests.worker import RequestWorker
from .events import PromptExpanded
from .toolbar import Dispatch
from .window import Window

DELAY_MS = 300  # after the last key: whoever goes on typing would not read the answer
SLOT = "prompt-hint"


class PromptHint:
    """Asks the server for the expanded prompt and shows it in the job's panel."""

    def __init__(
        self, worker: RequestWorker, window: Window, photo: Callable[[], PhotoLayer], dispatch: Dispatch
    ) -> None:
        """photo: gives the one that is shown.  dispatch: called with what is learned of the model."""
        self._worker, self._window, self._photo, self._dispatch = worker, window, photo, dispatch
        self._timer = 0

    def update_soon(self, read_settings: Callable[[], JobSettings]) -> None:
        """Show what holds for the settings in a moment, unless this is called again before."""
        self.stop()
        self._timer = GLib.timeout_add(DELAY_MS, self._update, read_settings)

    def stop(self) -> None:
        """Do not ask any more."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _update(self, read_settings: Callable[[], JobSettings]) -> bool:
        self._timer = 0
        settings = read_settings()
        label = self._window.panels[settings.job].prompt_hint
        if label is None or not settings.paints:
            self._worker.cancel(SLOT)
            return GLib.SOURCE_REMOVE

        def answered(expanded: ExpandedPrompt, _frames: list[bytes]) -> None:
            label.set_text(_as_text(expanded, settings))
            self._dispatch(PromptExpanded(expanded.takes_reference))

        def failed(error: UserError) -> None:
            self._dispatch(PromptExpanded(None))
            if error.code != ErrorCode.NO_MODEL:
                label.set_text(in_words(error))
            else:  # where a model is offered, that says it, and what to do, better than the command for a terminal
                label.set_text("" if self._window.offers_model else translated(error.sentence))

        self._worker.ask(expand_request(self._photo(), settings), answered, failed, slot=SLOT)
        return GLib.SOURCE_REMOVE


def _as_text(expanded: ExpandedPrompt, settings: JobSettings) -> str:
    if settings.job == Job.REPLACE and not settings.says_what_to_paint:
        return _("Write in the prompt what should be around the object.")
    lines: list[str] = [tr(_("The model is told: {prompt}"), prompt=expanded.prompt)]
    if expanded.negative:
        lines.append(tr(_("But not: {negative}"), negative=expanded.negative))
    elif settings.negative.strip():
        lines.append(_("With this model and quality, what should not be there does not count."))
    if LANGUAGES and settings.prompt.strip():
        lines.append(_("Models understand English best."))
    return "\n".join(lines)

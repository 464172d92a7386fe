"""What a model will be told, shown in the dialog while the person writes."""

from collections.abc import Callable

from gi.repository import GLib

from inference_server.shared import messages
from inference_server.shared.errors import UserError
from inference_server.shared.text import tr

from ..i18n import _, in_words, translated
from ..image.photo_layer import Photo
from ..requests import job_steps
from ..requests.worker import Talk
from .window import Window

THINKING_MS = 300  # without a key before the server is asked: who types on would not read the answer


class Telling:
    """photo: the one it is about."""

    def __init__(self, talk: Talk, window: Window, photo: Photo):
        self._talk, self._window, self._photo = talk, window, photo
        self._timer = 0

    def soon(self, job: str, settings: Callable[[], dict]) -> None:
        """Show what holds for these settings in a moment, unless something else is asked before."""
        self.stop()
        self._timer = GLib.timeout_add(THINKING_MS, self._tell, job, settings)

    def stop(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _tell(self, job: str, read: Callable[[], dict]) -> bool:
        self._timer = 0
        label, settings, get_models = self._window.panels[job].told, read(), self._window.get_models
        if label is None or not job_steps.paints(job, settings):
            self._talk.forget("suggest")
            get_models.hide()
            return GLib.SOURCE_REMOVE

        def heard(told: messages.ExpandedPrompt, _frames: list[bytes]) -> None:
            label.set_text(_as_text(told, job, settings))
            get_models.hide()

        def failed(error: UserError) -> None:
            lacks = error.code == "no-model"  # the button says what to do better than the command for a terminal
            label.set_text(translated(error.sentence) if lacks else in_words(error))
            get_models.set_visible(lacks)

        message = messages.ExpandPrompt(job, self._photo.described, job_steps.wish(settings))
        self._talk.ask(job_steps.Question(message, proxy=self._photo.proxy), heard, failed, line="suggest")
        return GLib.SOURCE_REMOVE


def _as_text(told: messages.ExpandedPrompt, job: str, settings: dict) -> str:
    if job == "replace" and not settings["prompt"].strip():
        return _("Write in the prompt what should be around the object.")
    lines = [tr(_("The model is told: {prompt}"), prompt=told.prompt)]
    if told.negative:
        lines.append(tr(_("But not: {negative}"), negative=told.negative))
    return "\n".join(lines)

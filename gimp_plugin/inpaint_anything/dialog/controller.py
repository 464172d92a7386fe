"""The dialog's work: what is pointed at becomes a mask at once, a job's result is looked at, and then taken.

Changes nothing in the image.  It asks the server on a thread of its own (`talk`), shows what it hears (`window`,
`view`) and ends with an `Outcome` to be inserted.
"""

import time
from dataclasses import dataclass

import gi

from inference_server.shared import messages
from inference_server.shared.errors import UserError
from inference_server.shared.messages import MaskProposals, Preview
from inference_server.shared.text import tr

from .. import arguments
from ..i18n import _, in_words, time_left, translated
from ..image import last_settings
from ..image.layers import Result
from ..image.photo_layer import Photo, Pointed
from ..photo_view.view import Shape, View
from ..requests import job_steps
from ..requests.background import Errands
from ..requests.worker import Run, Talk
from . import pictures
from .click_history import Pointing
from .panels import Panel
from .prompt_hint import Telling
from .window import JOBS, PREVIEW, Window

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk  # noqa: E402  gi wants the versions first

TELLS = ("prompt", "negative", "help-prompt", "model", "background")
SHAPES = ("grow", "feather", "soft-edge", "include-shadow")
HOW = _("Click on the object. Right click: not this. Drag: a box around it.")
COMPARE = _("Drag the line to compare. Esc: back to the mask.")
MOST = 3  # masks to choose among
SETTLING_SECONDS = 2  # before it is foretold how long a job takes
MORE = _("Tab: another mask. Backspace: takes the last click back.")


@dataclass(frozen=True)
class Outcome:
    """What is to be inserted: results of a job, of which one is to be visible."""

    job: str
    settings: dict
    pointed: Pointed
    results: list[Result]
    shown: int


def ask(job: str, photo: Photo, pointed: Pointed | None, settings: dict) -> Outcome | None:
    """Let the person choose; None when they think better of it.

    pointed: what the image already says; settings: those to begin with, as `remembered` has them.
    """
    GimpUi.init("inpaint-anything")
    dialog = Dialog(job, photo, pointed, settings)
    dialog.window.present()
    Gtk.main()
    return dialog.outcome


class Dialog:
    """One photo, one person, and what they have decided so far."""

    def __init__(self, job: str, photo: Photo, pointed: Pointed | None, settings: dict):
        self.outcome: Outcome | None = None
        self._photo, self._picture = photo, pictures.proxy(photo)
        self._given = pointed if pointed and pointed.mask else None  # a ready mask, until something is clicked
        self.pointing = Pointing.of(pointed.clicks if pointed and not pointed.mask else None)
        self.shapes: list[Shape] = []
        self.results: list[Result] = []
        self._composed: dict[int, pictures.Composed] = {}  # of the results, as they are ready to be shown
        self.looked = self.settled = False  # at the photo; the shapes are the last word on the clicks
        self._shown = 0  # which of the results
        self._thumbnails = 0  # the idle source that will show them
        self._run: Run | None = None
        self._then = self._show_results
        self._begun = 0.0
        self._talk, self._errands, self._surveyed = Talk(), Errands(), False
        self._procedures = {name: Gimp.get_pdb().lookup_procedure(f"inpaint-anything-{name}") for name in JOBS}
        self._configs = {name: procedure.create_config() for name, procedure in self._procedures.items()}
        last_settings.restore(self._configs["replace"], arguments.COLOURS)  # GIMP hands them on as black
        for name, config in self._configs.items():
            last_settings.restore(config, settings if name == job and settings else last_settings.last(name))
        panels = {name: Panel(self._procedures[name], self._configs[name], self._apply) for name in JOBS}
        self.view = View(photo.width, photo.height, self._picture, lambda *part: pictures.part(photo, *part))
        self.window = Window(self.view, panels)
        self._telling = Telling(self._talk, self.window, photo)
        GimpUi.window_set_transient(self.window)
        self.job = job
        self.window.jobs[job].set_active(True)
        self._connect()
        self._change_job(job)
        self._look()
        self.view.grab_focus()

    # -- what the person does -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        window, view = self.window, self.view
        view.connect("pointed", lambda _view, x, y, this: self._point(self.pointing.click(x, y, this)))
        view.connect("boxed", lambda _view, *box: self._point(self.pointing.with_box(box)))
        view.connect("hovered", lambda _view, x, y: self._hover(x, y))
        view.connect("left", lambda _view: self._leave())
        view.connect("key-press-event", self._key_in_view)
        window.connect("key-press-event", self._key)
        window.connect("response", self._respond)
        window.connect("delete-event", lambda *_: self._close() or True)
        window.stop.connect("clicked", lambda _button: self._stop())
        window.get_models.connect("clicked", lambda _button: self._get_models())
        for job, button in window.jobs.items():
            button.connect("toggled", lambda button, job=job: button.get_active() and self._change_job(job))
        for config in self._configs.values():
            config.connect("notify", lambda _config, setting: self._changed(setting.name))

    def _key(self, _window, event: Gdk.EventKey) -> bool:
        if event.keyval != Gdk.KEY_Escape:
            return False
        if self._run:
            self._stop()
        elif self.results:
            self._forget_results()
        else:
            self._close()
        return True

    def _key_in_view(self, _view, event: Gdk.EventKey) -> bool:
        control = event.state & Gdk.ModifierType.CONTROL_MASK
        match event.keyval:
            case Gdk.KEY_BackSpace if self.pointing.acts:
                self._point(self.pointing.back())
            case Gdk.KEY_Delete if self.pointing.acts:
                self._point(Pointing())
            case Gdk.KEY_Tab if not control and len(self._choices()) > 1:
                self._choose((self._chosen() + 1) % len(self._choices()))
            case _:
                return False
        return True

    def _respond(self, _window, response: int) -> None:
        match response:
            case Gtk.ResponseType.APPLY:
                self._apply()
            case _ if response == PREVIEW:
                self._then = self._show_results
                self._work()
            case _:
                self._close()

    def _close(self) -> None:
        if self._run:
            self._run.stop()
        self._telling.stop()
        if self._thumbnails:
            GLib.source_remove(self._thumbnails)
        self._talk.close()
        self._errands.close()
        self.window.destroy()
        Gtk.main_quit()

    def _change_job(self, job: str) -> None:
        self.job = job
        self.window.show_job(job)
        self._forget_results()
        self._find()
        self._telling.soon(self.job, self.settings)
        if self.window.panels[job].models and not self._surveyed:
            self._surveyed = True
            self._errands.send(lambda: job_steps.ask(messages.ListModels()), self._list_models, lambda _error: None)

    def _changed(self, name: str) -> None:
        """A setting was changed."""
        self._forget_results()
        if name in SHAPES:
            self._find()
        if name in TELLS:
            self._telling.soon(self.job, self.settings)

    def _point(self, pointing: Pointing) -> None:
        self.pointing = pointing
        self.view.show_clicks(pointing.marks)
        self._leave()
        self._forget_results()
        self._find()

    # -- finding --------------------------------------------------------------------------------------------------

    @property
    def pointed(self) -> Pointed | None:
        """What is meant, as it stands; None where nothing says so."""
        clicks = self.pointing.clicks
        return Pointed(clicks) if clicks else self._given

    def settings(self) -> dict:
        return arguments.read(self._procedures[self.job], self._configs[self.job])

    def _look(self) -> None:
        """Have the server start, and look at the photo, while the person still does."""
        question = job_steps.Question(messages.EncodeImage(self._photo.described), proxy=self._photo.proxy)

        def looked(*_answer) -> None:
            self.looked = True
            self._say_how()

        self._talk.ask(question, looked, self._failed, self._progress)
        self.view.show_clicks(self.pointing.marks)

    def _find(self) -> None:
        pointed, self.settled = self.pointed, False
        if pointed is None:
            self._talk.forget("find")
            self._show_shapes([])
            self._say_how()
            return
        question = job_steps.find(self.job, self._photo, pointed, self.settings())
        self._talk.ask(question, self._found, self._failed, self._progress, self._found, line="find")

    def _found(self, found: MaskProposals, frames: list[bytes]) -> None:
        self.settled = not found.more
        others_follow = found.more > 1  # at once: the small pictures wait for them
        self._show_shapes([pictures.shape(shape, frames) for shape in found.shapes[:MOST]], not others_follow)
        if not found.more:
            self._say_how()

    def _show_shapes(self, shapes: list[Shape], choices: bool = True) -> None:
        self.shapes = shapes
        self.view.show_shape(shapes[min(self.pointing.choice, len(shapes) - 1)] if shapes else None)
        for button in (self.window.apply, self.window.preview):
            button.set_sensitive(self.pointed is not None)
        if choices and not self._thumbnails:  # when the overlay has been drawn: it is what one waits for
            self._thumbnails = GLib.idle_add(self._show_choices, priority=GLib.PRIORITY_LOW)

    def _hover(self, x: float, y: float) -> None:
        if self._run or self.results or not self.looked:
            return
        clicks = self.pointing.click(x, y, True).clicks
        question = job_steps.find(self.job, self._photo, Pointed(clicks), self.settings(), quick=True)

        def heard(found: MaskProposals, frames: list[bytes]) -> None:
            self.view.show_hover(pictures.shape(found.shapes[0], frames) if found.shapes else None)

        self._talk.ask(question, heard, lambda error: None, line="hover")

    def _leave(self) -> None:
        self._talk.forget("hover")
        self.view.show_hover(None)

    # -- the row of choices: masks that may be meant, or results --------------------------------------------------

    def _choices(self) -> list:
        return [*self._composed.values()] if self.results else (self.shapes if self.pointing.clicks else [])

    def _chosen(self) -> int:
        return self._shown if self.results else self.pointing.choice

    def _show_choices(self) -> bool:
        self._thumbnails = 0
        choices = self._choices() if len(self._choices()) > 1 else []
        what = _("Result {number} of {count}") if self.results else _("Mask {number} of {count}")
        titles = [tr(what, number=k + 1, count=len(choices)) for k in range(len(choices))]
        small = [pictures.thumbnail(self._photo, self._picture, choice) for choice in choices]
        self.window.show_choices(small, titles, self._chosen(), self._choose)
        return GLib.SOURCE_REMOVE

    def _choose(self, k: int) -> None:
        if k == self._chosen():
            return
        if self.results:
            self._show_result(k)
        else:
            self.pointing = self.pointing.choose(k)
            self.view.show_shape(self.shapes[k])
            self._find()
        self.window.mark_choice(k)

    # -- working --------------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        self._then = self._take
        if self.results and not self._run:
            self._take()
        else:
            self._work()

    def _take(self) -> None:
        if self.pointed and self.results:
            settings = self.settings()
            last_settings.keep(self.job, settings)
            self.outcome = Outcome(self.job, settings, self.pointed, self.results, self._shown)
            self._close()

    def _show_results(self) -> None:
        self._show_result(self._shown)

    def _show_result(self, k: int) -> None:
        self._shown = k
        if k in self._composed:
            self.view.show_result(self._composed[k].picture, self._composed[k].window)
            self._say_how()

    def _work(self) -> None:
        """Do the job, and then `_then`.  What has come of it is kept when it is stopped."""
        pointed = self.pointed
        if pointed is None:
            self.window.say(HOW)
            return
        if self._run or self.results:
            return
        settings = self.settings()
        painted_with = settings if job_steps.paints(self.job, settings) else None

        def ended(error: UserError | None) -> None:
            self._run = None
            self._idle()
            if error is None:
                self._then()
            elif error.code != "cancelled":
                self._failed(error)

        self._begun = time.monotonic()
        self.window.stop.show()
        self.window.preview.set_sensitive(False)
        self._progress(0.0, job_steps.WORDS[self.job])
        steps = job_steps.steps(self.job, self._photo, pointed, settings, self._arrived)
        self._run = Run(self._talk, steps, ended, self._progress, lambda *news: self._partial(*news, painted_with))

    def _partial(self, message: messages.Message, frames: list[bytes], painted_with: dict | None) -> None:
        if isinstance(message, Preview):
            self.view.show_forming(pictures.forming(message.picture, frames), self._run.window)
        else:
            job_steps.took(message, frames, painted_with, self._arrived)

    def _arrived(self, result: Result) -> None:
        self.results.append(result)
        self.view.show_forming(None, result.window)
        if result.pixels is None:
            return
        k, results = len(self.results) - 1, self.results

        def ready(composed: pictures.Composed) -> None:
            if results is self.results:  # nothing else is wanted by now
                self._composed = dict(sorted({**self._composed, k: composed}.items()))
                self._show_choices()
                if self._run or k == self._shown:
                    self._show_result(k)

        self._errands.send(lambda: pictures.Composed(self._photo, self._picture, result), ready, lambda _error: None)

    def _stop(self) -> None:
        if self._run:
            self.window.show_progress(None, _("Cancelling"))
            self._run.stop()

    def _idle(self) -> None:
        self.window.stop.hide()
        self.view.show_forming(None, (0, 0, 1, 1))
        self.window.preview.set_sensitive(True)
        self._say_how()

    def _forget_results(self) -> None:
        """What was made no longer fits what is wanted."""
        if self._run:
            self._run.stop()
        if self.results:
            self.results, self._composed, self._shown = [], {}, 0
            self.view.show_result(None)
            self._show_choices()

    # -- what is said ---------------------------------------------------------------------------------------------

    def _progress(self, share: float, word: str) -> None:
        passed, left = time.monotonic() - self._begun, ""
        if self._run and passed > SETTLING_SECONDS and 0.05 < share < 1:
            left = time_left(passed * (1 - share) / share)
        self.window.show_progress(share, " · ".join(part for part in (translated(word), left) if part))

    def _failed(self, error: UserError) -> None:
        if error.code != "cancelled":
            self.window.say(in_words(error))

    def _say_how(self) -> None:
        if not self._run:
            self.window.say("")
        self.window.hint.set_text(COMPARE if self.results else MORE if self.pointing.acts else HOW)

    def _list_models(self, found: messages.ModelList) -> None:
        names = [model.name for model in found.models if model.installed and model.job == "fill"]
        for panel in self.window.panels.values():
            panel.offer(names)

    def _get_models(self) -> None:
        from ..settings import dialog

        dialog.show(self.window)
        self._telling.soon(self.job, self.settings)

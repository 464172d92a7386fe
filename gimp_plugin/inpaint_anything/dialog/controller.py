"""The dialog at work: signals and answers become events, `state.update` decides, and its commands are carried out.

Changes nothing in the image itself: what the person has chosen is handed on as an `Outcome`.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import cairo
import gi

from inference_server.shared.errors import UserError, cancelled_error, wrong_input
from inference_server.shared.geometry import Window as PhotoWindow
from inference_server.shared.messages import (
    Encoded,
    Job,
    ListModels,
    MaskProposals,
    MeasuredDepth,
    ModelInfo,
    ModelList,
    Raster,
)
from inference_server.shared.text import tr
from inference_server.shared.wire import extract

from .. import help, job_settings
from ..i18n import _, time_taken, translated
from ..image import last_settings
from ..image.layers import JobResult
from ..image.open_pictures import offered, without_what_is_gone
from ..image.photo_layer import PhotoLayer
from ..image.target import ObjectTarget
from ..job_settings import BackgroundKind, JobSettings, Source
from ..photo_view.behind import Behind, Nearness
from ..photo_view.picture import Detail
from ..photo_view.scene import MaskShape
from ..photo_view.tool import FIRST_TINT, Tint, first_radius
from ..photo_view.view import View
from ..requests import connection
from ..requests.background import BackgroundTasks, internal_error
from ..requests.job_run import JobRun
from ..requests.job_steps import PhotoJob, depth_request, encode_request, preview_request
from ..requests.worker import RequestWorker
from ..settings.model_offer import ModelOffer
from ..settings.offers import used
from ..widgets import confirmed
from . import events, recipe_files
from .annotation import Annotation, ClickHistory
from .backgrounds import behind_of, photo_behind, reference_at, reference_in, reference_of
from .panels import Panel
from .pictures import (
    ComposedResult,
    mask_shape,
    photo_part,
    place_in_proxy,
    preview_picture,
    proxy_picture,
    thumbnail,
)
from .prompt_hint import PromptHint
from .single import CAN_CALL, only_dialog, when_called
from .state import DialogState, Phase
from .toolbar import TOOL_KEYS
from .update import update
from .window import CONTINUE, JOBS, PREVIEW, Window

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gtk  # noqa: E402  gi wants the versions first

MAX_CHOICES = 3  # masks to choose among
KEYS: dict[str, events.Event] = {  # over the photo
    "backspace": events.Undo(),
    "delete": events.RemoveCurrent(),
    "n": events.NextObject(),
    "f": events.SnapPressed(),
    "m": events.NextMaskView(),
    "h": events.BehindFlipped(),
}
NEEDS_PHOTO = events.RequestProposals | events.StartRun | events.Insert
PROPOSALS, HOVER, DEPTH = "proposals", "hover", "depth"  # slots of the worker: the newest question for each counts


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is to be inserted: a job's results, of which the one with the index `visible` is to be seen."""

    settings: JobSettings
    target: ObjectTarget
    results: tuple[JobResult, ...]
    visible: int


OpenPhoto = Callable[[Source], tuple[PhotoLayer, ObjectTarget | None]]
InsertResults = Callable[[PhotoLayer, Outcome], None]


def ask(
    image: int, job: Job, open_photo: OpenPhoto, insert: InsertResults, settings: JobSettings, *, is_edit: bool
) -> None:
    """Show the dialog and wait until it is closed.

    image: its id in GIMP.  open_photo(source): the photo, and what the image says is meant, if it does.
    insert(photo, outcome): puts what the person has chosen into the image.  settings: the job's, to begin with.
    is_edit: whether a former result is changed.  Raises UserError where there is no photo to work on, and where the
    image has a dialog already.
    """
    GimpUi.init("inpaint-anything")
    with only_dialog(image) as alone:
        if not alone:
            if CAN_CALL:
                raise cancelled_error()  # the window that is there says it all
            raise wrong_input("This image has a window of Inpaint Anything already.", "Close it first.")
        dialog = Dialog(job, open_photo, insert, settings, is_edit=is_edit)
        when_called(dialog.window.present)
        dialog.window.present()
        Gtk.main()


class Dialog:
    """One photo, one person, one `DialogState`."""

    def __init__(
        self, job: Job, open_photo: OpenPhoto, insert: InsertResults, settings: JobSettings, *, is_edit: bool
    ) -> None:
        self._open_photo, self._insert_results = open_photo, insert
        self._photo, target = open_photo(settings.source)
        self._proxy = proxy_picture(self._photo)
        self._source = settings.source
        self._ready = _ready_mask(target)
        self._models: ModelList | None = None
        self._tasks = BackgroundTasks(lambda error: self.dispatch(events.Failed(error)))
        self._worker = RequestWorker(self._tasks)
        self._run: JobRun | None = None
        self._settings_of_runs: dict[int, JobSettings] = {}
        self._configs = {name: job_settings.create_config(name) for name in JOBS}
        for name, config in self._configs.items():
            known = settings if name == job else last_settings.last(name)
            if not (is_edit and name == job):
                known = without_what_is_gone(known, self._photo.image)
            job_settings.write(known, config)
            config.set_property("source", settings.source.value)
        self.view = View(self._photo.width, self._photo.height, self._proxy, self._detail())
        self._offer = ModelOffer(self._tasks, self._models_changed)
        self.window = self._make_window()
        self._offer_prompts()
        if is_edit:
            self._fix_what_is_edited()
        self._prompt_hint = PromptHint(self._worker, self.window, lambda: self._photo, self.dispatch)
        self._events: deque[events.Event] = deque()
        self._dispatching = False
        self.state = DialogState(
            job=job,
            options=job_settings.read(job, self._configs[job]).mask_options,
            behind=self._behind(job),
            reference=events.Reference(address) if (address := self._reference(job)) else None,
            has_ready_mask=self._ready is not None,
            annotation=_annotation(target),
            given=_annotation(target),
            brush=first_radius(self._photo.width, self._photo.height),
            tint=_last_tint(),
        )
        self.window.jobs[job].set_active(True)
        self._connect_view()
        self._connect_window()
        self.dispatch(events.Opened())
        self.view.grab_focus()

    def _make_window(self) -> Window:
        def entered() -> None:
            select = self.state.job == Job.SELECT
            self.dispatch(events.ApplyPressed() if select else events.PreviewPressed())

        window = Window(
            self.view,
            {name: Panel(name, config, entered, self._open_pictures) for name, config in self._configs.items()},
            self._offer,
            thumbnails=self._thumbnails,
            dispatch=self.dispatch,
            show_settings=self._show_models,
            save_recipe=self._save_recipe,
        )
        shows_more = last_settings.shows_more()
        for panel in window.panels.values():
            panel.show_size((self._photo.width, self._photo.height))
            panel.more.set_expanded(shows_more)
            panel.more.connect("notify::expanded", self._more_toggled)
        size = last_settings.window_size()
        if size:
            window.set_default_size(*size)
        GimpUi.window_set_transient(window)
        return window

    def _open_pictures(self) -> tuple[list[str], list[str]]:
        return offered(self._photo.image)

    def _offer_prompts(self) -> None:
        for job, panel in self.window.panels.items():
            panel.offer_prompts(last_settings.prompts(job))

    def _more_toggled(self, expander: Gtk.Expander, _property: object) -> None:
        """Open or close it for all jobs."""
        for panel in self.window.panels.values():
            panel.more.set_expanded(expander.get_expanded())

    def _fix_what_is_edited(self) -> None:
        """A former result is made again from what it was made from, and that is all that is done."""
        self.window.apply_and_continue.hide()
        for panel in self.window.panels.values():
            panel.fix("source")

    def _detail(self) -> Detail:
        photo = self._photo
        return lambda window, scale: photo_part(photo, window, scale)

    def _show_photo(self, photo: PhotoLayer) -> None:
        """Show a photo in the place of the former one."""
        self._worker.cancel(DEPTH)  # it is the former one's
        self._photo.release()
        self._photo, self._proxy = photo, proxy_picture(photo)
        self.view.show_photo(photo.width, photo.height, self._proxy, self._detail())
        for panel in self.window.panels.values():
            panel.show_size((photo.width, photo.height))

    # -- from signals to events -----------------------------------------------------------------------------------

    def _connect_view(self) -> None:
        view = self.view
        view.connect("pointed", lambda _view, *click: self.dispatch(events.Clicked(*click)))
        view.connect("boxed", lambda _view, *box: self.dispatch(events.BoxDrawn(box[:4], box[4])))
        view.connect("stroked", lambda _view, stroke: self.dispatch(events.StrokeDrawn(stroke)))
        view.connect("mark-moved", lambda _view, *mark: self.dispatch(events.MarkMoved(*mark)))
        view.connect("mark-removed", lambda _view, *mark: self.dispatch(events.MarkRemoved(*mark)))
        view.connect("mark-chosen", lambda _view, k, _entry: self.dispatch(events.ObjectChosen(k)))
        view.connect("brush-resized", lambda _view, radius: self.dispatch(events.BrushResized(radius)))
        view.connect("behind-moved", lambda view, *by: self.dispatch(events.BehindMoved(view.viewport.photo, *by)))
        view.connect("behind-scaled", lambda view, *by: self.dispatch(events.BehindScaled(view.viewport.photo, *by)))
        view.connect("behind-fitted", lambda _view: self.dispatch(events.BehindFitted()))
        view.connect("hovered", lambda _view, x, y: self.dispatch(events.HoverMoved(x, y)))
        view.connect("left", lambda _view: self.dispatch(events.HoverLeft()))
        view.connect("key-press-event", self._key_in_view)

    def _connect_window(self) -> None:
        window = self.window
        window.connect("key-press-event", self._key_in_window)
        window.connect("response", self._responded)
        window.connect("delete-event", self._deleted)
        window.stop.connect("clicked", lambda _button: self.dispatch(events.StopPressed()))
        for job, button in window.jobs.items():
            button.connect("toggled", self._job_toggled, job)
            button.connect("mnemonic-activate", self._job_named)
        for job, config in self._configs.items():
            config.connect("notify", lambda _config, setting, job: self._setting_changed(job, setting.name), job)

    def _key_in_window(self, _window: Window, event: Gdk.EventKey) -> bool:
        match event.keyval:
            case Gdk.KEY_Escape:
                self.dispatch(events.EscapePressed())
            case Gdk.KEY_F1:
                help.show(help.Page(self.state.job.value))
            case Gdk.KEY_F6:
                (self.window.jobs[self.state.job] if self.view.is_focus() else self.view).grab_focus()
            case _:
                return False
        return True

    def _key_in_view(self, _view: View, event: Gdk.EventKey) -> bool:
        control, shift = (
            bool(event.state & mask) for mask in (Gdk.ModifierType.CONTROL_MASK, Gdk.ModifierType.SHIFT_MASK)
        )
        wanted = self._event_of((Gdk.keyval_name(event.keyval) or "").lower(), control=control, shift=shift)
        if wanted is None or event.state & Gdk.ModifierType.MOD1_MASK:
            return False
        self.dispatch(wanted)
        return True

    def _event_of(self, key: str, *, control: bool, shift: bool) -> events.Event | None:
        """What a key over the photo means; control, shift: whether Ctrl and Shift are held, too."""
        match key:
            case "z" | "y" if control:
                return events.Redo() if shift or key == "y" else events.Undo()
            case "tab" if not control and len(self.state.row) > 1:  # else it moves the focus
                return events.NextChoice()
            case "delete" if self.state.shows_results:
                return events.ResultRemoved(self.state.chosen)
            case _ if key in TOOL_KEYS and not control:
                return events.ToolChosen(TOOL_KEYS[key])
        return None if control else KEYS.get(key)

    def _responded(self, _window: Window, response: int) -> None:
        match response:
            case Gtk.ResponseType.APPLY:
                self.dispatch(events.ApplyPressed())
            case _ if response == PREVIEW:
                self.dispatch(events.PreviewPressed())
            case _ if response == CONTINUE:
                self.dispatch(events.ContinuePressed())
            case _:
                self.dispatch(events.CloseRequested())

    def _deleted(self, *_: object) -> bool:
        self.dispatch(events.CloseRequested())
        return True  # `Close` destroys the window

    def _job_named(self, button: Gtk.RadioButton, *_cycling: object) -> bool:
        """Alt and a letter choose a job without leaving the photo, where the next key is meant."""
        button.set_active(True)
        self.view.grab_focus()
        return True

    def _job_toggled(self, button: Gtk.RadioButton, job: Job) -> None:
        if button.get_active():
            options = self._settings(job).mask_options
            self.dispatch(events.JobChanged(job, options, self._behind(job), self._reference(job)))
            self._show_what_works()

    def _setting_changed(self, job: Job, name: str) -> None:
        """Settings of other jobs change, too, when it is known which models there are."""
        if job != self.state.job:
            return
        if name == "source":
            source = self._settings(job).source
            if source is self._source:
                return
            self._source = source
            for config in self._configs.values():
                config.set_property("source", source.value)
        options = self._settings(job).mask_options
        self.dispatch(events.SettingChanged(name, options, self._behind(job), self._reference(job)))
        if name in ("background", "quality", "model"):
            self._show_what_works()

    def _show_models(self) -> None:
        from ..settings import dialog

        dialog.show(self.window)
        self._models_changed()

    def _thumbnails(self, row: Sequence[MaskShape | ComposedResult]) -> list[cairo.ImageSurface]:
        around = reduce(PhotoWindow.union, (place_in_proxy(self._photo, choice) for choice in row))
        colour = self.state.tint.colour
        return [thumbnail(self._photo, self._proxy, choice, around, colour) for choice in row]

    def _models_changed(self) -> None:
        """Go on with what is there now."""
        self._ask_for_models()
        self.dispatch(events.ModelsChanged())
        self.dispatch(events.RetryPressed())  # what was asked for, if it has failed

    def _save_recipe(self) -> None:
        job = self.state.job
        target, size = self._target(self.state.annotation), (self._photo.width, self._photo.height)
        try:
            file = recipe_files.ask_for_file(self.window, job)
            if file:
                recipe_files.save(file, size, target, self._settings(job))
        except UserError as error:
            self.dispatch(events.Failed(error))

    def _confirm_close(self, command: events.ConfirmClose) -> None:
        self._tasks.post(self._ask_whether_to_close, command)  # while it is asked, jobs go on and are shown

    def _ask_whether_to_close(self, command: events.ConfirmClose) -> None:
        if command.results:
            question, more = _("Close without the results?"), _("They are not in the image yet: Apply puts them there.")
        else:
            question, more = _("Close without using what you marked?"), _("The clicks and strokes will be lost.")
        if confirmed(self.window, question, more, yes=_("C_lose"), no=_("_Go On")):
            self.dispatch(events.CloseConfirmed())

    def _settings(self, job: Job) -> JobSettings:
        return job_settings.read(job, self._configs[job])

    def _behind(self, job: Job) -> Behind | None:
        return behind_of(self._photo, self._settings(job))

    def _reference(self, job: Job) -> str:
        return reference_of(self._settings(job))

    # -- from events to commands ----------------------------------------------------------------------------------

    def dispatch(self, event: events.Event) -> None:
        """Let an event change the state, carry out what follows, and show it.  An event that comes meanwhile waits.

        Commands come before drawing, so that the server works while the window is drawn.
        """
        self._events.append(event)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._events:
                self.state, commands = update(self.state, self._events.popleft())
                for command in commands:
                    self._execute(command)
        finally:
            self._dispatching = False
        if self.state.phase is not Phase.CLOSED:
            self.window.show_state(self.state)

    def _execute(self, command: events.Command) -> None:
        """Carry out a command.  Where that fails, the event says so that the dialog waits for."""
        try:
            if isinstance(command, NEEDS_PHOTO) and not self._photo.is_valid:
                raise wrong_input("The photo was closed in GIMP.", "Close this window.")
            self._EXECUTE[type(command)](self, command)
        except Exception as error:
            reason = error if isinstance(error, UserError) else internal_error(error)
            match command:
                case events.RequestProposals(query):
                    self.dispatch(events.ProposalsFailed(query, reason))
                case events.StartRun(run):
                    self.dispatch(events.RunEnded(run, reason))
                case _:
                    self.dispatch(events.Failed(reason))

    def _request_encoding(self, _command: events.RequestEncoding) -> None:
        def answered(_encoded: Encoded, _frames: list[bytes]) -> None:
            self.dispatch(events.Encoded())

        self._worker.ask(encode_request(self._photo), answered, self._failed, progress=self._progressed)

    def _ask_for_models(self) -> None:
        def answered(models: ModelList) -> None:
            self._models = models
            self._show_what_works()
            names = [model.name for model in models.models if model.installed and model.job == Job.FILL]
            for panel in self.window.panels.values():
                panel.offer_models(names)
            replacing = self._configs[Job.REPLACE]
            paints = replacing.get_property("background") == BackgroundKind.PROMPT
            if paints and not names and not replacing.get_property("prompt"):
                replacing.set_property("background", BackgroundKind.BLUR.value)  # which needs no model

        self._tasks.run(lambda: connection.ask(ListModels()), answered)

    def _show_what_works(self) -> None:
        """Offer what the job lacks, or would do better with; say what will do it, and about how long."""
        settings = self._settings(self.state.job)
        self.window.show_plan(self._plan(settings))
        needs_none = settings.job == Job.REPLACE and not settings.paints
        has_own = settings.paints and bool(settings.model)  # which somebody has chosen
        if self._models and not (needs_none or has_own):
            self._offer.offer(settings.job, self._models, needed=False)
        elif not self._offer.fetching:
            self._offer.hide()

    def _model_used(self, job: Job) -> ModelInfo | None:
        """Which model does a job; None where none can, or where that is not known yet."""
        return used(job, self._models) if self._models else None

    def _plan(self, settings: JobSettings) -> str:
        """Which model does a job, on what, and how long it took the last time; "" for what takes no time."""
        model = self._model_used(settings.job)
        if self._models is None or model is None or not (settings.paints or settings.job == Job.REMOVE):
            return ""
        where = self._models.device or _("the processor")
        plan = tr(_("{model}, on {device}"), model=translated(model.short), device=where)
        seconds = last_settings.seconds_of(_work(settings, model))
        return tr("{plan} · {time}", plan=plan, time=time_taken(seconds)) if seconds else plan

    def _keep_seconds(self, settings: JobSettings, seconds: float) -> None:
        model = self._model_used(settings.job)
        if model:
            last_settings.keep_seconds(_work(settings, model), seconds)
            self._show_what_works()

    def _request_proposals(self, command: events.RequestProposals) -> None:
        query = command.query

        def arrived(found: MaskProposals, frames: list[bytes]) -> None:
            proposals = found.proposals if query.prompt and query.prompt.of_a_kind else found.proposals[:MAX_CHOICES]
            shapes = tuple(mask_shape(proposal, frames) for proposal in proposals)
            self.dispatch(events.ProposalsArrived(query, shapes, found.more))

        def failed(error: UserError) -> None:
            self.dispatch(events.ProposalsFailed(query, error))

        request = preview_request(self._photo, self._target_of(query), self._settings(query.job))
        self._worker.ask(request, arrived, failed, progress=self._progressed, partial=arrived, slot=PROPOSALS)

    def _request_alpha(self, command: events.RequestAlpha) -> None:
        query = command.query

        def arrived(found: MaskProposals, frames: list[bytes]) -> None:
            if found.proposals:
                self.dispatch(events.AlphaArrived(query, mask_shape(found.proposals[0], frames)))

        def failed(_error: UserError) -> None:
            """What was painted stays hatched then: a job says why, if it fails, too."""

        request = preview_request(self._photo, self._target(query.meant), self._settings(query.job))
        self._worker.ask(request, arrived, failed, slot=PROPOSALS)

    def _read_behind(self, command: events.ReadBehind) -> None:
        address = command.address

        def failed(_error: UserError) -> None:
            """Nothing is shown then: that it cannot be read is said when it is used."""

        self._tasks.run(
            lambda: photo_behind(address),
            lambda photo: self.dispatch(events.BehindRead(photo)),
            failed,
        )

    def _request_depth(self, _command: events.RequestDepth) -> None:
        def answered(found: MeasuredDepth, frames: list[bytes]) -> None:
            raster = found.nearness
            nearness = Nearness((raster.width, raster.height), extract(raster, frames)) if raster else None
            self.dispatch(events.DepthMeasured(nearness))

        def failed(_error: UserError) -> None:
            """It is shown without, as where no model is there."""

        self._worker.ask(depth_request(self._photo), answered, failed, slot=DEPTH)

    def _read_reference(self, command: events.ReadReference) -> None:
        def read(reference: events.Reference) -> None:
            self.dispatch(events.ReferenceRead(reference))

        address = command.address
        if address.startswith(events.LAYER):
            read(reference_in(self._photo.image, address))  # GIMP is asked on this thread alone
        else:
            self._tasks.run(lambda: reference_at(address), read)

    def _keep_covering(self, command: events.KeepCovering) -> None:
        config = self._configs[Job.REPLACE]
        with config.freeze_notify():  # both at once
            job_settings.write_covering(command.covering, config)

    def _request_hover(self, command: events.RequestHover) -> None:
        query = command.query

        def arrived(found: MaskProposals, frames: list[bytes]) -> None:
            shape: MaskShape | None = mask_shape(found.proposals[0], frames) if found.proposals else None
            self.dispatch(events.HoverArrived(query, shape))

        def failed(error: UserError) -> None:
            """Nothing is shown then: the person has asked for nothing, and is told when they do."""

        request = preview_request(self._photo, self._target_of(query), self._settings(query.job), quick=True)
        self._worker.ask(request, arrived, failed, slot=HOVER)

    def _start_run(self, command: events.StartRun) -> None:
        run = command.run

        def preview(picture: Raster, frames: list[bytes], window: PhotoWindow) -> None:
            self.dispatch(events.PreviewArrived(run, events.Preview(preview_picture(picture, frames), window)))

        settings = self._settings(command.job)
        settings = replace(settings, seed=settings.seed + command.seeds_used)
        self._settings_of_runs[run] = settings
        as_seen = replace(settings, include_shadow=command.include_shadow)
        job = PhotoJob(photo=self._photo, target=self._target(command.annotation), settings=as_seen)
        begun, came = time.monotonic(), 0

        def arrived(result: JobResult) -> None:
            nonlocal came
            came += 1
            self.dispatch(events.ResultArrived(run, result))

        def ended(error: UserError | None) -> None:
            if came and not error:  # first, as the end of a run may be the end of the dialog
                self._keep_seconds(settings, (time.monotonic() - begun) / came)
            self.dispatch(events.RunEnded(run, error))

        self._run = JobRun(
            self._worker,
            job,
            arrived=arrived,
            preview=preview,
            progress=lambda share, message: self.dispatch(events.RunProgressed(run, share, message)),
            ended=ended,
        )

    def _cancel_run(self, _command: events.CancelRun) -> None:
        if self._run:
            self._run.cancel()

    def _compose_result(self, command: events.ComposeResult) -> None:
        run, index = command.run, command.index
        self._tasks.run(
            lambda: ComposedResult(self._photo, self._proxy, command.result),
            lambda picture: self.dispatch(events.ResultComposed(run, index, picture)),
            lambda error: self.dispatch(events.ComposingFailed(run, error)),
        )

    def _insert(self, command: events.Insert) -> None:
        settings, target = self._settings_of_runs[command.run], self._target(command.annotation)
        outcome = Outcome(settings=settings, target=target, results=command.results, visible=command.shown)
        self._insert_results(self._photo, outcome)
        if settings.job != Job.SELECT or target.prompts:  # a mask that was refined says nothing of the next object
            last_settings.keep(settings)
            self._offer_prompts()
        if not command.goes_on:
            self.dispatch(events.Inserted())
            return
        photo, _target = self._open_photo(self._source)  # what the image pointed at has been done
        self._ready = None
        self._show_photo(photo)
        self.dispatch(events.PhotoChanged(Annotation(), has_ready_mask=False, applied=True))

    def _reopen_photo(self, _command: events.ReopenPhoto) -> None:
        photo, target = self._open_photo(self._source)
        (x, y), (new_x, new_y) = self._photo.offset, photo.offset
        self._ready = _ready_mask(target)
        annotation = self.state.annotation.moved(x - new_x, y - new_y)
        self._show_photo(photo)
        self.dispatch(events.PhotoChanged(annotation, has_ready_mask=self._ready is not None, applied=False))

    def _close(self, _command: events.Close) -> None:
        self._prompt_hint.stop()
        self._offer.close()
        self._worker.close()
        self._tasks.close()
        self._photo.release()
        more = self.window.panels[self.state.job].more.get_expanded()
        width, height = self.window.get_size()
        tint = *self.state.tint.colour, self.state.tint.opacity
        last_settings.keep_window((width, height), tint, shows_more=more)
        self.window.destroy()
        Gtk.main_quit()

    _EXECUTE: dict[type, Callable[["Dialog", Any], None]] = {  # noqa: RUF012  constant
        events.RequestEncoding: _request_encoding,
        events.RequestModels: lambda self, _command: self._ask_for_models(),
        events.RequestProposals: _request_proposals,
        events.CancelProposals: lambda self, _command: self._worker.cancel(PROPOSALS),
        events.RequestAlpha: _request_alpha,
        events.RequestHover: _request_hover,
        events.CancelHover: lambda self, _command: self._worker.cancel(HOVER),
        events.ReadBehind: _read_behind,
        events.RequestDepth: _request_depth,
        events.ReadReference: _read_reference,
        events.KeepCovering: _keep_covering,
        events.UpdatePromptHint: lambda self, _command: self._update_prompt_hint(),
        events.StartRun: _start_run,
        events.CancelRun: _cancel_run,
        events.ComposeResult: _compose_result,
        events.Insert: _insert,
        events.ReopenPhoto: _reopen_photo,
        events.ConfirmClose: _confirm_close,
        events.Close: _close,
    }

    def _update_prompt_hint(self) -> None:
        self._prompt_hint.update_soon(lambda: self._settings(self.state.job))

    def _target_of(self, query: events.MaskQuery) -> ObjectTarget:
        """What a question is about: one object, or what the image came with."""
        if query.prompt is not None:
            return ObjectTarget(prompts=(query.prompt,))
        assert self._ready is not None  # nothing is asked without a target
        return replace(self._ready, strokes=())

    def _target(self, annotation: Annotation) -> ObjectTarget:
        """What is marked; where no object is, the mask that the image came with counts, if it did."""
        if self._ready is not None and not annotation.objects:
            return replace(self._ready, strokes=annotation.strokes)
        return ObjectTarget(prompts=annotation.prompts, strokes=annotation.strokes)

    def _progressed(self, share: float, message: str) -> None:
        self.dispatch(events.ProgressArrived(share, message))

    def _failed(self, error: UserError) -> None:
        self.dispatch(events.Failed(error))


def _last_tint() -> Tint:
    """What covered a photo when the dialog was last closed."""
    red, green, blue, opacity = last_settings.tint() or (*FIRST_TINT.colour, FIRST_TINT.opacity)
    return Tint((red, green, blue), opacity)


def _work(settings: JobSettings, model: ModelInfo) -> str:
    """The kind of work, as far as it says how long a result takes."""
    return " ".join([settings.job, model.name, *([settings.quality] if settings.paints else [])])


def _ready_mask(target: ObjectTarget | None) -> ObjectTarget | None:
    """What is meant until something is clicked: a mask that the image came with."""
    return target if target and target.mask else None


def _annotation(target: ObjectTarget | None) -> Annotation:
    """The marks that the image came with."""
    if target is None or target.mask:
        return Annotation()
    objects = tuple(map(ClickHistory.of, target.prompts))
    return Annotation(objects, max(len(objects) - 1, 0), target.strokes)

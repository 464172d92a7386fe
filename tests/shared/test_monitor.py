"""Progress, previews and cancelling in one object."""

import pytest

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.monitor import UNWATCHED, Monitor


def listening(**options: object) -> tuple[Monitor, list[tuple[float, str]]]:
    heard: list[tuple[float, str]] = []
    return Monitor(on_progress=lambda *progress: heard.append(progress), **options), heard


def test_progress_is_heard_with_its_message_or_the_monitors():
    monitor, heard = listening(message="Removing")
    monitor.report(0.5)
    monitor.report(1, "Done")
    assert heard == [(0.5, "Removing"), (1, "Done")]


def test_a_part_reports_shares_of_the_whole():
    monitor, heard = listening(message="Filling")
    part = monitor.part(0.5, 1.0, "Painting")
    part.report(0.0)
    part.report(0.5, "Almost")
    part.part(0.5, 1.0).report(1.0)
    monitor.part(0.0, 0.5).report(1.0)
    assert heard == [(0.5, "Painting"), (0.75, "Almost"), (1.0, "Painting"), (0.5, "Filling")]


def test_a_part_passes_previews_on_and_is_cancelled_with_the_whole():
    seen, cancelled = [], []
    whole = Monitor(on_preview=seen.append, is_cancelled=lambda: bool(cancelled))
    part = whole.part(0.2, 0.4, "Painting")
    part.on_preview("a picture")
    assert seen == ["a picture"]
    part.check()
    cancelled.append(True)
    for monitor in (whole, part):
        with pytest.raises(UserError) as stopped:
            monitor.check()
        assert stopped.value.code == ErrorCode.CANCELLED


def test_nothing_is_reported_once_it_is_cancelled():
    monitor, heard = listening(is_cancelled=lambda: True)
    with pytest.raises(UserError, match="Cancelled"):
        monitor.report(0.5, "Painting")
    assert heard == []


def test_unwatched_work_goes_on():
    UNWATCHED.check()
    UNWATCHED.report(0.5, "Painting")
    UNWATCHED.part(0, 1).on_preview("a picture")

"""The window that installs, without GTK: every state, and what each event makes of it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))

from inpaint_anything.setup import state as states
from inpaint_anything.setup.state import Phase, SetupState

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error

FULL = UserError(ErrorCode.DISK_FULL, "The disk is full.")

EVENTS = {
    "install": states.install_pressed,
    "cancel": states.cancel_pressed,
    "progress": lambda state: states.progressed(state, 0.5, "half"),
    "done": lambda state: states.ended(state, None),
    "cancelled": lambda state: states.ended(state, cancelled_error()),
    "failed": lambda state: states.ended(state, FULL),
}
# What each event makes of each phase; what is not here changes nothing.
CHANGES = {
    (Phase.OFFERED, "install"): Phase.WORKING,
    (Phase.OFFERED, "cancel"): Phase.LEFT,
    (Phase.WORKING, "cancel"): Phase.STOPPING,
    (Phase.WORKING, "done"): Phase.DONE,
    (Phase.WORKING, "cancelled"): Phase.STOPPED,
    (Phase.WORKING, "failed"): Phase.FAILED,
    (Phase.STOPPING, "done"): Phase.DONE,
    (Phase.STOPPING, "cancelled"): Phase.STOPPED,
    (Phase.STOPPING, "failed"): Phase.FAILED,
    (Phase.STOPPED, "install"): Phase.WORKING,
    (Phase.STOPPED, "cancel"): Phase.LEFT,
    (Phase.FAILED, "install"): Phase.WORKING,
    (Phase.FAILED, "cancel"): Phase.LEFT,
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("phase", Phase)
def test_each_event_in_each_state(phase, event):
    error = FULL if phase is Phase.FAILED else None
    before = SetupState(phase=phase, error=error)
    after = EVENTS[event](before)
    assert after.phase is CHANGES.get((phase, event), phase)
    assert (after.error is not None) == (after.phase is Phase.FAILED), "an error is shown while it is new"
    if (phase, event) not in CHANGES and (phase, event) != (Phase.WORKING, "progress"):
        assert after == before
    assert after.may_install + after.is_working + after.is_over == 1


def test_the_bar_never_goes_back():
    state = states.install_pressed(SetupState())
    for share, shown in ((0.3, 0.3), (0.2, 0.3), (7.0, 1.0)):
        state = states.progressed(state, share, "")
        assert state.share == shown
    assert states.progressed(states.progressed(state, 1, "words"), 1, "").message == "words"

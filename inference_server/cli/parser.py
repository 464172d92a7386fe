"""The command line's arguments, and which command they run.

Nothing but the standard library is imported before a command runs: help and a missing model are shown without numpy,
and where the environment is broken.  A command gets its arguments by name; no Namespace leaves this module and
`photo_arguments`.
"""

import argparse
import errno
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..imaging.files import memory
from ..shared import paths
from ..shared.errors import UserError, file_error, no_memory_error
from ..shared.messages import Job
from . import commands, interruptions, key_commands, model_commands, photo_arguments, serving
from .batch import arguments as batch_arguments

THE_DISKS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT)  # faults that are no fault of ours
Commands = argparse._SubParsersAction  # what argparse gives no public name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 refused with a sentence, 130 interrupted."""
    _let_print_all()
    try:
        given = _parser().parse_args(arguments)
        status: int = given.run(given)
        return status
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return 130
    except (ImportError, MemoryError) as error:
        if not memory.is_lack(error):
            raise
        print(no_memory_error(), file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in THE_DISKS:
            raise
        print(file_error(error.filename or paths.home(), error), file=sys.stderr)
        return 1


def _let_print_all() -> None:
    """Have what a stream cannot show, such as a path in another script, shown as numbers.

    On Windows what is no console is given UTF-8, which the plug-in reads, and not the code page of that system.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_piped = sys.platform == "win32" and not stream.isatty()
            stream.reconfigure(encoding="utf-8" if is_piped else None, errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    program = "inpaint-anything" if Path(sys.argv[0]).stem == "inpaint-anything" else "python -m inference_server"
    parser = argparse.ArgumentParser(prog=program, description="Inpaint Anything: find, remove, fill, replace.")
    parser.add_argument("--version", action="version", version=__version__)
    group = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_server(group)
    _add_keys(group)
    _add_service(group)
    _add_models(group)
    for job in (Job.SELECT, Job.REMOVE, Job.FILL, Job.REPLACE):
        photo_arguments.add(group, job).set_defaults(run=_run_on_photos, job=job)
    photo_arguments.add_expand(group).set_defaults(run=_expand)
    batch_arguments.add(group).set_defaults(run=_run_batch)
    recipe = group.add_parser("recipe", help="say what a recipe means, as JSON (the GIMP plug-in asks for it)")
    recipe.add_argument("recipe", metavar="RECIPE", help="a file in TOML")
    recipe.set_defaults(run=_tell_recipe)
    return parser


def _add_server(group: Commands) -> None:
    serving.add(group).set_defaults(run=lambda given: serving.run(serving.settings(given)))

    top = group.add_parser("top", help="show what the running server does, until Ctrl+C")
    top.add_argument("--once", action="store_true", help="only once")
    top.set_defaults(run=lambda given: commands.top(once=given.once))

    stop = group.add_parser("stop", help="end this user's running server")
    stop.set_defaults(run=lambda given: commands.stop())

    plug_in = group.add_parser("install-plugin", help="put the plug-in into the GIMP 3 you have")
    plug_in.set_defaults(run=lambda given: commands.install_plug_in())

    doctor = group.add_parser("doctor", help="say what works here and what does not")
    doctor.add_argument("--report", action="store_true", help="to send to others: without anything personal")
    doctor.add_argument("--repair", action="store_true", help="mend what can be mended")
    doctor.set_defaults(run=lambda given: commands.doctor(anonymous=given.report, repair=given.repair))


def _add_keys(group: Commands) -> None:
    keys = group.add_parser("keys", help="this user's keys, and whose programs the server answers over a network")
    keys.set_defaults(run=lambda given: key_commands.show())
    actions = keys.add_subparsers(metavar="ACTION")

    admit = actions.add_parser("admit", help="have the server answer the programs that have this key")
    admit.add_argument("key", metavar="KEY", help="as their settings in GIMP show it, or “keys” there")
    admit.add_argument("--name", required=True, help="what to call them here")
    admit.set_defaults(run=lambda given: key_commands.admit(given.key, given.name))

    forget = actions.add_parser("forget", help="have the server refuse them from now on")
    forget.add_argument("name", metavar="NAME")
    forget.set_defaults(run=lambda given: key_commands.forget(given.name))


def _add_service(group: Commands) -> None:
    service = group.add_parser("service", help="have the system start “serve --lan” when you log in")
    actions = service.add_subparsers(required=True, metavar="ACTION")
    install = actions.add_parser("install", help="start it, now and from now on")
    install.set_defaults(run=lambda given: commands.install_service())
    remove = actions.add_parser("remove", help="end it, and do not start it any more")
    remove.set_defaults(run=lambda given: commands.remove_service())


def _add_models(group: Commands) -> None:
    models = group.add_parser("models", help="list, fetch, verify, measure, import or remove models")
    actions = models.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="the models known and whether they are here")
    listing.set_defaults(run=lambda given: model_commands.show())

    fetch = actions.add_parser("fetch", help="download models, going on where that stopped")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="of the list, or ORG/NAME[@REVISION] of the model hub")
    fetch.set_defaults(run=lambda given: model_commands.fetch(given.names))

    verify = actions.add_parser("verify", help="compare the checksums of models that are here")
    verify.add_argument("names", nargs="+", metavar="NAME")
    verify.set_defaults(run=lambda given: model_commands.verify(given.names))

    bench = actions.add_parser(
        "bench", help="measure the models that are here, so that the best for this machine is used"
    )
    bench.set_defaults(run=lambda given: model_commands.bench())

    import_files = actions.add_parser("import", help="take model files that were downloaded by hand")
    import_files.add_argument("name", metavar="NAME")
    import_files.add_argument("files", nargs="+", metavar="FILE", help="a file, or a folder with the model's files")
    import_files.set_defaults(run=lambda given: model_commands.import_files(given.name, given.files))

    remove = actions.add_parser("remove", help="delete models' files")
    remove.add_argument("names", nargs="+", metavar="NAME")
    remove.set_defaults(run=lambda given: model_commands.remove(given.names))


def _run_on_photos(given: argparse.Namespace) -> int:
    if photo_arguments.needs_painter(given):
        from ..fill import diffusion
        from ..models.store import Store

        diffusion.demand(Store(), given.job, given.model)
    return _worked_through(photo_arguments.settings(given))


def _expand(given: argparse.Namespace) -> int:
    settings = photo_arguments.expand_settings(given)
    if settings.job == Job.FILL:
        from ..fill import diffusion
        from ..models.store import Store

        diffusion.demand(Store(), Job.FILL, given.model)
    return _worked_through(settings)


def _worked_through(settings: photo_arguments.PhotoSettings) -> int:
    from .photos import run  # with numpy and OpenCV, which take longer than it takes to see that something is missing

    with interruptions.taken_as_exceptions():
        return run(settings)


def _tell_recipe(given: argparse.Namespace) -> int:
    from .batch import for_gimp

    print(for_gimp.told(Path(given.recipe)))
    return 0


def _run_batch(given: argparse.Namespace) -> int:
    settings = batch_arguments.settings(given)
    from .batch.running import run

    with interruptions.taken_as_exceptions():
        return run(settings)

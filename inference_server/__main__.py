"""The command line: python -m inference_server {serve,stop,doctor,keys,models,segment,remove,fill,replace}."""

import argparse
import logging
import logging.handlers
import os
import sys
from collections.abc import Sequence

from . import __version__
from .shared import endpoint, paths, preferences
from .shared.command_lines import command
from .shared.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 refused with a sentence, 130 interrupted."""
    try:
        chosen = _parser().parse_args(arguments)
        return chosen.run(chosen)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Cancelled.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="inference_server", description="Inpaint Anything: find, remove, fill, replace."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="answer the GIMP plug-in (it starts this by itself)")
    serve.add_argument("--address", help="ipc://PATH or tcp://HOST:PORT (default: this user's private socket)")
    serve.add_argument(
        "--idle", type=float, metavar="SECONDS", help="leave after so long without work (default: as in the settings)"
    )
    serve.set_defaults(run=_serve)

    stop = commands.add_parser("stop", help="end this user's running server")
    stop.set_defaults(run=_stop)

    doctor = commands.add_parser("doctor", help="say what works here and what does not")
    doctor.set_defaults(run=_doctor)

    keys = commands.add_parser("keys", help="this user's keys, and whose programs the server answers over a network")
    keys.set_defaults(run=_keys)
    what = keys.add_subparsers(metavar="ACTION")
    admit = what.add_parser("admit", help="have the server answer the programs that have this key")
    admit.add_argument("key", metavar="KEY", help="as their settings in GIMP show it, or “keys” there")
    admit.add_argument("--name", required=True, help="what to call them here")
    admit.set_defaults(run=_keys_admit)
    forget = what.add_parser("forget", help="have the server refuse them from now on")
    forget.add_argument("name", metavar="NAME")
    forget.set_defaults(run=_keys_forget)

    models = commands.add_parser("models", help="list, fetch, verify, import or remove models")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the models known and whether they are here")
    listing.set_defaults(run=_models_list)
    fetch = actions.add_parser("fetch", help="download models, going on where that stopped")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="of the list, or ORG/NAME[@REVISION] of the model hub")
    fetch.set_defaults(run=_models_fetch)
    verify = actions.add_parser("verify", help="compare the checksums of models that are here")
    verify.add_argument("names", nargs="+", metavar="NAME")
    verify.set_defaults(run=_models_verify)
    bring = actions.add_parser("import", help="take model files that were downloaded by hand")
    bring.add_argument("name", metavar="NAME")
    bring.add_argument("files", nargs="+", metavar="FILE", help="a file, or a folder with the model's files")
    bring.set_defaults(run=_models_import)

    remove = actions.add_parser("remove", help="delete models' files")
    remove.add_argument("names", nargs="+", metavar="NAME")
    remove.set_defaults(run=_models_remove)

    def pictures(arguments: argparse.Namespace) -> int:
        if arguments.job in ("fill", "replace") and not _behind(arguments):
            _demand_painter(arguments.job, arguments.model)
        from .cli.photos import (
            run,  # and with it numpy and OpenCV, for which nobody waits to read that a model is missing
        )

        return run(arguments)

    for job, text in (
        ("segment", "write the mask of the object that clicks point at"),
        ("remove", "remove an object from photos"),
        ("fill", "put something else in an object's place"),
        ("replace", "put another world around an object"),
    ):
        command = commands.add_parser(job, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_argument("photos", nargs="+", metavar="PHOTO")
        command.add_argument("--click", action="append", default=[], metavar="X,Y", help="a pixel of the object")
        command.add_argument(
            "--not", action="append", default=[], metavar="X,Y", dest="exclude", help="a pixel to leave out"
        )
        command.add_argument("--box", metavar="X0,Y0,X1,Y1", help="a box around the object")
        command.add_argument("--text", default="", metavar="WORDS", help="what it is called (needs the model sam3)")
        command.add_argument(
            "-o", "--output", required=True, metavar="OUT", help="a file, or a folder if there are several photos"
        )
        if job in ("segment", "replace"):
            command.add_argument("--soft-edge", action="store_true", help="soft values for hair and fur")
        if job != "segment":
            command.add_argument("--mask", metavar="FILE", help="a ready mask instead of clicks, white = the object")
        if job != "replace":
            command.add_argument("--shadow", action="store_true", help="also the shadow it casts")
        if job in ("remove", "fill"):
            command.add_argument(
                "--grow", type=int, metavar="PIXELS", help="grow the mask (default: by the photo's size)"
            )
        if job != "segment":
            command.add_argument("--feather", type=int, metavar="PIXELS", help="soften its edge")
            command.add_argument("--seed", type=int, default=0, metavar="N")
        if job in ("fill", "replace"):
            _add_wish(command)
        if job == "replace":
            _add_backdrops(command)
        command.set_defaults(run=pictures, job=job)
    return parser


def _add_wish(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prompt", default="", help="what to paint")
    command.add_argument("--negative", default="", metavar="PROMPT", help="what should not be there")
    command.add_argument("--plain-prompt", action="store_true", help="add no words of ours to the prompt")
    command.add_argument("--quality", choices=("fast", "balanced", "best"), default="balanced")
    command.add_argument("--model", default="", help="a name, or the path of one of yours (default: the best here)")
    command.add_argument(
        "--variations",
        type=int,
        default=1,
        metavar="N",
        help="so many results with the seeds from --seed on: OUT-seed0.png, OUT-seed1.png, …",
    )


def _add_backdrops(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--background-photo", metavar="FILE", help="another photo behind the object, instead of a prompt"
    )
    command.add_argument(
        "--colour", action="append", default=[], metavar="#RRGGBB", help="a colour behind it; twice: from top to bottom"
    )
    command.add_argument("--blur", type=float, metavar="0..1", help="its own background, so far out of focus")
    command.add_argument("--no-shadow", action="store_true", help="leave the object's shadow behind")


def _behind(arguments: argparse.Namespace) -> bool:
    """Whether something comes behind the object for which no model is needed."""
    return arguments.job == "replace" and bool(
        arguments.background_photo or arguments.colour or arguments.blur is not None
    )


def _demand_painter(job: str, model: str) -> None:
    """Raise UserError if `job` lacks a model.  Needs no more than the standard library, and milliseconds."""
    from .fill import diffusion
    from .models.store import Store

    diffusion.demand(Store(), job, model)


def _serve(arguments: argparse.Namespace) -> int:
    from .serve import model_requests, server
    from .shared import messages

    home = paths.private_folder(paths.home())
    # Photos' names and prompts are nobody's business: the log holds what was done and how long it took.
    handler = logging.handlers.RotatingFileHandler(
        home / "server.log", maxBytes=1 << 20, backupCount=1, encoding="utf-8"
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(message)s")
    engine = None

    def perform(message, *request):
        # The engine and its libraries come with the first job, in the worker: hello must be answered within a second,
        # and nobody waits for them to hear that a model is missing.
        nonlocal engine
        match message:
            case messages.Locate(job="fill" | "replace", paints=True):
                _demand_painter(message.job, message.model)
            case messages.ExpandPrompt(job="fill" | "replace"):
                _demand_painter(message.job, message.wish.model)
            case messages.ListModels() | messages.FetchModel() | messages.RemoveModel():  # in threads of their own
                return model_requests.perform(message, *request)
        from .engine import Engine
        from .serve import dispatch

        engine = engine or Engine()
        return dispatch.perform(engine, message, *request)

    def idle_seconds() -> float:
        return preferences.read().idle_minutes * 60.0 if arguments.idle is None else arguments.idle

    try:
        status = server.run(perform, arguments.address, idle_seconds)
    except UserError as error:
        logging.getLogger("inference_server").error("%s", error)
        raise
    logging.shutdown()
    os._exit(status)  # a model in the middle of a long call must not keep a stopped server alive


def _stop(_: argparse.Namespace) -> int:
    from .shared import client

    found = endpoint.running()
    if found is None:
        print("No server is running.")
        return 0
    with client.Client(found) as connection:
        connection.stop_server()
    print("The server was asked to stop.")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from .cli.doctor import report

    return report()


def _keys(_: argparse.Namespace) -> int:
    from .serve import server
    from .shared import keys

    own, served = keys.pair("client")[0], keys.demand()
    print(f"Your key, for whoever runs another machine's server:\n    {own}")
    listed = command("keys admit 'KEY' --name NAME")  # some of a key's signs mean something to a shell
    print(f"There it is listed with:\n    {listed}\n")
    print(f"The key of this machine's server, for those who are to use it:\n    {served}")
    print(f"It answers them, once they are listed, when it is started with:\n    {command(server.FOR_OTHERS)}\n")
    for name, key in keys.admitted().items():
        print(f"answered     {key}  {'you' if name == keys.OWN else name}")
    return 0


def _keys_admit(arguments: argparse.Namespace) -> int:
    from .shared import keys

    keys.admit(arguments.key, arguments.name)
    print(f"The server answers {arguments.name} from now on.")
    return 0


def _keys_forget(arguments: argparse.Namespace) -> int:
    from .shared import keys

    keys.forget(arguments.name)
    print(f"The server does not answer {arguments.name} any more.")
    return 0


def _models_list(_: argparse.Namespace) -> int:
    from .models.catalogue import MODELS
    from .models.store import Store

    store = Store()
    models = [*MODELS.values(), *store.fetched()]
    width = max(len(model.name) for model in models)
    for model in models:
        state = "not installed" if store.missing(model.name) else "installed"
        files = store.files(model.name) or model.files
        size = f"{sum(file.size for file in files) / 1e6:.0f} MB" if files or not model.hub else "?"
        print(f"{model.name:{width}} {model.job:8} {size:>8}  {model.licence:27} {state:14} {model.title}")
    return 0


def _models_fetch(arguments: argparse.Namespace) -> int:
    from .cli.progress_bar import Bar

    store = _store_of(arguments.names)
    for name in arguments.names:
        with Bar(name) as bar:
            store.fetch(name, bar)
    return 0


def _models_verify(arguments: argparse.Namespace) -> int:
    store = _store_of(arguments.names)
    for name in arguments.names:
        store.verify(name)
        print(f"{name}: every file is as it should be.")
    return 0


def _models_import(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    taken = _store_of([arguments.name]).bring(arguments.name, map(Path, arguments.files))
    print(f"{arguments.name}: took {', '.join(taken)}.")
    return 0


def _models_remove(arguments: argparse.Namespace) -> int:
    store = _store_of(arguments.names)
    for name in arguments.names:
        store.remove(name)
        print(f"{name}: removed.")
    return 0


def _store_of(names: Sequence[str]):
    """This user's store.  Raises UserError if one of the names can be no model's."""
    from .models.store import Store

    store = Store()
    for name in names:
        store.known(name)
    return store


if __name__ == "__main__":
    sys.exit(main())

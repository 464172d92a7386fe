"""The model hub: which files of a repository a model consists of, and the list of them that is kept beside it.

The hub's listing gives the size and digest of each file.  What it says of the content is trusted: it comes over HTTPS
and, where a revision is named, cannot change.  Its paths are not trusted (see `_PATH`).  Neither pickled weights nor
programs are ever among the files.
"""

import json
import re
import urllib.parse
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..shared.atomic import write_atomically
from ..shared.command_lines import command
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.network import CHUNK, NetworkError, cancellable, digest, endpoint, open_url
from ..shared.text import Translatable, tr
from .catalogue import File

LIST = "files.json"  # in the folder of a model of the hub
INDEX = "model_index.json"  # a repository with this file is a pipeline of diffusers
NETWORK = ("config.json", "model.safetensors")  # what a network of transformers is loaded from

# ORG/NAME, or ORG/NAME@REVISION.  The hub allows no "--" in names; here it stands for the "/" in a folder's name.
LONGEST = 200  # characters of a name, which has to fit into that of a folder
REPOSITORY = re.compile(rf"(?=.{{3,{LONGEST}}}\Z)(?![^@]*--)\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?", re.ASCII)
# Relative paths of plain names: not hidden, not "..", without backslashes, drives, streams or control characters.
_PATH = re.compile(r"(?:[A-Za-z0-9_](?:[\w.+-]*[\w+-])?/)*[A-Za-z0-9_](?:[\w.+-]*[\w+-])?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_WEIGHTS = re.compile(r"(?:diffusion_pytorch_model|model)(\.fp16)?(-\d+-of-\d+)?(\.fp16)?\.safetensors", re.ASCII)
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_LEFT_OUT = ("safety_checker",)
_MAX_PAGES = 100  # of a listing, with 1000 files each
_MAX_RESPONSE = 16 * CHUNK  # bytes of a page


def listing(repository: str, monitor: Monitor = UNWATCHED, *, is_network: bool = False) -> tuple[File, ...]:
    """The files of ORG/NAME@REVISION that a pipeline, a LoRA, or a network is loaded from (`needed`).

    Raises UserError.
    """
    name, _, revision = repository.partition("@")
    try:
        files = {file.name: file for file in _tree(name, revision or "main", monitor)}
        index = None
        if INDEX in files and not is_network:
            text, _ = _read(files[INDEX].sources[0], monitor)
            index = _index(text)
    except NetworkError as error:
        raise no_answer(name, error) from None
    return tuple(files[path] for path in needed(files, index, name, is_network=is_network))


def files_in(folder: Path, monitor: Monitor = UNWATCHED, *, is_network: bool = False) -> tuple[File, ...]:
    """As `listing`, for a repository that a person has downloaded to a folder.  Raises UserError and OSError."""
    paths = {}
    for path in folder.rglob("*"):
        monitor.check()  # it may be any folder of a person's
        if path.is_file():
            paths[path.relative_to(folder).as_posix()] = path
    trusted = {name for name in paths if _PATH.fullmatch(name)}
    index = _index(paths[INDEX].read_bytes()) if INDEX in paths and not is_network else None
    return tuple(
        File(name, paths[name].stat().st_size, digest(paths[name], monitor=monitor))
        for name in needed(trusted, index, str(folder), is_network=is_network)
    )


def needed(
    paths: Collection[str], index: Mapping[str, Any] | None, name: str, *, is_network: bool = False
) -> list[str]:
    """Those of a repository's paths that a model is loaded from.

    index: the content of `INDEX`, which names the components, each in a folder of its own; None where there is no such
    file: then the repository is a LoRA, one file at the top.  Of weights in several precisions the half precision ones,
    of half the size, are taken.  is_network: whether it has to be one network of transformers, at the top.  Raises
    UserError where there is no model, or only pickled weights.
    """
    if is_network:
        lacking = [path for path in NETWORK if path not in paths]
        if lacking:
            raise wrong_input(
                tr("{name} is no whole model of transformers: it lacks {part}.", name=name, part=lacking[0])
            )
        return list(NETWORK)
    return _lora(paths, name) if index is None else _pipeline(paths, index, name)


def _lora(paths: Collection[str], name: str) -> list[str]:
    loras = [path for path in paths if "/" not in path and path.endswith(".safetensors")]
    if len(loras) == 1:
        return loras
    if not loras and any(path.endswith(_PICKLED) for path in paths):
        raise _pickled(name)
    raise wrong_input(
        tr(
            "{name} is neither a diffusers pipeline (it has no {file}) nor a LoRA in one .safetensors file.",
            name=name,
            file=INDEX,
        ),
        "Choose another repository.",
    )


def _pipeline(paths: Collection[str], index: Mapping[str, Any], name: str) -> list[str]:
    found = [INDEX]
    for component, kind in sorted(index.items()):
        if component in _LEFT_OUT or not isinstance(kind, list) or [type(part) for part in kind] != [str, str]:
            continue  # a setting, or a component that this pipeline does not have
        inner = sorted(path for path in paths if path.startswith(f"{component}/") and path.count("/") == 1)
        files = _component([path.partition("/")[2] for path in inner])
        if not files and any(path.endswith(_PICKLED) for path in inner):
            raise _pickled(name)
        if not files:
            raise wrong_input(tr("{name} is no whole diffusers pipeline: it lacks {part}.", name=name, part=component))
        found += [f"{component}/{file}" for file in files]
    if not any(path.endswith(".safetensors") for path in found):
        raise wrong_input(tr("{name} is no whole diffusers pipeline: it has no weights.", name=name))
    return found


def _component(names: list[str]) -> list[str]:
    """Those of a component's files that it is loaded from; none where its weights are only pickled."""
    forms: dict[tuple[bool, bool], list[str]] = {}  # weights by (in full precision?, in several files?)
    for file in names:
        if match := _WEIGHTS.fullmatch(file):
            forms.setdefault((not (match[1] or match[3]), bool(match[2])), []).append(file)
    if not forms and any(file.endswith(_PICKLED) for file in names):
        return []
    best = min(forms, default=(True, False))
    half = ".fp16" if not best[0] else ""
    indices = [file for file in names if ".safetensors.index." in file and file.endswith(f".index{half}.json")]
    # A template says how a message to a language model is put; transformers runs none of what else it may hold.
    plain = [file for file in names if file.endswith((".json", ".txt", ".model", ".jinja")) and ".index." not in file]
    return plain + forms.get(best, []) + (indices if best[1] else [])


def _tree(name: str, revision: str, monitor: Monitor) -> list[File]:
    """All files of a repository whose path, size and digest can be trusted.  Raises NetworkError."""
    url = f"{endpoint()}/api/models/{name}/tree/{urllib.parse.quote(revision, safe='')}?recursive=true"
    files: list[File] = []
    for _ in range(_MAX_PAGES):
        text, next_url = _read(url, monitor)
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            entries = None
        if not isinstance(entries, list):
            raise NetworkError("its answer is not a listing")
        files += [file for entry in entries if (file := _file(entry, f"{name}@{revision}"))]
        if next_url is None:
            return files
        url = next_url
    raise NetworkError("its listing has no end")


def _read(url: str, monitor: Monitor) -> tuple[bytes, str | None]:
    """The body of a response, and the address of the next page if there is one.  Raises NetworkError."""
    response = open_url(url, monitor)
    body = cancellable(lambda: response.read(_MAX_RESPONSE), monitor)
    response.close()
    link = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', response.headers.get("Link", ""))
    # Of that address only the query is used: a mirror may pass on the hub's own address, or anybody's.
    return body, f"{url.partition('?')[0]}?{urllib.parse.urlsplit(link[1]).query}" if link else None


def _file(entry: Any, repository: str) -> File | None:
    """The file that an entry of a listing describes; None where it describes none that can be trusted.

    entry: {"type": "file", "path", "size", "oid"}, and "lfs": {"oid", "size"} for a large file.
    """
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return None
    large = entry.get("lfs")
    described = large if isinstance(large, dict) else entry
    name, size, oid = entry.get("path"), described.get("size"), described.get("oid")
    if not (isinstance(name, str) and isinstance(oid, str) and type(size) is int and size >= 0):
        return None
    if not (_PATH.fullmatch(name) and _DIGEST.fullmatch(oid)):
        return None
    return File(name, size, oid, (_source(repository, name),))


def _source(repository: str, name: str) -> str:
    """The address of a file of ORG/NAME@REVISION."""
    repository, _, revision = repository.partition("@")
    revision = urllib.parse.quote(revision or "main", safe="")
    return f"{endpoint()}/{repository}/resolve/{revision}/{urllib.parse.quote(name)}"


def _index(text: bytes) -> Mapping[str, Any]:
    """The content of `INDEX`.  Raises UserError."""
    try:
        index = json.loads(text)
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict):
        sentence = tr("Its {file} cannot be read, so it is no diffusers pipeline.", file=INDEX)
        raise wrong_input(sentence)
    return index


# -- the list kept beside a model --------------------------------------------------------------------------------------


def write_list(folder: Path, repository: str, files: Collection[File]) -> None:
    """Write `LIST` for a model of ORG/NAME@REVISION.  Raises OSError."""
    content = {"repository": repository, "files": [[file.name, file.size, file.digest] for file in files]}
    write_atomically(folder / LIST, json.dumps(content, indent=1).encode())


def read_list(folder: Path) -> tuple[str, tuple[File, ...]] | None:
    """ORG/NAME@REVISION and the model's files; None where the folder has no list, or a damaged one."""
    try:
        return parse_list((folder / LIST).read_bytes())
    except OSError:
        return None


def parse_list(text: bytes) -> tuple[str, tuple[File, ...]] | None:
    """As `read_list`, of the content of `LIST`."""
    try:
        content = json.loads(text)
        repository = content["repository"]
        entries = [{"type": "file", "path": name, "size": size, "oid": oid} for name, size, oid in content["files"]]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    if not (isinstance(repository, str) and REPOSITORY.fullmatch(repository) and entries):
        return None
    files = tuple(file for entry in entries if (file := _file(entry, repository)))
    return (repository, files) if len(files) == len(entries) else None


# -- errors and remedies -----------------------------------------------------------------------------------------------


def no_answer(name: str, error: NetworkError) -> UserError:
    """The error for a repository, or a file of one, that the hub does not give."""
    there = {"hub": endpoint(), "name": name, "error": error}
    if error.status in (401, 403):
        sentence = tr("{hub} does not give {name} to everybody, or there is none.", **there)
        return UserError(ErrorCode.NO_MODEL, sentence, licence_remedy(f"{endpoint()}/{name}", name))
    if error.status == 404:
        sentence = tr("There is no {name} on {hub}, or not this revision of it.", **there)
        return wrong_input(sentence, "Check the name.")
    return UserError(
        ErrorCode.NO_NETWORK, tr("{hub} does not list {name}: {error}.", **there), "Check the network and try again."
    )


def licence_remedy(page: str, name: str) -> Translatable:
    """What to do for a model that is given only to those who accept its licence on its page of the hub."""
    return tr(
        "Accept its licence at {page}, set the variable HF_TOKEN to an access token of yours from there, and run: "
        "{fetch}; or download its folder there, and run: {bring}",
        page=page,
        fetch=command(f"models fetch {name}"),
        bring=command(f"models import {name} FOLDER"),
    )


def _pickled(name: str) -> UserError:
    return wrong_input(
        tr("{name} has only pickled weights, which can hold programs: it cannot be used safely.", name=name),
        "Choose a repository with .safetensors files.",
    )

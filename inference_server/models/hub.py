"""The model hub: which of a repository's files a model consists of, and the list of them kept beside it.

A listing says of each file its size and digest.  It is believed for what it says of the content, over HTTPS and, where
a revision is named, of what can never change; what it says of *places* is not believed: see `_PATH`.  Neither pickled
weights nor programs are ever among the files.
"""

import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..shared.command_lines import command
from ..shared.errors import ErrorCode, UserError, wrong_input
from ..shared.monitor import never
from ..shared.text import Translatable, tr
from .catalogue import File
from .download import CHUNK, NetworkError, ask, attended, digest, endpoint

LIST = "files.json"  # in the folder of a model of the hub
INDEX = "model_index.json"  # what makes a repository a pipeline of diffusers

# ORG/NAME, or ORG/NAME@REVISION; the hub has no "--" in names, and here it stands for the "/" in that of a folder.
REPOSITORY = re.compile(r"(?![^@]*--)\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?", re.ASCII)
# Relative, and of plain names: none is hidden or "..", there are no backslashes, drives, streams or control characters.
_PATH = re.compile(r"(?:[A-Za-z0-9_](?:[\w.+-]*[\w+-])?/)*[A-Za-z0-9_](?:[\w.+-]*[\w+-])?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_WEIGHTS = re.compile(r"(?:diffusion_pytorch_model|model)(\.fp16)?(-\d+-of-\d+)?(\.fp16)?\.safetensors", re.ASCII)
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_LEFT_OUT = ("safety_checker",)
_PAGES = 100  # of a listing, of 1000 files each
_ANSWER = 16 * CHUNK  # bytes that a page may have


def listing(repository: str, cancelled: Callable[[], bool] = never) -> tuple[File, ...]:
    """The files of ORG/NAME@REVISION that a pipeline, or a LoRA, is loaded from.  Raises UserError."""
    name, _, revision = repository.partition("@")
    try:
        there = {file.name: file for file in _tree(name, revision or "main", cancelled)}
        index = None
        if INDEX in there:
            text = _read(there[INDEX].sources[0], cancelled)[0]
            index = _index(text)
    except NetworkError as error:
        raise no_answer(name, error) from None
    return tuple(there[path] for path in wanted(there, index, name))


def inside(folder: Path, cancelled: Callable[[], bool] = never) -> tuple[File, ...]:
    """What `listing` says of a repository, of a folder that a person brought.  Raises UserError and OSError."""
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    believed = {name for name in there if _PATH.fullmatch(name)}
    index = _index(there[INDEX].read_bytes()) if INDEX in there else None
    return tuple(
        File(name, there[name].stat().st_size, digest(there[name], cancelled=cancelled))
        for name in wanted(believed, index, str(folder))
    )


def wanted(paths: Collection[str], index: Mapping[str, Any] | None, name: str) -> list[str]:
    """Those of a repository's paths that a model is loaded from.

    index: what `INDEX` says, which names the components, each in a folder of its own; None where there is none: then it
    is a LoRA, one file at the top.  Of weights in several forms the half precision ones, of half the size, are taken.
    Raises UserError where they are no model, or one of pickled weights.
    """
    if index is None:
        top = [path for path in paths if "/" not in path]
        loras = [path for path in top if path.endswith(".safetensors")]
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
    found = [INDEX]
    for component, kind in sorted(index.items()):
        if component in _LEFT_OUT or not isinstance(kind, list) or [type(part) for part in kind] != [str, str]:
            continue  # a setting, or a component it does without
        inner = sorted(path for path in paths if path.startswith(f"{component}/") and path.count("/") == 1)
        files = _component([path.partition("/")[2] for path in inner])
        if not files and any(path.endswith(_PICKLED) for path in inner):
            raise _pickled(name)
        if not files:
            lacks = tr("{name} is no whole diffusers pipeline: it lacks {part}.", name=name, part=component)
            raise wrong_input(lacks)
        found += [f"{component}/{file}" for file in files]
    if not any(path.endswith(".safetensors") for path in found):
        raise wrong_input(tr("{name} is no whole diffusers pipeline: it has no weights.", name=name))
    return found


def _component(names: list[str]) -> list[str]:
    """Those of a component's files that it is loaded from; none where its weights are only pickled."""
    forms: dict[tuple[bool, bool], list[str]] = {}  # (in full precision, in several files)
    for file in names:
        if match := _WEIGHTS.fullmatch(file):
            forms.setdefault((not (match[1] or match[3]), bool(match[2])), []).append(file)
    if not forms and any(file.endswith(_PICKLED) for file in names):
        return []
    best = min(forms, default=(True, False))
    half = ".fp16" if not best[0] else ""
    indices = [file for file in names if ".safetensors.index." in file and file.endswith(f".index{half}.json")]
    plain = [file for file in names if file.endswith((".json", ".txt", ".model")) and ".index." not in file]
    return plain + forms.get(best, []) + (indices if best[1] else [])


def _tree(name: str, revision: str, cancelled: Callable[[], bool]) -> list[File]:
    """All the files of a repository that have a path, a size and a digest to be believed.  Raises NetworkError."""
    url = f"{endpoint()}/api/models/{name}/tree/{urllib.parse.quote(revision, safe='')}?recursive=true"
    files: list[File] = []
    for _ in range(_PAGES):
        text, following = _read(url, cancelled)
        try:
            entries = json.loads(text)
        except ValueError:
            entries = None
        if not isinstance(entries, list):
            raise NetworkError("its answer is not a listing")
        files += [file for entry in entries if (file := _file(entry, f"{name}@{revision}"))]
        if following is None:
            return files
        url = following
    raise NetworkError("its listing has no end")


def _read(url: str, cancelled: Callable[[], bool]) -> tuple[bytes, str | None]:
    """A whole answer, and the address of the next page of it.  Raises NetworkError."""
    response = ask(url, cancelled)
    body = attended(lambda: response.read(_ANSWER), cancelled)
    response.close()
    link = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', response.headers.get("Link", ""))
    # Of that address only what follows the "?" is taken: a mirror may hand on the hub's own, or anybody's.
    return body, f"{url.partition('?')[0]}?{urllib.parse.urlsplit(link[1]).query}" if link else None


def _file(entry: Any, repository: str) -> File | None:
    """What a listing says of a file: {"type": "file", "path", "size", "oid", "lfs": {"oid", "size"}}; None if not."""
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
    repository, _, revision = repository.partition("@")
    revision = urllib.parse.quote(revision or "main", safe="")
    return f"{endpoint()}/{repository}/resolve/{revision}/{urllib.parse.quote(name)}"


def _index(text: bytes) -> Mapping[str, Any]:
    try:
        index = json.loads(text)
    except ValueError:
        index = None
    if not isinstance(index, dict):
        sentence = tr("Its {file} cannot be read, so it is no diffusers pipeline.", file=INDEX)
        raise wrong_input(sentence)
    return index


# -- the list kept beside a model --------------------------------------------------------------------------------------


def keep(folder: Path, repository: str, files: Collection[File]) -> None:
    """Write `LIST` for a model of ORG/NAME@REVISION.  Raises OSError."""
    content = {"repository": repository, "files": [[file.name, file.size, file.digest] for file in files]}
    write(folder / LIST, content)


def kept(folder: Path) -> tuple[str, tuple[File, ...]] | None:
    """(ORG/NAME@REVISION, the files of the model) in this folder; None where there is no list, or a spoilt one."""
    try:
        content = json.loads((folder / LIST).read_bytes())
        repository = content["repository"]
        entries = [{"type": "file", "path": name, "size": size, "oid": oid} for name, size, oid in content["files"]]
    except (OSError, ValueError, TypeError, LookupError):
        return None
    if not (isinstance(repository, str) and REPOSITORY.fullmatch(repository) and entries):
        return None
    files = tuple(file for entry in entries if (file := _file(entry, repository)))
    return (repository, files) if len(files) == len(entries) else None


def write(path: Path, content: object) -> None:
    """Write JSON at once: whoever reads it meanwhile, or after a power cut, finds the old or the new."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(json.dumps(content, indent=1), encoding="utf-8")
    unfinished.replace(path)


# -- what to say -------------------------------------------------------------------------------------------------------


def no_answer(name: str, error: NetworkError) -> UserError:
    """What to raise when the hub does not give a repository, or a file of it."""
    there = {"hub": endpoint(), "name": name, "error": error}
    if error.status in (401, 403):
        sentence = tr("{hub} does not give {name} to everybody, or there is none.", **there)
        return UserError(ErrorCode.NO_MODEL, sentence, licensed(f"{endpoint()}/{name}", name))
    if error.status == 404:
        sentence = tr("There is no {name} on {hub}, or not this revision of it.", **there)
        return wrong_input(sentence, "Check the name.")
    return UserError(
        ErrorCode.NO_NETWORK, tr("{hub} does not list {name}: {error}.", **there), "Check the network and try again."
    )


def licensed(page: str, name: str) -> Translatable:
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

"""Whole repositories of the model hub, from a server that stands in for it: what is chosen, believed, fetched, kept."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.__main__ import main
from inference_server.models import catalogue, store
from inference_server.models import hub as hub_module
from inference_server.models.catalogue import File, Model
from inference_server.models.store import Store
from inference_server.shared.messages import Job
from inference_server.shared.monitor import Monitor
from inference_server.shared.text import tr

from ..stand_in_hub import Hub, described

INDEX = {
    "_class_name": "StableDiffusionInpaintPipeline",
    "_diffusers_version": "0.6.0",
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
    "image_encoder": [None, None],
    "requires_safety_checker": True,
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
CHOSEN = {
    "model_index.json",
    "feature_extractor/preprocessor_config.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "tokenizer/chat_template.jinja",
    "tokenizer/merges.txt",
    "tokenizer/spiece.model",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model-00001-of-00002.safetensors",
    "vae/diffusion_pytorch_model-00002-of-00002.safetensors",
    "vae/diffusion_pytorch_model.safetensors.index.json",
}
OTHERS = {
    ".gitattributes",
    "README.md",
    "sd-v1-5-inpainting.ckpt",
    "sd-v1-5-inpainting.safetensors",
    "safety_checker/config.json",
    "safety_checker/model.fp16.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder/pytorch_model.bin",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
    "unet/diffusion_pytorch_model.safetensors.index.json",
    "unet/flax_model.msgpack",
    "unet/pipeline.py",
    "unet/deeper/config.json",
    "vae/diffusion_pytorch_model.bin",
}


def pipeline(**index) -> dict[str, bytes]:
    files = {path: path.encode() * 50 for path in sorted(CHOSEN | OTHERS)}
    return {**files, "model_index.json": json.dumps({**INDEX, **index}).encode()}


@pytest.fixture
def kept(tmp_path) -> Store:
    return Store(tmp_path / "models")


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# -- what is chosen


def test_a_pipeline_is_the_index_and_each_components_best_weights(hub):
    hub.publish("maker/model", pipeline())
    listed = hub_module.listing("maker/model")
    assert {file.name for file in listed} == CHOSEN
    for file in listed:
        assert len(file.digest) == (64 if file.name.endswith(".safetensors") else 40)
        assert file.size == len(hub.repositories["maker/model"][file.name])
    assert len([path for path in hub.paths() if "/tree/" in path]) > 5  # all its pages were read


def test_a_revision_is_what_is_asked_for(hub):
    hub.publish("maker/model", pipeline(), revision="8a4288a7")
    assert {file.sources for file in hub_module.listing("maker/model@8a4288a7") if file.name == "vae/config.json"} == {
        (f"{hub.address}/maker/model/resolve/8a4288a7/vae/config.json",)
    }
    with pytest.raises(UserError, match="There is no maker/model on http"):
        hub_module.listing("maker/model")


@pytest.mark.parametrize("ending", ["fp16-00001-of-00001.safetensors", "fp16.safetensors"])
def test_half_precision_in_several_files_has_its_own_index(ending):
    plain = ["u/config.json", "u/model.safetensors", "u/model.safetensors.index.json"]
    half = [f"u/model.{ending}", "u/model.safetensors.index.fp16.json"]
    chosen = hub_module.needed([*plain, *half], {"u": ["diffusers", "Net"]}, "x")
    assert set(chosen) == {"model_index.json", "u/config.json", *(half if "of" in ending else half[:1])}


def test_a_lora_is_its_one_file(hub):
    hub.publish("maker/lora", {"lora.safetensors": b"weights", "README.md": b"text", "image.png": b"picture"})
    assert [file.name for file in hub_module.listing("maker/lora")] == ["lora.safetensors"]


NETWORK = {"config.json": b"{}", "model.safetensors": b"weights", "assets/arc.png": b"picture", "README.md": b"text"}


def test_a_network_of_transformers_is_its_two_files(hub, kept, tmp_path):
    hub.publish("syscv-community/sam-hq-vit-base", {**NETWORK, "preprocessor_config.json": b"{}", "a.bin": b"pickled"})
    kept.fetch("sam-hq-b")
    assert set(kept.need("sam-hq-b")) == {"config.json", "model.safetensors"}
    for name, data in NETWORK.items():
        (tmp_path / "brought" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "brought" / name).write_bytes(data)
    assert kept.import_files("edgetam", [tmp_path / "brought"]) == ["config.json", "model.safetensors"]
    assert set(kept.need("edgetam")) == {"config.json", "model.safetensors"}


def test_half_a_network_is_refused(hub, kept):
    hub.publish("syscv-community/sam-hq-vit-large", {"model.safetensors": b"weights"})
    with pytest.raises(UserError, match=r"no whole model of transformers: it lacks config\.json"):
        kept.fetch("sam-hq-l")
    assert not kept.folder_of("sam-hq-l").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"README.md": b""}, "neither a diffusers pipeline .* nor a LoRA"),
        ({"a.safetensors": b"", "b.safetensors": b""}, "neither a diffusers pipeline .* nor a LoRA"),
        ({"pytorch_lora_weights.bin": b""}, "only pickled weights.*cannot be used safely"),
        ({"model_index.json": b"[]"}, "its model_index.json|Its model_index.json"),
        ({"model_index.json": b"{"}, "Its model_index.json cannot be read"),
        ({"model_index.json": b"{}"}, "it has no weights"),
        ({"model_index.json": json.dumps(INDEX).encode()}, "it lacks feature_extractor"),
        ({k: v for k, v in pipeline().items() if not (k.startswith("vae/") and ".safe" in k)}, "only pickled weights"),
    ],
)
def test_what_is_no_model_is_said(hub, kept, files, says):
    hub.publish("maker/model", files)
    with pytest.raises(UserError, match=says):
        kept.fetch("maker/model")
    assert not kept.folder_of("maker/model").exists()


# -- what is believed

BAD_PATHS = (
    "../evil.json", "unet/../../evil.json", "/etc/evil.json", "unet/..\\evil.json", "C:evil.json", "unet/C:\\evil.json",
    "unet/./evil.json", "unet//evil.json", "unet/evil.json\n", "unet/evil.json:stream", "unet/.hidden.json",
    "unet/evil.json.", "unet/\x00.json", "~/evil.json", ".verified.json", "unet/%2e%2e/evil.json",
)  # fmt: skip


def test_a_path_that_leads_elsewhere_is_not_taken(hub, kept, tmp_path):
    hub.publish("maker/model", pipeline())
    hub.listings["maker/model/main"] += [described(path, b"evil") for path in BAD_PATHS]
    hub.files.update({f"/maker/model/resolve/main/{path}": b"evil" for path in BAD_PATHS})
    kept.fetch("maker/model")
    assert files_in(kept.folder / "maker--model") == CHOSEN | {hub_module.LIST, store.STAMPS}
    assert {path.name for path in tmp_path.rglob("*evil*")} == set()


NAMES = st.one_of(st.sampled_from(sorted(CHOSEN | OTHERS) + list(BAD_PATHS)), st.text(max_size=30))
DESCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["file", "directory", None]),
        "path": NAMES | st.none(),
        "size": st.integers(-5, 1 << 70) | st.none() | st.booleans() | st.text(max_size=3),
        "oid": st.sampled_from(["0" * 40, "f" * 64, "F" * 40, "0", None]),
        "lfs": st.none() | st.fixed_dictionaries({}, optional={"oid": st.just("a" * 64), "size": st.integers(-1, 9)}),
    },
)
COMPONENTS = st.dictionaries(NAMES, st.sampled_from([["diffusers", "X"], [None, None], "text", None]), max_size=6)


@given(
    entries=st.lists(DESCRIPTIONS | st.none() | st.integers(), max_size=30),
    index=st.none() | COMPONENTS | st.just(INDEX),
)
def test_no_listing_leads_out_of_the_models_folder(entries, index):
    folder = Path("/models/maker--model")
    there = {file.name: file for entry in entries if (file := hub_module._file(entry, "maker/model@main"))}
    try:
        chosen = hub_module.needed(there, index, "maker/model")
    except UserError:
        return
    for name in chosen:
        place = Path(os.path.normpath(folder / name))
        assert place.is_relative_to(folder) and place != folder and place == folder / name
        assert "\\" not in name and ":" not in name and not place.name.startswith(".")
        assert name == hub_module.INDEX or (there[name].size >= 0 and len(there[name].digest) in (40, 64))


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text(max_size=9), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_a_spoilt_list_is_as_good_as_none(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "spoilt"
    folder.mkdir(exist_ok=True)
    (folder / hub_module.LIST).write_bytes(content)
    assert hub_module.read_list(folder) is None


@pytest.mark.parametrize("name", ["../evil.json", "/etc/passwd", ".verified.json"])
def test_a_list_that_was_tampered_with_leads_nowhere(tmp_path, name):
    hub_module.write_list(tmp_path, "maker/model@main", [File(name, 1, "0" * 40)])
    assert hub_module.read_list(tmp_path) is None


def test_a_listing_goes_on_where_it_began_whatever_it_says(hub, monkeypatch):
    hub.publish("maker/model", pipeline())
    monkeypatch.setattr(Hub, "address", "http://127.0.0.1:1")
    assert {file.name for file in hub_module.listing("maker/model")} == CHOSEN


def test_a_listing_that_never_ends_is_given_up(hub, monkeypatch):
    hub.publish("maker/model", pipeline())
    monkeypatch.setattr(hub_module, "_MAX_PAGES", 2)
    with pytest.raises(UserError, match="its listing has no end"):
        hub_module.listing("maker/model")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"error": "x"}', b""])
def test_an_answer_that_is_no_listing_is_said(hub, monkeypatch, body):
    hub.publish("maker/model", {})
    monkeypatch.setattr(hub_module, "_read", lambda *_: (body, None))
    with pytest.raises(UserError, match="does not list maker/model: its answer is not a listing"):
        hub_module.listing("maker/model")


# -- who is let in


def test_the_token_goes_to_the_hub_and_nowhere_else(hub, kept, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub.publish("maker/lora", {"lora.safetensors": b"weights" * 99})
    hub.moods["/maker/lora/resolve/main/lora.safetensors"] = ["elsewhere"]
    kept.fetch("maker/lora")
    sent = {path: headers.get("Authorization") for path, headers in hub.asked}
    assert sent == {
        "/api/models/maker/lora/tree/main": "Bearer secret",
        "/maker/lora/resolve/main/lora.safetensors": "Bearer secret",
        "/moved/maker/lora/resolve/main/lora.safetensors": None,
    }


def test_without_a_token_none_is_sent(hub):
    hub.publish("maker/lora", {"lora.safetensors": b"weights"})
    hub_module.listing("maker/lora")
    assert "Authorization" not in hub.asked[0][1]


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.parametrize("where", ["/api/models/maker/lora/tree/main", "/maker/lora/resolve/main/lora.safetensors"])
def test_what_is_given_only_to_some_says_what_to_do(hub, kept, status, where):
    hub.publish("maker/lora", {"lora.safetensors": b"weights"})
    hub.moods[where] = [status]
    with pytest.raises(
        UserError, match=r"Accept its licence at http://.*/maker/lora, .*HF_TOKEN.*models import"
    ) as said:
        kept.fetch("maker/lora")
    assert said.value.code == "no-model" and hub.paths().count(where) == 1


def test_no_such_repository_and_no_network(hub, kept, monkeypatch):
    with pytest.raises(UserError, match=r"There is no maker/model on .*Check the name") as said:
        kept.fetch("maker/model")
    assert said.value.code == "wrong-input"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"does not list maker/model: .*refused.*Check the network") as said:
        kept.fetch("maker/model")
    assert said.value.code == "no-network"


@pytest.mark.parametrize(
    "name", ["model", "a/b/c", "../b", "a/..", "a b/c", "/a", "a/", "a/b@", "a/b@-x", "a--b/c", "a\\b/c", ""]
)
def test_what_is_no_repositorys_name_is_refused(kept, name):
    for asked in (kept.fetch, kept.missing, kept.folder_of, kept.verify, kept.remove):
        with pytest.raises(UserError, match="There is no model"):
            asked(name)


# -- in the store


def test_a_repository_is_fetched_once_and_known_for_ever_after(hub, kept, monkeypatch):
    hub.publish("maker/model", pipeline())
    assert kept.missing("maker/model") == [store.UNLISTED] and kept.fetched() == []
    with pytest.raises(UserError, match=r"Fill needs the model maker/model, .*models fetch maker/model"):
        kept.need("maker/model")
    heard = []
    kept.fetch("maker/model", Monitor(on_progress=lambda *reported: heard.append(reported)))
    assert heard[-1][0] == 1.0 and [share for share, _ in heard] == sorted(share for share, _ in heard)

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    folder = kept.folder_of("maker/model")
    assert kept.need("maker/model") == {name: folder / name for name in CHOSEN}
    assert all((folder / name).read_bytes() == hub.repositories["maker/model"][name] for name in CHOSEN)
    assert [model.name for model in kept.fetched()] == ["maker/model"] and not kept.missing("maker/model")
    kept.fetch("maker/model")
    (folder / "vae/config.json").write_bytes(b"x" * 750)
    with pytest.raises(UserError, match=r"vae/config\.json is damaged.*models fetch maker/model"):
        kept.verify("maker/model")
    (folder / "vae/config.json").unlink()
    with pytest.raises(UserError, match=r"vae/config\.json is missing"):
        kept.verify("maker/model")


def test_another_revision_is_another_list(hub, kept):
    old, new = pipeline(), {**pipeline(), "unet/config.json": b"new"}
    hub.publish("maker/model", old)
    kept.fetch("maker/model")
    hub.publish("maker/model", new, revision="v2")
    kept.fetch("maker/model@v2")
    assert (kept.folder_of("maker/model") / "unet/config.json").read_bytes() == b"new"
    assert [path for path in hub.paths() if "/resolve/v2/" in path] == [
        f"/maker/model/resolve/v2/{name}" for name in ("model_index.json", "unet/config.json")
    ]


@pytest.fixture
def certain(monkeypatch, hub):
    """A function that puts a repository into the catalogue whose unet is known for certain to be `data`."""

    def put(data: bytes) -> None:
        name = "unet/diffusion_pytorch_model.fp16.safetensors"
        digest = described(name, data)["lfs"]["oid"]
        files = (File(name, len(data), digest),)
        known = {"title": tr("Ours"), "licence": "MIT", "memory": 1, "family": "sd15", "hub": "maker/model@main"}
        model = Model(name="ours", job=Job.FILL, files=files, **known)
        monkeypatch.setitem(catalogue.MODELS, "ours", model)

    hub.publish("maker/model", pipeline())
    return put


def test_what_the_catalogue_is_certain_of_counts_more_than_the_listing(hub, kept, certain):
    certain(b"what it should be")
    with pytest.raises(UserError, match="not the file the catalogue describes"):
        kept.fetch("ours")
    certain(hub.repositories["maker/model"]["unet/diffusion_pytorch_model.fp16.safetensors"])
    kept.fetch("ours")
    kept.verify("ours")
    assert kept.folder_of("maker/model") == kept.folder_of("ours") == kept.folder / "ours" and kept.fetched() == []
    with pytest.raises(UserError, match="maker/model is known as ours"):
        kept.fetch("maker/model@v2")


def test_a_folder_brought_by_hand_needs_no_network(hub, kept, certain, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    brought = tmp_path / "snapshot"
    for name, data in pipeline().items():
        (brought / name).parent.mkdir(parents=True, exist_ok=True)
        (brought / name).write_bytes(data)
    certain(b"what it should be")
    with pytest.raises(UserError, match=r"unet/diffusion_pytorch_model\.fp16\.safetensors is not a file of ours"):
        kept.import_files("ours", [brought])
    with pytest.raises(UserError, match="Give the folder"):
        kept.import_files("ours", [brought / "model_index.json"])
    lora = tmp_path / "lora"
    lora.mkdir()
    (lora / "lora.safetensors").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"does not hold all of ours: there is no model_index\.json"):
        kept.import_files("ours", [lora])
    assert not kept.folder_of("ours").exists()
    certain(pipeline()["unet/diffusion_pytorch_model.fp16.safetensors"])
    assert set(kept.import_files("ours", [brought])) == CHOSEN
    kept.verify("ours")
    assert files_in(kept.folder_of("ours")) == CHOSEN | {hub_module.LIST, store.STAMPS}
    (kept.folder_of("ours") / "vae/config.json").unlink()
    assert set(kept.import_files("ours", [brought])) == CHOSEN and set(kept.need("ours")) == CHOSEN


def test_the_commands_know_it(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INPAINT_ANYTHING_HOME", str(tmp_path))
    hub.publish("maker/lora", {"lora.safetensors": b"weights"})

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["models", *arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    assert run("verify", "maker/lora")[0] == 1
    status, said = run("fetch", "maker/lora")
    assert status == 0 and said.startswith("maker/lora: Asking what") and "maker/lora: Downloading lora" in said
    listed = next(line for line in run("list")[1].splitlines() if line.startswith("maker/lora "))
    assert " installed " in listed and "0 MB" in listed
    assert run("verify", "maker/lora") == (0, "maker/lora: every file is as it should be.\n")
    assert run("remove", "maker/lora") == (0, "maker/lora: removed.\n")
    assert run("remove", "maker/lora") == (1, "There is nothing here of maker/lora.\n")
    assert "maker/lora" not in run("list")[1]


def test_a_model_given_only_to_some_is_asked_for_by_its_page(kept):
    with pytest.raises(
        UserError, match=r"Accept its licence at https://huggingface\.co/black.*models fetch flux1-fill;"
    ):
        kept.demand("flux1-fill", Job.FILL)

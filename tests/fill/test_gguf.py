"""Transformers in .gguf files: a small FLUX.2 [klein] of the real architecture, quantised by the format's package."""

import shutil
import struct

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")
gguf = pytest.importorskip("gguf", reason="gguf is not installed (the extra `full`)")

from inference_server import UserError  # noqa: E402
from inference_server.fill.diffusion import demand, families, gguf_files, load, memory, pipelines  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.models import catalogue, devices, overview, packages  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.messages import Quality  # noqa: E402

from .. import small_pipelines  # noqa: E402
from .test_pipelines import at_a_quarter, in_the_catalogue  # noqa: E402

SAMPLING = Sampling(Prompt("a teddy bear"), 7, Quality.FAST)
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module", autouse=True)
def small():
    """The family at a quarter of its side, at which it is quick."""
    with pytest.MonkeyPatch.context() as patched:
        at_a_quarter(patched, "flux2")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the model, whose rows are as long as a block of the K-quants, and with files of its transformer."""
    folder = tmp_path_factory.mktemp("gguf")
    small_pipelines.flux2(folder / "flux2-klein", head=128)
    for kind in ("Q8_0", "Q4_K"):
        small_pipelines.quantised(folder / "flux2-klein", folder / f"klein-{kind}.gguf", kind)
    return folder


@pytest.fixture
def store(made, tmp_path, monkeypatch) -> Store:
    """One in which the model is, without its transformer's weights."""
    shutil.copytree(made / "flux2-klein", tmp_path / "flux2-klein")
    in_the_catalogue(monkeypatch, tmp_path / "flux2-klein")
    (tmp_path / "flux2-klein" / WEIGHTS).unlink()
    return Store(tmp_path)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K"])
def test_it_paints_as_diffusers_own_does(store, made, holed, monkeypatch, kind):
    file, given, inputs = made / f"klein-{kind}.gguf", [], Painter._inputs
    monkeypatch.setattr(Painter, "_inputs", lambda *told: given.append(inputs(*told)) or given[-1])
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: False)
    painter = load(store, "fill", str(file))
    painted, dtype = painter.paint(*holed, SAMPLING), torch.float32
    transformer = diffusers.Flux2Transformer2DModel.from_single_file(
        str(file),
        config=str(made / "flux2-klein" / "transformer"),
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        dtype=dtype,
    )
    pipeline = diffusers.Flux2KleinInpaintPipeline.from_pretrained(
        made / "flux2-klein", transformer=transformer, dtype=dtype
    )
    pipeline.vae.to(memory_format=torch.channels_last)  # which rounds otherwise
    told = given[0] | {"generator": torch.Generator("cpu").manual_seed(7), "callback_on_step_end": None}
    expected = pipeline(**told).images[0].permute(1, 2, 0).float().numpy()
    assert np.abs(painted - expected).max() < 1e-5
    assert {type(p).__name__ for p in painter._network.parameters()} == {"GGUFParameter", "Parameter"}
    if kind == "Q8_0":
        exact = Painter(made / "flux2-klein", "flux2", store).paint(*holed, SAMPLING)
        assert 0 < np.abs(painted - exact).mean() < 0.05 * np.abs(exact - holed[0]).mean()


def test_one_that_was_imported_is_known_by_its_name(store, made, holed):
    file = made / "klein-Q8_0.gguf"
    name = store.import_own(file)
    assert name == "own/klein-Q8_0" and store.packages(name)[-1] == catalogue.GGUF_PACKAGE
    assert (store.folder_of(name) / "klein-Q8_0.gguf").read_bytes() == file.read_bytes()
    assert load(store, "fill", name).family.title == families.FLUX2.title


def test_one_of_the_catalogue_comes_with_what_it_does_not_replace(store, made, holed, monkeypatch):
    """And takes that along when it goes."""
    name = "flux2-klein-q4"
    shutil.copytree(made, store.folder / name, ignore=lambda _, names: set(names) - {"klein-Q8_0.gguf"})
    in_the_catalogue(monkeypatch, store.folder / name)
    painter = load(store, "fill", name)
    assert not store.missing(name) and [file.name for file in store.missing("flux2-klein")] == [WEIGHTS]
    assert (
        painter.paint(*holed, SAMPLING) == load(store, "fill", str(made / "klein-Q8_0.gguf")).paint(*holed, SAMPLING)
    ).all()
    config = store.folder / "flux2-klein" / "transformer" / "config.json"
    content = config.read_bytes()
    config.unlink()
    with pytest.raises(UserError, match=r"needs the model FLUX\.2 klein Q4, which is not installed"):
        load(store, "fill", name)
    config.write_bytes(content)
    store.remove(name)
    assert not store.folder_of("flux2-klein").exists()


def test_what_comes_of_a_model_is_counted_without_what_is_replaced(tmp_path):
    base, quantised = catalogue.MODELS["flux2-klein"], catalogue.MODELS["flux2-klein-q4"]
    (replaced,) = (file.size for file in base.files if file.name == WEIGHTS)
    sizes = {model.name: model.size for model in overview.describe(Store(tmp_path), None)}
    assert sizes["flux2-klein"] == base.weights
    assert sizes["flux2-klein-q4"] == quantised.files[0].size + base.weights - replaced
    assert quantised.weights == pytest.approx(sizes["flux2-klein-q4"], rel=0.01)


def test_its_bytes_are_counted_and_every_plan_paints_the_same(store, made, holed, as_on_a_card, monkeypatch):
    file = made / "klein-Q8_0.gguf"
    painter = Painter(file, "flux2", store)
    counted, held = pipelines.weights(painter._source, painter._dtype), memory.weights(painter._pipeline)
    assert counted.is_packed and counted.denoiser == gguf_files.size(file)
    assert held.denoiser == pytest.approx(counted.denoiser, rel=0.02)
    assert held.other == pytest.approx(counted.other, rel=0.001)
    assert counted.in_four_bits.denoiser == counted.denoiser and counted.in_four_bits.other < counted.other
    between = (counted.all + pipelines.weight(pipelines.Source(made / "flux2-klein", "flux2"), painter._dtype)) // 2
    monkeypatch.setattr(pipelines.memory, "available", lambda: between)
    pipelines._require_memory(painter._source, painter._dtype, in_four_bits=False)
    monkeypatch.setattr(pipelines.memory, "available", lambda: counted.all // 2)
    with pytest.raises(UserError, match=r"klein-Q8_0\.gguf takes .* GB of this computer's memory"):
        pipelines._require_memory(painter._source, painter._dtype, in_four_bits=False)
    as_on_a_card(64 << 30)
    pictures = []
    for k, plan in enumerate(painter._plans()[1:], 1):
        painter._lay_out(k)
        pictures.append(painter.paint(*holed, SAMPLING))
        assert painter._plan == k and not painter.slowed and not plan.cast
    assert len(pictures) == 3 and all((each == pictures[0]).all() for each in pictures)


def test_where_memory_is_short_its_text_encoder_alone_is_read_in_four_bits(store, made, monkeypatch):
    painter = Painter(made / "klein-Q8_0.gguf", "flux2", store)
    told = pipelines._four_bits(painter._source, torch.bfloat16)["quantization_config"]
    assert set(told.quant_mapping) == {"text_encoder"}
    whole = pipelines._four_bits(pipelines.Source(made / "flux2-klein", "flux2"), torch.bfloat16)
    assert set(whole["quantization_config"].quant_mapping) == {"transformer", "text_encoder"}


def test_what_it_needs_besides_is_said(store, made, monkeypatch):
    file = str(made / "klein-Q8_0.gguf")
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "gguf" else object())
    with pytest.raises(UserError, match=r"does not have: gguf.*pip install gguf"):
        demand(store, "fill", file)
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"holds weights alone: its settings come with flux2-klein.*models fetch"):
        load(Store(made / "nothing"), "fill", file)


# -- files that are wrong


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A function that gives a small file of the model, and a folder of its own for it."""
    folder = tmp_path_factory.mktemp("tiny")
    base = small_pipelines.flux2(folder / "flux2-klein")

    def written(name: str, **how):
        return small_pipelines.quantised(base, tmp_path_factory.mktemp("file") / name, **how)

    return written


def test_a_file_that_is_cut_off_anywhere_is_refused(tiny):
    file = tiny("klein.gguf")
    whole = file.read_bytes()
    data = len(whole) - gguf_files.size(file) - 100
    for length in (0, 3, 4, 20, 100, data // 2, data, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"klein\.gguf is (cut off|damaged, or no \.gguf file)"):
            families.family_of(file)
    file.write_bytes(whole)
    assert families.family_of(file) == "flux2"


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04K\x01.",  # pickled
        b"PK\x03\x04" + bytes(100),
        b"GGUF" + bytes(100),
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60) + bytes(1000),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60) + bytes(1000),
        b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 4, 1 << 60) + bytes(1000),
        b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"a", 77) + bytes(1000),
        b"GGUF" + struct.pack("<IQQQ1sIQIQ", 3, 1, 0, 1, b"a", 1, 33, 8, 0) + bytes(1000),
        b"GGUF" + struct.pack("<IQQQ1sI", 3, 1, 0, 1, b"a", 1 << 30) + bytes(1000),
        b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, content):
    (tmp_path / "klein.gguf").write_bytes(content)
    with pytest.raises(UserError, match=r"klein\.gguf is damaged, or no \.gguf file"):
        families.family_of(tmp_path / "klein.gguf")


def head(**shapes: list[int]) -> bytes:
    """A file of tensors without values, as a head says them."""
    described = b"".join(
        struct.pack(f"<Q{len(name)}sI{len(shape)}QIQ", len(name), name.encode(), len(shape), *shape[::-1], 0, 0)
        for name, shape in shapes.items()
    )
    return b"GGUF" + struct.pack("<IQQ", 2, len(shapes), 0) + described + bytes(1 << 16)


FLUX = {"double_blocks.0.img_mod.lin.weight": [1], "img_in.weight": [8, 64], "final_layer.linear.weight": [64, 8]}


@pytest.mark.parametrize(
    ("name", "tensors", "family"),
    [
        ("fill.gguf", FLUX | {"img_in.weight": [8, 384]}, "flux"),
        ("flux1-Kontext-dev.gguf", FLUX, "kontext"),
        ("flux1-dev.gguf", FLUX, ""),
        ("a language model.gguf", {"token_embd.weight": [8, 8]}, ""),
        ("nothing.gguf", {}, ""),
    ],
)
def test_the_family_is_known_by_the_tensors(tmp_path, name, tensors, family):
    (tmp_path / name).write_bytes(head(**tensors))
    if family:
        assert families.family_of(tmp_path / name) == family
        return
    with pytest.raises(UserError, match=r"is not the transformer of a model that paints into a hole\. Choose one of"):
        families.family_of(tmp_path / name)


def test_a_kind_that_is_not_read_is_said_with_those_that_are(tmp_path):
    (tmp_path / "a.gguf").write_bytes(
        head(**FLUX).replace(struct.pack("<QQIQ", 64, 8, 0, 0), struct.pack("<QQIQ", 64, 8, 39, 0))
    )
    with pytest.raises(UserError, match=r"of a kind that is not read here, number 39\. Choose .*Q4_K, Q5_K"):
        families.family_of(tmp_path / "a.gguf")
    assert {gguf.GGMLQuantizationType[kind.name]: (kind.block, kind.length) for kind in gguf_files.KINDS.values()} == {
        gguf.GGMLQuantizationType(number): gguf.GGML_QUANT_SIZES[number] for number in gguf_files.KINDS
    }


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"blocks": 1}, r"other\.gguf has another size than FLUX\.2 \[klein\]"),
        ({"without": "double_blocks.0.txt_mlp"}, r"other\.gguf lacks some of the transformer's weights"),
    ],
)
def test_one_that_does_not_fit_the_model_is_said(tiny, store, monkeypatch, how, says):
    folder = store.folder / "flux2-klein"
    shutil.rmtree(folder)
    small_pipelines.flux2(folder)
    in_the_catalogue(monkeypatch, folder)
    with pytest.raises(UserError, match=says):
        load(store, "fill", str(tiny("other.gguf", **how)))

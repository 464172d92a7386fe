"""A picture beside the words for Stable Diffusion: an IP-Adapter of the real architecture, small."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError  # noqa: E402
from inference_server.fill.diffusion import adapters, demand_reference, families, memory, takes_reference  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.imaging.files import memory as computer  # noqa: E402
from inference_server.models import devices  # noqa: E402
from inference_server.models.catalogue import IP_ADAPTER  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.messages import Job, Quality  # noqa: E402

from .. import small_pipelines  # noqa: E402
from ..small_models import picture  # noqa: E402
from .test_painter import TEDDY  # noqa: E402
from .test_pipelines import in_the_catalogue  # noqa: E402

FAST = Sampling(TEDDY, 1, Quality.FAST)
RED, BLUE = (np.full((40, 60, 3), colour, np.float32) for colour in ((1.0, 0.1, 0.0), (0.0, 0.1, 1.0)))


@pytest.fixture(scope="module")
def store(small_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    bases = {family.adapter: small_models / name for name, family in families.FAMILIES.items() if family.adapter}
    small_pipelines.ip_adapter(folder / IP_ADAPTER, bases)
    with pytest.MonkeyPatch.context() as patched:
        in_the_catalogue(patched, folder / IP_ADAPTER)
        yield Store(folder)


@pytest.fixture(autouse=True)
def in_32_bits(monkeypatch):
    """However the processor multiplies: pictures are compared closely."""
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: False)


@pytest.fixture
def encoded(monkeypatch) -> list[bool]:
    """Whether guided, each time a picture is encoded."""
    calls, encode = [], adapters.encode

    def spied(*given, guided):
        calls.append(guided)
        return encode(*given, guided=guided)

    monkeypatch.setattr(adapters, "encode", spied)
    return calls


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_it_paints_as_diffusers_does_with_the_same_picture(small_models, store, holed, kind, monkeypatch):
    """To whom it is given whole, with the encoder; and without the adapter it is as it was."""
    painter = Painter(small_models / kind, kind, store)
    before = painter.paint(*holed, FAST)
    inputs, call = {}, type(painter._pipeline).__call__

    def spied(self, **given):
        inputs.update(given)
        return call(self, **given)

    spied.__signature__ = inspect.signature(call)
    monkeypatch.setattr(type(painter._pipeline), "__call__", spied)
    painted = painter.paint(*holed, FAST._replace(reference=RED))
    monkeypatch.undo()
    assert memory.has_adapter(painter._network) and len(inputs.pop("ip_adapter_image_embeds")) == 1
    inputs.pop("callback_on_step_end")

    plain = type(painter._pipeline).from_pretrained(small_models / kind, safety_checker=None)
    plain.scheduler = painter._pipeline.scheduler
    plain.set_progress_bar_config(disable=True)
    file = store.folder_of(IP_ADAPTER) / families.FAMILIES[kind].adapter
    plain.load_ip_adapter(file.parent, subfolder="", weight_name=file.name, image_encoder_folder=None)
    plain.register_modules(image_encoder=adapters._encoder(file.parent / adapters.ENCODER))
    plain.set_ip_adapter_scale(adapters.SCALE)
    for network in memory.networks(plain):
        network.to(memory_format=torch.channels_last)
    shown = (RED * 255).round().astype(np.uint8)
    expected = plain(**{**inputs, "generator": torch.Generator("cpu").manual_seed(1)}, ip_adapter_image=shown).images[0]
    assert np.abs(painted - expected.permute(1, 2, 0).float().numpy()).max() < 1e-5
    assert np.abs(painted - before).max() > 0.01, "the picture says something"
    assert (painter.paint(*holed, FAST) == before).all(), "and nothing any more where there is none"


def test_the_encoder_is_built_from_its_shapes(store):
    encoder = adapters._encoder(store.folder_of(IP_ADAPTER) / adapters.ENCODER)
    config = encoder.config
    assert (config.hidden_size, config.num_hidden_layers, config.image_size, config.patch_size) == (80, 3, 224, 56)
    assert config.num_attention_heads == 1 and config.intermediate_size == 37 and config.projection_dim == 8


def test_a_picture_is_encoded_once_however_many_tiles_and_results_there_are(small_models, store, holed, encoded):
    painter = Painter(small_models / "sd15", "sd15", store)
    for seed in (1, 2):
        for refine in (False, True):
            painter.paint(*holed, FAST._replace(seed=seed, refine=refine, reference=RED.copy()))
    assert encoded == [True]
    red, blue = (painter.paint(*holed, FAST._replace(reference=shown)) for shown in (RED, BLUE))
    assert encoded == [True, True] and (red != blue).any()


@pytest.mark.parametrize(("card", "plan"), [(False, 1), (True, 2), (True, 3), (True, 4)])
def test_it_comes_and_goes_however_the_model_is_laid_out(
    small_models, store, holed, as_on_a_card, monkeypatch, card, plan
):
    """With attention done in parts, as without a card where memory is short; by network, by layers, in groups."""

    def painter() -> Painter:
        made = Painter(small_models / "sd15", "sd15", store)
        if card:
            as_on_a_card(64 << 30)
        monkeypatch.setattr(made, "_fitting", lambda pixels: plan)
        return made

    with monkeypatch.context() as without_card:
        if not card:
            without_card.setattr(memory, "possible", lambda device, **told: memory.WHOLE)
        one = painter()
        for shown in (None, RED, None):
            wanted = FAST._replace(reference=shown)
            painted = one.paint(*holed, wanted)
            assert one._plan == plan and np.abs(painted - painter().paint(*holed, wanted)).max() < 1e-5


def test_one_that_does_not_fit_the_model_is_not_offered(store, tmp_path):
    """Stable Diffusion 2 has other text embeddings."""
    other = small_pipelines.sd15(tmp_path / "sd2", width=64)
    assert not takes_reference(store, Job.FILL, str(other))


def test_what_takes_a_picture_depends_on_what_is_here(small_models, store, tmp_path):
    for kind, there, expected in (
        ("sd15", True, True),
        ("sdxl", True, True),
        ("flux", True, False),
        ("sd15", False, False),
    ):
        place = store if there else Store(tmp_path)
        assert takes_reference(place, Job.FILL, str(small_models / kind)) == expected, kind
    with pytest.raises(UserError, match="by words alone") as caught:
        demand_reference(Store(tmp_path), Job.FILL, str(small_models / "sd15"))
    assert "models fetch ip-adapter" in str(caught.value.remedy) and "flux2-klein" in str(caught.value.remedy)


def test_memory_that_does_not_hold_the_encoder_is_said(small_models, store, holed, monkeypatch):
    painter = Painter(small_models / "sd15", "sd15", store)
    monkeypatch.setattr(computer, "available", lambda: 1000)
    with pytest.raises(UserError, match="IP-Adapter takes"):
        painter.paint(*holed, FAST._replace(reference=RED))
    monkeypatch.undo()
    assert np.isfinite(painter.paint(*holed, FAST._replace(reference=RED))).all()


def test_the_adapter_s_layers_count_when_a_plan_is_chosen(small_models, store, holed):
    painter = Painter(small_models / "sd15", "sd15", store)
    before = memory.weights(painter._pipeline)
    painter.paint(*holed, FAST._replace(reference=RED))
    after = memory.weights(painter._pipeline)
    layers = (store.folder_of(IP_ADAPTER) / families.SD15.adapter).stat().st_size  # in 32 bits, too
    assert after.denoiser - before.denoiser == pytest.approx(layers, rel=0.05)
    assert after.all - before.all == after.denoiser - before.denoiser, "and the encoder has gone again"


def test_a_picture_alone_says_enough(small_models, store):
    engine, image = Engine(store), picture(120, 80)
    mask = np.zeros((80, 120), np.uint8)
    mask[25:50, 40:80] = 255
    asked = {"quality": "fast", "model": str(small_models / "sd15")}
    with pytest.raises(UserError, match="Nothing says"):
        engine.replace(image, mask, **asked)
    replaced = engine.replace(image, mask, reference=(RED * 255).astype(np.uint8), **asked)
    assert (replaced[mask == 255] == image[mask == 255]).all() and (replaced != image).any()
    filled = engine.fill(image, mask, reference=(RED * 255).astype(np.uint8), grow=0, feather=0, **asked)
    assert (filled[mask == 0] == image[mask == 0]).all()

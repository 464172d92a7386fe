"""Painting with real pipelines of each layout, small and with random weights: seeds, steps, cancelling, memory."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import UserError  # noqa: E402
from inference_server.fill.diffusion import families, memory, schedule  # noqa: E402
from inference_server.fill.diffusion import painter as painter_module  # noqa: E402
from inference_server.fill.diffusion.pace import Pace  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.models import devices  # noqa: E402
from inference_server.models.catalogue import MODELS  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.errors import cancelled_error  # noqa: E402
from inference_server.shared.messages import Quality  # noqa: E402

from .. import small_pipelines  # noqa: E402
from ..small_models import picture  # noqa: E402

KINDS = ("sd15", "sdxl", "flux")
TEDDY = Prompt("a teddy bear", "blurry")


@pytest.fixture(scope="module")
def painters(small_models, tmp_path_factory):
    """One painter of each kind."""
    store = Store(tmp_path_factory.mktemp("models"))
    return {kind: Painter(small_models / kind, families.family_of(small_models / kind), store) for kind in KINDS}


@pytest.fixture(params=KINDS)
def painter(painters, request):
    return painters[request.param]


def test_each_family_is_known_by_its_files(painters):
    assert {kind: painter.family.title for kind, painter in painters.items()} == {
        "sd15": "Stable Diffusion",
        "sdxl": "Stable Diffusion XL",
        "flux": "FLUX.1 Fill",
    }


def test_a_seed_gives_its_picture_again_and_another_gives_another(painter, holed):
    first, again, other = (painter.paint(*holed, Sampling(TEDDY, seed, Quality.FAST)) for seed in (7, 7, 8))
    assert first.shape == (64, 96, 3) and first.dtype == np.float32 and first.min() >= 0 and first.max() <= 1
    assert (first == again).all() and (first != other).any()


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
def test_no_cell_that_is_blank_counts_as_known(painters, holed, kind):
    """A wire of one pixel, and a hole around an object that is kept: the mask and the picture that the network gets."""
    painter, picture = painters[kind], holed[0]
    wire, around = np.zeros((64, 96), bool), np.ones((64, 96), bool)
    wire[31] = True
    around[11:43, 23:59] = False
    seen, encode = [], painter._pipeline.prepare_mask_latents
    for hole in (wire, around):
        hook = painter._network.register_forward_pre_hook(lambda _, given: seen.append((given[0][0, 4] > 0).numpy()))
        painter._pipeline.prepare_mask_latents = lambda mask, masked, *more: (
            seen.append((masked == 0).all(dim=1)[0].numpy()) or encode(mask, masked, *more)
        )
        painter.paint(picture, hole, Sampling(TEDDY, 1, Quality.FAST))
        hook.remove()
        painter._pipeline.prepare_mask_latents = encode
        blank, told = seen[0], seen[1].repeat(2, axis=0).repeat(2, axis=1)
        assert blank[hole].all() and (told == blank).all()
        assert np.count_nonzero(told) <= 2 * np.count_nonzero(hole), "and no more than they fill"
        seen.clear()


@pytest.mark.parametrize("is_new", [True, False])
def test_metal_has_bfloat16_from_macos_14_on(monkeypatch, is_new):
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: is_new and major <= 14)
    assert painter_module._precision("bfloat16", "mps") == (torch.bfloat16 if is_new else torch.float32)
    assert painter_module._precision("float16", "mps") == torch.float16


def test_where_16_bits_give_no_numbers_32_do(small_models, holed, tmp_path, monkeypatch):
    """As float16 on some cards: here the processor's bfloat16 stands for it."""
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: True)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    narrow = painter._dtype
    decode, asked = painter._pipeline.vae.decode, []

    def overflowing(latents, *more, **named):
        asked.append(latents.dtype)
        decoded = decode(latents, *more, **named)
        return (decoded[0] * float("nan"),)

    painter._pipeline.vae.decode = overflowing
    painted = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert asked == [narrow] == [torch.bfloat16] and painter._dtype == torch.float32 and np.isfinite(painted).all()
    assert "32" in str(painter.remarks[0])
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: False)
    other = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    assert (painted == other.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))).all()


def test_what_gives_no_numbers_at_all_is_said(small_models, holed, tmp_path):
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    painter._dtype = torch.float32
    with torch.no_grad():
        painter._pipeline.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(UserError, match=r"gives no picture.*choose another model"):
        painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))


def schedulers():
    """The real schedulers of each family and quality, with the published settings."""
    import diffusers

    diffusion = diffusers.DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    )
    shifted = diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096
    )
    dpm = diffusers.DPMSolverMultistepScheduler.from_config(diffusion.config, use_karras_sigmas=True)
    lcm = diffusers.LCMScheduler.from_config(diffusion.config)
    others = (diffusion, diffusers.EulerDiscreteScheduler.from_config(diffusion.config))
    return [
        *((each, 25) for each in others),
        *((dpm, n) for n in (10, 20, 40)),
        (lcm, 4),
        (lcm, 5),
        (shifted, 28),
        (shifted, 8),
    ]


@pytest.mark.parametrize(("scheduler", "steps"), schedulers())
def test_a_second_pass_begins_at_the_same_noise_whatever_the_scheduler(scheduler, steps):
    taken = max(1, round(steps * painter_module.REFINE_STEPS))
    for tokens in (256, 1024, 4096):
        start = schedule.from_noise(scheduler, taken, painter_module.REFINE_NOISE, tokens)
        assert start.taken == taken and start.is_exact
        noise = schedule.first_noise(scheduler, start, tokens)
        assert noise == pytest.approx(painter_module.REFINE_NOISE, rel=0.15)


@pytest.mark.parametrize(("scheduler", "steps"), schedulers())
def test_what_is_in_the_hole_is_kept_under_as_much_noise_whatever_the_scheduler(scheduler, steps):
    start = schedule.from_noise(scheduler, steps, painter_module.PREFILL_NOISE, 4096)
    assert start.taken == steps and start.strength < 1
    assert schedule.first_noise(scheduler, start, 4096) == pytest.approx(painter_module.PREFILL_NOISE, rel=0.35)


@pytest.mark.parametrize(("scheduler", "steps"), [each for each in schedulers() if each[0].order == 1][2:-2])
def test_little_of_the_picture_is_left_where_most_noise_is_wanted(scheduler, steps):
    start = schedule.from_most_noise(scheduler, steps)
    noise = schedule.first_noise(scheduler, start, 4096)
    assert start.taken == steps and start.strength < 1 and (1 + noise**2) ** -0.5 < 0.11


def test_a_long_prompt_counts_to_its_end(painters, holed):
    """100 words, of which CLIP takes 77 letters at once here."""
    long = Prompt(" ".join(["bench"] * 30))
    for kind in ("sd15", "sdxl"):
        first, second = (
            painters[kind].paint(*holed, Sampling(Prompt(f"{long.positive} {end}"), 1, Quality.FAST))
            for end in ("cat", "dog")
        )
        assert (first != second).any() and not painters[kind].remarks
    painters["sd15"].paint(*holed, Sampling(Prompt("x" * 700), 1, Quality.FAST))
    assert "too long" in str(painters["sd15"].remarks[0])
    painters["flux"].paint(*holed, Sampling(Prompt(" ".join(["bench"] * 120)), 1, Quality.FAST))
    assert "too long" in str(painters["flux"].remarks[0])


def test_a_prompt_is_encoded_once(painter, holed):
    asked = []
    hook = painter._pipeline.text_encoder.register_forward_pre_hook(lambda *_: asked.append(1))
    for refine in (False, True, True):
        painter.paint(*holed, Sampling(Prompt("a cat on a mat", "a dog"), 1, Quality.BALANCED, refine))
    hook.remove()
    assert len(asked) == (1 if painter.family is families.FLUX else 2)


def test_the_prompt_and_what_to_avoid_count(painters, holed):
    for kind, painter in painters.items():
        first = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
        assert (first != painter.paint(*holed, Sampling(Prompt("a bench", "blurry"), 1, Quality.FAST))).any()
        if kind != "flux":  # which takes none
            assert (first != painter.paint(*holed, Sampling(Prompt("a teddy bear", "drawing"), 1, Quality.FAST))).any()


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("refine", [False, True])
def test_steps_are_counted_truly_and_shown(painter, holed, quality, refine):
    """As many steps are told as the large network was asked for, and each has a preview."""
    steps, asked = [], []
    hook = painter._network.register_forward_pre_hook(lambda *_: asked.append(1))
    painter.paint(*holed, Sampling(TEDDY, 1, quality, refine), on_step=steps.append)
    hook.remove()
    count = steps[-1].steps
    assert [step.done for step in steps] == list(range(1, count + 1)) and len(asked) == count
    preset = painter.family.presets[quality]
    assert count == painter.count(quality, refine=refine)
    assert 1 <= count < preset.steps if refine else count == preset.steps
    for step in steps:
        assert step.preview.shape[2] == 3 and 0 <= step.preview.min() <= step.preview.max() <= 1


def test_a_preview_shows_the_picture_once_it_is_there(holed):
    """What the encoder makes of a picture is shown as that picture, as far as the size of latents permits."""
    photo = picture(96, 64).astype(np.float32) / 255
    from inference_server.fill.diffusion.preview import Preview

    pipeline = small_pipelines.pipeline_with_true_encoder()
    preview = Preview(pipeline)
    x = torch.from_numpy(photo).permute(2, 0, 1)[None] * 2 - 1
    latents = pipeline.vae.encode(x)[0].mode()
    shown = preview.show(latents * pipeline.vae.config.scaling_factor, 96, 64)
    small = photo.reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(shown - small).mean() < 0.35 * np.abs(small - small.mean(axis=(0, 1))).mean()


def test_cancelled_at_a_step_it_does_not_finish_the_next(painter, holed):
    done, begun = [], []

    def step(step) -> None:
        done.append(step.done)
        if step.done == 3:
            raise cancelled_error()

    hook = painter._network.register_forward_pre_hook(lambda *_: begun.append(1))
    with pytest.raises(UserError, match="Cancelled"):
        painter.paint(*holed, Sampling(TEDDY, 1, Quality.BALANCED), on_step=step)
    hook.remove()
    assert done == [1, 2, 3] and len(begun) == 3
    assert painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)).shape == (64, 96, 3), "it can paint again"


def test_a_slow_step_can_be_left_in_the_middle(painter, holed):
    """What is asked whether to go on is asked between the parts of a network."""
    asked = []
    painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST), check=lambda: asked.append(1))
    assert len(asked) > 2 * painter.count(Quality.FAST)

    def stop() -> None:
        raise cancelled_error()

    begun = []
    hook = painter._network.register_forward_hook(lambda *_: begun.append(1))
    with pytest.raises(UserError, match="Cancelled"):
        painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST), check=stop)
    hook.remove()
    assert not begun


# -- memory


def test_what_is_free_decides_how_it_is_laid_out(painters):
    held = memory.Weights(all=7 << 30, largest=5 << 30)
    plans = memory.possible("cuda")
    chosen = [memory.choose(plans, free << 30, held, 1024**2) for free in (80, 12, 11, 9, 8, 6, 1, 0)]
    assert chosen == [0, 1, 1, 2, 2, 3, 4, 4]
    shared = memory.possible("cpu")
    assert [memory.choose(shared, free << 30, held, 1024**2) for free in (80, 12, 1)] == [0, 1, 1]
    assert memory.possible("xpu") == plans and memory.possible("mps") == shared
    for plans in (memory.PLANS, memory.CASTING):
        needs = [memory.need(plan, held._replace(other=1 << 30, denoiser=5 << 30), 1024**2) for plan in plans]
        assert needs == sorted(needs, reverse=True) and needs[-1] < needs[0] / 2


# What is published: bytes of all weights in 16 bits, of the largest network, of the largest but for the denoiser; and
# with a denoiser from a .gguf file.
PUBLISHED = {
    "sd15": memory.Weights(2_132_634_270, 1_719_154_104, 246_144_864, 1_719_154_104),
    "sdxl": memory.Weights(6_938_041_649, 5_135_178_560, 1_389_382_884, 5_135_178_560),
    "flux": memory.Weights(33_900_000_000, 23_800_000_000, 9_520_000_000, 23_800_000_000),
    "flux2": memory.Weights(15_970_000_000, 8_050_000_000, 8_050_000_000, 7_750_000_000),
    "flux2_q4": memory.Weights(10_824_000_000, 8_050_000_000, 8_050_000_000, 2_604_311_104, is_packed=True),
    "flux2_erase": memory.Weights(8_111_934_102, 7_943_813_224, 168_120_878, 7_943_813_224),
    "qwen_edit": memory.Weights(57_700_000_000, 40_860_000_000, 16_580_000_000, 40_860_000_000),
}
PAGE = Path(__file__).parents[2] / "docs" / "diffusion.md"


def planned(kind: str, size: float, *, may: bool = True) -> tuple[memory.Plan, int, bool]:
    """The plan for a card of so many GiB, the bytes that are expected, and whether weights are read in 4 bits.

    may: whether there is what reads them so.
    """
    held, pixels = PUBLISHED[kind], 512**2 if kind == "sd15" else 1024**2
    casts = families.FAMILIES[kind.removesuffix("_q4")].casts
    card = round(size * (1 << 30))
    four = may and casts and memory.wants_four_bits(held, card, None, pixels)
    held = held.in_four_bits if four else held
    plans = memory.possible("cuda", casts=casts, in_four_bits=four, is_packed=held.is_packed)
    free = round(card * (1 - memory.DRIVERS))
    plan = plans[memory.choose(plans, free, held, pixels)]
    assert memory.need(plan, held, pixels) < free * memory.SPARE
    return plan, memory.need(plan, held, pixels), four


def words(plan: memory.Plan, need: int, four: bool) -> str:
    """As docs/diffusion.md has it."""
    way = {"": "in tiles" if plan.tiled else "whole", "model": "a network", "group": "layers"}[plan.offload]
    return f"{way}{', 8 bits' if plan.cast else ''}{', 4 bits' if four else ''} ({need / 1e9:.1f})"


@pytest.mark.parametrize("size", [6, 8, 12, 16, 24, 48])
def test_each_model_has_a_plan_for_each_card_as_the_page_says(size):
    """Each fits, and none of the published models is moved layer by layer without need."""
    row = f"| {size} GiB | " + " | ".join(words(*planned(kind, size)) for kind in PUBLISHED) + " |"
    assert row in PAGE.read_text("utf-8").splitlines(), row


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("flux", "flux1-fill"),
        ("flux", "flux1-kontext"),
        ("flux2", "flux2-klein"),
        ("flux2_q4", "flux2-klein-q4"),
        ("flux2_erase", "flux2-erase"),
        ("qwen_edit", "qwen-image-edit"),
    ],
)
def test_a_large_model_suits_the_cards_on_which_no_layers_are_moved(kind, name):
    """With what helps it, and without: what is preferred and advised is what the plans say."""
    model = MODELS[name]
    for tenths in range(40, 500):
        size = tenths * (1 << 30) / 10
        moved = {four: planned(kind, size / (1 << 30), may=four)[0].offload == "group" for four in (True, False)}
        assert model.suits(round(size), helped=True) != moved[True], size
        assert model.suits(round(size)) != moved[False], size
    assert model.help
    held = PUBLISHED[kind]
    assert model.weights == pytest.approx(held.all, rel=0.01)
    assert model.help.weights == pytest.approx(held.in_four_bits.all, rel=0.02)


def test_four_bits_are_taken_where_they_spare_something():
    """Which is the moving of layers, or that the computer's memory does not hold 16."""
    held, gib = PUBLISHED["flux"], 1 << 30
    assert [memory.wants_four_bits(held, size * gib, None, 1024**2) for size in (6, 8, 12, 16, 24)] == [
        False, False, True, False, False,
    ]  # fmt: skip
    assert memory.wants_four_bits(held, 24 * gib, 32_000_000_000, 1024**2)
    assert not memory.wants_four_bits(held, 24 * gib, 40_000_000_000, 1024**2)
    assert not memory.wants_four_bits(held, 6 * gib, 32_000_000_000, 1024**2), "it would not fit on the card"


def full_size() -> dict[str, list]:
    """The largest networks that are published, without their weights: the denoiser and the largest text encoder."""
    from diffusers import FluxTransformer2DModel, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

    xl = UNet2DConditionModel(
        in_channels=9,
        cross_attention_dim=2048,
        attention_head_dim=(5, 10, 20),
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + 1280,
    )
    big_g = CLIPTextConfig(
        hidden_size=1280, projection_dim=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20
    )
    xxl = T5Config(d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")
    fill = FluxTransformer2DModel(in_channels=384, out_channels=64, guidance_embeds=True)
    return {"sdxl": [xl, CLIPTextModelWithProjection(big_g)], "flux": [fill, T5EncoderModel(xxl)]}


def test_the_published_sizes_and_the_layers_are_those_of_the_architectures():
    """On no device at all, so that 12 billion weights take no memory; in 16 bits."""
    with torch.device("meta"):
        architectures = full_size()
    for kind, (denoiser, encoder) in architectures.items():
        sizes = [2 * sum(p.numel() for p in network.parameters()) for network in (denoiser, encoder)]
        assert sizes == pytest.approx([PUBLISHED[kind].denoiser, PUBLISHED[kind].other], rel=0.01)
        modules = [module for network in (denoiser, encoder) for module in network.modules()]
        own = {id(p): 2 * p.numel() for module in modules for p in module.parameters(recurse=False)}  # some are tied
        layers = sorted(own.values())
        # One computes while the next is on its way.
        assert sum(layers[-2:]) < memory.LAYERS


def test_in_four_bits_the_published_networks_are_as_small_as_is_counted():
    """Their linear layers are: half a byte a weight, and four bytes for each 64."""
    with torch.device("meta"):
        architectures = full_size()["flux"]
    every = sum(p.numel() for network in architectures for p in network.parameters())
    linear = (
        module for network in architectures for module in network.modules() if isinstance(module, torch.nn.Linear)
    )
    four = sum(module.weight.numel() for module in linear)
    assert four * (1 / 2 + 4 / 64) + (every - four) * 2 < memory.FOUR_BITS * every * 2 * 1.02


def test_weights_in_four_bits_paint_by_every_plan(small_models, holed, as_on_a_card, tmp_path, monkeypatch):
    """On a processor, where the libraries would rather have a card."""
    bits = pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (the extra `full`)")
    from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer

    monkeypatch.setattr(BnB4BitDiffusersQuantizer, "validate_environment", lambda *_, **more: None)
    monkeypatch.setattr(BnB4BitDiffusersQuantizer, "update_device_map", lambda *_: {"": "cpu"})
    monkeypatch.setattr(bits.nn.modules, "has_avx512bf16", lambda: False)  # whose packing wants larger layers
    monkeypatch.setattr(memory, "can_read_four_bits", lambda device: True)
    monkeypatch.setattr(memory, "wants_four_bits", lambda *given: True)
    painter, whole = (Painter(small_models / "flux", family, Store(tmp_path)) for family in ("flux", "other"))
    whole.family = painter.family
    assert memory.weights(painter._pipeline).denoiser < 0.8 * memory.weights(whole._pipeline).denoiser
    assert any(isinstance(part, bits.nn.Linear4bit) for part in painter._pipeline.text_encoder.modules())
    as_on_a_card(64 << 30)
    pictures = []
    for k, _ in enumerate(painter._plans()[1:], 1):
        painter._lay_out(k)
        pictures.append(painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)))
        assert painter._plan == k and not painter.slowed
    assert (pictures[0] == pictures[1]).all() and "4 bits" in str(painter.remarks[0])
    exact = whole.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert 0 < np.abs(pictures[0] - exact).mean() < 0.5 * np.abs(exact - holed[0]).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_save_memory_paints_the_same(small_models, holed, as_on_a_card, tmp_path, monkeypatch, kind):
    """With figures as small as these models are; how tiles are joined is the decoder's, and not exact."""
    for name, bytes_ in (("LEAST_WORK", 0), ("DENOISING", 0), ("LAYERS", 100 << 10), ("TILE", 32)):
        monkeypatch.setattr(memory, name, bytes_)
    pictures, family = [], families.FAMILIES[kind]
    for k, plan in enumerate(memory.possible("cuda", casts=family.casts)):
        painter = Painter(small_models / kind, kind, Store(tmp_path))
        plans = painter._plans()
        need = memory.need(plan, memory.weights(painter._pipeline), holed[1].size)
        as_on_a_card(int(need / memory.SPARE) + 10)
        chosen = plans[painter._fitting(holed[1].size)]
        assert memory.need(chosen, memory.weights(painter._pipeline), holed[1].size) == need
        painter._lay_out(k)
        pictures.append(painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)))
        assert painter._plan == k and not painter.slowed
    whole, *in_tiles = pictures
    exact = [each for each, plan in zip(in_tiles, plans[1:], strict=True) if not plan.cast]
    cast = [each for each, plan in zip(in_tiles, plans[1:], strict=True) if plan.cast]
    assert all((each == exact[0]).all() for each in exact) and (whole != exact[0]).any()
    assert all((each == cast[0]).all() for each in cast) and bool(cast) == family.casts
    if cast:
        assert 0 < np.abs(cast[0] - exact[0]).mean() < 0.25 * np.abs(exact[0] - holed[0]).mean()


def test_what_is_laid_out_in_groups_can_be_laid_out_anew(small_models, holed, as_on_a_card, tmp_path):
    """Whatever plan follows whatever other, and in the computer's memory between."""
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    as_on_a_card(64 << 30)
    pictures = []
    for k in (1, 3, 2, 3, 4, 3, 1):
        painter._lay_out(k)
        pictures.append(painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)))
    assert all((each == pictures[0]).all() for each in pictures)


def exhausted(painter, times: int):
    """Real out-of-memory errors, so many, raised in the middle of the network."""
    left = [times]

    def hook(*_) -> None:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return painter._network.register_forward_pre_hook(hook)


def test_memory_that_runs_out_is_met_once_by_less_speed(small_models, holed, as_on_a_card, tmp_path):
    as_on_a_card(64 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    hook = exhausted(painter, 1)
    steps = []
    painted = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST), on_step=steps.append)
    hook.remove()
    assert painter.slowed and painter._plan == 1 and steps[-1].done == steps[-1].steps == 10
    assert (painted == painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))).all()


def test_a_driver_that_swaps_instead_of_failing_is_noticed_by_its_pace(
    small_models, holed, as_on_a_card, tmp_path, monkeypatch
):
    """A first picture at a second a step; in the next one, the card is full, and a step takes ten."""
    as_on_a_card(64 << 30)
    monkeypatch.setattr(memory, "is_swapping", lambda device, *, is_slow: is_slow)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    now, took = [0.0], [1.0]

    def clock() -> float:
        now[0] += took[0]
        return now[0]

    painter._pace = Pace(clock)
    first = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert painter._plan == 0 and not painter.slowed
    took[0] = 10.0
    second = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert painter._plan == 1 and painter.slowed and second.shape == first.shape


def test_only_a_full_card_of_windows_swaps(monkeypatch):
    reserved = [0]
    monkeypatch.setattr(devices, "total", lambda device: 8 << 30)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: reserved[0])
    monkeypatch.setattr(devices, "free", lambda device: 100 << 20)
    for system, swaps in (("Linux", False), ("Windows", True)):
        monkeypatch.setattr(memory.platform, "system", lambda system=system: system)
        assert memory.is_swapping("cuda", is_slow=True) == swaps and not memory.is_swapping("cuda", is_slow=False)
        reserved[0] = 9 << 30
        assert memory.is_swapping("cuda", is_slow=False) == swaps, "more is held than the card has"
        reserved[0] = 0
    monkeypatch.setattr(devices, "free", lambda device: 4 << 30)
    assert not memory.is_swapping("cuda", is_slow=True) and not memory.is_swapping("cpu", is_slow=True)


def test_memory_that_runs_out_while_it_is_laid_out_is_met_too(small_models, holed, as_on_a_card, tmp_path, monkeypatch):
    as_on_a_card(64 << 30)
    painter, lay_out, asked = Painter(small_models / "sd15", "sd15", Store(tmp_path)), memory.lay_out, []

    def short(pipeline, plan, device):
        asked.append(plan)
        if plan == memory.Plan():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        lay_out(pipeline, plan, device)

    monkeypatch.setattr(memory, "lay_out", short)
    assert painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)).shape == (64, 96, 3)
    assert asked == [memory.Plan(), memory.Plan(tiled=True)] and painter.slowed


def test_memory_that_runs_out_twice_is_said(small_models, holed, as_on_a_card, tmp_path):
    as_on_a_card(64 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    hook = exhausted(painter, 2)
    with pytest.raises(UserError, match=r"not enough memory.*Close other programs") as refused:
        painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert refused.value.code == "no-memory" and painter._plan == 1
    painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    hook.remove()


def test_where_nothing_smaller_is_left_it_is_said_at_once(small_models, holed, as_on_a_card, tmp_path):
    as_on_a_card(0)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert painter._plan == 4
    hook = exhausted(painter, 1)
    with pytest.raises(UserError, match="not even in small pieces"):
        painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    hook.remove()


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "MPS backend out of memory (MPS allocated: 9.05 GB)",
        "Native API failed. Native API returns: 40 (UR_RESULT_ERROR_OUT_OF_RESOURCES)",
        "level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    ],
)
def test_a_library_that_gets_no_memory_says_so_in_its_own_way(words):
    assert memory.is_lacking(RuntimeError(words)) and not memory.is_lacking(ValueError(words))


def test_other_errors_are_not_taken_for_a_lack_of_memory(painters, holed):
    def hook(*_) -> None:
        raise RuntimeError("something else")

    handle = painters["sd15"]._network.register_forward_pre_hook(hook)
    with pytest.raises(RuntimeError, match="something else"):
        painters["sd15"].paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    handle.remove()


def test_it_leaves_the_device_for_another_model(small_models, holed, as_on_a_card, tmp_path):
    as_on_a_card(4 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    first = painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    painter.release_for(3 << 30)
    assert painter._plan == 0
    painter.release_for(5 << 30)
    assert painter._plan is None
    assert (painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST)) == first).all()

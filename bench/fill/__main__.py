"""What painting from a prompt costs: the presets beside the paper's setting, with full-size models of random weights.

    python bench/fill [sd15] [sdxl]         without a name: both where there is a GPU, and none where there is not
    python bench/fill overhead              what Fill costs beyond bare diffusers, on the processor (`overhead`)

The paper's setting (Yu et al. 2023, published code) is 32 bits, 50 steps, guidance 7.5, the pipeline as it comes.  Each
is run whole, in turn in one process; on a processor the paper's is taken from its first steps, which are all alike.
The floor is the multiply-adds of all steps at the rate that a large matrix product reaches in the same run, in the same
precision.  What each change to the large network gives is shown by one step of it, one change after the other.

Weights do not matter for how long it takes; no picture here means anything.
"""

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "bench" / "fill")]

import diffusers
import full_size
import numpy as np
import overhead
import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

from inference_server.fill.diffusion import families, memory
from inference_server.fill.diffusion.painter import Painter, Sampling
from inference_server.fill.prompts import Prompt
from inference_server.models import devices
from inference_server.models.store import Store
from inference_server.shared.messages import Quality

STEPS_ON_A_PROCESSOR = 2  # of the paper's 50
WORK = {"sd15": 0.34e12 / 64**2, "sdxl": 3.0e12 / 128**2}  # multiply-adds per latent pixel and evaluation, about
PROMPT = Prompt("a teddy bear on a bench", "blurry")
FAST = Sampling(PROMPT, 0, Quality.FAST)


def main(names: list[str]) -> int:
    if names == ["overhead"]:
        print("Stable Diffusion 1.5 in its full size, 512 x 512, two steps")
        with tempfile.TemporaryDirectory() as scratch:
            return 0 if overhead.compare(full_size.build("sd15", Path(scratch))) else 1
    device = devices.best()
    if not names and device != "cuda":
        print("painting with full-size models: left out, there is no GPU; python bench/fill sd15 takes half an hour")
        return 0
    print(f"{torch.cuda.get_device_name() if device == 'cuda' else f'processor, {torch.get_num_threads()} threads'}")
    for name in names or ("sd15", "sdxl"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = full_size.build(name, Path(scratch))
            print(f"\n{families.FAMILIES[name].title}, seconds per picture")
            compare(name, folder, device)
            print("one step of the large network, each change on top of those before")
            changes(folder, device)
            _clear(device)
            if device == "cuda":
                print("memory, at the model's own size")
                plans(name, folder)
    return 0


def compare(name: str, folder: Path, device: str) -> None:
    """The paper's setting beside the presets."""
    family = families.FAMILIES[name]
    assert family.few_steps is not None
    ways = {way.value: family.presets[way] for way in (Quality.BEST, Quality.BALANCED)}
    # The fast preset with its LoRA: four steps without guidance; the LoRA, a percent of the arithmetic, is left out.
    ways |= {"fast, without LoRA": family.presets[Quality.FAST], "fast": family.few_steps._replace(lora="")}
    for side in (512, 1024) if device == "cuda" else (512,):
        taken, rate = ours(folder, name, device, side, ways)
        _clear(device)
        paper = the_papers(folder, name, device, side)
        _clear(device)
        print(f"  {side} x {side}: the paper's {paper:.2f}")
        for way, seconds in taken.items():
            evaluations = ways[way].steps * (2 if ways[way].guidance > 1 else 1)
            floor = evaluations * WORK[name] * (side // 8) ** 2 / rate
            print(f"    {way:20} {seconds:8.2f}   {paper / seconds:6.1f} x   {seconds / floor:5.2f} of the floor")


def ours(
    folder: Path, name: str, device: str, side: int, ways: dict[str, families.Preset]
) -> tuple[dict[str, float], float]:
    """Seconds of each way, and multiply-adds a second of a large product in the same precision."""
    painter = Painter(folder, name, _without_loras(folder), device)
    picture, hole = _scene(side)
    painter.family = painter.family._replace(few_steps=None)

    def seconds(preset: families.Preset) -> float:
        painter.family = painter.family._replace(presets={Quality.FAST: preset})
        return _seconds(lambda: painter.paint(picture, hole, FAST), device)

    seconds(families.Preset(1, 1.0))  # warms up
    return {way: seconds(preset) for way, preset in ways.items()}, _rate(device, painter._network.dtype)


def the_papers(folder: Path, name: str, device: str, side: int) -> float:
    """Seconds of the paper's setting, with the pipeline as it comes."""
    kind = getattr(diffusers, families.FAMILIES[name].pipelines[0])
    pipeline = kind.from_pretrained(folder, dtype=torch.float32).to(device)
    pipeline.set_progress_bar_config(disable=True)
    picture, hole = _scene(side)
    image, mask = torch.from_numpy(picture).permute(2, 0, 1)[None], torch.from_numpy(hole).float()[None, None]
    marks: list[float] = []

    def after_step(pipe, k: int, _, tensors: dict) -> dict:
        marks.append(time.perf_counter())
        pipe._interrupt = device == "cpu" and k >= STEPS_ON_A_PROCESSOR
        return tensors

    def paint() -> None:
        pipeline(
            prompt=PROMPT.positive,
            image=image,
            mask_image=mask,
            height=side,
            width=side,
            num_inference_steps=50,
            guidance_scale=7.5,
            callback_on_step_end=after_step,
            output_type="pt",
        )

    seconds = _seconds(paint, device)
    if device == "cpu":
        step = (marks[-1] - marks[0]) / (len(marks) - 1)
        seconds += step * (50 - len(marks))
    return seconds


def changes(folder: Path, device: str) -> None:
    """Seconds of one step with guidance, from the network as it was in 2023 to how it is used here, and compiled."""
    half = torch.float16 if device == "cuda" else torch.bfloat16
    network = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32).to(device).eval()
    side, width = network.config.sample_size, network.config.cross_attention_dim

    def plain() -> None:
        network.set_attn_processor(AttnProcessor())

    def fused() -> None:
        network.set_attn_processor(AttnProcessor2_0())

    steps: list[tuple[str, Callable[[], object]]] = [
        ("32 bits, plain attention", plain),
        ("fused attention", fused),
        ("channels last", lambda: network.to(memory_format=torch.channels_last)),
        ("16 bits", lambda: network.to(half)),
    ]
    if device == "cuda":
        steps.append(("compiled", network.compile))
    before = 0.0
    for words, change in steps:
        change()
        given = (
            torch.randn(2, network.config.in_channels, side, side, device=device, dtype=network.dtype),
            torch.tensor(500, device=device),
            torch.randn(2, 77, width, device=device, dtype=network.dtype),
        )
        added = {}
        if network.config.addition_embed_type == "text_time":
            added["text_embeds"] = torch.randn(2, 1280, device=device, dtype=network.dtype)
            added["time_ids"] = torch.zeros(2, 6, device=device, dtype=network.dtype)

        def step(given=given, added=added) -> None:
            with torch.no_grad():
                network(*given, added_cond_kwargs=added or None)

        step()
        seconds = min(_seconds(step, device) for _ in range(2 if device == "cpu" else 10))
        print(f"    {words:26} {seconds:9.4f}" + (f"   {before / seconds:5.2f} x" if before else ""))
        before = seconds


def plans(name: str, folder: Path) -> None:
    """What each way to lay a pipeline out takes of the card."""
    for k in range(len(memory.PLANS)):
        plan(k, name, folder)
        _clear("cuda")


def plan(k: int, name: str, folder: Path) -> None:
    painter = Painter(folder, name, _without_loras(folder), "cuda")
    picture, hole = _scene(painter.side)
    painter._lay_out(k)
    painter.paint(picture, hole, FAST)
    torch.cuda.reset_peak_memory_stats()
    seconds = _seconds(lambda: painter.paint(picture, hole, FAST), "cuda")
    laid = memory.PLANS[k]
    estimate = memory.need(laid, memory.weights(painter._pipeline), painter.side**2)
    peak = torch.cuda.max_memory_allocated()
    words = {
        "": "all of it",
        "model": "a network at a time",
        "group": "its layers in turn",
        "sequential": "a layer at a time",
    }[laid.offload]
    tiled = ", in tiles" if laid.tiled else ""
    print(f"    {words + tiled:32} peak {peak >> 20:6} MB, estimated {estimate >> 20:6} MB, {seconds:6.2f} s")


def _without_loras(folder: Path) -> Store:
    return Store(folder / "no models")


def _scene(side: int) -> tuple[np.ndarray, np.ndarray]:
    hole = np.zeros((side, side), bool)
    hole[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4] = True
    return np.random.default_rng(0).random((side, side, 3), dtype=np.float32), hole


def _rate(device: str, dtype: torch.dtype) -> float:
    """Multiply-adds a second of a large product."""
    a = torch.rand(4096, 4096, device=device).to(dtype)
    if device == "cpu":
        a = a[:2048, :2048].contiguous()
    best = min(_seconds(lambda: a @ a, device) for _ in range(5))
    return a.shape[0] ** 3 / best


def _seconds(work: Callable[[], object], device: str) -> float:
    begun = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def _clear(device: str) -> None:
    gc.collect()
    memory.empty(device)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What Fill costs beyond bare diffusers: one picture of 512 x 512 in two steps, each way in a process of its own.

Both read the same folder in the same precision and with channels last, which Fill uses and bare diffusers does not, and
take the same steps of the same scheduler with the same guidance.
Processor seconds are those of the picture alone, the peak is that of the whole process, reading included.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY)]

import diffusers
import numpy as np
import torch

from inference_server import Engine
from inference_server.fill import diffusion
from inference_server.fill.diffusion import families
from inference_server.fill.diffusion.painter import _precision
from inference_server.models.store import Store
from inference_server.shared.messages import Job, Quality

SIDE, STEPS, GUIDANCE, PROMPT = 512, 2, 7.5, "a teddy bear on a bench"
MOST = 0.05  # of bare diffusers' seconds
WAYS = ("bare", "ours")


def compare(folder: Path, rounds: int = 2) -> bool:
    """Print both ways, in turn; whether ours takes little more."""
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, way, str(folder)]
            told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            taken[way].append(told["seconds"])
            print(f"    {way:6} {told['seconds']:8.1f} s of the processor, peak {told['peak'] >> 20:6} MB")
    more = min(taken["ours"]) / min(taken["bare"]) - 1
    print(f"    ours takes {more:+.1%} of bare diffusers' seconds (limit {MOST:+.0%})")
    return more <= MOST


def bare(folder: Path) -> float:
    """Processor seconds of a picture by the pipeline alone, pasted into the photo."""
    pipeline = diffusers.StableDiffusionInpaintPipeline.from_pretrained(folder, dtype=_dtype(), safety_checker=None)
    pipeline.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
        pipeline.scheduler.config, use_karras_sigmas=True
    )
    pipeline.set_progress_bar_config(disable=True)
    for network in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        network.to(memory_format=torch.channels_last)
    photo, mask = scene()
    begun = time.process_time()
    painted = pipeline(
        prompt=PROMPT,
        image=torch.from_numpy(photo).permute(2, 0, 1)[None] / 255,
        mask_image=torch.from_numpy(mask)[None, None] / 255,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator("cpu").manual_seed(0),
        output_type="np",
    ).images[0]
    np.where(mask[..., None] > 0, np.rint(painted * 255).astype(np.uint8), photo)
    return time.process_time() - begun


def ours(folder: Path) -> float:
    """Processor seconds of the same by `Engine.fill`, its previews included."""
    families.FAMILIES["sd15"] = families.SD15._replace(
        presets={Quality.FAST: families.Preset(STEPS, GUIDANCE, "dpm")}, few_steps=None
    )
    store = Store(folder / "no models")
    engine = Engine(store)
    engine._painter = diffusion.load(store, Job.FILL, str(folder))
    engine._painter_key = diffusion.place(store, str(folder)), diffusion.laid_over(str(folder))
    photo, mask = scene()
    begun = time.process_time()
    engine.fill(photo, mask, PROMPT, model=str(folder), quality="fast", preview=lambda picture: None)
    return time.process_time() - begun


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A photo (SIDE, SIDE, 3) and a mask (SIDE, SIDE), uint8."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[SIDE // 4 : SIDE * 3 // 4, SIDE // 4 : SIDE * 3 // 4] = 255
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8), mask


def _dtype() -> torch.dtype:
    return _precision(families.SD15.half, "cpu")


if __name__ == "__main__":
    os.environ["INPAINT_ANYTHING_DEVICE"] = "cpu"
    seconds = {"bare": bare, "ours": ours}[sys.argv[1]](Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(json.dumps({"seconds": seconds, "peak": peak}))

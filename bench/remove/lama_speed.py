"""What big-LaMa costs: the plain layout against ours, in turn, and how near ours is to what the machine can do.

The floor is the network's multiply-adds at the rate that a large matrix product reaches in the same run, in the same
precision.  Peak memory is what a process has used at most, with the weights and torch itself.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial

import large
import numpy as np
import onnx_lama
import torch
from eager_lama import EagerLama

from inference_server.models import devices
from inference_server.remove import lama

WORK = 220e9 / 512**2  # multiply-adds per pixel
ROUNDS = 5


def report() -> None:
    """Print a line per size and precision."""
    device = devices.best()
    kinds = list(dict.fromkeys((torch.float32, lama.precision(device))))
    eager = EagerLama().eval().requires_grad_(requires_grad=False)
    for name, tensor in eager.state_dict().items():
        if name.endswith("conv2.bn_g.weight") or name.endswith("conv2.bn_l.weight"):
            tensor.fill_(0.05)  # else 18 residual blocks grow without bound
    ours = {kind: lama.build(dict(eager.state_dict()), device, kind) for kind in kinds}
    eager.to(device)
    print(f"{'pixels':>7} {'':10} {'seconds':>8} {'eager/ours':>10} {'of the floor':>12} {'peak MB':>8}")
    for side in (512, 1024, 2048) if device == "cuda" else (512,):
        rgb, hole = picture(side)
        x = torch.cat((torch.from_numpy(rgb).permute(2, 0, 1), torch.from_numpy(hole)[None]))[None].float().to(device)
        works = [partial(eager, x), *(partial(ours[kind].fill, rgb, hole) for kind in kinds)]
        works += [product(device, kind) for kind in kinds]
        if device == "cpu":
            works.append(onnx_lama.filling(eager, rgb, hole))
        with torch.inference_mode():
            seconds = in_turn(works, device)
        print(f"{side:7} {'eager':10} {seconds[0]:8.3f} {'':10} {'':12} {peak('eager', side):8.0f}")
        for number, kind in enumerate(kinds, 1):
            floor = WORK * side**2 * seconds[number + len(kinds)] / 2048**3
            print(
                f"{side:7} {str(kind).removeprefix('torch.'):10} {seconds[number]:8.3f} "
                f"{seconds[0] / seconds[number]:10.2f} {seconds[number] / floor:12.2f} {peak(kind, side):8.0f}"
            )
        if device == "cpu":
            print(f"{side:7} {'as ONNX':10} {seconds[-1]:8.3f} {seconds[0] / seconds[-1]:10.2f}")


def picture(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and a hole for which the whole of it must be brought back to full resolution."""
    rng = np.random.default_rng(5)
    hole = rng.random((side, side)) < 0.1
    hole[0, 0] = hole[-1, -1] = True
    return rng.random((side, side, 3), np.float32), hole


def product(device: str, kind: torch.dtype) -> Callable[[], object]:
    a = torch.rand(2048, 2048, device=device).to(kind)
    if device == "cpu":  # as a convolution: for float32 torch's own products are slower on some processors
        a = a.view(1, 64, 32, 2048).permute(0, 3, 1, 2)
        weight = torch.rand(2048, 2048, 1, 1).to(kind).contiguous(memory_format=torch.channels_last)
        return lambda: torch.nn.functional.conv2d(a, weight)
    return lambda: a @ a


def in_turn(works: list[Callable[[], object]], device: str) -> list[float]:
    """Median seconds of each, taken alternately."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS + 1):
        for work, times in zip(works, taken, strict=True):
            begun = time.perf_counter()
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - begun)
    return [statistics.median(times[1:]) for times in taken]  # the first warms up


def peak(kind: object, side: int) -> float:
    """MB at most in one run: of the GPU, or of a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (kind, side))


def _peak(kind: object, side: int) -> float:
    device = devices.best()
    rgb, hole = picture(side)
    with torch.device("meta"):
        eager = EagerLama().eval().requires_grad_(requires_grad=False)
    state = {name: torch.zeros_like(tensor, device="cpu") for name, tensor in eager.state_dict().items()}
    if isinstance(kind, torch.dtype):
        lama.build(state, device, kind).fill(rgb, hole)
    else:
        eager.load_state_dict(state, assign=True)
        with torch.inference_mode():
            eager.to(device)(torch.rand(1, 4, side, side, device=device))
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return large.peak()


if __name__ == "__main__":
    report()

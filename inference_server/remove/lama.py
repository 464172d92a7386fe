"""big-LaMa: a network that continues into a hole what it finds around it.

Method: Suvorov et al. 2022, "Resolution-robust Large Mask Inpainting with Fourier Convolutions", section 2.  The
network carries a local part (128 channels) and a global one (384), which is also convolved in the frequency domain.

It is laid out for speed here: every norm is folded into a convolution, what reads the same pixels is one convolution,
channels lie last in memory, and the Fourier transforms are products with small matrices, which are as fast at these
sizes and keep that layout.  Only what the hole needs is brought back to full resolution.
"""

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from ..models.devices import best, multiplies_bfloat16
from ..shared.command_lines import command, run
from ..shared.errors import ErrorCode, UserError
from ..shared.text import tr

State = dict[str, Any]  # arrays or tensors by name
Pair = tuple[torch.Tensor, torch.Tensor]  # the local and the global part
LOCAL, GLOBAL, MIDDLE = 128, 384, 192  # channels of the parts, and of the global one while it is transformed
BLOCKS = range(5, 23)  # of the layers in the checkpoint
CELL = 8  # pixels of the picture per position in the blocks, along each axis
LANDMARK = "model.1.ffc.convl2l.weight"  # tells where in a file the generator's tensors are
LEAST = 2 * CELL  # pixels, for the blocks must have something to reflect


class Conv(NamedTuple):
    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        """x: (1, channels, h, w), reflected first by as much as the kernel reaches out at stride 1."""
        margin = self.weight.shape[-1] // 2
        x = F.pad(x, (margin,) * 4, mode="reflect") if margin else x
        return F.conv2d(x, self.weight, self.bias, stride)


class Half(NamedTuple):
    """Half a residual block.  spread: local to both parts; gather: global to local; the rest: global to global."""

    spread: Conv
    gather: Conv
    enter: Conv
    spectral: list[tuple[torch.Tensor, ...]]  # for the real part, then the imaginary: (192, 192) from each, and a bias
    leave: Conv

    def __call__(self, near: torch.Tensor, far: torch.Tensor) -> Pair:
        """near: (1, 128, h, w), far: (1, 384, h, w); channels last in memory."""
        entered = self.enter(far).relu_()
        # None comes first: with strides in another order torch does not see that channels are last.
        left = self.leave(self._fourier(entered.permute(0, 2, 3, 1)[0])[None].permute(0, 3, 1, 2))
        spread = self.spread(near)
        return self.gather(far).add_(spread[:, :LOCAL]).relu_(), left.add_(spread[:, LOCAL:]).relu_()

    def _fourier(self, y: torch.Tensor) -> torch.Tensor:
        """y plus its convolution in the frequency domain.  y: (h, w, 192)."""
        h, w, c = y.shape
        along_w, along_h, back_h, back_w = _transforms(h, w, y.dtype, y.device)
        spectrum = (along_h @ (along_w @ y).view(2 * h, -1)).view(2, -1, c)
        new = torch.empty_like(spectrum)
        for part, (real, imaginary, bias) in zip(new, self.spectral, strict=True):
            torch.addmm(bias, spectrum[0], real, out=part).addmm_(spectrum[1], imaginary).relu_()
        return torch.baddbmm(y, back_w.expand(h, -1, -1), (back_h @ new.view(2 * h, -1)).view(h, -1, c))


@lru_cache(maxsize=8)
def _transforms(h: int, w: int, dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, ...]:
    """The real orthonormal Fourier transform of h x w positions and its inverse, as four matrices.

    Rows and columns stand for: w -> (part, k); (h, part) -> (part, l); (part, l) -> (h, part); (part, k) -> w.
    k: w // 2 + 1 frequencies; part: real, imaginary.
    """

    def waves(n: int, frequencies: int) -> torch.Tensor:
        """cos and sin (2, frequencies, n) over sqrt(n)."""
        turns = torch.outer(torch.arange(frequencies), torch.arange(n)) % n
        angles = turns.double() * (2 * math.pi / n)
        return torch.stack((angles.cos(), angles.sin())) / math.sqrt(n)

    half = w // 2 + 1
    cos, sin = waves(w, half)
    # All but the first frequency, and the last of an even number, stand for their mirror image too.
    twice = torch.full((half, 1), 2.0, dtype=torch.float64)
    twice[0] = 1
    if w % 2 == 0:
        twice[-1] = 1
    along_w = torch.cat((cos, -sin))
    back_w = torch.cat((cos * twice, -sin * twice)).T
    cos, sin = waves(h, h)
    # (real + i imaginary) (cos - i sin), and (cos + i sin) on the way back.
    along_h = torch.stack((torch.stack((cos, sin), -1), torch.stack((-sin, cos), -1))).view(2 * h, 2 * h)
    back_h = along_h.T
    return tuple(m.to(device, dtype).contiguous() for m in (along_w, along_h, back_h, back_w))


class Lama:
    """The network, on one device and in one precision."""

    def __init__(self, down: list[Conv], blocks: list[tuple[Half, Half]], up: list[Conv], last: Conv):
        self._down, self._blocks, self._up, self._last = down, blocks, up, last

    @torch.inference_mode()
    def fill(self, rgb: np.ndarray, hole: np.ndarray, step: Callable[[float], None] = lambda share: None) -> np.ndarray:
        """rgb: (h, w, 3) float32 in 0..1, of any size; hole: (h, w) bool.

        step: told the share that is done, 18 times; what it raises ends the work.

        Returns a new (h, w, 3) float32: the network's prediction in the hole, rgb outside it, bit for bit.
        """
        result = rgb.copy()
        rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
        if not rows.size:
            return result
        picture = np.concatenate((np.where(hole[..., None], 0, rgb), hole[..., None]), -1, dtype=np.float32)
        missing = [(0, max(LEAST, -(-n // CELL) * CELL) - n) for n in hole.shape]
        picture = np.pad(picture, (*missing, (0, 0)), mode="symmetric")
        top, left = (max(0, n[0] // CELL - 1) for n in (rows, columns))
        # Upsampling looks ahead by 7 pixels in all, and the last convolution by 3: two cells.
        window = slice(top, rows[-1] // CELL + 3), slice(left, columns[-1] // CELL + 3)
        weight = self._last.weight
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].to(weight.device, self._down[0].weight.dtype)
        seen = self._network(x.contiguous(memory_format=torch.channels_last), window, step)
        seen = seen[rows[0] - top * CELL :, columns[0] - left * CELL :].cpu().numpy()
        inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        part, cut = result[inside], hole[inside]
        part[cut] = seen[: cut.shape[0], : cut.shape[1]][cut]
        return result

    def _network(self, x: torch.Tensor, window: tuple[slice, slice], step: Callable[[float], None]) -> torch.Tensor:
        """x: (1, 4, h, w); window: rows and columns of cells.  Returns its (8 rows, 8 columns, 3) float32.

        Towards the window's right and lower edge, where that is not the picture's, up to 10 pixels are not right;
        towards the others, up to 3.
        """
        for number, conv in enumerate(self._down):
            x = conv(x, 2 if number else 1).relu_()
        near, far = (part.contiguous(memory_format=torch.channels_last) for part in x.split((LOCAL, GLOBAL), 1))
        for done, (first, second) in enumerate(self._blocks, 1):
            step(done / (len(self._blocks) + 2))
            new = second(*first(near, far))
            near += new[0]
            far += new[1]
        x = torch.cat((near, far), 1)[..., window[0], window[1]]
        for conv in self._up:
            x = F.conv_transpose2d(x, conv.weight, conv.bias, 2, 1, 1).relu_()
        # Its columns one by one, 7 x 3 channels, and then their sum: three channels alone leave vectors mostly empty.
        x = F.conv2d(F.pad(x, (3,) * 4, mode="reflect"), self._last.weight)[0].unflatten(0, (7, 3))
        width = x.shape[-1] - 6
        x = sum((x[k, :, :, k : k + width] for k in range(1, 7)), x[0, :, :, :width].float())
        return x.permute(1, 2, 0).add_(self._last.bias).sigmoid_()


class _Checkpoint:
    """Hands out a generator's tensors, each once, in the shape it must have; empties `state` by that."""

    def __init__(self, state: State):
        self.left = state

    def take(self, name: str, *shape: int) -> torch.Tensor:
        if name not in self.left:
            raise LookupError(f"it lacks {name}")
        found = torch.as_tensor(self.left.pop(name))
        if found.shape != shape:
            raise LookupError(f"its {name} is {tuple(found.shape)}, not {shape}")
        return found.float()

    def conv(self, name: str, made: int, given: int, side: int) -> torch.Tensor:
        return self.take(f"{name}.weight", made, given, side, side)

    def norm(self, name: str, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What the norm multiplies each channel by (channels, 1, 1, 1), and what it then adds (channels,)."""
        weight, bias, mean, variance = (
            self.take(f"{name}.{part}", channels).double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        self.left.pop(f"{name}.num_batches_tracked", None)  # of use in training only
        scale = weight / (variance + 1e-5).sqrt()
        return scale.view(-1, 1, 1, 1).float(), (bias - mean * scale).float()


def build(state: State, device: str, dtype: torch.dtype) -> Lama:
    """The network from a generator's tensors by name, arrays or torch's; `state` is emptied.

    Raises LookupError where they are not exactly big-LaMa's.
    """
    given = _Checkpoint(state)

    def put(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.to(device, dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.contiguous()

    def conv(weight: torch.Tensor, bias: torch.Tensor | None = None) -> Conv:
        return Conv(put(weight), None if bias is None else put(bias))

    def down(name: str, made: int, channels: int, side: int) -> Conv:
        scale, bias = given.norm(f"{name}.bn_l", made)
        return conv(given.conv(f"{name}.ffc.convl2l", made, channels, side) * scale, bias)

    def spread(name: str, channels: int) -> tuple[Conv, torch.Tensor, torch.Tensor]:
        """The two paths from the local part as one, and by what the two parts' norms multiply."""
        (local, local_bias), (broad, broad_bias) = given.norm(f"{name}.bn_l", LOCAL), given.norm(f"{name}.bn_g", GLOBAL)
        to_local = given.conv(f"{name}.ffc.convl2l", LOCAL, channels, 3)
        to_broad = given.conv(f"{name}.ffc.convl2g", GLOBAL, channels, 3)
        both = torch.cat((to_local * local, to_broad * broad)), torch.cat((local_bias, broad_bias))
        return conv(*both), local, broad

    def half(name: str) -> Half:
        both, local, broad = spread(name, LOCAL)
        gather = conv(given.conv(f"{name}.ffc.convg2l", LOCAL, GLOBAL, 3) * local)
        name += ".ffc.convg2g"
        scale, bias = given.norm(f"{name}.conv1.1", MIDDLE)
        enter = conv(given.conv(f"{name}.conv1.0", MIDDLE, GLOBAL, 1) * scale, bias)
        scale, bias = given.norm(f"{name}.fu.bn", 2 * MIDDLE)
        # There a channel's real and imaginary parts follow each other, in and out.
        mixing = (given.conv(f"{name}.fu.conv_layer", 2 * MIDDLE, 2 * MIDDLE, 1) * scale).view(MIDDLE, 2, MIDDLE, 2)
        spectral = [
            (put(mixing[:, part, :, 0].T), put(mixing[:, part, :, 1].T), put(bias.view(MIDDLE, 2)[:, part]))
            for part in (0, 1)
        ]
        return Half(both, gather, enter, spectral, conv(given.conv(f"{name}.conv2", GLOBAL, MIDDLE, 1) * broad))

    def up(index: int, channels: int) -> Conv:
        scale, bias = given.norm(f"model.{index + 1}", channels // 2)
        weight = given.conv(f"model.{index}", channels, channels // 2, 3)  # a transposed one: what is made comes second
        offset = given.take(f"model.{index}.bias", channels // 2)
        return conv(weight * scale.view(-1, 1, 1), offset * scale.flatten() + bias)

    downs = [down("model.1", 64, 4, 7), down("model.2", 128, 64, 3), down("model.3", 256, 128, 3)]
    downs.append(spread("model.4", 256)[0])
    blocks = [(half(f"model.{index}.conv1"), half(f"model.{index}.conv2")) for index in BLOCKS]
    ups = [up(24, 512), up(27, 256), up(30, 128)]
    last = put(given.conv("model.34", 3, 64, 7).permute(3, 0, 1, 2).reshape(21, 64, 7, 1))
    # A copy, for this alone would keep the whole file mapped.
    last = Conv(last, given.take("model.34.bias", 3).to(device, torch.float32, copy=True))
    if given.left:
        raise LookupError(f"it has a {next(iter(given.left))}")
    return Lama(downs, blocks, ups, last)


class _Inert:
    """Stands for whatever a file names that is not torch's own: it takes everything and does nothing."""

    state: Any = None

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _read(path: Path) -> State:
    """The generator's tensors in a file.  Nothing that the file brings or names is run, not even a script's code.

    Raises LookupError where there is not one generator, or any of the exceptions that come of a damaged file.
    """
    if not zipfile.is_zipfile(path):
        from safetensors import safe_open

        with safe_open(path, "pt") as opened:
            return {new: opened.get_tensor(old) for old, new in _below(list(opened.keys()))}
    script = _without_code(path)
    # A checkpoint names classes of its trainer, and a script its own: torch would refuse both.
    foreign = torch.serialization.get_unsafe_globals_in_checkpoint(script or path)
    if script:
        script.seek(0)
    try:
        with torch.serialization.safe_globals([(_Inert, name) for name in foreign]):
            # Mapped, what lies beside the generator is not even read.
            content = torch.load(script or path, map_location="cpu", weights_only=True, mmap=script is None)
    except UnpicklingError:  # torch's message advises to run what is in the file
        raise LookupError("it holds more than tensors") from None
    found = dict(_within(content, ""))
    return {new: found[old] for old, new in _below(list(found))}


def _without_code(path: Path) -> io.BytesIO | None:
    """A TorchScript archive as a plain one of tensors; None where it is plain.

    torch.jit.load would run the script's __setstate__ and default arguments, and both may write files.
    """
    with zipfile.ZipFile(path) as archive:
        # Each name starts with a folder that can be called anything.
        names = {name: name.partition("/")[2].partition("/")[0] for name in archive.namelist()}
        if "constants.pkl" not in names.values():  # as torch tells them apart
            return None
        plain = io.BytesIO()
        with zipfile.ZipFile(plain, "w") as made:
            for name, kind in names.items():
                if kind in ("data.pkl", "data", "version", "byteorder"):
                    made.writestr(name, archive.read(name))
    plain.seek(0)
    return plain


def _within(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what was loaded, by attributes' names and keys, joined by dots."""
    if isinstance(value, torch.Tensor):
        yield name, value.detach()
    if isinstance(value, _Inert):
        value = value.state
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(inner, f"{name}.{key}" if name else str(key))


def _below(names: list[str]) -> list[tuple[str, str]]:
    """The names that start as the one that ends in LANDMARK does, each also without that start."""
    starts = [name.removesuffix(LANDMARK) for name in names if name == LANDMARK or name.endswith(f".{LANDMARK}")]
    if len(starts) != 1:
        raise LookupError(f"{len(starts)} of its tensors are called {LANDMARK}")
    first = starts[0] + LANDMARK.partition(".")[0] + "."
    return [(name, name.removeprefix(starts[0])) for name in names if name.startswith(first)]


def load(files: dict[str, Path], device: str | None = None) -> Lama:
    """files: big-LaMa's weights, as a Lightning checkpoint, TorchScript or safetensors; device: None for the best here.

    Raises UserError where they cannot be read as that.
    """
    (path,) = files.values()
    device = device or best()
    try:
        return build(_read(path), device, precision(device))
    except Exception as error:  # every library has kinds of its own for each way in which a file can be wrong
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        sentence = tr("{path} cannot be read as big-LaMa: {reason}.", path=path, reason=reason)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence, run(command("models fetch big-lama"))) from None


def precision(device: str) -> torch.dtype:
    """16 bits where the device multiplies them faster, which costs the result 0.002 on average; else 32.

    bfloat16 alone: the features keep growing from block to block, and float16 ends at 65504.
    """
    return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32

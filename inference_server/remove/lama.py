"""big-LaMa: a network that continues into a hole what it finds around it.

Method: Suvorov et al. 2022, "Resolution-robust Large Mask Inpainting with Fourier Convolutions", section 2.  The
features have a local part (128 channels) and a global part (384), which is also convolved in the frequency domain.

It is laid out for speed here: every norm is folded into a convolution, convolutions of the same pixels are one
convolution, channels are last in memory, and the Fourier transforms are products with small matrices, which are as fast
at these sizes and keep that layout.  Only what the hole needs is upsampled to full resolution.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from ..imaging.files import memory
from ..models.devices import best, multiplies_bfloat16
from ..shared.command_lines import command, run
from ..shared.errors import ErrorCode, UserError, no_memory_error
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr

State = dict[str, Any]  # arrays or tensors by name
Features = tuple[torch.Tensor, torch.Tensor]  # the local and the global part
Norm = tuple[torch.Tensor, torch.Tensor]  # factors (channels, 1, 1, 1) and offsets (channels,)
LOCAL, GLOBAL = 128, 384  # channels of the two parts
MOST_CODE = 16 << 20  # bytes of a script's code, unpacked
MIDDLE = 192  # channels of the global part while it is transformed
BLOCKS = range(5, 23)  # numbers of the residual blocks' layers in the checkpoint
CELL = 8  # pixels of the picture per position of the features, along each axis
MIN_SIDE = 2 * CELL  # pixels, so that padding by reflection has something to reflect
LANDMARK = "model.1.ffc.convl2l.weight"  # the generator's first tensor: shows under which prefix a file has the others


class Conv(NamedTuple):
    """A convolution, padded by reflection."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        """x: (1, channels, h, w)."""
        margin = self.weight.shape[-1] // 2
        x = F.pad(x, (margin,) * 4, mode="reflect") if margin else x
        return F.conv2d(x, self.weight, self.bias, stride)


class Spectral(NamedTuple):
    """The convolution that gives the real or the imaginary part of a spectrum, from both parts: (192, 192) each."""

    from_real: torch.Tensor
    from_imaginary: torch.Tensor
    bias: torch.Tensor


class FourierConv(NamedTuple):
    """A fast Fourier convolution: half a residual block (section 2.1 and figure 3).

    from_local: local to both parts; to_local: global to local; the others: global to global, through `spectral` in the
    frequency domain, for the real part and for the imaginary part.
    """

    from_local: Conv
    to_local: Conv
    enter: Conv
    spectral: tuple[Spectral, Spectral]
    leave: Conv

    def __call__(self, local: torch.Tensor, global_: torch.Tensor) -> Features:
        """local: (1, 128, h, w), global_: (1, 384, h, w); channels last in memory."""
        entered = self.enter(global_).relu_()
        # [None] comes first: with strides in another order torch does not see that channels are last.
        left = self.leave(self.transformed(entered.permute(0, 2, 3, 1)[0])[None].permute(0, 3, 1, 2))
        spread = self.from_local(local)
        return self.to_local(global_).add_(spread[:, :LOCAL]).relu_(), left.add_(spread[:, LOCAL:]).relu_()

    def transformed(self, y: torch.Tensor) -> torch.Tensor:
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


@dataclass(frozen=True)
class Lama:
    """The network, on one device and in one precision.

    down: convolutions that reduce the picture to cells; blocks: residual blocks; up: transposed convolutions that
    enlarge the features again; last: the weight of the last convolution, one column of its kernel after the other (21
    = 7 columns x 3 channels, 64, 7 rows, 1), and its bias (3,) float32.
    """

    down: list[Conv]
    blocks: list[tuple[FourierConv, FourierConv]]
    up: list[Conv]
    last: Conv

    @torch.inference_mode()
    def fill(self, rgb: np.ndarray, hole: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """rgb: (h, w, 3) float32 in 0..1, of any size; hole: (h, w) bool.

        Returns a new (h, w, 3) float32: the network's prediction in the hole, rgb outside it, bit for bit.
        """
        result = rgb.copy()
        rows, columns = (np.flatnonzero(hole.any(axis)) for axis in (1, 0))
        if not rows.size:
            return result
        picture = np.concatenate((np.where(hole[..., None], 0, rgb), hole[..., None]), -1, dtype=np.float32)
        padding = [(0, max(MIN_SIDE, -(-n // CELL) * CELL) - n) for n in hole.shape]
        picture = np.pad(picture, (*padding, (0, 0)), mode="symmetric")
        top, left = (max(0, n[0] // CELL - 1) for n in (rows, columns))
        # Upsampling needs 7 pixels further on in all, and the last convolution 3: two cells.
        window = slice(top, rows[-1] // CELL + 3), slice(left, columns[-1] // CELL + 3)
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].to(self.last.weight.device, self.down[0].weight.dtype)
        predicted = self.predict(x.contiguous(memory_format=torch.channels_last), window, monitor)
        predicted = predicted[rows[0] - top * CELL :, columns[0] - left * CELL :].cpu().numpy()
        bounds = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        target, inner_hole = result[bounds], hole[bounds]
        target[inner_hole] = predicted[: inner_hole.shape[0], : inner_hole.shape[1]][inner_hole]
        return result

    def predict(self, x: torch.Tensor, window: tuple[slice, slice], monitor: Monitor = UNWATCHED) -> torch.Tensor:
        """The prediction (8 rows, 8 columns, 3) float32 of a window: so many rows and columns of cells.

        x: (1, 4, h, w), the picture with a black hole, and the hole.  Along the window's right and lower edge, where it
        is not the picture's, up to 10 pixels are wrong; along the others, up to 3.
        """
        for number, conv in enumerate(self.down):
            x = conv(x, 2 if number else 1).relu_()
        local, global_ = (part.contiguous(memory_format=torch.channels_last) for part in x.split((LOCAL, GLOBAL), 1))
        for done, (first, second) in enumerate(self.blocks, 1):
            monitor.report(done / (len(self.blocks) + 2))
            new = second(*first(local, global_))
            local += new[0]
            global_ += new[1]
        x = torch.cat((local, global_), 1)[..., window[0], window[1]]
        for conv in self.up:
            x = F.conv_transpose2d(x, conv.weight, conv.bias, 2, 1, 1).relu_()
        # One column of the kernel after the other, 7 x 3 channels, then their sum: with three channels alone most of a
        # vector register would be empty.
        x = F.conv2d(F.pad(x, (3,) * 4, mode="reflect"), self.last.weight)[0].unflatten(0, (7, 3))
        width = x.shape[-1] - 6
        x = sum((x[k, :, :, k : k + width] for k in range(1, 7)), x[0, :, :, :width].float())
        return x.permute(1, 2, 0).add_(self.last.bias).sigmoid_()


# -- from a checkpoint's tensors to the network ------------------------------------------------------------------------


def build(state: State, device: str, dtype: torch.dtype) -> Lama:
    """The network from a generator's tensors by name, arrays or torch's; `state` is emptied.

    Raises LookupError where they are not exactly big-LaMa's.
    """
    builder = _Builder(state, device, dtype)
    down = [
        builder.down("model.1", 64, 4, 7),
        builder.down("model.2", 128, 64, 3),
        builder.down("model.3", 256, 128, 3),
    ]
    down.append(builder.from_local("model.4", 256)[0])
    blocks = [
        (builder.fourier_conv(f"model.{index}.conv1"), builder.fourier_conv(f"model.{index}.conv2")) for index in BLOCKS
    ]
    up = [builder.up(24, 512), builder.up(27, 256), builder.up(30, 128)]
    network = Lama(down, blocks, up, builder.last())
    if state:
        raise LookupError(f"it has a {next(iter(state))}")
    return network


class _Builder:
    """Takes a generator's tensors out of `state`, each once, and folds them into convolutions on a device."""

    def __init__(self, state: State, device: str, dtype: torch.dtype) -> None:
        self._state, self._device, self._dtype = state, device, dtype

    def down(self, name: str, outputs: int, inputs: int, side: int) -> Conv:
        """The convolution and norm of a layer before the parts are split."""
        factor, offset = self._norm(f"{name}.bn_l", outputs)
        return self._conv(self._weight(f"{name}.ffc.convl2l", outputs, inputs, side) * factor, offset)

    def from_local(self, name: str, inputs: int) -> tuple[Conv, torch.Tensor, torch.Tensor]:
        """The paths from the local part to both parts as one convolution, and the factors of the two parts' norms."""
        local_factor, local_offset = self._norm(f"{name}.bn_l", LOCAL)
        global_factor, global_offset = self._norm(f"{name}.bn_g", GLOBAL)
        to_local = self._weight(f"{name}.ffc.convl2l", LOCAL, inputs, 3)
        to_global = self._weight(f"{name}.ffc.convl2g", GLOBAL, inputs, 3)
        weight = torch.cat((to_local * local_factor, to_global * global_factor))
        return self._conv(weight, torch.cat((local_offset, global_offset))), local_factor, global_factor

    def fourier_conv(self, name: str) -> FourierConv:
        from_local, local_factor, global_factor = self.from_local(name, LOCAL)
        to_local = self._conv(self._weight(f"{name}.ffc.convg2l", LOCAL, GLOBAL, 3) * local_factor)
        name += ".ffc.convg2g"
        factor, offset = self._norm(f"{name}.conv1.1", MIDDLE)
        enter = self._conv(self._weight(f"{name}.conv1.0", MIDDLE, GLOBAL, 1) * factor, offset)
        factor, offset = self._norm(f"{name}.fu.bn", 2 * MIDDLE)
        # There, a channel's real and imaginary parts follow each other, in the inputs and in the outputs.
        mixing = self._weight(f"{name}.fu.conv_layer", 2 * MIDDLE, 2 * MIDDLE, 1) * factor
        mixing, offset = mixing.view(MIDDLE, 2, MIDDLE, 2), offset.view(MIDDLE, 2)
        real, imaginary = (
            Spectral(self._put(mixing[:, part, :, 0].T), self._put(mixing[:, part, :, 1].T), self._put(offset[:, part]))
            for part in (0, 1)
        )
        leave = self._conv(self._weight(f"{name}.conv2", GLOBAL, MIDDLE, 1) * global_factor)
        return FourierConv(from_local, to_local, enter, (real, imaginary), leave)

    def up(self, index: int, inputs: int) -> Conv:
        """A transposed convolution and its norm."""
        factor, offset = self._norm(f"model.{index + 1}", inputs // 2)
        weight = self._weight(f"model.{index}", inputs, inputs // 2, 3)  # transposed: output channels come second
        bias = self._take(f"model.{index}.bias", inputs // 2)
        return self._conv(weight * factor.view(-1, 1, 1), bias * factor.flatten() + offset)

    def last(self) -> Conv:
        """The last convolution, as `Lama.last` describes it."""
        weight = self._put(self._weight("model.34", 3, 64, 7).permute(3, 0, 1, 2).reshape(21, 64, 7, 1))
        # A copy: without it, this one tensor would keep the whole file mapped.
        return Conv(weight, self._take("model.34.bias", 3).to(self._device, torch.float32, copy=True))

    def _put(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor on the device, in its precision and layout."""
        tensor = tensor.to(self._device, self._dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.contiguous()

    def _conv(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Conv:
        return Conv(self._put(weight), None if bias is None else self._put(bias))

    def _take(self, name: str, *shape: int) -> torch.Tensor:
        if name not in self._state:
            raise LookupError(f"it lacks {name}")
        found = torch.as_tensor(self._state.pop(name))
        if found.shape != shape:
            raise LookupError(f"its {name} is {tuple(found.shape)}, not {shape}")
        return found.float()

    def _weight(self, name: str, outputs: int, inputs: int, side: int) -> torch.Tensor:
        """The weight of a convolution.  outputs, inputs: channels; side: of the kernel."""
        return self._take(f"{name}.weight", outputs, inputs, side, side)

    def _norm(self, name: str, channels: int) -> Norm:
        """A norm, as factors and offsets."""
        weight, bias, mean, variance = (
            self._take(f"{name}.{part}", channels).double()
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        self._state.pop(f"{name}.num_batches_tracked", None)  # used in training only
        factor = weight / (variance + 1e-5).sqrt()
        return factor.view(-1, 1, 1, 1).float(), (bias - mean * factor).float()


# -- from a file to tensors, without running anything that is in it ----------------------------------------------------


def load(files: dict[str, Path], device: str | None = None) -> Lama:
    """The network from its file: a Lightning checkpoint, TorchScript or safetensors.

    files: the path of the one file, by name; device: None for the best here.  Raises UserError where it cannot be read
    as big-LaMa.
    """
    (path,) = files.values()
    device = device or best()
    try:
        return build(_read(path), device, precision(device))
    except Exception as error:  # every library has exceptions of its own for each way in which a file can be wrong
        if memory.is_lack(error):
            raise no_memory_error() from None
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        sentence = tr("{path} cannot be read as big-LaMa: {reason}.", path=path, reason=reason)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence, run(command("models fetch big-lama"))) from None


def precision(device: str) -> torch.dtype:
    """16 bits where the device multiplies them faster, which changes the result by 0.002 on average; else 32.

    Only bfloat16: the features keep growing from block to block, and float16 ends at 65504.
    """
    return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32


class _Inert:
    """Stands in for every class a file names that is not torch's own: it takes any arguments and does nothing."""

    state: Any = None

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _read(path: Path) -> State:
    """The generator's tensors in a file.  Nothing that the file contains or names is run, not even a script's code.

    Raises LookupError where there is not one generator, and other exceptions for a damaged file.
    """
    if not zipfile.is_zipfile(path):
        from safetensors import safe_open

        with safe_open(path, "pt") as opened:
            return {new: opened.get_tensor(old) for old, new in _generator_names(list(opened.keys()))}
    _check_archive(path)
    script = _without_code(path)
    # A checkpoint names classes of its trainer, and a script its own: torch would refuse both.
    foreign = torch.serialization.get_unsafe_globals_in_checkpoint(script or path)
    if script:
        script.seek(0)
    try:
        with torch.serialization.safe_globals([(_Inert, name) for name in foreign]):
            # Memory-mapped: what is in the file beside the generator is not even read.
            content = torch.load(script or path, map_location="cpu", weights_only=True, mmap=script is None)
    except UnpicklingError:  # torch's message advises to run what is in the file
        raise LookupError("it holds more than tensors") from None
    found = dict(_tensors(content, ""))
    return {new: found[old] for old, new in _generator_names(list(found))}


def _check_archive(path: Path) -> None:
    """Raise LookupError for an archive that unpacks to much more than it holds: torch packs a script's code alone."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size + MOST_CODE:
            raise LookupError("it is packed")


def _without_code(path: Path) -> io.BytesIO | None:
    """A TorchScript archive as an archive of tensors alone; None where the file is no TorchScript.

    torch.jit.load would run the script's __setstate__ and default arguments, and both may write files.
    """
    with zipfile.ZipFile(path) as archive:
        # Each name starts with a folder that can be called anything.
        names = {name: name.partition("/")[2].partition("/")[0] for name in archive.namelist()}
        if "constants.pkl" not in names.values():  # the file by which torch recognises TorchScript
            return None
        plain = io.BytesIO()
        with zipfile.ZipFile(plain, "w") as made:
            for name, kind in names.items():
                if kind in ("data.pkl", "data", "version", "byteorder"):
                    made.writestr(name, archive.read(name))
    plain.seek(0)
    return plain


def _tensors(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what was loaded, named by attributes and keys joined by dots."""
    if isinstance(value, torch.Tensor):
        yield name, value.detach()
    if isinstance(value, _Inert):
        value = value.state
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _tensors(inner, f"{name}.{key}" if name else str(key))


def _generator_names(names: list[str]) -> list[tuple[str, str]]:
    """The generator's tensors: their names in the file, and the same without the prefix that LANDMARK has there.

    Raises LookupError where LANDMARK is not there exactly once.
    """
    prefixes = [name.removesuffix(LANDMARK) for name in names if name == LANDMARK or name.endswith(f".{LANDMARK}")]
    if len(prefixes) != 1:
        raise LookupError(f"{len(prefixes)} of its tensors are called {LANDMARK}")
    start = prefixes[0] + LANDMARK.partition(".")[0] + "."
    return [(name, name.removeprefix(prefixes[0])) for name in names if name.startswith(start)]

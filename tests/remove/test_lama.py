"""big-LaMa against its plain layout and, where the developers' data lie beside the checkout, its golden vector."""

import hashlib
import importlib.util
import json
import math
import os
import pickle
import sys
import zipfile
import zlib
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_server import Engine, UserError
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.remove import checks
from inference_server.shared.monitor import Monitor

from ..select.test_segmenters_torch import Attack

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")

from inference_server.remove import lama  # noqa: E402

GENTLE = (".conv2.bn_l.weight", ".conv2.bn_g.weight")  # keeps 18 residual blocks from growing without bound
LAST = "model.34.bias"


@pytest.fixture(scope="session")
def plain():
    """The plain layout that the bench measures, with weights made from their names (the golden vector's rule)."""
    place = Path(__file__).resolve().parents[2] / "bench/remove/eager_lama.py"
    spec = importlib.util.spec_from_file_location("eager_lama", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.device("meta"):
        model = module.EagerLama()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    state = {name: torch.from_numpy(np.asarray(made(name, shape, shapes))) for name, shape in shapes.items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def made(name: str, shape: tuple[int, ...], names) -> np.ndarray:
    owner, _, leaf = name.rpartition(".")
    norm = f"{owner}.running_mean" in names
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_var" or (leaf == "weight" and norm):
        array = rng.uniform(0.5, 1.5, shape) * (0.05 if name.endswith(GENTLE) else 1)
    elif leaf == "weight":
        array = rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    else:
        array = rng.standard_normal(shape) * (0.1 if norm else 0.05)
    return array.astype(np.float32)


@pytest.fixture(scope="session")
def state(plain):
    return plain.state_dict()


@pytest.fixture(scope="session")
def exact(state):
    return lama.build(dict(state), "cpu", torch.float32)


@pytest.fixture
def in_float32(monkeypatch):
    monkeypatch.setattr(lama, "best", lambda: "cpu")
    monkeypatch.setattr(lama, "precision", lambda device: torch.float32)


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A grainy one and a hole in it."""
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[:height, :width] / 16
    rgb = (
        np.stack([np.sin(x + k) * np.cos(y - k) for k in range(3)], -1) * 0.3
        + 0.35
        + rng.random((height, width, 3)) / 4
    )
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2 + 1, width // 3 : width // 2 + 1] = True
    return rgb.astype(np.float32), hole


def predicted(plain, rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What the plain layout makes of it, in the hole."""
    height, width = (max(16, math.ceil(n / 8) * 8) for n in hole.shape)
    room = ((0, height - hole.shape[0]), (0, width - hole.shape[1]))
    given = np.concatenate((rgb * ~hole[..., None], hole[..., None]), -1, dtype=np.float32)
    given = np.pad(given, (*room, (0, 0)), mode="symmetric")
    with torch.inference_mode():
        made = plain(torch.from_numpy(given).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    return np.where(hole[..., None], made[: hole.shape[0], : hole.shape[1]], rgb)


# -- exactness


@pytest.mark.parametrize("case", ["a", "b"])
@pytest.mark.parametrize("dtype, limit", [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_the_golden_vector(shared, state, exact, case, dtype, limit):
    golden = np.load(shared / "golden/lama_golden.npz")
    model = exact if dtype == torch.float32 else lama.build(dict(state), "cpu", dtype)
    rgb, hole = golden[f"{case}_image"][0].transpose(1, 2, 0), golden[f"{case}_mask"][0, 0] > 0
    filled, prediction = model.fill(rgb, hole), golden[f"{case}_pred"][0].transpose(1, 2, 0)
    np.testing.assert_allclose(filled[hole], prediction[hole], rtol=0, atol=limit)
    assert np.array_equal(filled[~hole], rgb[~hole])
    given = torch.from_numpy(golden[f"{case}_input"]).to(dtype).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        everywhere = model.predict(given, (slice(None), slice(None)))
    np.testing.assert_allclose(everywhere.numpy(), prediction, rtol=0, atol=limit)


def test_the_plain_layout_is_the_golden_vectors(shared, plain, state):
    checks = json.loads((shared / "golden/golden_checks.json").read_text())["probes"]
    for name, probe in checks.items():
        assert zlib.crc32(state[name].numpy().tobytes()) == probe["crc32_of_bytes"], name
    golden = np.load(shared / "golden/lama_golden.npz")
    with torch.inference_mode():
        made = plain(torch.from_numpy(golden["a_input"])).numpy()
    np.testing.assert_allclose(made, golden["a_pred"], rtol=0, atol=1e-5)


def test_the_fourier_unit_of_an_odd_size(shared, exact):
    golden = np.load(shared / "golden/lama_golden.npz")
    given, wanted = (golden[f"unit_fourier_{end}"][0].transpose(1, 2, 0) for end in ("in", "out"))
    with torch.inference_mode():
        made = exact.blocks[0][0].transformed(torch.from_numpy(given).contiguous()).numpy()
    np.testing.assert_allclose(made, given + wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (8, 8), (16, 16), (17, 90), (120, 72)])
def test_any_size_is_filled_as_by_the_plain_layout(plain, exact, size):
    rgb, hole = picture(*size)
    filled = exact.fill(rgb, hole)
    assert filled.dtype == np.float32 and np.array_equal(filled[~hole], rgb[~hole])
    np.testing.assert_allclose(filled, predicted(plain, rgb, hole), rtol=0, atol=1e-5)


@pytest.mark.parametrize("place", [(0, 0), (143, 159), (71, 80), (72, 79), (64, 8)])
def test_what_is_left_out_of_upsampling_is_not_missed(plain, exact, place):
    """Holes of one pixel, in corners and on either side of a cell's edge, where least is upsampled around them."""
    rgb, _ = picture(144, 160)
    hole = np.zeros((144, 160), bool)
    hole[place] = True
    np.testing.assert_allclose(exact.fill(rgb, hole), predicted(plain, rgb, hole), rtol=0, atol=1e-5)


def test_a_hole_that_spans_the_picture_and_one_that_is_none(plain, exact):
    rgb, hole = picture(40, 56)
    hole[:, 20:30] = hole[12:15] = True
    np.testing.assert_allclose(exact.fill(rgb, hole), predicted(plain, rgb, hole), rtol=0, atol=1e-5)
    untouched = exact.fill(rgb, np.zeros_like(hole))
    assert np.array_equal(untouched, rgb) and untouched is not rgb


def test_what_lies_in_the_hole_does_not_matter_and_the_result_is_the_same_each_time(exact):
    rgb, hole = picture(48, 64)
    other, before = rgb.copy(), rgb.copy()
    other[hole] = np.nan
    assert np.array_equal(exact.fill(rgb, hole)[hole], exact.fill(other, hole)[hole])
    assert np.array_equal(rgb, before)


def test_it_reports_progress_and_can_be_cancelled(exact):
    shares: list[float] = []
    rgb, hole = picture(16, 16)
    exact.fill(rgb, hole, Monitor(on_progress=lambda share, message: shares.append(share)))
    assert len(shares) == 18 and shares == sorted(shares) and 0 < shares[0] < shares[-1] < 1
    with pytest.raises(UserError, match="Cancelled"):
        exact.fill(rgb, hole, Monitor(is_cancelled=lambda: True))


def test_16_bits_only_where_the_processor_has_them(monkeypatch):
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert lama.precision("cpu") == dtype and lama.precision("mps") == torch.float32


# -- files


class Trainer:
    """Named in a checkpoint, and not to be had where it is read."""

    def __init__(self):
        self.settings = {"lr": 1e-3, "weights": torch.zeros(3)}


def lightning(state, path: Path, **more) -> None:
    tensors = OrderedDict((f"generator.{name}", tensor) for name, tensor in state.items())
    tensors._metadata = {"": {"version": 1}}
    tensors["val_evaluator.model.1.weight"] = torch.ones(5)
    torch.save({"epoch": 3, "state_dict": tensors, "optimizer_states": [{"state": {0: torch.ones(9)}}], **more}, path)


def torchscript(plain, path: Path, beside: torch.nn.Module | None = None) -> None:
    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = torch.nn.Module()
            self.model.generator = plain
            self.unrelated = torch.nn.Parameter(torch.ones(2))
            self.beside = None if beside is None else torch.jit.script(beside)

        def forward(self, x):
            return self.model.generator(x)

    with torch.no_grad():
        torch.jit.trace(Wrapped(), torch.rand(1, 4, 16, 16), check_trace=False).save(path)


@pytest.mark.parametrize("kind", ["checkpoint", "script", "safetensors"])
def test_every_layout_is_read(plain, state, exact, tmp_path, monkeypatch, in_float32, kind):
    path = tmp_path / f"big-lama.{kind}"
    if kind == "checkpoint":
        monkeypatch.setattr(sys.modules[__name__], "Trainer", Trainer)
        lightning(state, path, callbacks={Trainer: {"best": 1}}, hyper_parameters=Trainer())
        monkeypatch.delattr(sys.modules[__name__], "Trainer")
    elif kind == "script":
        torchscript(plain, path)
    else:
        pytest.importorskip("safetensors.torch").save_file({f"net.{name}": t for name, t in state.items()}, path)
    rgb, hole = picture(24, 32)
    assert np.array_equal(lama.load({path.name: path}).fill(rgb, hole), exact.fill(rgb, hole))
    path.unlink()  # pytest would keep 200 MB


class Call:
    """What a pickle can have called when it is read as Python reads pickles."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("kind", ["open", "exec", "system", "touch"])
def test_a_checkpoint_that_would_run_code_does_not(state, tmp_path, in_float32, kind):
    path, harm = tmp_path / "evil.ckpt", tmp_path / "harm"
    write = f"open({str(harm)!r}, 'w').close()"
    evil = {
        "open": Call(open, str(harm), "w"),
        "exec": Call(exec, write),
        "system": Call(os.system, f"echo > {harm}"),
        "touch": Attack(harm),
    }[kind]
    lightning(state, path, hyper_parameters=evil)
    if kind in ("open", "exec"):  # their names mean nothing here, so the tensors beside them are as good as ever
        lama.load({path.name: path})
    else:  # torch allows no name of os, and no call of what a call returned
        with pytest.raises(UserError, match=r"evil\.ckpt cannot be read as big-LaMa: it holds more than tensors\."):
            lama.load({path.name: path})
    assert not harm.exists()
    # Nor does what stood in for those names do so for anybody else.
    assert not any(isinstance(allowed, tuple) for allowed in torch.serialization.get_safe_globals())
    path.unlink()


@pytest.mark.parametrize("harmful", ["as a tensor", "as everything", "bare"])
def test_a_pickle_that_is_no_checkpoint_is_not_run(tmp_path, in_float32, harmful):
    path, harm = tmp_path / "evil.ckpt", tmp_path / "harm"
    evil = Call(open, str(harm), "w")
    if harmful == "bare":  # as plain pickle writes it, without torch's archive around
        path.write_bytes(pickle.dumps(evil))
    else:
        torch.save({lama.LANDMARK: evil} if harmful == "as a tensor" else evil, path)
    with pytest.raises(UserError, match=r"evil\.ckpt cannot be read as big-LaMa: "):
        lama.load({path.name: path})
    assert not harm.exists()


class Wicked(torch.nn.Module):
    """Writes a file when torch.jit.load reads it."""

    def __init__(self, harm: str):
        super().__init__()
        self.harm = harm

    def forward(self, x):
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.harm, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.harm = state[0]
        self.training = state[1]
        torch.save(torch.ones(1), state[0])


def test_a_script_that_would_run_code_does_not(plain, exact, tmp_path, in_float32):
    path, harm = tmp_path / "evil.pt", tmp_path / "harm"
    torchscript(plain, path, Wicked(str(harm)))
    rgb, hole = picture(24, 32)
    assert np.array_equal(lama.load({path.name: path}).fill(rgb, hole), exact.fill(rgb, hole))
    assert not harm.exists()
    torch.jit.load(path)
    assert harm.exists()  # so the script is as wicked as it should be
    path.unlink()


@pytest.mark.parametrize(
    "wrong", ["empty", "text", "cut off", "cut off safetensors", "zip", "other", "missing", "more", "shape", "twice"]
)
def test_a_file_that_is_not_whole_or_something_else_is_refused(state, tmp_path, in_float32, wrong):
    path, less = tmp_path / "big-lama.pt", {**state}
    reason = {"missing": "lacks", "more": "it has a model.35", "shape": "not", "twice": "2 of", "other": "0 of"}
    if wrong in ("missing", "more", "shape", "twice", "other", "cut off"):
        if wrong == "more":
            less["model.35.weight"] = torch.zeros(1)
        elif wrong == "shape":
            less[LAST] = torch.zeros(4)
        elif wrong == "twice":
            less |= {f"ema.{lama.LANDMARK}": torch.zeros(1)}
        elif wrong == "other":
            less = {"weight": torch.zeros(3)}
        elif wrong == "missing":
            del less[LAST]
        torch.save(less, path)
        if wrong == "cut off":
            path.write_bytes(path.read_bytes()[:100_000_000])
    elif wrong == "cut off safetensors":
        pytest.importorskip("safetensors.torch").save_file({LAST: torch.zeros(400)}, path)
        path.write_bytes(path.read_bytes()[:-10])
    elif wrong == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("letter.txt", "hello")
    else:
        path.write_bytes(b"" if wrong == "empty" else b"hello\n" * 50)
    with pytest.raises(UserError, match=rf"big-lama\.pt cannot be read as big-LaMa: .*{reason.get(wrong, '')}"):
        lama.load({path.name: path})
    path.unlink()


# -- in the engine


@pytest.fixture(scope="session")
def installed(state, tmp_path_factory):
    """A store with this network as big-LaMa, and the catalogue's entry for it."""
    folder = tmp_path_factory.mktemp("models")
    model = MODELS["big-lama"]
    path = folder / "big-lama" / model.files[0].name
    path.parent.mkdir()
    pytest.importorskip("safetensors.torch").save_file(dict(state), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Store(folder), replace(model, files=(replace(model.files[0], size=path.stat().st_size, digest=sha256),))


@pytest.fixture
def with_lama(installed, monkeypatch):
    store, model = installed
    monkeypatch.setitem(MODELS, "big-lama", model)
    return Engine(store)


def object_in_noise() -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(4).integers(60, 200, (96, 120, 3), np.uint8)
    mask = np.zeros((96, 120), np.uint8)
    mask[30:60, 40:80] = 255
    return image, mask


def test_the_engine_removes_with_lama_where_it_is_installed(with_lama, exact, in_float32, monkeypatch):
    monkeypatch.setattr("inference_server.models.devices.best", lambda: "cpu")
    monkeypatch.setattr(checks, "check", lambda *filled: checks.FAULTLESS)  # which random weights would not pass
    image, mask = object_in_noise()
    clean = with_lama.remove(image, mask, grow=0, feather=0)
    assert (clean[mask == 0] == image[mask == 0]).all()
    assert (with_lama.remove(image, mask, grow=0, feather=0) == clean).all()
    painted = exact.fill(image.astype(np.float32) / 255, mask > 0)
    core = np.s_[36:54, 46:74]
    soft, expected = (cv2.GaussianBlur(picture, (0, 0), 3)[core] for picture in (clean / 255.0, painted))
    assert np.abs(soft - expected).mean() < 0.02
    assert np.abs(soft - cv2.GaussianBlur(image / 255.0, (0, 0), 3)[core]).mean() > 0.04, "which is not the object"


def test_what_lama_paints_gives_way_where_it_does_not_pass_its_check(with_lama, monkeypatch):
    """Its weights are random, and what it paints in noise is a blur."""
    monkeypatch.setattr("inference_server.models.devices.best", lambda: "cpu")
    image, mask = object_in_noise()
    clean = with_lama.remove(image, mask, grow=0, feather=0)
    core = np.s_[36:54, 46:74]
    assert np.abs(cv2.GaussianBlur(clean / 255.0, (0, 0), 3)[core] - 130 / 255).mean() < 0.06


def test_lama_is_cancelled_between_its_blocks(with_lama):
    image, mask = object_in_noise()
    shares = []
    with pytest.raises(UserError, match="Cancelled"):
        with_lama.remove(
            image,
            mask,
            progress=lambda share, message: shares.append(share),
            cancelled=lambda: len(shares) > 3,
        )
    assert len(shares) == 4 and shares == sorted(shares)

"""Networks as ONNX graphs: the two published layouts, with the mean of what is known for a network."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, save

from inference_server import Engine, UserError
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.remove import checks, inpainters, onnx_network
from inference_server.shared.messages import MaskOptions
from inference_server.shared.monitor import Monitor

SIDE = 64
AS_IT_IS = MaskOptions(grow=0, feather=0)


def graph(path: Path, layout: str, names: tuple[str, str] = ("image", "mask")) -> Path:
    """A graph of a layout that gives the mean of the known pixels in the hole, and the image outside it, both as they
    are published: LaMa from 0 to 255, MI-GAN in bytes."""
    is_bytes = layout == "migan"
    kind = TensorProto.UINT8 if is_bytes else TensorProto.FLOAT
    sides = ("height", "width") if is_bytes else (SIDE, SIDE)
    node = helper.make_node
    nodes = [
        node("Cast", [names[0]], ["picture"], to=TensorProto.FLOAT),
        node("Cast", [names[1]], ["given"], to=TensorProto.FLOAT),
        *([node("Div", ["given", "most"], ["known"])] if is_bytes else [node("Sub", ["one", "given"], ["known"])]),
        node("Sub", ["one", "known"], ["hole"]),
        node("Mul", ["picture", "known"], ["seen"]),
        node("ReduceMean", ["seen"], ["sum"], axes=[2, 3]),
        node("ReduceMean", ["known"], ["share"], axes=[2, 3]),
        node("Div", ["sum", "share"], ["mean"]),
        node("Mul", ["hole", "mean"], ["new"]),
        node("Add", ["seen", "new"], ["whole"]),
        node("Cast", ["whole"], ["result"], to=kind) if is_bytes else node("Mul", ["whole", "most"], ["output"]),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("one", 1), ("most", 255))
    ]
    inputs = [
        helper.make_tensor_value_info(name, kind, ("batch", channels, *sides))
        for name, channels in zip(names, (3, 1), strict=True)
    ]
    outputs = [helper.make_tensor_value_info(nodes[-1].output[0], kind, ("batch", 3, *sides))]
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(
        helper.make_graph(nodes, layout, inputs, outputs, constants), opset_imports=opset, ir_version=8
    )
    checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    return path


def install(monkeypatch, folder: Path, name: str, layout: str) -> Store:
    """A store that holds such a graph for a model of the catalogue."""
    model = MODELS[name]
    path = graph(folder / name / model.files[0].name, layout)
    content = path.read_bytes()
    file = replace(model.files[0], size=len(content), digest=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(MODELS, name, replace(model, files=(file,)))
    return Store(folder)


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(height + width)
    hole = np.zeros((height, width), bool)
    hole[height // 4 : height // 2 + 1, width // 3 : width // 2 + 1] = True
    return rng.integers(0, 256, (height, width, 3)).astype(np.float32) / 255, hole


@pytest.mark.parametrize("layout", ["lama", "migan"])
@pytest.mark.parametrize("size", [(64, 64), (1, 1), (7, 64), (33, 20)])
def test_a_picture_of_any_size_is_filled_at_its_own_scale(tmp_path, layout, size):
    network = onnx_network.load({"a.onnx": graph(tmp_path / "a.onnx", layout)})
    assert network.side == (SIDE if layout == "lama" else onnx_network.TRAINED)
    rgb, hole = picture(*size)
    object_there = np.where(hole[..., None], np.float32(np.nan), rgb)
    filled = network.fill(object_there, hole)
    assert filled.dtype == np.float32 and filled.shape == rgb.shape and np.array_equal(filled[~hole], rgb[~hole])
    if not hole.all():  # it was put amid its mirror image, whose mean differs but little
        padding = [((network.side - n) // 2, (network.side - n + 1) // 2) for n in size]
        around = np.pad(rgb, (*padding, (0, 0)), mode="symmetric")
        mean = around[~np.pad(hole, padding, mode="symmetric")].mean(axis=0)
        np.testing.assert_allclose(filled[hole], np.broadcast_to(mean, filled[hole].shape), atol=1.01 / 255)


@pytest.mark.parametrize("name", ["lama-onnx", "migan"])
def test_the_engine_removes_with_a_graph_where_it_is_installed(tmp_path, monkeypatch, name):
    store = install(monkeypatch, tmp_path, name, name.removesuffix("-onnx"))
    monkeypatch.setattr(checks, "check", lambda *filled: checks.FAULTLESS)  # which a mean would not pass
    image = np.random.default_rng(4).integers(120, 140, (96, 120, 3), np.uint8)
    mask = np.zeros((96, 120), np.uint8)
    mask[30:60, 40:80] = 255
    image[mask > 0] = 255
    assert inpainters.choose(store) == {"lama-onnx": "lama-onnx", "migan": "patchmatch"}[name]
    engine = Engine(store)
    clean = np.where(mask[..., None] > 0, np.uint8(0), image)
    clean[30:60, 40:80] = engine.remove_patch(image, mask, AS_IT_IS, model=name).pixels
    inside, around = clean[36:54, 46:74].mean(axis=(0, 1)), image[mask == 0].mean(axis=0)
    assert np.abs(inside - around).max() < 4, "the mean, and grain; the object is 125 away"
    if inpainters.choose(store) == name:
        assert (engine.remove(image, mask, grow=0, feather=0) == clean).all()


def test_lama_without_torch_is_used_where_lama_is_asked_for_and_cannot_be_had(tmp_path, monkeypatch):
    store = install(monkeypatch, tmp_path, "lama-onnx", "lama")
    assert inpainters.demand(store, "big-lama") == "lama-onnx"
    (tmp_path / "lama-onnx" / "lama_fp32.onnx").unlink()
    with pytest.raises(UserError, match="needs the model LaMa, which is not installed"):
        inpainters.demand(store, "big-lama")


def test_it_is_cancelled(tmp_path):
    network = onnx_network.load({"a.onnx": graph(tmp_path / "a.onnx", "lama")})
    with pytest.raises(UserError, match="Cancelled"):
        inpainters._fill_with(network, *picture(64, 64), np.ones((64, 64), bool), 0, Monitor(is_cancelled=lambda: True))


@pytest.mark.parametrize("wrong", ["empty", "text", "other inputs"])
def test_what_is_no_such_graph_is_refused(tmp_path, wrong):
    path = tmp_path / "migan" / "a.onnx"
    if wrong == "other inputs":
        graph(path, "lama", ("photo", "mask"))
    else:
        path.parent.mkdir()
        path.write_bytes(b"" if wrong == "empty" else b"hello\n" * 50)
    with pytest.raises(UserError, match="cannot be read") as raised:
        onnx_network.load({path.name: path})
    assert "models fetch migan" in str(raised.value)

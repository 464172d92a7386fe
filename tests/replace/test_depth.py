"""Depth that a network measures, for what is out of focus: a tiny real network, and a stand-in of known depth."""

import hashlib
from dataclasses import replace as replaced

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, save

from inference_server import Engine, UserError
from inference_server.models.catalogue import DEPTH, MODELS
from inference_server.models.store import Store
from inference_server.replace import backgrounds, defocus, depth
from inference_server.replace.backgrounds import Blur
from inference_server.shared.monitor import UNWATCHED


def green_is_near(path, side: int | None = None):
    """A graph in the published layout whose nearness is the picture's green: sides of any length, or of one."""
    sides = ("height", "width") if side is None else (side, side)
    nodes = [
        helper.make_node("Gather", ["pixel_values", "green"], ["predicted_depth"], axis=1),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "green",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ("batch", 3, *sides))],
            [helper.make_tensor_value_info("predicted_depth", TensorProto.FLOAT, ("batch", *sides))],
            [helper.make_tensor("green", TensorProto.INT64, [], [1])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(model, path)
    return path


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store in which that graph is installed as the network for depth."""
    model = MODELS[DEPTH]
    content = green_is_near(tmp_path / DEPTH / model.files[0].name).read_bytes()
    file = replaced(model.files[0], size=len(content), digest=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(MODELS, DEPTH, replaced(model, files=(file,)))
    return Store(tmp_path)


def walls() -> tuple[np.ndarray, np.ndarray]:
    """A photo with stripes everywhere: a near wall on the left, a far one on the right, between them an object.

    Its green, which is how near things are, is that of the left wall.
    """
    image = np.zeros((400, 600, 3), np.uint8)
    image[..., 0] = np.where(np.arange(600) // 3 % 2, 200, 60)
    image[:, :300, 1], image[:, 300:, 1] = 180, 20
    alpha = np.zeros((400, 600), np.uint8)
    alpha[100:300, 260:340] = 255
    image[100:300, 260:340, 1] = 180
    return image, alpha


def contrast(image: np.ndarray, columns: slice) -> float:
    return float(image[:, columns, 0].astype(float).std())


def test_what_is_as_near_as_the_object_stays_sharp_and_what_is_far_does_not(store):
    image, alpha = walls()
    result = Engine(store).replace(image, alpha, backdrop=Blur(0.6), include_shadow=False)
    assert (result[alpha == 255] == image[alpha == 255]).all()
    near, far = slice(20, 230), slice(370, 580)
    assert np.abs(result[:, near].astype(int) - image[:, near]).max() <= 1
    assert contrast(result, far) < 0.2 * contrast(image, far)
    guessed = Engine(Store(store.folder / "none")).replace(image, alpha, backdrop=Blur(0.6), include_shadow=False)
    assert contrast(guessed, near) == pytest.approx(contrast(guessed, far), rel=0.1), "no model: by rows"


def test_depth_behind_an_object_is_that_of_what_is_around_it():
    nearness = np.full((80, 100), 2.0, np.float32)
    nearness[:20] = 0.5
    nearness[30:70, 40:60] = 7.0  # the object, and a wall behind it of one depth
    alpha = np.zeros((400, 500), np.uint8)
    alpha[150:350, 200:300] = 255
    found = defocus.unsharpness(nearness, alpha)
    assert found.dtype == np.float32 and found.shape == nearness.shape
    assert found[30:70, 30:70] == pytest.approx(found[50, 10], abs=0.01), "no halo of sharp ground around it"
    assert found[:15].min() == 1 and 0.5 < found[50, 10] < 1


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_photo_of_one_depth_is_sharp_and_odd_numbers_do_no_harm(value):
    alpha = np.zeros((60, 90), np.uint8)
    alpha[20:40, 30:50] = 255
    assert not defocus.unsharpness(np.full((30, 45), value, np.float32), alpha).any()
    alpha[:] = 255
    alpha[0, 0] = 0
    image = np.zeros((60, 90, 3), np.uint8)
    backgrounds.render(image, alpha, Blur(1.0), UNWATCHED, np.zeros((30, 45), np.float32))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1024, 683), (770, 518)), ((683, 1024), (518, 770)), ((518, 518), (518, 518)), ((4000, 100), (1554, 518))],
)
def test_the_network_sees_the_size_that_its_makers_show_it(size, expected):
    assert depth.input_size(*size) == expected


def test_a_graph_of_one_size_gets_that(tmp_path):
    network = depth.load({"model.onnx": green_is_near(tmp_path / "model.onnx", 56)})
    image, _ = walls()
    found = network.nearness(image)
    assert found.shape == (56, 56) and found[5, 5] > found[5, 50]


def test_what_is_no_such_graph_is_refused(tmp_path):
    path = tmp_path / DEPTH / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot be read as a ONNX") as caught:
        depth.load({"model.onnx": path})
    assert DEPTH in str(caught.value.remedy)


@pytest.mark.filterwarnings("ignore")  # of what exports the graph
def test_the_tiny_real_architecture_agrees_with_transformers(tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "patch_size": 14, "image_size": 70}
    config = transformers.DepthAnythingConfig(
        backbone_config=transformers.Dinov2Config(
            **small, out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True
        ),
        reassemble_hidden_size=16,
        neck_hidden_sizes=[4, 4, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
        patch_size=14,
    )
    model = transformers.DepthAnythingForDepthEstimation(config).eval()
    picture = np.random.default_rng(0).integers(0, 256, (70, 98, 3), np.uint8)
    processor = transformers.DPTImageProcessorPil(
        size={"height": 70, "width": 70}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    given = processor(picture, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = model(given).predicted_depth[0].numpy()
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        model, (given,), path, input_names=["pixel_values"], output_names=["predicted_depth"], dynamo=False
    )
    found = depth.load({"model.onnx": path}).nearness(picture)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()

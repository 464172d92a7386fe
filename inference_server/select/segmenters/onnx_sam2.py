"""SAM 2.1 as two ONNX graphs, an image encoder and a prompt decoder: without torch.

Method: Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos", section 4.  Interface: see the package.

Encoders take one normalised square and give three levels of features, which the decoder takes by the same names.
Decoders come in two layouts, which the names of their inputs identify:
    point_coords, point_labels, mask_input, has_mask_input    as samexporter and its like write them
    input_points, input_labels, input_boxes                   as the hub's own exports are; no mask can be fed back
Three masks come out.  The fourth, meant for unambiguous prompts, is read where it is found in the graph.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnx

from ...models import onnx_sessions
from ...models.onnx_sessions import Session
from ...shared.geometry import Box
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error
from .onnx_pair import MEAN, SELECTING, STD, source

STRONGEST = 32.0  # logits that are fed back are clipped to this, as in its makers' own predictor
SELECTING_OR_CLIPPING = SELECTING | {"Clip"}
TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}
USUAL_SIDE = 1024  # pixels of the encoder's input, where the graph names no number


class _Layout(NamedTuple):
    """How a decoder's inputs and outputs are called.

    leading: dimensions of size 1 before the points.  has_boxes: whether a box has an input of its own; where it has
    none it is two points, labelled 2 and 3.
    """

    points: str
    labels: str
    masks: str
    scores: str
    leading: int
    has_boxes: bool


LAYOUTS = (
    _Layout("point_coords", "point_labels", "low_res_masks", "iou_predictions", 1, has_boxes=False),
    _Layout("point_coords", "point_labels", "masks", "iou_predictions", 1, has_boxes=False),
    _Layout("input_points", "input_labels", "pred_masks", "iou_scores", 2, has_boxes=True),
)


class OnnxSam2:
    """A `Segmenter`."""

    def __init__(self, encoder: Session, model: onnx.ModelProto) -> None:
        """model: the decoder's graph.  Raises ValueError where the two do not fit together."""
        self._encoder = encoder
        self._picture = encoder.get_inputs()[0]
        side = self._picture.shape[-1]
        self._side = side if isinstance(side, int) else USUAL_SIDE
        inputs = {tensor.name for tensor in model.graph.input}
        outputs = {tensor.name for tensor in model.graph.output}
        fitting = [
            layout for layout in LAYOUTS if {layout.points, layout.labels} <= inputs and {*layout[2:4]} <= outputs
        ]
        self._levels = [tensor.name for tensor in encoder.get_outputs() if tensor.name in inputs]
        if not fitting or len(self._levels) != 3:
            raise ValueError("its inputs are not those of a SAM 2 encoder and decoder")
        self._layout = fitting[0]
        own = self._layout.masks, self._layout.scores
        self._outputs = [*(source(model.graph, name, SELECTING_OR_CLIPPING) for name in own), *own]
        known = {tensor.name for tensor in model.graph.output}
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in dict.fromkeys(self._outputs[:2]) if name not in known
        )
        # A point labelled -1 goes with every prompt.  Meta's code adds it, the hub's library to a box or where none is.
        self._pads = _is_padded(model.graph, self._layout.points)
        self._decoder = onnx_sessions.opened(model.SerializeToString())

    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB, which is scaled to a square (1024)."""
        height, width = image.shape[:2]
        shrinks = max(height, width) > self._side
        square = cv2.resize(image, (self._side,) * 2, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        picture = ((square - MEAN) / STD).transpose(2, 0, 1)[None]
        names = [tensor.name for tensor in self._encoder.get_outputs()]
        answer = dict(zip(names, onnx_sessions.run(self._encoder, {self._picture.name: picture}, monitor), strict=True))
        features = {name: answer[name] for name in self._levels}
        cells = max(level.shape[-1] for level in features.values())  # the finest level's are those of the masks
        nbytes = sum(level.nbytes for level in features.values())
        return Embedding(features, (width, height), (cells / width, cells / height), nbytes)

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: Box | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Four masks (4, 256, 256) over the whole image, of which the first is another's copy where it is not found."""
        scale = self._side / np.array(embedding.size)
        coords, kinds = np.asarray(points, float).reshape(-1, 2) * scale, [*labels]
        corners = np.zeros((0, 2)) if box is None else np.array(box, float).reshape(2, 2) * scale
        if not self._layout.has_boxes:
            coords, kinds = np.concatenate([coords, corners]), [*kinds, *(2, 3)[: len(corners)]]
        elif box is None and not self._pads:
            coords, kinds = np.concatenate([coords, np.zeros((1, 2))]), [*kinds, -1]
        leading = (1,) * self._layout.leading
        cells = max(level.shape[-1] for level in embedding.features.values())
        mask = np.zeros((cells, cells)) if previous is None else previous.clip(-STRONGEST, STRONGEST)
        feed = embedding.features | {
            self._layout.points: coords.reshape(*leading, -1, 2),
            self._layout.labels: np.array(kinds).reshape(*leading, -1),
            "input_boxes": corners.reshape(1, -1, 4),
            "mask_input": mask[None, None],
            "has_mask_input": np.array([previous is not None]),
            "orig_im_size": np.array([cells, cells]),
        }
        taken = {each.name: feed[each.name].astype(TYPES[each.type]) for each in self._decoder.get_inputs()}
        found = self._decoder.run(self._outputs, taken)
        masks, scores = (array.astype(np.float32) for array in found[:2])
        if masks.size != 4 * cells**2 or scores.size != 4:
            masks, scores = (array.astype(np.float32) for array in found[2:])
        masks, scores = masks.reshape(-1, cells, cells), scores.reshape(-1)
        if len(masks) == 3:
            best = int(scores.argmax())
            masks, scores = masks[[best, 0, 1, 2]], scores[[best, 0, 1, 2]]
        return masks, scores

    def to_arrays(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As `Segmenter.to_arrays`."""
        return features

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As `Segmenter.from_arrays`."""
        return {name: arrays[name] for name in self._levels}


def load(files: dict[str, Path]) -> OnnxSam2:
    """files: an encoder's graph and a decoder's, in this order, with the files that their weights are in.

    Raises UserError where they are not such graphs.
    """
    encoder, decoder = (path for name, path in files.items() if name.endswith(".onnx"))
    try:
        return OnnxSam2(onnx_sessions.opened(str(encoder)), onnx.load(str(decoder)))
    except Exception as error:  # onnxruntime and protobuf have an exception of their own for each fault
        raise unreadable_error(encoder.parent, "SAM 2 in two ONNX graphs", error, "onnx onnxruntime") from None


def _is_padded(graph: onnx.GraphProto, points: str) -> bool:
    """Whether a graph adds a point to those it is given, before it makes anything of them."""
    reached = {points}
    for node in graph.node:
        if reached & set(node.input) and node.op_type != "MatMul":
            if node.op_type == "Pad":
                return True
            reached |= set(node.output)
    return False

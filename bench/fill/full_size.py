"""Stable Diffusion 1.5 and XL for inpainting in their full size, with random weights, as folders."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.small_pipelines import clip_tokenizer

NOISE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
WORDS = 49408


def build(name: str, folder: Path) -> Path:
    """sd15 or sdxl in `folder`, saved in 16 bits."""
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)  # made in 32, they would take twice the memory
    try:
        pipeline = {"sd15": _sd15, "sdxl": _sdxl}[name](folder)
    finally:
        torch.set_default_dtype(usual)
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder)
    return folder


def _sd15(folder: Path) -> StableDiffusionInpaintPipeline:
    return StableDiffusionInpaintPipeline(
        vae=_vae(512, 0.18215),
        text_encoder=CLIPTextModel(_text(768, 12, 12)),
        tokenizer=clip_tokenizer(folder),
        unet=UNet2DConditionModel(
            sample_size=64,
            in_channels=9,
            cross_attention_dim=768,
            attention_head_dim=8,
            block_out_channels=(320, 640, 1280, 1280),
        ),
        scheduler=PNDMScheduler(skip_prk_steps=True, **NOISE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl(folder: Path) -> StableDiffusionXLInpaintPipeline:
    return StableDiffusionXLInpaintPipeline(
        vae=_vae(1024, 0.13025),
        text_encoder=CLIPTextModel(_text(768, 12, 12)),
        text_encoder_2=CLIPTextModelWithProjection(_text(1280, 32, 20)),
        tokenizer=clip_tokenizer(folder),
        tokenizer_2=clip_tokenizer(folder),
        unet=UNet2DConditionModel(
            sample_size=128,
            in_channels=9,
            cross_attention_dim=2048,
            attention_head_dim=(5, 10, 20),
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=6 * 256 + 1280,
        ),
        scheduler=EulerDiscreteScheduler(**NOISE),
        requires_aesthetics_score=False,
    )


def _vae(side: int, scale: float) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=side,
        scaling_factor=scale,
        force_upcast=side > 512,
    )


def _text(width: int, layers: int, heads: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        projection_dim=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )

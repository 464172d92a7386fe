"""Diffusion pipelines of the real layouts, small and with random weights, as folders that a person could have.

Nobody can download gigabytes for a test, but every line from the file to the layer can be run.
"""

import json
from pathlib import Path

from .small_models import randomise

WORDS = 1000  # in the small tokenizers


def sd15(folder: Path, channels: int = 9, width: int = 32, **saving) -> Path:
    """Stable Diffusion 1.5 with 9 channels, its inpainting kind, or 4, in `folder`; of another width it is a 2."""
    import torch
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    torch.manual_seed(0)
    StableDiffusionInpaintPipeline(
        vae=_vae(),
        text_encoder=_clip(width),
        tokenizer=clip_tokenizer(folder),
        unet=_unet(channels, cross_attention_dim=width),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, **saving)
    return folder


def sdxl(folder: Path, **saving) -> Path:
    """Stable Diffusion XL, inpainting."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline

    torch.manual_seed(0)
    unet = _unet(
        9,
        cross_attention_dim=64,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 32,
    )
    StableDiffusionXLInpaintPipeline(
        vae=_vae(),
        text_encoder=_clip(32),
        text_encoder_2=_clip(32, projected=True),
        tokenizer=clip_tokenizer(folder),
        tokenizer_2=clip_tokenizer(folder),
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
        ),
        requires_aesthetics_score=False,
    ).save_pretrained(folder, **saving)
    return folder


def flux(folder: Path, **saving) -> Path:
    """FLUX.1 Fill."""
    from diffusers import FluxFillPipeline

    # 4 channels, packed by 2 x 2, twice over, and 8 x 8 mask pixels packed by 2 x 2; the small VAE halves only once.
    FluxFillPipeline(**_flux_parts(folder, 4 * 4 * 2 + 4 * 4)).save_pretrained(folder, **saving)
    return folder


def kontext(folder: Path, **saving) -> Path:
    """FLUX.1 Kontext, in the layout of its makers, who name the pipeline that changes a whole picture."""
    from diffusers import FluxKontextPipeline

    FluxKontextPipeline(**_flux_parts(folder, 4 * 4)).save_pretrained(folder, **saving)
    return folder


def _flux_parts(folder: Path, read: int) -> dict:
    """The components of a FLUX.1 whose transformer reads so many channels of each token."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    channels = 4
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=read,
        out_channels=4 * channels,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=1,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    text = T5EncoderModel(
        T5Config(vocab_size=WORDS, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, decoder_start_token_id=0)
    )
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": _vae(
            latent_channels=channels,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.06,
            scaling_factor=1.5,
            sample_size=32,
        ),
        "text_encoder": _clip(32),
        "tokenizer": clip_tokenizer(folder),
        "text_encoder_2": randomise(text, 4),
        "tokenizer_2": _t5_tokenizer(),
        "transformer": randomise(transformer, 5),
    }


def flux2(folder: Path, head: int = 16, **saving) -> Path:
    """FLUX.2 [klein], in the layout of its makers, who name the pipeline that makes pictures from words alone.

    head: how wide each of its two heads of attention is.
    """
    import torch
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    channels, width = 4, 8
    vae = AutoencoderKLFlux2(
        block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=8,
        layers_per_block=1,
        sample_size=64,
    )
    vae.bn.running_mean.uniform_(-0.5, 0.5), vae.bn.running_var.uniform_(0.5, 2)
    # The prompt is what three of a language model's layers make of it, the last of which is the 27th.
    text = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=WORDS,
            hidden_size=width,
            intermediate_size=8,
            num_hidden_layers=28,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=4,
        )
    )
    transformer = Flux2Transformer2DModel(
        in_channels=4 * channels,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=head,
        num_attention_heads=2,
        joint_attention_dim=3 * width,
        timestep_guidance_channels=16,
        axes_dims_rope=(head // 4,) * 4,
        guidance_embeds=False,
    )
    Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=randomise(vae, 7),
        text_encoder=randomise(text, 8),
        tokenizer=_chat_tokenizer(),
        transformer=randomise(transformer, 9),
        is_distilled=True,
    ).save_pretrained(folder, **saving)
    return folder


def qwen_edit(folder: Path, **saving) -> Path:
    """Qwen-Image-Edit, in the layout of its makers, who name the pipeline that changes a whole picture."""
    import diffusers
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2VLProcessor
    from transformers.models.qwen2_vl import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    torch.manual_seed(0)
    channels, width, tokenizer = 4, 16, _chat_tokenizer()
    small = {"hidden_size": width, "intermediate_size": 16}
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{token}|>") for name, token in VISION.items()}
    text = {**small, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": WORDS}
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6}
    encoder = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": rope},
            vision_config={**small, "depth": 2, "num_heads": 2, "out_hidden_size": width},
            **ids,
        )
    )
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=channels,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        latents_mean=[0.1, -0.2, 0.0, 0.3],
        latents_std=[1.5, 0.8, 1.0, 1.2],
    )
    transformer = diffusers.QwenImageTransformer2DModel(
        in_channels=4 * channels,
        out_channels=channels,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=width,
        axes_dims_rope=(8, 4, 4),
    )
    diffusers.QwenImageEditPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=randomise(vae, 7),
        text_encoder=randomise(encoder, 8),
        tokenizer=tokenizer,
        processor=Qwen2VLProcessor(Qwen2VLImageProcessor(), tokenizer, Qwen2VLVideoProcessor()),
        transformer=randomise(transformer, 9),
    ).save_pretrained(folder, **saving)
    return folder


# What a language model that sees pictures calls the tokens about them.
VISION = {
    "vision_start_token_id": "vision_start",
    "vision_end_token_id": "vision_end",
    "image_token_id": "image_pad",
    "video_token_id": "video_pad",
}


def _chat_tokenizer():
    from transformers import Qwen2TokenizerFast

    ends = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", *(f"<|{token}|>" for token in VISION.values())]
    letters = [*(chr(c) for c in range(33, 127)), "Ġ", "Ċ"]
    made = Qwen2TokenizerFast(
        vocab={word: k for k, word in enumerate([*ends, *letters])},
        merges=[],
        pad_token="<|endoftext|>",
        extra_special_tokens=ends[3:],
    )
    made.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    return made


def _unet(channels: int, **more):
    from diffusers import UNet2DConditionModel

    settings = {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "sample_size": 32,
        "in_channels": channels,
        "out_channels": 4,
        "norm_num_groups": 8,
        "attention_head_dim": 2,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    return randomise(UNet2DConditionModel(**{**settings, **more}), 1)


def _vae(**more):
    from diffusers import AutoencoderKL

    settings = {
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "latent_channels": 4,
        "norm_num_groups": 8,
        "sample_size": 64,
    }
    return randomise(AutoencoderKL(**{**settings, **more}), 2)


def _clip(width: int, projected: bool = False):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        projection_dim=width,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return randomise((CLIPTextModelWithProjection if projected else CLIPTextModel)(config), 6)


def clip_tokenizer(folder: Path):
    """Letters for words, in the files that CLIP's tokenizer is published in."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(c) for c in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({word: k for k, word in enumerate(words)}))
    merges.write_text("#version: 0.2\n")
    made = CLIPTokenizer.from_pretrained(folder, model_max_length=77)
    vocabulary.unlink(), merges.unlink()
    return made


def _t5_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((chr(c), -1.0) for c in (*range(33, 127), 0x2581))]
    words = Tokenizer(models.Unigram(pieces, unk_id=2))
    words.pre_tokenizer = pre_tokenizers.Metaspace()
    return T5TokenizerFast(tokenizer_object=words, extra_ids=0, model_max_length=512)


def single_file(folder: Path, target: Path) -> Path:
    """The `sd15` in `folder` as one .safetensors file, in the layout that such models were first published in."""
    from safetensors.torch import load_file, save_file

    tensors = {}
    for part, prefix, renamed in (
        ("unet/diffusion_pytorch_model", "model.diffusion_model.", _old_unet_name),
        ("vae/diffusion_pytorch_model", "first_stage_model.", _old_vae_name),
        (
            "text_encoder/model",
            "cond_stage_model.transformer.text_model.",
            lambda name: name,
        ),
    ):
        for name, tensor in load_file(folder / f"{part}.safetensors").items():
            old = prefix + renamed(name)
            # The attention of the old autoencoder is made of 1 x 1 convolutions.
            convolved = "first_stage" in old and "attn_1" in old and tensor.ndim == 2
            tensors[old] = tensor[:, :, None, None].clone() if convolved else tensor
    save_file(tensors, target)
    return target


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def _old_unet_name(name: str) -> str:
    """Of two blocks a side, each of one layer, the second with attention."""
    block, _, rest = name.partition(".")
    if block in ("conv_in", "conv_norm_out", "conv_out", "time_embedding"):
        return {
            "conv_in": "input_blocks.0.0.",
            "conv_norm_out": "out.0.",
            "conv_out": "out.2.",
            "time_embedding": "time_embed.",
        }[block] + rest.replace("linear_1", "0").replace("linear_2", "2")
    if block == "mid_block":
        kind, k, inner = rest.split(".", 2)
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(k)}.{_old_resnet(kind, inner)}"
    level, kind, k, inner = rest.split(".", 3)
    if block == "down_blocks":
        if kind == "downsamplers":
            return "input_blocks.2.0.op." + inner.removeprefix("conv.")
        return f"input_blocks.{1 + 2 * int(level)}.{int(kind == 'attentions')}.{_old_resnet(kind, inner)}"
    if kind == "upsamplers":
        return "output_blocks.1.2." + inner
    return f"output_blocks.{2 * int(level) + int(k)}.{int(kind == 'attentions')}.{_old_resnet(kind, inner)}"


def _old_resnet(kind: str, inner: str) -> str:
    first, _, rest = inner.partition(".")
    return f"{RESNET[first]}.{rest}" if kind == "resnets" else inner


def _old_vae_name(name: str) -> str:
    name = name.replace("conv_norm_out", "norm_out")
    if "mid_block.attentions" in name:
        for new, old in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
            name = name.replace(f".{new}.", f".{old}.")
        return name.replace("mid_block.attentions.0", "mid.attn_1")
    for k in (0, 1):
        name = name.replace(f"mid_block.resnets.{k}", f"mid.block_{k + 1}")
        name = name.replace(f"down_blocks.{k}.", f"down.{k}.").replace(f"up_blocks.{k}.", f"up.{1 - k}.")
    name = name.replace(".resnets.", ".block.").replace("conv_shortcut", "nin_shortcut")
    return name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")


# What the makers of FLUX.2 call the parts of its transformer.
FLUX2_NAMES = (
    ("x_embedder", "img_in"),
    ("context_embedder", "txt_in"),
    ("time_guidance_embed.timestep_embedder.linear_1", "time_in.in_layer"),
    ("time_guidance_embed.timestep_embedder.linear_2", "time_in.out_layer"),
    ("_modulation_img.linear", "_modulation_img.lin"),
    ("_modulation_txt.linear", "_modulation_txt.lin"),
    ("single_stream_modulation.linear", "single_stream_modulation.lin"),
    ("norm_out.linear", "final_layer.adaLN_modulation.1"),
    ("proj_out", "final_layer.linear"),
    ("single_transformer_blocks", "single_blocks"),
    ("transformer_blocks", "double_blocks"),
    ("attn.to_qkv_mlp_proj", "linear1"),
    ("attn.to_out.0", "img_attn.proj"),
    ("attn.to_out", "linear2"),
    ("attn.to_add_out", "txt_attn.proj"),
    ("attn.norm_added_q.weight", "txt_attn.norm.query_norm.scale"),
    ("attn.norm_added_k.weight", "txt_attn.norm.key_norm.scale"),
    ("ff_context.linear_in", "txt_mlp.0"),
    ("ff_context.linear_out", "txt_mlp.2"),
    ("ff.linear_in", "img_mlp.0"),
    ("ff.linear_out", "img_mlp.2"),
)
JOINED = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}


def quantised(folder: Path, target: Path, kind: str = "Q8_0", without: str = "", blocks: int = 0) -> Path:
    """The transformer of the `flux2` in `folder` as a .gguf file, as its makers name its parts: rows of whole blocks
    in this kind, others as they are.

    without: the beginning of a name that is left out; blocks: how many more there are than there were.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    own = load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    tensors = {}
    for joined, parts in JOINED.items():
        block = "transformer_blocks.0."
        rows = [own.pop(f"{block}{part}.weight") for part in parts]
        tensors[f"double_blocks.0.{joined}.weight"] = np.concatenate(rows)
    for name, tensor in own.items():
        old = name.replace("attn.norm_q.weight", "norm.query_norm.scale").replace(
            "attn.norm_k.weight", "norm.key_norm.scale"
        )
        if name.startswith("transformer_blocks"):
            old = old.replace(".norm.", ".img_attn.norm.")
        for new, former in FLUX2_NAMES:
            old = old.replace(new, former)
        if "adaLN" in old:  # which has its halves the other way round
            tensor = np.concatenate(np.split(tensor, 2)[::-1])
        tensors[old] = tensor
    for k in range(blocks):
        tensors[f"single_blocks.{k + 1}.linear2.weight"] = tensors["single_blocks.0.linear2.weight"]
    writer = gguf.GGUFWriter(target, "flux")
    writer.add_array("a list", ["of", "words"])
    wanted, block = gguf.GGMLQuantizationType[kind], gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]][0]
    for name, tensor in tensors.items():
        if without and name.startswith(without):
            continue
        fits = tensor.ndim > 1 and tensor.shape[-1] % block == 0
        data = _in_blocks(tensor, wanted) if fits else tensor.astype(np.float32)
        writer.add_tensor(name, data, raw_dtype=wanted if fits else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _in_blocks(tensor, kind):
    """A matrix quantised; of the kinds that nothing here quantises, something as large: any bits are a block of them,
    whose first numbers are its scales."""
    import gguf
    import numpy as np

    try:
        return gguf.quantize(tensor, kind)
    except NotImplementedError:
        block, length = gguf.GGML_QUANT_SIZES[kind]
        made = np.random.default_rng(3).integers(0, 256, (tensor.size // block, length), np.uint8)
        made[:, :4] = np.full((1, 2), 2e-5, np.float16).view(np.uint8)
        return made.reshape(len(tensor), -1)


def lora(base: Path, folder: Path) -> Path:
    """A LoRA for the `sd15`, the `flux` or the `flux2` in `base`, as one file in `folder`."""
    import diffusers

    if (base / "unet").is_dir():
        layers = _lora_layers(diffusers.UNet2DConditionModel.from_pretrained(base / "unet"))
        diffusers.StableDiffusionInpaintPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    else:
        kind = json.loads((base / "transformer" / "config.json").read_text())["_class_name"]
        layers = _lora_layers(getattr(diffusers, kind).from_pretrained(base / "transformer"))
        pipeline = {
            "FluxTransformer2DModel": diffusers.FluxFillPipeline,
            "Flux2Transformer2DModel": diffusers.Flux2KleinPipeline,
        }[kind]
        pipeline.save_lora_weights(folder, transformer_lora_layers=layers)
    return folder


def erasing(base: Path, folder: Path) -> Path:
    """A LoRA that removes for the `flux2` in `base`, and its prompt, encoded."""
    import torch
    from safetensors.torch import save_file

    lora(base, folder)
    width = json.loads((base / "transformer" / "config.json").read_text())["joint_attention_dim"]
    embedded = torch.randn((1, 7, width), generator=torch.Generator().manual_seed(3)).bfloat16()
    save_file({"prompt_embeds": embedded}, folder / "prompt_embeds.safetensors")
    return folder


def _lora_layers(network) -> dict:
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    network.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"]))
    return {name: tensor.normal_(std=0.3) for name, tensor in get_peft_model_state_dict(network).items()}


def ip_adapter(folder: Path, bases: dict[str, Path]) -> Path:
    """An IP-Adapter of the kind "plus", with its encoder: for each of the pipelines a file of this name."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    width = 80  # one head of attention, as wide as ViT-H's
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=3,
        num_attention_heads=1,
        patch_size=56,
        projection_dim=8,
    )
    config.hidden_act = "gelu"
    encoder = folder / "image_encoder"
    randomise(CLIPVisionModelWithProjection(config), 11).save_pretrained(encoder)
    (encoder / "config.json").unlink()  # the shapes say it
    for name, base in bases.items():
        _ip_adapter(base, folder / name, width)
    return folder


def _ip_adapter(base: Path, file: Path, width: int) -> None:
    """Its layers for a pipeline, named as its makers do."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    unet, inner = UNet2DConditionModel.from_pretrained(base / "unet"), 64
    shapes = {"latents": (1, 4, inner), "proj_in.weight": (inner, width), "proj_in.bias": (inner,)}
    wide = unet.config.cross_attention_dim
    shapes |= {"proj_out.weight": (wide, inner), "proj_out.bias": (wide,)}
    norms = ["norm_out"]
    for layer in (f"layers.{k}" for k in range(4)):
        norms += [f"{layer}.0.norm1", f"{layer}.0.norm2", f"{layer}.1.0"]
        shapes |= {f"{layer}.0.{name}.weight": (inner, inner) for name in ("to_q", "to_out")}
        shapes |= {f"{layer}.0.to_kv.weight": (2 * inner, inner)}
        shapes |= {f"{layer}.1.1.weight": (4 * inner, inner), f"{layer}.1.3.weight": (inner, 4 * inner)}
    shapes |= {
        f"{norm}.{part}": (wide if norm == "norm_out" else inner,) for norm in norms for part in ("weight", "bias")
    }
    shapes = {f"image_proj.{name}": shape for name, shape in shapes.items()}
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for k, name in enumerate(crossing):
        layer = unet.get_submodule(name.removesuffix(".processor"))
        shapes |= {f"ip_adapter.{2 * k + 1}.to_{part}_ip.weight": tuple(layer.to_k.weight.shape) for part in "kv"}
    torch.manual_seed(12)
    save_file({name: torch.randn(shape) * 0.3 for name, shape in shapes.items()}, file)


def pipeline_with_true_encoder():
    """A pipeline whose encoder keeps the colours, as a trained one does: two channels mixed of them, and their sum."""
    from types import SimpleNamespace

    import torch
    from torch.nn import functional

    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -0.7], [0.3, 0.0, 1.0], [1.0, 1.0, 1.0]])

    def encode(x):
        small = functional.avg_pool2d(x, 2)
        return (SimpleNamespace(mode=lambda: torch.einsum("cd,ndhw->nchw", mix, small)),)

    vae = SimpleNamespace(encode=encode, config=SimpleNamespace(scaling_factor=0.18215))
    return SimpleNamespace(vae=vae, scheduler=SimpleNamespace())

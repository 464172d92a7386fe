"""What a prompt is for a pipeline: encoded once, however many tiles are painted, and none of it left out unsaid."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file

from ..prompts import Prompt
from .families import Encoder

MOST_CHUNKS = 8  # of 75 tokens each; what is longer is no prompt


class Text(NamedTuple):
    """inputs: for the pipeline; is_cut: whether the end of the prompt was left out."""

    inputs: dict[str, Any]
    is_cut: bool = False


@torch.no_grad()
def encode(pipeline: Any, encoder: Encoder, prompt: Prompt, *, guided: bool) -> Text:
    """A prompt for a pipeline, on the processor.  guided: whether what is to be avoided counts."""
    if encoder is Encoder.UNKNOWN:
        # Qwen-Image-Edit's makers have a blank where there is nothing to avoid.
        return Text({"prompt": prompt.positive, "negative_prompt": prompt.negative or " "})
    if encoder is Encoder.T5:
        return _encode_t5(pipeline, prompt.positive)
    if encoder is Encoder.CHAT:
        return _encode_chat(pipeline, prompt.positive)
    sides = {"": chunks(pipeline.tokenizer, prompt.positive)}
    if guided:
        sides["negative_"] = chunks(pipeline.tokenizer, prompt.negative)
    length = min(MOST_CHUNKS, max(map(len, sides.values())))
    inputs = {}
    for prefix, parts in sides.items():
        # As many of both: they are one batch.
        encoded = [_encode_clip(pipeline, part) for part in (*parts, *[""] * length)[:length]]
        inputs[f"{prefix}prompt_embeds"] = torch.cat([part[0] for part in encoded], dim=1).cpu()
        if len(encoded[0]) > 1:
            inputs[f"{prefix}pooled_prompt_embeds"] = encoded[0][1].cpu()
    longest = pipeline.tokenizer.model_max_length
    is_cut = any(
        len(parts) > length or any(_count(pipeline.tokenizer, part) > longest for part in parts)
        for parts in sides.values()
    )
    return Text(inputs, is_cut)


def ready(file: Path, dtype: torch.dtype) -> Text:
    """The one prompt of a model that comes encoded with its weights, a .safetensors file."""
    return Text({"prompt_embeds": load_file(file)["prompt_embeds"].to(dtype)})


def chunks(tokenizer: Any, text: str) -> list[str]:
    """text in parts that fit into the tokenizer's length each, split between words; one part at least."""
    parts, words = [""], text.split()
    for word in words:
        longer = f"{parts[-1]} {word}".strip()
        if parts[-1] and _count(tokenizer, longer) > tokenizer.model_max_length:
            parts.append(word)
        else:
            parts[-1] = longer
    return parts if len(parts) > 1 else [text]


def _count(tokenizer: Any, text: str) -> int:
    """Tokens of a text, those of its begin and end too."""
    return len(tokenizer(text, truncation=False).input_ids)


def _encode_clip(pipeline: Any, text: str) -> tuple[torch.Tensor, ...]:
    """The embeddings (1, 77, n) of a text, and of XL its pooled embedding (1, m)."""
    encoded = pipeline.encode_prompt(
        text, device=pipeline._execution_device, num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    return tuple(part for part in encoded if part is not None)


def _encode_t5(pipeline: Any, text: str) -> Text:
    encoded, pooled, _ = pipeline.encode_prompt(text, None, device=pipeline._execution_device)
    is_cut = _count(pipeline.tokenizer_2, text) > encoded.shape[1]
    return Text({"prompt_embeds": encoded.cpu(), "pooled_prompt_embeds": pooled.cpu()}, is_cut)


def _encode_chat(pipeline: Any, text: str) -> Text:
    encoded, _ = pipeline.encode_prompt(text, device=pipeline._execution_device)
    said = pipeline.tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return Text({"prompt_embeds": encoded.cpu()}, _count(pipeline.tokenizer, said) > encoded.shape[1])

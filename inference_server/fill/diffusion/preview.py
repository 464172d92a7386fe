"""A picture of what is forming, after every step, for next to nothing.

Latents are close to a small picture whose colours are mixed up, so a linear map from their channels to red, green and
blue shows what is there.  The map is fitted to what the pipeline's own encoder makes of the photo, so it suits any.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812


class Preview:
    """Watches a pipeline's encoder at work, and from then on turns its latents into pictures."""

    def __init__(self, pipeline: Any):
        self._pipeline = pipeline
        self._map: torch.Tensor | None = None
        encode = pipeline.vae.encode

        def watched(x: torch.Tensor, *arguments: Any, **keywords: Any) -> Any:
            encoded = encode(x, *arguments, **keywords)
            if self._map is None:
                self._fit(_still(x), _still(encoded[0].mode()))
            return encoded

        pipeline.vae.encode = watched

    def forget(self) -> None:
        """Fit anew to the next picture that is encoded."""
        self._map = None

    def show(self, latents: torch.Tensor, width: int, height: int) -> np.ndarray | None:
        """The picture (h, w, 3) float32, 0 to 1, that latents of a picture of this size hold; None before any was seen.

        Where the sampler keeps its guess of the finished picture, that is shown and not the noisy one.
        """
        if self._map is None:
            return None
        vae, guesses = self._pipeline.vae, getattr(self._pipeline.scheduler, "model_outputs", None)
        if guesses and guesses[-1] is not None and guesses[-1].shape == latents.shape:
            latents = guesses[-1]
        if latents.ndim == 3:  # packed, as FLUX has it
            latents = self._unpacked(latents, width, height)
        latents = _still(latents)[:1].float().cpu()
        factor, shift = (getattr(vae.config, name, None) for name in ("scaling_factor", "shift_factor"))
        unscaled = latents / (factor or 1) + (shift or 0)
        if getattr(vae.config, "latents_mean", None):  # of each channel, as Qwen-Image has it
            mean, deviation = (torch.tensor(vae.config[f"latents_{each}"])[:, None, None] for each in ("mean", "std"))
            unscaled = unscaled * deviation + mean
        return (_with_one(unscaled) @ self._map).clamp(0, 1).numpy()

    def _unpacked(self, latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
        """Packed latents (n, tokens, C) of a picture of this size as the autoencoder knows them."""
        pipeline, vae = self._pipeline, self._pipeline.vae
        if not hasattr(vae, "bn"):
            unpacked: torch.Tensor = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
            return unpacked
        # FLUX.2 has its patches normalised, one after the other, as a batch norm does.
        side = 2 * pipeline.vae_scale_factor
        patches = latents[:1].float().cpu().permute(0, 2, 1).reshape(1, -1, height // side, width // side)
        mean, variance = (each.view(1, -1, 1, 1).float().cpu() for each in (vae.bn.running_mean, vae.bn.running_var))
        unpatched: torch.Tensor = pipeline._unpatchify_latents(
            patches * torch.sqrt(variance + vae.config.batch_norm_eps) + mean
        )
        return unpatched

    def _fit(self, x: torch.Tensor, latents: torch.Tensor) -> None:
        """x: (1, 3, H, W), -1 to 1; latents: (1, C, h, w), unscaled."""
        small = F.interpolate(x[:1].float().cpu(), size=latents.shape[2:], mode="area") / 2 + 0.5
        colours, terms = small[0].permute(1, 2, 0).reshape(-1, 3), _with_one(latents[:1].float().cpu())
        terms = terms.reshape(len(colours), -1)
        ridge = terms.T @ terms + 1e-3 * len(colours) * torch.eye(terms.shape[1])  # for a picture of one colour
        self._map = torch.linalg.solve(ridge, terms.T @ colours)


def _still(pictures: torch.Tensor) -> torch.Tensor:
    """(n, C, H, W) of these, or of the first frames of films (n, C, frames, H, W)."""
    return pictures if pictures.ndim == 4 else pictures[:, :, 0]


def _with_one(latents: torch.Tensor) -> torch.Tensor:
    """(1, C, h, w) as (h, w, C + 1), the last channel 1."""
    last = latents[0].permute(1, 2, 0)
    return torch.cat((last, torch.ones_like(last[..., :1])), dim=-1)

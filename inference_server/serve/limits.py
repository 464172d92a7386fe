"""What a client may ask for at once, so that none can take the server from the others.

A client is a connection of this user's own programs, or another computer with all its connections.
"""

from collections.abc import Iterable

from .failures import too_large_error, too_much_error
from .requests import QueuedRequest

MOST_REQUESTS = 16  # of one client, worked on or waiting
MOST_WAITING = 200  # of all clients
# Bytes that wait.  A single request may be larger where nothing else of the same client, or of anybody, waits.
MOST_BYTES = 64 << 20
MOST_BYTES_OF_ALL = 512 << 20
LARGEST_REQUEST = 2 << 30  # a photo of 170 megapixels in 16 bits a sample
MOST_UNREAD = 256 << 20  # bytes of answers that a client has not taken yet, beside the last one


def check(request: QueuedRequest, unfinished: Iterable[QueuedRequest], waiting: Iterable[QueuedRequest]) -> None:
    """Raise UserError where a request is more than its client's share, or more than fits.

    unfinished: of all clients; waiting: those of them whose pixels the server still has.
    """
    if request.size > LARGEST_REQUEST:
        raise too_large_error()
    jobs = [other.sender.owner for other in unfinished]
    if jobs.count(request.sender.owner) >= MOST_REQUESTS or len(jobs) >= MOST_WAITING:
        raise too_much_error()
    sizes = [(other.sender.owner, other.size) for other in waiting]
    own, everybodys = (
        sum(size for owner, size in sizes if owner == request.sender.owner),
        sum(size for _, size in sizes),
    )
    if (own and own + request.size > MOST_BYTES) or (everybodys and everybodys + request.size > MOST_BYTES_OF_ALL):
        raise too_much_error()

"""The server process: sockets, queue, cancelling, and the worker that turns messages into calls of the engine."""

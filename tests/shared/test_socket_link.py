"""A link that nobody has closed."""

import subprocess
import sys

FORGOTTEN = """
import gc
from inference_server.shared.socket_link import SocketLink

link = SocketLink({address!r})
link.send([b"a message that nobody takes"])
link.itself = link
del link
gc.collect()
print("collected")
"""


def test_a_forgotten_link_does_not_stop_the_program_that_forgot_it(tmp_path):
    """The collector finds a link, its context and its sockets at once, and a context waits for its sockets."""
    code = FORGOTTEN.format(address=f"ipc://{tmp_path}/nobody.sock")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "collected\n", done.stderr

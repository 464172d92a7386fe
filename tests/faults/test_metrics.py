"""What a server says of what it does: over the protocol, on a page of loopback, in its log, and in a terminal."""

import http.client
import re
import socket

import pytest

from inference_server.__main__ import main
from inference_server.cli import top
from inference_server.serve.metrics_page import MetricsPage
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import AskMetrics

from ..servers import needs_posix

# A sample of Prometheus' text format 0.0.4.
SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [-+.e\d]+|# (HELP|TYPE) [a-z_]+ .+')


def metrics(server) -> str:
    return server.connect().request(AskMetrics())[0].text


@needs_posix
def test_each_request_is_counted_once_and_its_log_lines_name_it(server, small_home):
    server.do("work 0.02")
    server.do("nothing")
    server.failure("refuse secret.jpg")
    server.failure("kill")
    text = metrics(server)
    assert all(SAMPLE.fullmatch(line) for line in text.splitlines())
    for line in (
        'requests_total{kind="locate",outcome="done"} 2',
        'requests_total{kind="locate",outcome="failed"} 2',
        'waited_seconds_count{kind="locate"} 4',
        'worked_seconds_bucket{kind="locate",le="+Inf"} 4',
        'worker_busy{worker="device",device=""} 0',
        'worker_starts_total{worker="device",device=""} 1',
        'worker_starts_total{worker="models",device=""} 0',
    ):
        assert f"inpaint_anything_{line}\n" in text
    log = (small_home / "server.log").read_text()
    assert "worker=device job=1 Locate done in" in log and "worker=device job=3 Locate refused: wrong-input" in log
    assert "secret" not in log + text


def test_top_shows_the_workers_and_the_seconds_of_each_request(server, capsys):
    server.do("nothing")
    assert main(["top", "--once"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"device +idle +0 +0 +1", lines[5])
    assert re.fullmatch(r"locate +1 +0 +0 +0 +\d+\.\d{3} +\d+\.\d{3}", lines[8])


def test_top_without_a_server_says_so(small_home, capsys):
    assert main(["top", "--once"]) == 1
    assert "No server is running." in capsys.readouterr().err


def test_top_shows_whatever_numbers_there_are():
    text = (
        "# HELP inpaint_anything_x What.\n"
        'inpaint_anything_info{version="1.0"} 1\ninpaint_anything_uptime_seconds 120\n'
        'inpaint_anything_worker_busy{worker="device-1",device="cuda:0"} 1\n'
        'inpaint_anything_worker_waiting{worker="device-1",device="cuda:0"} 2\n'
    )
    shown = top.table(text).splitlines()
    assert shown[0] == "inference_server 1.0, up 2 min"
    assert shown[3].split() == ["device-1", "cuda:0", "works", "2", "0", "0"] and len(shown) == 4


@pytest.fixture
def page():
    page = MetricsPage(0)
    page.text = "x 1\n"
    yield page
    page.close()


def ask(page: MetricsPage, path: str, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/metrics", "127.0.0.1:9", 200),
        ("/metrics", "localhost", 200),
        ("/metrics", "a.page.of.the.web", 404),
        ("/metrics", "", 404),
        ("/", "127.0.0.1", 404),
        ("/../server.log", "127.0.0.1", 404),
    ],
)
def test_the_page_shows_the_metrics_alone_and_to_this_machine(page, path, host, status):
    found, content = ask(page, path, host)
    assert found == status and (status != 200 or content == b"x 1\n")
    assert page._server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"The port {port} cannot be used for metrics") as refused:
            MetricsPage(port)
    assert refused.value.code == ErrorCode.TAKEN

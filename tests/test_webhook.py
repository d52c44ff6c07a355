"""The message at a night's end: signed, tried again, and sent to nobody else."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from jobs.webhook import WAITS, check_url, send, signature
from pipeline.errors import JobError

SECRET = "a shared secret"
MESSAGE = {"campaign": "春", "exit_code": 0}


class Receiver(HTTPServer):
    """Answers with `answers` in turn, the last one for ever, and keeps what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = [200]
        self.came: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((dict(self.headers.items()), body))
        answers = self.server.answers
        self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on the tests' console."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def deliver(url: str) -> list[float]:
    """Send the message; how long it waited before each further try."""
    waited: list[float] = []
    send(url, MESSAGE, SECRET, delivery="run-1", sleep=waited.append, clock=lambda: 1000.9)
    return waited


def test_the_message_is_json_and_its_signature_is_right(receiver: Receiver) -> None:
    deliver(receiver.url)

    [(headers, body)] = receiver.came
    expected = hmac.new(SECRET.encode(), b"1000." + body, hashlib.sha256).hexdigest()
    assert json.loads(body) == MESSAGE
    assert headers["Banners-Signature"] == f"t=1000,v1={expected}"
    assert headers["Banners-Delivery"] == "run-1"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("change", [(b"{}", SECRET, 1000), (b"body", "other", 1000), (b"body", SECRET, 1001)])
def test_a_signature_is_for_one_body_one_secret_and_one_moment(change: tuple[bytes, str, int]) -> None:
    assert signature(*change) != signature(b"body", SECRET, 1000)


@pytest.mark.parametrize("answer", [500, 502, 503, 429, 408])
def test_what_may_pass_is_tried_again(receiver: Receiver, answer: int) -> None:
    receiver.answers = [answer, answer, 204]

    assert deliver(receiver.url) == list(WAITS[:2])
    assert len(receiver.came) == 3


@pytest.mark.parametrize("answer", [400, 401, 404, 302, 308])
def test_what_will_not_change_is_told_at_once(receiver: Receiver, answer: int) -> None:
    receiver.answers = [answer]

    with pytest.raises(JobError, match=f"{receiver.url}: the message was not taken: answer {answer}"):
        deliver(receiver.url)

    assert len(receiver.came) == 1


def test_after_the_last_try_it_gives_up(receiver: Receiver) -> None:
    receiver.answers = [503]

    with pytest.raises(JobError, match="answer 503"):
        deliver(receiver.url)

    assert len(receiver.came) == 1 + len(WAITS)


def test_a_receiver_that_is_not_there_is_named() -> None:
    with pytest.raises(JobError, match="http://127.0.0.1:9/hook: the message was not taken"):
        deliver("http://127.0.0.1:9/hook")


@pytest.mark.parametrize("url", ["example.com/hook", "file:///etc/passwd", "ftp://example.com", "https://"])
def test_only_whole_web_addresses_are_sent_to(url: str) -> None:
    with pytest.raises(ValueError, match="whole address"):
        check_url(url)

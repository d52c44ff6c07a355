"""An S3 server's evil twin: passes requests on, and spoils some of them as it was told. For `faults.py`.

`python benchmarks/faulty_bucket.py ORIGIN PORT` listens on loopback. `POST /_faults` takes JSON:
`{"seed": 1, "rules": [{"kind": "slow_down", "method": "GET", "path": "photos/", "share": 0.1, "most": 50}]}`;
`method` and `path` are regular expressions, `most` how often at most, once for each path where `once` is
true. `GET /_faults` gives back how often each kind was done and how many requests of each method came.

Kinds: `slow_down` 503, `internal` 500, `denied` 403, `full` 507, `reset` and `hang` break the connection at
once or after two seconds, `lost` does what is asked and breaks it then, `short` sends half of the body,
`garbled` sends one wrong byte, `gone` deletes the object just before it is read, `changed` replaces it by the
bytes (in hexadecimal) of `with`.
"""

import json
import random
import re
import socket
import struct
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_ANSWERS = {
    "slow_down": (503, "SlowDown"),
    "internal": (500, "InternalError"),
    "denied": (403, "AccessDenied"),
    "full": (507, "QuotaExceeded"),
}
_OWN = {"transfer-encoding", "connection", "content-length"}


class Faults:
    """The rules in force, and what came of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set({"seed": 0, "rules": []})

    def set(self, told: dict[str, Any]) -> None:
        with self._lock:
            self._random = random.Random(told["seed"])
            self._rules = [dict(rule) for rule in told["rules"]]
            self._seen: set[tuple[int, str]] = set()
            self.counts: Counter[str] = Counter()

    def choose(self, method: str, path: str) -> dict[str, Any] | None:
        """The rule that spoils this request, if any does."""
        with self._lock:
            self.counts[method] += 1
            for number, rule in enumerate(self._rules):
                if self._applies(number, rule, method, path):
                    self.counts[rule["kind"]] += 1
                    return rule
        return None

    def garbled(self, data: bytes) -> bytes:
        """`data` with a wrong byte somewhere: the wire does not make the same mistake twice."""
        with self._lock:
            at, by = self._random.randrange(len(data)), self._random.randrange(1, 256)
        return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]

    def _applies(self, number: int, rule: dict[str, Any], method: str, path: str) -> bool:
        if not re.fullmatch(rule.get("method", ".*"), method) or not re.search(rule.get("path", ""), path):
            return False
        if rule.get("most", 1) <= 0 or self._random.random() >= rule.get("share", 1):
            return False
        if rule.get("once") and (number, path) in self._seen:
            return False
        self._seen.add((number, path))
        if "most" in rule:
            rule["most"] -= 1
        return True


class Handler(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    server: "Twin"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/_faults":
            self._control(body)
            return
        rule = self.server.faults.choose(self.command, unquote(self.path)) or {"kind": ""}
        kind = rule["kind"]
        if kind in _ANSWERS:
            self._refuse(*_ANSWERS[kind])
        elif kind in ("reset", "hang"):
            time.sleep(2 * (kind == "hang"))
            self._break()
        else:
            self._pass_on(rule, body)

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: there are many requests."""

    def _control(self, body: bytes) -> None:
        if self.command == "POST":
            self.server.faults.set(json.loads(body))
        self._send(
            200, [("Content-Type", "application/json")], json.dumps(self.server.faults.counts).encode()
        )

    def _pass_on(self, rule: dict[str, Any], body: bytes) -> None:
        kind = rule["kind"]
        if kind in ("gone", "changed"):
            self.server.meddle(unquote(urlsplit(self.path).path), rule.get("with"))
        try:
            status, headers, data = self.server.ask(self.command, self.path, body, dict(self.headers))
        except (OSError, HTTPException):
            self._break()
            return
        if kind == "lost":
            self._break()
        elif kind == "short" and data:
            self._send(status, headers, data, cut=len(data) // 2)
            self._break()
        elif kind == "garbled" and data:
            self._send(status, headers, self.server.faults.garbled(data))
        else:
            self._send(status, headers, data)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>as {code} was asked for</Message></Error>".encode()
        self._send(status, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else body)

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, cut: int | None = None) -> None:
        self.send_response_only(status)
        length = {name.lower(): value for name, value in headers}.get("content-length")
        for name, value in headers:
            if name.lower() not in _OWN:
                self.send_header(name, value)
        # The answer to HEAD has the length of a body that does not come.
        self.send_header("Content-Length", length or "0" if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body[:cut])
            self.wfile.flush()

    def _break(self) -> None:
        """End the connection as a crash would: with a reset."""
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True


class Twin(ThreadingHTTPServer):
    """`origin` is the real server's `http://host:port`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, origin: str, port: int) -> None:
        self.faults = Faults()
        self._origin = urlsplit(origin).netloc
        self._local = threading.local()
        self._meddler = _client(origin)
        super().__init__(("127.0.0.1", port), Handler)

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The real server's answer; the signature stays good because the Host header stays."""
        headers = {name: value for name, value in headers.items() if name.lower() != "expect"}
        for last in (False, True):
            try:
                if not hasattr(self._local, "line"):
                    self._local.line = HTTPConnection(self._origin, timeout=60)
                self._local.line.request(method, path, body or None, headers)
                answer = self._local.line.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, HTTPException):
                # The server closes idle lines; a second failure is a real one.
                del self._local.line
                if last:
                    raise
        raise AssertionError("the loop returns or raises")

    def meddle(self, path: str, replacement: str | None) -> None:
        """Delete or replace the object, as somebody else might at this moment."""
        bucket, _, key = path.lstrip("/").partition("/")
        if replacement is None:
            self._meddler.delete_object(Bucket=bucket, Key=key)
        else:
            self._meddler.put_object(Bucket=bucket, Key=key, Body=bytes.fromhex(replacement))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: broken connections are what this is for."""


def _client(origin: str) -> Any:
    import boto3

    return boto3.session.Session().client("s3", endpoint_url=origin)


if __name__ == "__main__":
    Twin(sys.argv[1], int(sys.argv[2])).serve_forever()

"""A front of an S3 server that fails once at each kind of request, as a busy S3 does, or a network."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.threaded import in_thread

_SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>'
# What tells S3's operations from each other, where the method and the path do not.
_OPERATIONS = ("partNumber", "uploadId", "uploads", "delete", "list-type")
_OF_THIS_CONNECTION = ("connection", "content-length", "transfer-encoding", "date", "server")


class Failure(StrEnum):
    """How the first request of a kind fails."""

    BUSY = "busy"  # answered with 503 SlowDown
    CUT = "cut"  # its connection ends before the server hears of it
    UNANSWERED = "unanswered"  # the server does it, and its answer is lost


class S3Front(ThreadingHTTPServer):
    """Passes on to `target`, a server's address, what it does not fail."""

    def __init__(self, target: str, failure: Failure) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failed: list[str] = []  # kinds, in the order in which they came
        self.target = httpx.Client(base_url=target, trust_env=False, timeout=60)
        self.failure = failure
        self._lock = Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fails(self, kind: str) -> bool:
        with self._lock:
            is_first = kind not in self.failed
            if is_first:
                self.failed.append(kind)
            return is_first


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Front

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        failure = self.server.failure if self.server.fails(_kind(self.command, self.path)) else None
        if failure is Failure.BUSY:
            self._answer(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
            return
        answer = None if failure is Failure.CUT else self._ask(body)
        if failure is not None or answer is None:
            self.close_connection = True
            return
        kept = {name: value for name, value in answer.headers.items() if name not in _OF_THIS_CONNECTION}
        self._answer(answer.status_code, kept, answer.content, answer.headers.get("content-length"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _ask(self, body: bytes) -> httpx.Response:
        given = dict(self.headers.items())
        return self.server.target.request(self.command, self.path, content=body, headers=given)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        # The answer to HEAD tells the length of what it does not bring.
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _kind(method: str, target: str) -> str:
    asked = parse_qs(urlsplit(target).query, keep_blank_values=True)
    return " ".join((method, *(name for name in _OPERATIONS if name in asked)))


@contextmanager
def s3_front(target: str, failure: Failure) -> Iterator[S3Front]:
    """A front for as long as the body runs."""
    with in_thread(S3Front(target, failure)) as front, closing(front.target):
        yield front

"""The command line's client asks again when it was told to, and not before."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from api.cli.client import ApiClient, ApiUnreachable
from api.cli.cutting import Cut
from api.cli.uploading import Uploader

BUSY = {
    "title": "Too many requests",
    "status": "429",
    "invalid-params": [{"name": "request", "reason": "later"}],
}
RETRY_SECONDS = 1


class BusyApi(ThreadingHTTPServer):
    """Refuses the first request, and then is an import that takes blocks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusals_left = 1
        self.blocks = 0


class Handler(BaseHTTPRequestHandler):
    server: BusyApi

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refusals_left:
            self.server.refusals_left -= 1
            self.tell(429, BUSY, {"Retry-After": str(RETRY_SECONDS)})
            return
        self.server.blocks += self.command == "POST"
        found = {"importid": 1, "status": "configuring", "blockCount": self.server.blocks}
        self.tell(200, found | {"blockid": self.server.blocks})

    do_GET = do_POST = do_PATCH = answer  # noqa: N815

    def tell(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(sent)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[BusyApi]:
    with BusyApi() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client(api: BusyApi) -> Iterator[ApiClient]:
    made = ApiClient(f"http://127.0.0.1:{api.server_port}", "token")
    yield made
    made.close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get_import(1),
        lambda client: client.start_import(1),
        lambda client: client.get("/films"),
        lambda client: Uploader(client, 1, parallel=1, on_sent=lambda _: None).send([Cut(b"{}\n", 1)]),
    ],
    ids=["look", "start", "read", "upload"],
)
def test_one_who_asks_too_often_waits_as_told_and_goes_on(
    client: ApiClient, api: BusyApi, ask: Callable[[ApiClient], object]
):
    began = time.monotonic()

    ask(client)

    assert time.monotonic() - began >= RETRY_SECONDS
    assert api.refusals_left == 0
    assert api.blocks <= 1


def test_what_cannot_be_repeated_is_told_with_its_reason(client: ApiClient):
    with pytest.raises(ApiUnreachable, match=r"Too many requests \(429\) request: later"):
        client.create_import({"strategy": ["create"], "collection": "/films"})

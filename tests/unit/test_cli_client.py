"""The command line's client asks again when it was told to, and not before."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api.cli.client import ApiClient, ApiUnreachable
from api.cli.cutting import Cut
from api.cli.uploading import Uploader
from tests.threaded import in_thread

BUSY = {
    "title": "Too many requests",
    "status": "429",
    "invalid-params": [{"name": "request", "reason": "later"}],
}
RETRY_SECONDS = 1
AN_IMPORT = {"strategy": ["create"], "collection": "/films"}


class BusyApi(ThreadingHTTPServer):
    """Refuses the first request, and then is an import that takes blocks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refusals_left = 1
        self.status = 429
        self.retry_after: int | None = RETRY_SECONDS
        self.blocks = 0


class Handler(BaseHTTPRequestHandler):
    server: BusyApi

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refusals_left:
            self.server.refusals_left -= 1
            after = self.server.retry_after
            self.tell(self.server.status, BUSY, {"Retry-After": str(after)} if after else None)
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
    with in_thread(BusyApi()) as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """How many seconds the client waited, each time."""
    return []


@pytest.fixture
def client(api: BusyApi, waits: list[float]) -> Iterator[ApiClient]:
    made = ApiClient(f"http://127.0.0.1:{api.server_port}", "token", wait=waits.append)
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
    client: ApiClient, api: BusyApi, waits: list[float], ask: Callable[[ApiClient], object]
):
    ask(client)

    assert waits == [RETRY_SECONDS]
    assert api.refusals_left == 0
    assert api.blocks <= 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_import_is_made_after_as_long_as_was_told(
    client: ApiClient, api: BusyApi, waits: list[float], status: int
):
    """A balancer whose API was just lost says so, and the import ended there."""
    api.status = status

    assert client.create_import(AN_IMPORT)["importid"] == 1

    assert waits == [RETRY_SECONDS]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_nobody_told_to_repeat_is_told_with_its_reason(client: ApiClient, api: BusyApi, status: int):
    api.status, api.retry_after = status, None

    with pytest.raises(ApiUnreachable, match=rf"Too many requests \({status}\) request: later"):
        client.create_import(AN_IMPORT)

"""A client of a storm waits for no answer and no end for ever: its round would not end either."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.batch_customer import BatchCustomer
from tests.faults.client import CarefulClient
from tests.faults.waiting import NotInTime
from tests.threaded import in_thread

PATIENCE_SECONDS = 0.3


class _Endless(BaseHTTPRequestHandler):
    """An API whose jobs and imports are always at work."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        body = json.dumps({"access_token": "a", "status": "Processing", "endedDatetime": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def client() -> Iterator[CarefulClient]:
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Endless)) as api:
        url = f"http://127.0.0.1:{api.server_port}"
        with closing(CarefulClient([url], "localhost", None, patience_seconds=PATIENCE_SECONDS)) as client:
            yield client


def test_a_job_that_never_ends_is_not_waited_for_for_ever(client: CarefulClient):
    customer = BatchCustomer(client, "joe@example.com", "secret", "default")

    with pytest.raises(NotInTime, match=r"job .* gets there"):
        customer.export_json("Account")


def test_an_import_that_never_ends_is_not_waited_for_for_ever(client: CarefulClient):
    with pytest.raises(NotInTime, match="import 1 gets there"):
        client.wait_for_end(1)

"""The application under its real server: refused bodies, clients that hang up, connections that are kept."""

import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller
from tests.serving import Served
from tests.storages import folder_of

START_SECONDS = 30.0
MIB = 1024 * 1024
NDJSON = "application/x-ndjson"


@pytest.fixture
def port(served: Served) -> int:
    return served.port


class Connection:
    """One kept-alive connection of a data service's client."""

    def __init__(self, port: int, call: Caller) -> None:
        self.http = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        self.headers = {"Host": f"{call.service.name}.localhost", "Authorization": f"Bearer {call.token}"}

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = {"encode_chunked": True} if "Transfer-Encoding" in named else {}
        self.http.request(method, path, body, self.headers | named, **chunked)  # type: ignore[arg-type]
        response = self.http.getresponse()
        return response.status, response.read().decode()


@pytest.fixture
def connection(port: int, call: Caller) -> Iterator[Connection]:
    made = Connection(port, call)
    yield made
    made.http.close()


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (400, IMPORTS + "/{id}/blocks", {"Content_Type": "text/plain"}),
        (400, IMPORTS + "/{id}/blocks", {"Content_Type": NDJSON}),
        (401, IMPORTS + "/{id}/blocks", {"Content_Type": NDJSON, "Authorization": "none"}),
        (404, IMPORTS + "/999999999/blocks", {"Content_Type": NDJSON}),
        (404, "/__resources/nothing", {}),
        (405, IMPORTS + "/{id}", {}),
        (413, IMPORTS, {"Content_Type": "application/json"}),
    ],
    ids=["type", "size", "token", "import", "path", "method", "json"],
)
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_large_refused_body_spoils_neither_the_answer_nor_the_connection(
    connection: Connection, call: Caller, framing: str, status: int, path: str, headers: dict[str, str]
) -> None:
    path = path.replace("{id}", str(call.new_import()))
    pieces = [b"x" * MIB] * 30
    body = b"".join(pieces) if framing == "length" else iter(pieces)
    framed = headers if framing == "length" else headers | {"Transfer_Encoding": "chunked"}
    connection("GET", IMPORTS)
    kept = connection.http.sock

    answered, _ = connection("POST", path, body, **framed)

    assert answered == status
    assert connection("GET", IMPORTS)[0] == 200
    assert connection.http.sock is kept


@pytest.mark.parametrize(
    "cut",
    [
        b"Content-Length: 9000000\r\n\r\n" + b"x" * 1_000_000,
        b"Transfer-Encoding: chunked\r\n\r\n80\r\n{}\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    ],
    ids=["in the length", "in a chunk", "between chunks", "not a chunk"],
)
def test_a_client_that_hangs_up_leaves_nothing(
    port: int, call: Caller, settings: Settings, cut: bytes
) -> None:
    import_id = call.new_import()
    folder = folder_of(settings.storage_url) / str(import_id)
    head = (
        f"POST {IMPORTS}/{import_id}/blocks HTTP/1.1\r\nHost: {call.service.name}.localhost\r\n"
        f"Authorization: Bearer {call.token}\r\nContent-Type: {NDJSON}\r\n"
    )

    with socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS) as client:
        client.sendall(head.encode() + cut)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"Body incomplete"' in answer
    assert not folder.exists() or os.listdir(folder) == []
    assert call("GET", f"{IMPORTS}/{import_id}").get_json()["blockCount"] == 0


def test_twenty_uploads_at_once_get_twenty_numbers_without_gaps(port: int, call: Caller) -> None:
    import_id = call.new_import()

    def upload(number: int) -> int:
        body = b'{"documentid":"%d"}\n' % number * 10_000
        connection = Connection(port, call)
        status, answer = connection("POST", f"{IMPORTS}/{import_id}/blocks", body, Content_Type=NDJSON)
        connection.http.close()
        assert status == 200, answer
        return int(json.loads(answer)["blockid"])

    with ThreadPoolExecutor(20) as uploads:
        numbers = sorted(uploads.map(upload, range(20)))

    assert numbers == list(range(1, 21))


def test_a_chunked_block_is_taken_and_streamed_back(connection: Connection, call: Caller) -> None:
    import_id = call.new_import()
    path = f"{IMPORTS}/{import_id}/blocks"

    added = connection(
        "POST", path, iter([b'{"a":1}\n'] * 50_000), Content_Type=NDJSON, Transfer_Encoding="chunked"
    )

    assert added == (200, '{"blockid":1}\n')
    assert connection("GET", f"{path}/1") == (200, '{"a":1}\n' * 50_000)

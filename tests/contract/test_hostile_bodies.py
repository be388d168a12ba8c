"""Bodies that are small on the wire and large behind it, or never end: refused, and never held in memory."""

import gzip
import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from backports import zstd

from shared.ground import Ground
from tests.contract.conftest import IMPORTS, Caller
from tests.contract.liquid import Liquid, liquid_client
from tests.serving import Served

MIB = 1024 * 1024
ZEROS = bytes(20 * MIB)
TIMES = 60  # 1.2 GB behind each
BOMBS = {
    "gzip": ("gzip", gzip.compress(ZEROS) * TIMES),
    "gzip in gzip": ("gzip", gzip.compress(gzip.compress(ZEROS) * TIMES)),
    "zstd": ("zstd", zstd.compress(ZEROS) * TIMES),
    "lines of one character": ("gzip", gzip.compress(b"1\n" * 10 * MIB) * TIMES),
}
DEADLINE_SECONDS = 60.0
GROWTH_BYTES = 120 * MIB  # items of 20 MiB are held more than once while they are read
ENDLESS_BYTES = 400 * MIB  # more than the server reads of a body that it has refused


@pytest.fixture
def flat(served: Served) -> Iterator[None]:
    """Checks that none of the server's processes held more memory at any moment of the test."""
    server = psutil.Process(served.pid)
    folders = [Path(f"/proc/{process.pid}") for process in [server, *server.children(recursive=True)]]
    if not (folders[0] / "clear_refs").exists():
        pytest.skip("peaks of memory are told by Linux only")
    for folder in folders:
        (folder / "clear_refs").write_text("5")  # forget the peak
    before = [peak_bytes(folder) for folder in folders]

    yield

    for folder, peak in zip(folders, before, strict=True):
        assert peak_bytes(folder) - peak < GROWTH_BYTES


def peak_bytes(folder: Path) -> int:
    [line] = [line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def post(served: Served, caller: Caller, path: str, body: object, **headers: str) -> tuple[int, str]:
    client = HTTPConnection("127.0.0.1", served.port, timeout=DEADLINE_SECONDS)
    given = {"Host": f"{caller.service.name}.localhost", "Authorization": f"Bearer {caller.token}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request("POST", path, body, given | named)  # type: ignore[arg-type]
    response = client.getresponse()
    answer = response.status, response.read().decode()
    client.close()
    return answer


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize(("encoding", "bomb"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_as_a_block_and_as_items(
    served: Served, call: Caller, liquid: Liquid, encoding: str, bomb: bytes
) -> None:
    path, headers = f"{IMPORTS}/{call.new_import()}/blocks", {"Content_Encoding": encoding}

    as_block = post(served, call, path, bomb, Content_Type="application/x-ndjson", **headers)
    token = f"Bearer {liquid.token}"
    as_items = post(served, call, "/ls/api/items/upsert", bomb, Authorization=token, **headers)

    is_nested = bomb is BOMBS["gzip in gzip"][1]
    assert as_block[0] == (200 if is_nested else 400)  # only one encoding is taken off
    assert is_nested or json.loads(as_block[1])["title"] == "Import block too large"
    assert as_items[0] == (400 if is_nested else 413)


@pytest.mark.parametrize(
    "encoding", ["gzip, gzip", "gzip, zstd", "deflate", "br", "identity, gzip", "gzip;q"]
)
def test_other_encodings_are_not_taken(served: Served, call: Caller, encoding: str) -> None:
    path = f"{IMPORTS}/{call.new_import()}/blocks"
    body = gzip.compress(gzip.compress(b"{}"))

    status, text = post(
        served, call, path, body, Content_Type="application/x-ndjson", Content_Encoding=encoding
    )

    assert (status, json.loads(text)["title"]) == (415, "Invalid content-encoding")


def endless() -> Iterator[bytes]:
    for _ in range(ENDLESS_BYTES // MIB):
        yield b"%x\r\n%b\r\n" % (MIB, bytes(MIB))


def send_all(client: socket.socket, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        client.sendall(piece)


@pytest.mark.usefixtures("flat")
def test_a_body_that_does_not_end_is_cut_off(served: Served, call: Caller) -> None:
    head = (
        f"POST {IMPORTS}/{call.new_import()}/blocks HTTP/1.1\r\nHost: {call.service.name}.localhost\r\n"
        f"Authorization: Bearer {call.token}\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", served.port), timeout=DEADLINE_SECONDS) as client:
        client.sendall(head.encode())
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            send_all(client, endless())

    assert call("GET", IMPORTS).status_code == 200


@pytest.fixture
def liquid(call: Caller, ground: Ground) -> Liquid:
    return liquid_client(call.client, ground, call.service)

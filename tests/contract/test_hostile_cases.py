"""Each hostile request gets its one answer, and the service goes on."""

import re
import socket

import pytest

from tests.contract.conftest import Caller
from tests.contract.hostile_cases import CASES, Hostile
from tests.serving import Served

DEADLINE_SECONDS = 30.0
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


def answers_to(port: int, request: bytes) -> bytes:
    """All that comes until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_hostile_request_gets_its_one_answer(served: Served, call: Caller, case: Hostile) -> None:
    host = f"{call.service.name}.localhost"
    known = {"{host}": host, "{HOST}": host.upper(), "{auth}": f"Authorization: Bearer {call.token}\r\n"}
    text = case.request
    for name, value in known.items():
        text = text.replace(name, value)

    answer = answers_to(served.port, text.encode("latin-1"))

    assert STATUS.match(answer), answer[:100]
    assert STATUS.match(answer)[1] == b"%d" % case.status
    assert case.says in answer.decode("latin-1").replace("&#x27;", "'")
    assert answer.count(b'"live"') == 0, "what was smuggled is answered"
    assert b"Traceback" not in answer
    assert b"\r\nSet-Cookie" not in answer

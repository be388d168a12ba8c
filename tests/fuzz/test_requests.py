"""Any bytes on a connection get answers that are answers, and the server goes on."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.contract.hostile_cases import CASES
from tests.contract.test_hostile_cases import answers_to
from tests.fuzz.fuzzing import altered, fuzzed, of_pieces
from tests.serving import Served

SAMPLES = {case.name: case.request.encode("latin-1") for case in CASES if len(case.request) < 600}
PIECES = [
    *(
        "GET ",
        "POST ",
        "/",
        "/health/live",
        "/docs",
        "/ls/api/oauth2/token",
        " HTTP/1.1",
        " HTTP/1.0",
        "?a=%00",
    ),
    *(
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "\0",
        ": ",
        ":",
        " ",
        "\t",
        "0",
        "5",
        "ffffffff",
        "-1",
        ";a=b",
        "grant_type=x",
    ),
    *(
        "Host: x",
        "Content-Length: 5",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Connection: keep-alive",
    ),
    *(
        "Expect: 100-continue",
        "Upgrade: h2c",
        "HTTP2-Settings: AAAA",
        "Content-Type: application/json",
        "\xff",
    ),
]
REQUESTS = altered(SAMPLES) | of_pieces(PIECES).map(lambda text: text.encode("latin-1", "replace"))
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
# The server's own way to say that it does not speak so.
NOT_SPOKEN = {b"501", b"505"}


@fuzzed
@given(st.lists(REQUESTS, min_size=1, max_size=3).map(b"".join))
def test_any_bytes_get_answers(served: Served, request_bytes: bytes) -> None:
    answer = answers_to(served.port, request_bytes)

    statuses = STATUS.findall(answer)
    assert all(status < b"500" or status in NOT_SPOKEN for status in statuses), answer
    assert statuses or not answer
    assert b"Traceback" not in answer

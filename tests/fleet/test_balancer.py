"""What the load balancer makes of names that clients give, of claims for whom they speak, of nonsense and of
large bodies.
"""

import os
import re
from collections.abc import Iterator
from itertools import repeat

import httpx
import pytest

from api.http.problems import CONTENT_TYPE
from tests.acceptance.waiting import wait_for
from tests.fleet.balancer import Balancer, a_balancer
from tests.fleet.containers import docker
from tests.supplies.images import read_fleet_images

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TELLS_EARLY_IN_OUR_FORM = (3, 2, 4)
MIB = 1 << 20
UPLOAD_MIB, GROWTH_MIB = 200, 2


@pytest.fixture(scope="module")
def balancer(engine: None) -> Iterator[Balancer]:
    with a_balancer(read_fleet_images(os.environ)) as running:
        wait_for(lambda: ask(running).status_code == 200, seconds=120)
        yield running


def ask(balancer: Balancer, *headers: tuple[str, str]) -> httpx.Response:
    try:
        return httpx.get(f"{balancer.url}/films", headers=list(headers), timeout=30, trust_env=False)
    except httpx.TransportError:
        return httpx.Response(0)


def passed_on(answer: httpx.Response, name: str) -> list[str]:
    """What the API was told under this name."""
    assert answer.status_code == 200
    return [value for given, value in answer.json() if given.lower() == name.lower()]


def test_a_request_keeps_the_name_that_its_sender_gave_it(balancer: Balancer):
    answer = ask(balancer, ("X-Request-Id", "order-7:retry.2"))

    assert passed_on(answer, "X-Request-Id") == ["order-7:retry.2"]
    assert answer.headers.get_list("X-Request-Id") == ["order-7:retry.2"]
    assert wait_for(lambda: "{order-7:retry.2}" in balancer.log())


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["a b"],
        ["a,b"],
        ["a", "b"],
        ["x" * 129],
        ["a;b"],
        ['"'],
        ["%0d%0aX-Evil: 1"],
        ["{"],
        ["a\tb"],
    ],
)
def test_a_request_without_a_usable_name_is_given_one(balancer: Balancer, given: list[str]):
    answer = ask(balancer, *(("X-Request-Id", name) for name in given))

    [named] = passed_on(answer, "X-Request-Id")
    assert UUID.fullmatch(named)
    assert answer.headers.get_list("X-Request-Id") == [named]
    assert wait_for(lambda: f"{{{named}}}" in balancer.log())


def test_nobody_speaks_for_another_one(balancer: Balancer):
    claims = [
        ("X-Forwarded-For", "203.0.113.1"),
        ("X-Forwarded-For", "203.0.113.2"),
        ("X-Forwarded-Host", "another.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=203.0.113.3;host=another.example"),
    ]

    answer = ask(balancer, *claims)

    [address] = passed_on(answer, "X-Forwarded-For")
    assert not address.startswith("203.0.113.")
    assert passed_on(answer, "X-Forwarded-Proto") == ["http"]
    assert passed_on(answer, "X-Forwarded-Host") == passed_on(answer, "Forwarded") == []


EARLY = {
    "not a request": (b"oops\r\n\r\n", 400),
    "a line that is no header": (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
    "an unknown encoding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 422),
    "a head that stops": (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ", 408),
}


def assert_problem(answer: httpx.Response, status: int) -> None:
    """In the form of the API's."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    assert answer.json()["status"] == str(status)
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize(("said", "status"), EARLY.values(), ids=EARLY)
def test_what_is_no_whole_request_is_told_so(balancer: Balancer, said: bytes, status: int):
    answer = balancer.told(said)

    assert answer.status_code == status
    if balancer.version() >= TELLS_EARLY_IN_OUR_FORM:
        assert_problem(answer, status)


def test_a_large_upload_streams_through_to_an_api_that_is_slow(balancer: Balancer):
    pieces, length = repeat(b"x" * MIB, UPLOAD_MIB), {"Content-Length": str(UPLOAD_MIB * MIB)}
    before = balancer.peak_bytes()

    answer = httpx.post(balancer.url, content=pieces, headers=length, timeout=60, trust_env=False)

    assert answer.json() == UPLOAD_MIB * MIB
    assert before > MIB
    assert balancer.peak_bytes() - before < GROWTH_MIB * MIB


LINK = "/ls/api/batch/download/-"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/ls/api/batch/download/s3cret/items.csv", LINK),
        ("/ls/api/batch/download%2Fs3cret/items.csv", LINK),
        ("/ls/api/b%61tch/%64ownload/s3cret", LINK),
        ("//ls//api/batch/download//s3cret", LINK),
        ("/ls/api/batch/download/s3cret/100%.csv", "-"),
        ("/films?token=s3cret", "/films"),
        ("/download/1", "/download/1"),
        ("/films/ls/api/batch/download/1", "/films/ls/api/batch/download/1"),
    ],
)
def test_what_opens_a_file_is_not_logged(balancer: Balancer, path: str, logged: str):
    """Whoever read the log could download it for days. What only has a name like it is."""
    answer = balancer.told(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    [named] = answer.headers.get_list("X-Request-Id")
    [line] = wait_for(lambda: [line for line in balancer.log().splitlines() if named in line])
    assert answer.status_code == 200
    assert line.endswith(f' "GET {logged} HTTP/1.1"')


def test_a_request_cannot_end_what_is_logged_of_it(balancer: Balancer):
    answer = balancer.told(b'GET /a"%22%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n')

    [named] = answer.headers.get_list("X-Request-Id")
    [line] = wait_for(lambda: [line for line in balancer.log().splitlines() if named in line])
    assert line.endswith(r' "GET /a\"%22%0d%0ab HTTP/1.1"')


@pytest.mark.parametrize("path", ["/metrics", "/metrics?all", "/%6detrics", "/m%65tric%73", "/%6Detrics?all"])
def test_metrics_are_not_passed_on(balancer: Balancer, path: str):
    """Encoded, they were: an API decodes what it is asked for."""
    answer = balancer.told(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert_problem(answer, 404)


def test_it_tells_that_it_lives_in_the_form_of_the_api(balancer: Balancer):
    answer = httpx.get(f"{balancer.url}/health/balancer", timeout=60, trust_env=False)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"status": "live"}


def test_also_an_answer_of_the_balancers_own_tells_the_name(balancer: Balancer):
    """The last test: the API is gone then."""
    docker("kill", balancer.api)

    answer = wait_for(
        lambda: refusal if (refusal := ask(balancer, ("X-Request-Id", "lost"))).status_code == 503 else None
    )

    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers.get_list("X-Request-Id") == ["lost"]

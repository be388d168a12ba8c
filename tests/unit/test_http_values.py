"""The HTTP door's decisions: values in, values out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.datastore.fields import postgres_text
from api.datastore.paging import PageAsked, links
from api.datastore.vocabulary import MEANINGS
from api.http.admission import service_name
from api.http.problems import NOT_FOUND, UNAVAILABLE, Problem, problem, problem_of
from api.http.streaming import StartedPieces
from api.usecases.documents import DocumentPage
from shared.errors import (
    BlockTooLarge,
    ConflictOfTransactions,
    DatabaseUnavailable,
    ImportNotFound,
    LeaseLost,
    StatusRefused,
    StorageFault,
)
from shared.settings import Settings


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [
        (985140, "2022-08-16 06:26:55.98514+00"),
        (985141, "2022-08-16 06:26:55.985141+00"),
        (100000, "2022-08-16 06:26:55.1+00"),
        (1, "2022-08-16 06:26:55.000001+00"),
        (0, "2022-08-16 06:26:55+00"),
    ],
)
def test_a_moment_prints_as_postgres_prints_it(microsecond: int, text: str) -> None:
    assert postgres_text(datetime(2022, 8, 16, 6, 26, 55, microsecond, tzinfo=UTC)) == text


def test_a_year_prints_with_four_digits() -> None:
    assert postgres_text(datetime(999, 1, 1, tzinfo=UTC)) == "0999-01-01 00:00:00+00"


def test_a_moment_prints_in_utc_with_its_zeros_before_the_point() -> None:
    there = timezone(timedelta(hours=10))

    assert postgres_text(datetime(2022, 1, 1, 20, 0, 0, tzinfo=there)) == "2022-01-01 10:00:00+00"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("shop.longshore.test", "shop"),
        ("SHOP.Longshore.Test:8080", "shop"),
        ("shop.longshore.test.", "shop"),
        ("a.b.longshore.test", "a.b"),
        ("longshore.test", "main"),
        ("longshore.test:8080", "main"),
        ("elsewhere.test", "main"),
        ("shop.notlongshore.test", "main"),
        ("shop.longshore.test.evil.test", "main"),
        ("127.0.0.1:8080", "main"),
        ("[::1]:8080", "main"),
        ("", "main"),
    ],
)
def test_the_host_names_the_data_service(host: str, name: str) -> None:
    settings = Settings(
        database_url="", redis_url="", storage_url="", base_domain="Longshore.test", default_service="main"
    )

    assert service_name(host, settings) == name


def test_a_problem_without_params_is_title_and_status() -> None:
    assert NOT_FOUND.body() == {"title": "Not Found", "status": "404"}


def test_headers_of_a_problem_are_not_in_its_body() -> None:
    told = problem(401, "Unauthorized", "Authorization", "Expected a token", WWW_Authenticate="Bearer")

    assert told.headers == {"WWW-Authenticate": "Bearer"}
    assert told.body()["invalid-params"] == [{"name": "Authorization", "reason": "Expected a token"}]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ImportNotFound("42 of a secret tenant"), NOT_FOUND),
        (
            StatusRefused("complete", "paused"),
            problem(400, "Invalid status", "status", "An import that is complete cannot be set to paused."),
        ),
        (
            BlockTooLarge(20 * 1024 * 1024),
            problem(400, "Import block too large", "Import block", "Import block size must not exceed 20MB"),
        ),
        (DatabaseUnavailable("at 10.0.0.5"), UNAVAILABLE),
        (ConflictOfTransactions("deadlock"), UNAVAILABLE),
        (StorageFault("at /srv/blocks"), UNAVAILABLE),
        (LeaseLost("of a worker"), Problem(status=500, title="Internal Server Error")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_domain_error_is_one_problem(error: Exception, expected: Problem) -> None:
    assert problem_of(error, MEANINGS) == expected  # type: ignore[arg-type]


def test_links_lead_to_the_neighbours_of_a_page() -> None:
    page = DocumentPage([b"{}"], "first & only", "first & only", has_previous=True, has_next=False)

    found = links(PageAsked(size=1, version=2, after="a"), "/films/é/reviews", page)

    assert found == {
        "prev": "/films/%C3%A9/reviews?page[size]=1&page[v]=2&page[before]=first%20%26%20only",
        "next": None,
    }


def test_a_stream_breaks_before_it_is_answered() -> None:
    def broken():
        raise StorageFault("gone")
        yield b""

    with pytest.raises(StorageFault):
        StartedPieces(broken())


def test_closing_a_stream_closes_its_source_even_unread() -> None:
    closed = []

    def source():
        try:
            yield b"1"
            yield b"2"
        finally:
            closed.append(True)

    StartedPieces(source()).close()

    assert closed == [True]


@pytest.mark.parametrize("pieces", [[], [b"1"], [b"1", b"2", b"3"]])
def test_a_stream_gives_every_piece_once(pieces: list[bytes]) -> None:
    assert b"".join(StartedPieces(iter(pieces))) == b"".join(pieces)

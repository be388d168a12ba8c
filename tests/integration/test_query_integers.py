"""Fields of the type int in clients' SQL: all that PostgreSQL's bigint holds are numbers, and no more."""

from typing import Any

import pytest

from api.usecases.services import Service
from shared.db.queries.relations import Field, ItemRelation
from shared.ground import Ground
from tests.integration.querying import a_collection, ask, prepared_reader

NUMBERS: dict[str, tuple[object, int | None]] = {
    "a short one": (7, 7),
    "eighteen digits": (999_999_999_999_999_999, 999_999_999_999_999_999),
    "nineteen digits": (1_234_567_890_123_456_789, 1_234_567_890_123_456_789),
    "nineteen digits in a text": ("1234567890123456789", 1_234_567_890_123_456_789),
    "the largest": (2**63 - 1, 2**63 - 1),
    "the smallest": (-(2**63), -(2**63)),
    "larger than the largest": (2**63, None),
    "smaller than the smallest": (str(-(2**63) - 1), None),
    "twenty digits": (12_345_678_901_234_567_890, None),
}


@pytest.mark.parametrize(("given", "number"), NUMBERS.values(), ids=NUMBERS.keys())
def test_an_integer_is_a_number_if_it_fits(
    ground: Ground, service: Service, given: object, number: int | None
) -> None:
    prepared_reader(ground)
    ships = ItemRelation(a_collection(ground, service, "/Ship", {"1": {"imo": given}}), [Field("imo", "int")])

    def asked(sql: str) -> list[Any]:
        return ask(ground, sql, {"ship": ships})

    assert asked("SELECT max(imo) AS imo FROM ship") == [{"imo": number}]
    condition = "IS NULL" if number is None else f"= {number}"
    assert asked(f"SELECT imo FROM ship WHERE imo {condition}") == [{"imo": given}]

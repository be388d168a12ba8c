"""Lines of one batch about one document, composed for both cases: it is there before, or it is not."""

import json
from collections import Counter
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.fates import STEPS, Change, Fate, compose
from shared.instructions import Instruction, Operation

CREATE, UPDATE, MERGE = Operation.CREATE, Operation.UPDATE, Operation.MERGE
REPLACE, DELETE = Operation.REPLACE, Operation.DELETE

STEPS_OF_ONE = st.tuples(
    st.sampled_from(Operation), st.dictionaries(st.sampled_from("ab"), st.integers(0, 3))
)


def lines(*steps: tuple[Operation, Any], documentid: str | None = "1") -> list[Instruction]:
    return [
        Instruction(number, 0, 0, operation, documentid, json.dumps(properties).encode())
        for number, (operation, properties) in enumerate(steps, 1)
    ]


def applied(document: dict[str, Any] | None, steps: list[tuple[Operation, Any]]) -> tuple[Any, Counter[str]]:
    """The document after the steps, one by one, and the outcome of each."""
    outcomes: Counter[str] = Counter()
    for operation, properties in steps:
        is_there = document is not None
        if operation is DELETE:
            outcome, document = ("deleted" if is_there else "skipped"), None
        elif is_there:
            outcome = "skipped" if operation is CREATE else "updated"
            document = {
                CREATE: document,
                UPDATE: (document or {}) | properties,
                MERGE: (document or {}) | properties,
                REPLACE: properties,
            }[operation]
        else:
            outcome = "skipped" if operation is UPDATE else "created"
            document = None if operation is UPDATE else properties
        outcomes[outcome] += 1
    return document, outcomes


def outcome_of(fate: Fate, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the database has after it did what the fate says."""
    properties = json.loads(fate.properties)
    return {
        Change.KEEP: before,
        Change.MERGE: (before or {}) | properties,
        Change.PUT: properties,
        Change.REMOVE: None,
    }[fate.change]


@given(st.lists(STEPS_OF_ONE, min_size=1, max_size=6))
def test_a_fate_is_what_the_lines_do_one_by_one(steps: list[tuple[Operation, Any]]):
    both = compose(lines(*steps))["1"]

    for fate, before in ((both.if_there, {"a": 9, "c": 9}), (both.if_not, None)):
        after, outcomes = applied(before, steps)
        assert outcome_of(fate, before) == after
        assert fate.outcomes == outcomes
        assert fate.is_there == (after is not None)


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("is_there", [True, False])
def test_every_operation_has_a_step(operation: Operation, is_there: bool):
    assert STEPS[operation, is_there].outcome in {"created", "updated", "deleted", "skipped"}


@pytest.mark.parametrize(
    ("steps", "change", "properties"),
    [
        ([(CREATE, {"a": 1})], Change.KEEP, {}),
        ([(MERGE, {"a": 1}), (UPDATE, {"b": 2})], Change.MERGE, {"a": 1, "b": 2}),
        ([(MERGE, {"a": 1}), (REPLACE, {"b": 2}), (MERGE, {"c": 3})], Change.PUT, {"b": 2, "c": 3}),
        ([(DELETE, {}), (CREATE, {"a": 1})], Change.PUT, {"a": 1}),
        ([(DELETE, {}), (UPDATE, {"a": 1})], Change.REMOVE, None),
        ([(REPLACE, {"a": 1}), (DELETE, {})], Change.REMOVE, None),
    ],
)
def test_what_is_written_of_a_document_that_is_there(
    steps: list[tuple[Operation, Any]], change: Change, properties: dict[str, Any] | None
):
    fate = compose(lines(*steps))["1"].if_there

    assert fate.change is change
    assert properties is None or json.loads(fate.properties) == properties


def test_a_document_that_comes_and_goes_leaves_nothing_to_do():
    assert compose(lines((CREATE, {"a": 1}), (DELETE, {})))["1"].if_not.change is Change.KEEP


def test_fates_are_in_the_order_of_the_ids_and_leave_out_lines_without():
    given_lines = [line for name in ("b", None, "a") for line in lines((MERGE, {}), documentid=name)]

    assert list(compose(given_lines)) == ["a", "b"]


def test_values_stay_as_they_were_written():
    first = Instruction(1, 0, 0, MERGE, "1", b'{"a":1.10}')
    second = Instruction(2, 0, 0, MERGE, "1", rb'{"b":"\u00e9"}')

    assert compose([first, second])["1"].if_not.properties == rb'{"a":1.10,"b":"\u00e9"}'

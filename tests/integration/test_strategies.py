"""What create, update and both make of a line, whatever the way it is written and wherever it stands."""

from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text

from api.usecases.documents import get_document
from api.usecases.imports import get_import
from api.usecases.services import Service
from shared.documentids import documentid_maker
from shared.ground import Ground
from shared.lifecycle import Status
from tests.integration.builders import (
    BOTH,
    CREATE,
    UPDATE,
    Counts,
    after_batches,
    an_import,
    counts,
    documents,
    go_home,
    ndjson,
    numbered,
    rejected_lines,
    row_versions,
    tuned,
    work,
    work_off,
)

pytestmark = pytest.mark.usefixtures("write_path")

OLD = ndjson({"documentid": "old", "a": 1, "b": 1})
OLD_AND_NEW = ndjson({"documentid": "old", "b": 2, "c": 3}, {"documentid": "new", "a": 4})


@pytest.mark.parametrize(
    ("strategies", "expected", "old", "new"),
    [
        (CREATE, Counts(created=1, skipped=1), {"a": 1, "b": 1}, {"a": 4}),
        (UPDATE, Counts(updated=1, skipped=1), {"a": 1, "b": 2, "c": 3}, None),
        (BOTH, Counts(created=1, updated=1), {"a": 1, "b": 2, "c": 3}, {"a": 4}),
    ],
    ids=["create", "update", "both"],
)
def test_a_strategy_decides_what_becomes_of_old_and_new_documents(
    ground: Ground, service: Service, strategies: tuple[str], expected: Counts, old: object, new: object
):
    work_off(ground, service, an_import(ground, service, OLD))

    import_id = an_import(ground, service, OLD_AND_NEW, strategies=strategies)
    done = work_off(ground, service, import_id)

    assert (done.status, done.percent_complete) == (Status.COMPLETE, 100)
    assert counts(ground, service, import_id) == expected
    found = documents(ground, service)
    assert (found["old"], found.get("new")) == (old, new)


THRICE = [{"documentid": "x", "a": 1}, {"documentid": "x", "b": 2}, {"documentid": "x", "a": 3}]
PLACES = {
    "in one batch": [ndjson(*THRICE)],
    "in three batches": [ndjson(THRICE[0], b"\n", b"\n", THRICE[1], b"\n", b"\n", THRICE[2])],
    "in three blocks": [ndjson(line) for line in THRICE],
}


@pytest.mark.parametrize("blocks", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(
    ("strategies", "expected", "document"),
    [
        (CREATE, Counts(created=1, skipped=2), {"a": 1}),
        (BOTH, Counts(created=1, updated=2), {"a": 3, "b": 2}),
        (UPDATE, Counts(skipped=3), None),
    ],
    ids=["create", "both", "update"],
)
def test_lines_that_name_one_document_take_effect_in_order(
    small: Ground,
    service: Service,
    blocks: list[bytes],
    strategies: tuple[str],
    expected: Counts,
    document: object,
):
    import_id = an_import(small, service, *blocks, strategies=strategies)

    work_off(small, service, import_id)

    assert counts(small, service, import_id) == expected
    assert documents(small, service).get("x") == document


def test_updating_counts_each_line_of_one_document(ground: Ground, service: Service):
    work_off(ground, service, an_import(ground, service, ndjson({"documentid": "x"})))

    import_id = an_import(ground, service, ndjson(*THRICE, {"documentid": "y"}), strategies=UPDATE)
    work_off(ground, service, import_id)

    assert counts(ground, service, import_id) == Counts(updated=3, skipped=1)


def test_a_numeric_id_means_its_text(ground: Ground, service: Service):
    block = ndjson(b'{"documentid":1.50,"a":1}', b'{"documentid":"1.50","b":2}', b'{"documentid":1.5}')
    import_id = an_import(ground, service, block)

    work_off(ground, service, import_id)

    assert counts(ground, service, import_id) == Counts(created=2, updated=1)
    assert documents(ground, service) == {"1.5": {}, "1.50": {"a": 1, "b": 2}}


def test_lines_without_id_are_created_in_the_order_of_their_ids(small: Ground, service: Service):
    blocks = [ndjson(*({"n": n} for n in range(first, first + 5))) for first in (0, 5)]
    import_id = an_import(small, service, *blocks, strategies=CREATE)

    work_off(small, service, import_id)

    found = documents(small, service)
    assert [document["n"] for document in found.values()] == list(range(10))
    assert {UUID(documentid).version for documentid in found} == {7}


def test_a_line_gets_the_same_id_each_time_its_batch_is_applied(ground: Ground, service: Service):
    """The poison line makes the engine apply the batch again and again, in smaller and smaller parts."""
    lines = [b'{"n":1}', b'{"n":2}', b'{"n":0e9999999999}', b'{"n":4}']
    import_id = an_import(ground, service, ndjson(*lines))

    work_off(ground, service, import_id)

    started_at = get_import(ground, service, import_id).started_at
    assert started_at is not None
    made = documentid_maker(started_at, import_id, 1)
    assert list(documents(ground, service)) == [made(1), made(2), made(4)]


def test_a_line_without_id_behind_sixteen_million_blank_ones_makes_a_document_of_its_own(
    ground: Ground, service: Service
):
    """It got the first line's id, and took the place of that one's document."""
    blank = 2**24 - 1
    block = b'{"n":1}\n' + b"\n" * blank + b'{"n":2}\n'
    step_by_step = tuned(ground, batch_lines=1)
    import_id = an_import(ground, service, block, strategies=CREATE)
    work(step_by_step, import_id, should_stop=after_batches(1, go_home))
    with ground.database.begin() as session:  # they were read, which takes long
        passed = "UPDATE blocks SET checkpoint_offset = 8 + :blank, checkpoint_line = 1 + :blank"
        session.execute(text(f"{passed} WHERE import_id = :id"), {"blank": blank, "id": import_id})

    work_off(ground, service, import_id)

    assert counts(ground, service, import_id) == Counts(created=2)
    assert [document["n"] for document in documents(ground, service).values()] == [1, 2]


def test_lines_without_id_are_skipped_where_only_updating_is_allowed(ground: Ground, service: Service):
    import_id = an_import(ground, service, ndjson({"a": 1}, {}), strategies=UPDATE)

    work_off(ground, service, import_id)

    assert counts(ground, service, import_id) == Counts(skipped=2)
    assert documents(ground, service) == {}


def test_numbers_keep_their_digits_and_texts_their_characters(ground: Ground, service: Service):
    block = ndjson(
        rb'{"documentid":"x","n":12345678901234567890.123456789,"z":1.10,"s":"\u00e9\ud83d\ude00\u2028"}',
        b'{"documentid":"x","m":-0.00000000000000000001}',
    )

    work_off(ground, service, an_import(ground, service, block))

    document = documents(ground, service)["x"]
    assert document["n"] == Decimal("12345678901234567890.123456789")
    assert str(document["z"]) == "1.10"
    assert document["m"] == Decimal("-0.00000000000000000001")
    assert document["s"] == "é\U0001f600\u2028"


def test_an_update_replaces_a_property_whole(ground: Ground, service: Service):
    before = ndjson({"documentid": "x", "tags": [1, 2], "address": {"city": "Bonn", "zip": 1}, "gone": 1})
    after = ndjson({"documentid": "x", "tags": [2], "address": {"city": "Bonn"}, "gone": None})

    work_off(ground, service, an_import(ground, service, before, after))

    assert documents(ground, service) == {"x": {"tags": [2], "address": {"city": "Bonn"}, "gone": None}}


@pytest.mark.parametrize("strategies", [BOTH, UPDATE, CREATE], ids=["both", "update", "create"])
def test_a_line_that_changes_nothing_writes_nothing(small: Ground, service: Service, strategies: tuple[str]):
    block = numbered(7, a=1.5, b={"c": [1]})
    work_off(small, service, an_import(small, service, block))
    before = row_versions(small, service)

    import_id = an_import(small, service, block, strategies=strategies)
    work_off(small, service, import_id)

    assert row_versions(small, service) == before
    expected = Counts(skipped=7) if strategies == CREATE else Counts(updated=7)
    assert counts(small, service, import_id) == expected


def test_only_documents_that_change_are_written(ground: Ground, service: Service):
    work_off(ground, service, an_import(ground, service, numbered(3, a=1)))
    before = row_versions(ground, service)

    block = ndjson({"documentid": "001", "a": 1}, {"documentid": "002", "a": 2}, {"documentid": "003"})
    work_off(ground, service, an_import(ground, service, block))

    after = row_versions(ground, service)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_blocks_are_applied_in_the_order_of_their_numbers(ground: Ground, service: Service):
    import_id = an_import(ground, service, *(ndjson({"documentid": "x", "a": n}) for n in range(5)))

    work_off(ground, service, import_id)

    assert documents(ground, service) == {"x": {"a": 4}}


def test_rejected_lines_are_kept_with_their_place_and_do_no_harm(small: Ground, service: Service):
    first = ndjson({"documentid": "1"}, b"", b"broken", {"documentid": "a/b"}, b"[1]", {"documentid": "2"})
    second = ndjson(b"\xff", {"documentid": "3"})
    import_id = an_import(small, service, first, second)

    work_off(small, service, import_id)

    assert counts(small, service, import_id) == Counts(created=3, rejected=4)
    assert rejected_lines(small, service, import_id) == [
        (1, 3, "invalid_json"),
        (1, 4, "invalid_documentid"),
        (1, 5, "not_an_object"),
        (2, 1, "invalid_utf8"),
    ]


def test_a_block_of_blank_lines_changes_nothing_and_completes(small: Ground, service: Service):
    import_id = an_import(small, service, b"\n\r\n \n\n\n", b"\n")

    assert work_off(small, service, import_id).status == Status.COMPLETE
    assert counts(small, service, import_id) == Counts()


def test_a_byte_order_mark_may_open_each_block(small: Ground, service: Service):
    block = b'\xef\xbb\xbf{"documentid":"1"}\r\n{"documentid":"2"}'
    import_id = an_import(small, service, block, block)

    work_off(small, service, import_id)

    assert counts(small, service, import_id) == Counts(created=2, updated=2)


@pytest.mark.parametrize("depth", [513, 999, 1024, 5000])
@pytest.mark.parametrize("documentid", [b"", b'"documentid":"deep",'], ids=["no id", "id"])
def test_a_deeply_nested_line_is_applied_or_rejected_and_breaks_nothing(
    ground: Ground, service: Service, depth: int, documentid: bytes
):
    deep = b"{" + documentid + b'"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    import_id = an_import(ground, service, ndjson({"documentid": "1"}, deep, deep, {"documentid": "2"}))

    done = work_off(ground, service, import_id)

    assert (done.status, done.failure_count) == (Status.COMPLETE, 0)
    assert counts(ground, service, import_id).lines == 4
    assert get_document(ground, service, "/contacts", "2") == b'{"documentid":"2"}'


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_size_of_a_batch_changes_nothing(ground: Ground, service: Service, size: int):
    block = ndjson(*({"documentid": str(n % 5), f"p{n % 3}": n} for n in range(20)))
    import_id = an_import(ground, service, block)

    work_off(tuned(ground, batch_lines=size), service, import_id)

    assert counts(ground, service, import_id) == Counts(created=5, updated=15)
    assert documents(ground, service)["4"] == {"p1": 19, "p2": 14, "p0": 9}

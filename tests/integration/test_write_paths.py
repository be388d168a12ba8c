"""Which way documents take: copied straight in while they are new, staged where they meet existing ones."""

from collections.abc import Callable

import pytest

from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import (
    CREATE,
    UPDATE,
    Counts,
    an_import,
    counts,
    documents,
    ndjson,
    numbered,
    work_off,
)
from tests.integration.conftest import Refuse
from tests.integration.ways import IS_COPY


@pytest.fixture
def statements(refuse: Refuse) -> Callable[[], tuple[int, int]]:
    """Counts the statements that wrote documents, or tried to: copied straight in, and from the stage."""
    copied, staged = refuse(IS_COPY, "", times=0), refuse(f"NOT {IS_COPY}", "", times=0)
    return lambda: (copied(), staged())


def test_new_documents_are_copied_straight_in(
    small: Ground, service: Service, statements: Callable[[], tuple[int, int]]
):
    work_off(small, service, an_import(small, service, numbered(9)))

    assert statements() == (3, 0)


def test_batches_that_meet_existing_documents_stay_on_the_stage(
    small: Ground, service: Service, statements: Callable[[], tuple[int, int]]
):
    work_off(small, service, an_import(small, service, numbered(9)))

    work_off(small, service, an_import(small, service, numbered(9), strategies=CREATE))

    assert statements() == (3 + 1, 3)


def test_documents_are_copied_again_once_a_batch_met_no_existing_one(
    small: Ground, service: Service, statements: Callable[[], tuple[int, int]]
):
    work_off(small, service, an_import(small, service, numbered(3)))

    import_id = an_import(small, service, numbered(12, a=1), strategies=CREATE)
    work_off(small, service, import_id)

    assert statements() == (1 + 1 + 2, 2)
    assert counts(small, service, import_id) == Counts(created=9, skipped=3)


def test_where_only_updating_is_allowed_nothing_is_copied(
    small: Ground, service: Service, statements: Callable[[], tuple[int, int]]
):
    work_off(small, service, an_import(small, service, numbered(3), strategies=UPDATE))

    assert statements() == (0, 1)


def test_a_batch_without_documents_writes_none(
    small: Ground, service: Service, statements: Callable[[], tuple[int, int]]
):
    work_off(small, service, an_import(small, service, ndjson(b"broken", b"", b"[]")))

    assert statements() == (0, 0)


def test_a_copy_that_met_an_existing_document_leaves_nothing_of_itself(small: Ground, service: Service):
    work_off(small, service, an_import(small, service, ndjson({"documentid": "2", "a": 1})))

    work_off(small, service, an_import(small, service, numbered(3, b=2).replace(b'"00', b'"')))

    assert documents(small, service) == {"1": {"b": 2}, "2": {"a": 1, "b": 2}, "3": {"b": 2}}

"""The published reference, example by example: what is asked, and all that it shows of the answer."""

import re
from datetime import datetime
from typing import Any

from api.datastore.examples import CREATED
from api.usecases.collections import find_collection
from shared.db.models import Block, Import
from shared.ground import Ground
from tests.contract.conftest import IMPORTS, Caller

CONFIGURATION = {"strategy": ["create", "update"], "collection": "/contacts"}
POSTGRES_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?\+00")
NDJSON = (
    b'{"documentid":"1","name":"John Doe","address":"1, The Street", "phone":"1-555-234-5678"}\n'
    b'{"documentid":"2","name":"Jane Doe","address":"2, The Avenue", "phone":"1-555-876-5432"}'
)


def shown(import_id: int, **differences: Any) -> dict[str, Any]:
    """The object that the reference shows, with `importid` and whatever differs."""
    return {
        "importid": import_id,
        "strategy": ["create", "update"],
        "collection": "/contacts",
        "status": "configuring",
        "percentComplete": 0,
        "createdDatetime": "…",
        "startedDatetime": None,
        "ranDatetime": None,
        "endedDatetime": None,
        "failureCount": 0,
        "createdDocuments": 0,
        "updatedDocuments": 0,
        "deletedDocuments": 0,
        "skippedDocuments": 0,
        "blockCount": 0,
        "rejectedDocuments": 0,
        "ordered": True,
        "work": CREATED["work"],
    } | differences


def with_moments_hidden(body: dict[str, Any]) -> dict[str, Any]:
    """`body` with each moment, which must look as Postgres prints it, replaced by `…`."""
    hidden = {}
    for name, value in body.items():
        is_moment = name.endswith("Datetime") and value is not None
        assert not is_moment or POSTGRES_MOMENT.fullmatch(value), value
        hidden[name] = "…" if is_moment else value
    return hidden


def test_creating_an_import(call: Caller) -> None:
    response = call("POST", IMPORTS, json=CONFIGURATION)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    body = response.get_json()
    assert with_moments_hidden(body) == shown(body["importid"])
    assert list(body) == list(shown(1)), "the order of the reference"


def test_getting_an_import(call: Caller) -> None:
    created = call("POST", IMPORTS, json=CONFIGURATION).get_json()

    response = call("GET", f"{IMPORTS}/{created['importid']}")

    assert response.status_code == 200
    assert response.get_json() == created


def test_listing_imports_shows_the_newest_first_with_five_fields(call: Caller) -> None:
    older, newer = call.new_import("update"), call.new_import()

    response = call("GET", IMPORTS)

    assert response.status_code == 200
    newest, oldest = (with_moments_hidden(row) for row in response.get_json()["data"])
    row = {"importid": newer, **CONFIGURATION, "status": "configuring", "createdDatetime": "…"}
    assert newest == row
    assert list(newest) == list(row)
    assert oldest == row | {"importid": older, "strategy": ["update"]}


def test_a_list_tells_of_an_import_what_it_tells_of_itself(call: Caller, ground: Ground) -> None:
    """Also where the fraction of its second ends in zeros, or there is none."""
    for fraction in (".98514", ".5", ""):
        number = call.new_import()
        created_at = f"2022-08-16 06:26:55{fraction}+00"
        with ground.database.begin() as session:
            session.get_one(Import, number).created_at = datetime.fromisoformat(created_at)

        listed = call("GET", IMPORTS).get_json()["data"][0]

        itself = call("GET", f"{IMPORTS}/{number}").get_json()
        assert listed == {name: itself[name] for name in listed}
        assert listed["createdDatetime"] == created_at


def test_a_thousand_imports_make_a_page(call: Caller, ground: Ground) -> None:
    collection_id = find_collection(ground, call.service, "/contacts")
    with ground.database.begin() as session:
        session.add_all(
            Import(service_id=call.service.id, collection_id=collection_id, strategies=["create"])
            for _ in range(1002)
        )

    pages = [call("GET", f"{IMPORTS}?page={page}").get_json()["data"] for page in (1, 2, 3)]

    assert [len(page) for page in pages] == [1000, 2, 0]
    ids = [row["importid"] for page in pages for row in page]
    assert ids == sorted(ids, reverse=True)
    assert call("GET", IMPORTS).get_json()["data"] == pages[0]


def test_starting_an_import(call: Caller) -> None:
    import_id = call.new_import()

    response = call("PATCH", f"{IMPORTS}/{import_id}", json={"status": "started"})

    assert response.status_code == 200
    work = CREATED["work"] | {"state": "waiting", "reason": "It waits for a free worker."}
    started = shown(import_id, status="started", startedDatetime="…", work=work)
    assert with_moments_hidden(response.get_json()) == started


def test_changing_only_the_properties_given(call: Caller) -> None:
    import_id = call.new_import("create")

    response = call("PATCH", f"{IMPORTS}/{import_id}", json={"strategy": ["update"]})

    assert with_moments_hidden(response.get_json()) == shown(import_id, strategy=["update"])


def test_changing_nothing_is_allowed(call: Caller) -> None:
    import_id = call.new_import()

    response = call("PATCH", f"{IMPORTS}/{import_id}", json={})

    assert response.status_code == 200
    assert with_moments_hidden(response.get_json()) == shown(import_id)


def test_pausing_resuming_and_canceling(call: Caller) -> None:
    import_id = call.new_import()

    answers = [
        call("PATCH", f"{IMPORTS}/{import_id}", json={"status": status}).get_json()
        for status in ("started", "paused", "resumed", "canceled")
    ]

    assert [answer["status"] for answer in answers] == ["started", "paused", "resumed", "canceled"]
    assert [answer["endedDatetime"] is None for answer in answers] == [True, True, True, False]


def test_deleting_an_import(call: Caller) -> None:
    import_id = call.new_import()

    response = call("DELETE", f"{IMPORTS}/{import_id}")

    assert response.status_code == 204
    assert response.data == b""
    assert call("GET", f"{IMPORTS}/{import_id}").status_code == 404


def test_adding_a_block_and_getting_it_back_unchanged(call: Caller) -> None:
    import_id = call.new_import()

    added = call.add_block(import_id, NDJSON)
    response = call("GET", f"{IMPORTS}/{import_id}/blocks/1")

    assert added.status_code == 200
    assert added.get_json() == {"blockid": 1}
    assert response.status_code == 200
    assert response.content_type == "application/x-ndjson"
    assert response.content_length == len(NDJSON)
    assert response.data == NDJSON


def test_the_second_page_of_blocks_begins_at_1001(call: Caller, ground: Ground) -> None:
    import_id = call.new_import()
    with ground.database.begin() as session:
        session.add_all(
            Block(import_id=import_id, number=number, size_bytes=1, sha256=b"", storage_key="")
            for number in range(1, 1004)
        )

    response = call("GET", f"{IMPORTS}/{import_id}/blocks?page=2")

    assert response.status_code == 200
    assert response.get_json() == {"data": [{"blockid": 1001}, {"blockid": 1002}, {"blockid": 1003}]}

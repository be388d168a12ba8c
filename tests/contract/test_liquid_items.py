"""Items written and followed one request at a time."""

import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from api.liquid.items import MOST_ITEMS
from api.usecases.collections import add_collection, find_collection
from api.usecases.items import Place, follow
from api.usecases.services import Service
from shared.db import documents, fates, updates
from shared.db.copying import encode
from shared.db.database import Session
from shared.fates import Change, Fate, Fates
from shared.ground import Ground
from shared.instructions import Operation
from tests.contract.liquid import Liquid, liquid_client

MIB = 1024 * 1024
UPSERT, UPDATES = "/ls/api/items/upsert", "/ls/api/items/updates"


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    """A client of a community with the item type Account, by its accountId."""
    add_collection(ground, service, "/Account", key="accountId")
    return liquid_client(app.test_client(), ground, service)


def item(action: str | None = None, item_type: str | None = "Account", **data: Any) -> dict[str, Any]:
    """An item as the facts show it."""
    headers = {"category": "entity", "type": item_type, "action": action}
    return {"headers": {name: value for name, value in headers.items() if value}, "data": data}


def upsert(liquid: Liquid, *items: Any) -> dict[str, Any]:
    response = liquid(UPSERT, json=list(items))
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def followed(liquid: Liquid, **fields: Any) -> dict[str, Any]:
    response = liquid(UPDATES, data={"itemType": "Account", **fields})
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def ids(page: dict[str, Any]) -> list[str]:
    return [item["headers"]["id"] for item in page["items"]]


def test_each_action_does_what_it_says(liquid: Liquid):
    upsert(liquid, *(item("Create", accountId=str(n), name="Ann", age=1) for n in range(5)))

    answered = upsert(
        liquid,
        item("Create", accountId="0", name="Bea"),
        item("Merge", accountId="1", name="Bea"),
        item("Update", accountId="2", name="Bea"),
        item("Delete", accountId="3"),
        item(None, accountId="5", name="Bea"),
    )

    assert answered == {"count": 5}
    kept = {document["accountId"]: document for document in liquid.documents("/Account")}
    assert {key: (kept[key].get("name"), kept[key].get("age")) for key in kept} == {
        "0": ("Ann", 1),
        "1": ("Bea", 1),
        "2": ("Bea", None),
        "4": ("Ann", 1),
        "5": ("Bea", None),
    }


def test_items_of_several_types_come_together(liquid: Liquid):
    upsert(liquid, item(accountId="1"), item(item_type="contacts", documentid="7"), item(accountId="2"))

    assert [document["documentid"] for document in liquid.documents("/Account")] == ["1", "2"]
    assert [document["documentid"] for document in liquid.documents("/contacts")] == ["7"]


def test_items_that_cannot_be_written_come_back_with_the_reason(liquid: Liquid):
    answered = upsert(
        liquid,
        item(accountId="1"),
        item("Explode", accountId="2"),
        item(item_type="Nothing", a=1),
        item(item_type=None, a=1),
        item(item_type="A\0", a=1),
        item(name="no key"),
        7,
        {"headers": "none", "data": {}},
        {"headers": {"type": "Account"}, "data": []},
    )

    assert answered["count"] == 9
    receipts = [rejected["headers"]["receiptType"] for rejected in answered["rejectedItems"]]
    assert receipts == [
        "unknown_action",
        "unknown_type",
        "missing_type",
        "unknown_type",
        "invalid_key",
        "missing_type",
        "missing_type",
        "invalid_data",
    ]
    assert all(rejected["headers"]["receiptMessage"] for rejected in answered["rejectedItems"])
    assert answered["rejectedItems"][0]["headers"]["category"] == "entity"
    assert answered["rejectedItems"][0]["data"] == {"accountId": "2"}
    assert [document["documentid"] for document in liquid.documents("/Account")] == ["1"]


def test_an_item_that_the_database_refuses_is_rejected_alone(liquid: Liquid):
    body = b"""[{"headers": {"type": "Account"}, "data": {"accountId": "1"}},
                {"headers": {"type": "Account"}, "data": {"accountId": "2", "n": 1e400000}},
                {"headers": {"type": "Account"}, "data": {"accountId": "3"}}]"""

    answered = liquid(UPSERT, data=body, content_type="application/json").data

    assert b'"count":3' in answered
    assert b"1e400000" in answered
    assert [document["documentid"] for document in liquid.documents("/Account")] == ["1", "3"]


def test_digits_survive(liquid: Liquid):
    body = b'[{"headers": {"type": "Account"}, "data": {"accountId": "1", "n": 12345678901234567890.10}}]'
    liquid(UPSERT, data=body, content_type="application/json")

    assert b"12345678901234567890.10" in liquid(UPDATES, data={"itemType": "Account"}).data


@pytest.mark.parametrize(
    "body", [b" ", b"{}", b"[", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"itemType": "Account"}']
)
def test_a_body_that_is_no_list(liquid: Liquid, body: bytes):
    response = liquid(UPSERT, data=body, content_type="application/json")

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


def test_a_list_beyond_the_limit(liquid: Liquid, ground: Ground):
    body = b'[{"a": "' + b"x" * ground.settings.block_limit_bytes + b'"}]'

    response = liquid(UPSERT, data=body, content_type="application/json")

    assert response.status_code == 413
    assert "more than 20971520 bytes" in response.get_json()["error_description"]


def test_more_items_than_one_request_may_have(liquid: Liquid):
    taken = upsert(liquid, *[0] * MOST_ITEMS)
    refused = liquid(UPSERT, data=b"[" + b"0," * 10_000_000 + b"0]", content_type="application/json")

    assert (taken["count"], len(taken["rejectedItems"])) == (MOST_ITEMS, MOST_ITEMS)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")
    assert "list of up to 10000 items" in refused.get_json()["error_description"]


def test_an_empty_list_is_fine(liquid: Liquid):
    assert upsert(liquid) == {"count": 0}


def test_updates_tell_the_category_of_the_item_type(liquid: Liquid, ground: Ground, service: Service):
    add_collection(ground, service, "/Cart", key="cartId", category="work")
    upsert(liquid, item(item_type="Cart", cartId="1"), item(accountId="1"))

    [cart] = followed(liquid, itemType="Cart")["items"]
    [account] = followed(liquid)["items"]

    assert (cart["headers"]["category"], account["headers"]["category"]) == ("work", "entity")


def test_updates_are_followed_page_by_page(liquid: Liquid):
    upsert(liquid, *(item(accountId=f"{n:02}") for n in range(5)))
    upsert(liquid, *(item(accountId=f"{n:02}") for n in range(5, 9)))

    seen, fields = list[str](), dict[str, Any](processedAfter=0, max=2)
    while (page := followed(liquid, **fields))["items"]:
        seen += ids(page)
        fields = {"processedAfter": page["maxProcessedAt"], "lastId": page["lastId"], "max": 2}

    assert sorted(seen) == [f"{n:02}" for n in range(9)]
    assert page["maxProcessedAt"] == fields["processedAfter"]
    assert page["lastId"] == fields["lastId"]


@pytest.mark.parametrize("first", [" ", "\u00a0", "  x "])
def test_updates_are_followed_behind_an_item_whose_id_is_blank(liquid: Liquid, first: str):
    """Items that were written together with it were passed over."""
    upsert(liquid, item(accountId=first), item(accountId="\u3042"))
    page = followed(liquid, processedAfter=0, max=1)

    behind = followed(liquid, processedAfter=page["maxProcessedAt"], lastId=page["lastId"])

    assert (ids(page), ids(behind)) == ([first], ["\u3042"])


def test_a_changed_item_comes_again_and_an_unchanged_one_does_not(liquid: Liquid):
    upsert(liquid, item(accountId="1", name="Ann"), item(accountId="2", name="Ann"))
    page = followed(liquid)

    upsert(liquid, item("Merge", accountId="1", name="Ann"), item("Merge", accountId="2", name="Bea"))
    upsert(liquid, item(accountId="1", name="Ann"))

    assert ids(followed(liquid, processedAfter=page["maxProcessedAt"], lastId=page["lastId"])) == ["2"]


def test_an_update_of_mixed_actions_comes_again(liquid: Liquid):
    upsert(liquid, item(accountId="1"), item(accountId="2"), item(accountId="3"))
    page = followed(liquid)

    upsert(liquid, item("Merge", accountId="1", a=1), item("Delete", accountId="2"), item(accountId="3", b=1))

    again = followed(liquid, processedAfter=page["maxProcessedAt"], lastId=page["lastId"])
    assert ids(again) == ["1", "3"]


def test_what_an_import_wrote_is_followed_too(liquid: Liquid):
    liquid.work_off(liquid.upload(b'[{"accountId": "1"}]', itemType="Account"))

    assert ids(followed(liquid)) == ["1"]


def test_an_items_headers_and_data_can_be_upserted_again(liquid: Liquid):
    upsert(liquid, item(item_type="contacts", documentid="1", name="Ann"))
    [found] = followed(liquid, itemType="contacts")["items"]

    assert upsert(liquid, found) == {"count": 1}
    assert liquid.documents() == [{"documentid": "1", "name": "Ann"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"max": "0x"},
        {"max": "10001"},
        {"max": "-1"},
        {"processedAfter": "now"},
        {"processedAfter": "9" * 40},
        {"itemType": "Nothing"},
        {"itemType": ""},
    ],
)
def test_parameters_that_cannot_be(liquid: Liquid, fields: dict[str, str]):
    response = liquid(UPDATES, data={"itemType": "Account", **fields})

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


def test_large_items_are_followed_in_little_memory(liquid: Liquid, ground: Ground):
    """All of them were held at once, which could be some hundred gigabytes."""
    upsert(liquid, *(item(accountId=str(n), name="x" * MIB) for n in range(15)))
    upsert(liquid, *(item(accountId=str(n), name="x" * MIB) for n in range(15, 30)))
    place, sizes = Place(after_ms=0), []

    tracemalloc.start()
    for portion in follow(ground, liquid.service, "Account", place, 100).portions():
        sizes += [len(properties) for _, properties in portion]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(sizes) == 30
    assert min(sizes) > MIB
    assert peak_bytes < 20 * MIB


def test_an_item_that_is_deleted_meanwhile_is_left_out(liquid: Liquid, ground: Ground):
    upsert(liquid, item(accountId="1"), item(accountId="2"))
    followed = follow(ground, liquid.service, "Account", Place(after_ms=0), 100)

    upsert(liquid, item("Delete", accountId="1"))

    [[(left, _)]] = followed.portions()
    assert left.documentid == "2"


def test_updates_may_be_asked_for_in_json(liquid: Liquid):
    upsert(liquid, item(accountId="1"))

    body = {"itemType": "Account", "processedAfter": 0, "lastId": None, "max": 10}

    assert ids(liquid(UPDATES, json=body).get_json()) == ["1"]


@contextmanager
def writing(ground: Ground, liquid: Liquid, documentid: str) -> Iterator[Session]:
    """A transaction that has written an item and is not done yet."""
    collection_id = find_collection(ground, liquid.service, "/Account")
    with ground.database.begin() as session:
        encoded = encode(collection_id, [(documentid, json.dumps({"accountId": documentid}).encode())])
        documents.write(session, encoded, operation=Operation.MERGE, repeated=[])
        yield session


def test_an_item_that_becomes_visible_late_is_not_skipped(liquid: Liquid, ground: Ground):
    """A follower that had seen the second item would never have come back for the first one."""
    with writing(ground, liquid, "first"):
        upsert(liquid, item(accountId="second"))
        meanwhile = followed(liquid)

    afterwards = followed(liquid, processedAfter=meanwhile["maxProcessedAt"])
    assert (ids(meanwhile), ids(afterwards)) == ([], ["first", "second"])


def test_who_reads_for_long_holds_nothing_back(liquid: Liquid, ground: Ground):
    with ground.database.begin() as session:
        session.execute(text("SELECT count(*) FROM documents"))
        upsert(liquid, item(accountId="1"))

        assert ids(followed(liquid)) == ["1"]


@pytest.mark.parametrize("write", ["directly", "staged", "by fates"])
def test_a_row_is_as_old_as_its_statement_not_as_its_transaction(ground: Ground, liquid: Liquid, write: str):
    """What `updates` relies on: the lock is there before the row's time, and the transaction is older."""
    collection_id = find_collection(ground, liquid.service, "/Account")
    encoded = encode(collection_id, [("1", b"{}")])
    fate = {"1": Fates(Fate(True, True), Fate(False, True, Change.PUT))}

    with ground.database.begin() as session:
        session.execute(text(documents.ANNOUNCE))
        locked_at = session.execute(text(updates.CLOCK)).scalar_one()
        if write == "directly":
            documents.create_directly(session, encoded)
        elif write == "staged":
            documents.write(session, encoded, operation=Operation.MERGE, repeated=[])
        else:
            fates.write_fates(session, collection_id, fate)
        times = "SELECT updated_at FROM documents WHERE collection_id = :id"
        written_at = session.execute(text(times), {"id": collection_id}).scalar_one()

    assert written_at > locked_at

"""What we add to the published API: rejections, and documents to look at."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases.collections import add_collection, find_collection
from shared.db import rejections
from shared.ground import Ground
from shared.instructions import Rejection
from tests.contract.conftest import IMPORTS, Caller
from tests.integration.builders import tuned, work

BLOCK = b'{"documentid":"1"}\n[1,2]\r\n\xff\xfe"\n'


def reject_lines(ground: Ground, import_id: int) -> None:
    """Keep the second and third line of `BLOCK` as rejected."""
    lines = [
        Rejection(2, 19, 7, None, "not_an_object", "The line is not a JSON object."),
        Rejection(3, 26, 4, "7", "invalid_utf8", "The line is not UTF-8."),
    ]
    with ground.database.begin() as session:
        assert not rejections.keep(session, import_id, 1, lines, limit=len(lines))


def keep_documents(ground: Ground, call: Caller, path: str, properties: dict[str, str]) -> None:
    """Documents, as JSON text by id."""
    collection_id = find_collection(ground, call.service, path)
    insert = (
        "INSERT INTO documents (collection_id, documentid, properties) VALUES (:c, :d, CAST(:p AS jsonb))"
    )
    with ground.database.begin() as session:
        for documentid, given in properties.items():
            session.execute(text(insert), {"c": collection_id, "d": documentid, "p": given})


def test_rejections_come_in_pages(call: Caller, ground: Ground) -> None:
    import_id = call.new_import()
    call.add_block(import_id, BLOCK)
    reject_lines(ground, import_id)

    first = call("GET", f"{IMPORTS}/{import_id}/rejections")
    second = call("GET", f"{IMPORTS}/{import_id}/rejections?page=2")

    assert first.get_json()["data"] == [
        {
            "blockid": 1,
            "line": 2,
            "documentid": None,
            "code": "not_an_object",
            "reason": "The line is not a JSON object.",
        },
        {
            "blockid": 1,
            "line": 3,
            "documentid": "7",
            "code": "invalid_utf8",
            "reason": "The line is not UTF-8.",
        },
    ]
    assert second.get_json() == {"data": [], "notKept": 0}


def test_rejections_come_as_ndjson_with_their_lines(call: Caller, ground: Ground) -> None:
    import_id = call.new_import()
    call.add_block(import_id, BLOCK)
    reject_lines(ground, import_id)

    response = call("GET", f"{IMPORTS}/{import_id}/rejections", headers={"Accept": "application/x-ndjson"})

    assert response.content_type == "application/x-ndjson"
    assert response.headers["Vary"] == "Accept"
    lines = [json.loads(line) for line in response.data.splitlines()]
    assert [line["original"] for line in lines] == ["[1,2]", '��"']
    assert list(lines[0]) == ["blockid", "line", "documentid", "code", "reason", "original"]


def test_no_rejections_are_an_empty_stream(call: Caller) -> None:
    path = f"{IMPORTS}/{call.new_import()}/rejections"

    response = call("GET", path, headers={"Accept": "application/x-ndjson"})

    assert (response.status_code, response.data, response.headers["Rejections-Not-Kept"]) == (200, b"", "0")


def test_rejections_that_are_not_kept_are_told(call: Caller, ground: Ground) -> None:
    import_id = call.new_import()
    call.add_block(import_id, b"a\nb\nc\nd\n")
    call("PATCH", f"{IMPORTS}/{import_id}", json={"status": "started"})
    work(tuned(ground, rejections_kept=1), import_id)
    path = f"{IMPORTS}/{import_id}/rejections"

    page = call("GET", path).get_json()
    streamed = call("GET", path, headers={"Accept": "application/x-ndjson"})

    assert ([line["line"] for line in page["data"]], page["notKept"]) == ([1], 3)
    assert (streamed.data.count(b"\n"), streamed.headers["Rejections-Not-Kept"]) == (1, "3")
    assert call("GET", f"{IMPORTS}/{import_id}").get_json()["rejectedDocuments"] == 4


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, */*;q=0.1", "image/png"])
def test_who_does_not_ask_for_ndjson_gets_json(call: Caller, accept: str | None) -> None:
    response = call("GET", f"{IMPORTS}/{call.new_import()}/rejections", headers={"Accept": accept})

    assert response.get_json() == {"data": [], "notKept": 0}


def test_a_document_comes_back_digit_by_digit(call: Caller, ground: Ground) -> None:
    keep_documents(ground, call, "/contacts", {"a b_é": '{"n": 12345678901234567890.123456789}'})

    response = call("GET", "/contacts/a b_é")

    assert response.content_type == "application/json"
    assert response.data.startswith('{"documentid":"a b_é",'.encode())
    assert b"12345678901234567890.123456789" in response.data


def test_documents_are_paged_by_links(call: Caller, ground: Ground) -> None:
    keep_documents(ground, call, "/contacts", {f"id&{number}": "{}" for number in range(5)})

    seen, link = [], "/contacts?page[size]=2&page[v]=2"
    while link:
        page: dict[str, Any] = call("GET", link).get_json()
        seen.append([document["documentid"] for document in page["data"]])
        link = page["links"]["next"]

    assert seen == [["id&0", "id&1"], ["id&2", "id&3"], ["id&4"]]
    assert page["links"]["prev"] == "/contacts?page[size]=2&page[v]=2&page[before]=id%264"
    before = call("GET", page["links"]["prev"]).get_json()
    assert [document["documentid"] for document in before["data"]] == ["id&2", "id&3"]
    assert before["links"]["next"] == "/contacts?page[size]=2&page[v]=2&page[after]=id%263"


def test_a_page_has_a_hundred_documents_unless_told(call: Caller, ground: Ground) -> None:
    keep_documents(ground, call, "/contacts", {f"{number:03}": "{}" for number in range(101)})

    page = call("GET", "/contacts").get_json()

    assert len(page["data"]) == 100
    assert page["links"] == {"prev": None, "next": "/contacts?page[size]=100&page[after]=099"}


def test_a_subcollection_is_told_from_a_document_by_its_place(call: Caller, ground: Ground) -> None:
    add_collection(ground, call.service, "/films/42/reviews")
    keep_documents(ground, call, "/films/42/reviews", {"7": '{"stars":5}'})

    assert call("GET", "/films/42/reviews").get_json()["data"] == [{"documentid": "7", "stars": 5}]
    assert call("GET", "/films/42/reviews/7").get_json() == {"documentid": "7", "stars": 5}


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/nowhere/1",
        "/contacts/1",
        "/contacts/1/2",
        "/contacts/",
        "/con%00tacts",
        "/contacts/%00",
        "/",
    ],
)
def test_what_is_not_there(call: Caller, path: str) -> None:
    response = call("GET", path)

    assert response.status_code == 404
    assert response.get_json() == {"title": "Not Found", "status": "404"}


@pytest.mark.parametrize(
    ("query", "name", "reason"),
    [
        ("page[size]=0", "page[size]", "Must be a positive integer."),
        (
            "page[size]=1001",
            "page[size]",
            "Must be greater than or equal to 1 and less than or equal to 1000.",
        ),
        ("page[v]=3", "page[v]", "Must be one of: 1, 2."),
        ("page[after]=", "page[after]", "Not a token that a link of ours carries."),
        ("page[before]=a%00", "page[before]", "Not a token that a link of ours carries."),
        ("page[after]=a&page[before]=b", "page[before]", "Cannot be combined with page[after]."),
        ("filters=document.a===1", "filters", "Unknown property."),
        ("sort=document.a", "sort", "Unknown property."),
    ],
)
def test_a_query_that_cannot_be_answered(call: Caller, query: str, name: str, reason: str) -> None:
    response = call("GET", f"/contacts?{query}")

    assert response.status_code == 400
    assert response.get_json() == {
        "title": "Query does not validate.",
        "status": "400",
        "invalid-params": [{"name": name, "reason": reason}],
    }


def test_blocks_that_are_kept_no_longer_are_gone_and_still_listed(call: Caller, ground: Ground) -> None:
    import_id = call.new_import()
    call.add_block(import_id, BLOCK)
    reject_lines(ground, import_id)
    removed = "UPDATE imports SET bytes_removed_at = '2022-09-15 06:00:00+00' WHERE id = :id"
    with ground.database.begin() as session:
        session.execute(text(removed), {"id": import_id})

    block = call("GET", f"{IMPORTS}/{import_id}/blocks/1")
    originals = call("GET", f"{IMPORTS}/{import_id}/rejections", headers={"Accept": "application/x-ndjson"})

    assert (block.status_code, originals.status_code) == (410, 410)
    [param] = block.get_json()["invalid-params"]
    assert param["name"] == "Import block"
    assert "removed at 2022-09-15 06:00 UTC" in param["reason"]
    assert call("GET", f"{IMPORTS}/{import_id}/blocks").get_json() == {"data": [{"blockid": 1}]}
    assert len(call("GET", f"{IMPORTS}/{import_id}/rejections").get_json()["data"]) == 2


def test_the_order_of_blocks_is_chosen_while_configuring(call: Caller) -> None:
    configuration = {"strategy": ["create"], "collection": "/contacts", "ordered": False}
    created = call("POST", IMPORTS, json=configuration).get_json()
    path = f"{IMPORTS}/{created['importid']}"
    assert created["ordered"] is False

    assert call("PATCH", path, json={"ordered": True}).get_json()["ordered"] is True
    call("PATCH", path, json={"status": "started"})
    refused = call("PATCH", path, json={"ordered": False})

    assert refused.status_code == 400
    assert "The order of blocks may change" in str(refused.get_json())


@pytest.mark.parametrize("ordered", [1, 0, "true", None, [], {}])
def test_an_order_that_is_neither_true_nor_false(call: Caller, ordered: object) -> None:
    configuration = {"strategy": ["create"], "collection": "/contacts", "ordered": ordered}

    refused = call("POST", IMPORTS, json=configuration)

    assert refused.status_code == 400
    assert [param["name"] for param in refused.get_json()["invalid-params"]] == ["ordered"]

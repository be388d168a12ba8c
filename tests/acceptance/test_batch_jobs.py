"""Batch jobs as a client of the Liquid Decisions API sees them: HTTP only, with real worker processes."""

import csv
import gzip
import io
import json
from functools import partial
from typing import Any

import pytest

from tests.acceptance import example_items
from tests.acceptance.administration import Administration
from tests.acceptance.jobs import exported, imported, mails_about
from tests.acceptance.liquid_client import LiquidClient
from tests.acceptance.waiting import wait_for
from tests.supplies.mails import Mails

ITEMS = [
    {
        "headers": {"category": "entity", "type": "TYPE", "action": "Create"},
        "data": {"accountId": "A1", "name": "Anchor & Sons", "size": 12.50, "tags": ["harbour", "old"]},
    },
    {
        "headers": {"category": "entity", "type": "TYPE", "action": "Merge"},
        "data": {"accountId": "A2", "name": "Bollard", "address": {"city": "Hull", "street": "Quay 1"}},
    },
]

# A byte order mark, semicolons, a cell of two lines; the last row has no key.
ROWS = """id;name;note;tags;gone\r
7;anchor;"two\nlines; ""quoted""\";new|blue;\r
8;bollard;;;\r
8;;;;x\r
;nobody;;;\r
"""
TEMPLATE = """{"headers": {"type": "TYPE", "action": #if ($gone == "x")"Delete"#{else}"Create"#end},
 "data": {
   "accountId": $json.quote($id), "name": $json.quote($text.upper($name)),
   "note": $json.quote($note), "tags": $json.quote($text.split($tags, "|"))
 }}"""
AWKWARD: list[dict[str, Any]] = [
    {"accountId": "digits", "large": 10**40, "small": 1e-300, "minus": -0.5},
    {"accountId": "texts", "ü 漢 \U0001f600": 'a "b" \\ c', "lines": "one\r\ntwo\u2028three", "": ""},
    {"accountId": "nothing", "null": None, "list": [], "object": {}, "in": [None, [{}]]},
    {"accountId": "names", "headers": 1, "a.b": {"c.d": 2}, "data.": [3]},
    {"accountId": "001", "number": "001", "true": "true", "formula": "=1+1"},
]


def items_of(item_type: str) -> bytes:
    return json.dumps(ITEMS).replace("TYPE", item_type).encode()


def test_items_go_in_and_come_out_as_they_were(liquid: LiquidClient, item_type: str) -> None:
    job = imported(liquid, item_type, items_of(item_type))

    assert (job["status"], job["recordsProcessed"], job["recordsRejected"]) == ("Completed", "2", "0")
    found = json.loads(exported(liquid, item_type))
    assert [item["data"] for item in found] == [item["data"] for item in ITEMS]


def test_an_item_type_may_have_a_name_in_any_script(
    liquid: LiquidClient, administration: Administration
) -> None:
    """The server answered its links with 500: a header names the file, and holds ASCII only."""
    administration.add_item_type("Zoë-漢字")

    imported(liquid, "Zoë-漢字", b'[{"accountId": "1"}]')

    assert json.loads(exported(liquid, "Zoë-漢字"))[0]["headers"]["type"] == "Zoë-漢字"
    assert json.loads(exported(liquid, "Zoë-漢字", sqlQuery='SELECT * FROM "zoë_漢字"')) == [
        {"accountId": "1"}
    ]


def test_the_published_example_items_do_what_their_actions_say(liquid: LiquidClient, item_type: str) -> None:
    accounts = example_items.ACCOUNTS.replace('"Account"', f'"{item_type}"')

    job = imported(liquid, item_type, accounts.encode())

    assert job["reason"] == "The file has been processed: 3 created, 1 updated, 1 deleted"
    exact = partial(json.loads, parse_float=str)
    found = [item["data"] for item in exact(exported(liquid, item_type))]
    assert found == example_items.outcome_of(exact(accounts))


def test_items_of_another_category_and_with_other_headers_come_out_as_what_their_type_is(
    liquid: LiquidClient, administration: Administration
) -> None:
    administration.add_item_type("Cart", key="cartId", category="work")

    imported(liquid, "Cart", example_items.CARTS.encode())

    [cart] = json.loads(example_items.CARTS)
    [found] = json.loads(exported(liquid, "Cart"))
    assert found == {"headers": {"category": "work", "type": "Cart", "id": "C1"}, "data": cart["data"]}


def test_an_export_imported_again_gives_the_same_items(
    liquid: LiquidClient, item_type: str, administration: Administration
) -> None:
    accounts = example_items.ACCOUNTS.replace('"Account"', f'"{item_type}"')
    for content in (items_of(item_type), accounts.encode(), json.dumps(AWKWARD).encode()):
        assert imported(liquid, item_type, content)["status"] == "Completed"
    first = exported(liquid, item_type)
    other = administration.add_item_type(f"{item_type}Copy")

    imported(liquid, other, first.replace(item_type.encode(), other.encode()))

    assert len(json.loads(first)) == len(ITEMS) + 2 + len(AWKWARD)
    assert exported(liquid, other).replace(other.encode(), item_type.encode()) == first


def test_a_csv_export_imported_again_gives_the_same_items(
    liquid: LiquidClient, administration: Administration
) -> None:
    schema = {"accountId": "string", "size": "decimal", "active": "boolean", "tags": "list"}
    for name in ("Firm", "FirmCopy"):
        administration.add_item_type(name, schema=schema)
    rows = [
        {"accountId": "1", "size": 12.50, "active": True, "tags": ["a", 'b"'], "note": "two\nlines; =SUM(1)"},
        {"accountId": "2", "size": 7, "address": {"city": "Hull", "street": "Quay, 1"}, "note": "=1+1"},
    ]
    imported(liquid, "Firm", json.dumps(rows).encode())

    table = exported(liquid, "Firm", contentType="text/plain", rowHeader="true")
    job = imported(liquid, "FirmCopy", table, contentType="plain/text", headerRow="True")

    assert job["recordsProcessed"] == "2", job
    copies = [item["data"] for item in json.loads(exported(liquid, "FirmCopy"))]
    assert copies == rows


def test_half_a_million_rows_of_csv_are_imported(liquid: LiquidClient, item_type: str) -> None:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["accountId", "name", "city"])
    rows.writerows((n, f"Name {n}", "Hull") for n in range(500_000))

    job = imported(liquid, item_type, table.getvalue().encode(), contentType="text/plain", headerRow="true")

    assert (job["status"], job["recordsProcessed"], job["percentComplete"]) == ("Completed", "500000", 100)


def test_a_template_makes_items_of_rows(liquid: LiquidClient, item_type: str) -> None:
    job = liquid.start_import(
        "rows.csv",
        ROWS.encode("utf-8-sig"),
        template=TEMPLATE.replace("TYPE", item_type),
        jobName="rows",
        itemType=item_type,
        contentType="plain/text",
        headerRow="true",
    )

    ended = liquid.wait_for_end(job["jobId"])

    assert ended["reason"] == "The file has been processed: 2 created, 1 deleted, 1 rejected", ended
    assert [item["data"] for item in json.loads(exported(liquid, item_type))] == [
        {"accountId": "7", "name": "ANCHOR", "note": 'two\nlines; "quoted"', "tags": ["new", "blue"]},
    ]


def test_sql_and_filters_choose_what_is_exported(
    liquid: LiquidClient, item_type: str, stack: dict[str, Any]
) -> None:
    imported(liquid, item_type, items_of(item_type))

    relation = f"{stack['service'].upper()}_entity_{item_type}"
    query = f"SELECT m.name FROM {relation} m ORDER BY m.name DESC LIMIT 250"
    by_query = json.loads(exported(liquid, item_type, sqlQuery=query, filters="0", template=""))
    by_filter = json.loads(exported(liquid, item_type, filters=str({"name": ["Bollard", "none"]})))

    assert [row["name"] for row in by_query] == ["Bollard", "Anchor & Sons"]
    assert [item["data"]["accountId"] for item in by_filter] == ["A2"]


def test_bad_items_are_rejected_and_the_others_go_in(liquid: LiquidClient, item_type: str) -> None:
    lines = b'{"accountId":"1"}\n{"name":"no key"}\n{"accountId":"2"}\n'

    job = imported(liquid, item_type, lines)

    assert (job["status"], job["recordsProcessed"], job["recordsRejected"]) == ("Completed", "3", "1")
    assert "1 rejected" in job["reason"]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"this is no JSON", {}),
        (b'[{"accountId":"1"}, {"accountId"', {}),
        ("accountId,name\n1,Zoë\n".encode("latin-1"), {"contentType": "text/plain", "headerRow": "true"}),
        (b"accountId,name\n1,2,3,4\n5,6,7,8\n", {"contentType": "text/plain", "headerRow": "true"}),
    ],
    ids=["not JSON", "cut off", "wrong encoding", "ragged"],
)
def test_an_unreadable_file_is_rejected_as_a_whole(
    liquid: LiquidClient, item_type: str, content: bytes, fields: dict[str, str]
) -> None:
    job = imported(liquid, item_type, content, **fields)

    assert job["status"] == "Rejected", job
    assert job["recordsProcessed"] == "0"
    assert json.loads(exported(liquid, item_type)) == []


def test_the_end_of_a_job_is_mailed_with_its_links(
    liquid: LiquidClient, item_type: str, mails: Mails
) -> None:
    imported(liquid, item_type, items_of(item_type))
    job = liquid.start_export(
        jobName="Weekly accounts",
        itemType=item_type,
        contentType="application/json",
        notificationEmail="joe@example.com",
    )
    ended = liquid.wait_for_end(job["jobId"])

    [mail] = wait_for(lambda: mails_about(mails, "Weekly accounts"))

    assert mail["To"] == "joe@example.com"
    body = mail.get_body(("plain",))
    assert body is not None
    assert ended["links"][0] in body.get_content()


def test_an_export_can_be_canceled(liquid: LiquidClient, item_type: str) -> None:
    lines = b"".join(b'{"accountId":"%d","text":"%s"}\n' % (n, b"x" * 200) for n in range(150_000))
    imported(liquid, item_type, lines)
    job = liquid.start_export(jobName="out", itemType=item_type, contentType="text/plain")

    liquid.cancel(job["jobId"])
    ended = liquid.wait_for_end(job["jobId"])

    assert ended["status"] == "Canceled"
    assert ended["links"] == []


def test_an_import_can_be_canceled_in_the_middle(liquid: LiquidClient, item_type: str) -> None:
    lines = b"".join(b'{"accountId":"%d","text":"%s"}\n' % (n, b"x" * 200) for n in range(300_000))
    job_id = liquid.start_import("data.json", lines, jobName="in", itemType=item_type)["jobId"]
    wait_for(lambda: int(liquid.status(job_id)["recordsProcessed"]))

    liquid.cancel(job_id)
    ended = liquid.wait_for_end(job_id)

    assert ended["status"] == "Canceled"
    found = json.loads(exported(liquid, item_type))
    assert 0 < len(found) == int(ended["recordsProcessed"]) < 300_000


def test_an_export_may_be_compressed(liquid: LiquidClient, item_type: str) -> None:
    imported(liquid, item_type, items_of(item_type))

    packed = exported(liquid, item_type, gzip="true")

    assert len(json.loads(gzip.decompress(packed))) == len(ITEMS)

"""A CSV export that is imported again into another item type leaves the same documents there."""

from typing import Any

import pytest

from api.usecases.services import Service
from shared.ground import Ground
from tests.integration.builders import documents
from tests.integration.job_builders import a_file_import, accounts, an_item_type, exported, files_of

SCHEMA = {
    "accountId": "string",
    "size": "decimal",
    "active": "boolean",
    "tags": "list",
    "home": "block",
    "anything": "jsonElement",
}
TEXTS = {
    "separators": 'a,b;c\td|e "quoted", "',
    "lines": "one\r\ntwo\nthree\rfour\n",
    "blanks": "  both ends \t",
    "a formula": "=1+1",
    "an escaped formula": "''=1+1",
    "a number": "007",
    "a sign": "-",
    "JSON": '{"a":[1,null]}',
    "true": "true",
    "null": "null",
    "other scripts": "Zoë Ω 漢字 \U0001f600 \u200f\u2028\ufeff",
}
NAMES = {name: f"under {number}" for number, name in enumerate(["a.b", "\\", " x ", "=y", "p;q", 'r"', ""])}
VALUES: dict[str, Any] = {
    "texts": TEXTS,
    "names": NAMES,
    "numbers": {"size": 12345678901234567890.5, "active": True},
    "a small number": {"size": 0, "active": False, "anything": 1.5},
    "lists": {"tags": ["a", {"b": None}, [], ""], "anything": [1, "1", None]},
    "objects": {"home": {}, "anything": {"a": {}}, "address": {"city": {"name": "Hull", "zip": "01"}}},
    "JSON that is nothing": {"anything": None, "tags": None, "home": None},
    "an empty text as JSON": {"anything": ""},
    "a value": {"x": "a value here"},
    "an object": {"x": {"y": "an object there"}},
}
STORED = {str(number): {"accountId": str(number), **value} for number, value in enumerate(VALUES.values())}


@pytest.mark.parametrize("separator", ["", ","], ids=["found", "said"])
def test_documents_come_back_as_they_were(ground: Ground, service: Service, separator: str):
    accounts(ground, service, STORED, fields=SCHEMA)
    an_item_type(ground, service, "Copy", fields=SCHEMA)
    [content] = files_of(exported(ground, service, is_csv=True, has_header_row=True))

    job = a_file_import(
        ground, service, content, item_type="Copy", is_csv=True, has_header_row=True, separator=separator
    )
    shown = job.work_off()

    assert job.rejected() == []
    assert shown.view.reason == f"The file has been processed: {len(STORED)} created"
    assert documents(ground, service, "/Copy") == documents(ground, service, "/Account")


def test_what_does_not_come_back_is_gone_and_nothing_else(ground: Ground, service: Service):
    accounts(
        ground, service, {"1": {"accountId": "1", "none": None, "empty": "", "in": {"none": None, "a": "b"}}}
    )
    an_item_type(ground, service, "Copy")
    [content] = files_of(exported(ground, service, is_csv=True, has_header_row=True))

    a_file_import(ground, service, content, item_type="Copy", is_csv=True, has_header_row=True).work_off()

    assert documents(ground, service, "/Copy") == {"1": {"accountId": "1", "in": {"a": "b"}}}

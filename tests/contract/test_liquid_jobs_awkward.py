"""Awkward files at the import door: taken for what they are, or rejected with a reason; none breaks it."""

import gzip
import io
import zipfile
from typing import Any

import pytest
from flask import Flask

from api.usecases.collections import add_collection
from api.usecases.services import Service
from shared.ground import Ground
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.contract.test_liquid_jobs_clients import file_part, multipart, part

CSV = {"jobName": "A job", "itemType": "M", "contentType": "text/csv", "headerRow": "true"}
ROWS = b"id,name\n1,Ann\n"
MIB = 1024 * 1024


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    """A client of a community that has the item type M."""
    add_collection(ground, service, "/M", key="id")
    return liquid_client(app.test_client(), ground, service)


def ended(liquid: Liquid, content: bytes, **fields: Any) -> dict[str, Any]:
    """The job of the file when it has ended."""
    return liquid.work_off(submitted(liquid, content, "a.csv", **fields))


def submitted(liquid: Liquid, content: bytes, name: str, **fields: Any) -> dict[str, Any]:
    # The test client itself would leave the temporary file open that it makes of a large body.
    request = multipart(CSV | fields, file_part("file", name, content, "text/csv"))
    return dict(liquid(f"{BATCH}/import", **request).get_json())


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("rows.csv", ROWS)
    return archive.getvalue()


TAKEN = {
    "UTF-8 with a byte order mark": (b"\xef\xbb\xbf" + "id,name\n1,Zoë\n".encode(), {}, "Zoë"),
    "UTF-16 as spreadsheets save it": ("\ufeffid\tname\r\n1\tZoë\r\n".encode("utf-16-le"), {}, "Zoë"),
    "latin-1 that is declared": (
        "id,name\n1,Zoë\n".encode("latin-1"),
        {"contentType": "text/csv; charset=latin-1"},
        "Zoë",
    ),
    "carriage returns only": (b"id,name\r1,Ann\r", {}, "Ann"),
    "a row of many empty cells": (b"id,name\n1,Ann" + b"," * 100_000 + b"\n", {}, "Ann"),
    "a large cell": (b"id,name\n1," + b"x" * 2 * MIB + b"\n", {}, "x" * 2 * MIB),
    "10,000 columns": (
        b"id,name," + b",".join(b"c%d" % n for n in range(9_998)) + b"\n1,Ann" + b"," * 9_998 + b"\n",
        {},
        "Ann",
    ),
    "remarks and totals": (b"id;name\n# by hand, today\n1;Ann\ntotal: 1\n;\n2;\n3;\n4\n", {}, "Ann"),
}


@pytest.mark.parametrize(("content", "fields", "name"), TAKEN.values(), ids=TAKEN.keys())
def test_a_file_that_is_only_awkward_is_taken(
    liquid: Liquid, content: bytes, fields: dict[str, Any], name: str
):
    job = ended(liquid, content, **fields)

    assert job["status"] == "Completed", job["reason"]
    assert liquid.documents("/M")[0] == {"documentid": "1", "id": "1", "name": name}


REJECTED = {
    "latin-1 that is not declared": ("id,n\n1,Zoë\n".encode("latin-1"), "The file is not encoded as utf-8"),
    "UTF-16 without a byte order mark": ("id,n\n1,a\n".encode("utf-16-le"), "The name of column 1 holds the"),
    "NUL bytes": (b"\0" * 1000, "The name of column 1 holds the character NUL"),
    "a quote that is never closed": (b'id,n\n1,"a\n2,b\n', "A quoted cell of the row on line 2 is never"),
    "a cell beyond the limit": (
        b"id,n\n1," + b"x" * 21 * MIB,
        "The row on line 2 of the file is longer than",
    ),
    "separators only": (b"id" + b"," * MIB, "The file has 1048577 columns"),
    "a column that is too deep": (b"id,a" + b".a" * 20_000 + b"\n1,2\n", "Column 2 is more than 100 levels"),
    "gzip": (gzip.compress(ROWS), "The file is compressed with gzip"),
    "a spreadsheet": (zipped(), "The file is a zip archive, as the files of spreadsheets are"),
    "rows of another table": (b"id,name\n1,2,3\n4,5,6\n", "2 of 2 rows do not have the 2 columns"),
    "doubled columns": (b"id,n,n\n1,2,3\n", "Columns 2 and 3 of the header row have the same name, 'n'"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "The file has no header row"),
}


@pytest.mark.parametrize(("content", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_a_file_that_cannot_be_read_is_rejected_before_anything_is_applied(
    liquid: Liquid, content: bytes, reason: str
):
    job = ended(liquid, content)

    assert (job["status"], job["recordsProcessed"]) == ("Rejected", "0")
    assert job["reason"].startswith(f"The file cannot be read: {reason}")
    assert liquid.documents("/M") == []


ROWS_REJECTED = {
    "a NUL": (b"id,n\n1,a\0b\n2,c\n", "nul_character"),
    "a NUL in the key": (b"id,n\n1\0,a\n2,c\n", "nul_character"),
    "a remark": (b"id,n\nremark\n2,c\n", "ragged_row"),
    "a value too many": (b"id,n\n1,a,b\n2,c\n", "ragged_row"),
    "a value and its parts": (b"id,n,n.x\n1,a,b\n2,c,\n", "invalid_cell"),
}


@pytest.mark.parametrize(("content", "code"), ROWS_REJECTED.values(), ids=ROWS_REJECTED.keys())
def test_a_bad_row_is_rejected_alone(liquid: Liquid, content: bytes, code: str):
    job = ended(liquid, content)

    [rejected] = liquid.job("rejections", jobId=job["jobId"])["rejections"]
    assert (job["status"], job["recordsRejected"]) == ("Completed", "1")
    assert (rejected["line"], rejected["code"]) == (2, code)
    assert liquid.documents("/M") == [{"documentid": "2", "id": "2", "n": "c"}]


@pytest.mark.parametrize("name", ["../../x", "C:\\x", "/etc/passwd", "x" * 5_000, "%00", ""])
def test_a_file_may_be_called_anything(liquid: Liquid, name: str):
    assert liquid.work_off(submitted(liquid, ROWS, name))["status"] == "Completed"


def test_a_compressed_request_is_unpacked(liquid: Liquid):
    request = multipart(CSV, file_part("file", "a.csv", ROWS, "text/csv"))
    packed = request | {"data": gzip.compress(request["data"]), "headers": {"Content-Encoding": "gzip"}}

    job = liquid(f"{BATCH}/import", **packed).get_json()

    assert liquid.work_off(job)["status"] == "Completed"


@pytest.mark.parametrize("bomb", ["field", "before", "behind"])
def test_what_grows_when_it_is_unpacked_is_refused(liquid: Liquid, bomb: str):
    large = b"x" * 20 * MIB
    whole = multipart(CSV, file_part("file", "a.csv", ROWS, "text/csv"))
    body = {"field": part("merge", large), "before": b"", "behind": whole["data"]}[bomb] + large
    packed = whole | {"data": gzip.compress(body), "headers": {"Content-Encoding": "gzip"}}

    assert liquid(f"{BATCH}/import", **packed).status_code == 413
    assert liquid.documents("/M") == []


HUGE = ["itemType", "contentType", "merge", "separator", "headerRow", "notificationEmail"]


@pytest.mark.parametrize("field", HUGE)
def test_a_huge_value_is_not_told_again_as_a_whole(liquid: Liquid, field: str):
    rejected = submitted(liquid, ROWS, "a.csv", **{field: "x" * 200_000})

    assert rejected["status"] == "Rejected"
    assert len(rejected["reason"]) <= 500

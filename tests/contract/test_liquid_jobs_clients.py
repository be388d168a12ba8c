"""Talking exactly as the vendor's published example clients do, from the token to the export."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.usecases import accounts
from api.usecases.collections import add_collection
from api.usecases.services import Service
from shared.ground import Ground
from tests.contract.liquid import Liquid

BOUNDARY = "4f8b1f4c2f6e4d6b8a1d3c5e7f901234"
ACCOUNTS = [
    {
        "headers": {"category": "entity", "type": "Account", "action": "Create"},
        "data": {
            "accountId": "A-1",
            "accountClass": "/Account/accountClass[invoiced]",
            "addresses": [{"city": "Bern"}],
            "openedAt": "2014-02-01T05:00:00+0000",
        },
    },
    {
        "headers": {"category": "entity", "type": "Account", "action": "Merge"},
        "data": {"accountId": "A-1", "name": "Ann"},
    },
]
TEMPLATE = '{"accountId": $json.quote($id), "name": $json.quote($name)}'

Post = Callable[..., TestResponse]
_numbers = count(1)


def part(name: str, content: bytes, *, file_name: str | None = None, headers: str = "") -> bytes:
    """A part as the library of the clients writes it."""
    named = f'; filename="{file_name}"' if file_name else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{headers}\r\n'
    return head.encode() + content + b"\r\n"


def file_part(name: str, file_name: str, content: bytes, content_type: str) -> bytes:
    headers = f"Content-Type: {content_type}\r\nExpires: 0\r\n"
    return part(name, content, file_name=file_name, headers=headers)


def multipart(fields: dict[str, Any], *files: bytes) -> dict[str, Any]:
    """The clients' request: fields that are set, then files. An option that was not given is None."""
    given = [part(name, str(value).encode()) for name, value in fields.items() if value is not None]
    body = b"".join([*given, *files]) + f"--{BOUNDARY}--\r\n".encode()
    return {"data": body, "content_type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.fixture
def post(app: Flask, ground: Ground, service: Service) -> Post:
    """What a client does after it has asked for its token, as it does."""
    add_collection(ground, service, "/Account", key="accountId")
    client: FlaskClient = app.test_client()
    email = f"client-{next(_numbers)}@{service.name}.example.org"
    accounts.add_user(ground, email, "right-one", [service.name])
    form = {
        "grant_type": "password",
        "username": email,
        "password": "right-one",
        "scope": f"community={service.name} hardwareName=joe's Test harness",
    }
    client.environ_base["REMOTE_ADDR"] = f"10.77.0.{next(_numbers)}"
    token = client.post("/ls/api/oauth2/token", data=form).get_json()["access_token"]

    def send(path: str, **options: Any) -> TestResponse:
        return client.post(f"/ls/api/{path}", headers={"Authorization": "Bearer " + token}, **options)

    return send


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    """The worker's part, and a look at the documents."""
    return Liquid(app.test_client(), ground, service, "")


def options(**given: Any) -> dict[str, Any]:
    """The parameters of an import in the clients' order, absent ones None."""
    usual = dict.fromkeys(("notificationEmail", "jobName", "contentType", "itemType", "merge", "headerRow"))
    return usual | {"jobName": "Account Import Job", "itemType": "Account", "merge": False} | given


def ended(liquid: Liquid, post: Post, job: dict[str, Any]) -> dict[str, Any]:
    """The job's status object after its end, asked for as the clients do."""
    row = liquid.row(job)
    status = post("batch/status", data={"jobId": job["jobId"]}).get_json()
    while status["status"] in ("Accepted", "Processing"):
        liquid.work_once(row)
        status = post("batch/status", data={"jobId": job["jobId"]}).get_json()
    return dict(status)


def test_a_json_import_with_a_template_that_is_none(post: Post, liquid: Liquid):
    content = json.dumps(ACCOUNTS).encode()
    request = multipart(
        options(contentType="application/json", notificationEmail="joe@example.com"),
        file_part("file", "json/items/accounts.json", content, "application/json"),
        file_part("template", "none.txt", b"#if this is no template", "application/json"),
    )

    job = post("batch/import", **request).get_json()

    assert job["status"] == "Accepted"
    assert ended(liquid, post, job)["reason"] == "The file has been processed: 1 created, 1 updated"
    [account] = liquid.documents("/Account")
    assert account == {"documentid": "A-1"} | ACCOUNTS[0]["data"] | {"name": "Ann"}


def test_a_csv_import_with_a_template_labelled_json(post: Post, liquid: Liquid):
    request = multipart(
        options(contentType="plain/text", headerRow="True", merge=True),
        file_part("file", "C:\\data\\accounts.csv", b"id,name\r\nA-1,Ann\r\n", "plain/text"),
        file_part("template", "t.vm", TEMPLATE.encode(), "application/json"),
    )

    job = post("batch/import", **request).get_json()

    assert (job["contentType"], "notificationEmail" in job) == ("plain/text", False)
    assert ended(liquid, post, job)["status"] == "Completed"
    assert liquid.documents("/Account") == [{"documentid": "A-1", "accountId": "A-1", "name": "Ann"}]


def test_a_csv_import_with_an_empty_template(post: Post, liquid: Liquid):
    request = multipart(
        options(contentType="text/plain", headerRow=True),
        file_part("file", "accounts.csv", b"accountId,name\nA-1,Ann\n", "text/plain"),
        file_part("template", "", b"", "application/json"),
    )

    job = post("batch/import", **request).get_json()

    assert ended(liquid, post, job)["status"] == "Completed"


@pytest.mark.parametrize(
    ("filters", "found"), [(0, 1), ({"name": "Ann"}, 1), ({}, 1), (None, 1), ({"name": "value1"}, 0)]
)
def test_an_export_with_filters_as_python_prints_them(
    post: Post, liquid: Liquid, filters: object, found: int
):
    imported = multipart(
        options(contentType="application/json"),
        file_part("file", "a.json", json.dumps(ACCOUNTS).encode(), "application/json"),
    )
    ended(liquid, post, post("batch/import", **imported).get_json())
    form = {
        "notificationEmail": "joe@example.com",
        "jobName": "Account Export Job",
        "itemType": "Account",
        "contentType": "application/json",
        "filters": str(filters),
        "template": "",
    }

    done = ended(liquid, post, post("batch/export", data=form).get_json())

    assert (done["status"], len(done["links"])) == ("Completed", 1)
    assert done["recordsProcessed"] == str(found)


def test_a_job_is_canceled_as_it_is_looked_at(post: Post):
    request = multipart(
        options(contentType="application/json"),
        file_part("file", "a.json", json.dumps(ACCOUNTS).encode(), "application/json"),
    )
    job = post("batch/import", **request).get_json()

    assert post("batch/cancel", data={"jobId": job["jobId"]}).get_json()["status"] == "Canceled"


def test_items_are_upserted_and_followed(post: Post):
    written = post("items/upsert", data=json.dumps(ACCOUNTS), content_type="application/json")

    assert written.get_json() == {"count": 2}
    # The sample announces JSON and sends a form.
    form = "itemType=Account&processedAfter=0&max=10"
    page = post("items/updates", data=form, content_type="application/json").get_json()
    assert [item["headers"]["id"] for item in page["items"]] == ["A-1"]
    assert page["lastId"] == "A-1"
    again = {"itemType": "Account", "processedAfter": page["maxProcessedAt"], "lastId": "A-1", "max": 10}
    assert post("items/updates", data=again).get_json()["items"] == []

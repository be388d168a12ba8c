"""The straight path of batch jobs: import, status, rejections, cancel, export."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from api.usecases.services import Service
from shared.db.models import Import
from shared.db.transition import move
from shared.ground import Ground
from shared.lifecycle import Event
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.integration.builders import tuned
from workers.importing import run_import

FIELDS = [
    "submitTime",
    "jobId",
    "notificationEmail",
    "jobName",
    "contentType",
    "itemType",
    "recordsProcessed",
    "runTime",
    "status",
    "reason",
    "recordsRejected",
    "percentComplete",
    "links",
]
STORED = "The file has been stored and the job is ready for processing"


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    return liquid_client(app.test_client(), ground, service)


def items(*ids: str, **properties: Any) -> bytes:
    return json.dumps([{"documentid": documentid, **properties} for documentid in ids]).encode()


def test_an_import_is_accepted_and_does_its_work(liquid: Liquid):
    accepted = liquid.upload(items("1", "2", name="Ann"), notificationEmail="joe@example.com")

    assert list(accepted) == FIELDS
    assert (accepted["status"], accepted["reason"]) == ("Accepted", STORED)
    assert (accepted["recordsProcessed"], accepted["runTime"], accepted["recordsRejected"]) == ("0", "0", "0")
    assert (accepted["percentComplete"], accepted["links"]) == (0, [])
    assert UUID(accepted["jobId"]).version == 4
    submitted_at = datetime.strptime(accepted["submitTime"], "%Y-%m-%dT%H:%M:%S%z")
    assert abs((datetime.now(UTC) - submitted_at).total_seconds()) < 60
    done = liquid.work_off(accepted)
    assert (done["status"], done["recordsProcessed"], done["percentComplete"]) == ("Completed", "2", 100)
    assert done["reason"] == "The file has been processed: 2 created"
    assert int(done["runTime"]) >= 0
    assert liquid.documents() == [{"documentid": "1", "name": "Ann"}, {"documentid": "2", "name": "Ann"}]


def test_an_email_that_was_not_given_is_left_out(liquid: Liquid):
    accepted = liquid.upload(items("1"))

    assert list(accepted) == [name for name in FIELDS if name != "notificationEmail"]


def test_single_bad_items_are_listed_by_their_lines(liquid: Liquid):
    rows = b"documentid,age\n1,7\n2,old\n\n3,8,9\n"

    job = liquid.upload(rows, contentType="plain/text", headerRow="True", itemType="contacts")

    done = liquid.work_off(job)
    assert (done["status"], done["recordsRejected"]) == ("Completed", "1")
    assert "1 rejected" in done["reason"]
    listed = liquid(f"{BATCH}/rejections", data={"jobId": job["jobId"]}).get_json()
    assert listed["jobId"] == job["jobId"]
    [rejection] = listed["rejections"]
    assert (rejection["line"], rejection["code"]) == (5, "ragged_row")
    beyond = liquid(f"{BATCH}/rejections", data={"jobId": job["jobId"], "page": "2"})
    assert beyond.get_json()["rejections"] == []


def test_rejections_that_are_not_kept_are_told(liquid: Liquid, ground: Ground):
    keeping = replace(liquid, ground=tuned(ground, rejections_kept=1))
    job = keeping.upload(items("a/b", "c/d", "e/f"))

    done = keeping.work_off(job)

    listed = keeping(f"{BATCH}/rejections", data={"jobId": job["jobId"]}).get_json()
    assert ([item["line"] for item in listed["rejections"]], listed["notKept"]) == ([1], 2)
    assert done["recordsRejected"] == "3"


@pytest.mark.parametrize(
    ("merge", "stays"), [("True", True), ("true", True), ("1", True), ("False", False), (None, False)]
)
def test_merge_tells_whether_the_stored_item_is_overridden(liquid: Liquid, merge: str | None, stays: bool):
    liquid.work_off(liquid.upload(items("1", a=1)))

    liquid.work_off(liquid.upload(items("1", b=2), merge=merge))

    [document] = liquid.documents()
    assert document == {"documentid": "1", "b": 2} | ({"a": 1} if stays else {})


def test_the_item_types_key_is_the_documents_id(liquid: Liquid, ground: Ground):
    with ground.database.begin() as session:
        session.execute(
            text("UPDATE collections SET key = 'accountId' WHERE service_id = :id"), {"id": liquid.service.id}
        )

    liquid.work_off(liquid.upload(b'[{"accountId": 7, "name": "Ann"}]'))

    assert liquid.documents() == [{"documentid": "7", "accountId": 7, "name": "Ann"}]


def test_an_unreadable_file_rejects_its_job(liquid: Liquid):
    done = liquid.work_off(liquid.upload(b"<html>", notificationEmail="joe@example.com"))

    assert done["status"] == "Rejected"
    assert done["reason"].startswith("The file cannot be read: ")


@pytest.mark.parametrize("job_id", ["nothing", str(UUID(int=7)), "é", "\0"])
def test_a_job_that_does_not_exist(liquid: Liquid, job_id: str):
    for path in ("status", "cancel", "rejections"):
        assert liquid(f"{BATCH}/{path}", data={"jobId": job_id}).status_code == 404


def test_a_job_id_must_be_given(liquid: Liquid):
    for path in ("status", "cancel", "rejections"):
        response = liquid(f"{BATCH}/{path}", data={"jobId": ""})
        assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "٣", "9" * 40])
def test_a_page_that_cannot_be(liquid: Liquid, page: str):
    job = liquid.upload(items("1"))

    assert liquid(f"{BATCH}/rejections", data={"jobId": job["jobId"], "page": page}).status_code == 400


@pytest.mark.parametrize("encoding", ["form", "multipart", "json", "a form announced as json"])
def test_a_status_may_be_asked_for_in_any_encoding(liquid: Liquid, encoding: str):
    job_id = liquid.upload(items("1"))["jobId"]
    options: dict[str, dict[str, Any]] = {
        "form": {"data": {"jobId": job_id}},
        "multipart": {"data": {"jobId": job_id}, "content_type": "multipart/form-data"},
        "json": {"json": {"jobId": job_id}},
        "a form announced as json": {"data": f"jobId={job_id}", "content_type": "application/json"},
    }

    response = liquid(f"{BATCH}/status", **options[encoding])

    assert response.get_json()["jobId"] == job_id


def test_without_a_token_nothing_is_told(liquid: Liquid):
    response = liquid(f"{BATCH}/status", headers={"Authorization": ""}, data={"jobId": "x"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_accepted_job_is_canceled_at_once(liquid: Liquid):
    job = liquid.upload(items("1"))

    canceled = liquid.job("cancel", jobId=job["jobId"])

    assert canceled["status"] == "Canceled"
    assert liquid.work_off(job)["status"] == "Canceled"
    assert liquid.documents() == []


def test_a_job_in_work_is_canceled_when_its_worker_lets_go(liquid: Liquid, ground: Ground):
    job = liquid.upload(items("1"))
    import_id = liquid.row(job).import_id
    assert import_id is not None
    seen = []

    def cancel_meanwhile() -> bool:
        seen.append(liquid.status(job)["status"])
        seen.append(liquid.job("cancel", jobId=job["jobId"])["status"])
        seen.append(liquid.job("cancel", jobId=job["jobId"])["status"])
        return True

    run_import(ground, import_id, worker="w", should_stop=cancel_meanwhile)

    assert seen == ["Processing", "Canceling", "Canceling"]
    assert liquid.status(job)["status"] == "Canceled"


def test_a_job_that_has_ended_stays_so_when_it_is_canceled(liquid: Liquid):
    done = liquid.work_off(liquid.upload(items("1")))

    assert liquid.job("cancel", jobId=done["jobId"]) == done


def test_a_job_that_broke_several_times_has_failed(liquid: Liquid, ground: Ground):
    job = liquid.upload(items("1"))
    import_id = liquid.row(job).import_id
    assert import_id is not None
    with ground.database.begin() as session:
        row = session.get_one(Import, import_id)
        row.last_error = "Block storage could not read the bytes."
        session.flush()
        move(session, import_id, Event.FAIL)

    failed = liquid.status(job)

    assert failed["status"] == "Failed"
    assert "could not read" in failed["reason"]


def test_an_export_gives_complete_links(liquid: Liquid, ground: Ground):
    liquid.work_off(liquid.upload(items("1", "2", name="Ann")))

    accepted = liquid.export()
    done = liquid.work_off(accepted)

    assert (accepted["status"], accepted["links"]) == ("Accepted", [])
    assert (done["status"], done["recordsProcessed"], done["percentComplete"]) == ("Completed", "2", 100)
    [link] = done["links"]
    assert link.startswith(f"{ground.settings.public_url}/ls/api/batch/download/")
    exported = json.loads(liquid.client.get(link.removeprefix(ground.settings.public_url)).data)
    assert [item["data"]["name"] for item in exported] == ["Ann", "Ann"]


def test_an_export_is_canceled_before_a_worker_has_it(liquid: Liquid):
    job = liquid.export()

    assert liquid.job("cancel", jobId=job["jobId"])["status"] == "Canceled"
    assert liquid.job("cancel", jobId=job["jobId"])["status"] == "Canceled"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (None, ["1", "2", "3"]),
        ("0", ["1", "2", "3"]),
        ("", ["1", "2", "3"]),
        ("{}", ["1", "2", "3"]),
        ("None", ["1", "2", "3"]),
        ("{'city': 'Bern'}", ["1"]),
        ("{u'city': u'Bern'}", ["1"]),
        ('{"city": ["Bern", "Basel"]}', ["1", "2"]),
        ("{'city': ['Bern', 'Basel'], 'age': 7}", ["2"]),
        ("{'state': '/Workflow/processStatus[Editing]'}", ["3"]),
    ],
)
def test_filters_as_clients_send_them(liquid: Liquid, filters: str | None, found: list[str]):
    documents = [
        {"documentid": "1", "city": "Bern"},
        {"documentid": "2", "city": "Basel", "age": 7},
        {"documentid": "3", "state": "/Workflow/processStatus[Editing]"},
    ]
    liquid.work_off(liquid.upload(json.dumps(documents).encode()))

    done = liquid.work_off(liquid.export(filters=filters))

    exported = json.loads(liquid.client.get(done["links"][0].removeprefix("http://localhost:8080")).data)
    assert [item["headers"]["id"] for item in exported] == found


def test_a_query_wins_over_filters(liquid: Liquid):
    liquid.work_off(liquid.upload(items("1", "2", name="Ann")))
    query = "SELECT c.name FROM contacts c LIMIT 1"

    done = liquid.work_off(liquid.export(sqlQuery=query, filters="{'name': ", contentType="text/plain"))

    assert (done["status"], done["recordsProcessed"]) == ("Completed", "1")


def test_a_csv_export_with_a_header_and_compressed(liquid: Liquid):
    liquid.work_off(liquid.upload(items("1", name="Ann")))

    done = liquid.work_off(liquid.export(contentType="text/csv", rowHeader="True", gzip="true"))

    content = liquid.client.get(done["links"][0].removeprefix("http://localhost:8080")).data
    assert b"name" in gzip.decompress(content).splitlines()[0]

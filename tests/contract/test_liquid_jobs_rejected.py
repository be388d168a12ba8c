"""Parameters that cannot be used: answered with 200 and a job that is Rejected, saying why."""

import io
from typing import Any

import pytest
from flask import Flask

from api.usecases.collections import ItemField, add_collection
from api.usecases.services import Service
from shared.db import sweeps
from shared.db.models import Notification
from shared.ground import Ground
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.integration.builders import storage_folder

ITEMS = b'[{"documentid": "1"}]'


@pytest.fixture
def liquid(app: Flask, ground: Ground, service: Service) -> Liquid:
    """A client of a community that also has the item type Account, with a schema."""
    fields = [ItemField("accountId", "string"), ItemField("age", "int"), ItemField("address", "block")]
    add_collection(ground, service, "/Account", key="accountId", fields=fields)
    return liquid_client(app.test_client(), ground, service)


def blocks_of(ground: Ground) -> set[str]:
    """Names of everything in block storage that the next sweeps leave there."""
    with ground.database.begin() as session:
        garbage = {str(import_id) for import_id in sweeps.garbage(session, limit=100_000)}
    return {str(path) for path in storage_folder(ground).glob("*/*") if path.parent.name not in garbage}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"itemType": None}, "The parameter itemType is missing."),
        ({"itemType": "Nothing"}, "There is no item type 'Nothing' in this community."),
        (
            {"itemType": "/Account"},
            "There is no item type '/Account' in this community. Did you mean Account?",
        ),
        ({"itemType": "aCCount"}, "There is no item type 'aCCount' in this community. Did you mean Account?"),
        ({"itemType": "a\0b"}, "There is no item type 'a\ufffdb' in this community."),
        ({"jobName": None}, "The parameter jobName is missing."),
        ({"jobName": "  "}, "The parameter jobName is missing."),
        ({"contentType": "image/png"}, "The contentType 'image/png' is not known"),
        ({"merge": "perhaps"}, "The parameter merge is 'perhaps': true or false is expected."),
        ({"contentType": "text/plain", "headerRow": "2"}, "The parameter headerRow is '2'"),
        ({"contentType": "text/plain"}, "The columns of the file are not known"),
        ({"contentType": "text/plain", "template": "#if ($a)"}, "Template line 1, column 1: "),
        ({"contentType": "text/csv; charset=klingon"}, "The charset 'klingon' is not known."),
        ({"contentType": "text/csv; charset=rot13"}, "The charset 'rot13' is not known."),
        ({"contentType": "text/csv; charset=punycode"}, "The charset 'punycode' is not known."),
        ({"contentType": "text/csv", "separator": "a"}, "The parameter separator is 'a': comma, semicolon"),
        ({"separator": ",;"}, "The parameter separator is ',;': comma, semicolon"),
        (
            {"headerRow": "1", "rowHeader": "0"},
            "The parameters headerRow and rowHeader contradict each",
        ),
        ({"notificationEmail": "joe"}, "The parameter notificationEmail cannot be used."),
        ({"notificationEmail": "a@b.org, c@d.org"}, "The parameter notificationEmail cannot be used."),
    ],
)
def test_an_import_with_bad_parameters(liquid: Liquid, ground: Ground, wrong: dict[str, Any], reason: str):
    before = blocks_of(ground)

    rejected = liquid.upload(ITEMS, **wrong)

    assert rejected["status"] == "Rejected"
    assert rejected["reason"].startswith(reason)
    assert liquid.status(rejected) == rejected
    assert blocks_of(ground) == before
    assert liquid.documents() == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"itemType": None}, "The parameter itemType is missing."),
        (
            {"itemType": "Nothing"},
            "There is no item type 'Nothing' in this community. Item types are added on the service's side:"
            " longshore collections add.",
        ),
        ({"jobName": None}, "The parameter jobName is missing."),
        ({"contentType": None}, "The parameter contentType is missing: application/json or"),
        ({"contentType": "image/png"}, "The contentType 'image/png' is not known"),
        ({"rowHeader": "2"}, "The parameter rowHeader is '2'"),
        ({"gzip": "2"}, "The parameter gzip is '2'"),
        ({"contentType": "text/plain", "template": "#include('x')"}, "Template line 1, column 1: "),
        ({"template": "$name"}, "A template makes text of the items, and the contentType asks for JSON"),
        (
            {"headerRow": "1", "rowHeader": "0"},
            "The parameters headerRow and rowHeader contradict each",
        ),
        ({"filters": "{'city': "}, "The parameter filters cannot be read: "),
        ({"filters": "[1]"}, "The parameter filters cannot be used: "),
        ({"filters": "{'city': {'a': 1}}"}, "The filter on 'city' cannot be used: "),
        ({"filters": "{'city': None}"}, "The filter on 'city' cannot be used: "),
        ({"filters": "{'city': 'Bern'}", "itemType": "Account"}, "Account has no field 'city' to filter by."),
        ({"sqlQuery": "DELETE FROM contacts"}, "The SQL is not a SELECT"),
        ({"sqlQuery": "SELECT * FROM pg_class"}, ""),
        ({"sqlQuery": "SELECT 1; SELECT 2"}, "The SQL has 2 statements"),
    ],
)
def test_an_export_with_bad_parameters(liquid: Liquid, wrong: dict[str, Any], reason: str):
    rejected = liquid.export(**wrong)

    assert rejected["status"] == "Rejected"
    assert rejected["reason"].startswith(reason)
    assert liquid.status(rejected) == rejected
    assert liquid.job("cancel", jobId=rejected["jobId"]) == rejected


def test_what_was_said_of_a_rejected_job_is_told_again(liquid: Liquid):
    rejected = liquid.upload(ITEMS, itemType="Nothing", contentType="plain/text", jobName="Näme")

    told = [rejected[name] for name in ("jobName", "itemType", "contentType", "recordsProcessed", "links")]
    assert told == ["Näme", "Nothing", "plain/text", "0", []]


def test_a_file_must_be_there(liquid: Liquid):
    form = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"}

    without = liquid(f"{BATCH}/import", data=form, content_type="multipart/form-data").get_json()
    empty = liquid.upload(b"")

    assert (without["status"], without["reason"]) == ("Rejected", "The parameter file is missing.")
    assert (empty["status"], empty["reason"]) == ("Rejected", "The file is empty.")


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"jobName": "A job", "itemType": "contacts", "file": "[]"}},
        {"json": {"jobName": "A job", "itemType": "contacts"}},
        {"data": b"", "content_type": ""},
    ],
    ids=["urlencoded", "JSON", "empty"],
)
def test_a_form_that_cannot_hold_a_file_is_a_rejected_job(liquid: Liquid, body: dict[str, Any]):
    rejected = liquid(f"{BATCH}/import", **body)

    job = rejected.get_json()
    assert (rejected.status_code, job["status"]) == (200, "Rejected")
    assert job["reason"].startswith("The parameter file is missing: send the form as multipart/form-data")
    assert liquid.status(job) == job


@pytest.mark.parametrize(
    "harmless",
    [
        {"headerRow": "True", "rowHeader": "true", "separator": "tab", "template": "$x"},
        {"merge": "", "headerRow": "", "separator": "", "template": "", "notificationEmail": ""},
        {"merge": ["False", "False", ""], "somethingElse": "1"},
    ],
    ids=["of other files", "empty", "twice the same, and unknown"],
)
def test_parameters_that_say_nothing_about_a_file_do_no_harm(liquid: Liquid, harmless: dict[str, Any]):
    job = liquid.upload(ITEMS, **harmless)

    assert liquid.work_off(job)["status"] == "Completed"
    assert liquid.documents() == [{"documentid": "1"}]


@pytest.mark.parametrize("path", ["import", "export", "status"])
def test_a_parameter_with_two_values_is_refused(liquid: Liquid, path: str):
    form = {"jobName": ["A job", "Another"], "itemType": "contacts", "contentType": "application/json"}
    options = {"content_type": "multipart/form-data"} if path == "import" else {}

    refused = liquid(f"{BATCH}/{path}", data=form, **options)

    assert (refused.status_code, refused.get_json()) == (
        400,
        {
            "error": "invalid_request",
            "error_description": "The parameter 'jobName' has two different values: send one.",
        },
    )


@pytest.mark.parametrize(
    ("said", "cell"), [(";", "a,b|c\td"), ("tab", "a;b,c|d"), ("\t", "a;b,c|d"), ("^", "a,b;c|d")]
)
def test_a_separator_that_is_said_overrides_what_is_found(liquid: Liquid, said: str, cell: str):
    mark = "\t" if said == "tab" else said
    rows = f"documentid{mark}x\n1{mark}{cell}\n"

    job = liquid.upload(rows.encode(), contentType="text/csv", headerRow="true", separator=said)

    assert liquid.work_off(job)["status"] == "Completed"
    assert liquid.documents() == [{"documentid": "1", "x": cell}]


def test_a_rejection_is_mailed_where_that_is_possible(liquid: Liquid, ground: Ground):
    asked = liquid.upload(ITEMS, itemType="Nothing", notificationEmail="joe@example.com")
    unseen = liquid.export(itemType="Nothing", notificationEmail="joe@example.com")

    with ground.database.begin() as session:
        mails = [session.get(Notification, liquid.row(job).id) for job in (asked, unseen)]
    assert [mail.recipient for mail in mails if mail] == ["joe@example.com"] * 2


def test_a_csv_without_header_takes_the_columns_of_the_schema(liquid: Liquid):
    job = liquid.upload(b'7,41,"{""city"": ""Bern""}"\n', contentType="text/plain", itemType="Account")

    assert liquid.work_off(job)["status"] == "Completed"
    assert liquid.documents("/Account") == [
        {"documentid": "7", "accountId": "7", "age": 41, "address": {"city": "Bern"}}
    ]


def test_a_csv_without_header_takes_a_template(liquid: Liquid):
    template = '{"documentid": $json.quote($c1), "name": $json.quote($c2)}'

    job = liquid.upload(b"7,Ann\n", contentType="plain/text", template=template)

    assert liquid.work_off(job)["status"] == "Completed"
    assert liquid.documents() == [{"documentid": "7", "name": "Ann"}]


@pytest.mark.parametrize(
    ("content_type", "part_type"),
    [("text/plain; charset=ISO-8859-1", "text/plain"), ("text/plain", "text/plain; charset=latin1")],
)
def test_a_declared_charset_is_read(liquid: Liquid, content_type: str, part_type: str):
    form = {"jobName": "A job", "itemType": "contacts", "contentType": content_type, "headerRow": "true"}
    file = (io.BytesIO("documentid,name\n1,Zoë\n".encode("latin-1")), "a.csv", part_type)

    job = liquid.job("import", **form, file=file)

    assert job["contentType"] == content_type
    assert liquid.work_off(job)["status"] == "Completed"
    assert liquid.documents() == [{"documentid": "1", "name": "Zoë"}]


def test_a_content_type_may_be_told_by_the_files_part_alone(liquid: Liquid):
    file = (io.BytesIO(ITEMS), "a.json", "application/json")

    job = liquid.job("import", jobName="A job", itemType="contacts", file=file)

    assert job["status"] == "Accepted"

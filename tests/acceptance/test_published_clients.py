"""What the vendor's example programs get, from the token to the download: HTTP only, with real workers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.jobs import FINAL
from tests.acceptance import example_items, published_clients
from tests.acceptance.administration import Administration
from tests.acceptance.conftest import EMAIL, PASSWORD
from tests.acceptance.processes import held
from tests.acceptance.published_clients import Options
from tests.acceptance.waiting import wait_for

TEMPLATE = '{"accountId": $json.quote($number), "name": $json.quote($name)}'
LINES = "#foreach ($day in $deliveryDays)$accountId;$day\n#end"


@pytest.fixture(scope="module")
def client_credentials(administration: Administration) -> tuple[str, str]:
    administration.add_client("LiquidDecisions", "s3cret +%")
    return "LiquidDecisions", "s3cret +%"


@pytest.fixture
def options(
    stack: dict[str, Any], account: None, item_type: str, client_credentials: tuple[str, str]
) -> Options:
    """What all programs are started with."""
    client_id, client_secret = client_credentials
    return Options(
        host_url=stack["url"],
        user_id=EMAIL,
        password=PASSWORD,
        community=stack["service"],
        client_id=client_id,
        client_secret=client_secret,
        job_name="Account Import Job",
        item_type=item_type,
        content_type="application/json",
    )


@pytest.fixture
def accounts(item_type: str, tmp_path: Path) -> str:
    """The path of a file of items."""
    file = tmp_path / "accounts.json"
    file.write_text(example_items.ACCOUNTS.replace('"Account"', f'"{item_type}"'))
    return str(file)


def ended(options: Options, job: dict[str, Any]) -> dict[str, Any]:
    """The job's status at its end, asked for by one run of the program after the other."""
    asking = replace(options, job_id=job["jobId"])

    def look() -> dict[str, Any] | None:
        status: dict[str, Any] = published_clients.batch_status(asking)
        return status if status["status"] in FINAL else None

    found = wait_for(look)
    assert found is not None
    return found


def exported(options: Options) -> str:
    """What is behind the link of an export."""
    job = ended(options, published_clients.batch_export(options))
    assert job["status"] == "Completed", job
    [link] = job["links"]
    return httpx.get(link, trust_env=False).raise_for_status().text


def test_a_token_is_given_without_a_client_and_told_from_another_one(options: Options) -> None:
    assert published_clients.oauth2_example(options) == (True, False)


def test_a_token_tells_whose_it_is_and_for_which_community(options: Options) -> None:
    told = published_clients.token_info(options, options.community)

    assert (told["userId"], told["authenticatedUserId"], told["community"]) == (
        EMAIL,
        EMAIL,
        options.community,
    )


def test_a_file_of_items_goes_in_and_comes_out(options: Options, accounts: str) -> None:
    importing = replace(options, file=accounts, merge=False, notification_email="joe@example.com")

    job = published_clients.batch_import(importing)
    found = ended(options, job)

    assert (job["status"], job["recordsProcessed"], job["runTime"]) == ("Accepted", "0", "0")
    assert (job["jobName"], job["contentType"], job["itemType"]) == (
        "Account Import Job",
        "application/json",
        options.item_type,
    )
    assert found["reason"] == "The file has been processed: 3 created, 1 updated, 1 deleted"
    items = json.loads(exported(options))
    assert [item["data"] for item in items] == example_items.outcome_of(
        json.loads(Path(accounts).read_text())
    )


def test_options_that_were_not_given_are_absent(options: Options, accounts: str) -> None:
    job = published_clients.batch_import(replace(options, file=accounts, job_name="Nightly"))

    assert "notificationEmail" not in job
    assert ended(options, job)["status"] == "Completed"


def test_a_table_is_read_with_a_template_that_is_labelled_json(options: Options, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_bytes(b"number,name\r\nA1,Ann\r\n")
    (tmp_path / "template.vm").write_text(TEMPLATE)
    importing = replace(
        options,
        content_type="plain/text",
        file=str(tmp_path / "accounts.csv"),
        template=str(tmp_path / "template.vm"),
        header_row="true",
        merge="True",
    )

    found = ended(options, published_clients.batch_import(importing))

    assert (found["status"], found["contentType"]) == ("Completed", "plain/text")
    [item] = json.loads(exported(options))
    assert item["data"] == {"accountId": "A1", "name": "Ann"}


def test_exports_are_asked_for_in_every_way_the_program_knows(
    options: Options, accounts: str, tmp_path: Path
) -> None:
    ended(options, published_clients.batch_import(replace(options, file=accounts)))
    (tmp_path / "lines.vm").write_text(LINES)
    relation = f"{options.community.capitalize()}_entity_{options.item_type}"
    query = f"SELECT * FROM {relation} m order by m.name DESC LIMIT 250"
    by_class = {"accountClass": "/Account/accountClass[invoiced]", "creditBlock": "true"}

    everything = json.loads(exported(options))
    some = json.loads(exported(replace(options, filters=by_class)))
    none = json.loads(exported(replace(options, filters={"name": "value1", "chain": "value2"})))
    by_query = json.loads(exported(replace(options, sql_query=query, filters={"name": "nobody"})))
    text = exported(replace(options, content_type="text/plain", template=str(tmp_path / "lines.vm")))

    assert [item["data"]["accountId"] for item in everything] == ["A100", "A125"]
    assert [item["data"]["accountId"] for item in some] == ["A100"]
    assert none == []
    assert [row["accountId"] for row in by_query] == ["A125", "A100"]
    assert text.split() == ["A100;Mon", "A100;Thu"]


def test_a_job_is_canceled(options: Options, accounts: str, running_pids: Callable[[str], list[int]]) -> None:
    with held(running_pids("worker")):
        job = published_clients.batch_import(replace(options, file=accounts))
        canceled = published_clients.batch_cancel(replace(options, job_id=job["jobId"]))

    assert canceled["status"] == "Canceled"
    assert published_clients.batch_cancel(replace(options, job_id=job["jobId"])) == canceled
    assert json.loads(exported(options)) == []


def test_items_are_upserted_and_followed(options: Options, tmp_path: Path) -> None:
    items = [
        {"headers": {"category": "entity", "type": options.item_type, "action": "Create"}, "data": data}
        for data in [*({"accountId": f"{n:02}"} for n in range(25)), {"name": "no key"}]
    ]
    (tmp_path / "items.json").write_text(json.dumps(items))

    answer = published_clients.upsert(replace(options, file=str(tmp_path / "items.json")))
    pages = published_clients.updates(options)

    [rejected] = answer["rejectedItems"]
    assert (answer["count"], rejected["data"]) == (26, {"name": "no key"})
    assert rejected["headers"]["receiptType"] == "invalid_key"
    assert "accountId" in rejected["headers"]["receiptMessage"]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [item["data"] for page in pages for item in page] == [item["data"] for item in items[:25]]


def test_updates_without_a_token_are_refused(options: Options) -> None:
    """As the published program asks for them: it forgets to send the token that it has got."""
    answer = published_clients.post(options, "items/updates", data={"itemType": "Account", "max": 10})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")

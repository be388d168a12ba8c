"""What is answered where a data service has as much as it may have, and by each door in its own form."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from api.usecases import tokens
from api.usecases.services import Service
from shared.ground import Ground
from shared.settings import Settings
from tests.contract.conftest import IMPORTS, Caller, application
from tests.contract.liquid import BATCH, Liquid, liquid_client
from tests.contract.test_liquid_jobs_clients import file_part, multipart, part
from tests.contract.test_problems import assert_problem
from tests.integration.builders import tuned

BLOCK = b'{"documentid":"1"}\n'
FIELDS = {"jobName": "A job", "itemType": "contacts", "contentType": "application/json"}
TOO_MANY_BYTES = (
    f"With this, more than {len(BLOCK)} bytes would be stored, the most there may be: delete imports that are"
    " no longer needed, or wait until files of ended jobs have expired."
)
ITEMS = b'[{"documentid": "1"}]'

Door = tuple[Caller, Liquid]
WithLimits = Callable[..., Door]


@pytest.fixture
def limited(ground: Ground, service: Service, secret: str, settings: Settings) -> Iterator[WithLimits]:
    """Clients of both doors of a process that has these limits."""
    with ExitStack() as open_apps:

        def clients(**limits: int) -> Door:
            app = open_apps.enter_context(application(replace(settings, **limits)))
            caller = Caller(app.test_client(), service, tokens.mint(secret, None))
            return caller, liquid_client(app.test_client(), ground, service)

        yield clients


def create(call: Caller) -> Any:
    return call("POST", IMPORTS, json={"strategy": ["create"], "collection": "/contacts"})


def test_too_many_open_imports(limited: WithLimits) -> None:
    call, _ = limited(open_imports=1)
    import_id = call.new_import()

    refused = create(call)

    reason = (
        "1 imports have not ended, the most there may be at a time: wait for some to end, or cancel some."
    )
    assert_problem(refused, 429, "Too many open imports", ("import", reason))
    assert int(refused.headers["Retry-After"]) > 0
    call("DELETE", f"{IMPORTS}/{import_id}")
    assert create(call).status_code == 200


def test_too_many_blocks(limited: WithLimits) -> None:
    call, _ = limited(import_blocks=1)
    import_id = call.new_import()
    call.add_block(import_id, BLOCK)

    refused = call.add_block(import_id, BLOCK)

    reason = "An import takes up to 1 blocks: go on in another import."
    assert_problem(refused, 400, "Too many import blocks", ("Import block", reason))
    assert call("GET", f"{IMPORTS}/{import_id}").get_json()["blockCount"] == 1


def test_too_many_stored_bytes(limited: WithLimits) -> None:
    call, _ = limited(stored_bytes=len(BLOCK))
    import_id, next_id = call.new_import(), call.new_import()
    call.add_block(import_id, BLOCK)

    refused = call.add_block(next_id, BLOCK)

    assert_problem(refused, 409, "Too many stored bytes", ("Import block", TOO_MANY_BYTES))
    call("DELETE", f"{IMPORTS}/{import_id}")
    assert call.add_block(next_id, BLOCK).status_code == 200


@pytest.mark.parametrize("room_bytes", [0, 10], ids=["there is none", "there is some"])
def test_a_batch_import_without_room_for_its_file_is_rejected_with_its_reason(
    limited: WithLimits, room_bytes: int
) -> None:
    call, liquid = limited(stored_bytes=len(BLOCK) + room_bytes)
    call.add_block(call.new_import(), BLOCK)

    rejected = liquid.upload(ITEMS)

    limit = len(BLOCK) + room_bytes
    assert rejected["status"] == "Rejected"
    assert rejected["reason"] == TOO_MANY_BYTES.replace(f"{len(BLOCK)} bytes", f"{limit} bytes")
    assert liquid.status(rejected) == rejected
    assert liquid.row(rejected).import_id is None


def test_a_batch_export_without_room_for_its_file_is_rejected_with_its_reason(
    limited: WithLimits, ground: Ground
) -> None:
    call, liquid = limited(stored_bytes=len(BLOCK))
    call.add_block(call.new_import(), BLOCK)
    accepted = liquid.export()

    rejected = replace(liquid, ground=tuned(ground, stored_bytes=len(BLOCK))).work_off(accepted)

    assert (rejected["status"], rejected["links"]) == ("Rejected", [])
    assert rejected["reason"] == f"The export cannot be done: {TOO_MANY_BYTES}"


def test_too_many_jobs_within_an_hour_the_rejected_ones_counted(limited: WithLimits, ground: Ground) -> None:
    _, liquid = limited(jobs_an_hour=3)
    told = {"notificationEmail": "joe@example.com"}
    liquid.upload(ITEMS, **told)
    liquid.export(itemType="unknown", **told)
    liquid.upload(ITEMS, itemType="unknown", **told)

    refused = [
        liquid(f"{BATCH}/export", data=FIELDS | told),
        liquid(f"{BATCH}/export", data=told),
        liquid(f"{BATCH}/import", data=FIELDS | told),
        liquid(f"{BATCH}/import", data=FIELDS | told | {"file": (io.BytesIO(ITEMS), "a.json")}),
        liquid(f"{BATCH}/import", data={"file": (io.BytesIO(ITEMS), "a.json")} | FIELDS | told),
    ]

    assert [answer.status_code for answer in refused] == [429] * 5
    assert {answer.get_json()["error"] for answer in refused} == {"temporarily_unavailable"}
    assert all(3500 < int(answer.headers["Retry-After"]) <= 3600 for answer in refused)
    assert kept(ground, liquid) == (3, 2)

    an_hour_passes(ground, liquid)

    assert liquid.export()["status"] == "Accepted"


def kept(ground: Ground, liquid: Liquid) -> tuple[int, int]:
    """How many jobs the community has, and how many mails about their ends."""
    counts = """
    SELECT count(*), count(n.job_id) FROM batch_jobs j LEFT JOIN notifications n ON n.job_id = j.id
     WHERE j.service_id = :service_id
    """
    with ground.database.begin() as session:
        jobs, mails = session.execute(text(counts), {"service_id": liquid.service.id}).one()
    return jobs, mails


def an_hour_passes(ground: Ground, liquid: Liquid) -> None:
    earlier = "UPDATE batch_jobs SET submitted_at = submitted_at - interval '1 hour' WHERE service_id = :id"
    with ground.database.begin() as session:
        session.execute(text(earlier), {"id": liquid.service.id})


@pytest.mark.parametrize("file_comes", ["first", "last"])
def test_a_batch_import_beyond_the_open_imports_is_rejected_with_its_reason(
    limited: WithLimits, file_comes: str
) -> None:
    call, liquid = limited(open_imports=1)
    call.new_import()
    file = file_part("file", "a.json", ITEMS, "application/json")
    fields = [part(name, value.encode()) for name, value in FIELDS.items()]

    response = liquid(
        f"{BATCH}/import", **multipart({}, *([file, *fields] if file_comes == "first" else [*fields, file]))
    )

    rejected = response.get_json()
    assert (response.status_code, rejected["status"]) == (200, "Rejected")
    assert rejected["reason"].startswith("1 imports have not ended, the most there may be at a time")
    assert (rejected["jobName"], rejected["itemType"]) == ("A job", "contacts")
    assert liquid.status(rejected) == rejected
    assert liquid.documents() == []

"""Whoever asked for it: lines of workers carry the id of the request that set an import or export going."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from api.usecases import tokens
from api.usecases.services import Service
from shared import request_ids
from shared.db.models import Import
from shared.db.transition import move
from shared.ground import Ground
from shared.lifecycle import Event, Status
from tests.acceptance.waiting import wait_for
from tests.integration.builders import (
    after_batches,
    an_import,
    ask,
    go_home,
    let_leases_expire,
    numbered,
    work,
    work_off,
)
from tests.integration.job_builders import accounts, an_export
from tests.integration.programs import program
from tests.serving import gunicorn
from tests.supplies.external import empty_redis
from workers.exporting import run_export
from workers.sweeping import sweep

IMPORTS = "/__resources/imports"


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


def ids(lines: list[Any]) -> set[str | None]:
    """The ids that the lines carry; None where there is a line without one."""
    assert lines
    return {line.get("request_id") for line in lines}


def by_request(ground: Ground, service: Service, import_id: int, status: Status, request_id: str) -> None:
    with request_ids.bound(request_id):
        ask(ground, service, import_id, status)


def test_every_line_about_an_import_carries_the_request_that_started_it(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(7), b"oops\n", status=Status.CONFIGURING)
    by_request(small, service, import_id, Status.STARTED, "started-by")

    with logged() as lines:
        work_off(small, service, import_id)

    assert ids(lines) == {"started-by"}
    assert {"block_claimed", "batch_applied", "import_moved"} <= {line["event"] for line in lines}


def test_who_takes_over_from_a_worker_that_died_knows_it_too(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(7), status=Status.CONFIGURING)
    by_request(small, service, import_id, Status.STARTED, "started-by")
    work(small, import_id, should_stop=after_batches(1, go_home))
    let_leases_expire(small, import_id)

    with logged() as lines:
        work_off(small, service, import_id)

    assert ids(lines) == {"started-by"}


def test_who_resumes_an_import_answers_for_it_from_then_on(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(7), status=Status.CONFIGURING)
    by_request(small, service, import_id, Status.STARTED, "started-by")
    by_request(small, service, import_id, Status.PAUSED, "paused-by")
    by_request(small, service, import_id, Status.RESUMED, "resumed-by")

    with logged() as lines:
        work_off(small, service, import_id)

    assert ids(lines) == {"resumed-by"}


def test_who_moves_an_import_is_told_by_the_line_itself(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(7), status=Status.CONFIGURING)

    with logged() as lines:
        by_request(small, service, import_id, Status.STARTED, "started-by")
        by_request(small, service, import_id, Status.CANCELED, "canceled-by")

    moves = [line["request_id"] for line in lines if line["event"] == "import_moved"]
    assert moves == ["started-by", "canceled-by"]


def test_maintenance_leaves_the_id(small: Ground, service: Service):
    import_id = an_import(small, service, numbered(7), status=Status.CONFIGURING)
    by_request(small, service, import_id, Status.STARTED, "started-by")
    work(small, import_id, should_stop=after_batches(1, go_home))

    with request_ids.bound("maintained-by"), small.database.begin() as session:
        assert move(session, import_id, Event.SUSPEND)
        assert move(session, import_id, Event.READMIT)

    with small.database.begin() as session:
        assert session.get_one(Import, import_id).request_id == "started-by"


def test_without_a_request_there_is_no_id(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(1))

    with logged() as lines:
        work_off(ground, service, import_id)

    assert all("request_id" not in line for line in lines)


def test_lines_about_an_export_carry_the_request_that_asked_for_it(ground: Ground, service: Service):
    accounts(ground, service)
    with request_ids.bound("asked-by"):
        job = an_export(ground, service)

    with logged() as lines:
        run_export(ground, job.export_id, worker="w", should_stop=lambda: False)

    assert ids(lines) == {"asked-by"}


@pytest.mark.parametrize("is_nudge_lost", [False, True], ids=["nudged", "nudge lost"])
def test_one_id_is_in_the_answer_and_in_the_logs_of_api_and_worker(
    environment: Mapping[str, str],
    ground: Ground,
    service: Service,
    secret: str,
    tmp_path: Path,
    is_nudge_lost: bool,
):
    import_id = an_import(ground, service, numbered(3), status=Status.CONFIGURING)
    headers = {
        "Host": f"{service.name}.localhost",
        "Authorization": f"Bearer {tokens.mint(secret, None)}",
        "X-Request-Id": "from-the-balancer",
    }
    own = environment | {"LONGSHORE_LOG_FORMAT": "json", "LONGSHORE_WORKER_PROCESSES": "1"}

    with (tmp_path / "api").open("wb") as log, gunicorn(own, log=log) as served:
        answer = httpx.patch(
            f"{served.url}{IMPORTS}/{import_id}",
            json={"status": "started"},
            headers=headers,
            timeout=30,
            trust_env=False,
        )
    if is_nudge_lost:
        empty_redis(ground.settings.redis_url)
    with (tmp_path / "worker").open("wb") as log, program("worker", own, log=log):
        if is_nudge_lost:
            sweep(ground)
        applied = wait_for(lambda: [line for line in told(tmp_path / "worker", import_id) if is_batch(line)])

    assert (answer.status_code, answer.headers["X-Request-Id"]) == (200, "from-the-balancer")
    assert ids(told(tmp_path / "api", import_id)) == {"from-the-balancer"}
    assert ids(told(tmp_path / "worker", import_id)) == ids(applied) == {"from-the-balancer"}


def is_batch(line: dict[str, Any]) -> bool:
    return line["event"] == "batch_applied"


def told(log: Path, import_id: int) -> list[dict[str, Any]]:
    """Complete lines about the import."""
    lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line.get("import_id") == import_id]

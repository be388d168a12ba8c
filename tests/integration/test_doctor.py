"""`longshore doctor` beside real services, one of them wrong at a time."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url, text

from api.cli.main import longshore
from api.usecases.collections import add_collection
from api.usecases.imports import delete_import
from api.usecases.maintenance import begin_maintenance, end_maintenance
from api.usecases.services import add_service
from shared.db import examining
from shared.db.migrate import prepare_reader
from shared.db.queries.reader import reader_of
from shared.ground import Ground
from shared.lifecycle import Status
from tests.collector import a_collector
from tests.integration.builders import an_import, numbered
from tests.mail_servers import mail_server
from tests.storages import folder_of
from tests.supplies.external import empty_redis
from workers.sweeping import sweep

NOWHERE = "127.0.0.1:1"

Examine = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture(scope="module")
def sound(module_apart: Ground) -> Ground:
    """A database of this module's own, with all that belongs to it."""
    prepare_reader(module_apart.database, reader_of(module_apart.settings.database_url))
    return module_apart


@pytest.fixture
def call(sound: Ground) -> Callable[..., Any]:
    """Runs the command with these settings, changed as told."""
    usual = {
        "DATABASE_URL": sound.settings.database_url,
        "REDIS_URL": sound.settings.redis_url,
        "STORAGE_URL": sound.settings.storage_url,
    }

    def run(*arguments: str, **changes: str) -> Any:
        return CliRunner().invoke(
            longshore, ["doctor", *arguments], env=usual | changes, standalone_mode=False
        )

    return run


@pytest.fixture
def examine(call: Callable[..., Any]) -> Examine:
    """The last finding on each subject."""

    def run(**changes: str) -> dict[str, dict[str, str]]:
        result = call("--json", **changes)
        told = json.loads(result.stdout)
        assert result.return_value == (1 if told["verdict"] == "fail" else 0)
        return {finding["subject"]: finding for finding in told["findings"]}

    return run


def test_a_sound_service_has_nothing_that_fails(examine: Examine):
    found = examine()

    assert [name for name, finding in found.items() if finding["verdict"] == "fail"] == []
    for name in ("settings", "database", "clock", "schema", "reader", "redis", "storage"):
        assert found[name]["verdict"] == "ok", found[name]


def test_each_line_begins_with_its_verdict(call: Callable[..., Any]):
    lines = call(SMTP_URL=f"smtp://{NOWHERE}").stdout.splitlines()

    assert [line for line in lines if line.startswith("ok    clock: This machine is ")]
    [mails] = [n for n, line in enumerate(lines) if line.startswith("fail  mails: ")]
    assert lines[mails + 1].startswith("      Start the mail server")


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"DATABASE_URL": f"postgresql://longshore:geheim@{NOWHERE}/x"}, "database"),
        ({"REDIS_URL": f"redis://:geheim@{NOWHERE}"}, "redis"),
        ({"STORAGE_URL": "file:///no/such/folder"}, "storage"),
        ({"SMTP_URL": f"smtp://ann:geheim@{NOWHERE}"}, "mails"),
        ({"SMTP_URL": "file:///dev/null/mails"}, "mails"),
        ({"LONGSHORE_READER_URL": "postgresql://nobody:geheim@localhost/x"}, "reader"),
        ({"LONGSHORE_LEASE_SECONDS": "soon"}, "settings"),
    ],
)
def test_what_does_not_work_fails_with_advice_and_without_secrets(
    examine: Examine, changes: dict[str, str], subject: str
):
    finding = examine(**changes)[subject]

    assert finding["verdict"] == "fail"
    assert finding["advice"]
    assert "geheim" not in str(finding)


def test_a_database_that_is_not_migrated_is_told_of(examine: Examine, empty_url: str):
    found = examine(DATABASE_URL=empty_url)

    assert (found["schema"]["verdict"], found["storage"]["verdict"]) == ("fail", "warn")
    assert "longshore migrate" in found["schema"]["advice"]


def test_a_mail_server_is_greeted_and_given_nothing(examine: Examine):
    with mail_server() as server:
        finding = examine(SMTP_URL=server.url, LONGSHORE_MAIL_FROM="a@example.org")["mails"]

    assert finding["verdict"] == "ok"
    assert server.mails == []


def test_a_proxy_that_has_a_name_is_looked_up(examine: Examine):
    found = examine(LONGSHORE_TRUSTED_PROXIES="10.1.0.0/16, localhost")["proxies"]
    missing = examine(LONGSHORE_TRUSTED_PROXIES="nobody.invalid")["proxies"]

    assert (found["verdict"], missing["verdict"]) == ("ok", "warn")
    assert "localhost is at " in found["found"]
    assert "127.0.0.1" in found["found"]
    assert "nobody.invalid" in missing["found"]
    assert "proxies" not in examine()


def test_a_collector_is_asked_where_one_is_named(examine: Examine):
    with a_collector() as collector:
        finding = examine(**collector.environment)["traces"]

    assert finding["verdict"] == "ok"
    assert (collector.requests, collector.spans) == (1, [])
    assert "traces" not in examine()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOWHERE}"}, "refused"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "collector:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{NOWHERE}", "OTEL_BSP_SCHEDULE_DELAY": "-1"}, "positive"),
    ],
)
def test_a_collector_that_takes_no_spans_is_told_of(examine: Examine, variables: dict[str, str], told: str):
    finding = examine(**variables)["traces"]

    assert finding["verdict"] == "warn"
    assert told in finding["found"]
    assert "4318" in finding["advice"]


def test_a_collector_that_refuses_is_told_of_with_its_answer(examine: Examine):
    with a_collector() as collector:
        collector.status = 401
        finding = examine(**collector.environment, OTEL_EXPORTER_OTLP_HEADERS="authorization=geheim")[
            "traces"
        ]

    assert (finding["verdict"], "401" in finding["found"]) == ("warn", True)
    assert "geheim" not in str(finding)


def test_a_volume_that_cannot_be_written_to_fails(examine: Examine, sound: Ground):
    folder = folder_of(sound.settings.storage_url)
    (folder / "doctor").write_text("in the way of what is to be written")
    try:
        finding = examine()["storage"]
    finally:
        (folder / "doctor").unlink()

    assert finding["verdict"] == "fail"


def test_blocks_that_are_still_to_be_applied_must_be_there(examine: Examine, sound: Ground):
    """As after a restore: the copy of the blocks was older than the dump."""
    service, _ = add_service(sound, "tenant")
    add_collection(sound, service, "/contacts")
    imports = [an_import(sound, service, numbered(3), status=Status.CONFIGURING) for _ in range(2)]
    before = examine()["blocks"]
    sound.storage.remove_group(str(imports[0]))

    finding = examine()["blocks"]

    for import_id in imports:
        delete_import(sound, service, import_id)
    assert (before["verdict"], finding["verdict"]) == ("ok", "fail")
    assert "1 of 2 are missing" in finding["found"]


def test_nothing_stays_behind(examine: Examine, sound: Ground):
    folder = folder_of(sound.settings.storage_url)
    before = set(folder.rglob("*"))

    examine()

    assert set(folder.rglob("*")) == before


def test_a_reader_that_may_read_everything_is_refused(examine: Examine, sound: Ground):
    role = make_url(sound.settings.database_url).username

    finding = examine(LONGSHORE_READER_URL=sound.settings.database_url)["reader"]

    assert finding["verdict"] == "fail"
    assert f"The role {role} may do more than read" in finding["found"]


def test_maintenance_is_told_of(examine: Examine, sound: Ground):
    begin_maintenance(sound, "new disks")
    try:
        assert examine()["maintenance"]["verdict"] == "warn"
    finally:
        end_maintenance(sound)


def test_workers_are_counted_by_their_connections(examine: Examine, sound: Ground):
    worker = Ground.open(sound.settings, "worker-a1b2c3")
    with worker.database.begin() as session:
        session.execute(text("SELECT 1"))
    try:
        assert examine()["workers"]["found"].endswith("database: 1.")
    finally:
        worker.close()


def test_without_beat_the_last_sweep_grows_old_and_is_told_of(examine: Examine, sound: Ground):
    """Workers were there, and `ok`; nothing that was lost would have been found again."""
    empty_redis(sound.settings.redis_url)
    never = examine()["sweep"]
    sweep(sound)
    fresh = examine()
    noted = time.monotonic()
    with sound.database.begin() as session:
        sound.dispatcher.note_sweep(examining.clock(session) - timedelta(minutes=3))
    old = examine()["sweep"]
    passed_seconds = time.monotonic() - noted

    assert (fresh["sweep"]["verdict"], fresh["workers"]["verdict"]) == ("ok", "ok")
    for finding in (never, old):
        assert finding["verdict"] == "warn"
        assert "python -m workers beat" in finding["advice"]
    [told_seconds] = re.findall(r"The last one was (\d+) s ago", old["found"])
    assert 180 <= int(told_seconds) <= 181 + passed_seconds


def test_beat_is_not_blamed_where_no_worker_takes_what_it_asks_for(examine: Examine, sound: Ground):
    empty_redis(sound.settings.redis_url)
    sound.dispatcher.nudge_sweep()

    finding = examine()["sweep"]

    empty_redis(sound.settings.redis_url)
    assert "Start workers" in finding["advice"]


def test_settings_that_do_not_fit_do_not_fail(call: Callable[..., Any], tmp_path: Path):
    result = call("--json", LONGSHORE_SWEEP_SECONDS="60", SMTP_URL=f"file://{tmp_path}")

    assert json.loads(result.stdout)["verdict"] == "warn"
    assert result.return_value == 0

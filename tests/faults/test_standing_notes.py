"""What is noted of something that stands still."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

from api.usecases.maintenance import begin_maintenance, end_maintenance
from api.usecases.services import Service
from shared.db.database import Database
from shared.ground import Ground
from tests.faults.standing_notes import LAST_LINES, notes_of, said_of
from tests.integration.builders import an_import, claim, numbered, take_nudges
from tests.integration.job_builders import accounts, an_export


def rows(notes: list[str], what: str) -> list[dict[str, Any]]:
    return [json.loads(note.removeprefix(f"{what}: ")) for note in notes if note.startswith(f"{what}: ")]


def test_the_rows_of_its_data_service_are_noted(ground: Ground, service: Service):
    accounts(ground, service)
    export_id = an_export(ground, service).export_id
    import_id = an_import(ground, service, numbered(3))
    claim(ground, import_id, worker="holder")

    notes = notes_of(ground, service.id, "exports", str(export_id))

    [export] = rows(notes, "export")
    assert (export["id"], export["status"], "leased" in export) == (export_id, "accepted", False)
    assert [row["id"] for row in rows(notes, "import")] == [import_id]
    for what in ("first block", "lease of a block"):
        [block] = rows(notes, what)
        assert (block["import_id"], block["worker"], block["leased"] > 0) == (import_id, "holder", True)


def test_it_is_told_whether_its_nudge_waits(ground: Ground, service: Service):
    import_id = an_import(ground, service, numbered(3))
    told = []

    for nudge in (take_nudges, lambda ground: ground.dispatcher.nudge_import(import_id)):
        nudge(ground)
        told.append(notes_of(ground, service.id, "imports", str(import_id))[0].partition(";")[0])

    assert told == ["nudges: 0 wait, its own not", "nudges: 1 wait, its own too"]


def test_workers_are_noted_and_whoever_keeps_others_waiting(ground: Ground, service: Service):
    database = Database(ground.settings.database_url, pool_size=1, process="worker-abcdef")

    with closing(database), database.begin() as session:
        session.execute(text("SELECT 7 AS seven"))
        notes = notes_of(ground, service.id, "mails", "an id")

    [worker] = [row for row in rows(notes, "session") if row["process"] == "worker-abcdef"]
    assert (worker["state"], worker["query"]) == ("idle in transaction", "SELECT 7 AS seven")


def test_maintenance_is_noted(ground: Ground, service: Service):
    begin_maintenance(ground, "a new disk")
    try:
        notes = notes_of(ground, service.id, "imports", "1")
    finally:
        end_maintenance(ground)

    assert rows(notes, "maintenance") == [{"reason": "a new disk"}]
    assert rows(notes_of(ground, service.id, "imports", "1"), "maintenance") == []


def test_of_what_was_said_there_is_the_last_of_it_in_order(tmp_path: Path):
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    for number, log in enumerate(logs):
        said = [
            {"event": "export_claimed", "export_id": 21, "timestamp": f"2026-11-27T00:00:{second:02}Z"}
            for second in range(number, LAST_LINES, 2)
        ]
        others = [{"event": "block_claimed", "import_id": 21}, {"event": "export_claimed", "export_id": 210}]
        others += [{"event": "request_answered", "export_id": 21, "timestamp": "2026-11-27T01:00:00Z"}]
        log.write_text("".join(f"{json.dumps(line)}\n" for line in [*said, *others]) + "not JSON: 21\n")

    found = said_of(logs, "exports", "21")

    assert [line.split(":")[0] for line in found] == ["first.log", "second.log"] * (LAST_LINES // 2)
    assert all("export_claimed" in line for line in found)

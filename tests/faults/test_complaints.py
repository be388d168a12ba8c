"""What of the logs of a storm is told."""

import json
from pathlib import Path

import pytest

from tests.faults.complaints import complaint_in, complaints
from tests.faults.hearing import Hearing

LOST = "Task handler raised error: WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL)')"
TASK = "Task longshore.run_import[9] raised unexpected: KeyError('a')"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"event": "request_answered", "method": "GET", "route": "/a", "status": 500}', "GET /a: 500"),
        ('{"event": "request_answered", "method": "GET", "route": "/a", "status": 503}', None),
        ('{"event": "batch_applied", "line": 500}', None),
        ('{"event": "Error handling request /a", "exception": "Traceback"}', "Error handling request /a"),
        ('{"event": "WORKER TIMEOUT (pid:7)"}', "WORKER TIMEOUT (pid:7)"),
        ('{"event": "Unrecoverable error: KeyError(1)"}', "Unrecoverable error: KeyError(1)"),
        ("Exception in thread Thread-1 (beat):", "Exception in thread Thread-1 (beat):"),
        ("plain words", None),
        ("[1]", None),
    ],
)
def test_a_line_complains_of_what_could_not_be_expected(line: str, complaint: str | None):
    assert complaint_in(line) == complaint


def test_a_task_that_raises_what_it_should_not_is_told_in_one_line():
    assert complaint_in(json.dumps({"event": f"{TASK}\nTraceback (most recent call last):\n"})) == TASK


@pytest.mark.parametrize(
    ("faults", "told"),
    [(["worker killed"], [f"worker.log: {LOST}"]), (["worker killed", "worker's child killed"], [])],
)
def test_a_lost_child_is_told_unless_a_fault_took_it(tmp_path: Path, faults: list[str], told: list[str]):
    log = tmp_path / "worker.log"
    log.touch()
    hearing = Hearing([log])

    log.write_text(LOST)

    assert complaints(hearing, faults) == told


def test_only_what_is_said_from_then_on_is_told(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text("Task a raised unexpected: before\n")
    hearing = Hearing([log, log])

    with log.open("a") as file:
        file.write("Task a raised unexpected: after\n")

    assert complaints(hearing) == ["worker.log: Task a raised unexpected: after"]

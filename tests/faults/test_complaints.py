"""What of the logs of a storm is told."""

import json

import pytest

from tests.faults.complaints import complaint_in, complaints
from tests.faults.hearing import Hearing

LOST = "Process 'ForkPoolWorker-1' pid:26759 exited with 'signal 9 (SIGKILL)'"
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
        ("Fatal Python error: Segmentation fault", "Fatal Python error: Segmentation fault"),
        ("MemoryError", "MemoryError"),
        ("consumer: Connection to broker lost. (server:OutOfMemoryError)", None),
        ("plain words", None),
        ("[1]", None),
    ],
)
def test_a_line_complains_of_what_could_not_be_expected(line: str, complaint: str | None):
    assert complaint_in(line) == complaint


def test_a_task_that_raises_what_it_should_not_is_told_in_one_line():
    assert complaint_in(json.dumps({"event": f"{TASK}\nTraceback (most recent call last):\n"})) == TASK


@pytest.mark.parametrize(("ended_children", "told"), [({26758}, LOST), ({26758, 26759}, None)])
def test_a_lost_child_is_told_unless_a_fault_took_this_very_one(ended_children: set[int], told: str | None):
    assert complaint_in(LOST, ended_children) == told


def test_only_what_is_said_from_then_on_is_told(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text("Task a raised unexpected: before\n")
    hearing = Hearing([log, log])

    with log.open("a") as file:
        file.write("Task a raised unexpected: after\n")

    assert complaints(hearing) == ["worker.log: Task a raised unexpected: after"]

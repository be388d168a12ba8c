"""The transition table, whole: every status with every event."""

import pytest

from shared.lifecycle import FINAL, RUNNABLE, SETTABLE, SOURCES, TARGET, Event, Status, after

# One row an event, one column a status; "-" is a refusal.
TABLE = """
              configuring started  running   paused   resumed  canceling canceled complete failed rejected
start         started     -        -         -        -        -         -        -        -      -
run           -           running  -         -        running  -         -        -        -      -
pause         -           paused   paused    paused   paused   -         -        -        -      -
resume        -           -        -         resumed  -        -         -        -        -      -
suspend       -           -        paused    -        -        -         -        -        -      -
readmit       -           -        -         resumed  -        -         -        -        -      -
cancel        canceled    canceled canceled  canceled canceled canceled  -        -        -      -
ask_to_cancel -           -        canceling -        -        -         -        -        -      -
let_go        -           -        -         -        -        canceled  -        -        -      -
complete      -           -        complete  -        -        -         -        -        -      -
fail          -           failed   failed    -        failed   -         -        -        -      -
reject        -           -        rejected  -        -        -         -        -        -      -
"""

_head, *_rows = (line.split() for line in TABLE.strip().splitlines())
CASES = [
    pytest.param(status, row[0], None if to == "-" else to, id=f"{status}-{row[0]}")
    for row in _rows
    for status, to in zip(_head, row[1:], strict=True)
]


@pytest.mark.parametrize(("status", "event", "expected"), CASES)
def test_an_event_leads_from_a_status_where_the_table_says(status: str, event: str, expected: str | None):
    assert after(Status(status), Event(event)) == expected


def test_the_table_knows_every_status_and_every_event():
    assert len(CASES) == len(Status) * len(Event)
    assert set(SOURCES) == set(TARGET) == set(Event)


def test_no_event_leads_out_of_a_final_status():
    assert not any(after(status, event) for status in FINAL for event in Event)


def test_a_worker_may_take_blocks_only_of_imports_that_can_be_paused():
    assert SOURCES[Event.PAUSE] - {Status.PAUSED} == RUNNABLE


def test_asking_for_a_status_stands_for_the_event_that_leads_there():
    assert {status: TARGET[event] for status, event in SETTABLE.items()} == {s: s for s in SETTABLE}

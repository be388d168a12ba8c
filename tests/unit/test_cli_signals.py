"""An interrupt takes effect where nothing is left half done, and none is ever lost."""

import signal
from contextlib import suppress

import pytest

from api.cli.importing import FileImport
from api.cli.signals import InterruptSignals, StopRequested


def interrupt():
    signal.raise_signal(signal.SIGINT)


class FakeApi:
    """An API that is interrupted during one of its answers; notes what it was asked for."""

    url = "http://service"

    def __init__(self, interrupted_at):
        self.asked = []
        self._interrupted_at = interrupted_at

    def create_import(self, configuration):
        return self._answer("create", status="configuring")

    def start_import(self, import_id):
        return self._answer("start", status="started")

    def delete_import(self, import_id):
        self._answer("delete")

    def get_import(self, import_id):
        return self._answer("get", status="running")

    def _answer(self, name, **fields):
        self.asked.append(name)
        if name == self._interrupted_at:
            interrupt()
        outcomes = ("created", "updated", "deleted", "skipped", "rejected")
        counts = dict.fromkeys((f"{outcome}Documents" for outcome in outcomes), 0)
        return {"importid": 7, "percentComplete": 0} | counts | fields


@pytest.mark.parametrize(
    ("moment", "asked", "words"),
    [
        ("create", ["create", "delete"], "Nothing was imported"),
        ("start", ["create", "start"], "Import 7 goes on in the service"),
        ("get", ["create", "start", "get"], "Import 7 goes on in the service"),
    ],
)
def test_an_interrupted_import_is_deleted_or_told_of(tmp_path, moment, asked, words):
    file = tmp_path / "empty.ndjson"
    file.touch()
    api = FakeApi(interrupted_at=moment)

    signals = InterruptSignals()
    job = FileImport(api, is_quiet=True, at_once=signals.at_once)
    with pytest.raises(StopRequested), signals:
        job.run([str(file)], {"strategy": ["create"], "collection": "/films"}, signals.pause)

    assert api.asked == asked
    assert words in job.whereabouts()


def test_an_interrupt_that_a_finaliser_swallows_takes_effect_at_the_end():
    went_on = []

    def be_swallowed():
        with InterruptSignals() as signals, signals.at_once():
            with suppress(StopRequested):
                interrupt()
            went_on.append(True)

    with pytest.raises(StopRequested):
        be_swallowed()
    assert went_on


def test_the_first_interrupt_waits_and_the_second_does_not():
    went_on = False

    with InterruptSignals(), suppress(StopRequested):
        interrupt()
        went_on = True
        interrupt()
        pytest.fail("The second one was ignored.")

    assert went_on

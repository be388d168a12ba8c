"""What is taken for an event of Docker's, and what is not."""

from pathlib import Path

from tests.fleet.departures import told_by, written


def test_what_the_docker_command_complains_of_is_no_event(engine: None, tmp_path: Path):
    file = tmp_path / "events"

    with written(file, "events", "--since", "no time") as command:
        assert command.wait(60) != 0

    assert told_by(file) == []


def test_an_event_that_is_still_being_written_is_none_yet(tmp_path: Path):
    file = tmp_path / "events"
    file.write_text('{"Action":"die"}\n{"Action":"ki')

    assert told_by(file) == [{"Action": "die"}]

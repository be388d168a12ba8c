"""One JSON object a line where a program reads, something pleasant where a person does."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared import logs
from shared.settings import Settings

URLS = {
    "DATABASE_URL": "postgresql://longshore:pass-word@db/longshore",
    "REDIS_URL": "redis://redis",
    "STORAGE_URL": "file:///blocks",
}


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def configure(**environment: str) -> None:
    logs.configure(Settings.read(URLS | environment))


@pytest.mark.parametrize("is_configured", [False, True])
def test_what_a_command_prints_is_not_mixed_with_what_it_does(
    capsys: pytest.CaptureFixture[str], is_configured: bool
):
    if is_configured:
        configure()

    with logs.warnings_only():
        structlog.get_logger().info("import_moved")
        structlog.get_logger().warning("nudge_lost")

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "import_moved" not in printed.err
    assert "nudge_lost" in printed.err


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_elsewhere_than_on_a_terminal_each_line_is_a_json_object(capsys: pytest.CaptureFixture[str]):
    configure()

    with structlog.contextvars.bound_contextvars(import_id=570, block=2):
        structlog.get_logger().info("batch_applied", lines=5000)

    [entry] = lines(capsys)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "batch_applied", "level": "info", "import_id": 570, "block": 2, "lines": 5000}


def test_logs_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]):
    configure()

    logging.getLogger("library").warning("said %s", "this")

    [entry] = lines(capsys)
    assert (entry["event"], entry["level"]) == ("said this", "warning")


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]):
    configure()

    try:
        raise LookupError("gone")
    except LookupError:
        structlog.get_logger().exception("broke")

    [entry] = lines(capsys)
    assert "LookupError: gone" in entry["exception"]


def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str]):
    configure(LONGSHORE_LOG_LEVEL="warning")

    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert [entry["event"] for entry in lines(capsys)] == ["loud"]


def test_a_person_gets_words_instead_of_json(capsys: pytest.CaptureFixture[str]):
    configure(LONGSHORE_LOG_FORMAT="console")

    structlog.get_logger().info("batch_applied", lines=5000)

    printed = capsys.readouterr().err
    assert "batch_applied" in printed
    assert "lines=5000" in printed
    assert "{" not in printed


def test_settings_in_a_log_line_show_no_password(capsys: pytest.CaptureFixture[str]):
    configure()

    structlog.get_logger().info("started", settings=Settings.read(URLS))

    assert "pass-word" not in capsys.readouterr().err

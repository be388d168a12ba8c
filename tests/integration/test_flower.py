"""Flower beside the workers: it finds their queues and what they tell of their nudges."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from shared.dispatch import SWEEP
from shared.ground import Ground
from tests.acceptance.waiting import wait_for
from tests.integration.programs import program

LOGIN = ("ann", "correct horse")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def ask(port: int, path: str, login: tuple[str, str] | None = LOGIN) -> Any:
    """Flower's answer as JSON, or else its status; nothing before it is up."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/{path}", auth=login, timeout=30, trust_env=False)
    except httpx.TransportError:
        return None
    return answer.json() if answer.is_success else answer.status_code


def test_it_tells_of_queues_and_nudges_those_who_log_in(environment: Mapping[str, str], ground: Ground):
    port = free_port()
    options = [f"--port={port}", "--address=127.0.0.1"]
    own = {**environment, "LONGSHORE_WORKER_PROCESSES": "1", "FLOWER_BASIC_AUTH": ":".join(LOGIN)}

    def sweeps() -> list[Any]:
        ground.dispatcher.nudge_sweep()
        return [task for task in ask(port, "tasks").values() if task["name"] == SWEEP]

    with program("worker", own, "--task-events"), program("flower", own, *options):
        queues = wait_for(lambda: ask(port, "queues/length"))

        assert [queue["name"] for queue in queues["active_queues"]] == ["imports"]
        assert wait_for(sweeps, every_seconds=0.5)
        assert ask(port, "tasks", None) == 401


WITHOUT = """
import sys
sys.modules["flower"] = None
from workers.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flower"], "Flower is not here: install it beside Longshore, with pip install flower.\n"),
        (["florist"], "usage: python -m workers worker|beat|flower [celery options]\n"),
        ([], "usage: python -m workers worker|beat|flower [celery options]\n"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    environment: Mapping[str, str], arguments: list[str], told: str
):
    command = [sys.executable, "-c", WITHOUT, *arguments]

    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | environment)

    assert (done.returncode, done.stderr) == (2, told)

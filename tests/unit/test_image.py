"""What docker/Dockerfile says of health, and which bundle of certificates it takes."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from tests.threaded import in_thread

DOCKER = Path(__file__).resolve().parents[2] / "docker"
LINES = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
[PULSE] = [line.partition("LONGSHORE_PULSE_FILE=")[2] for line in LINES if "LONGSHORE_PULSE_FILE=" in line]
[HEALTH] = [line.partition(" CMD ")[2] for line in LINES if line.startswith("HEALTHCHECK ")]
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]

API = COMPOSE["api"]["command"]
WORKER = COMPOSE["worker"]["command"].split()
BEAT = COMPOSE["beat"]["command"].split()


def is_healthy(command: list[str], folder: Path, *, port: int = 1, pulse: Path | None = None) -> bool:
    """Whether a container is told so that began with this command and whose API, if any, is at this port."""
    begun = folder / "cmdline"
    begun.write_text("".join(f"{word}\0" for word in command))
    check = HEALTH.replace("/proc/1/cmdline", str(begun)).replace(":8000", f":{port}")
    environment = os.environ | {"no_proxy": "*", "LONGSHORE_PULSE_FILE": str(pulse or "")}
    return subprocess.run(["sh", "-c", check], check=False, env=environment).returncode == 0


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of something that answers every path with this status, /health/ready among them."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with in_thread(HTTPServer(("127.0.0.1", 0), Answer)) as server:
        yield server.server_port


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_an_api_is_healthy_while_it_is_ready(tmp_path: Path, status: int, healthy: bool):
    with answering(status) as port:
        assert is_healthy(API, tmp_path, port=port) == healthy


def test_an_api_that_does_not_answer_is_not_healthy(tmp_path: Path):
    assert not is_healthy(API, tmp_path)


@pytest.mark.parametrize("command", [WORKER, BEAT], ids=["worker", "beat"])
@pytest.mark.parametrize(("seconds", "healthy"), [(0, True), (20, True), (40, False), (None, False)])
def test_a_worker_or_beat_is_healthy_while_it_has_a_pulse(
    tmp_path: Path, command: list[str], seconds: int | None, healthy: bool
):
    pulse = tmp_path / "pulse"
    if seconds is not None:
        pulse.touch()
        os.utime(pulse, times=(time.time() - seconds,) * 2)

    assert is_healthy(command, tmp_path, pulse=pulse) == healthy


@pytest.mark.parametrize("command", [WORKER, BEAT], ids=["worker", "beat"])
def test_a_worker_or_beat_that_was_told_of_no_file_is_not_healthy(tmp_path: Path, command: list[str]):
    """It was, whatever it did."""
    assert not is_healthy(command, tmp_path)


def test_what_has_nothing_to_tell_is_not_called_ill(tmp_path: Path):
    assert is_healthy(["longshore", "migrate"], tmp_path)


def test_compose_asks_the_same():
    asked = COMPOSE["api"]["healthcheck"]["test"][-1]
    pulse = COMPOSE["worker"]["healthcheck"]["test"][-1].replace("$$", "$")

    assert f'"{asked}"' in HEALTH
    assert PULSE in pulse
    assert pulse.replace(PULSE, '"$LONGSHORE_PULSE_FILE"') in HEALTH


def test_a_bundle_of_certificates_is_named_by_an_argument_and_seen_by_the_build():
    [default] = [line.partition("=")[2] for line in LINES if line.startswith("ARG CA_BUNDLE=")]
    [copied] = [line for line in LINES if line.startswith("COPY requirements/runtime.txt")]

    seen = (DOCKER.parent / ".dockerignore").read_text().splitlines()

    assert re.fullmatch(default, "docker/ca-bundle.crt")
    assert "$CA_BUNDLE" in copied
    assert "!docker/*.crt" in seen

"""What docker/fleet.sh takes its settings from."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from api.http import gunicorn

FLEET = Path(__file__).parents[2] / "docker" / "fleet.sh"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A folder with a `docker` that only tells the port that it was given."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$2" = version ] || echo "port $FLEET_PORT"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "port"), [({}, "8001"), ({"FLEET_PORT": "8002"}, "8002")], ids=["the file", "both"]
)
def test_the_environment_has_the_last_word(told: Path, environment: dict[str, str], port: str):
    settings = told / "settings.env"
    settings.write_text("FLEET_PORT=8001\n")
    inherited = {name: value for name, value in os.environ.items() if name != "FLEET_PORT"}
    own = {"PATH": f"{told}:{os.environ['PATH']}", "FLEET_SETTINGS": str(settings)}

    done = subprocess.run(
        [FLEET, "compose", "ps"],
        check=True,
        capture_output=True,
        text=True,
        env=inherited | own | environment,
    )

    assert done.stdout == f"port {port}\n"


@pytest.mark.parametrize("command", ["up", "scale"])
def test_more_apis_than_the_balancer_looks_for_are_refused(told: Path, command: str):
    """Those past the twentieth were started, and got no requests."""
    own = {"PATH": f"{told}:{os.environ['PATH']}", "FLEET_SETTINGS": str(told / "settings.env"), "API": "65"}

    done = subprocess.run([FLEET, command], check=False, capture_output=True, text=True, env=os.environ | own)

    assert done.returncode == 2
    assert "64" in done.stderr.splitlines()[-1]


def test_the_balancer_and_the_page_tell_the_same_limits():
    configuration = (FLEET.parent / "haproxy.cfg").read_text()
    [count] = re.findall(r"server-template api 1-(\d+)", configuration)
    [places] = re.findall(r"default-server .* maxconn (\d+)", configuration)

    page = (FLEET.parent / "DEPLOY.md").read_text()

    assert f"new ones, up to {count}, by" in page
    assert f"Each has up to {places} requests at a time" in page
    assert int(places) < gunicorn.threads

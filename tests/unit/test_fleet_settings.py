"""What docker/fleet.sh takes its settings from."""

import os
import subprocess
from pathlib import Path

import pytest

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

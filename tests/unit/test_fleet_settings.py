"""What docker/fleet.sh takes its settings from."""

import os
import re
import subprocess
from itertools import product
from pathlib import Path
from subprocess import PIPE

import pytest

from api.http import gunicorn
from tests.unit.docker_stub import Docker

FLEET = Path(__file__).parents[2] / "docker" / "fleet.sh"
# What a setting is called in the file, and in the environment.
ONE_NAME = [("FLEET_PORT", "FLEET_PORT"), ("LONGSHORE_IMAGE", "LONGSHORE_IMAGE")]
TWO_NAMES = [
    pair
    for name in ("PUBLIC_URL", "BASE_DOMAIN", "WORKER_PROCESSES")
    for pair in product((name, f"LONGSHORE_{name}"), repeat=2)
]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A folder with a `docker` that only tells what it was given."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$2" = version ] || env\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("in_file", "in_environment"), [*ONE_NAME, *TWO_NAMES])
def test_the_environment_has_the_last_word(told: Path, in_file: str, in_environment: str):
    """By whichever of its names: what the file called PUBLIC_URL won over LONGSHORE_PUBLIC_URL."""
    settings = told / "settings.env"
    settings.write_text(f"{in_file}=of-the-file\n")
    own = {"PATH": f"{told}:{os.environ['PATH']}", "FLEET_SETTINGS": str(settings)}
    names = {name for pair in (*ONE_NAME, *TWO_NAMES) for name in pair}
    inherited = {name: value for name, value in os.environ.items() if name not in names}

    def found(environment: dict[str, str]) -> list[str]:
        done = subprocess.run(
            [FLEET, "compose", "ps"], check=True, stdout=PIPE, text=True, env=inherited | own | environment
        )
        return done.stdout.splitlines()

    name = in_file if (in_file, in_environment) in ONE_NAME else in_file.removeprefix("LONGSHORE_")
    assert f"{name}=of-the-file" in found({})
    assert f"{name}=of-the-environment" in found({in_environment: "of-the-environment"})


# What it means to a shell is no matter; an unquoted `$` is one between the Composes.
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("FLEET_PORT=8081", "8081"),
        ("FLEET_PORT = 8081  # ours", "8081"),
        ("  export FLEET_PORT='8081' # it's ours", "8081"),
        ('FLEET_PORT="a b" # "ours"', "a b"),
        ("FLEET_PORT='$1`exit 3`'", "$1`exit 3`"),
        ("FLEET_PORT=a#b & exit 3 > c", "a#b & exit 3 > c"),
        ("FLEET_PORT=1\r\nFLEET_PORT=2\r", "2"),
        ("# FLEET_PORT=1", None),
    ],
)
def test_the_file_is_data(tmp_path: Path, line: str, value: str | None):
    docker = Docker(tmp_path)
    docker.settings.write_text(line)
    docker.answer("*", "env")

    done = docker.run("compose", "ps")

    assert done.returncode == 0, done.stderr
    found = re.findall(r"^FLEET_PORT=(.*)$", done.stdout, re.MULTILINE)
    assert set(found) == ({value} if value else set())
    assert docker.settings.read_text().splitlines()[: line.count("\n") + 1] == line.splitlines()


@pytest.mark.parametrize("line", ["POSTGRES_PASSWORD = ours", "  export POSTGRES_PASSWORD='ours'"])
def test_a_password_that_is_told_is_kept_however_it_is_written(tmp_path: Path, line: str):
    """Another one was added below it, which Compose takes, and which no volume of before knows."""
    docker = Docker(tmp_path)
    docker.settings.write_text(f"{line}\n")

    docker.run("compose", "ps")

    assert docker.settings.read_text().count("POSTGRES_PASSWORD") == 1


@pytest.mark.parametrize("lines", ["", "\n", "# REDIS_IMAGE=ours\n", "REDIS_IMAGE\n"])
def test_a_file_of_images_may_name_none(tmp_path: Path, lines: str):
    """Every command ended with `bad variable name`."""
    docker = Docker(tmp_path)
    (docker.beside / "offline.env").write_text(lines)

    done = docker.run("compose", "ps")

    assert done.returncode == 0, done.stderr
    assert docker.calls(" ps")


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        ("", "8443"),
        ("FLEET_TLS_PORT=9443\n", "9443"),
        ("FLEET_TLS_PORT=9443\nPUBLIC_URL=http://y.example:80\n", "9443"),
        ("FLEET_TLS_PORT=9443\nPUBLIC_URL=https://y.example\n", "443"),
        ("PUBLIC_URL=https://y.example/\n", "443"),
        ("LONGSHORE_PUBLIC_URL=https://y.example:444/a:1,2\n", "444"),
        ("PUBLIC_URL=https://[2001:db8::1]\n", "443"),
        ("PUBLIC_URL=https://[2001:db8::1]:444\n", "444"),
    ],
)
def test_who_comes_in_the_clear_is_led_to_the_port_that_clients_know(tmp_path: Path, lines: str, port: str):
    """With 443 passed on to the balancer's own port they were led to that, which is closed to them."""
    docker = Docker(tmp_path)
    docker.settings.write_text(lines)
    docker.answer("*", "env")

    done = docker.run("compose", "ps")

    assert set(re.findall(r"^PUBLIC_TLS_PORT=(.*)$", done.stdout, re.MULTILINE)) == {port}, done.stderr


def test_numbers_may_stand_in_the_file(tmp_path: Path):
    """They did as long as it was run as a script."""
    docker = Docker(tmp_path)
    docker.settings.write_text("API=3\nWORKER=4\n")
    for service in ("api", "worker", "beat"):
        docker.has(service, f"{service}1")

    done = docker.run("scale", API="5")

    assert done.returncode == 0, done.stderr
    [scaled] = docker.calls("--scale")
    assert scaled.endswith("--scale api=5 --scale worker=4")


@pytest.mark.parametrize("value", ["$1", "a${HOME}", '"$HOME"'])
def test_what_composes_read_differently_is_refused(tmp_path: Path, value: str):
    docker = Docker(tmp_path)
    docker.settings.write_text(f"PUBLIC_URL={value}\n")

    done = docker.run("compose", "ps")

    assert done.returncode == 2
    assert "a $ in PUBLIC_URL" in done.stderr
    assert "single quotes" in done.stderr


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

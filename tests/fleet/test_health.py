"""What Docker tells of a worker or beat that is run from the image alone, without the checks of Compose."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import PROJECT_LABEL, Fleet, docker

# As the image says, but soon.
SOON = ("--health-interval=1s", "--health-start-period=1s", "--health-retries=3")
COMMANDS = {"worker": ("worker",), "beat": ("beat", "--pidfile=")}


def environment(container: str) -> dict[str, str]:
    """What it was told, but for the file that its age tells."""
    [found] = json.loads(docker("inspect", container))
    told = [line.partition("=") for line in found["Config"]["Env"]]
    return {name: value for name, sign, value in told if sign and name != "LONGSHORE_PULSE_FILE"}


@contextmanager
def alone(fleet: Fleet, service: str, **changes: str) -> Iterator[str]:
    """One more of them beside the fleet."""
    like, name = fleet.containers(service)[0], f"{fleet.name}-{service}-alone"
    image = docker("inspect", "--format", "{{.Config.Image}}", like)
    told = ["--env=" + "=".join(each) for each in (environment(like) | changes).items()]
    place = (f"--label={PROJECT_LABEL}={fleet.name}", f"--network={fleet.name}_inside", "--read-only")
    docker(
        *("run", "--detach", f"--name={name}", *place, "--tmpfs=/tmp", *SOON, *told, image),
        *("python", "-m", "workers", *COMMANDS[service]),
    )
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def health(container: str) -> str:
    return docker("inspect", "--format", "{{.State.Health.Status}}", container)


@pytest.mark.parametrize("service", COMMANDS)
def test_who_is_at_work_is_healthy(fleet: Fleet, service: str):
    with alone(fleet, service) as container:
        assert wait_for(lambda: health(container) == "healthy", seconds=60)


def test_a_worker_that_finds_no_database_is_not(fleet: Fleet):
    """It was called healthy where nobody had named a file for its pulse."""
    with alone(fleet, "worker", DATABASE_URL="postgresql://longshore:secret@nobody.invalid/x") as container:
        assert wait_for(lambda: (told := health(container)) != "starting" and told, seconds=60) == "unhealthy"

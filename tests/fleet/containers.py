"""A fleet of containers: what runs, what its logs say, and what is done to it."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DOCKER = Path(__file__).resolve().parents[2] / "docker"
PROJECT = "longshore-test"
APIS, WORKERS = 3, 4

# One job a worker, so that each one is needed.
ENVIRONMENT = {"FLEET_PORT": "0", "WORKER_PROCESSES": "1"}


def docker(*arguments: str, seconds: float = 120) -> str:
    """What the docker command prints. Raises CalledProcessError."""
    command = ["docker", *arguments]
    done = subprocess.run(command, check=True, timeout=seconds, text=True, stdout=subprocess.PIPE)
    return done.stdout.strip()


def missing() -> str | None:
    """Why no fleet can be started here; None where it can."""
    try:
        subprocess.run(["docker", "version"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "no Docker engine answers"
    if not (DOCKER / "offline.env").exists():
        return "there are no base images: make images-offline"
    return None


class Fleet:
    """The running containers of a project of the tests' own, with these settings besides the usual ones."""

    def __init__(self, project: str = PROJECT, **settings: str) -> None:
        self._project = project
        self._settings = settings
        self.url = ""
        self.token = ""

    def start(self, *, apis: int, workers: int) -> None:
        """Up and ready, from the images that there are."""
        self.run("up", API=str(apis), WORKER=str(workers))
        self.url = "http://" + self.run("compose", "port", "balancer", "8080").splitlines()[-1]
        self.token = self.longshore("token")

    def run(self, *arguments: str, seconds: float = 600, **environment: str) -> str:
        """What docker/fleet.sh prints. Raises CalledProcessError."""
        own = {"COMPOSE_PROJECT_NAME": self._project, **self._settings}
        given = os.environ | ENVIRONMENT | own | environment
        command = [str(DOCKER / "fleet.sh"), *arguments]
        done = subprocess.run(
            command, check=True, timeout=seconds, text=True, stdout=subprocess.PIPE, env=given
        )
        return done.stdout.strip()

    def longshore(self, *arguments: str) -> str:
        """The last line that the command line prints inside the fleet."""
        return self.run("longshore", *arguments).splitlines()[-1].strip()

    def containers(self, service: str) -> list[str]:
        """Names of the containers that run."""
        labels = (f"com.docker.compose.project={self._project}", f"com.docker.compose.service={service}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        names = docker("ps", "--format", "{{.Names}}", "--filter", "status=running", *filters).split()
        return sorted(name for name in names if "run" not in name)

    def query(self, sql: str) -> str:
        """One value of the database."""
        [container] = self.containers("postgres")
        command = ("psql", "-h", "127.0.0.1", "-U", "longshore", "-At", "-c", sql)
        return docker(
            "exec", container, "sh", "-c", 'PGPASSWORD="$POSTGRES_PASSWORD" exec "$@"', "psql", *command
        )

    def documents(self, collection: str) -> int:
        """How many there are in the collection."""
        return int(
            self.query(
                "SELECT count(*) FROM documents d JOIN collections c ON c.id = d.collection_id"
                f" WHERE c.path = '{collection}'"
            )
        )


def events(container: str, name: str) -> list[dict[str, Any]]:
    """The log lines of this event that a container wrote."""
    done = subprocess.run(
        ["docker", "logs", container], check=True, timeout=60, text=True, capture_output=True
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if f'"event": "{name}"' in line]
    return [json.loads(line) for line in lines]


@contextmanager
def stopped(container: str) -> Iterator[None]:
    """The container is gone while the body runs."""
    docker("stop", "--time", "10", container)
    try:
        yield
    finally:
        docker("start", container)


@contextmanager
def cut_off(container: str) -> Iterator[None]:
    """The container runs on, without its network, while the body runs."""
    network = f"{PROJECT}_inside"
    docker("network", "disconnect", network, container)
    try:
        yield
    finally:
        docker("network", "connect", network, container)


def wait_until_healthy(container: str, seconds: float = 120) -> None:
    """As the container's own check says."""
    deadline = time.monotonic() + seconds
    while docker("inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
        assert time.monotonic() < deadline, f"{container} is not healthy after {seconds} s"
        time.sleep(0.5)

"""A fleet of containers: what runs, what its logs say, and what is done to it."""

import fcntl
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.supplies.images import OFFLINE, read_fleet_images, why_not

DOCKER = Path(__file__).resolve().parents[2] / "docker"
# A checkout's fleets have names of their own: those of another one on the same machine are left alone.
CHECKOUT = f"longshore-test-{hashlib.sha256(str(DOCKER).encode()).hexdigest()[:8]}"
PROJECT_LABEL, SERVICE_LABEL, ONE_OFF_LABEL = (
    f"com.docker.compose.{name}" for name in ("project", "service", "oneoff")
)
APIS, WORKERS = 3, 4

# One job a worker, so that each one is needed.
ENVIRONMENT = {"FLEET_PORT": "0", "WORKER_PROCESSES": "1"}


def docker(*arguments: str, seconds: float = 120) -> str:
    """What the docker command prints. Raises CalledProcessError."""
    command = ["docker", *arguments]
    done = subprocess.run(command, check=True, timeout=seconds, text=True, stdout=subprocess.PIPE)
    return done.stdout.strip()


def missing(environment: Mapping[str, str] = os.environ, offline: Path = OFFLINE) -> str | None:
    """Why no fleet can be started here; None where it can."""
    return why_not(read_fleet_images(environment, offline))


@contextmanager
def only_session() -> Iterator[None]:
    """While the body runs, no other session tests the fleets of this checkout. Raises BlockingIOError."""
    folder = os.open(DOCKER, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError("Another session tests the fleets of this checkout: wait for it.") from None
        yield
    finally:
        os.close(folder)


def remove_project(name: str) -> None:
    """All of its containers, networks and volumes, whatever state a killed session left them in."""
    label = f"label={PROJECT_LABEL}={name}"
    containers = docker("ps", "--all", "--quiet", "--filter", label).split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    for kind in ("network", "volume"):
        if found := docker(kind, "ls", "--quiet", "--filter", label).split():
            docker(kind, "rm", *found)


class Fleet:
    """The running containers of a project of the tests' own.

    Its settings come from this file, which gets the passwords, and from the keywords; never from docker/.env.
    """

    def __init__(self, kept: Path, name: str = CHECKOUT, **settings: str) -> None:
        self.name = name
        self._settings = {"COMPOSE_PROJECT_NAME": name, "FLEET_SETTINGS": str(kept), **settings}
        self.url = ""
        self.token = ""

    def start(self, *, apis: int, workers: int) -> None:
        """Up and ready, from the images that there are."""
        self.run("up", API=str(apis), WORKER=str(workers))
        self._meet()

    def restore(self, folder: Path) -> None:
        """Up and ready with what `fleet.sh backup` left there, one API and one worker."""
        self.run("restore", str(folder), API="1", WORKER="1")
        self._meet()

    def _meet(self) -> None:
        self.url = "http://" + self.run("compose", "port", "balancer", "8080").splitlines()[-1]
        self.token = self.longshore("token")

    def run(self, *arguments: str, seconds: float = 1800, **environment: str) -> str:
        """What docker/fleet.sh prints. Raises CalledProcessError."""
        given = os.environ | ENVIRONMENT | self._settings | environment
        command = [str(DOCKER / "fleet.sh"), *arguments]
        done = subprocess.run(
            command, check=True, timeout=seconds, text=True, stdout=subprocess.PIPE, env=given
        )
        return done.stdout.strip()

    def longshore(self, *arguments: str) -> str:
        """The last line that the command line prints inside the fleet."""
        return docker("exec", self.containers("api")[0], "longshore", *arguments).splitlines()[-1].strip()

    def containers(self, service: str) -> list[str]:
        """Names of the containers that run."""
        labels = {PROJECT_LABEL: self.name, SERVICE_LABEL: service, ONE_OFF_LABEL: "False"}
        filters = [word for label in labels.items() for word in ("--filter", "label=" + "=".join(label))]
        return sorted(docker("ps", "--format", "{{.Names}}", "--filter", "status=running", *filters).split())

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

    def span(self, collection: str) -> tuple[float, float]:
        """When the collection's only import was started and when it ended, in Unix seconds."""
        found = self.query(
            "SELECT extract(epoch FROM started_at), extract(epoch FROM ended_at)"
            " FROM imports i JOIN collections c ON c.id = i.collection_id"
            f" WHERE c.path = '{collection}'"
        )
        started, ended = found.split("|")
        return float(started), float(ended)


def asked(container: str, url: str, token: str = "") -> str:
    """What is answered there, inside the fleet."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    ask = f"import httpx; print(httpx.get({url!r}, headers={headers!r}, timeout=60, trust_env=False).text)"
    return docker("exec", container, "python", "-c", ask)


def said(container: str, *, since: float = 0) -> str:
    """The log of a container, since this moment in Unix seconds."""
    command = ["docker", "logs", "--since", f"{since:.6f}", container]
    done = subprocess.run(command, check=True, timeout=60, text=True, capture_output=True)
    return done.stdout + done.stderr


def events(container: str, *names: str) -> list[dict[str, Any]]:
    """The log lines of these events that a container wrote."""
    return told_events(said(container), *names)


def told_events(log: str, *names: str) -> list[dict[str, Any]]:
    """The lines of a log that are of these events; `at` is when, in Unix seconds."""
    wanted = [f'"event": "{name}"' for name in names]
    lines = [json.loads(line) for line in log.splitlines() if any(event in line for event in wanted)]
    return [line | {"at": datetime.fromisoformat(line["timestamp"]).timestamp()} for line in lines]


def started_at(container: str) -> float:
    """When it was started last, in Unix seconds."""
    told = docker("inspect", "--format", "{{.State.StartedAt}}", container)
    return datetime.fromisoformat(told).timestamp()


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
    """The container runs on, without its only network, while the body runs."""
    network = docker(
        "inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", container
    )
    docker("network", "disconnect", network, container)
    try:
        yield
    finally:
        docker("network", "connect", network, container)


def wait_until_healthy(container: str, seconds: float = 300) -> None:
    """As the container's own check says."""
    deadline = time.monotonic() + seconds
    while docker("inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
        assert time.monotonic() < deadline, f"{container} is not healthy after {seconds} s"
        time.sleep(0.5)

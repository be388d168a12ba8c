"""Containers that are told to stop, by Docker's own events, and what they said until they were gone."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import ONE_OFF_LABEL, PROJECT_LABEL, SERVICE_LABEL, Fleet, told_events

SERVICES = ("api", "worker", "beat")
LOG_SECONDS = 30  # in which all that a container said has been written, after its end


@dataclass(frozen=True)
class Departure:
    """Of one container. Times are in Unix seconds."""

    service: str
    told_at: float
    gone_at: float
    log: str

    def events(self, *names: str) -> list[dict[str, Any]]:
        return told_events(self.log, *names)


@contextmanager
def departures(fleet: Fleet, folder: Path) -> Iterator[list[Departure]]:
    """Of all APIs, all workers and beat, which the body stops; empty until then. Files go into the folder."""
    watched = [name for service in SERVICES for name in fleet.containers(service)]
    found: list[Departure] = []
    since = f"{time.time():.6f}"
    with ExitStack() as stack:
        logs = [
            stack.enter_context(
                written(folder / name, "logs", "--follow", "--since", since, name, stderr=subprocess.STDOUT)
            )
            for name in watched
        ]
        stack.enter_context(written(folder / "events", *stops_of(fleet, since)))
        yield found
        wait_for(lambda: died(told_by(folder / "events")).issuperset(watched))
        for log in logs:
            log.wait(LOG_SECONDS)
    told = told_by(folder / "events")
    found += [found_of(told, name, (folder / name).read_text()) for name in watched]


def told_by(file: Path) -> list[dict[str, Any]]:
    """The events in it; of one that is being written there is no line yet."""
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]]


def died(told: list[dict[str, Any]]) -> set[str]:
    return {name_of(event) for event in told if event["Action"] == "die"}


def name_of(event: dict[str, Any]) -> str:
    return str(event["Actor"]["Attributes"]["name"])


def stops_of(fleet: Fleet, since: str) -> list[str]:
    """The command that tells of containers which are told to stop, and stop."""
    labels = {PROJECT_LABEL: fleet.name, ONE_OFF_LABEL: "False"}
    filters = [
        "type=container",
        "event=kill",
        "event=die",
        *(f"label={'='.join(one)}" for one in labels.items()),
    ]
    words = [word for one in filters for word in ("--filter", one)]
    return ["events", "--since", since, "--format", "{{json .}}", *words]


@contextmanager
def written(file: Path, *arguments: str, stderr: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """What the docker command prints while the body runs; what it says on standard error goes to ours."""
    command = ["docker", *arguments]
    with file.open("w") as out, subprocess.Popen(command, stdout=out, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def found_of(told: list[dict[str, Any]], name: str, log: str) -> Departure:
    """Raises ValueError where it was not stopped, or not once."""
    own = [event for event in told if name_of(event) == name]
    [killed] = [event for event in own if event["Action"] == "kill"]
    [died] = [event for event in own if event["Action"] == "die"]
    service = killed["Actor"]["Attributes"][SERVICE_LABEL]
    return Departure(service, killed["timeNano"] / 1e9, died["timeNano"] / 1e9, log)

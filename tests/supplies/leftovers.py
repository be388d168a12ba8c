"""Containers of sessions that were killed: each bears its owner's name, and the next session removes them.

Ryuk does the same at once, where its image is.
"""

import socket
from contextlib import suppress

import psutil
from docker.errors import APIError
from docker.models.containers import Container
from testcontainers.core.docker_client import DockerClient

LABEL = "longshore.tests.owner"
_REMOVED_BY_ANOTHER = (404, 409)  # gone, or at this moment
_CLOCK_SECONDS = 60  # by which a host's clock may have been set meanwhile


def owner_label(pid: int) -> dict[str, str]:
    """Names a process: its host, its number, and when it began, as numbers come back."""
    return {LABEL: f"{socket.gethostname()} {pid} {psutil.Process(pid).create_time():.0f}"}


def remove_leftovers() -> None:
    """Those whose process, on this host, is gone. Safe to call from several processes at once."""
    client = DockerClient().client
    try:
        for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if _is_left(container.labels[LABEL]):
                _remove(container)
    finally:
        client.close()


def _remove(container: Container) -> None:
    try:
        container.remove(force=True, v=True)
    except APIError as error:
        if error.status_code not in _REMOVED_BY_ANOTHER:
            raise


def _is_left(owner: str) -> bool:
    host, pid, began = owner.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    with suppress(psutil.NoSuchProcess):
        return abs(psutil.Process(int(pid)).create_time() - float(began)) > _CLOCK_SECONDS
    return True

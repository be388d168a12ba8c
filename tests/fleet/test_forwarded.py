"""Whom the APIs of a fleet count a request as: what the balancer tells, wherever that is, and nobody else."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.waiting import wait_for
from tests.fleet.containers import PROJECT_LABEL, Fleet, docker

SPOOFED = "203.0.113.1"
KEYS = "redis-cli --scan --pattern 'longshore:rates:*of_address*'"


@pytest.fixture(autouse=True)
def forget(fleet: Fleet) -> None:
    """Who asked before."""
    in_redis(fleet, f"{KEYS} | xargs -r redis-cli del")


def in_redis(fleet: Fleet, command: str) -> str:
    [redis] = fleet.containers("redis")
    return docker("exec", redis, "sh", "-c", command)


def counted(fleet: Fleet) -> set[str]:
    """The addresses that requests without a token were counted by."""
    return set(re.findall(r"\d+\.\d+\.\d+\.\d+", in_redis(fleet, KEYS)))


def address(fleet: Fleet, container: str, network: str) -> str:
    [found] = json.loads(docker("inspect", container))
    return str(found["NetworkSettings"]["Networks"][f"{fleet.name}_{network}"]["IPAddress"])


def ask(container: str, host: str) -> int:
    """The status of what is answered to a container that claims to speak for somebody else."""
    headers = {"X-Forwarded-For": SPOOFED}
    program = (
        "import httpx; "
        f"asked = httpx.get('http://{host}:8000/docs', headers={headers!r}, timeout=60, trust_env=False); "
        "print(asked.status_code)"
    )
    return int(docker("exec", container, "python", "-c", program))


@pytest.mark.parametrize(("service", "network"), [("worker", "inside"), ("api", "front")])
def test_a_container_that_asks_an_api_itself_passes_for_nobody_else(fleet: Fleet, service: str, network: str):
    asker, api = fleet.containers(service)[0], fleet.containers("api")[-1]

    assert ask(asker, address(fleet, api, network)) == 200

    assert wait_for(lambda: counted(fleet) == {address(fleet, asker, network)})


def test_the_balancer_tells_who_asked_it(fleet: Fleet):
    asker = fleet.containers("api")[0]

    assert ask(asker, "balancer") == 200

    assert wait_for(lambda: counted(fleet) == {address(fleet, asker, "front")})


def test_a_balancer_with_another_address_is_believed_soon(fleet: Fleet):
    """Compose gives another one whenever it makes the container anew."""
    [balancer], asker = fleet.containers("balancer"), fleet.containers("api")[0]
    before, own = address(fleet, balancer, "front"), address(fleet, asker, "front")

    with moved(fleet, balancer):
        assert address(fleet, balancer, "front") != before

        assert wait_for(lambda: ask(asker, "balancer") == 200 and own in counted(fleet))

    assert SPOOFED not in counted(fleet)


@contextmanager
def moved(fleet: Fleet, balancer: str) -> Iterator[None]:
    """The balancer has another address, and somebody else may have its own, while the body runs."""
    network, placeholder = f"{fleet.name}_front", f"{fleet.name}-placeholder"
    image = docker("inspect", "--format", "{{.Config.Image}}", balancer)
    label = f"{PROJECT_LABEL}={fleet.name}"
    docker("network", "disconnect", network, balancer)
    try:
        named = ("--name", placeholder, "--label", label)
        docker("run", "--detach", *named, "--network", network, image, "sleep", "600")
    finally:
        docker("network", "connect", "--alias", "balancer", network, balancer)
    try:
        yield
    finally:
        docker("rm", "--force", placeholder)

"""Containers of tests outlive neither their session nor, for long, a session that was killed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import docker
from tests.acceptance.waiting import wait_for
from tests.services import Services
from tests.supplies.images import read_images
from tests.supplies.leftovers import LABEL, owner_label, remove_leftovers

SESSION = """
import os, time
from pathlib import Path
from tests.supplies.containers import container_mails
from tests.supplies.images import read_images
with container_mails(read_images(os.environ), Path()):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _only_with_containers(services: Services) -> None:
    if services.kind != "containers":
        pytest.skip("only with SERVICES=containers")


def containers_of(owner: str) -> list[str]:
    client = docker.from_env()
    found = client.containers.list(all=True, filters={"label": f"{LABEL}={owner}"}, ignore_removed=True)
    client.close()
    return [str(container.id) for container in found]


def test_the_next_session_removes_what_a_killed_one_left(services: Services, tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", SESSION], stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "up\n"
        [owner] = owner_label(session.pid).values()
        assert len(containers_of(owner)) == 1

        remove_leftovers()
        assert len(containers_of(owner)) == 1
        session.kill()
        session.wait()
        with services.supply_mails(tmp_path):
            assert containers_of(owner) == []


def test_several_sessions_may_remove_it_at_once():
    with subprocess.Popen([sys.executable, "-c", SESSION], stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == "up\n"
        [owner] = owner_label(session.pid).values()
        session.kill()
        session.wait()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: remove_leftovers(), range(6)))

    wait_for(lambda: containers_of(owner) == [])


def test_nothing_is_left_of_a_service_that_is_no_longer_in_use(services: Services, tmp_path: Path):
    [owner] = owner_label(os.getpid()).values()
    before = containers_of(owner)

    with services.supply_mails(tmp_path):
        assert len(containers_of(owner)) == len(before) + 1

    assert containers_of(owner) == before


def test_the_images_are_those_that_were_told(services: Services):
    assert services.description == f"containers ({', '.join(read_images(os.environ))})"

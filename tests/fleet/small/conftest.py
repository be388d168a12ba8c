"""One API and one worker for all tests of this folder, with a bucket, mails, metrics and traces."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector import Collector, a_collector
from tests.fleet.conftest import started
from tests.fleet.containers import CHECKOUT, PROJECT_LABEL, Fleet, docker, remove_project

METRICS_PORT = "9000"


@pytest.fixture(scope="package")
def settings(collector: Collector) -> dict[str, str]:
    """What such a fleet is told."""
    return {
        "COMPOSE_PROFILES": "s3,mail",
        "SMTP_URL": "smtp://mail:1025",
        "LONGSHORE_MAIL_FROM": "longshore@example.org",
        "MAIL_PORT": "0",
        "LONGSHORE_METRICS_TOKEN": secrets.token_hex(16),
        "LONGSHORE_METRICS_PORT": METRICS_PORT,
        **collector.environment,
    }


@pytest.fixture(scope="package")
def collector(engine: None) -> Iterator[Collector]:
    """Runs here, at the address that this machine has in a network of Docker's: containers reach that."""
    name = f"{CHECKOUT}-collector"
    remove_project(name)
    docker("network", "create", "--label", f"{PROJECT_LABEL}={name}", name)
    try:
        found = docker("network", "inspect", name, "--format", "{{(index .IPAM.Config 0).Gateway}}")
        with a_collector(found) as running:
            yield running
    finally:
        remove_project(name)


@pytest.fixture(scope="package")
def fleet(engine: None, kept: Path, settings: dict[str, str]) -> Iterator[Fleet]:
    with started(Fleet(kept, f"{CHECKOUT}-small", **settings), apis=1, workers=1) as running:
        yield running

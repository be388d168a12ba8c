"""What a killed session left is removed by the next one of its checkout, and nothing of another's is."""

import os
from collections.abc import Iterator

import pytest

from tests.fleet.containers import CHECKOUT, PROJECT_LABEL, docker, only_session, remove_project
from tests.supplies.images import read_fleet_images

OWN, ANOTHER = f"{CHECKOUT}-left", f"{CHECKOUT}-another"


def leave(name: str, image: str) -> None:
    """A container in use of a network and a volume."""
    label = f"{PROJECT_LABEL}={name}"
    docker("network", "create", "--label", label, name)
    docker("volume", "create", "--label", label, name)
    taken = ("--network", name, "--volume", f"{name}:/kept", "--label", label)
    docker("run", "--detach", "--init", *taken, image, "sleep", "600")


def left(name: str) -> list[str]:
    label = ("--quiet", "--filter", f"label={PROJECT_LABEL}={name}")
    kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
    return [found for kind in kinds for found in docker(*kind, *label).split()]


@pytest.fixture
def both(engine: None) -> Iterator[None]:
    image = read_fleet_images(os.environ).python
    try:
        for name in (OWN, ANOTHER):
            leave(name, image)
        yield
    finally:
        for name in (OWN, ANOTHER):
            remove_project(name)


@pytest.mark.usefixtures("both")
def test_what_was_left_is_removed_and_what_is_anothers_stays():
    assert len(left(OWN)) == len(left(ANOTHER)) == 3

    remove_project(OWN)

    assert (len(left(OWN)), len(left(ANOTHER))) == (0, 3)


def test_two_sessions_of_a_checkout_are_not_let_in_together(engine: None):
    with pytest.raises(BlockingIOError, match="wait for it"), only_session():
        pass

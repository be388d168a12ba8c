"""What the containers of Longshore may do on their host, and what their image does not hold."""

import json
from typing import Any

import pytest

from tests.fleet.containers import Fleet, docker

SERVICES = ("balancer", "api", "worker", "beat", "postgres", "redis", "s3", "mail")


def inspected(container: str) -> dict[str, Any]:
    [found] = json.loads(docker("inspect", container))
    return dict(found)


@pytest.mark.parametrize("service", ["api", "worker", "beat"])
def test_our_own_image_runs_as_its_own_user(fleet: Fleet, service: str):
    [container] = fleet.containers(service)

    assert inspected(container)["Config"]["User"] == "longshore"


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_rights_on_its_host(fleet: Fleet, service: str):
    [container] = fleet.containers(service)

    limits = inspected(container)["HostConfig"]

    assert limits["ReadonlyRootfs"]
    assert (limits["CapDrop"], limits["CapAdd"]) == (["ALL"], None)
    assert limits["SecurityOpt"] == ["no-new-privileges:true"]
    assert not limits["Privileged"]


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_in_a_container_can_do_more_than_its_user(fleet: Fleet, service: str):
    """As the kernel says of its first process."""
    [container] = fleet.containers(service)

    status = docker("exec", container, "cat", "/proc/1/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines())

    assert {told[name].strip("0") for name in ("CapPrm", "CapEff", "CapBnd")} == {""}
    assert told["NoNewPrivs"] == "1"
    # Versity's gateway is root, of its volume.
    assert service == "s3" or told["Uid"].split()[0] != "0"


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_kept_under_a_name_that_nobody_knows(fleet: Fleet, service: str):
    """Each worker that was scaled away, and each fleet that was taken down, left a volume behind."""
    [container] = fleet.containers(service)

    mounts = inspected(container)["Mounts"]

    names = [mount["Name"] for mount in mounts if mount["Type"] == "volume"]
    assert [name for name in names if not name.startswith(f"{fleet.name}_")] == []


def test_only_the_balancer_and_the_mail_catcher_can_be_reached_from_outside(fleet: Fleet):
    published = {
        name
        for name in SERVICES
        if any(inspected(fleet.containers(name)[0])["NetworkSettings"]["Ports"].values())
    }

    assert published == {"balancer", "mail"}


def test_the_image_that_runs_has_no_file_of_certificates_or_settings(fleet: Fleet):
    """What else it does not hold: tests.fleet.test_image_secrets."""
    [api] = fleet.containers("api")
    image = inspected(api)["Image"]

    names = ("*.env", "ca-bundle.crt", "pip-cert.crt")
    look = " -o ".join(f"-name {name}" for name in names).split()
    files = docker("run", "--rm", "--user", "0", image, "find", "/", "-xdev", *look)

    assert files == ""

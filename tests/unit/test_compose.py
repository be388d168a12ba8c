"""What docker/compose.yaml says, so that every Compose from 1.29 on reads it and no setting is lost in it."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import which
from subprocess import PIPE
from typing import Any

import pytest
import yaml

from api.http import gunicorn
from tests.supplies.images import FleetImages

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "docker/fleet.sh"
PAGE = (ROOT / "docker/SETTINGS.md").read_text()
# Health checks look at the file that the compose file names.
SETTINGS = [
    name
    for name in re.findall(r"^\| `(LONGSHORE_\w+)` \|", PAGE, re.MULTILINE)
    if name != "LONGSHORE_PULSE_FILE"
]
OTHERS = ["STORAGE_URL", "SMTP_URL", "WEB_CONCURRENCY", *sorted(set(re.findall(r"`(AWS_[A-Z_]+)", PAGE)))]
OWN_NAMES = ["PUBLIC_URL", "BASE_DOMAIN", "WORKER_PROCESSES"]
USERS = {
    "LONGSHORE_DRAIN_SECONDS": ["api"],
    "LONGSHORE_METRICS_PORT": ["worker", "beat"],
    "LONGSHORE_WORKER_PROCESSES": ["worker", "cli"],
    "WEB_CONCURRENCY": ["api"],
}
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_of_one_line_has_nothing_that_a_shell_would_act_on(service: str):
    """Compose 2 splits such a line as a shell does, and refused the whole file for the `()` in the API's."""
    command = SERVICES[service].get("command", "")

    assert isinstance(command, list) or not re.search(r"[()<>;&|`]", command)


Configured = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module", params=["docker compose", "docker-compose"])
def configured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Configured:
    """What each service is where this is what docker/.env says."""
    folder = tmp_path_factory.mktemp("compose")
    settings = folder / "settings.env"
    # Nothing else of ours, which would have the last word.
    environment = {name: os.environ[name] for name in ("HOME", "DOCKER_CONFIG") if name in os.environ}
    environment |= {"PATH": path_of(request.param, folder), "FLEET_SETTINGS": str(settings)}

    def configure(lines: str) -> dict[str, Any]:
        settings.write_text(lines)
        done = subprocess.run(
            [FLEET, "compose", "config"], check=True, stdout=PIPE, text=True, env=environment
        )
        services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
        return services

    return configure


def path_of(program: str, folder: Path) -> str:
    """One on which docker/fleet.sh finds this Compose; skips the test where there is none."""
    command = program.split()
    if (
        not which(command[0])
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"There is no {program}.")
    if program == "docker-compose":
        without = folder / "docker"
        without.write_text("#!/bin/sh\nexit 1\n")
        without.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def telling(names: Iterable[str]) -> str:
    """A line for each, whose value tells its name."""
    return "".join(f"{name}=given-{name}\n" for name in names)


@pytest.fixture(scope="module")
def given(configured: Configured) -> dict[str, Any]:
    """The environment of each service."""
    services = configured("COMPOSE_PROFILES=cli\n" + telling([*SETTINGS, *OTHERS]))
    return {name: found.get("environment", {}) for name, found in services.items()}


@pytest.mark.parametrize("name", [*SETTINGS, *OTHERS])
def test_every_setting_arrives_at_each_process_that_has_a_use_for_it(given: dict[str, Any], name: str):
    """LONGSHORE_MAIL_FROM did not: mails of a fleet could only come from longshore@localhost."""
    users = USERS.get(name, ["api", "worker", "beat", "cli"])

    assert {user: given[user].get(name) for user in users} == dict.fromkeys(users, f"given-{name}")


def test_some_settings_arrive_by_the_fleets_own_names_too(configured: Configured):
    found = configured(telling(OWN_NAMES))["worker"]["environment"]

    assert {name: found[f"LONGSHORE_{name}"] for name in OWN_NAMES} == {n: f"given-{n}" for n in OWN_NAMES}


# As written in docker/.env, and what is meant.
WRITTEN = {
    "LONGSHORE_CORS_ORIGINS": (
        "https://a.example, https://b.example",
        "https://a.example, https://b.example",
    ),
    "LONGSHORE_MAIL_FROM": ("Longshore <x@y.example>", "Longshore <x@y.example>"),
    "SMTP_URL": ("'smtp://user:pa$1word#@mail'", "smtp://user:pa$1word#@mail"),
    "PUBLIC_URL": ("https://y.example/?a&b;c # ours, it's", "https://y.example/?a&b;c"),
    "AWS_SECRET_ACCESS_KEY": ("'a$b`c`$(exit 7)'  # secret", "a$b`c`$(exit 7)"),
    "BASE_DOMAIN": ('"y.example"', "y.example"),
}


def test_what_a_shell_would_act_on_is_data(configured: Configured):
    """The file was run as a script: `<` and `>` ended every command, and what came after a `&` was lost."""
    found = configured("".join(f"{name}={written}\n" for name, (written, _) in WRITTEN.items()))["worker"]
    found = found["environment"]

    arrived = {name: found.get(f"LONGSHORE_{name}", found.get(name)) for name in WRITTEN}
    # `config` writes what can be read again.
    assert arrived == {name: meant.replace("$", "$$") for name, (_, meant) in WRITTEN.items()}


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ("", "http://localhost:8080"),
        ("FLEET_PORT=9090\n", "http://localhost:9090"),
        ("FLEET_PORT=9090\nPUBLIC_URL=https://y.example\n", "https://y.example"),
    ],
)
def test_links_lead_to_this_fleet_unless_told_otherwise(configured: Configured, lines: str, url: str):
    """Those of a second one, at another port, led to the first."""
    assert configured(lines)["api"]["environment"]["LONGSHORE_PUBLIC_URL"] == url


def test_the_balancer_is_told_where_clients_speak_tls(configured: Configured):
    found = configured("TLS_CERTIFICATES=/certificates\nPUBLIC_URL=https://y.example\n")["balancer"]

    assert str(found["environment"]["PUBLIC_TLS_PORT"]) == "443"


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_container_says_is_kept_within_bounds(service: str):
    """Logs grew until the disk was full."""
    assert SERVICES[service]["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "20m", "max-file": "5"},
    }


def test_each_image_has_a_version():
    """What is meant by a name alone changes from day to day."""
    defaults = [re.findall(r":-(.+)}", found["image"])[0] for found in SERVICES.values()]

    assert [name for name in defaults if ":" not in name] == []
    assert set(FleetImages()) - {FleetImages().python} < set(defaults)


def test_the_doctor_sees_what_workers_see():
    """It warned of a folder in memory that no worker uses."""
    cli, worker = SERVICES["cli"], SERVICES["worker"]

    assert (cli["volumes"], cli["tmpfs"]) == (worker["volumes"], worker["tmpfs"])


def test_mails_are_read_on_this_machine_only_unless_told_otherwise(configured: Configured):
    """They were open to whoever reached the balancer."""
    services = configured("FLEET_ADDRESS=0.0.0.0\nCOMPOSE_PROFILES=mail\n")
    told = configured("MAIL_ADDRESS=192.0.2.1\nCOMPOSE_PROFILES=mail\n")

    assert addresses(services["mail"]) == ["127.0.0.1"]
    assert addresses(services["balancer"]) == ["0.0.0.0"]
    assert addresses(told["mail"]) == ["192.0.2.1"]


def addresses(service: dict[str, Any]) -> list[str]:
    """Those of its ports, as either Compose tells them."""
    return [port["host_ip"] if isinstance(port, dict) else port.split(":")[0] for port in service["ports"]]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_rights_on_its_host(service: str):
    """The page said so of all, and four of them had capabilities and wrote to their images."""
    found = SERVICES[service]

    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert not found.keys() & {"cap_add", "privileged", "devices", "pid", "ipc", "network_mode"}
    assert not str(found.get("user", "")).startswith(("root", "0"))


def test_the_page_tells_how_long_a_request_may_take_whose_api_is_stopped():
    """It said that none fails: a long upload is cut off."""
    api = SERVICES["api"]
    drain = int(re.findall(r":-(\d+)}", api["environment"]["LONGSHORE_DRAIN_SECONDS"])[0])
    bound = drain + gunicorn.graceful_timeout

    page = " ".join((ROOT / "docker/DEPLOY.md").read_text().split())

    assert f"ends within {bound} seconds of its API being told to stop: {drain} in which that drains" in page
    assert f"and {gunicorn.graceful_timeout} for what is under way then" in page
    assert f"no request fails that takes [less than {bound} seconds](#upgrading)" in page
    assert int(api["stop_grace_period"].removesuffix("s")) > bound


def test_the_page_tells_the_same_of_kubernetes():
    [deployment] = [
        found
        for found in yaml.safe_load_all((ROOT / "docker/kubernetes/api.yaml").read_text())
        if found["kind"] == "Deployment"
    ]
    pod = deployment["spec"]["template"]["spec"]
    [drain] = [
        each["value"] for each in pod["containers"][0]["env"] if each["name"] == "LONGSHORE_DRAIN_SECONDS"
    ]
    bound = int(drain) + gunicorn.graceful_timeout

    page = " ".join((ROOT / "docker/DEPLOY.md").read_text().split())

    assert f"fail no request that takes less than {bound} seconds" in page
    assert pod["terminationGracePeriodSeconds"] > bound


def test_the_settings_are_found_where_they_are_told():
    assert "LONGSHORE_MAIL_FROM" in SETTINGS

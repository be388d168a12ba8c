"""What docker/compose.yaml says, so that every Compose from 1.29 on reads it and no setting is lost in it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SETTINGS = re.findall(r"^\| `(LONGSHORE_\w+)` \|", (ROOT / "docker/SETTINGS.md").read_text(), re.MULTILINE)
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_of_one_line_has_nothing_that_a_shell_would_act_on(service: str):
    """Compose 2 splits such a line as a shell does, and refused the whole file for the `()` in the API's."""
    command = SERVICES[service].get("command", "")

    assert isinstance(command, list) or not re.search(r"[()<>;&|`]", command)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_reaches_the_containers(name: str):
    """LONGSHORE_MAIL_FROM did not: mails of a fleet could only come from longshore@localhost."""
    assert any(name in SERVICES[service]["environment"] for service in ("api", "worker", "beat"))


def test_the_processes_of_an_api_can_be_told():
    """WEB_CONCURRENCY is gunicorn's own setting, and stopped at the compose file."""
    assert "WEB_CONCURRENCY" in SERVICES["api"]["environment"]


def test_the_settings_are_found_where_they_are_told():
    assert "LONGSHORE_MAIL_FROM" in SETTINGS

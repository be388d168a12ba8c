"""What docker/compose.yaml may say so that every Compose from 1.29 on reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docker/compose.yaml").read_text())[
    "services"
]


@pytest.mark.parametrize("service", SERVICES)
def test_a_command_of_one_line_has_nothing_that_a_shell_would_act_on(service: str):
    """Compose 2 splits such a line as a shell does, and refused the whole file for the `()` in the API's."""
    command = SERVICES[service].get("command", "")

    assert isinstance(command, list) or not re.search(r"[()<>;&|`]", command)

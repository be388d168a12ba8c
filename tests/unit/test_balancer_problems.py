"""What the balancer answers by itself has the form of the API's problems."""

import json
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from api.http.health import HealthSchema
from api.http.problems import CONTENT_TYPE

DOCKER = Path(__file__).resolve().parents[2] / "docker"
ANSWERS = sorted((DOCKER / "problems").glob("*.http"))
PROBLEMS = [path for path in ANSWERS if path.stem != "live"]


def test_all_of_them_are_used():
    configuration = (DOCKER / "haproxy.cfg").read_text()

    assert PROBLEMS
    assert not [path.name for path in ANSWERS if f"/etc/haproxy/problems/{path.name}" not in configuration]


def read(path: Path) -> tuple[str, Message, Any, int]:
    """The first line, the headers, what the body says, and its length."""
    first, _, rest = path.read_text().partition("\n")
    body = rest.partition("\n\n")[2]
    return first, message_from_string(rest), json.loads(body), len(body)


@pytest.mark.parametrize("path", PROBLEMS, ids=[path.stem for path in PROBLEMS])
def test_a_problem_of_the_balancer_is_one_of_the_api(path: Path):
    status = path.stem

    first, head, told, length = read(path)

    assert first.split(" ", 2)[:2] == ["HTTP/1.1", status]
    assert first.split(" ", 2)[2] == told["title"]
    assert (head["content-type"], head["content-length"]) == (CONTENT_TYPE, str(length))
    assert told["status"] == status
    assert all(set(param) == {"name", "reason"} for param in told.get("invalid-params", []))
    assert bool(head["retry-after"]) == (status in {"429", "502", "503"})


def test_the_balancer_tells_in_the_form_of_the_api_that_it_lives():
    """It was a page of HAProxy's own."""
    first, head, told, length = read(DOCKER / "problems/live.http")

    configuration = (DOCKER / "haproxy.cfg").read_text()

    assert "errorfile 200 /etc/haproxy/problems/live.http" in configuration
    assert "monitor-uri /health/balancer" in configuration
    assert first == "HTTP/1.1 200 OK"
    assert (head["content-type"], head["content-length"]) == ("application/json", str(length))
    assert HealthSchema().validate(told) == {}
    assert told == {"status": "live"}

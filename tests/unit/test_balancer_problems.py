"""What the balancer answers by itself has the form of the API's problems."""

import json
from email import message_from_string
from pathlib import Path

import pytest

from api.http.problems import CONTENT_TYPE

DOCKER = Path(__file__).resolve().parents[2] / "docker"
PROBLEMS = sorted((DOCKER / "problems").glob("*.http"))


def test_all_of_them_are_used():
    configuration = (DOCKER / "haproxy.cfg").read_text()

    assert PROBLEMS
    assert not [path.name for path in PROBLEMS if f"/etc/haproxy/problems/{path.name}" not in configuration]


@pytest.mark.parametrize("path", PROBLEMS, ids=[path.stem for path in PROBLEMS])
def test_a_problem_of_the_balancer_is_one_of_the_api(path: Path):
    status = path.stem
    first, _, rest = path.read_text().partition("\n")

    head, body = message_from_string(rest), rest.partition("\n\n")[2]

    told = json.loads(body)
    assert first.split(" ", 2)[:2] == ["HTTP/1.1", status]
    assert first.split(" ", 2)[2] == told["title"]
    assert (head["content-type"], head["content-length"]) == (CONTENT_TYPE, str(len(body)))
    assert told["status"] == status
    assert all(set(param) == {"name", "reason"} for param in told.get("invalid-params", []))
    assert bool(head["retry-after"]) == (status in {"429", "502", "503"})

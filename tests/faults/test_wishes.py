"""A client sees which answers break the service's word."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from random import Random
from typing import Any

import pytest

from tests.faults.client import CarefulClient
from tests.faults.wishes import Moment, Seen, Wishes
from tests.threaded import in_thread

Answer = Callable[[str], dict[str, Any] | None]

OUTCOMES = ("created", "updated", "deleted", "skipped", "rejected")


class _Api(ThreadingHTTPServer):
    """Answers each wish as the test says; whoever looks sees an import that has ended with all its lines."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answer = answer


class _Answers(BaseHTTPRequestHandler):
    server: _Api

    def do_GET(self) -> None:
        self._say(an_import("complete", 9, ended="now"))

    def do_PATCH(self) -> None:
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._say(self.server.answer(wish["status"]))

    def log_message(self, *_: object) -> None:
        pass

    def _say(self, told: dict[str, Any] | None) -> None:
        body = json.dumps(told).encode()
        self.send_response(200 if told else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def an_import(status: str, applied: int, *, ended: str | None = None) -> dict[str, Any]:
    counted = {f"{outcome}Documents": applied * (outcome == "created") for outcome in OUTCOMES}
    return counted | {"status": status, "endedDatetime": ended, "work": {"worker": None}}


@contextmanager
def wishes(answer: Answer, seen: Seen, *, are_of_many: bool = False) -> Iterator[Wishes]:
    """To an API that answers so."""
    with in_thread(_Api(answer)) as api:
        url = f"http://127.0.0.1:{api.server_port}"
        with closing(CarefulClient([url], "localhost", None)) as client:
            yield Wishes(client, Random(1 if are_of_many else 0), seen)


@pytest.fixture
def seen() -> Seen:
    return Seen(1, Moment.AT_WORK)


def test_an_import_that_is_not_started_cannot_be_paused_or_resumed(seen: Seen):
    with wishes(lambda status: an_import(status, 0), seen) as agreed:
        agreed.ask_too_early()

    assert seen.wrong == ["it was resumed before it was started"]


def test_all_who_ask_at_once_are_told_the_same(seen: Seen):
    applied = count(1)
    with wishes(lambda status: an_import(status, next(applied)), seen, are_of_many=True) as agreed:
        agreed.pause_for_a_while(an_import("running", 0))

    assert any(wrong.startswith("10 who had it paused at once were told") for wrong in seen.wrong)


def test_all_who_ask_at_once_are_refused_or_none(seen: Seen):
    turns = count()
    with wishes(lambda s: an_import(s, 9) if next(turns) % 2 else None, seen, are_of_many=True) as agreed:
        agreed.cancel()

    assert any(wrong.startswith("10 who had it canceled at once were told") for wrong in seen.wrong)


@pytest.mark.parametrize("are_of_many", [True, False])
def test_nothing_is_applied_after_a_pause(seen: Seen, are_of_many: bool):
    with wishes(lambda status: an_import(status, 3), seen, are_of_many=are_of_many) as agreed:
        agreed.pause_for_a_while(an_import("running", 0))

    assert seen.wrong == ["it went on while it was paused"]


@pytest.mark.parametrize("are_of_many", [True, False])
def test_nothing_is_applied_or_begun_after_a_cancel(seen: Seen, are_of_many: bool):
    with wishes(lambda status: an_import(status, 3), seen, are_of_many=are_of_many) as agreed:
        agreed.cancel()

    assert seen.wrong == [
        "it went on after it was canceled at 3 lines",
        "it was started after it was canceled",
    ]


@pytest.mark.parametrize("are_of_many", [True, False])
def test_whoever_comes_after_its_end_is_refused(seen: Seen, are_of_many: bool):
    with wishes(lambda _: None, seen, are_of_many=are_of_many) as refused:
        refused.ask_too_early()
        refused.pause_for_a_while(an_import("running", 0))
        refused.cancel()

    assert seen.wrong == []

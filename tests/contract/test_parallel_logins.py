"""Guesses that come all at once, over real connections to the real server."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import log2
from threading import Barrier

import httpx
import pytest

from api.usecases import accounts
from api.usecases.services import Service
from api.usecases.slowing import ACCOUNT
from shared.ground import Ground
from tests.serving import Served

GUESSES = 120

Ask = Callable[[str], httpx.Response]


@pytest.fixture
def ask(served: Served, ground: Ground, service: Service) -> Ask:
    """Asks for a token by password, on a connection of its own; the right one is `right`."""
    email = f"dora@{service.name}.example.org"
    accounts.add_user(ground, email, "right-one", [service.name])

    def ask(password: str) -> httpx.Response:
        form = {"grant_type": "password", "username": email, "password": password}
        return httpx.post(f"{served.url}/ls/api/oauth2/token", data=form, timeout=60, trust_env=False)

    return ask


def all_at_once(ask: Ask, passwords: list[str]) -> Counter[int]:
    ready = Barrier(len(passwords))

    def guess(password: str) -> int:
        ready.wait(30)
        return ask(password).status_code

    with ThreadPoolExecutor(len(passwords)) as threads:
        return Counter(threads.map(guess, passwords))


def test_of_many_guesses_at_once_no_more_are_judged_than_of_one_after_the_other(ask: Ask) -> None:
    began = time.monotonic()

    answers = all_at_once(ask, [f"guess-{number}" for number in range(GUESSES)])

    # One more for each wait that is over by then: of a second, of two, of four.
    waits = int(log2(1 + time.monotonic() - began))
    assert ACCOUNT.guesses <= answers[400] <= ACCOUNT.guesses + waits
    assert answers[400] + answers[429] == GUESSES


def test_the_right_password_many_times_at_once_is_let_in_each_time(ask: Ask) -> None:
    assert all_at_once(ask, ["right-one"] * 20) == {200: 20}

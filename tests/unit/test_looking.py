"""However many ask, and however long it takes, one looks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import monotonic

import pytest

from api.http import looking
from api.http.looking import Look
from shared.errors import ConflictOfTransactions
from tests.acceptance.waiting import wait_for

CALLERS = 20


class Server:
    """Answers with the number of the question, while it does not hang."""

    def __init__(self) -> None:
        self.asked = 0
        self._goes_on = Event()
        self._goes_on.set()

    def ask(self) -> int:
        self.asked += 1
        number = self.asked
        self._goes_on.wait()
        return number

    @contextmanager
    def hanging(self) -> Iterator[None]:
        self._goes_on.clear()
        yield
        self._goes_on.set()


def all_find(look: Look[int], server: Server) -> set[int]:
    with ThreadPoolExecutor(CALLERS) as callers:
        return {*callers.map(lambda _: look.found(server.ask), range(2 * CALLERS))}


@pytest.fixture
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is old at once."""
    monkeypatch.setattr(looking, "KEPT_SECONDS", 0.0)


@pytest.fixture
def remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "KEPT_SECONDS", 3600.0)


@pytest.mark.usefixtures("remembers")
def test_what_was_found_is_told_to_all():
    server = Server()

    assert all_find(Look(0, 60.0), server) == {1}
    assert server.asked == 1


@pytest.mark.usefixtures("forgets")
def test_what_is_old_is_asked_for_again():
    server, look = Server(), Look(0, 60.0)

    assert [look.found(server.ask) for _ in range(3)] == [1, 2, 3]


@pytest.mark.usefixtures("forgets")
def test_a_server_that_hangs_keeps_nobody_and_is_asked_once():
    """All threads of a process waited in a row, until none was left to say so."""
    server, look = Server(), Look(0, 0.1)

    with server.hanging():
        assert all_find(look, server) == {0}
        assert server.asked == 1

    assert wait_for(lambda: look.found(server.ask))


@pytest.mark.usefixtures("forgets")
def test_while_a_server_is_late_what_it_said_before_stands(monkeypatch: pytest.MonkeyPatch):
    """A stall of four seconds took out every API at once."""
    server, look = Server(), Look(0, 0.1)
    assert look.found(server.ask) == 1

    with server.hanging():
        assert all_find(look, server) == {1}
        monkeypatch.setattr(looking, "STANDS_SECONDS", 0.0)
        assert all_find(look, server) == {0}
        assert server.asked == 2


def test_what_comes_late_is_told_to_whoever_asks_next():
    """A bucket that took a little longer each time was called away for ever, while it took uploads."""
    server, look = Server(), Look(0, 0.1)
    until = monotonic() + 1.1 * looking.KEPT_SECONDS

    with server.hanging():
        assert look.found(server.ask) == 0
        wait_for(lambda: monotonic() > until)

    assert wait_for(lambda: look.found(server.ask)) == 1


@pytest.mark.usefixtures("remembers")
def test_what_breaks_is_told_to_all_and_asked_once():
    asked: list[None] = []
    look = Look(0, 60.0)

    def broken() -> int:
        asked.append(None)
        raise ConflictOfTransactions

    for _ in range(3):
        with pytest.raises(ConflictOfTransactions):
            look.found(broken)

    assert len(asked) == 1

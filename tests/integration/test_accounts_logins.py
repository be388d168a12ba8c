"""Logins at injected times: who is let in, who is slowed down, and that nobody is locked out for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import text

from api.usecases import accounts, logins, slowing
from api.usecases.passwords import hash_secret
from api.usecases.slowing import Origin
from shared.db import accounts as kept

NOW = datetime(2030, 1, 1, tzinfo=UTC)
_numbers = count(1)


@pytest.fixture
def user(ground):
    """A user of this test's own, whose password is `right-one`."""
    return accounts.add_user(ground, f"bea-{next(_numbers)}@example.org", "right-one")


@pytest.fixture
def origin():
    """An address of this test's own, at an injected time."""
    number = next(_numbers)
    return lambda seconds=0: Origin(f"10.1.{number // 250}.{number % 250}", at(seconds))


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def fail(ground, email, origin):
    with pytest.raises(logins.UserRefused):
        logins.log_in_user(ground, email, "wrong", origin)


def spray(ground, user, origin):
    """As many guesses at other accounts as an address may make."""
    for number in range(slowing.ADDRESS.guesses):
        fail(ground, f"guess-{number}-{user.email}", origin())


def test_who_had_a_short_password_before_there_was_a_least_length_still_gets_in(ground):
    email = f"old-{next(_numbers)}@example.org"
    with ground.database.begin() as session:
        kept.add_user(session, email, hash_secret("p"))

    assert logins.log_in_user(ground, email, "p", Origin(None, NOW)).email == email


def test_an_address_is_known_in_any_case(ground, user, origin):
    assert logins.log_in_user(ground, f" {user.email.upper()} ", "right-one", origin()) == user


@pytest.mark.parametrize("name", ["nobody@example.org", "", "a\0b", "x" * 5000])
def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(ground, user, origin, name):
    with pytest.raises(logins.UserRefused) as unknown:
        logins.log_in_user(ground, name, "right-one", origin())
    with pytest.raises(logins.UserRefused) as wrong:
        logins.log_in_user(ground, user.email, "wrong", origin())

    assert str(unknown.value) == str(wrong.value)


def test_repeated_failures_of_an_account_wait_longer_and_longer_and_never_for_good(ground, user, origin):
    waits: list[int] = []
    while len(waits) < 8:
        try:
            logins.log_in_user(ground, user.email, "wrong", origin(sum(waits)))
        except slowing.TooManyFailures as slowed:
            waits.append(slowed.retry_seconds)
        except logins.UserRefused:
            continue

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert logins.log_in_user(ground, user.email, "right-one", origin(sum(waits))) == user


def test_the_right_password_waits_too_and_then_clears_the_account(ground, user, origin):
    for _ in range(5):
        fail(ground, user.email, origin())

    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", origin(0.5))
    logins.log_in_user(ground, user.email, "right-one", origin(1))
    for _ in range(4):
        fail(ground, user.email, origin(1))
    assert logins.log_in_user(ground, user.email, "right-one", origin(1)) == user


def test_failures_are_forgotten_after_a_quiet_hour(ground, user, origin):
    for _ in range(4):
        fail(ground, user.email, origin())
    for _ in range(4):
        fail(ground, user.email, origin(3601))

    assert logins.log_in_user(ground, user.email, "right-one", origin(3601)) == user


def test_failures_of_long_ago_are_not_kept(ground, user, origin):
    fail(ground, f"other-{user.email}", origin(-(10**7)))

    fail(ground, user.email, origin())

    with ground.database.begin() as session:
        old = text("SELECT count(*) FROM login_failures WHERE last_at < :before")
        assert session.execute(old, {"before": at(0)}).scalar_one() == 0


def test_a_clock_that_went_wrong_locks_nobody_out(ground, user, origin):
    for _ in range(5):
        fail(ground, user.email, origin(10**6))

    assert logins.log_in_user(ground, user.email, "right-one", origin()) == user


def test_an_address_that_tries_many_names_is_slowed_down_and_others_are_not(ground, user, origin):
    spray(ground, user, origin)

    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", origin())
    assert logins.log_in_user(ground, user.email, "right-one", Origin("10.2.0.1", NOW)) == user
    assert logins.log_in_user(ground, user.email, "right-one", Origin(None, NOW)) == user


def test_who_has_logged_in_from_an_address_does_not_wait_for_its_other_guessers(ground, user, origin):
    """All clients come from one address where a load balancer is not declared."""
    logins.log_in_user(ground, user.email, "right-one", origin())

    spray(ground, user, origin)

    assert logins.log_in_user(ground, user.email, "right-one", origin()) == user
    for _ in range(5):
        fail(ground, user.email, origin())
    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", origin())


def test_guesses_from_elsewhere_do_not_keep_the_owner_waiting_at_home(ground, user, origin):
    logins.log_in_user(ground, user.email, "right-one", origin())
    for _ in range(5):
        fail(ground, user.email, Origin("10.2.0.2", NOW))

    assert logins.log_in_user(ground, user.email, "right-one", origin()) == user
    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", Origin("10.2.0.2", NOW))


def test_an_address_is_a_home_for_thirty_days(ground, user, origin):
    logins.log_in_user(ground, user.email, "right-one", origin())
    later = 31 * 24 * 3600
    for _ in range(5):
        fail(ground, user.email, Origin("10.2.0.3", at(later)))

    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", origin(later))


def test_right_passwords_at_the_same_moment_are_all_let_in(ground, user, origin):
    """Programs that start together log in as the same user, more of them than may guess."""
    ready = Barrier(12)

    def log_in(_):
        ready.wait(10)
        return logins.log_in_user(ground, user.email, "right-one", origin())

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(log_in, range(12))) == [user] * 12


def test_failures_at_the_same_moment_are_all_counted(ground, user, origin):
    ready = Barrier(4)

    def guess(_):
        ready.wait(10)
        fail(ground, user.email, origin())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(guess, range(4)))
    fail(ground, user.email, origin())

    with pytest.raises(slowing.TooManyFailures):
        logins.log_in_user(ground, user.email, "right-one", origin())


def test_a_client_logs_in_with_its_secret(ground, service, origin):
    client = accounts.add_client(ground, f"app-{service.name}", "right-one")

    assert logins.log_in_client(ground, client.id, "right-one", origin()) == client
    for name, secret in ((client.id, "wrong"), ("nobody", "right-one"), ("a\0b", "right-one"), ("", "")):
        with pytest.raises(logins.ClientRefused):
            logins.log_in_client(ground, name, secret, origin())

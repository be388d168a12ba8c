"""What is decided about logins without a database: how long to wait, what an address counts as, hashes."""

import pytest

from api.usecases.passwords import HASHER, NOBODY, hash_secret, is_right
from api.usecases.slowing import ACCOUNT, ADDRESS, Slowness, site_of


def test_the_wait_begins_with_the_last_free_guess_and_doubles_up_to_a_ceiling():
    slowness = Slowness(guesses=4, ceiling_seconds=10)

    assert [slowness.wait_seconds(failures) for failures in range(1, 10)] == [0, 0, 0, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("slowness", [ACCOUNT, ADDRESS])
def test_no_number_of_failures_makes_anybody_wait_longer_than_a_minute(slowness):
    assert slowness.wait_seconds(2**31 - 1) == 60


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", None),
        (None, None),
        ("a-socket", None),
    ],
)
def test_an_address_counts_as_itself_or_as_its_ipv6_network(address, site):
    assert site_of(address) == site


def test_a_secret_is_right_against_its_own_hash_only():
    kept = hash_secret("pass word ü")

    assert is_right("pass word ü", kept)
    assert not is_right("pass word u", kept)
    assert not is_right("pass word ü", None)
    assert "pass word" not in kept


def test_nobodys_hash_takes_as_much_work_as_anybodys():
    assert NOBODY.startswith("$argon2id$")
    assert not HASHER.check_needs_rehash(NOBODY)

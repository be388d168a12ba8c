"""Users and clients: names that may be, names that may not, and what each has been granted."""

from itertools import count

import pytest
from sqlalchemy import select

from api.usecases import accounts
from shared.db.models import OAuthClient, User
from shared.errors import NameRefused, NameTaken, ServiceNotFound

_numbers = count(1)


@pytest.fixture
def email():
    return f"ann-{next(_numbers)}@example.org"


@pytest.fixture
def user(ground, service, email):
    """A user who has been granted `service`."""
    return accounts.add_user(ground, email, "right-one", [service.name])


def test_a_user_is_listed_with_the_communities_granted(ground, service, email):
    accounts.add_user(ground, f" {email.upper()}", "a-password")
    accounts.grant_user(ground, email, [service.name.upper(), service.name])

    assert (email, [service.name]) in [(name, list(names)) for name, names in accounts.list_users(ground)]


def test_a_client_is_listed_with_the_communities_granted(ground, service):
    accounts.add_client(ground, f"app-{service.name}", "a-secret", [service.name])
    accounts.add_client(ground, f"bare-{service.name}", "a-secret")

    listed = {name: list(names) for name, names in accounts.list_clients(ground)}
    assert listed[f"app-{service.name}"] == [service.name]
    assert listed[f"bare-{service.name}"] == []


def test_passwords_and_secrets_are_kept_as_argon2_hashes(ground, user, service):
    client_id = f"hashed-{service.name}"
    accounts.add_client(ground, client_id, "right-one")

    with ground.database.begin() as session:
        of_user = select(User.password_hash).where(User.id == user.id)
        of_client = select(OAuthClient.secret_hash).where(OAuthClient.id == client_id)
        kept = [session.scalars(found).one() for found in (of_user, of_client)]
    assert [hashed.startswith("$argon2id$") for hashed in kept] == [True, True]


def test_a_name_is_taken_once(ground, user, service):
    accounts.add_client(ground, f"app-{service.name}", "a-secret")

    with pytest.raises(NameTaken):
        accounts.add_user(ground, user.email.upper(), "another-one")
    with pytest.raises(NameTaken):
        accounts.add_client(ground, f"app-{service.name}", "another-one")


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@", "a b@example.org", "a\0@example.org", "x" * 300 + "@b.org"]
)
def test_a_user_is_named_by_an_address(ground, address):
    with pytest.raises(NameRefused, match="e-mail address"):
        accounts.add_user(ground, address, "a-password")


@pytest.mark.parametrize("client_id", ["", "a b", "a:b", "ä", "x" * 129])
def test_a_client_is_named_by_what_http_basic_can_carry(ground, client_id):
    with pytest.raises(NameRefused, match="client's id"):
        accounts.add_client(ground, client_id, "a-secret")


@pytest.mark.parametrize("secret", ["", "p", "éééé", "seven 7"])
def test_a_secret_that_is_too_short_is_refused(ground, email, secret):
    reason = f"needs at least 8 characters, better twenty, and this has {len(secret)}"

    with pytest.raises(NameRefused, match=f"A password {reason}"):
        accounts.add_user(ground, email, secret)
    with pytest.raises(NameRefused, match=f"A secret {reason}"):
        accounts.add_client(ground, "short", secret)

    assert email not in [name for name, _ in accounts.list_users(ground)]
    assert "short" not in [name for name, _ in accounts.list_clients(ground)]


def test_with_an_unknown_community_there_is_no_user(ground, email):
    with pytest.raises(ServiceNotFound):
        accounts.add_user(ground, email, "a-password", ["nowhere"])
    with pytest.raises(accounts.UserNotFound):
        accounts.grant_user(ground, email, [])

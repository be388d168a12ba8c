"""Logins of users and clients, checked against their hashes."""

from api.usecases.accounts import Client, User, spell_email
from api.usecases.passwords import is_right
from api.usecases.slowing import LoginRefused, Origin, slowed
from shared.db import accounts
from shared.ground import Ground


class UserRefused(LoginRefused):
    """There is no such user, or the password is another."""

    code = "user_refused"


class ClientRefused(LoginRefused):
    """There is no such client, or the secret is another."""

    code = "client_refused"


def log_in_user(ground: Ground, email: str, password: str, origin: Origin) -> User:
    """The user with this address and password. Raises UserRefused, TooManyFailures."""
    email = spell_email(email)
    with slowed(ground, f"user:{email}", origin):
        with ground.database.begin() as session:
            row = accounts.user(session, email) if email.isprintable() else None
        if not is_right(password, row.password_hash if row else None) or row is None:
            raise UserRefused("No user has this name and password.")
    return User(row.id, row.email)


def log_in_client(ground: Ground, client_id: str, secret: str, origin: Origin) -> Client:
    """The client with this id and secret. Raises ClientRefused, TooManyFailures."""
    with slowed(ground, f"client:{client_id}", origin):
        with ground.database.begin() as session:
            row = accounts.client(session, client_id) if client_id.isprintable() else None
        if not is_right(secret, row.secret_hash if row else None) or row is None:
            raise ClientRefused("No client has this id and secret.")
    return Client(row.id)

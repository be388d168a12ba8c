"""Users and OAuth clients, and the data services that each has been granted."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    SQLColumnExpression,
    Text,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from shared.db.models import DataService, OAuthClient, OAuthClientCommunity, User, UserCommunity


class Granted(NamedTuple):
    """An account's name, and the names of its data services in order."""

    name: str
    communities: Sequence[str]


def add_user(session: Session, email: str, password_hash: str) -> User | None:
    """A new user; None where the address is taken."""
    added = insert(User).values(email=email, password_hash=password_hash).on_conflict_do_nothing()
    return session.scalars(added.returning(User)).one_or_none()


def add_client(session: Session, client_id: str, secret_hash: str) -> OAuthClient | None:
    """A new client; None where the id is taken."""
    added = insert(OAuthClient).values(id=client_id, secret_hash=secret_hash).on_conflict_do_nothing()
    return session.scalars(added.returning(OAuthClient)).one_or_none()


def user(session: Session, email: str) -> User | None:
    """The user of this address, or None."""
    return session.scalars(select(User).where(User.email == email)).one_or_none()


def client(session: Session, client_id: str) -> OAuthClient | None:
    """The client of this id, or None."""
    return session.get(OAuthClient, client_id)


def grant_user(session: Session, user_id: int, service_ids: Iterable[int]) -> None:
    """The user may reach these data services, too."""
    for service_id in service_ids:
        granted = insert(UserCommunity).values(user_id=user_id, service_id=service_id)
        session.execute(granted.on_conflict_do_nothing())


def grant_client(session: Session, client_id: str, service_ids: Iterable[int]) -> None:
    """The client may reach these data services without a user, too."""
    for service_id in service_ids:
        granted = insert(OAuthClientCommunity).values(client_id=client_id, service_id=service_id)
        session.execute(granted.on_conflict_do_nothing())


def users(session: Session) -> list[Granted]:
    """Every user by address."""
    found = (
        select(User.email, _names())
        .outerjoin(UserCommunity, UserCommunity.user_id == User.id)
        .outerjoin(DataService, DataService.id == UserCommunity.service_id)
        .group_by(User.id)
        .order_by(User.email)
    )
    return [Granted(email, names or ()) for email, names in session.execute(found)]


def clients(session: Session) -> list[Granted]:
    """Every client by id."""
    found = (
        select(OAuthClient.id, _names())
        .outerjoin(OAuthClientCommunity, OAuthClientCommunity.client_id == OAuthClient.id)
        .outerjoin(DataService, DataService.id == OAuthClientCommunity.service_id)
        .group_by(OAuthClient.id)
        .order_by(OAuthClient.id)
    )
    return [Granted(client_id, names or ()) for client_id, names in session.execute(found)]


def granted_service(
    session: Session, name: str, *, user_id: int | None, client_id: str | None
) -> DataService | None:
    """The data service of this name if it has been granted to the user, or without one to the client."""
    granted = is_granted(literal(user_id, Integer), literal(client_id, Text))
    return session.scalars(select(DataService).where(DataService.name == name, granted)).one_or_none()


def is_granted(
    user_id: SQLColumnExpression[int | None], client_id: SQLColumnExpression[str | None]
) -> ColumnElement[bool]:
    """That the query's data service has been granted: to the user where there is one, else to the client."""
    to_user = UserCommunity.user_id == user_id, UserCommunity.service_id == DataService.id
    to_client = OAuthClientCommunity.client_id == client_id, OAuthClientCommunity.service_id == DataService.id
    return or_(
        exists().where(*to_user).correlate_except(UserCommunity),
        and_(user_id.is_(None), exists().where(*to_client).correlate_except(OAuthClientCommunity)),
    )


def _names() -> ColumnElement[Sequence[str]]:
    ordered = aggregate_order_by(DataService.name, DataService.name)
    return func.array_agg(ordered).filter(DataService.id.is_not(None))

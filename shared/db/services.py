"""Data services, their signing secrets and their collections."""

from collections.abc import Sequence

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Collection, DataService, SigningSecret


def add(session: Session, name: str) -> DataService | None:
    """A new data service; None where the name is taken."""
    added = insert(DataService).values(name=name).on_conflict_do_nothing().returning(DataService)
    return session.scalars(added).one_or_none()


def get(session: Session, name: str) -> DataService | None:
    """The data service of this name, or None."""
    return session.scalars(select(DataService).where(DataService.name == name)).one_or_none()


def all_services(session: Session) -> Sequence[DataService]:
    """Every data service by name."""
    return session.scalars(select(DataService).order_by(DataService.name)).all()


def add_secret(session: Session, service_id: int, secret: str) -> None:
    """One more active secret."""
    session.add(SigningSecret(service_id=service_id, secret=secret))
    session.flush()


def retire_secrets(session: Session, service_id: int) -> None:
    """No secret of the service signs tokens any longer."""
    active = SigningSecret.service_id == service_id, SigningSecret.retired_at.is_(None)
    session.execute(update(SigningSecret).where(*active).values(retired_at=func.now()))


def active_secrets(session: Session, service_id: int) -> Sequence[str]:
    """Secrets that may sign tokens now, newest first."""
    active = SigningSecret.service_id == service_id, SigningSecret.retired_at.is_(None)
    return session.scalars(
        select(SigningSecret.secret).where(*active).order_by(SigningSecret.id.desc())
    ).all()


def secrets_of(session: Session, name: str) -> list[tuple[int, str | None]]:
    """The id of the data service of this name, beside each secret that may sign tokens now, newest first.

    Beside None where it has no secret; nothing where there is no such data service.
    """
    active = SigningSecret.service_id == DataService.id, SigningSecret.retired_at.is_(None)
    rows = session.execute(
        select(DataService.id, SigningSecret.secret)
        .outerjoin(SigningSecret, and_(*active))
        .where(DataService.name == name)
        .order_by(SigningSecret.id.desc())
    )
    return [(row.id, row.secret) for row in rows]


def add_collection(session: Session, service_id: int, path: str) -> bool:
    """A new collection; False where the path is taken."""
    added = (
        insert(Collection)
        .values(service_id=service_id, path=path)
        .on_conflict_do_nothing()
        .returning(Collection.id)
    )
    return session.scalars(added).one_or_none() is not None


def get_collection(
    session: Session, service_id: int, path: str, *, keeps_key: bool = False
) -> Collection | None:
    """The data service's collection at `path`, or None.

    `keeps_key`: until the transaction ends nobody changes which property of its items is the document's id.
    """
    found = select(Collection).where(Collection.service_id == service_id, Collection.path == path)
    if keeps_key:
        found = found.with_for_update(read=True, key_share=True)
    return session.scalars(found).one_or_none()


def path_whatever_its_case(session: Session, service_id: int, path: str) -> str | None:
    """The first path of the data service's collections that differs from `path` by case at most, or None."""
    alike = Collection.service_id == service_id, func.lower(Collection.path) == func.lower(path)
    return session.scalars(select(Collection.path).where(*alike).order_by(Collection.path).limit(1)).first()

"""What a client may do with an import."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.usecases.services import Service
from shared.db import blocks_in_hand, import_pages, imports, quotas, services
from shared.db.database import Session
from shared.db.import_pages import ListedImport
from shared.db.models import Import
from shared.db.transition import move
from shared.errors import CollectionNotFound, ImportClosed, ImportNotFound, StatusRefused
from shared.ground import Ground
from shared.lifecycle import RUNNABLE, SETTABLE, Event, Status, after, has_been
from shared.work import Work, work_of

PAGE = 1000
MAX_IMPORT_ID = 2**63 - 1
MAX_PAGE = 10**9  # beyond it every page is empty, and offsets stay within the database's integers


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportChanges:
    """What a client wants changed; None leaves a property as it is."""

    strategies: list[str] | None = None
    collection: str | None = None
    is_ordered: bool | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class ShownImport:
    """An import as its owner sees it."""

    row: Import
    work: Work


def create_import(
    ground: Ground, service: Service, strategies: list[str], collection: str, *, is_ordered: bool = True
) -> Import:
    """A new import, configuring. Raises CollectionNotFound, TooManyOpenImports.

    Where it is not ordered, several workers take its blocks at once, and of two blocks that name the same
    document either may be applied first.
    """
    with ground.database.begin() as session:
        collection_id = _collection_id(session, service, collection)
        quotas.admit_import(session, service.id, ground.settings.open_imports)
        return imports.add(
            session,
            service_id=service.id,
            collection_id=collection_id,
            strategies=strategies,
            is_ordered=is_ordered,
        )


def show_import(ground: Ground, row: Import) -> ShownImport:
    """The import with why it is where it is."""
    with ground.database.begin() as session:
        found = blocks_in_hand.find(session, row.id)
        if found.block is None and Status(row.status) in RUNNABLE:
            # It may have ended between two looks.
            row = session.get(Import, row.id) or row
    work = work_of(
        Status(row.status),
        found.block,
        last_error=row.last_error,
        is_suspended=row.is_suspended,
        is_maintenance=found.is_maintenance,
        lease_seconds=ground.settings.lease_seconds,
        workers=found.workers,
    )
    return ShownImport(row, work)


def list_imports(ground: Ground, service: Service, page: int) -> Sequence[ListedImport]:
    """One page of imports, newest first; empty beyond the last one. `page` counts from 1."""
    if page > MAX_PAGE:
        return []
    with ground.database.begin() as session:
        return import_pages.page(session, service.id, number=page, size=PAGE)


def get_import(ground: Ground, service: Service, import_id: int) -> Import:
    """The service's import. Raises ImportNotFound."""
    with ground.database.begin() as session:
        return existing_import(session, service, import_id)


def update_import(ground: Ground, service: Service, import_id: int, changes: ImportChanges) -> Import:
    """Change configuration and status together or not at all, and return the import as it is then.

    Asking for what is so already, or was so before workers got on with it, changes nothing: a request may
    be repeated. Raises ImportNotFound, CollectionNotFound, StatusRefused, and ImportClosed for a
    configuration that may no longer change.
    """
    with ground.database.begin() as session:
        row = imports.lock(session, service.id, import_id) if import_id <= MAX_IMPORT_ID else None
        if row is None:
            raise ImportNotFound(str(import_id))
        _configure(session, service, row, changes)
        event = _event(row, changes.status)
        if event is not None:
            move(session, row.id, event)
            session.refresh(row)
    if event in (Event.START, Event.RESUME):
        ground.dispatcher.nudge_import(row.id)
    return row


def delete_import(ground: Ground, service: Service, import_id: int) -> None:
    """Remove the import, its blocks and its rejections; what it applied stays. Raises ImportNotFound.

    A worker in the middle of it can commit nothing more. The sweep removes the blocks' bytes.
    """
    with ground.database.begin() as session:
        if import_id > MAX_IMPORT_ID or not imports.remove(session, service.id, import_id):
            raise ImportNotFound(str(import_id))


def existing_import(session: Session, service: Service, import_id: int) -> Import:
    """The service's import, in the caller's transaction. Raises ImportNotFound."""
    row = imports.get(session, service.id, import_id) if import_id <= MAX_IMPORT_ID else None
    if row is None:
        raise ImportNotFound(str(import_id))
    return row


def _configure(session: Session, service: Service, row: Import, changes: ImportChanges) -> None:
    if changes.strategies is not None and changes.strategies != row.strategies:
        _only_while_configuring("The strategy may change", row)
        row.strategies = changes.strategies
    if changes.is_ordered is not None and changes.is_ordered != row.is_ordered:
        _only_while_configuring("The order of blocks may change", row)
        row.is_ordered = changes.is_ordered
    if changes.collection is not None and changes.collection != row.collection:
        _only_while_configuring("The collection may change", row)
        row.collection_id = _collection_id(session, service, changes.collection)
        session.flush()
        session.refresh(row)


def _only_while_configuring(what: str, row: Import) -> None:
    if row.status != Status.CONFIGURING:
        raise ImportClosed(what, row.status)


def _event(row: Import, asked: Status | None) -> Event | None:
    if asked is None or has_been(Status(row.status), asked, is_suspended=row.is_suspended):
        return None
    event = SETTABLE.get(asked)
    if event is None or after(Status(row.status), event) is None:
        raise StatusRefused(row.status, asked)
    return event


def _collection_id(session: Session, service: Service, path: str) -> int:
    collection = services.get_collection(session, service.id, path)
    if collection is None:
        raise CollectionNotFound(path)
    return collection.id

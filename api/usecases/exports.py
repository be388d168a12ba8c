"""Exports that clients ask for: checked as far as that goes without a look at the documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.usecases.item_types import KnownType, find_item_type
from api.usecases.jobs import JobDescription, JobRefused, ShownJob, add_job, existing_job, shown
from api.usecases.services import Service
from shared.db import exports
from shared.db.database import Session
from shared.db.item_types import relations_of
from shared.db.queries.checking import check_query
from shared.formats.cells import JSON_TYPES
from shared.formats.flattening import path_of
from shared.ground import Ground
from shared.templates.velocity import compile_template

Filters = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOrder:
    """What a client wants exported, and in which form."""

    is_csv: bool
    has_header_row: bool = False
    template: str | None = None  # makes the text for each item
    is_compressed: bool = False
    query: str | None = None  # wins over the filters
    filters: Filters | None = None  # by field, any of these values, as text


def submit_export(
    ground: Ground,
    service: Service,
    description: JobDescription,
    order: ExportOrder,
    job_id: UUID | None = None,
) -> ShownJob:
    """A new job, accepted.

    Raises JobRefused, TemplateRefused, QueryRefused, JobIdTaken, JobComesIn, TooManyJobs.
    """
    if order.template is not None:
        compile_template(order.template)
    with ground.database.begin() as session:
        item_type = find_item_type(session, service, description.item_type)
        row = exports.add(
            session,
            service_id=service.id,
            collection_id=item_type.collection_id,
            selection=_selection(session, service, item_type, order),
            rendering=_rendering(order),
        )
        job = add_job(ground, session, service, "export", description, job_id, export_id=row.id)
        accepted = shown(ground, session, existing_job(session, service, str(job.id)))
    ground.dispatcher.nudge_export(row.id)
    return accepted


def _selection(
    session: Session, service: Service, item_type: KnownType, order: ExportOrder
) -> dict[str, Any]:
    if order.query is not None:
        check_query(order.query, relations_of(session, service.id))
        return {"kind": "sql", "query": order.query}
    if not order.filters:
        return {"kind": "all"}
    _check_names(order.filters, item_type)
    return {"kind": "filters", "filters": {name: list(values) for name, values in order.filters.items()}}


def _check_names(filters: Filters, item_type: KnownType) -> None:
    """Without a schema the items tell, when they are looked at."""
    unknown = [name for name in filters if not _is_known(name, item_type)]
    if item_type.types and unknown:
        raise JobRefused(f"{item_type.name} has no field {unknown[0]!r} to filter by.")


def _is_known(name: str, item_type: KnownType) -> bool:
    """Whether it is a field, or may be a member of one that is an object."""
    return (
        name in item_type.types
        or name == item_type.key
        or item_type.types.get(path_of(name)[0]) in JSON_TYPES
    )


def _rendering(order: ExportOrder) -> dict[str, Any]:
    return {
        "format": "csv" if order.is_csv else "json",
        "row_header": order.has_header_row,
        "template": order.template,
        "gzip": order.is_compressed,
    }

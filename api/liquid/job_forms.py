"""The parameters of a job as what they ask for: decisions only, none of them looks at anything else.

What cannot be used raises JobRefused, which becomes the job's `reason`.
"""

from collections.abc import Mapping
from uuid import UUID

from werkzeug.http import parse_options_header

from api.liquid.charsets import charset_called
from api.liquid.door import ParameterInvalid
from api.liquid.filters import filters_of
from api.liquid.vocabulary import CONTENT_TYPE_MISSING, boolean, is_csv, separator
from api.usecases.exports import ExportOrder
from api.usecases.jobs import JobDescription, JobRefused
from api.usecases.readings import ImportOrder
from shared.mail.addresses import recipient_address
from shared.mail.faults import MailRefused

# What clients say of a part whose type they do not know (RFC 7578, section 4.4).
_NOT_TOLD = "application/octet-stream"


def description_of(fields: Mapping[str, str]) -> JobDescription:
    """What is said about a job, good or bad."""
    return JobDescription(
        job_name=fields.get("jobName"),
        item_type=fields.get("itemType"),
        content_type=fields.get("contentType"),
        notification_email=fields.get("notificationEmail"),
    )


def job_id_of(fields: Mapping[str, str]) -> UUID | None:
    """The id that the caller chose for the job, to follow its own upload. Raises ParameterInvalid."""
    given = fields.get("jobId")
    try:
        return None if given is None else UUID(given)
    except ValueError as error:
        raise ParameterInvalid("The jobId chosen for the job is not a UUID.") from error


def import_order(fields: Mapping[str, str], part_type: str = "") -> ImportOrder:
    """What is to be done with a file; `part_type` is what its own part says it is."""
    _check_names(fields)
    own_type, own_options = parse_options_header(part_type)
    told_by_part = "" if own_type == _NOT_TOLD else part_type
    media_type, options = parse_options_header(fields.get("contentType") or told_by_part)
    if not media_type:
        raise JobRefused(CONTENT_TYPE_MISSING)
    separated_by = separator(fields.get("separator"))
    has_rows = is_csv(media_type)
    return ImportOrder(
        is_csv=has_rows,
        charset=charset_called(options.get("charset") or own_options.get("charset") or "utf-8"),
        merges=boolean("merge", fields.get("merge")),
        has_header_row=_header_row(fields),
        separator=separated_by,
        # Clients are known that always send a template, whatever the file is.
        template=fields.get("template") if has_rows else None,
    )


def export_order(fields: Mapping[str, str]) -> ExportOrder:
    """What is to be exported, and in which form."""
    _check_names(fields)
    media_type, _ = parse_options_header(fields.get("contentType"))
    if not media_type:
        raise JobRefused(CONTENT_TYPE_MISSING)
    has_rows = is_csv(media_type)
    if "template" in fields and not has_rows:
        raise JobRefused(
            "A template makes text of the items, and the contentType asks for JSON: send the contentType"
            " text/plain, or no template."
        )
    query = fields.get("sqlQuery")
    return ExportOrder(
        is_csv=has_rows,
        has_header_row=_header_row(fields),
        template=fields.get("template"),
        is_compressed=boolean("gzip", fields.get("gzip")),
        query=query,
        filters=filters_of(fields.get("filters")) if query is None else None,
    )


def _check_names(fields: Mapping[str, str]) -> None:
    for name in ("jobName", "itemType"):
        if name not in fields:
            raise JobRefused(f"The parameter {name} is missing.")
    if "notificationEmail" in fields:
        try:
            recipient_address(fields["notificationEmail"])
        except MailRefused as error:
            raise JobRefused(f"The parameter notificationEmail cannot be used. {error}") from error


def _header_row(fields: Mapping[str, str]) -> bool:
    """Imports and exports call it differently; either name is taken for both."""
    said = {name: boolean(name, fields[name]) for name in ("headerRow", "rowHeader") if name in fields}
    if len(set(said.values())) > 1:
        raise JobRefused("The parameters headerRow and rowHeader contradict each other: send one of them.")
    return any(said.values())

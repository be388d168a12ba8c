"""Batch jobs: submitted, looked at, canceled, and what their imports rejected, under /ls/api/batch."""

from collections.abc import Iterator, Mapping

from flask import Response, request

from api.http.grounds import current_ground, current_settings
from api.liquid import errors, schemas
from api.liquid.admission import current_service
from api.liquid.description import MULTIPART, TOKEN_REFUSED, described, form
from api.liquid.door import BATCH, ParameterInvalid, guarded
from api.liquid.forms import JSON, fields_of, usable
from api.liquid.job_forms import description_of, export_order, import_order, job_id_of
from api.liquid.uploads import Part, parts_of
from api.liquid.vocabulary import status_object
from api.usecases import exports, jobs
from api.usecases.arrivals import FileArrival
from api.usecases.jobs import JobRefused, ShownJob
from shared.db.queries.refusals import QueryRefused
from shared.errors import QuotaReached
from shared.templates.errors import TemplateRefused

FILE = "file"
MOST_DIGITS = 9
# Forms that cannot hold a file. No type at all is that of an empty body.
FORMS_WITHOUT_FILE = frozenset({"application/x-www-form-urlencoded", JSON, ""})
NO_FILE = (
    "The parameter file is missing: send the form as multipart/form-data, with a part that is called file."
)

JOB_REFUSED = TOKEN_REFUSED | {
    409: "Another job of the community has the jobId",
    429: "Too many jobs within an hour",
    503: "A file is being uploaded under the jobId, or the service cannot work just now",
}
JOB_MISSING = TOKEN_REFUSED | {404: "The community has no such job"}

blueprint = guarded("batch jobs", BATCH, "Imports of files and exports, in the Liquid Decisions API.")


@blueprint.post("/import")
@described(
    schemas.JOB,
    {MULTIPART: schemas.IMPORT_FORM},
    refusals=JOB_REFUSED | {411: "The body's length is not told", 415: "Not multipart/form-data"},
)
def import_file() -> Response:
    """Take a file while it comes in; answered when it is durable and the job accepted, or rejected."""
    if request.mimetype in FORMS_WITHOUT_FILE:
        return _answer(_rejected_without_file(fields_of(request)))
    parts = parts_of(request, current_settings().upload_limit_bytes)
    with FileArrival(current_ground(), current_service()) as arrival:
        fields, part_type = _take_parts(parts, arrival)
        return _answer(_settled(arrival, fields, part_type))


@blueprint.post("/export")
@described(schemas.JOB, form(schemas.EXPORT_FORM), JOB_REFUSED, needs_body=False)
def export() -> Response:
    """Accept an export, or reject it."""
    fields = fields_of(request)
    ground, service, description = current_ground(), current_service(), description_of(fields)
    job_id = job_id_of(fields)
    try:
        return _answer(exports.submit_export(ground, service, description, export_order(fields), job_id))
    except (JobRefused, TemplateRefused, QueryRefused) as refused:
        return _answer(jobs.reject_job(ground, service, "export", description, str(refused), job_id))


@blueprint.post("/status")
@described(schemas.JOB, form(schemas.JOB_FORM), refusals=JOB_MISSING)
def status() -> Response:
    """Where a job is."""
    return _answer(jobs.get_job(current_ground(), current_service(), _job_id(fields_of(request))))


@blueprint.post("/cancel")
@described(schemas.JOB, form(schemas.JOB_FORM), refusals=JOB_MISSING)
def cancel() -> Response:
    """Stop a job for good."""
    return _answer(jobs.cancel_job(current_ground(), current_service(), _job_id(fields_of(request))))


@blueprint.post("/rejections")
@described(schemas.REJECTIONS, form(schemas.REJECTIONS_FORM, schemas.REJECTIONS_JSON), refusals=JOB_MISSING)
def rejections() -> Response:
    """What an import rejected, 1000 items a page, by the lines of the uploaded file."""
    fields = fields_of(request)
    job_id, page = _job_id(fields), fields.get("page", "1")
    if not page.isascii() or not page.isdigit() or not page.strip("0") or len(page) > MOST_DIGITS:
        raise ParameterInvalid("The parameter page must be a positive integer.")
    found = jobs.list_rejected_items(current_ground(), current_service(), job_id, int(page))
    items = [item._asdict() for item in found.items]
    return errors.answer(200, {"jobId": job_id, "rejections": items, "notKept": found.not_kept})


def _take_parts(parts: Iterator[Part], arrival: FileArrival) -> tuple[Mapping[str, str], str]:
    """Store the file and return the fields, wherever they stand, and what the file's part says it is."""
    given: list[tuple[str, str]] = []
    part_type = ""
    for part in parts:
        if part.name != FILE:
            given.append((part.name, part.text()))
        elif arrival.has_file:
            raise ParameterInvalid("There are two parts called file, and one is expected.")
        else:
            fields = usable(given)
            part_type = part.content_type
            arrival.store(part.pieces, description_of(fields), job_id_of(fields))
    return usable(given), part_type


def _rejected_without_file(fields: Mapping[str, str]) -> ShownJob:
    arrival = FileArrival(current_ground(), current_service())
    return arrival.reject(description_of(fields), NO_FILE, job_id_of(fields))


def _settled(arrival: FileArrival, fields: Mapping[str, str], part_type: str) -> ShownJob:
    description, job_id = description_of(fields), job_id_of(fields)
    try:
        return arrival.start(description, import_order(fields, part_type), job_id)
    except (JobRefused, TemplateRefused, QuotaReached) as refused:
        return arrival.reject(description, str(refused), job_id)


def _job_id(fields: Mapping[str, str]) -> str:
    if "jobId" not in fields:
        raise ParameterInvalid("The parameter jobId is missing.")
    return fields["jobId"]


def _answer(job: ShownJob) -> Response:
    return errors.answer(200, status_object(job))

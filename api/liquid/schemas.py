"""This door's bodies and answers as `/openapi.json` shows them. They describe only: views work on text.

Their words and types are those of the published pages.
"""

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from api.liquid.vocabulary import IS_CSV
from shared.jobs import (
    ACCEPTED,
    CANCELED,
    CANCELING,
    COMPLETED,
    FAILED,
    INITIALIZED,
    PROCESSING,
    REJECTED,
)

STATUSES = [INITIALIZED, ACCEPTED, PROCESSING, COMPLETED, REJECTED, CANCELING, CANCELED, FAILED]
LARGEST_SIZE = 10_000
LATEST_MS = 253_402_300_799_000  # the year 9999: the database's own calendar goes on for longer
BOOLEAN = "`true` or `false` in any case."
FILE = {"type": "string", "format": "binary"}
# An empty field counts as missing, whatever it is.
UUID_OR_EMPTY = r"^(\s*|[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})$"


class Form(Schema):
    """A request's fields; those that a call does not know are passed over."""

    class Meta:
        unknown = INCLUDE


def _text(meaning: str = "", *, required: bool = True, **more: object) -> fields.Field[Any]:
    """A text of an answer, or one that a request may not leave empty."""
    return fields.String(required=required, metadata={"description": meaning, **more})


def _asked(meaning: str) -> fields.Field[Any]:
    """A text that a request must have; what only looks empty counts as missing."""
    return _text(meaning, minLength=1, pattern=r"\S")


def _number(meaning: str, least: int, most: int, *, allow_none: bool) -> fields.Field[Any]:
    bounds = {"minimum": least, "maximum": most, "description": meaning}
    return fields.Integer(allow_none=allow_none, metadata=bounds)


def _count(meaning: str) -> fields.Field[Any]:
    return _text(meaning, pattern="^[0-9]+$", example="0")


REFUSAL = Schema.from_dict(
    {"error": _text("Stable, for programs."), "error_description": _text("For people.")}, name="Refusal"
)

TOKEN_FORM = Form.from_dict(
    {
        "grant_type": fields.String(
            required=True, validate=validate.OneOf(["password", "client_credentials", "refresh_token"])
        ),
        "username": _text("For `password`.", required=False),
        "password": _text("For `password`.", required=False),
        "refresh_token": _text("For `refresh_token`.", required=False),
        "client_id": _text("With client_secret; HTTP Basic is taken, too.", required=False),
        "client_secret": _text(required=False),
        "scope": _text("Pairs, separated by spaces: `community=NAME`.", required=False),
    },
    name="TokenForm",
)
TOKEN = Schema.from_dict(
    {
        "access_token": _text(),
        "token_type": _text(enum=["Bearer"]),
        "expires_in": fields.Integer(required=True, metadata={"description": "Seconds."}),
        "refresh_token": _text(required=False),
        "scope": _text(),
    },
    name="Token",
)
COMMUNITY_FORM = Form.from_dict({"community": _asked("One that was granted.")}, name="CommunityForm")


def _properties_form(name: str, *, has_null: bool) -> type[Schema]:
    community = fields.String(allow_none=has_null, metadata={"description": "One that was granted."})
    return Form.from_dict({"community": community}, name=name)


# JSON can say that nothing is said.
PROPERTIES_FORM = _properties_form("PropertiesForm", has_null=False)
PROPERTIES_JSON = _properties_form("PropertiesJson", has_null=True)
TOKEN_INFO = Schema.from_dict(
    {
        "userId": _text("The user, or the client for itself."),
        "authenticatedUserId": _text("The same."),
        "community": fields.String(required=True, allow_none=True),
    },
    name="TokenInfo",
)

_JOB_FIELDS = {
    "jobName": _text("Must be given.", required=False),
    "itemType": _text("Must be given: one of the community's item types.", required=False),
    "contentType": _text(f"Must be given: {', '.join(IS_CSV)}.", required=False),
    "template": _text("For CSV.", required=False),
    "notificationEmail": _text("Who is told of the job's end.", required=False),
    "jobId": _text(
        "A UUID no job of the community has, if the caller chooses it.", required=False, pattern=UUID_OR_EMPTY
    ),
}
IMPORT_FORM = Form.from_dict(
    {
        **_JOB_FIELDS,
        "file": fields.Raw(metadata=FILE | {"description": "Must be given: the items, JSON or CSV."}),
        "merge": _text(f"Merge items into stored ones, or replace them. {BOOLEAN}", required=False),
        "separator": _text("Of a CSV file, where it is not to be found.", required=False),
        "headerRow": _text(f"The first row of a CSV file names its columns. {BOOLEAN}", required=False),
    },
    name="ImportForm",
)
EXPORT_FORM = Form.from_dict(
    {
        **_JOB_FIELDS,
        "filters": _text("Fields and their values, as JSON or as a Python dict prints.", required=False),
        "sqlQuery": _text("One SELECT; used instead of filters.", required=False),
        "rowHeader": _text(f"CSV begins with a row of names. {BOOLEAN}", required=False),
        "gzip": _text(f"Compress the files. {BOOLEAN}", required=False),
    },
    name="ExportForm",
)
JOB_FORM = Form.from_dict({"jobId": _asked("Identifies the job.")}, name="JobForm")


def _rejections_form(name: str, *, has_null: bool) -> type[Schema]:
    return Form.from_dict(
        {
            "jobId": _asked("Identifies the job."),
            "page": _number("From 1.", 1, 999_999_999, allow_none=has_null),
        },
        name=name,
    )


# JSON can say that nothing is said.
REJECTIONS_FORM = _rejections_form("RejectionsForm", has_null=False)
REJECTIONS_JSON = _rejections_form("RejectionsJson", has_null=True)
JOB = Schema.from_dict(
    {
        "submitTime": _text("UTC.", example="2015-05-26T13:35:25+0000"),
        "jobId": fields.UUID(required=True),
        "notificationEmail": _text(required=False),
        "jobName": _text(),
        "contentType": _text("In the caller's spelling."),
        "itemType": _text(),
        "recordsProcessed": _count("Records so far."),
        "runTime": _count("Milliseconds."),
        "status": fields.String(required=True, validate=validate.OneOf(STATUSES)),
        "reason": _text("Why the job is where it is."),
        "recordsRejected": _count("Records that could not be used."),
        "percentComplete": fields.Integer(required=True, validate=validate.Range(0, 100)),
        "links": fields.List(fields.String(), required=True, metadata={"description": "An export's files."}),
    },
    name="Job",
)
_REJECTED_LINE = Schema.from_dict(
    {
        "line": fields.Integer(required=True, metadata={"minimum": 1, "description": "Of the file."}),
        "documentid": fields.String(required=True, allow_none=True),
        "code": _text("Stable, for programs."),
        "reason": _text("For people."),
    },
    name="RejectedLine",
)
REJECTIONS = Schema.from_dict(
    {
        "jobId": _text(),
        "rejections": fields.List(fields.Nested(_REJECTED_LINE), required=True),
        "notKept": fields.Integer(
            required=True, metadata={"minimum": 0, "description": "Rejections beyond those that are kept."}
        ),
    },
    name="RejectedLines",
)

ITEMS = {"type": "array", "items": {}, "description": "Up to 10,000 items: `{headers, data}`."}
UPSERTED = Schema.from_dict(
    {
        "count": fields.Integer(required=True, metadata={"minimum": 0}),
        "rejectedItems": fields.List(
            fields.Dict(), metadata={"description": "With `receiptType` and `receiptMessage` as headers."}
        ),
    },
    name="Upserted",
)


def _updates_form(name: str, *, has_null: bool) -> type[Schema]:
    return Form.from_dict(
        {
            "itemType": _asked("One of the community's item types."),
            "processedAfter": _number("Milliseconds since 1970.", 0, LATEST_MS, allow_none=has_null),
            "lastId": fields.Raw(metadata={"description": "Where the page before ended."}),
            "max": _number("Items, at most.", 0, LARGEST_SIZE, allow_none=has_null),
        },
        name=name,
    )


UPDATES_FORM = _updates_form("UpdatesForm", has_null=False)
UPDATES_JSON = _updates_form("UpdatesJson", has_null=True)
UPDATES = Schema.from_dict(
    {
        "items": fields.List(fields.Dict(), required=True),
        "maxProcessedAt": fields.Integer(required=True, metadata={"minimum": 0}),
        "lastId": _text(),
    },
    name="Updates",
)

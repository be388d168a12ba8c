"""The Datastore API's JSON objects, their properties in the order of the published reference."""

from collections.abc import Sequence
from typing import Any, cast

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from api.datastore.fields import Moment, Positive, Truth
from api.usecases.imports import ImportChanges, ShownImport
from shared.db.import_pages import ListedImport
from shared.instructions import Strategy
from shared.lifecycle import Status
from shared.work import WorkState

# What the published API knows. The others belong to imports of files, which this door does not show.
STATUSES = [status for status in Status if status not in (Status.CANCELING, Status.REJECTED)]

_ORDERED = {
    "description": "Whether blocks are applied one by one; else several workers take one each, in any order."
}


class Strict(Schema):
    """Refuses properties that it does not know."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "Unknown property."}  # noqa: RUF012


def _without_repeats(strategies: list[str]) -> None:
    if len(set(strategies)) != len(strategies):
        raise ValidationError("Must not repeat an operation.")


def _without_control_characters(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Must not contain control characters.")


def _strategy(*, required: bool = False, attribute: str | None = None) -> fields.Field[Any]:
    return fields.List(
        fields.String(validate=validate.OneOf([*Strategy])),
        validate=[validate.Length(min=1), _without_repeats],
        metadata={"description": "The operations the import may perform.", "uniqueItems": True},
        required=required,
        attribute=attribute,
    )


def _collection(*, required: bool = False) -> fields.Field[Any]:
    return fields.String(
        validate=[validate.Regexp("^/", error="Must begin with /."), _without_control_characters],
        metadata={
            "description": "Path of an existing collection or subcollection.",
            "example": "/contacts",
            "pattern": r"^/[^\x00-\x1f\x7f-\x9f]*$",
        },
        required=required,
    )


def _count(attribute: str, meaning: str) -> fields.Field[Any]:
    return fields.Integer(required=True, attribute=attribute, metadata={"description": meaning, "minimum": 0})


def _moment(attribute: str, meaning: str) -> fields.Field[Any]:
    example = "2022-08-16 06:26:55.98514+00"
    return Moment(
        required=True,
        allow_none=True,
        attribute=attribute,
        metadata={"description": meaning, "example": example},
    )


class NewImportSchema(Strict):
    """The configuration of an import."""

    strategy = _strategy(required=True)
    collection = _collection(required=True)
    ordered = Truth(load_default=True, metadata=_ORDERED)


class ImportChangesSchema(Strict):
    """What to change; a property left out stays as it is."""

    strategy = _strategy(attribute="strategies")
    collection = _collection()
    ordered = Truth(attribute="is_ordered", metadata=_ORDERED)
    status = fields.String(
        validate=validate.OneOf(STATUSES),
        metadata={"description": "`started`, `paused`, `resumed` and `canceled` may be asked for."},
    )

    @post_load
    def as_changes(self, given: dict[str, Any], **_: object) -> ImportChanges:
        status = Status(given.pop("status")) if "status" in given else None
        return ImportChanges(status=status, **given)


class ImportRowSchema(Schema):
    """An import in a list."""

    importid = fields.Integer(required=True, attribute="id", metadata={"minimum": 1})
    strategy = _strategy(required=True, attribute="strategies")
    collection = _collection(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    createdDatetime = _moment("created_at", "When it was created.")  # noqa: N815


class WorkSchema(Schema):
    """Why an import is where it is."""

    state = fields.String(
        required=True,
        validate=validate.OneOf([*WorkState]),
        metadata={"description": "What goes on with it. Stable, for programs."},
    )
    reason = fields.String(required=True, metadata={"description": "For people."})
    worker = fields.String(
        required=True, allow_none=True, metadata={"description": "A label of the worker that has the block."}
    )
    heartbeatAgeSeconds = fields.Float(  # noqa: N815
        required=True,
        allow_none=True,
        attribute="heartbeat_age_seconds",
        metadata={"description": "How long ago this worker was heard of last.", "minimum": 0},
    )
    workers = _count("workers", "Workers that have a block of it; several where it is not ordered.")
    blockid = fields.Integer(
        required=True,
        allow_none=True,
        attribute="block_number",
        metadata={"description": "The block that it is at.", "minimum": 0},
    )
    attempts = _count(
        "attempts",
        "How often this block was taken up since its last checkpoint; 0 when this time reached one.",
    )
    lastError = fields.String(  # noqa: N815
        required=True,
        allow_none=True,
        attribute="last_error",
        metadata={"description": "The last critical failure, also where all went well afterwards."},
    )
    nextRetryDatetime = _moment(  # noqa: N815
        "next_retry_at",
        "When it is tried again, or another worker takes over; null where that may be at any moment, or where"
        " it stands still.",
    )


class ImportSchema(Schema):
    """An import: its configuration, where it is, and what it did."""

    importid = fields.Integer(required=True, attribute="id", metadata={"minimum": 1})
    strategy = _strategy(required=True, attribute="strategies")
    collection = _collection(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    percentComplete = _count("percent_complete", "Applied bytes of all bytes; 100 only when complete.")  # noqa: N815
    createdDatetime = _moment("created_at", "When it was created.")  # noqa: N815
    startedDatetime = _moment("started_at", "When it was started.")  # noqa: N815
    ranDatetime = _moment("ran_at", "When a worker first took it up.")  # noqa: N815
    endedDatetime = _moment("ended_at", "When it was complete, canceled or failed.")  # noqa: N815
    failureCount = _count("failure_count", "Critical failures; several end the import.")  # noqa: N815
    createdDocuments = _count("created_documents", "Documents created.")  # noqa: N815
    updatedDocuments = _count("updated_documents", "Lines that updated a document.")  # noqa: N815
    deletedDocuments = _count("deleted_documents", "Always 0: no strategy deletes.")  # noqa: N815
    skippedDocuments = _count("skipped_documents", "Lines that the strategy passed over.")  # noqa: N815
    blockCount = _count("block_count", "Blocks added.")  # noqa: N815
    rejectedDocuments = _count("rejected_documents", "Lines that could not become documents.")  # noqa: N815
    ordered = Truth(required=True, attribute="is_ordered", metadata=_ORDERED)
    work = fields.Nested(WorkSchema, required=True)

    def get_attribute(self, obj: ShownImport, attr: str, default: object) -> object:
        """Of what is shown, all but `work` is in the row."""
        return super().get_attribute(obj if attr == "work" else obj.row, attr, default)


class ImportRows(fields.List[Any]):
    """What `ImportRowSchema` makes of imports, at once: a page has a thousand of them."""

    def _serialize(
        self, value: object, attr: str | None, obj: object, **kwargs: object
    ) -> list[dict[str, object]]:
        return [
            {
                "importid": listed.id,
                "strategy": listed.strategies,
                "collection": listed.collection,
                "status": listed.status,
                "createdDatetime": listed.created_at,
            }
            for listed in cast("Sequence[ListedImport]", value)
        ]


class ImportListSchema(Schema):
    """One page of imports, newest first."""

    data = ImportRows(fields.Nested(ImportRowSchema), required=True)


class PageSchema(Strict):
    """Which page of a list to show."""

    page = Positive(load_default=1, metadata={"description": "From 1; 1000 entries a page.", "minimum": 1})


class BlockSchema(Schema):
    """A block's number within its import."""

    blockid = fields.Integer(required=True, metadata={"minimum": 1})


class BlockListSchema(Schema):
    """One page of blocks, ascending."""

    data = fields.Nested(BlockSchema, many=True, required=True)


class RejectionSchema(Schema):
    """A line that could not become a document."""

    blockid = fields.Integer(required=True, attribute="block_number", metadata={"minimum": 1})
    line = fields.Integer(
        required=True,
        attribute="line_number",
        metadata={"description": "From 1, blank lines counted.", "minimum": 1},
    )
    documentid = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, metadata={"description": "Stable, for programs."})
    reason = fields.String(required=True, metadata={"description": "For people."})


class RejectionListSchema(Schema):
    """One page of rejections in the order of the lines."""

    data = fields.Nested(RejectionSchema, many=True, required=True)
    notKept = _count("not_kept", "Rejected lines beyond the first ones that are kept: counted, not listed.")  # noqa: N815

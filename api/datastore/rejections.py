"""Lines of an import that could not become documents: in pages, or all of them as a stream."""

from collections.abc import Generator, Iterator
from typing import Any

import orjson
from flask import Response, request

from api.datastore import examples
from api.datastore import vocabulary as v
from api.datastore.blocks import NDJSON
from api.datastore.door import IMPORT_ID, IMPORTS_PREFIX, current_import, guarded
from api.datastore.schemas import PageSchema, RejectionListSchema, RejectionSchema
from api.http.admission import current_service
from api.http.grounds import current_ground
from api.http.openapi import problems
from api.http.streaming import stream
from api.usecases import rejections
from shared.db.models import RejectedLine

blueprint = guarded("rejections", prefix=IMPORTS_PREFIX, description="What an import could not use, and why.")

NOT_KEPT = "Rejections-Not-Kept"

_ROW = RejectionSchema()


@blueprint.get("/<importid>/rejections", parameters=[IMPORT_ID])
@blueprint.arguments(PageSchema, location="query")
@blueprint.response(200, RejectionListSchema, example=examples.REJECTIONS)
@blueprint.alt_response(
    200,
    schema={"type": "string"},
    content_type=NDJSON,
    description="A page as JSON, or all rejections as NDJSON, each with its `original` line.",
    example=examples.REJECTION_LINES,
    headers={NOT_KEPT: {"schema": {"type": "integer"}, "description": "As `notKept` of a page."}},
    success=True,
)
@problems(v.INVALID_IMPORT_ID, v.PAGE_INVALID, v.BLOCK_GONE, *v.EXPECTED)
def list_rejections(query: dict[str, Any], importid: int) -> dict[str, Any] | Response:
    """Rejected lines in the order of the import's lines.

    With `Accept: application/x-ndjson` every rejection is streamed, whatever `page` says, together with the
    original line; bytes of it that are not UTF-8 are shown as U+FFFD. Of an import that rejects very many
    lines the first ones are kept, 100,000 unless configured otherwise, and the others counted as `notKept`.
    """
    not_kept = current_import().unkept_rejections
    if request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON:
        found = rejections.stream_rejections(current_ground(), current_service(), importid)
        response = stream(_lines(found), NDJSON)
        response.headers[NOT_KEPT] = str(not_kept)
        return response
    page = rejections.list_rejections(current_ground(), current_service(), importid, query["page"])
    return {"data": page, "not_kept": not_kept}


def _lines(found: Iterator[tuple[RejectedLine, bytes]]) -> Generator[bytes, None, None]:
    for rejected, original in found:
        text = original.decode("utf-8", "replace").rstrip("\r\n")
        yield orjson.dumps({**_ROW.dump(rejected), "original": text}) + b"\n"


@blueprint.after_request
def _vary(response: Response) -> Response:
    response.vary.add("Accept")
    return response
